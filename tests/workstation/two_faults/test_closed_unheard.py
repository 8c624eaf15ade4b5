"""What was sold, filled or liquidated beside the desk or over a cut: sold once, sold whole, and told as what it was."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.exchange import Kind
from tests.support.troubled_desk import ORDER_TOLD, troubled
from tests.support.wire_desks import CREATE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


async def test_two_desks_that_adopt_each_others_orders_flatten_spot_together(tmp_path: Path) -> None:
    """What both bought is sold once: the trader's own coins are not touched."""
    async with troubled("bybit", tmp_path, judged=False) as scene, scene.desk_beside("other") as other:
        before = scene.coins()
        await scene.holds(scene.spot, "0.2")
        await scene.holds(scene.spot, "0.3", other)
        await scene.agrees()
        await scene.agrees(engine=other)
        closing = scene.exchange.faults.hold(CREATE["bybit"][0], "arrived", times=2)
        scene.engine.flatten("a test")
        other.flatten("a test")
        assert await asyncio.to_thread(closing.reached.wait, 30)
        await asyncio.sleep(1)
        closing.release()
        await scene.killed()
        await scene.killed(engine=other)
        assert D(0) <= scene.coins() - before < D("0.001")


async def test_spot_that_filled_unheard_beyond_what_the_desk_knew_is_sold_too(tmp_path: Path) -> None:
    async with troubled("bybit", tmp_path) as scene:
        before = scene.coins()
        await scene.rests(scene.spot)
        scene.exchange.faults.script(ORDER_TOLD["bybit"], Kind.DROP)
        record = scene.exchange.do(scene.account.working)[0]
        scene.exchange.do(lambda: scene.account.tell(scene.account.amend(record, D("0.3"), None)))
        await scene.sold_into(scene.spot, "0.1")
        scene.exchange.cut()
        await scene.sold_into(scene.spot, "0.15")
        scene.engine.flatten("a test")
        await scene.killed()
        assert scene.coins() - before < D("0.0001")


async def test_a_liquidation_over_a_cut_is_called_so(tmp_path: Path) -> None:
    from workstation.domain.market import MarkPrice

    async with troubled("binanceusdm", tmp_path) as scene:
        scene.moved = True
        now, instrument = scene.exchange.clock.now, scene.contract
        from workstation.domain.margin import MarginMode

        isolated = MarginMode.ISOLATED
        scene.exchange.do(lambda: scene.account.took(scene.account.books.set_margin_mode(instrument, isolated, now())))
        scene.exchange.do(lambda: scene.account.took(scene.account.books.set_leverage(instrument, D(50), now())))
        await scene.holds(instrument, "0.2")
        scene.exchange.cut()
        await asyncio.to_thread(scene.hand.around, 60_000, "BTC-USDT-PERP")
        scene.exchange.feed(MarkPrice(instrument, now(), D(60_000), D(0), None))
        await asyncio.sleep(1)
        await scene.agrees()
        assert scene.told_of("iquidat")
