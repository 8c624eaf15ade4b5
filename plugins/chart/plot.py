"""Where things stand in the chart."""

from __future__ import annotations

import msgspec

from plugins.chart.timeline import Slot
from workstation.domain.instrument import InstrumentId


class Plot(msgspec.Struct, frozen=True):
    """Where things stood at the last paint: `slots` from column `x` on, the scale's row 0 at row `top`."""

    instrument: InstrumentId
    slots: list[Slot]
    x: int
    columns: int
    top: int
    rows: int
    step: int
    count: int  # slots that there is room for
    interval: int

    @property
    def until(self) -> int:
        """The end of the last slot, UTC ns."""
        return self.slots[-1].bar.ts + self.interval if self.slots else 0

    def slot(self, column: int) -> int | None:
        """The slot drawn in a column."""
        index = (column - self.x) // self.step
        return index if 0 <= index < len(self.slots) else None
