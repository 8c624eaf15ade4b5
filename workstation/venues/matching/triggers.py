"""Orders that sleep until the market reaches a price: stops, take-profits, trailing stops.

- An order triggers on a trade at or through its price, or when the whole book quotes at or beyond it (a sell stop: the
  best ask is at or below it), and at once if the last trade has already passed it. It then works against the book as
  it is: a market that jumped over the price fills it at the market, not at the price.
- A sell stop and a buy take-profit trigger on a fall to their price, a buy stop and a sell take-profit on a rise.
- A trailing stop begins to follow at the last trade, or with the first trade at or beyond its activation price. A sell
  then stands its distance below the highest trade since, a buy above the lowest; it moves with trades only and never
  away from the market. A distance in basis points is reckoned from the trade that it follows and rounded up to a tick.
- One trade first triggers what it reaches; then the trailing stops follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workstation.venues.matching.depth import VisibleDepth
from workstation.venues.matching.working import PriceQueues, WorkingOrder

#: (order, now): the order's price was reached, and it sleeps no more.
type Wake = Callable[[WorkingOrder, int], None]
#: (order, now): the trailing order stands at a new `stop`.
type Moved = Callable[[WorkingOrder, int], None]


class Triggers:
    """The sleeping orders of one instrument. While there are none (`count`) nobody needs to ask."""

    def __init__(self, depth: VisibleDepth, wake: Wake, moved: Moved) -> None:
        self.last: int | None = None  # ticks of the last trade
        self._depth = depth
        self._wake = wake
        self._moved = moved
        self._rising = PriceQueues(highest_first=False)  # wake when the market comes up to them
        self._falling = PriceQueues(highest_first=True)
        self._trailing: list[WorkingOrder] = []  # those that follow and those that will
        self.count = 0  # sleeping orders

    def add(self, order: WorkingOrder, now: int) -> None:
        """Let the order sleep, or wake it at once if its price has been passed already."""
        self.restore(order)
        if order.follows and self.last is not None:
            self._follow(order, self.last, now)
        if order.stop is not None and order.waits and self._passed(order, order.stop):
            self._rouse(order, now)

    def restore(self, order: WorkingOrder) -> None:
        """Let the order sleep without a look at the market."""
        self.count += 1
        if order.follows:
            self._trailing.append(order)
        if order.stop is not None:
            self._queue(order).add(order.stop, order)

    def remove(self, order: WorkingOrder) -> None:
        self.count -= 1
        if order.follows:
            self._trailing.remove(order)
        if order.stop is not None:
            self._queue(order).remove(order.stop, order)

    def on_trade(self, price: int, now: int) -> None:
        self.last = price
        if price >= self._rising.best:
            self._reach(self._rising, price, now)
        if price <= self._falling.best:
            self._reach(self._falling, price, now)
        for order in tuple(self._trailing):
            if order.open and order.waits:
                self._follow(order, price, now)

    def on_book(self, now: int) -> None:
        ask, bid = self._depth.book.best_ask, self._depth.book.best_bid
        if ask is not None and ask <= self._falling.best:
            self._reach(self._falling, ask, now)
        if bid is not None and bid >= self._rising.best:
            self._reach(self._rising, bid, now)

    def _reach(self, sleepers: PriceQueues, price: int, now: int) -> None:
        rising = sleepers is self._rising
        for stop in sleepers.prices():
            if stop > price if rising else stop < price:
                break
            for order in list(sleepers.levels.get(stop, ())):
                if order.open:
                    self._rouse(order, now)

    def _rouse(self, order: WorkingOrder, now: int) -> None:
        self.remove(order)
        order.waits = False
        self._wake(order, now)

    def _passed(self, order: WorkingOrder, stop: int) -> bool:
        book = self._depth.book
        quoted = None if book.stale is not None else book.best_bid if order.rises else book.best_ask
        seen: Iterable[int | None] = (self.last, quoted)
        return any(price is not None and (price >= stop if order.rises else price <= stop) for price in seen)

    def _follow(self, order: WorkingOrder, price: int, now: int) -> None:
        """Begin to follow, or stand nearer to the market, if this trade allows it."""
        stop, activation = order.stop, order.activation
        if stop is None and activation is not None and (price > activation if order.rises else price < activation):
            return
        behind = order.stop_behind(price)
        if behind <= 0 or (stop is not None and (behind >= stop if order.rises else behind <= stop)):
            return
        sleepers = self._queue(order)
        if stop is not None:
            sleepers.remove(stop, order)
        order.stop = behind
        sleepers.add(behind, order)
        self._moved(order, now)

    def _queue(self, order: WorkingOrder) -> PriceQueues:
        return self._rising if order.rises else self._falling
