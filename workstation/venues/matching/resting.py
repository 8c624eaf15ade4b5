"""Our resting orders: where each stands in the queue at its price, and what trades and books give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workstation.domain.market import Trade
from workstation.venues.matching.depth import VisibleDepth
from workstation.venues.matching.models import QueueModel
from workstation.venues.matching.working import PriceQueues, WorkingOrder

#: (order, ticks, lots, now): the order fills as a maker. It may close this and other orders.
type Fill = Callable[[WorkingOrder, int, int, int], None]
#: A level of ours, as the book showed it before an update: (side, ticks, lots).
type ShownLevel = tuple[PriceQueues, int, int]


class RestingOrders:
    """Limit orders that wait on both sides, by price and time."""

    def __init__(self, depth: VisibleDepth, queue: QueueModel, fill: Fill) -> None:
        self._depth = depth
        self._queue = queue
        self._fill = fill
        self._bids = PriceQueues(highest_first=True)
        self._asks = PriceQueues(highest_first=False)
        self._rejoining = False

    def add(self, price: int, order: WorkingOrder) -> None:
        """To the back of the queue; where that is shows the next snapshot, if the book cannot be trusted now."""
        if order.display is not None:
            order.slice = order.display
        self._side(order).add(price, order)
        self._join(price, order)
        if self._depth.book.stale is not None:
            order.rejoins = self._rejoining = True

    def remove(self, price: int, order: WorkingOrder) -> None:
        self._side(order).remove(price, order)

    def rejoin(self) -> None:
        """Send every order to the back of its queue, as of the next snapshot."""
        for _, order in self._orders():
            order.rejoins = self._rejoining = True

    def place(self) -> None:
        """After a snapshot: give a place to the orders that wait for one."""
        if self._rejoining:
            self._rejoining = False
            for price, order in self._orders():
                if order.rejoins:
                    order.rejoins = False
                    self._join(price, order)

    def _join(self, price: int, order: WorkingOrder) -> None:
        level = self._side(order).levels[price]
        place = level.index(order)
        ahead = self._queue.on_join(self._depth.queue(order.is_buy, price))
        # Whoever comes later never stands before us, though the level may have shrunk since we came.
        order.ahead = max(ahead, level[place - 1].ahead) if place else ahead
        order.traded = 0

    def _refresh(self, price: int, order: WorkingOrder, used: int) -> bool:
        """Show an iceberg's next slice once the last is used up: at the back, behind all that the book shows now.

        `used` is what the trade under way has taken from strangers so far: the whole queue has yet to subtract it.
        """
        if order.display is None or order.slice or not order.open:
            return False
        traded = order.traded
        self.remove(price, order)
        self.add(price, order)
        order.ahead += used
        order.traded = traded - used
        return True

    # What the market gives

    def shown(self) -> list[ShownLevel] | None:
        """Our levels as the book shows them now, for `advance`; None if the queue model does not want to know."""
        if not self._queue.watches_depth:
            return None
        bids, asks = self._depth.book.bids, self._depth.book.asks
        levels = [(self._bids, price, bids.get(price, 0)) for price in self._bids.levels]
        return levels + [(self._asks, price, asks.get(price, 0)) for price in self._asks.levels]

    def advance(self, before: list[ShownLevel]) -> None:
        """The sizes of our levels have changed from `before` to what the book shows now."""
        book = self._depth.book
        for side, price, old in before:
            new = (book.bids if side is self._bids else book.asks).get(price, 0)
            if new != old:
                ahead = 0
                for order in side.levels.get(price, ()):
                    ahead = max(ahead, self._queue.on_depth(order.ahead, old, new, order.traded))
                    order.ahead, order.traded = ahead, 0

    def on_trade(self, trade: Trade) -> None:
        """Each trade's quantity is used once: first by the strangers before us, then by us, first in first out."""
        left = trade.quantity
        if trade.price <= self._bids.best:
            left = self._trade(self._bids, trade, left, at_price=not trade.buyer_is_aggressor)
        if trade.price >= self._asks.best:
            self._trade(self._asks, trade, left, at_price=trade.buyer_is_aggressor)

    def _trade(self, side: PriceQueues, trade: Trade, left: int, *, at_price: bool) -> int:
        """Let `left` of the trade fill orders beyond its price, and at it; what remains."""
        bids = side is self._bids
        for price in side.prices():
            through = price > trade.price if bids else price < trade.price
            if not through and not (at_price and price == trade.price):
                break
            used = 0  # what the trade took from the strangers in this level
            queue = list(side.levels.get(price, ()))
            for order in queue:
                if not order.open:
                    continue
                if through:
                    order.ahead = 0
                else:
                    ahead = min(left, order.ahead - used)
                    left -= ahead
                    used += ahead
                    order.ahead -= used
                    order.traded += used
                if left and not order.ahead:
                    lots = min(left, order.shown)
                    left -= lots
                    self._fill(order, price, lots, trade.ts)
                    if self._refresh(price, order, used):
                        queue.append(order)
        return left

    def on_book(self, now: int) -> None:
        """The opposite side of the book fills what it has reached, as far as its depth goes."""
        book = self._depth.book
        ask, bid = book.best_ask, book.best_bid
        if ask is not None and ask <= self._bids.best:
            self._cross(self._bids, now)
        if bid is not None and bid >= self._asks.best:
            self._cross(self._asks, now)

    def _cross(self, side: PriceQueues, now: int) -> None:
        for price in side.prices():
            queue = list(side.levels.get(price, ()))
            for order in queue:
                for level, visible in self._depth.available(order.is_buy, price):
                    if not order.open or not order.shown:
                        break
                    order.ahead = 0
                    lots = min(visible, order.shown)
                    self._depth.take(order.is_buy, level, lots)
                    self._fill(order, price, lots, now)
                if self._refresh(price, order, 0):
                    queue.append(order)

    def _side(self, order: WorkingOrder) -> PriceQueues:
        return self._bids if order.is_buy else self._asks

    def _orders(self) -> Iterator[tuple[int, WorkingOrder]]:
        for side in (self._bids, self._asks):
            for price, level in side.levels.items():
                for order in level:
                    yield price, order
