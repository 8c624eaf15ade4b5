"""Limits that must keep an order among each other: the ladder of drawdowns above all.

A fall from the peak first stops new positions (`drawdown`), then shrinks sizes to nothing (`drawdown_zero_size`), then
flattens and halts (`drawdown_kill`). A later step that came before an earlier one would make it a promise that never
holds. Two steps at the same fall are allowed: they are taken together.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workstation.trading.limits import RiskLimits, limit_value, limit_words


class Misorder(msgspec.Struct, frozen=True):
    """Two limits of which the lower one stands above the upper one."""

    lower: str
    upper: str
    why: str


_ORDER = (
    Misorder("breakers.drawdown", "breakers.drawdown_zero_size", "sizes shrink to nothing between the two"),
    Misorder("breakers.drawdown", "breakers.drawdown_kill", "the desk would halt before new positions are stopped"),
    Misorder("breakers.drawdown_zero_size", "breakers.drawdown_kill", "the desk would halt before sizes have shrunk"),
    Misorder(
        "breakers.daily_loss", "breakers.drawdown_kill", "the desk would halt before a day's loss stops new positions"
    ),
)


def misorder(limits: RiskLimits, field: str = "") -> Misorder | None:
    """The first two limits that contradict each other; of those that name `field`, where it is given."""
    for pair in _ORDER:
        if field in ("", pair.lower, pair.upper) and limit_value(limits, pair.lower) > limit_value(limits, pair.upper):
            return pair
    return None


def misorder_text(limits: RiskLimits, pair: Misorder, name: Callable[[str], str] = str) -> str:
    """The sentence that names both; `name` gives how a limit is called where it is read."""
    lower, upper = (
        f"{name(field)} of {limit_words(field, limit_value(limits, field))}" for field in (pair.lower, pair.upper)
    )
    return f"{lower} must not be above {upper}: {pair.why}."


def limits_problem(limits: RiskLimits, field: str, prefix: str = "") -> str | None:
    """What is wrong with limits of which `field` was changed, as a sentence; None where nothing is."""
    pair = misorder(limits, field)
    return None if pair is None else misorder_text(limits, pair, lambda one: prefix + one)
