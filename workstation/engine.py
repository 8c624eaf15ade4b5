"""The engine: the one object that panes, strategies and the command line hold. It needs no screen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from workstation.bus import Bus
from workstation.clock import SECOND, Clock
from workstation.desk_view import DeskView
from workstation.domain.events import (
    ORDER_EVENTS,
    AccountEvent,
    BalanceAdjusted,
    KillCompleted,
    OrderEvent,
    TradingState,
    TradingStateChanged,
    VenueBooked,
    VenueEntry,
)
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.market import MarketEvent
from workstation.domain.numbers import ZERO, subtract
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, Side
from workstation.domain.plan import Plan, PlanId, Trail
from workstation.log import DeskLog, LogEntry
from workstation.market.data import MarketData
from workstation.recorder import Recorder
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.exits import Exits
from workstation.trading.gateway import OrderGateway
from workstation.trading.kill import KillSwitch
from workstation.trading.kill_status import KillStatus
from workstation.trading.limits import RiskLimits
from workstation.trading.order_ids import random_order_id
from workstation.trading.plan_desk import PlanDesk
from workstation.trading.plan_runner import PlanRunner
from workstation.trading.reconcile import Reconciler
from workstation.trading.risk_desk import RiskDesk
from workstation.trading.venue_entries import VenueEntries
from workstation.venues.contract import KeepsMargin, Venue, VenueError
from workstation.watch.desk import EngineDoor
from workstation.watch.requests import Doors
from workstation.watch.watchdog import Watchdog

if TYPE_CHECKING:
    from workstation.store.store import Store
    from workstation.venues.pump import MarketPump
    from workstation.venues.replay import ReplayControl

_DAY = 86_400 * SECOND
_EQUITY_EVERY = 60.0  # seconds between equity snapshots
_DESK = "desk"  # account name of the whole desk's equity


class Engine(DeskView):
    """Owns the clock, the bus, the store, the venues, the order manager, risk and the kill switch, in one asyncio loop.

    `start` connects the venues and returns; the store is opened beside it. Until `ready`, the market moves and every
    order is refused. Reads return at once; commands are coroutines. Nothing here imports a screen.
    """

    def __init__(
        self,
        *,
        mode: str,
        clock: Clock,
        venues: Sequence[Venue],
        market: MarketData,
        limits: RiskLimits,
        open_store: Callable[[], Store],
        settings: Any = None,
        currency: str = "USDT",
        at_par: Sequence[str] = (),
        account_name: str = "demo",
        pump: MarketPump | None = None,
        replay: ReplayControl | None = None,
        bus: Bus | None = None,
        next_id: Callable[[], ClientOrderId] = random_order_id,
        answer_timeout: float = 5.0,
        notices: Sequence[str] = (),
        on_close: Callable[[], None] = lambda: None,
        doors: Doors | None = None,
    ) -> None:
        """`notices`: what the market's source has to say, a list that may grow; `on_close`: lets the source go;
        `doors`: where the desk can be stopped from outside (none: nowhere)."""
        core = TradingCore(
            [i for venue in venues for i in venue.instruments()],
            market,
            limits,
            currency,
            at_par,
            capabilities={venue.name: venue.capabilities for venue in venues},
        )
        super().__init__(core, market, {venue.name: venue for venue in venues}, clock)
        self.mode = mode
        self.settings = settings
        self.currency = currency
        self.account_name = account_name
        self.bus = bus or Bus()
        self.log = DeskLog(clock, self.bus)
        self.pump = pump
        self.replay = replay
        self.ready = False
        self._open_store = open_store
        self._store: Store | None = None
        self._early: deque[tuple[str, OrderEvent | VenueEntry]] = deque()  # reports that came before the store was open
        self._early_kill: tuple[str, bool, str] | None = None
        self._early_stored: Future[None] = Future()
        self._opening: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._day_start: tuple[int, Decimal] | None = None
        self._recorder = Recorder(self.instruments(), market, clock, self.log)
        self._on_close = on_close
        self._notices = notices
        self.gateway = OrderGateway(
            core=self.core,
            venues=self.venues,
            journal=self,
            clock=clock,
            bus=self.bus,
            log=self.log,
            next_id=next_id,
            answer_timeout=answer_timeout,
            session_ends=0 if settings is None else settings.session_ends_ns,
        )
        self._entries = VenueEntries(self.core, self, self.bus, self.log)
        self._answer_timeout = answer_timeout
        self._reconciler = Reconciler(
            core=self.core,
            gateway=self.gateway,
            entries=self._entries,
            venues=self.venues,
            clock=clock,
            log=self.log,
            patience=min(3.0, answer_timeout),
            timeout=answer_timeout,
            denial_span=min(3.0, 2 * answer_timeout),
        )
        self.gateway.on_unanswered = self._reconciler.follow
        self._kill = KillSwitch(
            core=self.core,
            gateway=self.gateway,
            reconciler=self._reconciler,
            venues=self.venues,
            journal=self,
            clock=clock,
            log=self.log,
            timeout=min(3.0, answer_timeout),
        )
        self._kill.on_receipt = self._keep_receipt
        self._plan_runner = PlanRunner(
            core=self.core,
            gateway=self.gateway,
            venues=self.venues,
            journal=self,
            clock=clock,
            bus=self.bus,
            log=self.log,
        )
        self._plans = PlanDesk(self.core, self.gateway, self._plan_runner, clock, next_id)
        self.risk = RiskDesk(
            core=self.core,
            gateway=self.gateway,
            journal=self,
            clock=clock,
            log=self.log,
            flatten=lambda reason: self._press(reason, flatten=True),
        )
        self._exits = Exits(self.core, self.gateway, self._plans)
        #: Called after a kill that another process asked for (a screen shows it).
        self.on_kill_from_outside: Callable[[], None] = lambda: None
        self._watchdog: Watchdog | None = None
        if doors is not None:
            self._door = EngineDoor(
                core=self.core,
                kill=self._kill,
                press=self._press,
                journal=self,
                venues=self.venues,
                clock=clock,
                log=self.log,
                keep_log=self._keep_line,
                stalls=self.stalls,
                on_request=self._killed_from_outside,
                ready=lambda: self.ready,
            )
            self._watchdog = Watchdog(self._door, doors)
            self.gateway.barred = self._watchdog.barred

    # Life.

    async def start(self, open_after: Awaitable[object] | None = None) -> None:
        """Connect the venues, let the market run and begin to open the store (once `open_after` is done: a screen has
        painted, say). Raises what a venue's connect raises.
        """
        if self._watchdog is not None:
            self._door.loop = asyncio.get_running_loop()
            self._watchdog.start()
        for name, venue in self.venues.items():
            if isinstance(venue, KeepsMargin):
                venue.on_entry = self._reporter(name)
            await venue.connect(self._on_market, self._reporter(name))
        if self.pump is not None:
            self.pump.on_failure = self._market_failed
            self.pump.start()
        self._opening = asyncio.create_task(self._open(open_after), name="opening the store")

    async def wait_ready(self) -> None:
        """Until orders can be sent. Raises StoreError if the store cannot be opened."""
        if self._opening is not None:
            await asyncio.shield(self._opening)

    async def _open(self, after: Awaitable[object] | None) -> None:
        if after is not None:
            await after
        store = await asyncio.to_thread(self._open_store)
        loop = asyncio.get_running_loop()
        store.on_failure = _elsewhere(loop, self._store_failed)
        store.on_refused = _elsewhere(loop, lambda sentence: self.log.error("store", sentence))
        journal = await asyncio.to_thread(lambda: list(store.journal()))
        self._store = store
        early_kill, self._early_kill = self._early_kill, None
        self.core.fold(journal)
        store.save_instruments(self.core.instruments.values())
        self.log.on_entry = self._keep_log
        while self._early:
            self._report(*self._early.popleft())
        if early_kill is not None:
            reason, flatten, kill_id = early_kill
            unfinished = self.core.unfinished_kill
            stored = self._kill.press(reason, flatten or (unfinished is not None and unfinished.flatten), kill_id)
            stored.add_done_callback(lambda done: _pass_on(done, self._early_stored))
        elif self.core.unfinished_kill is not None:
            self._kill.resume(self.core.unfinished_kill)
        for venue in self.venues.values():
            await self._compare(venue)
        self.ready = True
        self.risk.start()
        self._tasks += [
            asyncio.create_task(self._reconciler.run(), name="reconciliation"),
            asyncio.create_task(self._plan_runner.run(), name="plans"),
            asyncio.create_task(self._keep_equity(), name="equity snapshots"),
            asyncio.create_task(self._tell_notices(), name="notices of the source"),
        ]
        if self.trading_state is not TradingState.ACTIVE:
            self.log.warning("desk", f"The desk is {self.trading_state.upper()}: {self.state_reason}.")
        self.log.info("desk", f"Ready: {len(self.open_orders())} working orders, {len(self.positions())} positions.")

    async def _compare(self, venue: Venue) -> None:
        """Bring the store to what the venue shows: orders and fills first, then money, each difference in the log."""
        opened = venue.name in self.core.portfolio.accounts
        try:
            await self._reconciler.venue(venue)
            balances = await venue.balances()
            positions = await venue.positions()
        except Exception as error:
            self.log.error("orders", f"{venue.name} could not be compared with the store: {error!r}")
            return
        for currency in sorted({*balances, *self._known_currencies(venue.name)}):
            shown = balances.get(currency, ZERO)
            amount = subtract(shown, self.core.portfolio.balance(venue.name, currency))
            if amount:
                reason = "correction to what the venue shows" if opened else "opening balance"
                self._adjust(venue.name, currency, amount, reason)
        for instrument in {*positions, *(p.instrument for p in self.positions())}:
            terms = self.core.instruments.get(instrument)
            if terms is None or terms.is_spot or terms.venue != venue.name:
                continue
            shown, ours = positions.get(instrument, ZERO), self.position(instrument).quantity
            if shown != ours:
                self.log.error("orders", f"{venue.name} shows a position of {shown} in {instrument}, the desk {ours}.")

    def _known_currencies(self, venue: str) -> set[str]:
        account = self.core.portfolio.accounts.get(venue)
        return set(account.balances) if account else set()

    def _adjust(self, venue: str, currency: str, amount: Decimal, reason: str) -> None:
        event = BalanceAdjusted(ts=self.clock.now(), venue=venue, currency=currency, amount=amount, reason=reason)
        self.core.apply_account(event)
        self.append(event)
        say = self.log.info if reason == "opening balance" else self.log.warning
        say("account", f"{venue}: {amount:+f} {currency}, {reason}.")

    async def close(self) -> None:
        """Let commands under way end, disconnect, and close the store. Working orders stay at their venues."""
        if self._watchdog is not None:
            await asyncio.to_thread(self._watchdog.stop)
        if self._opening is not None and not self._opening.done():
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._kill.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._plan_runner.close()
        await self.risk.close()
        await self._reconciler.close()
        await self.gateway.drain()
        self.stop_recording()
        if self.pump is not None:
            await self.pump.stop()
        for venue in self.venues.values():
            await venue.close()
        self._on_close()
        if self._store is not None:
            if self.ready:
                self._save_equity()
            self.log.on_entry = None
            await asyncio.to_thread(self._store.close)

    # What the venues and the store say.

    def _on_market(self, event: MarketEvent) -> None:
        self._market.apply(event)
        self._plan_runner.market_moved(event.instrument)
        self.risk.look(event.ts)
        self.bus.publish(event)
        if self._recorder.write is not None:
            self._recorder.write(event)

    def _reporter(self, venue: str) -> Callable[[OrderEvent | VenueEntry], None]:
        def report(event: OrderEvent | VenueEntry) -> None:
            if self._store is None:
                self._early.append((venue, event))
            else:
                self._report(venue, event)

        return report

    def _report(self, venue: str, event: OrderEvent | VenueEntry) -> None:
        if isinstance(event, VenueBooked):
            self._entries.report(venue, event)
        else:
            self.gateway.report(venue, event)

    def append(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> Future[None]:
        """Make events durable, in order: the journal of the gateway and the kill switch."""
        if self._store is None:
            failed: Future[None] = Future()
            failed.set_exception(Refused("the store is not open yet"))
            return failed
        return self._store.append(*events, orders=orders)

    def _store_failed(self, sentence: str) -> None:
        """Without a store no order can be made durable: halt, pull what works."""
        self.log.error("store", f"{sentence} The desk halts: no order can be made durable.")
        self._kill.press("the store cannot be written")

    def _market_failed(self, error: Exception) -> None:
        self.log.error("market", f"The market data stopped: {error!r}")

    def market_moved(self) -> None:
        """The market jumped to another time (a seek): candles and tapes of before are void, a recording ends."""
        self.stop_recording()
        self._market.reset()
        self.risk.market_jumped()
        self._day_start = None

    def _keep_log(self, entry: LogEntry) -> None:
        if entry.source == "order":
            return  # the journal has it already
        self._keep_line(entry.level, entry.source, entry.text, entry.ts)

    def _keep_line(self, level: str, source: str, text: str, ts: int | None = None) -> None:
        if self._store is not None and self._store.failure is None:
            self._store.save_log(self.clock.now() if ts is None else ts, level, source, text)

    def _keep_receipt(self, completed: KillCompleted, status: KillStatus) -> None:
        if self._store is not None and self._store.failure is None:
            items = [{"kind": i.kind, "label": i.label, "state": i.state, "detail": i.detail} for i in status.items]
            self._store.save_receipt(
                completed.ts, {"kill_id": completed.kill_id, "receipt": completed.receipt, "items": items}
            )

    async def _keep_equity(self) -> None:
        while True:
            self._save_equity()
            await asyncio.sleep(_EQUITY_EVERY)

    async def _tell_notices(self) -> None:
        told = 0
        while True:
            for notice in self._notices[told:]:
                self.log.warning("market", notice)
                told += 1
            await asyncio.sleep(2.0)

    def _save_equity(self) -> None:
        if self._store is None or self._store.failure is not None:
            return
        ts, equity = self.clock.now(), self.equity_detail()
        if equity.unpriced:
            return  # half a valuation would be a false one
        for account, worth in {**equity.by_venue, _DESK: equity.total}.items():
            self._store.save_equity(ts, account, worth, currency=self.currency)

    # Reading, beside what `DeskView` has.

    def day_pnl(self) -> Decimal:
        """Equity against the first known equity of this UTC day."""
        if not self.ready:
            return ZERO
        now, equity = self.clock.now(), self.equity_detail()
        day = now - now % _DAY
        if self._day_start is None or self._day_start[0] != day:
            if equity.unpriced:
                return ZERO
            known = self._store.equity(_DESK, day) if self._store is not None else []
            self._day_start = (day, known[0].equity if known else equity.total)
        return subtract(equity.total, self._day_start[1])

    @property
    def activity(self) -> tuple[object, ...]:
        """Differs from what it was whenever something has happened that a screen may show."""
        core = self.core
        return (
            self._market.events,
            core.orders.version,
            core.portfolio.version,
            core.state_change,
            self.risk.version,
            core.plans.version,
            self.log.version,
            self._kill.status.version,
            self.ready,
        )

    @property
    def kill_status(self) -> KillStatus:
        return self._kill.status

    @property
    def on_halt(self) -> list[Callable[[str], None]]:
        """Called when the desk halts; strategies and execution algorithms stop themselves here."""
        return self._kill.on_halt

    # Commands.

    def _open_for_orders(self) -> None:
        if not self.ready:
            raise Refused("The desk is still opening its store: try again in a moment.")

    async def submit(self, draft: OrderDraft) -> Order:
        """Check, store and send an order; it comes back DENIED with a reason if risk refuses it. Raises `Refused`."""
        self._open_for_orders()
        return await self.gateway.submit(draft)

    async def amend(
        self,
        client_id: ClientOrderId,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Change an order's terms; `quantity` is the new total. Raises `Refused`."""
        self._open_for_orders()
        if (plan := self._plans.kept(client_id)) is not None:
            await self._plans.amend_kept(client_id, quantity, price, stop_price)
            return self.order(client_id) or self.plan_rows(self.core.plans.plans[plan.plan_id])[0]
        order = self.order(client_id)
        if order is not None and (moved := await self._plans.amend_leg(order, quantity, price, stop_price)) is not None:
            return moved
        return await self.gateway.amend(client_id, quantity, price, stop_price)

    async def cancel(self, client_id: ClientOrderId) -> Order:
        """Pull an order. An exit of a plan is taken out of the plan too; a plan's own id ends the plan."""
        self._open_for_orders()
        if (plan := self._plans.kept(client_id)) is not None:
            row = self.order(client_id) or self.plan_rows(plan)[0]
            await self._plans.cancel_kept(client_id)
            return replace(row, state=OrderState.CANCELED, reason="")
        order = self.order(client_id)
        if order is not None and await self._plans.drop_leg(order) and (after := self.core.orders.orders[client_id]):
            order = after
            if order.is_closed:
                return order
        return await self.gateway.cancel(client_id)

    async def cancel_all(self, instrument: InstrumentId | None = None, side: Side | None = None) -> list[Order]:
        """Pull every working order (of an instrument, of a side); plans that keep such orders end or do without."""
        self._open_for_orders()
        if side is None:
            self._plans.end_all(instrument, "all orders were cancelled by the trader")
        else:
            await self._plans.drop_side(instrument, side)
        return await self.gateway.cancel_all(instrument, side)

    async def start_plan(self, plan: Plan) -> Plan:
        """Begin a plan made by `trading.plans.terms` (bracket, exits, scale, chase). Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.start(plan)

    async def amend_plan(
        self,
        plan_id: PlanId,
        *,
        stop: Decimal | UnsetType | None = UNSET,
        target: Decimal | UnsetType | None = UNSET,
        trail: Trail | UnsetType | None = UNSET,
    ) -> Plan:
        """Move a plan's exits, or drop one (None). Their sizes follow by themselves. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.amend(plan_id, stop=stop, target=target, trail=trail)

    async def pause_plan(self, plan_id: PlanId) -> Plan:
        """Pull the slice of an execution algorithm and send none until it is resumed. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.pause(plan_id)

    async def resume_plan(self, plan_id: PlanId) -> Plan:
        """Let a paused execution algorithm go on. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.resume(plan_id)

    async def cancel_plan(self, plan_id: PlanId) -> Plan:
        """End a plan and pull its orders, exits too. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.cancel(plan_id)

    async def chase(self, client_id: ClientOrderId, bound: Decimal) -> Plan:
        """Let a working limit order follow the best price up to `bound`. Raises `Refused`."""
        self._open_for_orders()
        order = self.order(client_id)
        if order is None:
            raise Refused(f"There is no order {client_id}.")
        return await self._plans.start(self._plans.chasing(order, bound))

    async def close_position(self, instrument: InstrumentId) -> Order:
        self._open_for_orders()
        return await self._exits.close(instrument)

    async def reverse(self, instrument: InstrumentId) -> Order:
        self._open_for_orders()
        return await self._exits.reverse(instrument)

    async def break_even(self, instrument: InstrumentId) -> Order:
        self._open_for_orders()
        return await self._exits.break_even(instrument)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        """At the venue; spot above 1 can be sold short. Raises `Refused`."""
        await self._margined(instrument, lambda venue: venue.set_leverage(instrument, leverage))

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        """At the venue, without position and working orders only. Raises `Refused`."""
        await self._margined(instrument, lambda venue: venue.set_margin_mode(instrument, mode))

    async def _margined(self, instrument: InstrumentId, change: Callable[[KeepsMargin], Awaitable[None]]) -> None:
        self._open_for_orders()
        venue = self.venues[self.instrument(instrument).venue]
        if not isinstance(venue, KeepsMargin):
            raise Refused(f"The margin of {venue.name} cannot be changed from here: change it at the venue.")
        try:
            await asyncio.wait_for(change(venue), self._answer_timeout)
        except (VenueError, TimeoutError) as error:
            raise Refused(
                str(error) or f"{venue.name} gave no answer: look at the leverage before you trade."
            ) from error

    def kill(self, reason: str = "the trader pressed the kill switch") -> None:
        """HALTED at once; every working order of every venue is pulled; strategies stop. See `kill_status`."""
        self._press(reason, flatten=False)

    def flatten(self, reason: str = "the trader pressed flatten") -> None:
        """As `kill`, and every position is closed."""
        self._press(reason, flatten=True)

    def _killed_from_outside(self) -> None:
        self.on_kill_from_outside()

    def _press(self, reason: str, flatten: bool, kill_id: str = "") -> Future[None]:
        if self._store is None:  # the store opens this instant: halted in memory now, the rest as soon as it is open
            halted = TradingStateChanged(ts=self.clock.now(), state=TradingState.HALTED, reason=reason, by="kill")
            self.core.apply_account(halted)
            if self._early_kill is not None:
                reason, before, kill_id = self._early_kill
                flatten = flatten or before
            self._early_kill = (reason, flatten, kill_id)
            return self._early_stored
        return self._kill.press(reason, flatten, kill_id)

    async def rearm(self, account_name: str) -> None:
        """Back to ACTIVE, on purpose: by the account's name, and only after the kill switch has finished."""
        self._open_for_orders()
        if self.trading_state is TradingState.ACTIVE:
            raise Refused("The desk is ACTIVE already.")
        if self._kill.running:
            raise Refused("The kill switch is still at work: wait for its receipt.")
        if account_name.strip() != self.account_name:
            raise Refused(f"Type rearm {self.account_name} to trade again.")
        event = TradingStateChanged(
            ts=self.clock.now(), state=TradingState.ACTIVE, reason="re-armed by the trader", by="trader"
        )
        await self._change_state(event)
        self.log.warning("desk", "Re-armed: the desk is ACTIVE.")

    async def set_reducing(self, reducing: bool) -> None:
        """REDUCING (only orders that shrink a position) or back to ACTIVE. Raises `Refused` while HALTED."""
        self._open_for_orders()
        if self.trading_state is TradingState.HALTED:
            raise Refused(f"The desk is HALTED: type rearm {self.account_name} first.")
        state = TradingState.REDUCING if reducing else TradingState.ACTIVE
        event = TradingStateChanged(ts=self.clock.now(), state=state, reason="set by the trader", by="trader")
        await self._change_state(event)

    async def _change_state(self, event: TradingStateChanged) -> None:
        before = self.core.state_change
        await self._durable(event)
        if self.core.state_change is not before:  # a halt while this was being stored stands after it in the journal
            raise Refused(f"The desk was halted meanwhile: {self.state_reason}.")
        self.core.apply_account(event)

    async def _durable(self, event: AccountEvent) -> None:
        try:
            await asyncio.wrap_future(self.append(event))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error

    # Recording and settings.

    @property
    def recording(self) -> Path | None:
        """The file that the market is being recorded into."""
        return self._recorder.path

    def start_recording(self, path: Path) -> None:
        """Record the running market into a new file from now on. Raises RecordingError or `Refused`."""
        self._recorder.start(path)

    def stop_recording(self) -> None:
        self._recorder.stop()

    def get_setting(self, key: str, default: Any = None) -> Any:
        """A JSON value that the store keeps (a layout, a pane's settings); `default` before the store is open."""
        return default if self._store is None else self._store.get_setting(key, default)

    def set_setting(self, key: str, value: Any) -> None:
        if self._store is not None and self._store.failure is None:
            self._store.set_setting(key, value)

    def follow_orders(self) -> Any:
        """A lossless subscription to every order event."""
        return self.bus.subscribe(*ORDER_EVENTS)


def _pass_on(done: Future[None], to: Future[None]) -> None:
    if (error := done.exception()) is not None:
        to.set_exception(error)
    else:
        to.set_result(None)


def _elsewhere(loop: asyncio.AbstractEventLoop, handle: Callable[[str], None]) -> Callable[[Exception], None]:
    """A callback for the store's thread that has the sentence handled on the event loop."""

    def report(error: Exception) -> None:
        loop.call_soon_threadsafe(handle, str(error))

    return report
