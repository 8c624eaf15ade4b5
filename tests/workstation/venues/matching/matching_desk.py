"""A bench for matching tests: tick and lot of the instrument are 1, so prices and quantities are plain ints."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from workstation.domain import events as e
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Trade
from workstation.domain.order import Order, OrderDraft, OrderType, Side, TimeInForce
from workstation.venues.matching import MatchingEngine

UNIT = Instrument(
    venue="NOVA",
    symbol="UNIT-PERP",
    base="UNIT",
    quote="USD",
    tick=Decimal(1),
    lot=Decimal(1),
    contract=ContractType.LINEAR,
    maker_fee=Decimal("0.0001"),
    taker_fee=Decimal("0.0005"),
)


def order(side: Side, quantity: int, price: int | None = None, **terms: Any) -> Order:
    """A limit order with a price, a market order without one, a stop (limit) with `stop`, a take-profit (limit) with
    `touch`, a trailing stop with `trail` (and `activation`)."""
    stop, touch, trail = (terms.pop(name, None) for name in ("stop", "touch", "trail"))
    activation, display = terms.pop("activation", None), terms.pop("display", None)
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    if stop:
        kind = OrderType.STOP if price is None else OrderType.STOP_LIMIT
    elif touch:
        kind = OrderType.TAKE_PROFIT if price is None else OrderType.TAKE_PROFIT_LIMIT
    elif trail:
        kind, price = OrderType.TRAILING_STOP, None
    trigger = stop or touch
    client_id = terms.pop("client_id", None) or f"o{next(_numbers)}"
    draft = OrderDraft(
        instrument=terms.pop("instrument", UNIT.id),
        side=side,
        quantity=Decimal(quantity),
        type=kind,
        price=None if price is None else Decimal(price),
        stop_price=Decimal(trigger) if trigger else None,
        trail=Decimal(trail) if trail else None,
        activation_price=Decimal(activation) if activation else None,
        display=Decimal(display) if display and kind.has_limit else None,
        **terms,
    )
    return Order.from_draft(draft, client_id, 0)


_numbers = itertools.count(1)


class Bench:
    """A matching engine, a hand for the market's events, and everything that the engine said."""

    def __init__(self, **parts: Any) -> None:
        self.events: list[e.OrderEvent] = []
        emit = parts.pop("emit", self.events.append)
        self.engine = MatchingEngine(parts.pop("instrument", UNIT), emit, **parts)
        self.ts = 0
        self.sequence = 0

    def book(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        """A snapshot."""
        self._tick()
        best_first = tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))
        self.engine.on_market(BookSnapshot(self.engine.instrument.id, self.ts, self.sequence, *best_first))

    def delta(self, bids: dict[int, int] | None = None, asks: dict[int, int] | None = None) -> None:
        self._tick()
        levels = tuple((bids or {}).items()), tuple((asks or {}).items())
        self.engine.on_market(BookDelta(self.engine.instrument.id, self.ts, self.sequence, self.sequence - 1, *levels))

    def stale(self, reason: str) -> None:
        self.engine.on_market(BookStale(self.engine.instrument.id, self.ts, reason))

    def sold(self, quantity: int, price: int) -> None:
        """A public trade: a seller hit the bid."""
        self._trade(quantity, price, False)

    def bought(self, quantity: int, price: int) -> None:
        """A public trade: a buyer lifted the offer."""
        self._trade(quantity, price, True)

    def _trade(self, quantity: int, price: int, buyer: bool) -> None:
        self.ts += 1
        self.engine.on_market(Trade(self.engine.instrument.id, self.ts, price, quantity, buyer))

    def _tick(self) -> None:
        self.ts += 1
        self.sequence += 1

    def buy(self, quantity: int, price: int | None = None, **terms: Any) -> str:
        return self._send(order(Side.BUY, quantity, price, **terms))

    def sell(self, quantity: int, price: int | None = None, **terms: Any) -> str:
        return self._send(order(Side.SELL, quantity, price, **terms))

    def _send(self, wanted: Order) -> str:
        self.ts += 1
        self.engine.submit(wanted, f"v-{wanted.client_id}", self.ts)
        return wanted.client_id

    def amend(
        self, client_id: str, quantity: int | None = None, price: int | None = None, stop: int | None = None
    ) -> None:
        self.ts += 1
        terms = [None if term is None else Decimal(term) for term in (quantity, price, stop)]
        self.engine.amend(client_id, *terms, self.ts)

    def cancel(self, client_id: str) -> None:
        self.engine.cancel(client_id, self.ts)

    def hold(self, position: int) -> None:
        self.engine.position = position

    def fills(self, client_id: str | None = None) -> list[tuple[int, int]]:
        """(quantity, price) of the fills of one order or of all."""
        return [
            (int(event.fill.quantity), int(event.fill.price))
            for event in self.events
            if isinstance(event, e.OrderFilled) and client_id in (None, event.client_id)
        ]

    def said(self, client_id: str) -> list[str]:
        """What was reported of an order, by name: accepted, filled, canceled…"""
        return [
            type(event).__name__.removeprefix("Order").lower() for event in self.events if event.client_id == client_id
        ]

    def reason(self, client_id: str) -> str:
        """The last sentence that was said about the order."""
        reasons = [getattr(event, "reason", "") for event in self.events if event.client_id == client_id]
        return next((reason for reason in reversed(reasons) if reason), "")


GTC, IOC, FOK, GTD = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD
