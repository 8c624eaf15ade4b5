"""Candles of the time before the demo market starts, drawn on demand and the same whatever is asked first.

Time is a tree: days, their hours, stretches of five minutes, minutes. A node has an open, high, low and close; its
children are a Brownian bridge from its open to its close whose volatility is clustered, bent so that their highs and
lows are exactly the node's. So every interval aggregates to every longer one, and a year of days costs no minutes.
Highs and lows of a node are drawn from the law of a bridge's extremes: max = (a + b + √((b − a)² − 2 v ln U)) / 2
(P. Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 6.4). All is in logs and for all assets at
once, because they share a factor; a shift makes the last minute close at the starting price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument
from workstation.domain.spans import DAY, HOUR, MINUTE
from workstation.market.demo.listings import ALL_ASSETS, ASSETS, Temper
from workstation.market.demo.prices import LOADING, SD_5M

FIVE = 5 * MINUTE

#: Of the log volatility: (autocorrelation from one child to the next, standard deviation, that of its noise).
CLUSTER = {DAY: (0.75, 0.35, 0.0), HOUR: (0.85, 0.33, 0.0), FIVE: (0.0, 0.0, 0.2)}
DAILY_CLUSTER = (0.7, 0.35, 0.0)  # … from one day to the next
_DAILY_AUTOCORRELATION, _DAILY_SD, _ = DAILY_CLUSTER
PARENT = {HOUR: DAY, FIVE: HOUR, MINUTE: FIVE}
#: Of each asset: variance over 5 minutes, loading on the common factor, loading on what it has of its own.
_TERMS = [(SD_5M[asset] ** 2, LOADING[asset], math.sqrt(1 - LOADING[asset] ** 2)) for asset in ALL_ASSETS]
_MAJORS = len(ASSETS)  # what they do takes no draw that depends on the others
#: Traded volume / (median order × calm rate of events), as the books of NOVA come to.
_VOLUME = 11.0
#: A path that the parent's high and low would squeeze below `TIGHT` of its excursions is drawn again, `TRIES` times
#: at most: squeezed to nothing it would stand still for minutes at the parent's high or low.
TIGHT, TRIES = 0.25, 4
KEPT = 1000  # nodes whose children are remembered

#: (open, high, low, close) in logs, by asset.
type _Paths = tuple[tuple[float, float, float, float], ...]


class _Node:
    """A stretch of time: its paths, its variance relative to the mean of its length, its volume in mean minutes."""

    __slots__ = ("paths", "variance", "volume")

    def __init__(self, paths: _Paths, variance: float, volume: float) -> None:
        self.paths = paths
        self.variance = variance
        self.volume = volume


class History:
    """Bars that end at or before `start`, for any instrument on one of the assets."""

    def __init__(self, seed: int, start: int, prices: Mapping[str, float], rate: float = 1.0) -> None:
        self._seed = seed
        self._rate = rate  # multiplies the volume, as it does in the live market
        self._end = start - start % MINUTE
        self._prices = [math.log(prices[asset]) for asset in ALL_ASSETS]
        self._days: list[_Node] = []  # the day of the end first, then backwards
        self._day_volatility = 0.0
        self._day_random = Random(f"{seed}/days")
        self._minor_day_random = Random(f"{seed}/minor days")
        self._children: dict[tuple[int, int], list[_Node]] = {}
        self._shift: list[float] | None = None

    def bars(self, instrument: Instrument, temper: Temper, interval: int, count: int) -> Sequence[Bar]:
        """Up to `count` bars of `interval` ns (a whole number of minutes, of hours from 1 h on, of days from 1 d on:
        a divisor or multiple of them); an empty sequence for intervals that cannot be had, shorter than a minute say.
        """
        unit = next((u for u in (DAY, HOUR, FIVE, MINUTE) if interval >= u and interval % u == 0), None)
        if unit is None or count <= 0:
            return ()
        end = self._end - self._end % interval
        scale, asset = self._scale(instrument, temper)
        bars = []
        for ts in range(end - count * interval, end, interval):
            nodes = [self._node(unit, at) for at in range(ts, ts + interval, unit)]
            bars.append(scale.bar(ts, [node.paths[asset] for node in nodes], sum(node.volume for node in nodes)))
        return bars

    def bar(self, instrument: Instrument, temper: Temper, begin: int, end: int) -> Bar:
        """The whole minutes from `begin` to `end`, which is not after the history's own end, as one bar."""
        nodes, at = [], begin
        while at < end:
            unit = next(u for u in (DAY, HOUR, FIVE, MINUTE) if at % u == 0 and at + u <= end)
            nodes.append(self._node(unit, at))
            at += unit
        scale, asset = self._scale(instrument, temper)
        return scale.bar(begin, [node.paths[asset] for node in nodes], sum(node.volume for node in nodes))

    def _scale(self, instrument: Instrument, temper: Temper) -> tuple[Scale, int]:
        asset = ALL_ASSETS.index(instrument.base)
        return Scale(instrument, temper, self._rate, self._shifts()[asset] + temper.basis * 1e-4), asset

    def _shifts(self) -> list[float]:
        if self._shift is None:
            last = self._node(MINUTE, self._end - MINUTE).paths
            self._shift = [price - path[3] for price, path in zip(self._prices, last, strict=True)]
        return self._shift

    def _node(self, unit: int, ts: int) -> _Node:
        if unit == DAY:
            return self._day(ts)
        parent = PARENT[unit]
        opened = ts - ts % parent
        key = (parent, opened)
        children = self._children.get(key)
        if children is None:
            children = _split(
                self._node(parent, opened),
                parent,
                unit,
                Random(f"{self._seed}/{parent}/{opened // parent}"),
                Random(f"{self._seed}/minors/{parent}/{opened // parent}"),
            )
            if len(self._children) >= KEPT:
                del self._children[next(iter(self._children))]
            self._children[key] = children
        return children[(ts - opened) // unit]

    def _day(self, ts: int) -> _Node:
        back = (self._end - MINUTE) // DAY - ts // DAY
        random = self._day_random
        while len(self._days) <= back:
            kick = _DAILY_SD * math.sqrt(1 - _DAILY_AUTOCORRELATION**2)
            self._day_volatility = self._day_volatility * _DAILY_AUTOCORRELATION + random.gauss(0.0, kick)
            variance = math.exp(2 * self._day_volatility - 2 * _DAILY_SD**2)
            closes = [path[0] for path in self._days[-1].paths] if self._days else [0.0] * len(ALL_ASSETS)
            common = random.gauss(0.0, 1.0)
            logs = draws_of_extremes(random)
            paths = []
            for index, (close, (v5, c, o)) in enumerate(zip(closes, _TERMS, strict=True)):
                v = v5 * variance * (DAY / FIVE)
                own = random if index < _MAJORS else self._minor_day_random
                opened = close - math.sqrt(v) * (c * common + o * own.gauss(0.0, 1.0))
                paths.append((opened, *extremes(opened, close, v, logs), close))
            volume = 1440 * volume_factor(random, variance, 0.25)
            self._days.append(_Node(tuple(paths), variance, volume))
        return self._days[back]


class Scale:
    """Paths in logs, moved by `shift`, as bars in an instrument's ticks and lots; `rate` multiplies the volume."""

    def __init__(self, instrument: Instrument, temper: Temper, rate: float, shift: float = 0.0) -> None:
        self._tick, self._places = float(instrument.tick), instrument.price_places
        self._volume = temper.order_median * temper.rate * 60 * _VOLUME * rate
        self._volume_places = instrument.quantity_places
        self._shift = shift
        self._last = (math.nan, 0.0)  # a close, which is the next open

    def bar(self, ts: int, paths: Sequence[tuple[float, float, float, float]], volume: float) -> Bar:
        """The bar at `ts` of successive paths (open, high, low, close); `volume` is in mean minutes."""
        if len(paths) == 1:
            opened, high, low, close = paths[0]
        else:
            opened, high = paths[0][0], max(path[1] for path in paths)
            low, close = min(path[2] for path in paths), paths[-1][3]
        first = self._last[1] if opened == self._last[0] else self._price(opened)
        last = self._price(close)
        self._last = (close, last)
        traded = round(volume * self._volume, self._volume_places)
        return Bar(ts, first, self._price(high), self._price(low), last, traded)

    def _price(self, log: float) -> float:
        return round(round(math.exp(log + self._shift) / self._tick) * self._tick, self._places)


def volume_factor(random: Random, variance: float, noise: float) -> float:
    """Volume grows with volatility; a factor about 1."""
    return float(variance**0.45 * math.exp(random.gauss(0.0, noise)))


def draws_of_extremes(random: Random) -> tuple[float, float]:
    """Two draws for `extremes`. All assets take the same ones: what moves one up on its way moves the others too."""
    return math.log(1.0 - random.random()), math.log(1.0 - random.random())


def extremes(a: float, b: float, variance: float, logs: tuple[float, float]) -> tuple[float, float]:
    """High and low of a Brownian bridge from a to b."""
    square = (a - b) ** 2
    high = 0.5 * (a + b + math.sqrt(square - 2 * variance * logs[0]))
    low = 0.5 * (a + b - math.sqrt(square - 2 * variance * logs[1]))
    return high, low


def _split(node: _Node, length: int, unit: int, random: Random, minors: Random) -> list[_Node]:
    """The children of a node of `length`, each of length `unit`; `minors` draws for all but the first assets."""
    count = length // unit
    persistence, sd, noise = CLUSTER[length]
    kick = sd * math.sqrt(1 - persistence**2)
    state = random.gauss(0.0, sd)
    variances = []
    for _ in range(count):
        variances.append(math.exp(2 * (state + random.gauss(0.0, noise))))
        state = state * persistence + random.gauss(0.0, kick)
    scale = node.variance * count / sum(variances)
    variances = [v * scale for v in variances]
    best = -1.0
    columns: list[list[tuple[float, float, float, float]]] = []
    shared: _Shared = ([], [])
    for _ in range(TRIES):
        drawn: _Shared = ([random.gauss(0.0, 1.0) for _ in variances], [draws_of_extremes(random) for _ in variances])
        tightest, walked = _walk(node, slice(0, _MAJORS), variances, unit, random, drawn)
        if tightest > best:
            best, columns, shared = tightest, walked, drawn
        if best >= TIGHT:
            break
    columns += _walk(node, slice(_MAJORS, None), variances, unit, minors, shared)[1]
    volumes = [volume_factor(random, v, 0.35) for v in variances]
    share = node.volume / sum(volumes)
    return [
        _Node(tuple(paths), v, volume * share)
        for paths, v, volume in zip(zip(*columns, strict=True), variances, volumes, strict=True)
    ]


#: What all assets share of the steps to children: draws of the common factor, and those of the extremes.
type _Shared = tuple[list[float], list[tuple[float, float]]]


def _walk(
    node: _Node, assets: slice, variances: list[float], unit: int, random: Random, shared: _Shared
) -> tuple[float, list[list[tuple[float, float, float, float]]]]:
    """One draw of the children's paths for some assets, and how much the tightest of them had to be squeezed."""
    commons, logs = shared
    tightest, columns = 1.0, []
    for path, (v5, c, o) in zip(node.paths[assets], _TERMS[assets], strict=True):
        per_unit = v5 * (unit / FIVE)
        steps = [
            math.sqrt(v * per_unit) * (c * z + o * random.gauss(0.0, 1.0))
            for v, z in zip(variances, commons, strict=True)
        ]
        squeeze, column = bridged(path, steps, [v * per_unit for v in variances], logs)
        tightest = min(tightest, squeeze)
        columns.append(column)
    return tightest, columns


def bridged(
    path: tuple[float, float, float, float],
    steps: list[float],
    variances: list[float],
    logs: list[tuple[float, float]],
) -> tuple[float, list[tuple[float, float, float, float]]]:
    """Steps bent into a path from the parent's open to its close within, and reaching, its high and low; and the
    factor by which its excursions had to shrink."""
    opened, high, low, close = path
    excess = (close - opened - sum(steps)) / sum(variances)
    children = []
    at = opened
    for step, v, draws in zip(steps, variances, logs, strict=True):
        to = at + step + excess * v
        children.append((at, *extremes(at, to, v, draws), to))
        at = to
    top, bottom = max(opened, close), min(opened, close)
    highest, lowest = max(child[1] for child in children), min(child[2] for child in children)
    up = _stretch(high - top, highest - top)
    down = _stretch(bottom - low, bottom - lowest)

    def bend(x: float) -> float:
        if x > top:
            return top + (x - top) * up
        return bottom - (bottom - x) * down if x < bottom else x

    bent = [(bend(a), bend(b), bend(c), bend(d)) for a, b, c, d in children]
    # what bending did not reach, a wick does: one child's high and one's low are the parent's
    peak = max(range(len(bent)), key=lambda i: bent[i][1])
    a, _, c, d = bent[peak]
    bent[peak] = (a, high, c, d)
    trough = min(range(len(bent)), key=lambda i: bent[i][2])
    a, b, _, d = bent[trough]
    bent[trough] = (a, b, low, d)
    return min(up, down), bent


def _stretch(wanted: float, reached: float) -> float:
    """Factor that brings an excursion to `wanted`, if it must shrink; if it must grow, at most by a fifth."""
    return min(1.2, wanted / reached) if reached > 0 else 1.0
