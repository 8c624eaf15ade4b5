"""What stands in the ticket's fields, and the order that it comes to. Knows no screen."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, is_multiple, plain
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.trading.command_words import duration, number
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.sizing import Basis, Size, SizeUnit, quantity_for

WITH_PRICE = (OrderType.LIMIT, OrderType.STOP_LIMIT)
WITH_STOP = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(slots=True)
class Money:
    """What sizes are reckoned from: equity in the account currency, the settlement currency's rate to it."""

    equity: Decimal = ZERO
    rate: Decimal | None = None


@dataclass(slots=True)
class Form:
    """The fields as the trader filled them; numbers are text until the order is made."""

    side: Side = Side.BUY
    type: OrderType = OrderType.LIMIT
    unit: SizeUnit = SizeUnit.UNITS
    amount: str = ""
    price: str = ""
    stop: str = ""
    tif: TimeInForce = TimeInForce.GTC
    good_for: str = "30m"
    post_only: bool = False
    reduce_only: bool = False

    @property
    def has_price(self) -> bool:
        return self.type in WITH_PRICE

    @property
    def has_stop(self) -> bool:
        """A stop order has a stop price; sizing by risk needs one too, which is not sent."""
        return self.type in WITH_STOP or self.unit is SizeUnit.RISK

    def key(self) -> tuple[object, ...]:
        """Everything that the order depends on."""
        return (
            self.side, self.type, self.unit, self.amount, self.price, self.stop, self.tif, self.good_for,
            self.post_only, self.reduce_only,
        )  # fmt: skip

    def draft(self, instrument: Instrument, prices: Prices, money: Money, now: int) -> OrderDraft:
        """The order that the fields come to. Raises `Refused` with a sentence for what is missing or wrong."""
        price = _price("price", self.price) if self.has_price else None
        stop = _price("stop price", self.stop) if self.has_stop else None
        if self.unit is SizeUnit.RISK and self.type in WITH_STOP:
            raise Refused("Risk to the stop sizes a limit or a market order: choose units, value or equity.")
        amount = number(self.amount)
        if amount is None:
            raise Refused("Type a quantity." if not self.amount else f"{self.amount} is not a number.")
        if self.unit is SizeUnit.UNITS and not is_multiple(amount, instrument.lot):
            raise Refused(f"The quantity {plain(amount)} is not a multiple of the lot {plain(instrument.lot)}.")
        is_stop_order = self.type in WITH_STOP
        basis = Basis(
            instrument=instrument,
            side=self.side,
            price=price or (stop if is_stop_order else None) or prices.to_take(self.side),
            equity=money.equity,
            rate=money.rate,
            stop=stop,
        )
        quantity = quantity_for(Size(amount, self.unit), basis)
        expire_at = None
        if self.tif is TimeInForce.GTD:
            length = duration(self.good_for.strip().lower())
            if length is None:
                raise Refused("How long is the order good? Type 30m, 1h30m or 45s.")
            expire_at = now + length
        return OrderDraft(
            instrument=instrument.id,
            side=self.side,
            quantity=quantity,
            type=self.type,
            price=price,
            stop_price=stop if is_stop_order else None,
            tif=self.tif,
            expire_at=expire_at,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
        )


def _price(what: str, text: str) -> Decimal:
    value = number(text)
    if value is None or value <= 0:
        raise Refused(f"Type a {what}." if not text else f"{text} is not a {what}.")
    return value
