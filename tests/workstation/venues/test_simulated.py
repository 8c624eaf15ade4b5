"""The simulated venue beyond the contract: its account, its latency, its time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venue_desk import VenueDesk
from venue_market import PERP, SPOT, START, HandMarket

from workstation.clock import MILLISECOND, SECOND, SimClock
from workstation.domain import events as e
from workstation.domain.account import Account
from workstation.domain.account import apply_fill as book_fill
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import ZERO
from workstation.domain.order import Side, TimeInForce
from workstation.venues.contract import NoAnswer, VenueError
from workstation.venues.matching import ConstantLatency, FixedTicks, JitterLatency
from workstation.venues.simulated import SimulatedVenue

ETH = Instrument(
    venue="NOVA",
    symbol="ETH-BTC",
    base="ETH",
    quote="BTC",
    tick=Decimal("0.0001"),
    lot=Decimal("0.01"),
    taker_fee=Decimal("0.001"),
)
INVERSE = Instrument(
    venue="NOVA",
    symbol="BTCUSD",
    base="BTC",
    quote="USD",
    tick=Decimal("0.5"),
    lot=Decimal(1),
    contract=ContractType.INVERSE,
    multiplier=Decimal(100),
    taker_fee=Decimal("0.0005"),
    leverage=Decimal(10),
)
BOOK = {"999": "5", "998": "5"}, {"1001": "5", "1002": "5"}


async def opened(balances: dict[str, Any], **parts: Any) -> tuple[VenueDesk, HandMarket, SimClock]:
    clock = SimClock(START)
    money = {currency: Decimal(str(amount)) for currency, amount in balances.items()}
    venue = SimulatedVenue("NOVA", [SPOT, PERP, ETH, INVERSE], clock, money, **parts)
    desk, market = VenueDesk(venue, clock), HandMarket(clock, venue.feed)
    await desk.connect()
    market.book(SPOT, *BOOK)
    market.book(PERP, *BOOK)
    market.book(ETH, {"0.05": "100"}, {"0.051": "100"})
    market.book(INVERSE, {"999": "500"}, {"1001": "500"})
    return desk, market, clock


async def balances(desk: VenueDesk) -> dict[str, Decimal]:
    return await desk.venue.balances()


# Spot money


async def test_what_resting_orders_lock_cannot_be_spent_again() -> None:
    desk, _, _ = await opened({"USDT": 1000, "BTC": 1})
    first = await desk.buy(SPOT, "0.9", "990")
    second = await desk.buy(SPOT, "0.2", "990")
    assert desk.said(second) == ["rejected"]
    assert desk.reason(second) == "The order needs 198.198 USDT, but only 108.109 USDT is free."
    held, sold_twice = await desk.sell(SPOT, "0.7", "1100"), await desk.sell(SPOT, "0.7", "1100")
    assert (desk.said(held), desk.said(sold_twice)) == (["accepted"], ["rejected"])
    await desk.cancel(first)
    assert desk.said(await desk.buy(SPOT, "0.2", "990")) == ["accepted"]


async def test_the_fee_is_part_of_what_a_purchase_needs() -> None:
    desk, _, _ = await opened({"USDT": 1001})
    assert desk.said(await desk.buy(SPOT, "1")) == ["rejected"]
    desk, _, _ = await opened({"USDT": "1002.001"})
    assert desk.said(await desk.buy(SPOT, "1")) == ["accepted", "filled"]
    assert await balances(desk) == {"USDT": 0, "BTC": 1}


async def test_a_triggered_stop_buys_only_what_the_balance_pays() -> None:
    desk, market, _ = await opened({"USDT": 2100})
    stop = await desk.buy(SPOT, "2", stop="1010")
    market.book(SPOT, {"1010": "5"}, {"1200": "5"})
    assert desk.said(stop) == ["accepted", "triggered", "filled", "canceled"]
    assert desk.fills(stop) == [(Decimal("1.748"), 1200)]
    assert desk.reason(stop) == "The balance does not pay for more: 1.748 of 2 filled."
    assert (await balances(desk))["USDT"] >= 0


async def test_slippage_is_reckoned_before_a_market_order_is_taken() -> None:
    desk, _, _ = await opened({"USDT": "1002.001"}, slippage=FixedTicks(5))
    assert desk.said(await desk.buy(SPOT, "1")) == ["rejected"]


async def test_reduce_only_sells_of_spot_share_what_is_free() -> None:
    """A target and a stop protect one holding; what a plain order locks is not theirs."""
    desk, market, _ = await opened({"USDT": 10_000, "BTC": 2})
    target = await desk.sell(SPOT, "2", "1100", reduce_only=True)
    stop = await desk.sell(SPOT, "2", stop="900", reduce_only=True)
    assert desk.said(target) == desk.said(stop) == ["accepted"]
    await desk.sell(SPOT, "0.5", "1050")
    assert [(o.client_id, o.quantity) for o in await desk.venue.open_orders()][:2] == [
        (target, Decimal("1.5")),
        (stop, Decimal("1.5")),
    ]
    market.bought(SPOT, "10", "1101")
    assert desk.said(stop)[-1] == "canceled"
    assert (await balances(desk))["BTC"] == 0


async def test_one_currency_carries_orders_of_several_instruments() -> None:
    desk, _, _ = await opened({"BTC": 1})
    assert desk.said(await desk.buy(ETH, "10", "0.05")) == ["accepted"]
    assert desk.said(await desk.sell(SPOT, "0.6", "1100")) == ["rejected"]
    assert desk.said(await desk.sell(SPOT, "0.4", "1100")) == ["accepted"]


# Margin


async def test_a_perpetual_needs_initial_margin_and_the_fee() -> None:
    desk, _, _ = await opened({"USDT": 200})
    too_much, enough = await desk.buy(PERP, "2", "1001"), await desk.buy(PERP, "1.9", "1001")
    assert desk.reason(too_much) == "The order needs a margin of 201.0008 USDT, but only 200 USDT is free."
    assert desk.said(enough) == ["accepted", "filled"]


async def test_closing_needs_no_margin_and_working_orders_hold_theirs() -> None:
    desk, _, _ = await opened({"USDT": 200})
    await desk.buy(PERP, "1.5")
    assert desk.said(await desk.buy(PERP, "0.8", "990")) == ["rejected"]
    assert desk.said(await desk.buy(PERP, "0.4", "990")) == ["accepted"]
    assert desk.said(await desk.sell(PERP, "1.5", "1010")) == ["accepted"]
    assert desk.said(await desk.sell(PERP, "1.5", "1010")) == ["rejected"]
    assert desk.said(await desk.sell(PERP, "1.5", reduce_only=True)) == ["accepted", "filled"]


async def test_an_open_loss_counts_against_what_is_free() -> None:
    desk, market, _ = await opened({"USDT": 300})
    await desk.buy(PERP, "1")
    market.book(PERP, {"849": "5"}, {"851": "5"})
    assert desk.said(await desk.buy(PERP, "1", "850")) == ["rejected"]
    assert desk.said(await desk.sell(PERP, "1")) == ["accepted", "filled"]
    assert (await balances(desk))["USDT"] == 300 - 152 - (1001 + 849) * PERP.taker_fee


async def test_an_inverse_contract_is_margined_and_settled_in_its_base() -> None:
    desk, market, _ = await opened({"BTC": 1})
    assert desk.said(await desk.buy(INVERSE, "200")) == ["rejected"]
    await desk.buy(INVERSE, "50")
    assert await desk.venue.positions() == {INVERSE.id: 50}
    market.book(INVERSE, {"2002": "500"}, {"2003": "500"})
    await desk.sell(INVERSE, "50")
    entry, exit_ = Decimal(5000) / 1001, Decimal(5000) / 2002
    expected = 1 + entry - exit_ - (entry + exit_) * INVERSE.taker_fee
    assert abs((await balances(desk))["BTC"] - expected) < Decimal("1e-11")


# Latency


async def test_commands_and_reports_travel_by_the_clock() -> None:
    desk, market, clock = await opened({"USDT": 10_000}, latency=ConstantLatency(10 * MILLISECOND, 5 * MILLISECOND))
    client_id = await desk.buy(SPOT, "1")
    with pytest.raises(NoAnswer):
        await desk.venue.order_status(client_id)
    with pytest.raises(VenueError, match="before"):
        await desk.venue.submit(desk.orders[client_id])
    clock.advance(8 * MILLISECOND)
    market.delta(SPOT, asks={"1001": "0", "1002": "0", "1003": "5"})  # gone before we arrive
    clock.advance(2 * MILLISECOND)
    assert desk.said(client_id) == []
    assert (await desk.venue.order_status(client_id)) is not None
    clock.advance(5 * MILLISECOND)
    assert desk.fills(client_id) == [(1, 1003)]
    assert {event.ts for event in desk.reports} == {START + 15 * MILLISECOND}
    (fill,) = await desk.venue.fills_since(0)
    assert fill.ts == START + 10 * MILLISECOND


async def test_a_market_event_finds_what_was_due_before_it_already_done() -> None:
    """A pump may be ahead of the clock's timers."""
    desk, _, clock = await opened({"USDT": 10_000}, latency=ConstantLatency(10 * MILLISECOND))
    client_id = await desk.buy(SPOT, "1", "999")
    later = SimClock(START + 20 * MILLISECOND)
    HandMarket(later, desk.venue.feed).sold(SPOT, "6", "999")  # type: ignore[attr-defined]
    assert desk.fills(client_id) == [(1, 999)]
    clock.advance(SECOND)
    assert desk.said(client_id) == ["accepted", "filled"]


