"""What the best of a sweep is worth, in words: cross-validation of the search, and the ground around the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from workstation.market.candles import Floats
from workstation.research.metrics import level_returns
from workstation.research.overfitting import backtest_overfitting, plateau_score
from workstation.research.sweep import Row
from workstation.research.verdicts import Verdict

#: Trials that the cross-validation looks at, at most.
MOST_TRIALS = 600
_BLOCKS, _LEAST_BLOCKS = 10, 4


def sampled(count: int) -> frozenset[int]:
    """The combinations that are looked at, evenly over all: only of these a large sweep need keep the account."""
    return frozenset(np.linspace(0, count - 1, min(count, MOST_TRIALS)).astype(int).tolist())


def cross_validated(levels: Mapping[int, Floats], best: int) -> Verdict:
    """Whether a sweep is overfitted: the probability by CSCV. `levels`: the account at the ends of the periods by
    combination, that of `best` among them."""
    order = sorted(levels)
    if len(order) > MOST_TRIALS:
        order = sorted({best, *(order[place] for place in sampled(len(order)))})
    periods = len(levels[best]) - 1
    blocks = min(_BLOCKS, periods // 4 * 2)  # of two periods at least, so that a fortnight of minutes is judged too
    if len(order) < 2:
        return Verdict("unknown", "No verdict", "One combination alone cannot be judged against others.")
    if blocks < _LEAST_BLOCKS:
        text = (
            f"{periods} daily returns are too few to tell whether the best is overfitted: it takes {_LEAST_BLOCKS * 2}."
        )
        return Verdict("unknown", "No verdict", text)
    overfit = backtest_overfitting(np.column_stack([level_returns(levels[index]) for index in order]), blocks)
    head, _, text = overfit.verdict.partition(": ")
    level = "bad" if overfit.probability >= 0.5 else "warning" if overfit.probability >= 0.2 else "good"
    return Verdict(level, head, text[:1].upper() + text[1:])


def ground(rows: Sequence[Row], rank: str, places: Mapping[int, tuple[int, ...]], best: int) -> Verdict | None:
    """Whether the best stands on a plateau of `rank`; None where it has no neighbours or no gain. `places`: where each
    combination lies in the grid."""
    figures = {places[row.index]: row.metrics[rank] for row in rows if rank in row.metrics}
    score = plateau_score(figures, places[best])
    if not math.isfinite(score):
        return None
    text = f"The neighbours of the best reach {100 * score:.0f} % of its figure."
    if score >= 0.8:
        return Verdict("good", "Plateau", text)
    return Verdict("warning" if score >= 0.5 else "bad", "Slope" if score >= 0.5 else "Lone peak", text)
