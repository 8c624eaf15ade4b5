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
from workstation.strategies.contract import HEDGE, PEER, SignalStrategy, Trader
from workstation.strategies.exits import Reason
from workstation.strategies.signal_live import LEAST_BARS, SignalLive

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
    - Both legs are closed together. A close that is refused is tried again, until both are flat. A hedge under way
      when the first leg is out is pulled; nothing is flat before that order has ended, and what it brings is closed.
    - Legs that do not fit each other are closed: after a restart (the desk went down between the two), and while it
      runs as soon as a liquidation has taken one of them, or where they do not fit on two pairs running.
    - Legs that an earlier run left are not taken over: their ratio is not known. It says so, and enters nothing.
    """

    FURTHER = (PEER,)
    WAITS_FOR_ALL = True
    #: Whether an order ends as it is cancelled, as in a backtest: nothing more is heard of it there.
    ends_at_once = False

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
        super().__init__(inner, fee=fee, interval=interval)
        self.warm(history, peers)
        self._peers = BarWindow(LEAST_BARS)
        self._hedge = self._peer_price = 0.0  # of the newest pair: units for each of the first; its close
        self._ratio = 0.0  # units for each of the first in this trade
        self._hedge_id, self._hedge_left = "", Decimal(0)  # the hedge's order under way
        self._refusals = 0  # of hedges in a row
        self._from_before = False  # it holds what an earlier run left
        self._late = 0  # ns that the newest pair came too late
        self._said: dict[str, str] = {}  # what it has told already
        self._unfit = -1  # time of the pair at which its legs did not fit, where the newest does not either

    def warm(self, history: Sequence[Bar], peers: Sequence[Bar] = ()) -> None:
        mine, self._peer_history = paired(history, peers)
        super().warm(mine)
        last = mine[-1].ts if mine else -1
        self._mine = deque((bar for bar in history[-_WAITING:] if bar.ts > last), _WAITING)
        self._theirs = deque((bar for bar in peers[-_WAITING:] if bar.ts > last), _WAITING)

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
            self._said.pop("late", None)
            self._said.pop("waits", None)
        if bar.ts <= self._bars.last:
            self._void()
        self._peers.append(peer)
        super().on_bar(bar)
        self._look()

    def _void(self) -> None:
        super()._void()
        self._peers = BarWindow(self._bars.least)

    def on_timer(self, name: str) -> None:
        super().on_timer(name)
        what, _, ts = name.partition(" ")
        if what == "again":
            return
        for waiting, missing in ((self._mine, self._peer), (self._theirs, self.trader)):
            if any(bar.ts == int(ts) for bar in waiting):
                symbol = missing.instrument.symbol
                self._say_once(
                    "waits", f"has no bar of {symbol} for {_clock(int(ts))}: nothing is entered until it comes."
                )

    def _say_once(self, what: str, text: str) -> None:
        """Until it is forgotten."""
        if what not in self._said:
            self._say_new(what, text)

    def _say_new(self, what: str, text: str) -> None:
        """Where it is another sentence than the last one."""
        if self._said.get(what) != text:
            self._said[what] = text
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
        self._said.pop("why", None)
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
        if not self._loaded:
            self._from_before = True
            self.trader.say(f"holds {self._held()} from before: it enters nothing until that is closed.")
        elif not self._started().side or not self._fits():
            self.trader.say(f"holds {self._held()} after the restart, which is no whole trade of it: both are closed.")
            self._leave(Reason.SIGNAL)

    def _take_over(self) -> None:
        """Legs that it does not know of are no trade of it: `on_start` says what becomes of them."""

    def _fits(self) -> bool:
        wanted = float(self.trader.position) * self._ratio
        held = float(self._peer.position)
        spare = float(self._peer.instrument.lot) + (1 - _ENOUGH) * abs(wanted)
        return bool(self.trader.position) and abs(held - wanted) <= spare

    @property
    def _whole(self) -> bool:
        """Whether what it holds is what it takes itself to hold, as far as no order is under way."""
        if self._closing is not None:
            return self._holds() or bool(self._hedge_id)
        return not self._started().side or bool(self._entry_id) or self._fits()

    def _look(self) -> None:
        """What others do with its legs it does not hear: it sees it here, on the second pair, as its own fills may be
        on their way. Pairs that come at once count once."""
        now = self.trader.now
        if self._closing is not None and self._hedge_id and not self._holds():
            symbol = self._peer.instrument.symbol
            self._say_once("pulled", f"waits until its hedge's order in {symbol} has ended: nothing is entered before.")
        if self._whole:
            self._unfit = -1
        elif self._unfit < 0:
            self._unfit = now
        elif now - self._unfit >= self._interval // 2:
            if self._holds() or self._hedge_id:
                self.trader.say(f"holds {self._held()}, which do not fit each other: both are closed.")
                self._leave(Reason.SIGNAL)
            else:
                self.trader.say("holds nothing any more: its legs were closed, and not by it.")
                self.trader.cancel_all()
                self._is_flat(self._price)

    def _held(self) -> str:
        return f"{self.trader.position:f} of its first and {self._peer.position:f} of its second instrument"

    # In.

    def _enter(self, side: int, price: float) -> None:
        if self._entry_id or self._closing is not None:
            return
        if why := self._why_not():
            text = f"enters nothing: {why}."
            if self._late:
                self._say_once("late", text)
            else:
                self._say_new("why", text)
            return
        self._ratio = self._hedge
        self._beside = abs(self._ratio) * self._peer_price
        units = self._started().size(float(self.trader.equity), side, price, self._beside)
        if self._ratio and not floor_to(Decimal(repr(abs(units * self._ratio))), self._peer.instrument.lot):
            symbol = self._peer.instrument.symbol
            self._say_new("why", f"enters nothing: the hedge is less than one lot of {symbol}.")
            return
        self._said.pop("why", None)
        super()._enter(side, price)

    @property
    def barred(self) -> str:
        """Why it enters nothing any more, until it is started or changed again; "" where it does."""
        if self._from_before:
            return f"it holds {self._held()} from before: close them (X), then start it again"
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
        peer, closing = self._peer, self._closing
        of_peer = fill.instrument == peer.instrument.id
        if of_peer:
            if fill.client_id == self._hedge_id:
                self._hedge_left -= fill.quantity
                if self._hedge_left <= 0:
                    self._hedge_id, self._refusals = "", 0
        elif self.trader.position:
            super().on_fill(fill)
        else:
            self._too_late(fill)
        held = peer.position if of_peer else self.trader.position
        if self._is_out():
            self._is_flat(self._price)
        elif closing is not None:
            if fill.side.sign * held > 0:  # it was on its way: what closes may be too small
                symbol = (peer if of_peer else self.trader).instrument.symbol
                self._say_once("grown", f"got a fill in {symbol} while it was closing both legs, and closes that too.")
                self._refused = True
                self.trader.timer(min(self._interval, SECOND) / SECOND, "again")
        elif self._closing is None and self.trader.position:
            if of_peer and fill.side.sign * float(self.trader.position) * self._ratio < 0:
                self.trader.say(f"has lost of its hedge in {peer.instrument.symbol}, and closes both legs.")
                self._leave(Reason.SIGNAL)
            else:
                self._balance()
        elif self._closing is None:  # its stop: the hedge goes after it
            if of_peer or self._hedge_id:
                first, other = self.trader.instrument.symbol, peer.instrument.symbol
                self.trader.say(f"is out of {first} before all of its hedge in {other} was filled, and closes that.")
            self._leave(self._level(fill))

    def _is_out(self) -> bool:
        """Nothing is held, and no hedge under way can bring something any more."""
        return not self._holds() and (self.ends_at_once or not self._hedge_id)

    def _is_flat(self, price: float) -> None:
        self._hedge_id, self._unfit = "", -1
        for what in ("pulled", "grown"):
            self._said.pop(what, None)
        super()._is_flat(price)

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
            elif self._closing is not None and not self._holds():
                self._is_flat(self._price)
            return
        super().on_reject(client_id, reason)

    def _close_refused(self, reason: str) -> None:
        loud, self._told_refused = not self._told_refused, True
        self.trader.say(f"could not close a leg ({reason}) and tries again.", loud=loud)

    def on_pulled(self, client_id: str) -> None:
        """Its hedge's order, which was still under way as the first leg went out, has ended."""
        if client_id and client_id == self._hedge_id:
            self._hedge_id = ""
            if self._closing is not None and not self._holds():
                self._is_flat(self._price)


def paired(mine: Sequence[Bar], theirs: Sequence[Bar]) -> tuple[list[Bar], list[Bar]]:
    """The bars of the times that both have."""
    other = {bar.ts: bar for bar in theirs}
    found = [bar for bar in mine if bar.ts in other]
    return found, [other[bar.ts] for bar in found]


def _clock(ts: int) -> str:
    return f"{np.datetime64(ts, 'ns').astype('datetime64[s]').item():%H:%M:%S} UTC"
