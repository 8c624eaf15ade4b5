"""The price ladder on the screen."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

from rich.segment import Segment

from plugins.books.columns import RowPainter, columns_for
from plugins.books.figures import price_text
from plugins.books.footing import (
    Parts,
    bid_share,
    message_lines,
    position_parts,
    spread_line,
    spread_text,
    staged_lines,
)
from plugins.books.model import Ladder, fitting_group
from plugins.books.mouse import LadderMouse
from plugins.books.own import Outside, cells_of, outside
from plugins.books.rows import LastTrade, RowViews, average_row
from screens.figures import money_text, quantity_text
from screens.pane import Desk
from workstation.clock import MILLISECOND, MINUTE, SECOND
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.market.book import OrderBook
from workstation.trading.preview import Preview

_FLASH = 250 * MILLISECOND
_TOLD = 10 * SECOND
_PRICES_KEPT = 5_000


class LadderPane(LadderMouse):
    """The order book by price, with our orders in it, traded by keyboard and mouse."""

    PANE = "books"
    FROM_ENGINE = True
    TITLE = "Ladder"
    DEFAULT_KEY = "b"
    LEAST = (30, 8)

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._painter: RowPainter | None = None
        self._painted: Hashable = None
        self._fitted = False
        self._scale = 0
        self._prices: dict[int, str] = {}
        self._trades_seen = 0
        self._last: LastTrade | None = None
        self._unseen = ""  # which of our orders do not show, where no row at the head says it
        self._told = ("", 0)  # the outcome that shows, and since when

    # -- what belongs to one instrument

    def instrument_changed(self) -> None:
        if self.staged is not None:
            self.staged = None
            self.toast("The staged order was discarded: the ladder shows another instrument now.")
        self.ladder = Ladder()
        self.outcome = ("", False)
        self.columns, self._painter = None, None
        self._fitted, self._scale, self._prices = False, 0, {}
        self._trades_seen, self._last = 0, None
        self.sight.lost()
        self.forget_fills()

    def theme_changed(self) -> None:
        self._painter = None

    def invalidate(self) -> None:
        super().invalidate()
        self._painted = None

    def resized(self) -> None:
        self.columns, self._painter, self._painted = None, None, None
        self._fitted = False

    def on_focus(self) -> None:
        self.repaint()

    def on_blur(self) -> None:
        self.repaint()

    def fit(self) -> None:
        instrument, book = self.market_here()
        chosen = self.groups.get(instrument.id)
        if not isinstance(chosen, int) or chosen < 1:
            bars = self.engine.recent_bars(instrument.id, MINUTE, 20)
            usual = sum(bar.high - bar.low for bar in bars) / len(bars) / float(instrument.tick) if bars else None
            chosen = fitting_group(book, self.ladder.rows, usual)
        if chosen is not None:
            self.ladder.regroup(chosen, book)
            self._fitted = True

    # -- painting

    @property
    def header(self) -> int:
        return 1 if self.height >= 12 else 0

    @property
    def _footer(self) -> int:
        return 3 if self.height >= 16 else 2 if self.height >= 9 else 1 if self.height >= 4 else 0

    def paint(self, now: int) -> None:
        instrument, book = self.instrument, self.book
        if instrument is None or book is None or self.height == 0:
            self.put_text(0, " No instrument is selected: / finds one.", self.ink.dim)
            self.blank_from(1)
            return
        if book.best_bid is None and book.best_ask is None:
            past = self.desk.travel.past is not None
            words = "No book of this moment was kept" if past else f"Waiting for the book of {instrument.symbol}"
            self.put_text(0, f" {words}", self.ink.dim)
            self.blank_from(1)
            return
        self._set_up(instrument, book)
        self.ladder.follow(book, now, hold=self.staged is not None)
        self._see_trades(instrument)
        self.tell_fills()
        self.follow_move()
        flash = self._last is not None and now - self._last.ts < _FLASH
        if self.outcome[0] != self._told[0]:
            self._told = (self.outcome[0], now)
        told = bool(self.outcome[0]) and now - self._told[1] < _TOLD
        preview = self.staged_preview(now)
        engine = self.engine
        state = (
            instrument.id, book.version, self._trades_seen, engine.orders_version, engine.portfolio_version,
            self.ladder.cursor, self.ladder.side, self.ladder.top, self.ladder.group, self.staged, self.has_focus,
            flash, told and self.outcome, preview, engine.mark(instrument.id), self.desk.size(instrument.id),
            self.stale_age,
        )  # fmt: skip
        self.sight.painted(now, instrument.id, book)
        if state == self._painted:
            return
        self._painted = state
        self._paint_rows(instrument, book, flash)
        self._paint_footer(instrument, book, preview, told)

    def _set_up(self, instrument: Instrument, book: OrderBook) -> None:
        """Lay out columns and window where something of them has changed."""
        rows = max(1, self.height - self.header - self._footer)
        if rows != self.ladder.rows:
            self.ladder.resize(rows, book)
        if not self._fitted:
            self.fit()
        top = max(self.ladder.top or 0, 1)
        price = len(price_text(instrument, self.ladder.price(top)))
        if self.columns is None or price > self.columns.price:
            self.columns = columns_for(self.width, price)
            self._painter = None
        if self._painter is None:
            self._painter = RowPainter(self.ink, self.columns)
            super().invalidate()

    def _see_trades(self, instrument: Instrument) -> None:
        """Follow the last trade: one that repeats price and side adds to its quantity."""
        market = self.engine.market(instrument.id)
        new = market.trades - self._trades_seen
        self._trades_seen = market.trades
        if new <= 0 or not market.tape:
            if not market.tape:
                self._last = None
            return
        fresh = list(islice(reversed(market.tape), min(new, 50)))
        for trade in reversed(fresh):
            side = Side.BUY if trade.buyer_is_aggressor else Side.SELL
            last = self._last
            if last is not None and (last.ticks, last.side) == (trade.price, side):
                self._last = LastTrade(trade.price, side, last.lots + trade.quantity, trade.ts)
            else:
                self._last = LastTrade(trade.price, side, trade.quantity, trade.ts)

    def _paint_rows(self, instrument: Instrument, book: OrderBook, flash: bool) -> None:
        ladder, painter, columns = self.ladder, self._painter, self.columns
        assert painter is not None
        assert columns is not None
        orders = self.engine.working(instrument.id)
        own = cells_of(orders, instrument, ladder.group, self.engine.queue_ahead)
        if len(self._prices) > _PRICES_KEPT:
            self._prices.clear()
        old = book.stale is not None or bool(self.stale_age)
        rows = RowViews(instrument, book, ladder, columns, self._scale, self._prices, faded=old)
        self._scale = rows.scale
        average = average_row(self.engine.position(instrument.id), instrument, ladder.group)
        at = ladder.cursor_row(book) if self.has_focus else None
        cursor = None if at is None else (at, ladder.side)
        sides = ((Side.BUY,), (Side.SELL,)) if columns.two_sided and self.header else (tuple(Side), ())
        unseen = tuple(outside(own, ladder.top or 0, ladder.bottom, some) for some in sides)
        self._unseen = "" if self.header else unseen[0].text()
        if self.header:
            self._paint_header(painter, book, unseen)
        for y in range(ladder.rows):
            view = rows.view(ladder.row(y), own, self.staged, self._last, flash, average, cursor)
            self.put(self.header + y, view, lambda view=view: painter.draw(view))  # type: ignore[misc]

    def _paint_header(self, painter: RowPainter, book: OrderBook, unseen: tuple[Outside, ...]) -> None:
        away = self.ladder.out_of_sight(book)
        if away:
            where = "▲ market above" if away > 0 else "▼ market below"
            both = Outside(sum(one.above for one in unseen), sum(one.below for one in unseen)).text()
            own = f" · own {both}" if both else ""
            text = f" {where} · Space centres{own}"
            self.put_text(0, text if len(text) <= self.width or not own else f" {where}{own}", self.ink.warning)
        else:
            left, right = unseen[0].text(), unseen[1].text()
            self.put(0, ("columns", left, right), lambda: painter.header((left, right)))

    def _paint_footer(self, instrument: Instrument, book: OrderBook, preview: Preview | None, told: bool) -> None:
        count, width, ink = self._footer, self.width, self.ink
        if count == 0:
            return
        message: list[Parts] = []
        if book.stale is not None:
            message = message_lines(f"STALE: {book.stale}", True, width, count)
        elif self.staged is not None:
            message = staged_lines(
                self.staged, instrument, book, preview, width, count, self.staged_exits(self.draft())
            )
        elif told:
            message = message_lines(self.outcome[0], self.outcome[1], width, min(2, count))
        spread, share = spread_text(book), bid_share(book)
        position = position_parts(self.engine.position(instrument.id), instrument, self.engine.mark(instrument.id))
        size = self._size_parts(instrument)
        standing: list[Parts | None] = [None, position, size][:count] if count > 1 else [position]
        if count - len(message) == 1 and not self.engine.position(instrument.id).is_flat:
            standing = [position]  # what is held is what a trader has to see
        lines: list[Parts | None] = [*standing[: count - len(message)], *message]
        for index, parts in enumerate(lines):
            y = self.height - count + index
            if parts is None:
                self.put(y, ("spread", spread, share), lambda: spread_line(spread, share, width, ink))
            else:
                self.put(y, parts, lambda parts=parts: _inked(parts, self))  # type: ignore[misc]

    def _size_parts(self, instrument: Instrument) -> Parts:
        size, mark = self.desk.size(instrument.id), self.engine.mark(instrument.id)
        if mark is None:
            return ((" size ", "dim"), (quantity_text(size, instrument), "text"))
        value = instrument.notional(size, mark)
        shown = f"{money_text(value, decimals=0 if value >= 100 else 2)} {instrument.settlement}"
        return ((" size ", "dim"), (quantity_text(size, instrument), "text"), (f" = {shown}", "dim"))

    def status(self) -> str:
        unseen = f"own {self._unseen} " if self._unseen else ""
        return f"{unseen}×{self.ladder.group}{' 1-click' if self.one_click else ''}"


def _inked(parts: Parts, pane: LadderPane) -> list[Segment]:
    return [Segment(text, getattr(pane.ink, ink)) for text, ink in parts]
