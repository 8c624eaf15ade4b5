"""Two instruments, one strategy: the event engine for those that trade their peer too, from one account.

A signal strategy that hedges itself (`SignalStrategy.hedged`) is played by `strategies.pair_live`, which plays it on
the desk; an event strategy with a further instrument has its own `on_bar` and `on_further_bar`. The rules of fills are
those of every engine. What is added by two:

- At each time first what happens at the opens, the first instrument's before the other's. A market order that is placed
  with a fill at an open fills at the open of its own instrument: the hedge at that of the entry. Then what the bars
  reach; what is placed there waits for the next open.
- An entry takes no more than the equity (open profit of both) times the leverage less what is held already.
- The account is liquidated as a whole (cross margin) where equity falls to the maintenance margin of both positions,
  every bar taken to move against its position at once.
- Each leg's round trip is a trade of its own, with its instrument's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec.structs import replace

from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.market.candles import Candles, Floats
from workstation.research.bar_broker import Account, BarOrder, SharingBroker, way_to_ruin
from workstation.research.bar_trader import BarTrader, each_bar, instrument_of
from workstation.research.costs import BacktestError, Costs
from workstation.research.result import Result
from workstation.research.trades import Trades
from workstation.strategies.contract import SignalStrategy, Strategy, further_of, strategy_name
from workstation.strategies.exits import Reason
from workstation.strategies.pair_live import PairLive


def takes(strategy: Strategy, candles: Candles) -> bool:
    """Whether the strategy trades the candles' peer too. Raises `BacktestError` where it would and cannot."""
    if isinstance(strategy, SignalStrategy) and not strategy.hedged:
        return False
    names, called = further_of(type(strategy)), strategy_name(type(strategy))
    if len(names) > 1:
        raise BacktestError(f"{called} has {len(names)} further instruments: a backtest has one.")
    if names and candles.peer is None:
        raise BacktestError(f"{called} needs the candles of a second instrument (--peer).")
    return bool(names)


def run(strategy: Strategy, candles: Candles, costs: Costs, instrument: Instrument) -> Result:
    """One backtest of a strategy that `takes` the candles and their peer. Raises what the strategy itself raises."""
    peer = candles.peer
    assert peer is not None
    if costs.recorded is not None:
        called = strategy_name(type(strategy))
        raise BacktestError(f"Recorded funding is of one instrument, and {called} trades two: give a rate, or none.")
    account = _Account(costs)
    legs = [_Leg(one, costs, account) for one in (candles, peer)]
    names = _names(candles, peer)
    played: Strategy = strategy
    if isinstance(strategy, SignalStrategy):
        played = _Foreknown(strategy, candles, costs)
    if isinstance(played, PairLive):
        played.ends_at_once = True
    (further,) = further_of(type(played))
    beside = replace(instrument_of(peer, costs), symbol=names[1], base=names[1])
    trader = BarTrader(legs[0], instrument, candles, played, {further: BarTrader(legs[1], beside, peer, played)})
    equity = _drive(played, trader, further, (candles, peer), legs, account)
    trades, whose = _trades(legs, names)
    name = strategy_name(type(strategy))
    return Result(name, strategy.params, "event", candles, costs, trades, equity, instruments=whose, names=names)


class _Account(Account):
    """The money of both legs."""

    def __init__(self, costs: Costs) -> None:
        super().__init__(costs.cash)
        self.costs = costs
        self.legs: list[_Leg] = []
        self.opening = False  # the opens of a time are being matched

    def equity(self) -> float:
        return self.cash + sum(leg.worth(leg.price) for leg in self.legs)

    def liquidate(self, start: Sequence[float], end: Sequence[float]) -> None:
        """Close everything where, on the way from these prices to those, equity is down to the maintenance margin."""
        costs, held = self.costs, [leg for leg in self.legs if leg.units]
        margined = costs.leverage > 1 or costs.maintenance > 0
        if not held or not (margined or any(leg.units < 0 for leg in held)):
            return
        before, after = self._left(start), self._left(end)
        if after > 1e-9 * costs.cash:
            return
        way = way_to_ruin(before, after)
        for leg, first, last in zip(self.legs, start, end, strict=True):
            if leg.units:
                leg.ruined(first + way * (last - first))
        self.cash = max(0.0, self.cash)

    def _left(self, prices: Sequence[float]) -> float:
        legs = zip(self.legs, prices, strict=True)
        return self.cash + sum(leg.worth(at) - self.costs.maintenance * abs(leg.units) * at for leg, at in legs)


