"""What stands dimmed behind a dialog is the desk as it is, and only what has changed of it is rendered."""

from __future__ import annotations

import pytest
from rich.segment import Segment

from screens.dialog import Dialog, Question
from screens.dimmed import Dimmed
from screens.overlay import OverlayCompositor


@pytest.fixture
def rendered(monkeypatch):
    """The rows (first, end) that were rendered of screens beneath a dialog. The dialogs that a desk makes ready a while
    after its start, once, stay away: their styles have all be rendered again."""
    monkeypatch.setattr("screens.app.READY_SECONDS", 3600.0)
    asked: list[tuple[int, int]] = []
    rows = OverlayCompositor.rows

    def counted(self, first, end):
        asked.append((first, end))
        return rows(self, first, end)

    monkeypatch.setattr(OverlayCompositor, "rows", counted)
    return asked


async def calm(pilot, rendered):
    """Wait until the desk is dimmed, which is a moment after the dialog stands, something was rendered, and nothing
    more is, two looks in a row."""
    seen, quiet = -1, 0
    while quiet < 2:
        dimmed = not (isinstance(pilot.app.screen, Dialog) and pilot.app.screen._opens)
        quiet = quiet + 1 if dimmed and rendered and len(rendered) == seen else 0
        seen = len(rendered)
        await pilot.pause(0.1)


def put(pane, y, text):
    pane.put(y, text, lambda: [Segment(text)])
    pane.flush()


@pytest.mark.parametrize("key", ["ctrl+p", "?"])
async def test_typing_in_a_dialog_renders_nothing_of_the_desk(open_desk, rendered, monkeypatch, key):
    async with open_desk() as (desk, pilot):
        monkeypatch.setattr(desk.app, "frame", lambda: None)
        monkeypatch.setattr(desk.app.frames, "steps", lambda: iter(()))
        await pilot.press(key)
        await calm(pilot, rendered)  # the desk is seen behind it
        rendered.clear()
        await pilot.press("a", "down")
        await pilot.pause(0.1)
        assert not rendered


async def test_what_changes_behind_two_dialogs_is_seen_and_the_rest_is_not_rendered_again(
    open_desk, rendered, monkeypatch
):
    async with open_desk() as (desk, pilot):
        monkeypatch.setattr(desk.app.frames, "steps", lambda: iter(()))
        for question in ("one", "two"):
            rendered.clear()
            desk.app.push_screen(Question(question, "yes", "no"))
            await calm(pilot, rendered)
        pane = desk.app.workspace.shown()[0]
        put(pane, 0, "OLD PRICE")  # what the desk had still to say of its size goes along with it
        await calm(pilot, rendered)
        before = desk.screen_text().splitlines()
        rendered.clear()
        put(pane, 0, "NEW PRICE")
        await calm(pilot, rendered)
        row = pane.content_region.y
        after = desk.screen_text().splitlines()
        assert "NEW PRICE" in after[row]
        assert "NEW PRICE" not in before[row]
        assert rendered
        assert set(rendered) == {(row, row + 1)}


async def test_after_a_change_of_size_all_is_rendered_anew(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("?")
        await desk.painted(pilot)
        await pilot.resize_terminal(120, 40)
        await desk.painted(pilot)
        shown = desk.screen_text().splitlines()
        beneath = [strip.text for strip in desk.app.desk_screen._compositor.render_strips()]
        assert len(shown) == 40
        assert shown[0] == beneath[0], "the status bar"
        assert shown[-1] == beneath[-1], "the footer"


async def test_the_status_bar_is_dimmed_and_goes_on(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        plain = desk.app.desk_screen._compositor.render_strips()[0]
        await pilot.press("ctrl+p")
        await desk.painted(pilot)
        assert list(desk.app.screen._compositor.render_strips()[0]) != list(plain), "dimmed"
        monkeypatch.setattr(desk.app.frames, "steps", lambda: iter(()))
        put(desk.app.desk_screen.status, 0, "ANOTHER STATE")
        for _ in range(500):
            if desk.screen_text().startswith("ANOTHER STATE"):
                break
            await pilot.pause(0.01)
        assert desk.screen_text().startswith("ANOTHER STATE")


def test_rows_that_could_not_be_rendered_are_asked_for_again():
    from rich.style import Style
    from textual.color import Color
    from textual.strip import Strip

    dimmed, asked = Dimmed(), []

    def render(first, end):
        asked.append((first, end))
        return [Strip([Segment("x" * 4, Style(color="#ffffff", bgcolor="#000000"))])] * (min(end, 2) - first)

    for _ in range(2):
        lines = dimmed.lines(range(3), (4, 3), Color(0, 0, 0, 0.5), Style(), render)
        assert [line.text for line in lines] == ["xxxx", "xxxx", "    "]
    assert asked == [(0, 3), (2, 3)]
    assert next(iter(lines[0])).style.color.triplet.hex in ("#7f7f7f", "#808080")
