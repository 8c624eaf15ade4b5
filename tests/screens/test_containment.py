"""A pane that fails becomes an error card; the desk goes on."""

from __future__ import annotations

import asyncio

import pytest
from demo_panes import Chart, Log, Ticket, Watchlist
from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from screens.actions import Action
from screens.error_card import ErrorCard
from screens.painted import PaintedPane
from screens.pane import Pane
from screens.plugins import list_plugins


def failing(where: str) -> type[Pane]:
    """A ladder that raises in the given place."""

    class Failing(PaintedPane):
        PANE = "books"
        TITLE = "Ladder"
        ACTIONS = (
            Action("sync", "Sync", "Fails at once.", ("f5",)),
            Action("later", "Later", "Fails after an await.", ("f6",)),
        )
        broken = where

        def __init__(self, desk, slot):
            super().__init__(desk, slot)
            if self.broken == "init":
                raise RuntimeError("no init")

        def on_mount(self):
            if self.broken == "mount":
                raise RuntimeError("no mount")
            if self.broken == "timer":
                self.set_timer(0.01, self.tick)
            if self.broken == "worker":
                self.run_worker(self.work(), exit_on_error=True)

        def tick(self):
            raise RuntimeError("no timer")

        async def work(self):
            raise RuntimeError("no worker")

        def paint(self, now):
            if self.broken == "paint":
                raise RuntimeError("no paint")
            self.put_text(0, "works")

        def subtitle(self):
            if self.broken == "subtitle":
                raise RuntimeError("no subtitle")
            return ""

        def on_click(self):
            raise RuntimeError("no click")

        def action_sync(self):
            raise RuntimeError("no sync")

        async def action_later(self):
            await asyncio.sleep(0)
            raise RuntimeError("no later")

    return Failing


class Composed(Pane):
    PANE = "books"
    TITLE = "Ladder"

    def compose(self) -> ComposeResult:
        yield Static("a child")
        raise RuntimeError("no compose")


class Drawn(Static):
    broken = False

    def render(self):
        if self.broken:
            raise RuntimeError("no render")
        return "drawn"


class Rendering(Pane):
    """Its child cannot be drawn any more after f5."""

    PANE = "books"
    TITLE = "Ladder"
    ACTIONS = (Action("spoil", "Spoil", "Breaks it.", ("f5",)),)

    def compose(self) -> ComposeResult:
        yield Drawn()

    def action_spoil(self):
        drawn = self.query_one(Drawn)
        drawn.broken = True
        drawn.refresh(layout=True)


def with_books(cls: type[Pane]) -> list[type[Pane]]:
    return [Watchlist, cls, Chart, Ticket, Log]


