"""A desk on which nothing happens: painted once a second, looked at more and more seldom, and awake at once."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec
import pytest

from screens.testing import BTC, START, book
from workstation.clock import SECOND


def looks(desk, seconds: float) -> tuple[int, list[str]]:
    """How often the timer of the screen has looked in so many seconds, and the panes that were painted."""
    frames, painted, taken, passed = desk.app.frames, [], 0, 0
    for pane in desk.app.workspace.shown():
        pane.paint = lambda now, slot=pane.slot: painted.append(slot)
    while passed < seconds * desk.app.desk_settings.market.frame_rate:
        passed += frames.stride()
        taken += 1
        if frames.stirs():
            desk.app.frame()
    return taken, painted


@pytest.mark.parametrize("rate", [4, 20])
async def test_every_pane_is_painted_once_a_second_and_after_some_seconds_most_looks_are_left_out(open_desk, rate):
    async with open_desk(settings={"market": {"frame_rate": rate}}) as (desk, pilot):
        await desk.still(pilot)
        panes = sorted(pane.slot for pane in desk.app.workspace.shown())
        desk.app.frames.wake()
        looks(desk, 2)
        taken, painted = looks(desk, 2)
        assert (taken, sorted(painted)) == (2 * rate, sorted([*panes, *panes]))
        looks(desk, 6)
        taken, painted = looks(desk, 2)
        assert (taken, sorted(painted)) == (10 if rate == 20 else 2 * rate, sorted([*panes, *panes]))
        desk.feed(book(BTC, START + SECOND))
        assert desk.app.frames.stirs(), "the next look sees what has happened"
        desk.app.frame()
        assert desk.app.frames.stride() == 1


async def test_what_the_market_brings_to_a_dozing_desk_is_looked_at_at_the_next_frame(open_desk):
    async with open_desk() as (desk, pilot):
        await desk.still(pilot)
        timer, loop = desk.app.frames._timer, asyncio.get_running_loop()
        looked = loop.create_future()
        timer._look_again(looked, 1_000_000)  # a day away
        timer._listen(partial(timer._hears, looked))
        desk.feed(book(BTC, START + SECOND))
        assert timer._next_look.when() - loop.time() <= 1 / desk.app.desk_settings.market.frame_rate
        timer._listen(None)


async def test_where_time_stands_still_too_panes_that_show_the_engine_alone_are_painted_every_fifth_second(open_desk):
    async with open_desk() as (desk, pilot):
        await desk.still(pilot)
        shown = desk.app.workspace.shown()
        *others, last = shown
        for pane in others:
            pane.FROM_ENGINE = True
        looks(desk, 20)
        _, painted = looks(desk, 10)
        assert painted.count("books") == 10, "one of them shows something else: a job, a clock on the wall"
        last.FROM_ENGINE = True
        _, painted = looks(desk, 10)
        assert sorted(painted) == sorted(2 * [pane.slot for pane in shown])
        desk.engine.clock.advance(SECOND)  # now ages grow
        _, painted = looks(desk, 1)
        assert sorted(painted) == sorted(pane.slot for pane in shown)


async def test_panes_that_come_back_are_painted_at_the_next_look(open_desk):
    async with open_desk() as (desk, pilot):
        await desk.still(pilot)
        desk.app.workspace.focus_slot("books")
        looks(desk, 12)
        await pilot.press("z")
        assert desk.app.workspace.zoomed == "books"
        looks(desk, 12)
        await pilot.press("z")
        await pilot.pause()
        panes = sorted(pane.slot for pane in desk.app.workspace.shown())
        assert len(panes) > 1
        _, painted = looks(desk, 0.2)
        assert sorted(set(painted)) == panes


async def test_every_pane_goes_on_beneath_a_dialog_while_the_market_moves(open_desk):
    async with open_desk() as (desk, pilot):
        await desk.still(pilot)
        await pilot.press("ctrl+p")
        await desk.still(pilot)
        assert desk.app.screen is not desk.app.desk_screen
        painted = []
        panes = sorted(pane.slot for pane in desk.app.workspace.shown())
        for pane in desk.app.workspace.shown():
            pane.PACE = 2
            pane.paint = lambda now, slot=pane.slot: painted.append(slot)
        for number in range(2 * desk.app.desk_settings.market.frame_rate):
            desk.feed(book(BTC, START + (number + 1) * SECOND))
            desk.app.frame()
        assert sorted(set(painted)) == panes


async def test_the_bars_of_a_quiet_desk_go_on_every_second_at_every_rate(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        await desk.still(pilot)
        frames, bars, polls = desk.app.frames, [], []
        monkeypatch.setattr(desk.app, "refresh_bars", lambda: bars.append(frames._count))
        monkeypatch.setattr(desk.app.live, "poll", lambda: polls.append(frames._count))
        for rate in range(1, 61):
            settings = desk.app.desk_settings
            market = msgspec.structs.replace(settings.market, frame_rate=rate)
            monkeypatch.setattr(desk.app, "desk_settings", msgspec.structs.replace(settings, market=market))
            looks(desk, 10)
            frames._count, bars[:], polls[:] = 0, [], []
            for _ in range(3 * rate):
                if frames._count < 3 * rate and frames.stirs():
                    desk.app.frame()
            assert bars == polls == [rate, 2 * rate, 3 * rate], rate
