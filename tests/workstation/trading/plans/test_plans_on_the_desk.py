"""Plans on the real engine and the demo market: entries, exits, chases, restarts, the kill switch."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from workstation.domain.events import TradingState
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import STOP_LEG, TARGET_LEG, Distance, Plan, PlanState, Trail
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import Context
from workstation.trading.errors import Refused
from workstation.trading.plan_runner import PlanRunner
from workstation.trading.plans import terms


def entry(desk: TestDesk, instrument: str, side: Side, quantity: str, away: int | None = None) -> OrderDraft:
    """A market entry, or a limit `away` ticks behind the best price of its own side."""
    if away is None:
        return OrderDraft(instrument=instrument, side=side, quantity=D(quantity), type=OrderType.MARKET)
    tick = desk.engine.instrument(instrument).tick
    price = desk.best(instrument, side) - tick * away * side.sign
    return OrderDraft(instrument=instrument, side=side, quantity=D(quantity), price=price)


def legs(desk: TestDesk, plan: Plan, leg: str) -> list[Order]:
    return [order for order in desk.engine.plan_orders(plan) if order.leg == leg]


def live(desk: TestDesk, plan: Plan, leg: str) -> list[Order]:
    return [order for order in legs(desk, plan, leg) if order.is_open]


def around(desk: TestDesk, instrument: str, ticks: int) -> D:
    """The best bid moved by so many ticks."""
    return desk.best(instrument, Side.BUY) + desk.engine.instrument(instrument).tick * ticks


async def protected(desk: TestDesk, plan: Plan) -> Order:
    """The plan's stop once it rests at the venue."""
    await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in live(desk, plan, STOP_LEG)))
    return live(desk, plan, STOP_LEG)[0]


def state(desk: TestDesk, plan: Plan) -> PlanState:
    known = desk.engine.plan(plan.plan_id)
    assert known is not None
    return known.state


async def test_a_bracket_on_a_perpetual_rests_both_exits_reduce_only_and_ends_flat(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        stop, target = around(desk, PERP, -60), around(desk, PERP, 30)
        plan = await desk.engine.start_plan(terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=stop, target=target))
        resting = await protected(desk, plan)
        await desk.settle(lambda: bool(live(desk, plan, TARGET_LEG)))
        held = desk.engine.position(PERP).quantity
        aim = live(desk, plan, TARGET_LEG)[0]
        assert (resting.side, resting.leaves, resting.stop_price) == (Side.SELL, held, stop)
        assert (aim.side, aim.leaves, aim.price) == (Side.SELL, held, target)
        assert resting.reduce_only
        assert aim.reduce_only

        await desk.run_until(lambda: desk.engine.position(PERP).is_flat, 3_600)
        await desk.settle(lambda: state(desk, plan) is PlanState.DONE)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))
        assert sum(o.filled for o in desk.engine.plan_orders(plan) if o.leg in (STOP_LEG, TARGET_LEG)) == D("0.5")


async def test_spot_rests_the_stop_alone_and_swaps_it_for_the_target_when_the_market_is_there(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(
                entry(desk, BTC, Side.BUY, "0.5"), stop=around(desk, BTC, -3_000), target=around(desk, BTC, 40)
            )
        )
        await protected(desk, plan)
        assert not live(desk, plan, TARGET_LEG)
        for _ in range(4_000):
            if desk.engine.position(BTC).is_flat:
                break
            await desk.run(0.5)
            working = sum((o.leaves for o in desk.engine.open_orders(BTC) if o.leg in (STOP_LEG, TARGET_LEG)), D(0))
            assert working <= desk.engine.position(BTC).quantity
            await desk.settle(lambda: not desk.engine.gateway.sending)
        assert desk.engine.position(BTC).is_flat
        await desk.settle(lambda: state(desk, plan) is PlanState.DONE)
        assert not desk.engine.open_orders(BTC)
        assert {o.tif for o in legs(desk, plan, TARGET_LEG)} == {TimeInForce.IOC}


