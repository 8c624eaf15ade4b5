"""Keys on their way: from the terminal's thread to the desk, before all else that the event loop has to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events
from textual._time import get_time
from textual.driver import Driver
from textual.message import Message

#: The longest that anything gives way to one key: what holds it up then is not what gives way.
AT_MOST_SECONDS = 0.1


class Arrivals:
    """What the terminal has handed over and nobody has acted on yet.

    A key that came while the market, a frame and a picture each had some milliseconds to do waited for all of them,
    in each of the turns that it takes from the thread to the desk: 20 ms and more of its answer on a busy desk. While
    one is `near` they give way.
    """

    def __init__(self) -> None:
        self._newest: events.Key | None = None
        self._at = 0.0
        #: Keys in the app's queue, oldest first: what came in one go with the one that is acted on.
        self.queued: deque[events.Key] = deque()

    def came(self, key: events.Key) -> None:
        """A key was read. Called by the terminal's thread."""
        self._at = get_time()
        self._newest = key

    def heard(self, key: events.Key) -> None:
        """The app takes it from its queue."""
        if key in self.queued:
            self.queued.remove(key)

    def taken(self, key: events.Key) -> None:
        """The desk acts on it now."""
        if key is self._newest:
            self._newest = None

    def near(self) -> bool:
        """Whether a key is on its way that has not been acted on."""
        return self._newest is not None and get_time() - self._at < AT_MOST_SECONDS


def attentive(driver: type[Driver], came: Callable[[events.Key], None]) -> type[Driver]:
    """The driver, telling of each key as soon as it is read, and with one turn of the loop less before it arrives."""

    class Attentive(driver):  # type: ignore[valid-type, misc]  # a class that is known when the terminal is
        def send_message(self, message: Message) -> None:
            if isinstance(message, events.Key):
                came(message)
            loop: Any = self._loop
            loop.call_soon_threadsafe(self._app.post_message, message)

    return Attentive
