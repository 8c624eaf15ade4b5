"""Lengths of candles by the names that traders use: 1m, 5m, 1h, 1d, 1w, 1M."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstation.domain.spans import SECOND

if TYPE_CHECKING:
    from workstation.market.candles import Ints

_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND, "w": 604_800 * SECOND}
_WORD = re.compile(r"([1-9]\d{0,4})([smhdwM])")
#: 1970-01-01 was a Thursday; weeks begin on Mondays (ISO 8601), as the exchanges' weekly candles do.
_FIRST_MONDAY = 4 * _UNITS["d"]


class BadTimeframe(Exception):
    """No length of candles is called so; the text is a sentence."""


@dataclass(frozen=True)
class Timeframe:
    """`count` seconds, minutes, hours, days, weeks (from Monday) or calendar months (`M`), all counted in UTC."""

    count: int
    unit: str

    @classmethod
    def parse(cls, word: str) -> Timeframe:
        """ "5m", "1h", "1d" … Raises `BadTimeframe`."""
        match = _WORD.fullmatch(word.strip())
        if match is None:
            raise BadTimeframe(f"A timeframe is a number and s, m, h, d, w or M (1m, 4h, 1d), not {word!r}.")
        return cls(int(match[1]), match[2])

    @classmethod
    def of(cls, ns: int) -> Timeframe:
        """The timeframe of so many ns, in the largest unit that divides it. Raises `BadTimeframe`."""
        for unit in ("w", "d", "h", "m", "s"):
            if ns > 0 and ns % _UNITS[unit] == 0:
                return cls(ns // _UNITS[unit], unit)
        raise BadTimeframe(f"{ns / SECOND:g} s is no timeframe: it must be a whole number of seconds.")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def ns(self) -> int:
        """The length in ns; of months, which differ, 30 days each."""
        return self.count * (30 * _UNITS["d"] if self.unit == "M" else _UNITS[self.unit])

    def opens(self, times: Ints) -> Ints:
        """The open times (UTC ns) of the bars in which `times` lie."""
        import numpy as np

        if self.unit == "M":
            months = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
            first = months - months % self.count
            return np.asarray(first.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64), dtype=np.int64)
        shift = _FIRST_MONDAY if self.unit == "w" else 0
        return np.asarray(times - (times - shift) % self.ns, dtype=np.int64)

    def ends(self, opens: Ints) -> Ints:
        """The times (UTC ns) at which the bars that open at `opens` are over."""
        import numpy as np

        if self.unit == "M":
            months = opens.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) + self.count
            return np.asarray(months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64), dtype=np.int64)
        return np.asarray(opens + self.ns, dtype=np.int64)

    def divides(self, other: Timeframe) -> bool:
        """Whether whole bars of this length make up every bar of the other."""
        if other.unit == "M":
            return (self.unit == "M" and other.count % self.count == 0) or (
                self.unit not in ("M", "w") and _UNITS["d"] % self.ns == 0
            )
        if self.unit == "M":
            return False
        return other.ns % self.ns == 0 and (other.unit == "w" or self.unit != "w")
