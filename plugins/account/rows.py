"""The lines and columns of the account's tables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace
from rich.style import Style

from screens.figures import money_text, places_of, shown
from screens.table import Column
from screens.theme import Ink
from workstation.clock import DAY, SECOND
from workstation.domain.numbers import ZERO, add, divide, multiply, subtract
from workstation.engine import Engine
from workstation.trading.results import DayResult, OwnerResult

VIEWS = ("balances", "days", "strategies")


class Holding(msgspec.Struct, frozen=True):
    """What a venue holds of a currency; money of it that nothing binds; worth and share in the account currency."""

    venue: str
    currency: str
    total: Decimal
    free: Decimal | None
    worth: Decimal | None
    share: Decimal | None


class DayLine(msgspec.Struct, frozen=True):
    """A day's results with the equity at its end and what it changed by, deposits and withdrawals left out."""

    result: DayResult
    equity: Decimal | None
    change: Decimal | None


type Line = Holding | DayLine | OwnerResult

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "balances": (
        Column("venue", "Venue", 8, keep=9, sort=lambda row: row.venue),
        Column("currency", "In", 6, keep=12, sort=lambda row: row.currency),
        Column("total", "Total", 16, right=True, keep=11, sort=lambda row: row.total),
        Column("free", "Free", 16, right=True, keep=8, sort=lambda row: row.free or ZERO),
        Column("worth", "Worth", 14, right=True, keep=10, sort=lambda row: row.worth or ZERO),
        Column("share", "Share", 7, right=True, keep=7, sort=lambda row: row.share or ZERO),
    ),
    "days": (
        Column("day", "Day (UTC)", 15, keep=12, sort=lambda row: row.result.day),
        Column("net", "Net", 12, right=True, keep=11, sort=lambda row: row.result.net),
        Column("realized", "Realised", 12, right=True, keep=10, sort=lambda row: row.result.realized),
        Column("fees", "Fees", 10, right=True, keep=8, sort=lambda row: row.result.fees),
        Column("funding", "Funding", 10, right=True, keep=6, sort=lambda row: row.result.funding),
        Column("interest", "Interest", 9, right=True, keep=4, sort=lambda row: row.result.interest),
        Column("fills", "Fills", 6, right=True, keep=5, sort=lambda row: row.result.fills),
        Column("change", "Equity ±", 12, right=True, keep=9, sort=lambda row: row.change or ZERO),
        Column("equity", "Equity", 14, right=True, keep=7, sort=lambda row: row.equity or ZERO),
    ),
    "strategies": (
        Column("origin", "Strategy", 18, keep=12, sort=lambda row: row.origin),
        Column("net", "Net", 12, right=True, keep=11, sort=lambda row: row.net),
        Column("realized", "Realised", 12, right=True, keep=10, sort=lambda row: row.realized),
        Column("unrealized", "Unreal.", 12, right=True, keep=9, sort=lambda row: row.unrealized),
        Column("fees", "Fees", 10, right=True, keep=8, sort=lambda row: row.fees),
        Column("carry", "Carry", 10, right=True, keep=6, sort=lambda row: row.carry),
        Column("fills", "Fills", 6, right=True, keep=5, sort=lambda row: row.fills),
        Column("instruments", "Holds", 6, right=True, keep=4, sort=lambda row: row.instruments),
    ),
}

#: Columns of money in the account's currency; in a coin it takes so many cells.
_MONEY = ("worth", "net", "realized", "unrealized", "fees", "funding", "interest", "carry", "change", "equity")
_COIN_WIDTH = 14


def columns_of(view: str, places: int) -> tuple[Column, ...]:
    """A view's columns, wide enough for money with so many `places`."""
    if places <= 2:
        return COLUMNS[view]
    return tuple(replace(one, width=max(one.width, _COIN_WIDTH)) if one.key in _MONEY else one for one in COLUMNS[view])


def balance_lines(engine: Engine) -> list[Line]:
    """All balances, the worthiest first."""
    found: list[Holding] = []
    whole = ZERO
    for venue, currency, total in engine.balances():
        rate = engine.rate(venue, currency)
        worth = None if rate is None else multiply(total, rate)
        whole = add(whole, worth or ZERO)
        spot = next((i for i in engine.instruments() if i.venue == venue and i.is_spot and i.base == currency), None)
        free = engine.free_funds(venue, currency) if spot is None else engine.free_base(spot.id)
        found.append(Holding(venue, currency, total, free, worth, None))
    if whole > 0:
        found = [
            one
            if one.worth is None
            else msgspec.structs.replace(one, share=divide(multiply(one.worth, Decimal(100)), whole, Decimal("0.01")))
            for one in found
        ]
    found.sort(key=lambda one: (one.worth or ZERO).copy_negate())
    return [*found]


