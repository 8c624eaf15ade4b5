"""The README's example: a pane in one file under 40 lines, dropped into the user's plugin folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from trading_scene import BTC, ETH, scene

from plugins.log import LogPane
from screens.plugins import list_plugins
from screens.testing import book
from workstation.domain.market import BookDelta
from workstation.domain.order import Side

EXAMPLE = Path(__file__).with_name("example_pane.py")


@pytest.fixture
def spread(tmp_path):
    """The example as the desk finds it in a plugin folder."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder / "spread.py")
    (found,) = list_plugins(folder, points=())
    return found


def test_it_is_found_in_the_folder_and_short(spread, tmp_path):
    assert (spread.name, spread.title, spread.version, spread.error) == ("spread", "Spread", "1.0", None)
    assert spread.source == str(tmp_path / "plugins" / "spread.py")
    assert len(EXAMPLE.read_text().splitlines()) < 40


async def test_it_runs_on_the_desk_like_any_other_pane(spread, tmp_path):
    async with scene(tmp_path, LogPane, spread, size=(120, 30), traded=False) as (desk, pilot):
        desk.app.run_named("spread.forget")
        pane = desk.app.workspace.panes["spread"]
        await desk.painted(pilot)
        assert [pane.row_text(y).strip() for y in range(3)] == ["now   0.1 USDT", "least 0.1 USDT", "most  0.1 USDT"]
        best = desk.engine.book(BTC.id).best_ask
        desk.feed(BookDelta(BTC.id, desk.clock.now(), 2, 1, (), ((best, 0),)))
        await desk.painted(pilot)
        wide = desk.engine.book(BTC.id).spread
        assert wide > 1
        assert pane.row_text(2).strip() == f"most  {BTC.price(wide)} USDT"
        desk.feed(book(BTC, desk.clock.now()))
        await pilot.press("f")
        await desk.painted(pilot)
        assert pane.row_text(2).strip() == "most  0.1 USDT"
        desk.app.desk.select(ETH.id)
        await desk.painted(pilot)
        assert pane.row_text(0).strip() == "now   0.01 USDT"


async def test_its_trading_key_is_guarded_by_the_desk(spread, tmp_path):
    async with scene(tmp_path, LogPane, spread, size=(120, 30), traded=False) as (desk, pilot):
        await desk.order(BTC.id, Side.BUY, "0.01", "64000")
        desk.app.run_named("spread.forget")
        await desk.painted(pilot)
        await pilot.press("ctrl+l", "X")
        assert len(desk.engine.open_orders()) == 1
        await pilot.press("ctrl+l", "X")
        await desk.painted(pilot)
        assert not desk.engine.open_orders()


def test_the_readme_shows_this_very_file():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert f"```python\n{EXAMPLE.read_text().rstrip()}\n```" in readme
