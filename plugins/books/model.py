"""What the ladder shows, without a screen: rows of grouped prices, the window over them, and the cursor.

A row is the whole number `price // group`. Bids are floored into their row and asks are ceiled, so that the two sides
never share one: a bid at or above a row's price and an ask at or below it would have traded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from workstation.domain.order import Side
from workstation.market.book import OrderBook

#: For this long after the trader's last move in the ladder the window stays where it is.
HOLD = 10_000_000_000
_MOST = 10_000_000


class Touch(Protocol):
    """Best prices in ticks; an `OrderBook` is one."""

    @property
    def best_bid(self) -> int | None: ...
    @property
    def best_ask(self) -> int | None: ...


def row_of(ticks: int, side: Side, group: int) -> int:
    """The row of a price: buys are floored, sells ceiled."""
    return ticks // group if side is Side.BUY else -(-ticks // group)


def step_group(group: int, steps: int) -> int:
    """The grouping `steps` further in 1, 2, 5, 10, 20, 50, …; never below 1."""
    power = int(10 ** (len(str(group)) - 1))
    lead = min((1, 2, 5), key=lambda one: abs(one * power - group))
    index = 3 * (len(str(group)) - 1) + (1, 2, 5).index(lead) + steps
    index = max(0, index)
    return min(_MOST, (1, 2, 5)[index % 3] * int(10 ** (index // 3)))


def fitting_group(book: OrderBook, rows: int, bar_range: float | None) -> int | None:
    """The grouping that lets `rows` rows show a useful part of this market; None while a side is empty.

    Half the window is to hold the usual range of a one-minute bar (`bar_range`, in ticks) as far as there is depth to
    show, some four spreads, and a standing level in every row; the coarsest wish wins, rounded to a step near it.
    """
    bid, ask = book.best_bid, book.best_ask
    half = max(1, rows // 2)
    if bid is None or ask is None:
        return None
    bids, asks = book.bid_levels(4 * half), book.ask_levels(4 * half)

    def reach(levels: int) -> float:
        """Mean distance in ticks of that level from its side's best."""
        return (bid - bids[:levels][-1][0] + asks[:levels][-1][0] - ask) / 2

    wanted = max(reach(half), min(bar_range or 0.0, reach(4 * half)), 4.0 * (ask - bid)) / half
    group = 1
    while step_group(group, 1) <= 1.5 * wanted and group < _MOST:
        group = step_group(group, 1)
    return group


