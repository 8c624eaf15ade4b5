"""Works the rebalances: looks at each when something happened to it, and carries what its rule wants to the gateway.

As `PlanRunner` does for plans: all that it knows beside the journal is what is being handed over at this moment and
what risk has just refused, so a crash loses nothing and nothing is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future

import msgspec

from workstation.bus import Bus
from workstation.clock import SECOND, Clock, Timer, span
from workstation.domain.events import (
    ORDER_EVENTS,
    RebalanceChanged,
    RebalanceEnded,
    RebalanceEvent,
    RebalanceStarted,
)
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, OrderDraft
from workstation.domain.rebalance import Rebalance, RebalanceId
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import Journal, OrderGateway
from workstation.trading.plans.intents import Pull, Send, Wake
from workstation.trading.rebalancing.looking import scene
from workstation.trading.rebalancing.working import Finish, Scene, decide

#: A desk that was gone for longer than this finds its rebalances paused: the trader decided on another market.
AWAY = 300 * SECOND
_QUIET = SECOND
_LONGEST_QUIET = 30 * SECOND


class RebalanceRunner:
    """One task for all rebalances; each hand-over to the gateway is a task of its own that is followed to its end."""

    def __init__(
        self, *, core: TradingCore, gateway: OrderGateway, journal: Journal, clock: Clock, bus: Bus, log: DeskLog
    ) -> None:
        self._core = core
        self._gateway = gateway
        self._journal = journal
        self._clock = clock
        self._bus = bus
        self._log = log
        self._wake = asyncio.Event()
        self._orders = bus.subscribe(*ORDER_EVENTS)
        self._handing: dict[RebalanceId, dict[InstrumentId, ClientOrderId]] = {}  # orders not yet among the desk's
        self._changing: set[ClientOrderId] = set()
        self._quiet: dict[ClientOrderId, int] = {}
        self._denied: dict[RebalanceId, dict[InstrumentId, tuple[int, str, int]]] = {}  # until, sentence, pause
        self._watched: set[InstrumentId] = set()
        self._seen: dict[InstrumentId, tuple[int | None, int | None]] = {}
        self._left_at: dict[RebalanceId, int] = {}  # those that a desk which was gone for long has left behind
        self._timer: tuple[int, Timer] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def market_moved(self, instrument: InstrumentId) -> None:
        """A market event came: cheap where no rebalance trades the instrument, or its best prices have not moved."""
        if instrument not in self._watched:
            return
        book = self._core.market.markets[instrument].book
        best = (book.best_bid, book.best_ask)
        if self._seen.get(instrument) != best:
            self._seen[instrument] = best
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled. A rebalance that raises is logged and the others go on."""
        self._pause_after_absence()
        follow = asyncio.create_task(self._follow_orders(), name="rebalances: order events")
        try:
            self._wake.set()
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._look()
                await asyncio.sleep(0)
        finally:
            follow.cancel()

    def close(self) -> None:
        self._orders.close()
        self._set_timer(None)

    def folded(self) -> None:
        """The journal has been read, and nothing of what the desk has missed since: when each was last touched."""
        for rebalance in self._core.rebalances.active():
            orders = self._core.rebalances.orders(rebalance.rebalance_id)
            last = max([rebalance.updated_at, *(order.updated_at for order in orders)])
            if rebalance.paused_at is None and self._clock.now() - last > AWAY:
                self._left_at[rebalance.rebalance_id] = last

    def _pause_after_absence(self) -> None:
        now = self._clock.now()
        for rebalance_id, last in self._left_at.items():
            rebalance = self._core.rebalances.rebalances[rebalance_id]
            if rebalance.is_active and rebalance.paused_at is None:
                paused = msgspec.structs.replace(rebalance, paused_at=last, updated_at=now)
                reason = f"paused: the desk was gone for {span(now - last)}"
                self.record(RebalanceChanged(ts=now, rebalance=paused, reason=reason), loud=True)
        self._left_at.clear()

    async def _follow_orders(self) -> None:
        async for event in self._orders:
            order = self._core.orders.orders.get(event.client_id)
            if order is not None and order.plan in self._core.rebalances.rebalances:
                self._wake.set()

    # One look.

    def _look(self) -> None:
        found = self._core.rebalances.unsettled()
        self._watched = {trade.instrument for one in found for trade in one.trades}
        alive = {one.rebalance_id for one in found}
        self._denied = {name: denied for name, denied in self._denied.items() if name in alive}
        wakes: list[int] = []
        for rebalance in found:
            try:
                self._keep(rebalance.rebalance_id, wakes)
            except Exception as error:
                self._log.error("rebalance", f"The rebalance {rebalance.name} could not be kept: {error!r}")
                wakes.append(self._clock.now() + SECOND)
        self._set_timer(min(wakes, default=None))

    def _keep(self, rebalance_id: RebalanceId, wakes: list[int]) -> None:
        now = self._clock.now()
        for want in decide(self.scene(self._core.rebalances.rebalances[rebalance_id])):
            match want:
                case Finish(state=state, reason=reason, loud=loud):
                    event = RebalanceEnded(ts=now, rebalance_id=rebalance_id, state=state, reason=reason)
                    self.record(event, loud)
                case Wake(at=at):
                    wakes.append(at)
                case Send(draft=draft):
                    if (until := self._refused(draft)) is None:
                        self._begin(draft)
                    else:
                        wakes.append(until)
                case Pull(client_id=client_id):
                    if (quiet := self._quiet.get(client_id, 0)) > now:
                        wakes.append(quiet)
                    elif client_id not in self._changing:
                        self._changing.add(client_id)
                        self._task(self._cancel(client_id))

    def scene(self, rebalance: Rebalance) -> Scene:
        """What its rule looks at, now."""
        now = self._clock.now()
        orders = self._core.orders.orders
        handing = [name for legs in self._handing.values() for name in legs.values() if name not in orders]
        mine = self._handing.get(rebalance.rebalance_id, {})
        denied = self._denied.get(rebalance.rebalance_id, {})
        return scene(
            self._core,
            rebalance,
            now,
            busy=frozenset(leg for leg, name in mine.items() if name not in orders),
            denied={name: (until, words) for name, (until, words, _) in denied.items()},
            room=self._core.limits.max_orders_per_second - self._core.orders_within(SECOND, now) - len(handing),
        )

    def _refused(self, draft: OrderDraft) -> int | None:
        """Ask risk before an order is made of it, so that a market that may not be traded does not fill the journal
        with denied orders: UTC ns from which it may be asked again, None if it may be sent. The gateway asks anew."""
        now = self._clock.now()
        denied = self._denied.setdefault(draft.plan, {})
        for verdict in self._core.judge(draft, now, self._gateway.link_up(draft.instrument)):
            if not verdict.ok:
                _, words, pause = denied.get(draft.leg, (0, "", _QUIET // 2))
                pause = min(2 * pause, _LONGEST_QUIET)
                if verdict.sentence != words:
                    self._log.warning("rebalance", f"{draft.side} of {draft.instrument} waits: {verdict.sentence}")
                denied[draft.leg] = (now + pause, verdict.sentence, pause)
                self._core.rebalances.version += 1
                return now + pause
        denied.pop(draft.leg, None)
        return None

    # Carrying out.

    def _begin(self, draft: OrderDraft) -> None:
        """Its id is known before it is an order: until the desk has that order, the trade counts as under way."""
        client_id = self._gateway.next_id()
        self._handing.setdefault(draft.plan, {})[draft.leg] = client_id
        self._task(self._send(draft, client_id))

    async def _send(self, draft: OrderDraft, client_id: ClientOrderId) -> None:
        try:
            await self._gateway.submit(draft, client_id)
        finally:
            legs = self._handing.get(draft.plan, {})
            if legs.get(draft.leg) == client_id:
                del legs[draft.leg]
            if not legs:
                self._handing.pop(draft.plan, None)

    async def _cancel(self, client_id: ClientOrderId) -> None:
        try:
            await self._gateway.cancel(client_id)
            self._quiet.pop(client_id, None)
        except Refused:
            self._quiet[client_id] = self._clock.now() + _QUIET
        finally:
            self._changing.discard(client_id)

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="an order of a rebalance")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("rebalance", f"An order of a rebalance could not be handed over: {error!r}")
        self._wake.set()

    def record(self, event: RebalanceEvent, loud: bool = False) -> Future[None]:
        """Fold, journal, publish and log one event of a rebalance; the future is done once it is durable."""
        self._core.apply_account(event)
        stored = self._journal.append(event)
        self._bus.publish(event)
        say = self._log.warning if loud else self._log.info
        rebalance_id = event.rebalance_id if isinstance(event, RebalanceEnded) else event.rebalance.rebalance_id
        say("rebalance", _in_words(event, self._core.rebalances.rebalances[rebalance_id]))
        self._wake.set()
        return stored

    def _set_timer(self, at: int | None) -> None:
        if self._timer is not None:
            if at is not None and self._timer[0] == at:
                return
            self._timer[1].cancel()
            self._timer = None
        if at is not None:
            self._timer = (at, self._clock.call_at(at, self._due))

    def _due(self) -> None:
        self._timer = None
        self._wake.set()


def _in_words(event: RebalanceEvent, rebalance: Rebalance) -> str:
    what = f"Rebalance {rebalance.name}"
    if isinstance(event, RebalanceStarted):
        return f"{what}: started, {len(rebalance.trades)} trades"
    reason = f", {event.reason}" if event.reason else ""
    return f"{what}: {event.state if isinstance(event, RebalanceEnded) else 'changed'}{reason}"
