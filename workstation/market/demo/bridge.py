"""What the demo market did while no desk was there: bars between the last price that was traded and the next one.

As in `history` time is a tree of days, hours, stretches of five minutes and minutes, here cut off where the gap begins
and ends, and every node is a Brownian bridge that reaches its parent's high and low. Paths are by instrument, because
each has a price of its own at both ends; instruments on one asset take the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random

from workstation.domain.spans import DAY, HOUR, MINUTE
from workstation.market.demo.history import (
    CLUSTER,
    DAILY_CLUSTER,
    FIVE,
    KEPT,
    PARENT,
    TIGHT,
    TRIES,
    bridged,
    draws_of_extremes,
    extremes,
    volume_factor,
)
from workstation.market.demo.listings import ALL_ASSETS
from workstation.market.demo.prices import LOADING, SD_5M

_UNITS = (DAY, HOUR, FIVE, MINUTE)
#: So many of the first instruments decide whether a draw is taken (see `history`): the others just follow it.
_JUDGES = 3

type _Path = tuple[float, float, float, float]


class _Split:
    """The children of one node: what they have in common, and the paths of those instruments that were asked for.

    `spread`: variances of the steps relative to those of five minutes; `common`, `own` (by asset): the draws.
    """

    __slots__ = ("columns", "common", "logs", "own", "spread", "variances", "volumes")

    def __init__(self, variances: list[float], spread: list[float]) -> None:
        self.variances = variances
        self.spread = spread
        self.volumes: list[float] = []
        self.columns: dict[int, list[_Path]] = {}

    def draw(self, random: Random) -> None:
        count = len(self.spread)
        self.common = [random.gauss(0.0, 1.0) for _ in range(count)]
        self.logs = [draws_of_extremes(random) for _ in range(count)]
        self.own = [[random.gauss(0.0, 1.0) for _ in range(count)] for _ in ALL_ASSETS]


class Bridge:
    """The gap from `begin` to `end` (UTC ns, whole minutes) for instruments on `assets`, whose prices go from `opens`
    to `closes`. The same for the same arguments, whatever is asked first."""

    def __init__(
        self, seed: int, begin: int, end: int, assets: Sequence[str], opens: Sequence[float], closes: Sequence[float]
    ) -> None:
        self.begin, self.end = begin, end
        self._seed = seed
        self._terms = [(SD_5M[asset] ** 2, LOADING[asset], math.sqrt(1 - LOADING[asset] ** 2)) for asset in assets]
        self._assets = [ALL_ASSETS.index(asset) for asset in assets]
        logs = draws_of_extremes(self._random("whole", 0))
        self._whole: list[_Path] = []
        for (v5, _, _), opened, close in zip(self._terms, map(math.log, opens), map(math.log, closes), strict=True):
            self._whole.append((opened, *extremes(opened, close, v5 * (end - begin) / FIVE, logs), close))
        self._splits: dict[tuple[int, int], _Split] = {}

    def path(self, begin: int, end: int, column: int) -> tuple[list[_Path], float]:
        """The way of an instrument from `begin` to `end` within the gap: open, high, low and close in logs of the
        longest nodes that make it up, oldest first, and their volume in mean minutes."""
        found, volume, at = [], 0.0, begin
        while at < end:
            for unit in _UNITS:
                opened, until = at - at % unit, min(at - at % unit + unit, self.end)
                if max(opened, self.begin) == at and until <= end:
                    split, index = self._split_at(unit, at)
                    found.append(self._column(split, unit, at, column)[index])
                    volume += split.volumes[index]
                    at = until
                    break
        return found, volume

    def _split_at(self, unit: int, at: int) -> tuple[_Split, int]:
        """The node of that unit at `at`: the split that it comes from, and its place there."""
        above = PARENT.get(unit, 0)
        begin = max(at - at % above, self.begin) if above else self.begin
        key = (above, at // above) if above else (0, 0)
        split = self._splits.get(key)
        if split is None:
            end = min(at - at % above + above, self.end) if above else self.end
            split = self._split(unit, at, begin, end, self._random(*key))
            if len(self._splits) >= KEPT:
                del self._splits[next(iter(self._splits))]
            self._splits[key] = split
        return split, at // unit - begin // unit

    def _random(self, unit: object, number: int) -> Random:
        return Random(f"{self._seed}/gap {self.begin}/{unit}/{number}")

    def _split(self, unit: int, at: int, begin: int, end: int, random: Random) -> _Split:
        """The node from `begin` to `end` in units; the first and the last child may be shorter than one."""
        variance, volume = 1.0, (end - begin) / MINUTE
        if unit != DAY:
            parent, index = self._split_at(PARENT[unit], at)
            variance, volume = parent.variances[index], parent.volumes[index]
        cuts = [begin, *range(begin - begin % unit + unit, end, unit), end]
        shares = [(b - a) / unit for a, b in pairwise(cuts)]
        persistence, sd, noise = DAILY_CLUSTER if unit == DAY else CLUSTER[PARENT[unit]]
        kick = sd * math.sqrt(1 - persistence**2)
        state = random.gauss(0.0, sd)
        variances = []
        for _ in shares:
            variances.append(math.exp(2 * (state + random.gauss(0.0, noise))))
            state = state * persistence + random.gauss(0.0, kick)
        scale = variance * sum(shares) / sum(v * part for v, part in zip(variances, shares, strict=True))
        variances = [v * scale for v in variances]
        spread = [v * part * (unit / FIVE) for v, part in zip(variances, shares, strict=True)]
        volumes = [volume_factor(random, v, 0.35) * part for v, part in zip(variances, shares, strict=True)]
        share = volume / sum(volumes)
        best, tightest = None, -1.0
        for _ in range(TRIES):
            drawn = _Split(variances, spread)
            drawn.draw(random)
            squeeze = min(self._walk(drawn, unit, at, column) for column in range(_JUDGES))
            if best is None or squeeze > tightest:
                best, tightest = drawn, squeeze
            if tightest >= TIGHT:
                break
        assert best is not None
        best.volumes = [one * share for one in volumes]
        return best

    def _column(self, split: _Split, unit: int, at: int, column: int) -> list[_Path]:
        if column not in split.columns:
            self._walk(split, unit, at, column)
        return split.columns[column]

    def _walk(self, split: _Split, unit: int, at: int, column: int) -> float:
        """Draw one instrument's paths; how much of its excursions is left of them (see `bridged`)."""
        path = self._whole[column]
        if unit != DAY:
            above = PARENT[unit]
            parent, index = self._split_at(above, at)
            path = self._column(parent, above, at, column)[index]
        v5, c, o = self._terms[column]
        spread = [v * v5 for v in split.spread]
        own = split.own[self._assets[column]]
        steps = [math.sqrt(v) * (c * z + o * x) for v, z, x in zip(spread, split.common, own, strict=True)]
        squeeze, split.columns[column] = bridged(path, steps, spread, split.logs)
        return squeeze
