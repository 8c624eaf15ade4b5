"""Mean-risk portfolios: one program for every measure, objective and constraint, solved by Clarabel."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.active_set import least_variance
from workstation.portfolio.cardinality import fewest
from workstation.portfolio.cones import Setting, bound_risk
from workstation.portfolio.conic import Program, Solver, Term
from workstation.portfolio.critical_line import Corners, corners
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.risks import risk_of

#: Measures that grow with the square of the weights, so that a utility weighs them as it does a variance.
SQUARES = ("MV", "KT", "SKT", "EM", "ESM")


#: Up to so many assets a single mean-variance portfolio is read off the critical line, which needs no solver; with more
#: the walk to it is longer than one solution, and the least risk comes by active sets.
FEW = 40


@dataclass(frozen=True, eq=False)
class Built:
    """A program and where its weights stand. `level` is the row whose constant is the risk bound, `scale` what returns
    were divided by, `share` what the program bounds of the measure (half of MAD, the half below the mean)."""

    solver: Solver
    weights: int
    unit: int | None
    count: int
    scale: float
    level: int | None = None
    share: float = 1.0
    squared: bool = False

    def solve(self) -> tuple[str, Floats]:
        """The status, and N weights."""
        found = self.solver.solve()
        weights = found.x[self.weights : self.weights + self.count]
        if self.unit is not None:
            k = float(found.x[self.unit])
            if k <= 1e-12:
                return ("unbounded" if found.status == "solved" else found.status), weights
            weights = weights / k
        return found.status, np.asarray(weights)

    def bound(self, risk: float) -> None:
        """Set the most risk (of one period) that is allowed."""
        assert self.level is not None
        power = 2 if self.squared else 1
        self.solver.set(self.level, risk * self.share / self.scale**power)


#: Sizes at which a ratio is solved, the next where the solver makes no progress: the answer is the same at each, but
#: entropic measures with logarithmic returns stall at some of them.
SIZES = (1.0, 10.0, 0.1, 30.0)


def build(inputs: Inputs, objective: str, *, measure: str | None = None, size: float = 1.0) -> Built:
    """The program of `objective`: "ratio", "risk", "return", "utility", or "level" (most return with a risk bound).
    `size` is what a ratio's risk or excess return is set to (it is homogeneous)."""
    problem, c = inputs.problem, inputs.constraints
    measure = measure or inputs.measure.code
    scale = _scale(inputs.returns)
    returns, mean, rf = inputs.returns / scale, inputs.mean / scale, problem.rf / scale
    cov = inputs.cov / scale**2
    count = len(inputs.assets)
    program = Program()
    weights = program.new(count)
    unit = program.new() if objective == "ratio" else None
    setting = Setting(returns, mean, rf, problem.alpha, problem.kappa, weights, unit)
    traded = bound_weights(program, inputs, setting, scale)
    gain: list[Term] = [(weights, mean.reshape(1, -1))]
    if problem.kelly:
        gain = _log_return(program, setting, cov, scale, problem.kelly)
    if traded is not None and c.costs > 0:
        gain.append((traded, np.full((1, count), -c.costs / scale)))
    if c.min_return is not None:
        terms, constant = setting.constant(-c.min_return / scale, 1)
        program.above(1, *gain, *terms, constant=constant)
    variance = measure == "MV"
    risk: tuple[Term, ...] = ()
    if objective in ("ratio", "risk", "utility", "level") and not variance:
        risk = bound_risk(program, setting, measure)
    level: int | None = None
    if objective == "ratio":
        assert unit is not None
        excess = [*gain, (unit, np.full((1, 1), -rf))]
        if problem.kelly:
            _bound(program, risk, weights, cov, variance, size)
            _maximise(program, excess)
        else:
            program.equal(1, *excess, constant=-size)
            _minimise(program, risk, weights, cov, variance, 1.0)
    elif objective == "risk":
        _minimise(program, risk, weights, cov, variance, 1.0)
    elif objective == "utility":
        _maximise(program, gain)
        aversion = problem.aversion * (scale if measure in SQUARES else 1.0)
        _minimise(program, risk, weights, cov, variance, aversion * (2.0 if variance else 1.0))
    else:
        _maximise(program, gain)
        if objective == "level":
            level = _bound(program, risk, weights, cov, variance)
    share, squared = 0.5 if measure == "MAD" else 1.0, measure in SQUARES and not variance
    return Built(program.solver(), weights, unit, count, scale, level, share, squared)


