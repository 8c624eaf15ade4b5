"""Every convex risk measure as a block of cones: what is added to a program so that an expression bounds the risk.

The formulations are those of Riskfolio-Lib (Cajas, Advanced Portfolio Optimization, 2025), written for the solver
directly. All are homogeneous: multiplied by k they measure k times the portfolio, which is how a ratio is optimised
(Charnes and Cooper 1962).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.conic import Program, Term
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.rank_weights import gini_weights, tail_gini_weights

#: The p-norms that bound the ordered averages (GMD, TG), as in Riskfolio-Lib.
_NORMS = (2.0, 3.0, 4.0, 10.0, 50.0)
_ONE = np.ones((1, 1))


@dataclass(frozen=True, eq=False)
class Setting:
    """What a block is made of: `returns` (T × N), the expected returns the deviations are taken from, and parameters.
    `weights` is the first column of the N weights, `unit` the column of k, or None where k is 1."""

    returns: Floats
    mean: Floats
    rf: float
    alpha: float
    kappa: float
    weights: int
    unit: int | None

    @property
    def rows(self) -> int:
        return len(self.returns)

    def constant(self, values: Floats | float, count: int) -> tuple[tuple[Term, ...], Floats | float]:
        """A constant, times k: terms and constant of a block."""
        if self.unit is None:
            return (), values
        return (
            (self.unit, np.broadcast_to(np.asarray(values, dtype=np.float64), (count,)).reshape(-1, 1).copy()),
        ), 0.0


def bound_risk(program: Program, s: Setting, measure: str) -> tuple[Term, ...]:
    """Add the block; the risk is at most the sum of the given terms (1 × columns each). Raises `PortfolioError`."""
    match measure:
        case "MAD":
            return ((_below_mean(program, s), np.full((1, s.rows), 1 / s.rows)),)
        case "MSV":
            return _norm_of(program, _below_mean(program, s), s.rows, 1 / math.sqrt(s.rows - 1))
        case "FLPM":
            return ((_below_rate(program, s), np.full((1, s.rows), 1 / s.rows)),)
        case "SLPM":
            return _norm_of(program, _below_rate(program, s), s.rows, 1 / math.sqrt(s.rows - 1))
        case "KT" | "EM":
            return _fourth(program, s, _deviation(program, s))
        case "SKT" | "ESM":
            return _fourth(program, s, _below_mean(program, s))
        case "RG":
            return (
                *_worst(program, s.rows, _returns(program, s), -1.0),
                *_worst(program, s.rows, _returns(program, s), 1.0),
            )
        case "CVRG" | "EVRG" | "RVRG" | "TGRG":
            one = {"CVRG": "CVaR", "EVRG": "EVaR", "RVRG": "RLVaR", "TGRG": "TG"}[measure]
            column = _returns(program, s)
            return (*_tail(program, s, one, column, -1.0), *_tail(program, s, one, column, 1.0))
        case "WR" | "CVaR" | "EVaR" | "RLVaR" | "TG":
            return _tail(program, s, measure, _returns(program, s), -1.0)
        case "GMD":
            return _ordered(program, s.rows, -gini_weights(s.rows), _returns(program, s), -1.0)
    falls = _drawdowns(program, s, apart=measure in ("ADD", "UCI", "MDD"))
    match measure:
        case "ADD":
            return ((falls, np.full((1, s.rows), 1 / s.rows)),)
        case "UCI":
            return _norm_of(program, falls, s.rows, 1 / math.sqrt(s.rows))
        case "MDD" | "CDaR" | "EDaR" | "RLDaR":
            one = {"MDD": "WR", "CDaR": "CVaR", "EDaR": "EVaR", "RLDaR": "RLVaR"}[measure]
            return _tail(program, s, one, falls, 1.0)
    raise PortfolioError(f"{measure} is not convex: it can be measured, and used by the hierarchical methods.")


def _returns(program: Program, s: Setting) -> int:
    """T variables that are the portfolio's returns, so that the matrix stands in the program once."""
    column = program.new(s.rows)
    program.equal(s.rows, (s.weights, s.returns), (column, -1.0))
    return column


def _deviation(program: Program, s: Setting) -> int:
    column = program.new(s.rows)
    program.equal(s.rows, (s.weights, s.returns - s.mean), (column, -1.0))
    return column


def _below_mean(program: Program, s: Setting) -> int:
    """T variables of at least zero and at least the mean less the return."""
    column = program.new(s.rows)
    program.above(s.rows, (column, 1.0), (s.weights, s.returns - s.mean))
    program.above(s.rows, (column, 1.0))
    return column


