"""Fault injection: any venue, behaving as real venues do on a bad day.

    venue = FaultyVenue(inner, clock)
    venue.faults.add("cancel", Fault.LOST, times=2)            # the next two cancels never arrive, no answer comes
    venue.faults.add("submit", Fault.UNANSWERED, client_id=x)  # taken, but the answer is lost
    venue.faults.add("report", Fault.DROP, of=OrderFilled)     # the next fill is not reported
    FaultyVenue(inner, clock, SeededFaults(7, {"cancel": {Fault.LOST: 0.2}, "report": {Fault.DOUBLE: 0.1}}))

Calls are named as the methods of the venue contract; "*" is any of them, "report" an order event or one of the venue's
own entries on its way back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from workstation.clock import SECOND, Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import ClientOrderId, Order
from workstation.venues.contract import (
    Capabilities,
    EntrySink,
    KeepsMargin,
    LinkState,
    MarketSink,
    NoAnswer,
    OrderSink,
    ShowsQueue,
    Venue,
    VenueError,
    VenueOrder,
    VenueUnreachable,
)


class Fault(StrEnum):
    UNREACHABLE = "unreachable"  # raises VenueUnreachable; the venue never hears of it
    LOST = "lost"  # raises NoAnswer; the venue never heard of it
    UNANSWERED = "unanswered"  # raises NoAnswer; the venue has done it
    LATE = "late"  # a call: done, but the answer comes late; a report: arrives late (others may overtake it)
    REFUSE = "refuse"  # submit, amend, cancel: a rejecting report, the venue never hears of it; else VenueError
    PRETENDED = "pretended"  # cancel: reported as done, the venue never hears of it (a lost cancel)
    EMPTY = "empty"  # a query answers as if there were nothing
    DROP = "drop"  # a report never arrives
    DOUBLE = "double"  # a report arrives twice


#: What can befall calls and reports; anything else in a plan is a mistake in the plan.
_OF_REPORTS = frozenset({Fault.LATE, Fault.DROP, Fault.DOUBLE})
_OF_CALLS = frozenset(Fault) - {Fault.DROP, Fault.DOUBLE}


class FaultPlan(Protocol):
    def fault(
        self, call: str, client_id: ClientOrderId | None, event: e.OrderEvent | e.VenueEntry | None
    ) -> Fault | None:
        """What befalls this call or report, if anything."""
        ...


class ScriptedFaults:
    """Faults by rule, the oldest rule first; a rule is used up after `times` hits (None: never)."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(
        self,
        call: str,
        fault: Fault,
        *,
        times: int | None = 1,
        client_id: ClientOrderId | None = None,
        of: type[e.OrderEvent | e.VenueEntry] | None = None,
    ) -> None:
        """`of` narrows reports to one class of events. Raises ValueError for a fault that cannot befall the call."""
        allowed = _OF_REPORTS if call == "report" else _OF_CALLS
        if fault not in allowed or (fault is Fault.PRETENDED and call != "cancel"):
            raise ValueError(f"{fault} cannot befall {call}")
        self._rules.append(_Rule(call, fault, times, client_id, of))

    def clear(self) -> None:
        """From now on all goes well."""
        self._rules.clear()

    def fault(
        self, call: str, client_id: ClientOrderId | None, event: e.OrderEvent | e.VenueEntry | None
    ) -> Fault | None:
        for rule in self._rules:
            if rule.fits(call, client_id, event):
                if rule.times is not None:
                    rule.times -= 1
                return rule.fault
        return None


class _Rule:
    def __init__(
        self,
        call: str,
        fault: Fault,
        times: int | None,
        client_id: ClientOrderId | None,
        of: type[e.OrderEvent | e.VenueEntry] | None,
    ) -> None:
        self.call, self.fault, self.times, self.client_id, self.of = call, fault, times, client_id, of

    def fits(self, call: str, client_id: ClientOrderId | None, event: e.OrderEvent | e.VenueEntry | None) -> bool:
        return (
            self.times != 0
            and (self.call == call or (self.call == "*" and call != "report"))
            and self.client_id in (None, client_id)
            and (self.of is None or isinstance(event, self.of))
        )


class SeededFaults:
    """Faults at random: {call: {fault: probability}}, from a seeded generator."""

    def __init__(self, seed: int, rates: Mapping[str, Mapping[Fault, float]]) -> None:
        self._random = random.Random(seed)
        self._rates = rates

    def fault(
        self, call: str, client_id: ClientOrderId | None, event: e.OrderEvent | e.VenueEntry | None
    ) -> Fault | None:
        rates = self._rates.get(call) or (self._rates.get("*", {}) if call != "report" else {})
        drawn = self._random.random()
        for fault, probability in rates.items():
            drawn -= probability
            if drawn < 0:
                return fault
        return None


