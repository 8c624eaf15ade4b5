"""Several instruments, one account: a signal strategy on each, all paid from the same money.

The rules of fills are those of every engine. What is added by sharing:

- At each time first every instrument's exits at its open, then the entries in the order of the instruments, then
  what the bars reach: money that an exit frees at an open is there for an entry at the same open, and nothing that a
  bar does later is known to an entry at its open.
- An entry is sized by its instrument's share of the account's equity (open profit included) and takes no more than
  the equity times the leverage less what the other positions are worth.
- The account is liquidated as a whole (cross margin) where equity falls to the maintenance margin of all positions,
  every bar taken to move against its position at once, down to its stop where that is nearer.
- An instrument without a bar at a time keeps its last price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.research.bar_broker import Account, BarOrder, SharingBroker, way_to_ruin
from workstation.research.bar_trader import each_bar
from workstation.research.costs import BacktestError, Costs
from workstation.research.event_engine import SignalHands
from workstation.research.result import SharedResult
from workstation.research.shared_candles import SharedCandles, on_one_account
from workstation.research.trades import Trades
from workstation.strategies.contract import SignalStrategy, strategy_name
from workstation.strategies.exits import Reason
from workstation.strategies.signal_play import SignalPlay


class _Broker(SharingBroker):
    def enter(self, order: BarOrder) -> None:
        """An entry at this bar's open, after the exits of all; then what the open has passed already."""
        now = self.open[self.bar]
        order.since = self.bar
        self.orders.append(order)
        self._execute(order, now, slips=True)
        self._match_open(now)


class _Hands(SignalHands):
    """Exits are orders at once; an entry waits until every instrument's exits are done."""

    pending = 0

    def carry_out(self, leave: Reason | None, enter: int) -> None:
        super().carry_out(leave, 0)
        self.pending = enter


class _Leg:
    """One instrument of a run."""

    def __init__(self, name: str, strategy: SignalStrategy, candles: Candles, costs: Costs, account: Account) -> None:
        if strategy.NEEDS_PEER:
            raise BacktestError(f"{strategy_name(type(strategy))} has a second instrument of its own: run it alone.")
        if len(candles) < 2:
            raise BacktestError(f"A backtest needs two bars at least of each instrument; {name} has {len(candles)}.")
        n = len(candles)
        self.name, self.candles, self.n = name, candles, n
        self.broker = _Broker(candles, costs, account)
        self.play = SignalPlay(strategy, cash=costs.cash, fee=costs.fee, leverage=costs.leverage)
        self.hands = _Hands(self.play, self.broker)
        self.codes = [int(code) for code in strategy.codes(candles)]
        self.amounts = each_bar(strategy.sizing.plan(candles).amount, n)
        self.atr = each_bar(strategy.exits.atr(candles), n)
        self.levelled = self.play.moves or self.play.targets
        self.place = -1  # the bar that was seen last
        self.price = float(candles.open[0])

    def worth(self) -> float:
        """Open profit at the last price."""
        return self.broker.units * (self.price - self.broker.entry)

    def adverse(self) -> float:
        """The worst price of this bar that the position lives to see: the stop where the bar reaches it."""
        broker, play, i = self.broker, self.play, self.place
        long = broker.units > 0
        worst = broker.low[i] if long else broker.high[i]
        return max(worst, play.stop) if long else min(worst, play.stop) if play.stop > 0 else worst


