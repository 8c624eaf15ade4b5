"""Time and sales: the public trades of an instrument, newest on top, with our own fills among them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.strip import Strip

from screens.actions import Action
from screens.figures import local_time, plain_text, shown
from screens.painted import PaintedPane
from screens.pane import Desk
from screens.row import row_of
from screens.sizes import presets
from screens.table_copy import COPY_TABLE_ACTIONS, CopiesTable
from screens.theme import Ink
from workstation.clock import MILLISECOND, SECOND
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import Trade
from workstation.domain.numbers import ZERO, divide
from workstation.domain.order import Side
from workstation.market.data import InstrumentMarket

#: Trades at one price and of one aggressor that follow each other this closely are one order's work: one print.
MERGE = 5 * MILLISECOND
#: A print is large from this share of the recent prints' sizes on, and very large from the next.
LARGE, HUGE = 0.90, 0.98
_KEPT = 2_000
_RECENT = 500  # prints whose sizes are compared
_ENOUGH = 20  # … once there are this many
_ROWS = 300  # drawn rows that are kept: a print that moves down looks as it did
_JUMP = SECOND  # a trade older than its forerunner by this much: the market was set to another time


class Print(NamedTuple):
    """One line of the tape: `ts` is UTC ns of its first trade and `last_ts` of its newest; price in ticks."""

    ts: int
    last_ts: int
    price: int
    lots: int
    buy: bool  # the aggressor bought
    trades: int = 1
    own: Side | None = None  # our own fill, and what we did


class Tape:
    """The prints of one instrument, oldest first."""

    def __init__(self) -> None:
        self.prints: deque[Print] = deque(maxlen=_KEPT)
        self.version = 0
        self.added = 0  # prints that ever came
        self._newest = 0  # UTC ns of the newest public trade
        self._sizes: deque[int] = deque(maxlen=_RECENT)
        self._limits: tuple[float, float] = (math.inf, math.inf)
        self._since_limits = 0

    def add(self, trades: Iterable[Trade]) -> None:
        """Take public trades, oldest first: each is a new print, or more of the last one.

        A tape that comes back to the screen takes a thousand at once, so that a print is made when it is whole.
        """
        prints = self.prints
        open_print = prints.pop() if prints and prints[-1].own is None else None
        first = last = price = lots = count = 0
        buy = False
        if open_print is not None:
            first, last, price, lots, buy, count, _ = open_print
        newest = self._newest
        for trade in trades:
            ts = trade.ts
            self.version += 1
            if ts < newest - _JUMP:
                prints.clear()
                count = 0
            newest = ts
            if count and trade.price == price and trade.buyer_is_aggressor is buy and ts - last <= MERGE:
                last = ts
                lots += trade.quantity
                count += 1
                continue
            if count:
                prints.append(Print(first, last, price, lots, buy, count))
                self._measure(lots)
            first, last, price, lots, buy, count = ts, ts, trade.price, trade.quantity, trade.buyer_is_aggressor, 1
            self.added += 1
        if count:
            prints.append(Print(first, last, price, lots, buy, count))
        self._newest = newest

    def add_fill(self, fill: Fill, instrument: Instrument) -> None:
        """Put a fill of ours where it belongs in time."""
        price = int(divide(fill.price, instrument.tick, Decimal(1)))
        lots = int(divide(fill.quantity, instrument.lot, Decimal(1)))
        buy = (fill.side is Side.BUY) == (fill.liquidity is Liquidity.TAKER)
        mine = Print(fill.ts, fill.ts, price, lots, buy, 1, fill.side)
        later: list[Print] = []
        while self.prints and self.prints[-1].ts > fill.ts:
            later.append(self.prints.pop())
        self.prints.append(mine)
        self.prints.extend(reversed(later))
        self.version += 1
        self.added += 1

    def _measure(self, lots: int) -> None:
        self._sizes.append(lots)
        self._since_limits += 1
        if len(self._sizes) >= _ENOUGH and (self._since_limits >= 25 or self._limits[0] == math.inf):
            ordered = sorted(self._sizes)
            self._limits = (ordered[int(LARGE * (len(ordered) - 1))], ordered[int(HUGE * (len(ordered) - 1))])
            self._since_limits = 0

    def emphasis(self, one: Print) -> int:
        """0 for an ordinary print, 1 for a large and 2 for a very large one, against the recent ones."""
        return (one.lots > self._limits[0]) + (one.lots > self._limits[1])

    def shown(self, least: int) -> list[Print]:
        """Newest first: prints of at least `least` lots, and all of our own."""
        return [one for one in reversed(self.prints) if one.lots >= least or one.own is not None]


class TapePane(CopiesTable, PaintedPane):
    """Time and sales with a size filter; it can be held still and scrolled while the market goes on."""

    PANE = "tape"
    TITLE = "Tape"
    DEFAULT_KEY = "p"
    LEAST = (24, 5)
    PACE = 2
    FROM_ENGINE = True
    ACTIONS = (
        Action("pause", "Hold / go on", "Holds the tape still, or lets it run again.", ("space",), footer=80,
               short="Hold", group="View"),
        Action("less", "Show smaller trades", "Lowers the least size that is shown.", ("-",), footer=61,
               short="Smaller", group="View"),
        Action("more", "Only larger trades", "Raises the least size that is shown.", ("+", "="), footer=60,
               short="Larger", group="View"),
        Action("up", "Newer", "Scrolls to newer trades; at the top the tape runs again.", ("up", "k"), group="Move",
               palette=False),
        Action("down", "Older", "Holds the tape and scrolls to older trades.", ("down", "j"), group="Move",
               palette=False),
        Action("page_up", "Page newer", "Scrolls a page to newer trades.", ("pageup",), group="Move", palette=False),
        Action("page_down", "Page older", "Scrolls a page to older trades.", ("pagedown",), group="Move",
               palette=False),
        Action("newest", "Newest trades", "Goes to the newest trade and lets the tape run.", ("home", "g"),
               group="Move"),
        *COPY_TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._rows: dict[Hashable, Strip] = {}
        self._styles: dict[Hashable, _Styles] = {}
        self._clear()

    def _clear(self) -> None:
        self.tape = Tape()
        self._trades_seen = 0
        self._fills_seen = 0
        self._orders_version = -1
        self._held: list[Print] | None = None  # what is shown while the tape is held, newest first
        self._held_added = 0
        self._top = 0
        self._painted: Hashable = None

    def instrument_changed(self) -> None:
        self._clear()

    def invalidate(self) -> None:
        super().invalidate()
        self._painted = None
        self._rows, self._styles = {}, {}

    def resized(self) -> None:
        self._painted = None
        self._rows = {}

    # -- following the market

    def _follow(self, market: InstrumentMarket) -> None:
        if not market.tape and any(one.own is None for one in self.tape.prints):  # the market was set to another time
            self.tape = Tape()
            self.action_newest()
        new = market.trades - self._trades_seen
        if new > 0:
            self._trades_seen = market.trades
            count = min(new, len(market.tape))
            self.tape.add(list(islice(market.tape, len(market.tape) - count, None)))
        if self.engine.orders_version != self._orders_version:
            self._orders_version = self.engine.orders_version
            fills = self.engine.fills(market.instrument.id)
            since = self.tape.prints[0].ts if self.tape.prints else 0
            for fill in fills[self._fills_seen :]:
                if fill.ts >= since:
                    self.tape.add_fill(fill, market.instrument)
            self._fills_seen = len(fills)

    # -- the filter

    def _filters(self) -> dict[InstrumentId, str]:
        filters = self.settings.setdefault("least", {})
        return filters if isinstance(filters, dict) else {}

    @property
    def least(self) -> Decimal:
        """The least quantity that is shown; 0 for all."""
        return Decimal(self._filters().get(self.instrument_id or "", "0"))

    def _step_filter(self, steps: int) -> None:
        instrument = self.instrument
        if instrument is None:
            return
        known = presets(instrument, self.engine.mark(instrument.id), self._sizes())
        known = [ZERO, *known]
        now = sum(size <= self.least for size in known) - 1
        chosen = known[max(0, min(len(known) - 1, now + steps))]
        self._filters()[instrument.id] = str(chosen)
        self.save_settings()
        if self._held is not None:
            self._hold()

    def _sizes(self) -> Sequence[Decimal]:
        return [Decimal(value) for value in (100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000)]

    def action_less(self) -> None:
        self._step_filter(-1)

    def action_more(self) -> None:
        self._step_filter(1)

    # -- holding and scrolling

    def _hold(self) -> None:
        self._held, self._held_added = self.tape.shown(self._least_lots()), self.tape.added

    def _least_lots(self) -> int:
        instrument = self.instrument
        return 0 if instrument is None else math.ceil(self.least / instrument.lot)

    def action_pause(self) -> None:
        if self._held is None:
            self._hold()
        else:
            self.action_newest()

    def action_newest(self) -> None:
        self._held, self._top = None, 0

    def _scroll(self, rows: int) -> None:
        if self._held is None:
            if rows <= 0:
                return
            self._hold()
        assert self._held is not None
        self._top = max(0, min(self._top + rows, len(self._held) - self._body))
        if self._top == 0 and rows < 0:
            self.action_newest()

    def action_up(self) -> None:
        self._scroll(-1)

    def action_down(self) -> None:
        self._scroll(1)

    def action_page_up(self) -> None:
        self._scroll(-max(1, self._body - 1))

    def action_page_down(self) -> None:
        self._scroll(max(1, self._body - 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll(-3)
        self.repaint()
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll(3)
        self.repaint()
        event.stop()

    def table_texts(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """Every print that the filter lets through, newest first; the side is the aggressor's, or ours."""
        instrument = self.instrument
        titles = ("Time", "Side", "Price", "Size", "Trades", "Own")
        if instrument is None:
            return titles, []
        prints = self.tape.shown(self._least_lots()) if self._held is None else self._held
        return titles, [_texts(one, instrument) for one in prints]

    # -- painting

    @property
    def _body(self) -> int:
        return max(0, self.height - 1)

    def status(self) -> str:
        least = f"≥{plain_text(self.least)}" if self.least else ""
        if self._held is None:
            return least
        missed = self.tape.added - self._held_added
        return f"{least} HELD{f' +{missed}' if missed else ''}".strip()

    def paint(self, now: int) -> None:
        instrument = self.instrument
        if instrument is None:
            self.put_text(0, " No instrument is selected: / finds one.", self.ink.dim)
            self.blank_from(1)
            return
        self._follow(self.engine.market(instrument.id))
        state = (instrument.id, self.tape.version, self._top, self._held is None, self.least, self._held_added)
        if state == self._painted:
            return
        self._painted = state
        columns = _Columns.fitting(self.width, instrument, max((one.price for one in self._newest()), default=1))
        self.put(0, (columns, "header"), lambda: [Segment(columns.header(), self.ink.dim)])
        if self._held is not None:
            shown = self._held[self._top : self._top + self._body]
        else:
            least = self._least_lots()
            passing = (one for one in reversed(self.tape.prints) if one.lots >= least or one.own is not None)
            shown = list(islice(passing, self._body))
        for y, one in enumerate(shown, 1):
            level = self.tape.emphasis(one)
            key = (columns, one, level)
            self.put_strip(y, key, lambda key=key: self._row(key, instrument))  # type: ignore[misc]
        if not shown and self._body:
            nothing = f"No trade of {plain_text(self.least)} or more yet: - lowers the filter." if self.least else ""
            self.put_text(1, f" {nothing or 'No trades yet.'}", self.ink.dim)
        self.blank_from(max(1, len(shown)) + 1)

    def _newest(self) -> Sequence[Print]:
        return list(islice(reversed(self.tape.prints), 1)) if self._held is None else self._held[:1]

    def _row(self, key: tuple[_Columns, Print, int], instrument: Instrument) -> Strip:
        if (known := self._rows.get(key)) is None:
            if len(self._rows) >= _ROWS:
                self._rows.clear()
            columns, one, level = key
            line = self._line(one, level, columns, instrument)
            known = self._rows[key] = row_of(line, self.ink.base, self.width)
        return known

    def _line(self, one: Print, level: int, columns: _Columns, instrument: Instrument) -> list[Segment]:
        kind = (one.buy, level, one.own is not None)
        if (styles := self._styles.get(kind)) is None:
            styles = self._styles[kind] = _Styles.of(self.ink, *kind)
        mark = "●" if one.own is not None else "▴" if one.buy else "▾"  # the side, for who cannot see its colour
        segments = [Segment(mark, styles.side)]
        if columns.time:
            text = local_time(one.ts, milliseconds=columns.time > 8)
            segments.append(Segment(f"{text} ", styles.time))
        price = shown(f"{instrument.price(one.price):.{instrument.price_places}f}").rjust(columns.price)
        size = shown(f"{instrument.quantity(one.lots):.{instrument.quantity_places}f}").rjust(columns.size)
        segments.append(Segment(f"{price} ", styles.side))
        segments.append(Segment(size, styles.size))
        if columns.note > 1:
            if one.own is not None:
                note = "you bought" if one.own is Side.BUY else "you sold"
                if len(note) + 1 > columns.note:
                    note = "own"
            else:
                note = f"×{one.trades}" if one.trades > 1 else ""
            if len(note) >= columns.note:  # a number is whole or not there: ×12 must not read as ×1
                note = ""
            segments.append(Segment(f" {note}".ljust(columns.note), styles.note))
        return segments


