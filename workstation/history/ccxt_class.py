"""One exchange class of ccxt without the other two hundred.

`import ccxt.binance` runs `ccxt/__init__.py`, which imports every exchange: 3.5 to 4.6 s on two busy cores; the one
class takes 0.6 to 0.8 s.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_lock = threading.Lock()


class UnknownExchange(Exception):
    """ccxt has no exchange of that name; the text is a sentence for the trader."""


def exchange_class(name: str) -> type[Any]:
    """ccxt's synchronous class of an exchange ("binance"). Raises `UnknownExchange`."""
    if not name.isidentifier() or importlib.util.find_spec("ccxt") is None or name not in exchange_names():
        import difflib

        near = difflib.get_close_matches(name, exchange_names(), n=1)
        raise UnknownExchange(f"ccxt knows no exchange {name!r}{f'; did you mean {near[0]!r}?' if near else '.'}")
    with _lock:
        package = sys.modules.get("ccxt")
        if package is None:
            package = sys.modules["ccxt"] = _package()
        module = importlib.import_module(f"ccxt.{name}")
        if isinstance(package.__dict__.get(name), ModuleType):
            del package.__dict__[name]  # in ccxt the name is the class; `_package` gives it when it is asked for
        found: type[Any] = getattr(module, name)
        return found


def exchange_names() -> list[str]:
    """The exchanges that ccxt has, by their files: nothing is imported."""
    from pathlib import Path

    spec = importlib.util.find_spec("ccxt")
    folders = [] if spec is None else [Path(each) for each in spec.submodule_search_locations or ()]
    abstract = (file.stem for folder in folders for file in (folder / "abstract").glob("*.py"))
    return sorted(name for name in abstract if not name.startswith("_"))


def _package() -> ModuleType:
    """ccxt's package without what its `__init__` imports; whoever asks it for something else gets the whole."""
    spec = importlib.util.find_spec("ccxt")
    assert spec is not None
    assert spec.loader is not None
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def whole(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        package.__dict__.pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, name)

    package.__dict__["__getattr__"] = whole
    return package
