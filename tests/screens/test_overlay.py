"""The command line comes and goes without the screen being laid out again."""

from __future__ import annotations

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
