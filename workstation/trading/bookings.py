"""What fills and venues' entries do to positions, money, results and trades, in the order in which the venue made the
fills: one that is heard late goes where it belongs, and what came after it is folded again.

The cost of a position, the profit that a fill realises, the trades and who earned what depend on that order. Arrival is
not it: streams overtake each other, and a fill that no stream told is found by asking, minutes later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from workstation.domain import position as positions
from workstation.domain.events import FeesValued, InterestCharged, VenueEntry
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.interest import apply_interest
from workstation.domain.numbers import subtract
from workstation.domain.order import Side
from workstation.domain.position import Position
from workstation.trading.orders import OrderManager
from workstation.trading.portfolio import Portfolio, PortfolioMark
from workstation.trading.results import OwnersMark, Results
from workstation.trading.trades import TradeBook, TradesMark

#: Origin of fills that were made up so that the books agree with the venue: they hang on what was booked before them.
MADE_UP = "reconciliation"
#: A state to go back to is kept every so many steps.
_EVERY = 16


class FillStep(msgspec.Struct, frozen=True):
    """A fill, who sent its order, and the stop that the order's plan had then, for a position of `side`. `whole`: the
    order was to close all that the account holds."""

    fill: Fill
    origin: str
    side: Side | None = None
    stop: Decimal | None = None
    whole: bool = False


class StopStep(msgspec.Struct, frozen=True):
    """A stop for a position of `side` became known."""

    instrument: InstrumentId
    side: Side
    stop: Decimal | None


class EntryStep(msgspec.Struct, frozen=True):
    entry: VenueEntry


type Step = FillStep | StopStep | EntryStep


class Mark(msgspec.Struct, frozen=True):
    """The state of an instrument before step number `at`."""

    at: int
    portfolio: PortfolioMark
    owners: OwnersMark
    trades: TradesMark


class Line:
    """All that happened to one instrument, in the venue's order of the fills."""

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.steps: list[Step] = []
        self.marks: list[Mark] = []


def made_after(one: Fill, other: Fill) -> bool:
    """Whether the venue made `one` after `other`: by its own numbers, else by its clock. Of one instant, an order that
    takes several levels takes the best first, be they ours or be the order. What nothing tells apart stays as it was
    heard, and so as it stands in the journal."""
    if one.number and other.number and one.number != other.number:
        return one.number > other.number
    if one.ts != other.ts:
        return one.ts > other.ts
    if one.side is not other.side or one.liquidity is not other.liquidity:
        return False
    beyond = (one.price - other.price) * one.side.sign
    if one.liquidity is Liquidity.TAKER:
        return one.client_id == other.client_id and beyond > 0
    return beyond < 0  # of our bids the highest is taken first


def place_of(steps: list[Step], fill: Fill) -> int:
    """Where the fill belongs: before the first of the newest fills that were made after it."""
    at = len(steps)
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        if isinstance(step, FillStep):
            if step.origin == MADE_UP or not made_after(step.fill, fill):
                break
            at = index
    return at


