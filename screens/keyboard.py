"""From a key to an action: who gets the key, and whether it may act.

Actions of the context "everywhere" come first, in dialogs and text fields too. A dialog then takes its keys itself, a
text field the ones it types with or binds. What is left goes to the focused pane's actions, then to the desk's.

A key that sends orders is dropped, with a sentence, where the desk is not as it was when it was pressed: after a stall;
where the window that it was pressed for has gone, or the question that it would answer stood there later than it was
pressed; where it was typed in one go with such a key, or with text that means nothing where it goes (a paste that comes
as keys). What only stops is never dropped.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from textual import events
from textual._time import get_time
from textual.screen import Screen
from textual.widget import Widget

from screens.actions import DESK, EVERYWHERE
from screens.dialog import Dialog
from screens.keys import display
from screens.layout_actions import LAYOUT

if TYPE_CHECKING:
    from screens.app import TwsApp

#: A trading key that waited longer than this was pressed at another market: it is dropped, never sent late.
STALE_SECONDS = 1.0
#: After a stall the terminal hands over what was typed meanwhile with fresh times: trading keys wait this long too.
SETTLE_SECONDS = 0.25


#: Why a key may not send.
_STALLED = "it was pressed while the desk stood still"
_GONE = "the window that it was pressed for has gone"
_UNSEEN = "it was pressed before the question stood there"
_AFTER = "it was typed in one go with a key that was dropped"
_TEXT = "it was typed in one go with text that means nothing here"


class Keyboard:
    """Takes each key before Textual does."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._last_tick = get_time()
        self._settled_at = 0.0
        self.stale_seconds = STALE_SECONDS
        #: Why the key or click that is being handled may send nothing; "" where it may.
        self.barred = ""
        #: Keys that had been read by then may send nothing, and why.
        self._void: tuple[float, str] = (0.0, "")
        #: When the last keys were acted on, and what was on top then.
        self._taken: deque[tuple[float, Screen[Any]]] = deque(maxlen=64)

    def tick(self) -> None:
        """The screen's timer ran: the desk is alive."""
        self._note_stall()
        self._last_tick = get_time()

    def _note_stall(self) -> None:
        now = get_time()
        if now - self._last_tick > self.stale_seconds:
            self._settled_at = now + SETTLE_SECONDS
            self._last_tick = now

    def is_late(self, event: events.InputEvent) -> bool:
        """Whether the key was pressed before, or queued up during, a stall of the desk.

        An event carries the time at which the terminal's thread read it, and that thread reads on while the event loop
        stands still. Where it could not (the whole process was stopped), what was typed meanwhile is read in one go
        when it goes on, within the time to settle.
        """
        self._note_stall()
        return get_time() - event.time > self.stale_seconds or event.time < self._settled_at

    def _why_not(self, event: events.Key) -> str:
        """Why the key may send nothing; "" where it may."""
        app = self._app
        # what was on top as it was read: where keys before it were acted on later, what was there for the first of them
        typed_for = next((top for at, top in self._taken if at >= event.time), app.screen)
        self._taken.append((get_time(), app.screen))
        if self.is_late(event):
            return _STALLED
        if event.time <= self._void[0]:
            return self._void[1]
        if typed_for not in app.screen_stack:
            return _GONE
        asks = isinstance(app.screen, Dialog) and app.screen.SENDS
        return _UNSEEN if asks and app.screen is not typed_for else ""

    def _begins_text(self, context: str) -> bool:
        """Whether what came in one go with this key, for the same pane, is text: letters that mean nothing there."""
        table = self._app.table
        for key in self._app.in_turn.ahead():
            if table.for_key(key.key, context) is None:
                opens = table.for_key(key.key, EVERYWHERE) or table.for_key(key.key, DESK)
                return opens is None and key.is_printable
        return False

    def drop(self, what: str) -> None:
        """Say that something was not done, and why; what was typed by now sends nothing either."""
        sentence = f"{what} was dropped: {self.barred}. Nothing was sent."
        self._void = get_time(), _AFTER
        self._app.engine.log.warning("keys", sentence)
        self._app.toast(sentence, error=True)

    def take_mouse(self, event: events.MouseDown | events.MouseUp) -> bool:
        """Drop a late click: it was meant for what stood there before a stall. The footer looks after its actions."""
        app = self._app
        self.barred = _STALLED if self.is_late(event) else ""
        if not self.barred or (app.screen is app.desk_screen and event.y == app.size.height - 1):
            return False
        if isinstance(event, events.MouseDown):
            self.drop("A click")
        return True

    def _layout_key(self, event: events.Key) -> bool:
        """In the layout mode no key reaches a pane: a slip must not trade. Pages and the help still have theirs."""
        app = self._app
        action = app.table.for_key(event.key, LAYOUT)
        if action is None:
            action = app.table.for_key(event.key, DESK)
            if action is None or not (action.name.startswith("page_") or action.name == "help_here"):
                return True
        app.run_named(action.name)
        return True

    def take(self, event: events.Key) -> bool:
        """Act on a key; False if it is Textual's to handle."""
        app = self._app
        self.barred = self._why_not(event)
        action = app.table.for_key(event.key, EVERYWHERE)
        waiting = getattr(app.screen, "captured", None) if getattr(app.screen, "capturing", False) else None
        if waiting is not None and (action is None or action.name != "kill"):
            waiting(event)  # the key editor wants to know it, whatever it does
            return True
        if action is not None:
            app.run_named(action.name)
            return True
        if app.screen is not app.desk_screen:
            if self.barred and isinstance(app.screen, Dialog) and event.key in app.screen.SENDS:
                self.drop(display(event.key))
                return True
            return False
        if app.jump.active:
            app.jump.press(event.character if event.is_printable and event.character else event.key)
            app.refresh_bars()
            return True
        if app.layout_commands.active:
            return self._layout_key(event)
        focused = app.focused
        pane = app.workspace.pane_with(focused)
        if focused is not None and focused is not pane and _wants(focused, pane, event):
            if event.key == "enter" and self.barred and not app.typed.only_stops(focused):
                self.drop("Enter")  # it would send what was typed, at another market
                return True
            return False
        if pane is not None:
            if (field := pane.field_for(event)) is not None:
                app.screen.set_focus(field)  # at once: it is typed there
                return False
            action = app.table.for_key(event.key, pane.PANE)
            if action is not None:
                if action.trades and not self.barred and self._begins_text(pane.PANE):
                    self.barred = _TEXT
                app.run_in_pane(pane, action)
                return True
        action = app.table.for_key(event.key, DESK)
        if action is not None:
            app.run_named(action.name)
            return True
        if event.is_printable:
            self._void = get_time(), _TEXT
        return False


def _wants(widget: Widget, pane: Widget | None, event: events.Key) -> bool:
    """Whether the widget types with the key or has its own use for it."""
    return widget.check_consume_key(event.key, event.character) or _binds(widget, pane, event.key)


def _binds(widget: Widget, upto: Widget | None, key: str) -> bool:
    """Whether the widget or one around it, inside its pane, binds the key itself (an input's arrows, Enter …)."""
    for node in widget.ancestors_with_self:
        if node is upto or isinstance(node, Screen):
            return False
        if isinstance(node, Widget) and key in node._bindings.key_to_bindings:
            return True
    return False