def _scale(returns: Floats) -> float:
    """Returns are brought to the size of one before they are solved."""
    return float(returns.std(axis=0).mean()) or 1.0


def bound_weights(program: Program, inputs: Inputs, s: Setting, scale: float) -> int | None:
    """Budget, bounds, groups, shorts, turnover and tracking error; the column of the N traded amounts, if there."""
    c, count, w = inputs.constraints, len(inputs.assets), s.weights
    _linear(program, s, [(w, np.ones((1, count)))], -c.budget, equal=True)
    identity = np.eye(count)
    if s.unit is not None:
        program.above(1, (s.unit, 1.0))
    _linear(program, s, [(w, identity)], -inputs.lower)
    binding = inputs.upper < (c.budget if c.short == 0 else math.inf)
    if c.short > 0 or binding.any() or (inputs.lower < 0).any():
        _linear(program, s, [(w, -identity)], inputs.upper)
    for group in c.groups:
        row = np.zeros((1, count))
        row[0, [inputs.assets.index(asset) for asset in group.assets]] = 1.0
        if group.lower > float(inputs.lower[row[0] > 0].sum()):
            _linear(program, s, [(w, row)], -group.lower)
        if group.upper < c.budget or c.short > 0:
            _linear(program, s, [(w, -row)], group.upper)
    if c.short > 0:
        sold = program.new(count)
        program.above(count, (sold, 1.0))
        program.above(count, (sold, 1.0), (w, identity))
        _linear(program, s, [(sold, np.full((1, count), -1.0))], c.short)
    traded: int | None = None
    if c.turnover is not None or c.costs > 0:
        traded = program.new(count)
        _linear(program, s, [(traded, identity), (w, -identity)], inputs.held)
        _linear(program, s, [(traded, identity), (w, identity)], -inputs.held)
    if c.turnover is not None:
        assert traded is not None
        _linear(program, s, [(traded, np.full((1, count), -1.0))], c.turnover)
    if c.tracking_error is not None:
        limit = c.tracking_error / scale * math.sqrt(s.rows - 1)
        terms, constant = s.constant(limit, 1)
        away, offset = s.constant(-(s.returns @ inputs.benchmark), s.rows)
        bound = (terms, float(np.asarray(constant).ravel()[0]))
        program.norm(s.rows, bound, (w, s.returns), *away, constant=offset)
    return traded


def _linear(program: Program, s: Setting, terms: list[Term], constant: Floats | float, *, equal: bool = False) -> None:
    """terms + k · constant ≥ 0 (or = 0)."""
    rows = np.asarray(terms[0][1]).shape[0]
    extra, offset = s.constant(constant, rows)
    (program.equal if equal else program.above)(rows, *terms, *extra, constant=offset)


def _log_return(program: Program, s: Setting, cov: Floats, scale: float, kelly: str) -> list[Term]:
    """The mean logarithmic return, divided by the scale like all returns: exact by exponential cones, or μ − σ²/2."""
    import clarabel

    if kelly == "exact":
        logs = program.new(s.rows)
        one, constant = s.constant(1.0, s.rows)
        program.triples(
            clarabel.ExponentialConeT(),
            s.rows,
            (((logs, 1.0),), 0.0),
            (one, constant),
            (((s.weights, s.returns * scale), *one), constant),
        )
        return [(logs, np.full((1, s.rows), 1 / s.rows / scale))]
    square = program.new()
    factor = root(cov).T
    one, constant = s.constant(1.0, 1)
    less = tuple((column, -np.asarray(matrix)) for column, matrix in one)
    rows = np.vstack([2 * factor])
    # |G w|² ≤ square · k, as a second-order cone
    top = program.new()
    program.equal(1, (top, -1.0), (square, 1.0), *one, constant=constant)
    bottom = program.new()
    program.equal(1, (bottom, -1.0), (square, 1.0), *less, constant=-np.asarray(constant))
    stacked = program.new(len(rows) + 1)
    program.equal(len(rows), (stacked, -1.0), (s.weights, rows))
    program.equal(1, (stacked + len(rows), -1.0), (bottom, 1.0))
    program.norm(len(rows) + 1, (((top, 1.0),), 0.0), (stacked, 1.0))
    return [(s.weights, s.mean.reshape(1, -1)), (square, np.full((1, 1), -0.5 * scale))]