async def test_a_cancel_does_not_overtake_its_order() -> None:
    desk, _, clock = await opened({"USDT": 10_000}, latency=JitterLatency(0, 0, 10 * MILLISECOND, seed=1))
    for _ in range(30):
        client_id = await desk.buy(SPOT, "1", "990")
        await desk.venue.cancel_all()
        clock.advance(SECOND)
        assert desk.said(client_id) == ["accepted", "canceled"]


# Time and the market


async def test_the_desk_may_answer_a_report_with_a_command() -> None:
    """Reports keep their order, though the venue is entered again while it reports."""
    desk, _, _ = await opened({"USDT": 10_000})
    second = desk.draft(SPOT, Side.SELL, "1", "1100")
    reports: list[e.OrderEvent] = []

    inside = False

    def on_order(event: e.OrderEvent) -> None:
        nonlocal inside
        assert not inside, "a report came while another was being taken"
        inside = True
        reports.append(event)
        if isinstance(event, e.OrderFilled) and len(reports) == 2:
            with pytest.raises(StopIteration):
                desk.venue.submit(second).send(None)
        inside = False

    await desk.venue.connect(lambda event: None, on_order)
    await desk.venue.submit(desk.draft(SPOT, Side.BUY, "6"))
    assert [type(event) for event in reports] == [e.OrderAccepted, e.OrderFilled, e.OrderFilled, e.OrderAccepted]


