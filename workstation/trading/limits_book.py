"""The limits in force: those of the config file, and what the trader changed on the desk since; folded.

The rule: the config file gives the defaults. A change made on the desk holds over restarts for as long as the config
file says what it said when the change was made; once the file says something else of that limit, the file holds again.
Where what the two say contradicts each other, the lower limit counts as the upper one (`limits_order.clamped`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from workstation.trading.limits_order import below, clamped, limits_problem, lowered_text


def changed_text(events: Sequence[LimitsChanged]) -> str:
    """What a change came to, by its events as `LimitsBook.change` gives them: "drawdown_kill is 8 % now, it was 20 %,
    and with it drawdown from 10 % to 8 %." """

    def words(one: LimitsChanged) -> tuple[str, str]:
        old, new = (limit_words(one.field, limit_from_text(one.field, text)) for text in (one.old, one.new))
        return old, new

    *lowered, asked = events
    old, new = words(asked)
    moved = [(one.field, *words(one)) for one in lowered if one.old != one.new]
    return f"{asked.field} is {new} now, it was {old}{_with_it(moved)}."


def _with_it(moved: Sequence[tuple[str, str, str]]) -> str:
    """Fields with what they were and are, as the end of a sentence."""
    return f", and with it {', '.join(f'{field} from {old} to {new}' for field, old, new in moved)}" if moved else ""


class LimitsBook:
    """`limits` are in force; `changes` is the audit, oldest first."""

    def __init__(self, configured: RiskLimits) -> None:
        self.configured = configured
        self._said = configured  # with the changes that are in force, before what they lower
        self.limits, self._lowered = clamped(configured)
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
        self._say(event.field, value)

    def _say(self, field: str, value: Any) -> None:
        self._said = with_limit(self._said, field, value)
        self.limits, self._lowered = clamped(self._said)

    def lowered(self) -> list[str]:
        """A sentence for each limit that is lower than file and desk say, because another one is."""
        return [lowered_text(self._said, pair) for pair in self._lowered.values()]

    def is_lowered(self, field: str) -> bool:
        """Whether a limit is lower than file and desk say."""
        return field in self._lowered

    def change(self, now: int, field: str, text: str, who: str) -> tuple[LimitsChanged, ...]:
        """The events of a change, not folded yet: those of the limits that it lowers with it, then its own. An empty
        text takes the config file's value. Raises `Refused`."""
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
        return self._events(now, self.configured, field, new, who)

    def _events(self, now: int, configured: RiskLimits, field: str, new: Any, who: str) -> tuple[LimitsChanged, ...]:
        """A limit that is lower than what is said of it has a row too: it does not rise when what lowered it does."""
        in_force = with_limit(self.limits, field, new)
        if problem := limits_problem(in_force, field):
            raise Refused(problem)
        after = clamped(in_force)[0]
        lowered = [one for one in below(field) if limit_value(after, one) != limit_value(self._said, one)]
        return tuple(
            LimitsChanged(
                ts=now,
                who=who if one == field else f"{who}, with {field}",
                field=one,
                old=limit_text(limit_value(self.limits, one)),
                new=limit_text(limit_value(after, one)),
                configured=limit_text(limit_value(configured, one)),
            )
            for one in (*lowered, field)
        )

    def with_it(self, field: str, value: Any) -> str:
        """What else a change lowers, as the end of a sentence: ", and with it NAME from 15 % to 12 %"; "" for none."""
        after = clamped(with_limit(self.limits, field, value))[0]
        both = {one: (limit_value(self.limits, one), limit_value(after, one)) for one in below(field)}
        return _with_it(
            [(one, limit_words(one, old), limit_words(one, new)) for one, (old, new) in both.items() if old != new]
        )

    def preview(self, field: str, text: str) -> tuple[str, str]:
        """What a limit is and would be by `change`, in words, with what else it lowers. Raises `Refused`."""
        event = self.change(0, field, text, "")[-1]
        old, new = (limit_from_text(field, part) for part in (event.old, event.new))
        return limit_words(field, old), limit_words(field, new) + self.with_it(field, new)

    def taken(self, now: int, configured: RiskLimits, field: str, who: str) -> tuple[LimitsChanged, ...]:
        """The events that put in force what the config file says since a moment ago, as those of `change`; none if
        that is in force already. Raises `Refused` where it contradicts a change that was made on the desk."""
        new = limit_value(configured, field)
        if limit_text(new) == limit_text(limit_value(self.limits, field)):
            return ()
        return self._events(now, configured, field, new, who)

    def reconfigure(self, configured: RiskLimits, field: str) -> None:
        """The config file says something else of a limit now: a change that the trader made of it before is void."""
        self.configured = configured
        self.changed.pop(field, None)
        self._say(field, limit_value(configured, field))
