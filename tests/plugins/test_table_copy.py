"""Every table can be copied whole and exported, whatever of it fits on the screen."""

from __future__ import annotations

import json

from trading_scene import scene

from plugins.orders import OrdersPane


async def test_a_table_is_copied_whole_and_exported_with_the_path_said(tmp_path):
    async with scene(tmp_path, OrdersPane, size=(80, 24)) as (desk, pilot):
        pane = desk.app.workspace.panes["orders"]
        pane.focus()
        await pilot.press("ctrl+y")
        lines = desk.app.clipboard.splitlines()
        assert len(lines) == len(pane._shown) + 1
        assert lines[0].split("\t") == [column.title or column.key for column in pane.COLUMNS]
        assert all(line.count("\t") == len(pane.COLUMNS) - 1 for line in lines)
        await pilot.press("y")
        assert desk.app.clipboard == lines[1 + pane._cursor]
        for name in ("orders.export_csv", "orders.export_json"):
            desk.app.run_named(name)
        for _ in range(200):
            if len(list((tmp_path / "exports").glob("*"))) == 2:
                break
            await pilot.pause(0.01)
        await desk.painted(pilot)
        (path,) = (tmp_path / "exports").glob("*.json")
        assert len(json.loads(path.read_text())) == len(pane._shown)
        assert any("rows written to" in one for one in desk.toasts())


async def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "exports").write_text("a file stands in the way")
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        desk.app.run_named("orders.export_csv")
        for _ in range(200):
            if any("could not be written" in one for one in desk.toasts()):
                break
            await pilot.pause(0.01)
        assert any("could not be written" in one for one in desk.toasts())
