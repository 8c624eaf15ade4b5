"""Weights are those of a direct call to Riskfolio-Lib, on recorded prices. Its import alone takes ten seconds: all of
it is slow."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.support.universes import recorded_universe
from workstation.portfolio import estimates
from workstation.portfolio.frontier import frontier
from workstation.portfolio.inputs import prepare
from workstation.portfolio.methods import COVARIANCES, EXPECTED, MEASURES
from workstation.portfolio.optimise import allocate
from workstation.portfolio.problem import Constraints, GroupBound, Problem, View
from workstation.portfolio.risks import risk_of

pytestmark = pytest.mark.timeout(600)

CLASSIC = {"max_ratio": "Sharpe", "min_risk": "MinRisk", "max_return": "MaxRet", "max_utility": "Utility"}
METHODS = (*CLASSIC, "risk_parity", "risk_budget", "hrp", "herc", "herc2", "nco")
#: Of the risk budget: each asset's share of the risk, the last twenty times the first.
SHARES = np.arange(1, 21) / 210


@cache
def libraries() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        import riskfolio as rp
    return pd, rp


@cache
def frame() -> Any:
    table = recorded_universe()
    return libraries()[0].DataFrame(table.returns, columns=list(table.assets))


def portfolio(**options: Any) -> Any:
    found = libraries()[1].Portfolio(returns=frame(), **options)
    found.assets_stats(method_mu="hist", method_cov="hist")
    return found


def theirs(method: str, risk: str, rf: float = 0.0) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method in CLASSIC:
            answer = portfolio().optimization(rm=risk, obj=CLASSIC[method], rf=rf)
        elif method == "risk_parity":
            answer = portfolio().rp_optimization(rm=risk, rf=rf)
        elif method == "risk_budget":
            answer = portfolio().rp_optimization(rm=risk, b=SHARES.reshape(-1, 1), rf=rf)
        else:
            tree = libraries()[1].HCPortfolio(returns=frame())
            answer = tree.optimization(model=method.upper(), rm=risk, rf=rf, obj="MinRisk")
    return np.asarray(answer.to_numpy().ravel(), dtype=np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("risk", ["MV", "MAD", "CVaR", "CDaR", "UCI"])
def test_weights_of_every_method(method: str, risk: str) -> None:
    """Ten methods that a measure decides, five measures of every family: deviations, tails, drawdowns."""
    table = recorded_universe()
    asked = Problem(method=method, risk=risk, rf=0.0001)
    if method == "risk_budget":
        budgets = tuple(zip(table.assets, SHARES.tolist(), strict=True))
        asked = replace(asked, method="risk_parity", budgets=budgets)
    ours = allocate(table, asked).values
    np.testing.assert_allclose(ours, theirs(method, risk, rf=0.0001), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("risk", ["MSV", "FLPM", "SLPM", "EVaR", "WR", "RG", "CVRG", "MDD", "ADD", "EDaR"])
@pytest.mark.parametrize("method", ["max_ratio", "min_risk"])
def test_weights_of_every_other_measure(method: str, risk: str) -> None:
    ours = allocate(recorded_universe(), Problem(method=method, risk=risk)).values
    np.testing.assert_allclose(ours, theirs(method, risk), atol=1e-4)


@pytest.mark.slow
def test_weights_of_the_range_of_entropic_values_at_risk() -> None:
    """The heaviest of them, so for one method."""
    ours = allocate(recorded_universe(), Problem(method="min_risk", risk="EVRG")).values
    np.testing.assert_allclose(ours, theirs("min_risk", "EVRG"), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["max_ratio", "min_risk"])
@pytest.mark.parametrize("risk", ["EM", "ESM", "KT", "SKT", "GMD", "TG"])
def test_weights_of_the_heavy_measures_on_a_small_table(method: str, risk: str) -> None:
    """Fourth moments and Gini means: with every row of the table theirs take minutes. Their semi kurtosis
    is bounded from those of single assets, so ours, which is the portfolio's own, may only be better."""
    _, rp = libraries()
    whole = recorded_universe()
    table = whole.rows(len(whole) - 101, len(whole)).take(whole.assets[:6])
    known = rp.Portfolio(returns=frame()[list(table.assets)].iloc[-100:])
    known.assets_stats(method_kurt="hist" if risk in ("KT", "SKT") else None)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = known.optimization(rm=risk, obj=CLASSIC[method]).to_numpy().ravel()
    ours = allocate(table, Problem(method=method, risk=risk))
    if risk != "SKT":
        np.testing.assert_allclose(ours.values, weights, atol=1e-4)
        return
    theirs_risk = risk_of("SKT", table.returns @ weights)
    theirs_return = float(table.returns.mean(axis=0) @ weights)
    if method == "min_risk":
        assert ours.risk_value <= theirs_risk + 1e-9
    else:
        assert ours.sharpe >= theirs_return / theirs_risk - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("risk", [m for m in MEASURES if m not in ("SKT",)])
