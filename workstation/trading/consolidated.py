"""One book of an asset over all venues: levels in order of what they cost, or bring, after the venue's taker fee."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ONE, add, multiply
from workstation.domain.order import Side
from workstation.market.book import OrderBook

_DEPTH = 50


class NetLevel(msgspec.Struct, frozen=True):
    """A level of one venue: what stands there, and what a unit costs (buying) or brings (selling) after the fee."""

    instrument: InstrumentId
    price: Decimal
    quantity: Decimal
    net: Decimal


def net_levels(books: Iterable[tuple[Instrument, OrderBook]], side: Side, depth: int = _DEPTH) -> list[NetLevel]:
    """The other side of every book that is whole, as an order of `side` meets it: the best net price first; of equal
    ones the first venue's. Contracts count in units of the base currency."""
    found: list[NetLevel] = []
    for instrument, book in books:
        if book.stale is not None:
            continue
        fee = add(ONE, multiply(instrument.taker_fee, Decimal(side.sign)))
        for ticks, lots in book.ask_levels(depth) if side is Side.BUY else book.bid_levels(depth):
            price = instrument.price(ticks)
            quantity = multiply(instrument.quantity(lots), instrument.multiplier)
            found.append(NetLevel(instrument.id, price, quantity, multiply(price, fee)))
    return sorted(found, key=lambda level: level.net * side.sign)
