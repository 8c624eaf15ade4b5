"""The command line comes and goes without the screen being laid out again."""

from __future__ import annotations

import pytest
from terminal import connect
from textual._compositor import ChopsUpdate, Compositor
from textual.widgets import Input

from screens.command_line import CommandLine


async def test_opening_and_leaving_the_command_line_lays_nothing_out(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        screen = desk.app.desk_screen
        before = desk.screen_text()
        laid_out = []
        layout = type(screen)._refresh_layout

        def counted(*args, **options):
            laid_out.append(1)
            return layout(*args, **options)

        monkeypatch.setattr(type(screen), "_refresh_layout", counted)
        await pilot.press(":")
        await desk.painted(pilot)
        assert "(Esc leaves)" in desk.screen_text()
        await pilot.press("escape")
        await desk.painted(pilot)
        assert "(Esc leaves)" not in desk.screen_text()
        assert desk.screen_text().splitlines()[-3:] == before.splitlines()[-3:], "what it covered is there again"
        assert not laid_out


async def test_a_closed_command_line_takes_neither_the_mouse_nor_the_focus(open_desk):
    async with open_desk() as (desk, pilot):
        screen = desk.app.desk_screen
        field = screen.query_one(CommandLine).query_one(Input)
        where = field.region
        assert screen.get_widget_at(where.x + 3, where.y)[0] is not field
        assert not field.focusable
        await pilot.press(":")
        assert screen.get_widget_at(where.x + 3, where.y)[0] is field
        assert field.has_focus
        await pilot.resize_terminal(120, 40)
        await desk.painted(pilot)
        assert "(Esc leaves)" in desk.screen_text().splitlines()[-2]


async def test_what_enter_would_do_is_read_whole_and_no_notice_covers_it(open_desk):
    async with open_desk(size=(80, 24)) as (desk, pilot):
        desk.app.toast("Nothing was sent: the venue was asked and has not answered yet.", error=True)
        await desk.painted(pilot)
        before = desk.screen_text().splitlines()
        assert "has not answered yet" in before[-3] + before[-4]
        await pilot.press(":", *"limit breakers.drawdown 25%")
        await desk.painted(pilot)
        shown = desk.screen_text().splitlines()
        read = " ".join(line.strip() for line in shown[-4:-2])
        assert read.startswith("breakers.drawdown of 25 % must not be above breakers.drawdown_zero_size of 15 %: sizes")
        assert read.endswith("shrink to nothing between the two.")
        assert "answered yet" in shown[-5]
        await pilot.press(*["backspace"] * 3, *"9%")
        assert desk.app.desk_screen.command_line.rows == 3
        await pilot.press(*["backspace"] * 27)
        await desk.painted(pilot)
        assert desk.app.desk_screen.command_line.rows == 2, "of the examples a line is enough"
        await pilot.press("escape")
        await desk.painted(pilot)
        assert desk.screen_text().splitlines() == before


@pytest.mark.parametrize("key", [":", "tab", "escape"])
async def test_a_key_that_moves_the_focus_paints_a_part_of_the_screen_only(open_desk, monkeypatch, key):
    async with open_desk() as (desk, pilot):
        whole = []
        monkeypatch.setattr(Compositor, "render_full_update", lambda *_, **__: whole.append(1))
        if key == "escape":
            await pilot.press(":")
        await pilot.press(key)
        await desk.painted(pilot)
        assert not whole


async def test_a_terminal_that_is_sent_the_changed_parts_shows_the_whole_screen(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        sent = []
        terminal = connect(desk, monkeypatch, lambda update: sent.append(type(update)))
        for key in (":", *"buy", "escape", "tab", "tab", "down", "z", "z", ":", "escape", "?", "escape", "]", "2", "1"):
            await pilot.press(key)
            await desk.painted(pilot)
            assert terminal.lines == desk.screen_text().splitlines(), f"after {key}"
        assert sum(issubclass(kind, ChopsUpdate) for kind in sent) > 10


async def test_a_page_that_shows_again_stands_where_it_stood_unless_something_in_it_has_changed(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        screen, arranged = desk.app.desk_screen, []
        arrange = Compositor._arrange_root

        def arranging(compositor, root, *rest, **options):
            arranged.append(root)
            return arrange(compositor, root, *rest, **options)

        for key in "2121":
            await pilot.press(key)
            await desk.painted(pilot)
        monkeypatch.setattr(Compositor, "_arrange_root", arranging)
        regions = {widget: place for widget, (place, _) in screen._compositor.visible_widgets.items()}
        for key in "21":
            await pilot.press(key)
            await desk.painted(pilot)
        assert not arranged
        assert {widget: place for widget, (place, _) in screen._compositor.visible_widgets.items()} == regions
        field = desk.app.workspace.panes["ticket"].query_one(Input)
        await pilot.press("2")
        await desk.painted(pilot)
        field.display = False
        await desk.painted(pilot)
        await pilot.press("1")
        await desk.painted(pilot)
        assert screen in arranged
        assert regions.keys() - screen._compositor.visible_widgets.keys() == {field}
