"""Keeps the minutes that the demo market trades beside the running desk: once a minute, on a thread, and at its end."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from workstation.clock import MINUTE, SECOND, Clock
from workstation.log import DeskLog
from workstation.market.data import InstrumentMarket, MarketData
from workstation.market.demo.kept import Kept, Session, joined
from workstation.market.demo.minutes_file import MinutesError, MinutesFile

#: So long after a minute has ended its last trades have been given: the market hardly ever lags so far behind.
_AFTER = 2 * SECOND


class MinuteKeeper:
    """`run` is a task of the desk; `close` keeps what is left. A failure to write is told once, and tried again with
    the next minute: the market itself remembers 20,000 of them."""

    def __init__(self, file: MinutesFile, session: Session, market: MarketData, clock: Clock, log: DeskLog) -> None:
        self._file = file
        self._session = session
        self._markets = list(market.markets.values())
        self._clock = clock
        self._log = log
        self._done = session.start - session.start % MINUTE  # up to here all minutes are in the file
        self._began = self._failed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="demo-minutes")  # one thing after the other

    @property
    def kept(self) -> Kept:
        """What earlier runs have left."""
        return self._file.kept()

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be said of the file."""
        return tuple(self._file.notices)

    async def run(self) -> None:
        while True:
            await self.keep()
            now = self._clock.now()
            await asyncio.sleep((MINUTE - (now - _AFTER) % MINUTE) / SECOND)

    async def keep(self) -> None:
        """Keep the minutes that have ended."""
        newest = max(market.updated_at for market in self._markets)
        await self._keep(newest - newest % MINUTE, newest - newest % MINUTE)

    async def close(self) -> None:
        """Keep what has been traded, the minute that runs included, and let the file go."""
        now = self._clock.now()
        await self._keep(now - now % MINUTE + MINUTE, now)
        await self._in_thread(self._file.close)
        self._thread.shutdown()

    async def _keep(self, end: int, until: int) -> None:
        """All minutes that begin before `end`, which are whole up to `until`."""
        rows = self._rows(self._done, end)
        try:
            if not self._began:
                await self._in_thread(self._file.begin, self._session)
                self._began = True
            if until > max(self._done, self._session.start):
                await self._in_thread(self._file.write, self._session, until, rows)
                self._done = end
        except MinutesError as error:
            if not self._failed:
                self._log.warning("market", f"{error} After a restart the charts will not show what trades now.")
            self._failed = True
        else:
            self._failed = False

    async def _in_thread[*T](self, do: Callable[[*T], None], *args: *T) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, do, *args)

    def _rows(self, begin: int, end: int) -> list[list[float]]:
        rows: dict[int, list[float]] = {}
        for number, market in enumerate(self._markets):
            for ts, bar in _traded(market, begin, end):
                row = rows.setdefault(ts, [ts // MINUTE, *[0.0] * (5 * len(self._markets))])
                row[1 + 5 * number : 6 + 5 * number] = bar
        begun = self._session.start - self._session.start % MINUTE
        if begun in rows and (earlier := self.kept.row(begun)) is not None:
            rows[begun] = joined(earlier, rows[begun])  # another run ended in the minute in which this one began
        return [rows[ts] for ts in sorted(rows)]


def _traded(market: InstrumentMarket, begin: int, end: int) -> list[tuple[int, tuple[float, ...]]]:
    """Minutes from `begin` to `end` in which an instrument traded: when, open, high, low, close and volume."""
    series = market.candles.live_minutes
    closed, forming = series.closed, series.forming
    bars = closed[bisect_left(closed.ts, begin) : bisect_left(closed.ts, end)]
    if forming is not None and begin <= forming.ts < end:
        bars.append(forming)
    return [(bar.ts, (bar.open, bar.high, bar.low, bar.close, bar.volume)) for bar in bars]
