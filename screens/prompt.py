"""Screens that answer a key at once instead of at Textual's next tick."""

from __future__ import annotations

from textual import events
from textual._time import get_time
from textual.screen import Screen

#: For so long after a key what it changed is painted as soon as the widgets have said so.
PROMPT_SECONDS = 0.1


class PromptScreen[Result](Screen[Result]):
    """Textual collects what changed and paints it at the next tick of a timer, up to a 60th of a second later.

    After a key that wait is a third of what the trader feels: for a moment this screen paints whenever its messages
    have been handled. At all other times the timer keeps a busy market from painting more often than a screen can show.
    """

    _prompt_until = 0.0

    def prompt(self) -> None:
        """A key has been pressed: paint what it changes at once."""
        self._prompt_until = get_time() + PROMPT_SECONDS

    def _compositor_refresh(self) -> None:
        """As Textual's; but beneath a dialog its own marks what has changed as changed again, for good: after the first
        whole painting every pane's frame painted the whole screen."""
        if self is self.app.screen:
            super()._compositor_refresh()
            return
        regions = self._compositor._dirty_regions
        if regions and self in self.app._background_screens:
            self.app.screen.refresh(*regions)
            regions.clear()
            self._dirty_widgets.clear()

    def _on_idle(self, event: events.Idle) -> None:  # type: ignore[override]  # Textual calls that of each class
        if get_time() < self._prompt_until and (self._layout_required or self._dirty_widgets):
            self._on_timer_update()
