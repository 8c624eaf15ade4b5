"""The market as the desk sees it: books, last trades, tapes, candles and marks of every instrument."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.domain.numbers import divide
from workstation.domain.spans import DAY, MINUTE
from workstation.market.bars import Candles
from workstation.market.book import OrderBook
from workstation.market.funding import with_interval

#: Marks that are kept: of some seconds, also where ten come in one.
_MARKS_KEPT = 64


class InstrumentMarket:
    """What is known of one instrument now. Read it; only the market data path writes it."""

    def __init__(
        self, instrument: Instrument, history: Callable[[int, int], Sequence[Bar]], tape_size: int, bars_kept: int
    ) -> None:
        self.instrument = instrument
        self.book = OrderBook(instrument.id)
        self.tape: deque[Trade] = deque(maxlen=tape_size)
        self.volume = 0  # lots that traded since the desk was opened
        self.trades = 0  # how many trades there were: grows by one with each
        self.last: Trade | None = None
        self.mark: MarkPrice | None = None
        self.marks: deque[MarkPrice] = deque(maxlen=_MARKS_KEPT)
        self.quote: Quote | None = None
        self.candles = Candles(history, bars_kept)
        self.updated_at = 0  # UTC ns of the newest event that told something of the market
        self.book_at = 0  # … of its book, be it that nothing has changed there
        self._tick = float(instrument.tick)
        self._lot = float(instrument.lot)

    def apply(self, event: MarketEvent) -> None:
        if isinstance(event, BookStale):  # that nothing is known is no news: prices are as old as they were
            self.updated_at, self.book_at = min(self.updated_at, event.ts), min(self.book_at, event.ts)
            self.book.apply(event)
            return
        before, self.updated_at = self.updated_at, event.ts
        if isinstance(event, BookDelta | BookSnapshot):
            self.book_at = event.ts
            self.book.apply(event)
        elif isinstance(event, Trade):
            self.updated_at = max(before, event.ts)  # one that was missed is told of late
            self.last = event
            self.trades += 1
            self.volume += event.quantity
            self.tape.append(event)
            self.candles.add(event.ts, event.price * self._tick, event.quantity * self._lot)
        elif isinstance(event, MarkPrice):
            self.mark = with_interval(event, self.mark)
            self.marks.append(self.mark)
        else:
            self.quote = event

    def price(self) -> Decimal | None:
        """What positions are valued at: the venue's mark, else the middle of the book, else the last trade."""
        if self.mark is not None:
            return self.mark.price
        return self.mid()

    def stale_for(self, now: int, limit: int) -> int | None:
        """ns since the book was heard of last where that is more than `limit` (trades beside it keep no book fresh);
        None while it is fresh, or before the first."""
        return _beyond(now, self.book_at or self.updated_at, limit)

    def price_stale_for(self, now: int, limit: int) -> int | None:
        """As `stale_for`, of what `price` rests on: a mark grows old by itself, whatever the book does."""
        return _beyond(now, self.mid_at if self.mark is None else self.mark.ts, limit)

    @property
    def mid_at(self) -> int:
        """UTC ns of what `mid` rests on; 0 while there is nothing."""
        if self.book.best_bid is not None and self.book.best_ask is not None:
            return self.book_at
        return self.last.ts if self.last is not None else 0

    def mid(self) -> Decimal | None:
        """The middle of the book, else the last trade."""
        bid, ask = self.book.best_bid, self.book.best_ask
        if bid is not None and ask is not None:
            return divide(self.instrument.price(bid + ask), Decimal(2))
        return self.instrument.price(self.last.price) if self.last else None

    def day(self) -> DayStats | None:
        """Change, range and volume of the last 24 hours (or of what is known of them)."""
        bar = self.candles.series(MINUTE).merged(DAY)
        return None if bar is None else DayStats(bar.open, bar.high, bar.low, bar.close, bar.volume)


def _beyond(now: int, at: int, limit: int) -> int | None:
    return now - at if at and now - at > limit else None


class DayStats:
    """Open, high, low, last (quote currency) and volume (base units) of a day; `change` is a fraction."""

    __slots__ = ("high", "last", "low", "open", "volume")

    def __init__(self, open: float, high: float, low: float, last: float, volume: float) -> None:
        self.open, self.high, self.low, self.last, self.volume = open, high, low, last, volume

    @property
    def change(self) -> float:
        return self.last / self.open - 1 if self.open else 0.0


class MarketData:
    """All instruments of the desk."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        history: Callable[[InstrumentId, int, int], Sequence[Bar]] | None = None,
        tape_size: int = 1_000,
        bars_kept: int = 5_000,
    ) -> None:
        self.markets: dict[InstrumentId, InstrumentMarket] = {}
        for instrument in instruments:
            past = _no_history if history is None else _history_of(history, instrument.id)
            self.markets[instrument.id] = InstrumentMarket(instrument, past, tape_size, bars_kept)
        self.events = 0

    def apply(self, event: MarketEvent) -> None:
        self.events += 1
        self.markets[event.instrument].apply(event)

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        market = self.markets.get(instrument)
        return market.price() if market else None

    def reset(self) -> None:
        """The market jumped to another time: candles and tapes of before it are void."""
        for market in self.markets.values():
            market.tape.clear()
            market.candles.reset()
            market.last = None
            market.mark = None
            market.marks.clear()


def _no_history(_interval: int, _count: int) -> Sequence[Bar]:
    return ()


def _history_of(
    history: Callable[[InstrumentId, int, int], Sequence[Bar]], instrument: InstrumentId
) -> Callable[[int, int], Sequence[Bar]]:
    return lambda interval, count: history(instrument, interval, count)
