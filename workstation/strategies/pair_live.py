"""A signal strategy on two instruments as an event strategy, for the desk and the event backtest: the one that it is
started on, and its peer, which it reads and may trade against the first (`SignalStrategy.hedged`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.market import BookSnapshot
from workstation.domain.numbers import floor_to
from workstation.domain.order import Side
from workstation.market.candles import Candles
from workstation.strategies.bar_window import BarWindow, late_after
from workstation.strategies.contract import SignalStrategy, Trader
from workstation.strategies.exits import Reason
from workstation.strategies.payable import HEDGE
from workstation.strategies.signal_live import LEAST_BARS, SignalLive

PEER = "peer"
#: A hedge of which less than this part has been filled is none: the first leg is closed.
_ENOUGH = 0.9
#: Hedges that were refused in a row after which nothing is entered any more.
_REFUSALS = 2
#: Bars that wait for those of the other instrument, at most.
_WAITING = 50


class PairLive(SignalLive):
    """Bars count in pairs of one time, as in a backtest; a time at which one of the two has no bar does not count.

    - A pair that came whole later than `late_after` its close decides no entry, nor does one while a book is not known;
      what is held is left all the same. It says so.
    - The first leg is entered first, and hedged as it fills. If the hedge is refused, the first leg is closed at once;
      after the second refusal in a row nothing is entered any more: each try costs fees.
    - Both legs are closed together. A close that is refused is tried again, until both are flat.
    - After a restart legs that do not fit each other (the desk went down between the two) are closed.
    """

    FURTHER = (PEER,)

    def __init__(
        self,
        inner: SignalStrategy,
        history: Sequence[Bar] = (),
        peers: Sequence[Bar] = (),
        *,
        fee: float = 0.0,
        interval: int = 0,
    ) -> None:
        """`history`, `peers`: closed bars of the two from before the start."""
        mine, self._peer_history = paired(history, peers)
        super().__init__(inner, mine, fee=fee, interval=interval)
        last = mine[-1].ts if mine else -1
        self._mine = deque((bar for bar in history[-_WAITING:] if bar.ts > last), _WAITING)
        self._theirs = deque((bar for bar in peers[-_WAITING:] if bar.ts > last), _WAITING)
        self._peers = BarWindow(LEAST_BARS)
        self._hedge = self._peer_price = 0.0  # of the newest pair: units for each of the first; its close
        self._ratio = 0.0  # units for each of the first in this trade
        self._hedge_id, self._hedge_left = "", Decimal(0)  # the hedge's order under way
        self._refusals = 0  # of hedges in a row
        self._late = 0  # ns that the newest pair came too late
        self._said: set[str] = set()  # what it has told already, until a pair is in time again

    @property
    def _peer(self) -> Trader:
        return self.trader.of(PEER)

    # Bars.

    def on_bar(self, bar: Bar) -> None:
        self._wait(self._mine, bar)

    def on_further_bar(self, name: str, bar: Bar) -> None:
        self._wait(self._theirs, bar)

    def _wait(self, where: deque[Bar], bar: Bar) -> None:
        if where and bar.ts <= where[-1].ts:  # the market jumped back: what waits is void
            self._mine.clear()
            self._theirs.clear()
        where.append(bar)
        self._take_pairs()

    def _take_pairs(self) -> None:
        mine, theirs = self._mine, self._theirs
        while mine and theirs:
            if mine[0].ts < theirs[0].ts:
                mine.popleft()
            elif theirs[0].ts < mine[0].ts:
                theirs.popleft()
            else:
                self._on_pair(mine.popleft(), theirs.popleft())
        if mine or theirs:
            self.trader.timer(late_after(self._interval) / SECOND, f"late {(mine or theirs)[-1].ts}")

    def _on_pair(self, bar: Bar, peer: Bar) -> None:
        over = self.trader.now - (bar.ts + self._interval)
        self._late = over if over > late_after(self._interval) else 0
        if not self._late:
            self._said.clear()
        if bar.ts <= self._bars.last:
            self._void()
        self._peers.append(peer)
        super().on_bar(bar)

    def _void(self) -> None:
        super()._void()
        self._peers = BarWindow(self._bars.least)

    def on_timer(self, name: str) -> None:
        what, _, ts = name.partition(" ")
        if what == "again":
            if self._refused and self._closing is not None:
                self._leave(self._closing)
            return
        for waiting, missing in ((self._mine, self._peer), (self._theirs, self.trader)):
            if any(bar.ts == int(ts) for bar in waiting):
                symbol = missing.instrument.symbol
                self._say_once(
                    "waits", f"has no bar of {symbol} for {_clock(int(ts))}: nothing is entered until it comes."
                )

    def _say_once(self, what: str, text: str) -> None:
        """Until the next pair is in time."""
        if what not in self._said:
            self._said.add(what)
            self.trader.say(text)

    def on_book(self, book: BookSnapshot) -> None:
        if book.instrument == self.trader.instrument.id:
            super().on_book(book)

    # What is known.

    def _window(self) -> BarWindow:
        window = super()._window()
        self._peers = BarWindow(window.least, self._peer_history[-2 * window.least :], window.before)
        self._peer_history = []
        return window

    def _candles(self) -> Candles:
        return replace(super()._candles(), peer=self._peers.candles())

    def _read(self, candles: Candles) -> None:
        super()._read(candles)
        assert candles.peer is not None
        self._peer_price = float(candles.peer.close[-1])
        self._hedge = float(self.inner.hedge(candles)[-1]) if self.inner.hedged else 0.0

    def revise(self, made: SignalStrategy, history: Sequence[Bar] = (), peers: Sequence[Bar] = ()) -> None:
        """As that of one instrument; whether the peer is traded counts from the next entry on."""
        mine, theirs = paired(history, peers)
        first = self._peers.first
        super().revise(made, mine)
        self._refusals = 0
        if self._play is not None and self._bars.least > self._peers.least:
            self._peers = self._peers.widened(self._bars.least, [bar for bar in theirs if bar.ts < first])

    # A restart.

    def on_save(self) -> dict[str, Any]:
        state = super().on_save()
        return state and state | {"ratio": self._ratio, "beside": self._beside}

    def on_start(self) -> None:
        self._ratio = float(self._loaded.get("ratio", 0.0))
        self._beside = float(self._loaded.get("beside", 0.0))
        super().on_start()
        if not self._holds():
            return
        held = f"{self.trader.position:f} of its first and {self._peer.position:f} of its second instrument"
        if not self._loaded:
            self.trader.say(f"holds {held} from before: it enters nothing until that is closed.")
        elif not self._started().side or not self._fits():
            self.trader.say(f"holds {held} after the restart, which is no whole trade of it: both are closed.")
            self._leave(Reason.SIGNAL)

    def _fits(self) -> bool:
        wanted = float(self.trader.position) * self._ratio
        held = float(self._peer.position)
        spare = float(self._peer.instrument.lot) + (1 - _ENOUGH) * abs(wanted)
        return bool(self.trader.position) and abs(held - wanted) <= spare

    # In.

    def _enter(self, side: int, price: float) -> None:
        if self._entry_id:
            return
        if why := self._why_not():
            self._say_once("late" if self._late else "why", f"enters nothing: {why}.")
            return
        self._ratio = self._hedge
        self._beside = abs(self._ratio) * self._peer_price
        units = self._started().size(float(self.trader.equity), side, price, self._beside)
        if self._ratio and not floor_to(Decimal(repr(abs(units * self._ratio))), self._peer.instrument.lot):
            symbol = self._peer.instrument.symbol
            self._say_once("lot", f"enters nothing: the hedge is less than one lot of {symbol}.")
            return
        super()._enter(side, price)

    @property
    def barred(self) -> str:
        """Why it enters nothing any more, until it is started or changed again; "" where it does."""
        if self._refusals < _REFUSALS:
            return ""
        return f"its hedge in {self._peer.instrument.symbol} was refused {_REFUSALS} times in a row; start it again"

    def _why_not(self) -> str:
        if self._late:
            return f"the bars of {_clock(self._last)} were whole {self._late / SECOND:.0f} s after their close only"
        if self.inner.hedged and not (np.isfinite(self._hedge) and self._hedge):
            return "there is no ratio for its hedge"
        return self.barred or self.trader.blind

    def on_fill(self, fill: Fill) -> None:
        peer = self._peer
        if fill.instrument == peer.instrument.id:
            if fill.client_id == self._hedge_id:
                self._hedge_left -= fill.quantity
                if self._hedge_left <= 0:
                    self._hedge_id, self._refusals = "", 0
        elif self.trader.position:
            super().on_fill(fill)
        elif self._closing is None and peer.position:  # its stop: the hedge goes after it
            self._leave(self._level(fill))
        if not self._holds():
            self._hedge_id = ""
            self._is_flat(self._price)
        elif self._closing is None:
            self._balance()

    def _level(self, fill: Fill) -> Reason:
        """Which of its levels took the first leg out."""
        return Reason.TRAIL if self._started().trailed else Reason.STOP

    def _balance(self) -> None:
        """Hedge what is held of the first and not hedged yet. One order at a time."""
        peer = self._peer
        if self._hedge_id or not self._ratio:
            return
        wanted = Decimal(repr(float(self.trader.position) * self._ratio))
        missing = wanted - peer.position
        lots = floor_to(abs(missing), peer.instrument.lot)
        if lots and (missing > 0) == (wanted > 0):
            self._hedge_left = lots
            self._hedge_id = peer.order(Side.BUY if missing > 0 else Side.SELL, lots, tag=HEDGE)

    # Out.

    def _holds(self) -> bool:
        return bool(self.trader.position or self._peer.position)

    def on_reject(self, client_id: str, reason: str) -> None:
        if client_id and client_id == self._hedge_id:
            self._hedge_id = ""
            wanted = abs(float(self.trader.position) * self._ratio)
            if self._closing is None and abs(float(self._peer.position)) < _ENOUGH * wanted:
                self._refusals += 1
                self.trader.say(f"could not hedge in {self._peer.instrument.symbol} ({reason}) and closes both legs.")
                self._leave(Reason.SIGNAL)
            return
        super().on_reject(client_id, reason)
        if self._refused:
            self.trader.say(f"could not close a leg ({reason}) and tries again.")
            self.trader.timer(min(self._interval, 10 * SECOND) / SECOND, "again")


def paired(mine: Sequence[Bar], theirs: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars of the times that both have."""
    other = {bar.ts: bar for bar in theirs}
    found = [bar for bar in mine if bar.ts in other]
    return found, [other[bar.ts] for bar in found]


def _clock(ts: int) -> str:
    return f"{np.datetime64(ts, 'ns').astype('datetime64[s]').item():%H:%M:%S} UTC"
