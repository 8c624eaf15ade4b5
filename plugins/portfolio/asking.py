"""What the page has asked and been told: prices, the frontier, the method's weights, the portfolio under the cursor.

The page changes the form and calls `refresh`; answers come from the desk's portfolio process, and of several changes
while one is being worked out only the last is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.portfolio.form import Form
from plugins.portfolio.universe import Universe, instrument_of, load, universes
from workstation.domain.instrument import InstrumentId
from workstation.engine import Engine
from workstation.portfolio.methods import MEASURES, METHODS
from workstation.portfolio.problem import PortfolioError, Problem
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from workstation.market.candles import Floats
    from workstation.portfolio.frontier import Frontier
    from workstation.portfolio.optimise import Allocation
    from workstation.portfolio.prices import PriceTable

POINTS = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """The portfolio under the cursor: weights by asset, its risk and return of one period, what each asset adds to
    the risk (None: not yet known)."""

    name: str
    weights: dict[str, float]
    risk: float
    expected: float
    contributions: dict[str, float] | None


class Asking:
    """Asks for what the form says, and holds the answers."""

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
        self.place: int | None = None  # on the frontier; None: the method's own weights
        self.problem: str = ""
        self.notice = ""
        self.busy = ""
        self._task: asyncio.Task[None] | None = None
        self._after: asyncio.Task[None] | None = None
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
        self._spawn(self._begin())
        if (folder := self.folder) is not None:
            found = await asyncio.to_thread(universes, self.engine, folder)
            self.universes = found
            self.bump()

    async def _begin(self) -> None:
        """Start the process while the prices are drawn."""
        with contextlib.suppress(PortfolioError):  # said by the question that comes next
            await self.engine.portfolio.begin()

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
        """Work out what the form says. Of what is being worked out the figures that come after the frontier are called
        off."""
        self._again = True
        if self._after is not None:
            self._after.cancel()
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
            if self.table is None:
                self.notice = ""  # it said that prices are being read
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
            self.notice = "" if str(error) == self.problem else f"No frontier: {error}"
            return
        if self._again:
            return
        self.frontier, self.parts, self.notice = frontier, None, ""
        if self.place is not None:
            self.place = min(self.place, len(frontier) - 1)
        elif self.allocation is None:
            self.place = 0
        self.bump()
        self._after = asyncio.ensure_future(self._afterwards(table, asked, curved, frontier))

    async def _afterwards(self, table: PriceTable, asked: Problem, curved: Problem, frontier: Frontier) -> None:
        """What each asset adds to the risk at every point, and the same fitted on the first part of the prices."""
        self.trained, self.trained_allocation = None, None
        used = self._with_factors(frontier.assets)
        try:
            self.parts = await self.engine.portfolio.contributions(used, curved, frontier.weights)
            self.bump()
            await self._out_of_sample(table, asked, curved)
        except PortfolioError as error:
            self.notice = str(error)
        self.bump()

    def _curved(self, table: PriceTable) -> Problem:
        """The frontier's problem: a measure that has one, and the same for every method."""
        asked = self.form.problem(table.periods_per_year, self.held(), "max_ratio")
        return asked if MEASURES[asked.risk].frontier else replaced(asked, risk="MV")

    async def _out_of_sample(self, table: PriceTable, asked: Problem, curved: Problem) -> None:
        from workstation.portfolio.comparing import IN_SAMPLE

        first = table.rows(0, max(3, round(len(table) * IN_SAMPLE)))
        desk = self.engine.portfolio
        try:
            allocation = await desk.allocate(first, asked, leave_out=True)
            frontier = await desk.frontier(first, curved, POINTS, leave_out=True)
        except PortfolioError:
            return
        self.trained, self.trained_allocation = frontier, allocation

    async def _prices(self) -> None:
        wanted = (str(self.form["universe"]), str(self.form["bars"]))
        if self._loaded == wanted and self.table is not None:
            return
        self.table = self.frontier = self.allocation = self.parts = None
        self.place = None
        self.forget()
        self.notice = "Reading prices …"
        self.bump()
        self.table = await load(self.engine, *wanted, self.folder)
        self._loaded, self.notice = wanted, ""

    def forget(self) -> None:
        """Other prices are about to be read: what was made of the ones before goes."""

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
        """To the point nearest to "best" (maximum ratio) or "least" (minimum risk). Raises `Refused`."""
        frontier = self.frontier
        if frontier is None:
            return
        if what == "best" and frontier.best is None:
            raise Refused(
                "No portfolio of these assets is expected to return more than the risk-free rate, so none has a best "
                "ratio: other assets, longer bars or a lower rate may."
            )
        slopes = [
            (float(r) - frontier.problem.rf) / float(s) if s > 0 else float("-inf")
            for r, s in zip(frontier.returns, frontier.risks, strict=True)
        ]
        self.place = 0 if what == "least" else max(range(len(slopes)), key=slopes.__getitem__)
        self.bump()
