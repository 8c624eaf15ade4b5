"""Named sets of orders (plans, rebalances, routes) and which orders are theirs: what their folds share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order


class OrderSet(Protocol):
    """A durable parent of orders, each of which names it as its plan, and as its leg what it is of it (the instrument,
    in a rebalance or a route)."""

    @property
    def set_id(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def created_at(self) -> int: ...


class OrderSets[S: OrderSet]:
    """Feeding the journal into an empty book gives the same sets and the same orders of them again."""

    PREFIX = ""  # with which the ids of these sets begin

    def __init__(self, orders: Mapping[ClientOrderId, Order]) -> None:
        """`orders`: every order of the desk, kept up to date by the order manager."""
        self.sets: dict[str, S] = {}
        #: Grows with everything that happens to a set or to an order of one.
        self.version = 0
        self._orders = orders
        self._children: dict[str, list[ClientOrderId]] = {}
        self._of_leg: dict[tuple[str, str], list[ClientOrderId]] = {}
        self._unsettled: dict[str, None] = {}

    def _put(self, after: S) -> S:
        self.sets[after.set_id] = after
        self._unsettled[after.set_id] = None
        self.version += 1
        return after

    def took(self, order: Order) -> None:
        """An order's intent is known: if it names a set it is that one's from now on."""
        if order.plan and order.plan.startswith(self.PREFIX):
            self._children.setdefault(order.plan, []).append(order.client_id)
            self._of_leg.setdefault((order.plan, order.leg), []).append(order.client_id)

    def touched(self, order: Order) -> None:
        """Something happened to an order of a set: it may want something again, even if it has ended (a late fill)."""
        set_id = self._parent(order)
        if set_id in self.sets:
            self._unsettled[set_id] = None
            self.version += 1

    def _parent(self, order: Order) -> str:
        """The id of the set that an order belongs to, if to any."""
        return order.plan

    def of(self, order: Order) -> S | None:
        return self.sets.get(self._parent(order))

    def orders(self, set_id: str, instrument: InstrumentId | None = None) -> list[Order]:
        """Its orders (in one instrument) as they stand now, the oldest first."""
        ids = self._children.get(set_id, []) if instrument is None else self._of_leg.get((set_id, instrument), [])
        return [self._orders[client_id] for client_id in ids]

    def active(self) -> list[S]:
        """Those that want something, paused ones too, oldest first."""
        return [one for one in self.unsettled() if one.is_active]

    @property
    def stirs(self) -> bool:
        """Whether some set may want something: quicker to know than which."""
        return bool(self._unsettled)

    def unsettled(self) -> list[S]:
        """Those that want something, or whose orders are not all closed, oldest first."""
        for set_id in list(self._unsettled):
            if self._is_settled(self.sets[set_id]):
                del self._unsettled[set_id]
        return sorted((self.sets[set_id] for set_id in self._unsettled), key=lambda one: (one.created_at, one.set_id))

    def _is_settled(self, one: S) -> bool:
        return not one.is_active and not any(order.is_open for order in self.orders(one.set_id))
