"""The layout mode: pages and panes by keys and mouse, kept for the next start, undone, named, shared."""

from __future__ import annotations

import json

from demo_panes import ALL, Chart, Tape
from textual.geometry import Offset

from screens.layout import Tabs, slots_of
from screens.layouts import BUILT_IN
from screens.workspace import Workspace


def slots(desk):
    return desk.app.workspace.slots()


def page(desk):
    return desk.app.workspace.pages[desk.app.workspace.page]


def place(desk, slot):
    return desk.app.workspace.place_of(slot)


def assert_stands_where_the_layout_has_it(desk):
    """The panes on the screen are where the layout says, and those alone."""
    workspace = desk.app.workspace
    wanted = {workspace.front_of(spot.tabs): spot.body.translate((0, 1)) for spot in workspace.places()}
    assert {pane.slot: pane.region for pane in workspace.shown()} == wanted


async def keys(desk, pilot, *press):
    for key in press:
        await pilot.press(key)
    await desk.painted(pilot)
    if desk.app.screen is desk.app.desk_screen:
        assert_stands_where_the_layout_has_it(desk)


async def test_a_split_opens_the_pane_that_was_chosen_and_close_takes_it_away(open_desk):
    async with open_desk() as (desk, pilot):
        before = slots(desk)
        await keys(desk, pilot, "ctrl+w")
        assert " LAYOUT " in desk.screen_text().splitlines()[-1]
        await keys(desk, pilot, "r", *"tape", "enter")
        new = desk.app.workspace.current
        assert new == "tape:11"
        assert place(desk, new).title.x == place(desk, "books").title.right + 1, "at the right of the ladder"
        assert desk.app.workspace.panes[new].is_attached
        await keys(desk, pilot, "d", *"once more", "enter")
        assert desk.app.workspace.current == "tape:12"
        assert place(desk, "tape:12").title.y == place(desk, new).body.bottom, "below it, of the same kind"
        await keys(desk, pilot, "x", "x")
        assert slots(desk) == before
        assert "tape:11" not in desk.app.workspace.panes
        await keys(desk, pilot, "u", "u")
        assert "tape:11" in slots(desk)
        await keys(desk, pilot, "escape")
        assert " LAYOUT " not in desk.screen_text()


async def test_no_key_of_the_layout_mode_trades(open_desk):
    async with open_desk() as (desk, pilot):
        assert desk.app.armed
        await keys(desk, pilot, "ctrl+w", "b", "B", "space")
        assert desk.app.workspace.panes["books"].done == []
        await keys(desk, pilot, "f9")
        assert desk.engine.trading_state == "halted", "the kill key does"


async def test_panes_go_change_places_and_take_an_edge(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "h")
        assert desk.app.workspace.current == "chart"
        chart, books = place(desk, "chart"), place(desk, "books")
        await keys(desk, pilot, "L")
        assert place(desk, "chart").title.right == books.title.right
        assert place(desk, "books").title.x == chart.title.x
        assert desk.app.workspace.current == "chart"
        await keys(desk, pilot, "K")
        top = place(desk, "chart")
        assert (top.title.y, top.title.width) == (0, 160), "there is nothing above: it takes the whole edge"
        await keys(desk, pilot, "K")
        assert any("whole edge" in toast for toast in desk.toasts())


async def test_borders_move_by_keys_and_keep_their_proportion(open_desk):
    async with open_desk() as (desk, pilot):
        desk.app.workspace.focus_slot("orders")
        before = place(desk, "orders").body
        await keys(desk, pilot, "ctrl+w", ">", ">", ">", "+")
        after = place(desk, "orders").body
        assert (after.width, after.height) == (before.width + 3, before.height + 1)
        await pilot.resize_terminal(80, 24)
        await desk.painted(pilot)
        assert "orders" in slots(desk)
        await pilot.resize_terminal(160, 48)
        await desk.painted(pilot)
        assert place(desk, "orders").body == after


async def test_a_border_is_dragged_by_the_mouse_and_one_undo_takes_it_back(open_desk):
    async with open_desk() as (desk, pilot):
        chart, books = place(desk, "chart"), place(desk, "books")
        x = chart.title.right
        await pilot.mouse_down(Workspace, offset=Offset(x, 10))
        for at in range(x - 1, x - 6, -1):
            await pilot.hover(Workspace, offset=Offset(at, 10))
        await pilot.mouse_up(Workspace, offset=Offset(x - 5, 10))
        await desk.painted(pilot)
        assert_stands_where_the_layout_has_it(desk)
        assert place(desk, "books").body.width == books.body.width + 5
        assert place(desk, "chart").body.width == chart.body.width - 5
        await keys(desk, pilot, "ctrl+w", "u")
        assert place(desk, "books") == books


