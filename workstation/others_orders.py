"""Orders on the account that this desk never made: a second desk's, a bot's, the trader's own by telephone.

Where they are adopted (`external_orders`), that happens at the first word of one: from then on the books have its fills
as they come, and risk limits judge by the position that there is. Whatever could not be adopted so is met by the next
comparison. Neither takes the right to trade from this desk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from workstation.clock import SECOND, Clock
from workstation.comparison_rounds import BACK
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.order import ClientOrderId, Order
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.gateway import OrderGateway
from workstation.trading.order_ids import made_by_kill, made_by_tws
from workstation.trading.reconcile import Reconciler, Strangers
from workstation.venues.contract import DELEVERAGED, LIQUIDATED, SETTLED, KnowsStrangers, Venue
from workstation.venues.patience import answer_within

#: Of the orders that come within so long of one that was warned of, the log has a line in passing.
_WARNED = 10 * SECOND


class OthersOrders:
    """Of all venues whose accounts others use too."""

    def __init__(
        self,
        *,
        core: TradingCore,
        gateway: OrderGateway,
        reconciler: Reconciler,
        clock: Clock,
        log: DeskLog,
        found: Callable[[str, str, str], None],
        timeout: float,
    ) -> None:
        """`found`: takes venue, kind and words of a difference; `timeout`: seconds for one question to a venue."""
        self._core = core
        self._gateway = gateway
        self._reconciler = reconciler
        self._clock = clock
        self._log = log
        self._found = found
        self._timeout = timeout
        self._told: set[ClientOrderId] = set()  # those that the log has
        self._warned: dict[str, int] = {}  # venue → when the log last warned

    def introduce(self, venue: Venue) -> None:
        """Before the venue connects."""
        if isinstance(venue, KnowsStrangers):
            venue.known_order = self._core.orders.orders.get
            venue.on_stranger = partial(self._heard, venue, venue.name)

    def _heard(self, venue: KnowsStrangers, name: str, order: Order) -> bool:
        if not venue.adopts or order.instrument not in self._core.instruments:
            return False
        if name in self._core.behind:  # the books may lack what has filled before
            return False
        if order.client_id not in self._core.orders.orders:
            self._adopt(name, order)
        return True

    async def meet(self, venue: Venue, strangers: Strangers) -> None:
        """Those that a comparison has found."""
        assert isinstance(venue, KnowsStrangers)
        ids: dict[ClientOrderId, InstrumentId] = {fill.client_id: fill.instrument for fill in strangers.fills}
        ids |= {order.client_id: order.instrument for order in strangers.orders}
        own: set[ClientOrderId] = set()
        for client_id, instrument in ids.items():
            if client_id in self._told and not venue.adopts:
                continue
            order = await answer_within(self._timeout, venue.stranger(client_id, instrument))
            if order is None:
                continue
            if order.client_id in self._core.orders.orders:  # ours after all: a fill had named only the venue's id
                own.add(order.client_id)
                continue
            if not venue.adopts:
                self._told.add(client_id)
                self._tell(venue.name, order, "ignored", "Ignored.")
                continue
            self._adopt(venue.name, order)
            own.add(order.client_id)
        if own:
            oldest = min(fill.ts for fill in strangers.fills) if strangers.fills else self._clock.now() - BACK
            await self._reconciler.fills(venue, oldest - SECOND)
            for client_id in own:
                await self._reconciler.ask(client_id)

    def _adopt(self, venue: str, order: Order) -> None:
        if made_by_kill(order.client_id):
            order = msgspec.structs.replace(order, note="tws kill, past this desk")
        self._gateway.records.adopt(order)
        self._tell(venue, order, "adopted", "It is the desk's own now.")

    def _tell(self, venue: str, order: Order, became: str, ends: str) -> None:
        words = f"{order.side} {plain(order.quantity)} {order.instrument}, order {order.venue_order_id}"
        if order.note in (LIQUIDATED, DELEVERAGED, SETTLED):
            self._found(venue, "closed by the venue", f"{words}: {became}")
            text = f"{order.instrument} was {order.note}: {words}."
            if order.note == SETTLED:
                self._log.warning("position", text)
            else:
                self._log.error("position", text)
            return
        if made_by_kill(order.client_id):
            self._found(venue, "closed by tws kill", f"{words}: {became}")
            self._log.warning("orders", f"{venue}: closed by tws kill, past this desk: {words}.")
            return
        self._found(venue, "external order", f"{words}: {became}")
        now = self._clock.now()
        warn = now - self._warned.get(venue, -_WARNED) >= _WARNED
        if warn:
            self._warned[venue] = now
        say = self._log.warning if warn else self._log.info
        maker = "that this desk did not make"
        if made_by_tws(order.client_id):
            maker = "that another desk of tws made, or this one before its store was replaced"
        say("orders", f"{venue} has an order {maker}: {words}. {ends}")