async def test_a_jump_in_time_sends_orders_to_the_back_of_their_queues() -> None:
    desk, market, clock = await opened({"USDT": 10_000}, latency=ConstantLatency(10 * MILLISECOND))
    resting = await desk.buy(SPOT, "1", "999")
    clock.advance(SECOND)
    market.sold(SPOT, "4", "999")
    venue = desk.venue
    assert isinstance(venue, SimulatedVenue)
    assert venue.queue_ahead(resting) == 1
    on_the_way = await desk.buy(SPOT, "1", "998")
    clock.jump_to(START - 3600 * SECOND)
    venue.jump_to(clock.now())
    assert desk.said(on_the_way) == ["accepted"]
    assert venue.queue_ahead(resting) is None
    market.book(SPOT, {"999": "7"}, {"1001": "5"})
    assert venue.queue_ahead(resting) == 7
    third = await desk.buy(SPOT, "1", "997")
    clock.advance(10 * MILLISECOND)
    assert desk.said(third) == ["accepted"]


async def test_gtd_orders_expire_before_a_later_market_event() -> None:
    desk, _, _ = await opened({"USDT": 10_000})
    client_id = await desk.buy(SPOT, "1", "999", tif=TimeInForce.GTD, expire_at=START + SECOND)
    HandMarket(SimClock(START + SECOND), desk.venue.feed).sold(SPOT, "100", "990")  # type: ignore[attr-defined]
    assert desk.said(client_id) == ["accepted", "expired"]
    late = await desk.buy(SPOT, "1", "999", tif=TimeInForce.GTD, expire_at=START)
    assert desk.reason(late) == "The GTD order's time has already passed."


