"""Rebalances on the real engine and the demo market: weights arrive, pauses, restarts, faults, the kill switch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import BTC, ETH, GENEROUS, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import OrderFilled, OrderInitialized, RebalanceStarted, TradingState
from workstation.domain.order import OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import PlanState
from workstation.domain.rebalance import Rebalance
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.planning import Wish
from workstation.venues.faulty import Fault, FaultyVenue, ScriptedFaults

SOL = "NOVA:SOL-USDT"
ORCA_ETH = "ORCA:ETH-USDT"


def wish(**changes: Any) -> Wish:
    terms: dict[str, Any] = {
        "targets": {BTC: D("0.4"), ETH: D("0.3"), SOL: D("0.2")}, "budget": D(200_000), "name": "three",
    } | changes  # fmt: skip
    return Wish(**terms)


def now_of(desk: TestDesk, rebalance: Rebalance) -> Rebalance:
    known = desk.engine.rebalance(rebalance.rebalance_id)
    assert known is not None
    return known


def over(desk: TestDesk, rebalance: Rebalance) -> Callable[[], bool]:
    return lambda: not now_of(desk, rebalance).is_active


async def until(desk: TestDesk, condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Let market and desk go on until the condition holds, which is looked at in every turn of the loop: an order that
    takes is there and gone within a millisecond."""
    for _ in range(round(seconds / 0.25)):
        end = time.monotonic() + 0.005
        while time.monotonic() < end:
            if condition():
                return
            await asyncio.sleep(0)
        await desk.run(0.25)
    raise AssertionError("it never came to that")


def off_target(desk: TestDesk, rebalance: Rebalance) -> dict[str, D]:
    """How far each holding is from its target quantity, in lots, by the trade's own reference price."""
    found = {}
    for trade in rebalance.trades:
        terms = desk.engine.instrument(trade.instrument)
        filled = sum((o.filled for o in desk.engine.rebalance_orders(rebalance.rebalance_id)
                      if o.instrument == trade.instrument), D(0))  # fmt: skip
        found[trade.instrument] = (trade.quantity - filled) / terms.lot
    return found


