"""The demo market runs for ever: its books stay bounded and near the price."""

from __future__ import annotations

import tracemalloc

import pytest

from workstation.clock import SECOND
from workstation.domain.market import BookDelta, BookSnapshot
from workstation.market.book import OrderBook
from workstation.market.demo import DemoMarket

START = 1_760_000_000_000_000_000
HOUR = 3600 * SECOND


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow():
    market = DemoMarket(7, START)
    for _ in market.until(START + HOUR // 6):
        pass
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in market.until(START + HOUR // 3):
            pass
        middle, _ = tracemalloc.get_traced_memory()
        for _ in market.until(START + HOUR // 2):
            pass
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # traced from a warm market on: what is there then are the levels renewed since, a megabyte or two
    assert middle - before < 3_000_000
    # and the quiet books renew theirs more slowly
    assert after - middle < 700_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_books_keep_their_size_and_reach_while_the_price_walks():
    market = DemoMarket(5, START)
    books: dict[str, OrderBook] = {}
    near = {"BTC": 0.012, "ETH": 0.012, "SOL": 0.025 * 150 / 100}
    reach = {i.id: near.get(i.base, 0.2) for i in market.instruments}  # the quiet books have coarser ticks
    for quarter in range(1, 5):
        for event in market.until(START + quarter * HOUR // 4):
            if isinstance(event, BookSnapshot | BookDelta):
                book = books.setdefault(event.instrument, OrderBook(event.instrument))
                assert book.apply(event), book.stale
        for name, book in books.items():
            for levels in (book.bids, book.asks):
                assert 100 <= len(levels) <= 450, name
                assert book.mid is not None
                assert max(abs(price / book.mid - 1) for price in levels) < reach[name], name
