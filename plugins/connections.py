"""The venues' links and streams: what each told and when, whether its connection lives, how far its clock is off."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.style import Style

from screens.bars import age
from screens.figures import sentence
from screens.pane import Desk
from screens.parts import count
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import SECOND
from workstation.venues.standing import StreamRow, StreamStanding

_EVERY = SECOND // 4
_DRIFT = SECOND  # a clock that is further off is told in colour
_ORDER = (
    StreamStanding.DOWN,
    StreamStanding.BROKEN,
    StreamStanding.LATE,
    StreamStanding.COMING,
    StreamStanding.QUIET,
    StreamStanding.LIVE,
)


def _worst_first(row: StreamRow) -> int:
    return _ORDER.index(row.standing)


class ConnectionsPane(TablePane[StreamRow]):
    """A line a venue, and under it one a stream. "Told" is the age of the last thing that it told; "beat" of the last
    sign that its connection lives beside that (a ping that was answered)."""

    PANE = "connections"
    TITLE = "Connections"
    DEFAULT_KEY = "n"
    FOLLOWS = False
    PACE = 8
    LEAST = (40, 4)
    EMPTY = "No venue is open."
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("what", "Stream", 22, keep=12, sort=lambda row: (row.venue, row.name)),
        Column("standing", "Stands", 7, keep=11, sort=_worst_first),
        Column("told", "Told", 5, right=True, keep=10, sort=lambda row: row.age.heard),
        Column("beat", "Beat", 5, right=True, keep=9, sort=lambda row: row.age.beat),
        Column("words", "", 34, keep=8, flex=True),
        Column("messages", "Updates", 9, right=True, keep=6, sort=lambda row: row.age.messages),
        Column("beats", "Beats", 7, right=True, keep=4, sort=lambda row: row.age.beats),
        Column("faults", "Broke", 5, right=True, keep=5, sort=lambda row: row.age.faults),
    )
    ACTIONS = (*COPY_ACTIONS, *TABLE_ACTIONS)

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._rows: Sequence[StreamRow] = ()
        self._now = 0

    # -- the table

    def rows(self) -> Sequence[StreamRow]:
        return self._rows

    def row_id(self, row: StreamRow) -> Hashable:
        return row.venue, row.name

    def cell(self, row: StreamRow, column: str) -> tuple[str, Style]:
        ink, stream = self.ink, row.age
        link = stream.what == "link"
        match column:
            case "what":
                return (row.venue, ink.strong) if link else (f"  {row.name}", ink.text)
            case "standing":
                return str(row.standing), self._colour(row)
            case "told":
                return self._age(stream.heard), ink.text if row.standing is StreamStanding.LIVE else self._colour(row)
            case "beat":
                return self._age(stream.beat) if stream.beats else "", ink.dim
            case "words":
                off = row.drift is not None and abs(row.drift) > _DRIFT
                quiet = row.standing in (StreamStanding.LIVE, StreamStanding.QUIET)
                return sentence(row.words), ink.warning if off else ink.dim if quiet else self._colour(row)
            case "messages":
                return (count(stream.messages) if stream.messages else ""), ink.dim
            case "beats":
                return (count(stream.beats) if stream.beats else ""), ink.dim
            case _:
                return (f"{count(stream.faults)}×" if stream.faults else ""), ink.warning

    def _age(self, ts: int) -> str:
        return age(self._now - ts) if ts else "–"

    def _colour(self, row: StreamRow) -> Style:
        ink = self.ink
        match row.standing:
            case StreamStanding.LIVE:
                return ink.good
            case StreamStanding.QUIET:
                return ink.dim
            case StreamStanding.DOWN | StreamStanding.BROKEN:
                return ink.error
            case _:
                return ink.warning

    def paint(self, now: int) -> None:
        if self.up_to_date(now // _EVERY):
            return
        present = self.desk.travel.present  # connections have no past
        self._rows, self._now = present.streams(), present.clock.now()
        super().paint(now)

    def status(self) -> str:
        bad = sum(row.standing not in (StreamStanding.LIVE, StreamStanding.QUIET) for row in self._rows)
        return f"{bad} not live" if bad else ""
