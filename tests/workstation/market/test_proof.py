"""What a held trigger goes by while the book is not to be believed: what agrees for a second, never one print."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarkPrice, Trade
from workstation.domain.spans import SECOND
from workstation.market.data import InstrumentMarket, MarketData
from workstation.market.proof import proofs, unseen

PERP = Instrument(
    venue="V", symbol="PERP", base="BTC", quote="USDT", tick=Decimal(1), lot=Decimal(1), contract=ContractType.LINEAR
)
T = 1_000 * SECOND


@pytest.fixture
def data() -> MarketData:
    data = MarketData([PERP])
    data.apply(BookSnapshot(PERP.id, T, 1, ((63_999, 5),), ((64_001, 5),)))
    return data


def market(data: MarketData) -> InstrumentMarket:
    return data.markets[PERP.id]


def stale(data: MarketData) -> None:
    data.apply(BookStale(PERP.id, T, "it trades elsewhere"))


def trade(data: MarketData, after: float, price: int) -> None:
    data.apply(Trade(PERP.id, T + round(after * SECOND), price, 1, False))


def mark(data: MarketData, after: float, price: int) -> None:
    data.apply(MarkPrice(PERP.id, T + round(after * SECOND), Decimal(price)))


def proven_at(data: MarketData, price: int, after: float) -> bool:
    """Whether the market is proven to be at the price or below."""
    return any(high <= price for _, high in proofs(market(data), T + round(after * SECOND)))


def test_a_book_that_is_believed_needs_no_proof(data: MarketData) -> None:
    for n in range(10):
        trade(data, n * 0.2, 61_999)
    assert proofs(market(data), T + 2 * SECOND) == ()


def test_trades_of_a_second_prove_where_the_market_is(data: MarketData) -> None:
    stale(data)
    trade(data, 0.0, 61_999)
    trade(data, 0.9, 61_990)
    assert not proven_at(data, 62_000, 0.9)
    trade(data, 1.0, 61_995)
    assert proven_at(data, 62_000, 1.0)
    assert not proven_at(data, 61_998, 1.0)


@pytest.mark.parametrize("prints", [[61_999], [64_000, 61_999, 64_000], [64_000, 61_999], [61_999, 64_000, 61_999]])
def test_one_bad_print_proves_nothing(data: MarketData, prints: list[int]) -> None:
    stale(data)
    for n, price in enumerate(prints):
        trade(data, n * 1.5, price)
    assert not proven_at(data, 62_000, 1.5 * len(prints))


def test_trades_of_long_ago_prove_nothing(data: MarketData) -> None:
    stale(data)
    for n in range(10):
        trade(data, n * 0.2, 61_999)
    assert proven_at(data, 62_000, 11.8)
    assert not proven_at(data, 62_000, 11.9)


def test_marks_prove_it_where_nothing_trades(data: MarketData) -> None:
    stale(data)
    mark(data, 0.0, 64_000)
    mark(data, 1.0, 61_900)
    assert not proven_at(data, 62_000, 1.0)
    mark(data, 2.0, 61_950)
    assert proven_at(data, 62_000, 2.0)
    assert not proven_at(data, 62_000, 17.1)


def test_a_trade_that_contradicts_the_marks_is_believed_and_one_that_agrees_completes_them(data: MarketData) -> None:
    stale(data)
    mark(data, 0.0, 61_900)
    mark(data, 1.0, 61_900)
    trade(data, 1.1, 64_000)
    assert not proven_at(data, 62_000, 1.2)
    trade(data, 1.3, 61_950)
    assert proven_at(data, 62_000, 1.3)


def test_a_rush_of_trades_in_less_than_a_second_proves_it_too(data: MarketData) -> None:
    stale(data)
    for n in range(1_200):
        trade(data, n * 0.0001, 61_999)
    assert proven_at(data, 62_000, 0.2)


def test_a_market_is_unseen_when_neither_book_nor_trade_nor_mark_tells_of_now(data: MarketData) -> None:
    assert unseen(market(data), T + 30 * SECOND) == ""
    assert "40 s" in unseen(market(data), T + 40 * SECOND)
    data.apply(BookDelta(PERP.id, T + 39 * SECOND, 1, 1, (), ()))  # nothing has changed
    assert unseen(market(data), T + 40 * SECOND) == ""
    data.apply(BookStale(PERP.id, T + 40 * SECOND, "its stream broke"))
    assert unseen(market(data), T + 40 * SECOND) == "its stream broke"
    trade(data, 40, 64_000)
    assert unseen(market(data), T + 50 * SECOND) == ""
    assert unseen(market(data), T + 51 * SECOND)
    mark(data, 41, 64_000)
    assert unseen(market(data), T + 56 * SECOND) == ""
    assert unseen(market(data), T + 57 * SECOND)
