"""The kill switch: HALTED at once, every working order pulled, on the second press every position closed.

Its task belongs to nobody that it stops. HALTED and the request are durable before any venue is spoken to (should the
store fail, the kill goes on without it and says so; its closing orders too, see without_store.py). Each venue is worked
on by itself; nothing that one of them does or fails to do ends the work on another. It ends only when the venue itself,
asked twice, shows no working order (and no position): an own belief proves nothing. Until then it goes on, over
restarts.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial

from workstation.clock import SECOND, Clock
from workstation.domain.events import KillCompleted, KillRequested, TradingState, TradingStateChanged
from workstation.domain.numbers import counted, plain
from workstation.domain.order import CLOSED_STATES, Order, OrderState, state_word
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.gateway import OrderGateway
from workstation.trading.journal import Journal
from workstation.trading.kill_flatten import Flattener
from workstation.trading.kill_others import Others
from workstation.trading.kill_refusals import Stuck
from workstation.trading.kill_status import KillItem, KillOutcome, KillPhase, KillStatus, receipt_of
from workstation.trading.kill_words import as_order, label_of, not_asked, untouched
from workstation.trading.lost_orders import never_seen
from workstation.trading.reconcile import Reconciler
from workstation.trading.risk import KILL
from workstation.trading.without_store import HUNG
from workstation.venues.contract import Venue, VenueError, VenueOrder, VenueStopped, prices_only
from workstation.venues.patience import answer_within
from workstation.venues.urgency import Urgency, urgent

#: Orders without an answer that take a question each and are asked about before the venue's list is looked at again.
_IN_ONE_ROUND = 8
#: Within which a request is answered where nothing is wrong.
_SOON = SECOND


class KillSwitch:
    """Engage it with `press`; watch `status`. All calls on the event loop."""

    def __init__(
        self,
        *,
        core: TradingCore,
        gateway: OrderGateway,
        reconciler: Reconciler,
        venues: Mapping[str, Venue],
        journal: Journal,
        clock: Clock,
        log: DeskLog,
        timeout: float = 3.0,
    ) -> None:
        """`timeout`: wall-clock seconds for one question to a venue and for the store to take the request."""
        self._core = core
        self._gateway = gateway
        self._reconciler = reconciler
        self._venues = venues
        self._journal = journal
        self._clock = clock
        self._log = log
        self._timeout = self._store_patience = timeout
        self._task: asyncio.Task[None] | None = None
        self._kill_id = ""
        self._stored: list[asyncio.Future[None]] = []
        self._last_stored: Future[None] = Future()
        self._keeping: list[asyncio.Task[None]] = []
        self._notes: list[str] = []
        self._stopped: set[str] = set()  # venues, for this run of the desk
        self._pulled: set[str] = set()
        self._over: set[str] = set()  # orders that have ended at their venue, of which fills are missing; and
        self._stuck = Stuck()  # those that the venue will not be asked about
        self._orders: dict[str, KillItem] = {}
        self.status = KillStatus()
        self._others = Others(core, gateway, timeout, 0)
        self._flattener = self._new_flattener()
        #: Called at once when the desk halts: strategies and execution algorithms stop here. One that raises is logged.
        self.on_halt: list[Callable[[str], None]] = []
        #: Called when a kill begins, or goes on after a restart: whoever asked for it, a screen shows it.
        self.on_begin: Callable[[], None] = lambda: None
        self.on_receipt: Callable[[KillCompleted, KillStatus], None] = lambda *_: None
        #: Leaves a request that the store did not take where the next start finds it; whether that is on the disk.
        self.keep_beside: Callable[[KillRequested, Future[None]], bool] = lambda *_: False

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def kill_id(self) -> str:
        """Of the kill under way, or of the last one."""
        return self._kill_id

    def press(self, reason: str, flatten: bool = False, kill_id: str = "") -> Future[None]:
        """Halt now; with `flatten`, close every position too. Pressing again only adds what was not asked before.

        The future is done once the request is durable. `kill_id` is for a request that has an id already.
        """
        if self.running and (self.status.flatten or not flatten):
            return self._last_stored
        ts = self._clock.now()
        if not self.running:
            pulled = self._pulled_before()
            self._begin(kill_id or f"kill-{secrets.token_hex(8)}", reason, flatten, ts)
            self.status.items.extend(pulled)
        self.status.flatten = self.status.flatten or flatten
        halted = TradingStateChanged(ts=ts, state=TradingState.HALTED, reason=reason, by=KILL)
        self._core.apply_account(halted)  # from here on no order leaves the desk
        self._gateway.give_up_queued()
        for stop in self.on_halt:
            try:
                stop(reason)
            except Exception as error:
                self._log.error(KILL, f"A part of the desk could not be stopped cleanly: {error!r}")
        requested = KillRequested(ts=ts, kill_id=self._kill_id, flatten=flatten, reason=reason)
        self._core.apply_account(requested)
        self._last_stored = self._journal.append(halted, requested)
        stored = asyncio.wrap_future(self._last_stored)
        stored.add_done_callback(_heard)
        self._stored.append(stored)
        self._log.warning(KILL, f"KILL SWITCH: {reason}. {'Flattening.' if flatten else 'Pulling every order.'}")
        self._start()
        return self._last_stored

    def resume(self, request: KillRequested) -> None:
        """Go on with a kill that the last run of the desk left unfinished."""
        self._begin(request.kill_id, request.reason, request.flatten, request.ts)
        self._notes.append("went on after a restart of the desk")
        self._last_stored = Future()
        self._last_stored.set_result(None)
        self._start()

    async def stop(self) -> None:
        """The desk closes. An unfinished kill goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, kill_id: str, reason: str, flatten: bool, ts: int) -> None:
        self._kill_id = kill_id
        self._notes, self._orders, self._stuck = [], {}, Stuck()
        self._over = {each for each in self._over if each in self._gateway.sending}  # withdrawn by an earlier press
        venues = dict.fromkeys(self._venues, "not asked yet")
        self.status = KillStatus(phase=KillPhase.CANCELLING, flatten=flatten, reason=reason, started=ts, venues=venues)
        self._others = Others(self._core, self._gateway, self._timeout, ts)
        self._flattener = self._new_flattener()

    def _pulled_before(self) -> list[KillItem]:
        """The orders that this halt pulled already: a later press goes on with it, the receipt is of both."""
        if self._core.state is not TradingState.HALTED:
            return []
        return [item for item in self.status.items if item.kind == "order"]

    def _new_flattener(self) -> Flattener:
        return Flattener(
            self._core,
            self._gateway,
            self._reconciler,
            status=self.status,
            kill_id=self._kill_id,
            changed=self._changed,
            timeout=self._timeout,
            stuck=self._stuck,
        )

    def _start(self) -> None:
        self._changed()
        if not self.running:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="kill switch")
            asyncio.get_running_loop().call_soon(self._tell_begun)  # the pull has the loop first

    def _tell_begun(self) -> None:
        try:
            self.on_begin()
        except Exception as error:
            self._log.error(KILL, f"The kill switch works, but a screen could not show it: {error!r}")

    def _changed(self) -> None:
        self.status.version += 1

    async def _run(self) -> None:
        with urgent(Urgency.KILL):  # and so is every request to a venue that comes of it
            await self._all_venues()

    async def _all_venues(self) -> None:
        await self._durable()
        while True:
            flatten = self.status.flatten
            self._pulled = set()
            await asyncio.gather(*(self._work_on(venue) for venue in self._venues.values()))
            if self.status.flatten == flatten:
                break
        keeping, self._keeping = self._keeping, []
        for task in keeping:
            await task
        self._complete()

    async def _work_on(self, venue: Venue) -> None:
        """One venue, to its end. Should flatten be asked for while another venue is still slow, this one starts."""
        await self._never_fail(venue, self._pull)
        self._pulled.add(venue.name)
        while not self.status.flatten:
            if len(self._pulled) == len(self._venues):
                return
            await asyncio.sleep(0.02)
        await self._durable()
        if prices_only(venue) or venue.name in self._stopped:
            return
        while True:
            coming = self._may_come(venue)  # nothing worked there a moment ago; these may come
            theirs, last = self._others.count(venue.name), self._others.too_long(venue.name)
            pulling = asyncio.create_task(self._others.pull_on(venue), name=f"orders of others at {venue.name}")
            try:
                await self._never_fail(venue, partial(self._flattener.flatten, coming=coming))
            finally:
                pulling.cancel()
                await asyncio.gather(pulling, return_exceptions=True)
            left = self._flattener.take_left(venue.name) or bool(coming)
            await self._never_fail(venue, partial(self._pull, whole=True))
            more = self._others.count(venue.name) > theirs and not last
            if venue.name in self._stopped or (not left and not more):  # else one of them may have come and filled
                return
            await asyncio.sleep(0.5 if more else 0)  # others may go on: each look costs the venue's patience

    async def _durable(self) -> None:
        """Wait for the store to have HALTED and the request on disk, but not for ever."""
        waiting, self._stored = self._stored, []
        if not waiting:
            return
        done, late = await asyncio.wait(waiting, timeout=self._store_patience)
        problem = next((str(future.exception()) for future in done if future.exception()), "")
        if late:
            problem = f"the store did not answer within {self._store_patience:g} s"
            self._store_patience = HUNG  # flatten does not wait for it as long again, nor do its closing orders
            self._gateway.without_store.hangs()
        if problem:
            self._keeping.append(asyncio.create_task(self._keep_beside(problem)))

    async def _keep_beside(self, problem: str) -> None:
        """The store has not taken the request: leave it beside the store, while the venues are asked already."""
        status = self.status
        request = KillRequested(ts=status.started, kill_id=self._kill_id, flatten=status.flatten, reason=status.reason)
        ends = "a restart may not come back HALTED"
        try:
            if await asyncio.wait_for(asyncio.to_thread(self.keep_beside, request, self._last_stored), self._timeout):
                ends = "it was left beside the store, and a restart comes back HALTED"
        except Exception as error:  # whatever befalls the disk
            self._log.error(KILL, f"The halt could not be kept beside the store: {error!r}")
        note = f"the request could not be stored ({problem}): {ends}"
        self._notes.append(note)
        self._log.error(KILL, f"The kill switch goes on, but {note}.")

    async def _never_fail(self, venue: Venue, work: Callable[[Venue], Awaitable[None]]) -> None:
        """Do `work` on a venue until it ends, whatever goes wrong on the way."""
        pause, told = 0.1, ""
        while True:
            try:
                await work(venue)
                return
            except VenueStopped as error:
                self._end_at(venue, str(error))
                return
            except Exception as error:
                words = (str(error) or type(error).__name__).rstrip(".")
                self.status.venues[venue.name] = f"cannot be asked: {words}; trying again"
                if words != told:  # the same again and again is no news
                    told = words
                    self._log.error(KILL, f"{venue.name}: {words}; the kill switch tries again.")
                self._changed()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _end_at(self, venue: Venue, why: str) -> None:
        """Nothing more can be done there in this run of the desk."""
        words = f"has stopped ({why.rstrip('.')}): what it holds waits for the next start of the desk, which goes on"
        if self.status.venues[venue.name] != words:
            self._log.error(KILL, f"{venue.name} {words}.")
        self._stopped.add(venue.name)
        self.status.venues[venue.name], self.status.stopped = words, True
        self._changed()

    async def _ask[T](self, question: Awaitable[T]) -> T:
        return await answer_within(self._timeout, question)

    # Orders.

    def _may_come(self, venue: Venue) -> list[Order]:
        """Ours that are open after a pull: without an answer, unknown to the venue, whose request it could still take;
        or taken since."""
        there = self._others.without(venue, self._core.orders.open_at(venue.name))
        return [one for one in there if one.client_id not in self._over]

    async def _pull(self, venue: Venue, whole: bool = False) -> None:
        """Cancel until the venue, asked twice, shows no working order and none of ours is open or unclear. While
        positions wait to be closed, and not `whole`, those without an answer that it does not show are no obstacle: it
        could take them for minutes yet, and what closes contracts cannot close more than there is. Nor is what others
        send after the press: see kill_others.py."""
        if prices_only(venue):
            self.status.venues[venue.name] = not_asked(self._core, venue.name)
            self._changed()
            return
        empty, pause, first = 0, 0.02, True
        while empty < 2:
            shown = {order.client_id: order for order in await self._ask(venue.open_orders())}
            theirs = self._others.look(venue, shown)
            shown = {each: order for each, order in shown.items() if each not in theirs}
            working = self._others.without(venue, self._core.orders.open_at(venue.name))
            ours = {order.client_id: order for order in working if order.client_id not in self._over}
            if self.status.flatten and not whole:
                ours = {each: order for each, order in ours.items() if each in shown or not self._only_lost(order)}
            self._list_orders(shown, ours)
            if not shown and not ours:
                empty += 1
                await self._others.pull(venue, theirs.values())
                self.status.venues[venue.name] = self._shows_nothing(venue, empty)
                self._changed()
                waited_for = whole or not self.status.flatten
                if theirs and waited_for and not self._others.too_long(venue.name):
                    empty, pause = 0, min(pause * 1.5, 0.5)
                    await asyncio.sleep(pause)
                await asyncio.sleep(0.02)
                continue
            empty = 0
            words = f"shows {counted(len(shown), 'working order')} to be pulled" if shown else "shows no working order"
            if unheard := sum(each not in shown for each in ours):
                words += f", and is asked what has become of {counted(unheard, 'order')} of this desk's"
            self.status.venues[venue.name] = f"{words}{self._others.words(venue.name)}"
            self._changed()
            if first and shown:
                first = False
                try:
                    await self._ask(venue.cancel_all())
                except Exception as error:
                    self._log.warning(KILL, f"{venue.name} did not take cancel-all ({error!r}): cancelling one by one.")
                continue
            targets = [self._cancel(venue, order, ours.get(client_id)) for client_id, order in shown.items()]
            targets.append(self._others.pull(venue, theirs.values()))
            unclear = sorted((each for each in ours if each not in shown), key=lambda each: self._orders[each].attempts)
            alone = [each for each in unclear if not self._about_to_be_sent(each) and self._reconciler.asks_alone(each)]
            later = set(alone[_IN_ONE_ROUND:])
            await asyncio.gather(*targets, *(self._resolve(venue, each) for each in unclear if each not in later))
            await self._pause(pause, ours)
            # each look costs the venue's patience, and what may still come is heard of by the streams too
            longest = 1.0 if shown or not all(self._only_lost(order) for order in ours.values()) else 2.0
            pause = min(pause * 1.5, longest) if not later else 0.02
        self._list_orders({}, {})

    async def _pause(self, seconds: float, ours: Mapping[str, Order]) -> None:
        """Until one of these is heard of, so many seconds at most."""
        orders, end = self._core.orders.orders, asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, 0.05))
            if any(never_seen(order) and not never_seen(orders[each]) for each, order in ours.items()):
                return

    def _shows_nothing(self, venue: Venue, asked: int) -> str:
        left, proof = self._others.left(venue.name), self._flattener.proof.get(venue.name, "")
        working = f"nothing of this desk's working, but {left} of somebody else's," if left else "no working order"
        ends = f"{untouched(venue, self.status.flatten)}{self._others.words(venue.name)}"
        return f"shows {working} ({asked}× asked){proof}{ends}"

    async def _cancel(self, venue: Venue, shown: VenueOrder, ours: Order | None) -> None:
        item = self._orders[shown.client_id]
        item.attempts += 1
        try:
            if ours is not None and ours.state is not OrderState.INITIALIZED:
                order = await self._gateway.cancel(shown.client_id)
                item.detail = order.reason if order.state is not OrderState.CANCELED else ""
            else:
                await self._ask(venue.cancel(as_order(shown)))
        except Exception as error:
            item.state, item.detail = KillOutcome.FAILED, str(error) or "no answer"

    def _about_to_be_sent(self, client_id: str) -> bool:
        return self._core.orders.orders[client_id].state is OrderState.INITIALIZED

    def _only_lost(self, order: Order) -> bool:
        """Whether all that is known of an order is that its request went without an answer, so far."""
        waits = order.state is OrderState.SUBMITTED and self._clock.now() - order.updated_at > _SOON
        unanswered = (waits or order.state is OrderState.UNKNOWN) and never_seen(order)
        return unanswered or self._reconciler.lost.denied(order.client_id)

    async def _resolve(self, venue: Venue, client_id: str) -> None:
        item = self._orders[client_id]
        item.attempts += 1
        if self._about_to_be_sent(client_id):
            item.detail = "was about to be sent: withdrawn"
            try:
                await self._gateway.cancel(client_id)
            except Exception as error:
                item.detail = str(error)
                return
            if client_id in self._gateway.sending:  # it leaves no more, though a disk that hangs never ends it
                self._over.add(client_id)
                item.state = KillOutcome.DONE
            return
        if await self._reconciler.ask(client_id):
            item.detail = "its fate is not clear yet: asking the venue"
            if self._reconciler.lost.denials(client_id):
                return  # the venue has just said that it does not know it
            try:
                end = await self._ask(venue.order_status(client_id))
            except VenueError as error:
                if self._stuck.refused(self._core.orders.orders[client_id], error, asyncio.get_running_loop().time()):
                    self._over.add(client_id)
                    item.state = KillOutcome.FAILED
                item.detail = str(error).rstrip(".")
                return
            if end is not None and end.state in CLOSED_STATES:  # it works no more, whenever its fills are heard
                self._over.add(client_id)
                item.detail = f"{state_word(end.state)}, {plain(end.filled)} filled; the fills are still asked for"

    def _list_orders(self, shown: Mapping[str, VenueOrder], ours: Mapping[str, Order]) -> None:
        listed: dict[str, Order | VenueOrder] = {**ours, **shown}
        for client_id, order in listed.items():
            if client_id not in self._orders:
                known = self._core.orders.orders.get(client_id)
                kind = "closing order" if known is not None and known.origin == KILL else "order"
                terms = self._core.instruments.get(order.instrument)
                label = label_of(known, terms) if known else f"{plain(order.quantity)}"
                item = KillItem(kind, label, order.instrument)
                self._orders[client_id] = item
                self.status.items.append(item)
        for client_id, item in self._orders.items():
            known = self._core.orders.orders.get(client_id)
            gone = client_id not in shown and client_id not in ours
            if item.state is not KillOutcome.DONE and gone and (known is None or known.is_closed):
                item.state = KillOutcome.DONE
                item.detail = state_word(known.state) if known else "gone from the venue"

    # The end.

    def _complete(self) -> None:
        status = self.status
        status.finished = self._clock.now()
        status.phase = KillPhase.DONE
        status.receipt = receipt_of(
            status, [*dict.fromkeys(self._notes), *self._gateway.without_store.words(self._kill_id)]
        )
        completed = KillCompleted(ts=status.finished, kill_id=self._kill_id, receipt=status.receipt)
        if not status.stopped:
            self._core.apply_account(completed)
            self._journal.append(completed)
        self._log.warning(KILL, status.receipt)
        self.on_receipt(completed, status)
        self._changed()


def _heard(future: asyncio.Future[None]) -> None:
    """asyncio writes a failure that nobody has asked for to the terminal; this one the receipt tells."""
    if not future.cancelled():
        future.exception()
