"""What stands before a live desk is armed: where orders go, the limits in force, and the venues' names to be typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from screens.dialog import Dialog, Line, Lines
from screens.field import Field
from workstation.trading.limits import RiskLimits, limit_value, limit_words

if TYPE_CHECKING:
    from workstation.engine import Engine

#: The limits that are shown, and what they are called here.
_SHOWN = (
    ("max_order_value", "an order"),
    ("max_position_value", "a position"),
    ("max_exposure", "all positions"),
    ("max_leverage", "leverage"),
    ("price_collar", "price collar"),
    ("max_orders_per_second", "orders a second"),
    ("max_orders_per_day", "orders a day"),
    ("breakers.daily_loss", "loss of a day"),
    ("breakers.drawdown_kill", "fall from the peak that flattens"),
)


def phrase(venues: Sequence[str]) -> str:
    """What is to be typed: the names of the venues that orders go to."""
    return " ".join(name.lower() for name in venues)


class LiveDialog(Dialog[bool]):
    """True once the names of the venues were typed."""

    DEFAULT_CSS = """
    LiveDialog > Vertical { width: 66; border: round $error; }
    LiveDialog Input { margin: 0; }
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.venues = [name for name, venue in engine.venues.items() if getattr(venue, "trades", True)]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Going LIVE"
            box.border_subtitle = "Enter goes live · Esc stays disarmed"
            yield Lines(cursor=False)
            yield Field(placeholder=f"type {phrase(self.venues)}", max_length=80)

    def on_mount(self) -> None:
        shown = self.query_one(Lines)
        lines = self._lines(shown, self.engine.risk.limits)
        shown.styles.height = len(lines)
        shown.show(lines)
        self.query_one(Field).focus()

    def _lines(self, shown: Lines, limits: RiskLimits) -> list[Line]:
        ink = shown.ink
        where = ", ".join(self._venue_words(name) for name in self.venues)
        lines = [
            Line((("Trading keys will send orders to ", ink.text), (where, ink.strong), (".", ink.text))),
            Line(()),
            Line(((f"Limits in force, money in {self.engine.currency}:", ink.dim),)),
        ]
        for name, words in _SHOWN:
            value = limit_words(name, limit_value(limits, name))
            lines.append(Line(((f"  {words:<34}", ink.text), (f"{value:>20}", ink.strong))))
        return [
            *lines,
            Line(()),
            Line((("This lasts until the desk is left. Type ", ink.text), (phrase(self.venues), ink.strong))),
        ]

    def _venue_words(self, name: str) -> str:
        settings = getattr(self.engine.venues[name], "settings", None)
        test = bool(getattr(settings, "sandbox", False))
        return f"{name} (test network)" if test else name

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if " ".join(event.value.lower().split()) == phrase(self.venues):
            self.dismiss(True)
        else:
            event.input.value = ""
            self.query_one(Vertical).border_subtitle = f"That is not {phrase(self.venues)} · Esc stays disarmed"
