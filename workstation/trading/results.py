"""What trading has brought, by day and by who sent the orders: an exact fold over fills, flows and venues' entries.

Every amount stays in the currency in which it was booked; `day_results` and `owner_results` value it in the account
currency at today's rates. Invariants, to the last digit in each currency: the sum over the days is what the portfolio
holds as realised, fees, funding and interest; the sum over the owners of realised + unrealised is the portfolio's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import msgspec

from workstation.clock import DAY
from workstation.domain.events import (
    LIQUIDATION,
    BalanceAdjusted,
    FundingPaid,
    InsuranceCovered,
    InterestCharged,
    VenueEntry,
)
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.interest import apply_interest, interest_of, is_in_coins
from workstation.domain.numbers import ZERO, add, divide, multiply, subtract
from workstation.domain.order import Side
from workstation.domain.position import Position, apply_fill
from workstation.domain.strategy_run import is_run

#: Origins that close what others opened: their fills are booked to those.
CLOSERS = frozenset({"kill", LIQUIDATION})
_HAND = "manual"
#: Note of the trader's order that closes a whole position.
CLOSE_NOTE = "close"


def is_hand(origin: str) -> bool:
    """Whether orders of that origin are the trader's own, here (by a plan, a rebalance) or elsewhere. By which the
    position becomes smaller than what strategies hold of it is booked to those: a strategy that went on believing in it
    would sell it a second time."""
    return origin not in CLOSERS and not is_run(origin)


#: Value of one unit of a venue's currency in the account currency; None where no market can tell.
type Rate = Callable[[str, str], Decimal | None]
type Marks = Callable[[InstrumentId], Decimal | None]


class Booked(msgspec.Struct):
    """What one day brought in one currency of one venue. `interest` is paid, `flow` deposits less withdrawals."""

    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    interest: Decimal = ZERO
    insurance: Decimal = ZERO
    flow: Decimal = ZERO
    fills: int = 0


class DayResult(msgspec.Struct, frozen=True, kw_only=True):
    """A UTC day (its beginning in UTC ns) in the account currency; `whole` is false where something has no price."""

    day: int
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    interest: Decimal = ZERO
    insurance: Decimal = ZERO
    flow: Decimal = ZERO
    fills: int = 0
    whole: bool = True

    @property
    def net(self) -> Decimal:
        """realised − fees + funding − interest + what an insurance fund bore."""
        gained = add(add(self.realized, self.funding), self.insurance)
        return subtract(subtract(gained, self.fees), self.interest)


class Owned(msgspec.Struct):
    """What one origin did in one instrument, as if it traded alone: money in the settlement currency."""

    position: Position
    carry: Decimal = ZERO  # funding received less paid, less interest
    fills: int = 0


class OwnersMark(msgspec.Struct, frozen=True):
    """Of one instrument, by owner in the order of their first fills: position, carry, number of fills."""

    owners: tuple[tuple[str, Position, Decimal, int], ...]


class OwnerResult(msgspec.Struct, frozen=True, kw_only=True):
    """One origin of orders (the trader's hand, a strategy) in the account currency."""

    origin: str
    realized: Decimal
    unrealized: Decimal
    fees: Decimal
    carry: Decimal
    fills: int
    instruments: int  # in which it holds something
    whole: bool

    @property
    def net(self) -> Decimal:
        return add(subtract(add(self.realized, self.unrealized), self.fees), self.carry)


class Results:
    """The fold. `version` grows with everything booked."""

    def __init__(self, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._instruments = instruments
        self.days: dict[int, dict[tuple[str, str], Booked]] = {}
        self.owners: dict[tuple[str, InstrumentId], Owned] = {}
        self._shares: dict[tuple[InstrumentId, str], tuple[tuple[str, Fill], ...]] = {}  # of fills of closers
        self.version = 0

    def _day(self, ts: int, venue: str, currency: str) -> Booked:
        return self.days.setdefault(ts - ts % DAY, {}).setdefault((venue, currency), Booked())

    def on_fill(self, fill: Fill, origin: str, before: Position, after: Position, whole: bool = False) -> None:
        """Book a fill that took the desk's position from `before` to `after`; `whole`: of an order to close it all."""
        instrument = self._instruments[fill.instrument]
        day = self._day(fill.ts, instrument.venue, instrument.settlement)
        day.realized = add(day.realized, subtract(after.realized, before.realized))
        day.fees = add(day.fees, subtract(after.fees, before.fees))
        day.fills += 1
        parts = self._crossed(fill, before) if after.is_flat and (whole or origin in CLOSERS) else ()
        parts = parts or tuple(self._parts(fill, origin, before.quantity))
        if any(owner != origin for owner, _ in parts):
            self._shares[fill.instrument, fill.trade_id] = parts
        for owner, part in parts:
            own = self._own(owner, fill.instrument)
            own.position = apply_fill(own.position, part, instrument)
            own.fills += 1
        self.version += 1

    def shares(self, fill: Fill) -> tuple[tuple[str, Fill], ...]:
        """Whose position a fill of the kill switch, of a liquidation or of the trader's hand closed, with each one's
        part of it."""
        return self._shares.get((fill.instrument, fill.trade_id), ())

    def undo(self, fill: Fill, before: Position, after: Position) -> None:
        """Take a fill off its day again; the owners go back by `rewind`."""
        instrument = self._instruments[fill.instrument]
        day = self._day(fill.ts, instrument.venue, instrument.settlement)
        day.realized = subtract(day.realized, subtract(after.realized, before.realized))
        day.fees = subtract(day.fees, subtract(after.fees, before.fees))
        day.fills -= 1
        self.version += 1

    def mark(self, instrument: InstrumentId) -> OwnersMark:
        """Who owns what of an instrument, to go back to by `rewind`."""
        return OwnersMark(
            tuple(
                (name, own.position, own.carry, own.fills)
                for (name, held), own in self.owners.items()
                if held == instrument
            )
        )

    def rewind(self, instrument: InstrumentId, mark: OwnersMark) -> None:
        known = {name: Owned(position, carry, fills) for name, position, carry, fills in mark.owners}
        for key in [key for key in self.owners if key[1] == instrument]:
            if key[0] in known:
                self.owners[key] = known[key[0]]
            else:
                del self.owners[key]

    def on_entry(self, entry: VenueEntry, realized: Decimal = ZERO) -> None:
        """Book what a venue booked by itself; `realized`: the profit that came out of what it did to the position."""
        match entry:
            case FundingPaid(amount=amount):
                day = self._day(entry.ts, entry.venue, entry.currency)
                day.funding = add(day.funding, amount)
            case InterestCharged():
                currency, cost = interest_of(entry, self._instruments.get(entry.instrument))
                day = self._day(entry.ts, entry.venue, currency)
                day.interest = add(day.interest, cost)
                self.realize(entry, realized)
            case InsuranceCovered(amount=amount):
                day = self._day(entry.ts, entry.venue, entry.currency)
                day.insurance = add(day.insurance, amount)
            case _:
                return
        self.carry(entry)
        self.version += 1

    def realize(self, entry: VenueEntry, realized: Decimal) -> None:
        """Profit that an entry has realised comes to its day, or goes from it again."""
        instrument = self._instruments.get(getattr(entry, "instrument", None) or "")
        if realized and instrument is not None:
            day = self._day(entry.ts, instrument.venue, instrument.settlement)
            day.realized = add(day.realized, realized)

    def carry(self, entry: VenueEntry) -> None:
        """The owners' part of an entry."""
        if isinstance(entry, FundingPaid):
            self._carry(entry.instrument, entry.amount)
        elif isinstance(entry, InterestCharged):
            instrument = self._instruments.get(entry.instrument)
            if instrument is not None and is_in_coins(entry, instrument):
                self._owe(entry, instrument)
                return
            self._carry(entry.instrument, entry.amount if entry.worth is None else entry.worth)

    def on_flow(self, event: BalanceAdjusted) -> None:
        """Book money that came or went other than by trading."""
        day = self._day(event.ts, event.venue, event.currency)
        day.flow = add(day.flow, event.amount)
        self.version += 1

    def _own(self, origin: str, instrument: InstrumentId) -> Owned:
        key = (origin, instrument)
        if key not in self.owners:
            self.owners[key] = Owned(Position(instrument=instrument))
        return self.owners[key]

    def _of_others(self, fill: Fill, origin: str, before: Decimal) -> Decimal:
        """So much of a fill may close what others hold. `before`: the desk's position, signed. What a hand closes is
        its own first, then what strategies hold, as far as the whole position becomes smaller. Of spot, where coins of
        before may have been sold, it is what this desk has bought all the same (see `shares`)."""
        if origin in CLOSERS:
            return fill.quantity
        terms = self._instruments[fill.instrument]
        coins = terms.is_spot and not terms.pooled
        if not is_hand(origin) or (not coins and before * fill.side.sign >= 0):
            return ZERO
        own = before
        for (name, instrument), one in self.owners.items():
            if instrument == fill.instrument and is_run(name):
                own = subtract(own, one.position.quantity)
        closes = fill.quantity if coins else min(abs(before), fill.quantity)
        return max(ZERO, subtract(closes, max(ZERO, -own * fill.side.sign)))

    def _parts(self, fill: Fill, origin: str, before: Decimal) -> Iterator[tuple[str, Fill]]:
        """The fill by owners: one of the kill switch or of a liquidation closes what others hold, the largest first;
        one of the trader's hand what strategies do."""
        left, fee, value = fill.quantity, fill.fee, fill.fee_value
        if of_others := self._of_others(fill, origin, before):
            against = sorted(
                (abs(own.position.quantity), name)
                for (name, instrument), own in self.owners.items()
                if instrument == fill.instrument
                and own.position.quantity * fill.side.sign < 0
                and (origin in CLOSERS or is_run(name))
            )
            for held, name in reversed(against):
                size = min(held, left, of_others)
                if size:
                    of_others = subtract(of_others, size)
                    whole = size == left
                    share = fee if whole else divide(multiply(fill.fee, size), fill.quantity)
                    worth = value
                    if value is not None and fill.fee_value is not None:
                        worth = value if whole else divide(multiply(fill.fee_value, size), fill.quantity)
                        value = subtract(value, worth)
                    yield name, msgspec.structs.replace(fill, quantity=size, fee=share, fee_value=worth)
                    left, fee = subtract(left, size), subtract(fee, share)
        if left:
            yield origin, msgspec.structs.replace(fill, quantity=left, fee=fee, fee_value=value)

    def _crossed(self, fill: Fill, before: Position) -> tuple[tuple[str, Fill], ...]:
        """The last fill of what closes the whole position, where some hold against it: with the account flat nobody
        holds anything. What they had against each other is closed at its price, and costs no fee. Empty where none do,
        and of coins, of which the account may have others."""
        terms, sign = self._instruments[fill.instrument], fill.side.sign
        held = [
            (name, own.position.quantity)
            for (name, instrument), own in self.owners.items()
            if instrument == fill.instrument and not own.position.is_flat
        ]
        total = closed = ZERO
        for _, quantity in held:
            total = add(total, quantity)
            closed = add(closed, max(ZERO, -quantity * sign))
        if (terms.is_spot and not terms.pooled) or total != before.quantity or closed == abs(total):
            return ()
        parts, fee, value, left = list[tuple[str, Fill]](), fill.fee, fill.fee_value, closed
        for name, quantity in held:
            size, share, worth = abs(quantity), ZERO, None if value is None else ZERO
            if quantity * sign < 0:
                last = size == left
                share = fee if last else divide(multiply(fill.fee, size), closed)
                if value is not None and fill.fee_value is not None:
                    worth = value if last else divide(multiply(fill.fee_value, size), closed)
                    value = subtract(value, worth)
                fee, left = subtract(fee, share), subtract(left, size)
            side = Side.SELL if quantity > 0 else Side.BUY
            parts.append((name, msgspec.structs.replace(fill, side=side, quantity=size, fee=share, fee_value=worth)))
        return tuple(parts)

    def _owe(self, entry: InterestCharged, instrument: Instrument) -> None:
        """Interest in coins: those who are short of them owe it, each for what it is short."""
        short = [
            own for (_, held), own in self.owners.items() if held == entry.instrument and own.position.quantity < 0
        ] or [self._own(_HAND, entry.instrument)]
        total = ZERO
        for own in short:
            total = add(total, own.position.quantity)
        left, (_, cost) = entry.amount, interest_of(entry, instrument)
        cost_left = cost
        for number, own in enumerate(short, 1):
            coins, paid = left, cost_left
            if number < len(short):
                coins = divide(multiply(entry.amount, own.position.quantity), total)
                paid = divide(multiply(cost, own.position.quantity), total)
            left, cost_left = subtract(left, coins), subtract(cost_left, paid)
            own.position = apply_interest(own.position, msgspec.structs.replace(entry, amount=coins), instrument)
            own.carry = subtract(own.carry, paid)

    def _carry(self, instrument: InstrumentId, amount: Decimal) -> None:
        """Share what a position cost or brought among those who hold it; what the shares' rounding leaves is the
        last one's."""
        holders = [
            (name, own) for (name, held), own in self.owners.items() if held == instrument and not own.position.is_flat
        ]
        total = ZERO
        for _, own in holders:
            total = add(total, own.position.quantity)
        if not total:
            own = self._own(_HAND, instrument)
            own.carry = add(own.carry, amount)
            return
        left = amount
        for number, (_, own) in enumerate(holders, 1):
            last = number == len(holders)
            share = left if last else divide(multiply(amount, own.position.quantity), total)
            own.carry = add(own.carry, share)
            left = subtract(left, share)


def day_results(results: Results, rate: Rate) -> list[DayResult]:
    """Every day on which something was booked, the newest first."""
    return [_day_result(day, booked, rate) for day, booked in sorted(results.days.items(), reverse=True)]


def _day_result(day: int, booked: Mapping[tuple[str, str], Booked], rate: Rate) -> DayResult:
    names = ("realized", "fees", "funding", "interest", "insurance", "flow")
    sums = dict.fromkeys(names, ZERO)
    whole, fills = True, 0
    for (venue, currency), one in booked.items():
        fills += one.fills
        worth = rate(venue, currency)
        if worth is None:
            whole = False
            continue
        for name in names:
            sums[name] = add(sums[name], multiply(getattr(one, name), worth))
    return DayResult(day=day, fills=fills, whole=whole, **sums)


def owner_results(
    results: Results, instruments: Mapping[InstrumentId, Instrument], rate: Rate, marks: Marks
) -> list[OwnerResult]:
    """Every origin that has traded, by name."""
    names = sorted({name for name, _ in results.owners})
    return [owner_result(name, results, instruments, rate, marks) for name in names]


def owner_result(
    origin: str,
    results: Results,
    instruments: Mapping[InstrumentId, Instrument],
    rate: Rate,
    marks: Marks,
    only: InstrumentId | None = None,
) -> OwnerResult:
    """What one origin has brought, in all or `only` in one instrument; all zero for one that has not traded."""
    realized = unrealized = fees = carry = ZERO
    fills = held = 0
    whole = True
    for (name, of), own in results.owners.items():
        if name != origin or (only is not None and of != only):
            continue
        instrument, position = instruments[of], own.position
        fills += own.fills
        held += not position.is_flat
        worth = rate(instrument.venue, instrument.settlement)
        mark = ZERO if position.is_flat else marks(of)
        if worth is None or mark is None:
            whole = False
        if worth is None:
            continue
        realized = add(realized, multiply(position.realized, worth))
        fees = add(fees, multiply(position.fees, worth))
        carry = add(carry, multiply(own.carry, worth))
        if mark:
            unrealized = add(unrealized, multiply(position.unrealized(instrument, mark), worth))
    return OwnerResult(
        origin=origin, realized=realized, unrealized=unrealized, fees=fees, carry=carry, fills=fills,
        instruments=held, whole=whole,
    )  # fmt: skip
