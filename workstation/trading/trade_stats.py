"""How trades did, by what one wants to tell them apart by. Research figures: float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradeNoted
from workstation.domain.instrument import Instrument
from workstation.trading.trades import Trade


class By(StrEnum):
    ALL = "all"
    TAG = "tag"
    SETUP = "setup"
    HOUR = "hour"
    WEEKDAY = "weekday"
    SIDE = "side"
    INSTRUMENT = "instrument"
    ORIGIN = "origin"


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Money is of one currency, after all costs. A trade that brought nothing is neither won nor lost.

    `expectancy` is the average of all trades; `profit_factor` won / lost, None where nothing was lost; `average_r` that
    of the `with_r` trades whose risk was known (R = net / initial risk; Van K. Tharp, Trade Your Way to Financial
    Freedom).
    """

    key: str
    count: int
    wins: int
    losses: int
    total: float
    win_rate: float
    average_win: float | None
    average_loss: float | None
    expectancy: float
    profit_factor: float | None
    with_r: int
    average_r: float | None


def r_multiple(trade: Trade, instrument: Instrument, note: TradeNoted | None = None) -> float | None:
    """Net profit in units of the initial risk: the typed one, else that of the first stop; None where there is none."""
    risk = note.risk if note is not None and note.risk is not None else trade.risk(instrument)
    return float(trade.net) / float(risk) if risk else None


def keys_of(trade: Trade, note: TradeNoted | None, by: By, zone: tzinfo = UTC) -> tuple[str, ...]:
    """The groups that a trade belongs to; hours and weekdays are those of its opening in `zone`."""
    opened = datetime.fromtimestamp(trade.opened_at // SECOND, zone)
    match by:
        case By.TAG:
            return note.tags if note is not None and note.tags else ("no tag",)
        case By.SETUP:
            return (note.setup if note is not None and note.setup else "no setup",)
        case By.HOUR:
            return (f"{opened:%H}:00",)
        case By.WEEKDAY:
            return (f"{opened.isoweekday()} {opened:%A}",)
        case By.SIDE:
            return ("long" if trade.side.sign > 0 else "short",)
        case By.INSTRUMENT:
            return (trade.instrument,)
        case By.ORIGIN:
            return (trade.origin or "?",)
        case By.ALL:
            return ("all",)


def statistics(
    trades: Iterable[Trade],
    by: By,
    note_of: Callable[[Trade], TradeNoted | None],
    r_of: Callable[[Trade], float | None],
    zone: tzinfo = UTC,
) -> list[Stats]:
    """Of closed trades, in the order of the groups' names."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        if not trade.is_open:
            for key in keys_of(trade, note_of(trade), by, zone):
                groups.setdefault(key, []).append(trade)
    return [_stats(key, groups[key], r_of) for key in sorted(groups)]


def _stats(key: str, trades: list[Trade], r_of: Callable[[Trade], float | None]) -> Stats:
    nets = [float(trade.net) for trade in trades]
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    multiples = [r for trade in trades if (r := r_of(trade)) is not None]
    return Stats(
        key=key,
        count=len(nets),
        wins=len(wins),
        losses=len(losses),
        total=sum(nets),
        win_rate=len(wins) / len(nets),
        average_win=sum(wins) / len(wins) if wins else None,
        average_loss=sum(losses) / len(losses) if losses else None,
        expectancy=sum(nets) / len(nets),
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        with_r=len(multiples),
        average_r=sum(multiples) / len(multiples) if multiples else None,
    )
