"""One exchange class of ccxt without the other two hundred.

`import ccxt.binance` runs `ccxt/__init__.py`, which imports every exchange: 3.5 to 4.6 s on two busy cores; the one
class takes 0.6 to 0.8 s. The same holds of `ccxt.async_support` and `ccxt.pro`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_lock = threading.RLock()
#: Where the names come from that ccxt's packages have beside their exchanges.
_BASE = ("ccxt.base.errors", "ccxt.base.decimal_to_precision", "ccxt.base.precise")


class UnknownExchange(Exception):
    """ccxt has no exchange of that name; the text is a sentence for the trader."""


def exchange_class(name: str) -> type[Any]:
    """ccxt's synchronous class of an exchange ("binance"). Raises `UnknownExchange`."""
    _check(name, exchange_names())
    return _class("ccxt", name)


def pro_class(name: str) -> type[Any]:
    """ccxt.pro's class of an exchange, with WebSocket streams. Raises `UnknownExchange`."""
    _check(name, exchange_names("pro"))
    with _lock:
        _class("ccxt.async_support", name)  # the module of ccxt.pro finds the class in place of its module
        return _class("ccxt.pro", name)


def exchange_names(folder: str = "abstract") -> list[str]:
    """The exchanges that ccxt has ("pro": with streams), by their files: nothing is imported."""
    from pathlib import Path

    spec = importlib.util.find_spec("ccxt")
    folders = [] if spec is None else [Path(each) for each in spec.submodule_search_locations or ()]
    files = (file.stem for each in folders for file in (each / folder).glob("*.py"))
    return sorted(name for name in files if not name.startswith("_"))


def _check(name: str, names: list[str]) -> None:
    if name not in names:
        import difflib

        near = difflib.get_close_matches(name, names, n=1)
        raise UnknownExchange(f"ccxt knows no exchange {name!r}{f'; did you mean {near[0]!r}?' if near else '.'}")


def _class(where: str, name: str) -> type[Any]:
    with _lock:
        package = _thin(where)
        module = importlib.import_module(f"{where}.{name}")
        for each, value in list(package.__dict__.items()):  # what it inherits from has come with it
            if isinstance(value, ModuleType) and isinstance(value.__dict__.get(each), type):
                package.__dict__[each] = value.__dict__[each]  # in ccxt the name is the class, not its module
        found: type[Any] = getattr(module, name)
        return found


def _thin(name: str) -> ModuleType:
    """A package of ccxt without what its `__init__` imports: each name is found when it is asked for."""
    parent = name.rpartition(".")[0]
    if parent:
        _thin(parent)
    if (known := sys.modules.get(name)) is not None:
        return known
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def find(wanted: str) -> Any:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        with _lock:
            if wanted == "Exchange":
                base = "ccxt.base.exchange" if name == "ccxt" else "ccxt.async_support.base.exchange"
                return importlib.import_module(base).Exchange
            for module in _BASE:
                if (found := getattr(importlib.import_module(module), wanted, None)) is not None:
                    return found
            if importlib.util.find_spec(f"{name}.{wanted}") is not None:
                if wanted in exchange_names("abstract"):
                    return pro_class(wanted) if name == "ccxt.pro" else _class(name, wanted)
                return importlib.import_module(f"{name}.{wanted}")
            package.__dict__.pop("__getattr__", None)
            loader.exec_module(package)
            return getattr(package, wanted)

    package.__dict__["__getattr__"] = find
    sys.modules[name] = package
    if parent:
        setattr(sys.modules[parent], name.rpartition(".")[2], package)
    return package
