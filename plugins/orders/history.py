"""The dialog with everything that happened to one order."""

from __future__ import annotations

import textwrap

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Vertical

from screens.dialog import Dialog, Line, Lines
from screens.figures import local_time
from screens.order_words import STATES, event_text
from screens.theme import Ink
from workstation.domain import events as e
from workstation.domain.order import ClientOrderId
from workstation.engine import Engine

_BAD = (
    e.OrderDenied, e.OrderRejected, e.OrderUnknown, e.OrderCancelRejected, e.OrderAmendRejected, e.OrderReopened,
)  # fmt: skip


class History(Dialog[None]):
    """Every event of an order with its time; new ones appear as they come."""

    BINDINGS = [("e,q,enter", "close", "Close"), ("down,j", "scroll(1)", "Down"), ("up,k", "scroll(-1)", "Up")]

    def __init__(self, engine: Engine, client_id: ClientOrderId, ink: Ink) -> None:
        super().__init__()
        self.engine = engine
        self.client_id = client_id
        self.ink = ink
        self._version = -1

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(cursor=False)

    def on_mount(self) -> None:
        self.tick(self.engine.clock.now())

    def action_scroll(self, by: int) -> None:
        self.query_one(Lines).move(by)

    def tick(self, now: int) -> None:
        order = self.engine.order(self.client_id)
        if order is None or self._version == self.engine.orders_version:
            return
        self._version = self.engine.orders_version
        ink, width = self.ink, min(78, self.app.size.width - 6)
        instrument = self.engine.instrument(order.instrument)
        title = f"{order.side.upper()} {order.instrument}"
        lines = [
            Line(((title, ink.strong), (f"  {STATES[order.state]}", ink.own))),
            Line(((f"{order.client_id}  at the venue {order.venue_order_id or '–'}", ink.dim),)),
            Line(()),
        ]
        for event in self.engine.order_events(self.client_id):
            lines += self._event(event, event_text(event, instrument), width)
        lines += [Line(()), Line((("Esc closes", ink.dim),))]
        shown = self.query_one(Lines)
        shown.styles.height = len(lines)
        shown.show(lines, keep=True)

    def _event(self, event: e.OrderEvent, text: str, width: int) -> list[Line]:
        ink = self.ink
        style: Style = ink.text
        if isinstance(event, _BAD):
            style = ink.error
        elif isinstance(event, e.OrderFilled):
            style = ink.bid if event.fill.side == "buy" else ink.ask
        time = local_time(event.ts, milliseconds=True)
        parts = textwrap.wrap(text, width - len(time) - 2) or [""]
        return [
            Line(((f"{time if n == 0 else '':<{len(time)}}  ", ink.dim), (part, style))) for n, part in enumerate(parts)
        ]