def run_shared(
    make: Callable[[], SignalStrategy],
    candles: Mapping[str, Candles] | SharedCandles,
    costs: Costs,
    *,
    shares: Mapping[str, float] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> SharedResult:
    """One backtest of a strategy on several instruments; `make` gives a fresh strategy for each.

    `shares`: the part of the equity that an instrument's sizes are reckoned with (equal parts otherwise; of
    `SharedCandles` their own). Raises `BacktestError`, and what the strategy raises.
    """
    series = candles if isinstance(candles, SharedCandles) else on_one_account(candles, shares)
    series.check(costs)
    account, first = Account(costs.cash), make()
    legs = []
    for number, (name, bars) in enumerate(series.sets.items()):
        strategy = first if number == 0 else make()
        if not isinstance(strategy, SignalStrategy):
            raise BacktestError("Only strategies with signals share an account; one on events has one instrument.")
        legs.append(_Leg(name, strategy, bars, costs, account))
    at: list[list[_Leg]] = [[] for _ in range(len(series))]
    for leg in legs:
        for step in series.steps[leg.name].tolist():
            at[step].append(leg)
    run = _Run(legs, account, costs, series.shares)
    equity: Floats = np.empty(len(series))
    for step, here in enumerate(at):
        equity[step] = run.step(here)
        if step % 1024 == 0 and cancelled():
            raise BacktestError("The backtest was called off.")
    return _result(first, legs, series, equity, costs)


class _Run:
    def __init__(self, legs: Sequence[_Leg], account: Account, costs: Costs, shares: Mapping[str, float]) -> None:
        self.legs, self.account, self.costs, self.shares = legs, account, costs, shares

    def equity(self) -> float:
        worth = 0.0
        for leg in self.legs:  # not sum(), which corrects its rounding: the kernel adds plainly
            if leg.broker.units:
                worth += leg.worth()
        return self.account.cash + worth

    def step(self, here: Sequence[_Leg]) -> float:
        """One time: the bars that open at it, up to their closes. The equity there."""
        for leg in here:
            leg.place += 1
            leg.price = leg.broker.open[leg.place]
        for leg in here:
            leg.broker.match_open(leg.place)
        self._liquidate(here, at_open=True)
        for leg in here:
            if leg.hands.pending:
                side, leg.hands.pending = leg.hands.pending, 0
                if self.account.cash > 0 and not leg.broker.units:
                    leg.broker.enter(BarOrder(side, partial(self._units, leg, side)))
        self._liquidate(here, at_open=False)
        for leg in here:
            leg.broker.match_range()
        for leg in here:
            if leg.place == leg.n - 1:
                leg.broker.finish()
            leg.price = leg.broker.close[leg.place]
        equity = self.equity()
        for leg in here:
            self._decide(leg, equity)
        return equity

    def _decide(self, leg: _Leg, equity: float) -> None:
        i, play, broker = leg.place, leg.play, leg.broker
        if leg.levelled and play.side and play.closed_bar(i, broker.high[i], broker.low[i]):
            leg.hands.set_levels()
        if i < leg.n - 1 and equity > 0:
            leave, enter = play.decide(i, leg.codes[i], leg.amounts[i], leg.atr[i])
            if leave is not None or enter:
                leg.hands.carry_out(leave, enter)

    def _units(self, leg: _Leg, side: int, price: float) -> float:
        """By the leg's rule on its share of the equity, within what the account can still carry."""
        equity = self.equity()
        others = 0.0
        for each in self.legs:
            if each is not leg:
                others += abs(each.broker.units) * each.price
        room = equity * self.costs.leverage - others
        wanted = leg.play.size(equity * self.shares[leg.name], side, price)
        return max(0.0, min(wanted, room / (price * (1 + self.costs.fee))))

    def _liquidate(self, here: Sequence[_Leg], *, at_open: bool) -> None:
        """Where equity falls to the maintenance margin on the way from the opens to the worst of the bars (or stands
        there at the opens already), everything is closed at that point of the way."""
        held = [leg for leg in self.legs if leg.broker.units]
        margined = self.costs.leverage > 1 or self.costs.maintenance > 0
        if not held or not (margined or any(leg.broker.units < 0 for leg in held)):
            return
        moving = set() if at_open else {leg.name for leg in here}
        start = {leg.name: leg.price for leg in held}
        end = {leg.name: leg.adverse() if leg.name in moving else leg.price for leg in held}
        before, after = self._margin_left(held, start), self._margin_left(held, end)
        if after > 1e-9 * self.costs.cash:
            return
        way = way_to_ruin(before, after)
        for leg in held:
            leg.price = start[leg.name] + way * (end[leg.name] - start[leg.name])
        for leg in held:
            leg.broker.ruined(leg.price)
        self.account.cash = max(0.0, self.account.cash)

    def _margin_left(self, held: Sequence[_Leg], prices: Mapping[str, float]) -> float:
        left = self.account.cash
        for leg in held:
            units, price = leg.broker.units, prices[leg.name]
            left += units * (price - leg.broker.entry) - self.costs.maintenance * abs(units) * price
        return left


def _result(
    first: SignalStrategy,
    legs: Sequence[_Leg],
    candles: SharedCandles,
    equity: Floats,
    costs: Costs,
) -> SharedResult:
    bars = candles.steps
    whole, real, names = [], [], []
    for leg in legs:
        trades, steps = leg.broker.trades(tagged=False), bars[leg.name]
        whole.append(np.column_stack([steps[trades.entry_bar], steps[trades.exit_bar], trades.side, trades.reason]))
        real.append(
            np.column_stack(
                [
                    *(trades.size, trades.entry_price, trades.exit_price, trades.pnl),
                    *(trades.fees, trades.funding, trades.slippage),
                ]
            )
        )
        names += [leg.name] * len(trades)
    ints, floats = np.concatenate(whole), np.concatenate(real)
    order = np.argsort(ints[:, 1], kind="stable")
    trades = Trades.of(ints[order], floats[order])
    instruments = tuple(names[row] for row in order)
    name = strategy_name(type(first))
    return SharedResult(
        name, first.params, "event", candles, costs, trades, equity, instruments=instruments,
        names=tuple(leg.name for leg in legs),
    )  # fmt: skip
