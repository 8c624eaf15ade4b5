"""The chart driven by its keys and by the mouse, on the real engine over a market that stands still."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from trading_scene import BTC, ETH, PERP, scene

from plugins.chart import ChartPane
from plugins.chart.canvas import Paint
from screens.testing import START, history
from workstation.clock import SECOND
from workstation.domain.market import BookStale, Trade
from workstation.domain.order import OrderState, OrderType, Side
from workstation.market.bars import INTERVALS, Candles

MINUTE = INTERVALS["1m"]


class Hands:
    """Keys and mouse, each painted before the next; and eyes."""

    def __init__(self, desk, pane, pilot):
        self.desk, self.pane, self.pilot = desk, pane, pilot

    async def __call__(self, *keys):
        for key in keys:
            await self.pilot.press(key)
            await self.paint()

    async def paint(self):
        await self.desk.painted(self.pilot)

    async def trade(self, price: str, seconds: float = 1.0, lots: int = 100):
        """A public trade of NOVA:BTC-USDT, some seconds later."""
        self.desk.tick(seconds)
        self.desk.feed(Trade(BTC.id, self.desk.clock.now(), BTC.to_ticks(Decimal(price)), lots, True))
        await self.paint()

    async def move(self, x, y):
        await self.pilot.hover(self.pane, offset=(x, y))
        await self.pilot.pause()

    async def wheel(self, up, ctrl=False):
        event = MouseScrollUp if up else MouseScrollDown
        self.pane.post_message(event(self.pane, 5, 5, 0, 0, 0, False, False, ctrl))
        await self.paint()

    @property
    def rows(self) -> list[str]:
        return [self.pane.row_text(y) for y in range(self.pane.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def legend(self) -> str:
        return self.rows[0].strip()

    def shown(self) -> list[int]:
        """The minutes, counted from the start, of the slots on the screen."""
        return [(slot.bar.ts - START) // MINUTE for slot in self.pane.plot.slots]

    def row_of(self, price: str) -> str:
        """The row in which a price stands."""
        return self.rows[self.pane.plot.top + self.pane.scale.row(float(price))]


@asynccontextmanager
async def chart(tmp_path, size=(140, 40), **options):
    """The chart of NOVA:BTC-USDT, alone on the desk."""
    async with scene(tmp_path, ChartPane, size=size, traded=False, **options) as (desk, pilot):
        await pilot.press("1")
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        await desk.painted(pilot)
        yield desk, pane, Hands(desk, pane, pilot)


# -- what it shows


async def test_history_and_live_trades_stand_side_by_side(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        shown = hands.shown()
        assert shown == list(range(shown[0], 1))
        assert pane.plot.slots[-3].bar == history(BTC.id, MINUTE, Candles.FIRST_MINUTES)[-2]
        assert hands.legend.startswith("O64,199.7")
        assert hands.legend.endswith("V0")
        assert "11:55" in hands.rows[-1]


async def test_the_newest_bar_moves_with_every_trade_and_the_last_price_stands_on_the_axis(tmp_path):
    async with chart(tmp_path) as (_desk, _pane, hands):
        await hands.trade("64180")
        assert "C64,180.0" in hands.legend
        assert hands.row_of("64180").rstrip().endswith("64,180.0")
        await hands.trade("64230", lots=2_500)
        assert "H64,230.0" in hands.legend
        assert "V0.26" in hands.legend
        assert hands.row_of("64230").rstrip().endswith("64,230.0")


async def test_a_new_bar_moves_the_others_by_one_and_nothing_else(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands.trade("64200")
        before, scale, shown = hands.rows, (pane.scale.low, pane.scale.high), hands.shown()
        await hands.trade("64200", seconds=60)
        assert hands.shown() == [minute + 1 for minute in shown]
        assert (pane.scale.low, pane.scale.high) == scale
        step, axis = pane.plot.step, pane.plot.columns
        for y in range(1, pane.height - 1):
            if " " * 9 not in before[y][:axis]:  # rows that hold more than gaps
                continue
            assert before[y][axis:] == hands.rows[y][axis:]
            assert before[y][step:20] == hands.rows[y][: 20 - step]


async def test_a_bar_in_the_middle_of_which_nothing_trades_goes_on_flat(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands.trade("64200")
        desk.clock.advance(3 * MINUTE)
        pane.repaint()
        assert hands.shown()[-4:] == [0, 1, 2, 3]
        assert [slot.bar.volume for slot in pane.plot.slots[-3:]] == [0, 0, 0]


async def test_orders_fills_and_position_are_drawn_in(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await desk.order(BTC.id, Side.BUY, "0.25")
        await hands.trade("64300", seconds=60)
        desk.tick(60)
        await desk.order(BTC.id, Side.SELL, "0.1")
        await desk.order(BTC.id, Side.BUY, "0.05", "64120")
        await desk.order(BTC.id, Side.BUY, "0.02", "64120")
        await desk.order(BTC.id, Side.SELL, "0.1", type=OrderType.STOP, stop_price=Decimal("63950"), reduce_only=True)
        await desk.order(ETH.id, Side.BUY, "1", "3100")
        await hands.paint()
        assert "Buy 0.07 @ 64120.0 (2 orders)" in hands.row_of("64120")
        assert "64,120.0" in hands.row_of("64120")
        assert "Sell stop 0.1 @ 63950" in hands.row_of("63950")
        assert "Long 0.15 @ 6420" in hands.text
        bought, sold = (pane.plot.x + index * pane.plot.step for index in (-3, -1))
        count = len(pane.plot.slots)
        assert hands.row_of("64200.1")[bought + count * pane.plot.step] == "▲"
        assert hands.row_of("64200")[sold + count * pane.plot.step] == "▼"
        assert "3100" not in hands.text
        for order in desk.engine.open_orders(BTC.id):
            await desk.engine.cancel(order.client_id)
        await hands.paint()
        assert "64120" not in hands.text
        assert "▼" in hands.text
        desk.engine.candles_since = desk.clock.now() + 1  # as after a demo's next start, which kept nothing
        await desk.order(BTC.id, Side.BUY, "0.01")
        await hands.paint()
        assert "▼" not in hands.text
        assert "◆" not in hands.text
        assert "made up" in hands.text
        desk.engine.kept_at = lambda since, until: True  # … or has kept those minutes
        await desk.order(BTC.id, Side.BUY, "0.01")
        await hands.paint()
        assert "◆" in hands.text, "bought and sold at that price"
        assert "made up" not in hands.text
        newest = pane.plot.slots[-1].bar.ts
        desk.engine.kept_at, desk.engine.candles_since = (lambda since, until: False), newest  # … or saw the last bar
        await desk.order(BTC.id, Side.BUY, "0.01")
        await hands.paint()
        border = pane.plot.x + (len(pane.plot.slots) - 1) * pane.plot.step
        [row] = [row for row in hands.rows if "made up" in row]
        assert row[:border].endswith("made up ╎")
        desk.engine.candles_since = newest + 1  # … or not all of it
        await desk.order(BTC.id, Side.BUY, "0.01")
        await hands.paint()
        [row] = [row for row in hands.rows if "made up" in row]
        assert row[: pane.plot.columns].rstrip().endswith("made up")
        assert "╎" not in row


async def test_an_order_near_the_market_stretches_the_scale_and_one_far_away_is_counted(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        low = pane.scale.low
        near = Decimal(round(low - (pane.scale.high - low) / 4))
        await desk.order(BTC.id, Side.BUY, "0.01", str(near))
        await desk.order(BTC.id, Side.BUY, "0.01", "61000")
        await desk.order(BTC.id, Side.SELL, "0.01", "66000", reduce_only=False)
        await hands.paint()
        assert pane.scale.shows(float(near))
        assert not pane.scale.shows(61_000)
        assert "↓ 1 order" in hands.rows[pane.plot.top + pane.plot.rows - 1]


# -- the view


async def test_i_steps_through_the_intervals_and_they_stand_in_the_title(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        seen = [pane.interval_name]
        for _ in range(5):
            await hands("i")
            seen.append(pane.interval_name)
            assert pane.plot.slots[-1].bar.ts % pane.interval == 0
            assert f"NOVA:BTC-USDT {pane.interval_name}" in desk.screen_text()
        assert seen == ["1m", "5m", "15m", "1h", "4h", "1d"]
        await hands("i")
        assert "1d is the longest interval." in desk.toasts()
        for _ in range(8):
            await hands("I")
        assert pane.interval_name == "5s"
        assert "5s is the shortest interval." in desk.toasts()


async def test_all_intervals_tell_of_the_same_trades(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        for price in ("64150", "64310.5", "64222.2"):
            await hands.trade(price)
        for _ in range(5):
            await hands("i")
            newest = pane.plot.slots[-1].bar
            assert newest.close == pytest.approx(64222.2)
            assert newest.high >= 64310.5
            assert newest.low <= 64150


async def test_w_zooms_in_and_out(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        widths = [pane.plot.step]
        for _ in range(5):
            await hands("w")
            widths.append(pane.plot.step)
        assert widths == [2, 4, 6, 8, 8, 8]
        assert "███████" in hands.text
        few = len(pane.plot.slots)
        for _ in range(9):
            await hands("W")
        assert pane.plot.step == 1
        assert len(pane.plot.slots) >= 8 * few


async def test_scrolling_back_stays_there_until_it_is_sent_back_to_live(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        count = pane.plot.count
        await hands("pageup")
        past = hands.shown()
        assert past[-1] == -(count // 2)
        assert "◂ 11:" in desk.screen_text()
        rows = hands.rows[1 : pane.plot.top + pane.plot.rows]
        await hands.trade("64200", seconds=90)
        assert hands.shown() == past
        assert [row[: pane.plot.columns] for row in rows] == [
            row[: pane.plot.columns] for row in hands.rows[1 : pane.plot.top + pane.plot.rows]
        ]
        await hands("pagedown")
        assert hands.shown()[-1] in (0, 1)
        await hands("pageup", "pageup", "space")
        assert (pane.end, hands.shown()[-1]) == (None, 1)


async def test_home_goes_to_the_oldest_bar_of_the_source(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("home")
        series = desk.engine.bar_series(BTC.id, MINUTE)
        assert pane.plot.slots[0].bar == series.closed[0]
        assert len(series.closed) >= series.limit - 1
        await hands("end")
        assert pane.end is None


async def test_volume_scale_and_pin_are_switched_and_kept(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        assert any(paint in row for row in pane_paints(pane) for paint in (Paint.UP_VOLUME, Paint.DOWN_VOLUME))
        rows = pane.plot.rows
        await hands("v")
        assert pane.plot.rows > rows
        await hands("y")
        assert pane.scale.logarithmic
        assert "1m log" in desk.screen_text()
        await hands("P")
        desk.app.desk.select(ETH.id)
        await hands.paint()
        assert pane.plot.instrument == BTC.id
        assert pane.settings["volume"] is False
        await hands("P")
        assert pane.plot.instrument == ETH.id


def pane_paints(pane):
    """The paints of each row, as the pane last put them."""
    return [key[1] for key in pane._row_keys if isinstance(key, tuple) and isinstance(key[1], bytes)]


async def test_another_instrument_has_a_chart_of_its_own(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("left", "b")
        desk.app.desk.select(ETH.id)
        await hands.paint()
        assert "O3,2" in hands.legend
        assert (pane.staged, pane.crosshair, pane.end) == (None, None, None)
        assert "The staged order was discarded: the chart shows another instrument now." in desk.toasts()


async def test_after_a_seek_the_chart_shows_the_other_time(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("pageup")
        desk.engine.market_moved()
        desk.clock.jump_to(START - 500 * 3_600 * SECOND)
        await hands.trade("70000")
        assert pane.plot is None or pane.plot.slots
        await hands("space")
        assert "C70,000.0" in hands.legend


# -- the crosshair


async def test_the_crosshair_tells_of_the_bar_under_it(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands("left")
        assert pane.crosshair is not None
        await hands("left", "left")
        bar = pane.plot.slots[-4].bar
        assert hands.legend.startswith(f"O{bar.open:,.1f}  H{bar.high:,.1f}  L{bar.low:,.1f}  C{bar.close:,.1f}")
        change = bar.close / pane.plot.slots[-5].bar.close - 1
        assert f"{change * 100:+.2f}%" in hands.legend
        assert "11:57" in hands.rows[-1]
        await hands("right", "right", "right", "right")
        assert "12:00" in hands.rows[-1]
        await hands("escape")
        assert pane.crosshair is None


async def test_the_crosshair_moves_by_round_prices_and_by_ticks(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands("up")
        first = pane.crosshair
        await hands("up")
        step = pane.crosshair - first
        assert step > 1
        assert pane.crosshair % step == 0
        await hands("K")
        assert pane.crosshair % step == 1
        await hands("down")
        assert pane.crosshair % step == 0
        await hands("J", "J")
        assert pane.crosshair % step == step - 2
        shown = f"{BTC.price(pane.crosshair):,.1f}"
        assert hands.row_of(str(BTC.price(pane.crosshair))).rstrip().endswith(shown)


@pytest.mark.slow
async def test_the_crosshair_takes_the_view_along(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands(*["left"] * (pane.plot.count + 3))
        assert pane.plot.slots[0].bar.ts == pane.bar_ts
        assert hands.shown()[0] == -(pane.plot.count + 3)
        await hands(*["right"] * (pane.plot.count + 9))
        assert (pane.end, pane.bar_ts) == (None, None)


async def test_the_crosshair_stays_with_the_newest_bar_or_with_the_one_it_was_put_on(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands("up")
        await hands.trade("64333", seconds=60)
        assert "C64,333.0" in hands.legend
        await hands("left")
        on = pane.bar_ts
        await hands.trade("64334", seconds=60)
        assert pane.bar_ts == on
        assert "C64,334.0" not in hands.legend


async def test_the_mouse_hovers_clicks_scrolls_and_zooms(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands.move(20, 10)
        assert pane.hovering
        hovered = pane.bar_ts
        assert pane.scale.row(float(BTC.price(pane.crosshair))) == 10 - pane.plot.top
        await hands.move(30, 12)
        assert pane.bar_ts > hovered
        await hands.move(30, 0)  # off the candles
        assert pane.crosshair is None
        await hands.pilot.click(pane, offset=(20, 10))
        await hands.paint()
        await hands.move(30, 12)
        assert (pane.hovering, pane.bar_ts) == (False, hovered)
        end = hands.shown()[-1]
        await hands.wheel(up=True)
        assert hands.shown()[-1] < end
        await hands.wheel(up=False)
        assert hands.shown()[-1] == end
        await hands.wheel(up=True, ctrl=True)
        assert pane.plot.step == 4


# -- orders


async def test_b_stages_a_buy_at_the_crosshair_and_enter_sends_it(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("down", "down", "down", "b")
        price = BTC.price(pane.crosshair)
        assert not desk.engine.orders()
        size = desk.app.desk.size(BTC.id)
        assert hands.legend.startswith(f"Buy {size.normalize():f} @ {price:,.1f}")
        assert "sends" in hands.legend
        assert "Buy" in hands.row_of(str(price))
        await hands("enter")
        (order,) = desk.engine.open_orders(BTC.id)
        assert (order.side, order.type, order.price, order.quantity) == (Side.BUY, OrderType.LIMIT, price, size)
        assert pane.staged is None
        assert "Accepted" in hands.legend
        await hands("enter")
        assert len(desk.engine.orders()) == 1
        assert any("Nothing is staged" in toast for toast in desk.toasts())


async def test_s_stages_a_sell_and_esc_discards_it(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await desk.order(BTC.id, Side.BUY, "0.25")
        await hands("up", "s")
        assert hands.legend.startswith("Sell")
        await hands("b")
        assert hands.legend.startswith("Buy")
        await hands("escape")
        assert pane.staged is None
        assert pane.crosshair is not None
        await hands("enter")
        assert not desk.engine.open_orders()


async def test_what_is_staged_moves_and_changes_its_size(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("down", "b")
        at, size = pane.staged.ticks, pane.staged.quantity
        await hands("J")
        assert pane.staged.ticks == at - 1
        await hands("down", "+")
        assert pane.staged.ticks < at - 1
        assert pane.staged.quantity > size
        await hands("-")
        assert pane.staged.quantity == size
        await hands("enter")
        (order,) = desk.engine.orders()
        assert order.price < BTC.price(at - 1)


async def test_a_staged_order_that_would_take_says_so(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        await hands("b")
        assert pane.staged.ticks < desk.engine.book(BTC.id).best_ask
        assert "sends" in hands.legend
        while pane.staged.ticks < desk.engine.book(BTC.id).best_ask:
            await hands("K")
        assert "takes at once" in hands.legend


async def test_the_objection_of_risk_stands_where_the_order_is_staged(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        desk.app.desk.set_size(BTC.id, Decimal(90))
        await hands("down", "b")
        draft = pane.draft()
        objection = next(verdict.sentence for verdict in desk.engine.preview(draft).verdicts if not verdict.ok)
        assert hands.legend.startswith(objection[:40])
        await hands("enter")
        assert [order.state for order in desk.engine.orders()] == [OrderState.DENIED]
        assert any("Not sent" in toast for toast in desk.toasts())


async def test_a_disarmed_desk_stages_and_sends_nothing(tmp_path):
    async with chart(tmp_path, mode="paper") as (desk, pane, hands):
        await hands("down", "b")
        assert pane.staged is None
        await hands("ctrl+l", "b", "ctrl+l", "enter")
        assert pane.staged is not None
        assert not desk.engine.orders()


async def test_nothing_is_sent_on_a_stale_book(tmp_path):
    async with chart(tmp_path) as (desk, _pane, hands):
        await hands("down", "b")
        desk.feed(BookStale(BTC.id, desk.clock.now(), "the line is down"))
        await hands("enter")
        assert not desk.engine.orders()
        assert any("stale" in toast for toast in desk.toasts())


# -- little room, and nothing to show


async def test_a_small_chart_gives_up_the_volume_before_the_candles(tmp_path, monkeypatch):
    async with chart(tmp_path, size=(80, 24)) as (_desk, pane, hands):
        assert pane.plot.rows < pane.height - 2
        monkeypatch.setattr(ChartPane, "height", property(lambda _: 8))
        pane.invalidate()
        pane.repaint()
        assert pane.plot.rows == 6
        monkeypatch.setattr(ChartPane, "height", property(lambda _: 5))
        pane.repaint()
        assert hands.legend == "z gives the chart room."


async def test_nothing_has_traded(tmp_path):
    async with chart(tmp_path) as (desk, pane, hands):
        desk.engine.market_moved()
        desk.engine.market(BTC.id).candles._history = lambda *_: ()
        pane.repaint()
        assert hands.legend.startswith("Waiting for the first trade of BTC-USDT")
        await hands("b")
        assert pane.staged is None
        await hands.trade("64000")
        assert "C64,000.0" in hands.legend


async def test_derivatives_have_charts_too(tmp_path):
    async with chart(tmp_path) as (desk, _pane, hands):
        desk.app.desk.select(PERP.id)
        await desk.order(PERP.id, Side.SELL, "0.25")
        await hands.paint()
        assert "Short 0.25" in hands.text


async def test_an_idle_chart_draws_nothing(tmp_path):
    async with chart(tmp_path) as (_desk, pane, hands):
        await hands.paint()
        drawn = []
        pane._draw = lambda *_: drawn.append(1)  # would draw again
        for _ in range(10):
            pane.paint(_desk.clock.now())
        assert drawn == []
