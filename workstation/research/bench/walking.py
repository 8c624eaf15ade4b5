"""Walk-forward for page and command line: its windows as they are done, what came of it, the field around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from workstation.market.candles import Candles
from workstation.research.bench.judging import POINTS, thinned
from workstation.research.bench.messages import WalkAnswer, WalkStep
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import Crew
from workstation.research.field import field_of
from workstation.research.recipe import Maker
from workstation.research.verdicts import Verdict, figure_words
from workstation.research.walk_forward import HoldOut, hold_out, stitched, walk_forward
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.library import StrategyInfo


def walk(
    info: StrategyInfo,
    make: Maker,
    candles: Candles,
    costs: Costs,
    wanted: list[dict[str, Any]],
    *,
    rank: str = "sharpe",
    windows: int = 6,
    anchored: bool = False,
    crew: Crew | None = None,
    tell: Callable[[WalkStep], object] = lambda step: None,
    called_off: Callable[[], bool] = lambda: False,
) -> WalkAnswer:
    """Walk-forward: half of the bars are the first training window, the rest is traded in so many `windows`. `crew`
    runs the sweeps, threads on all cores otherwise. Raises `BacktestError`."""
    if info.cls is None or info.native or not issubclass(info.cls, SignalStrategy):
        raise BacktestError(f"{info.name} has no signals of ours: it cannot walk forward.")
    train = len(candles) // 2
    test = max(2, math.ceil((len(candles) - train) / windows))
    steps, taken = [], []
    walked = walk_forward(
        make, candles, wanted, costs, train=train, test=test, anchored=anchored, rank=rank, crew=crew,
        cancelled=called_off,
    )  # fmt: skip
    for number, step in enumerate(walked, 1):
        steps.append(step)
        taken.append(
            WalkStep(
                number,
                windows,
                int(candles.time[step.fold.split]),
                int(candles.time[step.fold.end - 1]),
                step.params,
                step.inside,
                step.outside,
                thinned(step.equity, POINTS // windows),
            )
        )
        tell(taken[-1])
    curve = stitched(steps)
    if len(curve) == 0:
        return WalkAnswer((), Verdict("unknown", "No verdict", "Nothing was walked."))
    gained = 100 * (float(curve[-1]) / costs.cash - 1)
    inside = [step.inside for step in steps if math.isfinite(step.inside)]
    outside = [step.outside for step in steps if math.isfinite(step.outside)]
    kept = float(np.mean(outside)) / float(np.mean(inside)) if inside and outside and np.mean(inside) > 0 else math.nan
    won = sum(step.equity[-1] > step.equity[0] for step in steps)
    text = f"Out of sample {gained:+.1f} %, {won} of {len(steps)} windows gained"
    if math.isfinite(kept):
        text += f"; {100 * max(kept, 0.0):.0f} % of the {figure_words(rank)} in sample was kept"
    level = "good" if gained > 0 and kept >= 0.5 else "warning" if gained > 0 else "bad"
    heads = {"good": "Walks forward", "warning": "Weak out of sample", "bad": "Fails out of sample"}
    field = field_of(make, candles, wanted, costs, begin=train, points=POINTS, cancelled=called_off)
    if field is not None and len(field.final) > 1:
        text += f". It ended above {100 * field.beaten_by(float(curve[-1])):.0f} % of the combinations kept unchanged"
    held = hold_out(make, candles, wanted, costs, rank=rank, crew=crew, cancelled=called_off)
    answer = WalkAnswer(tuple(taken), Verdict(level, heads[level], text + "."), None if held is None else _held(held))
    if field is None:
        return answer
    whole = np.append(curve, np.full(len(candles) - train - len(curve), curve[-1]))  # the money may have gone before
    return replace(
        answer,
        curve=tuple(whole[field.bars].tolist()),
        lines=tuple(tuple(line.tolist()) for line in field.paths),
        begins=tuple((step.fold.split - train) / (len(candles) - train) for step in steps),
        beaten=field.beaten_by(float(curve[-1])),
        field=len(field.final),
    )


def _held(held: HoldOut) -> Verdict:
    """The hold-out's sentence as a judgement."""
    head, _, text = held.verdict.partition(": ")
    level = {"Holds": "good", "Weaker": "warning"}.get(head, "bad")
    return Verdict(level, f"Hold-out {head.lower()}", f"Chosen on 70 % of the bars: {text}")
