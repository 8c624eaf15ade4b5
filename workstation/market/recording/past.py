"""Candles of what a recording holds before the moment at which it stands: what a chart shows after a seek."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.spans import SECOND
from workstation.market.bar_columns import BarColumns
from workstation.market.bars import BarSeries
from workstation.market.recording.errors import DamagedFrame
from workstation.market.recording.frames import Frame, Kind

#: Bars are kept of this interval, in ns; all that a chart offers are multiples of it.
_BASE = 5 * SECOND
#: So many events are read again for one question at most, a moment of work: a chart that wants more of the
#: past asks again.
_EVENTS_A_TIME = 100_000

type _Bars = Mapping[InstrumentId, BarColumns]


class RecordedPast:
    """The trades of the frames before a moment as candles, read when they are first asked for, newest first.

    `frame(number)` and `read(frame)` give the recording's frames and their events (`read` raises `DamagedFrame`).
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        frame: Callable[[int], Frame],
        read: Callable[[Frame], Sequence[MarketEvent]],
    ) -> None:
        self._scales = {one.id: (float(one.tick), float(one.lot)) for one in instruments}
        self._frame = frame
        self._read = read
        self._kept: dict[int, _Bars] = {}  # by number of frame
        self._frames = 0
        self._newest: _Bars = {}
        self._moment = 0

    def stand_at(self, moment: int, frames: int, trades: Iterable[Trade]) -> None:
        """The recording stands at `moment` (UTC ns): the first `frames` frames lie before it, then come `trades`."""
        self._moment = moment
        self._frames = frames
        self._newest = self._bars_of(trades)

    def bars(self, instrument: InstrumentId, interval: int, count: int) -> list[Bar]:
        """Up to `count` bars of `interval` ns up to the moment, oldest first; the last one may still be forming."""
        parts = [self._newest.get(instrument, ())]
        number, room = self._frames, _EVENTS_A_TIME
        since = self._moment - self._moment % interval - count * interval
        while number and room > 0:
            frame = self._frame(number - 1)
            if frame.last < since:
                break
            number -= 1
            if number not in self._kept:
                room -= frame.events
                self._kept[number] = self._digest(frame)
            parts.append(self._kept[number].get(instrument, ()))
        series = BarSeries(interval, limit=count + 2)
        for bar in chain.from_iterable(reversed(parts)):
            series.merge(bar)
        bars = series.last(count + 2)
        if bars and bars[-1].ts + interval <= self._moment:
            last = bars[-1]
            bars[-1] = Bar(last.ts, last.open, last.high, last.low, last.close, last.volume)
        if number and bars and bars[0].ts < self._frame(number).first:
            del bars[0]  # some of its trades were not read
        return bars[-count:]

    def _digest(self, frame: Frame) -> _Bars:
        if frame.kind is not Kind.EVENTS:
            return {}
        try:
            return self._bars_of(event for event in self._read(frame) if isinstance(event, Trade))
        except DamagedFrame:
            return {}  # playing says so

    def _bars_of(self, trades: Iterable[Trade]) -> _Bars:
        series: dict[InstrumentId, BarSeries] = {}
        for trade in trades:
            one = series.get(trade.instrument)
            if one is None:
                one = series[trade.instrument] = BarSeries(_BASE, limit=1_000_000)
            tick, lot = self._scales[trade.instrument]
            one.add(trade.ts, trade.price * tick, trade.quantity * lot)
        return {name: BarColumns(one.last(1_000_000)) for name, one in series.items()}
