"""The limits in force: those of the config file, and what the trader changed on the desk since; folded.

The rule: the config file gives the defaults. A change made on the desk holds over restarts for as long as the config
file says what it said when the change was made; once the file says something else of that limit, the file holds again.
"""

from __future__ import annotations

from workstation.domain.events import LimitsChanged
from workstation.trading.errors import Refused
from workstation.trading.limits import (
    RiskLimits,
    limit_from_text,
    limit_kind,
    limit_text,
    limit_value,
    with_limit,
)


class LimitsBook:
    """`limits` are in force; `changes` is the audit, oldest first."""

    def __init__(self, configured: RiskLimits) -> None:
        self.configured = configured
        self.limits = configured
        self.changes: list[LimitsChanged] = []
        self.changed: dict[str, LimitsChanged] = {}  # the changes that are in force, by field

    def apply(self, event: LimitsChanged) -> None:
        """Fold a change in. One of a limit that is no more, or that could not be set now, stays in the audit alone."""
        self.changes.append(event)
        if limit_kind(event.field) is None:
            return
        configured = limit_value(self.configured, event.field)
        self.changed.pop(event.field, None)
        value = configured
        if event.new != event.configured and event.configured == limit_text(configured):
            try:
                value = limit_from_text(event.field, event.new)
                self.changed[event.field] = event
            except ValueError:
                value = configured
        self.limits = with_limit(self.limits, event.field, value)

    def change(self, now: int, field: str, text: str, who: str) -> LimitsChanged:
        """The event of a change, not folded yet; an empty text takes the config file's value. Raises `Refused`."""
        try:
            configured = limit_value(self.configured, field)
        except KeyError:
            raise Refused(f"There is no limit {field}.") from None
        try:
            new = limit_from_text(field, text) if text.strip() else configured
        except ValueError as error:
            raise Refused(str(error)) from None
        old = limit_value(self.limits, field)
        if new == old:
            raise Refused(f"{field} is {limit_text(old)} already.")
        return LimitsChanged(
            ts=now, who=who, field=field, old=limit_text(old), new=limit_text(new), configured=limit_text(configured)
        )

    def taken(self, now: int, configured: RiskLimits, field: str, who: str) -> LimitsChanged | None:
        """The event that puts in force what the config file says since a moment ago, not folded yet; None if that is
        in force already."""
        new, old = limit_text(limit_value(configured, field)), limit_text(limit_value(self.limits, field))
        if new == old:
            return None
        return LimitsChanged(ts=now, who=who, field=field, old=old, new=new, configured=new)

    def reconfigure(self, configured: RiskLimits, field: str) -> None:
        """The config file says something else of a limit now: a change that the trader made of it before is void."""
        self.configured = configured
        self.changed.pop(field, None)
