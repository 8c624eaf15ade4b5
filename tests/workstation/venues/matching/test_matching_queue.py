"""Resting orders: quantity ahead, trades at and through the price, crossing books, first in first out."""

from __future__ import annotations

from matching_desk import Bench, order

from workstation.domain import events as e
from workstation.domain.fill import Liquidity
from workstation.domain.order import Side
from workstation.venues.matching import ProbabilisticQueue


def quiet() -> Bench:
    bench = Bench()
    bench.book({100: 10, 99: 50}, {102: 10, 103: 50})
    return bench


def test_trades_at_the_price_serve_the_queue_before_us_first() -> None:
    bench = quiet()
    ours = bench.buy(2, 100)
    filled = []
    for quantity in (3, 4, 2, 3):
        bench.sold(quantity, 100)
        filled.append(len(bench.fills(ours)))
    assert filled == [0, 0, 0, 1]
    assert bench.fills(ours) == [(2, 100)]


def test_the_quantity_ahead_can_be_read() -> None:
    bench = quiet()
    ours, inside, stop = bench.buy(2, 100), bench.sell(1, 101), bench.buy(1, stop=110)
    bench.sold(3, 100)
    assert (bench.engine.queue_ahead(ours), bench.engine.queue_ahead(inside)) == (7, 0)
    assert bench.engine.queue_ahead(stop) is None
    assert bench.engine.queue_ahead("nobody") is None


def test_changes_of_the_quoted_size_do_not_advance_us() -> None:
    bench = quiet()
    ours = bench.buy(2, 100)
    for size in (6, 2, 40, 1):
        bench.delta(bids={100: size})
    bench.sold(9, 100)
    assert bench.fills(ours) == []
    assert bench.engine.queue_ahead(ours) == 1


def test_trades_on_the_other_side_do_not_advance_us() -> None:
    bench = quiet()
    ours = bench.buy(2, 100)
    bench.bought(50, 102)
    bench.bought(50, 100)
    assert bench.engine.queue_ahead(ours) == 10


def test_one_trade_is_shared_first_in_first_out_and_used_once() -> None:
    bench = quiet()
    first = bench.buy(2, 100)
    bench.delta(bids={100: 15})  # five more strangers join behind the first
    second = bench.buy(2, 100)
    bench.sold(14, 100)  # 10 strangers, our 2, then 2 of the 5
    assert (bench.fills(first), bench.fills(second)) == ([(2, 100)], [])
    assert bench.engine.queue_ahead(second) == 3
    bench.sold(4, 100)
    assert bench.fills(second) == [(1, 100)]


def test_a_later_order_never_stands_before_an_earlier_one() -> None:
    bench = quiet()
    first = bench.buy(2, 100)
    bench.delta(bids={100: 4})
    second = bench.buy(2, 100)
    bench.sold(11, 100)
    assert (bench.fills(first), bench.fills(second)) == ([(1, 100)], [])


def test_a_trade_through_the_price_fills_us_at_our_price_as_far_as_it_goes() -> None:
    bench = quiet()
    ours, lower = bench.buy(5, 100), bench.buy(5, 99)
    bench.sold(3, 98)
    assert bench.fills() == [(3, 100)]
    assert bench.engine.queue_ahead(ours) == 0
    bench.sold(4, 98)
    assert (bench.fills(ours), bench.fills(lower)) == ([(3, 100), (2, 100)], [(2, 99)])
    assert all(event.fill.liquidity is Liquidity.MAKER for event in bench.events if isinstance(event, e.OrderFilled))


def test_sells_are_the_mirror_of_buys() -> None:
    bench = quiet()
    ours = bench.sell(2, 102)
    for quantity in (3, 4, 2, 3):
        bench.bought(quantity, 102)
    assert bench.fills(ours) == [(2, 102)]
    through = bench.sell(2, 103)
    bench.bought(1, 104)
    assert bench.fills(through) == [(1, 103)]


