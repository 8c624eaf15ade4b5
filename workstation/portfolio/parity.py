"""Risk parity: every asset contributes its share of the risk."""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.cones import Setting, bound_risk
from workstation.portfolio.conic import Program
from workstation.portfolio.estimates import weights_of
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.mean_risk import SQUARES, root
from workstation.portfolio.problem import PortfolioError


def risk_parity(inputs: Inputs) -> tuple[Floats, str]:
    """N weights of which each contributes its budget of the measure, and the solver's name. Long only; other
    constraints than the budget of money are not kept. Raises `PortfolioError`."""
    budgets = budgets_of(inputs)
    if inputs.measure.code == "MV":
        weights = _newton(inputs.cov, budgets)
        if weights is not None:
            return weights * inputs.constraints.budget, "newton"
    weights = _by_cones(inputs, budgets)
    return weights * (inputs.constraints.budget / weights.sum()), "clarabel"


def budgets_of(inputs: Inputs) -> Floats:
    """The N shares of risk, which sum to one. Raises `PortfolioError`."""
    if not inputs.problem.budgets:
        return np.full(len(inputs.assets), 1 / len(inputs.assets))
    budgets = weights_of(inputs.problem.budgets, inputs.assets, "risk budget")
    if (budgets <= 0).any():
        asset = inputs.assets[int(np.argmax(budgets <= 0))]
        raise PortfolioError(f"Every asset needs a share of risk above zero, and {asset} has none.")
    return np.asarray(budgets / budgets.sum())


def _newton(cov: Floats, budgets: Floats) -> Floats | None:
    """min ½x'Σx − Σ b ln x by damped Newton steps (Spinu 2013), which is convex and has one answer; None where it does
    not settle (a singular covariance)."""
    deviation = np.sqrt(np.diag(cov))
    correlation = cov / np.outer(deviation, deviation)
    x = np.sqrt(budgets) / np.sqrt(max(float(np.sqrt(budgets) @ correlation @ np.sqrt(budgets)), 1e-12))
    for _ in range(100):
        gradient = correlation @ x - budgets / x
        hessian = correlation + np.diag(budgets / x**2)
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return None
        shrink = float(np.sqrt(max(gradient @ step, 0.0)))
        relative = float(np.max(np.abs(step / x)))
        x = x - step * (1.0 if relative < 0.5 else 0.5 / relative)
        if shrink < 1e-12 and relative < 1e-10:
            weights = x / deviation
            return np.asarray(weights / weights.sum())
    return None


def _by_cones(inputs: Inputs, budgets: Floats) -> Floats:
    """min risk so that Σ b ln x ≥ 1: at the answer every contribution is its budget of the risk."""
    import clarabel

    scale = float(inputs.returns.std(axis=0).mean()) or 1.0
    count = len(inputs.assets)
    program = Program()
    weights = program.new(count)
    squared = inputs.measure.code in SQUARES
    unit = None if squared else program.new()
    p = inputs.problem
    setting = Setting(inputs.returns / scale, inputs.mean / scale, p.rf / scale, p.alpha, p.kappa, weights, unit)
    if unit is not None:
        program.equal(1, (weights, np.ones((1, count))), (unit, -1.0))
    logs = program.new(count)
    program.above(1, (logs, budgets.reshape(1, -1)), constant=0.0)
    program.triples(
        clarabel.ExponentialConeT(), count, (((logs, 1.0),), 0.0), ((), np.ones(count)), (((weights, 1.0),), 0.0)
    )
    if inputs.measure.code == "MV":
        program.minimise_square(weights, inputs.cov / scale**2)
    else:
        for column, matrix in bound_risk(program, setting, inputs.measure.code):
            program.minimise(column, np.asarray(matrix, dtype=np.float64).ravel())
    found = program.solver().solve()
    answer = found.x[weights : weights + count]
    if found.status != "solved" or (answer <= 0).any():
        raise PortfolioError(
            f"No risk parity of {inputs.measure.name} was found: it can be negative or nought on these prices. "
            "Take MV, or a longer history."
        )
    return np.asarray(answer)


def relaxed_risk_parity(inputs: Inputs) -> Floats:
    """Gambeta and Kwon 2020, versions A, B (regularised) and C (penalised): min ψ − γ with the least contribution γ²
    and the average ψ, as a second-order cone program that takes a return floor. Raises `PortfolioError`."""
    import clarabel

    budgets = budgets_of(inputs)
    version = inputs.problem.relaxation.upper()
    if version not in ("A", "B", "C"):
        raise PortfolioError(f"The relaxed risk parity has the versions A, B and C, not {version!r}.")
    count = len(inputs.assets)
    scale = float(np.sqrt(np.diag(inputs.cov)).mean())
    cov = inputs.cov / scale**2
    program = Program()
    w, zeta = program.new(count), program.new(count)
    psi, gamma, rho = program.new(), program.new(), program.new()
    program.equal(count, (zeta, -1.0), (w, cov))
    program.equal(1, (w, np.ones((1, count))), constant=-1.0)
    program.above(2 * count, (w, 1.0))
    program.above(3, (psi, 1.0))
    program.triples(
        clarabel.SecondOrderConeT(3),
        count,
        (((w, 1.0), (zeta, 1.0)), 0.0),
        (((gamma, (2 * np.sqrt(budgets)).reshape(-1, 1)),), 0.0),
        (((w, 1.0), (zeta, -1.0)), 0.0),
    )
    factor = np.ascontiguousarray(root(cov).T)
    if version == "A":
        program.norm(count, (((psi, 1.0),), 0.0), (w, factor))
    else:
        stacked = program.new(count + 1)
        program.equal(count, (stacked, -1.0), (w, factor))
        program.equal(1, (stacked + count, -1.0), (rho, 1.0))
        program.norm(count + 1, (((psi, 1.0),), 0.0), (stacked, 1.0))
        inner = factor if version == "B" else np.diag(np.sqrt(np.diag(cov)))
        program.norm(count, (((rho, 1.0),), 0.0), (w, inner))
    if inputs.constraints.min_return is not None:
        program.above(1, (w, inputs.mean.reshape(1, -1) / scale), constant=-inputs.constraints.min_return / scale)
    program.minimise(psi, 1.0)
    program.minimise(gamma, -1.0)
    found = program.solver().solve()
    if found.status != "solved":
        raise PortfolioError(
            "No relaxed risk parity meets the least return: lower it (the most is "
            f"{float(inputs.mean.max()):.4%} a period)."
        )
    weights = np.clip(found.x[w : w + count], 0, None)
    return np.asarray(weights * (inputs.constraints.budget / weights.sum()))