async def test_queue_positions_are_in_units_of_quantity() -> None:
    desk, market, _ = await opened({"USDT": 10_000})
    client_id = await desk.buy(SPOT, "1", "999")
    market.sold(SPOT, "1.5", "999")
    venue = desk.venue
    assert isinstance(venue, SimulatedVenue)
    assert venue.queue_ahead(client_id) == Decimal("3.5")
    assert venue.queue_ahead("nobody") is None


async def test_an_order_for_another_venue_is_rejected() -> None:
    desk, _, _ = await opened({"USDT": 10_000})
    client_id = await desk.buy("ORION:BTC-USDT", "1")
    assert desk.reason(client_id) == "NOVA does not trade ORION:BTC-USDT."


# Whatever happens

STEPS = st.lists(
    st.tuples(
        st.sampled_from([SPOT, SPOT, ETH, PERP]),
        st.sampled_from(["order", "order", "order", "trade", "book", "amend", "cancel"]),
        st.sampled_from(Side),
        st.integers(1, 40),
        st.integers(-4, 4),
        st.sampled_from(["limit", "limit", "market", "stop", "reduce"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, slippage=st.integers(0, 3))
async def test_spot_balances_never_fall_below_zero_and_are_the_fold_of_the_fills(
    steps: list[tuple[Any, ...]], slippage: int
) -> None:
    desk, market, _ = await opened({"USDT": 3000, "BTC": 2, "ETH": 20}, slippage=FixedTicks(slippage))
    start = await balances(desk)
    for instrument, what, side, size, offset, kind in steps:
        unit = Decimal("0.1") if instrument is not ETH else Decimal(1)
        middle, step = (Decimal(1000), 2) if instrument is not ETH else (Decimal("0.05"), Decimal("0.001"))
        quantity, price = size * unit, middle + offset * step
        if what == "order":
            terms = {"price": None if kind in ("market", "stop") else price, "reduce_only": kind == "reduce"}
            await desk.send(instrument, side, quantity, stop=price if kind == "stop" else None, **terms)
        elif what == "trade":
            (market.bought if side is Side.BUY else market.sold)(instrument, str(quantity), str(price))
        elif what == "book":
            bids = {str(price - step): str(quantity), str(price - 2 * step): "5"}
            market.book(instrument, bids, {str(price + step): str(quantity), str(price + 2 * step): "5"})
        elif working := [o for o in desk.orders.values() if o.is_open]:
            order = working[size % len(working)]
            if what == "cancel":
                await desk.cancel(order.client_id)
            elif order.price is not None and instrument.id == order.instrument:
                await desk.amend(order.client_id, quantity=quantity, price=price)
        held = await balances(desk)
        if not any(i is PERP for i, *_ in steps):  # a perpetual may lose more than there is: nobody liquidates
            assert all(amount >= 0 for amount in held.values()), held
        account = Account(venue="NOVA", balances=start)
        spot = {SPOT.id: SPOT, ETH.id: ETH}
        for fill in await desk.venue.fills_since(0):
            if fill.instrument in spot:
                account = book_fill(account, fill, spot[fill.instrument], ZERO)
        currencies = ("BTC", "ETH")
        assert all(held.get(c, ZERO) == account.balance(c) for c in currencies)
        shown = {o.client_id: (o.quantity, o.filled) for o in await desk.venue.open_orders()}
        assert shown == {o.client_id: (o.quantity, o.filled) for o in desk.orders.values() if o.is_open}


async def test_equal_inputs_give_equal_reports() -> None:
    async def run() -> list[e.OrderEvent]:
        desk, market, _ = await opened({"USDT": 10_000}, session="again")
        await desk.buy(SPOT, "2", client_id="a")
        await desk.sell(SPOT, "1", "1005", client_id="b")
        market.bought(SPOT, "3", "1006")
        return desk.reports

    assert await run() == await run()
