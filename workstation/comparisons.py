"""Comparing the desk's books with what its venues show: at start, whenever a link was away, and every few minutes.

Orders and fills come first, then positions, then money. Each difference has a kind, is repaired by appending events,
and stands in the log. Until a real venue has been compared since it was last away, only orders that shrink a position
go there. Positions and money are read before fills: what had moved them is then among the fills, or it is not ours to
explain. A venue that only prices are taken from is not compared: its books stay as they were when it was traded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from workstation.booked_difference import book_difference
from workstation.bookkeeping import Bookkeeper
from workstation.comparison_rounds import BACK, FURTHEST, Difference, Differs, Round, Rounds
from workstation.desk_view import DeskView
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, counted, plain, subtract
from workstation.domain.order import OrderState
from workstation.domain.prices import average_words
from workstation.hints import Hints
from workstation.log import DeskLog
from workstation.long_absences import LongAbsences
from workstation.margin_comparison import MarginComparison
from workstation.others_orders import OthersOrders
from workstation.trading.gateway import OrderGateway
from workstation.trading.reconcile import Reconciler, Strangers
from workstation.trading.risk_question import NEVER_COMPARED
from workstation.vanished import Vanished
from workstation.venues.contract import (
    AWAY,
    BooksBegin,
    KnowsStrangers,
    LinkState,
    MayStop,
    RealLink,
    TellsAnew,
    TellsTerms,
    Venue,
    VenueError,
    WantsLeverage,
    WatchesOrders,
    prices_only,
)
from workstation.venues.patience import answer_within

#: Seconds between reading a real venue's money and its fills: reports are on their way for so long.
_GRACE = 1.0
_TRIES = 5
#: What real venues round away when they book: a difference of money up to it is none.
_DUST = Decimal("1e-8")
_SINCE = "its orders and money have not been compared since"


class Comparisons:
    """`first` at the start, `run` from then on; `differences` are the newest that were found."""

    def __init__(
        self,
        *,
        desk: DeskView,
        reconciler: Reconciler,
        gateway: OrderGateway,
        books: Bookkeeper,
        log: DeskLog,
        caught_up: Callable[[str], None],
        get_setting: Callable[[str, Any], Any],
        set_setting: Callable[[str, Any], None],
        every: float = 120.0,
        timeout: float = 5.0,
    ) -> None:
        """`caught_up`: called with a venue's name when what the desk missed of it is booked, or could not be; `every`:
        seconds between two comparisons of a real venue; `timeout`: of one question to a venue."""
        self._desk = desk
        self._core = desk.core
        self._reconciler = reconciler
        self._gateway = gateway
        self._books = books
        self._log = log
        self._caught_up = caught_up
        self._get_setting = get_setting
        self._set_setting = set_setting
        self._every = every
        self._timeout = timeout
        self.differences: deque[Difference] = deque(maxlen=1_000)
        self.rounds = Rounds(get_setting, set_setting)
        self._hints = Hints(self._core, _DUST)
        self._seen: dict[str, int] = {}  # the epoch of each real venue at its last whole comparison
        self._next: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._failed: dict[str, int] = {}  # the epoch of each real venue at its last comparison that failed
        self._running: dict[str, asyncio.Task[None]] = {}
        self._absences = LongAbsences(desk, self.rounds, log)
        self._vanished = Vanished(self._core, desk.clock.now)
        reconciler.on_difference = self._found
        self.margin = MarginComparison(self._core, log, desk.clock.now, self._found)
        self._others = OthersOrders(
            core=desk.core,
            gateway=gateway,
            reconciler=reconciler,
            clock=desk.clock,
            log=log,
            found=self._found,
            timeout=timeout,
        )

    def introduce(self, venue: Venue) -> None:
        """Before the venue connects."""
        if isinstance(venue, TellsTerms):
            venue.on_terms = self._desk.take_terms
        if isinstance(venue, WantsLeverage):
            venue.leverage_of = self._core.portfolio.margin.leverage
        if isinstance(venue, RealLink):
            venue.on_notice = partial(self._notice, venue.name)
            if not prices_only(venue):
                self._core.unproven[venue.name] = NEVER_COMPARED
                self._core.behind.add(venue.name)
                self.margin.introduce(venue)
                if isinstance(venue, TellsAnew):
                    venue.on_anew = partial(self._doubt, venue)
        if isinstance(venue, MayStop):
            venue.on_stopped = partial(self._notice, venue.name, "error")
        if isinstance(venue, WatchesOrders):
            venue.working = partial(self._core.orders.open_at, venue.name)
        self._others.introduce(venue)

    def _notice(self, venue: str, level: str, sentence: str) -> None:
        {"error": self._log.error, "warning": self._log.warning}.get(level, self._log.info)("venue", sentence)

    async def first(self) -> None:
        """Every simulated venue; a real one is compared beside, as soon as it stands."""
        for venue in self._desk.venues.values():
            if prices_only(venue):
                self._caught_up(venue.name)
                self._tell_left(venue.name)
                continue
            if isinstance(venue, BooksBegin) and (kept := self._get_setting(f"first_seen:{venue.name}", 0)):
                venue.first_seen = int(kept)
            if isinstance(venue, KnowsStrangers):
                since = self._desk.clock.now() - FURTHEST
                venue.remember(
                    order
                    for order in self._core.orders.orders.values()
                    if order.instrument.startswith(f"{venue.name}:") and (order.is_open or order.updated_at > since)
                )
            if not isinstance(venue, RealLink):
                await self._compare(venue)

    def _tell_left(self, venue: str) -> None:
        left = len(self._core.orders.open_at(venue))
        if left:
            self._log.warning(
                "orders",
                f"{venue} is open for its prices only: {counted(left, 'working order')} of this desk's there can be "
                f"neither asked about nor cancelled from here.",
            )

    async def run(self, look: float = 0.25) -> None:
        """Watch the real venues' links, and compare whenever it is time; where there is none, nothing is to be done."""
        real = [one for one in self._desk.venues.values() if isinstance(one, RealLink) and not prices_only(one)]
        try:
            while real:
                for venue in real:
                    self._look(venue)
                await asyncio.sleep(look)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await self.margin.close()

    def _look(self, venue: Venue) -> None:
        assert isinstance(venue, RealLink)
        name = venue.name
        fresh = self._seen.get(name) != venue.epoch
        if fresh or venue.link is not LinkState.CONNECTED:
            self._doubt(venue, behind=venue.link is not LinkState.CONNECTED)
        if venue.link is not LinkState.CONNECTED or name in self._running:
            return
        now = asyncio.get_running_loop().time()
        # a venue that has come back since a comparison failed is compared at once: nobody can trade there before
        # (and only so: one that has failed is tried again when its pause is over, whatever the streams tell)
        hinted = name not in self._failures and self._hints.due(venue, now)
        if hinted or now >= self._next.get(name, 0.0) or (fresh and self._failed.get(name) != venue.epoch):
            self._hints.begun(venue)
            task = asyncio.create_task(self._compare(venue), name=f"comparison with {name}")
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name, None))

    def _doubt(self, venue: Venue, behind: bool = True) -> None:
        """What the books have of the venue may be wrong. `behind`: fills may have been missed (of a simulated account
        none ever is)."""
        if behind and isinstance(venue, TellsAnew):
            self._core.behind.add(venue.name)
        if venue.name not in self._core.unproven:
            why = venue.why_anew if isinstance(venue, TellsAnew) and venue.link is LinkState.CONNECTED else AWAY
            self._core.unproven[venue.name] = f"{why or AWAY}, and {_SINCE}"

    # One comparison.

    async def _compare(self, venue: Venue) -> None:
        loop = asyncio.get_running_loop()
        epoch, began = venue.epoch if isinstance(venue, RealLink) else 0, self._desk.clock.now()
        try:
            done = await self._all(venue)
        except Exception as error:
            if self._failed.get(venue.name) != epoch:
                self._failures.pop(venue.name, None)
            self._failed[venue.name] = epoch
            times = self._failures[venue.name] = self._failures.get(venue.name, 0) + 1
            self._next[venue.name] = loop.time() + min(30.0, 0.5 * 2**times)
            words = self.rounds.failed(venue.name, error)
            if times in (1, 10):
                self._log.error("orders", f"{venue.name} could not be compared with the store: {words}")
            return
        self._failures.pop(venue.name, None)
        self._next[venue.name] = loop.time() + self._every
        self._desk.compared_at[venue.name] = self._desk.clock.now()
        if isinstance(venue, RealLink):
            self.rounds.ended(venue.name, done, epoch, began)
            if isinstance(venue, KnowsStrangers) and self._get_setting(f"place:{venue.name}", "") != venue.place:
                self._set_setting(f"place:{venue.name}", venue.place)
            if isinstance(venue, BooksBegin) and not self._get_setting(f"first_seen:{venue.name}", 0):
                self._set_setting(f"first_seen:{venue.name}", venue.first_seen)
            self._seen[venue.name] = epoch
            self.margin.begin(venue)
            if venue.epoch == epoch and self._core.unproven.pop(venue.name, None) is not None:
                self._log.info("orders", f"{venue.name} and this desk's books agree: orders can be sent there.")

    async def _all(self, venue: Venue) -> Round:
        if not isinstance(venue, RealLink):
            return await self._round(venue, Round(whole=True, since=None))
        now = self._desk.clock.now()
        self._absences.look(venue.name, now)
        try:
            return await self._round(venue, self.rounds.begin(venue.name, venue, now))
        except Differs:
            return await self._round(venue, self.rounds.begin(venue.name, venue, now, whole=True))

    async def _round(self, venue: Venue, done: Round) -> Round:
        now, opened = self._desk.clock.now(), venue.name in self._core.portfolio.accounts
        epoch = venue.epoch if isinstance(venue, RealLink) else 0
        try:
            strangers = await self._reconciler.venue(venue, done.since, whole=done.whole)
            if isinstance(venue, KnowsStrangers):
                await self._others.meet(venue, strangers)
        finally:
            self._caught_up(venue.name)
        if isinstance(venue, RealLink) and venue.epoch == epoch and venue.link is LinkState.CONNECTED:
            self._core.behind.discard(venue.name)
        since = now - BACK if done.since is None else done.since
        epoch, began = venue.epoch if isinstance(venue, RealLink) else 0, asyncio.get_running_loop().time()
        if not self._hints.vouch(venue, epoch, began, self._every):
            word = self._hints.word(venue)
            await self._positions(venue, opened, since, done.whole)
            await self._money(venue, opened, since, done.whole)
            self._hints.asked(venue, epoch, began, word)
        return done

    def _found(self, venue: str, kind: str, text: str) -> None:
        self.differences.append(Difference(ts=self._desk.clock.now(), venue=venue, kind=kind, text=text))

    # Positions.

    async def _positions(self, venue: Venue, opened: bool, since: int, whole: bool) -> None:
        for instrument, (shown, ours) in (await self._unexplained(venue, since, whole)).items():
            words = f"{venue.name} shows a position of {plain(shown)} in {instrument}, the desk {plain(ours)}"
            if not isinstance(venue, KnowsStrangers):
                self._found(venue.name, "position drift", words)
                self._log.error("orders", f"{words}.")
                continue
            prices = await answer_within(self._timeout, venue.entry_prices())
            price = prices.get(instrument) or self._core.market.mark(instrument)
            if price is None:
                raise VenueError(f"{words}; without a price the difference cannot be booked.")
            if self._desk.position(instrument).quantity != ours:
                raise VenueError(f"{words}; while its price was asked for, that has changed.")
            book_difference(self._desk, self._gateway, self._core.instruments[instrument], shown, ours, price)
            self._found(venue.name, "position drift" if opened else "opening position", words)
            say = self._log.error if opened else self._log.info
            say(
                "orders",
                f"{words}: the difference is booked at {average_words(price, self._core.instruments[instrument])}."
                f"{'' if ours or not opened else ' It is NOT PROTECTED by this desk.'}",
            )

    async def _unexplained(self, venue: Venue, since: int, whole: bool) -> dict[InstrumentId, tuple[Decimal, Decimal]]:
        """Positions that differ though every fill (since `since`) is booked and no order's fate is unknown. Raises
        `VenueError` where that cannot be said now: a fill that is on its way would be booked twice."""
        for _ in range(_TRIES):
            version = self._core.portfolio.version
            differing = await self._differing(venue)
            if not differing or not isinstance(venue, RealLink):
                self._vanished.judge(venue.name, "position", ())
                return differing
            if not whole:
                raise Differs
            await asyncio.sleep(_GRACE)
            explained = await self._fills(venue, since)
            if self._core.portfolio.version != version or not self._settled(venue):
                continue
            if await self._differing(venue) == differing:  # a venue that has just come back may say that all is gone
                self._vanished.judge(venue.name, "position", self._gone(venue, differing) - explained)
                return differing
        raise VenueError(f"{venue.name} is traded on too busily for its positions to be compared")

    async def _differing(self, venue: Venue) -> dict[InstrumentId, tuple[Decimal, Decimal]]:
        positions = await answer_within(self._timeout, venue.positions())
        found = {}
        for instrument in {*positions, *(position.instrument for position in self._desk.positions())}:
            terms = self._core.instruments.get(instrument)
            if terms is None or terms.is_spot or terms.venue != venue.name:
                continue
            shown, ours = positions.get(instrument, ZERO), self._desk.position(instrument).quantity
            if shown != ours:
                found[instrument] = (shown, ours)
        return found

    def _gone(self, venue: Venue, differing: dict[InstrumentId, tuple[Decimal, Decimal]]) -> set[InstrumentId]:
        """All that the desk holds there, if the venue shows none of it."""
        held = {one.instrument for one in self._desk.positions() if not self._core.instruments[one.instrument].is_spot}
        held = {one for one in held if self._core.instruments[one].venue == venue.name}
        shows = any(shown for shown, _ in differing.values()) or held - differing.keys()
        return set() if shows else held

    # Money.

    async def _money(self, venue: Venue, opened: bool, since: int, whole: bool) -> None:
        """Raises `VenueError` where it cannot be compared now (a difference may be a fill that is on its way), and
        `Differs`."""
        core = self._core
        if not isinstance(venue, RealLink) or not isinstance(venue, KnowsStrangers):
            self._adjust(venue, await answer_within(self._timeout, venue.balances()), opened)
            return
        for _ in range(_TRIES):
            balances = await answer_within(self._timeout, venue.balances())
            if not (drift := self._drift(venue, balances)):
                self._vanished.judge(venue.name, "money", ())
                return
            if not whole:
                raise Differs
            version = core.portfolio.version
            if opened:
                await asyncio.sleep(_GRACE)
            await self._fills(venue, since)
            if core.portfolio.version == version and self._settled(venue):
                if opened and await answer_within(self._timeout, venue.balances()) != balances:
                    continue
                lost = {each for each, amount in drift.items() if amount < 0}
                self._vanished.judge(venue.name, "money", set() if any(balances.values()) else lost)
                self._adjust(venue, balances, opened)
                return
        raise VenueError(f"{venue.name} is traded on too busily for its money to be compared")

    async def _fills(self, venue: Venue, since: int) -> set[InstrumentId]:
        """Book what was missed until now, that of others' orders with it where they are adopted; where such filled."""
        strangers = Strangers()
        strangers.fills = await self._reconciler.fills(venue, since)
        if strangers.fills and isinstance(venue, KnowsStrangers) and venue.adopts:
            await self._others.meet(venue, strangers)
        return {fill.instrument for fill in strangers.fills}

    def _settled(self, venue: Venue) -> bool:
        """Whether no order is on its way, of which the venue may know more than the desk."""
        orders = self._core.orders.open_at(venue.name)
        return not any(order.state in (OrderState.SUBMITTED, OrderState.UNKNOWN) for order in orders)

    def _drift(self, venue: Venue, balances: dict[str, Decimal]) -> dict[str, Decimal]:
        account = self._core.portfolio.accounts.get(venue.name)
        amounts = {
            currency: subtract(balances.get(currency, ZERO), self._core.portfolio.balance(venue.name, currency))
            for currency in sorted({*balances, *(account.balances if account else ())})
        }
        least = _DUST if isinstance(venue, RealLink) else ZERO
        return {currency: amount for currency, amount in amounts.items() if abs(amount) > least}

    def _adjust(self, venue: Venue, balances: dict[str, Decimal], opened: bool) -> None:
        for currency, amount in self._drift(venue, balances).items():
            reason = "correction to what the venue shows" if opened else "opening balance"
            self._books.adjust(venue.name, currency, amount, reason)
            if opened:
                self._found(venue.name, "balance drift", f"{amount:+f} {currency}")
