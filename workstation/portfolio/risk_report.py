"""The risk of a book in one value: what it can lose, why, together with what, and whether the measure has held."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workstation.market.candles import Bools, Floats
from workstation.portfolio.cleaning import LEAST_ROWS, strangers, unusable
from workstation.portfolio.exposure import Exposure, Holding, exposure
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.stress import Scenario, StressRow, episodes, own_scenarios, shocks
from workstation.portfolio.together import Together, betas, together
from workstation.portfolio.value_at_risk import Contributions, Tail, contributions, tails
from workstation.portfolio.var_backtest import VarBacktest, backtest

#: Tails of the table: VaR at 95 % and at 99 %.
TAILS = (0.05, 0.01)


@dataclass(frozen=True)
class RiskQuestion:
    """`holdings` over `prices`; `horizon` in periods of the prices; `market` the asset that betas are to (empty: the
    largest position). Contributions, backtest and stress are at the first of `TAILS`."""

    holdings: tuple[Holding, ...]
    equity: float
    prices: PriceTable
    horizon: float = 1.0
    market: str = ""
    volume_share: float = 0.1
    scenarios: tuple[Scenario, ...] = ()
    window: int = 250
    seed: int = 1


@dataclass(frozen=True, eq=False)
class RiskReport:
    """All money in the account currency; losses are positive, profits of stress rows signed. Arrays by `assets`."""

    assets: tuple[str, ...]
    values: Floats
    exposure: Exposure
    periods: int
    periods_per_year: float
    horizon: float
    volatility: float  # of the book, in money, of one period
    asset_volatility: Floats  # fractions of one period
    betas: Floats
    market: str
    beta: float  # of the book's value to the market: money per unit of the market's return, against equity
    tails: tuple[Tail, ...]
    contributions: Contributions
    together: Together
    stress: tuple[StressRow, ...]
    backtest: VarBacktest
    notes: tuple[str, ...]
    seconds: float

    @property
    def warning(self) -> str:
        return self.together.warning(self.assets)

    def as_json(self) -> dict[str, Any]:
        """For machines: names beside numbers."""
        named = {
            name: {asset: float(x) for asset, x in zip(self.assets, getattr(self.contributions, name), strict=True)}
            for name in ("component", "marginal", "incremental", "shortfall")
        }
        return {
            "assets": list(self.assets),
            "values": dict(zip(self.assets, map(float, self.values), strict=True)),
            "equity": self.exposure.equity,
            "gross": self.exposure.whole.gross,
            "net": self.exposure.whole.net,
            "leverage": self.exposure.leverage,
            "periods": self.periods,
            "horizon": self.horizon,
            "volatility": self.volatility,
            "volatility_year": self.volatility * float(np.sqrt(self.periods_per_year)),
            "beta": self.beta,
            "market": self.market,
            "betas": dict(zip(self.assets, map(float, self.betas), strict=True)),
            "tails": [asdict(one) for one in self.tails],
            "contributions": named,
            "correlation": self.together.correlation.tolist(),
            "clusters": dict(zip(self.assets, map(int, self.together.clusters), strict=True)),
            "effective_bets": self.together.bets,
            "stress": [{"name": row.name, "profit": row.profit, "note": row.note} for row in self.stress],
            "backtest": {
                "days": self.backtest.days,
                "exceeded": self.backtest.exceeded,
                "kupiec_p": self.backtest.kupiec.p_value,
                "christoffersen_p": self.backtest.independence.p_value,
                "sentence": self.backtest.sentence,
            },
            "days_to_flatten": dict(self.exposure.days_to_flatten),
            "warning": self.warning,
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def report(question: RiskQuestion) -> RiskReport:
    """Positions without enough prices are left out of every measure but the exposure, and a note says so.

    Raises `PortfolioError` where nothing can be measured.
    """
    start = time.perf_counter()
    prices, values, notes = _measured(question)
    returns = prices.returns
    market = question.market if question.market in prices.assets else _largest(prices, values)
    slopes = betas(returns, returns[:, prices.assets.index(market)])
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    variance = float(values @ covariance @ values)
    tail = TAILS[0]
    stress = [
        *episodes(values, prices),
        *shocks(values, slopes, covariance, tail, market),
        *own_scenarios(question.scenarios, values, prices.assets),
    ]
    window = min(question.window, max(LEAST_ROWS, len(returns) // 2))
    equity = question.equity
    return RiskReport(
        assets=prices.assets,
        values=values,
        exposure=exposure(question.holdings, equity, question.volume_share),
        periods=len(returns),
        periods_per_year=prices.periods_per_year,
        horizon=question.horizon,
        volatility=float(np.sqrt(max(variance, 0.0))),
        asset_volatility=np.asarray(returns.std(axis=0, ddof=1)),
        betas=slopes,
        market=market,
        beta=float(values @ slopes) / equity if equity > 0 else 0.0,
        tails=tuple(one for each in TAILS for one in tails(values, returns, each, question.horizon, question.seed)),
        contributions=contributions(values, returns, tail),
        together=together(values, returns),
        stress=tuple(stress),
        backtest=backtest(returns @ values, tail, window),
        notes=tuple(notes),
        seconds=time.perf_counter() - start,
    )


def _measured(question: RiskQuestion) -> tuple[PriceTable, Floats, list[str]]:
    """The positions that have prices: their table without gaps, and their values."""
    held: dict[str, float] = {}
    for one in question.holdings:
        held[one.asset] = held.get(one.asset, 0.0) + one.value
    if not held:
        raise PortfolioError("There is no position: nothing can be lost.")
    notes, usable = [], []
    for asset in held:
        if asset not in question.prices.assets:
            notes.append(f"{asset} has no prices in {question.prices.name}: it is not in the measures.")
            continue
        if (why := unusable(question.prices, asset, LEAST_ROWS + 1)) is not None:
            notes.append(f"{why} in {question.prices.name}: it is not in the measures.")
            continue
        usable.append(asset)
    if not usable:
        raise PortfolioError(f"No position has {LEAST_ROWS + 1} prices or more. {' '.join(notes)}")
    table = question.prices.take(usable)
    whole: Bools = np.asarray(~np.isnan(table.values).any(axis=1))
    if int(whole.sum()) <= LEAST_ROWS:
        raise PortfolioError(
            f"The positions have only {int(whole.sum())} times in common, and risk needs {LEAST_ROWS + 1} "
            f"({strangers(table)}): give longer histories."
        )
    if not whole.all():
        notes.append(f"{int((~whole).sum())} of {len(whole)} times are left out: not every position has a price there.")
    table = PriceTable(table.assets, table.times[whole], np.ascontiguousarray(table.values[whole]), table.name)
    still = np.flatnonzero((table.values == table.values[0]).all(axis=0))
    notes += [f"{table.assets[c]} never moves from {table.values[0, c]:g}: its risk counts as none." for c in still]
    return table, np.array([held[asset] for asset in table.assets]), notes


def _largest(prices: PriceTable, values: Floats) -> str:
    return prices.assets[int(np.argmax(np.abs(values)))]


def read_holdings(rows: Sequence[dict[str, str]], prices: PriceTable, name: str = "positions") -> list[Holding]:
    """Holdings of a table: a column `asset` (or symbol, instrument), and `value`, or `quantity` with an optional
    `price` (the last price of the table else); `venue`, `strategy`, `currency` where they are there.

    Raises `PortfolioError` with the row that is wrong.
    """
    found = []
    for number, raw in enumerate(rows, start=2):
        row = {key.strip().lower(): (value or "").strip() for key, value in raw.items() if key}
        asset = next((row[key] for key in ("asset", "symbol", "instrument", "ticker") if row.get(key)), "")
        if not asset:
            raise PortfolioError(f"{name}, line {number}: there is no asset.")
        try:
            if row.get("value"):
                value = float(row["value"])
            else:
                quantity = float(row.get("quantity") or row["qty"])
                value = quantity * (float(row["price"]) if row.get("price") else _last(prices, asset))
        except (KeyError, ValueError):
            raise PortfolioError(f"{name}, line {number}: {asset} needs a value, or a quantity.") from None
        if not np.isfinite(value):
            raise PortfolioError(f"{name}, line {number}: the value of {asset} is not a number.")
        owner = row.get("strategy") or "manual"
        found.append(Holding(asset, value, row.get("venue", ""), owner, row.get("currency", "")))
    if not found:
        raise PortfolioError(f"{name} has no position.")
    return found


def _last(prices: PriceTable, asset: str) -> float:
    if asset not in prices.assets:
        raise ValueError
    column = prices.values[:, prices.assets.index(asset)]
    there = column[~np.isnan(column)]
    if not len(there):
        raise ValueError
    return float(there[-1])
