"""Portfolios off the event loop: a warm process beside the desk, and what it answered before at hand."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workstation.portfolio.problem import PortfolioError, Problem
from workstation.sideline.client import SideProcess

if TYPE_CHECKING:
    from workstation.market.candles import Floats
    from workstation.portfolio.frontier import Frontier
    from workstation.portfolio.optimise import Allocation
    from workstation.portfolio.prices import PriceTable
    from workstation.portfolio.risk_report import RiskQuestion, RiskReport

#: Answers that are kept, the longest unused first out.
KEPT = 256


@dataclass(frozen=True, slots=True)
class WarmRequest:
    """Load what portfolios are worked out with."""


@dataclass(frozen=True, slots=True)
class AllocateRequest:
    prices: PriceTable
    problem: Problem
    leave_out: bool


@dataclass(frozen=True, slots=True)
class FrontierRequest:
    prices: PriceTable
    problem: Problem
    leave_out: bool
    points: int


@dataclass(frozen=True, slots=True)
class ContributionsRequest:
    """`weights`: one row a portfolio, one column an asset of `prices` (P × N, bytes of float64)."""

    prices: PriceTable
    problem: Problem
    weights: bytes


@dataclass(frozen=True, slots=True)
class RiskRequest:
    question: RiskQuestion


type Request = WarmRequest | AllocateRequest | FrontierRequest | ContributionsRequest | RiskRequest


class PortfolioDesk:
    """`allocate` and `frontier` of this package, awaitable. Cancelling the awaiting task calls the work off; the same
    inputs are answered from memory. Raises `PortfolioError` with a sentence, like the functions themselves."""

    def __init__(self) -> None:
        self._process = _Process()
        self._kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    async def begin(self) -> None:
        """Start the process, and load here what its answers are made of; both may run while its questions are made."""
        await asyncio.gather(self._process.start(), asyncio.to_thread(_load))

    async def warm(self) -> None:
        """Start the process and let it load, so that the first answer comes at once."""
        await self._process.ask(WarmRequest())

    async def allocate(
        self,
        prices: PriceTable,
        problem: Problem,
        *,
        leave_out: bool = False,
        on_part: Callable[[Any], None] | None = None,
    ) -> Allocation:
        """See `optimise.allocate`. `on_part` hears words on what is being done."""
        key = ("allocate", prices.fingerprint, problem.fingerprint, leave_out)
        answer: Allocation = await self._ask(key, AllocateRequest(prices, problem, leave_out), on_part)
        return answer

    async def frontier(
        self,
        prices: PriceTable,
        problem: Problem,
        points: int = 30,
        *,
        leave_out: bool = False,
        on_part: Callable[[Any], None] | None = None,
    ) -> Frontier:
        """See `frontier.frontier`. `on_part` hears (points done, points in all) and words."""
        key = ("frontier", prices.fingerprint, problem.fingerprint, leave_out, points)
        answer: Frontier = await self._ask(key, FrontierRequest(prices, problem, leave_out, points), on_part)
        return answer

    async def contributions(self, prices: PriceTable, problem: Problem, weights: Floats) -> Floats:
        """What each asset adds to the risk of each portfolio (rows of `weights`, P × N); a row's sum is its risk."""
        await asyncio.to_thread(_load)
        import numpy as np

        data = np.ascontiguousarray(weights, dtype=np.float64).tobytes()
        key = ("contributions", prices.fingerprint, problem.fingerprint, data)
        found: Floats = await self._ask(key, ContributionsRequest(prices, problem, data), None)
        return found

    async def risk(self, question: RiskQuestion) -> RiskReport:
        """See `risk_report.report`. Nothing is kept: positions move all the time."""
        await asyncio.to_thread(_load)
        answer: RiskReport = await self._process.ask(RiskRequest(question))
        return answer

    def known(self, prices: PriceTable, problem: Problem, *, leave_out: bool = False) -> Allocation | None:
        """The allocation if it was worked out before."""
        return self._kept.get(("allocate", prices.fingerprint, problem.fingerprint, leave_out))

    @property
    def running(self) -> bool:
        return self._process.running

    async def close(self) -> None:
        """End the process. Idempotent."""
        await self._process.close()

    async def _ask(self, key: tuple[object, ...], request: Request, on_part: Callable[[Any], None] | None) -> Any:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        await asyncio.to_thread(_load)
        answer = await self._process.ask(request, on_part)
        self._kept[key] = answer
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return answer


class _Process(SideProcess):
    def __init__(self) -> None:
        super().__init__("workstation.portfolio.worker", "portfolio", PortfolioError)


def _load() -> None:
    """The classes of the answers, off the event loop: reading an answer must not import numpy on it."""
    import workstation.portfolio.frontier
    import workstation.portfolio.risk_report  # noqa: F401