class _Leg(SharingBroker):
    """One instrument's position on the money of both."""

    def __init__(self, candles: Candles, costs: Costs, account: _Account) -> None:
        super().__init__(candles, costs, account)
        self.account = account
        account.legs.append(self)

    def worth(self, price: float) -> float:
        return self.units * (price - self.entry) if self.units else 0.0

    def equity(self, price: float) -> float:
        others = (leg.worth(leg.price) for leg in self.account.legs if leg is not self)
        return self.cash + self.worth(price) + sum(others)

    def _most(self, sign: int, closing: float, at: float) -> float:
        others = sum(abs(leg.units) * leg.price for leg in self.account.legs if leg is not self)
        return super()._most(sign, closing, at) - others / (at * (1 + self.costs.fee))

    def place(self, order: BarOrder) -> BarOrder:
        super().place(order)
        if self.account.opening and not order.limit and not order.stop:
            order.since = self.account.legs[0].bar
        return order

    def follow(self) -> bool:
        """Fill what was placed with fills at this open; whether there was something."""
        found = [one for one in self.orders if not one.limit and not one.stop and one.since <= self.bar]
        if found:
            self._match_open(self.open[self.bar])
        return bool(found)

    @property
    def adverse(self) -> float:
        return self.low[self.bar] if self.units > 0 else self.high[self.bar]


def _drive(
    strategy: Strategy,
    trader: BarTrader,
    further: str,
    series: tuple[Candles, Candles],
    legs: Sequence[_Leg],
    account: _Account,
) -> Floats:
    n, step = len(series[0]), series[0].interval
    equity = [0.0] * n
    traders = (trader, trader.of(further))
    strategy.trader = trader
    opened = series[0].time.tolist()
    volumes = [one.volume.tolist() for one in series]
    strategy.on_start()
    for i in range(n):
        for one in traders:
            one.now = opened[i]
        account.opening = True
        for leg in legs:
            leg.match_open(i)
        while any(leg.follow() for leg in legs):
            pass
        account.opening = False
        opens = [leg.open[i] for leg in legs]
        account.liquidate(opens, opens)
        account.liquidate(opens, [leg.adverse for leg in legs])
        for leg in legs:
            leg.match_range()
        if i == n - 1:
            for leg in legs:
                leg.finish()
        equity[i] = account.equity()
        if i == n - 1 or equity[i] <= 0:
            continue
        for one in traders:
            one.now = opened[i] + step
        trader.run_timers()
        first, other = (
            Bar(opened[i], leg.open[i], leg.high[i], leg.low[i], leg.close[i], volume[i])
            for leg, volume in zip(legs, volumes, strict=True)
        )
        strategy.on_bar(first)
        strategy.on_further_bar(further, other)
    strategy.on_stop()
    return np.array(equity)


class _Foreknown(PairLive):
    """A pair whose signals are worked out once for all bars; its target is an order at the venue here: bars have no
    book to watch."""

    def __init__(self, inner: SignalStrategy, candles: Candles, costs: Costs) -> None:
        super().__init__(inner, fee=costs.fee, interval=candles.interval)
        assert candles.peer is not None
        self.leverage = costs.leverage
        n = len(candles)
        self._codes = [int(code) for code in inner.codes(candles)]
        self._amounts = each_bar(inner.sizing.plan(candles).amount, n)
        self._ranges = each_bar(inner.exits.atr(candles), n)
        self._hedges: list[float] = inner.hedge(candles).tolist()
        self._closes: list[float] = candles.peer.close.tolist()
        self._target_id = ""

    def _numbers(self) -> tuple[float, float]:
        i = self._count
        self.last_code, self._hedge, self._peer_price = self._codes[i], self._hedges[i], self._closes[i]
        return self._amounts[i], self._ranges[i]

    def _protect(self) -> None:
        super()._protect()
        held = self.trader.position
        if self._target_id:
            self.trader.cancel(self._target_id)
            self._target_id = ""
        target = self._started().target
        if target > 0 and held and self._closing is None:
            way = Side.SELL if held > 0 else Side.BUY
            limit = Decimal(repr(target))
            self._target_id = self.trader.order(way, abs(held), limit=limit, reduce_only=True, tag="target")

    def _level(self, fill: Fill) -> Reason:
        return Reason.TARGET if fill.client_id == self._target_id else super()._level(fill)


def _names(candles: Candles, peer: Candles) -> tuple[str, str]:
    first, second = candles.name or "first", peer.name or "peer"
    return first, second if second != first else f"{second} (peer)"


def _trades(legs: Sequence[_Leg], names: Sequence[str]) -> tuple[Trades, tuple[str, ...]]:
    """Those of both in order of their exits, and whose each is."""
    parts = [leg.trades(tagged=True) for leg in legs]
    whose = [name for part, name in zip(parts, names, strict=True) for _ in range(len(part))]
    exits = np.concatenate([part.exit_bar for part in parts])
    order = [int(row) for row in np.argsort(exits, kind="stable")]
    names_of = [one.name for one in fields(Trades) if one.name != "tags"]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names_of}
    tags = tuple(tag for part in parts for tag in part.tags or ())
    return Trades(**columns, tags=tags).only(order), tuple(whose[row] for row in order)
