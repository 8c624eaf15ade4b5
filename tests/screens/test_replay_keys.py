"""A recording on the screen: it stands still, steps, changes its speed, goes to a time, ends and begins again."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import demo_panes

from screens.app import TwsApp
from screens.plugins import PaneInfo
from tests.support.desk import START
from tests.support.recordings import recorded
from workstation.assembly import replay_desk
from workstation.clock import SECOND
from workstation.paths import Paths
from workstation.settings import Settings


@asynccontextmanager
async def watching(home):
    """A recording of five seconds of the demo market, open and paused at its start."""
    path = recorded(home / "five.tws", 5)
    engine = replay_desk(Settings(), Paths(home, home / "data", home / "state"), [path])
    engine.replay.pause()
    app = TwsApp(
        engine, [PaneInfo(pane.PANE, pane.TITLE, "test", "", None, pane) for pane in demo_panes.ALL], start=engine.start
    )
    app.keyboard.stale_seconds = math.inf  # a slow machine is no stall
    try:
        async with app.run_test(size=(160, 48)) as pilot:
            await until(lambda: engine.ready)
            yield app, engine, pilot
    finally:
        await engine.close()


async def until(condition):
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


def bar(app):
    app.desk_screen.status.repaint()
    return app.desk_screen.status.row_text(0)


async def test_a_recording_is_moved_by_keys_and_says_when_it_has_ended(tmp_path):
    async with watching(tmp_path) as (app, engine, pilot):
        assert "‖ 1×" in bar(app)
        seen = engine.market(engine.instruments()[0].id)
        for key in (",", "."):
            before = engine.pump.events
            await pilot.press(key)
            assert engine.pump.events == before + 1, "by one event"
        await pilot.press(">")
        assert "‖ 2×" in bar(app)
        await pilot.press("<", "<", "p")
        await until(lambda: not engine.replay.paused)
        assert "▶ 0.5×" in bar(app)
        await pilot.press("p")
        app.run_named("replay_seek")
        assert app.desk_screen.command_line.is_open
        await pilot.press(*"90%", "enter")
        await until(lambda: engine.replay.position >= START + 4 * SECOND)
        assert seen.last is None or seen.last.ts <= engine.clock.now()
        engine.replay.set_speed(100)
        await pilot.press("p")
        await until(lambda: engine.replay.at_end)
        assert "■ end" in bar(app)
        assert any("recording has ended" in entry.text for entry in engine.log.entries)
        engine.replay.set_speed(0.1)
        await pilot.press("p")
        assert engine.replay.position < START + 4 * SECOND
        app.run_named("replay_loop")
        assert engine.replay.loop
        await pilot.press("p")
        app.armed = True
        await pilot.resize_terminal(90, 24)
        time = f"{datetime.fromtimestamp(engine.clock.now() // SECOND, UTC):%H:%M:%S}"
        assert f"‖ 0.1× {time}" in bar(app)
        app.armed = False
        await pilot.resize_terminal(80, 24)
        assert f"● ●  ‖ 0.1× {time}" in bar(app), "the venues' names give way to the time"
        await pilot.resize_terminal(72, 24)
        assert f"‖ {time}" in bar(app), "and then its speed"
