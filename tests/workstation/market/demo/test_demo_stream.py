"""The stream of the demo market: what a desk may rely on, whatever the seed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.taped_market import TapedMarket
from workstation.clock import SECOND
from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, MarkPrice, Trade
from workstation.market.book import OrderBook
from workstation.market.demo import DemoMarket
from workstation.market.demo.listings import LEAST_PRICES, MINORS
from workstation.market.source import SeekError

START = 1_760_000_000_000_000_000 + 17 * SECOND + 123
HOUR = 3600 * SECOND

seeds = st.integers(min_value=0, max_value=2**32)


def run(market: DemoMarket, seconds: float) -> list[MarketEvent]:
    return list(market.until(market.start + int(seconds * SECOND)))


def follow(events: Iterable[MarketEvent]) -> dict[str, OrderBook]:
    """Books built from the stream; every update must be taken and leave both sides standing and apart."""
    books: dict[str, OrderBook] = {}
    for event in events:
        if isinstance(event, BookSnapshot | BookDelta):
            book = books.setdefault(event.instrument, OrderBook(event.instrument))
            assert book.apply(event), book.stale
            assert book.bids
            assert book.asks
            assert book.spread is not None
            assert book.spread >= 1
            assert all(lots >= 0 for _, lots in event.bids + event.asks)
    return books


def test_two_venues_list_three_coins_and_a_perpetual_and_one_of_them_ten_assets():
    market = DemoMarket(1, START)
    listed = {instrument.id for instrument in market.instruments}
    symbols = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "BTC-USDT-PERP")
    both = {f"{venue}:{symbol}" for venue in ("NOVA", "ORCA") for symbol in symbols}
    assert listed == both | {f"NOVA:{asset}-USDT" for asset in MINORS}
    assert sum(i.is_spot for i in market.instruments if i.venue == "NOVA") == 10
    perpetual = next(i for i in market.instruments if i.id == "NOVA:BTC-USDT-PERP")
    assert not perpetual.is_spot
    assert perpetual.leverage == 10


def test_venues_differ_in_fees_steps_and_depth():
    market = DemoMarket(1, START)
    by_id = {i.id: i for i in market.instruments}
    assert by_id["NOVA:BTC-USDT"].taker_fee != by_id["ORCA:BTC-USDT"].taker_fee
    assert by_id["NOVA:BTC-USDT"].tick != by_id["ORCA:BTC-USDT"].tick
    books = follow(run(market, 10))

    def depth(name: str) -> float:
        return sum(lots for _, lots in books[name].bid_levels(100)) * float(by_id[name].lot)

    assert depth("NOVA:BTC-USDT") > 1.3 * depth("ORCA:BTC-USDT")


def test_every_book_comes_whole_at_the_start_with_two_hundred_levels_a_side():
    market = DemoMarket(3, START)
    assert market.next_time() == START
    first = {e.instrument: e for e in market.until(START) if isinstance(e, BookSnapshot)}
    assert set(first) == {instrument.id for instrument in market.instruments}
    for snapshot in first.values():
        assert len(snapshot.bids) >= 200
        assert len(snapshot.asks) >= 200
        assert list(snapshot.bids) == sorted(snapshot.bids, reverse=True)
        assert list(snapshot.asks) == sorted(snapshot.asks)
        assert snapshot.bids[0][0] < snapshot.asks[0][0]
        assert min(lots for _, lots in snapshot.bids + snapshot.asks) >= 1


@pytest.mark.parametrize(("symbol", "price"), [("BTC-USDT", 64_000.0), ("ETH-USDT", 3_200.0), ("SOL-USDT", 150.0)])
def test_prices_start_near_the_usual_or_the_given_ones(symbol, price):
    for given_prices, expected in ((None, price), ({symbol: price * 0.37}, price * 0.37)):
        market = DemoMarket(5, START, given_prices)
        ticks = {i.id: float(i.tick) for i in market.instruments}
        for name, book in follow(market.until(START)).items():
            if name.endswith(symbol):
                assert book.mid is not None
                assert book.mid * ticks[name] == pytest.approx(expected, rel=1e-3)


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_books_are_never_crossed_empty_or_stale(seed):
    books = follow(run(DemoMarket(seed, START), 20))
    assert len(books) == 15


@settings(max_examples=5, deadline=None)
@given(seeds, st.floats(0.2, 10))
def test_sequences_chain_and_time_never_runs_back(seed, rate):
    events = run(DemoMarket(seed, START, rate=rate), 5)
    assert all(a.ts <= b.ts for a, b in pairwise(events))
    assert events[0].ts == START
    last: dict[str, int] = {}
    for event in events:
        if isinstance(event, BookSnapshot):
            last[event.instrument] = event.sequence
        elif isinstance(event, BookDelta):
            assert event.previous == last[event.instrument]
            assert event.sequence > event.previous
            assert event.bids or event.asks
            last[event.instrument] = event.sequence


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(seeds)
def test_trades_take_what_the_book_shows_and_the_next_update_shows_it_gone(seed):
    books: dict[str, OrderBook] = {}
    taken: dict[str, dict[int, int]] = {}
    trades = 0
    for event in run(DemoMarket(seed, START), 20):
        if isinstance(event, Trade):
            trades += 1
            book = books[event.instrument]
            side = book.asks if event.buyer_is_aggressor else book.bids
            best = book.best_ask if event.buyer_is_aggressor else book.best_bid
            assert best is not None
            assert event.price in side
            used = taken.setdefault(event.instrument, {})
            # better levels are gone before a worse one trades
            for price in side:
                if price < event.price if event.buyer_is_aggressor else price > event.price:
                    assert price in used
            used[event.price] = used.get(event.price, 0) + event.quantity
            assert 1 <= used[event.price] <= side[event.price]
        elif isinstance(event, BookSnapshot | BookDelta):
            book = books.setdefault(event.instrument, OrderBook(event.instrument))
            used = taken.pop(event.instrument, {})
            if used:
                changed = dict(event.bids + event.asks)
                assert set(used) <= set(changed)
            book.apply(event)
    assert trades > 500


def test_trade_ids_are_unique_in_an_instrument():
    trades = [e for e in run(DemoMarket(12, START), 20) if isinstance(e, Trade)]
    assert len({(e.instrument, e.trade_id) for e in trades}) == len(trades)


def test_the_same_seed_gives_the_same_market_however_it_is_asked():
    whole = run(DemoMarket(11, START), 8)
    pieces = DemoMarket(11, START)
    collected: list[MarketEvent] = []
    while (at := pieces.next_time()) <= START + 8 * SECOND:
        stream = iter(pieces.until(at + SECOND // 3))
        for _, event in zip(range(3), stream, strict=False):  # left in the middle: the rest is given next time
            collected.append(event)
    collected = [e for e in collected if e.ts <= START + 8 * SECOND]
    assert collected == whole[: len(collected)]
    assert len(collected) == len(whole)


def test_the_tape_that_the_tests_of_desks_read_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.taped_market._KEPT", 6 * SECOND)
    whole = run(DemoMarket(11, START), 9)
    for tape in (TapedMarket(11, START), TapedMarket(11, START)):
        pieces = [event for end in (2, 2.5, 5, 7, 9) for event in tape.until(START + round(end * SECOND))]
        assert tape.next_time() > START + 9 * SECOND
        assert pieces == whole


def test_other_seeds_give_other_markets():
    assert run(DemoMarket(1, START), 2) != run(DemoMarket(2, START), 2)


def test_nothing_comes_before_its_time():
    market = DemoMarket(4, START)
    run(market, 1)
    later = market.next_time()
    assert later > START + SECOND
    assert list(market.until(later - 1)) == []
    assert next(e.ts for e in market.until(later)) == later


@pytest.mark.slow
def test_rate_multiplies_the_updates():
    def updates(rate: float) -> int:
        return sum(isinstance(e, BookDelta) for e in run(DemoMarket(9, START, rate=rate), 30 / rate**0.5))

    assert updates(9.0) / (30 / 3) > 5 * updates(1.0) / 30


def test_mark_prices_come_each_second_with_funding_every_eight_hours():
    market = DemoMarket(2, START)
    ticks = {i.id: i.tick for i in market.instruments}
    marks = [e for e in run(market, 10) if isinstance(e, MarkPrice)]
    assert {e.instrument for e in marks} == {"NOVA:BTC-USDT-PERP", "ORCA:BTC-USDT-PERP"}
    for mark in marks:
        assert mark.next_funding is not None
        assert mark.funding_rate is not None
        assert mark.next_funding % (8 * HOUR) == 0
        assert 0 < mark.next_funding - mark.ts <= 8 * HOUR
        assert abs(mark.funding_rate) < 0.003
        assert mark.price % ticks[mark.instrument] == 0
        assert float(mark.price) == pytest.approx(64_000, rel=0.01)
    assert len(marks) == 2 * 11


def test_it_cannot_be_wound_back():
    with pytest.raises(SeekError, match="forwards only"):
        DemoMarket(1, START).seek(START)


@pytest.mark.parametrize(
    ("prices", "rate", "says"),
    [
        ({"PEPE-USDT": 1.0}, 1.0, "does not trade PEPE"),
        ({"BTC": 0.0}, 1.0, "at least 1000"),
        ({"SOL": float("nan")}, 1.0, "at least 20"),
        (None, 0.0, "rate"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(prices, rate, says):
    with pytest.raises(ValueError, match=says):
        DemoMarket(1, START, prices, rate=rate)


def test_the_least_starting_prices_still_make_whole_books():
    books = follow(run(DemoMarket(1, START, LEAST_PRICES), 20))
    for book in books.values():
        assert min(book.bids) > 0
        assert len(book.bids) >= 150
