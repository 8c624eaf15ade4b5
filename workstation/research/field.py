"""The field around a walk-forward: what every combination would have made of the same bars, kept unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.market.candles import Candles, Floats, Ints
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import threads
from workstation.research.fast import own_scratch, simulate
from workstation.research.monte_carlo import BANDS
from workstation.research.recipe import Maker
from workstation.strategies.parameters import ParameterError


@dataclass(frozen=True, eq=False)
class Field:
    """What every combination would have made of the bars out of sample, each kept unchanged from the first of them to
    the last. `bars`: those at which `paths` are known, counted from the first test bar; `paths`: the equity there, one
    row for each of `BANDS` of `monte_carlo`; `final`: one number a combination."""

    bars: Ints
    paths: Floats
    final: Floats

    def beaten_by(self, equity: float) -> float:
        """Share of the combinations that ended below it."""
        return float(np.mean(self.final < equity))


def field_of(
    make: Maker,
    candles: Candles,
    combinations: Sequence[Mapping[str, Any]],
    costs: Costs,
    *,
    begin: int,
    points: int,
    cancelled: Callable[[], bool] = lambda: False,
) -> Field | None:
    """The field against which a walk is seen: whether choosing anew was worth more than any choice that is kept. None
    where it was cancelled or nothing can be run."""
    bars = np.unique(np.linspace(0, len(candles) - begin - 1, points).astype(np.int64))

    def run(params: Mapping[str, Any]) -> Floats | None:
        if cancelled():
            return None
        try:
            equity = simulate(make(**params), candles, costs, first=begin - 1, scratch=own_scratch(len(candles)))[2]
        except (ParameterError, BacktestError):
            return None
        return equity[begin:][bars]

    with threads() as crew:
        found = [path for path in crew.executor.map(run, combinations) if path is not None]
    if cancelled() or not found:
        return None
    levels = np.vstack(found)
    return Field(bars, np.quantile(levels, BANDS, axis=0), levels[:, -1])
