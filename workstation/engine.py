"""The engine: the one object that panes, strategies and the command line hold. It needs no screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.bookkeeping import Bookkeeper
from workstation.bus import Bus, Subscription
from workstation.clock import Clock, LiveClock
from workstation.comparisons import Comparisons
from workstation.desk_journal import DeskJournal
from workstation.desk_state import DeskState
from workstation.domain.events import (
    ORDER_EVENTS,
    AccountEvent,
    OrderEvent,
    TradingState,
)
from workstation.domain.market import MarketEvent
from workstation.domain.numbers import ZERO
from workstation.domain.order import ClientOrderId
from workstation.log import DeskLog, LogEntry
from workstation.market.data import MarketData
from workstation.recorder import Recorder
from workstation.store import sessions
from workstation.strategies.runner import StrategyRunner
from workstation.trading.alert_desk import AlertDesk
from workstation.trading.core import TradingCore
from workstation.trading.elsewhere import left_alone
from workstation.trading.exits import Exits
from workstation.trading.gateway import OrderGateway
from workstation.trading.keeper import KeeperParts
from workstation.trading.kill import KillSwitch
from workstation.trading.limits import RiskLimits
from workstation.trading.order_ids import random_order_id
from workstation.trading.plan_desk import PlanDesk
from workstation.trading.plan_runner import PlanRunner
from workstation.trading.rebalancing.desk import RebalanceDesk
from workstation.trading.rebalancing.runner import RebalanceRunner
from workstation.trading.reconcile import Reconciler
from workstation.trading.risk_desk import RiskDesk
from workstation.trading.routing.desk import RouteDesk
from workstation.trading.slow_store import SlowStore
from workstation.trading.venue_entries import VenueEntries
from workstation.venue_reports import VenueReports
from workstation.venues.contract import KeepsMargin, RealLink, Venue
from workstation.watch.desk import EngineDoor
from workstation.watch.requests import Doors
from workstation.watch.watchdog import Watchdog

if TYPE_CHECKING:
    from workstation.minute_keeper import MinuteKeeper
    from workstation.notify.notifier import Notifier
    from workstation.portfolio.desk import PortfolioDesk
    from workstation.research.bench.client import Bench
    from workstation.store.store import Store
    from workstation.venues.pump import MarketPump
    from workstation.venues.replay import ReplayControl

#: The setting of the store in which the alerts stand.
_ALERTS = "alerts"
#: Seconds between two looks at what the market's source has to say.
_LOOK_FOR_NOTICES = 2.0
#: Events of the journal between which, when the desk opens, screens and keys get their turn: some ten milliseconds.
_FOLDED_AT_ONCE = 256


class Engine(DeskState):
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
        notices: Callable[[], Sequence[str]] = tuple,
        on_close: Callable[[], None] = lambda: None,
        doors: Doors | None = None,
        strategies: Path | None = None,
    ) -> None:
        """`notices`: gives what the market's source has to say by now; `on_close`: lets the source go;
        `doors`: where the desk can be stopped from outside (none: nowhere); `strategies`: the user's own, a folder."""
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
        self.opened_at = 0  # UTC ns at which this run of the desk opened its store
        self._open_store = open_store
        self._store: Store | None = None
        self._journal = DeskJournal()
        #: Every event of the store's journal, oldest first; it grows by what is appended.
        self.journal = self._journal.events
        self._opening: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._recorder = Recorder(self.instruments(), market, clock, self.log)
        self._on_close = on_close
        self._notices = notices
        self.gateway = OrderGateway(
            core=self.core,
            venues=self.venues,
            journal=self._journal,
            clock=clock,
            bus=self.bus,
            log=self.log,
            next_id=next_id,
            answer_timeout=answer_timeout,
            session_ends=0 if settings is None else settings.session_ends_ns,
        )
        self.slow_store = SlowStore(self.gateway, self.log)
        self._entries = VenueEntries(self.core, self._journal, self.bus, self.log)
        self._reports = VenueReports(self.venues, self.gateway, self._entries)
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
        self.gateway.without_store.beside = self._journal
        self._kill = KillSwitch(
            core=self.core,
            gateway=self.gateway,
            reconciler=self._reconciler,
            venues=self.venues,
            journal=self._journal,
            clock=clock,
            log=self.log,
            timeout=min(3.0, answer_timeout),
        )
        self._books = Bookkeeper(
            desk=self,
            journal=self._journal,
            log=self.log,
            currency=currency,
            store=lambda: self._store,
            fees=self.gateway.fees,
        )
        self.gateway.before_entry = self._books.begin_day
        self.comparisons = Comparisons(
            desk=self,
            reconciler=self._reconciler,
            gateway=self.gateway,
            books=self._books,
            log=self.log,
            caught_up=self._reports.caught_up,
            get_setting=self.get_setting,
            set_setting=self.set_setting,
            every=120.0 if settings is None else settings.live.compare_seconds,
            timeout=answer_timeout,
        )
        self._kill.on_receipt = self._books.keep_receipt
        keeping = KeeperParts(self.core, self.gateway, self._journal, clock, self.bus, self.log)
        self._plan_runner = PlanRunner(keeping, self.venues, self._reconciler.lost)
        self.unseen_stops = self._plan_runner.unseen
        self._reconciler.lost.on_denial = lambda _: self._plan_runner.wake()
        self._plans = PlanDesk(self.core, self.gateway, self._plan_runner, clock, next_id)
        self._rebalance_runner = RebalanceRunner(keeping)
        self._rebalances = RebalanceDesk(self.core, self.gateway, self._rebalance_runner, clock, next_id)
        self._routes = RouteDesk(keeping, self.stale_for)
        self._plans.on_end_all = self._rebalances.stand_back
        self.risk = RiskDesk(
            core=self.core,
            gateway=self.gateway,
            journal=self._journal,
            clock=clock,
            log=self.log,
            flatten=lambda reason: self._press(reason, flatten=True),
        )
        self.alerts = AlertDesk(
            self.core, clock, self.log, lambda alerts: self.set_setting(_ALERTS, alerts), self.day_pnl
        )
        self.strategies = StrategyRunner(
            core=self.core,
            gateway=self.gateway,
            journal=self._journal,
            clock=clock,
            bus=self.bus,
            log=self.log,
            get_setting=self.get_setting,
            set_setting=self.set_setting,
            lost=self._reconciler.lost,
            folder=strategies,
            why_not_compared=lambda venue: self.comparisons.rounds.why.get(venue, ""),
        )
        self.strategies.rebalances.desk = self._rebalances
        self._kill.on_halt += [self.strategies.halt, self.unseen_stops.let_go]
        self._exits = Exits(self.core, self.gateway, self._plans, self._reconciler.lost, clock)
        self.notifier: Notifier | None = None
        #: Keeps what a demo market trades, if the desk is on one that is to be remembered.
        self.keeper: MinuteKeeper | None = None
        #: Called when a kill begins, whoever asked for it, and when another process asks (a screen shows it).
        self.on_kill: Callable[[], None] = lambda: None
        self._kill.on_begin = self._kill_began
        self._bench: Bench | None = None
        self._portfolio: PortfolioDesk | None = None
        self._watchdog: Watchdog | None = None
        if doors is not None:
            self._door = EngineDoor(
                core=self.core,
                kill=self._kill,
                press=self._press,
                journal=self._journal,
                venues=self.venues,
                clock=clock,
                log=self.log,
                keep_log=self._books.keep_line,
                stalls=self.stalls,
                on_request=self._kill_began,
                ready=lambda: self.ready,
            )
            self._watchdog = Watchdog(self._door, doors)
            self.gateway.barred = self._watchdog.barred
            self._kill.keep_beside = self._watchdog.keep_beside

    # Life.

    async def start(self, open_after: Awaitable[object] | None = None) -> None:
        """Connect the venues, let the market run and begin to open the store (once `open_after` is done: a screen has
        painted, say). Raises what a venue's connect raises.
        """
        if isinstance(self.clock, LiveClock):
            self.clock.lead(asyncio.get_running_loop())
        if self._watchdog is not None:
            self._door.loop = asyncio.get_running_loop()
            self._watchdog.start()
        for name, venue in self.venues.items():
            self.comparisons.introduce(venue)
            if isinstance(venue, KeepsMargin):
                venue.on_entry = self._reports.of(name)
            await venue.connect(self._on_market, self._reports.of(name))
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
        await self._fold(journal)
        self.journal += journal
        self._journal.store = store
        taken_back = await self.gateway.without_store.take_back()
        self._store = store  # from here to the kill of before nothing is waited for: it is carried out, or pressed anew
        self._rebalance_runner.folded()
        self.opened_at = self.clock.now()
        self.candles_since = self.opened_at if self.mode == "demo" else 0
        if self.keeper is not None:
            self.kept_at = self.keeper.kept.covers
            self._tasks.append(asyncio.create_task(self.keeper.run(), name="minutes of the demo market"))
        sessions.begin(store, len(journal), self.opened_at)
        store.save_instruments(self.core.instruments.values())
        self.log.on_entry = self._logged
        if self.notifier is not None:
            self.notifier.start()
            self._journal.on_event = self.notifier.hear  # notes to the trader
        self.alerts.start(self.get_setting(_ALERTS))
        waited_for = self.bus.subscribe(*ORDER_EVENTS, only=self.alerts.hears)
        self._tasks.append(asyncio.create_task(self._alert_of(waited_for), name="alerts of orders"))
        taken_back()
        self._take_up_kill()
        await self.comparisons.first()
        self.ready = True
        self.risk.start()
        self._tasks += [
            asyncio.create_task(self._reconciler.run(), name="reconciliation"),
            asyncio.create_task(self.comparisons.run(), name="comparisons with the venues"),
            asyncio.create_task(self._plan_runner.run(), name="plans"),
            asyncio.create_task(self._rebalance_runner.run(), name="rebalances"),
            asyncio.create_task(self._routes.run(), name="routes"),
            asyncio.create_task(self._books.keep_equity(), name="equity snapshots"),
            asyncio.create_task(self._books.keep_fees(), name="fees without a value"),
            asyncio.create_task(self.strategies.restore(), name="strategies of the last run"),
            asyncio.create_task(self._tell_notices(), name="notices of the source"),
        ]
        if self.trading_state is not TradingState.ACTIVE:
            self.log.warning("desk", f"The desk is {self.trading_state.upper()}: {self.state_reason}.")
        for sentence in left_alone(self.core):
            self.log.error("position", sentence)
        self.log.info("desk", f"Ready: {len(self.open_orders())} working orders, {len(self.positions())} positions.")

    async def _fold(self, journal: Sequence[OrderEvent | AccountEvent]) -> None:
        """Fold in slices between which the loop breathes: a long journal takes seconds. A kill that is pressed
        meanwhile shows HALTED whatever the journal says of older days; `_open` carries it out."""
        for start in range(0, len(journal), _FOLDED_AT_ONCE):
            if start:
                if self._early_halt is not None:
                    self.core.state_change = self._early_halt
                await asyncio.sleep(0)
            self.core.fold(journal[start : start + _FOLDED_AT_ONCE])
        if self._early_halt is not None:
            self.core.state_change = self._early_halt

    def leave_armed(self) -> None:
        """What the venues would cancel by themselves is not kept from it when the desk closes."""
        for venue in self.venues.values():
            if isinstance(venue, RealLink):
                venue.leave_armed()

    async def close(self) -> None:
        """Let commands under way end, disconnect, and close the store. Working orders stay at their venues, unless a
        kill is unfinished: what it has not pulled, the venues' own switches still may."""
        if self._watchdog is not None:
            await asyncio.to_thread(self._watchdog.stop)
        if self._opening is not None and not self._opening.done():
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._kill.running:
            self.leave_armed()
        await self._kill.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.strategies.close()
        self._exits.close_tasks()
        self._plan_runner.close()
        self._rebalance_runner.close()
        self._routes.close()
        self.alerts.close()
        if self._bench is not None:
            await self._bench.close()
        if self._portfolio is not None:
            await self._portfolio.close()
        await self.risk.close()
        await self._reconciler.close()
        await self.gateway.drain()
        self.stop_recording()
        if self.pump is not None:
            await self.pump.stop()
        for venue in self.venues.values():
            await venue.close()
        if self.keeper is not None:
            await self.keeper.close()
        self.log.settle()
        if self.notifier is not None:
            await self.notifier.close()
        self._on_close()
        if self._store is not None:
            if self.ready:
                self._books.save_equity()
            if self._store.failure is None:
                sessions.finish(self._store, self.clock.now())
            self.log.on_entry = None
            await asyncio.to_thread(self._store.close)

    # What the venues and the store say.

    def _on_market(self, event: MarketEvent) -> None:
        self._market.apply(event)
        self._plan_runner.market_moved(event.instrument)
        self._rebalance_runner.market_moved(event.instrument)
        self.strategies.market_moved(event)
        self.risk.look(event.ts)
        self.alerts.market_moved(event)
        self.bus.publish(event)
        if self._recorder.write is not None:
            self._recorder.write(event)

    def _logged(self, entry: LogEntry) -> None:
        self._books.keep_log(entry)
        if self.notifier is not None:
            self.notifier.hear(entry)

    def _store_failed(self, sentence: str) -> None:
        """Without a store no order can be made durable: halt, pull what works."""
        self.log.error("store", f"{sentence} The desk halts: no order can be made durable.")
        self._kill.press("the store cannot be written")

    def _kill_began(self) -> None:
        self.on_kill()

    def _market_failed(self, error: Exception) -> None:
        self.log.error("market", f"The market data stopped: {error!r}")

    def market_moved(self) -> None:
        """The market jumped to another time (a seek): candles and tapes of before are void, a recording ends."""
        self.stop_recording()
        self._market.reset()
        self.risk.market_jumped()
        self.strategies.market_jumped()
        self.alerts.market_jumped()
        self._books.forget_day()

    async def _alert_of(self, orders: Subscription[OrderEvent]) -> None:
        async for event in orders:
            self.alerts.order_event(event)

    async def _tell_notices(self) -> None:
        told: set[str] = set()
        before = known = tuple(self._notices())
        while True:
            for notice in known:
                if notice in before and notice not in told:  # one that counts is told when it has stopped counting
                    told.add(notice)
                    self.log.warning("market", notice)
            await asyncio.sleep(_LOOK_FOR_NOTICES)
            self.slow_store.look()
            before, known = known, tuple(self._notices())

    # Reading, beside what `DeskView` has.

    def day_pnl(self) -> Decimal:
        """Equity against the first known equity of this UTC day."""
        return self._books.day_pnl() if self.ready else ZERO

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
            core.rebalances.version,
            core.routes.version,
            self.strategies.version,
            self.log.version,
            self.alerts.version,
            self._kill.status.version,
            self.ready,
        )

    @property
    def bench(self) -> Bench:
        """The process that runs backtests and searches; its first question starts it."""
        if self._bench is None:
            from workstation.research.bench.client import Bench

            self._bench = Bench()
        return self._bench

    @property
    def portfolio(self) -> PortfolioDesk:
        """The process that works out portfolios; its first question starts it."""
        if self._portfolio is None:
            from workstation.portfolio.desk import PortfolioDesk

            self._portfolio = PortfolioDesk()
        return self._portfolio

    # Recording.

    @property
    def recording(self) -> Path | None:
        """The file that the market is being recorded into."""
        return self._recorder.path

    @property
    def recording_failure(self) -> str | None:
        """Why the newest recording is not whole; known once it has ended."""
        return self._recorder.failure

    def start_recording(self, path: Path) -> None:
        """Record the running market into a new file from now on. Raises RecordingError or `Refused`."""
        self._recorder.start(path)

    def stop_recording(self) -> str:
        """End the recording that runs. Returns a sentence of what its file is short of, "" where it has all."""
        return self._recorder.stop()

    def follow_orders(self) -> Any:
        """A lossless subscription to every order event."""
        return self.bus.subscribe(*ORDER_EVENTS)


def _elsewhere(loop: asyncio.AbstractEventLoop, handle: Callable[[str], None]) -> Callable[[Exception], None]:
    """A callback for the store's thread that has the sentence handled on the event loop."""

    def report(error: Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and who would handle it with it
            loop.call_soon_threadsafe(handle, str(error))

    return report
