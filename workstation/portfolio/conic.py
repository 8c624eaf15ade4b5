"""A cone program put together a block at a time and handed to Clarabel: min ½x'Px + q'x, every block of rows
`constant + Σ M·x` inside a cone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.market.candles import Floats, Ints

#: A block's term: the first column it acts on, and a matrix (rows × columns), a vector (a diagonal) or a number.
type Term = tuple[int, Floats | float]


@dataclass(frozen=True, eq=False)
class Solution:
    """`status` is "solved", "infeasible", "unbounded" or "failed"; `duals` are the
    rows' multipliers."""

    status: str
    x: Floats
    value: float
    duals: Floats


def load() -> None:
    """Import the solver, so that the first answer's time is its own."""
    import clarabel  # noqa: F401
    from scipy import sparse  # noqa: F401


class Program:
    """Variables are numbered as they are made; `add` adds rows. Nothing is checked but shapes."""

    def __init__(self) -> None:
        self.size = 0
        self.rows = 0
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._constants: list[Floats] = []
        self._cones: list[Any] = []
        self._quadratic: list[tuple[int, Floats]] = []
        self._linear: list[tuple[int, Floats]] = []

    def new(self, count: int = 1) -> int:
        """The first column of so many new variables."""
        first, self.size = self.size, self.size + count
        return first

    def minimise(self, column: int, costs: Floats | float) -> None:
        """Add a linear cost on the variables from `column` on."""
        self._linear.append((column, np.atleast_1d(np.asarray(costs, dtype=np.float64))))

    def minimise_square(self, column: int, matrix: Floats) -> None:
        """Add ½ x' matrix x on the variables from `column` on."""
        self._quadratic.append((column, matrix))

    def equal(self, count: int, *terms: Term, constant: Floats | float = 0.0) -> None:
        import clarabel

        self._add(count, terms, constant, np.arange(count), count)
        self._cones.append(clarabel.ZeroConeT(count))

    def above(self, count: int, *terms: Term, constant: Floats | float = 0.0) -> int:
        """Rows that are zero or more; gives the first row's number (for `Solver.set`)."""
        import clarabel

        first = self.rows
        self._add(count, terms, constant, np.arange(count), count)
        self._cones.append(clarabel.NonnegativeConeT(count))
        return first

    def norm(
        self, count: int, bound: tuple[tuple[Term, ...], float], *terms: Term, constant: Floats | float = 0.0
    ) -> int:
        """The length of `count` rows is at most the bound (terms, constant); gives the bound's row."""
        import clarabel

        first = self.rows
        self._add(1, bound[0], bound[1], np.zeros(1, dtype=np.int64), 1)
        self._add(count, terms, constant, np.arange(count), count)
        self._cones.append(clarabel.SecondOrderConeT(count + 1))
        return first

    def triples(self, kind: Any, count: int, *parts: tuple[tuple[Term, ...], Floats | float]) -> None:
        """`count` cones of `kind` of as many rows as there are parts, the i-th of each part in one cone."""
        width = len(parts)
        base = self.rows
        for place, (terms, constant) in enumerate(parts):
            self.rows = base
            self._add(count, terms, constant, np.arange(count) * width + place, count * width)
        self._merge(len(parts), count * width)
        self._cones.extend([kind] * count)

    def _add(self, count: int, terms: tuple[Term, ...], constant: Floats | float, rows: Ints, span: int) -> None:
        places = rows + self.rows
        for column, matrix in terms:
            if isinstance(matrix, np.ndarray) and matrix.ndim == 2:
                wide = matrix.shape[1]
                down, across = np.repeat(places, wide), np.tile(np.arange(column, column + wide), count)
                values = np.ascontiguousarray(matrix).ravel()
                kept = values != 0
                self._entries.append((down[kept], across[kept], values[kept]))
            else:
                values = np.full(count, matrix, dtype=np.float64)
                self._entries.append((places, np.arange(column, column + count), values))
        full = np.zeros(span)
        full[rows] = constant
        self._constants.append(full)
        self.rows += span

    def _merge(self, parts: int, span: int) -> None:
        """The parts' constants are of the same rows."""
        total = np.sum(self._constants[-parts:], axis=0)
        del self._constants[-parts:]
        self._constants.append(total)

    def solver(self, tight: float = 1e-9) -> Solver:
        """The program as it stands, ready to be solved (again, with other constants)."""
        import clarabel
        from scipy import sparse

        down = np.concatenate([entry[0] for entry in self._entries])
        across = np.concatenate([entry[1] for entry in self._entries])
        values = np.concatenate([entry[2] for entry in self._entries])
        matrix = sparse.csc_matrix((-values, (down, across)), shape=(self.rows, self.size))
        squares = _upper(self._quadratic, self.size, sparse)
        linear = np.zeros(self.size)
        for column, costs in self._linear:
            linear[column : column + len(costs)] += costs
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tight
        if any(isinstance(cone, clarabel.PowerConeT) for cone in self._cones):
            settings.min_switch_step_length = 0.01  # without it these cones stall on ordered averages
        settings.presolve_enable = False  # a presolved problem cannot be updated
        settings.max_threads = 1
        return Solver(squares, linear, matrix, np.concatenate(self._constants), self._cones, settings)


def _upper(blocks: list[tuple[int, Floats]], size: int, sparse: Any) -> Any:
    down, across, values = [], [], []
    for column, matrix in blocks:
        r, c = np.triu_indices(len(matrix))
        down.append(r + column)
        across.append(c + column)
        values.append(matrix[r, c])
    if not blocks:
        return sparse.csc_matrix((size, size))
    entries = (np.concatenate(values), (np.concatenate(down), np.concatenate(across)))
    return sparse.csc_matrix(entries, shape=(size, size))


class Solver:
    """One program, solved as often as its constants change: what was analysed of its shape is kept."""

    def __init__(self, squares: Any, linear: Floats, matrix: Any, constants: Floats, cones: Any, settings: Any) -> None:
        import clarabel

        self.constants, self.linear = constants, linear
        self._clarabel = clarabel
        self._solver = clarabel.DefaultSolver(squares, linear, matrix, constants, cones, settings)

    def set(self, row: int, constant: float) -> None:
        """Change the constant of one row."""
        self.constants[row] = constant
        self._solver.update(b=self.constants)

    def solve(self) -> Solution:
        found = self._solver.solve()
        status = self._clarabel.SolverStatus
        if found.status in (status.Solved, status.AlmostSolved):
            word = "solved"
        elif found.status in (status.PrimalInfeasible, status.AlmostPrimalInfeasible):
            word = "infeasible"
        elif found.status in (status.DualInfeasible, status.AlmostDualInfeasible):
            word = "unbounded"
        elif found.status == status.InsufficientProgress and found.r_prim < 1e-6 and found.r_dual < 1e-6:
            word = "solved"
        else:
            word = "failed"
        return Solution(word, np.asarray(found.x), float(found.obj_val), np.asarray(found.z))
