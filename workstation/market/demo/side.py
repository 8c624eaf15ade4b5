"""One side of a demo book: its levels, and the shape that arrivals and cancellations keep it close to."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from itertools import pairwise
from random import Random

from workstation.domain.market import Levels
from workstation.market.demo.listings import Temper

_GRID = 256
_REACH = 50.0  # bps from the touch to the last level that is kept alive
_PACKED = 0.85  # largest share of the prices that levels stand on
_SIZES = 1024
_SIZE_SIGMA = 1.2


class Profile:
    """The shape of a side on a grid of distances, close-set near the touch: d = (1 + reach)^v − 1 bps, v in [0, 1).

    `offset` and `width` (ticks) say where a grid cell lies, `rank` how many levels should stand nearer, `lots` the mean
    quantity of a level there. `sizes` are lognormal multipliers of mean 1.
    """

    __slots__ = ("far", "least", "lots", "offset", "rank", "sizes", "touch", "width")

    def __init__(self, temper: Temper, ticks_per_bp: float, lot: float, random: Random) -> None:
        # where a tick is a large part of a bp there are fewer prices than levels: the shape is stretched outwards
        levels = temper.shape[-1][1]
        stretch = max(1.0, levels / (_PACKED * ticks_per_bp * _REACH))
        distances = [(1 + _REACH * stretch) ** (i / _GRID) - 1 for i in range(_GRID + 1)]
        edges = [int(d * ticks_per_bp) for d in distances]
        self.offset = [max(1, edge) for edge in edges[:-1]]
        self.width = [max(1, b - a) for a, b in pairwise(edges)]
        packed = [min(_between(temper, d, 1), _PACKED * d * ticks_per_bp) for d in distances]
        self.rank = packed[:-1]
        quantity = [_between(temper, d, 2) * temper.depth / lot for d in distances]
        self.lots = [
            max(1.0, (quantity[i + 1] - quantity[i]) / max(1e-9, packed[i + 1] - packed[i])) for i in range(_GRID)
        ]
        self.touch = temper.touch / lot
        self.far = int(edges[-1] * 1.2)
        self.least = levels // 2
        self.sizes = [math.exp(random.gauss(0.0, _SIZE_SIGMA) - _SIZE_SIGMA**2 / 2) for _ in range(_SIZES)]


def _between(temper: Temper, distance: float, column: int) -> float:
    """The shape's column at a distance, linear between its rows and on from its last two."""
    rows = temper.shape
    i = next((i for i in range(1, len(rows) - 1) if rows[i][0] >= distance), len(rows) - 1)
    (d0, *low), (d1, *high) = rows[i - 1], rows[i]
    return low[column - 1] + (high[column - 1] - low[column - 1]) * (distance - d0) / (d1 - d0)


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
        for cell in range(_GRID - 1):
            due += profile.rank[cell + 1] - profile.rank[cell]
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
            key = best + profile.offset[cell] + int(random() * profile.width[cell])
            place = bisect_left(keys, key)
            if random() < modify:
                if place < len(keys):
                    key = keys[place]
                    lots[key] = changed[key] = self.level_lots(cell)
                continue
            want = profile.rank[cell]
            if random() < 0.5 + (want - place) / (0.3 * want + 3.0):
                self.put(key, self.level_lots(cell))
            elif 0 < place < len(keys) and len(keys) > profile.least:
                key = keys.pop(place)
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
