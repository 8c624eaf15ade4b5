"""The event engine: every strategy, bar by bar, in a plain loop. Signal strategies and those that live on events.

A signal strategy is played by `strategies.signal_play`, which plays it on the desk too; an event strategy has its own
`on_bar` and a trader whose orders go to the `BarBroker`. Bars carry no book and no trades: `on_book` and `on_trade`
are not called.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial

import numpy as np

from workstation.domain.bar import Bar
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import floor_to, from_float
from workstation.domain.order import Side
from workstation.market.candles import Candles, Floats
from workstation.research.bar_broker import BarBroker, BarFill, BarOrder
from workstation.research.costs import BacktestError, Costs
from workstation.research.result import Result
from workstation.research.shared_candles import refuse_several
from workstation.strategies.contract import SignalStrategy, Strategy, StrategyError, further_of, strategy_name
from workstation.strategies.exits import Reason
from workstation.strategies.signal_play import SignalPlay

_STEP = Decimal("1e-8")


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
        if candles.peer is not None or further_of(type(strategy)):
            from workstation.research import joint_engine

            if joint_engine.takes(strategy, candles):
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


def each_bar(column: Floats, n: int) -> list[float]:
    """One number a bar of a column that may have a single one for all."""
    numbers = [float(number) for number in column]
    return numbers if len(numbers) > 1 or n == 1 else numbers * n


# Events.


class BarTrader:
    """The `Trader` of an event strategy in a backtest on bars. Its orders raise `StrategyError` where they make no
    sense; one that the account cannot pay for is rejected when it would be filled (see `bar_broker`)."""

    def __init__(
        self,
        broker: BarBroker,
        instrument: Instrument,
        candles: Candles,
        strategy: Strategy,
        further: Mapping[str, BarTrader] | None = None,
    ) -> None:
        self.instrument = instrument
        self.now = int(candles.time[0])
        self.blind = ""
        self._broker, self._strategy = broker, strategy
        self._further = dict(further or {})
        self._ids: Iterator[int] = itertools.count(1)
        for other in self._further.values():
            other._ids = self._ids
        self._working: dict[str, BarOrder] = {}
        self._timers: list[tuple[int, int, str]] = []
        broker.on_fill, broker.on_reject, broker.lot = self._filled, self._rejected, float(instrument.lot)

    @property
    def position(self) -> Decimal:
        return from_float(self._broker.units, self.instrument.lot)

    @property
    def equity(self) -> Decimal:
        return from_float(self._broker.equity(self._broker.price), _STEP)

    def order(
        self,
        side: Side,
        quantity: Decimal,
        *,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        reduce_only: bool = False,
        post_only: bool = False,
        tag: str = "",
    ) -> str:
        if quantity <= 0 or (limit is not None and limit <= 0) or (stop is not None and stop <= 0):
            raise StrategyError("The quantity and the prices of an order must be above zero.")
        terms = self.instrument
        lots = floor_to(quantity, terms.lot)  # as on the desk: what is held is whole lots, and closes to nothing
        if not lots:
            raise StrategyError(f"{quantity} is less than one lot ({terms.lot}) of {terms.symbol}.")
        if post_only and limit is None:
            raise StrategyError("Only a limit order can be post-only.")
        key = f"{next(self._ids)}"
        order = BarOrder(
            side.sign,
            float(lots),
            limit=float(limit or 0),
            stop=float(stop or 0),
            reduces=reduce_only,
            post_only=post_only,
            tag=tag,
            key=key,
        )
        self._working[key] = order
        self._broker.place(order)
        return key

    def cancel(self, client_id: str) -> None:
        if (order := self._working.pop(client_id, None)) is not None:
            self._broker.cancel(order)

    def cancel_all(self) -> None:
        self._working.clear()
        self._broker.cancel_all()
        for other in self._further.values():
            other.cancel_all()

    def close(self, tag: str = "") -> None:
        self.cancel_all()
        units = self._broker.units
        if units:
            self._broker.place(BarOrder(-1 if units > 0 else 1, abs(units), reduces=True, tag=tag))
        for other in self._further.values():
            other.close(tag)

    def of(self, name: str) -> BarTrader:
        if (found := self._further.get(name)) is None:
            raise StrategyError(f"The strategy has no further instrument {name!r}: it must declare it in FURTHER.")
        return found

    def say(self, text: str) -> None:
        """A backtest has no log."""

    def hold(self, weights: Mapping[str, float], *, band: float = 0.0) -> None:
        raise StrategyError(
            "A strategy that holds a portfolio runs on the desk: the Portfolio page compares weights over the past."
        )

    def timer(self, seconds: float, name: str = "") -> None:
        heapq.heappush(self._timers, (self.now + round(seconds * 1e9), next(self._ids), name))

    def run_timers(self) -> None:
        """Those that are due by the bar's close."""
        while self._timers and self._timers[0][0] <= self.now:
            self._strategy.on_timer(heapq.heappop(self._timers)[2])

    def _filled(self, done: BarFill) -> None:
        order, instrument = done.order, self.instrument
        self._working.pop(order.key, None)
        fill = Fill(
            trade_id=f"{next(self._ids)}",
            client_id=order.key,
            instrument=instrument.id,
            side=Side.BUY if order.sign > 0 else Side.SELL,
            quantity=from_float(done.units, instrument.lot),
            price=from_float(done.price, _STEP),
            fee=from_float(done.fee, _STEP),
            fee_currency=instrument.settlement,
            liquidity=Liquidity.MAKER if order.limit else Liquidity.TAKER,
            ts=self.now,
        )
        self._strategy.on_fill(fill)

    def _rejected(self, order: BarOrder, why: str) -> None:
        if self._working.pop(order.key, None) is not None:
            self._strategy.on_reject(order.key, why)


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


def instrument_of(candles: Candles, costs: Costs) -> Instrument:
    """What an event strategy sees of candles that no instrument is told of."""
    fee = Decimal(repr(costs.fee))
    name = candles.name or "CANDLES"
    return Instrument(
        venue="BACKTEST", symbol=name, base=name, quote="CASH", tick=_STEP, lot=_STEP, maker_fee=fee, taker_fee=fee
    )
