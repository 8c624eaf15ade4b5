"""The second half of the kill switch: every position of a venue closed, in slices where the book is thin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.clock import DAY, SECOND
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, counted, floor_to, multiply, plain, subtract
from workstation.domain.order import (
    CLOSED_STATES,
    EXTERNAL,
    ClientOrderId,
    Order,
    OrderDraft,
    OrderState,
    OrderType,
    Side,
    state_word,
)
from workstation.domain.prices import average_words
from workstation.trading import pools
from workstation.trading.core import TradingCore
from workstation.trading.gateway import OrderGateway
from workstation.trading.kill_refusals import Refusals, Stuck
from workstation.trading.kill_status import KillItem, KillOutcome, KillPhase, KillStatus
from workstation.trading.lost_orders import never_seen
from workstation.trading.reconcile import Reconciler
from workstation.trading.risk import KILL
from workstation.trading.shares import netted
from workstation.venues.contract import KnowsStrangers, LinkState, NeedsPrices, TellsClosing, Venue, VenueError
from workstation.venues.patience import answer_within

#: Share of the visible depth (within the price collar) that one closing order may take.
SLICE = Decimal("0.5")
#: Seconds for which spot waits until what was missed while the venue was away is booked.
_PATIENCE = 10.0
#: For how many more what could not be asked for is asked for again; then it is left, and named.
_ASKED = 30.0
_UNASKED = "what was traded of it while the exchange was away cannot be asked for: see there what is left, and close it"
#: How far before the press fills of spot are asked for (ns) before it is sold; the same where the books are behind.
_FILLS_BACK, _FURTHER_BACK = 30 * SECOND, DAY


class _Twice:
    """Which coins may be sold, or bought back, by orders that are still to come: who closes them beside would do it
    twice. What such an order adds is closed when it has come."""

    def __init__(self, coming: Sequence[Order], instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._instruments = instruments
        self._sold, self._bought = set[str](), set[str]()
        for order in coming:
            terms = instruments[order.instrument]
            if terms.is_spot:
                buys = order.side is Side.BUY
                self._bought.add(terms.base if buys else terms.quote)
                self._sold.add(terms.quote if buys else terms.base)
        #: Positions that were left alone for it, when it was looked last.
        self.left: set[InstrumentId] = set()

    def may(self, instrument: InstrumentId, held: Decimal) -> bool:
        return self._instruments[instrument].base in (self._sold if held > 0 else self._bought)


def _no_word(order: Order) -> bool:
    """Whether nothing was heard of an order: it is among those that may still come."""
    return order.state in (OrderState.SUBMITTED, OrderState.UNKNOWN) and never_seen(order)


class Flattener:
    """The closing work of one kill. What it finds and does stands in the kill's `status`."""

    def __init__(
        self,
        core: TradingCore,
        gateway: OrderGateway,
        reconciler: Reconciler,
        *,
        status: KillStatus,
        kill_id: str,
        changed: Callable[[], None],
        timeout: float,
        stuck: Stuck,
    ) -> None:
        """`changed` is called whenever the status has; `timeout`: wall-clock seconds for one question to a venue;
        `stuck`: orders that it refuses to be asked about."""
        self._core = core
        self._gateway = gateway
        self._reconciler = reconciler
        self._status = status
        self._kill_id = kill_id
        self._changed = changed
        self._timeout = timeout
        self._stuck = stuck
        self._items: dict[InstrumentId, KillItem] = {}
        self._refusals = Refusals()
        self._closed: dict[InstrumentId, Decimal] = {}  # what this kill's own orders have closed
        #: venue → what it last showed of positions, as the end of a sentence.
        self.proof: dict[str, str] = {}
        self._sold_there: dict[str, str] = {}  # venue → what of spot it has sold in another market, in words
        self._unasked = set[InstrumentId]()  # of which what was missed could not be asked for
        self._left: set[str] = set()  # venues at which a closing order may still come

    def take_left(self, venue: str) -> bool:
        """Whether a closing order went without an answer there since this was last asked, and may still come."""
        left = venue in self._left
        self._left.discard(venue)
        return left

    async def flatten(self, venue: Venue, coming: Sequence[Order] = ()) -> None:
        """Close until the venue, asked twice, shows no position (but what it does not close: see kill_refusals.py).
        `coming`: orders that may come yet. Coins that one of those may sell (or buy back) too are left alone: of
        derivatives no two orders close more than there is."""
        self._status.phase = KillPhase.FLATTENING
        empty, pause = 0, 0.02
        patient_until = asyncio.get_running_loop().time() + _PATIENCE
        twice = _Twice(coming, self._core.instruments)
        while empty < 2:
            unsure = asyncio.get_running_loop().time() < patient_until and self._unsure(venue)
            open_positions = await self._open_positions(venue, twice, spot=not unsure)
            closable = {i: q for i, q in open_positions.items() if self._list_position(venue, i, q)}
            for instrument, item in self._items.items():
                looked = instrument not in twice.left
                if looked and instrument.startswith(f"{venue.name}:") and instrument not in open_positions:
                    item.state, item.detail = KillOutcome.DONE, "flat"
            if not closable and unsure:
                self._status.venues[venue.name] = "is being compared: what it holds of spot is closed then"
                self._changed()
                await self._compared(venue)
                continue
            if not closable and self._unasked and asyncio.get_running_loop().time() < patient_until + _ASKED:
                self._status.venues[venue.name] = "is asked what was traded of spot there while it was away"
                self._changed()
                await asyncio.sleep(0.5)
                continue
            if not closable:
                empty += 1
                but = " but what is named here" if open_positions else ""
                but += " but beside lost orders of the same coin" if twice.left else ""
                but += self._of_others(venue) + self._sold_there.get(venue.name, "")
                self.proof[venue.name] = f" and no position{but} ({empty}× asked)"
                self._changed()
                await asyncio.sleep(0.02)
                continue
            empty = 0
            self.proof.pop(venue.name, None)
            self._status.venues[venue.name] = f"shows {counted(len(closable), 'position')}"
            self._changed()
            now = asyncio.get_running_loop().time()
            blind = self._blind(venue, closable)
            due = {i: q for i, q in closable.items() if i not in blind and self._refusals.due(i, now)}
            works = (self._close(venue, i, quantity) for i, quantity in due.items())
            # to the end of each, whatever befalls another: what still runs would be closed a second time beside it
            for error in await asyncio.gather(*works, return_exceptions=True):
                if isinstance(error, BaseException):
                    raise error
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 1.0)

    async def _ask[T](self, question: Awaitable[T]) -> T:
        return await answer_within(self._timeout, question)

    def _unsure(self, venue: Venue) -> bool:
        """Whether spot that this desk's books hold there may be gone: closed by hand since the desk last heard of it.
        Selling it would then sell the trader's own coins."""
        if venue.name not in self._core.behind:
            return False
        return bool(self._spot(venue))

    def _blind(self, venue: Venue, closable: Iterable[InstrumentId]) -> set[InstrumentId]:
        """Positions that nothing would close now, for want of prices. They say so, and an order for them would end
        unfilled again and again."""
        if not isinstance(venue, NeedsPrices):
            return set()
        blind = {name: why for name in closable if (why := venue.no_prices(name))}
        for name, why in blind.items():
            self._items[name].detail = f"{why}: closed as soon as they are back"
        if blind:
            why = next(iter(blind.values()))
            waits = f"shows {counted(len(blind), 'position')} that cannot be closed yet: {why}"
            self._status.venues[venue.name] = waits
            self._changed()
        return set(blind)

    async def _compared(self, venue: Venue) -> None:
        """Wait until it is, for a second at most: a kill goes first in the queue of requests, and what it asks again
        and again would keep the comparison out that it waits for."""
        for _ in range(20):
            await asyncio.sleep(0.05)
            if not self._unsure(venue):
                return

    async def _open_positions(self, venue: Venue, twice: _Twice, spot: bool) -> dict[InstrumentId, Decimal]:
        """Derivatives as the venue shows them; spot as bought or sold short by orders that this desk sent (shares.py),
        as far as the venue's balance holds or owes it, but not where it may be closed `twice`."""
        found = {i: q for i, q in (await self._ask(venue.positions())).items() if q and i in self._core.instruments}
        if not spot:
            return found
        sold = {name: await self._not_booked(venue, name) for name in self._spot(venue) if self._own(name)}
        bought = await self._unheard(venue)
        for name in self._spot(venue):
            there, unbooked = self._core.portfolio.position(name).quantity, sold.get(name, ZERO)
            bought[name] = add(bought.get(name, ZERO), self._core.shares.own(name, there, unbooked))
        bought, sold_there = netted(bought, self._core.instruments)
        parts = " and ".join(f"{plain(gone)} {coin}" for coin, gone in sold_there.items())
        self._sold_there[venue.name] = f" but {parts} that this desk has sold in another market" if parts else ""
        twice.left = {name for name, quantity in bought.items() if quantity and twice.may(name, quantity)}
        bought = {name: quantity for name, quantity in bought.items() if name not in twice.left}
        balances = await self._ask(venue.balances()) if any(bought.values()) else {}
        for name, quantity in bought.items():
            balance = balances.get(self._core.instruments[name].base, ZERO)
            held = min(quantity, balance) if quantity > 0 else max(quantity, balance)
            if held and (held > 0) == (quantity > 0):
                found[name] = held
        return found

    def _spot(self, venue: Venue) -> set[InstrumentId]:
        """In which this desk or others hold something, or have sold it."""
        held = {position.instrument for position in self._core.portfolio.open_positions()}
        names = held | self._core.shares.instruments()
        return {n for n in names if n.startswith(f"{venue.name}:") and self._core.instruments[n].is_spot}

    def _own(self, name: InstrumentId) -> Decimal:
        """What orders that this desk sent have bought (or sold short) of spot and still hold."""
        return self._core.shares.own(name, self._core.portfolio.position(name).quantity)

    def _of_others(self, venue: Venue) -> str:
        """What orders of others have bought of spot, in words: it is not this desk's to sell."""
        parts = []
        for name in sorted(self._spot(venue)):
            theirs = self._core.shares.theirs(name, self._core.portfolio.position(name).quantity)
            terms = self._core.instruments[name]
            if (theirs if not terms.pooled else abs(theirs)) >= max(terms.lot, terms.min_quantity):
                parts.append(f"{plain(theirs)} {terms.base}")
        return f" but {' and '.join(parts)} of orders that this desk did not send: not touched" if parts else ""

    async def _not_booked(self, venue: Venue, instrument: InstrumentId) -> Decimal:
        """Asks for the fills of now, so that what has been sold meanwhile is not sold again. The signed quantity of
        those by orders of others that are not in the books yet."""
        if not isinstance(venue, KnowsStrangers):
            return ZERO
        behind = venue.name in self._core.behind
        try:
            since = self._status.started - (_FURTHER_BACK if behind else _FILLS_BACK)
            strange = await self._ask(self._reconciler.fills_in(venue, instrument, since))
        except (VenueError, TimeoutError, OSError):
            if behind:
                self._unasked.add(instrument)
            return ZERO  # the balance bounds what is sold, and what this desk sent is known
        self._unasked.discard(instrument)
        theirs = [fill for fill in strange if fill.instrument == instrument] if venue.adopts else []
        return sum((multiply(fill.quantity, Decimal(fill.side.sign)) for fill in theirs), ZERO)

    async def _unheard(self, venue: Venue) -> dict[InstrumentId, Decimal]:
        """What orders of spot have filled by the venue's word, beyond the fills that were heard: they may be long in
        coming, and what is sold already would be sold again."""
        found: dict[InstrumentId, Decimal] = {}
        for order in self._core.orders.open_at(venue.name):
            if not self._core.instruments[order.instrument].is_spot or order.origin == EXTERNAL:
                continue
            if _no_word(order) or self._stuck.is_stuck(order):
                continue
            shown = await self._ask(venue.order_status(order.client_id))
            heard = self._core.orders.orders[order.client_id].filled
            if shown is not None and shown.filled > heard:
                more = multiply(subtract(shown.filled, heard), Decimal(order.side.sign))
                found[order.instrument] = add(found.get(order.instrument, ZERO), more)
        return found

    async def _over(self, venue: Venue, client_id: ClientOrderId) -> bool:
        """Whether the order has ended, be it that the venue alone says so: its fills are told later then."""
        if not self._core.orders.orders[client_id].is_open:
            return True
        try:
            shown = await self._ask(venue.order_status(client_id))
        except (VenueError, TimeoutError, OSError):
            return False
        return shown is not None and shown.state in CLOSED_STATES

    def _list_position(self, venue: Venue, instrument: InstrumentId, quantity: Decimal) -> bool:
        """Show the position; False if it is smaller than anything the venue would trade, or is not closed there."""
        side = "LONG" if quantity > 0 else "SHORT"
        item = self._items.get(instrument)
        if item is None:
            item = self._items[instrument] = KillItem("position", f"{side} {plain(abs(quantity))}", instrument)
            self._status.items.append(item)
        why = self._refusals.given_up.get(instrument)
        if why is None and self._core.instruments[instrument].is_spot:
            why = self._stuck.of(instrument) or (_UNASKED if instrument in self._unasked else None)
        too_little = "" if why else self._too_little(venue, instrument, abs(quantity))
        if item.state is KillOutcome.DONE and not (item.rest and too_little):
            item.state, item.label = KillOutcome.PENDING, f"{side} {plain(abs(quantity))}"
            item.detail, item.rest = "open again", ""  # an order without an answer has come after all
        if why is not None:
            item.state, item.detail = KillOutcome.FAILED, why
            return False
        if too_little:
            item.state, item.detail = KillOutcome.FAILED, f"{too_little}: it cannot be closed there"
            if closed := self._closed.get(instrument):
                item.detail = f"closed {plain(closed)}; {item.detail}"
                if self._core.instruments[instrument].is_spot:  # what the fee has left of a coin is no position
                    item.state, item.rest = KillOutcome.DONE, item.detail
        return not too_little

    def _too_little(self, venue: Venue, instrument: InstrumentId, quantity: Decimal) -> str:
        """Why the venue does not trade so little, as a sentence; empty where it does."""
        terms, _ = self._terms(venue, instrument)
        closable, least = floor_to(quantity, terms.lot), max(terms.lot, terms.min_quantity)
        if closable < least and not (venue.capabilities.closes_whole and not terms.is_spot):
            return f"{plain(quantity)} is below the venue's minimum of {plain(least)}"
        if closable >= least and self._too_small(terms, closable):
            return f"{plain(quantity)} is below the venue's minimum value"
        return ""

    def _terms(self, venue: Venue, instrument: InstrumentId) -> tuple[Instrument, str]:
        """Those by which the position is closed now, and what the venue itself says against that."""
        known = self._core.instruments[instrument]
        now = venue.closing(instrument) if isinstance(venue, TellsClosing) else None
        if now is None:
            return known, ""
        lot, least = max(known.lot, now.instrument.lot), max(known.min_quantity, now.instrument.min_quantity)
        return msgspec.structs.replace(known, lot=lot, min_quantity=least), now.doubt

    def _too_small(self, instrument: Instrument, quantity: Decimal) -> bool:
        mark = self._core.market.mark(instrument.id)
        return instrument.is_spot and mark is not None and instrument.notional(quantity, mark) < instrument.min_notional

    async def _close(self, venue: Venue, instrument: InstrumentId, quantity: Decimal) -> None:
        item = self._items[instrument]
        item.attempts += 1
        side, (terms, doubt) = Side.SELL if quantity > 0 else Side.BUY, self._terms(venue, instrument)
        whole = pools.covering(self._core, terms, -quantity) if terms.pooled and quantity < 0 else abs(quantity)
        slice_, least = self._slice(terms, side, whole), max(terms.lot, terms.min_quantity)
        if floor_to(whole, terms.lot) < least:  # what the venue closes as a whole, or not
            slice_, doubt = whole, doubt or f"{plain(whole)} is below the venue's minimum of {plain(least)}"
        draft = OrderDraft(
            instrument=instrument,
            side=side,
            quantity=slice_,
            type=OrderType.MARKET,
            reduce_only=True,
            origin=KILL,
            note=self._kill_id,
        )
        order = await self._gateway.submit(draft)
        deadline = asyncio.get_running_loop().time() + self._timeout
        while order.is_open and asyncio.get_running_loop().time() < deadline:
            if order.state is OrderState.UNKNOWN:
                await self._reconciler.ask(order.client_id)
            await asyncio.sleep(0.02)
            order = self._core.orders.orders[order.client_id]
        self._closed[instrument] = add(self._closed.get(instrument, ZERO), order.filled)
        if order.is_open:  # pull this one and make sure before the next: two of spot would sell more than there is
            self._refusals.went(instrument)
            item.detail = "the closing order has not filled yet: pulled, trying again"
            await self._gateway.pull(order.client_id)
            while not await self._over(venue, order.client_id):
                if not terms.is_spot and self._reconciler.lost.denied(order.client_id):
                    self._left.add(venue.name)
                    break
                await self._reconciler.ask(order.client_id)
                await asyncio.sleep(0.1)
        elif order.state is OrderState.FILLED:
            if order.filled >= floor_to(whole, terms.lot):
                self._refusals.closed(instrument, asyncio.get_running_loop().time())
            self._refusals.went(instrument)
            item.detail = f"closed {plain(order.filled)} at {average_words(order.average_price or ZERO, terms)}"
        elif order.state in (OrderState.DENIED, OrderState.REJECTED):
            item.state = KillOutcome.FAILED
            now, connected = asyncio.get_running_loop().time(), venue.link is LinkState.CONNECTED
            item.detail = self._refusals.refused(order, now, connected, doubt)
        else:
            item.state = KillOutcome.FAILED
            item.detail = order.reason or f"the closing order was {state_word(order.state)}"
        self._changed()

    def _slice(self, instrument: Instrument, side: Side, quantity: Decimal) -> Decimal:
        """All of it where the book is deep, else a share of what is visible within the price collar."""
        book = self._core.market.markets[instrument.id].book
        levels = book.bid_levels(200) if side is Side.SELL else book.ask_levels(200)
        whole = floor_to(quantity, instrument.lot)
        if not levels:
            return whole
        reach = float(self._core.limits.price_collar) * levels[0][0]
        visible = sum(lots for ticks, lots in levels if abs(ticks - levels[0][0]) <= reach)
        share = floor_to(multiply(instrument.quantity(visible), SLICE), instrument.lot)
        smallest = max(instrument.lot, floor_to(instrument.min_quantity, instrument.lot))
        return min(whole, max(share, smallest))
