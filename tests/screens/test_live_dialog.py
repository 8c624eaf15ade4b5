"""Going live: a live desk is armed only after the venues' names were typed, once in a session."""

from __future__ import annotations

import msgspec
import pytest

from screens.live_dialog import LiveDialog, phrase


async def settle(pilot, condition) -> None:
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come about")


async def test_a_live_desk_asks_for_its_venues_names_shows_the_limits_and_asks_once(open_desk):
    async with open_desk() as (desk, pilot):
        app, desk.engine.mode = desk.app, "live"
        app.armed = False
        await pilot.press("ctrl+l")
        await settle(pilot, lambda: isinstance(app.screen, LiveDialog))
        assert not app.armed
        wanted = phrase(list(desk.engine.venues))
        await pilot.press(*"yes", "enter")
        assert isinstance(app.screen, LiveDialog)
        assert not app.armed
        await pilot.press(*("space" if letter == " " else letter for letter in wanted), "enter")
        await settle(pilot, lambda: app.armed)
        await pilot.press("ctrl+l")
        assert not app.armed
        await pilot.press("ctrl+l")
        assert app.armed, "the session remembers it"


async def test_escape_leaves_it_disarmed(open_desk):
    async with open_desk() as (desk, pilot):
        app, desk.engine.mode = desk.app, "live"
        app.armed = False
        await pilot.press("ctrl+l")
        await settle(pilot, lambda: isinstance(app.screen, LiveDialog))
        await pilot.press("escape")
        await settle(pilot, lambda: not isinstance(app.screen, LiveDialog))
        assert not app.armed


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_paper_and_a_config_that_says_never_do_not_ask(open_desk, mode):
    async with open_desk() as (desk, pilot):
        app, desk.engine.mode = desk.app, mode
        if mode == "live":
            live = msgspec.structs.replace(app.desk_settings.live, confirm="never")
            app.desk_settings = msgspec.structs.replace(app.desk_settings, live=live)
        app.armed = False
        await pilot.press("ctrl+l")
        await settle(pilot, lambda: app.armed)


async def test_a_venue_that_was_not_compared_is_reducing_on_the_bar(open_desk):
    async with open_desk() as (desk, pilot):
        name = next(iter(desk.engine.venues))
        desk.engine.core.unproven[name] = "it was away"
        await settle(pilot, lambda: f"REDUCING {name}" in desk.screen_text())
        del desk.engine.core.unproven[name]
        await settle(pilot, lambda: "REDUCING" not in desk.screen_text())
