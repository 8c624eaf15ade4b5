"""The desk's own panes are loaded by their first use: the first frame shows one page, and waits for no other."""

from importlib.metadata import EntryPoint, entry_points

import pytest

from screens.desk_screen import DeskScreen
from screens.painted import PaintedPane
from screens.plugins import GROUP, list_plugins
from screens.testing import FrozenDesk

OWN = [point for point in entry_points(group=GROUP) if point.value.startswith("plugins.")]


def contexts(app):
    return list(dict.fromkeys(action.context for action in app.table))


@pytest.fixture
def opened(tmp_path):
    desks = []

    def make(infos, **options):
        desk = FrozenDesk(tmp_path, infos, **options)
        desks.append(desk)
        return desk

    return make


def test_the_names_of_the_entry_points_are_those_of_the_panes():
    loaded = list_plugins(points=OWN)
    late = list_plugins(points=OWN, late=True)
    assert [info.name for info in late] == [info.name for info in loaded] == [point.name for point in OWN]
    assert all(info.late and info.cls is None for info in late)
    assert [info.loaded() for info in late] == loaded


def test_panes_of_others_are_loaded_at_once_and_a_file_cannot_take_a_late_panes_name(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from screens.pane import Pane\nclass Mine(Pane):\n    PANE = 'books'\n    TITLE = 'Mine'\n"
    )
    late = list_plugins(tmp_path, points=OWN, late=True)
    assert late[-1].error == "a pane called 'books' is there already, from plugins.books:LadderPane"
    other = EntryPoint("other", "screens.error_card:ErrorCard", GROUP)
    assert list_plugins(points=[other], late=True)[0].error == "it has no TITLE"


async def test_the_first_page_loads_its_own_panes_and_a_later_one_by_its_key(opened):
    desk = opened(list_plugins(points=OWN, late=True))
    app = desk.app
    async with app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        assert {"books", "ticket", "log"} <= set(app.pane_classes)
        assert "risk" not in app.pane_classes
        assert app.table.get("risk.edit") is None
        await pilot.press("5")
        await desk.painted(pilot)
        assert "risk" in app.pane_classes
        assert app.table.get("risk.edit") is not None
        assert "daily_loss" in desk.screen_text()
        assert app.pane_classes.late, "the portfolio's pane has nobody asked for"
    await desk.engine.close()


async def test_all_loaded_it_is_as_if_they_had_been_there_from_the_start(opened):
    whole, desk = opened(list_plugins(points=OWN)), opened(list_plugins(points=OWN, late=True))
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        await pilot.press("5")  # out of order
        await desk.app.pane_classes.load_rest()
        assert not desk.app.pane_classes.late
        assert contexts(desk.app) == contexts(whole.app)
        assert list(desk.app.table) == list(whole.app.table)
        assert [info.name for info in desk.app.pane_infos] == [info.name for info in whole.app.pane_infos]
    await desk.engine.close()
    await whole.engine.close()


async def test_keys_for_an_action_of_a_late_pane_are_no_mistake(opened):
    desk = opened(list_plugins(points=OWN, late=True), settings={"keys": {"risk.edit": "u", "risk.nonsense": "v"}})
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        assert not any("risk." in entry.text for entry in desk.engine.log.entries)
        assert len(desk.app.pane_infos) == len(OWN)  # what lists them loads them
        assert desk.app.table.get("risk.edit").keys == ("u",)
        told = [entry.text for entry in desk.engine.log.entries if "risk." in entry.text]
        assert [text.partition(";")[0] for text in told] == ["keys: there is no action 'risk.nonsense'"]
    await desk.engine.close()


@pytest.mark.parametrize("keymap", ["vim", "superdom"])
async def test_a_keymap_takes_no_key_from_a_late_pane_that_it_leaves_an_early_one(opened, keymap):
    """The vim-like one gives H to the desk; within a pane that has an H of its own it is that one's."""
    whole = opened(list_plugins(points=OWN), settings={"keymap": keymap})
    desk = opened(list_plugins(points=OWN, late=True), settings={"keymap": keymap})
    for one in (whole, desk):
        async with one.app.run_test(size=(160, 48)) as pilot:
            await one.ready(pilot)
            await one.app.pane_classes.load_rest()
            assert not [entry.text for entry in one.engine.log.entries if "the key of" in entry.text]
        await one.engine.close()
    assert {action.name: action.keys for action in desk.app.table} == {
        action.name: action.keys for action in whole.app.table
    }


async def test_one_that_cannot_be_loaded_leaves_its_card_where_it_should_show(opened):
    broken = EntryPoint("risk", "plugins.risk.nothing:RiskPane", GROUP)
    points = [broken if point.name == "risk" else point for point in OWN]
    desk = opened(list_plugins(points=points, late=True))
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        await desk.app.pane_classes.load_rest()
        assert any("The pane risk cannot be used: ModuleNotFoundError" in one.text for one in desk.engine.log.entries)
        await pilot.press("5")
        await desk.painted(pilot)
        assert "ModuleNotFoundError" in desk.screen_text()
    await desk.engine.close()


async def test_the_first_picture_has_the_ladder_and_waits_for_no_pane_made_of_widgets(opened, monkeypatch):
    desk = opened(list_plugins(points=OWN))
    pictures = []
    refresh = DeskScreen._compositor_refresh

    def refreshed(screen):
        refresh(screen)
        panes = screen.workspace.panes
        pictures.append(
            {
                slot: bool(pane.is_attached and pane.height)
                for slot, pane in panes.items()
                if isinstance(pane, PaintedPane)
            }
            | {"ticket": panes["ticket"].is_attached}
        )

    monkeypatch.setattr(DeskScreen, "_compositor_refresh", refreshed)
    async with desk.app.run_test(size=(160, 48)) as pilot:
        await desk.ready(pilot)
        assert pictures[0]["books"], "it gets the focus"
        assert not pictures[0]["watchlist"], "which works out a day of candles of all that it lists"
        assert not pictures[0]["ticket"]
        assert all(pictures[-1].values())
    await desk.engine.close()
