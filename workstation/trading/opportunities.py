"""What the books offer between venues, within one, and for holding: fees and depth counted. Pure, and only to look at.

A cross is bought at one venue and sold at another as long as each further unit still pays after both taker fees. A
triangle goes round three instruments of a venue. Carry is what a perpetual's funding brings against the spot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import permutations

import msgspec

from workstation.clock import SECOND
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import MarkPrice
from workstation.domain.numbers import ONE, ZERO, add, divide, multiply, subtract
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.consolidated import NetLevel, net_levels

type Books = Callable[[InstrumentId], OrderBook]

_YEAR = 365 * 86_400 * SECOND


class Cross(msgspec.Struct, frozen=True):
    """Buying at `buy` and selling at `sell`. `edge` is the best unit's profit after fees as a fraction of its cost,
    below zero where it loses; `quantity` how much pays, with its `profit` in quote."""

    buy: InstrumentId
    sell: InstrumentId
    quote: str
    edge: Decimal
    quantity: Decimal
    profit: Decimal


class Leg(msgspec.Struct, frozen=True):
    instrument: InstrumentId
    side: Side


class Triangle(msgspec.Struct, frozen=True):
    """Three trades of one venue that begin and end in `currency`; `edge` as for a cross, `start` the most of the
    currency that the best levels take, `profit` what it brings."""

    venue: str
    currency: str
    legs: tuple[Leg, Leg, Leg]
    edge: Decimal
    start: Decimal
    profit: Decimal


class Carry(msgspec.Struct, frozen=True):
    """A perpetual's funding: `rate` of a payment (positive: longs pay) that falls due `every` so many ns, `year` its
    sum over a year as a fraction (both None where the venue's interval is unknown), `basis` the perpetual's price above
    the spot of the same venue (or another one's) as a fraction."""

    instrument: InstrumentId
    rate: Decimal
    every: int | None
    year: Decimal | None
    next_funding: int | None
    basis: Decimal | None
    spot: InstrumentId | None


def crosses(instruments: Iterable[Instrument], books: Books) -> list[Cross]:
    """For each two venues of the same asset the better direction, the best edge first."""
    groups: dict[tuple[str, str, ContractType], list[Instrument]] = {}
    for one in instruments:
        if not one.is_inverse:
            groups.setdefault((one.base, one.quote, one.contract), []).append(one)
    found: list[Cross] = []
    for some in groups.values():
        for at, first in enumerate(some):
            for second in some[at + 1 :]:
                if first.venue == second.venue:
                    continue
                both = [cross for pair in ((first, second), (second, first)) if (cross := _cross(*pair, books))]
                if both:
                    found.append(max(both, key=lambda cross: cross.edge))
    return sorted(found, key=lambda cross: (-cross.edge, cross.buy))


def _cross(buy: Instrument, sell: Instrument, books: Books) -> Cross | None:
    asks = net_levels([(buy, books(buy.id))], Side.BUY)
    bids = net_levels([(sell, books(sell.id))], Side.SELL)
    if not asks or not bids:
        return None
    edge = divide(subtract(bids[0].net, asks[0].net), asks[0].net)
    quantity, profit = _matched(asks, bids)
    return Cross(buy.id, sell.id, buy.quote, edge, quantity, profit)


def _matched(asks: Sequence[NetLevel], bids: Sequence[NetLevel]) -> tuple[Decimal, Decimal]:
    """How much of the asks pays when sold to the bids, and what it brings: both are walked, the best first."""
    quantity, profit = ZERO, ZERO
    at, to = 0, 0
    left_ask, left_bid = asks[0].quantity, bids[0].quantity
    while at < len(asks) and to < len(bids) and bids[to].net > asks[at].net:
        take = min(left_ask, left_bid)
        quantity = add(quantity, take)
        profit = add(profit, multiply(take, subtract(bids[to].net, asks[at].net)))
        left_ask, left_bid = subtract(left_ask, take), subtract(left_bid, take)
        if left_ask <= 0:
            at += 1
            left_ask = asks[at].quantity if at < len(asks) else ZERO
        if left_bid <= 0:
            to += 1
            left_bid = bids[to].quantity if to < len(bids) else ZERO
    return quantity, profit


def triangles(instruments: Iterable[Instrument], books: Books) -> list[Triangle]:
    """Every round of three spot instruments of a venue once in each direction, the best edge first."""
    by_venue: dict[str, list[Instrument]] = {}
    for one in instruments:
        if one.is_spot:
            by_venue.setdefault(one.venue, []).append(one)
    found: dict[tuple[str, frozenset[Leg]], Triangle] = {}
    for venue, some in by_venue.items():
        for three in permutations(some, 3):
            if (triangle := _triangle(venue, three, books)) is not None:
                found.setdefault((venue, frozenset(triangle.legs)), triangle)
    return sorted(found.values(), key=lambda one: (-one.edge, one.venue))


def _triangle(venue: str, three: tuple[Instrument, ...], books: Books) -> Triangle | None:
    """From the first one's quote back to it; None where the three do not close, or a book is not whole."""
    currency = start = three[0].quote
    legs: list[Leg] = []
    rate, most = ONE, None  # how much of the present currency one unit of the first became; the most of the first
    for instrument in three:
        if instrument.quote == currency:
            side, currency = Side.BUY, instrument.base
        elif instrument.base == currency:
            side, currency = Side.SELL, instrument.quote
        else:
            return None
        levels = net_levels([(instrument, books(instrument.id))], side, depth=1)
        if not levels:
            return None
        best = levels[0]
        room = multiply(best.quantity, best.net) if side is Side.BUY else best.quantity  # in the currency that is given
        most = min(divide(room, rate), most) if most is not None else divide(room, rate)
        rate = divide(rate, best.net) if side is Side.BUY else multiply(rate, best.net)
        legs.append(Leg(instrument.id, side))
    if currency != start or most is None:
        return None
    edge = subtract(rate, ONE)
    profit = multiply(most, edge) if edge > 0 else ZERO
    return Triangle(venue, start, (legs[0], legs[1], legs[2]), edge, most, profit)


def carries(
    instruments: Iterable[Instrument],
    marks: Callable[[InstrumentId], MarkPrice | None],
    mids: Callable[[InstrumentId], Decimal | None],
) -> list[Carry]:
    """Every perpetual with a funding rate, the largest rate first. `mids`: the middle of a book."""
    some = list(instruments)
    spots = [one for one in some if one.is_spot]
    found: list[Carry] = []
    for perpetual in some:
        mark = None if perpetual.is_spot else marks(perpetual.id)
        if mark is None or mark.funding_rate is None:
            continue
        same = [one for one in spots if one.base == perpetual.base]
        spot = next((one for one in same if one.venue == perpetual.venue), same[0] if same else None)
        middle = None if spot is None else mids(spot.id)
        basis = None if not middle else divide(subtract(mark.price, middle), middle)
        rate, every = mark.funding_rate, mark.funding_every
        year = None if every is None else divide(multiply(rate, Decimal(_YEAR)), Decimal(every))
        found.append(
            Carry(perpetual.id, rate, every, year, mark.next_funding, basis, None if spot is None else spot.id)
        )
    return sorted(found, key=lambda one: (-abs(one.rate), one.instrument))
