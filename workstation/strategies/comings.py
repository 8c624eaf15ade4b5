"""What runs wait for before they begin: their venues, and the end of the orders that an earlier run left there."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.order import ClientOrderId, Order, OrderState, OrderType
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.strategies.held_back import is_stop
from workstation.strategies.run_book import RunBook, StrategyDesk, instruments_of
from workstation.trading.lost_orders import never_seen
from workstation.trading.orders import venue_of
from workstation.trading.risk_question import NEVER_COMPARED

if TYPE_CHECKING:
    from workstation.strategies.live_run import LiveRun

#: Seconds between two looks.
_LOOK = 0.05
#: Seconds of waiting for a venue that stands and cannot be compared until the trader is sent a note.
_TOLD_AFTER = 60.0
#: And until one is sent of a position that has no stop meanwhile.
_BARE_AFTER = 5.0


def missing_venue(desk: StrategyDesk, instruments: Iterable[InstrumentId]) -> str:
    """The first of their venues that is not connected or was never compared with the desk's books, and why; or ""."""
    for instrument in instruments:
        venue = venue_of(instrument)
        if venue not in desk.gateway.venues:
            continue  # not a part of this desk: nothing of it will come
        if not desk.gateway.link_up(instrument):
            return f"{venue}, which is not connected"
        if desk.core.unproven.get(venue) == NEVER_COMPARED:
            return f"{venue}: {NEVER_COMPARED}"
    return ""


class Comings:
    """Runs that begin once their venues are there and have ended what was left there; orders that runs left."""

    def __init__(self, desk: StrategyDesk, runs: Mapping[RunId, LiveRun], changed: Callable[[], None]) -> None:
        """`runs`: those that are at work, or wait for it. `changed` is called when one says what it waits for."""
        self._desk, self._runs, self._changed = desk, runs, changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged: dict[RunId, str] = {}  # the kind of what the log has of each

    def begin(self, live: LiveRun, again: bool = False) -> None:
        """At once where nothing is in its way, or as soon as nothing is. One that is silenced meanwhile never does."""
        if (
            again
            or _reached(live.book, self._desk)
            or missing_venue(self._desk, instruments_of(live.run, self._desk.core))
        ):
            self._task(self._begin(live))
        else:
            live.begin()

    def pull_left(self, run: StrategyRun) -> None:
        """What an ended run has at its venues now is pulled, however long they are away, unless it goes on before."""
        book = RunBook(run, self._desk)
        if ids := [order.client_id for order in _reached(book, self._desk)]:
            self._task(self._pull_left(book, ids))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self, live: LiveRun) -> None:
        """What it sends may not stand beside its orders of before: they end first. It says what it waits for."""
        loop = asyncio.get_running_loop()
        told_at, bare_at = loop.time() + _TOLD_AFTER, loop.time() + _BARE_AFTER
        while live.trader.alive:
            if missing := missing_venue(self._desk, instruments_of(live.run, self._desk.core)):
                self._say(live, f"Waits for {missing}.{_bare(live)}")
                if loop.time() > told_at and self._tell(live, missing.partition(":")[0]):
                    told_at = math.inf
            elif lost := self._waits_for_lost(live):
                keeps = ", and keeps what protects it" if _is_protected(live.book) else ""
                self._say(live, f"Waits{keeps}: {lost}.{_bare(live)}", "lost")
            elif await self._pull_resting(live.book):
                break
            else:
                self._say(live, "Waits until its orders of before have ended.")
            if loop.time() > bare_at and _bare(live):
                bare_at = math.inf
                self._desk.log.error("position", f"{live.run.run_id} has not begun. {live.stands_by}")
            await asyncio.sleep(_LOOK)
        if live.trader.alive and self._runs.get(live.run.run_id) is live:
            (live.begin_late if live.stands_by else live.begin)()
            self._changed()
            self._desk.log.info("strategies", f"{live.run.run_id} runs again.")

    def _waits_for_lost(self, live: LiveRun) -> str:
        """For which order without an answer it waits, and for how long at most; "" for none. So long nothing of it is
        pulled: its stop goes on protecting. Of contracts it is none any more once the venue has denied it often enough
        (see `HeldBack.passes`): it counts as cancelled then; of spot what it would close could be closed twice."""
        for order in _reached(live.book, self._desk):
            lost = order.state is OrderState.UNKNOWN and never_seen(order)
            if not lost or live.book.pulled(order.client_id):
                continue
            if not live.leave(order):
                return self._desk.lost.words(order)
        return ""

    async def _pull_resting(self, book: RunBook) -> bool:
        """Whether all have ended. One at the market (it closes a position, say) is on its way: it is waited for. One
        that counts as cancelled without an answer is not."""
        found = self._standing(book)
        pulled = await book.pull([order.client_id for order in found if order.type is not OrderType.MARKET])
        return pulled and not self._standing(book)

    def _standing(self, book: RunBook) -> list[Order]:
        return [
            order
            for order in _reached(book, self._desk)
            if not (order.state is OrderState.UNKNOWN and book.pulled(order.client_id))
        ]

    def _say(self, live: LiveRun, words: str, kind: str = "") -> None:
        """`kind`: of a sentence that says every second something else; it is logged once."""
        if words == live.stands_by:
            return
        live.stands_by = words
        self._changed()
        known, self._logged[live.run.run_id] = self._logged.get(live.run.run_id), kind
        if not kind or known != kind:
            self._desk.log.warning("strategies", f"{live.run.run_id} has not begun. {words}")

    def _tell(self, live: LiveRun, venue: str) -> bool:
        """The trader is sent a note, as nothing changes by itself, where a venue stands and its comparison fails."""
        if not (why := self._desk.why_not_compared(venue)):
            return False
        self._desk.log.error(
            "waiting",
            f"{live.run.run_id} waits: {venue} is connected and cannot be compared with this desk's books "
            f"({why.rstrip('.')}). It begins once that is mended: tws doctor --venue {venue.lower()} shows what "
            f"{venue} answers. Or stop the run; what it holds there stays as it is.",
        )
        return True

    async def _pull_left(self, book: RunBook, ids: list[ClientOrderId]) -> None:
        orders = self._desk.core.orders.orders
        while book.run.run_id not in self._runs:
            left = [order for one in ids if (order := orders.get(one)) is not None and order.is_open]
            missing = missing_venue(self._desk, (order.instrument for order in left))
            if not missing and await book.pull([order.client_id for order in left]):
                return
            await asyncio.sleep(_LOOK)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="strategies that wait for their venues")
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._desk.log.error("strategies", f"A strategy could not be begun, or its orders pulled: {error!r}")


def _bare(live: LiveRun) -> str:
    """That what it holds has no stop before it begins: where the venue takes none, it is the run that holds it."""
    if not (holds := live.book.holds) or _is_protected(live.book):
        return ""
    held = " and ".join(f"{plain(abs(quantity))} {one}" for one, quantity in holds.items())
    return f" It holds {held}, NOT PROTECTED until it begins."


def _is_protected(book: RunBook) -> bool:
    """Whether a stop of its own works at a venue, as far as is known."""
    return any(is_stop(order) and not never_seen(order) for order in book.orders())


def _reached(book: RunBook, desk: StrategyDesk) -> list[Order]:
    """Its working orders, but for those at venues that are no part of this desk."""
    return [order for order in book.orders() if venue_of(order.instrument) in desk.gateway.venues]