async def test_a_plan_of_which_nothing_can_be_said_takes_the_others_no_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a market that is not open any more, say."""
    sure = PlanRunner._unsure

    def unknown(runner: PlanRunner, plan: Plan) -> bool:
        return sure(runner, plan) if plan.instrument == PERP else {}[plan.instrument]

    async with demo_desk(tmp_path) as desk:
        monkeypatch.setattr(PlanRunner, "_unsure", unknown)
        for instrument in (BTC, PERP):
            plan = await desk.engine.start_plan(
                terms.bracket(entry(desk, instrument, Side.BUY, "0.5"), stop=around(desk, instrument, -300))
            )
        await protected(desk, plan)
        assert any("could not be kept" in line.text for line in desk.engine.log.entries)


async def test_a_plan_goes_on_after_a_restart_and_sends_nothing_twice(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(
                entry(desk, PERP, Side.BUY, "0.5"), stop=around(desk, PERP, -300), target=around(desk, PERP, 3_000)
            )
        )
        await protected(desk, plan)
        await desk.settle(lambda: bool(live(desk, plan, TARGET_LEG)))
        sent = len(desk.engine.orders())
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now) as desk:
        assert [known.plan_id for known in desk.engine.plans()] == [plan.plan_id]
        await desk.settle(lambda: len(live(desk, plan, STOP_LEG)) == 1)
        await desk.run(2)
        assert len(desk.engine.orders()) == sent
        moved = await desk.engine.amend_plan(plan.plan_id, stop=around(desk, PERP, -100))
        await desk.settle(lambda: live(desk, plan, STOP_LEG)[0].stop_price == moved.stop)
        await desk.engine.cancel_plan(plan.plan_id)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))
        assert desk.engine.position(PERP).quantity == D("0.5")


async def test_the_kill_switch_ends_every_plan_and_rearming_brings_none_back(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=around(desk, PERP, -300))
        )
        await protected(desk, plan)
        desk.engine.kill("test")
        assert state(desk, plan) is PlanState.HALTED
        await desk.settle(lambda: desk.engine.kill_status.finished is not None)
        sent = len(desk.engine.orders())
        await desk.engine.rearm("demo")
        assert desk.engine.trading_state is TradingState.ACTIVE
        await desk.run(5)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))
        assert len(desk.engine.orders()) == sent
        assert state(desk, plan) is PlanState.HALTED


async def test_a_plan_that_risk_refuses_is_refused_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        bracket = terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=around(desk, PERP, 300))
        with pytest.raises(Refused, match="must be below the entry"):
            await desk.engine.start_plan(bracket)
        with pytest.raises(Refused, match="no position"):
            await desk.engine.start_plan(terms.exits(PERP, Side.BUY, stop=around(desk, PERP, -100)))
        assert desk.engine.plans() == []
        assert desk.engine.orders() == []


async def test_exits_of_a_position_cover_it_once_and_shrink_when_the_trader_sells_a_part(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.settle(lambda: desk.engine.position(PERP).quantity == D("0.5"))
        plan = await desk.engine.start_plan(
            terms.exits(PERP, Side.BUY, stop=around(desk, PERP, -300), target=around(desk, PERP, 3_000))
        )
        assert plan.covers == D("0.5")
        await protected(desk, plan)
        with pytest.raises(Refused, match="protect the whole position"):
            await desk.engine.start_plan(terms.exits(PERP, Side.BUY, stop=around(desk, PERP, -300)))
        await desk.market(PERP, Side.SELL, "0.3")
        await desk.settle(lambda: [o.leaves for o in live(desk, plan, STOP_LEG)] == [D("0.2")])
        await desk.settle(lambda: [o.leaves for o in live(desk, plan, TARGET_LEG)] == [D("0.2")])
        await desk.engine.close_position(PERP)
        await desk.settle(lambda: desk.engine.position(PERP).is_flat and not desk.engine.open_orders(PERP))
        assert state(desk, plan) is PlanState.CANCELED


async def test_the_trader_moves_and_cancels_an_exit_by_its_order(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(
                entry(desk, PERP, Side.BUY, "0.5"), stop=around(desk, PERP, -300), target=around(desk, PERP, 3_000)
            )
        )
        stop = await protected(desk, plan)
        await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in live(desk, plan, TARGET_LEG)))
        wanted = around(desk, PERP, -200)
        await desk.engine.amend(stop.client_id, stop_price=wanted)
        await desk.settle(lambda: live(desk, plan, STOP_LEG)[0].stop_price == wanted)
        with pytest.raises(Refused, match="size of this stop follows"):
            await desk.engine.amend(stop.client_id, quantity=D("0.2"))
        await desk.engine.cancel(live(desk, plan, TARGET_LEG)[0].client_id)
        await desk.run(3)
        await desk.settle(lambda: not live(desk, plan, TARGET_LEG))
        assert len(live(desk, plan, STOP_LEG)) == 1
        await desk.engine.cancel_all(PERP)
        await desk.run(3)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))
        assert state(desk, plan) is PlanState.CANCELED


async def test_typed_exits_change_those_of_the_plan_that_protects_the_position(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine

        def here() -> Context:
            return context_of(engine, PERP, currency="USDT", account_name="demo")

        async def typed(line: str) -> tuple[str, str | None]:
            command = parse(line, here())
            return describe(command, here()), await perform(command, engine)

        low, high = around(desk, PERP, -900), around(desk, PERP, 3_000)
        plan = await engine.start_plan(terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=low, target=high))
        await protected(desk, plan)
        meaning, said = await typed("trail 5%")
        assert meaning.startswith("Change the exits of the position in BTC-USDT-PERP: stop at ")
        assert meaning.partition("Now:")[0].count("trails by 5%") == 1
        assert "trails by 5%" in (said or "")
        known = engine.plan(plan.plan_id)
        assert known is not None
        assert (known.stop, known.target, known.trail) == (low, high, Trail(Distance(D(5), percent=True)))
        nearer = around(desk, PERP, -600)
        await typed(f"stop {nearer}")
        await desk.settle(lambda: live(desk, plan, STOP_LEG)[0].stop_price == nearer)
        assert len(engine.plans()) == 1
        with pytest.raises(CommandError, match="must be below the market"):
            parse(f"stop {around(desk, PERP, 600)}", here())
        await desk.market(PERP, Side.BUY, "0.2")
        meaning, _ = await typed(f"oco {low} {high}")
        assert meaning.startswith("Exits of the 0.2 BTC-USDT-PERP that have none: ")
        with pytest.raises(CommandError, match="2 plans protect the position"):
            parse("trail 1%", here())


async def test_a_trailing_stop_follows_the_market_and_never_goes_back(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        tick = desk.engine.instrument(PERP).tick
        trail = Trail(Distance(tick * 200), Distance(tick * 20))
        plan = await desk.engine.start_plan(terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), trail=trail))
        seen: list[D] = []
        for _ in range(600):
            await desk.run(1.0)
            known = desk.engine.plan(plan.plan_id)
            assert known is not None
            if not known.is_active:
                break
            if known.stop is not None:
                seen.append(known.stop)
        assert seen, "the market went far enough for the trail to begin"
        assert seen == sorted(seen)
        assert len(set(seen)) > 1


async def test_a_ladder_of_entries_has_one_stop_for_the_whole_that_grows_as_it_fills(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        rungs = [entry(desk, PERP, Side.BUY, "0.1", away) for away in (-1, 0, 400)]  # the first one takes
        plan = await desk.engine.start_plan(terms.scale(rungs, stop=around(desk, PERP, -4_000)))
        await desk.settle(lambda: len(desk.engine.plan_orders(plan)) >= 3)
        await desk.run_until(lambda: desk.engine.position(PERP).quantity >= D("0.1"))
        stop = await protected(desk, plan)
        await desk.run_until(lambda: desk.engine.position(PERP).quantity >= D("0.2"))
        await desk.settle(lambda: live(desk, plan, STOP_LEG)[0].quantity == desk.engine.position(PERP).quantity)
        assert live(desk, plan, STOP_LEG)[0].client_id == stop.client_id


async def test_a_working_order_chases_the_best_price_to_its_bound(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.5", away=50)
        await desk.settle(lambda: desk.engine.orders()[0].state is OrderState.ACCEPTED)
        assert order.price is not None
        bound = order.price + desk.engine.instrument(PERP).tick * 30
        plan = await desk.engine.chase(order.client_id, bound)
        for _ in range(1_200):
            if desk.engine.orders()[0].price == bound:
                break
            await desk.run(0.5)  # and the market waits for the disk, however slow
            await desk.settle(lambda: desk.engine.orders()[0].state is OrderState.ACCEPTED)
        await desk.run(5)
        assert desk.engine.orders()[0].price == bound
        await desk.engine.cancel_plan(plan.plan_id)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))


@pytest.mark.slow
async def test_break_even_moves_the_stop_of_a_plan_and_adds_none(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=around(desk, PERP, -3_000))
        )
        await protected(desk, plan)
        terms_of = desk.engine.instrument(PERP)
        average = desk.engine.position(PERP).average_price(terms_of)
        assert average is not None
        fees = average * terms_of.taker_fee * 2
        await desk.run_until(lambda: (desk.engine.mark(PERP) or D(0)) > average + fees * 2, 7_200, step=5)
        stop = await desk.engine.break_even(PERP)
        assert stop.leg == STOP_LEG
        assert stop.stop_price is not None
        assert stop.stop_price >= average + fees
        assert len(live(desk, plan, STOP_LEG)) == 1
