"""Pre-trade risk: one table of checks, each with a typed reason that is a sentence for the trader.

Every check is a pure function of a `Question`; it returns None when it is content, else the sentence that says why not.
The ticket's preview, the denial of an order and the documentation are all read from `CHECKS`. An order that can only
shrink a position (`Question.reduces`) is never stopped by a limit, only by what a venue could not execute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.events import TradingState
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, ZERO, add, divide, is_multiple, multiply, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.domain.plan import EXIT_LEGS
from workstation.domain.position import Position
from workstation.trading.limits import RiskLimits

#: Origin of the kill switch's own orders.
KILL = "kill"


class PositionRisk(msgspec.Struct, frozen=True):
    """One instrument's share of the risk: signed quantity, open buys and sells at their worst, value of one unit."""

    quantity: Decimal
    buys: Decimal
    sells: Decimal
    unit_value: Decimal  # of one unit of quantity, in the account currency

    @property
    def worst(self) -> Decimal:
        """The largest unsigned quantity that working orders can lead to."""
        return max(abs(add(self.quantity, self.buys)), abs(subtract(self.quantity, self.sells)), abs(self.quantity))

    @property
    def exposure(self) -> Decimal:
        return multiply(self.worst, self.unit_value)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a check may look at: the draft, its market and the desk's state, all at one instant.

    `bid`, `ask`, `mid`, `sweep` (price down to which a market order of this size would take) are in quote currency;
    `price_age` in ns (None: no price at all); `available` is free money for this order in `funds_currency`.
    """

    draft: OrderDraft
    instrument: Instrument
    limits: RiskLimits
    now: int
    state: TradingState
    mid: Decimal | None
    best_opposite: Decimal | None
    sweep: Decimal | None
    stale: str | None
    price_age: int | None
    position: Position
    held: Decimal  # spot: base currency that is there; derivatives: the signed position
    rate: Decimal | None  # settlement currency → account currency
    others: PositionRisk  # this instrument without the draft
    exposure_elsewhere: Decimal  # account currency, all other instruments at their worst
    free_quote: Decimal  # spot: quote currency not bound by working buys; derivatives: free margin
    free_base: Decimal  # spot: base currency not bound by working sells
    recent: Sequence[Order]  # orders entered within the last second or the duplicate window
    link_up: bool = True

    @property
    def price(self) -> Decimal | None:
        """The worst price at which the order can trade, as far as it is known."""
        draft = self.draft
        if draft.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            return draft.price
        if draft.type is OrderType.STOP:
            return draft.stop_price
        return self.sweep or self.best_opposite or self.mid

    @property
    def reduces(self) -> bool:
        """Whether the order can only shrink the position, whatever else is working on the same side."""
        quantity = self.held if self.instrument.is_spot else self.position.quantity
        if self.draft.reduce_only and not self.instrument.is_spot:  # the venue sees to it
            return quantity != 0 and (quantity > 0) is (self.draft.side is Side.SELL)
        if self.draft.side is Side.SELL:
            return quantity > 0 and add(self.draft.quantity, self.others.sells) <= quantity
        return quantity < 0 and add(self.draft.quantity, self.others.buys) <= -quantity

    @property
    def value(self) -> Decimal | None:
        """The order's value in the account currency."""
        price = self.price
        if price is None or price <= 0 or self.rate is None:
            return None
        return multiply(self.instrument.notional(self.draft.quantity, price), self.rate)


class Verdict(msgspec.Struct, frozen=True):
    """What one check says: `sentence` is empty when it is content."""

    check: str
    sentence: str

    @property
    def ok(self) -> bool:
        return not self.sentence


def _money(value: Decimal) -> str:
    return f"{value:,.2f}"


def _terms(q: Question) -> str | None:
    """The order is complete and makes sense by itself."""
    d = q.draft
    if d.quantity <= 0:
        return "The quantity must be above zero."
    if d.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and (d.price is None or d.price <= 0):
        return f"A {d.type.replace('_', '-')} order needs a price above zero."
    if d.type in (OrderType.STOP, OrderType.STOP_LIMIT) and (d.stop_price is None or d.stop_price <= 0):
        return "A stop order needs a stop price above zero."
    if d.post_only and d.type in (OrderType.MARKET, OrderType.STOP):
        return "Post-only needs a limit price: a market order always takes."
    if d.tif == "GTD" and (d.expire_at is None or d.expire_at <= q.now):
        return "A good-till-date order needs a time of expiry that is still to come."
    return None


def _link(q: Question) -> str | None:
    """The venue is connected."""
    return None if q.link_up else f"{q.instrument.venue} is not connected: nothing can be sent there now."


