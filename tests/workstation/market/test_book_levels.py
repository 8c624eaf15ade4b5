"""The book keeps only its near levels in order; whatever comes and goes, it must read as a plain sorted dict does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.domain.market import BookDelta, BookSnapshot, BookStale
from workstation.market import book as books
from workstation.market.book import OrderBook

LEVELS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), max_size=12)


@pytest.fixture(autouse=True)
def _few_levels_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "_NEAR", 4)
    monkeypatch.setattr(books, "_MOST", 9)


@settings(max_examples=100, deadline=None)
@given(start=st.tuples(LEVELS, LEVELS), deltas=st.lists(st.tuples(LEVELS, LEVELS), max_size=25))
def test_a_book_reads_as_its_levels_sorted(
    start: tuple[list[tuple[int, int]], ...], deltas: list[tuple[list[tuple[int, int]], ...]]
) -> None:
    book = OrderBook("NOVA:X")
    plain: list[dict[int, int]] = [{p: q for p, q in side if q} for side in start]
    book.apply(BookSnapshot("NOVA:X", 0, 1, *(tuple(side.items()) for side in plain)))
    for sequence, delta in enumerate(deltas, 2):
        assert book.apply(BookDelta("NOVA:X", 0, sequence, sequence - 1, *map(tuple, delta)))
        for side, levels in zip(plain, delta, strict=True):
            side.update(levels)
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        bids, asks = sorted(plain[0].items(), reverse=True), sorted(plain[1].items())
        assert (book.best_bid, book.best_ask) == (max(plain[0], default=None), min(plain[1], default=None))
        assert (book.bids, book.asks) == tuple(plain)
        for depth in (1, 3, 5, 100):
            assert (book.bid_levels(depth), book.ask_levels(depth)) == (bids[:depth], asks[:depth])
        assert (list(book.walk_bids()), list(book.walk_asks())) == (bids, asks)


def test_a_gap_makes_the_book_stale_until_a_snapshot() -> None:
    book = OrderBook("NOVA:X")
    assert not book.apply(BookDelta("NOVA:X", 0, 2, 1, ((1, 1),), ()))
    book.apply(BookSnapshot("NOVA:X", 0, 5, ((1, 1),), ((2, 1),)))
    assert not book.apply(BookDelta("NOVA:X", 0, 5, 4, ((1, 9),), ()))  # older than the book
    assert book.stale is None
    assert not book.apply(BookDelta("NOVA:X", 0, 8, 7, ((1, 9),), ()))
    assert book.stale == "update 8 does not follow 5: waiting for a new snapshot"
    assert not book.apply(BookDelta("NOVA:X", 0, 9, 8, ((1, 9),), ()))
    assert book.apply(BookSnapshot("NOVA:X", 0, 9, ((1, 2),), ()))
    assert (book.stale, book.bids, book.spread) == (None, {1: 2}, None)
    assert book.apply(BookStale("NOVA:X", 0, "the line is down"))
    assert book.stale == "the line is down"