class _Styles(NamedTuple):
    """How the parts of a print are drawn; its price as its side."""

    side: Style
    time: Style
    size: Style
    note: Style

    @classmethod
    def of(cls, ink: Ink, buy: bool, level: int, own: bool) -> _Styles:
        side = ink.bid if buy else ink.ask
        back = Style()
        if level == 2:
            back = ink.on_bid if buy else ink.on_ask
        if level:
            side = side + Style(bold=True)
        time = ink.dim
        if own:
            side = time = ink.own
            back = ink.on_bar
        return cls(back + side, back + time, back + (side if level or own else ink.text), back + ink.dim)


def _texts(one: Print, instrument: Instrument) -> tuple[str, ...]:
    bought = one.buy if one.own is None else one.own is Side.BUY
    return (
        local_time(one.ts, milliseconds=True),
        "BUY" if bought else "SELL",
        shown(f"{instrument.price(one.price):.{instrument.price_places}f}"),
        shown(f"{instrument.quantity(one.lots):.{instrument.quantity_places}f}"),
        str(one.trades),
        "own" if one.own is not None else "",
    )


class _Columns(NamedTuple):
    """Widths in cells; 0 for a column that has no room. One cell for the own mark stands before them."""

    time: int
    price: int
    size: int
    note: int  # how many trades make the print, or whose fill it was

    @classmethod
    def fitting(cls, width: int, instrument: Instrument, price: int) -> _Columns:
        price_width = len(f"{instrument.price(price):.{instrument.price_places}f}")
        size = instrument.quantity_places + 5
        rest = width - 2 - price_width - size  # milliseconds only where how many trades it was has room too
        time = 12 if rest >= 17 else 8 if rest >= 9 else 0
        return cls(time, price_width, size, max(0, rest - time - (1 if time else 0)))

    def header(self) -> str:
        time = "time".ljust(self.time + 1) if self.time else ""
        return f" {time}{'price'.rjust(self.price)} {'size'.rjust(self.size)}"
