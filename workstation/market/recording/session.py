"""A raw session of one venue: its files, merged by time, through its parser."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent
from workstation.market.recording import binance, bitmex, bitstamp, coinbase, deribit, kraken, kraken_futures
from workstation.market.recording.errors import RecordingError
from workstation.market.recording.lines import Form, Line, RawFile
from workstation.market.recording.parsing import Parser

#: Lines read at most to find out what a session holds.
SURVEY_LIMIT = 20_000

PARSERS: dict[str, Callable[[], Parser]] = {
    binance.SPOT: lambda: binance.BinanceParser(binance.SPOT),
    binance.USDM: lambda: binance.BinanceParser(binance.USDM),
    binance.COINM: lambda: binance.BinanceParser(binance.COINM),
    kraken.VENUE: kraken.KrakenParser,
    coinbase.VENUE: coinbase.CoinbaseParser,
    bitstamp.VENUE: bitstamp.BitstampParser,
    kraken_futures.VENUE: kraken_futures.KrakenFuturesParser,
    bitmex.VENUE: bitmex.BitmexParser,
    deribit.VENUE: deribit.DeribitParser,
}
#: Venues by the addresses that a session names.
HOSTS = {
    "api.binance.com": binance.SPOT,
    "stream.binance.com": binance.SPOT,
    "fapi.binance.com": binance.USDM,
    "fstream.binance.com": binance.USDM,
    "dapi.binance.com": binance.COINM,
    "dstream.binance.com": binance.COINM,
    "api.kraken.com": kraken.VENUE,
    "ws.kraken.com": kraken.VENUE,
    "api.pro.coinbase.com": coinbase.VENUE,
    "api.exchange.coinbase.com": coinbase.VENUE,
    "ws-feed.pro.coinbase.com": coinbase.VENUE,
    "ws-feed.exchange.coinbase.com": coinbase.VENUE,
    "www.bitstamp.net": bitstamp.VENUE,
    "ws.bitstamp.net": bitstamp.VENUE,
    "futures.kraken.com": kraken_futures.VENUE,
    "www.bitmex.com": bitmex.VENUE,
    "ws.bitmex.com": bitmex.VENUE,
    "www.deribit.com": deribit.VENUE,
    "streams.deribit.com": deribit.VENUE,
}


def venue_of(file: RawFile) -> str:
    """The venue whose session the file is (a part) of. Raises `RecordingError` if it is none that tws reads."""
    if file.host:
        venue = HOSTS.get(file.host)
        if venue is None:
            raise RecordingError(
                f"{file.path} is a session of {file.host}, which tws cannot read; "
                f"it reads {', '.join(PARSERS)} and its own recordings."
            )
        return venue
    if file.form is Form.PLAIN:
        for number, line in enumerate(file.lines()):
            venue = binance.market_of(line)
            if venue is not None:
                return venue
            if number >= SURVEY_LIMIT:
                break
    raise RecordingError(f"{file.path} does not tell which venue it was recorded from.")


class RawSession:
    """Raises `RecordingError` if the files hold no order book that could be replayed."""

    def __init__(self, venue: str, files: Sequence[RawFile]) -> None:
        self._files = files
        self._parser = PARSERS[venue]()
        self._bad = 0
        self.start = 0
        for number, line in enumerate(self._lines()):
            self.start = self.start or line.ts
            self._survey(line)
            if self._parser.surveyed or number >= SURVEY_LIMIT:
                break
        self.instruments: Sequence[Instrument] = self._parser.instruments()
        names = " and ".join(str(file.path) for file in files)
        if not self.start:
            raise RecordingError(f"{names} is empty: it holds no messages.")
        if not self.instruments:
            raise RecordingError(
                f"{names} holds no order book snapshot to start from; give the file that it continues, or the "
                f"session's HTTP answers, together with it."
            )

    def _survey(self, line: Line) -> None:
        try:
            self._parser.survey(line)
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError):
            pass  # it is met again, and reported, when it is parsed

    def _lines(self) -> Iterator[Line]:
        return heapq.merge(*(file.lines() for file in self._files), key=lambda line: line.ts)

    def events(self) -> Iterator[MarketEvent]:
        for line in self._lines():
            try:
                yield from self._parser.parse(line)
            except (msgspec.MsgspecError, ValueError, LookupError, TypeError):
                self._bad += 1

    def last_time(self) -> int:
        return max(file.last_time() for file in self._files)

    @property
    def notices(self) -> list[str]:
        notices = [notice for file in self._files for notice in file.notices] + self._parser.notices
        if self._bad:
            names = ", ".join(file.path.name for file in self._files)
            notices.append(f"{self._bad} messages of {names} could not be read and are left out.")
        return notices
