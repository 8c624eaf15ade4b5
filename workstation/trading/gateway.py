"""The way of an order out to its venue and of reports back in: the async shell around `TradingCore`.

The promise kept here: an order's intent is durable before its venue hears of it, and no order is ever sent twice.
The closing orders of the kill switch alone do not wait for a store that fails: see without_store.py.
A send without an answer makes the order UNKNOWN; the reconciler asks, and nothing is assumed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from workstation.bus import Bus
from workstation.clock import Clock
from workstation.domain.events import (
    OrderAmendRejected,
    OrderCancelRejected,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderInitialized,
    OrderPendingAmend,
    OrderPendingCancel,
    OrderRejected,
    OrderSubmitted,
    OrderUnknown,
    TradingState,
)
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, Side, TimeInForce, state_word
from workstation.domain.session import session_end
from workstation.interpreter import collector
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.fee_values import FeeValues
from workstation.trading.journal import Journal
from workstation.trading.order_records import OrderRecords
from workstation.trading.orders import Applied, Outcome, venue_of
from workstation.trading.risk import KILL
from workstation.trading.without_store import WithoutStore
from workstation.venues.contract import (
    LinkState,
    NoAnswer,
    Prepares,
    Venue,
    VenueError,
    VenueUnreachable,
    Withheld,
    prices_only,
)
from workstation.venues.patience import Patience, answer_within
from workstation.venues.urgency import unless

_PULLED = "It was not sent: it was pulled while it waited in the queue."


class _Entry:
    """One order on its way to the journal."""

    __slots__ = ("check", "denied", "draft", "entered", "failure", "initialized", "order", "refusal", "venue")

    def __init__(self, draft: OrderDraft, order: Order, venue: Venue) -> None:
        self.draft = draft
        self.order = order
        self.venue = venue
        self.initialized = OrderInitialized(client_id=order.client_id, ts=order.created_at, order=order)
        self.entered = False  # it has been judged, and everybody sees it
        self.refusal: str | None = "It was not judged."  # without a judgement nothing is sent
        self.check = ""  # that refused it
        self.denied: OrderDenied | None = None
        self.failure: Exception | None = None  # why it could not be judged


class OrderGateway:
    """Sends, amends and cancels; takes the venues' reports. All on the event loop."""

    def __init__(
        self,
        *,
        core: TradingCore,
        venues: Mapping[str, Venue],
        journal: Journal,
        clock: Clock,
        bus: Bus,
        log: DeskLog,
        next_id: Callable[[], ClientOrderId],
        answer_timeout: float = 5.0,
        session_ends: int = 0,
    ) -> None:
        """`answer_timeout`: wall-clock seconds after which a command counts as unanswered; `session_ends`: time of day,
        in ns after midnight UTC, at which DAY orders end.
        """
        self.core = core
        self.venues = venues
        self._journal = journal
        self._clock = clock
        self._log = log
        self._next_id = next_id
        self.fees = FeeValues(core, log)
        self._answer_timeout = answer_timeout
        self._session_ends = session_ends
        self._tasks: set[asyncio.Task[object]] = set()
        #: Orders whose intent is being stored or whose request is on its way: nothing may be concluded about them.
        self.sending: set[ClientOrderId] = set()
        self._next_entry: asyncio.Future[None] | None = None  # of somebody who waits for it
        self._queued: dict[ClientOrderId, Patience] = {}  # of those that are with their venue, or on the way there
        self._withdrawn: set[ClientOrderId] = set()  # cancelled before their request was answered
        #: Orders without an answer: when their request left, by the loop's clock.
        self.sent: dict[ClientOrderId, float] = {}
        #: Changes of orders that were sent: at which moment of the loop's, and whether the venue has answered.
        self.changes: dict[ClientOrderId, tuple[float, bool]] = {}
        self.without_store = WithoutStore(core, clock, log, min(3.0, answer_timeout))
        self.records = OrderRecords(core, journal, clock, bus, log, self.without_store.ended)
        #: Asked of a fill that its order cannot take: whether somebody sees to it.
        self.fill_seen_to: Callable[[str, OrderFilled], bool] = lambda _venue, _event: False
        #: Called before an order of the desk is judged and taken in.
        self.before_entry: Callable[[], object] = lambda: None
        #: Told of a venue that could not be reached, gave no answer or failed.
        self.on_venue_error: Callable[[str], None] = lambda _: None
        self.on_unanswered: Callable[[ClientOrderId], None] = lambda _: None
        #: Why nothing may leave the desk, or None: a halt from outside that the event loop has not taken yet.
        self.barred: Callable[[], str | None] = lambda: None

    # Out to the venue.

    def link_up(self, instrument: InstrumentId) -> bool:
        return self.venues[venue_of(instrument)].link is LinkState.CONNECTED

    def next_id(self) -> ClientOrderId:
        """A fresh id, for who must know it before the order is entered."""
        return self._next_id()

    def session_end(self) -> int:
        """UTC ns at which a DAY order of now ends."""
        return session_end(self._clock.now(), self._session_ends)

    async def submit(self, draft: OrderDraft, client_id: ClientOrderId | None = None) -> Order:
        """Check, store, send. Returns the order as it stands once the venue has taken the request, DENIED included.

        `client_id` is for who had to know it before and took it from `next_id`.

        The work goes on even if the caller is cancelled: a stored intent is always followed to its end.
        """
        # at once: what else waits for its turn of the loop does not come before a hotkey's way to the disk
        return await self._whole(self._submit(draft, client_id or self._next_id()), at_once=True)

    async def _submit(self, draft: OrderDraft, client_id: ClientOrderId) -> Order:
        if client_id in self.core.orders.orders or client_id in self.sending:
            raise RuntimeError(f"The order {client_id} exists already.")
        now = self._clock.now()
        if draft.tif is TimeInForce.DAY and draft.expire_at is None:
            draft = msgspec.structs.replace(draft, expire_at=self.session_end())
        entry = _Entry(draft, Order.from_draft(draft, client_id, now), self.venues[venue_of(draft.instrument)])
        self.sending.add(client_id)
        try:
            return await self._store_and_send(entry)
        finally:
            self.sending.discard(client_id)
            self._withdrawn.discard(client_id)
            self._entered()
            order = self.core.orders.orders.get(client_id)
            if order is not None and order.state is OrderState.UNKNOWN:
                self.on_unanswered(client_id)

    def _enter(self, entry: _Entry) -> None:
        """Judge an order and take it in: while the disk writes its intent, when nothing else can be done for it."""
        collector.keep_away()
        draft, order = entry.draft, entry.order
        try:
            self.before_entry()
        except Exception as error:  # no order fails for the sake of a figure
            self._log.error("orders", f"What comes before an order failed: {error!r}")
        try:
            verdicts = self.core.judge(draft, order.created_at, entry.venue.link is LinkState.CONNECTED)
            refused = next((verdict for verdict in verdicts if not verdict.ok), None)
            refusal, entry.check = (None, "") if refused is None else (refused.sentence, refused.check)
            if refusal is None and draft.origin != KILL and (bar := self.barred()) is not None:
                refusal = f"The desk is being halted: {bar}."
        except Exception as error:
            entry.failure, refusal = error, f"It could not be judged: {error!r}"
        entry.refusal, entry.entered = refusal, True
        self.records.fold(entry.initialized)
        self._entered()
        if refusal is not None:
            self._deny(entry, refusal)
        elif isinstance(entry.venue, Prepares):
            try:
                entry.venue.expect(order)
            except Exception as error:  # the order goes out as it would have without
                self._log.error("orders", f"{entry.venue.name} could not prepare order {order.client_id}: {error!r}")

    def _entered(self) -> None:
        if self._next_entry is not None:
            self._next_entry.set_result(None)
            self._next_entry = None

    async def all_entered(self) -> None:
        """Wait until every order that was handed over is among the desk's orders: some milliseconds, though the disk
        stands still."""
        waited_for = {each for each in self.sending if each not in self.core.orders.orders}
        while waited_for := {each for each in waited_for & self.sending if each not in self.core.orders.orders}:
            if self._next_entry is None:
                self._next_entry = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next_entry)

    @property
    def entering(self) -> int:
        """Orders that were handed over and are not among the desk's orders yet."""
        return sum(each not in self.core.orders.orders for each in self.sending)

    def _deny(self, entry: _Entry, reason: str) -> Order:
        entry.denied = OrderDenied(
            client_id=entry.order.client_id, ts=self._clock.now(), reason=reason, check=entry.check
        )
        return self.records.fold(entry.denied)

    async def _store_and_send(self, entry: _Entry) -> Order:
        client_id, venue = entry.order.client_id, entry.venue
        try:
            enter = partial(self._enter, entry)
            stored = self._journal.commit(entry.initialized, orders=(entry.order,), meanwhile=enter)
            at_most = self.without_store.patience(entry.order)
            await (stored if at_most is None else asyncio.wait_for(stored, at_most))
        except Exception as error:  # the store says so itself; the journal knows nothing of this order
            if not entry.entered:
                self._enter(entry)
            if entry.denied is not None:
                return self.core.orders.orders[client_id]
            if (refusal := await self.without_store.refusal(entry.initialized, entry.order, error)) is not None:
                return self._deny(entry, refusal)
        order = self.core.orders.orders[client_id]
        if entry.refusal is not None:
            if entry.denied is None:
                order = self._deny(entry, entry.refusal)
            assert entry.denied is not None
            with contextlib.suppress(Exception):  # a store that fails says so itself; the answer stays no
                await self._journal.commit(entry.denied, orders=(order,))
            if entry.failure is not None:
                raise entry.failure
            return order
        if client_id in self._withdrawn or (self._halted() and order.origin != KILL):
            self._withdrawn.discard(client_id)
            reason = "Withdrawn before it was sent."
            return self.records.record(OrderDenied(client_id=client_id, ts=self._clock.now(), reason=reason))
        order = self.records.record(OrderSubmitted(client_id=client_id, ts=self._clock.now()))
        patience = self._queued[client_id] = self._patience(order)
        try:
            with unless(partial(self._kept_back, order)):
                await patience.wait_for(venue.submit(order))
        except Withheld as error:
            self._settle_send(client_id, OrderRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
        except VenueUnreachable as error:
            self.on_venue_error(venue.name)
            self._settle_send(client_id, OrderRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
        except (NoAnswer, TimeoutError) as error:
            self.on_venue_error(venue.name)
            self._unanswered(client_id, str(error) or f"{venue.name} gave no answer")
        except VenueError as error:
            self.on_venue_error(venue.name)
            self._settle_send(client_id, OrderRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
        except Exception as error:
            self.on_venue_error(venue.name)
            self._log.error("orders", f"Sending order {client_id} failed in an unforeseen way: {error!r}")
            self._unanswered(client_id, f"sending failed: {error!r}")
        finally:
            del self._queued[client_id]
            if (order := self.core.orders.orders[client_id]).is_open and order.venue_order_id is None:
                self.sent[client_id] = patience.left or asyncio.get_running_loop().time()
        return self.core.orders.orders[client_id]

    def _patience(self, order: Order) -> Patience:
        """With a command that is of no use late: what cannot leave soon shall not leave at all. What the kill switch
        closes leaves as soon as anything may."""
        return Patience(self._answer_timeout, queue=None if order.origin == KILL else self._answer_timeout)

    def give_up_queued(self) -> None:
        """The desk is halted: what waits in its own queue is over now, and not when its turn would have come."""
        for client_id, patience in self._queued.items():
            if (why := self._kept_back(self.core.orders.orders[client_id])) is not None:
                patience.give_up(why)

    def _kept_back(self, order: Order) -> str | None:
        """Why what is asked about an order may not leave the desk's own queue any more, or None."""
        if order.origin == KILL:
            return None
        if self._halted():
            return "It was not sent: the desk was halted while it waited in the queue."
        if order.client_id in self._withdrawn:
            return _PULLED
        return None

    def _halted(self) -> bool:
        return self.core.state is TradingState.HALTED or self.barred() is not None

    def _settle_send(self, client_id: ClientOrderId, event: OrderEvent) -> None:
        if self.core.orders.orders[client_id].state in (OrderState.SUBMITTED, OrderState.PENDING_CANCEL):
            self.records.record(event)

    def _unanswered(self, client_id: ClientOrderId, reason: str) -> None:
        if self.core.orders.orders[client_id].state is OrderState.SUBMITTED:
            self.records.record(OrderUnknown(client_id=client_id, ts=self._clock.now(), reason=reason))
            self._log.warning("orders", f"No answer on order {client_id}: asking {venue_of(self._of(client_id))}.")

    async def amend(
        self,
        client_id: ClientOrderId,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Change the terms that are given; `quantity` is the new total. Raises `Refused`."""
        return await self._whole(self._amend(client_id, quantity, price, stop_price))

    async def _amend(
        self, client_id: ClientOrderId, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> Order:
        order = self._reachable(self._open_order(client_id))
        if order.state in (OrderState.PENDING_AMEND, OrderState.PENDING_CANCEL):
            raise Refused("The last change of this order is still on its way: wait for its answer.")
        if order.state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.TRIGGERED):
            raise Refused(f"An order that is {state_word(order.state)} cannot be changed yet.")
        venue = self.venues[venue_of(order.instrument)]
        if not venue.capabilities.amend:
            raise Refused(f"{venue.name} cannot change orders: cancel it and enter a new one.")
        if quantity is not None and quantity <= order.filled:
            raise Refused(f"{order.filled} of the order are filled: the new quantity must be above that, or cancel it.")
        self._judge_amendment(order, quantity, price, stop_price)
        pending = OrderPendingAmend(
            client_id=client_id, ts=self._clock.now(), quantity=quantity, price=price, stop_price=stop_price
        )
        after = self.records.fold(pending)
        try:
            await self._journal.commit(pending, orders=(after,))
        except Exception as error:
            self.records.fold(OrderAmendRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
            raise Refused(f"The change was not sent: {error}") from error
        if self.core.orders.orders[client_id].state is not OrderState.PENDING_AMEND:
            return self.core.orders.orders[client_id]  # filled, cancelled or killed meanwhile
        if self._halted():
            reason = "Withdrawn before it was sent: the desk is HALTED."
            return self.records.record(OrderAmendRejected(client_id=client_id, ts=self._clock.now(), reason=reason))
        sent = asyncio.get_running_loop().time()
        self.changes[client_id] = sent, False
        patience = self._patience(order)
        try:
            with unless(partial(self._kept_back, order)):
                await patience.wait_for(venue.amend(after, quantity, price, stop_price))
            if client_id in self.changes:
                self.changes[client_id] = patience.left or sent, True
        except (NoAnswer, TimeoutError):
            self.on_venue_error(venue.name)
            self._log.warning("orders", f"No answer on the change of order {client_id}: asking {venue.name}.")
            self.on_unanswered(client_id)
        except VenueError as error:
            if isinstance(error, VenueUnreachable) and not isinstance(error, Withheld):
                self.on_venue_error(venue.name)
            if self.core.orders.orders[client_id].state is OrderState.PENDING_AMEND:
                self.records.record(OrderAmendRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
        return self.core.orders.orders[client_id]

    def _judge_amendment(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        """Only what the change makes riskier is judged: the amended rest of the order, as if it were new."""
        left = (quantity if quantity is not None else order.quantity) - order.filled
        draft = OrderDraft(
            instrument=order.instrument,
            side=order.side,
            quantity=left,
            type=order.type,
            price=price if price is not None else order.price,
            stop_price=None if order.triggered else stop_price if stop_price is not None else order.stop_price,
            tif=order.tif,
            expire_at=order.expire_at,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            origin=f"amend of {order.client_id}",
            display=None if order.display is None else min(order.display, left),
            trail=order.trail,
            trail_bps=order.trail_bps,
            activation_price=order.activation_price,
        )
        for verdict in self.core.judge(draft, self._clock.now(), self.link_up(order.instrument), order.client_id):
            if not verdict.ok and not (order.triggered and verdict.check == "terms"):
                raise Refused(verdict.sentence)

    async def cancel(self, client_id: ClientOrderId) -> Order:
        """Pull an order; asking again is harmless. Raises `Refused` for an order that is closed."""
        order = self._reachable(self._open_order(client_id))
        if order.state is OrderState.INITIALIZED:
            self._withdrawn.add(client_id)
            return order
        return await self._whole(self._cancel(client_id))

    async def _cancel(self, client_id: ClientOrderId) -> Order:
        if (order := self.core.orders.orders[client_id]).state is OrderState.CANCELED:
            # its plan, or somebody else, was faster since the command was given: what was asked for is done
            return order
        order = self._open_order(client_id)
        if client_id in self.sending:  # it may still wait in a queue of the desk's, behind this cancel
            self._withdrawn.add(client_id)
            if (waiting := self._queued.get(client_id)) is not None and waiting.give_up(_PULLED):
                await waiting.over()
                if (order := self.core.orders.orders[client_id]).is_closed:
                    return order
        if order.state is not OrderState.PENDING_CANCEL:
            order = self.records.record(OrderPendingCancel(client_id=client_id, ts=self._clock.now()))
        venue = self.venues[venue_of(order.instrument)]
        try:
            await answer_within(self._answer_timeout, venue.cancel(order))
        except (NoAnswer, TimeoutError):
            self.on_venue_error(venue.name)
            self._log.warning("orders", f"No answer on the cancel of order {client_id}: asking {venue.name}.")
            self.on_unanswered(client_id)
        except VenueError as error:
            if isinstance(error, VenueUnreachable):
                self.on_venue_error(venue.name)
            if self.core.orders.orders[client_id].state is OrderState.PENDING_CANCEL:
                self.records.record(OrderCancelRejected(client_id=client_id, ts=self._clock.now(), reason=str(error)))
            self.on_unanswered(client_id)
        return self.core.orders.orders[client_id]

    async def cancel_all(self, instrument: InstrumentId | None = None, side: Side | None = None) -> list[Order]:
        """Pull every open order (of an instrument, of a side) that can be; returns them as they stand after. One that
        ends by itself meanwhile (filled, expired, pulled with another by its plan) is as good as pulled."""
        await self.all_entered()  # what was handed over before is meant too
        orders = [order for order in self.core.orders.open_orders(instrument) if side is None or order.side is side]
        orders = [order for order in orders if self.reaches(order)]
        return list(await asyncio.gather(*(self.pull(order.client_id) for order in orders if order.is_open)))

    async def pull(self, client_id: ClientOrderId) -> Order:
        """`cancel`, where an order that has ended by itself is as good as pulled."""
        try:
            return await self.cancel(client_id)
        except Refused:
            if (order := self.core.orders.orders[client_id]).is_closed:
                return order
            raise

    def reaches(self, order: Order) -> bool:
        """Whether the order's venue can be told anything about it."""
        return not prices_only(self.venues[venue_of(order.instrument)])

    def _reachable(self, order: Order) -> Order:
        if not self.reaches(order):
            raise Refused(f"{venue_of(order.instrument)} is open for its prices only: nothing is sent there.")
        return order

    def _open_order(self, client_id: ClientOrderId) -> Order:
        order = self.core.orders.orders.get(client_id)
        if order is None:
            raise Refused(f"There is no order {client_id}.")
        if order.is_closed:
            raise Refused(f"The order is {state_word(order.state)} already.")
        return order

    def _of(self, client_id: ClientOrderId) -> InstrumentId:
        return self.core.orders.orders[client_id].instrument

    # Back in.

    def report(self, venue: str, event: OrderEvent) -> Applied:
        """Take one report of a venue (or of the reconciler in its name). Never raises."""
        known = self.core.orders.orders.get(event.client_id)
        if known is not None and venue_of(known.instrument) != venue:
            self._log.error("orders", f"{venue} reports on order {event.client_id} of {venue_of(known.instrument)}.")
            return Applied(Outcome.STRANGER, known)
        event = self.fees.valued(event)
        applied = self.core.apply_order(event)
        if applied.outcome is Outcome.APPLIED and applied.order is not None:
            if applied.order.state is not OrderState.PENDING_AMEND:
                self.changes.pop(event.client_id, None)
            if applied.order.venue_order_id is not None or applied.order.is_closed:
                self.sent.pop(event.client_id, None)
            self.records.keep(event, applied.order)
        elif applied.outcome is Outcome.ILLEGAL:
            if isinstance(event, OrderFilled) and self.fill_seen_to(venue, event):
                return applied
            self._log.error("orders", f"{venue}: {applied.error}. Nothing was changed.")
            self.on_unanswered(event.client_id)
        elif applied.outcome is Outcome.STRANGER:
            self._log.warning("orders", f"{venue}: {applied.error}.")
        return applied

    async def _whole[T](self, work: Coroutine[Any, Any, T], at_once: bool = False) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        task = asyncio.Task(_answering(work, answer), loop=loop, eager_start=at_once)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await answer

    async def drain(self) -> None:
        """Wait until every command under way has ended (at close)."""
        while self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)


async def _answering[T](work: Coroutine[Any, Any, T], answer: asyncio.Future[T]) -> None:
    """Follow `work` to its end, whoever has stopped waiting for the answer. Who waits has it with the last step itself,
    before the thread that writes the store takes turns with him over what that step noted."""
    try:
        result = await work
    except Exception as error:
        if not answer.done():
            answer.set_exception(error)
    except BaseException:
        answer.cancel()
        raise
    else:
        if not answer.done():
            answer.set_result(result)
