"""The market after a moment of the past, for a what-if: along the candles that were kept of it, then invented."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import NamedTuple

import msgspec

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, Levels, MarketEvent, MarkPrice, Trade
from workstation.domain.numbers import from_float
from workstation.market.source import SeekError

#: Of an invented market: time between two prices, and how far they move where no candles tell (a fraction).
_STEP = 1_250_000_000
_MOVES = 0.0001
#: The levels of a side of a book: how many, how far apart (basis points), and what one is worth (quote currency).
_LEVELS = ((20, 0.05, 4_000.0), (15, 1.0, 40_000.0))
_FUNDING_EVERY = 8 * 3_600 * SECOND  # where the recorded venue did not say
_FOR_EVER = 365 * 86_400 * SECOND

#: Up to `count` closed bars of an interval that end before the moment, oldest first.
type History = Callable[[InstrumentId, int, int], Sequence[Bar]]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an instrument at the moment: its `price`, the candles after it (closed ones, oldest first, of
    `interval` ns), the spread in ticks and the funding rate of a period."""

    instrument: Instrument
    price: float
    bars: Sequence[Bar] = ()
    interval: int = 5 * SECOND
    spread: int = 1
    funding_rate: Decimal | None = None
    funding_every: int | None = None

    @property
    def until(self) -> int:
        """UTC ns to which its candles reach, 0 without any."""
        return self.bars[-1].ts + self.interval if self.bars else 0


class _Point(NamedTuple):
    ts: int
    price: float
    volume: float


class OnwardMarket:
    """A `MarketSource` that goes on from `start` (UTC ns). Deterministic for its seed, and without an end.

    A candle is walked through as open, the extreme against its direction, the other one, close. Where the candles end
    the price goes on at random as lively as they were; instruments of one base move together. The books around the
    prices are made up: nobody kept them.
    """

    def __init__(self, known: Sequence[Known], start: int, seed: int, history: History) -> None:
        self.start = start
        self._known = known
        self._history = history
        self._books = [_Book(one, Random(f"{seed}/book/{one.instrument.id}")) for one in known]
        quiet = max((one.until for one in known), default=0)  # who did not trade until then stood still
        self._paths = [_path(one, start, quiet, Random(f"{seed}/{one.instrument.base}")) for one in known]
        self._ready: list[MarketEvent] = []
        for book in self._books:
            self._ready += book.open(start)
        self._ready.reverse()  # taken from its end
        self._due: list[tuple[int, int, _Point]] = []
        for index, path in enumerate(self._paths):
            point = next(path)
            self._due.append((point.ts, index, point))
        heapq.heapify(self._due)

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [one.instrument for one in self._known]

    @property
    def end(self) -> int:
        """So far away that nobody gets there."""
        return self.start + _FOR_EVER

    def until(self, ts: int) -> Iterator[MarketEvent]:
        while True:
            while self._ready and self._ready[-1].ts <= ts:
                yield self._ready.pop()
            if self._ready or not self._due or self._due[0][0] > ts:
                return
            _, index, point = heapq.heappop(self._due)
            self._ready = list(reversed(self._books[index].move(point)))
            following = next(self._paths[index])
            heapq.heappush(self._due, (following.ts, index, following))

    def next_time(self) -> int | None:
        if self._ready:
            return self._ready[-1].ts
        return self._due[0][0] if self._due else None

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        raise SeekError("A what-if goes only forwards: leave it and begin another at the moment that you want.")

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        return self._history(instrument, interval, count)


def _path(known: Known, start: int, quiet: int, random: Random) -> Iterator[_Point]:
    """Prices at their times, all after `start`; candles first."""
    ts, price, quarter = start, known.price, known.interval // 4
    for bar in known.bars:
        falls_first = bar.close >= bar.open
        extremes = (bar.low, bar.high) if falls_first else (bar.high, bar.low)
        for number, value in enumerate((bar.open, *extremes, bar.close)):
            # The close comes within the bar, or it would belong to the next one.
            ts, price = bar.ts + number * quarter, value
            if ts > start:
                yield _Point(ts, price, bar.volume / 4)
    ts, moves, volume = max(ts, start), _liveliness(known), _mean([bar.volume for bar in known.bars]) / 4
    while ts + _STEP < quiet:
        ts += _STEP
        yield _Point(ts, price, 0.0)
    while True:
        ts += _STEP
        price *= math.exp(random.gauss(0.0, moves))
        yield _Point(ts, price, volume)


