"""What stands in the ticket's fields, and the order that it comes to. Knows no screen."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from screens.figures import field_text, plain_word, typed_number
from workstation.clock import span
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, is_multiple, plain
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.plan import Plan, Trail
from workstation.trading.command_plans import distance_of
from workstation.trading.command_words import Token, duration
from workstation.trading.commands import Prices
from workstation.trading.errors import Refused
from workstation.trading.order_defaults import price_away
from workstation.trading.plans import terms
from workstation.trading.sizing import Basis, Size, SizeUnit, quantity_for

WITH_PRICE = (OrderType.LIMIT, OrderType.STOP_LIMIT)
WITH_STOP = (OrderType.STOP, OrderType.STOP_LIMIT)


class Money(msgspec.Struct):
    """What sizes are reckoned from: equity in the account currency, the settlement currency's rate to it."""

    equity: Decimal = ZERO
    rate: Decimal | None = None


class Form(msgspec.Struct):
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
    exit_stop: str = ""
    exit_target: str = ""
    exit_trail: str = ""
    best_of: bool = False  # over all venues that list the asset, in place of the one

    @property
    def has_price(self) -> bool:
        return self.type in WITH_PRICE

    @property
    def has_stop(self) -> bool:
        """A stop order has a stop price; sizing by risk needs one too, which then protects what fills."""
        return self.type in WITH_STOP or self.unit is SizeUnit.RISK

    @property
    def has_exits(self) -> bool:
        return bool(self.exit_stop or self.exit_target or self.exit_trail)

    def key(self) -> tuple[object, ...]:
        """Everything that the order depends on."""
        return (
            self.side, self.type, self.unit, self.amount, self.price, self.stop, self.tif, self.good_for,
            self.post_only, self.reduce_only, self.exit_stop, self.exit_target, self.exit_trail, self.best_of,
        )  # fmt: skip

    def take(self, draft: OrderDraft, places: int, now: int) -> None:
        """Fill the fields with an order; prices with so many `places`, its time from `now` (UTC ns)."""
        self.side, self.type, self.unit = draft.side, draft.type, SizeUnit.UNITS
        self.amount = field_text(draft.quantity)
        self.price = "" if draft.price is None else field_text(draft.price, places)
        self.stop = "" if draft.stop_price is None else field_text(draft.stop_price, places)
        self.tif = draft.tif
        if draft.expire_at is not None:
            self.good_for = span(draft.expire_at - now)
        self.post_only, self.reduce_only = draft.post_only, draft.reduce_only
        self.exit_stop = self.exit_target = self.exit_trail = ""
        self.best_of = False

    def plan(self, draft: OrderDraft, instrument: Instrument, prices: Prices) -> Plan | None:
        """The order with its exits; None if it has none. Raises `Refused` for exits that cannot stand."""
        entry = draft.price or draft.stop_price or prices.to_take(draft.side)

        def exit_at(what: str, text: str, sign: int) -> Decimal | None:
            if not text.endswith("%"):
                return _price(what, text) if text else None
            if entry is None:
                raise Refused(f"There is no price yet to measure {text} from: type the {what} as a price.")
            return price_away(distance_of(Token(plain_word(text), text, 0)), sign, instrument, entry)

        stop = exit_at("stop of the exits", self.exit_stop, -draft.side.sign)
        if stop is None and self.unit is SizeUnit.RISK:
            stop = _price("stop price", self.stop)
        target = exit_at("target", self.exit_target, draft.side.sign)
        trail = Trail(distance_of(Token(plain_word(self.exit_trail), self.exit_trail, 0))) if self.exit_trail else None
        if stop is None and target is None and trail is None:
            return None
        if self.best_of:
            raise Refused("An order to the best of the venues takes no exits: choose one venue, or protect it later.")
        if draft.reduce_only:
            raise Refused("A reduce-only order closes a position: it takes no exits.")
        plan = terms.bracket(draft, stop=stop, target=target, trail=trail)
        if sentence := terms.problem(plan, instrument, entry, None):
            raise Refused(sentence)
        return plan

    def draft(self, instrument: Instrument, prices: Prices, money: Money, now: int) -> OrderDraft:
        """The order that the fields come to. Raises `Refused` with a sentence for what is missing or wrong."""
        price = _price("price", self.price) if self.has_price else None
        stop = _price("stop price", self.stop) if self.has_stop else None
        if self.unit is SizeUnit.RISK and self.type in WITH_STOP:
            raise Refused("Risk to the stop sizes a limit or a market order: choose units, value or equity.")
        if not self.amount:
            raise Refused("Type a quantity.")
        amount = typed_number(self.amount)
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
    if not text:
        raise Refused(f"Type a {what}.")
    value = typed_number(text, what)
    if value <= 0:
        raise Refused(f"{text} is not a {what}.")
    return value
