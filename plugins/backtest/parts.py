"""How the pieces of the page write prices and times; lines of parts are the screens'."""

from __future__ import annotations

from screens.figures import moment
from screens.parts import Line, Part, fit, number, spread
from workstation.clock import SECOND

__all__ = ["Line", "Part", "fit", "number", "price", "spread", "when"]

_DAY = 86_400 * SECOND


def price(value: float) -> str:
    """A price with as many decimals as its size asks for."""
    size = abs(value)
    return number(value, ",.1f" if size >= 10_000 else ",.2f" if size >= 20 else ",.4f" if size >= 0.1 else ",.6f")


def when(ts: int, interval: int, *, short: bool = False) -> str:
    """The time of a bar: its UTC date where bars are days or longer, else date and time in the user's zone."""
    if interval >= _DAY:
        import datetime

        day = datetime.datetime.fromtimestamp(ts // SECOND, datetime.UTC)
        return f"{day:%Y-%m-%d}"
    return f"{moment(ts):%m-%d %H:%M}" if short else f"{moment(ts):%Y-%m-%d %H:%M}"
