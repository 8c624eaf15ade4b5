"""Keys of one burst, each acted on when those before it have done all that they do."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from textual import events
from textual.message_pump import MessagePump
from textual.widgets import Input

from screens.actions import EVERYWHERE

if TYPE_CHECKING:
    from screens.app import TwsApp

#: A key goes from the focused widget up to the app, what is done there sends a message up the same way, and that
#: message may send another one.
_ROUNDS = 3


class InTurn:
    """Lets a key wait until those before it are done with.

    What is pasted as keys, or comes in one go over a slow line, reaches the desk without a turn of the event loop
    between the keys. Textual hands text to the focused field's queue, acts on the keys that fields, dialogs and panes
    bind when they have come all the way up from there, and this desk on those of its own at once: "64101, backspace,
    0, Enter" would be sent before it was typed, and the 0 deleted in place of the 1. Here a key waits while one before
    it is on its way, but for text that follows text into the same field, and for the kill switch, which never waits.
    """

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._field: Input | None = None  # into which the last key was typed
        self._handed = self._settled = 0  # keys that were handed on, and those of them that are done with
        self._settling: asyncio.Task[None] | None = None

    def waits(self, event: events.Key | events.Paste) -> bool:
        """Whether it must not be acted on now; then it is, in its turn."""
        action = self._app.table.for_key(event.key, EVERYWHERE) if isinstance(event, events.Key) else None
        if action is not None and action.name == "kill":
            return False
        if not self._waiting and self._may_go(event):
            return False
        self._waiting.append(event)
        return True

    def ahead(self) -> list[events.Key]:
        """Keys that came in one go with the one that is acted on now, after it."""
        return [*(event for event in self._waiting if isinstance(event, events.Key)), *self._app.arrivals.queued]

    def field_of(self, event: events.Key | events.Paste) -> Input | None:
        """The field into which it is typed, if it is text for one."""
        focused = self._app.focused
        if not isinstance(focused, Input):
            return None
        if isinstance(event, events.Key):
            everywhere = self._app.table.for_key(event.key, EVERYWHERE) is not None
            if everywhere or not focused.check_consume_key(event.key, event.character):
                return None
        return focused

    def handed_on(self, field: Input | None) -> None:
        """A key is on its way, to be typed into the field or to whatever it does."""
        self._field = field
        self._handed += 1
        if self._settling is None:
            self._begin_to_settle()

    def _begin_to_settle(self) -> None:
        self._settling = asyncio.create_task(self._settle(), name="keys in turn")

    def _may_go(self, event: events.Key | events.Paste) -> bool:
        if self._settling is None:
            return True
        return self._field is not None and self._field is self.field_of(event)

    async def _settle(self) -> None:
        """Until all keys that were handed on have been acted on; but not for ever, if something hangs: a key that
        trades is too old by then, and is dropped."""
        try:
            async with asyncio.timeout(self._app.keyboard.stale_seconds):
                while self._settled != self._handed:
                    self._settled = self._handed
                    for _ in range(_ROUNDS):
                        for pump in self._way():
                            await _turn(pump)
        except TimeoutError:
            pass  # what hangs is waited for no longer
        except Exception as error:
            self._app.engine.log.error("keys", f"Keys could not be kept in their turn: {error!r}")
        finally:  # whatever went wrong, no key waits for ever
            self._settled = self._handed
            self._app.call_later(self._go_on)

    def _way(self) -> list[MessagePump]:
        """From the focused widget, and from the field that was typed into, up to the app."""
        app = self._app
        if not app.screen_stack:
            return []  # the desk is closing
        starts = [one for one in (self._field, app.focused) if one is not None]
        nodes = [node for start in starts for node in start.ancestors_with_self if node is not app]
        return list(dict.fromkeys([*nodes, app.screen, app]))

    async def _go_on(self) -> None:
        self._settling = None
        if self._settled != self._handed:  # another came since
            self._begin_to_settle()
            return
        while self._waiting and self._may_go(self._waiting[0]):
            await self._app.act_on(self._waiting.popleft())


async def _turn(pump: MessagePump) -> None:
    """Until the widget has handled what was sent to it before."""
    done = asyncio.Event()
    if not pump.call_later(done.set):
        return
    task = pump._task

    def gone(_: asyncio.Task[None]) -> None:  # it was taken off the screen
        done.set()

    if task is not None:
        task.add_done_callback(gone)
    try:
        await done.wait()
    finally:
        if task is not None:
            task.remove_done_callback(gone)
