"""Plays raw sessions that a test writes down, and follows their books."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from raw_sessions import write

from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent
from workstation.market.book import OrderBook
from workstation.market.recording import RecordingSource, open_recording

FOREVER = 2**62
#: The first message of a session, in seconds; they follow each other every second.
FIRST = 1_700_000_001


def at(number: int) -> int:
    """When the message of that number was received, ns."""
    return (FIRST + number) * 1_000_000_000


def stream(url: str, messages: Sequence[Any]) -> list[str]:
    """The lines of a cryptofeed stream file."""
    lines = [f"{url} <-> {FIRST - 1}.0"]
    return lines + [f"{FIRST + number}.0: {json.dumps(message)}" for number, message in enumerate(messages)]


def answer(url: str, body: Any, second: float = FIRST - 1) -> str:
    return f"{url} -> {second}: {json.dumps(body)}"


def play(folder: Path, *files: Iterable[str]) -> tuple[RecordingSource, list[MarketEvent]]:
    """The source (closed again) and all events of a session made of these files' lines."""
    paths = [write(folder / f"part{number}.gz", list(lines)) for number, lines in enumerate(files)]
    source = open_recording(paths)
    events = list(source.until(FOREVER))
    source.close()
    return source, events


def book_of(events: Sequence[MarketEvent]) -> OrderBook:
    book = OrderBook(events[0].instrument)
    for event in events:
        if isinstance(event, BookDelta | BookSnapshot | BookStale):
            book.apply(event)
    return book


def kinds(events: Iterable[MarketEvent]) -> list[str]:
    return [type(event).__name__ for event in events]
