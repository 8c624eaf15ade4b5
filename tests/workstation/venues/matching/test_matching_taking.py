"""Orders that take: depth is consumed once, nothing fills beyond a limit, and what must not rest is cancelled."""

from __future__ import annotations

from decimal import Decimal

import pytest
from matching_desk import FOK, GTD, IOC, Bench

from workstation.domain import events as e
from workstation.domain.fill import Liquidity
from workstation.venues.matching import AdverseTicks, FixedFees, FixedTicks


def test_market_orders_consume_the_depth_until_the_feed_changes_the_level() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 100})
    first, second, third = bench.buy(30), bench.buy(50), bench.buy(50)
    assert (bench.fills(first), bench.fills(second), bench.fills(third)) == ([(30, 1000)], [(50, 1000)], [(20, 1000)])
    assert bench.said(third) == ["accepted", "filled", "canceled"]
    assert bench.reason(third) == "The visible depth is used up: 20 of 50 filled."
    bench.delta(asks={1001: 5})  # another level says nothing about this one
    assert bench.fills(bench.buy(5)) == [(5, 1001)]
    bench.delta(asks={1000: 40})
    assert bench.fills(bench.buy(50)) == [(40, 1000)]


def test_a_snapshot_gives_back_only_the_levels_that_it_changes() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 10, 1001: 10})
    bench.buy(20)
    bench.book({999: 10}, {1000: 10, 1001: 12})
    assert bench.fills(bench.buy(50)) == [(12, 1001)]


def test_the_remainder_of_a_limit_order_rests_and_fills_when_the_level_is_refreshed() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 30, 1001: 10})
    taker = bench.buy(50, 1000)
    assert bench.fills(taker) == [(30, 1000)]
    assert bench.said(taker) == ["accepted", "filled"]
    bench.delta(asks={1000: 5})
    assert bench.fills(taker) == [(30, 1000), (5, 1000)]
    assert [event.fill.liquidity for event in bench.events if isinstance(event, e.OrderFilled)] == [
        Liquidity.TAKER,
        Liquidity.MAKER,
    ]


def test_a_market_order_walks_the_levels_best_first() -> None:
    bench = Bench()
    bench.book({999: 4, 998: 4, 990: 100}, {1000: 1})
    assert bench.fills(bench.sell(10)) == [(4, 999), (4, 998), (2, 990)]


def test_a_market_order_without_a_book_is_cancelled_with_a_sentence() -> None:
    bench = Bench()
    client_id = bench.buy(1)
    assert bench.said(client_id) == ["accepted", "canceled"]
    assert bench.reason(client_id) == "The visible depth is used up: 0 of 1 filled."


def test_nothing_is_taken_from_a_stale_book() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 10})
    bench.stale("a gap")
    assert bench.fills(bench.buy(5)) == []
    limit = bench.buy(5, 1000)
    assert bench.said(limit) == ["accepted"]
    bench.book({999: 10}, {1000: 10})
    assert bench.fills(limit) == [(5, 1000)]


def test_ioc_takes_what_is_there_and_never_rests() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 3, 1001: 3})
    client_id = bench.buy(10, 1000, tif=IOC)
    assert bench.fills(client_id) == [(3, 1000)]
    assert bench.reason(client_id) == "IOC: 3 of 10 filled, the rest is not to be had at this price."
    assert not bench.engine.orders


def test_fok_fills_in_full_or_not_at_all() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 3, 1001: 3})
    small, large = bench.buy(7, 1001, tif=FOK), bench.buy(6, 1001, tif=FOK)
    assert bench.fills(small) == []
    assert bench.reason(small) == "FOK: only 6 of 7 to be had."
    assert bench.fills(large) == [(3, 1000), (3, 1001)]
    assert bench.reason(bench.buy(1, tif=FOK)) == "FOK: only 0 of 1 to be had."


def test_post_only_is_rejected_where_it_would_take() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 3})
    crossing, resting = bench.buy(1, 1000, post_only=True), bench.buy(1, 999, post_only=True)
    assert bench.said(crossing) == ["rejected"]
    assert bench.reason(crossing) == "Post-only: the order would trade at once at this price."
    assert bench.said(resting) == ["accepted"]
    bench.amend(resting, price=1000)
    assert bench.said(resting) == ["accepted", "amendrejected"]


def test_fees_are_exact_and_in_the_settlement_currency() -> None:
    bench = Bench()
    bench.book({999: 10}, {1003: 3})
    bench.buy(3)
    (fill,) = [event.fill for event in bench.events if isinstance(event, e.OrderFilled)]
    assert (fill.fee, fill.fee_currency) == (Decimal("3009") * Decimal("0.0005"), "USD")
    free = Bench(fees=FixedFees(Decimal("-0.0002"), Decimal(0)))
    free.book({999: 10}, {1003: 3})
    free.buy(3)
    resting = free.sell(3, 1010)
    free.bought(3, 1011)
    fees = {event.client_id: event.fill.fee for event in free.events if isinstance(event, e.OrderFilled)}
    assert list(fees.values()) == [0, Decimal("-0.606")]
    assert free.fills(resting) == [(3, 1010)]


def test_slippage_works_against_the_taker_and_stops_at_the_limit() -> None:
    bench = Bench(slippage=FixedTicks(2))
    bench.book({999: 10}, {1000: 10})
    assert bench.fills(bench.buy(1)) == [(1, 1002)]
    assert bench.fills(bench.sell(1)) == [(1, 997)]
    assert bench.fills(bench.buy(1, 1001)) == [(1, 1001)]
    assert bench.fills(bench.sell(1, 998)) == [(1, 998)]


def test_random_slippage_is_the_same_for_the_same_seed() -> None:
    def prices(seed: int) -> list[tuple[int, int]]:
        bench = Bench(slippage=AdverseTicks(0.5, seed=seed))
        bench.book({999: 10}, {1000: 1000})
        for _ in range(40):
            bench.buy(1)
        return bench.fills()

    assert prices(7) == prices(7)
    assert {price for _, price in prices(7)} == {1000, 1001}


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"quantity": 0, "price": 1000}, "The quantity must be above zero."),
        ({"quantity": 1, "price": -5}, "The limit price must be above zero."),
        ({"quantity": 1, "post_only": True}, "Post-only needs a limit order that may rest"),
        ({"quantity": 1, "price": 1000, "tif": GTD}, "A GTD order needs the time at which it expires."),
    ],
)
def test_a_malformed_order_is_rejected_with_a_sentence(terms: dict[str, object], sentence: str) -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 3})
    client_id = bench.buy(**terms)  # type: ignore[arg-type]
    assert bench.said(client_id) == ["rejected"]
    assert bench.reason(client_id).startswith(sentence)
