"""The desk's log: lines in the order of what happened, whenever they are put into words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.desk import PERP, demo_desk
from workstation import log as desk_log
from workstation.bus import Bus
from workstation.clock import SimClock
from workstation.domain.order import Side
from workstation.log import DeskLog, Level, LogEntry


def say(text: str, said: list[str] | None = None):
    def words() -> str:
        if said is not None:
            said.append(text)
        return text

    return words


async def test_a_line_in_passing_has_its_words_a_moment_later_and_its_own_time_and_place() -> None:
    clock, bus, said = SimClock(5), Bus(), []
    log = DeskLog(clock, bus)
    heard = bus.subscribe(LogEntry)
    log.in_passing("order", say("first", said))
    clock.advance(1)
    assert said == []
    log.warning("desk", "second")  # no line overtakes another
    log.in_passing("order", say("third"))
    clock.advance(1)
    assert [(entry.ts, entry.text) for entry in log.entries] == [(5, "first"), (6, "second"), (6, "third")]
    log.in_passing("order", say("third"))
    assert [entry.count for entry in log.entries] == [1, 1, 2]
    log.in_passing("order", say("last"))
    version = log.version
    async with asyncio.timeout(10):
        while log.version == version:
            await asyncio.sleep(0.001)
    assert [entry.text for entry in heard.drain()][-1] == "last"


async def test_a_line_that_has_no_words_is_an_error_of_its_own_and_takes_no_other_with_it() -> None:
    def broken() -> str:
        raise ValueError("no such order")

    log = DeskLog(SimClock(5), Bus())
    log.in_passing("order", say("first"))
    log.in_passing("order", broken)
    log.in_passing("order", say("third"))
    first, error, third = log.entries
    assert (first.text, third.text) == ("first", "third")
    assert (error.ts, error.level, error.source) == (5, Level.ERROR, "log")
    assert error.text == "A line of order could not be put into words: ValueError('no such order')"
    assert "in broken" in error.detail


def test_without_a_loop_nothing_waits() -> None:
    log = DeskLog(SimClock(), Bus())
    log.in_passing("order", say("now"))
    assert log.version == 1


async def test_what_became_of_an_order_is_in_the_log_for_who_reads_it_at_once(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.limit(PERP, Side.BUY, "0.001", away=200)
        lines = [entry.text.rpartition(": ")[2] for entry in desk.engine.log.entries if entry.source == "order"]
        assert lines == ["initialized", "submitted", "accepted"]


async def test_a_desk_that_closes_says_what_it_has_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_log, "_MOMENT", 60.0)
    async with demo_desk(tmp_path) as desk:
        heard = desk.engine.bus.subscribe(LogEntry)
        await desk.limit(PERP, Side.BUY, "0.001", away=200)
    assert [entry.text.rpartition(": ")[2] for entry in heard.drain()][-1] == "accepted"