async def until(condition) -> None:
    """The pilot would wait for the widget that has failed, which takes a moment more to go."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)


async def expect_card(desk, pilot, words: str) -> None:
    await until(lambda: isinstance(desk.app.workspace.panes.get("books"), ErrorCard))
    await desk.painted(pilot)
    card = desk.app.workspace.panes["books"]
    assert isinstance(card, ErrorCard)
    assert words in card.message
    assert words in desk.screen_text(), "the card says what went wrong"
    assert any(words in entry.text and "Traceback" in entry.detail for entry in desk.engine.log.entries)
    assert "NOVA:ETH-USDT" in desk.screen_text(), "the other panes go on"
    desk.app.workspace.focus_slot("watchlist")
    await pilot.press("j", "j", "enter")
    assert desk.app.desk.selected == "NOVA:SOL-USDT", "and take keys"


@pytest.mark.parametrize("where", ["init", "mount", "paint", "subtitle", "timer", "worker"])
async def test_a_pane_that_raises_becomes_a_card(open_desk, where):
    async with open_desk(panes=with_books(failing(where))) as (desk, pilot):
        await expect_card(desk, pilot, f"no {where}")


async def test_so_does_one_whose_widgets_cannot_be_made(open_desk):
    async with open_desk(panes=with_books(Composed)) as (desk, pilot):
        await expect_card(desk, pilot, "no compose")


async def test_so_does_one_whose_widgets_cannot_be_drawn(open_desk):
    async with open_desk(panes=with_books(Rendering)) as (desk, pilot):
        desk.app.workspace.focus_slot("books")
        desk.app.run_named("books.spoil")
        await expect_card(desk, pilot, "no render")


@pytest.mark.parametrize(("key", "words"), [("f5", "no sync"), ("f6", "no later")])
async def test_so_does_one_whose_action_raises(open_desk, key, words):
    async with open_desk(panes=with_books(failing("nowhere"))) as (desk, pilot):
        desk.app.workspace.focus_slot("books")
        await pilot.press(key)
        await expect_card(desk, pilot, words)


async def test_so_does_one_whose_event_handler_raises(open_desk):
    async with open_desk(panes=with_books(failing("nowhere"))) as (desk, pilot):
        pane = desk.app.workspace.panes["books"]
        pane.post_message(events.Click(pane, 1, 1, 0, 0, 1, False, False, False))
        await expect_card(desk, pilot, "no click")


async def test_ctrl_r_starts_the_pane_again(open_desk):
    cls = failing("paint")
    async with open_desk(panes=with_books(cls)) as (desk, pilot):
        await desk.painted(pilot)
        first = desk.app.workspace.panes["books"]
        assert isinstance(first, ErrorCard)
        await pilot.press("ctrl+r")
        await until(lambda: desk.app.workspace.panes["books"] not in (None, first))
        await until(
            lambda: isinstance(desk.app.workspace.panes["books"], ErrorCard)
        )  # it fails again and says so again
        cls.broken = ""
        await pilot.press("ctrl+r")
        await until(lambda: isinstance(desk.app.workspace.panes.get("books"), cls))
        await desk.painted(pilot)
        assert "works" in desk.screen_text()


async def test_a_refused_command_is_a_notice_and_no_failure(open_desk):
    class Refusing(PaintedPane):
        PANE = "books"
        TITLE = "Ladder"
        ACTIONS = (Action("close", "Close", "Closes.", ("f5",)),)

        async def action_close(self):
            await self.engine.close_position("NOVA:BTC-USDT")

    async with open_desk(panes=with_books(Refusing)) as (desk, pilot):
        desk.app.workspace.focus_slot("books")
        await pilot.press("f5")
        await until(desk.toasts)
        assert isinstance(desk.app.workspace.panes["books"], Refusing)


GOOD = """
from screens.painted import PaintedPane

class Spread(PaintedPane):
    PANE = "spread"
    TITLE = "Spread"

    def paint(self, now):
        self.put_text(0, "a dropped-in pane")
"""


async def test_panes_dropped_into_the_plugin_folder_join_the_desk_and_broken_ones_warn(open_desk, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "spread.py").write_text(GOOD)
    (folder / "broken.py").write_text("import nothing_of_this_name")
    (folder / "empty.py").write_text("x = 1")
    (folder / "exits.py").write_text("raise SystemExit(3)")
    (folder / "same.py").write_text(GOOD)
    (folder / "_helper.py").write_text("1 / 0")
    infos = list_plugins(folder, points=())
    by_file = {info.source.rpartition("/")[2]: info for info in infos}
    assert set(by_file) == {"spread.py", "same.py", "broken.py", "empty.py", "exits.py"}
    assert "nothing_of_this_name" in by_file["broken.py"].error
    assert "no Pane" in by_file["empty.py"].error
    assert "SystemExit" in by_file["exits.py"].error
    usable = [info for info in infos if info.error is None]
    assert [(info.name, info.title) for info in usable] == [("spread", "Spread")]
    async with open_desk(panes=[Watchlist, *infos]) as (desk, pilot):
        assert [page.title for page in desk.app.workspace.pages] == ["Trade", "More"]
        await pilot.press("2")
        await desk.painted(pilot)
        assert "a dropped-in pane" in desk.screen_text()
        assert any("broken" in entry.text for entry in desk.engine.log.entries)


def test_an_action_without_its_method_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "odd.py").write_text(
        GOOD + "    from screens.actions import Action\n    ACTIONS = (Action('go', 'Go', 'Goes.', ('g',)),)\n"
    )
    (info,) = list_plugins(tmp_path, points=())
    assert info.error == "action go has no method action_go"
