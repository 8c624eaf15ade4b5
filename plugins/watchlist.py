"""The watchlist: instruments at a glance. The one under Enter or the mouse becomes the desk's."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import ClassVar

import msgspec
from msgspec.structs import replace
from rich.style import Style
from textual import events

from screens.actions import Action
from screens.figures import name_text, shown
from screens.pane import Desk
from screens.sight import age_words
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import MILLISECOND, MINUTE, SECOND
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.market.data import InstrumentMarket

_BARS = 40  # minutes that the sparkline spans
_ROOMY = 60  # from this width on nothing is shortened
_WIDEST = 14  # cells of a price: 0.000000012345
_STEPS = "▁▂▃▄▅▆▇█"
_FLASH = 300 * MILLISECOND


class Watched(msgspec.Struct):
    """What is known of one row; NaN stands for what is not known yet."""

    instrument: Instrument
    last: float = math.nan
    cells: int = 0  # that the last price takes with all of the tick's decimals
    change: float = math.nan  # of 24 hours, as a fraction
    volume: float = math.nan  # of 24 hours, in the quote currency
    spread: float = math.nan  # basis points
    ticks: int | None = None  # the spread in ticks
    closes: tuple[float, ...] = ()  # of the last minutes, oldest first
    position: int = 0  # 1 long, −1 short
    rising: int = 0  # 1 if the last change of price was upwards, −1 downwards
    moved_at: int = 0
    day_at: int | None = None  # when the slow figures were last brought up to date
    flash: bool = False
    old: str = ""  # the age of its prices where they are stale


def sparkline(values: Sequence[float], width: int) -> str:
    """The values as `width` bars between the lowest and the highest; where there are more, the last of each share."""
    if not values or width <= 0:
        return ""
    count = min(width, len(values))
    shown = [values[len(values) * (index + 1) // count - 1] for index in range(count)]
    low, high = min(shown), max(shown)
    if high <= low:
        return _STEPS[3] * count
    return "".join(_STEPS[round((value - low) / (high - low) * (len(_STEPS) - 1))] for value in shown)


def short_amount(value: float) -> str:
    """1234567 → 1.23M, in at most six cells."""
    if math.isnan(value):
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            scaled = value / size
            return shown(f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{unit}")
    return f"{value:.0f}"


def change_text(change: float) -> str:
    """A fraction as percent in at most six cells: +0.41%, -12.3%, +240%."""
    if math.isnan(change):
        return "–"
    size = abs(change)
    return shown(f"{change:+.{2 if size < 0.09995 else 1 if size < 0.9995 else 0}%}")


def price_in(price: float, places: int, width: int) -> str:
    """A price with the tick's decimals, fewer where they do not fit."""
    while places and len(f"{price:.{places}f}") > width:
        places -= 1
    return shown(f"{price:.{places}f}")


def _ordered(value: float) -> float:
    """NaN sorts below everything."""
    return -math.inf if math.isnan(value) else value


