"""Our orders inside the matching engine, in whole ticks and lots, and the queues in which they wait."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple, multiply
from workstation.domain.order import Order, OrderType, Side, TimeInForce

#: Above every price: where no order waits on a side whose best price is the lowest.
NO_HIGH = 1 << 62
#: Below every price: where no order waits on a side whose best price is the highest.
NO_LOW = -1
#: Trailing distances are kept in millionths of the price: hundredths of a basis point.
_MILLION = 1_000_000


class WorkingOrder:
    """One order of ours that the venue holds. `price` is None for market orders and what becomes one."""

    __slots__ = (
        "activation",
        "ahead",
        "client_id",
        "display",
        "filled",
        "follows",
        "instrument",
        "is_buy",
        "open",
        "order_id",
        "post_only",
        "price",
        "quantity",
        "reduce_only",
        "rejoins",
        "rises",
        "side",
        "slice",
        "stop",
        "tif",
        "traded",
        "trail",
        "trail_rate",
        "waits",
    )

    def __init__(self, order: Order, order_id: str, instrument: Instrument) -> None:
        """Raises ValueError if a price, a distance or a quantity is off its tick or lot."""
        self.client_id = order.client_id
        self.order_id = order_id
        self.instrument = order.instrument
        self.side = order.side
        self.is_buy = order.side is Side.BUY
        self.quantity = instrument.to_lots(order.quantity)
        self.filled = instrument.to_lots(order.filled)
        self.price = instrument.to_ticks(order.price) if order.type.has_limit and order.price is not None else None
        triggers = order.type.has_trigger
        #: The trigger; None for a trailing stop that does not follow yet.
        self.stop = instrument.to_ticks(order.stop_price) if triggers and order.stop_price is not None else None
        #: Whether the market must come up to the trigger; else it must come down.
        self.rises = self.is_buy is not order.type.takes_profit
        #: Its trigger has not been reached.
        self.waits = triggers and not order.triggered
        self.follows = order.type is OrderType.TRAILING_STOP
        self.trail = instrument.to_ticks(order.trail) if order.trail is not None else 0
        self.trail_rate = millionths(order.trail_bps) if order.trail_bps is not None else 0
        activation = order.activation_price
        self.activation = None if activation is None else instrument.to_ticks(activation)
        #: Lots of an iceberg that show at a time, and what is left of those that show now.
        self.display = None if order.display is None else instrument.to_lots(order.display)
        self.slice = 0
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

    @property
    def shown(self) -> int:
        """Lots that stand in the queue for all to see: all that is left, or the slice of an iceberg."""
        left = self.quantity - self.filled
        return left if self.display is None else min(left, self.slice)

    def stop_behind(self, price: int) -> int:
        """Where a trailing stop that follows `price` stands; not above zero if there is no room for it."""
        distance = self.trail or max(1, -(-price * self.trail_rate // _MILLION))
        return price + distance if self.rises else price - distance


def millionths(bps: Decimal) -> int:
    """Basis points → millionths. Raises ValueError for what is finer than a hundredth of a basis point."""
    if not is_multiple(bps, Decimal("0.01")):
        raise ValueError(f"{bps} basis points are finer than 0.01")
    return int(multiply(bps, Decimal(100)))


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
