"""Our working orders in the rows of the ladder, and what is staged but not sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from plugins.books.figures import own_text, quantity_text
from plugins.books.model import row_of
from screens.own_orders import is_stop, order_ticks
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import Order, OrderState, Side
from workstation.trading.plans.rows import is_kept

_ON_THEIR_WAY = frozenset(
    {OrderState.INITIALIZED, OrderState.SUBMITTED, OrderState.PENDING_CANCEL, OrderState.PENDING_AMEND}
)


class OwnCell(msgspec.Struct, frozen=True):
    """The working orders of one side in one row. `ahead` is the quantity in front of the first in the queue."""

    side: Side
    quantity: Decimal
    count: int
    ahead: Decimal | None
    state: str  # "working", "sent" (no answer yet), "unknown", "kept" (an exit that the desk keeps)
    stop: bool

    def text(self, width: int, places: int) -> str:
        """`0.5/2 ▸3.2`: quantity, of how many orders, and what is ahead in the queue, as far as there is room."""
        mark = "?" if self.state == "unknown" else "…" if self.state == "sent" else ""
        tail = mark + (" kept" if self.state == "kept" else " stp" if self.stop else "")
        text = own_text(self.quantity, max(1, width - len(tail))) + tail
        count = f"/{self.count}" if self.count > 1 else ""
        if self.ahead is not None and not mark:
            ahead = "0" if self.ahead == 0 else quantity_text(float(self.ahead), places, 12)
            for full in (f"{text}{count} ▸{ahead}", f"{text}{count}▸{ahead}", f"{text}▸{ahead}"):
                if len(full) <= width:
                    return full
            room = width - len(text) - 1
            ahead = quantity_text(float(self.ahead), places, room) if room > 0 else ""
            if ahead.strip("#·"):
                return f"{text}▸{ahead}"
        return text + count if len(text + count) <= width else text


def cells_of(
    orders: Iterable[Order],
    instrument: Instrument,
    group: int,
    ahead: Callable[[str], Decimal | None],
) -> dict[tuple[int, Side], OwnCell]:
    """The own cells by row and side."""
    grouped: dict[tuple[int, Side], list[Order]] = {}
    for order in orders:
        ticks = order_ticks(order, instrument)
        if ticks is not None:
            grouped.setdefault((row_of(ticks, order.side, group), order.side), []).append(order)
    return {place: _cell(place[1], some, ahead) for place, some in grouped.items()}


class Outside(NamedTuple):
    """How many of our orders stand above and below the window."""

    above: int = 0
    below: int = 0

    def text(self) -> str:
        """`↑1 ↓2`; "" for none."""
        return " ".join(f"{arrow}{count}" for arrow, count in (("↑", self.above), ("↓", self.below)) if count)


def outside(own: Mapping[tuple[int, Side], OwnCell], top: int, bottom: int, sides: tuple[Side, ...]) -> Outside:
    """What of these sides' own cells is not between the rows `top` and `bottom`."""
    counts = [(row, cell.count) for (row, side), cell in own.items() if side in sides]
    return Outside(sum(n for row, n in counts if row > top), sum(n for row, n in counts if row < bottom))


def _cell(side: Side, orders: list[Order], ahead: Callable[[str], Decimal | None]) -> OwnCell:
    quantity = ZERO
    for order in orders:
        quantity = add(quantity, order.leaves)
    states = {order.state for order in orders}
    state = "unknown" if OrderState.UNKNOWN in states else "sent" if states & _ON_THEIR_WAY else "working"
    if all(map(is_kept, orders)):
        state = "kept"
    queues = [queue for order in orders if not is_stop(order) and (queue := ahead(order.client_id)) is not None]
    return OwnCell(side, quantity, len(orders), min(queues, default=None), state, all(map(is_stop, orders)))


class Staged(msgspec.Struct, frozen=True):
    """A limit order that waits in the ladder for Enter. `ticks` is its price."""

    side: Side
    ticks: int
    quantity: Decimal

    @property
    def price(self) -> int:
        return self.ticks


class Moved(msgspec.Struct, frozen=True):
    """An amendment that waits for Enter: these orders of one side, moved by `ticks` from where they stood."""

    side: Side
    orders: tuple[str, ...]
    start: int  # price of the first of them before the move, in ticks
    ticks: int
    quantity: Decimal
    stood: tuple[int, ...] = ()  # the price of each of them before the move, in ticks

    @property
    def price(self) -> int:
        return self.start + self.ticks
