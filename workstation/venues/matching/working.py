"""Our orders inside the matching engine, in whole ticks and lots, and the queues in which they wait."""

from __future__ import annotations

from bisect import bisect_left, insort

from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderType, Side, TimeInForce

#: Above every price: where no order waits on a side whose best price is the lowest.
NO_HIGH = 1 << 62
#: Below every price: where no order waits on a side whose best price is the highest.
NO_LOW = -1


class WorkingOrder:
    """One order of ours that the venue holds. `price` is None for market orders and plain stops."""

    __slots__ = (
        "ahead",
        "client_id",
        "filled",
        "instrument",
        "is_buy",
        "open",
        "order_id",
        "post_only",
        "price",
        "quantity",
        "reduce_only",
        "rejoins",
        "side",
        "stop",
        "tif",
        "traded",
        "waits",
    )

    def __init__(self, order: Order, order_id: str, instrument: Instrument) -> None:
        """Raises ValueError if price, stop price or quantity is off its tick or lot."""
        self.client_id = order.client_id
        self.order_id = order_id
        self.instrument = order.instrument
        self.side = order.side
        self.is_buy = order.side is Side.BUY
        self.quantity = instrument.to_lots(order.quantity)
        self.filled = instrument.to_lots(order.filled)
        limit = order.price if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None
        self.price = None if limit is None else instrument.to_ticks(limit)
        stop = order.stop_price if order.type in (OrderType.STOP, OrderType.STOP_LIMIT) else None
        self.stop = None if stop is None else instrument.to_ticks(stop)
        #: A stop whose price has not been reached.
        self.waits = self.stop is not None and not order.triggered
        self.tif: TimeInForce = order.tif
        self.post_only = order.post_only
        self.reduce_only = order.reduce_only
        self.open = True
        #: Lots of others before us at our price, and what traded there since the level's last update.
        self.ahead = 0
        self.traded = 0
        #: The book was not known when the order joined: its place is found with the next snapshot.
        self.rejoins = False

    @property
    def leaves(self) -> int:
        return self.quantity - self.filled


class PriceQueues:
    """Orders by price, first in first out at each price. `best` is the price that the market reaches first."""

    __slots__ = ("_keys", "_none", "_sign", "best", "levels")

    def __init__(self, *, highest_first: bool) -> None:
        self.levels: dict[int, list[WorkingOrder]] = {}
        self._sign = 1 if highest_first else -1
        self._none = NO_LOW if highest_first else NO_HIGH
        self._keys: list[int] = []  # sign × price, ascending: the best is last
        self.best = self._none

    def __bool__(self) -> bool:
        return bool(self.levels)

    def add(self, price: int, order: WorkingOrder) -> None:
        level = self.levels.get(price)
        if level is None:
            self.levels[price] = [order]
            insort(self._keys, self._sign * price)
            self.best = self._sign * self._keys[-1]
        else:
            level.append(order)

    def remove(self, price: int, order: WorkingOrder) -> None:
        """Take the order out if it is there."""
        level = self.levels.get(price)
        if level is None or order not in level:
            return
        level.remove(order)
        if not level:
            del self.levels[price]
            del self._keys[bisect_left(self._keys, self._sign * price)]
            self.best = self._sign * self._keys[-1] if self._keys else self._none

    def prices(self) -> list[int]:
        """Best first."""
        return [self._sign * key for key in reversed(self._keys)]
