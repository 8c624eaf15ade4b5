"""Trades: what was done from flat to flat in an instrument, grouped from fills; a fold, exact to the last digit.

The rules. A trade begins with the fill that opens a position and ends with the one that closes it; what adds or closes
a part in between belongs to it. A fill through zero ends one trade and begins the next, its fee divided by quantity. Of
spot, less than one lot is flat: a fee taken in the coin leaves such a rest, and its cost passes to the next trade.

Invariant: in each instrument the trades' realised profit, fees, funding, interest and insurance sum to the portfolio's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.domain.events import FundingPaid, InsuranceCovered, InterestCharged, TradeNoted, VenueEntry
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, divide, multiply, subtract
from workstation.domain.order import Side
from workstation.domain.position import Position

type TradeId = str


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """Quantities are unsigned; money is in the instrument's settlement currency. Times are UTC ns.

    `entry_cost` and `exit_cost` are Σ of the instrument's value of what was entered and left. `largest` is the greatest
    position. `stop` is the first stop that was known on its losing side.
    """

    trade_id: TradeId
    instrument: InstrumentId
    side: Side
    origin: str
    opened_at: int
    closed_at: int | None = None
    entered: Decimal = ZERO
    entry_cost: Decimal = ZERO
    exited: Decimal = ZERO
    exit_cost: Decimal = ZERO
    largest: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    interest: Decimal = ZERO  # received less paid: below zero
    insurance: Decimal = ZERO
    stop: Decimal | None = None
    fills: int = 0

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def net(self) -> Decimal:
        """Profit after all that it cost; of an open trade what is realised so far."""
        whole = subtract(self.realized, self.fees)
        return add(add(whole, self.funding), add(self.interest, self.insurance))

    def entry_price(self, instrument: Instrument) -> Decimal | None:
        return _average(self, self.entered, self.entry_cost, instrument)

    def exit_price(self, instrument: Instrument) -> Decimal | None:
        return _average(self, self.exited, self.exit_cost, instrument)

    def risk(self, instrument: Instrument) -> Decimal | None:
        """What the first stop would have cost the greatest position, before fees; None where no stop was known."""
        entry = self.entry_price(instrument)
        if self.stop is None or entry is None:
            return None
        return abs(subtract(instrument.value(self.largest, entry), instrument.value(self.largest, self.stop)))


def _average(trade: Trade, quantity: Decimal, cost: Decimal, instrument: Instrument) -> Decimal | None:
    return Position(instrument=trade.instrument, quantity=quantity, cost=cost).average_price(instrument)


def _booked(entry: VenueEntry) -> tuple[str, Decimal] | None:
    """As what an entry stands in a trade, and how much it is."""
    match entry:
        case FundingPaid(amount=amount):
            return "funding", amount
        case InterestCharged(amount=amount, worth=worth):  # a coin other than the settlement currency has a worth
            return "interest", amount if worth is None else worth
        case InsuranceCovered(amount=amount):
            return "insurance", amount
        case _:
            return None


class TradesMark(msgspec.Struct, frozen=True):
    """Of one instrument: how many trades there are, the newest, whether it is open, and what came before the first."""

    count: int
    newest: Trade | None
    is_open: bool
    stray: Decimal | None


class TradeBook:
    """All trades of the desk, oldest first, and what the trader noted of them."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.notes: dict[TradeId, TradeNoted] = {}
        self.stray: dict[InstrumentId, Decimal] = {}  # booked by venues where no trade was ever made
        self.version = 0
        self._open: dict[InstrumentId, int] = {}  # the number of an instrument's open trade
        self._last: dict[InstrumentId, list[int]] = {}  # the numbers of all of its trades

    def open_trade(self, instrument: InstrumentId) -> Trade | None:
        number = self._open.get(instrument)
        return None if number is None else self.trades[number]

    # The fold.

    def apply_fill(
        self, fill: Fill, instrument: Instrument, before: Position, after: Position, origin: str = ""
    ) -> None:
        """Take a fill that moved the position from `before` to `after`."""
        self.version += 1
        moved = subtract(after.quantity, before.quantity)
        realized, fee = subtract(after.realized, before.realized), subtract(after.fees, before.fees)
        held = before.quantity
        trade = self.open_trade(fill.instrument)
        if trade is not None and held and (held > 0) != (after.quantity > 0) and after.quantity:
            share = divide(multiply(fee, abs(held)), abs(moved))
            self._leave(trade, fill, instrument, abs(held), realized, share, closed=True)
            self._enter(None, fill, instrument, after.quantity, after.quantity, ZERO, subtract(fee, share), origin)
        elif trade is None or (held > 0) == (moved > 0):
            self._enter(trade, fill, instrument, moved, after.quantity, realized, fee, origin)
        else:
            flat = after.quantity == 0 or (instrument.is_spot and abs(after.quantity) < instrument.lot)
            self._leave(trade, fill, instrument, abs(moved), realized, fee, closed=flat)

    def _enter(
        self, trade: Trade | None, fill: Fill, instrument: Instrument, moved: Decimal, held: Decimal,
        realized: Decimal, fee: Decimal, origin: str,
    ) -> None:  # fmt: skip
        """`moved` signed quantity came to what is `held` now."""
        if trade is None:
            trade = Trade(
                trade_id=f"{fill.instrument}#{fill.trade_id}",
                instrument=fill.instrument,
                side=Side.BUY if moved > 0 else Side.SELL,
                origin=origin,
                opened_at=fill.ts,
            )
            self._open[fill.instrument] = len(self.trades)
            self._last.setdefault(fill.instrument, []).append(len(self.trades))
            self.trades.append(trade)
        quantity = abs(moved)
        self._put(
            trade,
            fill,
            entered=add(trade.entered, quantity),
            entry_cost=add(trade.entry_cost, instrument.value(quantity, fill.price)),
            largest=max(trade.largest, abs(held)),
            realized=add(trade.realized, realized),
            fees=add(trade.fees, fee),
        )

    def _leave(
        self, trade: Trade, fill: Fill, instrument: Instrument, quantity: Decimal, realized: Decimal, fee: Decimal,
        *, closed: bool,
    ) -> None:  # fmt: skip
        self._put(
            trade,
            fill,
            exited=add(trade.exited, quantity),
            exit_cost=add(trade.exit_cost, instrument.value(quantity, fill.price)),
            realized=add(trade.realized, realized),
            fees=add(trade.fees, fee),
            closed_at=fill.ts if closed else None,
        )
        if closed:
            del self._open[fill.instrument]

    def _put(self, trade: Trade, fill: Fill, **changes: object) -> None:
        number = self._open[trade.instrument]
        self.trades[number] = msgspec.structs.replace(trade, fills=trade.fills + 1, **changes)

    def apply_entry(self, entry: VenueEntry, realized: Decimal = ZERO) -> None:
        """Funding, interest and insurance go to the trade that was open at their time, the profit that came out of what
        they did to the position to the newest."""
        name = getattr(entry, "instrument", None)
        if realized and name is not None:
            if numbers := self._last.get(name):
                trade = self.trades[numbers[-1]]
                self.trades[numbers[-1]] = msgspec.structs.replace(trade, realized=add(trade.realized, realized))
            else:
                self.stray[name] = add(self.stray.get(name, ZERO), realized)
        if (booked := _booked(entry)) and name is not None:
            self._book(name, entry.ts, *booked)

    def _at(self, numbers: list[int], ts: int) -> int:
        """The number of the trade that was open at a time, or had been last."""
        return next((n for n in reversed(numbers) if self.trades[n].opened_at <= ts), numbers[0])

    def _book(self, name: InstrumentId, ts: int, what: str, amount: Decimal) -> None:
        self.version += 1
        numbers = self._last.get(name)
        if not numbers:
            self.stray[name] = add(self.stray.get(name, ZERO), amount)
            return
        number = self._at(numbers, ts)
        trade = self.trades[number]
        self.trades[number] = msgspec.structs.replace(trade, **{what: add(getattr(trade, what), amount)})

    def protect(self, instrument: Instrument, side: Side, stop: Decimal | None) -> None:
        """A stop for a position of `side` is known: the open trade's first one, if it would end in a loss."""
        trade = self.open_trade(instrument.id)
        if stop is None or trade is None or trade.stop is not None or trade.side is not side:
            return
        entry = trade.entry_price(instrument)
        if entry is not None and (stop < entry) == (side is Side.BUY):
            self.trades[self._open[instrument.id]] = msgspec.structs.replace(trade, stop=stop)
            self.version += 1

    # Going back.

    def mark(self, name: InstrumentId) -> TradesMark:
        """The trades of an instrument as they stand, to go back to by `rewind`."""
        numbers = self._last.get(name, [])
        newest = self.trades[numbers[-1]] if numbers else None
        return TradesMark(len(numbers), newest, name in self._open, self.stray.get(name))

    def rewind(self, name: InstrumentId, mark: TradesMark, entries: Sequence[VenueEntry]) -> None:
        """Take back what came to an instrument since the mark; `entries`: those that were among it."""
        self.version += 1
        numbers = self._last.get(name, [])
        if gone := numbers[mark.count :]:
            self._drop(set(gone))
        numbers = self._last.get(name, [])
        self._open.pop(name, None)
        if mark.newest is not None:
            self.trades[numbers[-1]] = mark.newest
            if mark.is_open:
                self._open[name] = numbers[-1]
        for entry in entries:  # what they brought to the newest trade is gone with it, what to an older one is not
            if (booked := _booked(entry)) and numbers:
                what, amount = booked
                number = self._at(numbers, entry.ts)
                if number != numbers[-1]:
                    trade = self.trades[number]
                    change = {what: subtract(getattr(trade, what), amount)}
                    self.trades[number] = msgspec.structs.replace(trade, **change)
        if mark.stray is None:
            self.stray.pop(name, None)
        else:
            self.stray[name] = mark.stray

    def in_order(self, ids: Sequence[TradeId]) -> None:
        """The trades in this order again; what counts on their numbers is counted anew."""
        place = {trade_id: number for number, trade_id in enumerate(ids)}
        before = sorted(range(len(self.trades)), key=lambda number: place[self.trades[number].trade_id])
        now = {number: after for after, number in enumerate(before)}
        self.trades[:] = [self.trades[number] for number in before]
        self._open = {name: now[number] for name, number in self._open.items()}
        self._last = {name: sorted(now[number] for number in numbers) for name, numbers in self._last.items()}

    def noted(self, name: InstrumentId) -> list[Trade]:
        """The trades of an instrument of which something is noted."""
        found = [self.trades[number] for number in self._last.get(name, ())] if self.notes else []
        return [trade for trade in found if trade.trade_id in self.notes]

    def keep_notes(self, name: InstrumentId, before: Sequence[Trade]) -> None:
        """What was noted of trades that have another first fill now goes to who was open at their beginning."""
        numbers = self._last.get(name, [])
        ids = {self.trades[number].trade_id for number in numbers} if before else set()
        for trade in before:
            if trade.trade_id not in ids and numbers:
                here = self.trades[self._at(numbers, trade.opened_at)].trade_id
                note = self.notes.pop(trade.trade_id)
                self.notes.setdefault(here, msgspec.structs.replace(note, trade_id=here))

    def _drop(self, gone: set[int]) -> None:
        """Take trades out of the list; all that counts on their numbers is counted anew."""
        first = min(gone)
        tail = [number for number in range(first, len(self.trades)) if number not in gone]
        now = {before: first + after for after, before in enumerate(tail)}
        self.trades[first:] = [self.trades[number] for number in tail]
        self._open = {name: now.get(number, number) for name, number in self._open.items() if number not in gone}
        for name, numbers in list(self._last.items()):
            if (at := bisect_left(numbers, first)) < len(numbers):
                numbers[at:] = [now[number] for number in numbers[at:] if number in now]
                if not numbers:
                    del self._last[name]

    def note(self, event: TradeNoted) -> None:
        self.notes[event.trade_id] = event
        self.version += 1
