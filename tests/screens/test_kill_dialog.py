"""The kill key on the screen: from anywhere, at once, twice flattens, and the dialog tells the truth."""

from __future__ import annotations

import pytest
from textual import events

from screens.finder import Finder
from screens.kill_dialog import KillDialog
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState
from workstation.trading.kill_status import KillPhase
from workstation.trading.limits import RiskLimits


async def typed(pilot, line: str) -> None:
    """Typed and done; of an order its venue has answered."""
    orders = pilot.app.engine.orders
    before = len(orders())
    await pilot.press(":", *line, "enter")
    if line.startswith("buy"):
        await until(pilot, lambda: len(orders()) > before)
        await until(pilot, lambda: all(one.is_closed or one.state is OrderState.ACCEPTED for one in orders()))
    else:
        await pilot.pause(0.15)


async def until(pilot, condition) -> None:
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize("key", ["f9", "ctrl+backslash"])
async def test_the_kill_key_works_inside_a_dialog_and_shows_each_order(open_desk, key):
    async with open_desk() as (desk, pilot):
        await typed(pilot, "buy 0.01 @ 64100")
        await typed(pilot, "buy 0.02 @ 64000")
        await pilot.press("ctrl+p", "x")
        assert isinstance(desk.app.screen, Finder)
        await pilot.press(key)
        assert isinstance(desk.app.screen, KillDialog)
        assert desk.engine.trading_state is TradingState.HALTED
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await desk.painted(pilot)
        text = desk.screen_text()
        assert "HALTED" in text
        assert "2 of 2" in text
        assert "BUY 0.01 @ 64,100.0" in text
        assert ":rearm demo" in text
        assert "Receipt" in text
        assert desk.engine.open_orders() == []


async def test_a_second_press_flattens_and_a_late_one_does_not(open_desk):
    async with open_desk() as (desk, pilot):
        await typed(pilot, "buy 0.01 market")
        assert len(desk.engine.positions()) == 1
        await pilot.press("f9")
        await desk.painted(pilot)
        assert "F9 again within" in desk.screen_text()
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE and desk.engine.kill_status.flatten)
        assert desk.engine.positions() == []
        await desk.painted(pilot)
        assert "Positions closed: 1 of 1" in desk.screen_text()
        assert sum(isinstance(screen, KillDialog) for screen in desk.app.screen_stack) == 1


def button(desk) -> tuple[int, int]:
    """Where the window's button stands."""
    rows = desk.screen_text().splitlines()
    y = next(y for y, row in enumerate(rows) if "Close all positions" in row)
    return rows[y].index("Close all positions"), y


async def test_the_button_of_the_dialog_flattens_at_its_second_click_at_any_time(open_desk):
    async with open_desk(size=(80, 24), settings={"kill": {"flatten_window_seconds": 0.05}}) as (desk, pilot):
        await typed(pilot, "buy 0.01 market")
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await desk.painted(pilot)
        x, y = button(desk)
        desk.wall += 1
        for _ in range(2):
            await pilot.click(offset=(x - 3, y))
        assert "Again within" not in desk.screen_text(), "beside the button"
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: "Click once more to close all positions too." in desk.screen_text())
        assert "Again within 3 s" in desk.screen_text()
        desk.wall += 3
        await desk.painted(pilot)
        assert button(desk) == (x, y), "after three seconds it asks anew"
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: "Again within 3 s" in desk.screen_text())
        assert not desk.engine.kill_status.flatten
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE and desk.engine.kill_status.flatten)
        assert desk.engine.positions() == []


async def test_clicks_that_were_meant_for_what_the_window_has_covered_close_nothing(open_desk, monkeypatch):
    async with open_desk(size=(80, 24)) as (desk, pilot):
        await typed(pilot, "buy 0.01 market")
        desk.engine.kill()  # by nobody's key
        await until(pilot, lambda: isinstance(desk.app.screen, KillDialog))
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await desk.painted(pilot)
        desk.wall += 0.5
        for _ in range(2):
            await pilot.click(offset=button(desk))
        await until(pilot, lambda: "Clicked too early: two clicks close all positions." in desk.screen_text())
        desk.wall += 0.6
        with monkeypatch.context() as stalled:
            stalled.setattr(desk.app.keyboard, "is_late", lambda event: True)
            for kind in (events.MouseDown, events.MouseUp) * 2:  # as the terminal hands them over
                desk.app.post_message(kind(None, *button(desk), 0, 0, 1, False, False, False))
                await pilot.pause()
        assert any("A click was dropped" in text for text in desk.toasts())
        await desk.painted(pilot)
        assert not desk.engine.kill_status.flatten
        assert "Again within" not in desk.screen_text()
        assert len(desk.engine.positions()) == 1


