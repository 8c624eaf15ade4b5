"""What the page has asked and been told: prices, frontier, the method's weights, figures, walk-forwards, orders.

The page changes the form and calls `refresh`; answers come from the desk's portfolio process, and of several changes
while one is being worked out only the last is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.portfolio.form import CALENDAR_FIELD, Form
from plugins.portfolio.universe import Universe, instrument_of, load, universes
from workstation.clock import SECOND, span
from workstation.domain.instrument import InstrumentId
from workstation.domain.plan import PlanState
from workstation.engine import Engine
from workstation.portfolio.methods import MEASURES, METHODS
from workstation.portfolio.problem import PortfolioError, Problem
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview

if TYPE_CHECKING:
    from workstation.market.candles import Floats
    from workstation.portfolio.comparing import Figures
    from workstation.portfolio.frontier import Frontier
    from workstation.portfolio.optimise import Allocation
    from workstation.portfolio.prices import PriceTable

POINTS = 30
_PORTFOLIOS = "portfolios"
#: What methods are compared, beside the one that is chosen.
COMPARED = ("equal_weight", "inverse_volatility", "min_risk", "max_ratio", "risk_parity", "hrp", "max_diversification")


@dataclass(frozen=True, slots=True)
class Choice:
    """The portfolio under the cursor: weights by asset, its risk and return of one period, what each asset adds to
    the risk (None: not yet known)."""

    name: str
    weights: dict[str, float]
    risk: float
    expected: float
    contributions: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A method over the walk-forward; `why` where it could not be fitted."""

    method: str
    figures: Figures | None = None
    why: str = ""


