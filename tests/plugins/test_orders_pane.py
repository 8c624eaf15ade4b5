"""The blotter: what it lists, and amending and cancelling in it by keyboard."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
import trade_page
from textual import events
from trading_scene import BTC, ETH, PERP, scene, snapshot

from plugins.orders import OrdersPane
from plugins.orders.history import History
from plugins.ticket.report import fate, verdicts
from screens import figures
from screens.number_field import NumberField
from screens.order_words import event_text
from workstation.domain import events as e
from workstation.domain.formats import NumberStyle
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side


def pane_of(desk) -> OrdersPane:
    return desk.app.workspace.panes["orders"]


def rows(desk) -> list[str]:
    """The table's rows as shown, without header and last line."""
    pane = pane_of(desk)
    return [text for y in range(1, pane.height - 1) if (text := pane.row_text(y).rstrip(" ▐"))]


def working(desk, instrument, side):
    return next(o for o in desk.engine.open_orders(instrument.id) if o.side is side and o.type is OrderType.LIMIT)


async def go_to(desk, pilot, order):
    """Put the cursor on an order."""
    pane = pane_of(desk)
    pane.focus()
    pane.move_to([row.client_id for row in pane._shown].index(order.client_id))
    await desk.painted(pilot)


async def test_working_orders_stand_first_and_the_newest_on_top(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, _pilot):
        states = [row.state for row in pane_of(desk)._shown]
        closed = [state in (OrderState.FILLED, OrderState.DENIED, OrderState.CANCELED) for state in states]
        assert closed == sorted(closed)
        entered = [row.created_at for row in pane_of(desk)._shown]
        assert entered[:5] == sorted(entered[:5], reverse=True)
        assert entered[5:] == sorted(entered[5:], reverse=True)
        assert pane_of(desk).status() == "all · 5 working"


async def test_a_row_tells_everything_of_an_order(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, _pilot):
        text = next(row for row in rows(desk) if "stop-lmt" in row)
        for part in ("12:00:09", "NOVA:BTC-PERP", "SELL", "0.050", "63,000.0", "63,100.0", "working", "GTC"):
            assert part in text
        partial = next(row for row in rows(desk) if "partial" in row)
        for part in ("0.5000", "0.1375", "64,200.1"):
            assert part in partial
        denied = next(row for row in rows(desk) if "denied" in row)
        assert "The order's value" in denied


async def test_the_terms_are_told_whole_in_their_column_or_under_the_table(tmp_path):
    async with scene(tmp_path, OrdersPane, traded=False) as (desk, pilot):
        terms = {"display": D("0.00125"), "post_only": True}
        await desk.order(BTC.id, Side.BUY, "0.05", "63900", **terms)
        await desk.painted(pilot)
        assert "GTC shows 0.00125" in rows(desk)[0]
        await pilot.resize_terminal(130, 30)
        await desk.painted(pilot)
        assert "…" in rows(desk)[0]
        assert "limit GTC shows 0.00125 post" in pane_of(desk).row_text(pane_of(desk).height - 1)


async def test_a_last_line_that_is_too_long_says_that_it_is_cut(tmp_path):
    async with scene(tmp_path, OrdersPane, size=(80, 24)) as (desk, pilot):
        await go_to(desk, pilot, next(row for row in pane_of(desk)._shown if row.state is OrderState.DENIED))
        line = pane_of(desk).row_text(pane_of(desk).height - 1)
        assert line.startswith(" limit GTC · The order's value")
        assert line.endswith("…")