def _below_rate(program: Program, s: Setting) -> int:
    column = program.new(s.rows)
    terms, constant = s.constant(-s.rf, s.rows)
    program.above(s.rows, (column, 1.0), (s.weights, s.returns), *terms, constant=constant)
    program.above(s.rows, (column, 1.0))
    return column


def _drawdowns(program: Program, s: Setting, *, apart: bool) -> int:
    """T variables of at least the drawdown after each period: D[t] ≥ D[t − 1] − return[t], D ≥ 0.

    `apart`: what D[t] is above that stands in variables of its own, so that the returns are in equations. For what is
    read off the drawdowns directly it spares the solver most of its work (six times as fast with 100 assets); the
    tails of drawdowns have rows of their own on D, and are quicker without.
    """
    column = program.new(s.rows)
    program.above(s.rows, (column, 1.0))
    if not apart:
        program.above(1, (column, 1.0), (s.weights, s.returns[:1]))
        program.above(s.rows - 1, (column + 1, 1.0), (column, -1.0), (s.weights, s.returns[1:]))
        return column
    rest = program.new(s.rows)
    program.above(s.rows, (rest, 1.0))
    program.equal(1, (column, 1.0), (s.weights, s.returns[:1]), (rest, -1.0))
    program.equal(s.rows - 1, (column + 1, 1.0), (column, -1.0), (s.weights, s.returns[1:]), (rest + 1, -1.0))
    return column


def _norm_of(program: Program, column: int, count: int, scale: float) -> tuple[Term, ...]:
    length = program.new()
    program.norm(count, (((length, 1.0),), 0.0), (column, scale))
    return ((length, _ONE),)


def _worst(program: Program, rows: int, column: int, sign: float) -> tuple[Term, ...]:
    """The largest of sign · column."""
    most = program.new()
    program.above(rows, (most, np.ones((rows, 1))), (column, -sign))
    return ((most, _ONE),)


def _tail(program: Program, s: Setting, measure: str, column: int, sign: float) -> tuple[Term, ...]:
    """The tail measure of the losses sign · column."""
    rows, alpha = s.rows, s.alpha
    match measure:
        case "WR":
            return _worst(program, rows, column, sign)
        case "CVaR":  # Rockafellar and Uryasev 2000
            var, above = program.new(), program.new(rows)
            program.above(rows, (above, 1.0))
            program.above(rows, (above, 1.0), (column, -sign), (var, np.ones((rows, 1))))
            return ((var, _ONE), (above, np.full((1, rows), 1 / (alpha * rows))))
        case "EVaR":
            return _entropic(program, rows, alpha, column, sign)
        case "RLVaR":
            return _relativistic(program, s, column, sign)
    return _ordered(program, rows, -tail_gini_weights(rows, alpha), column, sign)


def _entropic(program: Program, rows: int, alpha: float, column: int, sign: float) -> tuple[Term, ...]:
    """Ahmadi-Javid 2012 with exponential cones (Cajas 2021)."""
    import clarabel

    level, scale, parts = program.new(), program.new(), program.new(rows)
    ones = np.ones((rows, 1))
    program.above(1, (scale, 1.0))
    program.above(1, (scale, 1.0), (parts, -np.ones((1, rows))))
    program.triples(
        clarabel.ExponentialConeT(),
        rows,
        (((column, sign), (level, -ones)), 0.0),
        (((scale, ones),), 0.0),
        (((parts, 1.0),), 0.0),
    )
    return ((level, _ONE), (scale, np.full((1, 1), math.log(1 / (alpha * rows)))))


def _relativistic(program: Program, s: Setting, column: int, sign: float) -> tuple[Term, ...]:
    """Cajas 2023, with power cones."""
    import clarabel

    rows, kappa = s.rows, s.kappa
    level, scale = program.new(), program.new()
    omega, psi, theta, epsilon = (program.new(rows) for _ in range(4))
    ones = np.ones((rows, 1))
    program.above(1, (scale, 1.0))
    program.triples(
        clarabel.PowerConeT(1 / (1 + kappa)),
        rows,
        (((scale, ones * (1 + kappa) / (2 * kappa)),), 0.0),
        (((psi, (1 + kappa) / kappa),), 0.0),
        (((epsilon, 1.0),), 0.0),
    )
    program.triples(
        clarabel.PowerConeT(1 - kappa),
        rows,
        (((omega, 1 / (1 - kappa)),), 0.0),
        (((theta, 1 / kappa),), 0.0),
        (((scale, -ones / (2 * kappa)),), 0.0),
    )
    program.above(rows, (column, -sign), (level, ones), (epsilon, -1.0), (omega, -1.0))
    tail = 1 / (s.alpha * rows)
    log_kappa = (tail**kappa - tail**-kappa) / (2 * kappa)
    sums = np.ones((1, rows))
    return ((level, _ONE), (scale, np.full((1, 1), log_kappa)), (psi, sums), (theta, sums))


