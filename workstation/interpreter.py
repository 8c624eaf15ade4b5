"""How a desk has Python run: on a screen, without one, and where its speed is measured."""

from __future__ import annotations

import asyncio
import gc
import sys

#: Seconds for which the collector is kept away, and as many in which it is not.
_AWAY = 0.05


def tune_interpreter(young: int = 10_000) -> None:
    """Two of Python's habits that a trader would feel, measured at 1,000 book updates a second.

    Full garbage collections stop the desk for a tenth of a second, and for a whole one over a long journal: what the
    desk is made of lives as long as the desk, so the collector need not look at it at all; of what comes later it looks
    at `young` new objects at a time. And a thread waits up to 5 ms for its turn: with 1 ms the threads that read keys,
    write the screen and flush the store take a third off the time from a key to its painted reaction.
    """
    sys.setswitchinterval(0.001)
    gc.freeze()
    gc.enable()
    gc.set_threshold(young, 20, 100)


class Collector:
    """Python's garbage collector, seen from an order's way."""

    def __init__(self) -> None:
        self.free_from = 0.0  # by the event loop's clock: when it may be kept away again

    def keep_away(self) -> None:
        """No garbage is collected in the next moment: an order is on its way, and a collection takes longer than it.

        Half of the time belongs to the collector, however many orders come, and nothing else than time gives it back:
        no order that waits, and no disk that stands still, keeps it away for longer.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        # what another loop's clock has said counts as long ago
        if gc.isenabled() and not now < self.free_from < now + 2 * _AWAY:
            gc.disable()
            self.free_from = now + 2 * _AWAY
            loop.call_later(_AWAY, gc.enable)


collector = Collector()
