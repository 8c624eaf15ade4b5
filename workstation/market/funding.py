"""How often a perpetual's funding falls due: as its venue says it, else as two of its due times show. Never guessed."""

from __future__ import annotations

import re

import msgspec

from workstation.clock import MILLISECOND, SECOND
from workstation.domain.market import MarkPrice

_UNITS = {"h": 3_600 * SECOND, "m": 60 * SECOND, "": MILLISECOND}
_WORD = re.compile(r"(\d+)(h|m|)")
_MOST = 7 * 86_400 * SECOND
_SLACK = 60 * SECOND  # that the clocks of desk and venue may differ


def interval_of(word: object) -> int | None:
    """The ns of "8h", "30m" or a bare number of milliseconds; None for anything else, nothing, or more than a week."""
    found = _WORD.fullmatch(str(word).strip().lower())
    every = 0 if found is None else int(found[1]) * _UNITS[found[2]]
    return every if 0 < every <= _MOST else None


def with_interval(mark: MarkPrice, before: MarkPrice | None) -> MarkPrice:
    """The mark with the interval that is known from the marks before it, where its venue does not say one.

    It is learnt when the due time moves on. Only from marks that lie closer together than that step: a desk that was
    away meanwhile may have missed a payment between them.
    """
    if mark.funding_every is not None or before is None:
        return mark
    every, due, was = before.funding_every, mark.next_funding, before.next_funding
    if due is not None and was is not None and due > was and mark.ts - before.ts < due - was <= _MOST:
        every = due - was if was <= mark.ts + _SLACK else every  # not where a due time was put off before it came
    return mark if every is None else msgspec.structs.replace(mark, funding_every=every)