def root(cov: Floats) -> Floats:
    """G with G G' = Σ, also of a singular Σ."""
    try:
        return np.asarray(np.linalg.cholesky(cov))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(cov)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _maximise(program: Program, terms: list[Term]) -> None:
    for column, matrix in terms:
        program.minimise(column, -np.asarray(matrix, dtype=np.float64).ravel())


def _minimise(
    program: Program, risk: tuple[Term, ...], weights: int, cov: Floats, variance: bool, times: float
) -> None:
    if variance:
        program.minimise_square(weights, cov * times)
    for column, matrix in risk:
        program.minimise(column, np.asarray(matrix, dtype=np.float64).ravel() * times)


def _bound(
    program: Program, risk: tuple[Term, ...], weights: int, cov: Floats, variance: bool, size: float = 1.0
) -> int:
    """risk ≤ size; the row whose constant is the bound."""
    if variance:
        return program.norm(len(cov), ((), size), (weights, np.ascontiguousarray(root(cov).T)))
    terms = ((column, -np.asarray(matrix, dtype=np.float64)) for column, matrix in risk)
    return program.above(1, *terms, constant=size)


def solve(inputs: Inputs, objective: str, *, measure: str | None = None) -> Floats:
    """N weights by the cone solver. Raises `PortfolioError` with the constraint at fault."""
    for size in SIZES if objective == "ratio" else SIZES[:1]:
        status, weights = build(inputs, objective, measure=measure, size=size).solve()
        if status == "solved":
            return tidy(weights, inputs)
        if status != "failed":
            break
    raise PortfolioError(explain(inputs, objective, status))


def best(inputs: Inputs, objective: str, *, measure: str | None = None) -> Best:
    """The best portfolio, by the fastest way there is. Raises `PortfolioError` with the constraint at fault."""
    code = measure or inputs.measure.code
    if inputs.constraints.max_assets is not None and inputs.constraints.max_assets < len(inputs.assets):
        return _of_few(inputs, objective, code)
    few = code == "MV" and len(inputs.assets) <= FEW
    if few and (weights := _by_corners(inputs, objective)) is not None:
        return Best(weights, "critical line")
    if code == "MV" and objective == "risk" and inputs.plain:
        weights = least_variance(inputs.cov, inputs.lower, inputs.upper, inputs.constraints.budget)
        if weights is not None:
            return Best(weights, "active set")
    return Best(solve(inputs, objective, measure=code), "clarabel")


@dataclass(frozen=True, eq=False)
class Best:
    """N weights, the name of what found them, and what is to be said of them."""

    weights: Floats
    solver: str
    notes: tuple[str, ...] = ()


def _by_corners(inputs: Inputs, objective: str) -> Floats | None:
    line = corners_of(inputs)
    if line is None:
        return None
    p = inputs.problem
    match objective:
        case "risk":
            return np.asarray(line.weights[-1])
        case "return":
            return np.asarray(line.weights[0])
        case "utility" if p.aversion > 0:
            return line.at_lambda(1 / (2 * p.aversion))
        case "ratio" if float(line.weights[0] @ inputs.mean) > p.rf:
            return line.best_ratio(p.rf)
    return None


