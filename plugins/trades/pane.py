"""Trades from entry to flat, newest first; `v` shows how they did by tag, setup, hour, weekday, side, instrument."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from rich.style import Style

from plugins.trades.notes import line_of, read
from screens.actions import Action
from screens.figures import moment, money_text, name_text, price_text, quantity_text, settlement_places, shown, zone
from screens.name_dialog import NameDialog
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from screens.table_export import write
from workstation.clock import span
from workstation.domain.events import TradeNoted
from workstation.trading.errors import Refused
from workstation.trading.trade_stats import By, Stats, r_multiple, statistics
from workstation.trading.trades import Trade

type Row = Trade | Stats

_TRADES = (
    Column("opened", "Opened", 15, keep=9, sort=lambda row: row.opened_at),
    Column("length", "For", 9, keep=3, sort=lambda row: (row.closed_at or 0) - row.opened_at),
    Column("instrument", "Instrument", 14, keep=12, sort=lambda row: row.instrument),
    Column("side", "Side", 5, keep=10, sort=lambda row: row.side),
    Column("quantity", "Largest", 9, right=True, keep=8, sort=lambda row: row.largest),
    Column("entry", "Entry", 11, right=True, keep=6),
    Column("exit", "Exit", 11, right=True, keep=6),
    Column("fees", "Fees", 8, right=True, keep=2, sort=lambda row: row.fees),
    Column("funding", "Funding", 8, right=True, keep=1, sort=lambda row: row.funding),
    Column("net", "Net", 10, right=True, keep=11, sort=lambda row: row.net),
    Column("r", "R", 6, right=True, keep=7),
    Column("note", "Notes", 10, keep=5, flex=True),
)
_STATS = (
    Column("key", "", 16, keep=12, flex=True),
    Column("count", "Trades", 6, right=True, keep=11, sort=lambda row: row.count),
    Column("win_rate", "Won %", 6, right=True, keep=9, sort=lambda row: row.win_rate),
    Column("average_win", "Avg win", 10, right=True, keep=6, sort=lambda row: row.average_win or 0),
    Column("average_loss", "Avg loss", 10, right=True, keep=5, sort=lambda row: row.average_loss or 0),
    Column("expectancy", "Expect.", 10, right=True, keep=8, sort=lambda row: row.expectancy),
    Column("profit_factor", "Factor", 7, right=True, keep=7, sort=lambda row: row.profit_factor or 0),
    Column("average_r", "Avg R", 7, right=True, keep=4, sort=lambda row: row.average_r or 0),
    Column("total", "Total", 11, right=True, keep=10, sort=lambda row: row.total),
)
_VIEWS: tuple[By | None, ...] = (None, By.TAG, By.SETUP, By.HOUR, By.WEEKDAY, By.SIDE, By.INSTRUMENT, By.ORIGIN)


class TradesPane(TablePane[Row]):
    """Money is in the settlement currency of each trade, after fees, funding and interest."""

    PANE = "trades"
    TITLE = "Trades"
    DEFAULT_KEY = "a"
    LEAST = (40, 5)
    FOLLOWS = False
    EMPTY = "No trades yet: a first fill begins one, being flat again ends it."
    PACE = 2
    COLUMNS: ClassVar[tuple[Column, ...]] = _TRADES
    ACTIONS = (
        Action("note", "Note the trade", "Setup, tags, risk and words of the trade: @breakout #news r=50 entered late.",
               ("n", "enter"), footer=90, short="Note", group="Trade"),
        Action("picture", "Attach a picture", "Saves the screen as SVG and attaches it to the trade.", ("i",),
               footer=80, short="Picture", group="Trade"),
        Action("view", "Trades / statistics", "Shows the trades, or how they did by tag, setup, hour, weekday, side, "
               "instrument, origin.", ("v",), footer=85, short="Statistics", group="View"),
        *TABLE_ACTIONS,
        *COPY_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.by: By | None = None
        self._rows_key: Hashable = None
        self._rows: Sequence[Row] = ()
        self._whole: Stats | None = None

    # -- the table

    def rows(self) -> Sequence[Row]:
        return self._rows

    def empty(self) -> str:
        if self.by is not None and self.engine.core.trades.trades:
            return "No trade has ended yet: only those that are flat again count."
        return self.EMPTY

    def row_id(self, row: Row) -> Hashable:
        return row.trade_id if isinstance(row, Trade) else row.key

    def _note(self, trade: Trade) -> TradeNoted | None:
        return self.engine.core.trades.notes.get(trade.trade_id)

    def _r(self, trade: Trade) -> float | None:
        return r_multiple(trade, self.engine.instrument(trade.instrument), self._note(trade))

    def _money_of(self) -> list[Trade]:
        """The trades that settle in the account's currency: what can be added up."""
        engine = self.engine
        one = {engine.currency, *engine.core.portfolio.at_par}
        return [t for t in engine.core.trades.trades if engine.instrument(t.instrument).settlement in one]

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        return self._stat(row, column) if isinstance(row, Stats) else self._trade(row, column)

    def _trade(self, row: Trade, column: str) -> tuple[str, Style]:
        ink, instrument = self.ink, self.engine.instrument(row.instrument)
        decimals = settlement_places(instrument)
        match column:
            case "opened":
                return f"{moment(row.opened_at):%d %b %H:%M:%S}", ink.dim
            case "length":
                return ("open", ink.own) if row.closed_at is None else (span(row.closed_at - row.opened_at), ink.dim)
            case "instrument":
                return name_text(instrument, 14), ink.text
            case "side":
                long = row.side.sign > 0
                return "long" if long else "short", ink.bid if long else ink.ask
            case "quantity":
                return quantity_text(row.largest, instrument), ink.text
            case "entry":
                return price_text(row.entry_price(instrument), instrument), ink.text
            case "exit":
                return price_text(row.exit_price(instrument), instrument), ink.text
            case "fees":
                return money_text(row.fees, decimals=decimals), ink.dim
            case "funding":
                return (money_text(row.funding, True, decimals) if row.funding else "–"), ink.dim
            case "net":
                return money_text(row.net, True, decimals), ink.signed(row.net)
            case "r":
                r = self._r(row)
                return ("–", ink.dim) if r is None else (shown(f"{r:+.2f}"), ink.text)
            case _:
                note = self._note(row)
                pictures = f" ▣{len(note.pictures)}" if note is not None and note.pictures else ""
                return line_of(note) + pictures, ink.text

    def _stat(self, row: Stats, column: str) -> tuple[str, Style]:
        ink = self.ink
        match column:
            case "key":
                return row.key.lstrip("1234567 ") if self.by is By.WEEKDAY else row.key, ink.strong
            case "count":
                return str(row.count), ink.text
            case "win_rate":
                return shown(f"{row.win_rate * 100:.0f}"), ink.text
            case "profit_factor":
                return ("–" if row.profit_factor is None else shown(f"{row.profit_factor:.2f}")), ink.text
            case "average_r":
                return ("–" if row.average_r is None else shown(f"{row.average_r:+.2f}")), ink.text
            case _:
                value = getattr(row, column)
                if value is None:
                    return "–", ink.dim
                text = shown(f"{value:+,.2f}")
                return text, ink.bid if value > 0 else ink.ask if value < 0 else ink.text

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        ink, one = self.ink, self._whole
        if one is None:
            return [("", ink.dim)]
        words = f" {one.count} closed · {one.win_rate * 100:.0f} % won · expectancy {one.expectancy:+,.2f}"
        words += f" · factor {one.profit_factor:.2f}" if one.profit_factor is not None else ""
        words += f" · {one.average_r:+.2f} R" if one.average_r is not None else ""
        return [(shown(words), ink.dim), (shown(f" · {one.total:+,.2f} {self.engine.currency}"), ink.text)]

    def status(self) -> str:
        return "" if self.by is None else f"by {self.by}, in {self.engine.currency}"

    def paint(self, now: int) -> None:
        book = self.engine.core.trades
        key = (id(book), book.version, self.engine.portfolio_version, self.by)
        if key != self._rows_key:
            self._rows_key = key
            self._whole = next(iter(self._statistics(By.ALL)), None)
            self._rows = book.trades[::-1] if self.by is None else self._statistics(self.by)
        if not self.up_to_date(key):
            super().paint(now)

    def _statistics(self, by: By) -> list[Stats]:
        return statistics(self._money_of(), by, self._note, self._r, zone())

    # -- keys

    def _here(self) -> Trade:
        row = self.selected_row
        if not isinstance(row, Trade):
            raise Refused("There is no trade under the cursor.")
        return row

    def action_note(self) -> None:
        trade = self._here()
        title = f"{trade.side.upper()} {trade.instrument}: @setup #tag r=risk and words"
        dialog = NameDialog(title, line_of(self._note(trade)), "@breakout #news r=50 entered late", most=300)
        self.app.push_screen(dialog, lambda line: self._noted(trade, line))

    def _noted(self, trade: Trade, line: str | None) -> None:
        if line is not None:
            self.spawn(self._keep(trade, line))

    async def _keep(self, trade: Trade, line: str) -> None:
        engine = self.engine
        await engine.note_trade(read(line, trade.trade_id, engine.clock.now(), self._note(trade)))

    async def action_picture(self) -> None:
        trade, engine = self._here(), self.engine
        folder = self.desk.exports
        if folder is None:
            raise Refused("This desk has no folder for pictures.")
        picture = self.app.export_screenshot(title=trade.trade_id)
        try:
            path = await asyncio.to_thread(write, folder, "trade", "svg", picture, engine.clock.now())
        except OSError as error:
            raise Refused(f"The picture could not be written: {error.strerror or error}.") from error
        note = self._note(trade) or TradeNoted(ts=0, trade_id=trade.trade_id)
        await engine.note_trade(replace(note, ts=engine.clock.now(), pictures=(*note.pictures, path.name)))
        self.toast(f"The picture {path} belongs to the trade.")

    def action_view(self) -> None:
        self.by = _VIEWS[(_VIEWS.index(self.by) + 1) % len(_VIEWS)]
        self.COLUMNS = _TRADES if self.by is None else _STATS  # type: ignore[misc]
        self.sort_by(None)
        self.move_to(0)
        self.resized()
        self.invalidate()

    def invalidate(self) -> None:
        self._rows_key = None
        super().invalidate()
