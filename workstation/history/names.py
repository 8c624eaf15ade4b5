"""How histories are called: VENUE:SYMBOL:TIMEFRAME, and what file names tell of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workstation.market.timeframes import BadTimeframe, Timeframe


class HistoryError(Exception):
    """Something with the candle history cannot be done; the text is a sentence for the trader."""


_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class HistoryName:
    """What a history holds: "binance", "BTC-USDT", 1h. The venue is in small letters, the symbol in capitals."""

    venue: str
    symbol: str
    timeframe: Timeframe

    @classmethod
    def of(cls, venue: str, symbol: str, timeframe: str) -> HistoryName:
        """The name in its one spelling: BTC/USDT and btc_usdt are BTC-USDT, the perpetual BTC/USDT:USDT is
        BTC-USDT-PERP. Raises `HistoryError`."""
        try:
            frame = Timeframe.parse(timeframe)
        except BadTimeframe as error:
            raise HistoryError(str(error)) from None
        name = cls(venue.strip().lower(), plain_symbol(symbol), frame)
        for part, what in ((name.venue, "venue"), (name.symbol, "symbol")):
            if not _SAFE.fullmatch(part):
                raise HistoryError(f"{part!r} is no {what}: letters, digits and . _ - only.")
        return name

    @classmethod
    def parse(cls, spec: str) -> HistoryName:
        """VENUE:SYMBOL:TIMEFRAME. Raises `HistoryError`."""
        venue, colon, rest = spec.partition(":")
        symbol, second, timeframe = rest.rpartition(":")
        if not (colon and second and venue and symbol and timeframe):
            raise HistoryError(f"A history is called VENUE:SYMBOL:TIMEFRAME (binance:BTC-USDT:1h), not {spec!r}.")
        return cls.of(venue, symbol, timeframe)

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}:{self.timeframe}"


def plain_symbol(symbol: str) -> str:
    """A symbol in the spelling of the desk."""
    pair, colon, _settled = symbol.strip().upper().partition(":")
    plain = pair.replace("/", "-").replace("_", "-").replace(" ", "")
    return f"{plain}-PERP" if colon and not plain.endswith("-PERP") else plain


#: freqtrade: BTC_USDT-1h.feather, BTC_USDT_USDT-1h-futures.feather; ours and others': binance_BTC-USDT_1h.parquet.
_FREQTRADE = re.compile(
    r"(?P<symbol>[A-Za-z0-9]+_[A-Za-z0-9]+)(?P<settled>_[A-Za-z0-9]+)?-(?P<frame>\d+[smhdwM])(?:-(?P<kind>\w+))?"
)
_OTHERS = re.compile(
    r"(?:(?P<venue>[A-Za-z][\w-]*)_)?(?P<symbol>[A-Za-z0-9.]+(?:[-/][A-Za-z0-9]+)*)_(?P<frame>\d+[smhdwM])"
)


@dataclass(frozen=True)
class Hint:
    """What a file's name says; empty where it says nothing."""

    venue: str = ""
    symbol: str = ""
    timeframe: str = ""


def hint(file: Path) -> Hint:
    """What the name of a candle file tells: freqtrade's, or VENUE_SYMBOL_TIMEFRAME."""
    stem = file.name.partition(".")[0] if file.name.count(".") <= 1 else re.sub(r"(\.[A-Za-z]+)+$", "", file.name)
    if (match := _FREQTRADE.fullmatch(stem)) is not None and match["kind"] in (None, "futures", "spot"):
        settled = match["settled"] is not None
        return Hint("", plain_symbol(match["symbol"]) + ("-PERP" if settled else ""), match["frame"])
    if (match := _OTHERS.fullmatch(stem)) is not None:
        return Hint((match["venue"] or "").lower(), plain_symbol(match["symbol"]), match["frame"])
    return Hint()
