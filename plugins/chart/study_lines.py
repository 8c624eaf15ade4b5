"""Studies on the canvas: thin lines in braille beneath the candles, and their values in a legend."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

import msgspec

from plugins.chart.canvas import Canvas, Paint
from plugins.chart.oscillators import macd, rsi
from plugins.chart.plot import Plot
from plugins.chart.studies import PROFILE, Study, Values, bollinger, ema, sma, vwap
from screens.figures import shown
from workstation.clock import DAY
from workstation.domain.bar import Bar
from workstation.market.bars import BarSeries

_PAINTS = (Paint.STUDY_1, Paint.STUDY_2, Paint.STUDY_3, Paint.STUDY_4)
#: Both dots of a braille cell's row, the first row at the top.
_LEVELS = (0x09, 0x12, 0x24, 0xC0)
_EMPTY = 0x2800


class Scale(Protocol):
    """Maps values to rows, 0 at the top."""

    rows: int

    def part_row(self, value: float, parts: int, /) -> int: ...


class Drawn(msgspec.Struct, frozen=True):
    """A study with its lines, one value for every slot of the plot."""

    study: Study
    lines: list[Values]
    paint: Paint


def lines_of(study: Study, bars: Sequence[Bar]) -> list[Values]:
    """The study's lines over bars, oldest first: one; for Bollinger the middle, the upper and the lower; for MACD the
    line, the signal and their difference."""
    closes = [bar.close for bar in bars]
    match study.kind:
        case "sma":
            return [sma(closes, study.length)]
        case "ema":
            return [ema(closes, study.length)]
        case "bb":
            return bollinger(closes, study.length, study.width)
        case "rsi":
            return [rsi(closes, study.length)]
        case "macd":
            return macd(closes, study.length, study.slow, study.signal)
        case _:
            return [vwap(bars)]


def studied(studies: Sequence[Study], series: BarSeries, plot: Plot) -> list[Drawn]:
    """The studies' values at the slots of a plot."""
    if not studies or not plot.slots:
        return []
    last = plot.slots[-1].bar.ts
    found = []
    for number, study in enumerate(studies):
        warm_up = study.warm_up
        if study.kind == "vwap":  # no more than its session needs
            first = plot.slots[0].bar.ts
            warm_up = min(warm_up, first % DAY // series.interval + 1)
        if study.kind == PROFILE:
            continue
        bars = series.until(last, len(plot.slots) + warm_up)
        times = [bar.ts for bar in bars]
        places = [bisect_right(times, slot.bar.ts) - 1 for slot in plot.slots]
        lines = [[None if at < 0 else line[at] for at in places] for line in lines_of(study, bars)]
        found.append(Drawn(study, lines, _PAINTS[number % len(_PAINTS)]))
    return found


def draw_studies(canvas: Canvas, drawn: Sequence[Drawn], plot: Plot, scale: Scale, middle: int) -> None:
    """Lines from the middle of slot to slot; what leaves the scale is cut off."""
    for one in drawn:
        for line in one.lines:
            before: tuple[int, float] | None = None
            for index, value in enumerate(line):
                if value is None:
                    before = None
                    continue
                x = plot.x + index * plot.step + middle
                _segment(canvas, before or (x, value), (x, value), plot, scale, one.paint)
                before = (x, value)


def _segment(
    canvas: Canvas, start: tuple[int, float], end: tuple[int, float], plot: Plot, scale: Scale, paint: Paint
) -> None:
    """From one point (column, value) to the next, without a gap where it is steep."""
    (first, low), (last, high) = start, end
    most = 4 * scale.rows - 1
    previous: int | None = None
    for x in range(first, last + 1):
        share = 1.0 if last == first else (x - first) / (last - first)
        level = scale.part_row(low + (high - low) * share, 4)
        reach = level if previous is None else previous
        previous = level
        if x == first and first != last:
            continue  # the segment before has drawn it
        step = 1 if level >= reach else -1
        for part in range(reach + (step if reach != level else 0), level + step, step):
            if 0 <= part <= most and 0 <= x < plot.columns:
                _dot(canvas, x, plot.top + part // 4, _LEVELS[part % 4], paint)


def _dot(canvas: Canvas, x: int, y: int, dots: int, paint: Paint) -> None:
    code = ord(canvas.chars[y][x])
    there = code - _EMPTY if _EMPTY <= code < _EMPTY + 256 else 0
    canvas.set(x, y, chr(_EMPTY | there | dots), paint)


def draw_legend(canvas: Canvas, drawn: Sequence[Drawn], plot: Plot, index: int, places: int) -> None:
    """The studies and their values at a slot, in the plot's first row."""
    x = 1
    for one in drawn:
        values = [line[index] for line in one.lines]
        digits = 1 if one.study.kind == "rsi" else places
        figures = " ".join("–" if value is None else shown(f"{value:,.{digits}f}") for value in values)
        text = f"{one.study.text.upper()} {figures}"
        if x + len(text) > plot.columns:
            text = one.study.text.upper()
            if x + len(text) > plot.columns:
                return
        canvas.text(x, plot.top, text + " ", one.paint)
        x += len(text) + 2
