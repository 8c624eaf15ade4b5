"""Typed words for pages and layouts: the line says what it will do, and does it."""

from __future__ import annotations

import pytest

from screens.command_line import CommandLine


async def typed(desk, pilot, line):
    await pilot.press(":")
    field = desk.app.desk_screen.query_one(CommandLine)
    for character in line:
        await pilot.press("space" if character == " " else character)
    said = field.meaning(line)
    await pilot.press("enter")
    for _ in range(200):  # until what was typed has been done
        await desk.painted(pilot)
        if not field.is_open and not desk.app._tasks:
            break
    return said


@pytest.mark.slow
async def test_pages_are_made_shown_and_deleted(open_desk):
    async with open_desk() as (desk, pilot):
        workspace = desk.app.workspace
        said = await typed(desk, pilot, "page new Swing chart")
        assert (said.text, said.ok) == ("Adds the page Swing with the pane Chart.", True)
        assert (workspace.pages[workspace.page].title, workspace.slots()) == ("Swing", ["chart:11"])
        await typed(desk, pilot, "page blot")
        assert workspace.pages[workspace.page].title == "Blotter"
        await typed(desk, pilot, "page 5")
        await typed(desk, pilot, "page rename Slow")
        assert workspace.pages[4].title == "Slow"
        await typed(desk, pilot, "page delete")
        assert len(workspace.pages) == 4


async def test_panes_are_opened_beside_below_and_as_tabs(open_desk):
    async with open_desk() as (desk, pilot):
        workspace = desk.app.workspace
        await typed(desk, pilot, "split right tape")
        assert workspace.current == "tape:11"
        await typed(desk, pilot, "split below log")
        assert workspace.place_of("log:11").title.x == workspace.place_of("tape:11").title.x
        await typed(desk, pilot, "open chart")
        assert workspace.place_of("chart:11").tabs.slots == ("log:11", "chart:11")


@pytest.mark.slow
async def test_layouts_are_saved_and_loaded_and_panes_linked(open_desk):
    async with open_desk() as (desk, pilot):
        await typed(desk, pilot, "layout save quiet day")
        await typed(desk, pilot, "link b")
        assert desk.app.desk.pane_settings("books")["link"] == "B"
        await typed(desk, pilot, "link off")
        assert "link" not in desk.app.desk.pane_settings("books")
        await typed(desk, pilot, "split right tape")
        assert (await typed(desk, pilot, "layout load quiet day")).text == "Shows the layout quiet day."
        assert "tape:11" not in desk.app.workspace.slots()
        await typed(desk, pilot, "layout undo")
        assert "tape:11" in desk.app.workspace.slots()


async def test_what_cannot_be_done_is_said_while_it_is_typed(open_desk):
    async with open_desk() as (desk, _pilot):
        meaning = desk.app.typed.meaning
        assert meaning("page nowhere").text.startswith("Which page? Trade, Books, Chart, Blotter")
        assert not meaning("page nowhere").ok
        assert meaning("layout load x").text == "Which layout? built-in."
        assert meaning("split up").text == "split right PANE or split below PANE"
        assert "Which pane?" in meaning("open zzz").text
        assert not meaning("link z").ok
        assert meaning("buy 0.01 @ 64100").text.startswith("Buy")
