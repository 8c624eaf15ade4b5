"""The simulated venue: the outside world of the demo desk, of replays and of tests, behind the venue contract.

Market events are given to `feed` in the order of time; orders meet them in the matching engine (see
`SimulatedExchange`); what the venue took is in its ledger before a report of it goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec

from workstation.clock import Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.market import MarketEvent
from workstation.domain.order import ClientOrderId, Order, OrderType, TimeInForce
from workstation.domain.session import expiry
from workstation.market.book import OrderBook
from workstation.venues.contract import (
    Capabilities,
    EntrySink,
    LinkState,
    MarketSink,
    NoAnswer,
    OrderSink,
    VenueError,
    VenueOrder,
    VenueStopped,
    VenueUnreachable,
)
from workstation.venues.matching import models
from workstation.venues.simulated_agenda import Agenda
from workstation.venues.simulated_exchange import Report, Reports, SimulatedExchange
from workstation.venues.simulated_ledger import Ledger, LedgerError, SqliteLedger
from workstation.venues.simulated_record import shown

type Command = Callable[[int], Reports]


class SimulatedVenue:
    """A venue without a network. Deterministic: the same events, commands and times give the same reports.

    With zero latency everything that follows from a command is reported before the command returns; with latency
    commands and reports travel by the clock, each kind in its order, and a command returns once it is on its way. A
    client order id that the venue has seen before is refused with `VenueError` and never executes again.

    `balances`, `ledger` and `session` are as in `SimulatedExchange`; a `Path` opens a `SqliteLedger`. Raises
    `LedgerError` if that is impossible. If the ledger cannot be written later, the command under way raises `NoAnswer`,
    the link goes down, and the venue stays unreachable until it is built anew from its ledger.
    """

    def __init__(
        self,
        name: str,
        instruments: Iterable[Instrument],
        clock: Clock,
        balances: Mapping[str, Decimal],
        *,
        latency: models.LatencyModel | None = None,
        fees: models.FeeModel | None = None,
        queue: models.QueueModel | None = None,
        slippage: models.SlippageModel | None = None,
        ledger: Ledger | Path | None = None,
        session: str | None = None,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(order_types=frozenset(OrderType), tifs=frozenset(TimeInForce))
        self._clock = clock
        self._latency = latency or models.ConstantLatency()
        self._exchange = SimulatedExchange(
            name,
            instruments,
            balances,
            fees=fees,
            queue=queue,
            slippage=slippage,
            ledger=SqliteLedger(ledger) if isinstance(ledger, Path) else ledger,
            session=session,
        )
        self._agenda = Agenda(clock)
        self._in_flight: set[ClientOrderId] = set()
        self._new: ClientOrderId | None = None  # the order that is expected next: the ledger does not know it
        self._last_arrival = self._last_report = 0
        self._outbox: deque[Report] = deque()
        self._delivering = False
        self._market_sink: MarketSink | None = None
        self._order_sink: OrderSink | None = None
        self.on_entry: EntrySink | None = None
        self._link = LinkState.DOWN
        self._failure: str | None = None
        self._stopped = False  # by a failure: it was not closed
        self.on_stopped: Callable[[str], None] = lambda _: None
        for order in self._exchange.open.values():
            self._schedule_expiry(order)

    # The market

    def feed(self, event: MarketEvent) -> None:
        """One market event, in order of time: what is due before it comes first, then it matches and is passed on."""
        due = self._agenda.next_time
        if due is not None and due <= event.ts:
            self._agenda.run_until(event.ts)
        if self._failure is None:
            try:
                reports = self._exchange.on_market(event)
            except LedgerError as error:
                self._fail(error)
            else:
                if reports:
                    self._report(reports, event.ts)
        if self._market_sink is not None:
            self._market_sink(event)

    def jump_to(self, ts: int) -> None:
        """The market goes on at another time (a seek). Commands and reports on their way arrive first; every resting
        order goes to the back of its queue; no book is trusted before its next snapshot."""
        self._agenda.land()
        self._last_arrival = self._last_report = 0
        self._exchange.jump_to(ts)

    def book(self, instrument: InstrumentId) -> OrderBook:
        """The external book as the venue sees it. Raises KeyError for an instrument of another venue."""
        return self._exchange.engines[instrument].book

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None:
        """Quantity of others before a resting order; None if it does not rest or its place is not known yet."""
        return self._exchange.queue_ahead(client_id)

    @property
    def ledger(self) -> Ledger:
        return self._exchange.ledger

    def last_mid(self, instrument: InstrumentId) -> Decimal | None:
        """The last mid price that the ledger kept (about every second), over restarts; None if it never saw one."""
        kept = self.ledger.get(f"mid:{instrument}")
        return None if kept is None else Decimal(kept)

    # The contract

    @property
    def link(self) -> LinkState:
        return self._link

    async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
        if self._failure is not None:
            raise VenueUnreachable(self._failure)
        self._market_sink, self._order_sink = on_market, on_order
        self._link = LinkState.CONNECTED
        self._agenda.start()

    async def close(self) -> None:
        """The end: the ledger is let go, and this object takes nothing any more. Working orders stay in the ledger."""
        if self._failure is None:
            self._failure = f"{self.name} is closed."
            self._agenda.stop()
            self.ledger.close()
        self._link = LinkState.DOWN
        self._market_sink = self._order_sink = self.on_entry = None

    def instruments(self) -> Sequence[Instrument]:
        return list(self._exchange.instruments.values())

    def expect(self, order: Order) -> None:
        """Look into the ledger before the order comes: an id that is not in it is in it only once it was submitted."""
        with contextlib.suppress(LedgerError):  # `submit` meets it again
            self._new = None if self._failure or self._exchange.knows(order.client_id) else order.client_id

    async def submit(self, order: Order) -> None:
        self._check_link()
        client_id = order.client_id
        known = client_id != self._new and self._exchange.knows(client_id)
        self._new = None
        if known or client_id in self._in_flight:
            raise VenueError(f"{self.name} has had order {client_id} before; it is not executed again.")
        self._in_flight.add(client_id)
        self._send(partial(self._take, order))

    def _take(self, order: Order, now: int) -> Reports:
        self._in_flight.discard(order.client_id)
        reports = self._exchange.take(order, now)  # `submit` has asked, and since then it was in flight
        if order.client_id in self._exchange.open:
            self._schedule_expiry(order)
        return reports

    async def amend(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        self._check_link()
        self._send(partial(self._exchange.amend, order.client_id, quantity, price, stop_price))

    async def cancel(self, order: Order) -> None:
        self._check_link()
        self._send(partial(self._exchange.cancel, order.client_id))

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        self._check_link()
        self._send(partial(self._exchange.cancel_all, instrument))

    async def order_status(self, client_id: ClientOrderId) -> VenueOrder | None:
        """Raises `NoAnswer` while the order is still on its way: it may yet arrive."""
        self._check_link()
        if client_id in self._in_flight:
            raise NoAnswer(f"Order {client_id} is still on its way to {self.name}.")
        order = self._exchange.order(client_id)
        return None if order is None else shown(order)

    async def open_orders(self) -> Sequence[VenueOrder]:
        self._check_link()
        return [shown(order) for order in self._exchange.open.values()]

    async def fills_since(self, ts: int) -> Sequence[Fill]:
        self._check_link()
        found: list[Fill] = []
        for some in self.ledger.fill_slices(ts):
            found += some
            await asyncio.sleep(0)  # a long journal is no reason for the desk to stand still
        return found

    async def entries_since(self, ts: int) -> Sequence[e.VenueEntry]:
        self._check_link()
        return self.ledger.entries_since(ts)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        """Changes of margin are made at once, whatever the latency. Raises `VenueError` where the venue refuses."""
        self._check_link()
        self._change(partial(self._exchange.set_leverage, instrument, leverage))

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        self._check_link()
        self._change(partial(self._exchange.set_margin_mode, instrument, mode))

    def _change(self, command: Command) -> None:
        now = self._clock.now()
        self._agenda.run_until(now)
        self._check_link()
        try:
            reports = command(now)
        except LedgerError as error:
            self._fail(error)
            raise NoAnswer(str(error)) from error
        self._report(reports, now)

    async def balances(self) -> dict[str, Decimal]:
        self._check_link()
        return dict(self._exchange.account.state.balances)

    async def positions(self) -> dict[InstrumentId, Decimal]:
        self._check_link()
        return self._exchange.account.derivatives()

    def _check_link(self) -> None:
        if self._failure is not None and self._stopped:
            raise VenueStopped(self._failure)
        if self._failure is not None:
            raise VenueUnreachable(self._failure)
        if self._link is not LinkState.CONNECTED:
            raise VenueUnreachable(f"{self.name} is not connected.")

    # The way there and back

    def _send(self, command: Command) -> None:
        """Bring a command to the venue; commands arrive in the order in which they were sent."""
        now = self._clock.now()
        self._agenda.run_until(now)
        arrival = max(now + self._latency.order(), self._last_arrival)
        if arrival <= now:
            self._execute(command, now)
        else:
            self._last_arrival = arrival
            self._agenda.at(arrival, partial(self._execute, command))
        if self._failure is not None:
            raise NoAnswer(self._failure)

    def _execute(self, command: Command, now: int) -> None:
        if self._failure is None:
            try:
                reports = command(now)
            except LedgerError as error:
                self._fail(error)
            else:
                self._report(reports, now)

    def _report(self, reports: Reports, now: int) -> None:
        self._outbox.extend(reports)
        if self._delivering:  # the desk answers a report with a command: that command's reports wait their turn
            return
        self._delivering = True
        try:
            while self._outbox:
                event = self._outbox.popleft()
                arrival = max(now + self._latency.report(), self._last_report)
                if arrival <= now:
                    self._deliver(event, event.ts)
                else:
                    self._last_report = arrival
                    self._agenda.at(arrival, partial(self._deliver, event))
        finally:
            self._delivering = False

    def _deliver(self, event: Report, now: int) -> None:
        """Without a desk that listens the report is lost; a desk that comes back asks."""
        if isinstance(event, e.VenueBooked):
            if self.on_entry is not None:
                self.on_entry(event)
        elif self._order_sink is not None:
            self._order_sink(event if event.ts == now else msgspec.structs.replace(event, ts=now))

    def _schedule_expiry(self, order: Order) -> None:
        ends = expiry(order)
        if ends is not None:
            expire = partial(self._exchange.expire, order.client_id)
            self._agenda.at(ends, partial(self._execute, expire), travels=False)

    def _fail(self, error: LedgerError) -> None:
        """What the ledger does not hold did not happen: no report goes out, and the venue is gone until a restart."""
        self._failure, self._stopped = str(error), True
        self._link = LinkState.DOWN
        self._agenda.stop()
        self.on_stopped(f"{self.name} has stopped: {error} Nothing moves there until the desk starts again.")
