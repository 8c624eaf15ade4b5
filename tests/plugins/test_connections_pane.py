"""The connections pane: each stream with its own age and heartbeat, its words where it is late; and its pictures."""

from __future__ import annotations

import pytest
from trading_scene import Scene, scene

from plugins.connections import ConnectionsPane
from workstation.clock import MILLISECOND, SECOND
from workstation.venues.contract import StreamAge
from workstation.venues.standing import StreamRow, StreamStanding, stream_row

SIZES = [(160, 48), (80, 24)]


def text(desk) -> str:
    pane = desk.app.workspace.panes["connections"]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


def rows(now: int) -> list[StreamRow]:
    """A venue in trouble: one stream of each kind of standing."""
    link = StreamRow(
        venue="KRAKEN",
        age=StreamAge(what="link", up=True, heard=now - SECOND // 5),
        standing=StreamStanding.LIVE,
        words="clock +1400 ms, answers in 43 ms",
        drift=1_400 * MILLISECOND,
        round_trip=43 * MILLISECOND,
    )
    beat = {"beat": now - 3 * SECOND, "beats": 1_204}
    ages = [
        StreamAge(what="book", symbol="BTC-USD", up=True, often=True, heard=now - SECOND // 5, messages=48_211, **beat),
        StreamAge(what="trades", symbol="BTC-USD", up=True, heard=now - 7 * SECOND, messages=3_107, **beat),
        StreamAge(what="book", symbol="ETH-USD", up=True, often=True, heard=now - 8 * SECOND, messages=9_007, **beat),
        StreamAge(
            what="trades", symbol="ETH-USD", up=True, heard=now - 70 * SECOND, messages=911, beat=now - 12 * SECOND,
            beats=1_199, faults=1,
        ),
        StreamAge(what="own orders", faults=3, heard=now - 95 * SECOND, messages=12, said="the connection was closed"),
        StreamAge(what="own fills", up=True, **beat),
    ]  # fmt: skip
    found = [stream_row("KRAKEN", age, now, 15 * SECOND, 5 * SECOND) for age in ages]
    why = "it was away, and its orders and money have not been compared since"
    compared = StreamAge(what="orders and money", heard=now - 130 * SECOND, asked=True)
    return [link, *found, StreamRow(venue="KRAKEN", age=compared, standing=StreamStanding.COMING, words=why)]


async def test_simulated_venues_have_a_link_that_needs_no_network(tmp_path):
    async with scene(tmp_path, ConnectionsPane, traded=False) as (desk, _):
        for venue in desk.engine.venues:
            assert venue in text(desk)
        assert "simulated on this machine" in text(desk)


async def test_every_stream_stands_there_with_its_age_and_what_is_wrong(tmp_path):
    async with scene(tmp_path, ConnectionsPane, traded=False) as (desk, pilot):
        desk.engine.streams = lambda: rows(desk.clock.now())
        desk.app.workspace.panes["connections"].invalidate()
        await desk.painted(pilot)
        shown = {line[:24].strip(): " ".join(line[24:].split()) for line in text(desk).splitlines()}
        assert shown["KRAKEN"] == "live 0.2s clock +1400 ms, answers in 43 ms"
        assert shown["book BTC-USD"] == "live 0.2s 3.0s 48,211 1,204"
        assert shown["trades BTC-USD"] == "live 7.0s 3.0s 3,107 1,204"
        assert shown["book ETH-USD"] == "quiet 8.0s 3.0s nothing new; its connection answers 9,007 1,204"
        assert shown["trades ETH-USD"] == "late 70s 12s no sign of life for 12s 911 1,199 1×"
        assert shown["own orders"] == "broken 95s begun anew: the connection was closed 12 3×"
        assert shown["own fills"] == "live – 3.0s stands; nothing to tell so far 1,204"
        assert shown["orders and money"].startswith("coming 2m it was away")
        assert desk.app.workspace.panes["connections"].status() == "3 not live"


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_a_venue_in_trouble(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [ConnectionsPane])

    async def before(pilot) -> None:
        await desk.ready(pilot)
        desk.engine.streams = lambda: rows(desk.clock.now())
        desk.app.workspace.panes["connections"].invalidate()
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
