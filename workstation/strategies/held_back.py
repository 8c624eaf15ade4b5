"""What a run does not send yet: a stop whose venue cannot be reached, and what would stand beside an order that was
cancelled and has not ended. And exits that were sent and are lost: of contracts others go in their place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, floor_to
from workstation.domain.order import ClientOrderId, Order, OrderDraft
from workstation.strategies.run_book import RunBook, StrategyDesk
from workstation.trading.missed import Missed
from workstation.trading.orders import venue_of

if TYPE_CHECKING:
    pass

#: Seconds between two looks, before an order that has not ended is cancelled again, and before a venue that could not
#: be reached is tried again.
_LOOK, _AGAIN, _QUIET = 0.05, 2.0, 1.0
#: Seconds after which an entry that waits is given up: what it was decided on is of before.
_TOO_OLD = 30.0


@dataclass(frozen=True, slots=True)
class _Held:
    """`filled`: of an entry, what was known as filled of the orders that were cancelled before it; `until`: when it is
    given up."""

    instrument: InstrumentId
    what: str
    why: Callable[[], str]
    send: Callable[[], Awaitable[None]]
    filled: Mapping[ClientOrderId, Decimal]
    until: float


@dataclass(slots=True)
class _Lost:
    """An exit without an answer; `instead` sends another."""

    what: str
    instead: Callable[[], Awaitable[None]]
    told: bool = False
    followed: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a strategy decides on in a call: positions (signed) as it began, and what its working orders had filled."""

    positions: Mapping[InstrumentId, Decimal]
    filled: Mapping[ClientOrderId, Decimal]