def _coarse(nanoseconds: int) -> int:
    """To the hour from two days on, else to the minute."""
    step = 3_600 * SECOND if nanoseconds >= 172_800 * SECOND else 60 * SECOND
    return max(step, nanoseconds // step * step)


class Session:
    def __init__(
        self, engine: Callable[[], Engine], form: Form, spawn: Callable[[Coroutine[Any, Any, Any]], None]
    ) -> None:
        self._engine, self.form, self._spawn = engine, form, spawn
        self.version = 0
        self.universes: list[Universe] = []
        self.table: PriceTable | None = None  # every asset of the universe
        self.frontier: Frontier | None = None
        self.allocation: Allocation | None = None
        self.parts: Floats | None = None  # P × N: contributions of every point of the frontier
        self.trained: Frontier | None = None  # fitted on the first part of the rows
        self.trained_allocation: Allocation | None = None
        self.compared: list[Compared] = []
        self.place: int | None = None  # on the frontier; None: the method's own weights
        self.problem: str = ""
        self.notice = ""
        self.busy = ""
        self._task: asyncio.Task[None] | None = None
        self._long: asyncio.Task[None] | None = None
        self._again = False
        self._loaded: tuple[str, str] | None = None

    @property
    def engine(self) -> Engine:
        return self._engine()

    @property
    def folder(self) -> Path | None:
        settings = self.engine.settings
        paths = getattr(settings, "paths", None)
        return getattr(paths, "candles", None)

    def bump(self) -> None:
        self.version += 1

    # -- what is picked

    def look(self) -> None:
        """Find what can be picked, and work out what the form says."""
        self._spawn(self._look())

    async def _look(self) -> None:
        self.universes = universes(self.engine, None)
        if not self.form["universe"] and self.universes:
            self.form.put("universe", self.universes[0].spec)
        self.refresh()
        if (folder := self.folder) is not None:
            found = await asyncio.to_thread(universes, self.engine, folder)
            self.universes = found
            self.bump()

    @property
    def assets(self) -> tuple[str, ...]:
        """The picked ones, in the table's order."""
        if self.table is None:
            return ()
        table, factors = self.table.assets, self.form.factors
        picked = [asset for asset in self.form["assets"] if asset in table] or list(table)
        return tuple(asset for asset in table if asset in picked and asset not in factors)

    def _with_factors(self, assets: Sequence[str]) -> PriceTable:
        """Prices of these assets and of the factors that explain them, in the table's order. Raises PortfolioError."""
        assert self.table is not None
        factors = self.form.factors
        if unknown := [factor for factor in factors if factor not in self.table.assets]:
            raise PortfolioError(f"The factor {unknown[0]} is not among the columns of {self.table.name}.")
        return self.table.take(tuple(one for one in self.table.assets if one in assets or one in factors))

    def instruments(self) -> dict[str, InstrumentId | None]:
        """By what each picked asset can be traded here."""
        known = self.engine.instruments()
        return {asset: instrument_of(asset, str(self.form["universe"]), known) for asset in self.assets}

    def held(self) -> dict[str, float]:
        """Weights held now, by asset: of the form's money, else of what holdings and money come to."""
        worth: dict[str, float] = {}
        pools: set[tuple[str, str]] = set()
        engine = self.engine
        for asset, name in self.instruments().items():
            if name is None:
                continue
            instrument = engine.instrument(name)
            mark = engine.mark(name)
            rate = engine.rate(instrument.venue, instrument.settlement)
            pools.add((instrument.venue, instrument.settlement))
            if mark is not None and rate is not None:
                worth[asset] = float(engine.core.held(instrument) * mark * rate)
        money = float(self.form["budget"])
        if not money:
            money = sum(worth.values())
            for venue, currency in pools:
                money += float(engine.balance(venue, currency) * (engine.rate(venue, currency) or 0))
        return {asset: value / money for asset, value in worth.items()} if money > 0 else {}

    # -- weights and frontier

    def refresh(self) -> None:
        """Work out what the form says; what is being worked out is called off."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())
        self.bump()

    async def _run(self) -> None:
        while self._again:
            self._again = False
            self.busy = "Working"
            try:
                await self._work()
            except (PortfolioError, Refused) as error:
                self.problem = str(error)
            except Exception as error:  # what reading candles and files raises are sentences
                self.problem = str(error) or repr(error)
            self.busy = ""
            self.bump()

    async def _work(self) -> None:
        await self._prices()
        assert self.table is not None
        if len(self.assets) < 2:
            raise PortfolioError("A portfolio needs two assets at least: a picks them.")
        table = self._with_factors(self.assets)
        asked = self.form.problem(table.periods_per_year, self.held())
        self.problem = ""
        await self._method(table, asked)
        if not self._again:
            await self._frontier(table, asked)

    async def _method(self, table: PriceTable, asked: Problem) -> None:
        """The method's own weights; where there are none the frontier may still be there to walk."""
        try:
            allocation = await self.engine.portfolio.allocate(table, asked, leave_out=True, on_part=self._note)
        except PortfolioError as error:
            self.problem, self.allocation = str(error), None
        else:
            self.allocation = allocation
        self.bump()

    async def _frontier(self, table: PriceTable, asked: Problem) -> None:
        desk, curved = self.engine.portfolio, self._curved(table)
        try:
            frontier = await desk.frontier(table, curved, POINTS, leave_out=True, on_part=self._note)
        except PortfolioError as error:
            self.frontier, self.parts, self.place = None, None, None
            self.notice = f"No frontier: {error}"
            return
        if self._again:
            return
        self.frontier, self.parts, self.notice = frontier, None, ""
        if self.place is not None:
            self.place = min(self.place, len(frontier) - 1)
        elif self.allocation is None:
            self.place = 0
        self.bump()
        self.parts = await desk.contributions(self._with_factors(frontier.assets), curved, frontier.weights)
        self.bump()
        await self._out_of_sample(table, asked, curved)

    def _curved(self, table: PriceTable) -> Problem:
        """The frontier's problem: a measure that has one, and the same for every method."""
        asked = self.form.problem(table.periods_per_year, self.held(), "max_ratio")
        return asked if MEASURES[asked.risk].frontier else replaced(asked, risk="MV")

    async def _out_of_sample(self, table: PriceTable, asked: Problem, curved: Problem) -> None:
        from workstation.portfolio.comparing import IN_SAMPLE

        self.trained, self.trained_allocation = None, None
        first = table.rows(0, max(3, round(len(table) * IN_SAMPLE)))
        desk = self.engine.portfolio
        try:
            allocation = await desk.allocate(first, asked, leave_out=True)
            frontier = await desk.frontier(first, curved, POINTS, leave_out=True)
        except PortfolioError:
            return
        if not self._again:
            self.trained, self.trained_allocation = frontier, allocation

    async def _prices(self) -> None:
        wanted = (str(self.form["universe"]), str(self.form["bars"]))
        if self._loaded == wanted and self.table is not None:
            return
        self.table = self.frontier = self.allocation = self.parts = None
        self.compared, self.place = [], None
        self.notice = "Reading prices …"
        self.bump()
        self.table = await load(self.engine, *wanted, self.folder)
        self._loaded, self.notice = wanted, ""

    def _note(self, part: object) -> None:
        if isinstance(part, tuple):
            self.notice = f"Frontier {part[0]} of {part[1]}"
        else:
            self.notice = str(part)
        self.bump()

    # -- the portfolio under the cursor

    @property
    def choice(self) -> Choice | None:
        frontier, allocation = self.frontier, self.allocation
        if self.place is not None and frontier is not None:
            point = frontier.point(self.place)
            weights = {asset: float(w) for asset, w in zip(frontier.assets, point.weights, strict=True)}
            parts = None
            if self.parts is not None:
                parts = {a: float(p) for a, p in zip(frontier.assets, self.parts[self.place], strict=True)}
            return Choice(
                f"frontier {self.place + 1}/{len(frontier)}", weights, point.risk, point.expected_return, parts
            )
        if allocation is None:
            return None
        parts = {a: float(p) for a, p in zip(allocation.assets, allocation.contributions, strict=True)}
        name = METHODS[allocation.problem.method].name
        return Choice(name, allocation.weights, allocation.risk_value, allocation.expected_return, parts)

    def walk(self, by: int) -> None:
        """Move along the frontier; from the method's own weights to the nearest point."""
        frontier = self.frontier
        if frontier is None:
            return
        if self.place is None:
            self.place = self.nearest()
        else:
            self.place = max(0, min(self.place + by, len(frontier) - 1))
        self.bump()

    def nearest(self) -> int:
        """The frontier's point whose risk is next to that of the portfolio under the cursor."""
        frontier, choice = self.frontier, self.choice
        if frontier is None or choice is None:
            return 0
        return min(range(len(frontier)), key=lambda i: abs(float(frontier.risks[i]) - choice.risk))

    def go_to(self, what: str) -> None:
        """To the point nearest to "best" (maximum ratio) or "least" (minimum risk)."""
        frontier = self.frontier
        if frontier is None:
            return
        slopes = [
            (float(r) - frontier.problem.rf) / float(s) if s > 0 else float("-inf")
            for r, s in zip(frontier.returns, frontier.risks, strict=True)
        ]
        self.place = 0 if what == "least" else max(range(len(slopes)), key=slopes.__getitem__)
        self.bump()

    # -- figures

    def in_and_out(self) -> tuple[Figures | None, Figures | None]:
        """The choice over the rows that it was fitted on; the same choice fitted on the first part, over the rest."""
        from workstation.portfolio.comparing import figures, held_returns

        choice, table = self.choice, self.table
        if choice is None or table is None:
            return None, None
        import numpy as np

        used = table.take(tuple(choice.weights))
        periods = used.periods_per_year
        rf = self.form["rf"] / 100 / periods
        returns = np.nan_to_num(used.returns)
        inside = figures(returns @ np.array(list(choice.weights.values())), periods, rf)
        trained: Any = self.trained_allocation
        weights: Any = None if trained is None else trained.values
        if self.place is not None and self.trained is not None:
            trained, weights = self.trained, self.trained.weights[min(self.place, len(self.trained) - 1)]
        if trained is None or weights is None:
            return inside, None
        from workstation.portfolio.comparing import IN_SAMPLE

        rest = np.nan_to_num(table.take(trained.assets).returns)[max(2, round(len(table) * IN_SAMPLE) - 1) :]
        earned, _ = held_returns(rest, np.asarray(weights))
        return inside, figures(earned, periods, rf)

    def compare(self) -> None:
        """Methods side by side over a walk-forward."""
        self.call_off()
        self.compared = []
        self._long = asyncio.ensure_future(self._compare())

    def call_off(self) -> bool:
        """End the long work; whether there was some."""
        if self._long is not None and not self._long.done():
            self._long.cancel()
            return True
        return False

    async def _compare(self) -> None:
        from workstation.portfolio.comparing import figures, sizes, walked, windows

        if self.table is None:
            return
        import numpy as np

        table = self._with_factors(self.assets)
        if bool(np.isnan(table.values).any()):
            table = table.rows(int(np.argmax(~np.isnan(table.values).any(axis=1))), len(table))
        returns = np.nan_to_num(table.take(self.assets).returns)
        train, hold = sizes(len(returns))
        asked = self.form.problem(table.periods_per_year, {})
        asked_periods = table.periods_per_year
        cost = self.form["costs"] / 100 or self.usual_cost()
        methods = list(dict.fromkeys([asked.method, *COMPARED]))
        cut = windows(len(returns), train, hold)
        mine = asyncio.current_task()
        try:
            for number, method in enumerate(methods):
                why = ""
                fits: list[tuple[tuple[int, int, int], Floats]] = []
                for window in cut:
                    self.busy = f"Walk-forward {number * len(cut) + len(fits)} of {len(cut) * len(methods)}"
                    self.bump()
                    rows = table.rows(window[0], window[1] + 1)
                    try:
                        fitted = await self.engine.portfolio.allocate(
                            rows, self.form.problem(asked_periods, {}, method)
                        )
                    except PortfolioError as error:
                        why = str(error)
                        break
                    fits.append((window, fitted.values))
                if why:
                    self.compared.append(Compared(method, None, why))
                else:
                    earned, turnover, paid = walked(returns, fits, cost)
                    found = figures(earned, table.periods_per_year, asked.rf, turnover=turnover, cost=paid)
                    self.compared.append(Compared(method, found))
                self.bump()
        finally:
            if self._long is mine:
                self.busy = ""
            self.bump()

    def usual_cost(self) -> float:
        """Of a unit of turnover: the mean taker fee of the instruments, and a basis point of spread."""
        fees = [
            float(self.engine.instrument(name).taker_fee) for name in self.instruments().values() if name is not None
        ]
        return (sum(fees) / len(fees) if fees else 0.001) + 0.0001

    # -- orders

    def tradable(self) -> dict[InstrumentId, float]:
        """The weights under the cursor by instrument, those that are listed here."""
        choice = self.choice
        if choice is None:
            return {}
        found = self.instruments()
        return {name: choice.weights.get(asset, 0.0) for asset, name in found.items() if name is not None}

    def unlisted(self) -> list[str]:
        return [asset for asset, name in self.instruments().items() if name is None]

    def plan_name(self) -> str:
        """The name of the rebalance: the method and the measure, or the frontier's place."""
        if self.place is not None and self.frontier is not None:
            return f"frontier {self.place + 1} of {len(self.frontier)}"
        return str(self.form["method"]).replace("_", " ")

    def preview(self) -> RebalancePreview:
        """The exact orders of the weights under the cursor. Raises `Refused`."""
        weights = self.tradable()
        if not weights:
            raise Refused("None of these assets is listed at a venue of this desk: weights only, no orders.")
        now = self.engine.clock.now()
        if (due := self.form.due(self._last_rebalance(weights))) is not None and now < due:
            raise Refused(
                f"By the calendar ({self.form.shown(CALENDAR_FIELD)}) orders are due in {span(_coarse(due - now))}: "
                "choose any time to trade sooner."
            )
        return self.engine.preview_rebalance(self.form.wish(weights, self.plan_name()))

    def _last_rebalance(self, weights: Mapping[InstrumentId, float]) -> int | None:
        """When the trader last began to rebalance these instruments; one that he cancelled does not count."""
        for rebalance in reversed(self.engine.all_rebalances()):
            mine = rebalance.origin == "manual" and set(rebalance.targets) == set(weights)
            if mine and rebalance.state in (PlanState.ACTIVE, PlanState.DONE):
                return rebalance.created_at
        return None

    def active(self) -> Progress | None:
        """The newest rebalance that is under way."""
        for rebalance in reversed(self.engine.rebalances()):
            if rebalance.is_active:
                return self.engine.rebalance_progress(rebalance.rebalance_id)
        return None

    # -- kept portfolios

    def kept(self) -> dict[str, dict[str, Any]]:
        found = self.engine.get_setting(_PORTFOLIOS) or {}
        return dict(found) if isinstance(found, dict) else {}

    def keep(self, name: str) -> None:
        """Form and weights under a name; the weights are what `rebalance NAME` on the command line trades."""
        choice = self.choice
        if choice is None:
            raise Refused("There are no weights to keep yet.")
        weights = {name: weight for name, weight in self.tradable().items() if abs(weight) > 1e-6}
        entry = {"form": dict(self.form.values), "weights": weights, "place": self.place, "what": choice.name}
        self.engine.set_setting(_PORTFOLIOS, {**self.kept(), name: entry})

    def drop(self, name: str) -> None:
        kept = self.kept()
        kept.pop(name, None)
        self.engine.set_setting(_PORTFOLIOS, kept)

    def restore(self, entry: Mapping[str, Any]) -> None:
        self.form.values.update(Form(entry.get("form") or {}).values)
        place = entry.get("place")
        self.place = place if isinstance(place, int) else None
        self.refresh()
