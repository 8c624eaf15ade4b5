"""The whole risk report on 100 positions and 1,000 days."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.clock import SECOND
from workstation.portfolio.exposure import Holding
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.risk_report import RiskQuestion, report

pytestmark = pytest.mark.benchmark


def test_risk_report_of_100_positions(benchmark):
    rng = np.random.default_rng(1)
    moves = 0.01 * (rng.standard_normal((1_000, 1)) + rng.standard_normal((1_000, 100)))
    assets = tuple(f"A{number}" for number in range(100))
    table = PriceTable(assets, 86_400 * SECOND * np.arange(1_000), 100 * np.exp(np.cumsum(moves, axis=0)), "bench")
    question = RiskQuestion(tuple(Holding(asset, 1_000.0) for asset in assets), 100_000.0, table)
    report(question)
    benchmark.pedantic(report, args=(question,), rounds=10)
    print(f"\nmedian {1000 * benchmark.stats.stats.median:.0f} ms (aim: under 250 ms)")
