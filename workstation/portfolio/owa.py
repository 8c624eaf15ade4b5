"""Ordered weighted averages, exactly, by Riskfolio-Lib."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.riskfolio import library

#: More returns than this are too many for the exact ordered average.
OWA_ROWS = 250


def ordered_average(inputs: Inputs) -> Floats:
    """N weights of the best ratio of return to Gini's mean difference, exactly, by T² rows (Cajas 2021). Refused above
    `OWA_ROWS` returns: 1,000 take five minutes. Raises `PortfolioError`."""
    rows = len(inputs.returns)
    if rows > OWA_ROWS:
        raise PortfolioError(
            f"The ordered weighted average of {rows:,} returns takes minutes ({rows:,}² rows): {OWA_ROWS} at most. "
            "Take a shorter history, or max_ratio with the measure GMD, which is near it and quick."
        )
    c = inputs.constraints
    if c.short or c.turnover is not None or c.costs or c.tracking_error is not None or c.max_assets is not None:
        raise PortfolioError("The ordered weighted average keeps bounds, groups and a least return, nothing else.")
    pd, rp = library()
    count = len(inputs.assets)
    rows_of: list[Floats] = [*np.eye(count), *-np.eye(count)]
    limits = [*inputs.upper, *-inputs.lower]
    for group in c.groups:
        row = np.zeros(count)
        row[[inputs.assets.index(asset) for asset in group.assets]] = 1.0
        rows_of += [row, -row]
        limits += [group.upper, -group.lower]
    made = rp.Portfolio(
        returns=pd.DataFrame(inputs.returns, columns=list(inputs.assets)),
        budget=c.budget,
        ainequality=np.array(rows_of),
        binequality=np.array(limits).reshape(-1, 1),
        lowerret=c.min_return,
    )
    made.mu = pd.DataFrame([inputs.mean], columns=list(inputs.assets))
    made.cov = pd.DataFrame(inputs.cov, index=list(inputs.assets), columns=list(inputs.assets))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = made.owa_optimization(obj="Sharpe", rf=inputs.problem.rf)
    if found is None:
        raise PortfolioError(
            "No portfolio of the ordered weighted average was found: ease the bounds or the least return."
        )
    return np.asarray(found.to_numpy().ravel(), dtype=np.float64)
