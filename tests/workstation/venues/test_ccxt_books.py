"""ccxt's books, overheard: whatever is done to one, the desk's book ends with the same levels."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ccxt.async_support.base.ws.order_book import CountedOrderBook, IndexedOrderBook, OrderBook
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale
from workstation.market import book as desk
from workstation.venues.ccxt.books import BookReader, Tape, overheard

INSTRUMENT = Instrument(
    venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.001")
)
prices = st.integers(1, 60).map(lambda ticks: round(64_000 + ticks / 100, 2))
sizes = st.sampled_from([0.0, 0.001, 0.5, 2.125, 1000.0])
changes = st.lists(st.tuples(st.booleans(), prices, sizes), max_size=12)


def levels_of(side: Any) -> dict[int, int]:
    found: dict[int, int] = {}
    for level in side:
        ticks = INSTRUMENT.to_ticks(Decimal(repr(level[0])))
        found[ticks] = found.get(ticks, 0) + INSTRUMENT.to_lots(Decimal(repr(level[1])))
    return found


@given(st.lists(st.tuples(changes, st.sampled_from(["read", "reset", "limit", "none"])), max_size=12))
def test_the_desk_s_book_has_the_levels_of_ccxt_s(steps: list[tuple[list[tuple[bool, float, float]], str]]) -> None:
    dirty: list[Tape] = []
    theirs = overheard(OrderBook({}, 8), dirty)
    reader, ours = BookReader(INSTRUMENT), desk.OrderBook(INSTRUMENT.id)

    def read() -> None:
        for tape in dirty[:]:
            event = reader.read(tape, 1)
            if event is not None:
                ours.apply(event)
        dirty.clear()

    theirs.reset({"bids": [[63_999.0, 1.0]], "asks": [[64_100.0, 1.0]], "nonce": 1})
    read()
    for number, (wanted, then) in enumerate(steps, 2):
        for buy, price, size in wanted:
            theirs["bids" if buy else "asks"].storeArray([price, size])
            theirs["nonce"] = number
        if then == "reset":
            theirs.reset({"bids": [[63_990.0, 2.0]], "asks": [[64_200.0, 2.0]], "nonce": number})
        if then == "limit":
            theirs.limit()
        if then != "none":
            read()
    read()
    if theirs["bids"] and theirs["asks"] and theirs["bids"][0][0] > theirs["asks"][0][0]:
        assert ours.stale
    elif theirs["bids"] or theirs["asks"]:
        assert ours.stale is None
        assert dict(ours.bids) == levels_of(theirs["bids"])
        assert dict(ours.asks) == levels_of(theirs["asks"])


def test_only_what_changed_is_told() -> None:
    dirty: list[Tape] = []
    book = overheard(OrderBook({"bids": [[64_000.0, 1.0]], "asks": [[64_001.0, 1.0]], "nonce": 5}, None), dirty)
    reader = BookReader(INSTRUMENT)
    assert isinstance(reader.read(dirty.pop(), 1), BookSnapshot)
    book["bids"].store(63_999.5, 0.25)
    book["nonce"] = 6
    (tape,) = dirty
    event = reader.read(tape, 2)
    assert event == BookDelta(INSTRUMENT.id, 2, 6, 5, ((6_399_950, 250),), ())
    assert reader.read(tape, 3) is None


def test_a_stamp_that_no_change_moves_makes_no_book_late() -> None:
    dirty: list[Tape] = []
    levels = {"bids": [[64_000.0, 1.0]], "asks": [[64_001.0, 1.0]], "timestamp": 1_000}
    book = overheard(OrderBook(levels, None), dirty)
    reader = BookReader(INSTRUMENT)
    assert isinstance(reader.read(dirty.pop(), 1), BookSnapshot)
    book["bids"].store(63_999.5, 0.25)
    (tape,) = dirty
    assert isinstance(reader.read(tape, 2, 60_000), BookDelta)
    for stamp, kind in ((2_000, BookStale), (2_000, type(None)), (59_000, BookSnapshot)):
        book["timestamp"] = stamp
        book["bids"].store(63_999.5, float(stamp))
        assert isinstance(reader.read(tape, 3, 60_000), kind)


def test_books_that_count_or_list_single_orders_are_read_too() -> None:
    for kind, third in ((CountedOrderBook, 2), (IndexedOrderBook, "id-1")):
        dirty: list[Tape] = []
        book = overheard(kind({}, None), dirty)
        book["bids"].storeArray([64_000.0, 1.5, third])
        book["asks"].storeArray([64_001.0, 2.5, third])
        reader, ours = BookReader(INSTRUMENT), desk.OrderBook(INSTRUMENT.id)
        event = reader.read(dirty[0], 1)
        assert event is not None
        ours.apply(event)
        assert dict(ours.bids) == {6_400_000: 1_500}
        assert dict(ours.asks) == {6_400_100: 2_500}
        dirty.clear()
        book["bids"].storeArray([64_000.0, 0.0, 0 if third == 2 else third])
        event = reader.read(dirty[0], 2)
        assert event is not None
        ours.apply(event)
        assert dict(ours.bids) == {}