async def test_what_a_venue_shows_stands_in_one_line_and_why_it_cannot_be_asked_to_its_end(open_desk):
    async with open_desk(size=(80, 24)) as (desk, pilot):
        await pilot.press("f9", "f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE and desk.engine.kill_status.flatten)
        await desk.painted(pilot)
        assert "shows no working order (2× asked) and no position (2× asked)" in desk.screen_text()
        why = "cannot be asked: the ledger of this venue in a folder of a long name cannot be written: the disk is full"
        desk.engine.kill_status.venues["NOVA"] = f"{why}; trying again"
        await desk.painted(pilot)
        assert "the disk is full; trying again" in " ".join(desk.screen_text().replace("┃", " ").split())


async def test_after_the_window_a_press_only_halts_again(open_desk):
    async with open_desk(settings={"kill": {"flatten_window_seconds": 0.05}}) as (desk, pilot):
        await typed(pilot, "buy 0.01 market")
        await typed(pilot, "buy 0.01 @ 64100")
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        first = desk.engine.kill_status
        desk.wall += 0.06
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status is not first)
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        assert "1 working order gone" in desk.engine.kill_status.receipt, "what this halt has pulled stays told"
        assert not desk.engine.kill_status.flatten
        assert len(desk.engine.positions()) == 1


async def test_it_works_while_a_command_is_typed_and_the_desk_is_rearmed_by_name(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press(":", *"buy 0.01 @")
        await pilot.press("f9")
        assert desk.engine.trading_state is TradingState.HALTED
        assert desk.engine.orders() == []
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await pilot.press("escape")
        await until(pilot, lambda: desk.app.workspace.focused_pane is not None)  # the keys go where they went before
        await typed(pilot, "rearm")
        await typed(pilot, "rearm somebody")
        assert desk.engine.trading_state is TradingState.HALTED
        await typed(pilot, "rearm demo")
        await until(pilot, lambda: desk.engine.trading_state is TradingState.ACTIVE)
        await until(pilot, lambda: "Re-armed: orders may be sent again." in desk.screen_text())


async def test_the_palette_leads_out_of_a_halt_but_the_name_is_typed(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await pilot.press("escape", "ctrl+p", *"rearm")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: desk.app.desk_screen.command_line.is_open)
        await pilot.press("enter")
        await until(pilot, lambda: "Re-arming takes the account's name: rearm demo." in desk.screen_text())
        assert desk.engine.trading_state is TradingState.HALTED


async def test_a_kill_switch_that_itself_fails_is_said_plainly(open_desk):
    async with open_desk() as (desk, pilot):

        def broken(reason=""):
            raise OSError("no such luck")

        desk.engine.kill = broken
        await pilot.press("f9")
        await desk.painted(pilot)
        text = desk.screen_text()
        assert "The kill switch itself failed" in text
        assert "NOT HALTED" in text


async def test_a_narrow_terminal_cuts_nothing_of_how_to_go_on(open_desk):
    async with open_desk(size=(60, 24)) as (desk, pilot):
        await pilot.press("f9")
        await until(pilot, lambda: "Receipt" in desk.screen_text())
        text = desk.screen_text()
        for words in ("again within", "closes all positions too.", " Close all positions ", ":rearm demo"):
            assert words in text


@pytest.mark.parametrize("height", [20, 24, 30, 40, 48, 60])
async def test_of_many_orders_the_last_can_be_scrolled_to(open_desk, height):
    async with open_desk(size=(160, height), limits=RiskLimits(max_orders_per_second=100)) as (desk, pilot):
        for low in (60_000, 61_000):
            await typed(pilot, f"scale 30 0.01 {low} {low + 290}")
        await until(pilot, lambda: len(desk.engine.open_orders()) > 50)
        await pilot.press("f9")
        await until(pilot, lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await desk.painted(pilot)
        await pilot.press(*["pagedown"] * 12)
        await desk.painted(pilot)
        last = desk.app.screen.report(desk.engine.clock.now(), 90)[-1]
        assert "".join(text for text, _ in last.left).split(" NOVA")[0].strip() in desk.screen_text()
