"""Spot on margin at a real exchange, with a whole desk: borrow, hold, close, pay back; and no books drift."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import Fault, Kind
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, told, until
from tests.support.margin_desk import BTC, balance, compare, debts, desk_on, lending, send
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.domain.plan import TARGET_LEG
from workstation.strategies.run_book import closing
from workstation.trading.plans.terms import bracket

D = Decimal
DIALECTS = ["binance", pytest.param("bybit", marks=pytest.mark.slow)]
PLACE = {"binance": "rest POST /sapi/v1/margin/order", "bybit": "rest POST /v5/order/create"}
#: What an order says of loans: one that opens, and a sale that closes.
EFFECTS = {
    "binance": ("sideEffectType", ["AUTO_BORROW_REPAY", "AUTO_REPAY"]),
    "bybit": ("isLeverage", ["1", "0"]),
}


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_is_bought_on_borrowed_money_is_held_compared_and_paid_back_when_it_is_sold(
    name: str, tmp_path: Path
) -> None:
    with lending(name) as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            assert balance(engine, "USDT") == 10_000
            bought = await send(engine, Side.BUY, "0.3")
            assert bought.state is OrderState.FILLED, bought.reason
            await until(lambda: balance(engine, "BTC") > 0)
            assert balance(engine, "USDT") == D("10000") - D("0.3") * 64_001
            assert debts(exchange) == {"USDT": D("0.3") * 64_001 - 10_000}
            margin = engine.account_margin("LOOP", "USDT")
            assert margin.owed == debts(exchange)["USDT"]
            assert margin.level is not None
            assert 2 < margin.level < 3
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []

            sold = await engine.close_position(BTC)
            await until(lambda: engine.core.orders.orders[sold.client_id].is_closed)
            await until(lambda: engine.position(BTC).quantity == 0, 10, lambda: told(engine))
            assert debts(exchange) == {}
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []
            assert engine.account_margin("LOOP", "USDT").level is None
            sent = [params for place, params in exchange.done if place == PLACE[name]]
            word, says = EFFECTS[name]
            assert [params[word] for params in sent] == says, "what opens may borrow, a sale that closes may not"


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_short_owes_its_coin_with_interest_that_is_an_entry_and_a_kill_buys_it_back(
    name: str, tmp_path: Path
) -> None:
    with lending(name) as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            sold = await send(engine, Side.SELL, "0.2")
            assert sold.state is OrderState.FILLED, sold.reason
            assert engine.position(BTC).quantity == D("-0.2")
            assert debts(exchange) == {"BTC": D("0.2")}
            assert engine.free_base(BTC) == 0
            margin = engine.margin(BTC)
            assert margin.quantity == D("-0.2")
            # own + 0.2 · (64,000 − p) = share · 0.2 · p, where the exchange closes it
            assert margin.liquidation is not None
            assert 100_000 < margin.liquidation < 115_000

            too_much = await send(engine, Side.SELL, "0.5")
            assert too_much.state is OrderState.DENIED
            assert "may be borrowed" in too_much.reason

            exchange.do(lambda: exchange.floor.account().charge_interest("BTC", D("0.00000125")))
            await compare(engine)
            assert Truth.invented(engine) == []
            charged = [entry for entry in engine.core.portfolio.interest.items() if entry[1]]
            assert charged == [(("LOOP", "USDT"), D("0.00000125") * 64_001)]
            assert engine.position(BTC).quantity == D("-0.20000125"), "the desk is short of what is owed"
            (carry,) = [own.carry for (_, held), own in engine.core.bookings.results.owners.items() if held == BTC]
            assert D("-0.081") < carry < D("-0.079"), "in the money that the position is settled in"
            await compare(engine)
            assert balance(engine, "BTC") == D("-0.20000125"), "one charge is booked once"

            rests = await send(engine, Side.BUY, "0.01", type=OrderType.LIMIT, price=D(60_000))
            assert rests.state is OrderState.ACCEPTED
            hand.level("63999", "1")
            if name == "binance":  # by hand once, for it is the same everywhere
                await engine.close_position(BTC)
                await until(lambda: abs(engine.position(BTC).quantity) < D("0.00002"), 20, lambda: told(engine))
                assert debts(exchange).get("BTC", D(0)) < D("0.00002"), "the fee in coins was bought too"
                await send(engine, Side.SELL, "0.1")
                rests = await send(engine, Side.BUY, "0.01", type=OrderType.LIMIT, price=D(60_000))
            engine.flatten("test")
            await until(lambda: engine.kill_status.receipt, 30, lambda: told(engine))
            assert abs(engine.position(BTC).quantity) < D("0.00002"), engine.kill_status.receipt
            assert not exchange.do(lambda: exchange.floor.account().working())
            assert debts(exchange).get("BTC", D(0)) < D("0.00002"), "bought back and paid back, but for dust"
            assert balance(engine, "USDT") > 9_950
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


@pytest.mark.parametrize("name", DIALECTS)
async def test_an_order_on_borrowed_money_whose_answer_is_lost_is_found_and_borrows_once(
    name: str, tmp_path: Path
) -> None:
    with lending(name) as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            exchange.faults.script(PLACE[name], Fault(Kind.CUT))
            bought = await send(engine, Side.BUY, "0.3")
            assert bought.state is OrderState.FILLED, bought.reason
            assert sum(place == PLACE[name] for place, _ in exchange.done) == 1
            await compare(engine)
            assert debts(exchange) == {"USDT": D("0.3") * 64_001 - 10_000}
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


@pytest.mark.parametrize("name", DIALECTS)
async def test_fills_and_interest_of_the_time_away_are_booked_as_what_they_are(name: str, tmp_path: Path) -> None:
    with lending(name) as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            await send(engine, Side.BUY, "0.2")
            rests = await send(engine, Side.BUY, "0.05", type=OrderType.LIMIT, price=D(63_990))
            exchange.restart(0.2)
            hand.sold("8", "63990")
            orders = engine.core.orders.orders
            await until(lambda: orders[rests.client_id].is_closed, 30, lambda: told(engine))
            await until(lambda: "LOOP" not in engine.core.unproven and exchange.tells(), 30, lambda: told(engine))
            # the account's stream stands again: an order is told of at once
            after = await send(engine, Side.SELL, "0.01")
            assert after.state is OrderState.FILLED, after.reason
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []
        exchange.do(lambda: exchange.floor.account().charge_interest("USDT", D("0.75")))
        async with desk_on(exchange, tmp_path) as engine:
            assert engine.core.portfolio.interest == {("LOOP", "USDT"): D("0.75")}
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


async def test_interest_that_is_charged_while_money_is_compared_is_no_drift(tmp_path: Path) -> None:
    with lending("binance") as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            await send(engine, Side.BUY, "0.3")
            held = exchange.faults.hold("rest GET /sapi/v1/margin/account", "arrived")
            engine.comparisons._next["LOOP"] = 0.0
            await until(held.reached.is_set)
            exchange.do(lambda: exchange.floor.account().charge_interest("USDT", D("0.31")))
            held.release()
            await until(lambda: not engine.comparisons._running, 20, lambda: told(engine))
            await compare(engine)
            assert engine.core.portfolio.interest == {("LOOP", "USDT"): D("0.31")}
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


async def test_the_desk_bounds_what_is_borrowed_and_pulls_orders_there_while_its_loop_stands_still(
    tmp_path: Path,
) -> None:
    with lending("binance") as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            await engine.set_leverage(BTC, D(1))
            assert {engine.margin(one.id).leverage for one in engine.instruments()} == {D(1)}, "one for the account"
            short = await send(engine, Side.SELL, "0.01")
            assert (short.state, "cannot be sold short" in short.reason) == (OrderState.DENIED, True)
            beyond = await send(engine, Side.BUY, "0.2")
            assert (beyond.state, "are free or may be borrowed" in beyond.reason) == (OrderState.DENIED, True)
            await engine.set_leverage(BTC, D(2))
            rests = await send(engine, Side.BUY, "0.2", type=OrderType.LIMIT, price=D(60_000))
            assert rests.state is OrderState.ACCEPTED
            assert engine.free_funds("LOOP", "USDT") == 0, "what may be borrowed is nobody's own"
            assert (await send(engine, Side.BUY, "0.2")).state is OrderState.DENIED, "what rests may borrow too"
            venue: Any = engine.venues["LOOP"]
            said = await asyncio.to_thread(venue.cancel_all_from_thread, 5.0)
            assert said == "took cancel-all of 1 instrument"
            assert not exchange.do(lambda: exchange.floor.account().working())
            assert debts(exchange) == {}, "Binance pays back what an order that is gone had borrowed"


@pytest.mark.parametrize("filled", [D(0), D("0.2")], ids=["nothing of it filled", "a part of it filled"])
@pytest.mark.parametrize("name", DIALECTS)
async def test_an_order_on_borrowed_money_that_is_cancelled_leaves_no_debt_but_for_what_it_bought(
    name: str, filled: Decimal, tmp_path: Path
) -> None:
    with lending(name) as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            await send(engine, Side.SELL, "0.02")
            short, money = debts(exchange)["BTC"], balance(engine, "USDT")
            rests = await send(engine, Side.BUY, "0.3", type=OrderType.LIMIT, price=D(63_985))
            assert rests.state is OrderState.ACCEPTED, rests.reason
            assert debts(exchange) == {"BTC": short, "USDT": D("0.3") * 63_985 - money}, "borrowed when it was placed"
            assert engine.account_margin("LOOP", "USDT").owed < 2_000, "the money is there yet: nothing is owed of it"
            orders = engine.core.orders.orders
            if filled:
                hand.sold(str(filled), "63985")
                await until(lambda: orders[rests.client_id].filled == filled, 10, lambda: told(engine))
            await engine.cancel(rests.client_id)
            await until(lambda: orders[rests.client_id].is_closed, 10, lambda: told(engine))
            owed = max(D(0), filled * 63_985 - money)
            assert debts(exchange).get("USDT", D(0)) == owed == max(D(0), -balance(engine, "USDT"))
            assert debts(exchange).get("BTC", D(0)) == (0 if filled else short) == max(D(0), -balance(engine, "BTC"))
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


async def test_a_stop_a_strategy_and_a_reverse_buy_back_the_fee_in_coins_too(tmp_path: Path) -> None:
    """Else a short of the fee's size would be left that owes interest and that nothing protects."""
    with lending("binance") as exchange:
        hand, dust = Hand(exchange), D("0.00002")
        async with desk_on(exchange, tmp_path) as engine:
            entry = OrderDraft(instrument=BTC, side=Side.SELL, quantity=D("0.1"), type=OrderType.MARKET)
            plan = await engine.start_plan(bracket(entry, stop=D(64_100)))
            await until(lambda: engine.position(BTC).quantity == D("-0.1"), 10, lambda: told(engine))
            hand.around(64_110)
            await until(lambda: not engine.core.plans.sets[plan.plan_id].is_active, 10, lambda: told(engine))
            assert len(engine.core.plans.children(plan)) == 2, "one entry, one stop: nothing was sent twice"
            assert debts(exchange).get("BTC", D(0)) < dust
            assert abs(engine.position(BTC).quantity) < dust

            await send(engine, Side.SELL, "0.1", origin="run")
            closes = closing("run", engine.core, engine.instrument(BTC), D("-0.1"))
            assert closes is not None
            assert D("0.1") < closes.quantity < D("0.1002")
            assert all(verdict.ok for verdict in engine.preview(closes).verdicts)
            turned = await engine.reverse(BTC)
            await until(lambda: engine.core.orders.orders[turned.client_id].is_closed, 10, lambda: told(engine))
            await until(lambda: abs(engine.position(BTC).quantity - D("0.1")) < 2 * dust, 10, lambda: told(engine))


