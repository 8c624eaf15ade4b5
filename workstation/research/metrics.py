"""The figures of a backtest. Percentages are in percent, times in days, money in the quote currency; NaN is "unknown".

Returns are of periods: of UTC days where the bars are shorter (the last equity of each day), of the bars themselves
otherwise. They are annualised by 365 periods where the market trades at weekends, else by 252; by 365.25 days over the
bar's length where bars are longer than a day. The risk-free rate is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workstation.domain.spans import DAY
from workstation.market.candles import Candles, Floats, Ints
from workstation.research.trades import Trades

_YEAR = 365.25


def period_ends(candles: Candles) -> Ints:
    """The index of the last bar of each period that returns are taken over."""

    def work() -> Ints:
        if candles.interval >= DAY:
            return np.arange(len(candles))
        days = candles.time // DAY
        return np.flatnonzero(np.append(np.diff(days) != 0, True))

    return candles.memo.get("period ends", work)


def periods_per_year(candles: Candles) -> float:
    """By what returns are annualised."""

    def work() -> float:
        if candles.interval > 1.5 * DAY:
            return _YEAR * DAY / candles.interval
        weekday = (candles.time // DAY + 3) % 7  # 1970-01-01 was a Thursday
        return 365.0 if float(np.mean(weekday >= 5)) > 2 / 7 * 0.6 else 252.0

    return candles.memo.get("periods per year", work)


def sharpe(returns: Floats, periods: float) -> float:
    """Mean over sample deviation, annualised: W. F. Sharpe, The Sharpe Ratio, 1994."""
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / spread * float(np.sqrt(periods)) if spread > 0 else float("nan")


def sortino(returns: Floats, periods: float) -> float:
    """Mean over downside deviation (root mean square of the negative ones among all), annualised: F. Sortino, 1994."""
    if len(returns) < 2:
        return float("nan")
    down = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(np.mean(returns)) / down * float(np.sqrt(periods)) if down > 0 else float("nan")


def omega(returns: Floats) -> float:
    """Gains over losses at a threshold of 0: C. Keating and W. Shadwick, A Universal Performance Measure, 2002."""
    return _ratio(float(returns[returns > 0].sum()), -float(returns[returns < 0].sum()))


def annual_return(returns: Floats, periods: float) -> float:
    """Geometric, as a fraction; −1 of an account that was lost."""
    if len(returns) == 0:
        return float("nan")
    growth = float(np.prod(1 + returns))
    return _compound(growth, periods / len(returns)) if growth > 0 else -1.0


def value_at_risk(returns: Floats, share: float = 0.05) -> float:
    """Historical quantile of the returns (a negative number is a loss): Jorion, Value at Risk, 2006."""
    return float(np.quantile(returns, share)) if len(returns) else float("nan")


def conditional_value_at_risk(returns: Floats, share: float = 0.05) -> float:
    """Mean of the worst ⌊(n − 1) · share⌋ + 1 returns: Rockafellar and Uryasev, 2000."""
    if len(returns) == 0:
        return float("nan")
    count = int((len(returns) - 1) * share) + 1
    return float(np.mean(np.partition(returns, count - 1)[:count]))


def moment(returns: Floats, order: int) -> float:
    """Standardised central moment of the population: 3 is the skew, 4 the kurtosis (not less 3)."""
    spread = float(np.std(returns)) if len(returns) > 1 else 0.0
    return float(np.mean((returns - np.mean(returns)) ** order)) / spread**order if spread > 0 else float("nan")


def drawdowns(equity: Floats) -> Floats:
    """Fraction below the highest so far, 0 or less, one a bar."""
    peaks = np.maximum.accumulate(equity)
    return np.asarray(equity / peaks - 1, dtype=np.float64)


def drawdown_spans(falls: Floats) -> list[tuple[int, int, float]]:
    """Each drawdown: the bar of its peak, the bar of its recovery (or the last bar), its depth (negative)."""
    at_peak = np.flatnonzero(falls >= 0)
    edges = np.unique(np.append(at_peak, len(falls) - 1))
    wide = np.flatnonzero(np.diff(edges) > 1)
    spans = [(int(edges[i]), int(edges[i + 1])) for i in wide]
    if len(edges) > 1 and edges[-1] - edges[-2] == 1 and falls[-1] < 0:
        spans.append((int(edges[-2]), int(edges[-1])))
    return [(start, end, float(falls[start : end + 1].min())) for start, end in spans]


def measure(equity: Floats, candles: Candles, trades: Trades, cash: float) -> dict[str, Any]:
    """Every figure by its name. `equity` at each bar's close.

    `cagr_pct`: (final / first)^(1 / years) − 1 by the calendar. `volatility_pct`: the sample deviation of returns × √
    periods a year. `calmar`: annual return over the largest drawdown (T. Young, Calmar Ratio, Futures 20, 1991).
    `max_drawdown_pct`, `average_drawdown_pct`: depths below the highest equity so far (M. Magdon-Ismail and A. Atiya,
    Maximum Drawdown, Risk 17, 2004); `…_days`: from the peak to its recovery or the end; `under_water_pct`: bars below
    a peak. `turnover`: traded value, both sides, over the mean equity. `alpha_pct`, `beta`: M. Jensen, The Performance
    of Mutual Funds, Journal of Finance 23 (1968), the market being what the candles themselves did. The others have
    functions of their own, or stand in `trade_figures`.
    """
    periods = periods_per_year(candles)
    ends = period_ends(candles)
    returns = level_returns(equity[ends])
    market = level_returns(candles.close[ends])
    falls = drawdowns(equity)
    spans = drawdown_spans(falls)
    days = [(candles.time[end] - candles.time[start]) / DAY for start, end, _ in spans]
    annual = annual_return(returns, periods)
    years = float(candles.time[-1] - candles.time[0]) / DAY / _YEAR
    deepest = float(falls.min())
    beta = _beta(returns, market)
    traded = float((trades.size * (trades.entry_price + trades.exit_price)).sum())
    final = float(equity[-1])
    return {
        "bars": len(candles),
        "initial_equity": cash,
        "final_equity": final,
        "return_pct": 100 * (final / cash - 1),
        "buy_hold_return_pct": 100 * (float(candles.close[-1] / candles.close[0]) - 1),
        "annual_return_pct": 100 * annual,
        "cagr_pct": 100 * _compound(final / cash, 1 / years) if final > 0 and years > 0 else float("nan"),
        "volatility_pct": 100 * float(np.std(returns, ddof=1)) * periods**0.5 if len(returns) > 1 else float("nan"),
        "sharpe": sharpe(returns, periods),
        "sortino": sortino(returns, periods),
        "calmar": _ratio(annual, -deepest),
        "omega": omega(returns),
        "max_drawdown_pct": 100 * deepest,
        "average_drawdown_pct": 100 * _mean([depth for *_, depth in spans]),
        "max_drawdown_days": float(max(days, default=0.0)),
        "average_drawdown_days": _mean(days),
        "under_water_pct": 100 * float(np.mean(falls < 0)),
        "exposure_pct": exposure(trades, len(candles)),
        "turnover": traded / float(np.mean(equity)) if float(np.mean(equity)) > 0 else float("nan"),
        "fees_paid": float(trades.fees.sum()),
        "slippage_paid": float(trades.slippage.sum()),
        "funding_paid": float(trades.funding.sum()),
        "alpha_pct": 100 * _alpha(returns, market, beta, periods),
        "beta": beta,
        "var_95_pct": 100 * value_at_risk(returns),
        "cvar_95_pct": 100 * conditional_value_at_risk(returns),
        "skew": moment(returns, 3),
        "kurtosis": moment(returns, 4) - 3,
        **trade_figures(trades),
    }


def trade_figures(trades: Trades) -> dict[str, Any]:
    """The figures of the trades alone. A trade that gained nothing after its fees is no winner.

    `sqn`: V. Tharp's system quality number √n · mean / deviation of the profits. `kelly`: W − (1 − W) / R (J. L. Kelly,
    1956). `expectancy_ratio`: (1 + R) · W − 1 with R the payoff.
    """
    pnl, gains, count = trades.pnl, trades.returns, len(trades)
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    rate = len(won) / count if count else float("nan")
    win, loss = _mean(won), _mean(lost)
    payoff = _ratio(win, -loss)
    spread = float(np.std(pnl, ddof=1)) if count > 1 else 0.0
    held = trades.exit_bar - trades.entry_bar
    return {
        "n_trades": count,
        "win_rate_pct": 100 * rate,
        "profit_factor": _ratio(float(won.sum()), -float(lost.sum())),
        "expectancy": _mean(pnl),
        "expectancy_ratio": (1 + payoff) * rate - 1,
        "average_win": win,
        "average_loss": loss,
        "payoff": payoff,
        "sqn": float(np.sqrt(count)) * _mean(pnl) / spread if spread > 0 else float("nan"),
        "kelly": rate - (1 - rate) / payoff if payoff > 0 else float("nan"),
        "best_trade_pct": 100 * float(gains.max()) if count else float("nan"),
        "worst_trade_pct": 100 * float(gains.min()) if count else float("nan"),
        "average_trade_pct": 100 * _mean(gains),
        "average_trade_bars": _mean(held),
        "longest_trade_bars": int(held.max()) if count else 0,
    }


def exposure(trades: Trades, bars: int) -> float:
    """Percent of the bars in which a position was open, those of entry and exit included."""
    steps = np.zeros(bars + 1, dtype=np.int64)
    np.add.at(steps, trades.entry_bar, 1)
    np.add.at(steps, trades.exit_bar + 1, -1)
    return 100 * float(np.mean(np.cumsum(steps[:-1]) > 0))


def level_returns(levels: Floats) -> Floats:
    """What each level is over the one before, less one; 0 of an account that is lost."""
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = levels[1:] / levels[:-1] - 1
    return np.where(np.isfinite(changes), changes, 0.0)  # an account at 0 stays there


def _beta(returns: Floats, market: Floats) -> float:
    """Covariance with buy and hold over its variance (the capital asset pricing model)."""
    if len(returns) < 2:
        return float("nan")
    spread = float(np.var(market, ddof=1))
    return float(np.cov(returns, market)[0, 1]) / spread if spread > 0 else float("nan")


def _alpha(returns: Floats, market: Floats, beta: float, periods: float) -> float:
    """Jensen's alpha against buy and hold: the mean of r − β·m, compounded over a year."""
    return _compound(1 + float(np.mean(returns - beta * market)), periods) if len(returns) > 1 else float("nan")


def _compound(growth: float, times: float) -> float:
    """Growth to a power, less 1; NaN where minutes say nothing of a year."""
    try:
        return float(growth**times) - 1
    except OverflowError:
        return float("nan")


def _ratio(over: float, under: float) -> float:
    return over / under if under > 0 else float("nan")


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
