"""What a plan's orders have done so far: filled, exited, open, and what still works in each leg."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.numbers import QUANTUM, ZERO, add, divide, subtract
from workstation.domain.order import Order, OrderState
from workstation.domain.plan import ENTRY_LEG, EXIT_LEGS, Plan

_REFUSED = frozenset({OrderState.DENIED, OrderState.REJECTED})
_FIRST_PAUSE = SECOND // 2
_LONGEST_PAUSE = 30 * SECOND
#: Pause after a leg's order was closed without a refusal (cancelled by the venue, expired) before another is sent.
_PAUSE = SECOND // 4


class Tally:
    """Read off a plan and its orders. An order that is UNKNOWN, or on its way, counts as live at its worst."""

    def __init__(self, plan: Plan, orders: Sequence[Order]) -> None:
        self.plan = plan
        self.orders = orders
        self.legs: dict[str, list[Order]] = {}
        bought = cost = exited = ZERO
        for order in orders:
            leg = order.leg if order.plan == plan.plan_id else ENTRY_LEG  # an adopted order has no leg of its own
            self.legs.setdefault(leg, []).append(order)
            if leg in EXIT_LEGS:
                exited = add(exited, order.filled)
            else:
                bought, cost = add(bought, order.filled), add(cost, order.filled_value)
        self.entered = bought
        self._cost = cost
        self.exited = exited

    @property
    def open(self) -> Decimal:
        """Quantity that the plan holds: entered or taken over, and neither exited nor given up. Never below zero."""
        held = subtract(add(self.entered, self.plan.covers), add(self.exited, self.plan.given_up))
        return max(ZERO, held)

    @property
    def entry_price(self) -> Decimal | None:
        """Average price of what was entered, or of the position that was taken over."""
        return divide(self._cost, self.entered, QUANTUM) if self.entered else self.plan.reference

    def of(self, leg: str) -> list[Order]:
        return self.legs.get(leg, [])

    def live(self, leg: str) -> list[Order]:
        """The leg's orders that can still fill."""
        return [order for order in self.of(leg) if order.is_open]

    def working(self, leg: str) -> Decimal:
        """Quantity that the leg's live orders can still fill at their worst."""
        return sum((order.worst_quantity for order in self.live(leg)), ZERO)

    def entries_live(self) -> bool:
        return any(order.is_open for leg, orders in self.legs.items() if leg not in EXIT_LEGS for order in orders)

    def refusals(self, leg: str) -> list[Order]:
        """The leg's newest orders that were refused one after the other, oldest first."""
        return refusals_of(self.of(leg))

    def next_try(self, leg: str) -> int:
        """UTC ns from which another order of the leg may be sent: after refusals the pauses double up to 30 s."""
        return next_try_of(self.of(leg))


def refusals_of(orders: Sequence[Order]) -> list[Order]:
    """The newest of the orders (oldest first) that were refused one after the other, oldest first."""
    refused: list[Order] = []
    for order in reversed(orders):
        if order.state not in _REFUSED:
            break
        refused.insert(0, order)
    return refused


def next_try_of(orders: Sequence[Order]) -> int:
    """UTC ns from which another order may follow these (oldest first): after refusals the pauses double up to 30 s."""
    if not orders or orders[-1].state is OrderState.FILLED:
        return 0
    refused = len(refusals_of(orders))
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE << min(refused - 1, 10)) if refused else _PAUSE
    return orders[-1].updated_at + pause
