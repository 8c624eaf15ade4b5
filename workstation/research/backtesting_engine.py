"""The `backtesting` engine: backtesting.py (AGPL-3) behind an adapter. Nothing else in the project imports it.

A user's `backtesting.Strategy` runs as `Backtest(data, S, cash=…, commission=fee, finalize_trades=True).run()` does,
with its statistics. A signal strategy of ours is replayed through its order book under our rules of fills, as an
independent check of the fast engine. What is added to its broker for that, because its own rules differ:

- slippage on both sides (its spread is charged at the entry alone), funding, sizes by our rules;
- stop and target from the price of the entry, active within the entry's own bar;
- a target that the open has passed fills there, whatever the bar did later;
- liquidation; and the last bar's close, not its open, ends open trades: the data get one flat bar more at each end.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs, refuse_hedged
from workstation.research.replayed_signals import Replay
from workstation.research.result import Result
from workstation.research.shared_candles import refuse_several
from workstation.research.trades import Trades
from workstation.strategies import rules
from workstation.strategies.contract import SignalStrategy, Strategy, strategy_name
from workstation.strategies.exits import Reason

if TYPE_CHECKING:
    import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import backtesting
    from backtesting import backtesting as machinery

backtesting.set_bokeh_output(notebook=False)


class BacktestingEngine:
    """Signal strategies of ours. See `run_native` for strategies that were written for backtesting.py."""

    name = "backtesting"

    def run(self, strategy: Strategy, candles: Candles, costs: Costs) -> Result:
        """One backtest. Raises `BacktestError` for an event strategy, fewer than 2 bars or an optimistic path."""
        name = strategy_name(type(strategy))
        if not isinstance(strategy, SignalStrategy):
            raise BacktestError(f"{name} lives on events: the backtesting engine runs strategies with signals only.")
        if len(candles) < 2:
            raise BacktestError("A backtest needs two bars at least: a decision fills at the next bar's open.")
        refuse_hedged(strategy)
        refuse_several(candles)
        costs.refuse("backtesting")
        return _replayed(strategy, candles, costs, name)


def run_native(cls: type, candles: Candles, costs: Costs, params: dict[str, Any] | None = None) -> Result:
    """A `backtesting.Strategy` exactly as backtesting.py runs it, whole units and its rules of fills; slippage becomes
    its spread. Raises `BacktestError` for costs that it does not know."""
    costs.refuse("native")
    params = params or {}
    for name in params:
        if not hasattr(cls, name):
            raise BacktestError(f"{strategy_name(cls)} has no parameter {name!r}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = backtesting.Backtest(
            frame(candles),
            cls,
            cash=costs.cash,
            commission=costs.fee,
            spread=costs.slippage,
            margin=1 / costs.leverage,
            finalize_trades=costs.close_at_end,
        )
        stats = _quietly(test, params)
    table = stats["_trades"]
    closed = [
        table[column].to_numpy(dtype=np.float64) for column in ("Size", "EntryPrice", "ExitPrice", "PnL", "Commission")
    ]
    size, entry, exit_, pnl, fees = closed
    reasons = np.full(len(table), int(Reason.SIGNAL))
    trades = Trades(
        table["EntryBar"].to_numpy(np.int64),
        table["ExitBar"].to_numpy(np.int64),
        np.sign(size).astype(np.int64),
        reasons,
        np.abs(size),
        entry,
        exit_,
        pnl,
        fees,
        np.zeros(len(table)),
        np.abs(size) * entry * costs.slippage / (1 + np.sign(size) * costs.slippage),
        tuple("" if tag is None else str(tag) for tag in table["Tag"]),
    )
    equity = stats["_equity_curve"]["Equity"].to_numpy(np.float64)
    shown = {ours: float(stats[theirs]) for ours, theirs in _STATS.items() if theirs in stats}
    shown["fees_paid"] = float(stats.get("Commissions [$]", 0.0))
    shown["n_trades"] = int(stats["# Trades"])
    chosen = native_parameters(cls) | params
    return Result(strategy_name(cls), chosen, "backtesting", candles, costs, trades, equity, shown, test)


def frame(candles: Candles) -> pd.DataFrame:
    """The candles as backtesting.py reads them."""
    import pandas as pd

    columns = {name.title(): getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(candles.time.view("datetime64[ns]")))


_STATS = {
    "final_equity": "Equity Final [$]",
    "return_pct": "Return [%]",
    "buy_hold_return_pct": "Buy & Hold Return [%]",
    "annual_return_pct": "Return (Ann.) [%]",
    "volatility_pct": "Volatility (Ann.) [%]",
    "cagr_pct": "CAGR [%]",
    "sharpe": "Sharpe Ratio",
    "sortino": "Sortino Ratio",
    "calmar": "Calmar Ratio",
    "alpha_pct": "Alpha [%]",
    "beta": "Beta",
    "max_drawdown_pct": "Max. Drawdown [%]",
    "average_drawdown_pct": "Avg. Drawdown [%]",
    "exposure_pct": "Exposure Time [%]",
    "win_rate_pct": "Win Rate [%]",
    "best_trade_pct": "Best Trade [%]",
    "worst_trade_pct": "Worst Trade [%]",
    "average_trade_pct": "Avg. Trade [%]",
    "profit_factor": "Profit Factor",
    "sqn": "SQN",
    "kelly": "Kelly Criterion",
}


def _quietly(test: Any, params: dict[str, Any]) -> Any:
    """Run without the progress bar that the library writes to the terminal, whatever thread this is."""
    bar = machinery._tqdm
    machinery._tqdm = lambda rows, **_: rows
    try:
        return test.run(**params)
    finally:
        machinery._tqdm = bar


def native_parameters(cls: type) -> dict[str, Any]:
    """Class attributes that the library takes as parameters: plain values that the class declares itself."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is backtesting.Strategy or not issubclass(base, backtesting.Strategy):
            continue
        plain = {
            k: v for k, v in vars(base).items() if not k.startswith("_") and isinstance(v, int | float | str | bool)
        }
        found |= plain
    return found


