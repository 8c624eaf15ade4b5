"""The whole mean-variance frontier by the critical line algorithm (Markowitz 1956; Markowitz and Todd 2000).

For min ½w'Σw − λμ'w with Σ w = budget and a lower and an upper bound of each weight, w is a straight line in λ as long
as the same weights are free. The algorithm walks from the most return (λ = ∞) down to the least risk (λ = 0), from one
corner to the next, so a frontier, a ratio, a utility and a minimum are all read off the same corners, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats, Ints

_REFRESH = 40  # corners after which the inverse is worked out afresh


@dataclass(frozen=True, eq=False)
class Corners:
    """`lambdas` (C, falling to 0) and `weights` (C × N) at the corners; between two of them weights are on a line."""

    lambdas: Floats
    weights: Floats
    mean: Floats
    cov: Floats

    def __post_init__(self) -> None:
        steps = np.diff(self.weights, axis=0)
        moved = self.weights @ self.cov
        object.__setattr__(self, "_steps", steps)
        object.__setattr__(self, "_square", np.einsum("ij,ij->i", self.weights, moved))
        object.__setattr__(self, "_cross", np.einsum("ij,ij->i", steps, moved[:-1]))
        object.__setattr__(self, "_quad", np.einsum("ij,ij->i", steps, np.diff(moved, axis=0)))

    _steps: Floats = None  # type: ignore[assignment]
    _square: Floats = None  # type: ignore[assignment]
    _cross: Floats = None  # type: ignore[assignment]
    _quad: Floats = None  # type: ignore[assignment]

    def at_risks(self, risks: Floats) -> Floats:
        """The efficient portfolios of these standard deviations (P × N); what lies outside is put at the ends."""
        variances = np.clip(np.square(risks), self._square[-1], self._square[0])
        falling = self._square[::-1]
        place = np.clip(len(falling) - 1 - np.searchsorted(falling, variances, side="left"), 0, len(self._steps) - 1)
        a, b, c = self._quad[place], self._cross[place], self._square[place] - variances
        # variance falls along the step, so the first root is meant; written so that nothing cancels
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(root - b > 0, c / (root - b), 0.0)
        return np.asarray(self.weights[place] + np.clip(t, 0.0, 1.0)[:, None] * self._steps[place])

    def at_lambda(self, value: float) -> Floats:
        """The portfolio that maximises value · return − variance / 2."""
        if value >= self.lambdas[0] or len(self.lambdas) == 1:
            return np.asarray(self.weights[0])
        place = min(int(np.searchsorted(-self.lambdas, -value, side="right")) - 1, len(self._steps) - 1)
        high, low = self.lambdas[place], self.lambdas[place + 1]
        t = 0.0 if high == low else (high - value) / (high - low)
        return np.asarray(self.weights[place] + t * self._steps[place])

    def best_ratio(self, rf: float) -> Floats:
        """The portfolio of the highest (return − rf) / risk, which must be above zero somewhere."""
        excess = self.weights @ self.mean - rf
        if not len(self._steps):
            return np.asarray(self.weights[0])
        rise = self._steps @ self.mean
        top, slope = excess[:-1], rise
        c0, c1, c2 = self._square[:-1], self._cross, self._quad
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.clip(np.nan_to_num((top * c1 - slope * c0) / (slope * c1 - top * c2)), 0.0, 1.0)
            ratios = (top + t * slope) / np.sqrt(np.maximum(c0 + 2 * c1 * t + c2 * t * t, 1e-300))
            ends = excess / np.sqrt(np.maximum(self._square, 1e-300))
        place = int(np.argmax(ratios))
        if ends.max() > ratios[place]:
            return np.asarray(self.weights[int(np.argmax(ends))])
        return np.asarray(self.weights[place] + t[place] * self._steps[place])


def corners(mean: Floats, cov: Floats, lower: Floats, upper: Floats, budget: float) -> Corners | None:
    """All corners from the most return to the least risk; None where the walk loses its way (a singular covariance,
    equal returns), which is checked at its end and at its corners. The bounds must hold the budget."""
    scale = float(np.trace(cov)) / len(cov)
    if scale <= 0:
        return None
    slope = float(np.abs(mean).max()) or 1.0
    walk = _Walk(np.asarray(mean / slope), np.asarray(cov / scale), lower, upper, budget)
    found = walk.go()
    if found is None:
        return None
    lambdas, weights = found
    return Corners(np.asarray(lambdas * scale / slope), weights, mean, cov)


class _Walk:
    def __init__(self, mean: Floats, cov: Floats, lower: Floats, upper: Floats, budget: float) -> None:
        self.mean, self.cov, self.lower, self.upper, self.budget = mean, cov, lower, upper, budget
        self.size = len(mean)
        self.free: list[int] = []
        self.inverse: Floats = np.zeros((0, 0))
        self.age = 0
        self.weights = lower.astype(np.float64).copy()
        self.at_upper = np.zeros(self.size, dtype=np.bool_)

    def start(self) -> bool:
        """The most return: weights are filled in order of their means; the last that is filled is free."""
        left = self.budget - float(self.weights.sum())
        if left < -1e-9:
            return False
        order = np.argsort(-self.mean, kind="stable")
        marginal = int(order[-1])
        for i in order.tolist():
            room = float(self.upper[i] - self.lower[i])
            if left <= room + 1e-15:
                self.weights[i] += max(left, 0.0)
                marginal = i
                break
            self.weights[i] = self.upper[i]
            self.at_upper[i] = True
            left -= room
        else:
            return False
        self.free = [marginal]
        self.inverse = np.array([[1 / self.cov[marginal, marginal]]])
        return True

    def go(self) -> tuple[Floats, Floats] | None:
        if not self.start():
            return None
        lambdas, kept = [], [self.weights.copy()]
        current = np.inf
        changed = -1
        for _ in range(20 * self.size + 50):
            line = self._line()
            if line is None:
                return None
            found = self._next(line, current, changed)
            if found is None:
                return None
            value, asset, leaves = found
            value = max(value, 0.0)
            if not np.isfinite(current):
                lambdas.append(max(value, 1e-300))
            elif value < current:
                self._move(line, value)
                lambdas.append(value)
                kept.append(self.weights.copy())
            if value <= 0.0:
                return self._checked(np.array(lambdas), np.array(kept), line)
            if leaves:
                self._pin(asset)
            elif not self._release(asset):
                return None
            current, changed = value, asset
        return None

    def _line(self) -> tuple[Floats, Floats, Floats, Floats] | None:
        """w_F = λ·p + q for the free weights; d = λ·e + f for the reduced costs of all."""
        free: Ints = np.array(self.free, dtype=np.int64)
        held = self.weights.copy()
        held[free] = 0.0
        pull = self.cov[free] @ held
        x, y, z = self.inverse.sum(axis=1), self.inverse @ self.mean[free], self.inverse @ pull
        total = float(x.sum())
        if not np.isfinite(total) or total <= 0:
            return None
        rest = self.budget - float(held.sum()) + float(z.sum())
        share = float(y.sum()) / total
        p, q = y - share * x, rest / total * x - z
        columns = self.cov[:, free]
        e = columns @ p - self.mean + share
        f = columns @ q + self.cov @ held - rest / total
        return p, q, e, f

    def _next(
        self, line: tuple[Floats, Floats, Floats, Floats], current: float, changed: int
    ) -> tuple[float, int, bool] | None:
        """The highest λ below the current one at which a free weight reaches a bound, or a bound weight wants to
        move."""
        p, q, e, f = line
        free: Ints = np.array(self.free, dtype=np.int64)
        best, asset, leaves = 0.0, -1, False
        limit = current * (1 + 1e-12) if np.isfinite(current) else np.inf
        if len(free) > 1:
            goal = np.where(p > 0, self.lower[free], self.upper[free])
            with np.errstate(divide="ignore", invalid="ignore"):
                when = np.where(np.abs(p) > 1e-14, (goal - q) / p, -np.inf)
            when[when > limit] = np.minimum(when[when > limit], current) if np.isfinite(current) else -np.inf
            place = int(np.argmax(when))
            if when[place] > best:
                best, asset, leaves = float(when[place]), int(free[place]), True
        bound = np.ones(self.size, dtype=np.bool_)
        bound[free] = False
        bound &= self.upper > self.lower
        if changed >= 0:
            bound[changed] = False
        with np.errstate(divide="ignore", invalid="ignore"):
            when = -f / e
        # a lower bound holds while d ≥ 0, an upper one while d ≤ 0: only those that will fail matter
        fails = np.where(self.at_upper, e < -1e-14, e > 1e-14)
        when[~bound | ~fails | ~np.isfinite(when)] = -np.inf
        when[when > limit] = current if np.isfinite(current) else -np.inf
        place = int(np.argmax(when))
        if when[place] > best:
            best, asset, leaves = float(when[place]), place, False
        return best, asset, leaves

    def _move(self, line: tuple[Floats, Floats, Floats, Floats], value: float) -> None:
        free: Ints = np.array(self.free, dtype=np.int64)
        self.weights[free] = np.clip(value * line[0] + line[1], self.lower[free] - 1e-9, self.upper[free] + 1e-9)

    def _pin(self, asset: int) -> None:
        place = self.free.index(asset)
        low, high = self.lower[asset], self.upper[asset]
        self.at_upper[asset] = abs(self.weights[asset] - high) < abs(self.weights[asset] - low)
        self.weights[asset] = high if self.at_upper[asset] else low
        self.free.pop(place)
        column = np.delete(self.inverse[:, place], place)
        corner = self.inverse[place, place]
        rest = np.delete(np.delete(self.inverse, place, axis=0), place, axis=1)
        self.inverse = rest - np.outer(column, column) / corner
        self._age()

    def _release(self, asset: int) -> bool:
        free: Ints = np.array(self.free, dtype=np.int64)
        column = self.cov[free, asset]
        toward = self.inverse @ column
        corner = float(self.cov[asset, asset] - column @ toward)
        if corner <= 1e-12 * self.cov[asset, asset]:
            return False
        size = len(free)
        grown = np.empty((size + 1, size + 1))
        grown[:size, :size] = self.inverse + np.outer(toward, toward) / corner
        grown[:size, size] = grown[size, :size] = -toward / corner
        grown[size, size] = 1 / corner
        self.inverse = grown
        self.free.append(asset)
        self.at_upper[asset] = False
        self._age()
        return True

    def _age(self) -> None:
        self.age += 1
        if self.age >= _REFRESH and self.free:
            free: Ints = np.array(self.free, dtype=np.int64)
            self.inverse = np.asarray(np.linalg.inv(self.cov[np.ix_(free, free)]), dtype=np.float64)
            self.age = 0

    def _checked(
        self, lambdas: Floats, weights: Floats, line: tuple[Floats, Floats, Floats, Floats]
    ) -> tuple[Floats, Floats] | None:
        """The walk is kept only if its end is the least risk, within the bounds and of the budget, and variance and
        return fall all the way."""
        last = weights[-1]
        if (weights < self.lower - 1e-8).any() or (weights > self.upper + 1e-8).any():
            return None
        if np.abs(weights.sum(axis=1) - self.budget).max() > 1e-8:
            return None
        gradient = self.cov @ last
        level = float(np.mean(gradient[self.free]))
        size = max(abs(level), 1e-12)
        if np.abs(gradient[self.free] - level).max(initial=0.0) > 1e-6 * size:
            return None
        bound = np.ones(self.size, dtype=np.bool_)
        bound[self.free] = False
        wrong = np.where(self.at_upper, gradient - level > 1e-6 * size, gradient - level < -1e-6 * size)
        if (wrong & bound & (self.upper > self.lower)).any():
            return None
        returns = weights @ self.mean
        squares = np.einsum("ij,ij->i", weights, weights @ self.cov)
        if (np.diff(returns) > 1e-9).any() or (np.diff(squares) > 1e-9 * squares[0]).any():
            return None
        return lambdas, np.clip(weights, self.lower, self.upper)
