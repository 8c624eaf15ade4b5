"""The limits in force: those of the config file, and what the trader changed on the desk since; folded.

The rule: the config file gives the defaults. A change made on the desk holds over restarts for as long as the config
file says what it said when the change was made; once the file says something else of that limit, the file holds again.
So it does where a change that still holds contradicts what the file has come to say of another limit.
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
    limit_words,
    with_limit,
)
from workstation.trading.limits_order import limits_problem, misorder, misorder_text


class LimitsBook:
    """`limits` are in force; `changes` is the audit, oldest first."""

    def __init__(self, configured: RiskLimits) -> None:
        self.configured = configured
        self.limits = configured
        self.changes: list[LimitsChanged] = []
        self.changed: dict[str, LimitsChanged] = {}  # the changes that are in force, by field
        self.dropped: dict[str, str] = {}  # why a change of the desk is not in force, by field

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
        self.dropped.pop(event.field, None)
        self.limits = with_limit(self.limits, event.field, value)
        self._settle()

    def _settle(self) -> None:
        """Where limits contradict each other, those changed on the desk are again what the config file says."""
        while (pair := misorder(self.limits)) is not None:
            mine = [field for field in (pair.lower, pair.upper) if field in self.changed]
            if not mine:
                return  # the file contradicts itself, which it is refused for where it is read
            why = misorder_text(self.limits, pair)
            for field in mine:
                del self.changed[field]
                self.dropped[field] = why
                self.limits = with_limit(self.limits, field, limit_value(self.configured, field))

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
        if problem := limits_problem(with_limit(self.limits, field, new), field):
            raise Refused(problem)
        return LimitsChanged(
            ts=now, who=who, field=field, old=limit_text(old), new=limit_text(new), configured=limit_text(configured)
        )

    def preview(self, field: str, text: str) -> tuple[str, str]:
        """What a limit is and would be by `change`, in words. Raises `Refused`."""
        event = self.change(0, field, text, "")
        old, new = (limit_words(field, limit_from_text(field, part)) for part in (event.old, event.new))
        return old, new

    def taken(self, now: int, configured: RiskLimits, field: str, who: str) -> LimitsChanged | None:
        """The event that puts in force what the config file says since a moment ago, not folded yet; None if that is
        in force already. Raises `Refused` where it contradicts a change that was made on the desk."""
        new, old = limit_text(limit_value(configured, field)), limit_text(limit_value(self.limits, field))
        if new == old:
            return None
        in_force = with_limit(self.limits, field, limit_value(configured, field))
        if problem := limits_problem(in_force, field):
            raise Refused(problem)
        return LimitsChanged(ts=now, who=who, field=field, old=old, new=new, configured=new)

    def reconfigure(self, configured: RiskLimits, field: str) -> None:
        """The config file says something else of a limit now: a change that the trader made of it before is void."""
        self.configured = configured
        self.changed.pop(field, None)
