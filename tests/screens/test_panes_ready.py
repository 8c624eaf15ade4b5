"""Panes of pages that nobody has opened yet are made while there is time for it."""

import asyncio

import pytest

from screens.error_card import ErrorCard
from screens.layout import Page, tabs
from screens.pane import Pane


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("screens.ready._PAUSE_SECONDS", 0.0)


async def test_every_page_has_its_panes_and_none_of_them_shows_or_is_painted(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        app, workspace = desk.app, desk.app.workspace
        seen, picture = set(workspace.panes), desk.screen_text()
        assert workspace.unseen()
        await app.ready.prepare_panes()
        await desk.painted(pilot)
        made = [pane for slot, pane in workspace.panes.items() if slot not in seen]
        assert workspace.unseen() == []
        assert made
        assert all(pane.is_attached and not pane.display for pane in made)
        assert desk.screen_text() == picture

        painted = []
        for pane in made:
            monkeypatch.setattr(pane, "paint", lambda now, slot=pane.slot: painted.append(slot))
        app.frames.wake()
        app.frame()
        assert painted == []


async def test_what_their_first_pictures_need_is_got_too_and_one_that_fails_is_contained(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        workspace = desk.app.workspace
        seen, asked = set(workspace.panes), []

        async def make_ready(pane):
            asked.append(pane.slot)
            if len(asked) == 1:
                raise RuntimeError("no process")

        monkeypatch.setattr(Pane, "make_ready", make_ready)
        await desk.app.ready.prepare_panes()
        await desk.painted(pilot)
        assert asked == [slot for slot in workspace.panes if slot not in seen]
        assert isinstance(workspace.panes[asked[0]], ErrorCard)


async def test_a_page_that_is_opened_then_makes_none(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        await desk.app.ready.prepare_panes()
        monkeypatch.setattr(desk.app.workspace, "mount", lambda *panes: pytest.fail(f"{panes} were made now"))
        for page in range(len(desk.app.workspace.pages)):
            await pilot.press(str(page + 1))
            await desk.painted(pilot)
            shown = desk.app.workspace.shown()
            assert shown
            assert all(pane.size for pane in shown)


async def test_a_pane_is_made_once_though_it_is_asked_for_meanwhile(open_desk):
    async with open_desk() as (desk, pilot):
        workspace = desk.app.workspace
        slot = workspace.unseen()[0]
        making = asyncio.ensure_future(workspace.prepare(slot))
        await asyncio.sleep(0)
        workspace.focus_slot(slot)
        await making
        await desk.painted(pilot)
        pane = workspace.panes[slot]
        assert [child for child in workspace.children if isinstance(child, Pane) and child.slot == slot] == [pane]
        assert pane.display
        assert pane.size


async def test_one_that_cannot_be_made_leaves_its_card_and_the_others_come(open_desk):
    async with open_desk() as (desk, pilot):
        app, workspace = desk.app, desk.app.workspace
        good = workspace.pane_classes["books"]

        class Broken(good):
            def __init__(self, *args):
                raise RuntimeError("it is broken")

        workspace.pane_classes["broken"] = Broken
        workspace.pages = [*workspace.pages, Page("Own", ((0, 0, tabs("broken", "books:12")),))]
        await app.ready.prepare_panes()
        assert workspace.unseen() == []
        workspace.show_page(len(workspace.pages) - 1)
        await desk.painted(pilot)
        assert "it is broken" in desk.screen_text()
        assert workspace.panes["books:12"].is_attached
