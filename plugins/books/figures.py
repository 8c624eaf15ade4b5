"""Numbers as the ladder and its neighbours show them: of constant width, and as exact as there is room for."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from screens.figures import plain_text, shown
from workstation.domain.instrument import Instrument

_UNITS = ((1_000_000_000.0, "G"), (1_000_000.0, "M"), (1_000.0, "k"))


def price_text(instrument: Instrument, ticks: int) -> str:
    """A price in ticks, with exactly the places of the tick and no separators."""
    return shown(f"{instrument.price(ticks):.{instrument.price_places}f}")


def places_for(scale: float, most: int) -> int:
    """Decimals that show quantities up to `scale` in five cells: 1.234, 12.34, 123.4, 1234; never more than `most`."""
    whole = len(str(int(scale)))
    return max(0, min(most, 4 - whole))


def steady_scale(largest: int, known: int) -> int:
    """A scale for `largest` that is 1, 2 or 5 × 10ⁿ and stays the `known` one unless that is far off."""
    return known if 0.25 * known <= largest <= known else round_up(largest)


def quantity_text(quantity: float, places: int, width: int) -> str:
    """A quantity in at most `width` cells: with `places` decimals, fewer where it is large, then in k, M, G.

    What `places` would show as zero is shown as less than the smallest step; no shortening shows a zero.
    """
    return shown(_quantity_text(quantity, places, width))


@lru_cache(maxsize=8192)
def _quantity_text(quantity: float, places: int, width: int) -> str:
    if quantity <= 0:
        return ""
    if quantity < 0.5 * 10**-places:
        text = "<" + f"{10**-places:.{places}f}".removeprefix("0")
        return text if len(text) <= width else "·"
    for decimals in range(places, -1, -1):
        text = f"{quantity:.{decimals}f}"
        if len(text) <= width and text.strip("0."):
            return text
    for size, unit in [one for one in _UNITS if one[0] <= quantity]:
        for decimals in (1, 0):
            text = f"{quantity / size:.{decimals}f}{unit}"
            if len(text) <= width:
                return text
    return "#" * width


def own_text(quantity: Decimal, width: int) -> str:
    """One of our own quantities: exact if it fits, else shortened."""
    text = plain_text(quantity)
    return text if len(text) <= width else quantity_text(float(quantity), 8, width)


def round_up(value: int) -> int:
    """The next of 1, 2, 5 × 10ⁿ: a scale that does not twitch with every update."""
    power = 1
    while power * 10 <= value:
        power *= 10
    return next((step * power for step in (1, 2, 5, 10) if step * power >= value), value)
