"""Every figure of a backtest against an independent library (empyrical, scipy, backtesting.py) or worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.bars import candles, random_walk
from workstation.domain.spans import DAY
from workstation.research import metrics, splits
from workstation.research.engine import Costs, Result, Trades, engine
from workstation.strategies.shipped.sma_cross import SmaCross


@pytest.fixture(scope="module")
def daily() -> Result:
    walk = random_walk(1_500, seed=3, interval=DAY)
    return engine("fast").run(SmaCross(fast=5, slow=20, direction="both"), walk, Costs(fee=0.001, slippage=0.0005))


@pytest.fixture(scope="module")
def returns(daily: Result) -> np.ndarray:
    return np.diff(daily.equity) / daily.equity[:-1]


def test_figures_of_returns_are_those_of_empyrical(daily: Result, returns: np.ndarray) -> None:
    import empyrical  # two seconds, which every worker would pay, and two more
    from scipy import stats

    m = daily.metrics
    market = np.diff(daily.candles.close) / daily.candles.close[:-1]
    days = 365  # the walk has weekends
    expected = {
        "annual_return_pct": 100 * empyrical.annual_return(returns, annualization=days),
        "volatility_pct": 100 * empyrical.annual_volatility(returns, annualization=days),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=days),
        "sortino": empyrical.sortino_ratio(returns, annualization=days),
        "calmar": empyrical.calmar_ratio(returns, annualization=days),
        "omega": empyrical.omega_ratio(returns),
        "max_drawdown_pct": 100 * empyrical.max_drawdown(returns),
        "var_95_pct": 100 * empyrical.value_at_risk(returns),
        "cvar_95_pct": 100 * empyrical.conditional_value_at_risk(returns),
        "beta": empyrical.beta(returns, market),
        "alpha_pct": 100 * empyrical.alpha(returns, market, annualization=days),
        "skew": stats.skew(returns),
        "kurtosis": stats.kurtosis(returns),
    }
    for name, value in expected.items():
        assert m[name] == pytest.approx(value, rel=1e-9), name


def test_figures_of_equity_and_trades_are_those_of_backtesting_py(daily: Result) -> None:
    """Its statistics on our trades and equity, by its public `compute_stats`."""
    import pandas as pd
    from backtesting.lib import compute_stats

    from workstation.research.backtesting_engine import frame

    data, t = frame(daily.candles), daily.trades
    table = pd.DataFrame(
        {
            "Size": t.size * t.side,
            "EntryBar": t.entry_bar,
            "ExitBar": t.exit_bar,
            "EntryPrice": t.entry_price,
            "ExitPrice": t.exit_price,
            "PnL": t.pnl,
            "ReturnPct": t.returns,
            "EntryTime": data.index[t.entry_bar],
            "ExitTime": data.index[t.exit_bar],
        }
    )
    table["Duration"] = table["ExitTime"] - table["EntryTime"]
    curve = pd.DataFrame({"Equity": daily.equity}, index=data.index)
    before = {"_equity_curve": curve, "_trades": table, "_strategy": None}
    theirs = compute_stats(stats=pd.Series(before, dtype=object), data=data)
    m = daily.metrics
    for ours, name in {
        "final_equity": "Equity Final [$]",
        "return_pct": "Return [%]",
        "cagr_pct": "CAGR [%]",
        "buy_hold_return_pct": "Buy & Hold Return [%]",
        "exposure_pct": "Exposure Time [%]",
        "max_drawdown_pct": "Max. Drawdown [%]",
        "average_drawdown_pct": "Avg. Drawdown [%]",
        "n_trades": "# Trades",
        "win_rate_pct": "Win Rate [%]",
        "best_trade_pct": "Best Trade [%]",
        "worst_trade_pct": "Worst Trade [%]",
        "average_trade_pct": "Expectancy [%]",
        "sqn": "SQN",
        "kelly": "Kelly Criterion",
    }.items():
        assert m[ours] == pytest.approx(theirs[name], rel=1e-9), ours
    assert m["max_drawdown_days"] == theirs["Max. Drawdown Duration"].days
    assert m["average_drawdown_days"] == pytest.approx(theirs["Avg. Drawdown Duration"] / pd.Timedelta(days=1), abs=1)


def hand() -> Trades:
    """Three trades: +20 on 100, −10 on 200, +5 on 50; fees 1 each."""
    return Trades(
        entry_bar=np.array([1, 3, 6]),
        exit_bar=np.array([2, 5, 6]),
        side=np.array([1, -1, 1]),
        reason=np.array([0, 1, 3]),
        size=np.array([1.0, 2.0, 0.5]),
        entry_price=np.array([100.0, 100.0, 100.0]),
        exit_price=np.array([121.0, 104.5, 112.0]),
        pnl=np.array([20.0, -10.0, 5.0]),
        fees=np.ones(3),
        funding=np.array([0.0, 0.5, 0.0]),
        slippage=np.array([0.1, 0.2, 0.3]),
    )


def test_trade_figures_worked_by_hand() -> None:
    f = metrics.trade_figures(hand())
    assert f["n_trades"] == 3
    assert f["win_rate_pct"] == pytest.approx(200 / 3)
    assert f["profit_factor"] == pytest.approx(25 / 10)
    assert f["expectancy"] == pytest.approx(5)
    assert (f["average_win"], f["average_loss"], f["payoff"]) == (12.5, -10, 1.25)
    assert f["expectancy_ratio"] == pytest.approx(2.25 * 2 / 3 - 1)
    assert f["sqn"] == pytest.approx(np.sqrt(3) * 5 / 15)  # the profits' sample deviation is 15
    assert f["kelly"] == pytest.approx(2 / 3 - (1 / 3) / 1.25)
    assert (f["best_trade_pct"], f["worst_trade_pct"]) == (20, -5)
    assert f["average_trade_bars"] == pytest.approx(1)
    assert f["longest_trade_bars"] == 2


def test_account_figures_worked_by_hand() -> None:
    equity = np.array([100.0, 100, 120, 120, 108, 110, 115, 125, 125, 100])
    bars = candles([(100, 130, 90, 100)] * 9 + [(100, 130, 90, 110)], interval=DAY)
    m = metrics.measure(equity, bars, hand(), 100.0)
    assert m["return_pct"] == pytest.approx(0)
    assert m["buy_hold_return_pct"] == pytest.approx(10)
    assert m["max_drawdown_pct"] == pytest.approx(-20)
    assert m["average_drawdown_pct"] == pytest.approx((-10 - 20) / 2)
    assert (m["max_drawdown_days"], m["average_drawdown_days"]) == (4, 2.5)  # bars 3 → 7, and 8 → 9 at the end
    assert m["under_water_pct"] == pytest.approx(40)
    assert m["exposure_pct"] == pytest.approx(60)
    assert m["turnover"] == pytest.approx((221 + 409 + 106) / equity.mean())
    assert (m["fees_paid"], m["funding_paid"], m["slippage_paid"]) == (3, 0.5, pytest.approx(0.6))


def test_nothing_traded_is_unknown_and_not_zero() -> None:
    bars = candles([(100, 101, 99, 100)] * 30, interval=DAY)
    none = Trades.of(np.empty((0, 4), np.int64), np.empty((0, 7)))
    m = metrics.measure(np.full(30, 100.0), bars, none, 100.0)
    assert (m["n_trades"], m["return_pct"], m["max_drawdown_pct"], m["exposure_pct"]) == (0, 0, 0, 0)
    for name in ("sharpe", "sortino", "calmar", "profit_factor", "sqn", "win_rate_pct", "kelly", "expectancy"):
        assert np.isnan(m[name]), name


def test_intraday_bars_are_judged_by_the_day() -> None:
    import empyrical

    hourly = random_walk(24 * 60, seed=5)
    result = engine("fast").run(SmaCross(fast=5, slow=20), hourly, Costs())
    days = hourly.time // DAY
    last = np.flatnonzero(np.append(np.diff(days) != 0, True))
    closes = result.equity[last]
    expected = empyrical.sharpe_ratio(np.diff(closes) / closes[:-1], annualization=365)
    assert result.metrics["sharpe"] == pytest.approx(expected)


def test_markets_without_weekends_have_252_days() -> None:
    week = np.array([d for d in range(700) if (d + 3) % 7 < 5]) * DAY
    flat = np.full(len(week), 1.0)
    from workstation.market.candles import Candles

    assert metrics.periods_per_year(Candles(week, flat, flat, flat, flat, flat)) == 252
    weekly = candles([(1, 1, 1, 1)] * 60, interval=7 * DAY)
    assert metrics.periods_per_year(weekly) == pytest.approx(365.25 / 7)


def test_monthly_table_and_splits_add_up(daily: Result) -> None:
    table = splits.monthly_returns(daily)
    growth = np.prod([1 + value / 100 for year in table.values() for value in year.values()])
    assert growth == pytest.approx(daily.equity[-1] / 10_000)
    assert list(table) == sorted(table)
    for by in ("tag", "side", "weekday", "hour"):
        parts = splits.split(daily, by)
        assert sum(part["n_trades"] for part in parts.values()) == len(daily.trades)
    assert list(splits.split(daily, "side")) == ["long", "short"]
    assert list(splits.split(daily, "hour")) == ["12"]  # every bar opens at 12:26


def test_the_monthly_table_worked_by_hand() -> None:
    """31 days of January 1970 from 100 to 110, February to 99, and one day of March."""
    days = 31 + 28 + 1
    equity = np.concatenate([np.linspace(100, 110, 31), np.linspace(108, 99, 28), [100.98]])
    bars = candles([(100, 130, 90, 100)] * days, interval=DAY)
    none = Trades.of(np.empty((0, 4), np.int64), np.empty((0, 7)))
    result = Result("hand", {}, "fast", bars, Costs(cash=100.0), none, equity)
    assert splits.monthly_returns(result) == {1970: {1: pytest.approx(10), 2: pytest.approx(-10), 3: pytest.approx(2)}}


def test_splits_worked_by_hand() -> None:
    """Bars by the hour from Thursday 1970-01-01 00:00: entries at 01, 03 and 06 o'clock."""
    bars = candles([(100, 130, 90, 100)] * 10)
    result = Result("hand", {}, "fast", bars, Costs(cash=100.0), hand(), np.full(10, 100.0))
    by_hour = splits.split(result, "hour")
    assert {hour: part["expectancy"] for hour, part in by_hour.items()} == {"01": 20, "03": -10, "06": 5}
    assert splits.split(result, "weekday")["Thu"]["n_trades"] == 3
    by_side = splits.split(result, "side")
    assert by_side["long"]["win_rate_pct"] == 100
    assert by_side["short"]["average_loss"] == -10
    assert {tag: part["n_trades"] for tag, part in splits.split(result, "tag").items()} == {
        "signal": 1, "stop": 1, "target": 1,
    }  # fmt: skip


def test_no_figure_is_without_its_check(daily: Result) -> None:
    """Every name that `measure` gives is compared above with a library or a hand-worked example."""
    text = Path(__file__).read_text("utf-8")
    trivial = {"bars", "initial_equity"}
    unchecked = [name for name in daily.metrics if name not in trivial and f'"{name}"' not in text]
    assert unchecked == []


def test_minutes_say_nothing_of_a_year() -> None:
    bars = candles([(100, 130, 90, 100)] * 10, interval=60_000_000_000)
    equity = np.linspace(100, 150, 10)
    none = Trades.of(np.empty((0, 4), np.int64), np.empty((0, 7)))
    m = metrics.measure(equity, bars, none, 100.0)
    assert m["return_pct"] == pytest.approx(50)
    assert np.isnan(m["cagr_pct"])
