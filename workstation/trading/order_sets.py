"""Named sets of orders (rebalances, routes) and which orders are theirs: the part of the fold that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order


class OrderSet(Protocol):
    """A durable parent of orders, each of which names it as its plan and its instrument as its leg."""

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
        self._children: dict[str, dict[InstrumentId, list[ClientOrderId]]] = {}
        self._unsettled: dict[str, None] = {}

    def _put(self, after: S) -> S:
        self.sets[after.set_id] = after
        self._unsettled[after.set_id] = None
        self.version += 1
        return after

    def took(self, order: Order) -> None:
        """An order's intent is known: if it names a set it is that one's from now on."""
        if order.plan.startswith(self.PREFIX):
            self._children.setdefault(order.plan, {}).setdefault(order.leg, []).append(order.client_id)

    def touched(self, order: Order) -> None:
        """Something happened to an order of a set."""
        if order.plan in self.sets:
            self._unsettled[order.plan] = None
            self.version += 1

    def of(self, order: Order) -> S | None:
        return self.sets.get(order.plan)

    def orders(self, set_id: str, instrument: InstrumentId | None = None) -> list[Order]:
        """Its orders (in one instrument) as they stand now, each instrument's oldest first."""
        by_leg = self._children.get(set_id, {})
        wanted = by_leg.values() if instrument is None else [by_leg.get(instrument, [])]
        return [self._orders[client_id] for ids in wanted for client_id in ids]

    def active(self) -> list[S]:
        """Those that want something, paused ones too, oldest first."""
        return [one for one in self.unsettled() if one.is_active]

    def unsettled(self) -> list[S]:
        """Those that want something, or whose orders are not all closed, oldest first."""
        for set_id in list(self._unsettled):
            if not self.sets[set_id].is_active and not any(order.is_open for order in self.orders(set_id)):
                del self._unsettled[set_id]
        return sorted((self.sets[set_id] for set_id in self._unsettled), key=lambda one: (one.created_at, one.set_id))
