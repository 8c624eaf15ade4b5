"""One picture of the chart: grid, lines, candles, volume, labels, crosshair and legend on a canvas."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from plugins.chart.candles import ZOOMS
from plugins.chart.canvas import Canvas, Paint
from plugins.chart.legend import Parts, fitted
from plugins.chart.marks import Level
from plugins.chart.plot import Plot
from plugins.chart.scale import PriceScale, axis_prices
from plugins.chart.timeline import time_labels
from screens.figures import price_text
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import counted, floor_to

_MADE_UP = " made up "


class Drawing:
    """Draws what stands around the candles of a `Plot`; the axis begins at its column `columns`."""

    def __init__(self, canvas: Canvas, plot: Plot, scale: PriceScale, instrument: Instrument, zoom: int) -> None:
        self.canvas = canvas
        self.plot = plot
        self.scale = scale
        self.instrument = instrument
        self.body = ZOOMS[zoom][1]

    def row(self, price: float) -> int | None:
        """The canvas row of a price; None where it does not show."""
        row = self.scale.row(price)
        return self.plot.top + row if 0 <= row < self.plot.rows else None

    def grid(self) -> None:
        """Round prices: a faint line and a label on the axis."""
        canvas, plot = self.canvas, self.plot
        for row, price in axis_prices(self.scale, self.instrument.tick, 3):
            canvas.rule(plot.top + row, 0, plot.columns, "┈", Paint.GRID)
            canvas.text(plot.columns, plot.top + row, f" {price_text(price, self.instrument)}", Paint.AXIS)

    def line(self, level: Level) -> None:
        if (row := self.row(float(level.price))) is not None:
            self.canvas.rule(row, 0, self.plot.columns, level.char, level.line)

    def label(self, level: Level) -> None:
        """The label at the left end of a level's line, and its price on the axis."""
        row = self.row(float(level.price))
        if row is not None:
            label = level.label if self.plot.columns >= 3 * len(level.label) else level.short
            self.canvas.text(0, row, label, level.paint)
            self.tag(row, level.price, level.paint)

    def out_of_sight(self, levels: list[Level]) -> None:
        """How many orders are above and below what shows."""
        plot, rows = self.plot, [self.scale.row(float(level.price)) for level in levels]
        for count, row, arrow in (
            (sum(row < 0 for row in rows), 0, "↑"),
            (sum(row >= plot.rows for row in rows), plot.rows - 1, "↓"),
        ):
            if count:
                text = f" {arrow} {counted(count, 'order')} "
                self.canvas.text(plot.columns - len(text), plot.top + row, text, Paint.OWN_LABEL)

    def tag(self, row: int, price: Decimal, paint: Paint) -> None:
        """A price on the axis. One that is no multiple of the tick (an average) is marked as about that."""
        axis = self.canvas.width - self.plot.columns
        about = " " if floor_to(price, self.instrument.tick) == price else "≈"
        self.canvas.text(self.plot.columns, row, f"{about}{price_text(price, self.instrument)}".ljust(axis), paint)

    def times(self, interval: int, crosshair: tuple[int, str] | None) -> None:
        """Labels of the time axis, the crosshair's (at a slot) before all; where a day begins a line stands too."""
        canvas, plot = self.canvas, self.plot
        y = canvas.height - 1
        taken = [False] * (plot.columns + 1)
        if crosshair is not None:
            slot, text = crosshair
            centre = plot.x + slot * plot.step + self.body // 2
            x = max(0, min(centre - len(text) // 2, plot.columns - len(text)))
            canvas.text(x, y, text, Paint.CURSOR_LABEL)
            taken[x : x + len(text)] = [True] * len(text)
        for label in sorted(time_labels(plot.slots, interval, plot.step), key=lambda one: not one.day):
            centre = plot.x + label.slot * plot.step + self.body // 2
            x = centre - len(label.text) // 2
            end = x + len(label.text)
            if x < 0 or end > plot.columns or any(taken[max(0, x - 2) : end + 2]):
                continue
            taken[x:end] = [True] * len(label.text)
            canvas.text(x, y, label.text, Paint.DAY if label.day else Paint.AXIS)
            if label.day:
                for row in range(plot.top, y):
                    if canvas.chars[row][centre] in " ┈":
                        canvas.set(centre, row, "┊", Paint.GRID)

    def made_up(self, traded: Callable[[int, int], bool]) -> None:
        """Where bars end that were drawn for the demo market's past and those begin that the desk saw (`traded` from a
        time to another), or the other way: a dim line, and words on the drawn bars' side. A bar of which a part is made
        up is made up: its open, or its high, may be."""
        canvas, plot = self.canvas, self.plot
        seen = [traded(slot.bar.ts, slot.bar.ts + plot.interval - 1) for slot in plot.slots]
        bottom = plot.top + plot.rows
        begun = 0
        for index in range(1, len(seen) + 1):
            if index < len(seen) and seen[index] is seen[begun]:
                continue
            start, end = (plot.x + at * plot.step for at in (begun, index))
            if index < len(seen):
                for row in range(plot.top, bottom):
                    if canvas.chars[row][end - 1] in " ┈":
                        canvas.set(end - 1, row, "╎", Paint.FLAT)
            if not seen[begun] and end - start > len(_MADE_UP) + 1:
                canvas.text(end - 1 - len(_MADE_UP), bottom - 1, _MADE_UP, Paint.AXIS)
            begun = index

    def crosshair(self, index: int, ticks: int) -> None:
        """Through a slot and a price, with the price on the axis."""
        canvas, plot = self.canvas, self.plot
        x = plot.x + index * plot.step
        for column in range(x, x + self.body):
            canvas.tint_column(column, plot.top, canvas.height - 1)
        price = self.instrument.price(ticks)
        if (row := self.row(float(price))) is not None:
            canvas.tint_row(row, 0, plot.columns)
            self.tag(row, price, Paint.CURSOR_LABEL)

    def legend(self, parts: Parts) -> None:
        x = 1
        for text, paint in fitted(parts, self.canvas.width - 2):
            self.canvas.text(x, 0, text, paint)
            x += len(text)
