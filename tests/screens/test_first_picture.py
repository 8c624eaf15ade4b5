"""The first picture after a key is whole and true, and paints no more than it must."""

from __future__ import annotations

import pytest
from terminal import connect
from textual._compositor import ChopsUpdate, LayoutUpdate

from screens.dialog import Question
from screens.finder import Entry, Finder, Help
from screens.testing import BTC, START
from workstation.clock import SECOND
from workstation.domain.market import BookSnapshot


@pytest.fixture
def pictures(monkeypatch):
    """`pictures(desk)`: what the terminal shows after each of what it was sent: (kind of update, lines)."""

    def watch(desk):
        shown = []
        terminal = connect(desk, monkeypatch, lambda update: shown.append((type(update), terminal.lines)))
        return shown

    return watch


async def until(pilot, true):
    for _ in range(200):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come")


@pytest.mark.parametrize(
    ("key", "words"), [("ctrl+p", "Type an action"), ("?", "Search: a key"), ("/", "Type a venue")]
)
@pytest.mark.parametrize("ready", [False, True])
async def test_a_dialogs_box_is_painted_whole_at_first_and_then_the_desk_is_dimmed(
    open_desk, pictures, monkeypatch, key, words, ready
):
    async with open_desk() as (desk, pilot):
        monkeypatch.setattr(desk.app.frames, "steps", lambda: iter(()))
        if ready:
            await desk.app.ready.prepare()
        before = desk.screen_text().splitlines()
        shown = pictures(desk)
        await pilot.press(key)
        await until(pilot, lambda: LayoutUpdate in [kind for kind, _ in shown])
        after = desk.screen_text().splitlines()
        kind, first = next((kind, lines) for kind, lines in shown if words in "\n".join(lines))
        assert issubclass(kind, ChopsUpdate)
        box = desk.app.screen.children[0].region
        for y, (seen, wanted, desk_row) in enumerate(zip(first, after, before, strict=True)):
            inside = slice(box.x, box.right) if box.y <= y < box.bottom else slice(0, 0)
            assert seen[inside] == wanted[inside], "all that the dialog says"
            assert seen[: box.x] + seen[box.right :] == desk_row[: box.x] + desk_row[box.right :], "and nothing else"
        assert shown[-1][1] == after


async def test_a_dialog_that_was_kept_opens_as_a_new_one(open_desk):
    async with open_desk() as (desk, pilot):
        pictures = []
        for search in ("sol", ""):
            await pilot.press("ctrl+p")
            await desk.painted(pilot)
            pictures.append(desk.screen_text())
            kept = desk.app.screen
            await pilot.press(*search, *["down"] * 3, "escape")
            await pilot.pause()
        assert pictures[0] == pictures[1]
        await pilot.press("/")
        await desk.painted(pilot)
        assert desk.app.screen is kept
        assert "Type a venue" in desk.screen_text()
        assert "Theme" not in desk.screen_text()
        await pilot.press(*"perp", "enter")
        await pilot.pause()
        assert desk.app.desk.selected == "NOVA:BTC-PERP"


async def test_another_theme_makes_the_dialog_anew(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("?", "escape")
        await pilot.pause()
        desk.app.use_theme("tws-light")
        await pilot.press("?")
        await desk.painted(pilot)
        help_ = desk.app.screen
        assert isinstance(help_, Help)
        strips = help_._compositor.render_strips()
        inks = {segment.style.color for strip in strips for segment in strip if segment.style is not None}
        assert desk.app.ink.text.color in inks
        await pilot.press("escape", "?")
        await pilot.pause()
        assert desk.app.screen is help_


async def test_a_list_over_the_palette_is_a_dialog_of_its_own(open_desk, pictures):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+p")
        await desk.painted(pilot)
        below = desk.app.screen
        shown = pictures(desk)
        desk.app.find("Second", "Choose …", [Entry("One", "only", lambda: None)], "")
        await desk.painted(pilot)
        assert isinstance(desk.app.screen, Finder)
        assert desk.app.screen is not below
        await pilot.press("escape")
        await desk.painted(pilot)
        await until(pilot, lambda: shown[-1][1] == desk.screen_text().splitlines())
        assert desk.app.screen is below
        await pilot.press("escape")
        await desk.painted(pilot)
        assert shown[-1][1] == desk.screen_text().splitlines()


async def test_a_dialog_closed_at_once_leaves_nothing(open_desk, pictures):
    async with open_desk() as (desk, pilot):
        shown = pictures(desk)
        desk.app.push_screen(Question("Is it so?", "yes", "no"))
        await pilot.press("escape", "ctrl+p", "escape", "?", "escape")
        await desk.painted(pilot)
        await pilot.pause(0.1)
        assert shown[-1][1] == desk.screen_text().splitlines()
        assert "Is it so" not in desk.screen_text()


async def test_a_page_is_painted_once_and_shows_what_happened_while_it_was_hidden(open_desk, pictures, monkeypatch):
    async with open_desk() as (desk, pilot):
        await pilot.press("2")
        await desk.painted(pilot)
        monkeypatch.setattr(desk.app.frames, "steps", lambda: iter(()))
        desk.clock.advance(SECOND)
        desk.feed(BookSnapshot(BTC.id, START + SECOND, 2, ((700_000, 777),), ((700_001, 888),)))
        shown = pictures(desk)
        await pilot.press("1")
        await pilot.pause(0.2)
        whole = desk.screen_text().splitlines()
        first = next(lines for _, lines in shown if "Watchlist" in "\n".join(lines))
        assert "70,000.1" in "\n".join(first)
        assert first[1:] == whole[1:]
        assert "64,2" not in "\n".join(row[40:80] for row in first)
        assert shown[0][1] == first, "nothing was painted before"
