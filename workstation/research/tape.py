"""Recorded markets for the event engine: recordings with their books, and files of trades alone.

A file of trades says nothing of the book. The market that is made of it is the plainest one that the trades allow:
the best bid is the price of the last sale into it, the best ask that of the last purchase, each deeper than anybody
trades. So a taker pays the side that he takes, and a resting order is filled only once the trades go beyond its price:
its queue is taken to be endless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from workstation.domain.instrument import ContractType, Instrument, MarginTier
from workstation.domain.market import BookSnapshot, MarketEvent, Trade
from workstation.domain.numbers import ONE
from workstation.market.candles import BadCandles, Bools, Floats, Ints
from workstation.research.costs import BacktestError, Costs

if TYPE_CHECKING:
    import pandas as pd

_DEEP = 10**12  # lots
_PLACES = 10


class Tape(Protocol):
    """A market's events in order of time; `RecordingSource` is one."""

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    def until(self, ts: int) -> Iterator[MarketEvent]: ...


@dataclass(frozen=True, eq=False)
class TradeTape:
    """Trades of one instrument. `price` and `quantity` in ticks and lots; `buys`: whether a buyer took the offer."""

    instrument: Instrument
    time: Ints
    price: Ints
    quantity: Ints
    buys: Bools

    @property
    def instruments(self) -> Sequence[Instrument]:
        return (self.instrument,)

    def until(self, ts: int) -> Iterator[MarketEvent]:
        name, bid, ask = self.instrument.id, 0, 0
        rows = zip(self.time.tolist(), self.price.tolist(), self.quantity.tolist(), self.buys.tolist(), strict=True)
        for number, (time, price, quantity, bought) in enumerate(rows):
            if time > ts:
                return
            if bought:
                ask = price
                bid = min(bid, price - 1) if bid else price - 1
            else:
                bid = price
                ask = max(ask, price + 1) if ask else price + 1
            # The book first: who decides on the trade finds the book that it left.
            yield BookSnapshot(name, time, number + 1, ((bid, _DEEP),), ((ask, _DEEP),))
            yield Trade(name, time, price, quantity, bought, str(number))


def open_tape(paths: Sequence[Path], costs: Costs) -> Tape:
    """A recording (a file, several, a folder), or a file of trades with a time column, price, amount and side. Raises
    `BadCandles`, `BacktestError`, `RecordingError` and `OSError`."""
    if len(paths) == 1 and paths[0].suffix.lower() in (".csv", ".parquet", ".feather", ".json"):
        return read_trades(paths[0], costs)
    from workstation.market.recording import open_recording

    return open_recording(paths)


def read_trades(path: Path, costs: Costs) -> TradeTape:
    """A file of trades. Its instrument is taken to be a linear contract (so that it can be sold short) whose tick and
    lot are the finest that the trades use. Raises `BadCandles`."""
    from workstation.market.candle_files import read_table

    time, frame = read_table(path)
    price, amount = (_numbers(frame, path, names) for names in (("price",), ("amount", "quantity", "qty", "size")))
    if "side" in frame.columns:
        buys = frame["side"].astype(str).str.lower().isin(("buy", "b")).to_numpy(dtype=np.bool_)
    elif "is_buyer_maker" in frame.columns:
        buys = ~frame["is_buyer_maker"].to_numpy(dtype=np.bool_)
    else:
        raise BadCandles(f"{path.name} has no column side (buy or sell: who took).")
    if (np.diff(time) < 0).any():
        raise BadCandles(f"{path.name}: the trades are not in order of time.")
    tick, lot = _step(price), _step(amount)
    name = path.name.partition(".")[0].replace(":", "-")
    instrument = Instrument(
        venue="TAPE",
        symbol=name,
        base=name,
        quote="CASH",
        tick=tick,
        lot=lot,
        contract=ContractType.LINEAR,
        leverage=Decimal(repr(costs.leverage)),
        tiers=(MarginTier(limit=None, rate=Decimal(repr(costs.maintenance)), leverage=Decimal(repr(costs.leverage))),),
    )
    ticks = np.round(price / float(tick)).astype(np.int64)
    lots = np.round(amount / float(lot)).astype(np.int64)
    return TradeTape(instrument, time, ticks, lots, buys)


def pick(tape: Tape, wanted: str) -> Instrument:
    """The instrument that is meant: the only one, or by its id or its symbol. Raises `BacktestError`."""
    found = [
        each for each in tape.instruments if not wanted or wanted.upper() in (each.id.upper(), each.symbol.upper())
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.id for each in tape.instruments)
    if not wanted:
        raise BacktestError(f"The recording has several instruments: name one by --instrument ({names}).")
    raise BacktestError(f"The recording has no one instrument {wanted}; it has {names}.")


def _numbers(frame: pd.DataFrame, path: Path, names: Sequence[str]) -> Floats:
    column = next((name for name in names if name in frame.columns), None)
    if column is None:
        raise BadCandles(f"{path.name} has no column {names[0]}; it has {', '.join(frame.columns)}.")
    try:
        values: Floats = np.asarray(frame[column].to_numpy(dtype=np.float64))
    except (TypeError, ValueError):
        raise BadCandles(f"{path.name}: {column} has a value that is not a number.") from None
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise BadCandles(f"{path.name}: {column} has a value that is not above zero.")
    return values


def _step(values: Floats) -> Decimal:
    """The power of ten of which all values are multiples."""
    for places in range(_PLACES + 1):
        scaled = values * 10.0**places
        if np.allclose(scaled, np.round(scaled), rtol=0, atol=1e-6 * np.maximum(1.0, scaled.max() * 1e-9)):
            return ONE.scaleb(-places)
    return ONE.scaleb(-_PLACES)
