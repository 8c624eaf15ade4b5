"""How one order is split over the books of several venues, net of each venue's taker fee. Pure.

The levels of all books are taken in order of what a unit costs (or brings) after the fee, the best first. Each leg is
cut to its venue's lot; what the cuts leave goes where one more lot is cheapest; a leg below its venue's minimum is left
out and the rest spread anew. Every venue alone is tried too, so the split is never worse than the best of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import reduce

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, divide, floor_to, multiply, subtract
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.consolidated import NetLevel, net_levels

_DEPTH = 500  # levels of a book that are looked at


class Taker(msgspec.Struct, frozen=True):
    """A venue that takes part. `most` bounds its leg, in units of its instrument: money or holding that is there."""

    instrument: Instrument
    book: OrderBook
    most: Decimal | None = None

    @property
    def step(self) -> Decimal:
        """One lot in units of the base currency."""
        return multiply(self.instrument.lot, self.instrument.multiplier)


class Leg(msgspec.Struct, frozen=True):
    """One venue's part: `quantity` in units of its instrument, `worst` the last price that it would reach, `value` and
    `fee` in quote."""

    instrument: Instrument
    quantity: Decimal
    worst: Decimal
    value: Decimal
    fee: Decimal

    @property
    def units(self) -> Decimal:
        """In units of the base currency."""
        return multiply(self.quantity, self.instrument.multiplier)

    @property
    def average(self) -> Decimal:
        return divide(self.value, self.units)


class Split(msgspec.Struct, frozen=True):
    """Legs of an order of `quantity` (base units); `left` is what the books cannot take within limit, lots and what is
    there to pay with."""

    side: Side
    quantity: Decimal
    legs: tuple[Leg, ...] = ()

    @property
    def filled(self) -> Decimal:
        return _sum(leg.units for leg in self.legs)

    @property
    def left(self) -> Decimal:
        return subtract(self.quantity, self.filled)

    @property
    def value(self) -> Decimal:
        return _sum(leg.value for leg in self.legs)

    @property
    def fees(self) -> Decimal:
        return _sum(leg.fee for leg in self.legs)

    @property
    def net(self) -> Decimal:
        """What is paid in all when buying, what comes in when selling."""
        return add(self.value, multiply(self.fees, Decimal(self.side.sign)))

    @property
    def average(self) -> Decimal | None:
        """Mean price without fees."""
        return divide(self.value, self.filled) if self.legs else None

    def worse_by(self, other: Split) -> Decimal:
        """How much less the other costs or how much more it brings (below zero: it is the worse one), in quote."""
        return multiply(subtract(self.net, other.net), Decimal(self.side.sign))


def split(takers: Sequence[Taker], side: Side, quantity: Decimal, limit: Decimal | None = None) -> Split:
    """The best split of `quantity` base units at `limit` or better: the one that fills most, then costs least, then
    has the fewest legs. Without legs where nobody can take any of it."""
    found = [single(taker, side, quantity, limit) for taker in takers]
    among = list(takers)
    while len(among) > 1:
        spread, small = _spread(among, side, quantity, limit)
        if small is None:
            found.append(spread)
            break
        among.remove(small)
    found.sort(key=lambda one: (-one.filled, one.net * side.sign, len(one.legs)))
    return found[0] if found else Split(side, quantity)


def single(taker: Taker, side: Side, quantity: Decimal, limit: Decimal | None = None) -> Split:
    """The same order at one venue."""
    spread, small = _spread([taker], side, quantity, limit)
    return spread if small is None else Split(side, quantity)


def _spread(
    takers: Sequence[Taker], side: Side, quantity: Decimal, limit: Decimal | None
) -> tuple[Split, Taker | None]:
    """Spread over all of them; and the smallest leg that its venue would not take, if there is one."""
    books = [(taker.instrument, taker.book) for taker in takers]
    levels = [level for level in net_levels(books, side, _DEPTH) if limit is None or _within(level.price, limit, side)]
    by_id = {taker.instrument.id: taker for taker in takers}
    room = {name: _room(taker, levels) for name, taker in by_id.items()}
    taken = dict.fromkeys(by_id, ZERO)
    left = quantity
    for level in levels:
        name = level.instrument
        some = min(level.quantity, subtract(room[name], taken[name]), left)
        taken[name], left = add(taken[name], some), subtract(left, some)
    for name, taker in by_id.items():
        cut = floor_to(taken[name], taker.step)
        left, taken[name] = add(left, subtract(taken[name], cut)), cut
    _use_rest(left, by_id, levels, room, taken)
    legs, small = [], []
    for name, taker in by_id.items():
        if taken[name] > 0:
            leg, best = _leg(taker.instrument, taken[name], levels)
            legs.append(leg)
            if _too_small(leg, best):
                small.append((leg.value, name))
    return Split(side, quantity, tuple(legs)), by_id[min(small)[1]] if small else None


def _use_rest(
    left: Decimal,
    takers: dict[InstrumentId, Taker],
    levels: Sequence[NetLevel],
    room: dict[InstrumentId, Decimal],
    taken: dict[InstrumentId, Decimal],
) -> None:
    """Give what the lots have cut off to whoever has the next cheapest unit, in whole lots."""
    while left > 0:
        free = [
            name
            for name, taker in takers.items()
            if taker.step <= left and add(taken[name], taker.step) <= floor_to(room[name], taker.step)
        ]
        following = _next_of(free, levels, taken)
        if following is None:
            return
        name, here = following
        step = takers[name].step
        some = max(step, floor_to(min(left, here, subtract(room[name], taken[name])), step))
        taken[name], left = add(taken[name], some), subtract(left, some)


def _next_of(
    names: Sequence[InstrumentId], levels: Sequence[NetLevel], taken: dict[InstrumentId, Decimal]
) -> tuple[InstrumentId, Decimal] | None:
    """Whose next unit is the cheapest, and how much stands there at that price."""
    passed = dict.fromkeys(names, ZERO)
    for level in levels:
        name = level.instrument
        if name in passed:
            passed[name] = add(passed[name], level.quantity)
            if passed[name] > taken[name]:
                return name, subtract(passed[name], taken[name])
    return None


def _room(taker: Taker, levels: Sequence[NetLevel]) -> Decimal:
    """The most that the venue can take, in base units: its depth, and what bounds it."""
    depth = _sum(level.quantity for level in levels if level.instrument == taker.instrument.id)
    if taker.most is None:
        return depth
    return min(depth, multiply(max(taker.most, ZERO), taker.instrument.multiplier))


def _leg(instrument: Instrument, units: Decimal, levels: Sequence[NetLevel]) -> tuple[Leg, Decimal]:
    """The leg and the best price that it would reach."""
    left, value, best, worst = units, ZERO, ZERO, ZERO
    for level in levels:
        if level.instrument == instrument.id and left > 0:
            some = min(level.quantity, left)
            value, left, worst = add(value, multiply(some, level.price)), subtract(left, some), level.price
            best = best or level.price
    fee = multiply(value, instrument.taker_fee)
    lots = int(units / multiply(instrument.lot, instrument.multiplier))
    return Leg(instrument, instrument.quantity(lots), worst, value, fee), best


def _too_small(leg: Leg, best: Decimal) -> bool:
    """Whether the venue would refuse it, by the lower of its prices."""
    instrument = leg.instrument
    value = instrument.notional(leg.quantity, min(best, leg.worst))
    return leg.quantity < instrument.min_quantity or value < instrument.min_notional


def _within(price: Decimal, limit: Decimal, side: Side) -> bool:
    return price <= limit if side is Side.BUY else price >= limit


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(add, amounts, ZERO)


class Resting(msgspec.Struct, frozen=True):
    """Where a limit that waits goes, and `why`, as a sentence."""

    instrument: Instrument
    why: str


def resting(takers: Sequence[Taker], side: Side, price: Decimal) -> Resting | None:
    """The one best venue of a limit that waits: the lowest maker fee, of equal fees the least in front of it. One that
    would trade at once goes where that is cheapest after the fee."""
    books = [(taker.instrument, taker.book) for taker in takers]
    crossing = [level for level in net_levels(books, side, 1) if _within(level.price, price, side)]
    by_id = {taker.instrument.id: taker for taker in takers}
    if crossing:
        best = by_id[crossing[0].instrument].instrument
        return Resting(best, f"it would trade at once, and {best.venue} has the best price after the fee")
    waiting = [taker for taker in takers if taker.book.stale is None]
    if not waiting:
        return None
    ahead = {taker.instrument.id: _ahead(taker, side, price) for taker in waiting}
    waiting.sort(key=lambda taker: (taker.instrument.maker_fee, ahead[taker.instrument.id]))
    first, best = waiting[0], waiting[0].instrument
    if len(waiting) == 1:
        return Resting(best, f"only {best.venue} takes part")
    second = waiting[1].instrument
    if second.maker_fee != best.maker_fee:
        return Resting(
            best,
            f"{best.venue} has the lowest maker fee, {_percent(best.maker_fee)}; "
            f"{second.venue} takes {_percent(second.maker_fee)}",
        )
    queue, other = ahead[first.instrument.id], ahead[second.id]
    return Resting(
        best,
        f"the fees are equal, and at {best.venue} {queue.normalize():f} {best.base} stand in front of it, "
        f"at {second.venue} {other.normalize():f}",
    )


def _ahead(taker: Taker, side: Side, price: Decimal) -> Decimal:
    """What stands on the order's own side at its price or better, in base units."""
    instrument, book = taker.instrument, taker.book
    levels = book.bid_levels(_DEPTH) if side is Side.BUY else book.ask_levels(_DEPTH)
    lots = sum(lots for ticks, lots in levels if _within(price, instrument.price(ticks), side))
    return multiply(instrument.quantity(lots), instrument.multiplier)


def _percent(fee: Decimal) -> str:
    return f"{(fee * 100).normalize():f} %"
