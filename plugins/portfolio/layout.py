"""Where the parts of the page stand, by how large it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """Widths of form, plot and weights, and the heights of picture and table at the right."""

    form: int
    right: int
    plot: int
    weights: int
    above: int
    below: int


def room_of(width: int, height: int) -> Room:
    form = 33 if width >= 130 else 29 if width >= 95 else 25
    right = max(10, width - form - 1)
    above = max(6, (height - 4) * 13 // 20) if height >= 18 else max(4, height - 9)
    below = max(3, height - 3 - above)
    if right >= 108:
        plot_width = right * 11 // 20
    elif right >= 62:
        plot_width = right - 32
    else:
        plot_width = 0 if right < 40 else right - 27
    return Room(form, right, plot_width, right - plot_width - (1 if plot_width else 0), above, below)
