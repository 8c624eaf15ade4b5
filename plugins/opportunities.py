"""What the books offer: one book over all venues, crosses between them, triangles, and funding. Only to look at."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec
from rich.style import Style

from screens.actions import Action
from screens.figures import plain_text, price_text, shown
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import SECOND, span
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarkPrice
from workstation.domain.numbers import ZERO, add
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.consolidated import NetLevel, net_levels
from workstation.trading.opportunities import Carry, Cross, Triangle, carries, crosses, triangles

_EVERY = SECOND // 2
_VIEWS = ("crosses", "one book", "triangles", "funding")
_UNKNOWN = "interval unknown"
_DEPTH = 12  # levels a side of the one book


class Depth(msgspec.Struct, frozen=True):
    """A level of the one book, and how much stands up to it, in units of the base currency."""

    side: Side
    level: NetLevel
    up_to: Decimal


type Row = Cross | Triangle | Carry | Depth


def _columns(edge: str, size: str, profit: str, wide: int = 11) -> tuple[Column, ...]:
    return (
        Column("what", "What", 40, keep=12, flex=True),
        Column("edge", edge, wide, right=True, keep=11),
        Column("size", size, 14, right=True, keep=6),
        Column("profit", profit, 16, right=True, keep=8),
        Column("note", "", 18, keep=4),
    )


_COLUMNS = {
    "crosses": _columns("After fees", "Size", "Profit"),
    "one book": _columns("Price", "Size", "After the fee"),
    "triangles": _columns("After fees", "Size", "Profit"),
    "funding": _columns("A year", "Paid", "Against spot", wide=len(_UNKNOWN)),
}


class OpportunitiesPane(TablePane[Row]):
    """One line an opportunity, the best first; what loses is shown too, so that one sees how far it is away."""

    PANE = "opportunities"
    TITLE = "Opportunities"
    DEFAULT_KEY = "u"
    FOLLOWS = False
    PACE = 4
    LEAST = (40, 4)
    COLUMNS: ClassVar[tuple[Column, ...]] = _COLUMNS["crosses"]
    ACTIONS = (
        Action("view", "Crosses, one book, triangles, funding", "Shows the next kind.", ("v",), footer=80,
               short="Kind", group="View"),
        Action("select", "Select the instrument", "Selects the instrument that is bought for every pane that follows.",
               ("enter",), footer=75, short="Select", group="View"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._rows: Sequence[Row] = ()
        self._now = 0
        self.COLUMNS = _COLUMNS[self.view]  # type: ignore[misc]  # each view has its own titles

    @property
    def view(self) -> str:
        chosen = self.settings.get("view")
        return chosen if chosen in _VIEWS else _VIEWS[0]

    def subtitle(self) -> str:
        return self.view

    def empty(self) -> str:
        return {
            "crosses": "No asset is listed by two venues of this desk.",
            "one book": "Select an instrument: / finds one.",
            "triangles": "No venue of this desk lists three spot markets that close a round.",
            "funding": "No perpetual of this desk has a funding rate.",
        }[self.view]

    # -- the table

    def rows(self) -> Sequence[Row]:
        return self._rows

    def row_id(self, row: Row) -> Hashable:
        match row:
            case Cross(buy=buy, sell=sell):
                return frozenset((buy, sell))
            case Triangle(legs=legs):
                return legs
            case Depth(side=side, level=level):
                return side, level.instrument, level.price
            case Carry(instrument=instrument):
                return instrument

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        match row:
            case Cross():
                return self._cross(row, column)
            case Triangle():
                return self._triangle(row, column)
            case Depth():
                return self._depth(row, column)
            case Carry():
                return self._carry(row, column)

    def _depth(self, row: Depth, column: str) -> tuple[str, Style]:
        ink = self.ink
        colour = ink.ask if row.side is Side.BUY else ink.bid
        instrument = self.engine.instrument(row.level.instrument)
        match column:
            case "what":
                return f"{'buy' if row.side is Side.BUY else 'sell'} at {row.level.instrument}", colour
            case "edge":
                return price_text(row.level.price, instrument), ink.text
            case "size":
                return plain_text(row.level.quantity), colour
            case "profit":
                return shown(f"{row.level.net:,.{instrument.price_places}f}"), ink.strong
            case _:
                return f"{plain_text(row.up_to)} in all", ink.dim

    def _cross(self, row: Cross, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "what":
                return f"buy {row.buy}, sell {row.sell}", ink.text
            case "edge":
                return _points(row.edge), ink.signed(row.edge)
            case "size":
                return (plain_text(row.quantity), ink.text) if row.quantity else ("–", ink.dim)
            case "profit":
                return (shown(f"{row.profit:,.2f} {row.quote}"), ink.bid) if row.profit else ("–", ink.dim)
            case _:
                return "", ink.dim

    def _triangle(self, row: Triangle, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "what":
                return ", ".join(f"{leg.side} {leg.instrument}" for leg in row.legs), ink.text
            case "edge":
                return _points(row.edge), ink.signed(row.edge)
            case "size":
                return shown(f"{row.start:,.4g} {row.currency}"), ink.text
            case "profit":
                return (shown(f"{row.profit:,.4g} {row.currency}"), ink.bid) if row.profit else ("–", ink.dim)
            case _:
                return "", ink.dim

    def _carry(self, row: Carry, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "what":
                payer = "longs pay" if row.rate > 0 else "shorts pay" if row.rate < 0 else "nobody pays"
                every = "" if row.every is None else f"/{span(row.every)}"  # 80 columns have room for no more
                return f"{row.instrument}: {payer} {shown(f'{abs(row.rate) * 100:.4f}')}%{every}", ink.text
            case "edge":
                if row.year is None:
                    return _UNKNOWN, ink.dim
                return shown(f"{row.year * 100:+.1f}") + "%/yr", ink.signed(row.rate)
            case "size":
                left = "" if row.next_funding is None else span(max(0, row.next_funding - self._now))
                return (f"in {left}" if left else "–"), ink.dim
            case "profit":
                return ("–", ink.dim) if row.basis is None else (_points(row.basis), ink.signed(row.basis))
            case _:
                return (row.spot or "").rpartition(":")[2], ink.dim

    def paint(self, now: int) -> None:
        if self.up_to_date(now // _EVERY, self.view):
            return
        self._now = now
        self._rows = self._found()
        super().paint(now)

    def _found(self) -> Sequence[Row]:
        """Nothing is offered on a price that is old."""
        engine = self.engine
        fresh = [one for one in engine.instruments() if engine.stale_for(one.id) is None]
        match self.view:
            case "crosses":
                return crosses(fresh, engine.book)
            case "triangles":
                return triangles(fresh, engine.book)
            case "one book":
                return self._one_book(fresh)
            case _:
                return carries(fresh, self._mark, self._middle)

    def _one_book(self, fresh: Sequence[Instrument]) -> Sequence[Row]:
        """The selected instrument's asset on every venue: what is sold to us above, what is bought of us below."""
        chosen = self.desk.selected
        mine = None if chosen is None else self.engine.instrument(chosen)
        if mine is None or mine.is_inverse:
            return ()
        same = [
            (one, self.engine.book(one.id))
            for one in fresh
            if (one.base, one.quote, one.contract) == (mine.base, mine.quote, mine.contract)
        ]
        asks, bids = _levels(same, Side.BUY), _levels(same, Side.SELL)
        return [*reversed(asks), *bids]

    def _mark(self, instrument: InstrumentId) -> MarkPrice | None:
        return self.engine.market(instrument).mark

    def _middle(self, instrument: InstrumentId) -> Decimal | None:
        book = self.engine.book(instrument)
        middle = book.mid
        return (
            None
            if middle is None or book.stale is not None
            else Decimal(middle) * self.engine.instrument(instrument).tick
        )

    def status(self) -> str:
        paying = sum(isinstance(row, Cross | Triangle) and row.edge > 0 for row in self._rows)
        return f"{paying} pay" if paying else ""

    # -- keys

    def action_view(self) -> None:
        self.settings["view"] = _VIEWS[(_VIEWS.index(self.view) + 1) % len(_VIEWS)]
        self.COLUMNS = _COLUMNS[self.view]  # type: ignore[misc]
        self.save_settings()
        self.move_to(0)
        self.resized()
        self.invalidate()

    def action_select(self) -> None:
        match self.selected_row:
            case Cross(buy=buy):
                self.select_instrument(buy)
            case Triangle(legs=legs):
                self.select_instrument(legs[0].instrument)
            case Depth(level=level):
                self.select_instrument(level.instrument)
            case Carry(instrument=instrument):
                self.select_instrument(instrument)

    def chosen(self, row: Row) -> None:
        self.action_select()


def _levels(books: Sequence[tuple[Instrument, OrderBook]], side: Side) -> list[Depth]:
    found: list[Depth] = []
    up_to = ZERO
    for level in net_levels(books, side, _DEPTH)[:_DEPTH]:
        up_to = add(up_to, level.quantity)
        found.append(Depth(side, level, up_to))
    return found


def _points(edge: Decimal) -> str:
    """A fraction in basis points."""
    return shown(f"{edge * 10_000:+.1f} bp")
