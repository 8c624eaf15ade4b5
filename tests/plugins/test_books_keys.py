"""The ladder driven by its keys and by the mouse, on the real engine over a market that stands still."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
from textual.events import Click, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp
from trading_scene import BTC, PERP, scene

from plugins.books import LadderPane
from plugins.books.model import HOLD
from screens.testing import START, book
from workstation.clock import SECOND
from workstation.domain.market import BookStale, Trade
from workstation.domain.order import OrderState, OrderType, Side

WIDE = (140, 40)
BID, ASK = Decimal("64200.0"), Decimal("64200.1")


@asynccontextmanager
async def ladder(tmp_path, size=WIDE, traded=False, group=1, **options):
    """The ladder of NOVA:BTC-USDT with a row for every tick, alone on the desk."""
    async with scene(tmp_path, LadderPane, size=size, traded=traded, **options) as (desk, pilot):
        await pilot.press("1")
        pane = desk.app.workspace.panes["books"]
        pane.focus()
        await pilot.pause()
        if group is not None:
            pane.settings["groups"] = {BTC.id: group, PERP.id: group}
            pane.fit()
            pane.repaint()
        await desk.painted(pilot)
        yield desk, pane, Hands(desk, pane, pilot)


class Hands:
    """Keys and mouse, each painted before the next."""

    def __init__(self, desk, pane, pilot):
        self.desk, self.pane, self.pilot = desk, pane, pilot

    async def __call__(self, *keys):
        for key in keys:
            await self.pilot.press(key)
            await self.paint()

    async def paint(self):
        await self.desk.painted(self.pilot)
        self.pane.repaint()

    async def click(self, x, y, **options):
        await self.pilot.click(self.pane, offset=(x, y), **options)
        await self.paint()

    async def drag(self, x, *rows):
        """The left button goes down in the first of the rows and up in the last."""
        for y, kinds in [(rows[0], [MouseDown]), *((y, [MouseMove]) for y in rows[1:]), (rows[-1], [MouseUp, Click])]:
            await self.pilot._post_mouse_events(kinds, self.pane, offset=(x, y), button=1)
        await self.paint()

    async def wheel(self, up):
        event = MouseScrollUp if up else MouseScrollDown
        self.pane.post_message(event(self.pane, 5, 5, 0, 0, 0, False, False, False))
        await self.paint()


def working(desk, side=None):
    return [order for order in desk.engine.open_orders(BTC.id) if side in (None, order.side)]


def shown(pane):
    return [pane.row_text(y) for y in range(pane.height)]


def row_with(pane, price):
    """The ladder's line that shows this price."""
    return next(line for line in shown(pane)[1:] if price in line.split("◆")[-1].split())


def y_of(pane, price):
    return next(y for y, line in enumerate(shown(pane)) if f"{price}" in line and y > 0)


async def rest(desk, side, quantity, price):
    order = await desk.order(BTC.id, side, quantity, price)
    assert order.state is OrderState.ACCEPTED, order.reason
    return order


# Reading the ladder.


