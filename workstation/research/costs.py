"""What an account is and what trading costs in a backtest, and how a backtest that cannot be made says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workstation.domain.backtest_terms import PATHS, TERMS, refusal
from workstation.market.candles import Candles, Floats
from workstation.research.funding import FundingHistory, load_funding
from workstation.strategies.contract import SignalStrategy, strategy_name


class BacktestError(Exception):
    """The backtest cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The account and what trading costs. Fractions: a fee of 0.001 is 0.1 % of the traded value on both sides.

    `slippage` moves every market and stop fill against the trader. `leverage` is the most exposure for each unit of
    equity; below `maintenance` × the position's value of equity the position is liquidated. `funding` is the rate that
    a long pays (a short receives) every `funding_hours` of UTC time, on the value at the bar's open; `recorded` has the
    rates as they were, in its place. `path`: a bar that reaches stop and target counts as the stop (0), the target (1),
    or what is nearer to its open (2); see `honesty`.
    """

    cash: float = 10_000.0
    fee: float = 0.0
    slippage: float = 0.0
    leverage: float = 1.0
    maintenance: float = 0.0
    funding: float = 0.0
    funding_hours: float = 8.0
    close_at_end: bool = True
    path: int = 0
    recorded: FundingHistory | None = None

    def __post_init__(self) -> None:
        checks = (
            (0 < self.cash < np.inf, f"The cash must be above zero, not {self.cash:g}."),
            (-0.1 < self.fee < 0.1, f"The fee is a fraction of the value, 0.001 for 0.1 %, not {self.fee:g}."),
            (0 <= self.slippage < 0.1, f"The slippage is a fraction of the price, 0.0005 say, not {self.slippage:g}."),
            (1 <= self.leverage <= 500, f"The leverage must be from 1 to 500, not {self.leverage:g}."),
            (0 <= self.maintenance < 1, f"The maintenance margin is a fraction, not {self.maintenance:g}."),
            (-1 < self.funding < 1, f"The funding rate is a fraction, not {self.funding:g}."),
            (self.funding_hours > 0, f"The funding interval must be above zero, not {self.funding_hours:g} hours."),
            (self.recorded is None or self.funding == 0, "Funding is one rate or a file of rates, not both."),
            (self.path in (0, 1, 2), f"The path is 0, 1 or 2, not {self.path}."),
        )
        for holds, sentence in checks:
            if not holds:
                raise BacktestError(sentence)

    def funding_rates(self, candles: Candles) -> Floats:
        """What is due at each bar's open; a single 0 without funding. Several dues of one long bar add up."""
        if self.recorded is not None:
            return self.recorded.on(candles)
        if self.funding == 0:
            return np.zeros(1)
        due = candles.time // int(self.funding_hours * 3_600_000_000_000)
        return np.diff(due, prepend=due[:1]) * self.funding

    @property
    def funded(self) -> bool:
        """Whether positions pay or receive funding at all."""
        return self.funding != 0 or self.recorded is not None

    @property
    def terms(self) -> dict[str, Any]:
        """Them by the names of `domain.backtest_terms`; recorded funding by its file's name."""
        funding = self.funding if self.recorded is None else self.recorded.name
        return {term.name: getattr(self, term.name) for term in TERMS} | {"funding": funding, "path": PATHS[self.path]}

    def refuse(self, engine: str) -> None:
        """Raises `BacktestError` where that engine ("native" for a strategy of backtesting.py's own) lacks a term."""
        said = {"maintenance": self.maintenance > 0, "funding": self.funded, "path": self.path != 0}
        if words := refusal(engine, (name for name, holds in said.items() if holds)):
            raise BacktestError(words)


def costs_of(terms: Mapping[str, Any], load: Callable[[Path], FundingHistory] = load_funding) -> Costs:
    """The costs of terms by name (`domain.backtest_terms`); `load` reads recorded rates. Raises `BacktestError`, and
    `BadCandles` for a file that has no rates."""
    said = dict(terms)
    funding, recorded = said.pop("funding"), None
    if isinstance(funding, str):
        file = Path(funding).expanduser()
        if not file.is_file():
            raise BacktestError(f"Funding is a rate or a file of rates; there is no file {funding}.")
        funding, recorded = 0.0, load(file)
    return Costs(**said | {"path": PATHS.index(said["path"])}, funding=funding, recorded=recorded)


def refuse_hedged(strategy: SignalStrategy) -> None:
    """Raises `BacktestError` for a strategy that trades two instruments: the event engine alone has two."""
    if strategy.hedged:
        name = strategy_name(type(strategy))
        raise BacktestError(f"{name} trades two instruments: only the event engine does, in single runs.")