def _liveliness(known: Known) -> float:
    """Standard deviation of the returns between two invented prices, as that of the candles' closes."""
    closes = [known.price, *(bar.close for bar in known.bars)]
    returns = [math.log(b / a) for a, b in pairwise(closes) if a > 0 and b > 0]
    if len(returns) < 10:
        return _MOVES
    of_a_bar = math.sqrt(math.fsum(one * one for one in returns) / len(returns))
    return of_a_bar * math.sqrt(_STEP / known.interval)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


class _Book:
    """A made-up book that stands around each price, and the trades that reach it."""

    def __init__(self, known: Known, random: Random) -> None:
        self._terms = known.instrument
        self._known = known
        self._random = random
        self._tick, self._lot = float(known.instrument.tick), float(known.instrument.lot)
        unit = float(known.instrument.notional(Decimal(1), from_float(known.price, known.instrument.tick)))
        coin = known.price if known.instrument.is_inverse else 1.0
        #: (levels, ticks apart, lots of each) from the best price outwards
        self._shape = [
            (count, max(1, round(known.price * apart / 10_000 / self._tick)), max(1.0, worth / coin / unit / self._lot))
            for count, apart, worth in _LEVELS
        ]
        self._sequence = 0
        self._last = self._ticks(known.price)
        self._sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._trades = 0

    def _ticks(self, price: float) -> int:
        return max(2, round(price / self._tick))

    def open(self, ts: int) -> list[MarketEvent]:
        bids, asks = self._sides = self._around(self._last, buyer=False)
        self._sequence = 1
        snapshot = BookSnapshot(self._terms.id, ts, 1, tuple(bids.items()), tuple(asks.items()))
        return [snapshot, *self._mark(ts, self._known.price)]

    def move(self, point: _Point) -> list[MarketEvent]:
        """The trade that brings the price there, and the book around it then."""
        ticks, events = self._ticks(point.price), list[MarketEvent]()
        buyer = ticks > self._last or (ticks == self._last and self._random.random() < 0.5)
        self._last = ticks
        if lots := round(point.volume / self._lot):
            self._trades += 1
            events.append(Trade(self._terms.id, point.ts, ticks, lots, buyer, f"{self._trades}"))
        before, self._sides = self._sides, self._around(ticks, buyer)
        bids, asks = (_changes(old, new) for old, new in zip(before, self._sides, strict=True))
        if bids or asks:
            previous, self._sequence = self._sequence, self._sequence + 1
            events.append(BookDelta(self._terms.id, point.ts, self._sequence, previous, bids, asks))
        return [*events, *self._mark(point.ts, point.price)]

    def _around(self, ticks: int, buyer: bool) -> tuple[dict[int, int], dict[int, int]]:
        """Levels, the best first: a price that a buyer paid is the best ask."""
        spread = self._known.spread
        ask = ticks if buyer else ticks + spread
        return self._side(ask - spread, -1), self._side(ask, 1)

    def _side(self, best: int, way: int) -> dict[int, int]:
        """A level that stays keeps its size, and who waits there his place."""
        before, levels, at = self._sides[way > 0], dict[int, int](), best
        for count, apart, lots in self._shape:
            for _ in range(count):
                if at > 0:
                    levels[at] = before.get(at) or max(1, round(lots * (0.3 + self._random.random())))
                at += way * (apart - (way * at) % apart)  # on to the next round one
        return levels

    def _mark(self, ts: int, price: float) -> Iterable[MarketEvent]:
        if self._terms.is_spot:
            return ()
        every = self._known.funding_every or _FUNDING_EVERY
        due = None if self._known.funding_rate is None else ts - ts % every + every
        marked = from_float(price, self._terms.tick)
        return (MarkPrice(self._terms.id, ts, marked, self._known.funding_rate, due, every),)


def _changes(old: Mapping[int, int], new: Mapping[int, int]) -> Levels:
    gone = tuple((at, 0) for at in old if at not in new)
    return (*gone, *((at, lots) for at, lots in new.items() if old.get(at) != lots))
