"""The event engine: every strategy, bar by bar, in a plain loop. Signal strategies and those that live on events.

A signal strategy is played by `strategies.signal_play`, which plays it on the desk too; an event strategy has its own
`on_bar` and a trader whose orders go to the `BarBroker`. Bars carry no book and no trades: `on_book` and `on_trade`
are not called.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument
from workstation.market.candles import Candles, Floats
from workstation.research import joint_engine
from workstation.research.bar_broker import BarBroker, BarFill, BarOrder
from workstation.research.bar_trader import BarTrader, each_bar, instrument_of
from workstation.research.costs import BacktestError, Costs
from workstation.research.result import Result
from workstation.research.shared_candles import refuse_several
from workstation.strategies.contract import SignalStrategy, Strategy, further_of, strategy_name
from workstation.strategies.exits import Reason
from workstation.strategies.signal_play import SignalPlay


class EventEngine:
    """`SignalStrategy` and `Strategy`. `instrument` is what an event strategy sees as its own; by default one with the
    name of the candles and steps of 1e-8."""

    name = "event"

    def __init__(self, instrument: Instrument | None = None) -> None:
        self._instrument = instrument

    def run(self, strategy: Strategy, candles: Candles, costs: Costs) -> Result:
        """One backtest. Raises `BacktestError` for fewer than 2 bars, and what the strategy itself raises."""
        refuse_several(candles)
        if len(candles) < 2:
            raise BacktestError("A backtest needs two bars at least: a decision fills at the next bar's open.")
        beside = candles.peer is not None or further_of(type(strategy))
        if beside and joint_engine.takes(strategy, candles):
            return joint_engine.run(strategy, candles, costs, self._instrument or instrument_of(candles, costs))
        broker = BarBroker(candles, costs)
        if isinstance(strategy, SignalStrategy):
            equity = _play(strategy, candles, broker)
        else:
            equity = _drive(strategy, candles, broker, self._instrument or instrument_of(candles, costs))
        name = strategy_name(type(strategy))
        trades = broker.trades(tagged=not isinstance(strategy, SignalStrategy))
        return Result(name, strategy.params, self.name, candles, costs, trades, equity)


# Signals.


class SignalHands:
    """Carries a play's decisions to the broker, its stop and its target as orders of which one cancels the other."""

    def __init__(self, play: SignalPlay, broker: BarBroker) -> None:
        self.play, self.broker = play, broker
        self._levels: list[BarOrder] = []
        broker.on_fill = self.filled

    def filled(self, fill: BarFill) -> None:
        play, broker = self.play, self.broker
        if fill.closed:
            self._drop()
            play.left(broker.bar, fill.order.reason, *broker.last_trade, broker.cash)
        else:
            play.entered(fill.order.sign, fill.price, broker.bar)
            self.set_levels()

    def set_levels(self) -> None:
        """The stop and the target as they stand now."""
        self._drop()
        play = self.play
        way, units = -play.side, abs(self.broker.units)
        if play.stop > 0:
            reason = Reason.TRAIL if play.trailed else Reason.STOP
            self._levels.append(self.broker.place(BarOrder(way, units, stop=play.stop, reduces=True, reason=reason)))
        if play.target > 0:
            target = BarOrder(way, units, limit=play.target, reduces=True, reason=Reason.TARGET)
            self._levels.append(self.broker.place(target))

    def carry_out(self, leave: Reason | None, enter: int) -> None:
        """What was decided on this close, for the next open."""
        broker = self.broker
        if leave is not None:
            broker.place(BarOrder(-self.play.side, abs(broker.units), reduces=True, reason=leave))
        if enter:
            broker.place(BarOrder(enter, partial(self._size, enter)))

    def _size(self, side: int, price: float) -> float:
        return self.play.size(self.broker.cash, side, price)

    def _drop(self) -> None:
        for order in self._levels:
            self.broker.cancel(order)
        self._levels.clear()


def _play(strategy: SignalStrategy, candles: Candles, broker: BarBroker) -> Floats:
    costs, n = broker.costs, len(candles)
    plan, atr = strategy.sizing.plan(candles), each_bar(strategy.exits.atr(candles), n)
    codes = [int(code) for code in strategy.codes(candles)]
    amounts = each_bar(plan.amount, n)
    play = SignalPlay(strategy, cash=costs.cash, fee=costs.fee, leverage=costs.leverage)
    hands = SignalHands(play, broker)
    equity = [0.0] * n
    close, high, low = broker.close, broker.high, broker.low
    levelled = play.moves or play.targets
    match, orders = broker.match, broker.orders
    for i in range(n):
        if orders or broker.units:
            match(i)
            if i == n - 1:
                broker.finish()
            equity[i] = broker.cash + broker.units * (close[i] - broker.entry)
            if levelled and play.side and play.closed_bar(i, high[i], low[i]):
                hands.set_levels()
        else:
            broker.bar = i
            equity[i] = broker.cash
            if not codes[i]:
                continue
        if i < n - 1 and broker.cash > 0:
            leave, enter = play.decide(i, codes[i], amounts[i], atr[i])
            if leave is not None or enter:
                hands.carry_out(leave, enter)
    return np.array(equity)


# Events.


def _drive(strategy: Strategy, candles: Candles, broker: BarBroker, instrument: Instrument) -> Floats:
    n, step = len(candles), candles.interval
    equity = [0.0] * n
    trader = BarTrader(broker, instrument, candles, strategy)
    strategy.trader = trader
    opened, volumes = candles.time.tolist(), candles.volume.tolist()
    open_, high, low, close = broker.open, broker.high, broker.low, broker.close
    strategy.on_start()
    for i in range(n):
        trader.now = opened[i]
        broker.match(i)
        if i == n - 1:
            broker.finish()
        equity[i] = broker.equity(close[i])
        if i == n - 1 or equity[i] <= 0:
            continue
        trader.now = opened[i] + step
        trader.run_timers()
        strategy.on_bar(Bar(opened[i], open_[i], high[i], low[i], close[i], volumes[i]))
    strategy.on_stop()
    return np.array(equity)
