"""Studies: averages, Bollinger bands, the session's VWAP and the volume profile over the candles, RSI and MACD in
panels beneath them; as typed, and those over the candles as numbers.

    sma 20 · ema 50 · bb 20 2 · vwap · vp · rsi 14 · macd 12 26 9

Intervals without a trade count for nothing, as in every bar series of the desk: a line keeps its value over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from workstation.clock import DAY
from workstation.domain.bar import Bar
from workstation.trading.errors import Refused

_LONGEST = 500
_MOST = 8
#: An EMA is taken as settled after so many times its length: 1 % of its seed is left after 2.3.
_SETTLES = 4
#: Bars that are looked at for the beginning of the session.
_SESSION_BARS = 5_000
_USAGE = "Type them as sma 20, ema 50, bb 20 2, vwap, vp, rsi 14, macd 12 26 9; none shows none."
#: The lengths of those that take no other number, by kind.
_LENGTHS = {"sma": (20,), "ema": (20,), "bb": (20,), "vwap": (), "vp": (), "rsi": (14,), "macd": (12, 26, 9)}
#: What else they are called.
_CALLED = {"profile": "vp", "bollinger": "bb", "ma": "sma"}
#: The volume profile, which is of the bars that show and no line over them.
PROFILE = "vp"
#: Kinds that have a panel of their own.
PANELS = ("rsi", "macd")

#: A value for every bar, None where there are too few bars before it.
type Values = list[float | None]


class Study(msgspec.Struct, frozen=True):
    """`length` in bars, `width` in standard deviations (Bollinger only); `slow` and `signal` in bars (MACD only, whose
    `length` is the fast one)."""

    kind: str
    length: int = 0
    width: float = 0.0
    slow: int = 0
    signal: int = 0

    @property
    def text(self) -> str:
        """As it is typed."""
        numbers = (self.length, self.slow, self.signal, self.width)
        return " ".join([self.kind, *(f"{number:g}" for number in numbers if number)])

    @property
    def has_panel(self) -> bool:
        return self.kind in PANELS

    @property
    def warm_up(self) -> int:
        """Bars before the first that shows."""
        match self.kind:
            case "ema":
                return _SETTLES * self.length
            case "rsi":  # Wilder's weight is 1 / length, about half an EMA's
                return 2 * _SETTLES * self.length
            case "macd":
                return _SETTLES * (max(self.length, self.slow) + self.signal)
            case "vwap":
                return _SESSION_BARS
            case _:
                return self.length


def parse_studies(text: str) -> tuple[Study, ...]:
    """The studies of a typed list. Raises `Refused`."""
    found: list[Study] = []
    for part in (one.split() for one in text.lower().split(",") if one.strip()):
        kind, numbers = _CALLED.get(part[0], part[0]), part[1:]
        if kind not in _LENGTHS:
            raise Refused(f"There is no study {kind}. {_USAGE}")
        lengths = list(_LENGTHS[kind])
        if len(numbers) > len(lengths) + (kind == "bb"):
            raise Refused(f"{' '.join(part)} has a number too many. {_USAGE}")
        for at, number in enumerate(numbers[: len(lengths)]):
            if not number.isascii() or not number.isdigit() or not 2 <= int(number) <= _LONGEST:
                raise Refused(f"{number} is not a number of bars from 2 to {_LONGEST}.")
            lengths[at] = int(number)
        if kind == "macd" and lengths[0] >= lengths[1]:
            raise Refused(f"The first average of a MACD is the faster one: {lengths[0]} is not below {lengths[1]}.")
        width = 2.0 if kind == "bb" else 0.0
        if kind == "bb" and len(numbers) > 1:
            try:
                width = float(numbers[1])
            except ValueError:
                width = 0.0
            if not 0.1 <= width <= 10:
                raise Refused(f"{numbers[1]} is not a number of standard deviations from 0.1 to 10.")
        length, slow, signal = (*lengths, 0, 0, 0)[:3]
        study = Study(kind, length, width, slow, signal)
        if study not in found:
            found.append(study)
    if len(found) > _MOST:
        raise Refused(f"At most {_MOST} studies fit into the chart.")
    return tuple(found)


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
        if bar.ts // DAY != day:
            whole = day >= 0 or bar.ts % DAY == 0
            day, money, volume = bar.ts // DAY, 0.0, 0.0
        money += (bar.high + bar.low + bar.close) / 3 * bar.volume
        volume += bar.volume
        result.append(money / volume if whole and volume > 0 else None)
    return result
