"""What the shell looks like, on a frozen desk with small panes, at both sizes of terminal and in both themes."""

from __future__ import annotations

import asyncio

import pytest
from demo_panes import ALL

from screens.dialog import Lines
from screens.kill_dialog import KillDialog
from screens.testing import FrozenDesk
from workstation.domain.order import OrderState

SIZES = [(160, 48), (80, 24)]


async def quiet(engine) -> None:
    """Until no order is on its way and the kill switch is not at work: pictures show ends, not what was caught."""
    moving = {OrderState.INITIALIZED, OrderState.SUBMITTED, OrderState.PENDING_CANCEL}
    await asyncio.sleep(0.02)
    async with asyncio.timeout(10):
        while any(order.state in moving for order in engine.orders()) or (
            engine.kill_status.started and not engine.kill_status.finished
        ):
            await asyncio.sleep(0.01)


@pytest.fixture
def snapshot_of(snap_compare, tmp_path, monkeypatch):
    """Compare a picture of the desk after `press` with the one that was looked at and accepted."""
    monkeypatch.setenv("TZ", "UTC")

    def compare(size, *press: str, panes=ALL, **options):
        desk = FrozenDesk(tmp_path, panes, **options)

        async def steps(pilot):
            await desk.ready(pilot)
            for key in press:
                await pilot.press(key)
                await quiet(desk.app.engine)
            await asyncio.sleep(0.3)
            await desk.still(pilot)
            if isinstance(desk.app.screen, KillDialog):  # it is as tall as the most that it has had to say on the way
                lines = desk.app.screen.query_one(Lines)
                lines.styles.height = len(lines.lines)
            await pilot.pause()

        return snap_compare(desk.app, run_before=steps, terminal_size=size)

    return compare


@pytest.mark.parametrize("size", [*SIZES, (100, 30)], ids=str)
def test_trade_page(snapshot_of, size):
    assert snapshot_of(size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_light_theme(snapshot_of, size):
    assert snapshot_of(size, settings={"theme": "tws-light"})


@pytest.mark.parametrize("page", ["2", "3", "4"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_other_pages(snapshot_of, size, page):
    assert snapshot_of(size, page)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_palette(snapshot_of, size):
    assert snapshot_of(size, "ctrl+p", "b", "t", "c")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_help(snapshot_of, size):
    assert snapshot_of(size, "?")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_instrument_search(snapshot_of, size):
    assert snapshot_of(size, "/")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_command_line(snapshot_of, size):
    assert snapshot_of(size, ":", *"sell 100$ market")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_kill_dialog(snapshot_of, size):
    desk = {"settings": {"kill": {"flatten_window_seconds": 1e-9}}}
    assert snapshot_of(size, ":", *"buy 0.01 @ 64100", "enter", "f9", **desk)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_jump_mode(snapshot_of, size):
    assert snapshot_of(size, "ctrl+o")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_zoomed_and_disarmed_on_paper(snapshot_of, size):
    assert snapshot_of(size, "z", mode="paper")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_error_card(snapshot_of, size):
    assert snapshot_of(size, "Q")


def test_terminal_that_is_too_small(snapshot_of):
    assert snapshot_of((50, 12))


async def test_a_terminal_that_is_made_small_says_so_still_kills_and_comes_back(open_desk):
    async with open_desk(size=(80, 24)) as (desk, pilot):
        await pilot.resize_terminal(40, 10)
        await desk.painted(pilot)
        assert "The desk needs 60×16" in " ".join(desk.screen_text().split())
        await pilot.resize_terminal(10, 3)
        await desk.painted(pilot)
        assert " ".join(desk.screen_text().split()) == "Too small: needs 60×16"
        await pilot.press("f9")
        assert desk.engine.trading_state == "halted"
        await pilot.press("escape")
        await pilot.resize_terminal(160, 48)
        await desk.painted(pilot)
        assert "The desk needs" not in desk.screen_text()
        assert len(desk.app.workspace.shown()) == 8
        await pilot.resize_terminal(1, 1)
        await desk.painted(pilot)
        await pilot.resize_terminal(80, 24)
        await desk.painted(pilot)
        assert "Ladder" in desk.screen_text()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_settings(snapshot_of, size):
    assert snapshot_of(size, "ctrl+s", *"stale")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_key_editor(snapshot_of, size):
    assert snapshot_of(size, "ctrl+s", *"keys", "enter", *"zoom", "enter", "o")


@pytest.mark.parametrize("theme", ["tws-contrast", "tws-safe", "tws-mono", "tws-ansi"])
def test_themes_that_are_files(snapshot_of, theme):
    assert snapshot_of((100, 30), settings={"theme": theme})
