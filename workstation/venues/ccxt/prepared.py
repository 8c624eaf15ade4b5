"""An order's request, made while the order's intent is still on its way to the disk: checked, written in the exchange's
words and signed, up to where it would be sent. Nothing of it leaves this machine before the order is submitted.

ccxt's own `createOrder` is begun and held where it would ask: whatever that first request is. It is an ordinary
coroutine, which goes on later in the task that submits; what waits for something else before it comes so far is given
up, and done when the order is sent, as ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from workstation.domain.order import ClientOrderId, Order
from workstation.venues.ccxt.particulars import Ahead

if TYPE_CHECKING:
    from workstation.venues.ccxt.gate import RequestGate
    from workstation.venues.ccxt.orders import OrderRequest

#: Orders that are prepared at once at most: the oldest is given up.
_MOST = 64
#: Seconds after which a signature counts as old: exchanges take it for 5 s and longer, by their own clock.
_FRESH = 0.5


class Late(Exception):
    """What was prepared is over; nothing was sent."""


class Held:
    """Where a request is held."""

    def __await__(self) -> Generator[Held]:
        yield self


class Preparation:
    """A request of which nothing has been sent. `signs`: it may be signed ahead of others that are sent before it."""

    def __init__(self, signs: bool) -> None:
        self.signs = signs
        self.over = False  # what runs on beside it, in a task of its own, belongs to nobody
        self._owed = 0.0
        self._began = time.monotonic()

    def owe(self, cost: float | None) -> None:
        """The queue in front of the exchange is gone through when it is sent. Raises `Late`."""
        if self.over:
            raise Late
        self._owed += 1.0 if cost is None else float(cost)

    async def wait(self) -> None:
        """Until it is sent: its turn has come then. Raises `Late`."""
        if self.over:
            raise Late
        await Held()

    @property
    def owed(self) -> float:
        return self._owed

    @property
    def old(self) -> bool:
        """Whether what was signed is too old to be sent."""
        return self.signs and time.monotonic() - self._began > _FRESH


class Turn:
    """A turn of the queue that was waited for already: the first request that is asked with it does not wait again."""

    def __init__(self) -> None:
        self._left = True

    def take(self) -> bool:
        left, self._left = self._left, False
        return left


#: The turn that the requests of this task have.
turn: ContextVar[Turn | None] = ContextVar("turn", default=None)
#: What is being prepared in this very step.
preparing: ContextVar[Preparation | None] = ContextVar("preparing", default=None)


def create(exchange: Any, symbol: str, asked: OrderRequest) -> Coroutine[Any, Any, Any]:
    """ccxt's createOrder, not begun yet."""
    begun: Coroutine[Any, Any, Any] = exchange.create_order(
        symbol, asked.type, asked.side, asked.amount, asked.price, asked.params
    )
    return begun


class Prepared:
    """`request`: what is asked of ccxt for the order on `exchange`; `begun`: its createOrder, held before it asks."""

    __slots__ = ("_preparation", "begun", "exchange", "order", "request", "symbol")

    def __init__(self, order: Order, exchange: Any, symbol: str, request: OrderRequest, ahead: Ahead) -> None:
        self.order = order
        self.exchange = exchange
        self.symbol = symbol
        self.request = request
        self.begun: Coroutine[Any, Any, Any] | None = self._begin(ahead is Ahead.SIGNED)

    def _begin(self, signs: bool) -> Coroutine[Any, Any, Any] | None:
        begun = create(self.exchange, self.symbol, self.request)
        self._preparation = preparation = Preparation(signs)
        token = preparing.set(preparation)
        try:
            waits = begun.send(None)
        except Exception:  # whatever it is, it is told when the order is sent
            return None
        finally:
            preparation.over = True
            preparing.reset(token)
        if isinstance(waits, Held):
            return begun
        if isinstance(waits, asyncio.Future):
            waits.add_done_callback(_nobody_waits)
        begun.close()
        return None

    async def send(self, gate: RequestGate | None) -> Any:
        """What the exchange answers, when its turn in the queue has come. Raises ccxt's exceptions."""
        begun, self.begun = self.begun, None
        if begun is None:
            return await create(self.exchange, self.symbol, self.request)
        try:
            if gate is not None and self._preparation.owed:
                await gate.pass_through(self._preparation.owed)
            if not self._preparation.old:
                return await _Rest(begun)
        finally:
            begun.close()
        token = turn.set(Turn())  # it waited long: it is written anew, and does not wait again
        try:
            return await create(self.exchange, self.symbol, self.request)
        finally:
            turn.reset(token)

    def fits(self, order: Order, exchange: Any) -> bool:
        """Whether it is the request of this order, as it is now."""
        return exchange is self.exchange and _terms(order) == _terms(self.order)

    def drop(self) -> None:
        begun, self.begun = self.begun, None
        if begun is not None:
            begun.close()


class _Rest(Awaitable[Any]):
    """A coroutine that has been begun, from where it is held."""

    def __init__(self, begun: Coroutine[Any, Any, Any]) -> None:
        self._begun = begun

    def __await__(self) -> Generator[Any, Any, Any]:
        begun, value, failure = self._begun, None, None
        while True:
            try:
                waits = begun.send(value) if failure is None else begun.throw(failure)
            except StopIteration as end:
                return end.value
            value = failure = None
            try:
                value = yield waits
            except BaseException as error:  # a cancel, or the end: for the coroutine to deal with
                failure = error


class PreparedOrders:
    """By client id."""

    def __init__(self) -> None:
        self._kept: dict[ClientOrderId, Prepared] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def orders(self) -> list[Prepared]:
        return list(self._kept.values())

    def keep(self, prepared: Prepared) -> None:
        while len(self._kept) >= _MOST:
            self._kept.pop(next(iter(self._kept))).drop()
        if (before := self._kept.pop(prepared.order.client_id, None)) is not None:
            before.drop()
        self._kept[prepared.order.client_id] = prepared

    def take(self, order: Order, exchange: Any) -> Prepared | None:
        found = self._kept.pop(order.client_id, None)
        if found is not None and not found.fits(order, exchange):
            found.drop()
            return None
        return found

    def clear(self) -> None:
        for prepared in self._kept.values():
            prepared.drop()
        self._kept.clear()


def _nobody_waits(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _terms(order: Order) -> tuple[object, ...]:
    return (
        order.instrument,
        order.side,
        order.type,
        order.quantity,
        order.price,
        order.tif,
        order.expire_at,
        order.post_only,
        order.reduce_only,
        order.display,
    )
