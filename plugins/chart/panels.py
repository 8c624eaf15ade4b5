"""RSI and MACD in panels of their own beneath the candles, where there is room for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from plugins.chart.canvas import Canvas, Paint
from plugins.chart.plot import Plot
from plugins.chart.scale import round_up
from plugins.chart.study_lines import Drawn, draw_studies
from screens.figures import shown

#: Rows that the candles keep, whatever panels are wanted.
_CANDLES = 10
_LEAST, _MOST = 4, 8
_OVERBOUGHT, _OVERSOLD = 70.0, 30.0


class Band:
    """Values `low` … `high` on `rows` rows, 0 at the top."""

    def __init__(self, low: float, high: float, rows: int) -> None:
        self.low = low
        self.high = high
        self.rows = rows

    def part_row(self, value: float, parts: int) -> int:
        """The row of a value with so many parts to a row; the lowest value is in the last part."""
        most = parts * self.rows
        part = math.floor((self.high - value) / (self.high - self.low) * most)
        return most - 1 if value == self.low else part


def panel_rows(height: int, wanted: int, candle_rows: int) -> tuple[int, int]:
    """(panels that there is room for, rows of each) in a chart of `height` rows, of which `candle_rows` are left."""
    rows = min(_MOST, max(_LEAST, height // 7))
    return min(wanted, max(0, candle_rows - _CANDLES) // rows), rows


def draw_panel(canvas: Canvas, one: Drawn, plot: Plot, top: int, rows: int, index: int, places: int, body: int) -> None:
    """A study from row `top` on; its values at slot `index` stand in the panel's first row."""
    here = replace(plot, top=top, rows=rows)
    values = [line[index] for line in one.lines]
    if one.study.kind == "rsi":
        band = Band(0.0, 100.0, rows)
        for level in (_OVERBOUGHT, _OVERSOLD):
            row = top + band.part_row(level, 1)
            canvas.rule(row, 0, plot.columns, "┈", Paint.GRID)
            canvas.text(plot.columns, row, f" {level:.0f}", Paint.AXIS)
        draw_studies(canvas, [one], here, band, body // 2)
        _title(canvas, plot, top, [(f"{one.study.text.upper()} {_figure(values[0], 1)}", one.paint)])
        return
    bound = round_up(max((abs(value) for line in one.lines for value in line if value is not None), default=0.0))
    band = Band(-bound, bound, rows)
    for level, row in ((bound, top), (-bound, top + rows - 1)):
        canvas.text(plot.columns, row, f" {shown(f'{level:+g}')}", Paint.AXIS)
    _histogram(canvas, one.lines[2], here, band, body)
    contrast = Paint.STUDY_4 if one.paint is Paint.STUDY_3 else Paint.STUDY_3
    signal = replace(one, lines=[one.lines[1]], paint=contrast)
    draw_studies(canvas, [signal, replace(one, lines=[one.lines[0]])], here, band, body // 2)
    line, signals, difference = (_figure(value, places) for value in values)
    parts = [(f"{one.study.text.upper()} {line}", one.paint), (f"signal {signals}", contrast)]
    _title(canvas, plot, top, [*parts, (f"histogram {difference}", Paint.AXIS)])


def _figure(value: float | None, places: int) -> str:
    return "–" if value is None else shown(f"{value:,.{places}f}")


def _title(canvas: Canvas, plot: Plot, top: int, parts: Sequence[tuple[str, Paint]]) -> None:
    x = 1
    for text, paint in parts:
        if x + len(text) > plot.columns:
            return
        canvas.text(x, top, text + " ", paint)
        x += len(text) + 2


def _histogram(canvas: Canvas, values: Sequence[float | None], plot: Plot, band: Band, body: int) -> None:
    """Bars from the middle, half a row fine."""
    middle = plot.rows  # the first half row below zero, in half rows
    for index, value in enumerate(values):
        if not value:
            continue
        half = min(2 * plot.rows - 1, max(0, band.part_row(value, 2)))
        first, last = (half, middle - 1) if value > 0 else (middle, half)
        x = plot.x + index * plot.step
        for row in range(first // 2, last // 2 + 1):
            upper, lower = first <= 2 * row <= last, first <= 2 * row + 1 <= last
            glyph = "█" if upper and lower else "▀" if upper else "▄"
            for column in range(x, x + body):
                canvas.set(column, plot.top + row, glyph, Paint.UP_VOLUME if value > 0 else Paint.DOWN_VOLUME)
