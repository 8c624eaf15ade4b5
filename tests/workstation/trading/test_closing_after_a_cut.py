"""The command that closes a position, while its venue is away and in the moments after."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.no_stops import no_stops
from workstation.domain.order import OrderState, Side
from workstation.domain.plan import Plan
from workstation.trading import exits
from workstation.trading.errors import Refused
from workstation.trading.plans import terms


async def protected(desk: TestDesk, instrument: str) -> Plan:
    """A position with a stop that this desk holds."""
    await desk.market(instrument, Side.BUY, "0.2")
    await desk.settle(lambda: not desk.engine.position(instrument).is_flat)
    return await desk.engine.start_plan(terms.exits(instrument, Side.BUY, stop=D(20_000)))


async def test_of_spot_what_was_missed_is_booked_first(tmp_path: Path) -> None:
    """It may have been sold by hand: a close by the books of before would sell the trader's other coins."""
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await desk.market(BTC, Side.BUY, "0.2")
        await desk.settle(lambda: not engine.position(BTC).is_flat)
        engine.core.behind.add("NOVA")
        closing = asyncio.create_task(engine.close_position(BTC))
        await desk.market(BTC, Side.SELL, "0.15")  # as one that is heard of late
        await desk.settle(lambda: engine.position(BTC).quantity == D("0.05"))
        assert not closing.done()
        engine.core.behind.clear()
        assert (await closing).quantity == D("0.05")
        await desk.settle(lambda: engine.position(BTC).is_flat)


async def test_it_does_not_wait_for_ever_and_cancels_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exits, "_PULL_TIMEOUT", 0.1)
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        plan = await protected(desk, BTC)
        desk.engine.core.behind.add("NOVA")
        with pytest.raises(Refused, match="is asked for"):
            await desk.engine.close_position(BTC)
        assert desk.engine.core.plans.sets[plan.plan_id].is_active


@pytest.mark.parametrize("why", ["away", "reducing"])
async def test_what_would_be_denied_leaves_the_position_its_stop(tmp_path: Path, why: str) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        plan = await protected(desk, PERP)
        if why == "away":
            engine.gateway.link_up = lambda _: False  # type: ignore[method-assign]
        else:
            await engine.set_reducing(True)
        with pytest.raises(Refused, match="Nothing was cancelled"):
            await (engine.close_position if why == "away" else engine.reverse)(PERP)
        assert engine.core.plans.sets[plan.plan_id].is_active
        assert not [one for one in engine.orders() if one.state is OrderState.DENIED]
