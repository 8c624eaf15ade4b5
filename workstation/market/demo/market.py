"""The demo market as a `MarketSource`: two venues, fifteen books, deterministic for its seed, without end."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, MarketEvent
from workstation.market.demo.book import DemoBook
from workstation.market.demo.funding import Funding
from workstation.market.demo.kept import Kept, Session
from workstation.market.demo.listings import LEAST_PRICES, LISTINGS, START_PRICES
from workstation.market.demo.past import Past
from workstation.market.demo.prices import EfficientPrices
from workstation.market.demo.side import Sizes
from workstation.market.source import SeekError


class DemoMarket:
    """A market that runs for ever from `start` (UTC ns).

    `start_prices` maps assets or spot symbols ("BTC", "BTC-USDT") to prices in USDT; others start at
    `listings.START_PRICES`. `rate` multiplies the rate of book events and trades, not the volatility. `kept` gives what
    earlier runs of the market traded, which its past then shows; it is asked with the first question for that past.
    Raises ValueError for an unknown symbol, a price below `listings.LEAST_PRICES` or a rate that is not positive.
    """

    def __init__(
        self,
        seed: int,
        start: int,
        start_prices: Mapping[str, float] | None = None,
        *,
        rate: float = 1.0,
        kept: Callable[[], Kept] = Kept,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"The rate of the demo market must be positive, not {rate}.")
        prices = _prices(start_prices or {})
        self._start = start
        self._queue: deque[MarketEvent] = deque()
        minors = Random(f"{seed}/minor prices")
        self._efficient = EfficientPrices(Random(f"{seed}/prices"), start, prices, minors=minors)
        self._listings = {listing.instrument.id: listing for listing in LISTINGS}
        emit = self._queue.append
        sizes = Sizes(Random(f"{seed}/sizes"))
        books = [
            DemoBook(listing, Random(f"{seed}/{name}"), self._efficient, rate, emit, self._alarm, sizes)
            for name, listing in self._listings.items()
        ]
        self._queue.extend(book.snapshot(start) for book in books)
        self._books = books
        opening = {book.id: book.mid for book in books}
        #: What this run of the market is drawn from, for those after it.
        self.session = Session(start=start, seed=seed, rate=rate, prices=prices, opening=opening)
        self._kept = kept
        self._past: Past | None = None
        by_id = {book.id: book for book in books}
        funding = [
            Funding(listing.instrument, by_id[name], by_id[name.removesuffix("-PERP")], emit)
            for name, listing in self._listings.items()
            if not listing.instrument.is_spot
        ]
        for mark in funding:
            mark.step(start)
        self._actors: list[DemoBook | Funding] = [*books, *funding]
        self._due = [(start + actor.wait(), index, True) for index, actor in enumerate(self._actors)]
        heapq.heapify(self._due)

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [listing.instrument for listing in self._listings.values()]

    @property
    def start(self) -> int:
        return self._start

    @property
    def end(self) -> None:
        return None

    def until(self, ts: int) -> Iterator[MarketEvent]:
        queue, due, actors = self._queue, self._due, self._actors
        while True:
            while queue and queue[0].ts <= ts:
                yield queue.popleft()
            if queue or due[0][0] > ts:
                return
            at, index, again = heapq.heappop(due)
            self._efficient.advance(at)
            actor = actors[index]
            actor.step(at)
            if again:
                heapq.heappush(due, (at + actor.wait(), index, True))

    def _alarm(self, mover: DemoBook, ts: int) -> None:
        """The other books of the asset react to a book that has begun to move."""
        for index, book in enumerate(self._books):
            if book.asset == mover.asset and book is not mover:
                heapq.heappush(self._due, (book.hears(ts), index, False))

    def next_time(self) -> int:
        return self._queue[0].ts if self._queue else self._due[0][0]

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        raise SeekError("The demo market runs forwards only: it cannot be wound to another time.")

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """As the contract says, for intervals of whole minutes; raises KeyError for an unlisted instrument."""
        listing = self._listings[instrument]
        if self._past is None:
            self._past = Past(self._kept(), self.session)
        return self._past.bars(listing, interval, count)


def _prices(given: Mapping[str, float]) -> dict[str, float]:
    prices = dict(START_PRICES)
    for symbol, price in given.items():
        asset = symbol.removesuffix("-USDT")
        if asset not in prices:
            raise ValueError(f"The demo market does not trade {symbol}; it trades {', '.join(prices)}.")
        least = LEAST_PRICES[asset]
        if not (least <= price < math.inf):
            raise ValueError(f"The starting price of {symbol} must be at least {least:g}, not {price}.")
        prices[asset] = price
    return prices
