"""A signal strategy as an event strategy, for the desk: on each closed bar its signals are worked out over the bars
that it needs (see `SignalStrategy.memory`), and `SignalPlay` decides as in a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.market import BookSnapshot
from workstation.domain.order import Side
from workstation.domain.prices import average_words
from workstation.domain.strategy_run import Signal
from workstation.market.candles import Candles
from workstation.strategies.bar_window import BarWindow
from workstation.strategies.contract import SignalStrategy, Strategy
from workstation.strategies.exits import Reason
from workstation.strategies.signal_play import SignalPlay

#: Bars over which the signals are worked out at least: enough for the usual averages to have settled.
LEAST_BARS = 5_000
#: Nanoseconds after which a close that was refused is tried again, at most.
_AGAIN = 10 * SECOND
#: Signals that are kept for the screen.
_LAST_SIGNALS = 50


class SignalLive(Strategy):
    """Entries and exits are market orders. The stop rests at the venue; the target is watched on the book, because on
    a spot venue the stop alone binds what is held, and closes at the market once the best price has reached it.

    What it holds as it starts and does not know of (an earlier run left it; the entry was filled while the desk was
    down) is its trade from there on, entered at its average price: its stop is set at once, its exits hold. What the
    venue (a liquidation) or the kill switch closes of its position has left it, and what stays keeps a stop of its
    size.

    A position is never left without its stop in silence. If the stop is refused (or ends at the venue), what is held is
    closed at the market; if that is refused too, it is tried again every ten seconds, and on each bar's close, until it
    is closed. The trader is sent a note of both.

    `history`: closed bars from before the start, oldest first; they only warm the indicators up. `interval`: that of
    the bars, in ns.
    """

    #: Times its equity that it may hold: on the desk its own capital, in a backtest what that says.
    leverage = 1.0

    def __init__(
        self, inner: SignalStrategy, history: Sequence[Bar] = (), *, fee: float = 0.0, interval: int = 0
    ) -> None:
        super().__init__()
        self.inner = inner
        self.last_code = 0  # of the newest bar (see `SignalStrategy.codes`)
        #: The newest signals, oldest first, those of bars from before the start too.
        self.signals: tuple[Signal, ...] = ()
        self.wants_book = _has_targets(inner)
        self._revised: SignalStrategy | None = None  # whose rules hold from the next bar on
        self._history = list(history)  # the desk goes on adding to its own
        self._bars = BarWindow(LEAST_BARS)
        self._fee, self._interval = fee, interval
        self._count = 0
        self._last = -1  # opening time of the last bar that was heard
        self._play: SignalPlay | None = None
        self._loaded: dict[str, Any] = {}
        self._next = 0  # the side to enter once flat
        self._closing: Reason | None = None
        self._stop_id = self._entry_id = ""  # orders under way
        self._stops: set[str] = set()  # every stop of this trade: one that is replaced may still have filled
        self._stopped_id = self._entered_id = ""  # the trade's last ones: the end of what is left of them is no news
        self._entry_side = 0  # of the entry under way
        self._given_up = False  # the entry under way is not wanted any more: it is left as soon as it fills
        self._refused = False  # the order that closes the position was
        self._told_refused = False  # of this position
        self._price = 0.0  # the newest close
        self._value = self._paid = 0.0
        self._beside = 0.0  # value of what is held of another instrument for each unit

    def on_load(self, state: dict[str, Any]) -> None:
        self._loaded = state

    def warm(self, history: Sequence[Bar]) -> None:
        """Before its start: the closed bars of before it, where it has waited since it was made."""
        self._history = list(history)

    def revise(self, made: SignalStrategy, history: Sequence[Bar] = ()) -> None:
        """Go on with the parameters, sizes, exits and protections of `made`. Signals are worked out with them on the
        next bar's close; from that bar on its exits hold, for a position that stands too, and its sizes for the next
        entry. Locks that count go on. `history`: the desk's closed bars, where the parameters look back further."""
        for name, value in made.params.items():
            setattr(self.inner, name, value)
        self._revised = made
        least = self.inner.memory(self._interval)
        if self._play is not None and least > self._bars.least:
            older = [bar for bar in history if bar.ts < self._bars.first]
            self._bars = self._bars.widened(least, older)

    def on_save(self) -> dict[str, Any]:
        play = self._play
        if play is None:
            return {}
        own = {
            "paid": self._paid,
            "value": self._value,
            "counted": [self._bars.first, self._bars.before],
            "at": self._last,
        }
        return play.state(self._count) | own

    def on_start(self) -> None:
        cash = float(self.trader.equity)
        play = self._play = SignalPlay(self.inner, cash=cash, fee=self._fee, leverage=self.leverage)
        missed = self._missed()
        if self._loaded:
            play.restore(self._loaded, -len(missed))
        held = self.trader.position
        known = play.side * held > 0
        if not known:
            play.side, play.stop, play.target, play.stale = 0, 0.0, 0.0, False
        else:
            for number, bar in enumerate(missed, -len(missed)):
                play.closed_bar(number, bar.high, bar.low)
            self._protect()
        self._paid, self._value = float(self._loaded.get("paid", cash)), float(self._loaded.get("value", 0.0))
        self._bars = self._window()
        if len(self._bars):
            self._read(self._candles())
        if held and not known:
            self._take_over()

    def _words(self, price: float) -> str:
        return average_words(Decimal(repr(price)), self.trader.instrument)

    def _take_over(self) -> None:
        """What it holds is its trade from here on."""
        play, held = self._started(), self.trader.position
        entry, candles = self.trader.entry, self._candles()
        price = float(candles.close[-1]) if len(candles) else 0.0
        at = float(entry) if entry is not None else price
        side = 1 if held > 0 else -1
        play.took_over(side, at, self._count, float(self.inner.exits.atr(candles)[-1]) if len(candles) else None)
        self._value = abs(float(held)) * at
        symbol, way = self.trader.instrument.symbol, "long" if side > 0 else "short"
        words = f"holds {abs(held):f} {symbol} {way} from before, entered at {self._words(at)}, and takes it over"
        if price and side * (price - play.stop) <= 0 < play.stop:
            self.trader.say(f"{words}: the market has passed its stop of {self._words(play.stop)}, so it is closed.")
            self._leave(Reason.STOP)
            return
        stop = f"with its stop at {self._words(play.stop)}" if play.stop else "without a stop, as it has none"
        self.trader.say(f"{words} {'with the stop of its next bar' if play.stale else stop}.")
        self._protect()

    def _missed(self) -> list[Bar]:
        """Bars that closed since the last one that was heard before a restart, as far as the desk has them."""
        self._last = int(self._loaded.get("at", -1))
        if self._last < 0:
            return []
        missed = [bar for bar in self._history if bar.ts > self._last]
        if missed:
            self._last = missed[-1].ts  # they count once, though the next restart may come before the next bar
        return missed

    def _window(self) -> BarWindow:
        """The history's bars, counted on from where they were before a restart."""
        history, self._history = self._history, []
        interval = self._interval
        least = max(LEAST_BARS, self.inner.memory(interval))
        counted, before = self._loaded.get("counted", (-1, 0))
        place = 0
        if history and counted >= 0:  # of a bar that the desk no longer has only the time tells its place
            found = next((i for i, bar in enumerate(history) if bar.ts >= counted), len(history))
            missing = (history[0].ts - counted) // interval if found == 0 and interval else 0
            place = max(0, before + missing - found)
        kept = history[-2 * least :]
        return BarWindow(least, kept, place + len(history) - len(kept))

    def on_bar(self, bar: Bar) -> None:
        if bar.ts <= self._bars.last:
            self._void()
        self._bars.append(bar)
        self._last, self._price = bar.ts, bar.close
        play = self._started()
        renewed = self._take_rules()
        if self._refused and self._closing is not None:
            self._leave(self._closing)
        moved = play.side != 0 and play.closed_bar(self._count, bar.high, bar.low)
        self._decide(bar)
        if renewed and self._closing is None and play.side * (bar.close - play.stop) <= 0 < play.stop:
            self._leave(Reason.STOP)  # the market has passed the new stop already
        elif moved or renewed:  # a position that is being closed needs no other stop, which might go off before
            self._protect()
        self._count += 1

    def _void(self) -> None:
        """The market has jumped back (a replay): what is known of it is void."""
        self._bars = BarWindow(self._bars.least)

    def _take_rules(self) -> bool:
        """The rules that were changed since the last bar hold from here on; whether a position's levels are others."""
        play, made, inner = self._started(), self._revised, self.inner
        if made is not None:
            self._revised = None
            before = play.levels_of
            inner.sizing, inner.exits, inner.protections = made.sizing, made.exits, made.protections
            play.take_rules(inner)
            self.wants_book = _has_targets(inner)
            play.stale = play.side != 0 and (play.stale or play.levels_of != before)
        if not play.stale:
            return False
        candles = self._candles()
        atr = inner.exits.atr(candles)
        decided = max(0, len(candles) - 1 - (self._count - (play.entry_bar - 1)))  # the close at which it was entered
        play.renew(float(atr[min(decided, len(atr) - 1)]))
        return True

    def on_book(self, book: BookSnapshot) -> None:
        play = self._started()
        if not play.side or not play.target or self._closing is not None:
            return
        levels = book.bids if play.side > 0 else book.asks
        if not levels:
            return
        best = float(self.trader.instrument.price(levels[0][0]))
        if play.side * (best - play.target) >= 0:
            self._leave(Reason.TARGET)

    def on_fill(self, fill: Fill) -> None:
        play = self._started()
        held = self.trader.position
        taken = self._closing is None and fill.side.sign == -play.side and fill.client_id not in self._stops
        if not held:
            if taken:
                self._closing = Reason.LIQUIDATION
            self._too_late(fill)
            self._is_flat(float(fill.price))
        elif not play.side:
            self._entry_id = ""
            play.entered(fill.side.sign, float(fill.price), self._count)
            self._value = abs(float(held)) * (float(fill.price) + self._beside)
            if self._given_up:
                self._given_up = False
                self._leave(Reason.SIGNAL)
            else:
                self._protect()
        elif fill.side.sign == play.side:  # more of the same entry
            self._value = abs(float(held)) * (play.entry + self._beside)
            self._protect()
        elif taken:
            self._protect()

    def _too_late(self, fill: Fill) -> None:
        """An entry whose fill is heard when its position is gone already (a liquidation, say) is on its way no more."""
        if fill.client_id == self._entry_id:
            self._entry_id, self._given_up = "", False

    def _is_flat(self, price: float) -> None:
        """The last of the position was closed."""
        play = self._started()
        reason = self._closing or (Reason.TRAIL if play.trailed else Reason.STOP)
        equity = float(self.trader.equity)
        pnl = equity - self._paid
        if play.side:
            play.left(self._count, reason, pnl, pnl / self._value if self._value else 0.0, equity)
        if self._stop_id:  # it has filled, but where others closed the position
            self.trader.cancel(self._stop_id)
        self._stops.clear()
        self._closing, self._stop_id, self._paid, self._told_refused = None, "", equity, False
        if self._next:
            self._enter_next(price)

    def _holds(self) -> bool:
        return bool(self.trader.position)

    def on_reject(self, client_id: str, reason: str) -> None:
        if client_id == self._entry_id:
            self._entry_id, self._given_up = "", False
            if self._next and not self._holds():
                self._enter_next(self._price)
        if client_id == self._stop_id and self._started().side and self._closing is None:
            self._stop_id = ""
            if self._holds():  # a position whose stop is refused is not kept
                self.trader.say(
                    f"has no stop ({reason.rstrip('.')}), and closes what it holds at the market.", loud=True
                )
            self._leave(Reason.STOP)
        elif self._closing is not None and self._holds() and self._was_close(client_id):
            self._refused = True
            self._close_refused(reason.rstrip("."))
            self.trader.timer(min(self._interval or _AGAIN, _AGAIN) / SECOND, "again")

    def _close_refused(self, reason: str) -> None:
        """Tell of it: as loud as it is the first time."""
        loud, self._told_refused = not self._told_refused, True
        self.trader.say(f"holds its position WITHOUT A STOP: it cannot close it ({reason}) and tries again.", loud=loud)

    def on_timer(self, name: str) -> None:
        if name == "again" and self._refused and self._closing is not None:
            self._leave(self._closing)

    def on_unsent(self, client_id: str, reason: str) -> None:
        """The stop was not refused: it is set again, and the position stays."""
        if client_id == self._stop_id and self._started().side and self._closing is None:
            self._stop_id = ""
            self._protect()
        else:
            self.on_reject(client_id, reason)

    def _was_close(self, client_id: str) -> bool:
        """Whether an order that ended while the position is closed was to close it. The stop that was dropped and what
        was left of the entry were not: a venue cancels a stop that has nothing to reduce any more by itself."""
        return client_id not in (self._stopped_id, self._entered_id)

    def _decide(self, bar: Bar) -> None:
        amount, atr = self._numbers()
        self._think_again(self.last_code)
        leave, enter = self._started().decide(self._count, self.last_code, amount, atr)
        if leave is not None and self._closing is None and self._holds():
            self._next = enter
            self._leave(leave)
        elif enter and not self._holds():
            self._enter(enter, bar.close)

    def _candles(self) -> Candles:
        """The bars that are known, as the strategy reads them."""
        return self._bars.candles()

    def _numbers(self) -> tuple[float, float]:
        """Read the newest bar's signals; its numbers of the sizing's plan and of the average true range."""
        candles = self._candles()
        plan, atr = self.inner.sizing.plan(candles), self.inner.exits.atr(candles)
        self._read(candles)
        return float(plan.amount[-1]), float(atr[-1])

    def _think_again(self, code: int) -> None:
        """An entry that has not been filled by the next close is given up where that close says leave, or enters the
        other way. A backtest knows no such entry: there each is filled by the next open."""
        going = self._entry_side if self._entry_id else 0
        enters = ((code & 3) == 1) - ((code & 12) == 4)
        if going and enters == going:  # wanted after all
            self._given_up, self._next = False, 0
            return
        side = self._next or going
        if side and (enters == -side or code & (2 if side > 0 else 8)):
            self._given_up = bool(going)
            self._next = enters

    def _read(self, candles: Candles) -> None:
        """Work out the signals of every bar that is known."""
        codes = self.inner.codes(candles)
        self.last_code = int(codes[-1])
        found = np.flatnonzero(codes)[-_LAST_SIGNALS:]
        self.signals = tuple(Signal(int(candles.time[i]), float(candles.close[i]), int(codes[i])) for i in found)

    def _enter_next(self, price: float) -> None:
        side, self._next = self._next, 0
        self._enter(side, price)

    def _enter(self, side: int, price: float) -> None:
        if self._entry_id:  # one is on its way, perhaps without an answer: another would be twice the position
            return
        units = self._started().size(float(self.trader.equity), side, price, self._beside)
        if units > 0:
            way = Side.BUY if side > 0 else Side.SELL
            self._entry_id, self._entry_side = self.trader.order(way, Decimal(repr(units)), tag="entry"), side
            self._entered_id = self._entry_id

    def _leave(self, reason: Reason) -> None:
        self._closing, self._refused = reason, False
        self._stopped_id, self._stop_id = self._stop_id or self._stopped_id, ""
        self.trader.close(reason.name.lower())

    def _protect(self) -> None:
        """One stop for all that is held, where it stands now."""
        play, held = self._started(), self.trader.position
        if self._closing is not None or not held:
            return
        if self._stop_id:
            self.trader.cancel(self._stop_id)
            self._stop_id = ""
        if play.stop > 0:
            way = Side.SELL if held > 0 else Side.BUY
            tag = "trail" if play.trailed else "stop"
            stop = Decimal(repr(play.stop))
            self._stop_id = self.trader.order(way, abs(held), stop=stop, reduce_only=True, tag=tag)
            self._stops.add(self._stop_id)

    def _started(self) -> SignalPlay:
        if self._play is None:
            raise RuntimeError("the strategy has not been started")
        return self._play


def _has_targets(strategy: SignalStrategy) -> bool:
    return strategy.exits.take_profit > 0 or bool(strategy.exits.roi)
