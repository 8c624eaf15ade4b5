"""The chart on the screen: painting and the mouse."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from rich.style import Style
from textual import events

from plugins.chart.candles import ZOOMS, draw_candles, draw_volume
from plugins.chart.canvas import Canvas, Paint, palette, segments
from plugins.chart.drawing import Drawing
from plugins.chart.legend import Parts, bar_parts, moved_parts, staged_parts, volume_text
from plugins.chart.marks import Level, Moved, draw_fills, order_levels, position_level, staged_level
from plugins.chart.moving import ChartMoving
from plugins.chart.panels import draw_panel, panel_rows
from plugins.chart.plot import Plot
from plugins.chart.profile import draw_profile, profile
from plugins.chart.scale import round_up
from plugins.chart.studies import PROFILE, Study
from plugins.chart.study_lines import Drawn, draw_legend, draw_studies, studied
from plugins.chart.timeline import Slot, Timeline, moment_text, slot_at
from screens.pane import Desk
from screens.row import Row
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.market.bars import BarSeries
from workstation.trading.preview import Preview

_TOLD = 10 * SECOND
#: An order this far outside the bars' range (as a share of it) still stretches the scale.
_NEAR = 0.5
_LEAST_HEIGHT = 6
_LEAST_WIDTH = 24


class _Ours(NamedTuple):
    """What is ours in this instrument."""

    levels: list[Level]
    average: list[Level]  # none or one
    fills: list[Fill]


class ChartPane(ChartMoving):
    """Candles and volume with our fills, working orders and position; orders are staged at the crosshair's price."""

    PANE = "chart"
    TITLE = "Chart"
    DEFAULT_KEY = "c"
    LEAST = (30, 8)
    PACE = 2
    FROM_ENGINE = True

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._series: BarSeries | None = None
        self._painted: Hashable = None
        self._axis = 0  # columns of the price axis: it only grows, so that nothing moves sideways
        self._styles: list[Style] = []
        self._fills: tuple[Hashable, list[Fill]] = (None, [])
        self._told = ("", 0)  # the outcome that shows, and since when
        self._volume_top = 0.0

    # -- what belongs to one instrument

    def instrument_changed(self) -> None:
        if self.staged is not None:
            moved = isinstance(self.staged, Moved)
            self.staged = None
            what = "The order was left where it stands" if moved else "The staged order was discarded"
            self.toast(f"{what}: the chart shows another instrument now.")
        self.end = self.crosshair = self.bar_ts = None
        self.outcome = ("", False)
        self._axis = 0
        self.plot = None
        self._volume_top = 0.0
        self.scale.reset()

    def theme_changed(self) -> None:
        self._styles = []

    def invalidate(self) -> None:
        super().invalidate()
        self._painted = None

    def resized(self) -> None:
        self._painted = None
        self.scale.reset()

    def subtitle(self) -> str:
        scale = " log" if self.scale.logarithmic else ""
        return f"{super().subtitle()} {self.interval_name}{scale}"

    def status(self) -> str:
        if self.end is None:
            return ""
        return f"◂ {moment_text(self.end, self.interval, self.engine.clock.now())}"

    # -- painting

    def paint(self, now: int) -> None:
        instrument = self.instrument
        if instrument is None:
            self._say_only("No instrument is selected: / finds one.")
            return
        if self.height < _LEAST_HEIGHT or self.width < _LEAST_WIDTH:
            self._say_only("z gives the chart room.")
            return
        engine = self.engine
        series = engine.bar_series(instrument.id, self.interval)
        if series is not self._series:
            self._series, self._painted = series, None
            self._volume_top = 0.0
            self.scale.reset()
        timeline = Timeline(series, now)
        if self.outcome[0] != self._told[0]:
            self._told = (self.outcome[0], now)
        told = bool(self.outcome[0]) and now - self._told[1] < _TOLD
        self.follow_move()
        preview = self.staged_preview(now)
        old = bool(self.stale_age)
        self.sight.painted(now, instrument.id, engine.book(instrument.id))
        state = (
            series.version, timeline.live_end, self.end, self.crosshair, self.bar_ts, self.staged, preview, self.zoom,
            self.shows_volume, self.settings.get("studies"), engine.orders_version, engine.portfolio_version,
            told and self.outcome, id(self.scale), self.has_focus, self.takes(), old, engine.candles_since,
        )  # fmt: skip
        if state == self._painted:
            return
        self._styles = self._styles or palette(self.ink)
        canvas = self._draw(instrument, timeline, now, preview, self.outcome if told else ("", False))
        self._painted = state
        if canvas is None:
            self._say_only(f"Waiting for the first trade of {instrument.symbol}")
            return
        styles = self._styles
        for y in range(canvas.height):
            key = canvas.key(y)
            self.put_strip(y, key, lambda key=key: Row(list(segments(key, styles)), canvas.width))  # type: ignore[misc]

    def _say_only(self, text: str) -> None:
        self.plot = None
        self.put_text(0, f" {text}", self.ink.dim)
        self.blank_from(1)

    def _ours(self, instrument: Instrument) -> _Ours:
        engine = self.engine
        orders = engine.working(instrument.id)
        version = (instrument.id, engine.portfolio_version)
        if self._fills[0] != version:
            self._fills = (version, [fill for fill in engine.fills(instrument.id) if engine.traded_at(fill.ts)])
        average = position_level(engine.position(instrument.id), instrument)
        return _Ours(order_levels(orders, instrument), [] if average is None else [average], self._fills[1])

    def _draw(
        self, instrument: Instrument, timeline: Timeline, now: int, preview: Preview | None, told: tuple[str, bool]
    ) -> Canvas | None:
        newest = timeline.series.last(1)
        if not newest:
            return None
        height, zoom = self.height, self.zoom
        volume_rows = 0 if not self.shows_volume or height < 9 else 2 if height < 20 else min(8, height // 6)
        ours = self._ours(instrument)
        studies = self.studies
        wanted = sum(study.has_panel for study in studies)
        panels, panel_height = panel_rows(height, wanted, height - 2 - volume_rows)
        rows = height - 2 - volume_rows - panels * panel_height
        plot = self.plot = self._lay_out(instrument, timeline, newest[-1], ours, rows)
        canvas = Canvas(self.width, height)
        drawing = Drawing(canvas, plot, self.scale, instrument, zoom)
        drawing.grid()
        for level in (*ours.levels, *ours.average):
            drawing.line(level)
        last = instrument.price(self.last_ticks(instrument))
        last_row = drawing.row(float(last))
        if last_row is not None:
            canvas.rule(last_row, 0, plot.columns, "┈", Paint.LAST)
        profiled = self._profile(canvas, studies, plot)
        drawn = [*profiled, *studied(studies, timeline.series, plot)]
        over = [one for one in drawn if not one.study.has_panel]
        beneath = [one for one in drawn if one.study.has_panel]
        draw_studies(canvas, over, plot, self.scale, ZOOMS[zoom][1] // 2)
        draw_candles(canvas, plot.slots, self.scale, plot.x, plot.top, zoom)
        if volume_rows:
            self._draw_volume(canvas, plot, volume_rows)
        drawing.made_up(self.engine.traded_at)
        draw_fills(canvas, ours.fills, plot, self.scale, ZOOMS[zoom][1] // 2)
        drawing.out_of_sight(ours.levels)
        for level in (*ours.average, *ours.levels):
            drawing.label(level)
        if last_row is not None:
            rises = newest[-1].close >= newest[-1].open
            fresh = Paint.UP_LABEL if rises else Paint.DOWN_LABEL
            drawing.tag(last_row, last, Paint.AXIS if self.stale_age else fresh)
        if self.staged is not None:
            drawing.line(staged_level(self.staged, instrument))
        index, at = len(plot.slots) - 1, None
        if self.crosshair is not None:
            if self.bar_ts is not None:
                index = slot_at(plot.slots, self.bar_ts) or 0
            at = (index, f" {moment_text(plot.slots[index].bar.ts, self.interval, now)} ")
        drawing.times(self.interval, at)
        top = plot.top + rows + volume_rows
        for number, one in enumerate(beneath[:panels]):
            at_row = top + number * panel_height
            draw_panel(canvas, one, plot, at_row, panel_height, index, instrument.price_places, ZOOMS[zoom][1])
        draw_legend(canvas, [*over, *beneath[panels:]], plot, index, instrument.price_places)
        if self.crosshair is not None:
            drawing.crosshair(index, self.crosshair)
        if self.staged is not None:
            drawing.label(staged_level(self.staged, instrument))
        drawing.legend(self._legend(instrument, plot, index, preview, told))
        return canvas

    def _profile(self, canvas: Canvas, studies: Sequence[Study], plot: Plot) -> list[Drawn]:
        """Draw the volume profile, if it is wanted; its point of control is a line like those of the studies."""
        wanted = next((study for study in studies if study.kind == PROFILE), None)
        if wanted is None or (found := profile([slot.bar for slot in plot.slots], self.scale)) is None:
            return []
        draw_profile(canvas, found, plot)
        return [Drawn(wanted, [[self.scale.price(found.most)] * len(plot.slots)], Paint.STUDY_4)]

    def _lay_out(self, instrument: Instrument, timeline: Timeline, newest: Bar, ours: _Ours, rows: int) -> Plot:
        """Choose slots and scale, and give the axis the columns that its prices need."""
        step = ZOOMS[self.zoom][0]
        self._axis = max(self._axis, _price_width(newest.high, instrument))
        while True:
            columns = self.width - self._axis
            count = columns // step
            slots = self._window(instrument, timeline, count)
            self._fit(slots, ours, rows, float(instrument.tick))
            needed = _price_width(self.scale.high, instrument)
            if needed <= self._axis:
                return Plot(
                    instrument.id, slots, columns - len(slots) * step, columns, 1, rows, step, count, self.interval
                )
            self._axis = needed

    def _window(self, instrument: Instrument, timeline: Timeline, count: int) -> list[Slot]:
        slots = timeline.window(self.end, count)
        if len(slots) < count and self.engine.market(instrument.id).candles.older(self.interval):
            slots = timeline.window(self.end, count)
        if not slots and self.end is not None:  # the market jumped to another time
            self.end = None
            slots = timeline.window(None, count)
        return slots

    def _fit(self, slots: list[Slot], ours: _Ours, rows: int, tick: float) -> None:
        low = min(slot.bar.low for slot in slots)
        high = max(slot.bar.high for slot in slots)
        reach = max(high - low, tick * rows / 2) * _NEAR
        lines = [level.price for level in (*ours.levels, *ours.average)]
        near = [float(price) for price in lines if low - reach <= float(price) <= high + reach]
        self.scale.fit(min([low, *near]), max([high, *near]), rows, tick)

    def _draw_volume(self, canvas: Canvas, plot: Plot, rows: int) -> None:
        most = max(slot.bar.volume for slot in plot.slots)
        if most > self._volume_top or most < self._volume_top * 0.3:
            self._volume_top = round_up(most)
        bottom = plot.top + plot.rows + rows - 1
        draw_volume(canvas, plot.slots, self._volume_top, plot.x, bottom, rows, self.zoom)
        canvas.text(plot.columns, bottom - rows + 1, f" {volume_text(self._volume_top)}", Paint.AXIS)

    def _legend(
        self, instrument: Instrument, plot: Plot, index: int, preview: Preview | None, told: tuple[str, bool]
    ) -> Parts:
        """What is staged and the first objection to it, or what came of the last command, or a bar's figures."""
        draft = self.draft()
        if draft is not None:
            return staged_parts(draft, instrument, preview, self.takes(), self.width - 2, self.staged_exits(draft))
        if isinstance(self.staged, Moved):
            return moved_parts(self.staged, instrument, self.takes(), self.width - 2)
        if told[0]:
            return [(told[0], Paint.ERROR if told[1] else Paint.TEXT)]
        before = plot.slots[index - 1].bar.close if index > 0 else None
        return bar_parts(plot.slots[index], before, instrument, self.width - 2)

    # -- the mouse

    def on_focus(self) -> None:
        self.repaint()

    def on_blur(self) -> None:
        self.repaint()

    def _point(self, x: int, y: int) -> bool:
        """Put the crosshair under the mouse; False where there is no bar."""
        plot, instrument = self.plot, self.instrument
        if plot is None or instrument is None or not plot.top <= y < plot.top + plot.rows:
            return False
        index = plot.slot(x)
        if index is None:
            return False
        at_newest = index == len(plot.slots) - 1 and self.end is None
        self.bar_ts = None if at_newest else plot.slots[index].bar.ts
        self.crosshair = max(1, round(self.scale.price(y - plot.top) / float(instrument.tick)))
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and self.plot is not None:
            self.grab(event.y - self.plot.top)

    def on_mouse_up(self) -> None:
        self.let_go()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if event.button != 1:
            self.let_go()
        elif self.plot is not None and self.drag(event.y - self.plot.top):
            return
        if self.crosshair is None or self.hovering:  # one that a key or a click has set stays
            self._hover(event.x, event.y)

    def on_leave(self) -> None:
        if self.hovering:
            self._hover(-1, -1)

    def _hover(self, x: int, y: int) -> None:
        before = (self.crosshair, self.bar_ts)
        self.hovering = self._point(x, y)
        if not self.hovering:
            self.crosshair = self.bar_ts = None
        if (self.crosshair, self.bar_ts) != before:
            self.repaint()

    def on_click(self, event: events.Click) -> None:
        if self.dragged:
            self.dragged = False
        elif self._point(event.x, event.y):
            self.hovering = False
            self.repaint()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseScrollUp | events.MouseScrollDown, direction: int) -> None:
        event.stop()
        if self.plot is None:
            return
        if event.ctrl:
            (self.action_wider if direction > 0 else self.action_narrower)()
        else:
            self.scroll(direction * max(1, self.plot.count // 12))
        self.repaint()


def _price_width(price: float, instrument: Instrument) -> int:
    """Columns of a price on the axis, with a space on both sides."""
    return len(f"{price:,.{instrument.price_places}f}") + 2
