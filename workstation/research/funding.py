"""Funding as it was: the rates that a perpetual's venue charged, from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workstation.domain.spans import MINUTE
from workstation.market.candles import BadCandles, Candles, Floats, Ints

_NAMES = ("funding_rate", "fundingrate", "rate", "open")  # freqtrade keeps the rate in a candle's open


@dataclass(frozen=True, eq=False)
class FundingHistory:
    """Rates (a fraction of the position's value; a long pays what is above zero) by the UTC ns at which they fell due,
    in order of time."""

    time: Ints
    rate: Floats
    name: str = ""

    def on(self, candles: Candles) -> Floats:
        """What falls due at each bar's open: the rates since the open before. Exchanges stamp a due some milliseconds
        late: it counts for the minute in which it falls."""
        due = np.zeros(len(candles))
        place = np.searchsorted(candles.time, self.time // MINUTE * MINUTE, side="left")
        known = place < len(candles)
        np.add.at(due, place[known], self.rate[known])
        due[0] = 0.0  # what fell due before the data begin is nobody's
        return due


def load_funding(path: Path) -> FundingHistory:
    """The rates of a file with a time column and `funding_rate`. Raises `BadCandles` and `OSError`."""
    from workstation.market.candle_files import read_table

    time, frame = read_table(path)
    column = next((name for name in _NAMES if name in frame.columns), None)
    if column is None:
        raise BadCandles(f"{path.name} has no column funding_rate; it has {', '.join(frame.columns)}.")
    try:
        rate = frame[column].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise BadCandles(f"{path.name}: {column} has a value that is not a number.") from None
    if not np.isfinite(rate).all() or (np.abs(rate) >= 1).any():
        raise BadCandles(f"{path.name}: a funding rate is a fraction, 0.0001 say; {column} has others.")
    order = np.argsort(time, kind="stable")
    return FundingHistory(time[order], rate[order], path.name)
