"""The runs that are at work on the desk, and what each of them hears: its markets, the fills and ends of its orders,
and what a liquidation, the kill switch or the trader's hand closes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workstation.bus import Bus
from workstation.domain.bar import Bar
from workstation.domain.events import (
    LIQUIDATION,
    ORDER_EVENTS,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.order import EXTERNAL, RECONCILIATION, Side
from workstation.domain.prices import price_words
from workstation.domain.strategy_run import RunId, StrategyRun, is_run
from workstation.strategies.run_book import StrategyDesk
from workstation.trading.risk import KILL

if TYPE_CHECKING:  # numpy and the library are loaded with the first strategy, not with the desk
    from workstation.strategies.contract import Strategy
    from workstation.strategies.live_run import LiveRun

_WHOSE = {
    KILL: "The kill switch",
    LIQUIDATION: "The venue's liquidation",
    EXTERNAL: "Somebody outside this desk",
    RECONCILIATION: "An order that this desk knows nothing of",
}


class LiveRuns:
    """By the run's id: `runs`."""

    def __init__(self, desk: StrategyDesk, bus: Bus) -> None:
        self._desk, self._core = desk, desk.core
        self.runs: dict[RunId, LiveRun] = {}
        self._by_instrument: dict[InstrumentId, list[LiveRun]] = {}
        self._follow: asyncio.Task[None] | None = None
        self._orders = bus.subscribe(*ORDER_EVENTS, only=self._concerns)

    def add(self, run: StrategyRun, made: Strategy, state: dict[str, Any] | None) -> LiveRun:
        """One that hears from here on what happens, and acts once it has begun."""
        from workstation.strategies.contract import SignalStrategy
        from workstation.strategies.live_run import LiveRun

        strategy = made
        if isinstance(made, SignalStrategy):
            from workstation.strategies.pair_live import PairLive
            from workstation.strategies.signal_live import SignalLive

            closed = [self.closed_bars(one, run.interval) for one in run.instruments]
            fee = float(max(self._core.instruments[one].taker_fee for one in run.instruments))
            kind = PairLive if run.further else SignalLive
            strategy = kind(made, *closed, fee=fee, interval=run.interval)
        live = self.runs[run.run_id] = LiveRun(run, strategy, self._desk, state)
        for one in run.instruments:
            self._by_instrument.setdefault(one, []).append(live)
        return live

    def drop(self, run_id: RunId) -> LiveRun:
        """It hears nothing any more."""
        live = self.runs.pop(run_id)
        for one in live.run.instruments:
            self._by_instrument[one].remove(live)
            if not self._by_instrument[one]:
                del self._by_instrument[one]
        return live

    def closed_bars(self, instrument: InstrumentId, interval: int) -> Sequence[Bar]:
        """What the desk has of them, oldest first; it grows."""
        return self._core.market.markets[instrument].candles.series(interval).closed

    # Markets.

    def market_moved(self, event: MarketEvent) -> None:
        """One event of the market. Cheap where no strategy runs on the instrument."""
        if (runs := self._by_instrument.get(event.instrument)) is not None:
            trade = event if isinstance(event, Trade) else None
            for live in runs:
                live.market_moved(event.instrument, trade)

    def market_jumped(self) -> None:
        """A seek of a replay: bars of before it are void."""
        for live in self.runs.values():
            live.rejoin()

    # Orders.

    def follow_orders(self) -> None:
        """Events of orders are passed on from here on, those from before too."""
        self._follow = asyncio.create_task(self._pass_on(), name="strategies: order events")

    def close(self) -> None:
        if self._follow is not None:
            self._follow.cancel()
        self._orders.close()

    def _concerns(self, event: OrderEvent) -> bool:
        order = self._core.orders.orders.get(event.client_id)
        return order is not None and bool(self.runs) and (order.origin in self.runs or not is_run(order.origin))

    async def _pass_on(self) -> None:
        async for event in self._orders:
            order = self._core.orders.orders.get(event.client_id)
            if order is None:
                continue
            if not is_run(order.origin) and isinstance(event, OrderFilled):
                self._closed_by_others(order.origin, event.fill)
            elif (live := self.runs.get(order.origin)) is None:
                continue
            elif isinstance(event, OrderFilled):
                live.filled(event.fill)
            elif isinstance(event, OrderDenied | OrderRejected | OrderCanceled | OrderExpired):
                live.ended_unfilled(event.client_id, event.reason)

    def _closed_by_others(self, origin: str, fill: Fill) -> None:
        """A liquidation, the kill switch or the trader's hand closed of what strategies hold."""
        whose = _WHOSE.get(origin, "The trader")
        for run_id, part in self._core.results.shares(fill):
            if (live := self.runs.get(run_id)) is not None:
                did = "bought" if part.side is Side.BUY else "sold"
                price = price_words(part.price, self._core.instruments.get(part.instrument))
                words = f"{whose} {did} {part.quantity:f} {part.instrument} of {run_id} at {price}"
                left = live.book.position(part.instrument)
                self._desk.log.warning("strategies", f"{words}: it holds {f'{left:f}' if left else 'nothing'} now.")
                live.filled(part)
