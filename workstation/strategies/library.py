"""Finding strategies: entry points of the group `tws.strategies`, `.py` files in the user's strategy folder, or a path.

What cannot be loaded is listed with the reason (a syntax error with file and line) and never stops the desk.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from workstation.strategies.blame import line_in
from workstation.strategies.contract import Strategy, StrategyError, strategy_name, strategy_title
from workstation.strategies.parameters import Parameter, parameters_of

GROUP = "tws.strategies"


@dataclass(frozen=True, slots=True)
class StrategyInfo:
    """A strategy that was found: its class, or in `error` a sentence that says why it cannot be used.

    `native` strategies were written for backtesting.py; only that engine runs them.
    """

    name: str
    title: str
    source: str  # "tws (module:Class)" or the file
    doc: str = ""
    cls: type[Any] | None = None
    native: bool = False
    error: str | None = None

    @property
    def refusal(self) -> str:
        """What is said to who asks for one that cannot be used: its file is named once."""
        named = self.name if (self.error or "").startswith(self.source) else self.source
        return f"{named} cannot be used: {self.error}"

    @property
    def parameters(self) -> dict[str, Parameter[Any]]:
        return {} if self.cls is None or self.native else parameters_of(self.cls)


def list_strategies(folder: Path | None = None, points: Iterable[EntryPoint] | None = None) -> list[StrategyInfo]:
    """Every strategy of the entry points and of `folder`, usable or not, by name; of two of one name the first, and
    the other as one that cannot be used."""
    found: dict[str, StrategyInfo] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=lambda p: p.name):
        distribution = point.dist.name if point.dist is not None else "?"
        info = _from_point(point, f"{distribution} ({point.value})")
        found.setdefault(info.name, info)
    for file in sorted(folder.glob("*.py")) if folder is not None and folder.is_dir() else ():
        for info in load_file(file):
            first = found.setdefault(info.name, info)
            if first is not info:
                name = f"{info.name} ({file.name})"
                reason = f"there is a strategy {info.name} already ({first.source}): give this one another NAME."
                found[name] = StrategyInfo(name, name, str(file), error=reason)
    return sorted(found.values(), key=lambda info: info.name)


def find_strategy(name: str, folder: Path | None = None) -> StrategyInfo:
    """The strategy of a name, or of a path to a `.py` file (`FILE.py:Class` where it has several).

    Raises `StrategyError` where there is none or it cannot be used.
    """
    path, _, wanted = name.partition(".py:")
    if wanted or name.endswith(".py"):
        file = Path(f"{path}.py" if wanted else name)
        if not file.is_file():
            raise StrategyError(f"There is no file {file}.")
        infos = load_file(file)
        picked = [i for i in infos if not wanted or (i.cls is not None and wanted in (i.cls.__name__, i.name))]
        if len(picked) > 1:
            names = ", ".join(i.cls.__name__ for i in picked if i.cls is not None)
            raise StrategyError(f"{file} has several strategies ({names}): name one as {file}:NAME.")
        if not picked:
            raise StrategyError(f"{file} has no strategy{f' {wanted}' if wanted else ''}.")
        return _usable(picked[0])
    known = {info.name: info for info in list_strategies(folder)}
    if name in known:
        return _usable(known[name])
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f": there are {', '.join(known)}."
    raise StrategyError(f"There is no strategy {name!r}{hint}")


def load_file(file: Path) -> list[StrategyInfo]:
    """The strategies that a file defines, or one entry with the reason why it has none."""
    try:
        module = _module(file)
    except SyntaxError as error:
        return [_broken(file, f"{error.filename or file}, line {error.lineno}: {error.msg}")]
    except Exception as error:
        return [_broken(file, f"{_where(file, error)}{type(error).__name__}: {error}")]
    found = [
        _info(value, str(file))
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and _is_strategy(value)
    ]
    if not found:
        return [_broken(file, "it defines no Strategy, SignalStrategy or backtesting.Strategy.")]
    return found


def _module(file: Path) -> ModuleType:
    name = f"tws_strategy_{re.sub(r'[^a-zA-Z0-9_]', '_', file.stem)}_{abs(hash(str(file.absolute()))):x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_strategy(value: type) -> bool:
    if issubclass(value, Strategy):
        return True
    # Only a file that has itself loaded backtesting.py can have a strategy of it: it is not loaded to look.
    theirs = sys.modules.get("backtesting.backtesting")
    return theirs is not None and issubclass(value, theirs.Strategy)


def _info(cls: type[Any], source: str) -> StrategyInfo:
    native = not issubclass(cls, Strategy)
    module = sys.modules.get(cls.__module__)
    doc = (cls.__dict__.get("__doc__") or getattr(module, "__doc__", None) or "").strip()
    return StrategyInfo(strategy_name(cls), strategy_title(cls), source, doc, cls, native)


def _from_point(point: EntryPoint, source: str) -> StrategyInfo:
    try:
        cls = point.load()
    except Exception as error:
        return StrategyInfo(point.name, point.name, source, error=f"{type(error).__name__}: {error}")
    if not (isinstance(cls, type) and _is_strategy(cls)):
        return StrategyInfo(point.name, point.name, source, error=f"{point.value} is no strategy.")
    return _info(cls, source)


def _broken(file: Path, reason: str) -> StrategyInfo:
    return StrategyInfo(file.stem, file.stem, str(file), error=reason)


def _where(file: Path, error: Exception) -> str:
    """The line of `file` that raised, if it was in it."""
    line = line_in(error, str(file))
    return f"line {line}: " if line is not None else ""


def _usable(info: StrategyInfo) -> StrategyInfo:
    if info.error is not None:
        raise StrategyError(info.refusal)
    return info
