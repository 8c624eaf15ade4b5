"""Arrivals in bursts: a Hawkes process with an exponential kernel, drawn exactly.

Source: A. Dassios and H. Zhao, "Exact simulation of Hawkes process with exponentially decaying intensity", Electronic
Communications in Probability 18 (2013), algorithm 3.1.
"""

from __future__ import annotations

import math
from random import Random


class Bursts:
    """Waiting times of a self-exciting process: `base` events a second, each of which begets `branching` more (< 1)
    within about 1 / `decay` seconds. The mean rate is base / (1 − branching)."""

    __slots__ = ("_decay", "_excess", "_jump", "_random", "base")

    def __init__(self, random: Random, base: float, branching: float, decay: float) -> None:
        self._random = random
        self.base = base
        self._decay = decay
        self._jump = branching * decay
        self._excess = 0.0

    @property
    def heat(self) -> float:
        """How far the intensity just after the last event is above the base rate, in base rates."""
        return self._excess / self.base

    def excite(self, events: float) -> None:
        """As though `events` more events had just happened."""
        self._excess += events * self._jump

    def wait(self, activity: float) -> float:
        """Seconds to the next event, of which this then takes note; `activity` multiplies the base rate."""
        draw = self._random.random
        wait = -math.log(1.0 - draw()) / (self.base * activity)
        if self._excess > 1e-9:
            spent = 1.0 + self._decay * math.log(1.0 - draw()) / self._excess
            if spent > 0.0:
                wait = min(wait, -math.log(spent) / self._decay)
        self._excess = self._excess * math.exp(-self._decay * wait) + self._jump
        return wait
