"""Stops and reduce-only orders."""

from __future__ import annotations

from matching_desk import FOK, Bench

from workstation.domain import events as e


def test_a_triggered_stop_takes_what_others_left() -> None:
    bench = Bench()
    bench.book({999: 10}, {1000: 10, 1001: 10})
    bench.buy(8)
    stop = bench.buy(5, stop=1001)
    assert bench.said(stop) == ["accepted"]
    bench.bought(1, 1001)
    assert bench.said(stop) == ["accepted", "triggered", "filled", "filled"]
    assert bench.fills(stop) == [(2, 1000), (3, 1001)]


def test_a_stop_waits_for_a_trade_at_or_through_its_price() -> None:
    bench = Bench()
    bench.book({99: 10, 98: 10, 97: 10}, {101: 10})
    stop = bench.sell(4, stop=98)
    bench.sold(5, 99)
    assert bench.said(stop) == ["accepted"]
    bench.sold(5, 97)
    assert bench.fills(stop) == [(4, 99)]


def test_a_stop_limit_rests_when_its_limit_is_not_to_be_had() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10, 105: 10})
    stop = bench.buy(15, 101, stop=101)
    bench.bought(1, 102)
    assert bench.said(stop) == ["accepted", "triggered", "filled"]
    assert bench.fills(stop) == [(10, 101)]
    bench.sold(3, 100)
    assert bench.fills(stop)[1:] == [(3, 101)]


def test_a_stop_that_has_been_passed_triggers_at_once() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    bench.bought(1, 101)
    assert bench.said(bench.buy(1, stop=101)) == ["accepted", "triggered", "filled"]
    assert bench.said(bench.sell(1, stop=100)) == ["accepted"]


def test_a_book_that_quotes_beyond_the_stop_triggers_it_without_a_trade() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    stop = bench.sell(1, stop=95)
    bench.book({94: 10}, {96: 10})
    assert bench.said(stop) == ["accepted"]
    bench.book({93: 10}, {95: 10})
    assert bench.fills(stop) == [(1, 93)]


def test_stops_trigger_from_the_nearest_price() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 1, 102: 1, 103: 1})
    far, near = bench.buy(1, stop=103), bench.buy(1, stop=101)
    bench.bought(1, 104)
    assert (bench.fills(near), bench.fills(far)) == ([(1, 101)], [(1, 102)])


def test_an_amended_stop_price_moves_the_trigger() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    stop = bench.buy(1, stop=110)
    bench.amend(stop, stop=105)
    bench.bought(1, 105)
    assert bench.said(stop) == ["accepted", "amended", "triggered", "filled"]
    bench.amend(bench.buy(1, 102, stop=120), stop=104)  # below the last trade
    assert isinstance(bench.events[-1], e.OrderFilled)


def test_a_triggered_post_only_stop_limit_never_takes() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    stop = bench.buy(1, 101, stop=101, post_only=True)
    bench.bought(1, 101)
    assert bench.said(stop) == ["accepted", "triggered", "canceled"]


def test_a_triggered_fok_stop_fills_in_full_or_not_at_all() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 2})
    stop = bench.buy(3, stop=101, tif=FOK)
    bench.bought(1, 101)
    assert bench.said(stop) == ["accepted", "triggered", "canceled"]


def test_cancelled_and_expired_stops_are_gone() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    canceled, expired = bench.buy(1, stop=101), bench.buy(1, stop=101)
    bench.cancel(canceled)
    bench.engine.expire(expired, 9)
    bench.engine.expire(expired, 10)
    bench.bought(1, 102)
    assert (bench.said(canceled), bench.said(expired)) == (["accepted", "canceled"], ["accepted", "expired"])


# Reduce-only


def test_reduce_only_needs_a_position_on_the_other_side() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    flat = bench.sell(1, 101, reduce_only=True)
    bench.hold(-5)
    adding = bench.sell(1, 101, reduce_only=True)
    assert bench.said(flat) == bench.said(adding) == ["rejected"]
    assert bench.reason(flat) == "Reduce-only: there is no position that this order would reduce."


def test_reduce_only_shrinks_to_the_position_at_once() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    bench.hold(3)
    close = bench.sell(8, reduce_only=True)
    assert bench.said(close) == ["accepted", "amended", "filled"]
    assert bench.fills(close) == [(3, 99)]
    assert bench.engine.position == 0


def test_reduce_only_orders_shrink_and_go_with_the_position() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    bench.hold(5)
    target, stop = bench.sell(5, 105, reduce_only=True), bench.sell(5, stop=90, reduce_only=True)
    bench.bought(2, 106)
    assert bench.said(target) == ["accepted", "filled"]
    assert bench.said(stop) == ["accepted", "amended"]
    assert bench.engine.orders[stop].leaves == 3
    bench.sell(4)  # through zero
    assert bench.said(target) == ["accepted", "filled", "canceled"]
    assert bench.reason(stop) == "Reduce-only: there is no position left to reduce."
    assert not bench.engine.orders


def test_one_trade_through_two_reduce_only_orders_stops_at_flat() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    bench.hold(3)
    bench.sell(3, 105, reduce_only=True)
    bench.sell(3, 106, reduce_only=True)
    bench.bought(100, 110)
    assert bench.fills() == [(3, 105)]
    assert bench.engine.position == 0


def test_a_reduce_only_order_cannot_be_amended_beyond_the_position() -> None:
    bench = Bench()
    bench.book({99: 10}, {101: 10})
    bench.hold(3)
    target = bench.sell(2, 105, reduce_only=True)
    bench.amend(target, quantity=10)
    assert bench.engine.orders[target].quantity == 3
