"""Sweeps and searches of the page: what was asked, what has come of it so far, and what a result was run with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from plugins.backtest.axes import axis_name, axis_text
from workstation.domain.trade_rules import PLAIN, TradeRules, apart, put_all
from workstation.research.bench.messages import SearchAnswer, SearchRequest, SearchTrial, SweepAnswer, SweepRequest
from workstation.research.bench.setup import Setup


@dataclass(slots=True)
class Sweep:
    """A sweep and what has come of it."""

    request: SweepRequest
    begun: float
    cells: dict[int, dict[str, float] | str] = field(default_factory=dict)
    answer: SweepAnswer | None = None
    now: float = 0.0
    own: TradeRules = PLAIN  # the strategy's own rules

    @property
    def rules(self) -> TradeRules:
        """Every rule as it holds around the sweep."""
        return self.request.setup.rules.over(self.own)

    def name(self, axis: str) -> str:
        """What an axis is called on the screen."""
        return axis_name(axis, self.rules)

    def text(self, axis: str, value: Any) -> str:
        """A value of an axis on the screen."""
        return axis_text(axis, value, self.rules)

    def setup(self, cell: int) -> Setup:
        """What was run for a cell."""
        params, rules = apart(self.params(cell))
        base = self.request.setup
        return replace(base, params=params, rules=put_all(base.rules, self.own, rules))

    @property
    def total(self) -> int:
        return len(self.request.across_values) * len(self.request.down_values)

    @property
    def left(self) -> float | None:
        """Seconds that it will still take, or None while nothing is known."""
        done = len(self.cells)
        return None if not done else (self.now - self.begun) / done * (self.total - done)

    def params(self, cell: int) -> dict[str, Any]:
        down, across = divmod(cell, len(self.request.across_values))
        one = self.request
        return {
            **one.setup.params, one.across: one.across_values[across], one.down: one.down_values[down],
        }  # fmt: skip

    def figure(self, cell: int) -> float | None:
        found = self.cells.get(cell)
        value = found.get(self.request.rank) if isinstance(found, dict) else None
        return None if value is None or math.isnan(value) else value


@dataclass(slots=True)
class Searched:
    """A search by Optuna and what has come of it; `trials` by their number, `best` the number of the best so far."""

    request: SearchRequest
    begun: float
    trials: dict[int, SearchTrial] = field(default_factory=dict)
    best: int | None = None
    reused: int = 0
    answer: SearchAnswer | None = None
    now: float = 0.0
    own: TradeRules = PLAIN  # the strategy's own rules

    def words(self, trial: SearchTrial) -> str:
        """What a trial tried."""
        rules = self.setup(trial.number).rules.over(self.own)
        return "  ".join(
            f"{axis_name(key, rules)} {axis_text(key, value, rules)}" for key, value in trial.params.items()
        )

    def setup(self, number: int) -> Setup:
        """What was run for a trial."""
        base, (params, rules) = self.request.setup, apart(self.trials[number].params)
        return replace(base, params={**base.params, **params}, rules=put_all(base.rules, self.own, rules))

    @property
    def left(self) -> float | None:
        """Seconds that it will still take, or None while nothing is known."""
        fresh = len(self.trials) - self.reused
        if fresh <= 0:
            return None
        return (self.now - self.begun) / fresh * max(0, self.request.trials - len(self.trials))

    def goes_on_as(self, request: SearchRequest) -> bool:
        """Whether another request is the same search: what it looks for itself does not matter."""
        params, rules = apart(next(iter(self.trials.values())).params if self.trials else {})

        def bare(one: SearchRequest) -> SearchRequest:
            fixed = {name: value for name, value in one.setup.params.items() if name not in params}
            left = TradeRules(**{name: value for name, value in one.setup.rules.given.items() if name not in rules})
            return replace(one, setup=replace(one.setup, params=fixed, rules=left), trials=0)

        return bare(self.request) == bare(request)

    def listed(self) -> list[SearchTrial]:
        """As `ranked`, each set of parameters once: where there are few, they are drawn again."""
        found: dict[tuple[tuple[str, Any], ...], SearchTrial] = {}
        for one in self.ranked():
            found.setdefault(tuple(sorted(one.params.items())), one)
        return list(found.values())

    def ranked(self) -> list[SearchTrial]:
        """The best first; those that failed last."""
        worst = -math.inf
        return sorted(self.trials.values(), key=lambda one: (-(one.values[0] if one.values else worst), one.number))
