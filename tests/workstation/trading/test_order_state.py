"""The order state machine: nothing outside its table ever happens, and a fold of the journal is the live state."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.order import CLOSED_STATES, Order, OrderDraft, OrderState, Side
from workstation.trading.order_state import LEGAL, IllegalTransition, apply
from workstation.trading.orders import OrderManager, Outcome

D = Decimal
DRAFT = OrderDraft(instrument="V:X", side=Side.BUY, quantity=D(10), price=D(100))


def new_order(client_id: str = "c") -> Order:
    return Order.from_draft(DRAFT, client_id, 1)


def a_fill(trade_id: str, quantity: int, client_id: str = "c") -> e.OrderFilled:
    fill = Fill(
        trade_id=trade_id, client_id=client_id, instrument="V:X", side=Side.BUY, quantity=D(quantity), price=D(100),
        fee=D("0.01"), fee_currency="USDT", liquidity=Liquidity.MAKER, ts=2,
    )  # fmt: skip
    return e.OrderFilled(client_id=client_id, ts=2, fill=fill)


events = st.one_of(
    st.just(e.OrderDenied(client_id="c", ts=2, reason="no")),
    st.just(e.OrderSubmitted(client_id="c", ts=2)),
    st.just(e.OrderAccepted(client_id="c", ts=2, venue_order_id="v1")),
    st.just(e.OrderRejected(client_id="c", ts=2, reason="no")),
    st.just(e.OrderTriggered(client_id="c", ts=2)),
    st.builds(a_fill, st.sampled_from("abcdefgh"), st.integers(1, 6)),
    st.just(e.OrderPendingCancel(client_id="c", ts=2)),
    st.just(e.OrderCanceled(client_id="c", ts=2)),
    st.just(e.OrderCancelRejected(client_id="c", ts=2, reason="no")),
    st.builds(
        e.OrderPendingAmend, client_id=st.just("c"), ts=st.just(2), quantity=st.sampled_from([None, D(5), D(20)])
    ),
    st.builds(e.OrderAmended, client_id=st.just("c"), ts=st.just(2), quantity=st.sampled_from([None, D(5), D(20)])),
    st.just(e.OrderAmendRejected(client_id="c", ts=2, reason="no")),
    st.just(e.OrderExpired(client_id="c", ts=2)),
    st.just(e.OrderUnknown(client_id="c", ts=2, reason="no answer")),
    st.just(e.OrderReopened(client_id="c", ts=2, venue_order_id="v1", reason="it works")),
)


@given(st.lists(events, max_size=40))
def test_no_transition_outside_the_table_and_no_fill_lost_or_doubled(history: list[e.OrderEvent]) -> None:
    manager = OrderManager()
    manager.apply(e.OrderInitialized(client_id="c", ts=1, order=new_order()))
    booked: dict[str, Decimal] = {}
    for event in history:
        before = manager.orders["c"]
        applied = manager.apply(event)
        after = manager.orders["c"]
        if applied.outcome is Outcome.APPLIED:
            assert before.state in LEGAL[type(event)]
            if isinstance(event, e.OrderFilled):
                assert event.fill.trade_id not in booked
                booked[event.fill.trade_id] = event.fill.quantity
        else:
            assert after == before
            if applied.outcome is Outcome.ILLEGAL:
                assert applied.error
        assert after.filled == sum(booked.values())
        assert after.filled <= after.quantity
        assert (after.state is OrderState.FILLED) == (after.filled == after.quantity and after.filled > 0)
        assert after.is_open == (after in manager.open_orders())
        if before.state in CLOSED_STATES and after.state is not before.state:
            # a fill that crossed the cancel on the wire, an end that the venue did not keep to, or one that it shows
            # as larger than the desk knew it
            larger = isinstance(event, e.OrderAmended) and after.quantity > before.quantity
            assert after.state is OrderState.FILLED or isinstance(event, e.OrderReopened) or larger
        assert after.worst_quantity >= after.leaves
    assert OrderManager.fold(manager.history("c")).orders == manager.orders


def test_a_client_order_id_is_never_used_twice() -> None:
    manager = OrderManager()
    first = e.OrderInitialized(client_id="c", ts=1, order=new_order())
    assert manager.apply(first).outcome is Outcome.APPLIED
    assert manager.apply(first).outcome is Outcome.ILLEGAL


def test_a_doubled_fill_is_harmless_and_a_stranger_is_named() -> None:
    manager = OrderManager()
    manager.apply(e.OrderInitialized(client_id="c", ts=1, order=new_order()))
    manager.apply(e.OrderSubmitted(client_id="c", ts=1))
    assert manager.apply(a_fill("t1", 4)).outcome is Outcome.APPLIED
    assert manager.apply(a_fill("t1", 4)).outcome is Outcome.DUPLICATE
    assert manager.orders["c"].filled == 4
    assert manager.apply(a_fill("t1", 4, "another")).outcome is Outcome.STRANGER


def test_a_fill_that_comes_after_the_cancel_is_booked() -> None:
    order = apply(apply(new_order(), e.OrderSubmitted(client_id="c", ts=1)), e.OrderCanceled(client_id="c", ts=2))
    partly = apply(order, a_fill("t1", 4))
    assert (partly.state, partly.filled) == (OrderState.CANCELED, 4)
    assert apply(partly, a_fill("t2", 6)).state is OrderState.FILLED


def test_an_order_that_the_venue_shows_after_its_end_is_open_again_with_what_it_filled() -> None:
    order = apply(apply(new_order(), e.OrderSubmitted(client_id="c", ts=1)), e.OrderCanceled(client_id="c", ts=2))
    again = e.OrderReopened(client_id="c", ts=3, venue_order_id="v1", reason="it works")
    assert (apply(order, again).state, apply(order, again).leaves) == (OrderState.ACCEPTED, 10)
    partly = apply(apply(order, a_fill("t1", 4)), again)
    assert (partly.state, partly.leaves) == (OrderState.PARTIALLY_FILLED, 6)
    filled = apply(partly, a_fill("t2", 6))
    with pytest.raises(IllegalTransition):
        apply(filled, again)


def test_an_acceptance_that_its_fills_have_overtaken_is_no_error() -> None:
    """Bybit tells of fills and of orders on two streams."""
    accepted = e.OrderAccepted(client_id="c", ts=4, venue_order_id="v1")
    for quantity, outcome, state in (
        (4, Outcome.APPLIED, OrderState.PARTIALLY_FILLED),
        (10, Outcome.DUPLICATE, OrderState.FILLED),
    ):
        manager = OrderManager()
        manager.apply(e.OrderInitialized(client_id="c", ts=1, order=new_order()))
        for event in (e.OrderSubmitted(client_id="c", ts=2), a_fill("t1", quantity)):
            manager.apply(event)
        assert manager.apply(accepted).outcome is outcome
        assert manager.orders["c"].state is state
        assert manager.apply(accepted).outcome is Outcome.DUPLICATE
        other = e.OrderAccepted(client_id="c", ts=5, venue_order_id="v2")
        if state is OrderState.PARTIALLY_FILLED:
            assert manager.orders["c"].venue_order_id == "v1"
            assert manager.apply(other).outcome is Outcome.ILLEGAL


def test_a_cancel_that_finds_the_order_ended_is_no_error() -> None:
    manager = OrderManager()
    manager.apply(e.OrderInitialized(client_id="c", ts=1, order=new_order()))
    for event in (
        e.OrderSubmitted(client_id="c", ts=2),
        e.OrderAccepted(client_id="c", ts=2, venue_order_id="v1"),
        e.OrderCanceled(client_id="c", ts=2),
    ):
        manager.apply(event)
    for event in (e.OrderCancelRejected(client_id="c", ts=3, reason="unknown order"),
                  e.OrderAmendRejected(client_id="c", ts=3, reason="unknown order")):  # fmt: skip
        assert manager.apply(event).outcome is Outcome.DUPLICATE
        assert manager.orders["c"].state is OrderState.CANCELED


def test_a_fill_beyond_the_quantity_is_refused() -> None:
    order = apply(new_order(), e.OrderSubmitted(client_id="c", ts=1))
    with pytest.raises(IllegalTransition, match="beyond"):
        apply(order, a_fill("t1", 11))


def test_an_order_that_the_venue_shows_as_larger_takes_more_even_after_its_end() -> None:
    larger = e.OrderAmended(client_id="c", ts=4, quantity=D(15), reason="changed at the exchange")
    working = apply(apply(new_order(), e.OrderSubmitted(client_id="c", ts=1)), a_fill("t1", 4))
    filled = apply(working, a_fill("t2", 6))
    assert apply(filled, larger).state is OrderState.PARTIALLY_FILLED
    assert apply(apply(filled, larger), a_fill("t3", 5)).state is OrderState.FILLED
    ended = apply(apply(working, e.OrderCanceled(client_id="c", ts=3)), larger)
    assert (ended.state, ended.quantity) == (OrderState.CANCELED, 15)
    for closed in (filled, ended):
        for smaller in (e.OrderAmended(client_id="c", ts=5, quantity=D(10)), e.OrderAmended(client_id="c", ts=5)):
            with pytest.raises(IllegalTransition):
                apply(closed, smaller)


def test_a_pending_amend_counts_at_its_worst() -> None:
    order = apply(apply(new_order(), e.OrderSubmitted(client_id="c", ts=1)),
                  e.OrderAccepted(client_id="c", ts=2, venue_order_id="v"))  # fmt: skip
    bigger = apply(order, e.OrderPendingAmend(client_id="c", ts=3, quantity=D(20)))
    assert bigger.worst_quantity == 20
    smaller = apply(order, e.OrderPendingAmend(client_id="c", ts=3, quantity=D(5)))
    assert smaller.worst_quantity == 10
    assert apply(smaller, e.OrderAmended(client_id="c", ts=4, quantity=D(5))).worst_quantity == 5


def test_amending_down_to_what_is_filled_fills_the_order() -> None:
    order = apply(apply(new_order(), e.OrderSubmitted(client_id="c", ts=1)),
                  e.OrderAccepted(client_id="c", ts=2, venue_order_id="v"))  # fmt: skip
    order = apply(apply(order, a_fill("t1", 4)), e.OrderPendingAmend(client_id="c", ts=3, quantity=D(4)))
    assert apply(order, e.OrderAmended(client_id="c", ts=4, quantity=D(4))).state is OrderState.FILLED
