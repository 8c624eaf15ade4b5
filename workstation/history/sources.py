"""What a picker of candles offers, and the one way to load any of it by name.

From the first start there are recorded candles that installed packages carry (backtesting.py's GOOG, EURUSD and
BTCUSD; the S&P 500 and the NASDAQ of arch, where that is installed) and the demo market's own past. Stored histories
come first.
The packages themselves are not imported: only their data files are read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from workstation.history.library import CandleLibrary
from workstation.history.names import HistoryError, HistoryName
from workstation.market.candle_files import load_candles
from workstation.market.candles import BadCandles, Candles
from workstation.market.resample import resample
from workstation.market.timeframes import BadTimeframe, Timeframe

#: The demo history ends here, whenever it is asked for: a run on it can be made again to the same digits.
DEMO_END = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


@dataclass(frozen=True)
class Source:
    """One history that can be loaded: `spec` is what `load` takes. `rows`, `first` and `last` (UTC ns, open times) are
    0 where they are not known before it is loaded."""

    spec: str
    kind: Literal["stored", "built-in", "demo"]
    title: str
    timeframe: str
    rows: int = 0
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class _BuiltIn:
    package: str
    file: str
    title: str
    timeframe: str


BUILT_IN: dict[str, _BuiltIn] = {
    "GOOG": _BuiltIn("backtesting", "test/GOOG.csv", "Google shares 2004 to 2013", "1d"),
    "EURUSD": _BuiltIn("backtesting", "test/EURUSD.csv", "euro in US dollars 2017 to 2018", "1h"),
    "BTCUSD": _BuiltIn("backtesting", "test/BTCUSD.csv", "bitcoin in US dollars 2012 to 2024", "1M"),
    "SP500": _BuiltIn("arch", "data/sp500/sp500.csv.gz", "S&P 500 index 1999 to 2018", "1d"),
    "NASDAQ": _BuiltIn("arch", "data/nasdaq/nasdaq.csv.gz", "NASDAQ composite index 1999 to 2018", "1d"),
}
#: Bars of the demo history by timeframe; other timeframes are made of the longest that divides them.
_DEMO_BARS = {"1m": 14 * 1_440, "5m": 60 * 288, "1h": 730 * 24, "1d": 1_460}


def sources(folder: Path) -> list[Source]:
    """Everything that can be picked: the stored histories of `folder` (`Paths.candles`), built-in candles, the demo."""
    found = [
        Source(str(e.name), "stored", f"{e.venue} {e.symbol}, from {e.source}", e.timeframe, e.rows, e.first, e.last)
        for e in CandleLibrary(folder).entries()
    ]
    for name, built_in in BUILT_IN.items():
        if _file_of(built_in) is not None:
            found.append(Source(name, "built-in", f"{built_in.title} (recorded)", built_in.timeframe))
    for instrument in _demo_instruments():
        for timeframe, rows in _DEMO_BARS.items():
            frame = Timeframe.parse(timeframe)
            found.append(
                Source(
                    f"{instrument}:{timeframe}",
                    "demo",
                    f"{instrument} of the demo market (simulated)",
                    timeframe,
                    rows,
                    DEMO_END - rows * frame.ns,
                    DEMO_END - frame.ns,
                )
            )
    return found


def load(spec: str, folder: Path, *, seed: int = 1) -> Candles:
    """The candles that `spec` names: the path of a file, a built-in name (GOOG, or EURUSD:4h), or
    VENUE:SYMBOL:TIMEFRAME of a stored history or of the demo market (whose `seed` is that of the settings). A timeframe
    that is not there is made of shorter bars, whole ones only.

    Raises `HistoryError` and `BadCandles`, each a sentence.
    """
    word = spec.strip()
    if Path(word).is_file():
        return load_candles(word)
    name, _, timeframe = word.partition(":")
    if name.upper() in BUILT_IN and ":" not in timeframe:
        return _built_in(name.upper(), timeframe)
    if word.count(":") < 2:
        if "/" in word or "." in word:
            raise BadCandles(f"There is no file {word}.")
        raise HistoryError(
            f"There are no candles {word!r}: give a file, VENUE:SYMBOL:TIMEFRAME or one of {', '.join(BUILT_IN)}; "
            "`tws data list` shows what there is."
        )
    wanted = HistoryName.parse(word)
    if not _is_stored(wanted, folder) and (found := _demo_name(wanted)) is not None:
        return _demo(found, wanted.timeframe, seed)
    return CandleLibrary(folder).load(wanted)


def _is_stored(name: HistoryName, folder: Path) -> bool:
    return any((e.venue, e.symbol) == (name.venue, name.symbol) for e in CandleLibrary(folder).entries())


def _file_of(built_in: _BuiltIn) -> Path | None:
    spec = importlib.util.find_spec(built_in.package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / built_in.file
    return file if file.exists() else None


def _built_in(name: str, timeframe: str) -> Candles:
    built_in = BUILT_IN[name]
    file = _file_of(built_in)
    if file is None:
        raise HistoryError(f"The candles {name} come with the package {built_in.package}, which is not installed.")
    candles = load_candles(file, name)
    if not timeframe or timeframe == built_in.timeframe:
        return candles
    return _longer(candles, timeframe, Timeframe.parse(built_in.timeframe))


def _longer(candles: Candles, timeframe: str, source: Timeframe) -> Candles:
    try:
        target = Timeframe.parse(timeframe)
    except BadTimeframe as error:
        raise HistoryError(str(error)) from None
    made = resample(candles, target, source=source).candles
    return replace(made, name=f"{candles.name}:{target} (from {source})")


def _demo_instruments() -> Sequence[str]:
    from workstation.market.demo.listings import LISTINGS

    return [listing.instrument.id for listing in LISTINGS]


def _demo_name(name: HistoryName) -> str | None:
    """The demo instrument that is meant."""
    wanted = f"{name.venue}:{name.symbol}".upper()
    return next((each for each in _demo_instruments() if each.upper() == wanted), None)


@cache
def _demo(instrument: str, timeframe: Timeframe, seed: int) -> Candles:
    import numpy as np

    from workstation.market.demo import DemoMarket

    finer = [frame for word in _DEMO_BARS if (frame := Timeframe.parse(word)).divides(timeframe)]
    if not finer:
        raise HistoryError(f"The demo market has no bars of {timeframe}: whole minutes only.")
    source = max(finer, key=lambda frame: frame.ns)
    bars = DemoMarket(seed, DEMO_END).history(instrument, source.ns, _DEMO_BARS[str(source)])
    values = np.array([(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars])
    time = np.array([bar.ts for bar in bars], dtype=np.int64)
    opened, high, low, close, volume = values.T
    candles = Candles(time, opened, high, low, close, volume, f"{instrument}:{source}")
    return candles if source == timeframe else _longer(replace(candles, name=instrument), str(timeframe), source)
