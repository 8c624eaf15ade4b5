"""Commands on rebalances: send one, pause, resume, cancel. Each raises `Refused` with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from workstation.clock import Clock, span
from workstation.domain.events import RebalanceChanged, RebalanceEnded, RebalanceEvent, RebalanceStarted
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, add, counted, multiply
from workstation.domain.order import ClientOrderId, Order, state_word
from workstation.domain.plan import PlanState
from workstation.domain.rebalance import REBALANCE_PREFIX, Rebalance, RebalanceId
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.rebalancing.looking import RebalancePreview, preview
from workstation.trading.rebalancing.planning import Proposal, Wish
from workstation.trading.rebalancing.runner import RebalanceRunner
from workstation.trading.rebalancing.working import blocked


class TradeProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one trade is; `waits` says why nothing of it is out though something is left."""

    instrument: InstrumentId
    quantity: Decimal
    filled: Decimal
    working: bool
    waits: str = ""
    price: Decimal | None = None  # average of what has filled


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rebalance is: `share` of its value has traded; `fees` in the account currency."""

    rebalance: Rebalance
    trades: tuple[TradeProgress, ...]
    share: float
    fees: Decimal
    left: int | None  # ns to its end; None where it is paused or has ended

    @property
    def sentence(self) -> str:
        """ "max_ratio: 40 % of 10 trades, 29m left"."""
        rebalance = self.rebalance
        count = len(self.trades)
        parts = [f"{100 * self.share:.0f} % of {counted(count, 'trade')}"]
        if rebalance.is_paused:
            parts.append("PAUSED")
        elif self.left is not None:
            parts.append(f"{span(self.left)} left")
        else:
            parts.append(str(rebalance.state))
        waits = sorted({trade.waits for trade in self.trades if trade.waits})
        if waits and rebalance.is_active and not rebalance.is_paused:
            parts.append(waits[0] if len(waits) == 1 else f"{waits[0]} and {len(waits) - 1} more")
        return f"{rebalance.name}: {', '.join(parts)}"


def progress_of(core: TradingCore, rebalance: Rebalance, now: int, waits: Mapping[InstrumentId, str]) -> Progress:
    """Read off the orders of the rebalance."""
    trades = []
    done = whole = 0.0
    fees = ZERO
    for trade in rebalance.trades:
        orders = core.rebalances.orders(rebalance.rebalance_id, trade.instrument)
        instrument = core.instruments[trade.instrument]
        rate = core.portfolio.rate(instrument.venue, instrument.settlement, core.market.mark) or ZERO
        filled = value = ZERO
        for order in orders:
            filled, value = add(filled, order.filled), add(value, order.filled_value)
            fees = add(fees, multiply(order.fees, rate))
        each = float(instrument.notional(trade.quantity, trade.reference) * rate)
        whole += each
        done += each * float(filled / trade.quantity)
        trades.append(
            TradeProgress(
                instrument=trade.instrument,
                quantity=trade.quantity,
                filled=filled,
                working=any(order.is_open for order in orders),
                waits=waits.get(trade.instrument, ""),
                price=value / filled if filled else None,
            )
        )
    left = None
    if rebalance.is_active and not rebalance.is_paused:
        left = max(0, rebalance.ends_at - now)
    return Progress(
        rebalance=rebalance, trades=tuple(trades), share=done / whole if whole else 1.0, fees=fees, left=left
    )


class RebalanceDesk:
    """What a trader, a screen or a strategy can do with rebalances."""

    def __init__(
        self,
        core: TradingCore,
        gateway: OrderGateway,
        runner: RebalanceRunner,
        clock: Clock,
        next_id: Callable[[], ClientOrderId],
    ) -> None:
        self._core, self._gateway, self._runner = core, gateway, runner
        self._clock, self._next_id = clock, next_id

    def preview(self, wish: Wish) -> RebalancePreview:
        """What the wish would trade now, with every risk verdict. Raises `Refused`."""
        return preview(self._core, wish, self._clock.now(), self._gateway.link_up)

    async def start(self, wish: Wish) -> Rebalance:
        """Plan afresh from the market as it is, judge, make durable, and begin."""
        found = self.preview(wish)
        if found.problem:
            raise Refused(found.problem)
        return await self.begin(found.proposal)

    async def begin(self, proposal: Proposal) -> Rebalance:
        """Send exactly the trades of a proposal, one made a moment ago. The orders are judged again, one by one."""
        wish = proposal.wish
        for other in self._core.rebalances.active():
            both = {trade.instrument for trade in other.trades} & {trade.instrument for trade in proposal.trades}
            if both:
                raise Refused(f"The rebalance {other.name} is still under way in {min(both)}: cancel it first.")
        now = self._clock.now()
        rebalance = Rebalance(
            rebalance_id=f"{REBALANCE_PREFIX}{self._next_id()}",
            name=wish.name,
            trades=proposal.trades,
            targets=dict(wish.targets),
            budget=proposal.budget,
            cost=proposal.cost,
            drift=wish.drift,
            patience=wish.patience,
            length=wish.length,
            origin=wish.origin,
            created_at=now,
            updated_at=now,
        )
        await self._stored(RebalanceStarted(ts=now, rebalance=rebalance))
        return self._core.rebalances.rebalances[rebalance.rebalance_id]

    async def pause(self, rebalance_id: RebalanceId, reason: str = "by the trader") -> Rebalance:
        """Its orders are pulled and none follows until `resume`."""
        rebalance = self._active(rebalance_id)
        if rebalance.is_paused:
            raise Refused(f"The rebalance {rebalance.name} is paused already.")
        now = self._clock.now()
        after = msgspec.structs.replace(rebalance, paused_at=now, updated_at=now)
        await self._stored(RebalanceChanged(ts=now, rebalance=after, reason=f"paused {reason}"))
        return self._core.rebalances.rebalances[rebalance_id]

    async def resume(self, rebalance_id: RebalanceId) -> Rebalance:
        """It goes on where it stood; its end is that much later."""
        rebalance = self._active(rebalance_id)
        if rebalance.paused_at is None:
            raise Refused(f"The rebalance {rebalance.name} is not paused.")
        now = self._clock.now()
        shift = rebalance.shift + now - rebalance.paused_at
        after = msgspec.structs.replace(rebalance, paused_at=None, shift=shift, updated_at=now)
        await self._stored(RebalanceChanged(ts=now, rebalance=after, reason="resumed"))
        return self._core.rebalances.rebalances[rebalance_id]

    async def cancel(self, rebalance_id: RebalanceId, reason: str = "by the trader") -> Rebalance:
        """End it: its orders are pulled. What it has traded stays traded."""
        self._active(rebalance_id)
        event = RebalanceEnded(ts=self._clock.now(), rebalance_id=rebalance_id, state=PlanState.CANCELED, reason=reason)
        await self._stored(event)
        return self._core.rebalances.rebalances[rebalance_id]

    def progress(self, rebalance_id: RebalanceId) -> Progress:
        """Raises KeyError for one that there never was."""
        rebalance = self._core.rebalances.rebalances[rebalance_id]
        waits = blocked(self._runner.scene(rebalance)) if rebalance.is_active and not rebalance.is_paused else {}
        return progress_of(self._core, rebalance, self._clock.now(), waits)

    def stand_back(self, instrument: InstrumentId | None, reason: str) -> None:
        """The trader takes an instrument into his own hands (None: all of them) by cancelling its orders or closing its
        position: rebalances that trade it are paused, of all instruments ended, before anything is pulled."""
        now = self._clock.now()
        for rebalance in self._core.rebalances.active():
            if instrument is None:
                event = RebalanceEnded(
                    ts=now, rebalance_id=rebalance.rebalance_id, state=PlanState.CANCELED, reason=reason
                )
                self._runner.record(event, loud=True)
            elif rebalance.trade(instrument) is not None and not rebalance.is_paused:
                after = msgspec.structs.replace(rebalance, paused_at=now, updated_at=now)
                self._runner.record(RebalanceChanged(ts=now, rebalance=after, reason=f"paused: {reason}"), loud=True)

    def order_taken(self, order: Order) -> None:
        """The trader cancels or changes an order of a rebalance: it is paused first, so that no other follows."""
        rebalance = self._core.rebalances.of(order)
        if rebalance is not None and rebalance.is_active and not rebalance.is_paused:
            self.stand_back(order.instrument, "the trader took one of its orders")

    def _active(self, rebalance_id: RebalanceId) -> Rebalance:
        rebalance = self._core.rebalances.rebalances.get(rebalance_id)
        if rebalance is None:
            raise Refused(f"There is no rebalance {rebalance_id}.")
        if not rebalance.is_active:
            raise Refused(
                f"The rebalance {rebalance.name} is {state_word(rebalance.state)} already: {rebalance.reason}."
            )
        return rebalance

    async def _stored(self, event: RebalanceEvent) -> None:
        try:
            await asyncio.wrap_future(self._runner.record(event))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error
