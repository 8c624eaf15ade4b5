"""When Python looks for garbage: a little between two frames, the rest while no key is pressed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

#: So often what was made since the last look is looked at.
YOUNG_SECONDS = 0.25
#: So often all that came since the last such look, and so often everything that was made since the desk's start.
OLDER_SECONDS = 60.0
ALL_SECONDS = 600.0
#: The hands are still when no key has come for so long. They are not waited for longer than this many times the above.
STILL_SECONDS = 2.0
PATIENCE = 5


class Collector:
    """Python looks when 10,000 more objects were made than thrown away. A desk in a busy market makes and throws away
    alike, so that it came to it every three seconds, with 15 to 30 ms of work that had gathered, in the middle of
    whatever was going on: 2 keys of 100 had it in their answer. In small pieces after a frame it takes no longer
    altogether, and nobody waits for it.
    """

    def __init__(
        self, seconds: Callable[[], float] = time.monotonic, collect: Callable[[int], object] = gc.collect
    ) -> None:
        self._seconds = seconds
        self._collect = collect
        now = seconds()
        self._looked = [now, now, now]  # at each generation
        self._pressed = now

    def pressed(self) -> None:
        """The trader pressed a key."""
        self._pressed = self._seconds()

    def tick(self) -> None:
        """A frame is done."""
        now = self._seconds()
        still = now - self._pressed >= STILL_SECONDS
        for generation, often in ((2, ALL_SECONDS), (1, OLDER_SECONDS), (0, YOUNG_SECONDS)):
            since = now - self._looked[generation]
            if since >= often and (still or not generation or since >= PATIENCE * often):
                self._collect(generation)
                self._looked[: generation + 1] = [now] * (generation + 1)
                return
