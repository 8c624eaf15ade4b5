"""What the book would have lost in times that were, and in times that one can think of.

An episode's loss of an asset is that from the first price of its days to the lowest one. Where the table of prices has
those days, its own are taken; else the measured ones below; else those of its class, which the row says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from workstation.clock import SECOND
from workstation.market.candles import Floats
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.value_at_risk import quantile

_STABLE = frozenset({"USD", "USDT", "USDC", "DAI", "FDUSD", "TUSD", "EUR", "GBP", "CHF"})
#: Names that an episode's table gives to every coin, and to every share, which it does not know.
COIN, SHARE = "any coin", "any share"


@dataclass(frozen=True)
class Episode:
    """Days of the past, first and last, and what they did to assets: returns as fractions, by the asset's own name."""

    name: str
    first: date
    last: date
    measured: Mapping[str, float]


#: Crypto 2021 and 2022: first hour's close to the lowest price on hourly Binance candles; shares: daily closes of SPY,
#: AAPL and IBM, S&P 500 and NASDAQ. March 2020: closes of the 11th and the 12th, rounded.
EPISODES = (
    Episode("March 2020, crypto", date(2020, 3, 11), date(2020, 3, 13), {"BTC": -0.40, "ETH": -0.45, COIN: -0.45}),
    Episode(
        "May 2021, crypto",
        date(2021, 5, 12),
        date(2021, 5, 19),
        {
            "ADA": -0.44, "AVAX": -0.53, "BCH": -0.69, "BTC": -0.48, "DOGE": -0.57, "DOT": -0.54, "ETH": -0.55,
            "LINK": -0.57, "LTC": -0.62, "NEAR": -0.42, "SOL": -0.41, "XRP": -0.45, COIN: -0.55,
        },
    ),
    Episode(
        "June 2022, crypto",
        date(2022, 6, 8),
        date(2022, 6, 18),
        {
            "ADA": -0.32, "AVAX": -0.44, "BCH": -0.41, "BTC": -0.43, "DOGE": -0.39, "DOT": -0.31, "ETH": -0.51,
            "LINK": -0.39, "LTC": -0.37, "NEAR": -0.45, "SOL": -0.35, "XRP": -0.30, COIN: -0.42,
        },
    ),
    Episode(
        "November 2022, crypto",
        date(2022, 11, 5),
        date(2022, 11, 10),
        {
            "ADA": -0.28, "AVAX": -0.39, "BCH": -0.30, "BTC": -0.27, "DOGE": -0.45, "DOT": -0.26, "ETH": -0.35,
            "LINK": -0.35, "LTC": -0.30, "NEAR": -0.41, "SOL": -0.65, "XRP": -0.37, COIN: -0.37,
        },
    ),
    Episode(
        "Autumn 2008, shares",
        date(2008, 9, 12),
        date(2008, 11, 20),
        {"SPY": -0.40, "SP500": -0.40, "NASDAQ": -0.42, "AAPL": -0.46, "IBM": -0.40, SHARE: -0.40, COIN: -0.40},
    ),
    Episode(
        "Spring 2020, shares",
        date(2020, 2, 19),
        date(2020, 3, 23),
        {"SPY": -0.34, "AAPL": -0.31, "IBM": -0.37, SHARE: -0.34},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StressRow:
    """What a scenario does to the book, in its currency; `by_asset` N profits; `note` says what had to be assumed."""

    name: str
    profit: float
    by_asset: Floats
    note: str = ""


@dataclass(frozen=True)
class Scenario:
    """A trader's own: returns as fractions by asset, "*" for all others (they stand still without it)."""

    name: str
    shocks: Mapping[str, float] = field(default_factory=dict)


def base_of(asset: str) -> str:
    """The asset alone: "NOVA:BTC-USDT-PERP" and "BTC/USDT" are BTC."""
    symbol = asset.rpartition(":")[2] if asset.count(":") == 1 else asset
    return symbol.replace("/", "-").split("-")[0].upper()


def episodes(values: Floats, prices: PriceTable) -> list[StressRow]:
    """Every episode on the book of `values` (N, by the table's assets)."""
    return [_episode(episode, values, prices) for episode in EPISODES]


def _episode(episode: Episode, values: Floats, prices: PriceTable) -> StressRow:
    own = _own_returns(episode, prices)
    shocks, assumed = np.zeros(len(values)), []
    coins = _is_crypto(prices.assets)
    for column, asset in enumerate(prices.assets):
        name = base_of(asset)
        if not np.isnan(own[column]):
            shocks[column] = own[column]
        elif name in episode.measured:
            shocks[column] = episode.measured[name]
        elif name in _STABLE:
            shocks[column] = 0.0
        else:
            fallback = (COIN, SHARE) if coins else (SHARE, COIN)
            shocks[column] = next((episode.measured[one] for one in fallback if one in episode.measured), 0.0)
            if values[column]:
                assumed.append(name)
    by_asset = values * shocks
    note = f"as {'coins' if coins else 'shares'} on the whole: {', '.join(assumed)}" if assumed else ""
    return StressRow(episode.name, float(by_asset.sum()), by_asset, note)


def _own_returns(episode: Episode, prices: PriceTable) -> Floats:
    """First price of the days to the lowest, of the table itself; NaN where it does not have the days whole."""
    start, end = (
        int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
        for day in (episode.first, episode.last)
    )
    inside = (prices.times >= start) & (prices.times <= end)
    found = np.full(len(prices.assets), np.nan)
    if inside.sum() < 2 or prices.times[0] > start or prices.times[-1] < end:
        return found
    part = prices.values[inside]
    whole = ~np.isnan(part).any(axis=0)
    found[whole] = part[:, whole].min(axis=0) / part[0, whole] - 1.0
    return found


def _is_crypto(assets: Sequence[str]) -> bool:
    known = {name for episode in EPISODES for name in episode.measured if "crypto" in episode.name}
    return any(base_of(asset) in known for asset in assets)


def shocks(values: Floats, betas: Floats, covariance: Floats, tail: float, market: str) -> list[StressRow]:
    """Factor shocks (all prices; the market, each asset by its beta to it), a spike of volatility, and all as one bet.

    The last two are losses at the tail's normal quantile: with deviations doubled and tripled, and with every position
    moving against the book at once (a correlation of one in the direction that hurts: the sum of single deviations).
    """
    z = -quantile(tail)
    percent = f"{1 - tail:.0%}"
    rows = [_row(f"Every price {shock:+.0%}", values * shock) for shock in (-0.10, -0.20, 0.20)]
    rows += [_row(f"{market} {shock:+.0%}, others by their beta", values * betas * shock) for shock in (-0.10, -0.30)]
    product = covariance @ values
    deviation = float(np.sqrt(max(float(values @ product), 0.0)))
    parts = -z * values * product / deviation if deviation > 0 else np.zeros(len(values))
    rows += [_row(f"Volatility ×{times}, loss at {percent}", parts * times) for times in (2, 3)]
    single = -z * np.abs(values) * np.sqrt(np.diag(covariance))
    rows.append(_row(f"All moves as one, loss at {percent}", single))
    return rows


def own_scenarios(scenarios: Sequence[Scenario], values: Floats, assets: Sequence[str]) -> list[StressRow]:
    """The trader's own scenarios on the book."""
    rows = []
    for one in scenarios:
        shock = [one.shocks.get(asset, one.shocks.get(base_of(asset), one.shocks.get("*", 0.0))) for asset in assets]
        rows.append(_row(one.name, values * np.array(shock)))
    return rows


def read_scenarios(path: Path) -> list[Scenario]:
    """A TOML file of `[[scenario]]` with a name and shocks by asset: shocks = { BTC = -0.3, "*" = -0.4 }.

    Raises `PortfolioError`.
    """
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PortfolioError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise PortfolioError(f"{path} is not valid TOML: {error}.") from None
    found = []
    for number, entry in enumerate(table.get("scenario", ()), start=1):
        name, moves = entry.get("name"), entry.get("shocks")
        if not isinstance(name, str) or not isinstance(moves, dict) or not moves:
            raise PortfolioError(f"{path}: scenario {number} needs a name and shocks.")
        for asset, move in moves.items():
            if not isinstance(move, int | float) or isinstance(move, bool) or not -1 <= move <= 100:
                raise PortfolioError(f"{path}: {name}: the shock of {asset} must be a fraction of -1 or more.")
        found.append(Scenario(name, {asset: float(move) for asset, move in moves.items()}))
    if not found:
        raise PortfolioError(f"{path} has no [[scenario]].")
    return found


def _row(name: str, by_asset: Floats) -> StressRow:
    return StressRow(name, float(by_asset.sum()), np.asarray(by_asset))