class _Broker(machinery._Broker):  # type: ignore[misc]
    """The library's order book with our fills. `replay` holds what has been decided."""

    replay: Replay
    _cash: float

    def next(self) -> None:
        replay = self.replay
        bar = len(self._data) - 2  # the data have one bar more in front
        for trade in self.trades:
            rate = replay.funding_rate(bar)
            if rate:
                due = rate * trade.size * self._data._current_value("Open")
                self._cash -= due
                replay.paid += due
                if replay.pending is None:
                    replay.find_ruin(self, trade)
                    replay.levels(trade)
        super().next()

    def _process_orders(self) -> None:
        replay, now = self.replay, self._data._current_value("Open")
        self._passed_targets_first(now)
        super()._process_orders()
        side, replay.entry = replay.entry, 0
        if not side or self.trades:
            return
        price = now / replay.scale * (1 + side * replay.costs.slippage)
        units = replay.size(self._cash, side, price, len(self._data) - 3)
        whole = float(np.floor(units / replay.scale))
        if whole > 0:
            self._open_trade(price * replay.scale, side * whole, None, None, self._i, None)
            self._passed_targets_first(now)
            super()._process_orders()  # what the rest of the entry's bar reaches

    def _passed_targets_first(self, now: float) -> None:
        for trade in self.trades:
            order = trade._tp_order
            if order is not None and np.sign(trade.size) * (now - order.limit) >= 0:
                self.orders.remove(order)
                closing = [other for other in self.orders if not (other.stop or other.limit)]
                self.orders.insert(len(closing), order)

    def _open_trade(self, price: float, size: float, sl: Any, tp: Any, time_index: int, tag: Any) -> None:
        super()._open_trade(price, size, sl, tp, time_index, tag)
        replay, trade, side = self.replay, self.trades[-1], int(np.sign(size))
        entry, now = price / replay.scale, self._data._current_value("Open") / replay.scale
        replay.best, replay.trailed, replay.paid, replay.ruin, replay.pending = entry, False, 0.0, 0.0, None
        replay.slipped = abs(size) * replay.scale * abs(entry - now)
        replay.target = rules.target_price(side, entry, 0, replay.exits, replay.roi)
        replay.find_ruin(self, trade)
        replay.levels(trade)

    def _reduce_trade(self, trade: Any, price: float, size: float, time_index: int) -> None:
        """Every exit comes through here with the market's price."""
        replay, side = self.replay, int(np.sign(trade.size))
        reason = replay.reason(side, price / replay.scale)
        at = price if reason is Reason.TARGET else price * (1 - side * replay.costs.slippage)
        replay.slipped += abs(size) * abs(price - at)
        super()._reduce_trade(trade, at, size, time_index)
        shortfall = 0.0
        if reason is Reason.LIQUIDATION and self._cash < 0:  # the venue bears what is lost beyond the account
            shortfall, self._cash = -self._cash, 0.0
        done = self.closed_trades[-1]
        replay.rows.append((int(reason), replay.paid, replay.slipped, shortfall))
        replay.exit_bars.append(time_index - 1)
        replay.pnls.append(done.pl - replay.paid + shortfall)
        replay.gains.append(replay.pnls[-1] / (abs(done.size) * done.entry_price))
        replay.peak = max(replay.peak, self._cash)
        replay.pending = None
        replay.stop = replay.target = replay.ruin = 0.0
        self._protect()

    def _protect(self) -> None:
        replay, numbers = self.replay, self.replay.protections
        if not len(numbers):
            return
        fall = 1 - self._cash / replay.peak
        columns = (replay.exit_bars, [row[0] for row in replay.rows])
        until = rules.locked_until(
            numbers,
            replay.exit_bars[-1],
            len(replay.rows),
            *(np.array(column, dtype=np.int64) for column in columns),
            np.array(replay.pnls),
            np.array(replay.gains),
            fall,
        )
        replay.lock = max(replay.lock, until)
        if numbers[2] > 0 and fall > numbers[1]:
            replay.peak = self._cash


