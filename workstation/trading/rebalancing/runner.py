"""Works the rebalances: looks at each when something happened to it, and carries what its rule wants to the gateway.

Beside what every keeper of orders knows it remembers what risk has just refused.
"""

from __future__ import annotations

from concurrent.futures import Future

import msgspec

from workstation.clock import SECOND, span
from workstation.domain.events import OrderEvent, RebalanceChanged, RebalanceEnded, RebalanceEvent, RebalanceStarted
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import OrderDraft, state_word
from workstation.domain.rebalance import Rebalance, RebalanceId
from workstation.trading.keeper import KeeperParts, OrderKeeper
from workstation.trading.plans.intents import Pull, Send, Wake
from workstation.trading.rebalancing.looking import scene
from workstation.trading.rebalancing.working import Finish, Scene, decide

#: A desk that was gone for longer than this finds its rebalances paused: the trader decided on another market.
AWAY = 300 * SECOND
_QUIET = SECOND
_LONGEST_QUIET = 30 * SECOND


class RebalanceRunner(OrderKeeper):
    """Keeps the orders of every rebalance."""

    TOPIC = "rebalance"
    WHAT = "a rebalance"

    def __init__(self, parts: KeeperParts) -> None:
        super().__init__(parts)
        self._denied: dict[RebalanceId, dict[InstrumentId, tuple[int, str, int]]] = {}  # until, sentence, pause
        self._left_at: dict[RebalanceId, int] = {}  # those that a desk which was gone for long has left behind

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

    async def run(self) -> None:
        self._pause_after_absence()
        await super().run()

    def _concerns(self, event: OrderEvent) -> bool:
        order = self._core.orders.orders.get(event.client_id)
        return order is not None and order.plan in self._core.rebalances.sets

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
                    self._pull(client_id, wakes)

    def scene(self, rebalance: Rebalance) -> Scene:
        """What its rule looks at, now."""
        now = self._clock.now()
        denied = self._denied.get(rebalance.rebalance_id, {})
        return scene(
            self._core,
            rebalance,
            now,
            busy=frozenset(self._under_way(rebalance.rebalance_id)),
            denied={name: (until, words) for name, (until, words, _) in denied.items()},
            room=self._room(),
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

    def record(self, event: RebalanceEvent, loud: bool = False) -> Future[None]:
        """Fold, journal, publish and log one event of a rebalance; the future is done once it is durable."""
        stored = self._recorded(event)
        rebalance_id = event.rebalance_id if isinstance(event, RebalanceEnded) else event.rebalance.rebalance_id
        self._say(_in_words(event, self._core.rebalances.rebalances[rebalance_id]), loud)
        return stored


def _in_words(event: RebalanceEvent, rebalance: Rebalance) -> str:
    what = f"Rebalance {rebalance.name}"
    if isinstance(event, RebalanceStarted):
        return f"{what}: started, {len(rebalance.trades)} trades"
    reason = f", {event.reason}" if event.reason else ""
    return f"{what}: {state_word(event.state) if isinstance(event, RebalanceEnded) else 'changed'}{reason}"