async def test_target_weights_arrive_and_the_costs_are_what_was_expected(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        found = desk.engine.preview_rebalance(wish())
        assert found.ok
        assert [trade.side for trade in found.proposal.trades] == [Side.BUY] * 3
        before = desk.engine.equity()
        rebalance = await desk.engine.start_rebalance(wish())
        await until(desk, over(desk, rebalance))
        ended = now_of(desk, rebalance)
        assert (ended.state, ended.reason) == (PlanState.DONE, "every trade is done")
        assert off_target(desk, rebalance) == {BTC: 0, ETH: 0, SOL: 0}
        for name, weight in rebalance.targets.items():
            worth = desk.engine.position(name).quantity * (desk.engine.mark(name) or D(0))
            assert float(worth / 200_000) == pytest.approx(float(weight), abs=0.002)
        progress = desk.engine.rebalance_progress(rebalance.rebalance_id)
        assert progress.share == 1.0
        assert float(progress.fees) == pytest.approx(float(found.proposal.fees), rel=0.01)
        assert float(before - desk.engine.equity()) == pytest.approx(float(found.proposal.cost), rel=1.0)
        assert {order.plan for order in desk.engine.orders()} == {rebalance.rebalance_id}


async def test_an_intent_is_in_the_journal_before_the_first_of_its_orders(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await until(desk, over(desk, await desk.engine.start_rebalance(wish())))
        kinds = [type(event) for event in desk.engine.journal]
        assert kinds.index(RebalanceStarted) < kinds.index(OrderInitialized)


async def test_sales_come_first_and_their_money_pays_for_the_buys(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, money="100000") as desk:
        await until(desk, over(desk, await desk.engine.start_rebalance(
            wish(targets={BTC: D("0.98"), ETH: D(0)}, budget=D(100_000)))))  # fmt: skip
        free = desk.engine.free_funds("NOVA", "USDT")
        assert free < 5_000
        rebalance = await desk.engine.start_rebalance(wish(targets={BTC: D(0), ETH: D("0.9")}, budget=D(100_000)))
        await until(desk, over(desk, rebalance))
        assert now_of(desk, rebalance).reason == "every trade is done"
        fills = [event.fill for event in desk.engine.journal if isinstance(event, OrderFilled)]
        sold = [fill.ts for fill in fills if fill.side is Side.SELL]
        bought = [fill.ts for fill in fills if fill.instrument == ETH]
        assert sold
        assert max(sold) <= min(bought)
        assert desk.engine.balance("NOVA", "BTC") == 0
        assert desk.engine.balance("NOVA", "USDT") >= 0


@pytest.mark.slow
async def test_a_short_perpetual_and_another_venue_take_part(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        rebalance = await desk.engine.start_rebalance(
            wish(targets={PERP: D("-0.25"), BTC: D("0.25"), ORCA_ETH: D("0.1")})
        )
        await until(desk, over(desk, rebalance))
        assert off_target(desk, rebalance) == {PERP: 0, BTC: 0, ORCA_ETH: 0}
        assert desk.engine.position(PERP).quantity < 0
        back = await desk.engine.start_rebalance(wish(targets={PERP: D(0)}))
        assert back.trades[0].reduce_only
        await until(desk, over(desk, back))
        assert desk.engine.position(PERP).is_flat


@pytest.mark.slow
async def test_large_trades_are_split_below_the_limit_of_one_order(tmp_path: Path) -> None:
    from msgspec.structs import replace

    limits = replace(GENEROUS, max_order_value=D(20_000))
    async with demo_desk(tmp_path, limits=limits) as desk:
        rebalance = await desk.engine.start_rebalance(wish(targets={BTC: D("0.5")}))
        await until(desk, over(desk, rebalance))
        orders = desk.engine.rebalance_orders(rebalance.rebalance_id)
        assert len(orders) >= 5
        assert all(order.state is not OrderState.DENIED for order in orders)
        assert off_target(desk, rebalance) == {BTC: 0}


async def test_risk_refuses_a_rebalance_before_anything_is_sent(tmp_path: Path) -> None:
    from msgspec.structs import replace

    limits = replace(GENEROUS, max_position_value=D(50_000))
    async with demo_desk(tmp_path, limits=limits) as desk:
        found = desk.engine.preview_rebalance(wish())
        assert not found.ok
        assert "above your limit of 50,000.00" in found.refusal(BTC)
        with pytest.raises(Refused, match="above your limit"):
            await desk.engine.start_rebalance(wish())
        assert not desk.engine.orders()
        assert not desk.engine.all_rebalances()


async def test_the_money_of_the_sales_counts_in_the_verdicts(tmp_path: Path) -> None:
    """All is invested, and exposure is at its limit: what is sold makes room for what is bought."""
    from msgspec.structs import replace

    limits = replace(GENEROUS, max_exposure=D(100_000))
    async with demo_desk(tmp_path, money="100000", limits=limits) as desk:
        await until(desk, over(desk, await desk.engine.start_rebalance(
            wish(targets={BTC: D("0.95")}, budget=D(100_000)))))  # fmt: skip
        moved = wish(targets={BTC: D("0.2"), ETH: D("0.75")}, budget=D(100_000))
        assert desk.engine.preview_rebalance(moved).ok
        rebalance = await desk.engine.start_rebalance(moved)
        await until(desk, over(desk, rebalance))
        assert off_target(desk, rebalance) == {BTC: 0, ETH: 0}


async def test_pause_pulls_what_is_out_and_resume_goes_on_where_it_stood(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        rebalance = await engine.start_rebalance(wish(patience=20 * SECOND))
        await until(desk, lambda: len(engine.open_orders()) == 3)
        assert {order.tif for order in engine.open_orders()} == {TimeInForce.GTC}
        await engine.pause_rebalance(rebalance.rebalance_id)
        await until(desk, lambda: not engine.open_orders())
        sent = len(engine.orders())
        await desk.run(15)
        await asyncio.sleep(0.05)
        assert len(engine.orders()) == sent
        assert "PAUSED" in engine.rebalance_progress(rebalance.rebalance_id).sentence
        paused = now_of(desk, rebalance)
        await engine.resume_rebalance(rebalance.rebalance_id)
        assert now_of(desk, rebalance).ends_at > paused.ends_at + 14 * SECOND
        await until(desk, lambda: len(engine.open_orders()) == 3)
        tifs = {order.tif for order in engine.open_orders()}
        assert tifs == {TimeInForce.GTC}, "those that the pause pulled had not waited in vain"
        await until(desk, over(desk, rebalance))
        assert off_target(desk, rebalance) == {BTC: 0, ETH: 0, SOL: 0}


async def test_an_order_that_the_trader_takes_pauses_it(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        rebalance = await engine.start_rebalance(wish(patience=3_600 * SECOND))
        await until(desk, lambda: len(engine.open_orders()) == 3)
        await engine.cancel(engine.open_orders(BTC)[0].client_id)
        assert now_of(desk, rebalance).is_paused
        await until(desk, lambda: not engine.open_orders())
        await engine.resume_rebalance(rebalance.rebalance_id)
        await until(desk, lambda: bool(engine.open_orders()))
        await engine.cancel_all()
        assert now_of(desk, rebalance).state is PlanState.CANCELED
        await until(desk, lambda: not engine.open_orders())


async def test_a_restart_in_the_middle_goes_on_and_sends_nothing_twice(tmp_path: Path) -> None:
    from msgspec.structs import replace

    limits = replace(GENEROUS, max_order_value=D(5_000))
    async with demo_desk(tmp_path, limits=limits) as desk:
        rebalance = await desk.engine.start_rebalance(wish())
        await until(desk, lambda: len(desk.engine.fills()) > 6)
        assert now_of(desk, rebalance).is_active
        stopped = desk.clock.now()
    async with demo_desk(tmp_path, limits=limits, start=stopped + 20 * SECOND) as desk:
        await until(desk, over(desk, rebalance))
        assert now_of(desk, rebalance).reason == "every trade is done"
        assert off_target(desk, rebalance) == {BTC: 0, ETH: 0, SOL: 0}
        for trade in rebalance.trades:
            base = desk.engine.instrument(trade.instrument).base
            assert desk.engine.balance("NOVA", base) == trade.quantity


@pytest.mark.slow
async def test_a_desk_that_was_gone_for_long_finds_it_paused(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        rebalance = await desk.engine.start_rebalance(wish(patience=3_600 * SECOND))
        await until(desk, lambda: len(desk.engine.open_orders()) == 3)
        stopped = desk.clock.now()
    async with demo_desk(tmp_path, start=stopped + 3_600 * SECOND) as desk:
        await desk.settle(lambda: now_of(desk, rebalance).is_paused)
        await until(desk, lambda: not desk.engine.open_orders())
        await desk.engine.resume_rebalance(rebalance.rebalance_id)
        await until(desk, over(desk, rebalance), 1_200)
        assert now_of(desk, rebalance).state is PlanState.DONE


async def test_the_kill_switch_ends_it_and_rearming_does_not_bring_it_back(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        rebalance = await engine.start_rebalance(wish(patience=3_600 * SECOND))
        await until(desk, lambda: len(engine.open_orders()) == 3)
        engine.kill("the test")
        assert now_of(desk, rebalance).state is PlanState.HALTED
        await until(desk, lambda: not engine._kill.running)
        for venue in desk.venues.values():
            assert not await venue.open_orders()
        sent = len(engine.orders())
        await engine.rearm("demo")
        assert engine.trading_state is TradingState.ACTIVE
        await desk.run(15)
        await asyncio.sleep(0.05)
        assert len(engine.orders()) == sent
        assert not engine.open_orders()
        stopped = desk.clock.now()
    async with demo_desk(tmp_path, start=stopped + SECOND) as desk:
        await desk.run(10)
        assert now_of(desk, rebalance).state is PlanState.HALTED
        assert len(desk.engine.orders()) == sent


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.LATE, Fault.UNREACHABLE, Fault.REFUSE])
async def test_a_bad_venue_does_not_make_it_trade_twice(tmp_path: Path, fault: Fault) -> None:
    plans: list[ScriptedFaults] = []

    def wrap(venue: Any) -> Any:
        faulty = FaultyVenue(venue, venue._clock)
        plans.append(faulty.faults)  # type: ignore[arg-type]
        return faulty

    async with demo_desk(tmp_path, wrap=wrap, answer_timeout=0.1) as desk:
        for plan in plans:
            plan.add("submit", fault, times=3)
        rebalance = await desk.engine.start_rebalance(wish())
        async with desk.ticking(speed=4):  # what an unanswered order came to is asked in real time
            await desk.settle(over(desk, rebalance), timeout=60)
        assert now_of(desk, rebalance).state is PlanState.DONE
        balances = await desk.venues["NOVA"].balances()
        for trade in rebalance.trades:
            assert balances[desk.engine.instrument(trade.instrument).base] == trade.quantity


@pytest.mark.slow
async def test_it_ends_with_its_time_and_says_what_is_left(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        rebalance = await engine.start_rebalance(
            wish(drift=D("-0.005"), length=20 * SECOND)
        )  # a price that never comes
        await until(desk, over(desk, rebalance))
        ended = now_of(desk, rebalance)
        assert ended.state is PlanState.DONE
        assert "its time is over" in ended.reason
        assert "BTC-USDT not bought" in ended.reason
        assert ended.updated_at > START


@pytest.mark.slow
async def test_what_the_trader_sells_meanwhile_is_not_sold_again(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await until(desk, over(desk, await engine.start_rebalance(wish())))
        held = engine.balance("NOVA", "BTC")
        rebalance = await engine.start_rebalance(wish(targets={BTC: D(0)}, patience=3_600 * SECOND))
        await until(desk, lambda: bool(engine.open_orders(BTC)))
        await engine.pause_rebalance(rebalance.rebalance_id)
        await until(desk, lambda: not engine.open_orders())
        left = engine.balance("NOVA", "BTC")
        await desk.market(BTC, Side.SELL, str(left - D("0.01")))
        await until(desk, lambda: engine.balance("NOVA", "BTC") == D("0.01"))
        await engine.resume_rebalance(rebalance.rebalance_id)
        await until(desk, over(desk, rebalance), 7_200)
        assert engine.balance("NOVA", "BTC") == 0
        assert "no longer held" in now_of(desk, rebalance).reason
        assert held > left or held == left
        assert all(order.type is OrderType.LIMIT for order in engine.rebalance_orders(rebalance.rebalance_id))