def depth(levels: Iterable[tuple[int, int]], side: Side, group: int, low: int, high: int) -> dict[int, int]:
    """Lots in each row of `low` … `high`, from levels given best first."""
    sums: dict[int, int] = {}
    if side is Side.BUY:
        for ticks, lots in levels:
            row = ticks // group
            if row < low:
                break
            if row <= high:
                sums[row] = sums.get(row, 0) + lots
    else:
        for ticks, lots in levels:
            row = -(-ticks // group)
            if row > high:
                break
            if row >= low:
                sums[row] = sums.get(row, 0) + lots
    return sums


class Ladder:
    """The window of `rows` rows under `top`, and the cursor.

    The cursor rests on the best price of its side until the trader moves it; from then on it keeps its price whatever
    the market does, until it is released. Times are UTC ns.
    """

    def __init__(self, group: int = 1) -> None:
        self.group = group
        self.rows = 0
        self.top: int | None = None  # row at the upper edge; None before the first book
        self.cursor: int | None = None  # ticks; None rests on the touch
        self.side = Side.BUY
        self._used_at: int | None = None

    @property
    def bottom(self) -> int:
        return (self.top or 0) - self.rows + 1

    def shows(self, row: int) -> bool:
        return self.top is not None and self.bottom <= row <= self.top

    def row(self, y: int) -> int:
        """The row at body line `y`, counted from above."""
        return (self.top or 0) - y

    def price(self, row: int) -> int:
        """A row's price in ticks: what an order that is placed on it asks for."""
        return row * self.group

    # -- the window

    def in_use(self, now: int) -> bool:
        """Whether the trader moved in the ladder a moment ago."""
        return self._used_at is not None and now - self._used_at < HOLD

    def use(self, now: int) -> None:
        self._used_at = now

    def _middle(self, touch: Touch) -> tuple[int, int] | None:
        bid, ask = touch.best_bid, touch.best_ask
        if bid is None and ask is None:
            return None
        low = row_of(bid if bid is not None else ask or 0, Side.BUY, self.group)
        high = row_of(ask if ask is not None else bid or 0, Side.SELL, self.group)
        return low, high

    def centre(self, touch: Touch) -> None:
        """Put the touch in the middle."""
        if (rows := self._middle(touch)) is not None:
            self.top = (rows[0] + rows[1] + 1) // 2 + (self.rows - 1) // 2

    def follow(self, touch: Touch, now: int, hold: bool = False) -> None:
        """Recentre once the touch comes near the edge of the window, unless the trader is at work in it.

        At work means: a key, click or wheel turn within the last `HOLD`, or `hold` (an order is staged). A cursor that
        is left outside the new window goes back to the touch.
        """
        if self.top is None:
            self.centre(touch)
            return
        rows = self._middle(touch)
        if rows is None or hold or self.in_use(now):
            return
        margin = min(3, self.rows // 8)
        low, high = rows
        if high - low > self.rows - 2 * margin - 2:  # a spread wider than the window: its middle counts
            low = high = (low + high) // 2
        if low < self.bottom + margin or high > self.top - margin:
            self.centre(touch)
            if self.cursor is not None and not self.shows(row_of(self.cursor, self.side, self.group)):
                self.cursor = None

    def resize(self, rows: int, touch: Touch) -> None:
        self.rows = rows
        self.centre(touch)

    def scroll(self, rows: int, now: int) -> None:
        """Move the window up by `rows`."""
        if self.top is not None:
            self.top += rows
            self.use(now)

    def regroup(self, group: int, touch: Touch) -> None:
        """Show `group` ticks a row around the touch; a cursor keeps its price as near as the rows allow."""
        self.group = max(1, group)
        if self.cursor is not None:
            self.cursor = self.price(row_of(self.cursor, self.side, self.group))
        self.centre(touch)

    def out_of_sight(self, touch: Touch) -> int:
        """1 if the touch is above the window, −1 if below, 0 if it shows."""
        rows = self._middle(touch)
        if rows is None or self.top is None:
            return 0
        return 1 if rows[0] > self.top else -1 if rows[1] < self.bottom else 0

    # -- the cursor

    def cursor_row(self, touch: Touch) -> int | None:
        """The cursor's row; None while there is no price on its side to rest on."""
        if self.cursor is not None:
            return row_of(self.cursor, self.side, self.group)
        best = touch.best_bid if self.side is Side.BUY else touch.best_ask
        return None if best is None else row_of(best, self.side, self.group)

    def move(self, rows: int, touch: Touch, now: int) -> None:
        """Move the cursor up by `rows`; the window comes along."""
        at = self.cursor_row(touch)
        if at is not None:
            self.put(self.price(at + rows), now)

    def put(self, ticks: int, now: int) -> None:
        """Put the cursor on a price."""
        self.use(now)
        row = row_of(max(ticks, self.group), self.side, self.group)
        self.cursor = self.price(row)
        if self.top is not None:
            if row > self.top:
                self.top = row
            elif row < self.bottom:
                self.top = row + self.rows - 1

    def choose(self, side: Side, touch: Touch, now: int) -> None:
        """The cursor's side. A cursor that rests on the touch goes to the other best price."""
        self.use(now)
        self.side = side

    def release(self) -> None:
        """Let the cursor rest on the touch again and the window follow the market."""
        self.cursor = None
        self._used_at = None
