"""The floor under every stream: what the venue shows when it is asked, turned into the events that the desk missed.

An order whose fate is unclear is asked about until the venue has said what became of it; a look-up that fails proves
nothing and is repeated. Differences are repaired by appending events, never by rewriting any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from workstation.clock import SECOND, Clock, next_beat
from workstation.domain.events import (
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReopened,
    OrderUnknown,
)
from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.order import CLOSED_STATES, ClientOrderId, Order, OrderState, state_word
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.fills_beyond import FillsBeyond
from workstation.trading.first_prices import FirstPrices
from workstation.trading.gateway import OrderGateway
from workstation.trading.lost_orders import LostOrders, never_seen
from workstation.trading.missed_reports import kind_of, missed_reports
from workstation.trading.order_state import more_than_filled
from workstation.trading.orders import Outcome, venue_of
from workstation.trading.roll_call import UNCLEAR, RollCall
from workstation.trading.venue_entries import VenueEntries
from workstation.venues.contract import (
    AsksByInstrument,
    KeepsMargin,
    KnowsStrangers,
    LinkState,
    RealLink,
    TakesLate,
    Venue,
    VenueError,
    VenueOrder,
    prices_only,
)
from workstation.venues.patience import answer_within
from workstation.venues.urgency import Urgency, urgent

#: States of an order that the venue's list of open orders settles.
_LISTED = frozenset(
    {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.TRIGGERED, OrderState.SUBMITTED, OrderState.UNKNOWN}
)
#: Ends that a venue told of. One that it does not keep to is a lost cancel: see `Reconciler._pull_again`.
_SAID_ENDED = frozenset({OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED})
#: How long ago an order must have ended (by the desk's clock) before a list that still shows it counts for anything.
_SETTLED = SECOND
#: Orders that are gone over between two turns of the event loop.
_ASKED_AT_ONCE = 64
#: So many fills are looked at before the others on the event loop have their turn.
_BOOKED_AT_ONCE = 500
#: How much longer than one look-up a list may take that comes page by page, through a queue.
_PAGES = 12
#: How far behind the newest known entry a venue's own entries are asked for: one that was missed lies behind it.
_ENTRIES_BACK = 7 * 86_400 * SECOND


class Strangers:
    """What a venue shows of orders that this desk never made."""

    def __init__(self) -> None:
        self.orders: list[VenueOrder] = []
        self.fills: list[Fill] = []


class Reconciler:
    """Asks venues about orders and fills, and feeds the answers to the gateway as the venue's own reports."""

    def __init__(
        self,
        *,
        core: TradingCore,
        gateway: OrderGateway,
        entries: VenueEntries,
        venues: Mapping[str, Venue],
        clock: Clock,
        log: DeskLog,
        patience: float = 3.0,
        timeout: float = 5.0,
        denial_span: float = 3.0,
    ) -> None:
        """In wall-clock seconds: `patience` with an answer before the venue is asked, `timeout` of one look-up (a
        list of many has more), `denial_span` between the first and the last denial that are needed to believe one.
        """
        self._core = core
        self._gateway = gateway
        self._entries = entries
        self._entries_seen: dict[str, int] = {}  # time of the newest entry at the last comparison, by venue
        self._venues = venues
        self._clock = clock
        self._log = log
        self._patience = patience
        self._timeout = timeout
        #: What the venues have said of orders without an answer.
        self.lost = LostOrders(core, venues, log, denial_span, gateway.sent)
        self._unclear_since: dict[ClientOrderId, float] = {}
        self._asking: dict[ClientOrderId, asyncio.Task[None]] = {}
        self._roll_call = RollCall(core, clock, timeout, partial(self._fetch_fills, whole=False))
        self._said_of: dict[ClientOrderId, str] = {}  # why an order could not be asked about, as it was told last
        self._first_prices = FirstPrices(core)
        self._beyond = FillsBeyond(core, gateway, venues, clock, log)
        gateway.fill_seen_to = self._beyond.take
        #: Told (venue, kind, words) of each difference between desk and venue that was found and repaired.
        self.on_difference: Callable[[str, str, str], None] = lambda *_: None

    # One order.

    def follow(self, client_id: ClientOrderId) -> None:
        """Ask about the order, again and again with growing pauses, until its fate is clear."""
        if client_id not in self._asking:
            task = asyncio.ensure_future(self._follow(client_id))
            self._asking[client_id] = task
            task.add_done_callback(lambda _: self._asking.pop(client_id, None))

    async def _follow(self, client_id: ClientOrderId) -> None:
        pause = 0.2
        with urgent(Urgency.BACKGROUND):  # a comparison of the whole venue goes first: it may settle this order too
            while await self.ask(client_id):
                await asyncio.sleep(pause)
                pause = min(pause * 1.6, 5.0)

    async def ask(self, client_id: ClientOrderId) -> bool:
        """Ask the venue about one order and apply what it says. True while the order's fate is still unclear."""
        order = self._core.orders.orders.get(client_id)
        if order is None or order.is_closed:
            return False
        if client_id in self._gateway.sending:
            return True
        venue = self._venues[venue_of(order.instrument)]
        if prices_only(venue):
            return False  # it cannot be asked: the order stays as it is
        try:
            shown, asked, listed = await self._look(venue, order)
            if shown is not None and shown.filled > self._core.orders.orders[client_id].filled:
                await self._fetch_fills(venue, order.created_at - SECOND, order.instrument)
        except (VenueError, TimeoutError, OSError) as error:
            if self._said_of.get(client_id) != (said := _said(error)):  # the same again and again is no news
                self._said_of[client_id] = said
                self._log.warning("orders", f"{venue.name} could not be asked about order {client_id}: {said}")
            return True
        self._said_of.pop(client_id, None)
        now = self._core.orders.orders[client_id]
        if now.is_open and (client_id in self._gateway.sending or more_than_filled(order, now)):
            return True  # the answer is of before: it says nothing of a change or a cancel sent since
        if shown is None and now.is_open:
            return self._never_had_it(venue, now, asked, listed)
        return shown is not None and await self._take(venue, client_id, shown, asked)

    def asks_alone(self, client_id: ClientOrderId) -> bool:
        """Whether the venue's word on this order takes a question of its own."""
        order = self._core.orders.orders[client_id]
        helped = self._roll_call.helps(self._venues[venue_of(order.instrument)], order)
        return not helped or self.lost.due(order, asyncio.get_running_loop().time())

    async def _look(self, venue: Venue, order: Order) -> tuple[VenueOrder | None, float, bool]:
        """What the venue shows of an order, when (by the loop's clock) it was asked, and whether that was by a list
        only."""
        loop = asyncio.get_running_loop()
        if self._roll_call.helps(venue, order) and not self.lost.due(order, loop.time()):
            picture = await self._roll_call.picture(venue, order.client_id)
            shown = picture.shown.get(order.client_id)
            if shown is not None or picture.whole:
                return shown, picture.asked, True
        async with self._roll_call.by_itself(venue):
            asked = loop.time()
            if self._core.orders.orders[order.client_id].is_closed:  # somebody else has asked meanwhile
                return None, asked, True
            return await answer_within(self._timeout, venue.order_status(order.client_id)), asked, False

    async def _take(
        self, venue: Venue, client_id: ClientOrderId, shown: VenueOrder, asked: float | None = None
    ) -> bool:
        """Apply what the venue, `asked` at that moment of the loop's, shows of an order of ours. True while its fate is
        still unclear."""
        order = self._core.orders.orders[client_id]
        if order.is_closed:
            return False
        self.lost.known(client_id)
        refused = asked is None or not self._change_may_come(order, asked)
        for event in missed_reports(order, shown, self._clock.now(), refused):
            if self._gateway.report(venue.name, event).outcome is Outcome.APPLIED:
                self.on_difference(venue.name, kind_of(event), f"order {client_id} on {order.instrument}")
        order = self._core.orders.orders[client_id]
        if order.state is OrderState.PENDING_CANCEL and shown.state not in (OrderState.CANCELED, OrderState.FILLED):
            try:  # the cancel may have been lost: a cancel, unlike an order, may be repeated
                await answer_within(self._timeout, venue.cancel(order))
            except (VenueError, TimeoutError, OSError) as error:
                self._log.warning("orders", f"{venue.name} did not cancel order {client_id}: {_said(error)}")
        order = self._core.orders.orders[client_id]
        return order.is_open and (order.state in UNCLEAR or order.filled < shown.filled)

    def _never_had_it(self, venue: Venue, order: Order, asked: float, listed: bool) -> bool:
        """The venue, `asked` at that moment of the loop's, says so; or a list of it (`listed`) lacks the order. True
        until the desk believes it: so long the order counts in risk as if it worked."""
        if not self.lost.denial(order, asked, listed):
            return True
        ts = self._clock.now()
        if never_seen(order):
            reason = f"{venue.name} says that it never had this order"
            self._gateway.report(venue.name, OrderRejected(client_id=order.client_id, ts=ts, reason=reason))
        else:
            reason = f"{venue.name} no longer knows this order, which it had accepted"
            self._log.error("orders", f"{reason}: {order.client_id}.")
            self._gateway.report(venue.name, OrderCanceled(client_id=order.client_id, ts=ts, reason=reason))
        return False

    def _change_may_come(self, order: Order, asked: float) -> bool:
        """Whether the change under way may be made after `asked`, a moment of the loop's: its request may be on its
        way, or the venue has taken it and not carried it out yet."""
        venue = self._venues[venue_of(order.instrument)]
        if not isinstance(venue, TakesLate):
            return False
        if (sent := self._gateway.changes.get(order.client_id)) is None:  # in an earlier run
            return self._clock.now() - order.updated_at < venue.request_life() * SECOND
        at, answered = sent
        return asked - at < (self.lost.span if answered else max(self.lost.span, venue.request_life()))

    # A venue.

    async def _fetch_fills(
        self, venue: Venue, since: int, only: InstrumentId | None = None, *, whole: bool = True
    ) -> list[Fill]:
        """Book the fills that were missed; those of orders that the desk never made, at venues that others use too.
        Where the venue is asked for each instrument by itself, `only` of this one, or (not `whole`) of those in which
        orders have worked."""
        strange: list[Fill] = []
        if not whole and isinstance(venue, AsksByInstrument):
            question = venue.fills_worked(since)
        elif only is not None and isinstance(venue, AsksByInstrument):
            question = venue.fills_of(only, since)
        else:
            question = venue.fills_since(since)
        fills = await answer_within(self._timeout * _PAGES, question)
        if isinstance(venue, KnowsStrangers):
            await self._first_prices.wait(venue.name, fills)
        for number, fill in enumerate(fills):
            if number % _BOOKED_AT_ONCE == _BOOKED_AT_ONCE - 1:
                await asyncio.sleep(0)
            if self._core.orders.knows_trade(venue.name, fill.trade_id):
                continue
            if fill.client_id not in self._core.orders.orders and isinstance(venue, KnowsStrangers):
                strange.append(fill)
                continue
            event = OrderFilled(client_id=fill.client_id, ts=self._clock.now(), fill=fill)
            if self._gateway.report(venue.name, event).outcome is Outcome.APPLIED:
                self.on_difference(venue.name, "missed fill", f"{fill.side} {plain(fill.quantity)} {fill.instrument}")
        return strange

    async def _fetch_entries(self, venue: Venue) -> None:
        """What the venue booked by itself and the desk has not heard of. A liquidation's order is ours from then on."""
        if not isinstance(venue, KeepsMargin):
            return
        newest, asked = self._core.newest_entry(venue.name), self._clock.now()
        since = max(0, self._entries_seen.get(venue.name, newest) - _ENTRIES_BACK)
        for entry in await answer_within(self._timeout * _PAGES, venue.entries_since(since)):
            self._entries.report(venue.name, entry)
        # a year without one is not asked for again and again
        self._entries_seen[venue.name] = max(newest, asked) if isinstance(venue, RealLink) else newest

    async def fills(self, venue: Venue, since: int) -> list[Fill]:
        """Book the fills since `since` (UTC ns) that were missed, and what the venue booked by itself meanwhile; fills
        of orders that the desk never made are given back."""
        await self._fetch_entries(venue)
        return await self._fetch_fills(venue, since)

    async def fills_in(self, venue: Venue, instrument: InstrumentId, since: int) -> list[Fill]:
        """As `fills`, of one instrument where the venue can be asked so, and without what it booked by itself."""
        return await self._fetch_fills(venue, since, instrument)

    async def venue(self, venue: Venue, since: int | None = None, *, whole: bool = True) -> Strangers:
        """Bring the desk to what the venue shows: its own entries, missed fills (since `since`, or the oldest open
        order), then every open order, then those that should have ended and work there still. What is there of orders
        that the desk never made is given back. Raises what look-ups raise."""
        await self._fetch_entries(venue)
        for order in self._core.orders.open_at(venue.name):
            if order.state is OrderState.INITIALIZED and order.client_id not in self._gateway.sending:
                # before its fills come: an order that was never sent could have none
                event = OrderUnknown(client_id=order.client_id, ts=self._clock.now(), reason="the desk stopped before")
                self._gateway.report(venue.name, event)
        open_orders = self._core.orders.open_at(venue.name)
        oldest = min((order.created_at for order in open_orders), default=self._clock.now()) - SECOND
        strangers = Strangers()
        strangers.fills = await self._fetch_fills(venue, oldest if since is None else since, whole=whole)
        open_there = await answer_within(self._timeout * _PAGES, venue.open_orders())
        listed = {shown.client_id: shown for shown in open_there}
        for number, before in enumerate(open_orders):
            if number % _ASKED_AT_ONCE == _ASKED_AT_ONCE - 1:
                await asyncio.sleep(0)  # a simulated venue answers at once: the loop shall breathe
            order = self._core.orders.orders[before.client_id]
            if order.client_id in self._gateway.sending or order.is_closed:
                continue
            if order.client_id in self._asking and order.client_id not in listed and never_seen(order):
                continue  # its fate is asked for already, and the comparison need not wait for that
            shown = listed.get(order.client_id)
            # what was being changed while the list was made, changed since, or filled more than is known, is asked
            # about by itself
            unchanged = order is before and order.state in _LISTED
            whole = shown is not None and unchanged and shown.filled <= order.filled
            unclear = await (
                self._take(venue, order.client_id, shown) if whole and shown else self.ask(order.client_id)
            )
            if unclear:
                self.follow(order.client_id)
        known = self._core.orders.orders
        for shown in listed.values():
            if shown.client_id in known:
                await self._pull_again(venue, shown)
                continue
            strangers.orders.append(shown)
            if not isinstance(venue, KnowsStrangers):
                self._log.warning(
                    "orders", f"{venue.name} shows order {shown.client_id} on {shown.instrument}, which is not ours."
                )
        return strangers

    async def _pull_again(self, venue: Venue, shown: VenueOrder) -> None:
        """Of an order of ours that the venue lists as working: if it should have ended, it is open again (and counts
        so in risk), and is cancelled anew; at every comparison, until the venue lists it no more."""
        order = self._core.orders.orders[shown.client_id]
        if order.is_closed and await self._works_still(venue, order):
            reason = f"{venue.name} had said that it was {state_word(order.state)}, and shows it as working"
            kind = "lost cancel" if order.state is not OrderState.REJECTED else "missed acceptance"
            event = OrderReopened(
                client_id=order.client_id, ts=self._clock.now(), venue_order_id=shown.venue_order_id, reason=reason
            )
            if self._gateway.report(venue.name, event).outcome is Outcome.APPLIED:
                self.on_difference(venue.name, kind, f"order {order.client_id} on {order.instrument}")
                self._log.error("orders", f"Order {order.client_id}: {reason}. It is cancelled again.")
        order = self._core.orders.orders[shown.client_id]
        if order.state in _LISTED and self._was_reopened(order):
            await self._gateway.cancel(order.client_id)

    async def _works_still(self, venue: Venue, order: Order) -> bool:
        """Whether an order that ended works at its venue all the same, asked about by itself: the list may have been
        made before the end. What it filled is booked first."""
        if order.state not in _SAID_ENDED or self._clock.now() - order.updated_at < _SETTLED:
            return False
        shown = await answer_within(self._timeout, venue.order_status(order.client_id))
        if shown is None or shown.state in CLOSED_STATES:
            return False
        if shown.filled > self._core.orders.orders[order.client_id].filled:
            await self._fetch_fills(venue, order.created_at - SECOND, order.instrument)
        return self._core.orders.orders[order.client_id].state is order.state

    def _was_reopened(self, order: Order) -> bool:
        return any(isinstance(event, OrderReopened) for event in self._core.orders.history(order.client_id))

    async def run(self, every: float = 0.5, full_every: float = 60.0) -> None:
        """The floor: ask about whatever has been unclear for too long; go over every connected venue once a minute."""
        loop = asyncio.get_running_loop()
        next_full = loop.time() + full_every
        while True:
            await asyncio.sleep(next_beat(loop.time(), every) - loop.time())
            now = loop.time()
            unclear = {
                order.client_id
                for order in self._core.orders.open_orders()
                if order.state in UNCLEAR and not prices_only(self._venues[venue_of(order.instrument)])
            }
            self._unclear_since = {cid: self._unclear_since.get(cid, now) for cid in unclear}
            for client_id, since in self._unclear_since.items():
                if now - since >= self._patience:
                    self.follow(client_id)
            if now >= next_full:
                next_full = now + full_every
                for venue in self._venues.values():
                    if venue.link is LinkState.CONNECTED and not isinstance(venue, RealLink):
                        await self._guarded(venue)

    async def _guarded(self, venue: Venue) -> None:
        try:
            await self.venue(venue)
        except (VenueError, TimeoutError, OSError) as error:
            self._log.warning("orders", f"{venue.name} could not be compared with the store: {_said(error)}")

    async def close(self) -> None:
        self._beyond.close()
        self._roll_call.close()
        for task in list(self._asking.values()):
            task.cancel()


def _said(error: Exception) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
