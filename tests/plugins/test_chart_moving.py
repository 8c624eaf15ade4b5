"""Working orders dragged on the chart by keys, on the real engine: only Enter sends an amendment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

from textual.events import Click, MouseDown, MouseMove, MouseUp
from trading_scene import BTC, ETH, PERP, scene

from plugins.chart import ChartPane
from plugins.chart.marks import Moved
from workstation.domain.market import BookStale
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.plans import terms
from workstation.trading.plans.rows import kept_id

D = Decimal


class Hands:
    def __init__(self, desk, pane, pilot):
        self.desk, self.pane, self.pilot = desk, pane, pilot

    async def __call__(self, *keys):
        for key in keys:
            await self.pilot.press(key)
            await self.desk.painted(self.pilot)

    async def until(self, condition):
        for _ in range(200):
            if condition():
                break
            await self.pilot.pause(0.02)
        assert condition()
        await self.desk.painted(self.pilot)

    @property
    def legend(self) -> str:
        return self.pane.row_text(0).strip()

    @property
    def text(self) -> str:
        return "\n".join(self.pane.row_text(y) for y in range(self.pane.height))


@asynccontextmanager
async def chart(tmp_path, instrument=BTC, **options):
    async with scene(tmp_path, ChartPane, size=(140, 40), traded=False, **options) as (desk, pilot):
        desk.app.desk.select(instrument.id)
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        await desk.painted(pilot)
        yield desk, pane, Hands(desk, pane, pilot)


def events(desk, order) -> list[str]:
    return [type(event).__name__ for event in desk.engine.order_events(order.client_id)]


async def test_an_order_is_picked_up_moved_by_ticks_and_amended_by_enter_alone(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J", "J", "J")
        assert hands.legend.startswith("Move buy 0.05 to 64,119.7")
        assert "3 ticks" in hands.legend
        assert "⏎ amends" in hands.legend
        assert "Move buy 0.05 ⏎" in hands.text
        assert desk.engine.order(order.client_id).price == D(64120)
        assert "OrderPendingAmend" not in events(desk, order)
        await hands("K", "enter")
        await hands.until(lambda: desk.engine.order(order.client_id).price == D("64119.8"))
        assert pane.staged is None
        assert hands.legend == "Buy 0.05 moved to 64,119.8."
        assert events(desk, order).count("OrderPendingAmend") == 1
        assert len(desk.engine.orders()) == 1


async def test_an_order_is_dragged_by_the_mouse_and_waits_for_enter(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await desk.painted(hands.pilot)
        tick = float(BTC.tick)
        y = pane.plot.top + pane.scale.row(64120.0)

        async def drag(*rows):
            for row, kind in zip(rows, [MouseDown, *[MouseMove] * (len(rows) - 2), MouseUp], strict=True):
                await hands.pilot._post_mouse_events([kind], pane, offset=(20, row), button=1)
            await hands.pilot._post_mouse_events([Click], pane, offset=(20, rows[-1]), button=1)
            await desk.painted(hands.pilot)

        desk.app.armed = False
        await drag(y, y + 1, y + 3, y + 3)
        assert pane.staged is None
        assert "DISARMED" in desk.screen_text()
        desk.app.armed = True
        await drag(y, y + 1, y + 3, y + 3)
        assert pane.scale.row(pane.staged.ticks * tick) == y + 3 - pane.plot.top
        assert desk.engine.order(order.client_id).price == D(64120), "only Enter sends"
        wanted = BTC.price(pane.staged.ticks)
        await hands("enter")
        await hands.until(lambda: desk.engine.order(order.client_id).price == wanted)


async def test_esc_leaves_the_order_where_it_stands(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "K", "up", "escape")
        assert pane.staged is None
        await hands("enter")
        assert desk.engine.order(order.client_id).price == D(64120)
        assert "OrderPendingAmend" not in events(desk, order)


async def test_an_order_that_was_not_moved_is_not_amended(tmp_path):
    async with chart(tmp_path) as (desk, _pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J", "K", "enter")
        assert "The order stands where it stood: there is nothing to amend." in desk.toasts()
        assert "OrderPendingAmend" not in events(desk, order)


async def test_m_again_picks_up_the_next_order_and_without_one_says_so(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("m")
        assert pane.staged is None
        assert "You have no working order in BTC-USDT to move." in desk.toasts()
        await desk.order(BTC.id, Side.BUY, "0.25")
        await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await desk.order(BTC.id, Side.BUY, "0.02", "64100")
        await desk.order(BTC.id, Side.SELL, "0.01", "64400")
        await desk.order(ETH.id, Side.BUY, "1", "3100")
        seen = []
        for _ in range(4):
            await hands("m")
            seen.append(BTC.price(pane.staged.start))
        assert seen == [D(64120), D(64100), D(64400), D(64120)]


async def test_j_and_k_pick_up_the_order_under_the_crosshair(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("down", "down", "b", "enter")
        (order,) = desk.engine.open_orders(BTC.id)
        await hands("K", "enter")
        await hands.until(lambda: desk.engine.order(order.client_id).price == order.price + BTC.tick)
        await hands("up", "up", "up", "up", "K")
        assert pane.staged is None


async def test_all_orders_of_a_line_move_together(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        one = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        two = await desk.order(BTC.id, Side.BUY, "0.02", "64120")
        await hands("m", "J")
        assert pane.staged.quantity == D("0.07")
        assert "2 orders" in hands.legend
        await hands("enter")
        await hands.until(lambda: all(desk.engine.order(o.client_id).price == D("64119.9") for o in (one, two)))


async def test_a_stop_limit_moves_with_its_limit(tmp_path):
    async with chart(tmp_path, PERP) as (desk, pane, hands):
        order = await desk.order(PERP.id, Side.SELL, "0.05", "63000", type=OrderType.STOP_LIMIT, stop_price=D(63100))
        await hands("m", "K", "K", "enter")
        moved = order.stop_price + 2 * PERP.tick
        await hands.until(lambda: desk.engine.order(order.client_id).stop_price == moved)
        assert desk.engine.order(order.client_id).price == D(63000) + 2 * PERP.tick
        assert pane.staged is None


async def test_the_working_and_the_kept_exit_of_a_bracket_are_dragged(tmp_path):
    async with chart(tmp_path, ETH) as (desk, pane, hands):
        desk.tick()
        entry = OrderDraft(instrument=ETH.id, side=Side.BUY, quantity=D("1"), type=OrderType.MARKET)
        plan = await desk.engine.start_plan(terms.bracket(entry, stop=D(3000), target=D(3500)))
        await hands.until(lambda: any(o.leg == "stop" for o in desk.engine.open_orders(ETH.id)))
        for leg, wanted in (("target", D("3500.02")), ("stop", D("3000.02"))):
            await hands("escape", "escape", "m")
            while (pane.staged.start == ETH.to_ticks(D(3500))) != (leg == "target"):
                await hands("m")
            assert (pane.staged.orders == (kept_id(plan, "target"),)) == (leg == "target")
            await hands("K", "K", "enter")
            await hands.until(lambda leg=leg, wanted=wanted: getattr(desk.engine.plan(plan.plan_id), leg) == wanted)
        stop = next(o for o in desk.engine.open_orders(ETH.id) if o.leg == "stop")
        await hands.until(lambda: desk.engine.order(stop.client_id).stop_price == D("3000.02"))


async def test_what_moved_by_itself_is_not_amended_from_where_it_stood(tmp_path):
    async with chart(tmp_path) as (desk, _pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J")
        await desk.engine.amend(order.client_id, price=D(64110))
        await hands.until(lambda: desk.engine.order(order.client_id).price == D(64110))
        await hands("enter")
        assert any("has moved since it was picked up" in toast for toast in desk.toasts())
        assert events(desk, order).count("OrderPendingAmend") == 1


async def test_an_order_that_is_done_is_dropped(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J")
        await desk.engine.cancel(order.client_id)
        await hands.until(lambda: pane.staged is None)
        assert hands.legend == "The order that was picked up is done."


async def test_a_move_that_would_take_says_so(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m")
        ask = desk.engine.book(BTC.id).best_ask
        while pane.staged.ticks < ask:
            assert "takes" not in hands.legend
            await hands("up")
        assert "takes at once" in hands.legend


async def test_nothing_is_amended_disarmed_on_a_stale_book_or_halted(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        order = await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J", "ctrl+l", "enter")
        assert isinstance(pane.staged, Moved)
        await hands("escape", "m")
        assert pane.staged is None
        await hands("ctrl+l", "m", "J")
        desk.feed(BookStale(BTC.id, desk.clock.now(), "the line is down"))
        await hands("enter")
        assert any("stale" in toast for toast in desk.toasts())
        assert "OrderPendingAmend" not in events(desk, order)
        desk.tick()
        await hands("f9")
        await hands.until(lambda: desk.engine.order(order.client_id).state is OrderState.CANCELED)
        await hands("enter")
        assert "OrderPendingAmend" not in events(desk, order)


async def test_another_instrument_leaves_the_order_where_it_stands(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await hands("m", "J")
        desk.app.desk.select(ETH.id)
        await hands()
        await desk.painted(hands.pilot)
        assert pane.staged is None
        assert "The order was left where it stands: the chart shows another instrument now." in desk.toasts()
