"""Orders whose request went without an answer: what their venue has said of them so far, and for how long the request
may still be taken. So long they count as if they worked; what closes a position of contracts need not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from workstation.domain.numbers import plain
from workstation.domain.order import ClientOrderId, Order
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.orders import venue_of
from workstation.venues.contract import TakesLate, Venue

#: How often (and over `span`) a venue must say that it never had an order before the desk believes it. A request may
#: still have been on its way at the first answers: where it can be taken late, an answer counts that was asked for
#: once it no longer can.
_DENIALS = 3


class LostOrders:
    """Told of each denial by the reconciler; asked by whoever wants to close a position beside such an order."""

    def __init__(
        self,
        core: TradingCore,
        venues: Mapping[str, Venue],
        log: DeskLog,
        span: float,
        sent: Mapping[ClientOrderId, float],
    ) -> None:
        """`span`: wall-clock seconds between the first and the last denial that are needed to believe one; `sent`: when
        orders left the desk, of this run, by the loop's clock."""
        self._core, self._venues, self._log, self._sent = core, venues, log, sent
        self.span = span
        self._denials: dict[ClientOrderId, tuple[int, float, float]] = {}  # how often; asked first and last
        #: Called after each denial that is not believed yet: who waits may look again.
        self.on_denial: Callable[[ClientOrderId], None] = lambda _: None

    def denial(self, order: Order, asked: float, listed: bool = False) -> bool:
        """The order's venue, `asked` at that moment of the loop's, says that it does not know it; or (`listed`) a list
        that should show it does not: that alone is never believed. Whether it is believed now."""
        count, first, _ = self._denials.get(order.client_id, (0, asked, asked))
        self._denials[order.client_id] = (count + 1, first, asked)
        span = self._span_of(order)
        if count == 0 and span > self.span:
            self._log.info(
                "orders",
                f"{venue_of(order.instrument)} does not know order {order.client_id} so far: until {span:.0f} s have "
                f"passed it may still come, and counts as a working order.",
            )
        if listed or not self._believed(order, count + 1, first, asked):
            self.on_denial(order.client_id)
            return False
        del self._denials[order.client_id]
        return True

    def _believed(self, order: Order, count: int, first: float, asked: float) -> bool:
        since = min(first, self._sent.get(order.client_id, first))
        return count >= _DENIALS and asked - first >= self.span and asked - since >= self._span_of(order)

    def due(self, order: Order, asked: float) -> bool:
        """Whether another denial, asked for then, would be believed."""
        count, first, _ = self._denials.get(order.client_id, (0, asked, asked))
        return self._believed(order, count + 1, first, asked)

    def known(self, client_id: ClientOrderId) -> None:
        """Its venue shows it: it is lost no more."""
        self._denials.pop(client_id, None)

    def denials(self, client_id: ClientOrderId) -> int:
        """How often the venue of an open order has said that it does not know it."""
        order = self._core.orders.orders.get(client_id)
        return 0 if order is None or order.is_closed else self._denials.get(client_id, (0, 0.0, 0.0))[0]

    def denied(self, client_id: ClientOrderId) -> bool:
        """Whether the order is open without an answer, and its venue has said often enough, over `span`, that it does
        not know it: only its request may still come."""
        _, first, last = self._denials.get(client_id, (0, 0.0, 0.0))
        return self.denials(client_id) >= _DENIALS and last - first >= self.span

    def words(self, order: Order) -> str:
        """What an order that is lost is waited for, and how long at most: "NOVA has not answered … for up to 28 s"."""
        venue, left = venue_of(order.instrument), self._span_of(order)
        since = [found[1]] if (found := self._denials.get(order.client_id)) else []
        since += [at] if (at := self._sent.get(order.client_id)) is not None else []
        if since:
            left -= asyncio.get_running_loop().time() - min(since)
        what = f"{order.side.upper()} {plain(order.leaves)} {order.instrument.partition(':')[2]}"
        return f"{venue} has not answered on the order {what}, and may still take it for up to {max(1.0, left):.0f} s"

    def _span_of(self, order: Order) -> float:
        """Seconds from when the order was sent (or, of an earlier run, the first denial) until one is believed."""
        venue = self._venues[venue_of(order.instrument)]
        if never_seen(order) and isinstance(venue, TakesLate):
            return max(self.span, venue.request_life())
        return self.span


def never_seen(order: Order) -> bool:
    """Whether nothing was ever heard of the order from its venue."""
    return order.venue_order_id is None and not order.filled
