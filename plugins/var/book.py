"""The desk's book as the risk report wants it: positions and coins at today's prices, and their candles."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.clock import HOUR
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import multiply
from workstation.domain.strategy_run import RunState
from workstation.engine import Engine
from workstation.market.bars import INTERVALS

if TYPE_CHECKING:
    from workstation.portfolio.risk_report import RiskQuestion

BARS = ("1h", "4h", "1d")
_MOST = 1_000
_CASH = frozenset({"USDT", "USDC", "USD", "DAI", "FDUSD", "TUSD"})
_MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Held:
    """One holding in plain numbers: value in the account currency, turnover of a day likewise."""

    instrument: InstrumentId
    value: float
    venue: str
    owner: str
    currency: str
    turnover: float


@dataclass(frozen=True, slots=True)
class Book:
    """`closes` by instrument: (close time in UTC ns, price), the newest last; `unpriced` what no market can value."""

    held: tuple[Held, ...]
    equity: float
    closes: dict[InstrumentId, list[tuple[int, float]]]
    unpriced: tuple[str, ...]


def book_of(engine: Engine, bars: str) -> Book:
    """What the desk holds. Money of the account currency and dollars are no risk; another venue's coin is its spot."""
    held: list[Held] = []
    unpriced: list[str] = []
    owners = _owners(engine)
    for position in engine.positions():
        instrument = engine.instrument(position.instrument)
        if instrument.is_spot:
            continue
        mark, rate = engine.mark(instrument.id), engine.rate(instrument.venue, instrument.settlement)
        if mark is None or rate is None:
            unpriced.append(instrument.id)
            continue
        worth = float(multiply(instrument.value(position.quantity, mark), rate))
        held += _split(engine, instrument, worth, position.quantity, owners)
    for venue, currency, amount in engine.balances():
        if currency == engine.currency or currency in _CASH:
            continue
        spot = _spot(engine, venue, currency)
        rate = engine.rate(venue, currency)
        if spot is None or rate is None:
            unpriced.append(f"{venue} {currency}")
            continue
        held += _split(engine, spot, float(multiply(amount, rate)), amount, owners)
    closes = {name: _closes(engine, name, INTERVALS[bars]) for name in dict.fromkeys(one.instrument for one in held)}
    return Book(tuple(held), float(engine.equity()), closes, tuple(unpriced))


def _owners(engine: Engine) -> dict[InstrumentId, list[tuple[str, Decimal]]]:
    """What strategies that have not ended hold, by instrument."""
    found: dict[InstrumentId, list[tuple[str, Decimal]]] = {}
    for view in engine.strategies.runs():
        if view.run.state in (RunState.RUNNING, RunState.PAUSED):
            for instrument, quantity in view.holds.items():
                found.setdefault(instrument, []).append((view.run.run_id, quantity))
    return found


def _split(
    engine: Engine,
    instrument: Instrument,
    worth: float,
    quantity: Decimal,
    owners: dict[InstrumentId, list[tuple[str, Decimal]]],
) -> list[Held]:
    """The holding by who holds it: strategies their own part, the trader the rest."""
    turnover = _turnover(engine, instrument)
    parts = owners.get(instrument.id, [])
    rest = quantity - sum((part for _, part in parts), Decimal(0))
    unit = worth / float(quantity) if quantity else 0.0
    named = [*parts, (_MANUAL, rest)] if rest else parts
    return [
        Held(instrument.id, unit * float(part), instrument.venue, owner, instrument.settlement, turnover)
        for owner, part in named
    ]


def _spot(engine: Engine, venue: str, currency: str) -> Instrument | None:
    spots = [one for one in engine.instruments() if one.venue == venue and one.is_spot and one.base == currency]
    return next((one for one in spots if one.quote == engine.currency), spots[0] if spots else None)


def _turnover(engine: Engine, instrument: Instrument) -> float:
    """What traded of it in the last day, in the account currency; 0 where nothing is known."""
    bars = engine.bar_series(instrument.id, HOUR).last(24)
    rate = engine.rate(instrument.venue, instrument.settlement)
    if rate is None:
        return 0.0
    size = float(instrument.multiplier)
    traded = sum(bar.volume * (size / bar.close if instrument.is_inverse else bar.close * size) for bar in bars)
    return float(rate) * traded


def _closes(engine: Engine, instrument: InstrumentId, interval: int) -> list[tuple[int, float]]:
    series = engine.bar_series(instrument, interval)
    return [(bar.ts + interval, bar.close) for bar in series.last(_MOST) if bar.closed]


def question_of(book: Book, bars: str, horizon: float, scenarios: Path | None) -> RiskQuestion:
    """Off the loop: numpy is loaded with it. Raises `PortfolioError` for a file of scenarios that is wrong."""
    import numpy as np

    from workstation.portfolio.exposure import Holding
    from workstation.portfolio.prices import PriceTable
    from workstation.portfolio.risk_report import RiskQuestion
    from workstation.portfolio.stress import read_scenarios

    times = np.array(sorted({ts for closes in book.closes.values() for ts, _ in closes}), dtype=np.int64)
    values = np.full((len(times), len(book.closes)), np.nan)
    for column, closes in enumerate(book.closes.values()):
        if closes:
            at = np.searchsorted(times, np.array([ts for ts, _ in closes], dtype=np.int64))
            values[at, column] = [price for _, price in closes]
    holdings = tuple(
        Holding(one.instrument, one.value, one.venue, one.owner, one.currency, one.turnover) for one in book.held
    )
    own = tuple(read_scenarios(scenarios)) if scenarios is not None and scenarios.exists() else ()
    table = PriceTable(tuple(book.closes), times, values, f"candles of {bars}")
    return RiskQuestion(holdings, book.equity, table, horizon=horizon, scenarios=own)