class WatchlistPane(TablePane[Watched]):
    """Last price, change, volume, spread and the last minutes of chosen instruments."""

    PANE = "watchlist"
    TITLE = "Watchlist"
    DEFAULT_KEY = "w"
    PACE = 2
    FROM_ENGINE = True
    FOLLOWS = False
    EMPTY = "Nothing is watched: a adds an instrument."
    ACTIONS = (
        Action("choose", "Select the instrument", "Selects the instrument for every pane that follows the desk.",
               ("enter",), footer=85, short="Select", group="View"),
        Action("add", "Add an instrument", "Finds an instrument and puts it on the list.", ("a",), footer=80,
               short="Add", group="View"),
        Action("remove", "Remove from the list", "Takes the instrument under the cursor off the list.",
               ("d", "delete"), footer=70, short="Remove", group="View"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("symbol", " Symbol", 14, keep=12, sort=lambda row: row.instrument.id),
        Column("last", "Last", 8, right=True, keep=11, sort=lambda row: _ordered(row.last)),
        Column("change", "24h", 6, right=True, keep=10, sort=lambda row: _ordered(row.change)),
        Column("volume", "Volume", 6, right=True, keep=5, sort=lambda row: _ordered(row.volume)),
        Column("spread", "Spread", 9, right=True, keep=6, sort=lambda row: _ordered(row.spread)),
        Column("closes", "40m", 4, keep=7, flex=True),
    )

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._rows: dict[InstrumentId, Watched] = {}
        self._selected: InstrumentId | None = None  # where the desk's selection was last seen
        self._now = 0
        self._symbol_width = self._last_width = 0
        self._cells = 0  # of the widest price that was seen: a column that has grown stays, or the others would jump

    def resized(self) -> None:
        """Prices get what they need, for 0.000023 is not 0.00002302; symbols too where there is room, else one that
        would lose its last letters gets a cell of the sparkline's."""
        symbol, last, *others = type(self).COLUMNS
        known = self.engine.instruments()
        if self.width >= _ROOMY:
            widest = max((len(one.id) for one in known), default=0) + 1
            symbol, last = replace(symbol, width=max(symbol.width, min(widest, 26))), replace(last, width=11)
        elif any(len(name_text(one, symbol.width - 1)) >= symbol.width for one in known):
            symbol = replace(symbol, width=symbol.width + 1)
            others[-1] = replace(others[-1], width=others[-1].width - 1)
        last = replace(last, width=max(last.width, min(self._cells, _WIDEST)))
        self._symbol_width, self._last_width = symbol.width, last.width
        self.COLUMNS = (symbol, last, *others)  # type: ignore[misc]
        super().resized()

    # -- the list

    @property
    def watched(self) -> list[InstrumentId]:
        """The instruments of the list: the trader's, else the config file's, else all."""
        known = {instrument.id for instrument in self.engine.instruments()}
        own = self.settings.get("instruments")
        if isinstance(own, list):
            return [one for one in own if one in known]
        configured = self.engine.settings.watchlist if self.engine.settings is not None else ()
        return [one for one in configured if one in known] or [one.id for one in self.engine.instruments()]

    def keep(self, instruments: Sequence[InstrumentId]) -> None:
        """Watch these from now on."""
        self.settings["instruments"] = list(instruments)
        self.save_settings()

    def action_add(self) -> None:
        from screens.finder import Entry, Finder

        watched = set(self.watched)
        entries = [
            Entry(
                one.venue[:10],
                one.symbol,
                lambda name=one.id: self._add(name),  # type: ignore[misc]
                one.contract.value,
                words=f"{one.id} {one.base} {one.quote}",
            )
            for one in self.engine.instruments()
            if one.id not in watched
        ]
        if not entries:
            self.toast("Every instrument of the venues is on the list.")
            return
        dialog = Finder("Watch", "Type a venue or a symbol …", entries, " No such instrument.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _add(self, instrument: InstrumentId) -> None:
        self.keep([*self.watched, instrument])
        self._shown = self.rows()
        self.move_to(len(self._shown) - 1)
        self.repaint()

    def action_remove(self) -> None:
        row = self.selected_row
        if row is not None:
            self.keep([one for one in self.watched if one != row.instrument.id])
            self.toast(f"{row.instrument.id} is off the list; a adds it again.")

    def action_choose(self) -> None:
        if self.selected_row is not None:
            self.select_instrument(self.selected_row.instrument.id)

    def chosen(self, row: Watched) -> None:
        self.select_instrument(row.instrument.id)

    def on_click(self, event: events.Click) -> None:
        """A click selects, as in every watchlist; Textual itself has the table's own handler run after this."""
        if (row := self.row_at(event.y)) is not None:
            self.select_instrument(row.instrument.id)

    # -- figures

    def ahead(self) -> Iterator[Callable[[], object]]:
        """The day of each instrument, where nobody has asked for it yet: 1,440 bars, which the demo makes up first.
        Most of that work is done for all of them with the first one, whose day comes in quarters."""
        undrawn = [one for one in map(self.engine.market, self.watched) if not one.candles.drawn(MINUTE)]
        for market in undrawn[:1]:
            for quarters in (1, 2, 3):
                yield partial(market.candles.recent, MINUTE, quarters * 360)
        for market in undrawn:
            yield market.day

    def paint(self, now: int) -> None:
        self._now = now
        if self.desk.selected != self._selected:
            self._selected = self.desk.selected
            self._cursor_id = self._selected
        super().paint(now)

    def rows(self) -> Sequence[Watched]:
        positions: dict[InstrumentId, int] = {}
        for held in self.engine.positions():
            positions[held.instrument] = 1 if held.quantity > 0 else -1
        rows = []
        for name in self.watched:
            row = self._rows.get(name)
            if row is None:
                row = self._rows[name] = Watched(self.engine.instrument(name))
            self._update(row, self.engine.market(name))
            row.position = positions.get(name, 0)
            age = self.engine.stale_for(name)
            row.old = "" if age is None else age_words(age)
            rows.append(row)
        if (widest := max((row.cells for row in rows), default=0)) > self._cells:
            self._cells = widest
            if widest > self._last_width:
                self.resized()
                self.invalidate()
        return rows

    def _update(self, row: Watched, market: InstrumentMarket) -> None:
        tick, book = float(row.instrument.tick), market.book
        if market.last is not None:
            last = market.last.price * tick
        else:
            last = math.nan if book.mid is None else book.mid * tick
        if last != row.last and not math.isnan(last):
            if not math.isnan(row.last):
                row.rising = 1 if last > row.last else -1
                row.moved_at = self._now
            row.last, row.cells = last, len(f"{last:.{row.instrument.price_places}f}")
        row.flash = bool(row.moved_at) and self._now - row.moved_at < _FLASH
        spread, mid = book.spread, book.mid
        row.ticks = spread if book.stale is None else None
        row.spread = math.nan if row.ticks is None or not mid else row.ticks / mid * 10_000
        if row.day_at is None or not 0 <= self._now - row.day_at < SECOND:
            row.day_at = self._now
            day = market.day()
            if day is not None:
                row.change, row.volume = day.change, day.volume * float(row.instrument.multiplier)
                if not row.instrument.is_inverse:
                    row.volume *= day.last
            row.closes = market.candles.series(MINUTE).closes(_BARS)

    # -- cells

    def row_id(self, row: Watched) -> Hashable:
        return row.instrument.id

    def row_style(self, row: Watched) -> Style | None:
        return self.ink.on_bar if row.instrument.id == self.desk.selected else None

    def cell(self, row: Watched, column: str) -> tuple[str, Style]:
        ink, instrument = self.ink, row.instrument
        match column:
            case "symbol":
                mark = "▲" if row.position > 0 else "▼" if row.position < 0 else " "
                name = name_text(instrument, self._symbol_width - 1)
                style = ink.strong if instrument.id == self.desk.selected else ink.text
                return mark + name, style + (ink.own if row.position else Style())
            case "last":
                if math.isnan(row.last):
                    return "–", ink.dim
                style = ink.bid if row.rising > 0 else ink.ask if row.rising < 0 else ink.text
                text = price_in(row.last, instrument.price_places, self._last_width)
                if row.old:
                    return text, ink.dim
                return text, style + ink.on_flash if row.flash else style
            case "change":
                if row.old and not self._shows_spread():
                    return f"{row.old} old" if len(row.old) < 3 else row.old, ink.warning
                return change_text(row.change), ink.dim if math.isnan(row.change) else ink.signed(round(row.change, 4))
            case "volume":
                return short_amount(row.volume), ink.text
            case "spread":
                if row.old:
                    return f"{row.old} old", ink.warning
                if row.ticks is None:
                    return "–", ink.dim
                return shown(f"{row.ticks}t {row.spread:.{2 if row.spread < 10 else 0}f}"), ink.dim
            case _:
                closes = row.closes
                return sparkline(closes, self._spark_width()), ink.signed(closes[-1] - closes[0] if closes else None)

    def _shows_spread(self) -> bool:
        return any(column.key == "spread" for column, _, _ in self._layout)

    def _spark_width(self) -> int:
        return next((width for column, _, width in self._layout if column.key == "closes"), 0)
