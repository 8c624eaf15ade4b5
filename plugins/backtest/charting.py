"""What the page shows, and the stretch of bars that its chart shows: zoomed, moved, centred on a trade."""

from __future__ import annotations

from collections.abc import Hashable

from plugins.backtest.axes import axes_of
from plugins.backtest.drawing import AXIS
from plugins.backtest.form import Form
from plugins.backtest.layout import VIEWS, Room, room
from plugins.backtest.study import Study
from screens.painted import PaintedPane
from screens.pane import Desk
from workstation.research.bench.messages import RunAnswer

LEAST_BARS = 10
#: Seconds after which what has come back is painted.
_SOON = 0.05


class ChartControl(PaintedPane):
    """The page's state and its chart."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        saved = self.settings.get("form")
        self.form = Form(saved if isinstance(saved, dict) else None)
        self.session = Study(self.engine, self.form, self.spawn)
        self.session.on_answer = self._answered
        self.session.on_change = self._changed
        self._due = False  # whether the page will be painted in a moment
        view = self.settings.get("view")
        self.view: str = view if view in VIEWS else "trades"
        self.in_view = False
        self._cursors: dict[str, int] = {}
        self._tops: dict[str, int] = {}
        self._axes: list[str] = []
        self._rank = 0
        self._fan = 0
        self._stretch: tuple[int, int] | None = None  # the bars that the chart shows; None for all
        self._key: Hashable = None
        self._tab_places: list[tuple[int, int, str]] = []
        self._form_top = 0
        self._begun = False

    @property
    def space(self) -> Room:
        return room(self.width, self.height, self.view)

    @property
    def cursor(self) -> int:
        return self._cursors.get(self.view, 0)

    @property
    def _columns(self) -> int:
        return max(10, self.space.right - AXIS)

    @property
    def axes(self) -> tuple[str, str] | None:
        """The two parameters of a sweep: those that were marked, else the first numbers of the form."""
        return axes_of(self.form, self._axes)

    def _chosen_trade(self) -> int | None:
        trades = self.session.trades
        if trades is None or not trades.count or not (self.in_view and self.view == "trades"):
            return None
        return min(self.cursor, trades.count - 1)

    def _chosen_bar(self) -> int | None:
        trades, chosen = self.session.trades, self._chosen_trade()
        return None if trades is None or chosen is None else trades.entry_bar[chosen]

    @property
    def pictured(self) -> int:
        """The number of the instrument whose prices the chart is to show: that of the chosen trade, else as it is."""
        trades, chosen = self.session.trades, self._chosen_trade()
        if trades is not None and trades.instrument and chosen is not None:
            return trades.instrument[chosen]
        return self.session.picture.instrument if self.session.picture is not None else 0

    def _follow_trade(self) -> None:
        """The chart goes to the instrument of the chosen trade."""
        picture = self.session.picture
        if picture is not None and picture.instrument != self.pictured:
            self._show_stretch()

    # -- running

    def _run(self) -> None:
        self._stretch = None
        self.settings["form"] = self.form.values
        self.save_settings()
        self.session.run(self._columns)

    def _answered(self, answer: RunAnswer) -> None:
        if self._stretch is not None:
            self._show_stretch()
        else:
            self._follow_trade()
        self.paint(self.engine.clock.now())
        self.flush()

    def _changed(self) -> None:
        """Paint soon: on a quiet desk frames come once a second only, and a sweep's cells come all the time."""
        if not self._due and self.is_attached:
            self._due = True
            self.set_timer(_SOON, self._paint_now)

    def _paint_now(self) -> None:
        self._due = False
        if self.display and self.size:
            self.repaint()

    def _show_stretch(self) -> None:
        first, last = self._stretch or (0, 0)
        self.session.show(first, last, self._columns, self.pictured)

    # -- the chart

    def _bars(self) -> tuple[int, int, int]:
        total = self.session.answer.bars if self.session.answer is not None else 0
        first, last = self._stretch or (0, total)
        return first, last, total

    def _focus_bar(self) -> int:
        first, last, _ = self._bars()
        bar = self._chosen_bar()
        return bar if bar is not None else (first + last) // 2

    def _zoom_to(self, bars: int, middle: int | None = None) -> None:
        total = self._bars()[2]
        if not total:
            return
        if bars >= total:
            self._stretch = None
        else:
            middle = self._focus_bar() if middle is None else middle
            first = max(0, min(middle - bars // 2, total - bars))
            self._stretch = (first, first + bars)
        self._show_stretch()

    def _centre(self) -> None:
        first, last, _ = self._bars()
        bar = self._chosen_bar()
        if bar is not None and not first + (last - first) // 8 <= bar < last - (last - first) // 8:
            self._zoom_to(last - first, bar)

    def action_zoom_in(self) -> None:
        first, last, _ = self._bars()
        self._zoom_to(max(LEAST_BARS, (last - first) // 2))

    def action_zoom_out(self) -> None:
        first, last, _ = self._bars()
        self._zoom_to((last - first) * 2)

    def _pan(self, direction: int) -> None:
        first, last, _ = self._bars()
        self._zoom_to(last - first, (first + last) // 2 + direction * (last - first) // 2)

    def action_earlier(self) -> None:
        self._pan(-1)

    def action_later(self) -> None:
        self._pan(1)