def _tick(q: Question) -> str | None:
    """Prices are multiples of the instrument's tick."""
    for name, price in (("price", q.draft.price), ("stop price", q.draft.stop_price)):
        if price is not None and not is_multiple(price, q.instrument.tick):
            return f"The {name} {plain(price)} is not a multiple of the tick {plain(q.instrument.tick)}."
    return None


def _lot(q: Question) -> str | None:
    """The quantity is a multiple of the lot and not below the venue's minimum."""
    i = q.instrument
    if not is_multiple(q.draft.quantity, i.lot):
        return f"The quantity {plain(q.draft.quantity)} is not a multiple of the lot {plain(i.lot)}."
    if q.draft.quantity < i.min_quantity:
        return f"The quantity {plain(q.draft.quantity)} is below the venue's minimum of {plain(i.min_quantity)}."
    return None


def _min_notional(q: Question) -> str | None:
    """The order's value is not below the venue's minimum."""
    price = q.price
    if price is None or price <= 0 or q.draft.reduce_only:
        return None
    value = q.instrument.notional(q.draft.quantity, price)
    if value < q.instrument.min_notional:
        minimum = f"{plain(q.instrument.min_notional)} {q.instrument.settlement}"
        return f"The order's value {_money(value)} is below the venue's minimum of {minimum}."
    return None


def _state(q: Question) -> str | None:
    """The trading state allows the order: HALTED none, REDUCING only what shrinks a position."""
    if q.state is TradingState.ACTIVE or (q.draft.origin == KILL and q.reduces):
        return None
    if q.state is TradingState.HALTED:
        return "The desk is HALTED: no order may be sent until you type rearm."
    return None if q.reduces else "The desk is REDUCING: only orders that shrink a position may be sent."


def _price_known(q: Question) -> str | None:
    """There is a live price to judge the order by."""
    if q.stale is not None:
        return f"The book of {q.instrument.symbol} is stale ({q.stale}): wait for it, or close from another venue."
    if q.mid is None or q.price_age is None:
        return f"There is no price of {q.instrument.symbol} yet to judge the order by."
    if q.price_age > q.limits.max_price_age_ms * 1_000_000:
        return f"The newest price of {q.instrument.symbol} is {q.price_age / 1e9:.0f} s old."
    if q.draft.type is OrderType.MARKET and q.best_opposite is None:
        return f"Nobody {'offers' if q.draft.side is Side.BUY else 'bids for'} {q.instrument.symbol} now."
    return None


def _collar(q: Question) -> str | None:
    """Fat finger: no order reaches further through the market, or rests further from it, than the collars allow."""
    if q.mid is None or q.mid <= 0 or q.draft.type is OrderType.STOP:
        return None
    price = q.price
    if price is None:
        return None
    distance = divide(multiply(subtract(price, q.mid), Decimal(q.draft.side.sign)), q.mid)
    where = "above" if price > q.mid else "below"
    what = "This market order would trade down the book to" if q.draft.type is OrderType.MARKET else "The price"
    if distance > q.limits.price_collar and q.draft.type is not OrderType.STOP_LIMIT:
        return (
            f"{what} {plain(price)}, {distance:.1%} {where} the middle of {plain(q.mid)}: "
            f"more than your collar of {q.limits.price_collar:.1%}."
        )
    if -distance > q.limits.price_collar_resting:
        return (
            f"{what} {plain(price)} is {-distance:.0%} {where} the middle of {plain(q.mid)}: "
            f"further than your {q.limits.price_collar_resting:.0%} for resting orders."
        )
    return None


def _stop_side(q: Question) -> str | None:
    """A stop stands on the far side of the market: a buy stop above it, a sell stop below."""
    stop = q.draft.stop_price
    if q.mid is None or stop is None or q.draft.type not in (OrderType.STOP, OrderType.STOP_LIMIT):
        return None
    if multiply(subtract(stop, q.mid), Decimal(q.draft.side.sign)) <= 0:
        side, where = ("buy", "above") if q.draft.side is Side.BUY else ("sell", "below")
        return f"A {side} stop must be {where} the market ({plain(q.mid)}): this one would trigger at once."
    return None


def _order_value(q: Question) -> str | None:
    """Value of one order."""
    value = q.value
    if value is None:
        return None if q.reduces else f"The order cannot be valued: there is no price of {q.instrument.settlement}."
    if value > q.limits.max_order_value and not q.reduces:
        return f"The order's value {_money(value)} is above your limit of {_money(q.limits.max_order_value)} an order."
    return None


def _after(q: Question) -> PositionRisk:
    buys = add(q.others.buys, q.draft.quantity) if q.draft.side is Side.BUY else q.others.buys
    sells = add(q.others.sells, q.draft.quantity) if q.draft.side is Side.SELL else q.others.sells
    return PositionRisk(q.others.quantity, buys, sells, q.others.unit_value)


