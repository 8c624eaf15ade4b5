"""What a backtest costs and gives, and the protocol of the engines; `run` chooses one by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workstation.market.candles import Candles, Floats, Ints
from workstation.strategies.exits import Reason

if TYPE_CHECKING:
    from workstation.strategies.contract import Strategy

ENGINES = ("fast", "event", "backtesting")


class BacktestError(Exception):
    """The backtest cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The account and what trading costs. Fractions: a fee of 0.001 is 0.1 % of the traded value on both sides.

    `slippage` moves every market and stop fill against the trader. `leverage` is the most exposure for each unit of
    equity; below `maintenance` × the position's value of equity the position is liquidated. `funding` is the rate that
    a long pays (a short receives) every `funding_hours` of UTC time, on the value at the bar's open. `path`: a bar
    that reaches stop and target counts as the stop (0), the target (1), or what is nearer to its open (2).
    """

    cash: float = 10_000.0
    fee: float = 0.0
    slippage: float = 0.0
    leverage: float = 1.0
    maintenance: float = 0.0
    funding: float = 0.0
    funding_hours: float = 8.0
    close_at_end: bool = True
    path: int = 0

    def __post_init__(self) -> None:
        checks = (
            (0 < self.cash < np.inf, f"The cash must be above zero, not {self.cash:g}."),
            (-0.1 < self.fee < 0.1, f"The fee is a fraction of the value, 0.001 for 0.1 %, not {self.fee:g}."),
            (0 <= self.slippage < 0.1, f"The slippage is a fraction of the price, 0.0005 say, not {self.slippage:g}."),
            (1 <= self.leverage <= 500, f"The leverage must be from 1 to 500, not {self.leverage:g}."),
            (0 <= self.maintenance < 1, f"The maintenance margin is a fraction, not {self.maintenance:g}."),
            (-1 < self.funding < 1, f"The funding rate is a fraction, not {self.funding:g}."),
            (self.funding_hours > 0, f"The funding interval must be above zero, not {self.funding_hours:g} hours."),
            (self.path in (0, 1, 2), f"The path is 0, 1 or 2, not {self.path}."),
        )
        for holds, sentence in checks:
            if not holds:
                raise BacktestError(sentence)

    def funding_rates(self, candles: Candles) -> Floats:
        """What is due at each bar's open; a single 0 without funding. Several dues of one long bar add up."""
        if self.funding == 0:
            return np.zeros(1)
        due = candles.time // int(self.funding_hours * 3_600_000_000_000)
        return np.diff(due, prepend=due[:1]) * self.funding


@dataclass(frozen=True, slots=True)
class BacktestTrade:
    """One trade. `pnl` is net of fees and funding; `slippage` is what the fills cost against the market's prices."""

    entry_bar: int
    exit_bar: int
    entry_time: int
    exit_time: int
    side: str
    size: float
    entry_price: float
    exit_price: float
    pnl: float
    fees: float
    funding: float
    slippage: float
    tag: str


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades by column, in order of their exits. `side` is 1 or −1, `reason` a `Reason`."""

    entry_bar: Ints
    exit_bar: Ints
    side: Ints
    reason: Ints
    size: Floats
    entry_price: Floats
    exit_price: Floats
    pnl: Floats
    fees: Floats
    funding: Floats
    slippage: Floats
    tags: tuple[str, ...] | None = None

    @classmethod
    def of(cls, whole: Ints, real: Floats, tags: tuple[str, ...] | None = None) -> Trades:
        """From the columns of the kernel: (n, 4) and (n, 7)."""
        entry_bar, exit_bar, side, reason = whole.T
        size, entry_price, exit_price, pnl, fees, funding, slippage = real.T
        return cls(entry_bar, exit_bar, side, reason, size, entry_price, exit_price, pnl, fees, funding, slippage, tags)

    def __len__(self) -> int:
        return len(self.pnl)

    @property
    def returns(self) -> Floats:
        """Net profit as a fraction of the entry's value."""
        return self.pnl / (self.size * self.entry_price)

    def tag(self, i: int) -> str:
        return self.tags[i] if self.tags is not None else Reason(int(self.reason[i])).name.lower()


@dataclass(frozen=True, eq=False)
class Result:
    """What a backtest gave. `equity` is the account at each bar's close, the last one after the final exit.

    `stats` are figures that the engine took from elsewhere (backtesting.py's own, for its strategies); where it is None
    `metrics` are worked out here.
    """

    strategy: str
    params: dict[str, Any]
    engine: str
    candles: Candles
    costs: Costs
    trades: Trades
    equity: Floats
    stats: dict[str, Any] | None = None
    native: object = None  # what the engine itself can show: backtesting.py's Backtest, for its plot

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The figures by name (see `research/metrics.py`)."""
        from workstation.research.metrics import measure

        return {**measure(self.equity, self.candles, self.trades, self.costs.cash), **(self.stats or {})}

    def rows(self) -> Iterator[BacktestTrade]:
        """The trades one by one."""
        t, time = self.trades, self.candles.time
        for i in range(len(t)):
            yield BacktestTrade(
                entry_bar=int(t.entry_bar[i]),
                exit_bar=int(t.exit_bar[i]),
                entry_time=int(time[t.entry_bar[i]]),
                exit_time=int(time[t.exit_bar[i]]),
                side="long" if t.side[i] > 0 else "short",
                size=float(t.size[i]),
                entry_price=float(t.entry_price[i]),
                exit_price=float(t.exit_price[i]),
                pnl=float(t.pnl[i]),
                fees=float(t.fees[i]),
                funding=float(t.funding[i]),
                slippage=float(t.slippage[i]),
                tag=t.tag(i),
            )


class Engine(Protocol):
    """Runs one strategy on candles. Raises `BacktestError`, or what the strategy itself raises."""

    name: str

    def run(self, strategy: Strategy, candles: Candles, costs: Costs) -> Result: ...


def engine(name: str) -> Engine:
    """The engine of that name, its libraries loaded now. Raises `BacktestError`."""
    match name:
        case "fast":
            from workstation.research.fast import FastEngine

            return FastEngine()
        case "backtesting":
            from workstation.research.backtesting_engine import BacktestingEngine

            return BacktestingEngine()
        case "event":
            from workstation.research.event_engine import EventEngine

            return EventEngine()
    raise BacktestError(f"There is no engine {name!r}: {', '.join(ENGINES)}.")
