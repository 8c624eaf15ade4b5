"""Fills beyond the quantity that the desk believes of their order: the order was changed at its venue, by others or by
a change whose answer is still missing. A fill is a fact; so the venue is asked for the order, and when that shows the
larger quantity the fill is booked. What the venue does not bear out is not booked: it may be one fill by two names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from workstation.clock import Clock
from workstation.domain.events import OrderAmended, OrderFilled
from workstation.domain.numbers import add, plain
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.orders import Outcome
from workstation.venues.contract import Venue, VenueError, VenueOrder
from workstation.venues.order_terms import CHANGED_THERE
from workstation.venues.patience import answer_within

if TYPE_CHECKING:
    from workstation.trading.gateway import OrderGateway

#: Seconds before the venue is asked again; an answer that does not bear a fill out counts from the third on.
_PAUSES = (0.0, 0.3, 0.6, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 10.0, 10.0, 20.0)
_NEVER = (OrderState.INITIALIZED, OrderState.DENIED)


class FillsBeyond:
    """Told by the gateway of each fill that an order could not take. All on the event loop."""

    def __init__(
        self, core: TradingCore, gateway: OrderGateway, venues: Mapping[str, Venue], clock: Clock, log: DeskLog
    ) -> None:
        self._core, self._gateway, self._venues, self._clock, self._log = core, gateway, venues, clock, log
        self._waiting: dict[ClientOrderId, dict[str, OrderFilled]] = {}  # by trade id
        self._given_up: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.timeout = 5.0  # wall-clock seconds of one question

    def take(self, venue: str, event: OrderFilled) -> bool:
        """Whether the fill goes beyond its order's quantity and nothing else is wrong with it: then it is seen to."""
        order, fill = self._core.orders.orders.get(event.client_id), event.fill
        if order is None or order.state in _NEVER or (fill.instrument, fill.side) != (order.instrument, order.side):
            return False
        needed = add(order.filled, fill.quantity)
        if needed <= order.quantity:
            return False
        if order.pending_quantity is not None and needed <= order.pending_quantity:
            self._gateway.report(venue, self._amended(order, order.pending_quantity))  # the fill proves it
            return self._gateway.report(venue, event).outcome is Outcome.APPLIED
        if (venue, fill.trade_id) in self._given_up:
            return True
        waiting = self._waiting.setdefault(event.client_id, {})
        if fill.trade_id not in waiting:
            self._log.warning(
                "orders",
                f"{venue} reports a fill of {plain(fill.quantity)} that goes beyond the {plain(order.quantity)} of "
                f"order {order.client_id}: it is asked what the order is now.",
            )
            waiting[fill.trade_id] = event
            if len(waiting) == 1:
                task = asyncio.ensure_future(self._ask(venue, event.client_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return True

    async def _ask(self, venue: str, client_id: ClientOrderId) -> None:
        answers = 0
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                shown = await answer_within(self.timeout, self._venues[venue].order_status(client_id))
            except (VenueError, TimeoutError, OSError):
                continue  # it proves nothing
            order = self._core.orders.orders[client_id]
            whole = order.quantity if shown is None else max(shown.quantity, shown.filled)
            if whole > order.quantity:
                self._gateway.report(venue, self._amended(order, whole, shown))
            if not self._booked(venue, client_id):
                return
            answers += 1
            if answers >= 3 and pause >= 5.0:
                break
        left = self._waiting.pop(client_id)
        self._given_up |= {(venue, trade_id) for trade_id in left}
        quantity = reduce(add, (event.fill.quantity for event in left.values()))
        self._log.error(
            "orders",
            f"{venue} has reported fills of {plain(quantity)} beyond the quantity of order {client_id}, and does not "
            "show the order as that large: they are not booked. The next comparison brings what the account holds.",
        )

    def _booked(self, venue: str, client_id: ClientOrderId) -> bool:
        """Book what fits by now; whether anything is left."""
        waiting = self._waiting[client_id]
        for trade_id, event in list(waiting.items()):
            order = self._core.orders.orders[client_id]
            fits = add(order.filled, event.fill.quantity) <= order.quantity
            if self._core.orders.knows_trade(venue, trade_id) or (
                fits and self._gateway.report(venue, event).outcome is Outcome.APPLIED
            ):
                del waiting[trade_id]
        if not waiting:
            del self._waiting[client_id]
        return bool(waiting)

    def _amended(self, order: Order, quantity: Decimal, shown: VenueOrder | None = None) -> OrderAmended:
        pending = order.state is OrderState.PENDING_AMEND and quantity == order.pending_quantity
        price, reason = order.pending_price if pending else None, "" if pending else CHANGED_THERE
        if not pending and shown is not None and None not in (order.price, shown.price) and shown.price != order.price:
            price = shown.price  # it may have been changed with the quantity
        return OrderAmended(
            client_id=order.client_id,
            ts=self._clock.now(),
            quantity=quantity,
            price=price,
            stop_price=order.pending_stop_price if pending else None,
            reason=reason,
        )

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
