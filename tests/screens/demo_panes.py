"""Small panes for the shell's tests: one of each kind, named as the built-in ones so that they take their places."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.widgets import Input, Static

from screens.actions import Action
from screens.painted import PaintedPane, cells
from screens.pane import Pane
from screens.table import TABLE_ACTIONS, Column, TablePane
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import plain
from workstation.domain.order import OrderDraft, Side


class Books(PaintedPane):
    PANE = "books"
    TITLE = "Ladder"
    DEFAULT_KEY = "b"
    ACTIONS = (
        Action("buy", "Stage a buy", "Stages a buy limit at the cursor.", ("b",), trades=True, footer=80, short="Buy"),
        Action("sell", "Stage a sell", "Stages a sell limit.", ("s",), trades=True, footer=80, short="Sell"),
        Action("recentre", "Recentre", "Brings the best prices to the middle.", ("space",), footer=20),
        Action("break", "Break", "Raises an error.", ("Q",)),
        Action("slow", "Slow", "Waits for a venue for ever.", ("W",), trades=True),
    )

    def __init__(self, desk, slot):
        super().__init__(desk, slot)
        self.done: list[str] = []
        self.paints = 0

    def paint(self, now: int) -> None:
        self.paints += 1
        book, instrument, ink = self.book, self.instrument, self.ink
        if book is None or instrument is None or book.best_bid is None:
            self.put_text(0, " waiting for the book", ink.dim)
            self.blank_from(1)
            return
        half = self.height // 2
        asks = [(price, lots, ink.ask, ink.on_ask) for price, lots in reversed(book.ask_levels(half))]
        bids = [(price, lots, ink.bid, ink.on_bid) for price, lots in book.bid_levels(self.height - half)]
        for y, (ticks, lots, style, back) in enumerate([*asks, *bids]):
            bar = min(self.width - 14, lots // 20)

            def build(ticks=ticks, lots=lots, style=style, back=back, bar=bar):
                quantity = plain(instrument.quantity(lots)).rjust(self.width - 14)
                price = f"{instrument.price(ticks):,.{instrument.price_places}f}".rjust(12)
                return cells((f"{price} ", style), (quantity[:bar], back), (quantity[bar:], ink.text))

            self.put(y, (ticks, lots), build)
        self.blank_from(len(asks) + len(bids))

    def action_buy(self) -> None:
        self.done.append("buy")

    async def action_sell(self) -> None:
        assert self.instrument_id is not None
        draft = OrderDraft(
            instrument=self.instrument_id, side=Side.BUY, quantity=self.desk.size(self.instrument_id), price=None
        )
        self.desk.offer_draft(draft)

    def action_recentre(self) -> None:
        self.done.append("recentre")

    def action_break(self) -> None:
        raise RuntimeError("the ladder fell over")

    async def action_slow(self) -> None:
        import asyncio

        self.done.append("asked")
        await asyncio.sleep(3600)


class Watchlist(TablePane[Instrument]):
    PANE = "watchlist"
    TITLE = "Watchlist"
    DEFAULT_KEY = "w"
    FOLLOWS = False
    ACTIONS = (*TABLE_ACTIONS, Action("choose", "Select", "Selects the instrument.", ("enter",), footer=80))
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("symbol", "Symbol", 14, keep=9, flex=True, sort=lambda one: one.symbol),
        Column("last", "Last", 10, right=True, keep=8),
        Column("tick", "Tick", 6, right=True, keep=1, sort=lambda one: one.tick),
    )

    def rows(self):
        return self.engine.instruments()

    def row_id(self, row):
        return row.id

    def cell(self, row: Instrument, column: str) -> tuple[str, Style]:
        if column == "symbol":
            return row.id, self.ink.text
        if column == "tick":
            return plain(row.tick), self.ink.dim
        mark = self.engine.mark(row.id)
        return ("–" if mark is None else f"{mark:,.{row.price_places}f}"), self.ink.bid

    def action_choose(self) -> None:
        if self.selected_row is not None:
            self.desk.select(self.selected_row.id)


class Orders(TablePane):
    PANE = "orders"
    TITLE = "Orders"
    DEFAULT_KEY = "r"
    FOLLOWS = False
    EMPTY = "No orders yet. b or s in a ladder, or o for the ticket."
    ACTIONS = TABLE_ACTIONS
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("instrument", "Instrument", 14, keep=8),
        Column("side", "Side", 4, keep=9),
        Column("quantity", "Quantity", 10, right=True, keep=7),
        Column("state", "State", 10, keep=5, flex=True),
    )

    def rows(self):
        return self.engine.orders()

    def row_id(self, row):
        return row.client_id

    def cell(self, row, column):
        return str(getattr(row, column)), self.ink.text


class Ticket(Pane):
    """Made of widgets; has a text field."""

    PANE = "ticket"
    TITLE = "Ticket"
    DEFAULT_KEY = "t"
    can_focus = False
    ACTIONS = (Action("larger", "Larger", "The next size.", ("+",)), Action("crash", "Crash", "Fails.", ("f8",)))

    def compose(self) -> ComposeResult:
        yield Input(placeholder="quantity")
        yield Static("cost –")

    def take_draft(self, draft: OrderDraft) -> bool:
        self.query_one(Input).value = plain(draft.quantity)
        return True

    def action_larger(self) -> None:
        assert self.instrument_id is not None
        self.query_one(Input).value = plain(self.desk.step_size(self.instrument_id, 1))

    def action_crash(self) -> None:
        self.query_one(Static).render = self._broken

    def _broken(self):
        raise ValueError("cannot be drawn")


def _plain_pane(name: str, title: str, key: str) -> type[PaintedPane]:
    class Plain(PaintedPane):
        PANE = name
        TITLE = title
        DEFAULT_KEY = key
        FOLLOWS = name in ("chart", "tape")

        def paint(self, now: int) -> None:
            self.put_text(0, f" {title} of {self.width}×{self.height}", self.ink.dim)
            self.blank_from(1)

    Plain.__name__ = title
    return Plain


Chart = _plain_pane("chart", "Chart", "c")
Tape = _plain_pane("tape", "Tape", "p")
Positions = _plain_pane("positions", "Positions", "s")
Log = _plain_pane("log", "Log", "l")

ALL = (Watchlist, Books, Tape, Chart, Ticket, Orders, Positions, Log)
