"""Candles and volume bars as characters: half a row of precision for prices, an eighth for volume."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.chart.canvas import Canvas, Paint
from plugins.chart.scale import PriceScale
from plugins.chart.timeline import Kind, Slot

#: (cells a bar takes, cells its body is wide) from the narrowest to the widest.
ZOOMS = ((1, 1), (2, 1), (4, 3), (6, 5), (8, 7))
#: What the upper and lower half of a cell hold: nothing, the wick, the body; index 3 × upper + lower.
_BLOCK = (" ", "╷", "▄", "╵", "│", "▄", "▀", "▀", "█")
_THIN = (" ", "╷", "╻", "╵", "│", "╽", "╹", "╿", "┃")
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def draw_candles(canvas: Canvas, slots: Sequence[Slot], scale: PriceScale, x: int, top: int, zoom: int) -> None:
    """Draw slots from column `x` on, with row 0 of the scale at row `top`."""
    step, body = ZOOMS[zoom]
    for slot in slots:
        if slot.kind is Kind.TRADED:
            _candle(canvas, slot, scale, x, top, body)
        else:
            row = top + scale.row(slot.bar.close)
            if top <= row < top + scale.rows:
                canvas.rule(row, x, x + step, "─" if slot.kind is Kind.FLAT else "┄", Paint.FLAT)
        x += step


def _candle(canvas: Canvas, slot: Slot, scale: PriceScale, x: int, top: int, body: int) -> None:
    bar = slot.bar
    paint = Paint.UP if bar.close >= bar.open else Paint.DOWN
    most = 2 * scale.rows - 1
    high, low = scale.half_row(bar.high), scale.half_row(bar.low)
    upper, lower = scale.half_row(max(bar.open, bar.close)), scale.half_row(min(bar.open, bar.close))
    if high > most or low < 0:
        return
    if body > 1:
        upper, lower = _joined(high, upper, lower, low)
    middle = x + body // 2
    doji = bar.open == bar.close
    glyphs = _THIN if body == 1 else _BLOCK
    for row in range(max(0, high) // 2, min(most, low) // 2 + 1):
        half = 2 * row
        first = 0 if not high <= half <= low else 2 if not doji and upper <= half <= lower else 1
        half += 1
        second = 0 if not high <= half <= low else 2 if not doji and upper <= half <= lower else 1
        y = top + row
        if doji and row == upper // 2:
            above, below = high < 2 * row, low > 2 * row + 1
            canvas.rule(y, x, x + body, "─", paint)
            canvas.set(middle, y, ("─", "┬", "┴", "┼")[2 * above + below], paint)
            continue
        if body > 1 and 2 in (first, second):
            side = _BLOCK[3 * (2 if first == 2 else 0) + (2 if second == 2 else 0)]
            canvas.rule(y, x, x + body, side, paint)
        canvas.set(middle, y, glyphs[3 * first + second], paint)


def _joined(high: int, upper: int, lower: int, low: int) -> tuple[int, int]:
    """A wide body's edges, drawn in by half a row where a wick would end in mid-air beside half a block.

    No character holds half a block and a line. A body that would vanish stays as it is.
    """
    if upper % 2 and high < upper < lower:
        upper += 1
    if lower % 2 == 0 and low > lower > upper:
        lower -= 1
    return upper, lower


def draw_volume(canvas: Canvas, slots: Sequence[Slot], most: float, x: int, bottom: int, rows: int, zoom: int) -> None:
    """Volume bars of up to `rows` rows that stand on row `bottom`; `most` is the top of their scale."""
    step, body = ZOOMS[zoom]
    for slot in slots:
        volume = slot.bar.volume
        if volume > 0:
            eighths = min(rows * 8, max(1, round(volume / most * rows * 8)))
            paint = Paint.UP_VOLUME if slot.bar.close >= slot.bar.open else Paint.DOWN_VOLUME
            for row in range((eighths + 7) // 8):
                glyph = _EIGHTHS[min(8, eighths - row * 8)]
                for column in range(x, x + body):
                    canvas.set(column, bottom - row, glyph, paint)
        x += step
