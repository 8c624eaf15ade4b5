"""Where the ladder's columns stand at each width, and how a row is drawn."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from rich.segment import Segment
from rich.style import Style

from screens.theme import Ink
from workstation.domain.order import Side

#: From this width on buys and sells have a column each, and from `_LAST` on the last trade too.
_TWO_SIDED = 46
_LAST = 56
#: A side of the book and our orders get no wider than this; a wider ladder stands in the middle of its pane.
_MOST_DEPTH, _MOST_OWN = 26, 16
#: Quantities of asks stand right-aligned in a field of this width beside the price, as those of bids do.
QUANTITY_WIDTH = 8
_PLAIN = Style()
_BOLD = Style(bold=True)


def _over(back: Style, style: Style) -> Style:
    return style if back is _PLAIN else back + style


class Columns(msgspec.Struct, frozen=True):
    """Widths in cells, in the order in which they stand. In a narrow ladder all our orders stand in `own`."""

    own: int
    bid: int
    price: int  # the price itself; one cell for marks stands on each side of it
    last: int
    ask: int
    sells: int  # 0 in a narrow ladder
    margin: int = 0  # empty cells at the left

    @property
    def two_sided(self) -> bool:
        return self.sells > 0

    def side_at(self, x: int) -> tuple[Side | None, bool]:
        """The side of what stands at column `x` (None for prices and the narrow own column), and if it is ours."""
        x -= self.margin
        if x < 0:
            return None, False
        if x < self.own:
            return (Side.BUY if self.two_sided else None), True
        if x < self.own + self.bid:
            return Side.BUY, False
        x -= self.own + self.bid + self.price + 2 + self.last
        if x < 0:
            return None, False
        if x >= self.ask + self.sells:
            return None, False
        return Side.SELL, x >= self.ask and self.two_sided


def columns_for(width: int, price: int) -> Columns:
    """The columns of a ladder `width` wide whose prices take `price` cells."""
    rest = max(0, width - price - 2)
    if width < _TWO_SIDED:
        own = max(0, min(10 + max(0, width - 32) // 2, rest - 12))
        bid = (rest - own) // 2
        return Columns(own, bid, price, 0, rest - own - bid, 0)
    last = 8 if width >= _LAST else 0
    rest -= last
    own = max(9, min(_MOST_OWN, rest // 4))
    bid = min(_MOST_DEPTH, (rest - 2 * own) // 2)
    ask = min(_MOST_DEPTH, rest - 2 * own - bid)
    return Columns(own, bid, price, last, ask, own, (rest - 2 * own - bid - ask) // 2)


class OwnText(NamedTuple):
    """Text of an own cell and how it is inked: "buy", "sell", "waiting", "unknown", "staged"."""

    text: str
    ink: str


class RowView(NamedTuple):
    """All that a row of the ladder shows; equal views look the same."""

    price: str
    place: str  # "bid", "ask", "best bid", "best ask" or "inside" the spread
    bid: str
    bid_bar: int  # cells of the depth bar
    ask: str
    ask_bar: int
    own: OwnText | None
    sells: OwnText | None
    last: str  # quantity of the last trade, if it was here
    last_side: Side | None  # its aggressor
    flash: bool
    average: int  # 1 where we are long from, −1 short
    cursor: Side | None
    faded: bool  # the book cannot be trusted


class RowPainter:
    """Draws row views in the inks of a theme."""

    def __init__(self, ink: Ink, columns: Columns) -> None:
        self.columns = columns
        self._ink = ink
        self._own = {
            "buy": ink.bid + _BOLD,
            "sell": ink.ask + _BOLD,
            "waiting": ink.dim,
            "unknown": ink.warning,
            "staged": ink.filled("own") + _BOLD,
        }
        self._inverse = {Side.BUY: ink.filled("bid"), Side.SELL: ink.filled("ask")}
        self._depth = {
            (side, best, faded): self._depth_styles(side, best, faded)
            for side in Side
            for best in (False, True)
            for faded in (False, True)
        }

    def _depth_styles(self, side: Side, best: bool, faded: bool) -> tuple[Style, Style]:
        """Styles of a quantity beside its depth bar and over it."""
        ink, buy = self._ink, side is Side.BUY
        style = ink.dim if faded else ink.bid if buy else ink.ask
        if best:
            style = style + _BOLD
        return style, style + (_PLAIN if faded else ink.on_bid if buy else ink.on_ask)

    def draw(self, view: RowView) -> list[Segment]:
        columns, ink = self.columns, self._ink
        back = ink.on_cursor if view.cursor is not None else _PLAIN
        segments: list[Segment] = [Segment(" " * columns.margin, back)] if columns.margin else []
        self._put_own(segments, view.own, columns.own, back)
        last_in_bid = view.last and not columns.last and not view.bid and view.last_side is Side.BUY
        last_in_ask = view.last and not columns.last and not view.ask and view.last_side is Side.SELL
        if last_in_bid:
            self._put_last(segments, view, columns.bid, back, right=True)
        else:
            self._put_depth(segments, view, Side.BUY, back)
        self._put_price(segments, view, back)
        if columns.last:
            self._put_last(segments, view, columns.last, back, right=False)
        if last_in_ask:
            self._put_last(segments, view, columns.ask, back, right=False)
        else:
            self._put_depth(segments, view, Side.SELL, back)
        if columns.sells:
            self._put_own(segments, view.sells, columns.sells, back, right=True)
        if columns.margin and view.cursor is not None:
            segments.append(Segment(" " * (columns.margin + 1), back))
        return segments

    def _put_own(
        self, segments: list[Segment], own: OwnText | None, width: int, back: Style, right: bool = False
    ) -> None:
        if width <= 0:
            return
        if own is None:
            segments.append(Segment(" " * width, back))
            return
        text = own.text[: width - 1]
        gap = Segment(" ", back)
        shown = Segment(text, back + self._own[own.ink])
        rest = Segment(" " * (width - 1 - len(text)), back)
        segments.extend((gap, shown, rest) if right else (shown, rest, gap))

    def _put_depth(self, segments: list[Segment], view: RowView, side: Side, back: Style) -> None:
        """Quantity right-aligned over its bar; bars grow away from the price."""
        buy = side is Side.BUY
        width = self.columns.bid if buy else self.columns.ask
        quantity, bar = (view.bid, view.bid_bar) if buy else (view.ask, view.ask_bar)
        if view.cursor is not side and not quantity:
            segments.append(Segment(" " * width, back))
            return
        field = min(QUANTITY_WIDTH, max(0, width - 1))
        text = quantity.rjust(width)[:width] if buy else f" {quantity.rjust(field)}".ljust(width)[:width]
        if view.cursor is side:
            segments.append(Segment(text, back + self._ink.on_accent))
            return
        style, on_bar = self._depth[side, view.place == ("best bid" if buy else "best ask"), view.faded]
        if buy:
            segments.append(Segment(text[: width - bar], _over(back, style)))
            segments.append(Segment(text[width - bar :], _over(back, on_bar)))
        else:
            segments.append(Segment(text[:bar], _over(back, on_bar)))
            segments.append(Segment(text[bar:], _over(back, style)))

    def _put_price(self, segments: list[Segment], view: RowView, back: Style) -> None:
        ink = self._ink
        style = ink.dim if view.place == "inside" or view.faded else ink.text
        if view.place == "best bid" and not view.faded:
            style = ink.bid + _BOLD
        elif view.place == "best ask" and not view.faded:
            style = ink.ask + _BOLD
        if view.last:
            style = style + _BOLD
            back = back + (ink.on_flash if not view.flash else self._inverse[view.last_side or Side.BUY])
            if view.flash:
                style = _BOLD
        price = view.price.rjust(self.columns.price)
        if not view.last and not view.average:
            segments.append(Segment(f" {price} ", _over(back, style)))
            return
        last = " " if not view.last else "◂" if view.last_side is Side.BUY else "▸"
        if not self.columns.last:  # the mark points to where the quantity stands
            last = " " if not view.last else "▴" if view.last_side is Side.BUY else "▾"
        segments.append(Segment("◆" if view.average else " ", back + (ink.bid if view.average > 0 else ink.ask)))
        segments.append(Segment(price + last, _over(back, style)))

    def _put_last(self, segments: list[Segment], view: RowView, width: int, back: Style, right: bool) -> None:
        ink = self._ink
        text = view.last[: max(0, width - 1)]
        rest = " " * (width - len(text))
        if not self.columns.last and view.cursor is (Side.BUY if right else Side.SELL):  # the cursor's own cell
            segments.append(Segment(rest + text if right else text + rest, back + ink.on_accent))
            return
        style = ink.on_flash + (ink.bid if view.last_side is Side.BUY else ink.ask)
        pad, shown = Segment(rest, back), Segment(text, back + style)
        segments.extend((pad, shown) if right else (shown, pad))

    def header(self, unseen: tuple[str, str] = ("", "")) -> list[Segment]:
        """The columns' names; beside those of our orders, buys and sells, which of them do not show (`↑1 ↓2`)."""
        columns, dim = self.columns, self._ink.dim
        left = self._own_header("buys" if columns.two_sided else "own", unseen[0], columns.own)
        text = "bid".rjust(columns.bid) + " " + "price".rjust(columns.price) + " "
        if columns.last:
            text += "last".ljust(columns.last)
        text += " " + "ask".rjust(min(QUANTITY_WIDTH, columns.ask - 1)).ljust(columns.ask - 1)
        right = self._own_header(" sells", unseen[1], columns.sells) if columns.sells else []
        return list(Segment.simplify([Segment(" " * columns.margin, dim), *left, Segment(text, dim), *right]))

    def _own_header(self, name: str, unseen: str, width: int) -> list[Segment]:
        if len(name) + 1 + len(unseen) > width:
            unseen = unseen.replace(" ", "")
        head = f"{name} "[: max(0, width - len(unseen))] if unseen else name[:width]
        rest = " " * max(0, width - len(head) - len(unseen))
        marks = [Segment(unseen[:width], self._ink.own)] if unseen else []
        return [Segment(head, self._ink.dim), *marks, Segment(rest, self._ink.dim)]