def _of_few(inputs: Inputs, objective: str, code: str) -> Best:
    def attempt(part: Inputs) -> Floats | None:
        weights = _by_corners(part, objective) if code == "MV" and len(part.assets) <= FEW else None
        if weights is not None:
            return weights
        status, weights = build(part, objective, measure=code).solve()
        return tidy(weights, part) if status == "solved" else None

    p = inputs.problem

    def cost(weights: Floats) -> float:
        expected = float(inputs.mean @ weights)
        if objective == "return":
            return -expected
        risk = risk_value(inputs, weights, code)
        if objective == "ratio":
            return -(expected - p.rf) / risk
        return risk if objective == "risk" else p.aversion * (risk * risk if code == "MV" else risk) - expected

    bare = replace(inputs.constraints, max_assets=None)
    loose = replace(inputs, problem=replace(p, constraints=bare), lower=np.minimum(inputs.lower, 0.0))
    if attempt(loose) is None:
        raise PortfolioError(explain(loose, objective, "infeasible"))
    found = fewest(inputs, attempt, cost)
    notes: tuple[str, ...] = ()
    if found.gap > 1e-6:
        notes = (
            f"The best of {found.nodes} portfolios of {inputs.constraints.max_assets} assets that were tried; another "
            f"choice could be better by {found.gap:.2%} at most.",
        )
    return Best(found.weights, "branch and bound", notes)


def risk_value(inputs: Inputs, weights: Floats, measure: str | None = None) -> float:
    """The risk of these weights for one period, by the problem's measure or another one."""
    p = inputs.problem
    deviation = math.sqrt(max(float(weights @ inputs.cov @ weights), 0.0))
    return risk_of(
        measure or inputs.measure.code,
        inputs.returns @ weights,
        cov_risk=deviation,
        rf=p.rf,
        alpha=p.alpha,
        kappa=p.kappa,
    )


def corners_of(inputs: Inputs) -> Corners | None:
    """The whole mean-variance frontier, where there are only bounds on single weights and the walk finds its way."""
    if not inputs.plain:
        return None
    return corners(inputs.mean, inputs.cov, inputs.lower, inputs.upper, inputs.constraints.budget)


def tidy(weights: Floats, inputs: Inputs) -> Floats:
    """Without the solver's dust: within the bounds, and of the budget."""
    clipped = np.clip(weights, inputs.lower, inputs.upper)
    if inputs.constraints.short == 0:
        total = clipped.sum()
        return np.asarray(clipped * (inputs.constraints.budget / total)) if total > 0 else clipped
    return clipped


def explain(inputs: Inputs, objective: str, status: str) -> str:
    """Why there is no portfolio: each constraint is taken away in turn, and those without which there is one are
    named."""
    if status == "failed":
        return (
            f"The solver found no answer for {inputs.measure.name} on {len(inputs.assets)} assets and "
            f"{len(inputs.returns):,} returns. Another covariance (ledoit) or measure may be easier."
        )
    if objective == "ratio" and _best_return(inputs) <= inputs.problem.rf:
        return (
            "No portfolio within the bounds is expected to return more than the risk-free rate of "
            f"{inputs.problem.rf:.4%} a period, so no ratio can be maximised: take min_risk, a lower rate or "
            "other assets."
        )
    c = inputs.constraints
    without = (
        ("the limit of turnover", replace(c, turnover=None), c.turnover is not None),
        ("the tracking error", replace(c, tracking_error=None), c.tracking_error is not None),
        ("the least return", replace(c, min_return=None), c.min_return is not None),
        *((f"the group {g.name}", replace(c, groups=tuple(x for x in c.groups if x is not g)), True) for g in c.groups),
        ("the bounds on single weights", replace(c, lower=0.0, upper=math.inf, bounds=()), True),
    )
    guilty = []
    for name, eased, there in without:
        if there:
            problem = replace(inputs.problem, constraints=eased)
            from workstation.portfolio.inputs import bounds

            lower, upper = bounds(eased, inputs.assets)
            trial = replace(inputs, problem=problem, lower=lower, upper=upper)
            if build(trial, "risk", measure="MV").solve()[0] == "solved":
                guilty.append(name)
    if not guilty:
        return "No portfolio meets all constraints at once; more than one of them must be eased."
    reach = ""
    if c.min_return is not None and "the least return" in guilty:
        most = _best_return(replace(inputs, problem=replace(inputs.problem, constraints=replace(c, min_return=None))))
        reach = f" The most that the other constraints leave is {most:.4%} a period."
    return f"No portfolio meets all constraints at once: without {' or without '.join(guilty)} there is one.{reach}"


def _best_return(inputs: Inputs) -> float:
    status, weights = build(inputs, "return").solve()
    return float(inputs.mean @ weights) if status == "solved" else math.inf
