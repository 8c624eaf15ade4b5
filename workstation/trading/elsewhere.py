"""What the store has of venues that are no part of this desk any more: taken out of the config, or renamed there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from workstation.domain.numbers import counted
from workstation.trading.core import TradingCore
from workstation.trading.orders import venue_of


def left_alone(core: TradingCore) -> Iterator[str]:
    """A sentence for each such venue at which something works, as far as is known."""
    here = core.orders.is_here
    orders = Counter(
        venue_of(order.instrument)
        for order in core.orders.orders.values()
        if not here(order.instrument) and order.is_open
    )
    plans = Counter(
        venue_of(plan.instrument) for plan in core.plans.sets.values() if not here(plan.instrument) and plan.is_active
    )
    for venue in sorted({*orders, *plans}):
        parts = [(orders[venue], "working order"), (plans[venue], "plan")]
        what = " and ".join(counted(number, noun) for number, noun in parts if number)
        yield (
            f"{venue} is no part of this desk any more, and what it had there is NOT PROTECTED: {what}, as far as the "
            f"store knows, nobody looks after. Put {venue} back into the config, or see to it at the exchange."
        )
