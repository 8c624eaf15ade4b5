"""Limits that must keep an order among each other: the ladder of drawdowns above all.

A fall from the peak first stops new positions (`drawdown`), then shrinks sizes to nothing (`drawdown_zero_size`), then
flattens and halts (`drawdown_kill`). A later step that came before an earlier one would make it a promise that never
holds. Two steps at the same fall are allowed: they are taken together.

Where limits come together that nobody set in one act, the lower one counts as the upper one (`clamped`): no limit is
ever loosened to keep the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from workstation.trading.limits import RiskLimits, limit_value, limit_words, with_limit


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


def below(field: str) -> list[str]:
    """The limits that must not stand above this one."""
    return [pair.lower for pair in _ORDER if pair.upper == field]


def misorders(limits: RiskLimits) -> Iterator[Misorder]:
    """Every two limits that contradict each other."""
    for pair in _ORDER:
        if limit_value(limits, pair.lower) > limit_value(limits, pair.upper):
            yield pair


def clamped(limits: RiskLimits) -> tuple[RiskLimits, dict[str, Misorder]]:
    """The limits with each lower one at most as high as the upper ones, and why each that is lowered is."""
    lowered: dict[str, Misorder] = {}
    for pair in reversed(_ORDER):  # from the kill down: what is lowered lowers what is below it
        upper = limit_value(limits, pair.upper)
        if limit_value(limits, pair.lower) > upper:
            limits = with_limit(limits, pair.lower, upper)
            lowered.setdefault(pair.lower, pair)
    return limits, lowered


def lowered_text(said: RiskLimits, pair: Misorder, prefix: str = "") -> str:
    """The sentence of a limit that does not count as it was said, because that is above another one."""
    counts = clamped(said)[0]
    is_said, is_now, upper = (
        limit_words(field, limit_value(limits, field))
        for limits, field in ((said, pair.lower), (counts, pair.lower), (counts, pair.upper))
    )
    return (
        f"{prefix}{pair.lower} of {is_said} counts as {is_now}: it must not be above {prefix}{pair.upper} of {upper} "
        f"({pair.why})."
    )


def misorder_text(limits: RiskLimits, pair: Misorder, name: Callable[[str], str] = str) -> str:
    """The sentence that names both; `name` gives how a limit is called where it is read."""
    lower, upper = (
        f"{name(field)} of {limit_words(field, limit_value(limits, field))}" for field in (pair.lower, pair.upper)
    )
    return f"{lower} must not be above {upper}: {pair.why}."


def limits_problem(limits: RiskLimits, field: str, prefix: str = "") -> str | None:
    """What is wrong with limits of which `field` was changed, as a sentence; None where nothing is. One that was
    tightened below others is no problem: it lowers them with it."""
    pair = next((one for one in misorders(limits) if one.lower == field), None)
    return None if pair is None else misorder_text(limits, pair, lambda one: prefix + one)