def test_the_book_that_reaches_our_price_fills_us_from_its_depth() -> None:
    bench = quiet()
    ours = bench.buy(8, 101)
    bench.delta(asks={101: 5})
    assert bench.fills(ours) == [(5, 101)]
    bench.delta(asks={102: 11})  # the five at 101 are still shown, and still taken
    assert bench.fills(ours) == [(5, 101)]
    bench.delta(asks={101: 1})
    assert bench.fills(ours) == [(5, 101), (1, 101)]


def test_amending_the_price_or_more_quantity_loses_the_place_less_quantity_keeps_it() -> None:
    bench = quiet()
    ours = bench.buy(5, 100)
    bench.sold(4, 100)
    bench.amend(ours, quantity=3)
    assert bench.engine.queue_ahead(ours) == 6
    bench.amend(ours, quantity=4)
    assert bench.engine.queue_ahead(ours) == 10
    bench.amend(ours, price=99)
    assert bench.engine.queue_ahead(ours) == 50
    bench.amend(ours, price=99)
    assert bench.said(ours) == ["accepted", "amended", "amended", "amended", "amended"]


def test_amending_behind_our_own_order() -> None:
    bench = quiet()
    first, second = bench.buy(1, 101), bench.buy(1, 101)
    bench.amend(first, quantity=2)
    bench.sold(1, 101)
    assert (bench.fills(first), bench.fills(second)) == ([], [(1, 101)])


def test_amending_into_the_market_takes() -> None:
    bench = quiet()
    ours = bench.buy(12, 100)
    bench.amend(ours, price=102)
    assert bench.fills(ours) == [(10, 102)]
    assert bench.said(ours) == ["accepted", "amended", "filled"]


def test_amending_to_what_is_filled_ends_the_order() -> None:
    bench = quiet()
    ours = bench.buy(5, 101)
    bench.sold(3, 101)
    bench.amend(ours, quantity=2)
    assert not bench.engine.orders
    assert [event.quantity for event in bench.events if isinstance(event, e.OrderAmended)] == [3]


def test_what_cannot_be_amended_or_cancelled_is_refused_with_a_sentence() -> None:
    bench = quiet()
    ours = bench.buy(5, 100)
    bench.amend(ours, stop=99)
    assert bench.reason(ours) == "The order has no stop price that is still to be reached."
    bench.amend("ghost", quantity=1)
    bench.cancel("ghost")
    assert bench.said("ghost") == ["amendrejected", "cancelrejected"]
    assert bench.reason("ghost") == "Order ghost is not working."
    stop = bench.sell(1, stop=90)
    bench.amend(stop, price=90)
    assert bench.reason(stop) == "This order has no limit price to change."
    bench.amend(ours, quantity=-1)
    assert bench.reason(ours) == "The quantity must be above zero."


def test_a_restored_order_stands_at_the_back_of_the_first_book() -> None:
    bench = Bench()
    first, second = order(Side.BUY, 2, 100, client_id="first"), order(Side.BUY, 2, 100, client_id="second")
    bench.engine.restore(first, "1")
    bench.engine.restore(second, "2")
    assert bench.engine.queue_ahead("first") is None
    bench.book({100: 10}, {102: 10})
    assert bench.engine.queue_ahead("first") == 10
    bench.sold(13, 100)
    assert (bench.fills("first"), bench.fills("second")) == ([(2, 100)], [(1, 100)])
    assert bench.said("first") == ["filled"]


def test_a_probabilistic_queue_gives_cancels_to_both_sides_of_us() -> None:
    bench = Bench(queue=ProbabilisticQueue(power=1))
    bench.book({100: 10}, {102: 10})
    ours = bench.buy(2, 100)
    bench.delta(bids={100: 30})  # 20 join behind us
    assert bench.engine.queue_ahead(ours) == 10
    bench.delta(bids={100: 15})  # 15 cancel: two thirds of them behind us, who are two thirds
    assert bench.engine.queue_ahead(ours) == 5
    bench.sold(2, 100)
    bench.delta(bids={100: 13})  # explained by the trade
    assert bench.engine.queue_ahead(ours) == 3
    bench.delta(bids={100: 1})
    assert bench.engine.queue_ahead(ours) <= 1
