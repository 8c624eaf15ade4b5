"""Crosses, triangles and carry by hand: fees on both sides, depth walked, nothing on a book that is not whole."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookSnapshot, BookStale, MarkPrice
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.consolidated import net_levels
from workstation.trading.opportunities import carries, crosses, triangles

D = Decimal


def spot(venue: str, symbol: str, fee: str = "0.001", **terms) -> Instrument:
    base, quote = symbol.split("-")[:2]
    return Instrument(
        venue=venue, symbol=symbol, base=base, quote=quote, tick=D("0.01"), lot=D("0.001"), taker_fee=D(fee), **terms
    )


def books(**sides: tuple[Instrument, list[tuple[str, str]], list[tuple[str, str]]]) -> dict[str, OrderBook]:
    found = {}
    for instrument, bids, asks in sides.values():
        book = OrderBook(instrument.id)
        levels = [
            tuple((instrument.to_ticks(D(price)), instrument.to_lots(D(size))) for price, size in side)
            for side in (bids, asks)
        ]
        book.apply(BookSnapshot(instrument.id, 1, 1, *levels))
        found[instrument.id] = book
    return found


A, B = spot("A", "BTC-USDT"), spot("B", "BTC-USDT", fee="0.002")
PERP = spot("A", "BTC-USDT-PERP", contract=ContractType.LINEAR)
HOUR = 3600 * SECOND


def test_a_cross_is_walked_as_long_as_it_pays_after_both_fees():
    """Buy 1 at 100 and 2 at 101 (0.1 % each), sell 2 at 102 and 5 at 101.2 (0.2 %): nets 100.1, 101.101 | 101.796,
    100.9976. One at 100.1 and one at 101.101 pay against 101.796; then 101.101 is above 100.9976."""
    found = books(
        a=(A, [("99", "1")], [("100", "1"), ("101", "2")]), b=(B, [("102", "2"), ("101.2", "5")], [("103", "1")])
    )
    (cross,) = crosses([A, B], found.__getitem__)
    assert (cross.buy, cross.sell, cross.quantity) == (A.id, B.id, D(2))
    assert cross.profit == D("101.796") * 2 - D("100.1") - D("101.101")
    assert abs(cross.edge - (D("101.796") / D("100.1") - 1)) < D("1e-10")


def test_where_nothing_pays_the_nearer_direction_is_shown_with_its_loss():
    found = books(a=(A, [("99", "1")], [("100", "1")]), b=(B, [("99.9", "1")], [("100.1", "1")]))
    (cross,) = crosses([A, B], found.__getitem__)
    assert (cross.buy, cross.sell) == (A.id, B.id)
    assert cross.edge < 0
    assert (cross.quantity, cross.profit) == (0, 0)


def test_a_book_that_is_not_whole_offers_nothing():
    found = books(a=(A, [("99", "1")], [("100", "1")]), b=(B, [("102", "1")], [("103", "1")]))
    found[B.id].apply(BookStale(B.id, 2, "a gap"))
    assert crosses([A, B], found.__getitem__) == []


def test_other_assets_and_contracts_are_no_cross():
    perp = spot("B", "BTC-USDT-PERP", contract=ContractType.LINEAR)
    found = books(a=(A, [("99", "1")], [("100", "1")]), b=(perp, [("102", "1")], [("103", "1")]))
    assert crosses([A, perp], found.__getitem__) == []


def test_a_triangle_by_hand():
    """1000 USDT → 10 BTC at 100 → 200 ETH at 0.05 → at 6: 1200 USDT, without fees. The least of the three levels, in
    USDT: 3 BTC of asks are 300; 0.5 × 100… the bid of 20 ETH at 6 is 20 ETH = 1 BTC = 100 USDT."""
    btc, eth = spot("A", "BTC-USDT", fee="0"), spot("A", "ETH-USDT", fee="0")
    pair = spot("A", "ETH-BTC", fee="0")
    found = books(
        a=(btc, [("99", "3")], [("100", "3")]),
        b=(eth, [("6", "20")], [("6.1", "20")]),
        c=(pair, [("0.04", "900")], [("0.05", "900")]),
    )
    best = triangles([btc, eth, pair], found.__getitem__)[0]
    assert best.currency == "USDT"
    assert [(leg.side, leg.instrument) for leg in best.legs] == [
        (Side.BUY, btc.id), (Side.BUY, pair.id), (Side.SELL, eth.id),
    ]  # fmt: skip
    assert best.edge == D("0.2")
    assert best.start == D(100)
    assert best.profit == D(20)


def test_carry_of_a_perpetual_against_its_spot():
    perp = PERP
    mark = MarkPrice(perp.id, 1, D("101"), D("0.0001"), 5, 8 * HOUR)
    (carry,) = carries([A, perp], lambda _: mark, lambda _: D("100"))
    assert carry.year == D("0.0001") * 1095
    assert carry.basis == D("0.01")
    assert carry.spot == A.id
    assert carries([A, perp], lambda _: None, lambda _: D("100")) == []


@pytest.mark.parametrize(("hours", "payments"), [(1, 8760), (4, 2190), (8, 1095)])
def test_a_year_of_carry_is_reckoned_in_the_venues_own_interval(hours, payments):
    mark = MarkPrice(PERP.id, 1, D("101"), D("0.0001"), 5, hours * HOUR)
    (carry,) = carries([PERP], lambda _: mark, lambda _: None)
    assert (carry.year, carry.every) == (D("0.0001") * payments, hours * HOUR)


def test_of_an_unknown_interval_no_year_is_guessed():
    mark = MarkPrice(PERP.id, 1, D("101"), D("0.0001"), 5)
    (carry,) = carries([PERP], lambda _: mark, lambda _: None)
    assert (carry.rate, carry.year, carry.every) == (D("0.0001"), None, None)


@given(st.lists(st.tuples(st.integers(90_00, 110_00), st.integers(1, 5_000)), min_size=1, max_size=12))
def test_levels_are_in_order_of_what_they_cost_and_none_is_lost(levels):
    unique = dict(levels)
    half = {price: size for price, size in unique.items() if price % 2}
    found = {}
    for instrument, some in ((A, half), (B, {p: s for p, s in unique.items() if not p % 2})):
        book = OrderBook(instrument.id)
        book.apply(BookSnapshot(instrument.id, 1, 1, (), tuple(sorted(some.items()))))
        found[instrument.id] = book
    merged = net_levels([(A, found[A.id]), (B, found[B.id])], Side.BUY)
    assert [level.net for level in merged] == sorted(level.net for level in merged)
    assert sum(level.quantity for level in merged) == sum(unique.values()) * D("0.001")
