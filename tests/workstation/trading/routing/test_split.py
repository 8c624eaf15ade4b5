"""Best of by hand and by property: legs are the order, within depth and limit, in lots, no dearer than one venue."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.domain.instrument import Instrument
from workstation.domain.market import BookSnapshot, BookStale
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.routing.split import Split, Taker, resting, single, split

D = Decimal


def venue(name: str, fee: str = "0.001", lot: str = "0.001", **terms) -> Instrument:
    return Instrument(
        venue=name, symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.01"), lot=D(lot), taker_fee=D(fee), **terms
    )


def taker(instrument: Instrument, bids=(), asks=(), most: str | None = None) -> Taker:
    book = OrderBook(instrument.id)
    sides = [
        tuple((instrument.to_ticks(D(price)), instrument.to_lots(D(size))) for price, size in side)
        for side in (bids, asks)
    ]
    book.apply(BookSnapshot(instrument.id, 1, 1, *sides))
    return Taker(instrument, book, None if most is None else D(most))


def legs(found: Split) -> dict[str, Decimal]:
    return {leg.instrument.venue: leg.quantity for leg in found.legs}


A, B = venue("A"), venue("B", fee="0.002")


def test_levels_are_taken_in_order_of_their_price_after_the_fee():
    """Buy 4. A: 2 at 100 (100.1 with its 0.1 %), 5 at 101 (101.101). B: 1 at 99.9 (100.0998), 9 at 100.95 (101.1519).
    B's one, A's two, then A again: 101.101 is less than 101.1519 though its price is the higher one."""
    found = split(
        [taker(A, asks=[("100", "2"), ("101", "5")]), taker(B, asks=[("99.9", "1"), ("100.95", "9")])], Side.BUY, D(4)
    )
    assert legs(found) == {"A": D(3), "B": D(1)}
    assert found.value == 2 * 100 + 101 + D("99.9")
    assert found.fees == D("0.301") + D("0.1998")
    assert found.net == found.value + found.fees
    assert {leg.instrument.venue: leg.worst for leg in found.legs} == {"A": D(101), "B": D("99.9")}


def test_a_sale_takes_what_brings_most_after_the_fee():
    found = split([taker(A, bids=[("100", "2")]), taker(B, bids=[("100.05", "5")])], Side.SELL, D(3))
    assert legs(found) == {"A": D(2), "B": D(1)}  # 99.9 after A's fee, 99.8499 after B's
    assert found.net == D("199.8") + D("100.05") * D("0.998")


def test_beyond_depth_or_limit_stays_out():
    takers = [taker(A, asks=[("100", "2"), ("101", "5")]), taker(B, asks=[("99.9", "1"), ("103", "9")])]
    found = split(takers, Side.BUY, D(20), D(101))
    assert (found.filled, found.left) == (D(8), D(12))
    assert split(takers, Side.BUY, D(1), D("99")).legs == ()


def test_what_a_coarse_lot_cuts_off_goes_to_the_finer_one():
    coarse = venue("C", fee="0", lot="0.5")
    found = split(
        [taker(A, asks=[("100", "9")]), taker(coarse, asks=[("99", "0.5"), ("99.5", "1")])], Side.BUY, D("1.7")
    )
    assert legs(found) == {"C": D("1.5"), "A": D("0.2")}


def test_a_leg_below_its_venues_minimum_is_left_out_and_the_rest_spread_anew():
    picky = venue("P", fee="0", min_notional=D(500))
    takers = [taker(A, asks=[("100", "9")]), taker(picky, asks=[("99", "2")])]
    assert legs(split(takers, Side.BUY, D(3))) == {"A": D(3)}


def test_money_and_holdings_bound_a_leg():
    takers = [taker(A, asks=[("100", "9")], most="0.25"), taker(B, asks=[("110", "9")])]
    assert legs(split(takers, Side.BUY, D(1))) == {"A": D("0.25"), "B": D("0.75")}


def test_a_stale_book_gets_nothing():
    first = taker(A, asks=[("100", "9")])
    first.book.apply(BookStale(A.id, 2, "a gap"))
    assert legs(split([first, taker(B, asks=[("110", "9")])], Side.BUY, D(1))) == {"B": D(1)}


def test_contracts_count_in_units_of_the_base():
    ten = venue("T", fee="0", lot="1", multiplier=D("0.1"))
    found = split([taker(ten, asks=[("100", "30")]), taker(A, asks=[("101", "9")])], Side.BUY, D("2.5"))
    assert legs(found) == {"T": D(25)}
    assert found.value == D(250)


@pytest.mark.parametrize(
    ("terms", "books", "where", "why"),
    [
        (("0.0002", "0.0001"), ("5", "9"), "B", "lowest maker fee, 0.01 %"),
        (("0.0001", "0.0001"), ("5", "9"), "A", "5 BTC stand in front of it, at B 9"),
    ],
)
def test_a_limit_that_waits_goes_where_fee_and_queue_are_best(terms, books, where, why):
    takers = [
        taker(venue(name, maker_fee=D(fee)), bids=[("100", size), ("99", "50")], asks=[("102", "1")])
        for name, fee, size in zip("AB", terms, books, strict=True)
    ]
    found = resting(takers, Side.BUY, D(100))
    assert found is not None
    assert (found.instrument.venue, why in found.why) == (where, True)
    crossing = resting(takers, Side.BUY, D(102))
    assert crossing is not None
    assert "trade at once" in crossing.why


levels = st.lists(st.tuples(st.integers(95_00, 105_00), st.integers(1, 4_000)), min_size=0, max_size=6)
venues = st.lists(
    st.tuples(
        levels,
        st.sampled_from(["0", "0.0005", "0.002", "-0.0001"]),
        st.sampled_from(["0.001", "0.01", "0.25"]),
        st.sampled_from(["0", "0.05", "0.5"]),
        st.sampled_from([None, "0", "0.4", "3"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(venues, st.integers(1, 9_000), st.sampled_from(Side), st.sampled_from([None, D("98.5"), D(100), D("103.2")]))
def test_whatever_the_books(drawn, milli, side, limit):
    takers = []
    for number, (some, fee, lot, least, most) in enumerate(drawn):
        instrument = venue(f"V{number}", fee, lot, min_quantity=D(least), min_notional=D(least) * 100)
        unique = dict(some)
        rows = sorted(
            ((f"{price / 100}", size) for price, size in unique.items()), key=lambda row: D(row[0]) * side.sign
        )
        book = [(price, str(D(size) * instrument.lot)) for price, size in rows]
        takers.append(taker(instrument, **{"asks" if side is Side.BUY else "bids": book}, most=most))
    quantity = D(milli) / 1000
    found = split(takers, side, quantity, limit)

    assert found.filled + found.left == quantity
    assert found.left >= 0
    by_id = {one.instrument.id: one for one in takers}
    for leg in found.legs:
        one = by_id[leg.instrument.id]
        book = one.book.ask_levels(99) if side is Side.BUY else one.book.bid_levels(99)
        inside = [(t, n) for t, n in book if limit is None or (one.instrument.price(t) - limit) * side.sign <= 0]
        assert leg.quantity % leg.instrument.lot == 0
        assert leg.quantity >= leg.instrument.min_quantity
        assert leg.value >= leg.instrument.min_notional
        assert leg.quantity <= one.instrument.quantity(sum(n for _, n in inside))
        assert one.most is None or leg.quantity <= one.most
        assert limit is None or (leg.worst - limit) * side.sign <= 0
    for one in takers:
        alone = single(one, side, quantity, limit)
        assert alone.filled <= found.filled
        if alone.legs and alone.filled == found.filled:
            assert alone.net * side.sign >= found.net * side.sign