def _ordered(program: Program, rows: int, weights: Floats, column: int, sign: float) -> tuple[Term, ...]:
    """An ordered weighted average bounded by p-norms of its weights (Cajas 2021: it takes 5 T power cones in place of
    T² rows)."""
    import clarabel

    level, below, above = program.new(), program.new(rows), program.new(rows)
    program.above(2 * rows, (below, 1.0))
    ones = np.ones((rows, 1))
    parts: list[Term] = []
    terms: list[Term] = [
        (level, np.full((1, 1), weights.sum())),
        (below, np.full((1, rows), -weights.min())),
        (above, np.full((1, rows), weights.max())),
    ]
    for p in _NORMS:
        epsilon, psi, low, high = program.new(rows), program.new(rows), program.new(), program.new()
        program.above(1, (high, 1.0))
        program.equal(1, (low, 1.0), (high, 1.0), (psi, -np.ones((1, rows))))
        program.triples(
            clarabel.PowerConeT(1 / p),
            rows,
            (((low, -ones * p),), 0.0),
            (((psi, p / (p - 1)),), 0.0),
            (((epsilon, 1.0),), 0.0),
        )
        parts.append((epsilon, -1.0))
        terms.append((high, np.full((1, 1), float(np.linalg.norm(weights, ord=p)))))
    program.equal(rows, (column, -sign), (level, ones), (below, -1.0), (above, 1.0), *parts)
    return tuple(terms)


def _fourth(program: Program, s: Setting, column: int) -> tuple[Term, ...]:
    """The root of the mean fourth power, by two rows of rotated cones: a² ≤ k·b, b² ≤ g·c, Σ c ≤ T·g."""
    rows = s.rows
    squares, quartics, root = program.new(rows), program.new(rows), program.new()
    program.above(1, (root, float(rows)), (quartics, -np.ones((1, rows))))
    unit = s.constant(1.0, rows)
    _rotated(program, rows, ((squares, 1.0),), unit, column)
    _rotated(program, rows, ((quartics, 1.0),), (((root, np.ones((rows, 1))),), 0.0), squares)
    return ((root, _ONE),)


def _rotated(
    program: Program, rows: int, one: tuple[Term, ...], other: tuple[tuple[Term, ...], Floats | float], column: int
) -> None:
    """column² ≤ one · other, as a second-order cone: ‖(2·column, one − other)‖ ≤ one + other."""
    import clarabel

    less = tuple((first, -np.asarray(matrix, dtype=np.float64)) for first, matrix in other[0])
    program.triples(
        clarabel.SecondOrderConeT(3),
        rows,
        ((*one, *other[0]), other[1]),
        (((column, 2.0),), 0.0),
        ((*one, *less), -np.asarray(other[1])),
    )


def relativistic(losses: Floats, alpha: float, kappa: float) -> float:
    """The relativistic value at risk of these losses."""
    return float(relativistic_shares(losses, alpha, kappa) @ losses)


def relativistic_shares(losses: Floats, alpha: float, kappa: float) -> Floats:
    """T probabilities, the worst that the measure's divergence allows: the losses' mean by them is the measure. They
    are the multipliers of the losses in the program. Raises `PortfolioError`."""
    program = Program()
    scale = float(np.abs(losses).max()) or 1.0
    rows = len(losses)
    setting = Setting(np.zeros((rows, 1)), np.zeros(1), 0.0, alpha, kappa, 0, None)
    column = program.new(rows)
    program.equal(rows, (column, 1.0), constant=-losses / scale)
    for first, matrix in _relativistic(program, setting, column, 1.0):
        program.minimise(first, np.asarray(matrix).ravel())
    found = program.solver().solve()
    shares = np.abs(found.duals[:rows])
    if found.status != "solved" or not 0.5 < float(shares.sum()) < 2:
        raise PortfolioError("The relativistic value at risk of these returns was not found; EVaR is near it.")
    return np.asarray(shares / shares.sum())
