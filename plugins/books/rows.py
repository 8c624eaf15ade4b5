"""From the state of market and desk to what each row of the ladder shows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from plugins.books.columns import QUANTITY_WIDTH, Columns, OwnText, RowView
from plugins.books.figures import own_text, places_for, price_text, quantity_text, steady_scale
from plugins.books.model import Ladder, depth, row_of
from plugins.books.own import Moved, OwnCell, Staged
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import divide
from workstation.domain.order import Side
from workstation.domain.position import Position
from workstation.market.book import OrderBook

#: Share of the filled rows whose bars are told apart; the few larger ones have full bars, the numbers tell the rest.
_FULL = 0.85
_INKS = {Side.BUY: "buy", Side.SELL: "sell"}


class LastTrade(msgspec.Struct):
    """The last trade's price in ticks and aggressor; `lots` sums the trades in a row at that price and side."""

    ticks: int
    side: Side
    lots: int
    ts: int


class RowViews:
    """The rows of one painting of the ladder."""

    def __init__(
        self,
        instrument: Instrument,
        book: OrderBook,
        ladder: Ladder,
        columns: Columns,
        scale: int,
        prices: dict[int, str],
        faded: bool,
    ) -> None:
        """`scale`: the lots of a full depth bar at the last painting, 0 before the first; `prices`: texts of prices in
        ticks that are known already; `faded`: the book cannot be trusted."""
        self._prices = prices
        self._instrument = instrument
        self._ladder = ladder
        self._columns = columns
        group, low, high = ladder.group, ladder.bottom, ladder.top or 0
        self._bids = depth(book.walk_bids(), Side.BUY, group, low, high)
        self._asks = depth(book.walk_asks(), Side.SELL, group, low, high)
        shown = sorted((*self._bids.values(), *self._asks.values())) or [1]
        self.scale = steady_scale(shown[int(_FULL * (len(shown) - 1))], scale)
        self._lot = float(instrument.lot)
        self.places = places_for(self.scale * self._lot, instrument.quantity_places)
        self._room = min(columns.bid, columns.ask - 1, QUANTITY_WIDTH)
        bid, ask = book.best_bid, book.best_ask
        self._best_bid = None if bid is None else row_of(bid, Side.BUY, group)
        self._best_ask = None if ask is None else row_of(ask, Side.SELL, group)
        self._faded = faded

    def view(
        self,
        row: int,
        own: Mapping[tuple[int, Side], OwnCell],
        staged: Staged | Moved | None,
        last: LastTrade | None,
        flash: bool,
        average: tuple[int, int] | None,
        cursor: tuple[int, Side] | None,
    ) -> RowView:
        """What `row` shows. `average`: the row and sign of the position's price; `cursor`: its row and side."""
        columns, group = self._columns, self._ladder.group
        here = last is not None and row_of(last.ticks, last.side.opposite, group) == row
        left = right = None
        if own or staged is not None:
            left, right = self._own(row, Side.BUY, own, staged), self._own(row, Side.SELL, own, staged)
            if not columns.two_sided:
                left, right = (right if left is None else left if right is None else self._both(left, right)), None
        bid, ask = self._bids.get(row, 0), self._asks.get(row, 0)
        return RowView(
            self._price(row * group),
            self._place(row),
            self._quantity(bid) if bid else "",
            self._bar(bid, columns.bid),
            self._quantity(ask) if ask else "",
            self._bar(ask, columns.ask),
            left,
            right,
            last=self._quantity(last.lots) if here and last is not None else "",
            last_side=last.side if here and last is not None else None,
            flash=flash and here,
            average=average[1] if average is not None and average[0] == row else 0,
            cursor=cursor[1] if cursor is not None and cursor[0] == row else None,
            faded=self._faded,
        )

    def _price(self, ticks: int) -> str:
        text = self._prices.get(ticks)
        if text is None:
            text = self._prices[ticks] = price_text(self._instrument, ticks)
        return text

    def _place(self, row: int) -> str:
        bid, ask = self._best_bid, self._best_ask
        if row == bid:
            return "best bid"
        if row == ask:
            return "best ask"
        if bid is not None and row < bid:
            return "bid"
        return "ask" if ask is not None and row > ask else "inside"

    def _quantity(self, lots: int) -> str:
        return quantity_text(lots * self._lot, self.places, self._room)

    def _bar(self, lots: int, width: int) -> int:
        return 0 if not lots else min(width, max(1, -(-lots * width // self.scale)))

    def _own(
        self, row: int, side: Side, own: Mapping[tuple[int, Side], OwnCell], staged: Staged | Moved | None
    ) -> OwnText | None:
        width = (self._columns.own if side is Side.BUY or not self._columns.two_sided else self._columns.sells) - 1
        if staged is not None and staged.side is side and row_of(staged.price, side, self._ladder.group) == row:
            mark = "⏎" if isinstance(staged, Staged) else "↕"
            letter = "" if self._columns.two_sided else side.value[0].upper()
            return OwnText(f"{letter}{mark}{own_text(staged.quantity, max(1, width - 1 - len(letter)))}", "staged")
        cell = own.get((row, side))
        if cell is None:
            return None
        letter = "" if self._columns.two_sided else side.value[0].upper()
        ink = {"unknown": "unknown", "sent": "waiting"}.get(cell.state, _INKS[side])
        return OwnText(letter + cell.text(width - len(letter), self.places), ink)

    @staticmethod
    def _both(left: OwnText, right: OwnText) -> OwnText:
        """A buy and a sell in one narrow cell (a stop beyond the market): what is staged, else both, shortened."""
        if "staged" in (left.ink, right.ink):
            return left if left.ink == "staged" else right
        return OwnText(f"{left.text.partition('▸')[0].strip()} {right.text.partition('▸')[0].strip()}", "waiting")


def average_row(position: Position, instrument: Instrument, group: int) -> tuple[int, int] | None:
    """The row nearest to a position's average price and the position's sign; None when flat."""
    average = position.average_price(instrument)
    if average is None or not position.quantity:
        return None
    step = instrument.tick * group
    return int(divide(average, step, Decimal(1))), 1 if position.quantity > 0 else -1
