"""Says that the store does not answer while orders wait for it: a disk that hangs fails nothing, and without a word the
trader would believe in orders, exits and stops that do not leave."""

from __future__ import annotations

from collections.abc import Callable

from workstation.domain.order import ClientOrderId, OrderState
from workstation.log import DeskLog
from workstation.trading.gateway import OrderGateway


class SlowStore:
    """`look` is called every other second."""

    def __init__(self, gateway: OrderGateway, log: DeskLog) -> None:
        self._gateway, self._log = gateway, log
        #: Told as well, and whether it is bad.
        self.on_told: Callable[[str, bool], object] = lambda *_: None
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
            self._tell(
                "The store has not answered for 2 s and more: its disk may hang. No order leaves the desk until it "
                "does, no exit and no stop that this desk holds either; the kill switch closes without it.",
                True,
            )
        elif not waiting and self._told:
            self._tell("The store answers again.", False)
        self._told = hangs or (self._told and bool(waiting))

    def _tell(self, text: str, bad: bool) -> None:
        (self._log.error if bad else self._log.warning)("store", text)
        self.on_told(text, bad)