async def test_best_prices_stand_side_by_side_in_the_middle(tmp_path):
    async with ladder(tmp_path) as (_, pane, _press):
        lines = shown(pane)
        bid, ask = y_of(pane, "64200.0"), y_of(pane, "64200.1")
        assert ask + 1 == bid
        assert abs(bid - len(lines) // 2) <= 2


async def test_an_own_order_stands_in_its_row_with_its_place_in_the_queue(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await rest(desk, Side.BUY, "0.05", "64199.8")
        await press.paint()
        assert desk.engine.queue_ahead(working(desk)[0].client_id) is not None
        assert "0.05 ▸" in row_with(pane, "64199.8")


async def test_a_trade_marks_its_price_with_its_quantity_and_repeats_add_up(tmp_path):
    async with ladder(tmp_path) as (desk, pane, _press):
        for number in range(2):
            desk.feed(Trade(BTC.id, START + number, 642_001, 1_500, True, f"x{number}"))
        pane.repaint()
        assert "0.300" in row_with(pane, "64200.1▴")


async def test_the_position_shows_its_price_and_its_profit(tmp_path):
    async with ladder(tmp_path) as (desk, pane, _press):
        await desk.order(BTC.id, Side.BUY, "0.01")
        pane.repaint()
        text = "\n".join(shown(pane))
        assert "◆64200.1" in text
        assert "+0.01 @ 64200.1" in text


async def test_spread_and_imbalance_stand_below(tmp_path):
    async with ladder(tmp_path) as (_, pane, _press):
        line = next(line for line in shown(pane) if "tick" in line)
        assert "1 tick 0.016 bp" in line
        bids, asks = (int(part.rstrip("%")) for part in line.split() if part.endswith("%"))
        assert bids + asks == 100


# Staging and sending.


async def test_b_stages_at_the_best_bid_and_enter_sends(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b")
        assert not working(desk)
        assert "⏎" in row_with(pane, "64200.0")
        assert "Buy" in "".join(shown(pane)[-3:])
        await press("enter")
        (order,) = working(desk)
        assert (order.side, order.price, order.quantity) == (Side.BUY, BID, desk.app.desk.size(BTC.id))
        assert pane.staged is None


async def test_s_stages_at_the_best_ask(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await desk.order(BTC.id, Side.BUY, "0.2")
        await press("s", "enter")
        (order,) = working(desk)
        assert (order.side, order.price) == (Side.SELL, ASK)


async def test_the_cursor_chooses_the_price(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await press("down", "j", "j", "up", "b", "enter")
        assert working(desk)[0].price == Decimal("64199.8")


async def test_the_cursors_side_is_chosen_by_left_and_right(tmp_path):
    async with ladder(tmp_path) as (_desk, pane, press):
        await press("l")
        assert pane.ladder.cursor_row(pane.book) == 642_001
        await press("h")
        assert pane.ladder.cursor_row(pane.book) == 642_000


async def test_a_staged_order_moves_with_the_arrows_and_by_ticks(tmp_path):
    async with ladder(tmp_path, group=10) as (desk, _pane, press):
        await press("b", "down", "down", "K", "enter")  # two rows of ten ticks down, one tick up
        assert working(desk)[0].price == Decimal("64198.1")


async def test_escape_discards(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b", "escape")
        assert pane.staged is None
        await press("enter")
        assert not desk.engine.orders()
        assert any("Nothing is staged" in toast for toast in desk.toasts())


async def test_the_first_objection_shows_before_anything_is_sent(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        desk.app.desk.set_size(BTC.id, Decimal(3))
        await press("b")
        footer = " ".join("".join(line for line in shown(pane)[-3:]).split())
        refusal = next(v.sentence for v in desk.engine.preview(pane.draft()).verdicts if not v.ok)
        assert refusal[:40] in footer
        assert not desk.engine.orders()


async def test_a_staged_order_that_would_trade_at_once_says_so(tmp_path):
    async with ladder(tmp_path) as (_, pane, press):
        await press("b")
        assert "takes" not in "".join(shown(pane)[-3:])
        await press("up")
        assert "Buy 0.02 @ 64200.1 takes" in "".join(shown(pane)[-3:])


async def test_a_denied_order_says_why(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        desk.app.desk.set_size(BTC.id, Decimal(3))
        await press("b", "enter")
        (order,) = desk.engine.orders()
        assert order.state is OrderState.DENIED
        assert any(order.reason in toast for toast in desk.toasts())


async def test_a_venues_refusal_is_told(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        for venue in desk.venues:
            venue.mute = True
        await press("b", "enter")
        assert any("No answer from the venue" in toast for toast in desk.toasts())


async def test_size_presets_change_what_is_staged(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b", "+")
        larger = pane.staged.quantity
        await press("-", "-")
        assert pane.staged.quantity < larger
        await press("enter")
        assert working(desk)[0].quantity == desk.app.desk.size(BTC.id) < larger


async def test_take_and_hit_trade_at_the_best_opposite_price(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("B")
        await press("S")
        buy, sell = desk.engine.fills(BTC.id)
        assert (buy.side, buy.price) == (Side.BUY, ASK)
        assert (sell.side, sell.price) == (Side.SELL, BID)
        assert "Filled" in "".join(shown(pane)[-3:])


async def test_a_resting_order_that_fills_later_is_told_in_place(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await rest(desk, Side.BUY, "0.05", "64199.8")
        await press.paint()
        desk.feed(Trade(BTC.id, START + 1, 641_990, 1_000_000, False, "sweep"))
        await press.paint()
        assert "Bought 0.05 at 64,199.8." in "".join(shown(pane)[-3:])


# Amending and cancelling.


async def test_j_and_k_move_the_order_at_the_cursor_and_enter_amends(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await rest(desk, Side.BUY, "0.05", "64199.5")
        await press(*["down"] * 5, "J", "J", "K")
        assert "↕" in row_with(pane, "64199.4")
        assert working(desk)[0].price == Decimal("64199.5")
        await press("enter")
        assert working(desk)[0].price == Decimal("64199.4")


async def test_an_amendment_moves_by_rows_with_the_arrows(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await rest(desk, Side.BUY, "0.05", "64200.0")
        await press("J", "down", "down", "enter")
        assert working(desk)[0].price == Decimal("64199.7")


async def test_escape_leaves_an_order_where_it_stands(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await rest(desk, Side.BUY, "0.05", "64200.0")
        await press("J", "escape", "enter")
        assert pane.staged is None
        assert working(desk)[0].price == BID


async def test_moving_nothing_says_so(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await press("J")
        assert any("no working order" in toast for toast in desk.toasts())


async def test_a_stop_is_moved_by_its_trigger(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await desk.order(BTC.id, Side.BUY, "0.05")
        stop = await desk.order(
            BTC.id, Side.SELL, "0.05", type=OrderType.STOP, stop_price=Decimal("64199.5"), reduce_only=True
        )
        await press("down", "down", "down", "down", "down", "J", "enter")
        assert desk.engine.order(stop.client_id).stop_price == Decimal("64199.4")


async def test_x_cancels_at_the_cursor_only(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await rest(desk, Side.BUY, "0.05", "64199.9")
        kept = await rest(desk, Side.BUY, "0.05", "64199.5")
        await press("down", "x")
        assert [order.client_id for order in working(desk)] == [kept.client_id]


async def test_capital_x_cancels_all_of_this_instrument_only(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await rest(desk, Side.BUY, "0.05", "64199.9")
        await rest(desk, Side.BUY, "0.05", "64199.5")
        other = await desk.order(PERP.id, Side.BUY, "0.05", "64000")
        await press("X")
        assert [order.client_id for order in desk.engine.open_orders()] == [other.client_id]
        await press("X")
        assert any("no working order" in toast for toast in desk.toasts())


# The position.


async def test_close_reverse_and_break_even(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        pane.pin(PERP.id)
        await press.paint()
        await desk.order(PERP.id, Side.BUY, "0.1")
        await press("E")
        assert any("break-even" in toast for toast in desk.toasts())
        desk.clock.advance(3 * SECOND)
        desk.feed(book(PERP, desk.clock.now()))
        await press("R")
        assert desk.engine.position(PERP.id).quantity == Decimal("-0.1")
        desk.clock.advance(3 * SECOND)
        desk.feed(book(PERP, desk.clock.now()))
        await press("C")
        assert desk.engine.position(PERP.id).is_flat


async def test_closing_without_a_position_says_so(tmp_path):
    async with ladder(tmp_path) as (desk, _pane, press):
        await press("C")
        assert desk.toasts()


# Safety.


async def test_nothing_is_sent_on_a_stale_book(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b")
        desk.feed(BookStale(BTC.id, START + 1, "the venue's link is down"))
        await press("enter", "B", "S", "b")
        assert not desk.engine.orders()
        assert any("stale" in toast for toast in desk.toasts())
        assert "STALE" in "".join(shown(pane)[-3:])


async def test_nothing_is_staged_or_sent_while_disarmed(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("ctrl+l", "b", "B", "enter")
        assert pane.staged is None
        assert not desk.engine.orders()


async def test_a_staged_order_does_not_follow_to_another_instrument(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b")
        desk.app.desk.select(PERP.id)
        await press("enter")
        assert pane.staged is None
        assert not desk.engine.orders()


async def test_the_window_stands_still_while_an_order_is_staged(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b")
        top = pane.ladder.top
        far = book(BTC, START + 1)
        up = msgspec.structs.replace(
            far,
            bids=tuple((price + 300, lots) for price, lots in far.bids),
            asks=tuple((price + 300, lots) for price, lots in far.asks),
        )
        desk.clock.advance(2 * HOLD)
        desk.feed(up)
        pane.repaint()
        assert pane.ladder.top == top
        assert "market above" in shown(pane)[0]
        await press("escape", "space")
        assert pane.ladder.top > top


# View.


async def test_grouping_by_keys_is_remembered_per_instrument(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("G", "G")
        assert pane.ladder.group == 5
        assert pane.settings["groups"][BTC.id] == 5
        assert pane.status() == "×5"
        await press("g")
        assert pane.ladder.group == 2
        await press("a")
        assert BTC.id not in pane.settings["groups"]
        assert desk.engine.orders() == []


async def test_the_ladder_can_be_pinned(tmp_path):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("P")
        desk.app.desk.select(PERP.id)
        assert pane.instrument_id == BTC.id
        await press("P")
        assert pane.instrument_id == PERP.id


# The mouse.


async def test_a_click_stages_and_a_second_click_sends(tmp_path):
    async with ladder(tmp_path) as (desk, pane, hands):
        columns, y = pane.columns, y_of(pane, "64199.8")
        await hands.click(columns.own + 2, y)
        assert (pane.staged.side, pane.staged.ticks) == (Side.BUY, 641_998)
        assert not working(desk)
        await hands.click(columns.own + 2, y)
        assert working(desk)[0].price == Decimal("64199.8")


async def test_one_click_mode_sends_at_once(tmp_path):
    async with ladder(tmp_path) as (desk, pane, hands):
        await hands("M")
        await hands.click(pane.columns.own + 2, y_of(pane, "64199.8"))
        assert working(desk)[0].price == Decimal("64199.8")


async def test_an_own_order_is_dragged_to_its_price_and_waits_for_enter(tmp_path):
    async with ladder(tmp_path) as (desk, pane, hands):
        await rest(desk, Side.BUY, "0.05", "64199.8")
        pane.repaint()
        from_y, to_y = y_of(pane, "64199.8"), y_of(pane, "64199.5")
        await hands.drag(1, from_y, to_y)
        assert pane.staged.price == 641_995
        assert "Move buy 0.05 to 64199.5" in "\n".join(shown(pane))
        assert working(desk)[0].price == Decimal("64199.8"), "only Enter sends"
        await hands("enter")
        assert working(desk)[0].price == Decimal("64199.5")
        await hands.drag(1, to_y, from_y, to_y)
        assert pane.staged is None, "back where it stood"
        await hands("M")
        await hands.drag(1, to_y, from_y)
        assert working(desk)[0].price == Decimal("64199.8"), "with one click the release sends"
        desk.app.armed = False
        await hands.drag(1, from_y, to_y)
        assert pane.staged is None
        assert "DISARMED" in desk.screen_text()


async def test_what_is_picked_up_and_moves_or_ends_elsewhere_is_not_amended(tmp_path):
    async with ladder(tmp_path) as (desk, pane, hands):
        order = await rest(desk, Side.BUY, "0.05", "64199.8")
        await hands("down", "down", "J")
        assert pane.staged.orders == (order.client_id,)
        await desk.engine.amend(order.client_id, price=Decimal("64199.0"))
        await hands("enter")
        assert pane.outcome == ("Nothing was amended: the order has moved since it was picked up.", True)
        assert working(desk)[0].price == Decimal("64199.0")
        pane.ladder.put(641_990, desk.engine.clock.now())
        await hands("J")
        await desk.engine.cancel(order.client_id)
        await hands.paint()
        assert pane.staged is None
        assert pane.outcome[0] == "The order that was picked up is done."


async def test_a_click_on_an_own_order_selects_it_and_the_right_button_cancels_it(tmp_path):
    async with ladder(tmp_path) as (desk, pane, hands):
        await rest(desk, Side.BUY, "0.05", "64199.8")
        pane.repaint()
        y = y_of(pane, "64199.8")
        await hands.click(1, y)
        assert pane.ladder.cursor == 641_998
        assert pane.staged is None
        await hands.click(1, y, button=3)
        assert not working(desk)


async def test_the_wheel_scrolls(tmp_path):
    async with ladder(tmp_path) as (_desk, pane, hands):
        top = pane.ladder.top
        await hands.wheel(up=True)
        assert pane.ladder.top == top + 2
        await hands.wheel(up=False)
        assert pane.ladder.top == top


# Small.


async def test_a_narrow_ladder_keeps_orders_and_quantities(tmp_path):
    async with ladder(tmp_path, size=(30, 20)) as (desk, pane, _press):
        await rest(desk, Side.BUY, "0.05", "64199.8")
        pane.repaint()
        assert "B0.05" in row_with(pane, "64199.8")
        assert all(len(line) == pane.width for line in shown(pane))


async def test_a_tiny_ladder_still_shows_the_best_prices(tmp_path):
    async with ladder(tmp_path, size=(24, 8)) as (_, pane, _press):
        text = "\n".join(shown(pane))
        assert "64200.0" in text
        assert "64200.1" in text


async def test_what_a_closed_gate_refuses_is_not_said_to_be_sent(tmp_path, monkeypatch):
    async with ladder(tmp_path) as (desk, pane, press):
        await press("b")
        monkeypatch.setattr(desk.engine, "ready", False)
        await press("enter")
        assert any("opening its store" in toast for toast in desk.toasts())
        assert pane.outcome == ("Buy 0.02 @ 64,200.0: not sent.", True)


async def test_an_answer_that_came_before_it_was_waited_for_is_not_waited_for(tmp_path):
    async with ladder(tmp_path) as (desk, pane, _press):
        order = await desk.order(BTC.id, Side.BUY, "0.1", "64000")
        asked = msgspec.structs.replace(order, state=OrderState.SUBMITTED)  # as it was when the key was pressed
        assert (await pane.answered(asked)).state is OrderState.ACCEPTED


async def test_own_orders_outside_the_window_are_counted_at_the_head(tmp_path):
    balances = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
    async with ladder(tmp_path, balances=balances) as (desk, pane, press):
        for side, price in ((Side.BUY, "63000"), (Side.BUY, "62000"), (Side.SELL, "65000")):
            await desk.order(BTC.id, side, "0.01", price)
        await press.paint()
        assert pane.row_text(0).startswith("own ↑1 ↓2 ")
        await press("z")
        assert "buys ↓2 " in pane.row_text(0)
        assert "sells ↑1 " in pane.row_text(0)
        pane.ladder.put(622_000, desk.clock.now())
        await press.paint()
        assert "market above" in pane.row_text(0)
        assert "own ↑2 ↓1" in pane.row_text(0), "where the market is out of sight too"


async def test_a_ladder_without_a_head_says_in_its_title_that_orders_do_not_show(tmp_path):
    async with ladder(tmp_path, size=(60, 12)) as (desk, pane, press):
        assert (pane.header, pane.status()) == (0, "×1")
        await desk.order(BTC.id, Side.BUY, "0.01", "63000")
        await press.paint()
        assert pane.status() == "own ↓1 ×1"
