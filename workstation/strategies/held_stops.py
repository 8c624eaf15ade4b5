"""Stops of a run at a venue that takes no stop orders from this desk, as no real one does: held here until the market
passes them, and sent as a market (or limit) order then, under the id that the strategy knows.

When the market has passed a price is the rule of `market/proof.py`, as for the stops of plans. Where nothing tells the
price for two seconds, what a stop is to protect is NOT PROTECTED, and that is said; so is that it is again. Like every
order of a run they are gone when it ends or is paused, and do nothing while the desk is off.

A stop that the market has passed and whose order came to nothing is the strategy's to answer. One that does not hear of
refusals has no answer: what is left is sent again until the position is closed, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from workstation.clock import SECOND, Timer
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, add, divide, floor_to, subtract
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderType, Side
from workstation.domain.prices import price_words
from workstation.market.data import InstrumentMarket
from workstation.market.proof import believed, proofs
from workstation.market.sight import Sight
from workstation.strategies.desk_trader import Enter
from workstation.strategies.run_book import RunBook, StrategyDesk
from workstation.trading.orders import venue_of

#: ns between two looks though no event comes: what was true a second ago may be old by now.
_LOOK = SECOND // 10
#: ns until an order that came to nothing is sent again: at first, and at most.
_PAUSE, _LONGEST_PAUSE = 2 * SECOND, 10 * SECOND

_FIRED = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
}


class _Again(NamedTuple):
    """Sent again when the timer runs out. `before`: how often it was sent."""

    wish: Enter
    before: int
    words: str
    timer: Timer


class HeldStops:
    """Of one run, on the event loop. `market_moved` is called for every event of its markets."""

    def __init__(self, book: RunBook, desk: StrategyDesk, fire: Callable[[Enter], None]) -> None:
        """`fire` sends what a stop has become."""
        self._book, self._desk, self._fire = book, desk, fire
        self._run_id = book.run.run_id
        self._held: dict[ClientOrderId, Enter] = {}
        self._fired: dict[ClientOrderId, tuple[Enter, int]] = {}  # what was sent, and how often before
        self._again: dict[ClientOrderId, _Again] = {}  # whose order came to nothing
        self._sight: dict[InstrumentId, Sight] = {}
        self._timer: Timer | None = None

    def takes(self, draft: OrderDraft) -> bool:
        """Whether the order is one that has to be held here: a stop that its venue does not know."""
        venue = self._desk.gateway.venues.get(venue_of(draft.instrument))
        return draft.type in _FIRED and venue is not None and draft.type not in venue.capabilities.order_types

    def hold(self, wish: Enter) -> None:
        self._held[wish.client_id] = wish
        self._look(wish.draft.instrument)
        self._wind()

    def drop(self, client_id: ClientOrderId | None, instrument: InstrumentId | None = None) -> list[ClientOrderId]:
        """That one, all of an instrument, or all are held no more."""
        found = [
            key
            for key, wish in self._held.items()
            if (key == client_id if client_id is not None else instrument in (None, wish.draft.instrument))
        ]
        for key in found:
            del self._held[key]
        for key, one in list(self._again.items()):
            if key == client_id if client_id is not None else instrument in (None, one.wish.draft.instrument):
                one.timer.cancel()
                del self._again[key]
        return found

    def came_to_nothing(self, client_id: ClientOrderId, reason: str) -> None:
        """The order of a stop that the market has passed closed less than it was to, and the strategy does nothing
        about that. Called for orders of others too."""
        wish, before = self._fired.pop(client_id, (None, 0))
        if wish is None or not wish.draft.reduce_only or not self._left(wish, client_id):
            return
        words = (
            f"NOT PROTECTED: the market has passed its stop of {wish.draft.instrument}, and the order that was to "
            f"close it came to nothing ({reason.rstrip('.')}). It is tried again."
        )
        if not before:
            self._desk.log.error("position", f"{self._run_id} is {words}")
        at = self._desk.clock.now() + min(_PAUSE * 2**before, _LONGEST_PAUSE)
        timer = self._desk.clock.call_at(at, partial(self._send_again, client_id))
        self._again[client_id] = _Again(wish, before + 1, words, timer)

    def _left(self, wish: Enter, client_id: ClientOrderId) -> Decimal:
        """What the order of a stop has left to close now."""
        draft, order = wish.draft, self._desk.core.orders.orders.get(client_id)
        open_ = max(ZERO, -draft.side.sign * self._book.position(draft.instrument))
        wanted = draft.quantity if order is None else subtract(order.quantity, order.filled)
        return floor_to(min(open_, wanted), self._desk.core.instruments[draft.instrument].lot)

    def _send_again(self, client_id: ClientOrderId) -> None:
        one = self._again.pop(client_id)
        draft, orders = one.wish.draft, self._book.orders(one.wish.draft.instrument)
        works = [each for each in orders if each.client_id != client_id and not self._book.pulled(each.client_id)]
        beside: list[Order | OrderDraft] = [*works, *(wish.draft for wish in self._held.values())]
        if any((each.instrument, each.side) == (draft.instrument, draft.side) for each in beside):
            return  # the strategy has done something about it
        if quantity := self._left(one.wish, client_id):
            again = Enter(self._desk.gateway.next_id(), replace(draft, quantity=quantity), one.wish.price)
            self._fired[again.client_id] = again, one.before
            self._fire(again)

    def end(self) -> None:
        self._held.clear()
        self._fired.clear()
        for one in self._again.values():
            one.timer.cancel()
        self._again.clear()
        self._sight.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drafts(self) -> tuple[OrderDraft, ...]:
        """What is held now, the oldest first."""
        return tuple(wish.draft for wish in self._held.values())

    @property
    def waits(self) -> str:
        """That a stop sees no price, or that its order came to nothing, as a sentence; or ""."""
        for one in self._again.values():
            return one.words
        for name, sight in self._sight.items():
            if sight.why:
                return f"NOT PROTECTED: no price of {name} is seen for its stop ({sight.why})."
        return ""

    def market_moved(self, instrument: InstrumentId) -> None:
        if self._held:
            self._look(instrument)

    # Looking.

    def _wind(self) -> None:
        if self._timer is None and self._held:
            self._timer = self._desk.clock.call_at(self._desk.clock.now() + _LOOK, self._due)

    def _due(self) -> None:
        self._timer = None
        here = {wish.draft.instrument for wish in self._held.values()}
        for gone in self._sight.keys() - here:
            del self._sight[gone]
        for instrument in here:
            self._judge_sight(instrument)
            self._look(instrument)
        self._wind()

    def _look(self, instrument: InstrumentId) -> None:
        market = self._desk.core.market.markets[instrument]
        now = self._desk.clock.now()
        for client_id, wish in list(self._held.items()):
            draft = wish.draft
            if draft.instrument != instrument or draft.stop_price is None:
                continue
            if any(_beyond(draft.side, price, draft.stop_price) for price in _prices(draft.side, market, now)):
                del self._held[client_id]
                fired = _fired(wish)
                self._fired[client_id] = fired, 0
                self._fire(fired)

    def _judge_sight(self, instrument: InstrumentId) -> None:
        market, now = self._desk.core.market.markets[instrument], self._desk.clock.now()
        sight = self._sight.setdefault(instrument, Sight())
        if not sight.changes(market, now):
            return
        if not sight.why:
            text = f"{self._run_id} is protected again by this desk: {instrument} has a price."
            self._desk.log.info("position", text)
            return
        stops = [wish.draft.stop_price for wish in self._held.values() if wish.draft.instrument == instrument]
        at = f"stop at {price_words(stops[0], market.instrument)}" if len(stops) == 1 and stops[0] else "stops"
        self._desk.log.error(
            "position",
            f"{self._run_id} is NOT PROTECTED: no price is seen for its {at} of {instrument}, held here. "
            f"Watch it at the exchange ({sight.why}).",
        )


def _fired(wish: Enter) -> Enter:
    """What a stop becomes when the market has passed it."""
    return Enter(wish.client_id, replace(wish.draft, type=_FIRED[wish.draft.type], stop_price=None), wish.price)


def _beyond(side: Side, price: Decimal, stop: Decimal) -> bool:
    return price <= stop if side is Side.SELL else price >= stop


def _prices(side: Side, market: InstrumentMarket, now: int) -> Iterator[Decimal]:
    """Where the market is proved to be: at that price or one that is worse for who waits with a stop on that side."""
    if believed(market, now):
        bid, ask = market.book.best_bid, market.book.best_ask
        assert bid is not None
        assert ask is not None
        terms = market.instrument
        yield divide(add(terms.price(bid), terms.price(ask)), Decimal(2))
        return
    for low, high in proofs(market, now):
        yield high if side is Side.SELL else low