class FaultyVenue:
    """The `inner` venue with faults between it and the desk. What the venue itself does is never falsified.

    `faults` is scripted at any time; what no rule of it catches, the `plan` may (random faults, say).
    `calls` lists every call as (name, client id or None) and `struck` those that a fault befell. `delay` (ns) is how
    late LATE is; it waits by the clock. `link_state` overrides the link that is shown, if set.
    """

    def __init__(self, inner: Venue, clock: Clock, plan: FaultPlan | None = None, *, delay: int = SECOND) -> None:
        self.inner = inner
        self.faults = ScriptedFaults()
        self.plan = plan
        self.calls: list[tuple[str, ClientOrderId | None]] = []
        self.struck: list[tuple[str, ClientOrderId | None, Fault]] = []
        self.link_state: LinkState | None = None
        self._clock = clock
        self._delay = delay
        self._sink: OrderSink | None = None
        self.on_entry: EntrySink | None = None
        if isinstance(inner, KeepsMargin):
            inner.on_entry = self._on_report

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def link(self) -> LinkState:
        return self.inner.link if self.link_state is None else self.link_state

    def instruments(self) -> Sequence[Instrument]:
        return self.inner.instruments()

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None:
        return self.inner.queue_ahead(client_id) if isinstance(self.inner, ShowsQueue) else None

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
        self._sink = on_order
        await self._call("connect", None, lambda: self.inner.connect(on_market, self._on_report), None)

    async def close(self) -> None:
        self._sink = None
        await self.inner.close()

    async def submit(self, order: Order) -> None:
        refusal = e.OrderRejected(client_id=order.client_id, ts=self._clock.now(), reason=self._refusal)
        await self._command("submit", order, refusal, lambda: self.inner.submit(order))

    async def amend(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        refusal = e.OrderAmendRejected(client_id=order.client_id, ts=self._clock.now(), reason=self._refusal)
        await self._command("amend", order, refusal, lambda: self.inner.amend(order, quantity, price, stop_price))

    async def cancel(self, order: Order) -> None:
        refusal = e.OrderCancelRejected(client_id=order.client_id, ts=self._clock.now(), reason=self._refusal)
        await self._command("cancel", order, refusal, lambda: self.inner.cancel(order))

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        await self._call("cancel_all", None, lambda: self.inner.cancel_all(instrument), None)

    async def order_status(self, client_id: ClientOrderId) -> VenueOrder | None:
        return await self._call("order_status", client_id, lambda: self.inner.order_status(client_id), None)

    async def open_orders(self) -> Sequence[VenueOrder]:
        return await self._call("open_orders", None, self.inner.open_orders, [])

    async def fills_since(self, ts: int) -> Sequence[Fill]:
        return await self._call("fills_since", None, lambda: self.inner.fills_since(ts), [])

    async def entries_since(self, ts: int) -> Sequence[e.VenueEntry]:
        inner = self.inner
        if not isinstance(inner, KeepsMargin):
            return []
        return await self._call("entries_since", None, lambda: inner.entries_since(ts), [])

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        inner = self._margin()
        await self._call("set_leverage", None, lambda: inner.set_leverage(instrument, leverage), None)

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        inner = self._margin()
        await self._call("set_margin_mode", None, lambda: inner.set_margin_mode(instrument, mode), None)

    def _margin(self) -> KeepsMargin:
        if not isinstance(self.inner, KeepsMargin):
            raise VenueError(f"{self.name} has no margin trading.")
        return self.inner

    async def balances(self) -> dict[str, Decimal]:
        return await self._call("balances", None, self.inner.balances, {})

    async def positions(self) -> dict[InstrumentId, Decimal]:
        return await self._call("positions", None, self.inner.positions, {})

    @property
    def _refusal(self) -> str:
        return f"{self.name} refuses this for no reason that it gives."

    def _strikes(
        self, call: str, client_id: ClientOrderId | None, event: e.OrderEvent | e.VenueEntry | None = None
    ) -> Fault | None:
        fault = self.faults.fault(call, client_id, event)
        if fault is None and self.plan is not None:
            fault = self.plan.fault(call, client_id, event)
        if fault is not None:
            self.struck.append((call, client_id, fault))
        return fault

    async def _command(
        self, call: str, order: Order, refusal: e.OrderEvent, forward: Callable[[], Awaitable[None]]
    ) -> None:
        self.calls.append((call, order.client_id))
        fault = self._strikes(call, order.client_id)
        if fault is Fault.REFUSE:
            self._deliver(refusal)
        elif fault is Fault.PRETENDED:
            self._deliver(e.OrderCanceled(client_id=order.client_id, ts=self._clock.now()))
        else:
            await self._suffer(fault, forward, None)

    async def _call[T](
        self, call: str, client_id: ClientOrderId | None, forward: Callable[[], Awaitable[T]], empty: T
    ) -> T:
        self.calls.append((call, client_id))
        fault = self._strikes(call, client_id)
        if fault is Fault.REFUSE:
            raise VenueError(self._refusal)
        return await self._suffer(fault, forward, empty)

    async def _suffer[T](self, fault: Fault | None, forward: Callable[[], Awaitable[T]], empty: T) -> T:
        if fault is Fault.UNREACHABLE:
            raise VenueUnreachable(f"{self.name} cannot be reached.")
        if fault is Fault.LOST:
            raise NoAnswer(f"{self.name} does not answer.")
        if fault is Fault.EMPTY:
            return empty
        answer = await forward()
        if fault is Fault.UNANSWERED:
            raise NoAnswer(f"{self.name} does not answer.")
        if fault is Fault.LATE:
            await self._wait()
        return answer

    async def _wait(self) -> None:
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clock.call_at(
            self._clock.now() + self._delay, lambda: None if arrived.done() else arrived.set_result(None)
        )
        await arrived

    def _on_report(self, event: e.OrderEvent | e.VenueEntry) -> None:
        fault = self._strikes("report", None if isinstance(event, e.VenueBooked) else event.client_id, event)
        if fault is Fault.DROP:
            return
        if fault is Fault.LATE:
            self._clock.call_at(self._clock.now() + self._delay, lambda: self._deliver(event))
            return
        self._deliver(event)
        if fault is Fault.DOUBLE:
            self._deliver(event)

    def _deliver(self, event: e.OrderEvent | e.VenueEntry) -> None:
        if isinstance(event, e.VenueBooked):
            if self.on_entry is not None:
                self.on_entry(event)
        elif self._sink is not None:
            self._sink(event)
