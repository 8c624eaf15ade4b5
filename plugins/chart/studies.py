"""Lines over the candles: moving averages, Bollinger bands and the session's VWAP, as typed and as numbers.

    sma 20 · ema 50 · bb 20 2 · vwap

Intervals without a trade count for nothing, as in every bar series of the desk: a line keeps its value over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.trading.errors import Refused

_DAY = 86_400 * SECOND
_LONGEST = 500
_MOST = 6
#: An EMA is taken as settled after so many times its length: 1 % of its seed is left after 2.3.
_SETTLES = 4
#: Bars that are looked at for the beginning of the session.
_SESSION_BARS = 5_000
_USAGE = "Type them as sma 20, ema 50, bb 20 2, vwap; none shows none."

#: A value for every bar, None where there are too few bars before it.
type Values = list[float | None]


@dataclass(frozen=True, slots=True)
class Study:
    """`length` in bars, `width` in standard deviations (Bollinger only)."""

    kind: str
    length: int = 0
    width: float = 0.0

    @property
    def text(self) -> str:
        """As it is typed."""
        parts = [self.kind, *([str(self.length)] if self.length else []), *([f"{self.width:g}"] if self.width else [])]
        return " ".join(parts)

    @property
    def warm_up(self) -> int:
        """Bars before the first that shows."""
        return {"ema": _SETTLES * self.length, "vwap": _SESSION_BARS}.get(self.kind, self.length)


def parse_studies(text: str) -> tuple[Study, ...]:
    """The studies of a typed list. Raises `Refused`."""
    found: list[Study] = []
    for part in (one.split() for one in text.lower().split(",") if one.strip()):
        kind, numbers = part[0], part[1:]
        if kind not in ("sma", "ema", "bb", "vwap"):
            raise Refused(f"There is no line {kind}. {_USAGE}")
        most = {"vwap": 0, "bb": 2}.get(kind, 1)
        if len(numbers) > most:
            raise Refused(f"{' '.join(part)} has a number too many. {_USAGE}")
        length = 0 if kind == "vwap" else 20
        if numbers:
            if not numbers[0].isascii() or not numbers[0].isdigit() or not 2 <= int(numbers[0]) <= _LONGEST:
                raise Refused(f"{numbers[0]} is not a number of bars from 2 to {_LONGEST}.")
            length = int(numbers[0])
        width = 2.0 if kind == "bb" else 0.0
        if len(numbers) > 1:
            try:
                width = float(numbers[1])
            except ValueError:
                width = 0.0
            if not 0.1 <= width <= 10:
                raise Refused(f"{numbers[1]} is not a number of standard deviations from 0.1 to 10.")
        study = Study(kind, length, width)
        if study not in found:
            found.append(study)
    if len(found) > _MOST:
        raise Refused(f"At most {_MOST} lines fit over the candles.")
    return tuple(found)


def lines_of(study: Study, bars: Sequence[Bar]) -> list[Values]:
    """The study's lines over bars, oldest first: one, or for Bollinger the middle, the upper and the lower."""
    closes = [bar.close for bar in bars]
    match study.kind:
        case "sma":
            return [sma(closes, study.length)]
        case "ema":
            return [ema(closes, study.length)]
        case "bb":
            return bollinger(closes, study.length, study.width)
        case _:
            return [vwap(bars)]


def sma(values: Sequence[float], length: int) -> Values:
    """Mean of the last `length` values."""
    return [
        math.fsum(values[at + 1 - length : at + 1]) / length if at + 1 >= length else None for at in range(len(values))
    ]


def ema(values: Sequence[float], length: int) -> Values:
    """Exponential mean with weight 2 / (length + 1), begun with the mean of the first `length` values."""
    if len(values) < length:
        return [None] * len(values)
    weight = 2 / (length + 1)
    mean = math.fsum(values[:length]) / length
    result: Values = [*([None] * (length - 1)), mean]
    for value in values[length:]:
        mean += (value - mean) * weight
        result.append(mean)
    return result


def bollinger(values: Sequence[float], length: int, width: float) -> list[Values]:
    """Middle, upper and lower band: the SMA, and `width` population standard deviations above and below (Bollinger on
    Bollinger Bands, 2001)."""
    middle = sma(values, length)
    upper, lower = list(middle), list(middle)
    for at, mean in enumerate(middle):
        if mean is not None:
            spread = math.fsum((value - mean) ** 2 for value in values[at + 1 - length : at + 1]) / length
            upper[at], lower[at] = mean + width * math.sqrt(spread), mean - width * math.sqrt(spread)
    return [middle, upper, lower]


def vwap(bars: Sequence[Bar]) -> Values:
    """Volume-weighted mean of (high + low + close) / 3 since the UTC day began; None in a day whose beginning is not
    among the bars: half a session's would be a false one."""
    result: Values = []
    day, whole, money, volume = -1, False, 0.0, 0.0
    for bar in bars:
        if bar.ts // _DAY != day:
            whole = day >= 0 or bar.ts % _DAY == 0
            day, money, volume = bar.ts // _DAY, 0.0, 0.0
        money += (bar.high + bar.low + bar.close) / 3 * bar.volume
        volume += bar.volume
        result.append(money / volume if whole and volume > 0 else None)
    return result
