"""What is live, quiet, late or broken of a venue's streams, and how the status bar says it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from workstation.clock import SECOND
from workstation.venues.contract import LinkState, StreamAge, Venue
from workstation.venues.standing import Lateness, StreamStanding, stream_row, venue_rows

NOW = 1_000 * SECOND
SILENCE, OLD = 15 * SECOND, 5 * SECOND


def age(**terms: Any) -> StreamAge:
    return StreamAge(**({"what": "book", "symbol": "BTC-USDT", "up": True, "often": True} | terms))


@pytest.mark.parametrize(
    ("stream", "standing", "words"),
    [
        (age(heard=NOW - SECOND), StreamStanding.LIVE, ""),
        (age(heard=NOW - 6 * SECOND, beat=NOW - SECOND), StreamStanding.QUIET, "nothing new; its connection answers"),
        (age(heard=NOW - 9 * SECOND, beat=NOW - 8 * SECOND, beats=3), StreamStanding.LATE, "no sign of life for 8s"),
        (age(heard=NOW - 9 * SECOND), StreamStanding.LATE, "no sign of life for 9s"),
        (age(what="own orders", symbol="", often=False, beat=NOW - SECOND, beats=1), StreamStanding.LIVE,
         "stands; nothing to tell so far"),
        (age(what="own orders", symbol="", often=False, alive=NOW - SECOND), StreamStanding.LIVE,
         "stands; nothing to tell so far"),
        (age(what="own orders", symbol="", often=False, heard=NOW - 60 * SECOND, beat=NOW), StreamStanding.LIVE, ""),
        (age(what="mark price", asked=True, heard=NOW - 12 * SECOND), StreamStanding.LIVE,
         "asked for, there is no stream"),
        (age(what="mark price", asked=True, heard=NOW - 31 * SECOND), StreamStanding.LATE, "no answer for 31s"),
        (age(up=False), StreamStanding.COMING, "has not come yet"),
        (age(up=False, faults=2, said="cut"), StreamStanding.BROKEN, "begun anew: cut"),
    ],
)  # fmt: skip
def test_how_a_stream_stands(stream: StreamAge, standing: StreamStanding, words: str) -> None:
    row = stream_row("LOOP", stream, NOW, SILENCE, OLD)
    assert (row.standing, row.words) == (standing, words)


def test_the_status_bar_names_what_is_late_and_counts_where_it_is_more() -> None:
    streams: list[StreamAge] = []
    venue = SimpleNamespace(
        name="LOOP", link=LinkState.CONNECTED, silence=SILENCE, round_trip=None, stream_ages=lambda: streams
    )

    def said(now: int) -> str:
        return Lateness().of(cast(Venue, venue), now, OLD)

    streams[:] = [age(heard=NOW), age(what="trades", beat=NOW)]
    assert said(NOW) == ""
    assert said(NOW + 9 * SECOND) == "2 streams late 9s"
    streams[0] = age(heard=NOW + 9 * SECOND)
    assert said(NOW + 9 * SECOND) == "trades BTC-USDT late 9s"
    streams[1] = age(what="trades", up=False, faults=1, said="cut")
    assert said(NOW + 9 * SECOND) == "trades BTC-USDT late"
    venue.link = LinkState.DOWN
    assert said(NOW + 99 * SECOND) == "", "that the link is away says it all"


def test_words_are_looked_for_anew_when_the_clock_is_moved_back() -> None:
    streams = [age(heard=NOW)]
    venue = cast(
        Venue,
        SimpleNamespace(
            name="LOOP", link=LinkState.CONNECTED, silence=SILENCE, round_trip=None, stream_ages=lambda: streams
        ),
    )
    late = Lateness()
    assert late.of(venue, NOW + 9 * SECOND, OLD) == "book BTC-USDT late 9s"
    assert late.of(venue, NOW, OLD) == ""


@pytest.mark.parametrize(
    ("compared", "unproven", "standing", "words"),
    [
        (NOW - 360 * SECOND, "", StreamStanding.LIVE, "agree with this desk's books; asked for every few minutes"),
        (NOW - 361 * SECOND, "", StreamStanding.LATE, "not compared for 6m1s"),
        (NOW - 361 * SECOND, "it was away", StreamStanding.COMING, "it was away"),
    ],
)
def test_books_that_could_not_be_compared_three_times_are_late(
    compared: int, unproven: str, standing: StreamStanding, words: str
) -> None:
    venue = SimpleNamespace(
        name="LOOP", link=LinkState.CONNECTED, silence=SILENCE, round_trip=None, stream_ages=list,
        capabilities=SimpleNamespace(order_types={"limit"}),
    )  # fmt: skip
    row = venue_rows(cast(Venue, venue), NOW, OLD, NOW, unproven, compared, 120 * SECOND)[-1]
    assert (row.name, row.standing, row.words) == ("orders and money", standing, words)
