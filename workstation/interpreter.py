"""How a desk has Python run: on a screen, without one, and where its speed is measured."""

from __future__ import annotations

import gc
import sys


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