async def test_a_tab_is_dropped_on_a_pane_to_swap_and_on_a_title_to_join(open_desk):
    async with open_desk() as (desk, pilot):
        tape, chart = place(desk, "tape"), place(desk, "chart")
        await pilot.mouse_down(Workspace, offset=Offset(tape.title.x + 2, tape.title.y))
        await pilot.hover(Workspace, offset=Offset(chart.body.x + 5, 10))
        await pilot.mouse_up(Workspace, offset=Offset(chart.body.x + 5, 10))
        await desk.painted(pilot)
        assert place(desk, "tape").body == chart.body
        assert place(desk, "chart").body == tape.body
        await pilot.mouse_down(Workspace, offset=Offset(tape.title.x + 2, tape.title.y))
        await pilot.hover(Workspace, offset=Offset(chart.title.x + 20, 0))
        await pilot.mouse_up(Workspace, offset=Offset(chart.title.x + 20, 0))
        await desk.painted(pilot)
        assert place(desk, "tape").tabs.slots == ("tape", "chart")
        assert desk.app.workspace.current == "chart"


async def test_tabs_come_apart_and_together(open_desk):
    async with open_desk() as (desk, pilot):
        desk.app.workspace.focus_slot("log")
        await keys(desk, pilot, "ctrl+w", "a")
        assert place(desk, "log").tabs == Tabs(("log",))
        await keys(desk, pilot, "a")
        assert "log" in place(desk, "positions").tabs.slots or "log" in place(desk, "orders").tabs.slots


async def test_pages_are_made_named_ordered_and_deleted(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "n", *"chart", "enter")
        await keys(desk, pilot, *"Swing", "enter")
        assert page(desk).title == "Swing"
        assert slots(desk) == ["chart:11"]
        assert "5 Swing" in desk.screen_text().splitlines()[0]
        await keys(desk, pilot, ",", ",", ",")
        assert [one.title for one in desk.app.workspace.pages] == ["Trade", "Swing", "Books", "Chart", "Blotter"]
        await keys(desk, pilot, "R", *["backspace"] * 5, *"Slow", "enter")
        assert page(desk).title == "Slow"
        await keys(desk, pilot, "escape", "1", "2")
        assert page(desk).title == "Slow", "its number is its place"
        await keys(desk, pilot, "ctrl+p", *"page 2 slow", "enter")
        assert page(desk).title == "Slow"
        await keys(desk, pilot, "ctrl+w", "X")
        assert [one.title for one in desk.app.workspace.pages] == ["Trade", "Books", "Chart", "Blotter"]
        await keys(desk, pilot, "5")
        assert any("There is no page 5" in toast for toast in desk.toasts())


async def test_a_pane_moves_to_another_page(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w")
        desk.app.workspace.focus_slot("ticket")
        await keys(desk, pilot, "m", *"chart", "enter")
        assert page(desk).title == "Chart"
        assert "ticket" in slots(desk)
        assert desk.app.workspace.current == "ticket"
        await keys(desk, pilot, "1")
        assert "ticket" not in slots(desk)
        await keys(desk, pilot, "escape", "o")
        assert (page(desk).title, desk.app.workspace.current) == ("Chart", "ticket")


async def test_an_action_of_a_closed_pane_opens_it_again(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w")
        desk.app.workspace.focus_slot("ticket")
        await keys(desk, pilot, "x", "escape")
        assert desk.app.workspace.slot_for("ticket") is None
        await keys(desk, pilot, "o")
        assert desk.app.workspace.current == "ticket"


async def test_the_next_start_has_the_pages_of_the_last(open_desk, tmp_path):
    state = tmp_path / "desk.json"
    async with open_desk(state_file=state) as (desk, pilot):
        await keys(desk, pilot, "3", "ctrl+w", "d", *"watchlist", "enter")
        before, tree = slots(desk), page(desk)
        desk.app.state.save()
    async with open_desk(state_file=state) as (desk, pilot):
        assert page(desk) == tree
        assert slots(desk) == before


async def test_the_store_has_the_pages_if_the_state_file_is_lost(open_desk, tmp_path):
    state = tmp_path / "desk.json"
    async with open_desk(state_file=state) as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "x")
        left = slots(desk)
        assert "books" not in left
    state.unlink(missing_ok=True)
    async with open_desk(state_file=state) as (desk, pilot):
        await desk.painted(pilot)
        assert slots(desk) == left


async def test_a_broken_or_foreign_layout_never_stops_the_desk(open_desk, tmp_path):
    state = tmp_path / "desk.json"
    foreign = {"title": "Theirs", "layouts": [{"width": 0, "height": 0, "panes": ["options"]}]}
    for layout in ("rubbish", {"tws": "layout", "version": 1, "pages": [foreign]}, None, 7):
        state.write_text(json.dumps({"layout": layout, "page": "x", "links": [1], "panes": {"books": {"link": "Q"}}}))
        async with open_desk(state_file=state) as (desk, pilot):
            assert [one.title for one in desk.app.workspace.pages] == ["Trade", "Books", "Chart", "Blotter"]
            assert any("built-in pages" in toast for toast in desk.toasts())
            await keys(desk, pilot, "ctrl+w", "g")
            assert any("link group A" in toast for toast in desk.toasts())


async def test_a_layout_is_saved_loaded_and_reset(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "x", "s", *"scalping", "enter")
        assert any("saved as scalping" in toast for toast in desk.toasts())
        await keys(desk, pilot, "Z")
        assert "books" in slots(desk)
        await keys(desk, pilot, "o", *"scalp", "enter")
        assert "books" not in slots(desk)
        await keys(desk, pilot, "0")
        assert "books" in slots(desk)
        await keys(desk, pilot, "escape", "ctrl+p", *"layout scalping", "enter")
        assert "books" not in slots(desk)
        desk.app.layouts.load(BUILT_IN)
        assert "books" in slots(desk)


async def test_a_layout_is_shared_as_a_file_with_the_instruments_of_its_panes(open_desk, tmp_path):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "i", *"sol", "enter", "e", *"mine", "enter")
        path = tmp_path / "layouts" / "mine.json"
        assert json.loads(path.read_text())["settings"]["books"]["instrument"] == "NOVA:SOL-USDT"
        path.rename(path.with_name("theirs.json"))
        await keys(desk, pilot, "Z")
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:BTC-USDT"
        await keys(desk, pilot, "o", *"theirs", "enter")
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:SOL-USDT"
        path.with_name("bad.json").write_text("{")
        await keys(desk, pilot, "o", *"bad", "enter")
        assert any("not valid JSON" in toast for toast in desk.toasts())
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:SOL-USDT"


