"""Break-even at a venue that takes no stops, as no real one does: this desk holds the stop."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import PERP, TestDesk, demo_desk
from tests.support.no_stops import no_stops
from workstation.domain.order import OrderType, Side
from workstation.domain.plan import Plan
from workstation.trading.exits import held_words
from workstation.trading.plans import terms


async def gained(desk: TestDesk) -> D:
    """Until the market has passed break-even of the long position by far; the price where it pays for itself."""
    instrument = desk.engine.instrument(PERP)
    average = desk.engine.position(PERP).average_price(instrument)
    assert average is not None
    fees = average * instrument.taker_fee * 2
    await desk.run_until(lambda: (desk.engine.mark(PERP) or D(0)) > average + fees * 2, 14_400, step=5)
    return average + fees


@pytest.mark.slow
@pytest.mark.parametrize("planned", [False, True])
async def test_the_stop_is_a_plan_s_and_a_second_time_adds_none(tmp_path: Path, planned: bool) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.settle(lambda: not engine.position(PERP).is_flat)
        if planned:
            mark = engine.mark(PERP)
            assert mark is not None
            far = (mark * D("0.9")).quantize(engine.instrument(PERP).tick)
            await engine.start_plan(terms.exits(PERP, Side.BUY, stop=far))
        pays = await gained(desk)
        for _ in range(2):
            stop = await engine.break_even(PERP)
            assert isinstance(stop, Plan)
            assert stop.stop is not None
            assert pays <= stop.stop <= pays + engine.instrument(PERP).tick
            assert "held by this desk at" in held_words(stop, engine.instrument(PERP))
            assert len(engine.core.plans.active(PERP)) == 1
        assert {order.type for order in engine.orders()} == {OrderType.MARKET}
        await desk.run_until(lambda: engine.position(PERP).is_flat, 14_400, step=5)