def _position_value(q: Question) -> str | None:
    """Value of the instrument's position if everything working fills."""
    exposure = _after(q).exposure
    if exposure > q.limits.max_position_value and not q.reduces:
        return (
            f"The position in {q.instrument.symbol} could grow to {_money(exposure)}: "
            f"above your limit of {_money(q.limits.max_position_value)}."
        )
    return None


def _exposure(q: Question) -> str | None:
    """Value of all positions if everything working fills."""
    exposure = add(_after(q).exposure, q.exposure_elsewhere)
    if exposure > q.limits.max_exposure and not q.reduces:
        return (
            f"All positions together could grow to {_money(exposure)}: "
            f"above your limit of {_money(q.limits.max_exposure)}."
        )
    return None


def _buying_power(q: Question) -> str | None:
    """Money (or, selling spot, the asset) for the order and its fee is there, beside what working orders bind."""
    i, d = q.instrument, q.draft
    if i.is_spot and d.side is Side.SELL:
        if d.quantity > q.free_base:
            return (
                f"You have {plain(max(q.free_base, ZERO))} {i.base} free to sell at {i.venue}, "
                f"not {plain(d.quantity)}: spot cannot be sold short."
            )
        return None
    price = q.price
    if price is None or price <= 0 or (q.reduces and not i.is_spot):
        return None
    notional = i.notional(d.quantity, price)
    fee = multiply(notional, max(i.taker_fee, i.maker_fee, ZERO))
    needed = add(notional if i.leverage == ONE else divide(notional, i.leverage), fee)
    if needed > q.free_quote:
        what = "costs" if i.is_spot else "needs a margin of"
        return (
            f"The order {what} {_money(needed)} {i.settlement} with its fee; "
            f"{_money(max(q.free_quote, ZERO))} are free at {i.venue}."
        )
    return None


def _rate(q: Question) -> str | None:
    """Orders a second (a plan's exits never wait)."""
    if q.draft.origin == KILL or q.draft.leg in EXIT_LEGS:
        return None
    last_second = sum(order.created_at > q.now - 1_000_000_000 for order in q.recent)
    if last_second >= q.limits.max_orders_per_second:
        return f"{last_second} orders within a second: your limit is {q.limits.max_orders_per_second}."
    return None


def _duplicate(q: Question) -> str | None:
    """The same order was not entered a moment ago (a key that bounced)."""
    d = q.draft
    if d.origin != "manual" or d.leg in EXIT_LEGS:
        return None
    since = q.now - q.limits.duplicate_window_ms * 1_000_000
    for order in q.recent:
        same = (order.instrument, order.side, order.type, order.quantity, order.price, order.stop_price) == (
            d.instrument, d.side, d.type, d.quantity, d.price, d.stop_price,
        )  # fmt: skip
        if same and order.created_at > since and not order.reason:
            return f"The same order was entered {(q.now - order.created_at) / 1e6:.0f} ms ago: taken for a bounced key."
    return None


def _reduce_only(q: Question) -> str | None:
    """A reduce-only order finds a position to reduce."""
    if not q.draft.reduce_only:
        return None
    quantity = q.held if q.instrument.is_spot else q.position.quantity
    if quantity == 0 or (quantity > 0) == (q.draft.side is Side.BUY):
        return f"There is no position in {q.instrument.symbol} that a reduce-only {q.draft.side} could reduce."
    return None


#: Name → check, in the order in which they are asked. Their docstrings are the documentation.
CHECKS: dict[str, Callable[[Question], str | None]] = {
    "terms": _terms,
    "state": _state,
    "link": _link,
    "tick": _tick,
    "lot": _lot,
    "price known": _price_known,
    "minimum value": _min_notional,
    "price collar": _collar,
    "stop side": _stop_side,
    "reduce only": _reduce_only,
    "order value": _order_value,
    "position value": _position_value,
    "total exposure": _exposure,
    "buying power": _buying_power,
    "order rate": _rate,
    "duplicate": _duplicate,
}


#: The checks that bind the kill switch's own orders: what a venue could not execute. Nothing else may stop a flatten.
KILL_CHECKS = frozenset({"terms", "state", "tick", "lot"})


def judge(question: Question) -> list[Verdict]:
    """Every check's verdict, in the table's order. With incomplete terms the rest is not asked."""
    verdicts = []
    for name, check in CHECKS.items():
        if question.draft.origin == KILL and name not in KILL_CHECKS:
            continue
        verdict = Verdict(name, check(question) or "")
        verdicts.append(verdict)
        if name == "terms" and not verdict.ok:
            break
    return verdicts
