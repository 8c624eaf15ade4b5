"""What a signal strategy does at each close and after each fill: the same decisions in the event backtest and on the
desk, by the arithmetic of `rules`. Pure: bars, fills and codes in, decisions and levels out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workstation.strategies import rules
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.exits import Reason
from workstation.strategies.sizing import SizeKind

#: What is kept over a restart beside the closed trades, of which so many are: protections and Kelly look back at them.
_KEPT = ("side", "entry", "entry_bar", "stop", "target", "best", "trailed", "lock", "peak")
CLOSED_KEPT = 1_000
#: The most of an equity that the entry of a pair binds.
PAIR_SHARE = 0.98

# The plain Python of the compiled arithmetic: one call a bar does not pay for compiling it.
_first_stop = rules.first_stop.py_func
_moved_stop = rules.moved_stop.py_func
_target_price = rules.target_price.py_func
_kelly_share = rules.kelly_share.py_func
_units_for = rules.units_for.py_func
_locked_until = rules.locked_until.py_func


class SignalPlay:
    """The state of one signal strategy between its bars: the trade it is in, its levels, what protects it.

    Whoever drives it carries out `decide` at the next open, asks `size` at the price of an entry, and tells `entered`,
    `closed_bar` and `left`. `stop` and `target` are the levels that stand now, 0 for none. Bars are counted from any
    fixed bar.
    """

    def __init__(self, strategy: SignalStrategy, *, cash: float, fee: float, leverage: float = 1.0) -> None:
        self.fee, self.leverage = fee, leverage
        #: Whether the levels that stand are those of other exits, until `renew`.
        self.stale = False
        self.side = self.entry_bar = 0
        self.entry = self.stop = self.target = self.best = 0.0
        self.trailed = False
        self.lock, self.peak = -1, cash
        self._amount = self._atr = 0.0
        self._exit_bars: list[int] = []
        self._reasons: list[int] = []
        self._pnls: list[float] = []
        self._gains: list[float] = []
        self._closed: tuple[tuple[int, int, float, float], ...] = ()
        self.take_rules(strategy)

    def take_rules(self, strategy: SignalStrategy) -> None:
        """The strategy's sizes, exits and protections hold from here on. Locks that count go on, and every trade that
        was closed is looked back at. The levels of a position that stands are `stale` until `renew`."""
        self._exits = strategy.exits.numbers.tolist()
        self._roi = strategy.exits.roi_table
        self._protections = strategy.protections.numbers.tolist()
        sizing = strategy.sizing
        self._kind, self._fraction, self._cap, self._least = (
            int(sizing.kind),
            sizing.fraction,
            sizing.cap,
            sizing.length,
        )
        self._timed = int(self._exits[6])
        self.moves = self._exits[2] > 0 or self._exits[4] > 0
        self.targets = self._exits[5] > 0 or len(self._roi) > 0
        self._remembers = bool(self._protections) or self._kind == SizeKind.KELLY
        if self._remembers:
            columns = zip(self._exit_bars, self._reasons, self._pnls, self._gains, strict=True)
            self._closed = tuple(columns)[-CLOSED_KEPT:]

    @property
    def levels_of(self) -> list[Any]:
        """The exits that the levels follow, as JSON has them."""
        return [*self._exits, *self._roi.tolist()]

    def renew(self, atr: float) -> None:
        """A bar is about to close in a position that was entered under other exits: from it on the levels are those
        that it would have had with these from its entry. `atr`: the average true range of the entry's decision."""
        self.stale, self.trailed = False, False
        self.stop = _first_stop(self.side, self.entry, self._exits, atr)
        if not self.targets:
            self.target = 0.0

    def decide(self, bar: int, code: int, amount: float, atr: float) -> tuple[Reason | None, int]:
        """On the close of `bar`: why to leave at the next open (None: stay), and the side to enter there (0: none).

        `code`: the bar's byte of `SignalStrategy.codes`; `amount`, `atr`: the bar's numbers of the sizing's plan and of
        `Exits.atr`.
        """
        leave: Reason | None = None
        side = self.side
        if side:
            if 0 < self._timed <= bar + 1 - self.entry_bar:
                leave = Reason.TIME
            turned = (code & 12) == 4 if side > 0 else (code & 3) == 1
            if turned or code & (2 if side > 0 else 8):
                leave = Reason.SIGNAL
        enter = 0
        if code & 5 and bar >= self.lock and (side == 0 or leave is not None):
            wanted = ((code & 3) == 1) - ((code & 12) == 4)
            if wanted != side:
                enter = wanted
        self._amount, self._atr = amount, atr
        return leave, enter

    def size(self, equity: float, side: int, price: float, beside: float = 0.0) -> float:
        """Units of the entry that was decided last, at `price`; 0 where the rule buys nothing.

        `beside`: what is traded of another instrument with each unit is worth so much. Shares of the equity and values
        are of both then, whatever the rule no more than `PAIR_SHARE` of what the equity pays for: prices move between
        the two fills.
        """
        stop = _first_stop(side, price, self._exits, self._atr)
        kind, amount = self._kind, self._amount
        if kind == SizeKind.KELLY:
            amount = _kelly_share(self._gains, len(self._gains), self._fraction, self._cap, amount, self._least)
            kind = int(SizeKind.EQUITY)
        if not beside:
            return float(_units_for(kind, amount, equity, price, self.fee, self.leverage, stop))
        both = price + beside
        of = both if kind in (SizeKind.EQUITY, SizeKind.VALUE) else price
        wanted = float(_units_for(kind, amount, equity, of, self.fee, self.leverage, stop))
        return max(0.0, min(wanted, PAIR_SHARE * equity * self.leverage / (both * (1 + self.fee))))

    def entered(self, side: int, price: float, bar: int) -> None:
        """The entry was filled in `bar` at `price`: its first levels stand."""
        self.side, self.entry, self.entry_bar, self.best = side, price, bar, price
        self.trailed = self.stale = False
        self.stop = _first_stop(side, price, self._exits, self._atr)
        self.target = float(_target_price(side, price, 0, self._exits, self._roi)) if self.targets else 0.0

    def took_over(self, side: int, price: float, bar: int, atr: float | None) -> None:
        """A position that was there already, entered at `price`, is its trade from `bar` on, as if it had been entered
        then. `atr`: the average true range now; None where no bar is known: the levels are `stale` until `renew`."""
        self._atr = 0.0 if atr is None else atr
        self.entered(side, price, bar)
        self.stale = atr is None

    def closed_bar(self, bar: int, high: float, low: float) -> bool:
        """A bar has closed in the trade: levels move, for the next one. True if one did."""
        stop, target = self.stop, self.target
        self.best = max(self.best, high) if self.side > 0 else min(self.best, low)
        if self.stale:
            return False
        if self.moves:
            self.stop = _moved_stop(self.side, self.entry, stop, self.best, self._exits, self.fee)
            self.trailed = self.trailed or self.stop != stop
        if self.targets:
            held = bar + 1 - self.entry_bar
            self.target = float(_target_price(self.side, self.entry, held, self._exits, self._roi))
        return stop != self.stop or target != self.target

    def left(self, bar: int, reason: Reason, pnl: float, gain: float, cash: float) -> None:
        """The trade has ended in `bar`: net profit, the same as a fraction of the entry's value, and the cash after."""
        self.side, self.stop, self.target = 0, 0.0, 0.0
        self.peak = max(self.peak, cash)
        self._append(bar, int(reason), pnl, gain)
        if not self._protections:
            return
        fall = 1 - cash / self.peak
        until = _locked_until(
            self._protections, bar, len(self._pnls), self._exit_bars, self._reasons, self._pnls, self._gains, fall
        )
        self.lock = max(self.lock, until)
        if self._protections[2] > 0 and fall > self._protections[1]:
            self.peak = cash

    def _append(self, bar: int, reason: int, pnl: float, gain: float) -> None:
        self._exit_bars.append(bar)
        self._reasons.append(reason)
        self._pnls.append(pnl)
        self._gains.append(gain)
        if self._remembers:
            self._closed = (*self._closed[1 - CLOSED_KEPT :], (bar, reason, pnl, gain))

    def state(self, bar: int) -> dict[str, Any]:
        """All of it, as JSON has it, before bar number `bar` closes."""
        exits = None if self.stale else self.levels_of
        return {name: getattr(self, name) for name in _KEPT} | {"bar": bar, "closed": self._closed, "exits": exits}

    def restore(self, state: Mapping[str, Any], bar: int) -> None:
        """Go on from `state`, where the bar that closes next has the number `bar` from here on."""
        for name in _KEPT:
            if name in state:
                setattr(self, name, state[name])
        # A former version said nothing of the exits: its levels are taken for those of these.
        self.stale = bool(self.side) and state.get("exits", self.levels_of) != self.levels_of
        if "bar" not in state:  # of a former version: only the bars held were counted from the restart
            self.entry_bar, self.lock = bar - int(state.get("held", 0)), -1
            return
        shift = bar - int(state["bar"])
        self.entry_bar += shift
        self.lock += shift
        for closed, reason, pnl, gain in state["closed"]:
            self._append(closed + shift, reason, pnl, gain)