def day_lines(engine: Engine, closes: Sequence[tuple[int, Decimal]], equity: Decimal | None) -> list[Line]:
    """Every day with results or a stored equity, the newest first. `closes`: (UTC ns, equity) at the ends of days."""
    results = {one.day: one for one in engine.day_results()}
    ends = {ts - ts % DAY: value for ts, value in closes}
    now = engine.clock.now()
    if equity is not None:
        ends[now - now % DAY] = equity
    days = sorted({*results, *ends})
    lines: list[Line] = []
    before: Decimal | None = None
    for day in days:
        result = results.get(day) or DayResult(day=day)
        end = ends.get(day)
        change = None
        if end is not None and result.whole:
            flow = result.flow
            if before is not None:
                change = subtract(subtract(end, before), flow)
            elif not lines and flow:  # the first day began with nothing
                change = subtract(end, flow)
        before = end
        lines.append(DayLine(result, end, change))
    return lines[::-1]


def line_id(line: Line) -> Hashable:
    match line:
        case Holding(venue=venue, currency=currency):
            return venue, currency
        case DayLine(result=result):
            return result.day
        case OwnerResult(origin=origin):
            return origin


def cell(line: Line, column: str, ink: Ink, places: int) -> tuple[str, Style]:
    """Text and style of a cell; `places`: the decimals of money in the account's currency."""
    match line:
        case Holding():
            return _balance_cell(line, column, ink, places)
        case DayLine():
            return _day_cell(line, column, ink, places)
        case OwnerResult():
            return _owner_cell(line, column, ink, places)


def _balance_cell(line: Holding, column: str, ink: Ink, places: int) -> tuple[str, Style]:
    match column:
        case "venue":
            return line.venue, ink.text
        case "currency":
            return line.currency, ink.strong
        case "total":
            return _amount(line.total, line.currency), ink.text if line.total >= 0 else ink.ask
        case "free":
            return "–" if line.free is None else _amount(line.free, line.currency), ink.text
        case "worth":
            return money_text(line.worth, decimals=places), ink.text
        case _:
            return "–" if line.share is None else shown(f"{line.share:.1f}%"), ink.dim


def _day_cell(line: DayLine, column: str, ink: Ink, places: int) -> tuple[str, Style]:
    one = line.result
    match column:
        case "day":
            return f"{datetime.fromtimestamp(one.day // SECOND, UTC):%a %d %b %Y}", ink.strong
        case "net":
            return money_text(one.net, True, places) + ("" if one.whole else "?"), ink.signed(one.net)
        case "realized":
            return money_text(one.realized, True, places), ink.signed(one.realized)
        case "fees":
            return money_text(one.fees, decimals=places), ink.dim
        case "funding":
            return money_text(one.funding, True, places), ink.signed(one.funding)
        case "interest":
            return money_text(one.interest, decimals=places), ink.dim
        case "fills":
            return str(one.fills), ink.dim
        case "change":
            return money_text(line.change, True, places), ink.signed(line.change)
        case _:
            return money_text(line.equity, decimals=places), ink.text


def _owner_cell(line: OwnerResult, column: str, ink: Ink, places: int) -> tuple[str, Style]:
    match column:
        case "origin":
            return "by hand" if line.origin == "manual" else line.origin, ink.strong
        case "net":
            return money_text(line.net, True, places) + ("" if line.whole else "?"), ink.signed(line.net)
        case "realized":
            return money_text(line.realized, True, places), ink.signed(line.realized)
        case "unrealized":
            return money_text(line.unrealized, True, places), ink.signed(line.unrealized)
        case "fees":
            return money_text(line.fees, decimals=places), ink.dim
        case "carry":
            return money_text(line.carry, True, places), ink.signed(line.carry)
        case "fills":
            return str(line.fills), ink.dim
        case _:
            return str(line.instruments), ink.dim


def _amount(value: Decimal, currency: str) -> str:
    return shown(f"{value:,.{places_of(currency)}f}")
