"""Made-up markets as events: a long one from a seed, and any that hypothesis thinks of."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import strategies as st

from workstation.clock import SimClock
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.market.book import OrderBook
from workstation.market.recording import RecordingWriter

START = 1_700_000_000_000_000_000
SPOT = Instrument(
    venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.00001")
)
PERP = Instrument(
    venue="ORION",
    symbol="BTC-USD-PERP",
    base="BTC",
    quote="USD",
    tick=Decimal("0.1"),
    lot=Decimal(1),
    contract=ContractType.INVERSE,
    multiplier=Decimal(100),
    maker_fee=Decimal("-0.0001"),
    leverage=Decimal(20),
)
INSTRUMENTS = (SPOT, PERP)


def long_market(count: int, seed: int = 7) -> list[MarketEvent]:
    """`count` events of two instruments, with books that move, go stale and come back."""
    rng = random.Random(seed)
    events: list[MarketEvent] = []
    ts = START
    sequences = {}
    for instrument in INSTRUMENTS:
        sequences[instrument.id] = 100
        bids = tuple((1000 - level, rng.randint(1, 50)) for level in range(50))
        asks = tuple((1001 + level, rng.randint(1, 50)) for level in range(50))
        events.append(BookSnapshot(instrument.id, ts, 100, bids, asks))
    while len(events) < count:
        ts += rng.choice((0, 0, 1, 1_000_000, 5_000_000))
        name = rng.choice(INSTRUMENTS).id
        kind = rng.random()
        sequence = sequences[name]
        if kind < 0.7:
            bids = ((1000 - rng.randrange(60), rng.choice((0, rng.randint(1, 99)))),)
            asks = ((1001 + rng.randrange(60), rng.choice((0, rng.randint(1, 99)))),)
            events.append(BookDelta(name, ts, sequence + 3, sequence, bids, asks))
            sequences[name] = sequence + 3
        elif kind < 0.995:
            events.append(Trade(name, ts, 1000, rng.randint(1, 9), rng.random() < 0.5, str(len(events))))
        else:
            events.append(BookStale(name, ts, "the link was down"))
            events.append(BookSnapshot(name, ts, sequence + 50, ((1000, 5),), ((1001, 6),)))
            sequences[name] = sequence + 50
    return events[:count]


def record(path: Path, events: Iterable[MarketEvent]) -> Path:
    writer = RecordingWriter(path, INSTRUMENTS, SimClock(START))
    for event in events:
        writer.write(event)
    writer.close()
    return path


def books_of(events: Iterable[MarketEvent]) -> dict[str, BookSnapshot]:
    """The books that are whole after the events."""
    books: dict[str, OrderBook] = {}
    for event in events:
        if isinstance(event, BookDelta | BookSnapshot | BookStale):
            books.setdefault(event.instrument, OrderBook(event.instrument)).apply(event)
    return {name: book.snapshot() for name, book in books.items() if book.stale is None}


_numbers = st.integers(0, 2**62)
_sizes = st.integers(1, 2**40)
_names = st.sampled_from([each.id for each in INSTRUMENTS])
_levels = st.lists(st.tuples(st.integers(-5, 2**40), st.integers(0, 2**40)), max_size=3).map(tuple)
_moments = st.tuples(
    st.sampled_from((0, 1, 10**9)),
    st.one_of(
        st.builds(BookDelta, _names, st.just(0), _numbers, _numbers, _levels, _levels),
        st.builds(BookSnapshot, _names, st.just(0), _numbers, _levels, _levels),
        st.builds(BookStale, _names, st.just(0), st.text(max_size=9)),
        st.builds(Trade, _names, st.just(0), _sizes, _sizes, st.booleans(), st.text(max_size=9)),
        st.builds(Quote, _names, st.just(0), _numbers, _sizes, _sizes, _sizes, _sizes),
        st.builds(
            MarkPrice, _names, st.just(0), st.decimals(0, 10**12, places=8), st.none() | st.just(Decimal("-0.01"))
        ),
    ),
)


def _timed(start: int, moments: list[tuple[int, MarketEvent]]) -> list[MarketEvent]:
    ts = start
    events: list[MarketEvent] = [BookSnapshot(each.id, ts, 1, ((5, 1),), ((6, 1),)) for each in INSTRUMENTS]
    for step, event in moments:
        ts += step
        events.append(msgspec.structs.replace(event, ts=ts))
    return events


#: Any events whose times do not run backwards; each instrument starts with a snapshot.
markets = st.builds(_timed, st.integers(0, 2**61), st.lists(_moments, max_size=20))