class HeldBack:
    """Of one run. Orders that were cancelled and have not ended are cancelled again until they have."""

    def __init__(
        self,
        book: RunBook,
        desk: StrategyDesk,
        failed: Callable[[str, Exception], None],
        given_up: Callable[[ClientOrderId, str], None],
    ) -> None:
        """`failed` hears of what could not be handed over, `given_up` of an entry that is not sent any more."""
        self._book, self._desk = book, desk
        self._missed = Missed(desk.core, desk.clock)
        self._held: dict[str, _Held] = {}
        self._lost: dict[ClientOrderId, _Lost] = {}
        self._seen = Seen({}, {})
        self._cancelled: dict[ClientOrderId, Decimal] = {}  # by this call, with what it knew as filled
        self._failed, self._given_up = failed, given_up
        self._sending = asyncio.Lock()  # what is being handed over cannot be dropped: it is pulled after that
        self._quiet: dict[InstrumentId, float] = {}  # until when nothing is tried there, in the loop's time
        self._task: asyncio.Task[None] | None = None

    @property
    def waits(self) -> str:
        """What is not sent now, as a sentence; or ""."""
        for held in self._held.values():
            if why := held.why():
                return f"{held.what} is not sent yet: {why}."
        for client_id, lost in self._lost.items():
            if not lost.followed and self._is_lost(client_id):
                return f"May be NOT PROTECTED. {self._lost_words(client_id, lost)}"
        return ""

    def _is_lost(self, client_id: ClientOrderId) -> bool:
        """Whether an exit without an answer is more than late: its venue denies it, or cannot be asked."""
        order = self._desk.core.orders.orders[client_id]
        return bool(self._desk.lost.denials(client_id)) or not self._desk.gateway.link_up(order.instrument)

    def decided(self, seen: Seen) -> None:
        """What comes from here on was asked for in one call, which saw this."""
        self._seen, self._cancelled = seen, {}

    def cancels(self, client_id: ClientOrderId | None, instrument: InstrumentId | None) -> None:
        """That order, all of an instrument, or all are about to be cancelled for the call."""
        orders, seen = self._desk.core.orders.orders, self._seen.filled
        if client_id is not None:
            found = [orders[client_id]] if client_id in orders else []
        else:
            there = [orders[one] for one in seen] + self._book.orders()
            found = [order for order in there if instrument in (None, order.instrument)]
        for order in found:
            known = seen.get(order.client_id, ZERO if order.is_open else order.filled)
            self._cancelled.setdefault(order.client_id, known)

    def before(self, instrument: InstrumentId) -> dict[ClientOrderId, Decimal]:
        """What was cancelled for an order of this call, or has not ended yet, with what the call knew as filled."""
        orders = self._desk.core.orders.orders
        known = {one.client_id: self._seen.filled.get(one.client_id, ZERO) for one in self._book.unended(instrument)}
        return known | {one: at for one, at in self._cancelled.items() if orders[one].instrument == instrument}

    def leaves(self, draft: OrderDraft) -> bool:
        """Whether an order does not enlarge the position that the strategy saw: it is no entry."""
        position = self._seen.positions.get(draft.instrument, ZERO)
        return draft.reduce_only or (position * draft.side.sign < 0 and draft.quantity <= abs(position))

    def left(self, draft: OrderDraft, before: Mapping[ClientOrderId, Decimal]) -> OrderDraft | None:
        """A plain order out of a position as it goes now: not more than is left where what was `before` it has filled;
        None for nothing. Of contracts reduce-only beside what may fill, where the account has that position too."""
        terms = self._desk.core.instruments[draft.instrument]
        if self._filled(before):
            beside = sum(
                one.leaves
                for one in self._book.orders(draft.instrument)
                if one.side is draft.side and not one.reduce_only and one.client_id not in self._seen.filled
            )
            against = max(ZERO, -draft.side.sign * self._book.position(draft.instrument) - beside)
            quantity = floor_to(min(draft.quantity, against), terms.lot)
            if not quantity:
                return None
            draft = replace(draft, quantity=quantity)
        account = self._desk.core.portfolio.position(draft.instrument).quantity
        if terms.is_spot or not self._book.unended(draft.instrument) or -draft.side.sign * account < draft.quantity:
            return draft
        return replace(draft, reduce_only=self._desk.gateway.venues[terms.venue].capabilities.reduce_only)

    def _filled(self, before: Mapping[ClientOrderId, Decimal]) -> bool:
        orders = self._desk.core.orders.orders
        return any(orders[one].filled != filled for one, filled in before.items())

    def why_not(self, draft: OrderDraft, leaves: bool) -> str:
        """Why an order has to wait; "" where it goes now."""
        if leaves and (why := self._missed_words(draft.instrument)):
            return why
        if not is_stop(draft):
            plain = (one for one in self._book.unended(draft.instrument) if not one.reduce_only)
            twice = not draft.reduce_only and any(one.side is draft.side for one in plain)
            return self.beside(draft.instrument) if leaves and not twice else self._beside(draft.instrument)
        if self._quiet.get(draft.instrument, 0.0) > asyncio.get_running_loop().time():
            return f"{venue_of(draft.instrument)} could not be reached"
        if not self._desk.gateway.link_up(draft.instrument):
            return f"{venue_of(draft.instrument)} is not connected"
        return self._beside(draft.instrument, stop=True)

    def beside(self, instrument: InstrumentId) -> str:
        """Why what closes a position reduce-only has to wait: beside a stop of spot, or a plain order, that may still
        come it would close it twice. Of contracts two that are reduce-only cannot."""
        if not self._reduces(instrument):
            return self._missed_words(instrument) or self._beside(instrument)
        position = self._book.position(instrument)
        unended = self._book.unended(instrument)
        return self._words([one for one in unended if not one.reduce_only and one.side.sign * position < 0])

    def _missed_words(self, instrument: InstrumentId) -> str:
        """Why what closes spot has to wait: what the run holds there may have been sold by hand."""
        venue, gateway = venue_of(instrument), self._desk.gateway
        if venue not in gateway.venues or not self._desk.core.instruments[instrument].is_spot:
            return ""
        connected = gateway.link_up(instrument)
        if self._missed.waits(venue, connected) and connected:
            return f"what happened at {venue} while it was away is asked for"
        return ""

    def _beside(self, instrument: InstrumentId, stop: bool = False) -> str:
        """A `stop` of contracts may stand beside an order that its venue denies."""
        unended = self._book.unended(instrument)
        if stop:
            unended = [one for one in unended if not self.passes(one)]
        return self._words(unended)

    def passes(self, order: Order) -> bool:
        """Whether a stop may stand beside an order without an answer: of contracts, once the venue has denied it often
        enough. Two that are reduce-only close no more than there is, and one that enlarges the position closes none."""
        enlarges = order.side.sign * self._book.position(order.instrument) >= 0
        harmless = self._reduces(order.instrument) and (order.reduce_only or enlarges)
        return harmless and self._desk.lost.denied(order.client_id)

    def _words(self, unended: list[Order]) -> str:
        lost = next((one for one in unended if self._desk.lost.denials(one.client_id)), None)
        if lost is not None:
            return self._desk.lost.words(lost)
        return "an order that was cancelled has not ended" if unended else ""

    def _reduces(self, instrument: InstrumentId) -> bool:
        """Whether its venue sees to it that reduce-only orders close no more than there is."""
        venue = self._desk.gateway.venues.get(venue_of(instrument))
        return (
            not self._desk.core.instruments[instrument].is_spot and venue is not None and venue.capabilities.reduce_only
        )

    def unanswered(self, client_id: ClientOrderId, what: str, instead: Callable[[], Awaitable[None]]) -> None:
        """An exit was sent and has no answer. Of contracts `instead` is done once its venue has said often enough that
        it does not know it, and it is pulled should it come; of spot it is waited for."""
        self._lost[client_id] = _Lost(what, instead)
        self.ask_on()

    def follow(self, client_id: ClientOrderId) -> None:
        """An order without an answer that counts as cancelled: it is pulled should it come."""

        async def nothing() -> None:
            pass

        self._lost[client_id] = _Lost("An order", nothing, told=True, followed=True)
        self.ask_on()

    async def _see_lost(self, client_id: ClientOrderId) -> None:
        lost, order = self._lost[client_id], self._desk.core.orders.orders[client_id]
        if order.is_closed or order.venue_order_id is not None:
            del self._lost[client_id]
            if lost.followed and order.is_open:
                await self._book.cancel([client_id])
            return
        if not lost.told and self._is_lost(client_id):
            lost.told = True
            text = f"{self._book.run.run_id} may be NOT PROTECTED. {self._lost_words(client_id, lost)}"
            self._desk.log.error("position", text)
        if not lost.followed and self._reduces(order.instrument) and self._desk.lost.denied(client_id):
            lost.followed = True
            if not self._book.pulled(client_id):  # else the strategy has decided on something else meanwhile
                self._book.leave(client_id)
                try:
                    await lost.instead()
                except Exception as error:  # the others are seen to all the same
                    self._failed(client_id, error)

    def _lost_words(self, client_id: ClientOrderId, lost: _Lost) -> str:
        order = self._desk.core.orders.orders[client_id]
        if not self._desk.gateway.link_up(order.instrument):
            venue = venue_of(order.instrument)
            return f"{lost.what} has no answer: {venue} is not connected, and is asked what became of it once it is."
        follows = self._reduces(order.instrument)
        then = "another follows" if follows else "nothing is sent beside it, both could close the position"
        return f"{lost.what} is lost. {self._desk.lost.words(order)}; {then}."

    async def send(
        self,
        key: str,
        instrument: InstrumentId,
        what: str,
        why: Callable[[], str],
        send: Callable[[], Awaitable[None]],
        entry: Mapping[ClientOrderId, Decimal] | None = None,
    ) -> None:
        """`send` it, now or once `why` says nothing any more. An `entry` (what was `before` it) is given up where an
        order that was cancelled before it has filled after all, or does not end for long: the strategy decides anew."""
        until = math.inf if entry is None else asyncio.get_running_loop().time() + _TOO_OLD
        held = _Held(instrument, what, why, send, entry or {}, until)
        if over := self._over(held):
            self.give_up(key, what, over)
            return
        if not (words := why()):
            await send()
            return
        self._held[key] = held
        self._desk.log.warning("strategies", f"{what} of {self._book.run.run_id} is not sent yet: {words}.")
        self.ask_on()

    async def drop(
        self, client_id: ClientOrderId | None, instrument: InstrumentId | None = None
    ) -> list[ClientOrderId]:
        """What waits is cancelled: that one, all of an instrument, or all."""
        async with self._sending:
            found = [
                key
                for key, held in self._held.items()
                if (key == client_id if client_id is not None else instrument in (None, held.instrument))
            ]
            for key in found:
                del self._held[key]
        return found

    def unsent(self, client_id: ClientOrderId, reason: str) -> bool:
        """Whether that order is a stop that ended because its venue cannot be reached. The next is not tried at
        once."""
        order = self._desk.core.orders.orders.get(client_id)
        if order is None or not is_stop(order) or order.filled:
            return False
        venue = venue_of(order.instrument)
        if not reason.startswith((f"{venue} is not connected", f"{venue} cannot be reached")):
            return False
        self._quiet[order.instrument] = asyncio.get_running_loop().time() + _QUIET
        return True

    def ask_on(self) -> None:
        """See to what waits, and to what was cancelled and has not ended."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._see(), name=f"held back of {self._book.run.run_id}")

    def end(self) -> None:
        """Nothing of it is sent any more."""
        self._held.clear()
        self._lost.clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _see(self) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while self._held or self._lost or self._book.unended():
            for client_id in list(self._lost):
                await self._see_lost(client_id)
            for key in list(self._held):
                await self._send(key)
            if loop.time() - asked >= _AGAIN:
                there = [one for one in self._book.unended() if self._desk.gateway.link_up(one.instrument)]
                await self._book.cancel([one.client_id for one in there if one.client_id not in self._lost])
                asked = loop.time()
            await asyncio.sleep(_LOOK)

    async def _send(self, key: str) -> None:
        async with self._sending:
            if (held := self._held.get(key)) is None:
                return
            over = self._over(held)
            if not over and held.why():
                return
            del self._held[key]
            if over:
                self.give_up(key, held.what, over)
                return
            try:
                await held.send()
            except Exception as error:  # the others are sent all the same
                self._failed(key, error)

    def give_up(self, key: str, what: str, why: str) -> None:
        """It is not sent any more: that is said, and the strategy hears it."""
        self._desk.log.warning("strategies", f"{what} of {self._book.run.run_id} is not sent: {why}.")
        self._given_up(key, why)

    def _over(self, held: _Held) -> str:
        """Why it is not sent any more, or ""."""
        if self._filled(held.filled):
            return "an order that was cancelled before it has filled"
        late = asyncio.get_running_loop().time() > held.until
        return "an order that was cancelled before it has not ended" if late else ""


def is_stop(draft: OrderDraft | Order) -> bool:
    """Whether it protects a position."""
    return draft.reduce_only and draft.type.has_trigger
