"""What the trading parts want of whoever makes their events durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from workstation.domain.events import AccountEvent, OrderEvent
from workstation.domain.order import Order


class Journal(Protocol):
    """Where events become durable, in the order in which they are given."""

    def append(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> Future[None]: ...

    def commit(
        self,
        *events: OrderEvent | AccountEvent,
        orders: Sequence[Order] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """`append` for a coroutine that awaits it at once. `meanwhile` is called once, on the event loop, before what
        is returned is done: while the disk writes, if there is such a time. It must not raise. Raises `Refused` if
        nothing can be stored; then `meanwhile` is not called."""
        ...

    def note(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> None:
        """`append` for who does not wait: durable with the next append or after this turn of the event loop."""
        ...
