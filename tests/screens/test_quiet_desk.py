"""A desk on which nothing happens: painted once a second, looked at more and more seldom, and awake at once."""

from __future__ import annotations

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
async def test_every_pane_is_painted_once_a_second_and_after_some_seconds_every_second_look_is_left_out(
    open_desk, rate
):
    async with open_desk(settings={"market": {"frame_rate": rate}}) as (desk, pilot):
        await desk.still(pilot)
        panes = sorted(pane.slot for pane in desk.app.workspace.shown())
        desk.app.frames.wake()
        looks(desk, 2)
        taken, painted = looks(desk, 2)
        assert (taken, sorted(painted)) == (2 * rate, sorted([*panes, *panes]))
        looks(desk, 6)
        taken, painted = looks(desk, 2)
        assert (taken, sorted(painted)) == (rate if rate == 20 else 2 * rate, sorted([*panes, *panes]))
        desk.feed(book(BTC, START + SECOND))
        assert desk.app.frames.stirs(), "the next look sees what has happened"
        desk.app.frame()
        assert desk.app.frames.stride() == 1