class Bookings:
    """The fold. Whatever the order in which fills are heard, the books are those of the venue's own order."""

    def __init__(
        self, instruments: Mapping[InstrumentId, Instrument], portfolio: Portfolio, results: Results, trades: TradeBook
    ) -> None:
        self._instruments = instruments
        self.portfolio = portfolio
        self.results = results
        self.trades = trades
        self._lines: dict[InstrumentId, Line] = {}

    def fill(self, step: FillStep) -> None:
        """Book a fill of an instrument that the desk knows."""
        line = self._line(step.fill.instrument)
        at = len(line.steps) if step.origin == MADE_UP else place_of(line.steps, step.fill)
        if at < len(line.steps):
            self._again(line, at, step)
            return
        self._append(line, step)
        before, after = self._book(step)
        self.portfolio.pay(step.fill, subtract(after.realized, before.realized))

    def protect(self, instrument: Instrument, side: Side, stop: Decimal | None) -> None:
        """A stop for a position of `side` is known."""
        trade = self.trades.open_trade(instrument.id)
        if stop is None or (trade is not None and trade.stop is not None):
            return
        self._append(self._line(instrument.id), StopStep(instrument.id, side, stop))
        self.trades.protect(instrument, side, stop)

    def entry(self, entry: VenueEntry) -> None:
        """Book what a venue booked by itself."""
        name = getattr(entry, "instrument", None)
        if name is not None and name in self._instruments:
            self._append(self._line(name), EntryStep(entry))
        self.portfolio.apply_entry(entry)
        realized = self.portfolio.charge(entry)
        self.trades.apply_entry(entry, realized)
        self.results.on_entry(entry, realized)

    def _line(self, name: InstrumentId) -> Line:
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line(name)
        return line

    def _append(self, line: Line, step: Step) -> None:
        at = len(line.steps)
        if at % _EVERY == 0:
            line.marks.append(self._mark(line.instrument, at))
        line.steps.append(step)

    def _mark(self, name: InstrumentId, at: int) -> Mark:
        return Mark(at, self.portfolio.mark(name), self.results.mark(name), self.trades.mark(name))

    def _book(self, step: FillStep) -> tuple[Position, Position]:
        """Everything that a fill does but to the money of the account; the position before and after it."""
        fill, instrument = step.fill, self._instruments[step.fill.instrument]
        before = self.portfolio.position(fill.instrument)
        after = self.portfolio.move(fill)
        self.results.on_fill(fill, step.origin, before, after, step.whole)
        self.trades.apply_fill(fill, instrument, before, after, step.origin)
        if step.side is not None:
            self.trades.protect(instrument, step.side, step.stop)
        return before, after

    def _again(self, line: Line, at: int, late: FillStep) -> None:
        """Put a late fill before step `at`, and do again what came after it."""
        name, realized = line.instrument, self.portfolio.position(line.instrument).realized
        self._redo(line, at, lambda: line.steps.insert(at, late))
        self.portfolio.pay(late.fill, subtract(self.portfolio.position(name).realized, realized))

    def valued(self, instrument: InstrumentId, fills: Mapping[str, Fill]) -> None:
        """Fills that are booked come again, by their trade ids, with the value of their fees; their money has been
        booked, and stays."""
        line, known = self._line(instrument), dict[int, FillStep]()
        for at, step in enumerate(line.steps):
            if isinstance(step, FillStep) and (fill := fills.get(step.fill.trade_id)) is not None:
                known[at] = msgspec.structs.replace(step, fill=fill)

        def change() -> None:
            for at, step in known.items():
                line.steps[at] = step

        if known:
            trades = [trade.trade_id for trade in self.trades.trades]
            self._redo(line, min(known), change)
            self.trades.in_order(trades)  # they are the same ones

    def _redo(self, line: Line, at: int, change: Callable[[], None]) -> None:
        """Go back to before step `at`, change the steps from there on, and take them again."""
        name = line.instrument
        noted = self.trades.noted(name)
        while line.marks[-1].at > at:
            line.marks.pop()
        mark = line.marks[-1]
        self._undo(line, mark)
        change()
        for number in range(mark.at, len(line.steps)):
            if number % _EVERY == 0 and number > mark.at:
                line.marks.append(self._mark(name, number))
            self._replay(line.steps[number])
        self.trades.keep_notes(name, noted)

    def _undo(self, line: Line, mark: Mark) -> None:
        name, tail = line.instrument, line.steps[mark.at :]
        instrument = self._instruments[name]
        position = mark.portfolio.position or Position(instrument=name)
        for step in tail:
            if isinstance(step, FillStep):
                after = positions.apply_fill(position, step.fill, instrument)
                self.results.undo(step.fill, position, after)
                position = after
            elif isinstance(step, EntryStep) and isinstance(step.entry, InterestCharged):
                after = apply_interest(position, step.entry, instrument)
                self.results.realize(step.entry, subtract(position.realized, after.realized))
                position = after
        self.portfolio.rewind(name, mark.portfolio)
        self.results.rewind(name, mark.owners)
        self.trades.rewind(name, mark.trades, [step.entry for step in tail if isinstance(step, EntryStep)])

    def _replay(self, step: Step) -> None:
        match step:
            case FillStep():
                self._book(step)
            case StopStep(side=side, stop=stop, instrument=instrument):
                self.trades.protect(self._instruments[instrument], side, stop)
            case EntryStep(entry=entry):  # its money has been booked, and stays
                self.portfolio.remargin(entry)
                realized = self.portfolio.charge(entry)
                self.trades.apply_entry(entry, realized)
                self.results.realize(entry, realized)
                self.results.carry(entry)


def value_fees(event: FeesValued, fills: list[Fill], orders: OrderManager, bookings: Bookings) -> None:
    """Fees count at their worth from now on: in their fills, in the orders, and in all that is folded from them. Of a
    fill that has a value, or that the desk does not know, nothing changes."""
    values, known = {fee.trade_id: fee for fee in event.fees}, dict[str, Fill]()
    for at in range(len(fills) - 1, -1, -1):
        if not values:
            break
        fill = fills[at]
        if fill.instrument != event.instrument or (fee := values.pop(fill.trade_id, None)) is None:
            continue
        if fill.fee_value is None and fee.order in orders.orders:
            fills[at] = known[fill.trade_id] = msgspec.structs.replace(fill, fee_value=fee.value)
            orders.add_fee(fee.order, fee.value)
    bookings.valued(event.instrument, known)
