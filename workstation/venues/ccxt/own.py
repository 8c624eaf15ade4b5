"""What a real venue says of the desk's own orders, from three mouths, told once: answers, streams and questions.

An order's acceptance, end and fills may each arrive by the answer to the request, by the stream of orders, by the
stream of trades and by asking; in any order, twice, or not at all. Each becomes one report. What the streams leave out
(an order that shows more filled than its fills make up) is asked for, and an order's end is told after its fills only:
whoever acts on the end (the kill switch, the next slice, an exit) would take what has filled for still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workstation.clock import Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import EXTERNAL as OTHERS
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.venues.ccxt.ids import EXTERNAL, to_desk
from workstation.venues.ccxt.orders import fill_of, order_of, trade_id_of, wire_id_of
from workstation.venues.ccxt.particulars import Counted, IdRule
from workstation.venues.contract import OrderSink, VenueOrder
from workstation.venues.order_terms import change_made, other_terms

#: Orders whose trades are kept until it is known whose they are; the oldest are let go.
_WAITING = 1_000
_ENDED = (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.FILLED)


class Track:
    """One order of ours as far as this run has heard of it."""

    __slots__ = (
        "accepted",
        "client_id",
        "earlier",
        "ended",
        "filled",
        "instrument",
        "quantity",
        "shown",
        "trades",
        "venue_id",
    )

    def __init__(self, client_id: ClientOrderId, instrument: InstrumentId, quantity: Decimal) -> None:
        self.client_id = client_id
        self.instrument = instrument
        self.quantity = quantity
        self.venue_id = ""
        self.accepted = False
        self.ended = False
        self.filled = ZERO
        self.earlier = False  # it had fills before this run: which trades those were is known to the desk alone
        self.trades: set[str] = set()
        self.shown: VenueOrder | None = None


class OwnOrders:
    """Makes reports for the desk of what ccxt gives."""

    def __init__(
        self,
        *,
        clock: Clock,
        rule: IdRule,
        per_symbol: bool,
        counted: Counted,
        instrument_of: Callable[[str], Instrument | None],
        market_id: Callable[[str], str],
        known: Callable[[ClientOrderId], Order | None],
        report: OrderSink,
        fills_missing: Callable[[InstrumentId], None],
        stranger: Callable[[Mapping[str, Any], VenueOrder], None],
        revived: Callable[[], None],
        differs: Callable[[ClientOrderId], None],
    ) -> None:
        """`instrument_of` and `market_id` by ccxt's symbol; `known`: the desk's order of an id; `fills_missing`: called
        when an order shows more filled than has been heard; `stranger`: an order that the desk never made, which may be
        the desk's own afterwards; `revived`: one of the desk's that was taken for rejected works; `differs`: a working
        order whose terms are others than the desk's, unless what told so is older than the desk's last change."""
        self._clock = clock
        self._rule = rule
        self._per_symbol = per_symbol
        self._counted = counted
        self._instrument_of = instrument_of
        self._market_id = market_id
        self._known = known
        self.report = report
        self._fills_missing = fills_missing
        self._stranger = stranger
        self._revived = revived
        self._differs = differs
        self.tracks: dict[ClientOrderId, Track] = {}
        #: Trade ids in the order in which they were heard.
        self.heard: dict[str, int] = {}
        #: When (UTC ns) an order of the account, or a fill, was last heard of, by instrument.
        self.moved: dict[InstrumentId, int] = {}
        self._by_venue_id: dict[str, ClientOrderId] = {}
        self._waiting: dict[str, list[Mapping[str, Any]]] = {}  # trades of orders not known yet, by the venue's id

    def sent(self, order: Order) -> None:
        """The desk is about to send this order."""
        self.tracks[order.client_id] = Track(order.client_id, order.instrument, order.quantity)
        self.moved[order.instrument] = self._clock.now()

    def track(self, client_id: ClientOrderId) -> Track | None:
        """What is known of an order, those of the desk's earlier runs included."""
        found = self.tracks.get(client_id)
        if found is None and (order := self._known(client_id)) is not None:
            found = self.tracks[client_id] = Track(client_id, order.instrument, order.quantity)
            found.accepted = order.venue_order_id is not None
            found.filled = order.filled
            found.earlier = bool(order.filled)
            found.ended = order.is_closed
            if order.venue_order_id:
                found.venue_id = order.venue_order_id
                self._by_venue_id[self._place(order.instrument, order.venue_order_id)] = client_id
        return found

    def forget(self, client_id: ClientOrderId) -> None:
        self.tracks.pop(client_id, None)

    def _place(self, instrument: InstrumentId | None, venue_id: str) -> str:
        """The key of a venue's order id: on some venues (Binance) two markets give the same id to two orders."""
        return f"{instrument}/{venue_id}" if self._per_symbol else venue_id

    def owner(self, structure: Mapping[str, Any]) -> ClientOrderId:
        """The client id of the order that a trade belongs to."""
        venue_id = str(structure.get("order") or "")
        instrument = self._instrument_of(str(structure.get("symbol")))
        found = self._by_venue_id.get(self._place(instrument.id if instrument else None, venue_id))
        return found or self._named(wire_id_of(structure), venue_id, instrument)

    def name_of(self, structure: Mapping[str, Any]) -> ClientOrderId:
        """The client id of an order. One that names none, or one that nobody here gave (some exchanges give an order a
        new one when they change it), is the desk's where the desk knows the exchange's own number of it."""
        venue_id = str(structure.get("id") or "")
        instrument = self._instrument_of(str(structure.get("symbol")))
        client_id = self._named(wire_id_of(structure), venue_id, instrument)
        if self.track(client_id) is not None:
            return client_id
        return self._by_venue_id.get(self._place(instrument.id if instrument else None, venue_id), client_id)

    def _named(self, wire: str | None, venue_id: str, instrument: Instrument | None) -> ClientOrderId:
        """By the id that its maker gave it. Others may give one again once its order has ended, and in each market
        (Binance lets them): that is another order, and goes by the exchange's own number."""
        client_id = to_desk(wire, venue_id, self._rule)
        track, order = self.track(client_id), self._known(client_id)
        if track is None or order is None or order.origin != OTHERS or "" in (venue_id, track.venue_id):
            return client_id
        elsewhere = instrument is not None and instrument.id != track.instrument
        again = track.venue_id != venue_id and (track.ended or order.is_closed)
        return f"{EXTERNAL}{venue_id}" if elsewhere or again else client_id

    # What ccxt gives.

    def on_order(self, structure: Mapping[str, Any]) -> VenueOrder | None:
        """An order by answer, stream or question; as the desk shows it, if it has a state."""
        instrument = self._instrument_of(str(structure.get("symbol")))
        venue_id = str(structure.get("id") or "")
        client_id = self.name_of(structure)
        track = self.track(client_id)
        if track is not None and venue_id:
            self._bind(track, venue_id)
        if instrument is None:
            return None
        self.moved[instrument.id] = self._clock.now()
        shown = order_of(structure, instrument, self._rule)
        if shown is None:
            return None
        if shown.client_id != client_id:
            shown = _renamed(shown, client_id)
        if track is None:
            self._stranger(structure, shown)
            track = self.track(client_id)
            if track is None:
                return shown
            self._bind(track, shown.venue_order_id)
        if not shown.quantity:  # some streams tell the change only
            order = self._known(client_id)
            shown = _sized(shown, track.quantity if order is None else order.quantity)
        held = track.shown
        if held is None or track.ended or held.state not in _ENDED or not _before(shown, held):
            track.shown = shown
        self._tell(track, track.shown or shown)  # an end that waits for its fills is not undone by an older picture
        return shown

    def on_trade(self, structure: Mapping[str, Any]) -> Fill | None:
        """A trade of ours; the fill, if it is of an order that the desk knows."""
        instrument = self._instrument_of(str(structure.get("symbol")))
        if instrument is None or structure.get("id") is None:
            return None
        self.moved[instrument.id] = self._clock.now()
        venue_id = str(structure.get("order") or "")
        client_id = self.owner(structure)
        track = self.track(client_id)
        trade_id = trade_id_of(structure, self._market_id(str(structure["symbol"])), self._per_symbol)
        fill = fill_of(structure, client_id, instrument, trade_id, self._clock.now(), self._counted)
        if fill is None:
            return None
        if track is None:
            if venue_id:
                self._waiting.setdefault(self._place(instrument.id, venue_id), []).append(structure)
                if len(self._waiting) > _WAITING:
                    self._waiting.pop(next(iter(self._waiting)))
            return fill
        if venue_id:
            self._bind(track, venue_id)
        if trade_id not in track.trades:
            track.trades.add(trade_id)
            self.heard.setdefault(trade_id, len(self.heard))
            self._accept(track)
            if not track.earlier:
                track.filled = add(track.filled, fill.quantity)
            self.report(e.OrderFilled(client_id=client_id, ts=self._clock.now(), fill=fill))
            self.settle(track)
        return fill

    def behind(self, track: Track) -> bool:
        """Whether the venue shows more of it filled than its fills make up that were heard."""
        if track.shown is None:
            return False
        order = self._known(track.client_id)
        heard = track.filled if order is None else max(track.filled, order.filled)
        return track.shown.filled > heard

    def settle(self, track: Track) -> None:
        """Tell its end, if the venue has shown one that waited for the last fill."""
        if track.shown is not None and track.shown.state in _ENDED and not track.ended and not self.behind(track):
            self._tell(track, track.shown)

    def bind(self, client_id: ClientOrderId, venue_id: str) -> None:
        """The venue calls this order so."""
        track = self.track(client_id)
        if track is not None and venue_id:
            self._bind(track, venue_id)

    def remember(self, orders: Iterable[Order]) -> None:
        """Orders of the desk's earlier runs, so that trades that name only the venue's id find them."""
        for order in orders:
            self.track(order.client_id)

    # Reports.

    def _bind(self, track: Track, venue_id: str) -> None:
        if track.venue_id != venue_id:
            track.venue_id = venue_id
            self._by_venue_id[self._place(track.instrument, venue_id)] = track.client_id
        for structure in self._waiting.pop(self._place(track.instrument, venue_id), ()):
            self.on_trade(structure)

    def _accept(self, track: Track) -> None:
        if not track.accepted and track.venue_id:
            track.accepted = True
            order = self._known(track.client_id)
            if order is not None and order.venue_order_id is not None:
                return  # by a question of the desk's
            if order is not None and order.state is OrderState.REJECTED:  # it came after the venue had denied it
                self._revived()
                return
            event = e.OrderAccepted(client_id=track.client_id, ts=self._clock.now(), venue_order_id=track.venue_id)
            self.report(event)

    def _tell(self, track: Track, shown: VenueOrder) -> None:
        ts, client_id = self._clock.now(), track.client_id
        if shown.state is OrderState.REJECTED and not track.accepted:
            if not track.ended:
                track.ended = True
                reason = shown.reason or "the venue rejected it"
                self.report(e.OrderRejected(client_id=client_id, ts=ts, reason=f"{reason.rstrip('.')}."))
            return
        self._accept(track)
        self._compare_terms(client_id, shown)
        if self.behind(track):
            self._fills_missing(track.instrument)
            return
        if shown.state in _ENDED and not track.ended:
            track.ended = True
            order = self._known(client_id)
            if order is not None and order.is_closed:
                return
            if shown.state is OrderState.EXPIRED:
                self.report(e.OrderExpired(client_id=client_id, ts=ts, reason=shown.reason))
            elif shown.state is not OrderState.FILLED:  # filled it is by its fills
                self.report(e.OrderCanceled(client_id=client_id, ts=ts, reason=shown.reason))

    def _compare_terms(self, client_id: ClientOrderId, shown: VenueOrder) -> None:
        order = self._known(client_id)
        if order is None or shown.state in _ENDED:
            return
        if order.state is OrderState.PENDING_AMEND and change_made(order, shown):
            ts, quantity, price, stop_price = self._clock.now(), shown.quantity, shown.price, shown.stop_price
            amended = e.OrderAmended(client_id=client_id, ts=ts, quantity=quantity, price=price, stop_price=stop_price)
            self.report(amended)
        elif other_terms(order, shown):
            self._differs(client_id)

    def reject(self, client_id: ClientOrderId, reason: str) -> None:
        """The venue has certainly refused the order."""
        track = self.tracks.get(client_id)
        if track is None or not (track.accepted or track.ended):
            if track is not None:
                track.ended = True
            self.report(e.OrderRejected(client_id=client_id, ts=self._clock.now(), reason=reason))


def _before(shown: VenueOrder, end: VenueOrder) -> bool:
    """Whether the venue showed an order so before its end."""
    return shown.state not in _ENDED or shown.filled < end.filled


def _renamed(shown: VenueOrder, client_id: ClientOrderId) -> VenueOrder:
    return msgspec.structs.replace(shown, client_id=client_id)


def _sized(shown: VenueOrder, quantity: Decimal) -> VenueOrder:
    return msgspec.structs.replace(shown, quantity=quantity)
