"""The journal: scrubbing a session by keys, with every pane following, and nothing sent from the past."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal as D

import pytest
from trading_scene import BTC, ETH, Scene, scene, snapshot

from plugins.journal import JournalPane
from plugins.orders import OrdersPane
from plugins.positions import PositionsPane
from workstation.clock import SECOND
from workstation.domain.order import OrderDraft, OrderState, Side

PANES = (JournalPane, OrdersPane, PositionsPane)


def pane(desk, kind=JournalPane):
    return next(one for one in desk.app.workspace.panes.values() if isinstance(one, kind) and one.display)


@asynccontextmanager
async def journal(folder):
    """A morning's work, seen on the Journal page."""
    async with scene(folder, *PANES) as (desk, pilot):
        await pilot.press("3")
        await desk.painted(pilot)
        yield desk, pilot


async def opened(desk, pilot, *keys):
    """Press keys in the journal; the past is there once the session has been read."""
    pane(desk).focus()
    await desk.painted(pilot)
    for key in keys:
        await pilot.press(key)
        for _ in range(300):
            if desk.app.travel.opening is None:
                break
            await asyncio.sleep(0.01)
        await desk.painted(pilot)


async def test_left_goes_back_by_one_event_and_the_panes_follow(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        orders, positions = pane(desk, OrdersPane), pane(desk, PositionsPane)
        now = desk.engine.orders()
        await opened(desk, pilot, "left", "left")
        past = desk.app.travel.past
        assert past.step == past.timeline.count - 2
        assert [order.client_id for order in orders.engine.orders()] == [one.client_id for one in past.orders()]
        await opened(desk, pilot, "home")
        assert orders.engine.orders() == []
        assert positions.engine.positions() == []
        assert orders.row_text(1).strip() == "No orders to show. o opens the ticket."
        assert "PAST" in desk.screen_text()
        assert "ARMED" not in desk.screen_text()
        await opened(desk, pilot, "escape")
        assert orders.engine.orders() == now
        assert "PAST" not in desk.app.desk_screen.status.row_text(0)


async def test_a_fill_comes_and_goes_with_its_event(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "slash", *"fill eth", "enter")
        past = desk.app.travel.past
        assert past.timeline.event(past.step).fill.instrument == ETH.id
        assert [one.instrument for one in past.positions()] == [ETH.id]
        assert ETH.id in pane(desk, PositionsPane).row_text(1)
        await opened(desk, pilot, "left")
        assert not past.positions()
        await opened(desk, pilot, "right")
        assert past.position(ETH.id).quantity == 2


async def test_minutes_hours_and_days_are_single_keys(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        desk.clock.advance(3_600 * 30 * SECOND)
        await opened(desk, pilot, "t")
        past = desk.app.travel.past
        end = past.at + 60 * SECOND
        for key, seconds in (("e", 3_660), ("y", 3_600), ("q", 90_000), ("w", 3_600), ("r", 0)):
            await opened(desk, pilot, key)
            assert past.at == end - seconds * SECOND, key
        await opened(desk, pilot, "q", "q")
        assert past.at == past.began  # not beyond the session
        assert not past.orders()


async def test_nothing_is_sent_from_the_past(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "left")
        events = len(desk.engine.journal)
        pane(desk, OrdersPane).focus()
        await desk.painted(pilot)
        for key in ("x", "X"):
            await pilot.press(key)
        for line in ("buy 0.01 @ 60000", "cancel all", "close"):
            await desk.app.typed.run(line)
        desk.app.run_named("reducing")
        await desk.painted(pilot)
        assert len(desk.engine.journal) == events
        assert any("shows the past" in one for one in desk.toasts())
        assert "shows the past" in desk.app.typed.meaning("buy 0.01 @ 60000").text


async def test_the_kill_key_acts_on_the_present_and_shows_it(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "home")
        await pilot.press("f9")
        await desk.painted(pilot)
        assert desk.app.travel.past is None
        assert desk.engine.trading_state == "halted"
        for _ in range(200):
            if not desk.engine.open_orders():
                break
            await asyncio.sleep(0.02)
        assert not desk.engine.open_orders()


async def test_the_present_goes_on_while_the_past_is_shown(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "left")
        draft = OrderDraft(instrument=BTC.id, side=Side.BUY, quantity=D("0.02"), price=D(63_800))
        order = await desk.engine.submit(draft)
        await desk.painted(pilot)
        assert order.state is OrderState.ACCEPTED
        assert pane(desk, OrdersPane).engine.order(order.client_id) is None
        desk.app.run_named("now")
        await desk.painted(pilot)
        assert pane(desk, OrdersPane).engine.order(order.client_id) is not None


async def test_sessions_are_chosen_from_a_list(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        ran = desk.app.travel.session_words()
        assert [title for _, title, _ in ran] == ["2026-01-15 12:00:00"]
        assert "goes on" in ran[0][2]
        start = desk.engine.sessions()[0].start
        desk.engine.set_setting("sessions", [[0, start - 60 * SECOND, None], [0, start, None]])
        assert len(desk.engine.sessions()) == 2
        assert desk.app.travel.session_words() == ran, "one without an event is not among them"
        await opened(desk, pilot, "s")
        assert "2026-01-15 12:00:00" in desk.screen_text()
        await opened(desk, pilot, "enter")
        assert desk.app.travel.past is not None


async def test_a_click_goes_to_a_moment_and_a_search_that_finds_nothing_says_so(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        table = pane(desk)
        await opened(desk, pilot)
        row = table.top + 3
        await pilot.click(table, offset=(20, 4))
        await opened(desk, pilot)
        for _ in range(100):
            if desk.app.travel.past is not None:
                break
            await asyncio.sleep(0.01)
        assert desk.app.travel.past.step == row
        await opened(desk, pilot, "f", *"nonsense", "enter")
        assert any("nonsense" in one for one in desk.toasts())


@pytest.mark.parametrize("size", [(160, 48), (100, 30), (80, 24)], ids=str)
def test_picture_of_the_past(snap_compare, tmp_path, size, monkeypatch):

    async def at_once(work):
        return work()

    monkeypatch.setattr("workstation.past.desk.asyncio.to_thread", at_once)
    monkeypatch.setattr("workstation.venues.simulated_exchange.secrets.token_hex", lambda _: "venue")
    monkeypatch.setattr(JournalPane, "COLUMNS", JournalPane.COLUMNS[:-1])  # ids are new at every run
    assert snapshot(snap_compare, tmp_path, *PANES, size=size, press=["3"] + ["left"] * 9)


async def entered(desk, pilot):
    """Into a what-if: its desk opens a store of its own."""
    await opened(desk, pilot, "b")
    for _ in range(500):
        if desk.app.travel.what_if is not None:
            break
        await asyncio.sleep(0.01)
    await desk.painted(pilot)
    return desk.app.travel.what_if


async def test_what_if_goes_on_from_the_moment_and_reaches_nothing_real(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "slash", *"fill eth", "enter")
        events, cash = len(desk.engine.journal), desk.engine.equity()
        what_if = await entered(desk, pilot)
        status = desk.app.desk_screen.status
        assert "DEMO" in status.row_text(0)
        assert "WHAT IF" in status.row_text(0)
        assert "PAST" not in status.row_text(0)
        assert pane(desk, PositionsPane).engine is what_if.engine
        assert [one.instrument for one in what_if.engine.positions()] == [ETH.id]
        await desk.app.typed.run("sell 1 NOVA:ETH-USDT market")
        await desk.app.typed.run("buy 0.01 NOVA:BTC-USDT @ 60000")
        for _ in range(200):
            if what_if.engine.position(ETH.id).quantity == 1:
                break
            await asyncio.sleep(0.01)
        assert what_if.engine.position(ETH.id).quantity == 1
        assert len(what_if.engine.open_orders()) == 1
        await desk.painted(pilot)
        assert ETH.id in pane(desk, PositionsPane).row_text(1)
        assert what_if.engine.replay.paused
        await pilot.press("p")
        assert not what_if.engine.replay.paused
        await pilot.press("p")
        await opened(desk, pilot, "left")  # the what-if has a past of its own
        assert "PAST" in status.row_text(0)
        await opened(desk, pilot, "escape")
        assert desk.app.travel.what_if is what_if
        await opened(desk, pilot, "escape")
        assert desk.app.travel.what_if is None
        assert any("The what-if ends" in one and "the desk itself had" in one for one in desk.toasts())
        assert "WHAT IF" not in status.row_text(0)
        assert (len(desk.engine.journal), desk.engine.equity()) == (events, cash)
        await pilot.press("p")  # moves no time any more
        assert desk.app.armed


async def test_the_kill_key_in_a_what_if_acts_on_the_desk_itself(tmp_path):
    async with journal(tmp_path) as (desk, pilot):
        await opened(desk, pilot, "left")
        what_if = await entered(desk, pilot)
        desk.app.armed = False
        await pilot.press("f9")
        await desk.painted(pilot)
        assert desk.app.travel.what_if is None
        assert desk.engine.trading_state == "halted"
        assert what_if.engine.trading_state == "active"
        assert desk.app.armed  # as it was before


@pytest.mark.parametrize("size", [(160, 48), (100, 30), (80, 24)], ids=str)
def test_picture_of_a_what_if(snap_compare, tmp_path, size, monkeypatch):
    monkeypatch.setattr("workstation.venues.simulated_exchange.secrets.token_hex", lambda _: "venue")
    monkeypatch.setattr(JournalPane, "COLUMNS", JournalPane.COLUMNS[:-1])
    desk = Scene(tmp_path, PANES)

    async def steps(pilot):
        await desk.ready(pilot)
        await desk.trade()
        await pilot.press("3")
        await desk.painted(pilot)
        await opened(desk, pilot, *["left"] * 9)
        await entered(desk, pilot)
        desk.app.desk_screen.notices.clear()  # they would go by the wall's time
        await desk.painted(pilot)

    assert snap_compare(desk.app, run_before=steps, terminal_size=size)
