"""How each venue and each of its streams stands, in words: what is heard, what is merely quiet, what is late."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from workstation.clock import MILLISECOND, SECOND, span
from workstation.domain.numbers import counted
from workstation.venues.contract import LinkState, RealLink, StreamAge, TellsStreams, Venue, prices_only

#: What is asked for time and again is late after so long without an answer.
_ASKED = 30 * SECOND
#: Comparisons of books that may fail or be missed, one after the other, before what they said last is old.
_MISSED = 3
#: How long the words about what is late are used again.
_KEPT = SECOND // 4


class StreamStanding(StrEnum):
    LIVE = "live"
    QUIET = "quiet"  # nothing new, but the connection answers
    LATE = "late"  # no sign of life for too long
    COMING = "coming"
    BROKEN = "broken"
    DOWN = "down"


class StreamRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line about a venue: its link first (`age.what` is "link"), then its streams, then the comparison of books."""

    venue: str
    age: StreamAge
    standing: StreamStanding
    words: str = ""
    drift: int | None = None  # of the link: the venue's clock less ours in ns
    round_trip: int | None = None  # of the link: ns

    @property
    def name(self) -> str:
        return f"{self.age.what} {self.age.symbol}".rstrip()

    def sign(self) -> int:
        """UTC ns of the last sign of life; 0 before the first."""
        return max(self.age.heard, self.age.beat, self.age.alive)


def stream_row(venue: str, age: StreamAge, now: int, silence: int, stale_after: int) -> StreamRow:
    """`silence`: ns after which a connection counts as dead; it is asked for a sign of life three times in it.
    `stale_after`: ns after which a price is old."""
    row = StreamRow(venue=venue, age=age, standing=StreamStanding.LIVE)
    if not age.up:
        if not age.faults:
            return msgspec.structs.replace(row, standing=StreamStanding.COMING, words="has not come yet")
        return msgspec.structs.replace(row, standing=StreamStanding.BROKEN, words=f"begun anew: {age.said}")
    mute = now - row.sign()
    if row.sign() and mute > (_ASKED if age.asked else silence // 2):
        what = "answer" if age.asked else "sign of life"
        return msgspec.structs.replace(row, standing=StreamStanding.LATE, words=f"no {what} for {span(mute)}")
    if age.often and not age.asked and now - age.heard > stale_after:
        return msgspec.structs.replace(row, standing=StreamStanding.QUIET, words="nothing new; its connection answers")
    words = "asked for, there is no stream" if age.asked else "" if age.heard else "stands; nothing to tell so far"
    return msgspec.structs.replace(row, words=words)


def venue_rows(
    venue: Venue, now: int, stale_after: int, last_data: int, unproven: str, compared_at: int, compare_every: int
) -> list[StreamRow]:
    """Everything about one venue. `last_data`: UTC ns of its newest market data; `unproven`: why its books and the
    desk's may differ; `compared_at`: UTC ns of their last whole comparison, which is due every
    `compare_every` ns."""
    link = _link_row(venue, last_data)
    if not isinstance(venue, TellsStreams):
        return [link]
    rows = [link, *(stream_row(venue.name, age, now, venue.silence, stale_after) for age in venue.stream_ages())]
    if prices_only(venue):
        return [*rows, _only_prices(venue)]
    compared = StreamAge(what="orders and money", up=not unproven, heard=compared_at, asked=True)
    words = unproven or "agree with this desk's books; asked for every few minutes"
    standing = StreamStanding.COMING if unproven else StreamStanding.LIVE
    if not unproven and now - compared_at > _MISSED * compare_every:
        standing, words = StreamStanding.LATE, f"not compared for {span(now - compared_at)}"
    return [*rows, StreamRow(venue=venue.name, age=compared, standing=standing, words=words)]


def _only_prices(venue: Venue) -> StreamRow:
    age = StreamAge(what="orders and money", up=True, asked=True)
    return StreamRow(venue=venue.name, age=age, standing=StreamStanding.QUIET, words="open for its prices only")


def _link_row(venue: Venue, last_data: int) -> StreamRow:
    standing = {LinkState.CONNECTED: StreamStanding.LIVE, LinkState.CONNECTING: StreamStanding.COMING}.get(
        venue.link, StreamStanding.DOWN
    )
    real = venue if isinstance(venue, RealLink) else None
    drift = real.drift if real is not None else None
    round_trip = venue.round_trip if isinstance(venue, TellsStreams) else None
    words = "connected" if real is not None else "simulated on this machine"
    if real is not None and real.said:
        words = real.said
    elif drift is not None:
        away = "" if round_trip is None else f", answers in {round_trip / MILLISECOND:.0f} ms"
        words = f"clock {drift / MILLISECOND:+.0f} ms{away}"
    age = StreamAge(what="link", up=venue.link is LinkState.CONNECTED, heard=last_data)
    return StreamRow(
        venue=venue.name, age=age, standing=standing, words=words, drift=drift, round_trip=round_trip
    )  # fmt: skip


class Lateness:
    """What is late of each venue, in a few words for the status bar; looked at a few times a second."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, str]] = {}

    def of(self, venue: Venue, now: int, stale_after: int) -> str:
        """ "book BTC-USDT late 9s", "3 streams late 12s"; empty where nothing is, or the link itself is away."""
        if venue.link is not LinkState.CONNECTED or not isinstance(venue, TellsStreams):
            return ""
        until, words = self._said.get(venue.name, (0, ""))
        if not until - _KEPT <= now < until:
            rows = [stream_row(venue.name, age, now, venue.silence, stale_after) for age in venue.stream_ages()]
            words = late_words(rows, now)
            self._said[venue.name] = (now + _KEPT, words)
        return words


def late_words(rows: list[StreamRow], now: int) -> str:
    """Of the streams of one venue: those that broke or are late, and since when the first of them was not heard."""
    late = [row for row in rows if row.standing in (StreamStanding.LATE, StreamStanding.BROKEN)]
    if not late:
        return ""
    signs = [row.sign() for row in late if row.sign()]
    since = f" {span(now - min(signs))}" if signs else ""
    return f"{late[0].name if len(late) == 1 else counted(len(late), 'stream')} late{since}"


def all_rows(
    venues: Mapping[str, Venue],
    now: int,
    stale_after: int,
    last_data: Mapping[str, int],
    unproven: Mapping[str, str],
    compared_at: Mapping[str, int],
    compare_every: int,
) -> list[StreamRow]:
    """Every venue of a desk, one after the other; see `venue_rows`."""
    return [
        row
        for name, venue in venues.items()
        for row in venue_rows(
            venue,
            now,
            stale_after,
            last_data.get(name, 0),
            unproven.get(name, ""),
            compared_at.get(name, 0),
            compare_every,
        )
    ]
