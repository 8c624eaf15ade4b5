"""The line laid over an order's row while its terms are changed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from screens.figures import field_text, number_in, typed_number
from screens.number_field import NumberField
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderType
from workstation.trading.errors import Refused


class Terms(msgspec.Struct, frozen=True):
    """What an amendment changes; None leaves a term as it is. `quantity` is the new total."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None

    @property
    def nothing(self) -> bool:
        return self.quantity is None and self.price is None and self.stop_price is None


class AmendField(NumberField):
    """J and K move prices by ticks here too."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key not in ("J", "K") and super().check_consume_key(key, character)


class AmendBar(Horizontal):
    """Fields for what can be changed of one order: quantity, limit price, stop price."""

    DEFAULT_CSS = """
    AmendBar { position: absolute; height: 1; width: 100%; background: $bar; display: none; }
    AmendBar Static { width: auto; padding: 0 1; height: 1; color: $accent; }
    AmendBar AmendField { width: 1fr; max-width: 16; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.order: Order | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="what")
        yield Static("qty", id="quantity_label")
        yield AmendField(id="quantity")
        yield Static("price", id="price_label")
        yield AmendField(id="price")
        yield Static("stop", id="stop_label")
        yield AmendField(id="stop")
        yield Static("⏎ Esc", id="keys")

    def field(self, name: str) -> AmendField:
        return self.query_one(f"#{name}", AmendField)

    def open(self, order: Order, instrument: Instrument, width: int) -> None:
        """Show the terms of an order in a row of `width` cells; what J and K would move has the focus."""
        self.order = order
        self.display = True
        self.query_one("#what").display = self.query_one("#keys").display = width >= 58
        self.query_one("#what", Static).update(order.side.upper())
        self.field("quantity").put(field_text(order.quantity, instrument.quantity_places))
        for name, price in (("price", order.price), ("stop", None if order.triggered else order.stop_price)):
            shown = price is not None
            self.field(name).display = self.query_one(f"#{name}_label").display = shown
            self.field(name).put("" if price is None else field_text(price, instrument.price_places))
        self.screen.set_focus(self.field(self.moved(order)))  # at once: keys of the same burst are meant for it

    def close(self) -> None:
        self.display = False
        self.order = None

    def move(self, by: int) -> None:
        """To the next field (+1) or the one before (−1), round and round: what is typed after Tab must not land in
        another pane, where digits and letters are keys."""
        shown = [field for field in self.query(AmendField) if field.display]
        at = next((n for n, field in enumerate(shown) if field is self.screen.focused), 0)
        self.screen.set_focus(shown[(at + by) % len(shown)])  # at once, or a burst's next key falls into the old one

    @staticmethod
    def moved(order: Order) -> str:
        """The field that J and K move."""
        if order.price is not None:
            return "price"
        return "stop" if order.type is OrderType.STOP and not order.triggered else "quantity"

    def tick(self, by: int, instrument: Instrument) -> None:
        """Move the price in the focused field, else the order's main price, by ticks."""
        if self.order is None:
            return
        focused = self.screen.focused
        name = next((one for one in ("stop", "price") if self.field(one) is focused), self.moved(self.order))
        value = number_in(self.field(name).value)
        if name != "quantity" and value is not None:
            ticks = max(1, int(value / instrument.tick) + by)
            self.field(name).put(field_text(instrument.price(ticks), instrument.price_places))

    def terms(self) -> Terms:
        """What the fields change. Raises `Refused` for what is no number."""
        order = self.order
        assert order is not None
        changed: dict[str, Decimal] = {}
        for name, term, now in (
            ("quantity", "quantity", order.quantity), ("price", "price", order.price),
            ("stop", "stop_price", order.stop_price),
        ):  # fmt: skip
            field = self.field(name)
            if not field.display:
                continue
            value = typed_number(field.value) if field.value else None
            if value is None or value <= 0:
                raise Refused(f"The {name} must be a number above zero.")
            if value != now:
                changed[term] = value
        return Terms(**changed)
