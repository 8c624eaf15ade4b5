"""Portfolios beside Riskfolio-Lib, and beside skfolio and PyPortfolioOpt where they can be imported, in one run on the
same returns. No assertion on time. CPU seconds, the best of two; imports are not counted.

Run with: uv run pytest -m benchmark tests/benchmarks/test_portfolio_speed.py -s
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support.universes import walks
from workstation.portfolio.frontier import frontier
from workstation.portfolio.optimise import allocate
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import Problem

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3_600)]
POINTS = 20


#: CPU seconds after which a library is given up on (the critical line of PyPortfolioOpt, with 400 assets).
PATIENCE = 60


class GivenUp(Exception):
    """It took longer than `PATIENCE`."""


def _give_up(*_: object) -> None:
    raise GivenUp


def seconds(work: Callable[[], object], times: int = 2) -> float:
    signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        return measured(work, times)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def measured(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        begun = time.process_time()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            work()
        best = min(best, time.process_time() - begun)
    return best


def riskfolio(table: PriceTable) -> dict[str, Callable[[], object]]:
    import pandas as pd
    import riskfolio as rp

    frame = pd.DataFrame(table.returns, columns=list(table.assets))

    def portfolio() -> Any:
        made = rp.Portfolio(returns=frame)
        made.assets_stats(method_mu="hist", method_cov="hist")
        return made

    return {
        "frontier": lambda: portfolio().efficient_frontier(rm="MV", points=POINTS),
        "max ratio": lambda: portfolio().optimization(rm="MV", obj="Sharpe"),
        "min risk": lambda: portfolio().optimization(rm="MV", obj="MinRisk"),
        "min CVaR": lambda: portfolio().optimization(rm="CVaR", obj="MinRisk"),
        "min CDaR": lambda: portfolio().optimization(rm="CDaR", obj="MinRisk"),
        "min MDD": lambda: portfolio().optimization(rm="MDD", obj="MinRisk"),
        "min ADD": lambda: portfolio().optimization(rm="ADD", obj="MinRisk"),
        "min UCI": lambda: portfolio().optimization(rm="UCI", obj="MinRisk"),
        "HRP": lambda: rp.HCPortfolio(returns=frame).optimization(model="HRP", rm="MV"),
        "HERC": lambda: rp.HCPortfolio(returns=frame).optimization(model="HERC", rm="MV"),
        "NCO": lambda: rp.HCPortfolio(returns=frame).optimization(model="NCO", rm="MV", obj="MinRisk"),
    }


def skfolio(table: PriceTable) -> dict[str, Callable[[], object]]:
    from skfolio import RiskMeasure
    from skfolio.optimization import (
        HierarchicalEqualRiskContribution,
        HierarchicalRiskParity,
        MeanRisk,
        NestedClustersOptimization,
        ObjectiveFunction,
    )

    x = table.returns
    ratio, least = ObjectiveFunction.MAXIMIZE_RATIO, ObjectiveFunction.MINIMIZE_RISK
    return {
        "frontier": lambda: MeanRisk(efficient_frontier_size=POINTS).fit(x),
        "max ratio": lambda: MeanRisk(objective_function=ratio).fit(x),
        "min risk": lambda: MeanRisk(objective_function=least).fit(x),
        "min CVaR": lambda: MeanRisk(objective_function=least, risk_measure=RiskMeasure.CVAR).fit(x),
        "min CDaR": lambda: MeanRisk(objective_function=least, risk_measure=RiskMeasure.CDAR).fit(x),
        "min MDD": lambda: MeanRisk(objective_function=least, risk_measure=RiskMeasure.MAX_DRAWDOWN).fit(x),
        "min ADD": lambda: MeanRisk(objective_function=least, risk_measure=RiskMeasure.AVERAGE_DRAWDOWN).fit(x),
        "min UCI": lambda: MeanRisk(objective_function=least, risk_measure=RiskMeasure.ULCER_INDEX).fit(x),
        "HRP": lambda: HierarchicalRiskParity().fit(x),
        "HERC": lambda: HierarchicalEqualRiskContribution().fit(x),
        "NCO": lambda: NestedClustersOptimization().fit(x),
    }


def pypfopt(table: PriceTable) -> dict[str, Callable[[], object]]:
    import pandas as pd
    from pypfopt import EfficientCDaR, EfficientCVaR, HRPOpt
    from pypfopt.cla import CLA
    from pypfopt.efficient_frontier import EfficientFrontier

    x = table.returns
    frame = pd.DataFrame(x, columns=list(table.assets))
    mean, cov = x.mean(axis=0), np.cov(x, rowvar=False)
    return {
        "frontier": lambda: CLA(mean, cov).efficient_frontier(points=POINTS),
        "max ratio": lambda: EfficientFrontier(mean, cov).max_sharpe(risk_free_rate=0.0),
        "min risk": lambda: EfficientFrontier(mean, cov).min_volatility(),
        "min CVaR": lambda: EfficientCVaR(mean, frame).min_cvar(),
        "min CDaR": lambda: EfficientCDaR(mean, frame).min_cdar(),
        "HRP": lambda: HRPOpt(frame).optimize(),
    }


def ours(table: PriceTable) -> dict[str, Callable[[], object]]:
    return {
        "frontier": lambda: frontier(table, Problem(), POINTS),
        "max ratio": lambda: allocate(table, Problem()),
        "min risk": lambda: allocate(table, Problem(method="min_risk")),
        "min CVaR": lambda: allocate(table, Problem(method="min_risk", risk="CVaR")),
        "min CDaR": lambda: allocate(table, Problem(method="min_risk", risk="CDaR")),
        "min MDD": lambda: allocate(table, Problem(method="min_risk", risk="MDD")),
        "min ADD": lambda: allocate(table, Problem(method="min_risk", risk="ADD")),
        "min UCI": lambda: allocate(table, Problem(method="min_risk", risk="UCI")),
        "HRP": lambda: allocate(table, Problem(method="hrp")),
        "HERC": lambda: allocate(table, Problem(method="herc")),
        "NCO": lambda: allocate(table, Problem(method="nco")),
    }


@pytest.mark.parametrize("assets", [100, 400])
def test_beside_the_peers(assets: int) -> None:
    table = walks(assets, 1_001)
    allocate(walks(5, 60), Problem(method="nco"))  # imports
    peers = {"ours": ours(table), "riskfolio": riskfolio(table)}
    for name, make in (("skfolio", skfolio), ("pypfopt", pypfopt)):
        if importlib.util.find_spec(name) is not None:
            peers[name] = make(table)
    print(f"\n{assets} assets, 1,000 returns, CPU seconds: {', '.join(peers)}")
    for task in peers["ours"]:
        row = []
        for jobs in peers.values():
            try:
                row.append(f"{seconds(jobs[task], 1 if assets > 100 else 2):9.3f}" if task in jobs else "        –")
            except GivenUp:
                row.append(f"{f'> {PATIENCE}':>9}")
            except Exception as error:
                row.append(f"{type(error).__name__:>9.9}")
        print(f"  {task:10}" + "".join(row), flush=True)
