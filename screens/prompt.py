"""Screens that answer a key at once instead of at Textual's next tick."""

from __future__ import annotations

from textual import events
from textual._time import get_time
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from screens.overlay import OverlayCompositor
from screens.painted import Painted

#: For so long after a key what it changed is painted as soon as the widgets have said so.
PROMPT_SECONDS = 0.1


class PromptScreen[Result](Screen[Result]):
    """Textual collects what changed and paints it at the next tick of a timer, up to a 60th of a second later.

    After a key that wait is a third of what the trader feels: for a moment this screen paints whenever its messages
    have been handled. At all other times the timer keeps a busy market from painting more often than a screen can show.
    """

    _prompt_until = 0.0
    _lays_out = False

    def __init__(self) -> None:
        super().__init__()
        self._compositor: OverlayCompositor = OverlayCompositor()

    def prompt(self) -> None:
        """A key has been pressed: paint what it changes at once."""
        self._prompt_until = get_time() + PROMPT_SECONDS

    def paint_now(self) -> None:
        """A key has been acted on: paint what it has changed before anything else gets a turn."""
        if self is not self.app.screen or not self.is_attached or self.app._batch_count:
            return
        with self._context():
            if self._layout_required:
                self._paint_due()
            else:
                self._paint_alone(self.at_hand())

    def at_hand(self) -> list[Widget]:
        """The widgets in which a key shows at once what it did."""
        return []

    def _paint_alone(self, tops: list[Widget]) -> None:
        """Paint these widgets and what is in them; what else has changed comes at its time."""
        compositor, waiting = self._compositor, self._compositor._dirty_regions
        compositor._dirty_regions = set()
        for top in tops:
            inside = {top, *top.walk_children(Widget)} & compositor.visible_widgets.keys()
            compositor.update_widgets({one for one in inside if one._repaint_regions})
        places = [place for top in tops if (place := compositor.visible_widgets.get(top)) is not None]
        for region, clip in places:
            compositor._dirty_regions |= {part for part in waiting if clip.intersection(region).contains_region(part)}
        waiting -= compositor._dirty_regions
        if compositor._dirty_regions:
            self._compositor_refresh()
        compositor._dirty_regions |= waiting

    def lay_out(self) -> None:
        """Lay the screen out before it is painted again: what is asked for by messages would be painted first."""
        self._layout_required = True
        self.check_idle()

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        """As Textual's; but what draws its own lines draws them at its new size before the screen is painted, not when
        the message of it has arrived: that would paint the screen twice, and at first with what stood there before."""
        self._lays_out = True
        try:
            super()._refresh_layout(size, scroll)
        finally:
            self._lays_out = False
            self._compositor.moved = set()

    def _settle(self) -> None:
        self._lays_out = False
        moved = self._compositor.moved & self._compositor.visible_widgets.keys()
        for widget in moved:
            if isinstance(widget, Painted) and self.paints_at_once(widget):
                try:
                    widget.settle()
                except Exception as error:
                    self.app._handle_exception(error)
        self._compositor.update_widgets(moved)

    def paints_at_once(self, widget: Painted) -> bool:
        """Whether a widget that was laid out is painted in the picture that follows, or when its message comes."""
        return True

    def _compositor_refresh(self) -> None:
        """As Textual's; but beneath a dialog its own marks what has changed as changed again, for good: after the first
        whole painting every pane's frame painted the whole screen."""
        if self._lays_out:
            self._settle()
        if self is self.app.screen:
            super()._compositor_refresh()
            return
        regions = self._compositor._dirty_regions
        if regions and self in self.app._background_screens:
            self.app.screen.refresh(*regions)
            regions.clear()
            self._dirty_widgets.clear()

    def _before_painting(self) -> None:
        """What is due is done now."""

    def _on_timer_update(self) -> None:
        """The tick of Textual's timer. It ticks on while a key is near, whose picture comes first."""
        if not self.app.arrivals.near():  # type: ignore[attr-defined]
            self._paint_due()

    def _paint_due(self) -> None:
        self._before_painting()
        if self._layout_required:
            # what has changed but whose message is still on its way belongs to this picture, and would cost another one
            self._dirty_widgets |= {one for one in self._compositor.visible_widgets if one._repaint_regions}
        super()._on_timer_update()

    def _on_idle(self, event: events.Idle) -> None:  # type: ignore[override]  # Textual calls that of each class
        if get_time() < self._prompt_until and (self._layout_required or self._dirty_widgets):
            self._paint_due()
