"""The desk as it stood at a moment: what panes read follows the moment, and nothing can be sent from there."""

from __future__ import annotations

import asyncio
import inspect
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from workstation.clock import DAY, SimClock
from workstation.desk_view import DeskView, Link
from workstation.domain.events import BreakerTripped, LimitsChanged, OrderEvent
from workstation.domain.numbers import ZERO, subtract
from workstation.domain.order import ClientOrderId
from workstation.domain.strategy_run import RunId
from workstation.engine import Engine
from workstation.past.market import PastMarket, PriceFrom, Prices
from workstation.past.timeline import Timeline
from workstation.store.sessions import Session
from workstation.strategies.run_book import RunView, view_of
from workstation.strategies.runner import StrategyRunner
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.limits import RiskLimits
from workstation.trading.risk_desk import RiskDesk

if TYPE_CHECKING:
    from workstation.store import EquitySnapshot

REFUSAL = "The desk shows the past: nothing is sent from here. Go back to now first."


async def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Refused(REFUSAL)


class PastRisk:
    """Limits and breakers as they were; changing and resetting them is refused."""

    def __init__(self, desk: PastDesk) -> None:
        self._desk = desk

    @property
    def version(self) -> int:
        return self._desk.version

    @property
    def limits(self) -> RiskLimits:
        return self._desk.core.limits

    @property
    def changes(self) -> Sequence[LimitsChanged]:
        return self._desk.core.limits_book.changes

    def tripped(self) -> list[BreakerTripped]:
        return self._desk.core.breakers.active(self._desk.clock.now())

    def __getattr__(self, name: str) -> Any:
        if inspect.iscoroutinefunction(getattr(RiskDesk, name, None)):
            return _refuse
        raise AttributeError(name)


class PastStrategies:
    """Runs of strategies as they were; starting, stopping and changing them is refused."""

    def __init__(self, desk: PastDesk) -> None:
        self._desk = desk

    @property
    def version(self) -> int:
        return self._desk.version

    def runs(self) -> list[RunView]:
        """See `StrategyRunner.runs`."""
        core = self._desk.core
        return [view_of(run, core) for run in core.strategy_runs.values()]

    def view(self, run_id: RunId) -> RunView:
        """See `StrategyRunner.view`."""
        return view_of(self._desk.core.strategy_runs[run_id], self._desk.core)

    def __getattr__(self, name: str) -> Any:
        if inspect.iscoroutinefunction(getattr(StrategyRunner, name, None)):
            return _refuse
        return getattr(self._desk.present.strategies, name)


