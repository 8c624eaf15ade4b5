"""A stop that the desk holds and cannot judge: on the screen at once, and in its own row for as long as it lasts."""

from __future__ import annotations

from decimal import Decimal as D

from msgspec.structs import replace
from test_orders_plans import go_to, pane_of, settled
from trading_scene import ETH, Scene, scene

from plugins.orders import OrdersPane
from screens.testing import book
from workstation.clock import SECOND
from workstation.domain.market import BookStale
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.domain.plan import Plan
from workstation.trading.plans import terms
from workstation.trading.plans.rows import kept_id


async def held(desk: Scene, pilot) -> Plan:
    """A bracket in ETH at a venue that takes no stops."""
    for venue in desk.venues:
        venue.capabilities = replace(venue.capabilities, order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}))
    await desk.order(ETH.id, Side.SELL, "2")
    await desk.engine.cancel_all(ETH.id)
    entry = OrderDraft(instrument=ETH.id, side=Side.BUY, quantity=D("1"), type=OrderType.MARKET)
    desk.tick()
    plan = await desk.engine.start_plan(terms.bracket(entry, stop=D(3000), target=D(3500)))
    await settled(desk, pilot, lambda: [row.note for row in desk.engine.kept_exits(ETH.id)] == ["held", "held"])
    return plan


async def pass_blind(desk: Scene, pilot, seconds: int) -> None:
    for _ in range(seconds):
        desk.clock.advance(SECOND)
        await pilot.pause(0.02)


async def test_a_stop_that_sees_no_price_is_told_loudly_and_stands_in_its_row(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        plan = await held(desk, pilot)
        desk.feed(BookStale(ETH.id, desk.clock.now(), "its stream broke"))
        await pass_blind(desk, pilot, 12)
        await settled(desk, pilot, lambda: desk.engine.core.plans.unseen)
        assert any("ETH-USDT are NOT PROTECTED" in text for text in desk.toasts())
        rows = {row.leg: row.note for row in desk.engine.kept_exits(ETH.id)}
        assert rows == {"stop": "BLIND", "target": "BLIND"}
        text = [pane_of(desk).row_text(y) for y in (1, 2, 3)]
        assert all("BLIND" in line for line in text)
        await go_to(desk, pilot, kept_id(plan, "stop"))
        assert "NOT PROTECTED: this desk sees no price" in desk.screen_text()
        desk.feed(book(ETH, desk.clock.now()))
        await pass_blind(desk, pilot, 2)
        await settled(desk, pilot, lambda: not desk.engine.core.plans.unseen)
        assert "protected again" in desk.toasts()[-1]
        assert "BLIND" not in desk.screen_text()