def test_what_a_measure_is(risk: str) -> None:
    _, rp = libraries()
    weights = np.full(20, 0.05)
    returns = recorded_universe().returns @ weights
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = rp.Sharpe_Risk(
            returns=frame(), w=weights.reshape(-1, 1), cov=frame().cov(), rm=risk, rf=0.0001, alpha=0.05, kappa=0.3
        )
    rel = 1e-3 if risk.startswith("R") and risk != "RG" else 1e-5  # their solver's own precision on power cones
    assert risk_of(risk, returns, rf=0.0001) == pytest.approx(float(known), rel=rel)


@pytest.mark.slow
@pytest.mark.parametrize("method", [m for m in EXPECTED if m not in ("BL", "FM")])
def test_expected_returns(method: str) -> None:
    known = libraries()[1].mean_vector(frame(), method=method)
    ours = estimates.expected_returns(recorded_universe().returns, method)
    np.testing.assert_allclose(ours, known.to_numpy().ravel(), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", [m for m in COVARIANCES if m not in estimates.HEAVY])
def test_covariances(method: str) -> None:
    known = libraries()[1].covar_matrix(frame(), method=method)
    ours = estimates.covariance(recorded_universe().returns, method)
    np.testing.assert_allclose(ours, known.to_numpy(), rtol=1e-9, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("method", [m for m in estimates.HEAVY if m != "gl"])
def test_covariances_that_are_theirs_can_be_used(method: str) -> None:
    found = allocate(recorded_universe(), Problem(method="min_risk", covariance=method))
    assert found.values.sum() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("risk", ["MV", "CVaR", "MAD"])
def test_the_points_of_the_frontier(risk: str) -> None:
    """Twenty points, equal to 1e-5 in risk."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = portfolio().efficient_frontier(rm=risk, points=20).to_numpy().T
    table, problem = recorded_universe(), Problem(risk=risk)
    ours = frontier(table, problem, 20)
    inputs = prepare(table, problem)
    for weights, ours_risk, ours_return in zip(known, ours.risks, ours.returns, strict=True):
        deviation = float(np.sqrt(weights @ inputs.cov @ weights))
        assert ours_risk == pytest.approx(risk_of(risk, inputs.returns @ weights, cov_risk=deviation), abs=1e-5)
        assert ours_return == pytest.approx(float(inputs.mean @ weights), abs=1e-6)


@pytest.mark.slow
def test_bounds_groups_and_a_least_return() -> None:
    rows = np.zeros((4, 20))
    rows[0, :5] = 1.0  # the first five at most 20 %
    rows[1, :5] = -1.0  # and at least 10 %
    rows[2, 7] = -1.0  # JNJ at least 5 %
    rows[3, 10] = 1.0  # LLY at most 10 %
    limits = np.array([[0.2], [-0.1], [-0.05], [0.1]])
    known = portfolio(upperlng=0.3, ainequality=rows, binequality=limits, lowerret=0.0006).optimization(obj="MinRisk")
    assets = recorded_universe().assets
    constraints = Constraints(
        upper=0.3,
        bounds=(("JNJ", 0.05, 0.3), ("LLY", 0.0, 0.1)),
        groups=(GroupBound("first", assets[:5], 0.1, 0.2),),
        min_return=0.0006,
    )
    ours = allocate(recorded_universe(), Problem(method="min_risk", constraints=constraints)).values
    np.testing.assert_allclose(ours, known.to_numpy().ravel(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["max_ratio", "min_risk"])
def test_short_sales(method: str) -> None:
    options = {"sht": True, "uppersht": 0.3, "budgetsht": 0.3, "upperlng": 0.5}
    known = portfolio(**options).optimization(obj=CLASSIC[method])
    constraints = Constraints(short=0.3, upper=0.5)
    ours = allocate(recorded_universe(), Problem(method=method, constraints=constraints)).values
    np.testing.assert_allclose(ours, known.to_numpy().ravel(), atol=1e-4)


#: Their solver at twelve digits: with logarithmic returns it is handed an objective that is not brought to size, and
#: its own eight digits leave weights up to 3e-3 off.
TWELVE_DIGITS = {"CLARABEL": {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}}


def grown(method: str, risk: str, kelly: str) -> Any:
    """Their weights, of twelve digits where their solver comes so far."""
    for digits in (TWELVE_DIGITS, {}):
        known = portfolio()
        if digits:
            known.solvers, known.sol_params = ["CLARABEL"], digits
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = known.optimization(rm=risk, obj=CLASSIC[method], kelly=kelly)
        if found is not None:
            break
    return found.to_numpy().ravel()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kelly", "risk"),
    [
        *(("approx", risk) for risk in ("MV", "MAD", "MSV", "FLPM", "SLPM", "CVaR", "WR", "RG", "CVRG", "MDD", "ADD",
                                        "CDaR", "UCI")),
        *(("exact", risk) for risk in ("MV", "MAD", "MSV", "SLPM", "WR")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["max_ratio", "max_utility"])
def test_logarithmic_returns(method: str, risk: str, kelly: str) -> None:
    """By the objective, worked out from the weights alone, ours are at least as good as theirs everywhere; and they are
    the same to 1e-4 wherever their solver comes to its end. Of five or six of these it does not, which ones hangs on
    the processor (they differ by up to 7e-3 there): the objective is so flat that theirs is worse by 1e-7 at most, but
    worse it is."""
    table = recorded_universe()
    asked = Problem(method=method, risk=risk, kelly=kelly)
    inputs = prepare(table, asked)

    def worth(weights: np.ndarray) -> float:
        earned = inputs.returns @ weights
        growth = float(inputs.mean @ weights - weights @ inputs.cov @ weights / 2)
        growth = float(np.log1p(earned).mean()) if kelly == "exact" else growth
        size = risk_of(risk, earned, cov_risk=float(np.sqrt(weights @ inputs.cov @ weights)))
        if method == "max_ratio":
            return growth / size
        return growth - asked.aversion * (size**2 if risk == "MV" else size)

    ours, theirs = allocate(table, asked).values, grown(method, risk, kelly)
    assert worth(ours) >= worth(theirs) - 1e-8
    if worth(ours) <= worth(theirs) + 1e-10:
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_ratio_of_logarithmic_returns_that_stalls_is_solved_at_another_size() -> None:
    """To entropic drawdowns, of the size one, the solver makes no progress."""
    table = recorded_universe()
    asked = Problem(risk="EDaR", kelly="approx")
    found, inputs = allocate(table, asked), prepare(table, asked)
    growth = found.expected_return - found.values @ inputs.cov @ found.values / 2
    assert growth / found.risk_value == pytest.approx(0.019235, abs=1e-6)  # Riskfolio-Lib's


@pytest.mark.slow
def test_a_tracking_error() -> None:
    known = portfolio(allowTE=True, TE=0.004).optimization(obj="MinRisk")
    ours = allocate(
        recorded_universe(), Problem(method="min_risk", constraints=Constraints(tracking_error=0.004))
    ).values
    np.testing.assert_allclose(ours, known.to_numpy().ravel(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["A", "B", "C"])
def test_relaxed_risk_parity(version: str) -> None:
    known = portfolio().rrp_optimization(version=version)
    ours = allocate(recorded_universe(), Problem(method="relaxed_risk_parity", relaxation=version)).values
    np.testing.assert_allclose(ours, known.to_numpy().ravel(), atol=1e-4)


@pytest.mark.slow
def test_black_litterman() -> None:
    pd, _ = libraries()
    table = recorded_universe()
    picks = np.zeros((2, 20))
    picks[0, 0] = 1.0  # AAPL returns 0.1 % a day
    picks[1, [10, 4]] = 1.0, -1.0  # LLY beats CVX by 0.05 %
    values = np.array([[0.001], [0.0005]])
    known = portfolio()
    known.blacklitterman_stats(pd.DataFrame(picks, columns=list(table.assets)), pd.DataFrame(values), rf=0.0001)
    problem = Problem(expected="BL", rf=0.0001, views=(View(("AAPL",), 0.001), View(("LLY",), 0.0005, minus=("CVX",))))
    inputs = prepare(table, problem)
    np.testing.assert_allclose(inputs.mean, known.mu_bl.to_numpy().ravel(), rtol=1e-8)
    np.testing.assert_allclose(inputs.cov, known.cov_bl.to_numpy(), rtol=1e-8)
    weights = known.optimization(model="BL", hist=False, rf=0.0001)
    np.testing.assert_allclose(allocate(table, problem).values, weights.to_numpy().ravel(), atol=1e-4)


@pytest.mark.slow
def test_the_worst_case() -> None:
    """Eight assets: with twenty the semidefinite program of Riskfolio-Lib takes half a minute and stops short."""
    _, rp = libraries()
    table = recorded_universe().take(recorded_universe().assets[6:14])
    known = rp.Portfolio(returns=frame()[list(table.assets)])
    known.assets_stats()
    known.wc_stats(box="s", ellip="n")
    weights = known.wc_optimization(obj="Sharpe", Umu="box", Ucov="box").to_numpy().ravel()
    np.testing.assert_allclose(allocate(table, Problem(method="worst_case")).values, weights, atol=1e-4)