class PastDesk(DeskView):
    """Reads as the engine does, at `at` (UTC ns), after `step` events of the session; `go` moves it.

    Whatever else panes ask of an engine is the present's; its commands are refused, but kill and flatten, which act on
    the present. `version` is below zero and another one at every step, so that nothing that a pane has kept of the
    present, or of another moment, is taken for this one's.
    """

    def __init__(
        self,
        engine: Engine,
        session: Session,
        market: PastMarket,
        timeline: Timeline,
        snapshots: Sequence[EquitySnapshot] = (),
    ) -> None:
        """`snapshots`: the stored worth of the desk. `open_past` makes all of it."""
        self._clock = SimClock(session.start)
        super().__init__(timeline.core_at(0), market, engine.venues, self._clock)
        self.past_market = market
        self.timeline = timeline
        self.present = engine
        self.session = session
        self.stalls = engine.stalls
        self.candles_since, self.kept_at = engine.candles_since, engine.kept_at
        self.risk = PastRisk(self)
        self.strategies = PastStrategies(self)
        self.version = -2
        self.step = 0
        self._ended = engine.clock.now() if session.end is None else session.end
        self._snapshots = snapshots
        self._snapshot_times = [one.ts for one in snapshots]
        self.go_to(self.ended)

    @property
    def _stale_after(self) -> int:
        """Never: a moment of the past stands still, and nothing is traded on it."""
        return sys.maxsize

    # Moving.

    @property
    def at(self) -> int:
        return self.clock.now()

    @property
    def began(self) -> int:
        return self.session.start

    @property
    def ended(self) -> int:
        """Its end; of the session that goes on, when it was opened here."""
        return max(self._ended, self.timeline.times[-1])

    def go(self, position: int) -> None:
        """To the moment right after the first `position` events of the session; the nearest there is."""
        position = max(0, min(position, self.timeline.count))
        self._show(position, self.timeline.times[position])

    def go_to(self, ts: int) -> None:
        """To a time of the session; the nearest there is."""
        ts = max(self.began, min(ts, self.ended))
        self._show(self.timeline.position_at(ts), ts)

    def _show(self, position: int, ts: int) -> None:
        self.step = position
        self._clock.jump_to(ts)
        self.core = self.timeline.core_at(position)
        self.past_market.move_to(ts)
        self.version -= 1

    # Reading, where the past says something else than the fold.

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "present":
            raise AttributeError(name)
        if inspect.iscoroutinefunction(getattr(Engine, name, None)):
            return _refuse
        return getattr(self.present, name)

    @property
    def orders_version(self) -> int:
        return self.version

    @property
    def plans_version(self) -> int:
        return self.version

    @property
    def rebalances_version(self) -> int:
        return self.version

    @property
    def sets_version(self) -> tuple[int, int]:
        return self.version, self.version

    @property
    def portfolio_version(self) -> int:
        return self.version

    def order_events(self, client_id: ClientOrderId) -> list[OrderEvent]:
        return self.timeline.events_of(client_id, self.step)

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None:
        return None

    def links(self) -> list[Link]:
        return self.present.links()

    def snapshot(self) -> EquitySnapshot | None:
        """The newest stored worth of the desk up to this moment."""
        number = bisect_right(self._snapshot_times, self.at)
        return self._snapshots[number - 1] if number else None

    def prices_from(self, origin: PriceFrom) -> list[str]:
        """The instruments of open positions whose price is of that origin."""
        found = self.past_market.price_from
        return [position.instrument for position in self.positions() if found.get(position.instrument) is origin]

    async def equity_curve(self, since: int, bucket: int) -> list[tuple[int, Decimal]]:
        """The stored equity up to this moment (see `Engine.equity_curve`)."""
        return [point for point in await self.present.equity_curve(since, bucket) if point[0] <= self.at]

    def day_pnl(self) -> Decimal:
        """Equity against the first stored one of that UTC day; 0 where none was stored by then."""
        day = self.at - self.at % DAY
        first = bisect_left(self._snapshot_times, day)
        if first >= len(self._snapshots) or self._snapshot_times[first] > self.at:
            return ZERO
        return subtract(self.equity(), self._snapshots[first].equity)

    @property
    def activity(self) -> tuple[object, ...]:
        return (self.version,)


async def open_past(engine: Engine, session: Session) -> PastDesk:
    """The desk at the last moment of a session. Folding 100,000 events takes seconds, in a thread. Raises StoreError
    if the store cannot be read."""
    until = engine.journal[: session.first + session.count]
    instruments, core = engine.instruments(), engine.core

    def traded(ts: int) -> bool:
        """Candles of before this run are another market's, but for those that a demo has kept."""
        return engine.mode not in ("demo", "replay") or ts >= engine.opened_at or engine.kept_at(ts, ts)

    def build() -> tuple[PastMarket, Timeline, list[EquitySnapshot]]:
        market = PastMarket(instruments, core.market, traded, Prices(until))

        def new_core() -> TradingCore:
            return TradingCore(
                instruments,
                market,
                core.limits_book.configured,
                core.portfolio.currency,
                core.portfolio.at_par,
                capabilities={name: venue.capabilities for name, venue in engine.venues.items()},
                histories=False,
            )

        timeline = Timeline(until, new_core, first=session.first, start=session.start)
        return market, timeline, engine.equity_snapshots(session.start - session.start % DAY)

    return PastDesk(engine, session, *await asyncio.to_thread(build))
