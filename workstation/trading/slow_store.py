"""Says that the store does not answer while orders wait for it: a disk that hangs fails nothing, and without a word the
trader would believe in orders, exits and stops that do not leave."""

from __future__ import annotations

from workstation.domain.order import ClientOrderId, OrderState
from workstation.log import DeskLog
from workstation.trading.gateway import OrderGateway


class SlowStore:
    """`look` is called every other second."""

    def __init__(self, gateway: OrderGateway, log: DeskLog) -> None:
        self._gateway, self._log = gateway, log
        self._waiting: set[ClientOrderId] = set()  # at the last look
        self._told = False

    def look(self) -> None:
        orders = self._gateway.core.orders.orders
        waiting = {
            each
            for each in self._gateway.sending
            if (order := orders.get(each)) is not None and order.state is OrderState.INITIALIZED
        }
        hangs = bool(waiting & self._waiting)
        self._waiting = waiting
        if hangs and not self._told:
            self._log.error(
                "store",
                "The store has not answered for 2 s and more: its disk may hang. No order leaves the desk until it "
                "does, no exit and no stop that this desk holds either; the kill switch closes without it.",
            )
        elif not waiting and self._told:
            self._log.warning("store", "The store answers again.")
        self._told = hangs or (self._told and bool(waiting))