async def test_linked_panes_follow_one_instrument_and_the_others_do_not(open_desk):
    async with open_desk() as (desk, pilot):
        workspace = desk.app.workspace
        await keys(desk, pilot, "ctrl+w", "g")
        workspace.focus_slot("chart")
        await keys(desk, pilot, "g")
        workspace.focus_slot("tape")
        await keys(desk, pilot, "g", "g", "escape")
        assert " A  Chart" in desk.screen_text()
        assert " B  Tape" in desk.screen_text()
        workspace.focus_slot("chart")
        await keys(desk, pilot, "/", *"sol", "enter")
        shown = {slot: workspace.panes[slot].instrument_id for slot in ("books", "chart", "tape", "ticket")}
        assert shown == {
            "books": "NOVA:SOL-USDT",
            "chart": "NOVA:SOL-USDT",
            "tape": "NOVA:BTC-USDT",
            "ticket": "NOVA:BTC-USDT",
        }
        desk.app.desk.select("NOVA:ETH-USDT")
        assert workspace.panes["ticket"].instrument_id == "NOVA:ETH-USDT"
        assert workspace.panes["chart"].instrument_id == "NOVA:SOL-USDT"
        workspace.panes["chart"].pin(None)
        assert workspace.panes["chart"].instrument_id == "NOVA:ETH-USDT", "it has left its group"


async def test_a_watchlist_in_a_link_group_selects_for_its_group(open_desk):
    async with open_desk() as (desk, _pilot):
        desk.app.desk.link("watchlist", "C")
        desk.app.desk.link("tape", "C")
        desk.app.workspace.panes["watchlist"].select_instrument("NOVA:SOL-USDT")
        assert desk.app.workspace.panes["tape"].instrument_id == "NOVA:SOL-USDT"
        assert desk.app.desk.selected == "NOVA:BTC-USDT"


async def test_a_small_terminal_shows_an_edited_page_whole(open_desk):
    async with open_desk(panes=ALL) as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "=", "escape")
        everything = sorted(slots(desk))
        for size in ((100, 30), (80, 24), (60, 16)):
            await pilot.resize_terminal(*size)
            await desk.painted(pilot)
            shown = [slot for spot in desk.app.workspace.places() for slot in spot.tabs.slots]
            assert sorted(shown) == everything
            for spot in desk.app.workspace.places():
                assert spot.body.width >= 24
                assert spot.body.height >= 5


async def test_the_help_of_the_layout_mode_is_its_own(open_desk):
    async with open_desk() as (desk, pilot):
        await keys(desk, pilot, "ctrl+w", "?")
        assert "Help: Layout mode" in desk.screen_text()
        assert "Split right" in desk.screen_text()


async def test_one_pane_alone_on_the_only_page_stays(open_desk):
    async with open_desk(panes=[Chart, Tape]) as (desk, _pilot):
        while len(desk.app.workspace.pages) > 1:
            desk.app.layouts.delete_page()
        for _ in range(4):
            desk.app.run_named("layout.close")
        assert len(list(slots_of(page(desk).variants[-1][2]))) == 1
        assert any("last pane" in toast for toast in desk.toasts())
