"""What a run asks for, out to the gateway: in order, and held back where it has to wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, OrderType
from workstation.strategies.desk_trader import DeskTrader, Enter, Flatten, Hold, Pull, Say, SetTimer, Wish
from workstation.strategies.held_back import HeldBack, Seen, is_stop
from workstation.strategies.held_stops import HeldStops
from workstation.strategies.payable import payable
from workstation.strategies.run_book import RunBook, StrategyDesk, closing, whole

_CLOSING = "The order that closes"


class Hears(Protocol):
    """The run, as far as its orders tell it something."""

    def ended_unfilled(self, client_id: ClientOrderId, reason: str) -> None: ...

    def lost(self, client_id: ClientOrderId, reason: str) -> None:
        """An exit is open without an answer, and nothing keeps another from being sent."""

    def pulled(self, client_id: ClientOrderId) -> None: ...

    def set_timer(self, at: int, name: str) -> None: ...


class OrdersOut:
    """Of one run. `work` carries out what is put in."""

    def __init__(self, book: RunBook, desk: StrategyDesk, trader: DeskTrader, run: Hears) -> None:
        self._book, self._desk, self._trader, self._run = book, desk, trader, run
        self.held_back = HeldBack(book, desk, self._not_sent, run.ended_unfilled)
        self.held_stops = HeldStops(book, desk, self._next)
        self._outbox: deque[Wish | Seen] = deque()  # of each call that asked for something, what it saw comes first
        self._send = asyncio.Event()
        self._submits: set[asyncio.Task[Order]] = set()

    def put(self, seen: Seen, wishes: Iterable[Wish]) -> None:
        """What a call that saw this asked for."""
        self._outbox.extend((seen, *wishes))
        self._send.set()

    def _next(self, wish: Wish) -> None:
        """Before all else that waits."""
        self._outbox.appendleft(wish)
        self._send.set()

    def clear(self) -> None:
        """What has not begun to be carried out is dropped."""
        self._outbox.clear()

    def end(self) -> None:
        """Nothing of it is sent any more."""
        self._outbox.clear()
        self.held_back.end()
        self.held_stops.end()

    async def handed_over(self) -> None:
        """Until every order that was handed over has its answer, or none."""
        await asyncio.gather(*self._submits, return_exceptions=True)

    async def work(self) -> None:
        while True:
            await self._send.wait()
            self._send.clear()
            while self._outbox:
                wish = self._outbox.popleft()
                try:
                    await self._carry_out(wish)
                except Exception as error:  # what comes after it is sent all the same
                    self._not_sent(wish.client_id if isinstance(wish, Enter) else self._desk.gateway.next_id(), error)

    async def _carry_out(self, wish: Wish | Seen) -> None:
        match wish:
            case Seen():
                self.held_back.decided(wish)
            case Enter(draft=draft) if self.held_stops.takes(draft):
                if self._trader.alive:
                    self.held_stops.hold(wish)
            case Enter(client_id=client_id, draft=draft):
                leaves, before = self.held_back.leaves(draft), self.held_back.before(draft.instrument)
                why, send = partial(self.held_back.why_not, draft, leaves), partial(self._enter, wish, leaves, before)
                what = "A stop" if is_stop(draft) else "An order"
                entry = None if leaves else before
                await self.held_back.send(client_id, draft.instrument, what, why, send, entry)
            case Pull(client_id=client_id, instrument=instrument):
                await self._pull(client_id, instrument)
            case Flatten(tag=tag, instrument=instrument):
                await self._pull(None, instrument)
                for held in self._book.holds if instrument is None else [instrument]:
                    await self._flatten(held, tag)
            case Say(text=text, loud=False):
                self._desk.log.warning("strategies", f"{self._book.run.run_id} {text}")
            case Say(text=text):
                self._desk.log.error("position", f"{self._book.run.run_id} {text}")
            case Hold(weights=weights, band=band):
                if self._trader.alive:
                    await self._desk.hold(self._book.run.run_id, self._book.equity, dict(weights), band)
            case SetTimer(at=at, name=name):
                self._run.set_timer(at, name)

    async def _flatten(self, instrument: InstrumentId, tag: str) -> None:
        why, send = partial(self.held_back.beside, instrument), partial(self._close, instrument, tag)
        await self.held_back.send(f"close {instrument}", instrument, _CLOSING, why, send)

    async def _enter(self, wish: Enter, leaves: bool, before: Mapping[ClientOrderId, Decimal]) -> None:
        await self._room()
        if not self._trader.alive:
            return
        plain = leaves and not wish.draft.reduce_only
        if (draft := self.held_back.left(wish.draft, before) if plain else wish.draft) is None:
            self.held_back.give_up(wish.client_id, "An order", "what it was to close is closed already")
        else:
            draft = whole(self._book.run.run_id, self._desk.core, draft)
            await self._submit(
                self._payable(draft, wish.price), wish.client_id, partial(self._tell_lost, wish.client_id)
            )

    async def _pull(self, client_id: ClientOrderId | None, instrument: InstrumentId | None) -> None:
        self.held_back.cancels(client_id, instrument)
        for dropped in self.held_stops.drop(client_id, instrument):
            self._run.pulled(dropped)
        for dropped in await self.held_back.drop(client_id, instrument):
            self._run.pulled(dropped)
        if not await self._book.pull(None if client_id is None else [client_id], instrument):
            self.held_back.ask_on()

    def _payable(self, draft: OrderDraft, price: Decimal | None) -> OrderDraft:
        quantity = payable(self._desk.core.question(draft, self._desk.clock.now()), price)
        if quantity == draft.quantity:
            return draft
        words = f"{draft.side}s {quantity:f} of {draft.quantity:f} {draft.instrument}: the market has moved"
        self._desk.log.info(
            "strategies", f"{self._book.run.run_id} {words} since it decided, the account pays for no more."
        )
        return replace(draft, quantity=quantity)

    async def _tell_lost(self, client_id: ClientOrderId) -> None:
        self._run.lost(client_id, self._desk.lost.words(self._desk.core.orders.orders[client_id]))

    async def _submit(
        self, draft: OrderDraft, client_id: ClientOrderId, instead: Callable[[], Awaitable[None]]
    ) -> None:
        """Hand the order over; it is entered, in its place, before what comes after it. Its answer comes later. Where
        it is an exit that is lost, `instead` is done once nothing keeps another from being sent."""
        work = self._desk.gateway.submit(draft, client_id)
        # at once: what asks for room next, of another run, must find it under way
        loop = asyncio.get_running_loop()
        task = asyncio.Task(work, loop=loop, name=f"an order of {self._book.run.run_id}", eager_start=True)
        self._submits.add(task)
        task.add_done_callback(partial(self._submitted, client_id, instead))
        await self._desk.gateway.all_entered()

    def _submitted(
        self, client_id: ClientOrderId, instead: Callable[[], Awaitable[None]], task: asyncio.Task[Order]
    ) -> None:
        self._submits.discard(task)
        if task.cancelled():
            return
        if isinstance(error := task.exception(), Exception):
            self._not_sent(client_id, error)
        elif self._trader.alive and (order := task.result()).state is OrderState.UNKNOWN and _is_exit(order):
            self.held_back.unanswered(client_id, "A stop" if is_stop(order) else _CLOSING, instead)

    def _not_sent(self, client_id: ClientOrderId, error: Exception) -> None:
        """An order could not be handed over. The strategy hears of one that the desk does not know; of another that
        it ends."""
        self._desk.log.error("strategies", f"An order of {self._book.run.run_id} could not be handed over: {error!r}")
        if self._trader.alive and client_id not in self._desk.core.orders.orders:
            self._run.ended_unfilled(client_id, f"it could not be handed over: {error}")

    async def _room(self) -> None:
        """Wait until the desk's limit of orders in a second leaves room: a ladder of orders goes out one by one."""
        core, clock = self._desk.core, self._desk.clock

        def sent() -> int:
            return core.orders_within(SECOND, clock.now()) + self._desk.gateway.entering

        while self._trader.alive and sent() >= core.limits.max_orders_per_second:
            passed = asyncio.Event()
            timer = clock.call_at(clock.now() + SECOND // 10, passed.set)
            try:
                await passed.wait()
            finally:
                timer.cancel()

    async def _close(self, instrument: InstrumentId, tag: str) -> None:
        terms = self._desk.core.instruments[instrument]
        draft = closing(self._book.run.run_id, self._desk.core, terms, self._book.position(instrument), tag)
        if draft is None or not self._trader.alive:
            return
        await self._room()
        if self._trader.alive:
            await self._submit(draft, self._desk.gateway.next_id(), partial(self._flatten, instrument, tag))


def _is_exit(order: Order) -> bool:
    """Whether it gets out of a position, and not at a better price only."""
    return order.reduce_only and (order.type.has_trigger or order.type is OrderType.MARKET)
