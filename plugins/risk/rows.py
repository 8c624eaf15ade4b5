"""The lines of the risk pane: breakers, limits, and the audit of their changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from screens.figures import local_time
from workstation.domain.events import BreakerTripped
from workstation.engine import Engine
from workstation.trading.breakers import Breaker
from workstation.trading.limits import OWN_NAMES, limit_fields, limit_value, own_field
from workstation.trading.risk_breakers import time_left
from workstation.trading.risk_use import Use, breaker_uses, limit_uses

_AUDITED = 50
#: Which limit is a breaker's threshold.
THRESHOLDS = {
    Breaker.DAILY_LOSS: "breakers.daily_loss",
    Breaker.DRAWDOWN: "breakers.drawdown",
    Breaker.DRAWDOWN_KILL: "breakers.drawdown_kill",
    Breaker.VENUE_ERRORS: "breakers.venue_errors_per_minute",
    Breaker.PRICE_MOVE: "breakers.price_move",
}


class Heading(msgspec.Struct, frozen=True):
    text: str


class BreakerLine(msgspec.Struct, frozen=True):
    """One breaker; `trip` and `left` where it is tripped (one line for each venue or instrument)."""

    name: str
    use: Use
    trip: BreakerTripped | None = None
    left: str = ""

    @property
    def field(self) -> str:
        return THRESHOLDS[Breaker(self.name)]


class LimitLine(msgspec.Struct, frozen=True):
    """One limit; `use` where it fills up, `changed` where it is not what the config file says."""

    field: str
    value: Any
    use: Use | None = None
    changed: bool = False
    editable: bool = True


class AuditLine(msgspec.Struct, frozen=True):
    number: int
    text: str


type Line = Heading | BreakerLine | LimitLine | AuditLine


def lines_of(engine: Engine, now: int) -> Sequence[Line]:
    """All lines as the desk stands."""
    core = engine.core
    book = core.limits_book
    lines: list[Line] = [Heading("Circuit breakers")]
    tripped = engine.risk.tripped()
    for name, use in breaker_uses(core, now).items():
        trips = [trip for trip in tripped if trip.name == name]
        for trip in trips:
            left = "until reset" if trip.until is None else time_left(trip.until - now)
            lines.append(BreakerLine(name, use, trip, left))
        if not trips:
            lines.append(BreakerLine(name, use))
    lines.append(Heading("Limits"))
    uses = limit_uses(core, now)
    thresholds = set(THRESHOLDS.values())
    for field, _ in limit_fields():
        if field not in thresholds:
            value = limit_value(core.limits, field)
            lines.append(LimitLine(field, value, uses.get(field), field in book.changed))
    for field, use in uses.items():
        if field.startswith("groups."):
            lines.append(LimitLine(field, use.limit, use, editable=False))
    for origin, own in core.limits.strategies.items():
        for name in OWN_NAMES:
            field = own_field(origin, name)
            if getattr(own, name) is not None or field in book.changed:
                lines.append(LimitLine(field, getattr(own, name), None, field in book.changed))
    lines.append(Heading("Changes"))
    for number in range(len(book.changes) - 1, max(-1, len(book.changes) - 1 - _AUDITED), -1):
        row = book.changes[number]
        text = f"{local_time(row.ts)}  {row.field}: {row.old or '–'} → {row.new or '–'}  by {row.who}"
        lines.append(AuditLine(number, text))
    if not book.changes:
        lines.append(AuditLine(-1, "No limit was ever changed on this desk."))
    return lines
