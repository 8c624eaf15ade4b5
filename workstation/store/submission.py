"""What is given to a store's writer: what is stored together or not at all, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

from workstation.domain.events import OrderEvent, OrderFilled, OrderInitialized
from workstation.domain.order import Order
from workstation.store.codec import Event, Row, event_row, fill_row, order_row

#: Events that the disk may learn a moment later: the venue can be asked for them.
_PASSING = frozenset(get_args(OrderEvent.__value__)) - {OrderInitialized, OrderFilled}


class Told(Protocol):
    """Who waits for a submission; the writer's thread calls one of the two. A `concurrent.futures.Future` is one."""

    def set_result(self, result: None, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Submission:
    """What is stored together or not at all. `rows` are further rows with their statement. Without a future nobody
    waits for it; without events too it is not critical. `on_flush` is called by the writer's thread when nothing but
    the disk stands between the submission and its end; it must not raise."""

    future: Told | None
    events: Sequence[Event] = ()
    orders: Sequence[Order] = ()
    rows: Sequence[tuple[str, Row]] = ()
    on_flush: Callable[[], None] | None = None

    @property
    def uncritical(self) -> bool:
        """Nobody waits for it, and the journal does not need it."""
        return self.future is None and not self.events

    @property
    def waits_for_all(self) -> bool:
        """It is nothing itself: somebody waits for all that was submitted before."""
        return self.future is not None and not self.events and not self.rows


@dataclass(frozen=True, slots=True)
class Encoded:
    future: Told | None
    journal: list[Row]
    fills: list[tuple[int, Row]]  # (index of the event in `journal`, row without seq)
    orders: dict[str, Row]
    rows: Sequence[tuple[str, Row]]
    flushed: bool  # before anything else is done
    on_flush: Callable[[], None] | None


def encode(submission: Submission) -> Encoded:
    events = submission.events
    return Encoded(
        future=submission.future,
        journal=[event_row(event) for event in events],
        fills=[(index, fill_row(event)) for index, event in enumerate(events) if isinstance(event, OrderFilled)],
        orders={order.client_id: order_row(order) for order in submission.orders},
        rows=submission.rows,
        flushed=submission.future is not None or any(type(event) not in _PASSING for event in events),
        on_flush=submission.on_flush,
    )
