"""What can be picked: the strategies and the candles, and loading either."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from workstation.domain.trade_rules import PLAIN
from workstation.history.sources import load, sources
from workstation.market.candles import Candles
from workstation.paths import Paths
from workstation.research.bench.messages import CandleChoice, Offer, ParameterSpec, StrategyChoice
from workstation.research.bench.setup import names_of
from workstation.research.funding import FundingHistory, load_funding
from workstation.research.shared_candles import SharedCandles, on_one_account
from workstation.strategies.contract import SignalStrategy, StrategyError, further_of
from workstation.strategies.library import StrategyInfo, list_strategies
from workstation.strategies.parameters import Choice, Float, Int, Parameter
from workstation.strategies.trade_rules import offered_rules

_KEPT = 4
#: Bytes of a file that takes longer than a moment to read.
_LARGE = 20_000_000
#: Stored rows that do.
_MANY = 1_000_000


class Shelf:
    """Strategies as they were last listed, and the candles that were used last."""

    def __init__(self, paths: Paths | None = None) -> None:
        self._paths = paths or Paths.of()
        self._infos: dict[str, StrategyInfo] = {}
        self._stamps: dict[str, int] = {}
        self._candles: OrderedDict[str, Candles] = OrderedDict()
        self._lock = threading.Lock()  # short and long work ask for candles at the same time
        self._kept = _KEPT
        self._rates: tuple[str, FundingHistory] | None = None

    def offer(self) -> Offer:
        """Everything that can be picked; the user's files are read again."""
        self._read()
        return Offer(tuple(_described(info) for info in self._infos.values()), tuple(self._sources()))

    @property
    def searches(self) -> Path:
        """The file of searches, which the command line uses too."""
        return self._paths.data / "searches.sqlite"

    def _read(self) -> None:
        found = list_strategies(self._paths.strategies)
        self._infos = {info.name: info for info in found}
        self._stamps = {info.name: _stamp(info) for info in found}

    def _sources(self) -> list[CandleChoice]:
        return [
            CandleChoice(one.spec, one.title, one.kind, one.timeframe, one.rows) for one in sources(self._paths.candles)
        ]

    def strategy(self, name: str) -> StrategyInfo:
        """The strategy of that name; a file that changed is read again. Raises `StrategyError`."""
        info = self._infos.get(name)
        if info is None or _stamp(info) != self._stamps[name]:
            self._read()
            info = self._infos.get(name)
        if info is None:
            raise StrategyError(f"There is no strategy {name!r} any more.")
        if info.error is not None or info.cls is None:
            raise StrategyError(info.refusal)
        return info

    def reads_long(self, spec: str) -> bool:
        """Whether these candles are a large file or history that is not in memory."""
        if _key_of(spec) in self._candles:
            return False
        file = Path(spec).expanduser()
        if file.is_file():
            return file.stat().st_size > _LARGE
        return any(one.rows > _MANY for one in self._sources() if one.spec == spec)

    def candles(self, spec: str) -> Candles:
        """Candles by what names them. Raises `HistoryError` and `BadCandles`."""
        return self._held(_key_of(spec), lambda: load(str(Path(spec).expanduser()), self._paths.candles))

    def several(self, sets: Sequence[str]) -> list[Candles]:
        """Candles of several instruments, all of which are kept."""
        self._kept = max(_KEPT, 2 * len(sets) + 1)
        return [self.candles(spec) for spec in sets]

    def together(self, sets: Sequence[str], share: float) -> SharedCandles:
        """Candles of several instruments on one account; see `on_one_account`."""
        key = "\n".join(("together", f"{share!r}", *map(_key_of, sets)))
        found = self._held(
            key, lambda: on_one_account(dict(zip(names_of(sets), self.several(sets), strict=True)), share)
        )
        assert isinstance(found, SharedCandles)
        return found

    def pair(self, spec: str, peer: str) -> Candles:
        """Candles with those of a second instrument."""
        return self._held(f"{_key_of(spec)}\n{_key_of(peer)}", lambda: self.candles(spec).with_peer(self.candles(peer)))

    def rates(self, file: Path) -> FundingHistory:
        """Recorded funding. Raises `BadCandles`."""
        key = f"{file} {file.stat().st_mtime_ns}"
        held = self._rates  # another thread may put other rates in its place
        if held is None or held[0] != key:
            held = self._rates = key, load_funding(file)
        return held[1]

    def _held(self, key: str, make: Callable[[], Candles]) -> Candles:
        with self._lock:
            found = self._candles.get(key)
        if found is None:
            found = make()
        with self._lock:
            self._candles[key] = found
            self._candles.move_to_end(key)
            while len(self._candles) > self._kept:
                self._candles.popitem(last=False)
        return found


def _key_of(spec: str) -> str:
    file = Path(spec).expanduser()
    return f"{spec} {file.stat().st_mtime_ns}" if file.is_file() else spec


def needs_peer(info: StrategyInfo) -> bool:
    """Whether the strategy reads the candles of a second instrument."""
    return info.cls is not None and bool(further_of(info.cls))


def code_version(info: StrategyInfo) -> str:
    """The program's version and a digest of the strategy's source."""
    try:
        source = inspect.getsource(inspect.getmodule(info.cls))  # type: ignore[arg-type]
    except (OSError, TypeError):
        source = info.source
    return f"tws {_version()} {hashlib.sha256(source.encode()).hexdigest()[:8]}"


@cache
def _version() -> str:
    """Reading a package's metadata takes some milliseconds: not once a run."""
    from importlib.metadata import version

    return version("tws")


def _stamp(info: StrategyInfo) -> int:
    file = Path(info.source)
    return file.stat().st_mtime_ns if file.suffix == ".py" and file.is_file() else 0


def _described(info: StrategyInfo) -> StrategyChoice:
    cls = info.cls
    sweeps = cls is not None and not info.native and issubclass(cls, SignalStrategy)
    if info.native and cls is not None:
        from workstation.research.backtesting_engine import native_parameters

        specs = tuple(_plain_spec(name, value) for name, value in native_parameters(cls).items())
    else:
        specs = tuple(_spec(parameter) for parameter in info.parameters.values())
    error = info.error
    rules = offered_rules(cls) if sweeps and cls is not None else PLAIN
    return StrategyChoice(
        info.name, info.title, info.source, info.doc, error, info.native, sweeps, specs, rules, needs_peer(info),
        () if cls is None else further_of(cls),
    )  # fmt: skip


def _spec(parameter: Parameter[Any]) -> ParameterSpec:
    name, default, words = parameter.name, parameter.default, parameter.help
    if isinstance(parameter, Int | Float):
        return ParameterSpec(name, parameter.kind, default, parameter.low, parameter.high, parameter.step, help=words)
    choices = parameter.choices if isinstance(parameter, Choice) else ()
    return ParameterSpec(name, parameter.kind, default, choices=choices, help=words)


def _plain_spec(name: str, value: Any) -> ParameterSpec:
    """A plain class attribute of a strategy for backtesting.py: its kind is that of its value."""
    kind = {bool: "bool", int: "int", float: "float"}.get(type(value), "text")
    step = 1.0 if kind != "float" else max(abs(value) / 20, 0.001)
    return ParameterSpec(name, kind, value, step=step)
