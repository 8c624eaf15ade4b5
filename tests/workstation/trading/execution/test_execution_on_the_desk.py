"""Execution algorithms typed on a real desk: worked to the end, paused, over a restart, stopped by the kill switch."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import BTC, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.order import OrderState, Side
from workstation.domain.plan import Plan, PlanKind, PlanState
from workstation.trading.command_line import hint, parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillPhase
from workstation.trading.plans.words import progress_text


def context(desk: TestDesk, selected: str = BTC) -> Any:
    return context_of(desk.engine, selected, currency="USDT", account_name="demo")


async def typed(desk: TestDesk, line: str, selected: str = BTC) -> str | None:
    return await perform(parse(line, context(desk, selected)), desk.engine)


def only_plan(desk: TestDesk) -> Plan:
    (plan,) = desk.engine.core.plans.sets.values()
    return plan


def filled(desk: TestDesk, plan: Plan) -> D:
    return sum((order.filled for order in desk.engine.plan_orders(plan)), D(0))


async def test_a_twap_is_worked_to_its_end(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        said = await typed(desk, "twap buy 0.5 over 20s")
        assert said is not None
        assert said.startswith("Started: twap buy 0.5 over 20s NOVA:BTC-USDT")
        async with desk.ticking(20):
            await desk.settle(lambda: not only_plan(desk).is_active, timeout=30)
        plan = only_plan(desk)
        assert plan.state is PlanState.DONE
        assert filled(desk, plan) == D("0.5") == desk.engine.position(BTC).quantity
        orders = desk.engine.plan_orders(plan)
        assert len(orders) >= 2
        assert all(order.origin == "twap" for order in orders)
        assert progress_text(plan, filled(desk, plan), desk.clock.now()) == "0.5 of 0.5 filled (100%)"


async def test_a_twap_goes_on_after_a_restart_and_sends_nothing_twice(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await typed(desk, "twap buy 0.5 over 40s")
        async with desk.ticking(20):
            await desk.settle(lambda: filled(desk, only_plan(desk)) > 0, timeout=30)
        first = only_plan(desk)
        at = desk.clock.now()
    async with demo_desk(tmp_path, start=at + 5 * SECOND) as desk:
        assert msgspec.structs.replace(only_plan(desk), updated_at=0) == msgspec.structs.replace(first, updated_at=0)
        async with desk.ticking(40):
            await desk.settle(lambda: not only_plan(desk).is_active, timeout=30)
        assert filled(desk, only_plan(desk)) == D("0.5") == desk.engine.position(BTC).quantity


async def test_the_kill_switch_ends_an_algorithm_for_good(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await typed(desk, "pov buy 5 20%")
        async with desk.ticking(20):
            await desk.settle(lambda: bool(desk.engine.plan_orders(only_plan(desk))), timeout=30)
        desk.engine.kill()
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
        sent = len(desk.engine.plan_orders(only_plan(desk)))
        await desk.engine.rearm("demo")
        for _ in range(5):
            await desk.run(2)
        assert only_plan(desk).state is PlanState.HALTED
        assert len(desk.engine.plan_orders(only_plan(desk))) == sent
        assert not desk.engine.open_orders()


async def test_paused_it_pulls_its_slice_and_resumed_it_goes_on(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await typed(desk, "twap sell 0.5 over 20s", PERP)
        await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in desk.engine.open_orders()))
        assert await typed(desk, "pause", PERP) == "Paused: twap."
        await desk.settle(lambda: not desk.engine.open_orders())
        sent = len(desk.engine.plan_orders(only_plan(desk)))
        for _ in range(5):
            await desk.run(5)
        assert len(desk.engine.plan_orders(only_plan(desk))) == sent
        said = await typed(desk, "progress", PERP)
        assert said is not None
        assert said.endswith("of 0.5 filled (0%), PAUSED")
        assert "PAUSED" in progress_text(only_plan(desk), D(0), desk.clock.now())
        with pytest.raises(Refused, match="No execution algorithm of NOVA:BTC-USDT-PERP is running"):
            await typed(desk, "pause", PERP)
        await typed(desk, "resume", PERP)
        async with desk.ticking(20):
            await desk.settle(lambda: not only_plan(desk).is_active, timeout=30)
        assert filled(desk, only_plan(desk)) == D("0.5")


async def test_a_cancelled_slice_ends_the_algorithm(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await typed(desk, "vwap buy 1 over 10m")
        await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in desk.engine.open_orders()))
        await desk.engine.cancel(desk.engine.open_orders()[0].client_id)
        await desk.settle(lambda: not desk.engine.open_orders())
        assert only_plan(desk).state is PlanState.CANCELED


async def test_an_iceberg_is_the_venues_own_where_it_has_them(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        price = desk.best(BTC, Side.BUY) - 5
        assert await typed(desk, f"iceberg buy 0.5 show 0.1 @ {price}") == "Accepted: it works at the venue."
        (order,) = desk.engine.open_orders()
        assert (order.quantity, order.display) == (D("0.5"), D("0.1"))


async def test_an_iceberg_is_kept_by_the_desk_where_the_venue_has_none(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        for venue in desk.venues.values():
            venue.capabilities = msgspec.structs.replace(venue.capabilities, iceberg=False)
        price = desk.best(BTC, Side.BUY)
        await typed(desk, f"iceberg buy 0.2 show 0.05 @ {price}")
        await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in desk.engine.open_orders()))
        (order,) = desk.engine.open_orders()
        assert D("0.04") <= order.quantity <= D("0.05")
        assert only_plan(desk).kind is PlanKind.ICEBERG


async def test_what_the_words_mean_and_what_they_lack(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, start=START) as desk:
        here = context(desk)
        assert hint("twap buy 2 over 30m", here) == "Buy 2 BTC-USDT on NOVA evenly over 30m."
        assert hint("vwap sell 3 over 2h @ 63000 ro", here) == (
            "Sell 3 BTC-USDT on NOVA along the usual volume over 2h at 63,000.00 or better, reduce-only."
        )
        assert hint("twap buy 100 over 1h", here).startswith("100 BTC, worth ")
        assert hint("pov sell 3 10%", here) == "Sell 3 BTC-USDT on NOVA as 10% of what trades."
        for line, sentence in {
            "twap": "Buy or sell? twap buy 2 over 30m.",
            "twap buy 2": "Over how long? twap buy 2 over 30m.",
            "twap buy over 30m": "How much? twap buy 2 over 30m.",
            "twap buy 2 over soon": "soon is not a length of time: type 30m, 1h30m or 45s.",
            "pov buy 2": "Which share of the volume? pov sell 3 10%.",
            "pov buy 2 80%": "A share of the volume is above 0% and at most 50%.",
            "iceberg buy 5 @ 63000": "How much of it is seen? iceberg buy 5 show 0.5 @ 63000.",
            "iceberg buy 5 show 0.5": "At which price? iceberg buy 5 show 0.5 @ 63000.",
            "twap buy 2 over 30m now": "now is one word too many.",
        }.items():
            assert hint(line, here) == sentence