def _signal_player(replay: Replay) -> type:
    """The library's strategy that places what ours has decided on each close."""

    class Player(backtesting.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            bar = len(self.data) - 2
            if bar >= replay.bars:
                return
            code, trade = int(replay.codes[bar]), self.trades[0] if self.trades else None
            side = 0 if trade is None else int(np.sign(trade.size))
            leaving = False
            if trade is not None:
                self._move_levels(trade, side, bar)
                if bar == replay.bars - 1:
                    if replay.costs.close_at_end:
                        replay.pending = Reason.END
                        trade.close()
                    return
                held = bar + 1 - (trade.entry_bar - 1)
                turned = (code & 12) == 4 if side > 0 else (code & 3) == 1
                if turned or code & (2 if side > 0 else 8):
                    replay.pending = Reason.SIGNAL
                elif 0 < replay.exits[6] <= held:
                    replay.pending = Reason.TIME
                leaving = replay.pending is not None
            if bar < replay.bars - 1 and bar >= replay.lock and (trade is None or leaving):
                wants = ((code & 3) == 1) - ((code & 12) == 4)
                replay.entry = wants if wants != side else 0
            if trade is not None and leaving:
                trade.close()

        def _move_levels(self, trade: Any, side: int, bar: int) -> None:
            entry = trade.entry_price / replay.scale
            extreme = (self.data.High[-1] if side > 0 else self.data.Low[-1]) / replay.scale
            replay.best = max(replay.best, extreme) if side > 0 else min(replay.best, extreme)
            fee = float(replay.costs.fee)
            stop = rules.moved_stop(side, entry, replay.stop, replay.best, replay.exits, fee)
            replay.trailed = replay.trailed or stop != replay.stop
            replay.stop = stop
            held = bar + 1 - (trade.entry_bar - 1)
            replay.target = rules.target_price(side, entry, held, replay.exits, replay.roi)
            replay.levels(trade)

    return Player


def _replayed(strategy: SignalStrategy, candles: Candles, costs: Costs, name: str) -> Result:
    from functools import partial

    replay = Replay(strategy, candles, costs)
    plain = _padded(candles)
    scaled = plain.copy()
    scaled[["Open", "High", "Low", "Close"]] *= replay.scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = backtesting.Backtest(scaled, _signal_player(replay), cash=costs.cash, commission=costs.fee)
        broker = type("Broker", (_Broker,), {"replay": replay})
        test._broker = partial(broker, **test._broker.keywords)
        stats = _quietly(test, {})
    book = stats["_strategy"]._broker
    equity = np.asarray(book._equity, dtype=np.float64)[1:-1].copy()
    equity = np.where(np.isnan(equity), costs.cash, equity)
    if costs.close_at_end and equity[-1] > 0:
        equity[-1] = book._cash
    trades = _trades(book, replay, candles, costs)
    _rescale(test, stats, plain, replay.scale)
    return Result(name, strategy.params, "backtesting", candles, costs, trades, equity, None, test)


def _trades(book: Any, replay: Replay, candles: Candles, costs: Costs) -> Trades:
    last = len(candles) - 1
    whole, real = [], []
    for trade, (reason, paid, slipped, shortfall) in zip(book.closed_trades, replay.rows, strict=True):
        whole.append((trade.entry_bar - 1, min(trade.exit_bar - 1, last), int(np.sign(trade.size)), reason))
        prices = (trade.entry_price / replay.scale, trade.exit_price / replay.scale)
        pnl = trade.pl - paid + shortfall
        real.append((abs(trade.size) * replay.scale, *prices, pnl, trade._commissions, paid, slipped))
    for trade in book.trades:  # kept open at the end
        fee = costs.fee * abs(trade.size) * trade.entry_price
        whole.append((trade.entry_bar - 1, last, int(np.sign(trade.size)), int(Reason.OPEN)))
        pnl = trade.pl - fee - replay.paid
        prices = (trade.entry_price / replay.scale, float(candles.close[-1]))
        real.append((abs(trade.size) * replay.scale, *prices, pnl, fee, replay.paid, replay.slipped))
    return Trades.of(np.array(whole, dtype=np.int64).reshape(-1, 4), np.array(real, dtype=np.float64).reshape(-1, 7))


def _padded(candles: Candles) -> pd.DataFrame:
    """The candles with a flat bar at the first open before them, because the library decides from its second bar on,
    and one at the last close after them, whose open is where the end closes what is open."""
    import pandas as pd

    table = frame(candles)
    step = pd.Timedelta(max(candles.interval, 1), "ns")
    first = pd.DataFrame([[candles.open[0]] * 4 + [0.0]], columns=table.columns, index=[table.index[0] - step])
    last = pd.DataFrame([[candles.close[-1]] * 4 + [0.0]], columns=table.columns, index=[table.index[-1] + step])
    return pd.concat([first, table, last])


def _rescale(test: Any, stats: Any, plain: pd.DataFrame, scale: float) -> None:
    """Make the library's own statistics and plot show the market's prices and units."""
    test._data = plain
    table = stats["_trades"]
    table["Size"] = table["Size"] * scale
    for column in ("EntryPrice", "ExitPrice", "TP", "SL"):
        table[column] = table[column].astype(float) / scale
