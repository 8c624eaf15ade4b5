"""Take-profits and trailing stops, worked by hand: when they wake, where they stand, what they fill at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from matching_desk import Bench, order

from workstation.domain import events as e
from workstation.domain.order import Order, OrderType, Side

# Each case is told for a seller of a long position; `mirrored` turns prices around 100 and swaps the sides.


class Market:
    """A bench with 10 lots at each of five levels around 100, or the same looked at from the other side."""

    def __init__(self, mirrored: bool) -> None:
        self.mirrored = mirrored
        self.bench = Bench()
        self.quote(99, 101)

    def price(self, price: int) -> int:
        return 200 - price if self.mirrored else price

    def quote(self, bid: int, ask: int) -> None:
        """A whole new book."""
        bids, asks = {bid - n: 10 for n in range(5)}, {ask + n: 10 for n in range(5)}
        if self.mirrored:
            bids, asks = {200 - p: q for p, q in asks.items()}, {200 - p: q for p, q in bids.items()}
        self.bench.book(bids, asks)

    def trade(self, price: int, quantity: int = 1) -> None:
        (self.bench.bought if self.mirrored else self.bench.sold)(quantity, self.price(price))

    def sell(self, quantity: int, type: OrderType, **terms: int) -> str:
        side = Side.BUY if self.mirrored else Side.SELL
        for name in ("price", "stop_price", "activation_price"):
            if name in terms:
                terms[name] = self.price(terms[name])
        wanted = order_of(side, quantity, type, **{name: Decimal(term) for name, term in terms.items()})
        return self.bench._send(wanted)

    def stop(self, client_id: str) -> int | None:
        """Where the trailing stop stands by its last report."""
        moves = [x for x in self.bench.events if isinstance(x, e.OrderTrailed) and x.client_id == client_id]
        return self.price(int(moves[-1].stop_price)) if moves else None

    def fills(self, client_id: str) -> list[tuple[int, int]]:
        return [(quantity, self.price(price)) for quantity, price in self.bench.fills(client_id)]


def order_of(side: Side, quantity: int, type: OrderType, **terms: Any) -> Order:
    import msgspec

    return msgspec.structs.replace(order(side, quantity, 100), **{"type": type, "price": None, **terms})


@pytest.fixture(params=[False, True], ids=["sell", "buy"])
def market(request: pytest.FixtureRequest) -> Market:
    return Market(request.param)


def test_a_take_profit_wakes_at_its_price_and_fills_at_the_market(market: Market) -> None:
    target = market.sell(5, OrderType.TAKE_PROFIT, stop_price=103)
    market.trade(102)
    assert market.bench.said(target) == ["accepted"]
    market.trade(103)
    assert market.bench.said(target) == ["accepted", "triggered", "filled"]
    assert market.fills(target) == [(5, 99)]  # the bid of that moment, not the trade's price


def test_a_take_profit_over_which_the_market_jumps_fills_better_than_its_price(market: Market) -> None:
    target = market.sell(5, OrderType.TAKE_PROFIT, stop_price=103)
    market.quote(110, 112)
    assert market.fills(target) == [(5, 110)]


def test_a_take_profit_limit_rests_at_its_limit(market: Market) -> None:
    target = market.sell(5, OrderType.TAKE_PROFIT_LIMIT, stop_price=103, price=104)
    market.trade(103)
    assert market.bench.said(target) == ["accepted", "triggered"]
    market.quote(104, 105)
    assert market.fills(target) == [(5, 104)]


def test_a_take_profit_that_has_been_passed_wakes_at_once(market: Market) -> None:
    market.trade(104)
    assert market.bench.said(market.sell(1, OrderType.TAKE_PROFIT, stop_price=103)) == [
        "accepted", "triggered", "filled",
    ]  # fmt: skip


def test_a_trailing_stop_follows_the_highest_trade_and_never_goes_back(market: Market) -> None:
    market.trade(100)
    stop = market.sell(5, OrderType.TRAILING_STOP, trail=3)
    assert market.stop(stop) == 97
    for trade, stands in ((101, 98), (100, 98), (99, 98), (104, 101), (102, 101)):
        market.trade(trade)
        assert market.stop(stop) == stands
    market.trade(101)
    assert market.fills(stop) == [(5, 99)]


def test_a_trailing_stop_without_a_trade_begins_with_the_first(market: Market) -> None:
    stop = market.sell(5, OrderType.TRAILING_STOP, trail=3)
    assert market.stop(stop) is None
    market.trade(100)
    assert market.stop(stop) == 97


def test_a_market_that_gaps_through_a_trailing_stop_fills_it_at_the_market(market: Market) -> None:
    market.trade(100)
    stop = market.sell(12, OrderType.TRAILING_STOP, trail=3)
    market.quote(90, 91)
    assert market.fills(stop) == [(10, 90), (2, 89)]


def test_a_trailing_stop_sleeps_until_its_activation_price_has_traded(market: Market) -> None:
    market.trade(100)
    stop = market.sell(5, OrderType.TRAILING_STOP, trail=3, activation_price=105)
    market.trade(104)
    market.trade(90)
    assert market.bench.said(stop) == ["accepted"]
    market.trade(106)  # it follows the trade that woke it, not the activation price
    assert market.stop(stop) == 103
    market.trade(103)
    assert market.bench.said(stop) == ["accepted", "trailed", "triggered", "filled"]


def test_a_trailing_stop_can_be_pulled_tighter_by_hand_and_never_looser(market: Market) -> None:
    market.trade(100)
    stop = market.sell(5, OrderType.TRAILING_STOP, trail=5)
    market.bench.amend(stop, stop=market.price(94))
    assert market.bench.reason(stop) == f"A trailing stop is never loosened: it stands at {market.price(95)}."
    market.bench.amend(stop, stop=market.price(98))
    market.trade(102)  # 97 would be looser
    assert market.bench.said(stop) == ["accepted", "trailed", "amendrejected", "amended"]
    market.trade(104)
    assert market.stop(stop) == 99


def test_a_distance_in_basis_points_is_reckoned_from_the_trade_and_rounded_up() -> None:
    bench = Bench()
    bench.book({9_000: 5}, {12_000: 5})
    bench.sold(1, 10_000)
    sell = bench._send(order_of(Side.SELL, 1, OrderType.TRAILING_STOP, trail_bps=Decimal("12.5")))
    buy = bench._send(order_of(Side.BUY, 1, OrderType.TRAILING_STOP, trail_bps=Decimal("12.5")))
    stops = [int(x.stop_price) for x in bench.events if isinstance(x, e.OrderTrailed)]
    assert stops == [9_987, 10_013]  # 12.5 away, and a tick is 1
    bench.bought(1, 10_011)
    assert bench.events[-1] == e.OrderTrailed(client_id=sell, ts=bench.ts, stop_price=Decimal(9_998))
    assert bench.said(buy) == ["accepted", "trailed"]


def test_two_orders_at_one_trigger_wake_in_the_order_in_which_they_came(market: Market) -> None:
    market.trade(100)
    first = market.sell(8, OrderType.TRAILING_STOP, trail=3)
    second = market.sell(8, OrderType.STOP, stop_price=97)
    market.trade(97)
    assert market.fills(first) == [(8, 99)]
    assert market.fills(second) == [(2, 99), (6, 98)]


def test_cancelled_and_triggered_trailing_stops_follow_no_more(market: Market) -> None:
    market.trade(100)
    gone, done = market.sell(1, OrderType.TRAILING_STOP, trail=9), market.sell(1, OrderType.TRAILING_STOP, trail=1)
    market.bench.cancel(gone)
    market.trade(99)
    said = len(market.bench.events)
    market.trade(120)
    assert len(market.bench.events) == said
    assert market.bench.said(done)[-1] == "filled"
    assert not market.bench.engine.orders


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({}, "A trailing stop needs one distance: an amount of price, or basis points."),
        ({"trail": 3, "trail_bps": 50}, "A trailing stop needs one distance: an amount of price, or basis points."),
        ({"trail": 0}, "The trailing distance must be above zero."),
        ({"trail_bps": 10_000}, "The trailing distance must be above 0 and below 10,000 basis points (100 %)."),
    ],
)
def test_malformed_trailing_stops_are_rejected(terms: dict[str, int], sentence: str, market: Market) -> None:
    assert market.bench.reason(market.sell(1, OrderType.TRAILING_STOP, **terms)) == sentence
