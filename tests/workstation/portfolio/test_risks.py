"""Risk measures by hand, and their slopes by small steps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workstation.portfolio.methods import MEASURES
from workstation.portfolio.risk_slopes import slope_of
from workstation.portfolio.risks import risk_of

#: Ten returns of which the worst is −5 % and the second worst −3 %.
HAND = np.array([0.02, -0.05, 0.01, 0.03, -0.03, 0.00, 0.04, -0.01, 0.02, -0.02])


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("WR", 0.05),
        ("RG", 0.09),
        ("VaR", 0.03),  # of ten returns a fifth lies below: the second worst
        ("CVaR", 0.04),  # their mean
        ("MAD", np.abs(HAND - HAND.mean()).mean()),
        ("FLPM", 0.011),  # (5 + 3 + 1 + 2) % / 10
        ("SLPM", math.sqrt((0.0025 + 0.0009 + 0.0001 + 0.0004) / 9)),
        ("MDD", 0.05),
        # falls from the last peak, in per cent: 0, 5, 4, 1, 4, 4, 0, 1, 0, 2
        ("ADD", 0.021),
        ("UCI", math.sqrt((25 + 16 + 1 + 16 + 16 + 0 + 1 + 0 + 4) / 10) / 100),
        ("DaR", 0.04),
        ("CDaR", 0.045),
        ("GMD", sum(abs(a - b) for a in HAND for b in HAND) / 90),
    ],
)
def test_by_hand(measure: str, value: float) -> None:
    assert risk_of(measure, HAND, alpha=0.2) == pytest.approx(value, abs=1e-12)


def test_entropic_measures_lie_between_cvar_and_the_worst() -> None:
    x = np.random.default_rng(4).normal(0.001, 0.01, 300)
    ordered = [risk_of(measure, x) for measure in ("VaR", "CVaR", "EVaR", "RLVaR", "WR")]
    assert ordered == sorted(ordered)
    # of a normal law EVaR is −μ + σ √(−2 ln α)
    many = np.random.default_rng(5).normal(0.001, 0.01, 400_000)
    assert risk_of("EVaR", many) == pytest.approx(-0.001 + 0.01 * math.sqrt(-2 * math.log(0.05)), rel=5e-3)


@pytest.mark.parametrize("measure", [m for m in MEASURES if not m.startswith("RL") and m != "RVRG"])
def test_slopes_foretell_small_changes(measure: str) -> None:
    rng = np.random.default_rng(2)
    x, step = rng.normal(0.0005, 0.01, 203), rng.normal(size=203) * 1e-7
    change = (risk_of(measure, x + step, rf=1e-4) - risk_of(measure, x - step, rf=1e-4)) / 2
    assert slope_of(measure, x, rf=1e-4) @ step == pytest.approx(change, rel=2e-2, abs=1e-11)
