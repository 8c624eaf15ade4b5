"""How much of one run is luck, all in one: detectors, the probabilistic Sharpe ratio, and four fans of Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs
from workstation.research.detectors import Finding, looks_ahead, unstable_warm_up
from workstation.research.fast import FastEngine
from workstation.research.metrics import level_returns, period_ends, periods_per_year
from workstation.research.monte_carlo import (
    Fan,
    bootstrap,
    candle_noise,
    equity_gains,
    has_numbers,
    parameter_jitter,
    shuffle_trades,
)
from workstation.research.overfitting import deflated_sharpe, probabilistic_sharpe
from workstation.research.recipe import Maker
from workstation.research.result import Result
from workstation.research.verdicts import Verdict, beats_luck, detected, neighbours, no_proof, worst_first
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.parameters import parameters_of

#: The detectors compute signals some sixty times: on so many of the last bars at most.
_DETECTED_BARS = 20_000
#: Fewer bars tell nothing of looking ahead.
LEAST_BARS = 50


@dataclass(frozen=True, eq=False)
class Luck:
    """`skill` is the probability that the true Sharpe ratio is above zero (one trial); NaN where nothing moved."""

    findings: Mapping[str, Finding]
    skill: float
    trades: int
    fans: Mapping[str, Fan]
    gained: float  # percent

    @property
    def verdicts(self) -> list[Verdict]:
        """In words, as the page has them; the worst that was found first."""
        found = detected(self.findings)
        found.append(no_proof(found) or beats_luck(self.skill, 1, self.trades))
        if (moved := self.fans.get("parameters moved")) is not None:
            found.append(neighbours(moved.loss_probability, self.gained))
        return worst_first(found)

    @property
    def verdict(self) -> str:
        """The first of them."""
        first = self.verdicts[0]
        return f"{first.head}: {first.text}"

    def as_json(self) -> dict[str, Any]:
        """As `tws backtest --luck --json` prints it."""
        found = {name: {"caught": each.caught, "says": each.sentence} for name, each in self.findings.items()}
        fans = {
            name: {
                "runs": len(fan.final),
                "final_equity": dict(zip(("p5", "p25", "p50", "p75", "p95"), fan.paths[:, -1].tolist(), strict=True)),
                "loss_probability": fan.loss_probability,
                "drawdown_95_pct": 100 * fan.drawdown_at(),
            }
            for name, fan in self.fans.items()
        }
        return {
            "verdict": self.verdict,
            "verdicts": [one.as_json() for one in self.verdicts],
            "skill_probability": self.skill,
            "detectors": found,
            "fans": fans,
        }


def detect(make: Callable[[], SignalStrategy], candles: Candles) -> dict[str, Finding]:
    """Whether it looks ahead ("look-ahead") or depends on where the data begin ("warm-up"), on the last bars."""
    part = candles if len(candles) <= _DETECTED_BARS else candles.slice(len(candles) - _DETECTED_BARS, len(candles))
    return {
        "look-ahead": looks_ahead(make, part),
        "warm-up": unstable_warm_up(make, part, allowed=min(500, len(part) // 4)),
    }


def best_of(result: Result, ratios: Sequence[float]) -> tuple[float, Verdict]:
    """How likely it is that `result`, the best of a search, beats the best of so many worthless ones (deflated Sharpe
    ratio; NaN where it never moved), and the same in words. `ratios`: the annual Sharpe ratio of each that was tried,
    NaN of one that never moved."""
    candles = result.candles
    returns, periods = level_returns(result.equity[period_ends(candles)]), periods_per_year(candles)
    chance = deflated_sharpe(returns, [ratio / periods**0.5 for ratio in ratios])
    return chance, beats_luck(chance, len(ratios), len(result.trades))


def luck_of(make: Maker, candles: Candles, costs: Costs, *, runs: int = 200, seed: int = 0) -> Luck:
    """Everything about one set of parameters. Raises `BacktestError`, and what the strategy raises."""
    if len(candles) < LEAST_BARS:
        raise BacktestError("Fewer than 50 bars tell nothing of luck.")
    strategy = make()
    findings = detect(make, candles)
    result = FastEngine().run(strategy, candles, costs)
    returns = level_returns(result.equity[period_ends(candles)])
    fans: dict[str, Fan] = {}
    if len(result.trades) >= 2:
        fans["trades shuffled"] = shuffle_trades(equity_gains(result.trades.pnl, costs.cash), costs.cash, runs, seed)
    if len(returns) >= 20:
        fans["returns redrawn"] = bootstrap(returns, costs.cash, 10, runs, seed)
    fans["candles with noise"] = candle_noise(make, candles, costs, runs=runs, seed=seed)
    known = parameters_of(type(strategy))
    if has_numbers(known):
        fans["parameters moved"] = parameter_jitter(make, strategy.params, known, candles, costs, runs=runs, seed=seed)
    gained = float(result.metrics["return_pct"])
    return Luck(findings, probabilistic_sharpe(returns), len(result.trades), fans, gained)