async def test_a_target_that_fills_in_parts_keeps_the_size_that_closes_all(tmp_path: Path) -> None:
    with lending("binance") as exchange:
        hand, dust = Hand(exchange), D("0.00002")
        async with desk_on(exchange, tmp_path) as engine:
            entry = OrderDraft(instrument=BTC, side=Side.SELL, quantity=D("0.1"), type=OrderType.MARKET)
            plan = await engine.start_plan(bracket(entry, target=D(63_985)))
            tally = engine.core.plans.tally
            await until(lambda: [one.venue_order_id for one in tally(plan).live(TARGET_LEG)] != [], 10)
            (target,) = tally(plan).live(TARGET_LEG)
            orders = engine.core.orders.orders
            await until(lambda: orders[target.client_id].state is OrderState.ACCEPTED, 10, lambda: told(engine))
            hand.sold("0.05", "63985")
            await until(lambda: orders[target.client_id].filled == D("0.05"), 10, lambda: told(engine))
            hand.sold("1", "63985")
            await until(lambda: not engine.core.plans.sets[plan.plan_id].is_active, 10, lambda: told(engine))
            assert [one.client_id for one in engine.core.plans.children(plan)][1:] == [target.client_id]
            assert orders[target.client_id].quantity == target.quantity
            assert debts(exchange).get("BTC", D(0)) < dust
            assert abs(engine.position(BTC).quantity) < dust
