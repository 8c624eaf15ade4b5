"""The built-in pages with their real panes, as they look in large, middling and small terminals."""

from __future__ import annotations

import asyncio

import pytest

from screens.plugins import list_plugins
from screens.testing import FrozenDesk

SIZES = [(160, 48), (100, 30), (80, 24)]
PANES = ("watchlist", "books", "tape", "chart", "ticket", "orders", "positions", "log")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    return FrozenDesk(tmp_path, [info for info in list_plugins() if info.name in PANES])


def pictured(snap_compare, desk, size, *press):
    async def steps(pilot):
        await desk.ready(pilot)
        for key in press:
            await pilot.press(key)
        await asyncio.sleep(0.2)
        await desk.painted(pilot)
        for timer in list(desk.app._timers):
            timer.pause()
        await desk.painted(pilot)

    return snap_compare(desk.app, run_before=steps, terminal_size=size)


@pytest.mark.parametrize("page", ["1", "2", "3", "4"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_page(snap_compare, desk, size, page):
    assert pictured(snap_compare, desk, size, page)


async def test_a_click_in_a_pane_is_the_panes_and_never_that_of_a_title_or_border_elsewhere(desk):
    """What a widget leaves to the workspace comes with the widget's own coordinates: row 0 is no title bar."""
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        await desk.painted(pilot)
        workspace, ticket = desk.app.workspace, desk.app.workspace.panes["ticket"]
        for name in ("post", "reduce"):
            await pilot.click(f"#{name}", offset=(1, 0), button=1)
            assert getattr(ticket.form, f"{name}_only"), name
        assert desk.app.mouse_captured is None
        assert workspace.current == "ticket"
        await pilot.click(workspace.panes["positions"], offset=(3, 0), button=1)
        assert workspace.current == "positions"


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_jump_letters_on_panes_pages_and_controls(snap_compare, desk, size):
    assert pictured(snap_compare, desk, size, "o", "ctrl+o")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_page_of_ones_own_in_the_layout_mode(snap_compare, desk, size):
    assert pictured(
        snap_compare, desk, size, "ctrl+w", "d", *"tape", "enter", "g", "h", "g", "=",
    )  # fmt: skip
