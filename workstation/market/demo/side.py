"""One side of a demo book: its levels, and the shape that arrivals and cancellations keep it close to."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from random import Random

from workstation.domain.market import Levels
from workstation.market.demo.listings import Shape, Temper

_GRID = 256
_REACH = 50.0  # bps from the touch to the last level that is kept alive
_PACKED = 0.85  # largest share of the prices that levels stand on
_NEIGHBOURS = 14  # cells to either side that are looked at to see whether a level is missing
_SIZES = 1024
_SIZE_SIGMA = 1.2


class Sizes:
    """Lognormal multipliers of mean 1, drawn once and then dealt at random: far cheaper than a draw each."""

    def __init__(self, random: Random) -> None:
        self.table = [math.exp(random.gauss(0.0, _SIZE_SIGMA) - _SIZE_SIGMA**2 / 2) for _ in range(_SIZES)]


class Profile:
    """The shape of a side on a grid of distances, close-set near the touch: d = (1 + reach)^v − 1 bps, v in [0, 1).

    Of each cell of the grid: `offset` and `width` say where it lies (ticks from the touch), `levels` how many levels
    it should hold, `around` where its neighbourhood begins and ends and how many should stand there, `lots` the mean
    quantity of a level.
    """

    __slots__ = ("around", "far", "least", "levels", "lots", "offset", "sizes", "touch", "width")

    def __init__(self, temper: Temper, ticks_per_bp: float, lot: float, sizes: Sizes) -> None:
        # where a tick is a large part of a bp there are fewer prices than levels: the shape is stretched outwards
        most = temper.shape[-1][1]
        reach = _REACH * max(1.0, most / (_PACKED * ticks_per_bp * _REACH))
        distances = _distances(reach)
        edges = [int(d * ticks_per_bp) for d in distances]
        shape = _interpolated(temper.shape, distances)
        rank = [min(levels, _PACKED * d * ticks_per_bp) for d, (levels, _) in zip(distances, shape, strict=True)]
        self.offset = [max(1, edge) for edge in edges[:-1]]
        self.width = [max(1, b - a) for a, b in pairwise(edges)]
        self.levels = [b - a for a, b in pairwise(rank)]
        self.lots = [
            max(1.0, (q1 - q0) * temper.depth / lot / max(1e-9, levels))
            for ((_, q0), (_, q1)), levels in zip(pairwise(shape), self.levels, strict=True)
        ]
        low, high = (
            [0] * _NEIGHBOURS + list(range(_GRID - _NEIGHBOURS)),
            [*range(_NEIGHBOURS, _GRID), *[_GRID] * _NEIGHBOURS],
        )
        begins, ends = [max(1, edge) for edge in edges], [max(2, edge) for edge in edges]
        self.around = [(begins[a], ends[b], rank[b] - rank[a]) for a, b in zip(low, high, strict=True)]
        self.touch = temper.touch / lot
        self.far = int(edges[-1] * 1.2)
        self.least = most // 2
        self.sizes = sizes.table


@cache
def _distances(reach: float) -> list[float]:
    """Where the cells of the grid begin and end, in bps; the sides of most books reach equally far."""
    return [(1 + reach) ** (i / _GRID) - 1 for i in range(_GRID + 1)]


def _interpolated(shape: Shape, distances: Sequence[float]) -> list[tuple[float, float]]:
    """(levels, quantity) within each of the rising distances: linear between the rows, and on from the last two."""
    result = []
    row = 1
    for d in distances:
        while row < len(shape) - 1 and shape[row][0] < d:
            row += 1
        (d0, n0, q0), (d1, n1, q1) = shape[row - 1], shape[row]
        part = (d - d0) / (d1 - d0)
        result.append((n0 + (n1 - n0) * part, q0 + (q1 - q0) * part))
    return result


class Side:
    """Levels of one side by key: the price for asks, minus the price for bids, so that the best key is the smallest."""

    __slots__ = ("_changed", "_profile", "_random", "keys", "lots", "sign")

    def __init__(self, sign: int, best: int, profile: Profile, random: Random) -> None:
        self.sign = sign  # +1 for asks, −1 for bids
        self._profile = profile
        self._random = random
        self.lots: dict[int, int] = {best: self.touch_lots()}
        self.keys: list[int] = [best]
        self._changed: dict[int, int] = {}
        self._fill(best)

    def _fill(self, best: int) -> None:
        """Put levels as the profile has them beyond the last level that there is."""
        profile, draw = self._profile, self._random.random
        last = self.keys[-1]
        due = 0.0
        for cell in range(_GRID):
            due += profile.levels[cell]
            while due >= 1.0:
                due -= 1.0
                key = best + profile.offset[cell] + int(draw() * profile.width[cell])
                if key > last:
                    last = key
                elif best + profile.offset[cell] + profile.width[cell] > last:
                    last = key = last + 1
                else:
                    continue
                self.put(key, self.level_lots(cell))

    def level_lots(self, cell: int) -> int:
        return int(self._profile.lots[cell] * self._profile.sizes[int(self._random.random() * _SIZES)]) + 1

    def touch_lots(self) -> int:
        return int(self._profile.touch * 2.2 * self._random.random() ** 1.2) + 1

    def put(self, key: int, lots: int) -> None:
        if key not in self.lots:
            insort(self.keys, key)
        self.lots[key] = self._changed[key] = lots

    def reduce_best(self, lots: int) -> None:
        """Take `lots` from the best level; it goes when nothing is left. The side never loses its last level."""
        key = self.keys[0]
        left = self.lots[key] - lots
        if left > 0:
            self.lots[key] = self._changed[key] = left
            return
        if len(self.keys) < self._profile.least:
            self._fill(key)
        del self.keys[0], self.lots[key]
        self._changed[key] = 0

    def clear_to(self, key: int) -> None:
        """Pull every level nearer than `key` and stand there with a new best level."""
        keys, lots, changed = self.keys, self.lots, self._changed
        count = bisect_left(keys, key)
        for gone in keys[:count]:
            del lots[gone]
            changed[gone] = 0
        del keys[:count]
        self.put(key, self.touch_lots())
        if len(keys) < self._profile.least:
            self._fill(key)

    def step_in(self, key: int) -> None:
        """A new best level at `key`, nearer than the old one, which thins out to an ordinary level."""
        old = self.keys[0]
        self.lots[old] = self._changed[old] = self.level_lots(0)
        self.put(key, self.touch_lots() // 2 + 1)

    def churn(self, count: int, modify: float) -> None:
        """Change about `count` levels: additions, cancellations and alterations that keep the side near its profile."""
        profile, random = self._profile, self._random.random
        keys, lots, changed = self.keys, self.lots, self._changed
        for _ in range(count):
            cell = int(random() * 1.15 * _GRID)
            best = keys[0]
            if cell >= _GRID:
                lots[best] = changed[best] = self.touch_lots()
                continue
            if random() < modify:
                place = bisect_left(keys, best + profile.offset[cell])
                if place < len(keys):
                    key = keys[place]
                    lots[key] = changed[key] = self.level_lots(cell)
                continue
            begin, end, want = profile.around[cell]
            first, last = bisect_left(keys, best + begin), bisect_left(keys, best + end)
            if random() < 0.5 + (want - last + first) / (0.2 * want + 1.0):
                key = best + profile.offset[cell] + int(random() * profile.width[cell])
                self.put(key, self.level_lots(cell))
            elif first < last and len(keys) > profile.least:
                key = keys.pop(first + int(random() * (last - first)))
                del lots[key]
                changed[key] = 0
        while keys[-1] - keys[0] > profile.far:
            key = keys.pop()
            del lots[key]
            changed[key] = 0

    def levels(self) -> Levels:
        sign, lots = self.sign, self.lots
        return tuple((sign * key, lots[key]) for key in self.keys)

    def take_changes(self) -> Levels:
        """What has changed since the last call."""
        changed = self._changed
        if not changed:
            return ()
        sign = self.sign
        levels = tuple((sign * key, lots) for key, lots in changed.items())
        changed.clear()
        return levels
