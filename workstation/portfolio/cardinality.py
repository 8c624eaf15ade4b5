"""At most so many assets: branch and bound over which are held, each node an ordinary portfolio."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.problem import PortfolioError

#: Portfolios that are solved before the search ends with the best so far.
MOST_NODES = 400
_HELD = 1e-6


@dataclass(frozen=True, eq=False)
class Found:
    """`gap` is how much better, as a fraction, a portfolio that was not looked at could still be; 0 where it is
    proved that there is none."""

    weights: Floats
    nodes: int
    gap: float


def fewest(
    inputs: Inputs,
    attempt: Callable[[Inputs], Floats | None],
    cost: Callable[[Floats], float],
    *,
    most_nodes: int = MOST_NODES,
) -> Found:
    """The best portfolio of at most `max_assets` assets. `attempt` solves a problem without that limit (None where
    there is no portfolio), `cost` is what it makes least. A lower bound above zero holds for the assets that are held;
    the others weigh nothing. Raises `PortfolioError` where no such portfolio was found."""
    limit = inputs.constraints.max_assets
    assert limit is not None
    free = replace(inputs, problem=replace(inputs.problem, constraints=replace(inputs.constraints, max_assets=None)))
    count = len(inputs.assets)
    best: Floats | None = None
    best_cost, nodes = math.inf, 0
    tickets = itertools.count()

    def solve(kept: frozenset[int], out: frozenset[int]) -> tuple[Floats, float] | None:
        nonlocal nodes
        nodes += 1
        lower, upper = np.minimum(inputs.lower, 0.0), inputs.upper.copy()
        inside, outside = sorted(kept), sorted(out)
        lower[inside] = inputs.lower[inside]
        lower[outside] = upper[outside] = 0.0
        if upper.sum() < inputs.constraints.budget - 1e-12:
            return None
        weights = attempt(replace(free, lower=lower, upper=upper))
        return None if weights is None else (weights, cost(weights))

    def offer(weights: Floats) -> None:
        """Keep its `limit` largest weights, if that makes a portfolio."""
        nonlocal best, best_cost
        chosen = frozenset(np.argsort(-np.abs(weights), kind="stable")[:limit].tolist())
        answer = solve(chosen, frozenset(range(count)) - chosen)
        if answer is not None and answer[1] < best_cost:
            best, best_cost = answer

    root = solve(frozenset(), frozenset())
    if root is None:
        raise PortfolioError("No portfolio meets the other constraints, even with all assets.")
    waiting = [(root[1], next(tickets), frozenset[int](), frozenset[int](), root[0])]
    offer(root[0])
    while waiting and nodes < most_nodes:
        bound, _, kept, out, weights = heapq.heappop(waiting)
        if bound >= best_cost - 1e-9 * max(abs(best_cost), 1e-12):
            return Found(_found(best, inputs), nodes, 0.0)
        held = [i for i in np.argsort(-np.abs(weights), kind="stable").tolist() if abs(weights[i]) > _HELD]
        short = [i for i in held if i not in kept and 0 < weights[i] < inputs.lower[i] - _HELD]
        if len(held) <= limit and not short:
            if bound < best_cost:
                best, best_cost = weights, bound
            continue
        asset = next((i for i in (short or held) if i not in kept), None)
        if asset is None:
            continue
        more = kept | {asset}
        branches = [(kept, out | {asset})]
        branches.append((more, frozenset(range(count)) - more) if len(more) == limit else (more, out))
        for ins, outs in branches:
            answer = solve(ins, outs)
            if answer is not None and answer[1] < best_cost:
                heapq.heappush(waiting, (answer[1], next(tickets), ins, outs, answer[0]))
                if nodes < 40 and ins is kept:
                    offer(answer[0])
    open_bound = min((node[0] for node in waiting), default=best_cost)
    gap = max(best_cost - open_bound, 0.0) / max(abs(best_cost), 1e-12) if best is not None else math.inf
    return Found(_found(best, inputs), nodes, gap)


def _found(best: Floats | None, inputs: Inputs) -> Floats:
    if best is None:
        raise PortfolioError(
            f"No portfolio of {inputs.constraints.max_assets} assets or fewer was found that meets the bounds: "
            "allow more assets, or higher weights."
        )
    return best