async def test_the_numbers_of_a_reason_have_the_signs_of_the_locale_and_a_copy_the_point(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        pane = pane_of(desk)
        denied = next(row for row in pane._shown if row.state is OrderState.DENIED)
        draft = OrderDraft(instrument=BTC.id, side=Side.BUY, quantity=D(3), price=D(64190))
        refused = desk.engine.preview(draft).verdicts
        figures.use(NumberStyle(",", "."), None)
        try:
            pane.invalidate()  # the signs are chosen before a desk is painted: what shows was painted in others
            await go_to(desk, pilot, denied)
            assert "192.570,00" in pane.row_text(pane.height - 1)
            assert "192.570" in next(row for row in rows(desk) if "denied" in row)
            assert "192,570.00" in pane.cell(denied, "reason")[0]
            assert "192.570,00" in fate(None, denied, BTC, set(), pane.ink, 200)[0][0][0]
            assert "192.570,00" in verdicts(refused, pane.ink, 200, 5)[0][0][0]
        finally:
            figures.use(NumberStyle(), None)


async def test_an_empty_blotter_says_what_to_do(tmp_path):
    async with scene(tmp_path, OrdersPane, traded=False) as (desk, _pilot):
        assert rows(desk) == [" No orders to show. o opens the ticket."]


async def test_filters_by_state_and_by_instrument(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await pilot.press("f")
        assert [row.is_open for row in pane_of(desk)._shown] == [True] * 5
        await pilot.press("f")
        assert [row.is_open for row in pane_of(desk)._shown] == [False] * 5
        await pilot.press("f", "i")
        assert {row.instrument for row in pane_of(desk)._shown} == {BTC.id}
        assert pane_of(desk).status() == f"all {BTC.id} · 5 working"
        await pilot.press("i")
        assert len(pane_of(desk)._shown) == 10


async def test_a_new_order_comes_on_top_and_the_cursor_stays_with_its_own(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await pilot.press("j", "j")
        before = pane_of(desk).selected_row
        await desk.order(ETH.id, Side.BUY, "1", "3000")
        await desk.painted(pilot)
        assert pane_of(desk).selected_row.client_id == before.client_id
        assert "3,000.00" in rows(desk)[0]


async def test_sorts_by_columns(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await pilot.press("t", "t")
        await desk.painted(pilot)
        assert pane_of(desk).sort_key == "instrument"
        shown = [row.instrument for row in pane_of(desk)._shown]
        assert shown == sorted(shown)
        await pilot.press("T")
        assert [row.instrument for row in pane_of(desk)._shown] == sorted(shown, reverse=True)


async def test_enter_opens_the_terms_in_the_row_and_sends_the_change(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await go_to(desk, pilot, order)
        await pilot.press("enter")
        bar = pane_of(desk).bar
        assert bar.display
        assert bar.region.y == pane_of(desk).region.y + 1 + pane_of(desk)._cursor
        assert (bar.field("quantity").value, bar.field("price").value) == ("0.050", "63500.5")
        assert not bar.field("stop").display
        assert desk.app.focused is bar.field("price")
        await pilot.press("end", *["backspace"] * 7, *"63600", "tab", "end", "backspace", "backspace", *"75", "enter")
        await desk.painted(pilot)
        after = desk.engine.order(order.client_id)
        assert (after.price, after.quantity, after.state) == (D(63600), D("0.075"), OrderState.ACCEPTED)
        assert not bar.display
        assert desk.app.focused is pane_of(desk)


def burst(desk, *keys) -> None:
    """Keys that arrive in one go, as over a slow line: the desk has no turn between them."""
    for key in keys:
        desk.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_keys_of_one_burst_fall_into_the_field_that_has_the_focus_when_each_was_pressed(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await go_to(desk, pilot, order)
        burst(desk, "enter", "end", "backspace", "7", "tab", "end", "backspace", "1")
        await desk.painted(pilot)
        bar = pane_of(desk).bar
        assert bar.order is not None
        assert (bar.field("price").value, bar.field("quantity").value) == ("63500.7", "0.051")
        burst(desk, "tab", "end", "backspace", "6", "enter")
        await desk.painted(pilot)
        after = desk.engine.order(order.client_id)
        assert (after.price, after.quantity) == (D("63500.6"), D("0.051"))


async def test_j_and_k_move_it_by_ticks_enter_sends_escape_discards(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await go_to(desk, pilot, order)
        await pilot.press("J", "J", "J", "K")
        assert pane_of(desk).bar.field("price").value == "63500.3"
        assert desk.engine.order(order.client_id).price == D("63500.5")
        await pilot.press("escape")
        assert not pane_of(desk).bar.display
        await pilot.press("K", "enter")
        await desk.painted(pilot)
        assert desk.engine.order(order.client_id).price == D("63500.6")


async def test_a_stop_is_moved_by_its_stop_price(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        (order,) = desk.engine.open_orders(ETH.id)
        await go_to(desk, pilot, order)
        await pilot.press("K", "enter")
        await desk.painted(pilot)
        assert desk.engine.order(order.client_id).stop_price == D("3100.01")


async def test_a_change_that_risk_refuses_changes_nothing_and_is_told(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await go_to(desk, pilot, order)
        await pilot.press("enter", "end", *["backspace"] * 7, *"90000", "enter")
        await desk.painted(pilot)
        assert desk.engine.order(order.client_id).price == D("63500.5")
        assert any("collar" in toast for toast in desk.toasts())


async def test_an_order_that_ends_while_its_terms_are_open_closes_them(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await go_to(desk, pilot, order)
        await pilot.press("enter")
        await desk.painted(pilot)
        await pilot.click("#price", offset=(2, 0), button=1)
        assert pane_of(desk).sort_key is None, "a click in a field is none on the table's titles"
        assert pane_of(desk).bar.display
        await desk.engine.cancel(order.client_id)
        await desk.painted(pilot)
        assert not pane_of(desk).bar.display
        assert desk.toasts() == ["The order is cancelled: there is nothing left to amend."]
        assert desk.app.focused is pane_of(desk)


async def test_what_is_done_or_has_no_price_is_not_amended(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await pilot.press("G", "enter")
        assert not pane_of(desk).bar.display
        assert desk.toasts() == ["The order is filled: it cannot be amended."]


async def test_x_cancels_the_order_and_capital_x_all_of_its_instrument(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, BTC, Side.BUY)
        await go_to(desk, pilot, order)
        await pilot.press("x")
        await desk.painted(pilot)
        assert desk.engine.order(order.client_id).state is OrderState.CANCELED
        await go_to(desk, pilot, working(desk, PERP, Side.BUY))
        await pilot.press("X")
        await desk.painted(pilot)
        assert not desk.engine.open_orders(PERP.id)
        assert len(desk.engine.open_orders()) == 2
        assert any("2 orders cancelled." in toast for toast in desk.toasts())


async def test_a_disarmed_desk_amends_and_cancels_nothing_and_says_so(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await pilot.press("ctrl+l")
        for key in ("x", "X", "J", "K", "enter"):
            await pilot.press(key)
            assert not pane_of(desk).bar.display
        await desk.painted(pilot)
        assert len(desk.engine.open_orders()) == 5
        assert any("DISARMED" in toast for toast in desk.toasts())


async def test_e_shows_everything_that_happened_to_an_order(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        order = working(desk, PERP, Side.BUY)
        await desk.engine.amend(order.client_id, price=D(63400))
        await go_to(desk, pilot, order)
        await pilot.press("e")
        assert isinstance(desk.app.screen, History)
        shown = desk.screen_text()
        for line in (
            "12:00:10.000  Entered: buy 0.050 limit @ 63,500.5, GTD 30m",
            "Sent to the venue",
            "Accepted by the venue as",
            "Change asked for: price 63,400.0",
            "Changed: ",
        ):
            assert line in shown
        await desk.engine.cancel(order.client_id)
        desk.app.screen.tick(desk.clock.now())
        await pilot.pause()
        assert "Cancelled" in desk.screen_text()
        await pilot.press("escape")
        assert not isinstance(desk.app.screen, History)


async def test_every_event_of_an_order_has_its_sentence(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, _pilot):
        lost = await desk.lose_one()
        kinds = set()
        for order in desk.engine.orders():
            for event in desk.engine.order_events(order.client_id):
                kinds.add(type(event))
                assert event_text(event, desk.engine.instrument(order.instrument))
        assert {e.OrderInitialized, e.OrderDenied, e.OrderFilled, e.OrderCanceled, e.OrderUnknown} <= kinds
        (unknown,) = [one for one in desk.engine.order_events(lost.client_id) if isinstance(one, e.OrderUnknown)]
        assert event_text(unknown, BTC) == "NO ANSWER: NOVA gave no answer within 5 s"


async def test_an_order_without_answer_is_marked(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await desk.lose_one()
        await desk.painted(pilot)
        assert "UNKNOWN ?" in rows(desk)[0]
        assert pane_of(desk).row_style(pane_of(desk)._shown[0]) is not None
        assert pane_of(desk).row_style(pane_of(desk)._shown[1]) is None


async def test_the_row_and_the_command_are_copied(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await go_to(desk, pilot, working(desk, PERP, Side.BUY))
        await pilot.press("Y")
        assert desk.app.clipboard == "buy 0.05 NOVA:BTC-PERP @ 63500.5 gtd 30m"
        await pilot.press("y")
        assert desk.app.clipboard.split("\t")[:3] == ["12:00:10", "NOVA:BTC-PERP", "BUY"]


async def test_space_selects_the_orders_instrument(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await go_to(desk, pilot, working(desk, PERP, Side.BUY))
        await pilot.press("space")
        assert desk.app.desk.selected == PERP.id


async def test_it_paints_nothing_while_nothing_changes(tmp_path, monkeypatch):
    async with scene(tmp_path, OrdersPane) as (desk, _pilot):
        pane, built = pane_of(desk), []
        cell = pane.cell
        monkeypatch.setattr(pane, "cell", lambda row, column: built.append(column) or cell(row, column))
        desk.app.frame()
        assert not built
        await desk.engine.cancel(working(desk, BTC, Side.BUY).client_id)
        desk.app.frame()
        assert built


async def test_the_fields_take_numbers_only(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        await go_to(desk, pilot, working(desk, PERP, Side.BUY))
        await pilot.press("enter", "end", "x", "b", "1")
        assert pane_of(desk).bar.query_one("#price", NumberField).value == "63500.51"


SIZES = [(160, 48), (80, 24)]


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_the_blotter_with_an_order_lost(snap_compare, tmp_path, size):
    assert snapshot(snap_compare, tmp_path, OrdersPane, size=size, lost=True, press=("g",))


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_amending_on_the_trade_page(snap_compare, tmp_path, size):
    keys = ("ctrl+o", "r", "j", "K")
    assert snapshot(snap_compare, tmp_path, *trade_page.PANES, size=size, press=keys)
