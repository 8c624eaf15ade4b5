"""Download of candles, page by page, into the stored histories.

What is stored already is not asked for again: a download goes on after the newest stored bar, and asks for what lies
before the oldest. Pages are put into the history in batches, so whoever stops or is killed goes on where the last batch
ended. Bars that are not closed yet are left out. Faults that pass (time-outs, too many requests, an exchange that is
away) are tried again, each time after a longer wait; others end the download, and what came before is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workstation.history.catalogue import Entry
from workstation.history.library import CandleLibrary, Merged
from workstation.history.names import HistoryError, HistoryName
from workstation.market.candle_files import RawCandles
from workstation.market.candle_quality import examine, iso

_MS = 1_000_000
#: Rows that are put into the history at once: an exchange's page has 300 to 1,500.
BATCH = 25_000
#: Waits between tries in seconds; after the last the download ends.
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)

#: (open time in ms, open, high, low, close, volume), in order of time.
type Page = Sequence[Sequence[float]]


class DownloadError(HistoryError):
    """The download ended early; what came before is stored. The text is a sentence for the trader."""


class PassingFault(Exception):
    """The source could not answer now and may later; `wait` is for how long it asks, in seconds (0: not said)."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class CandleFeed(Protocol):
    """Where candles are downloaded from. Both may raise `PassingFault` and `DownloadError`."""

    @property
    def source(self) -> str:
        """What the catalogue says of where the candles came from."""
        ...

    def page(self, since: int, limit: int) -> Page:
        """Up to `limit` bars that open at or after `since` (ms), the oldest first."""
        ...


@dataclass
class Progress:
    """Where a download is: rows so far, and the time (UTC ns) up to which it has come and will go."""

    rows: int = 0
    at: int = 0
    until: int = 0


@dataclass
class _Span:
    """A stretch of time (ms; the end is exclusive) that is to be asked for."""

    since: int
    until: int


@dataclass
class Download:
    """One download into `library`. `since` and `until` are UTC ns (`until` exclusive, now at the latest); `now` gives
    UTC ns and `sleep` waits so many seconds: both are inputs, as everywhere."""

    library: CandleLibrary
    name: HistoryName
    feed: CandleFeed
    since: int
    until: int
    now: Callable[[], int]
    sleep: Callable[[float], None]
    limit: int = 1_000
    replace: bool = False
    progress: Callable[[Progress], None] = lambda _progress: None

    def run(self) -> list[Merged]:
        """Ask for everything that is missing and store it; what came of each batch. Raises `DownloadError`, and
        `HistoryError` where the history cannot be written; a KeyboardInterrupt goes through after storing what came.
        """
        frame = self.name.timeframe
        until = min(self.until, int(frame.opens(np.array([self.now()]))[0]))
        opened = int(frame.opens(np.array([self.since]))[0])
        since = opened if opened == self.since else self._end(self.since)
        if since >= until:
            raise HistoryError(f"There is nothing to download for {self.name}: no bar of {frame} closed in that time.")
        done: list[Merged] = []
        for span in self._missing(since, until):
            done += self._span(span)
        return done

    def _missing(self, since: int, until: int) -> list[_Span]:
        """What is asked for: all, or what lies before and after the stored bars."""
        entry: Entry | None = self.library.catalogue.find(self.name)
        if entry is None or entry.first >= until or entry.last < since:
            return [_Span(_ms(since), _ms(until))]
        after = self._end(entry.last)
        spans = [_Span(_ms(since), _ms(entry.first)), _Span(_ms(after), _ms(until))]
        return [span for span in spans if span.since < span.until]

    def _span(self, span: _Span) -> list[Merged]:
        pending: list[tuple[float, ...]] = []
        done: list[Merged] = []
        state = Progress(at=span.since * _MS, until=span.until * _MS)
        try:
            at = span.since
            while at < span.until:
                page, rows = self._asked(at, span.until)
                if rows:
                    pending += rows
                    at = _ms(self._end(int(rows[-1][0]) * _MS))
                elif page:
                    break  # the market's next bar is beyond what is wanted
                else:  # an outage longer than a page, or a source that looks no further: go on behind it
                    at = _ms(self._end(at * _MS + (self.limit - 1) * self.name.timeframe.ns))
                state.rows, state.at = state.rows + len(rows), min(at, span.until) * _MS
                self.progress(state)
                if len(pending) >= BATCH:
                    done += self._stored(pending)
                    pending = []
        finally:
            done += self._stored(pending)
        return done

    def _asked(self, since: int, until: int) -> tuple[Page, list[tuple[float, ...]]]:
        """The next page, and the rows of it that are wanted."""
        empty = False
        for wait in (*WAITS, None):
            try:
                page = self.feed.page(since, self.limit)
                if not page and not empty:
                    # ccxt drops bars of before `since`: the page before, answered twice, arrives here as an empty one.
                    # Nothing is believed to be missing that was not found missing twice.
                    empty = True
                    raise PassingFault(f"{self.feed.source} answered with no bars.")
                if page and int(page[-1][0]) < since:
                    raise PassingFault(f"{self.feed.source} answered with bars of before the time that was asked for.")
                return page, self._taken(page, since, until)
            except PassingFault as fault:
                if wait is None:
                    raise DownloadError(
                        f"{self.name}: {fault} It was asked {len(WAITS) + 1} times; what came before is stored. "
                        "The same command goes on from there."
                    ) from fault
                self.sleep(max(wait, fault.wait))
        raise AssertionError  # the loop ends by return or raise

    def _taken(self, page: Page, since: int, until: int) -> list[tuple[float, ...]]:
        """The wanted rows of a page. A page may begin before `since` or go on beyond `until`; a row without numbers, or
        one that goes back in time, is a fault of the source and said."""
        rows: list[tuple[float, ...]] = []
        last = since - 1
        for row in page:
            if len(row) < 6 or any(value is None or not math.isfinite(value) for value in row[:6]):
                raise DownloadError(f"{self.name}: {self.feed.source} answered with a bar without numbers: {row}.")
            at = int(row[0])
            if not since <= at < until:
                continue
            if at <= last:
                raise DownloadError(
                    f"{self.name}: {self.feed.source} answered with bars out of order, {iso(at * _MS)}."
                )
            last = at
            rows.append(tuple(row[:6]))
        return rows

    def _end(self, ts: int) -> int:
        """The end (UTC ns) of the bar in which `ts` lies."""
        frame = self.name.timeframe
        return int(frame.ends(frame.opens(np.array([ts])))[0])

    def _stored(self, rows: list[tuple[float, ...]]) -> list[Merged]:
        if not rows:
            return []
        columns = np.array(rows, dtype=np.float64).T
        time = columns[0].astype(np.int64) * _MS
        opened, high, low, close, volume = (np.ascontiguousarray(column) for column in columns[1:])
        raw = RawCandles(time, opened, high, low, close, volume, str(self.name))
        report = examine(raw, self.name.timeframe)
        if not report.usable and len(raw) > 1:
            raise DownloadError(f"{self.feed.source} answered with unusable bars, not stored:\n{report.text()}")
        return [self.library.merge(self.name, raw.candles(), self.feed.source, replace=self.replace)]


def _ms(ns: int) -> int:
    return -(-ns // _MS)
