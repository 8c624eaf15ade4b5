"""Where prices come from, and which of the assets a venue of this desk lists, so that weights can become orders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.engine import Engine
from workstation.market.bars import INTERVALS

if TYPE_CHECKING:
    from workstation.portfolio.prices import PriceTable

#: Bars that prices of the desk's own market can be made of, and how many of them at most.
BARS = ("1d", "4h", "1h")
_MOST = 500


@dataclass(frozen=True, slots=True)
class Universe:
    """`spec` is kept in the settings; `assets` is everything that it has, where that is known without reading it."""

    spec: str
    title: str
    assets: tuple[str, ...] = ()


def universes(engine: Engine, folder: Path | None) -> list[Universe]:
    """Everything that can be picked: spot of each venue, the stored candles, the built-in table."""
    found: list[Universe] = []
    by_venue: dict[str, list[str]] = {}
    for instrument in engine.instruments():
        if instrument.is_spot:
            by_venue.setdefault(instrument.venue, []).append(instrument.symbol)
    for venue, symbols in by_venue.items():
        if len(symbols) > 1:
            found.append(Universe(f"market:{venue}", f"{venue} spot", tuple(symbols)))
    if folder is not None and folder.exists():
        found += _stored(folder)
    found.append(Universe("stocks", "Stocks 1990-2022"))
    return found


def _stored(folder: Path) -> list[Universe]:
    """The candle library by venue and timeframe, where there is more than one symbol."""
    from workstation.history.library import CandleLibrary

    groups: dict[tuple[str, str], list[str]] = {}
    for entry in CandleLibrary(folder).entries():
        groups.setdefault((entry.venue, str(entry.timeframe)), []).append(entry.symbol)
    return [
        Universe(f"candles:{venue}:{timeframe}", f"{venue} {timeframe} stored", tuple(symbols))
        for (venue, timeframe), symbols in sorted(groups.items())
        if len(symbols) > 1
    ]


async def load(engine: Engine, spec: str, bars: str, folder: Path | None) -> PriceTable:
    """Every asset of a universe. Raises `PortfolioError` and what reading raises."""
    kind, _, rest = spec.partition(":")
    if kind == "market":
        return await _market(engine, rest, bars)
    if kind == "candles":
        venue, _, timeframe = rest.partition(":")
        return await asyncio.to_thread(_candles, venue, timeframe, folder)
    return await asyncio.to_thread(_file, spec)


async def _market(engine: Engine, venue: str, bars: str) -> PriceTable:
    """Closed bars of the desk's own market, the newest last."""
    closes: dict[str, dict[int, float]] = {}
    interval = INTERVALS[bars]
    for instrument in engine.instruments():
        if instrument.venue == venue and instrument.is_spot:
            series = engine.bar_series(instrument.id, interval)
            closes[instrument.symbol] = {bar.ts + interval: bar.close for bar in series.last(_MOST) if bar.closed}
            await asyncio.sleep(0)  # drawing candles takes a moment: others come in between
    return await asyncio.to_thread(_table, closes, f"{venue} {bars}")


def _table(closes: dict[str, dict[int, float]], name: str) -> PriceTable:
    import numpy as np

    from workstation.portfolio.prices import PriceTable
    from workstation.portfolio.problem import PortfolioError

    closes = {asset: bars for asset, bars in closes.items() if len(bars) > 2}
    if not closes:
        raise PortfolioError(f"{name}: this market has no candles from before the desk was opened.")
    times = np.array(sorted({ts for bars in closes.values() for ts in bars}), dtype=np.int64)
    values = np.full((len(times), len(closes)), np.nan)
    for column, bars in enumerate(closes.values()):
        values[np.searchsorted(times, np.array(list(bars), dtype=np.int64)), column] = list(bars.values())
    return PriceTable(tuple(closes), times, values, name)


def _candles(venue: str, timeframe: str, folder: Path | None) -> PriceTable:
    from workstation.history.library import CandleLibrary
    from workstation.portfolio.prices import from_candles

    assert folder is not None
    specs = [
        str(entry.name)
        for entry in CandleLibrary(folder).entries()
        if entry.venue == venue and str(entry.timeframe) == timeframe
    ]
    return from_candles(specs, folder, name=f"{venue} {timeframe}")


def _file(spec: str) -> PriceTable:
    from workstation.portfolio.prices import read_prices

    return read_prices(spec)


def instrument_of(asset: str, spec: str, instruments: Sequence[Instrument]) -> InstrumentId | None:
    """The spot instrument by which an asset can be traded here: of the universe's own venue first, else by its symbol
    or its base currency. None: no venue of this desk lists it."""
    venue = spec.split(":")[1] if ":" in spec else ""
    spots = [one for one in instruments if one.is_spot]
    wanted = asset.upper()
    for one in spots:
        if one.venue == venue and one.symbol.upper() == wanted:
            return one.id
    for one in spots:
        if wanted in (one.symbol.upper(), one.base.upper(), one.symbol.upper().replace("-", "")):
            return one.id
    return None
