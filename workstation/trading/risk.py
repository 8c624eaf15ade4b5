"""Pre-trade risk: one table of checks, each with a typed reason that is a sentence for the trader.

Every check is a pure function of a `Question`; it returns None when it is content, else the sentence that says why not.
The ticket's preview, the denial of an order and the documentation are all read from `CHECKS`. An order that can only
shrink a position (`Question.shrinks`) is never stopped by a limit (`LIMITS`), only by what cannot be executed or was
surely not meant: a slipped digit is one in an exit too, unless the order is flagged reduce-only.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from workstation.domain.events import TradingState
from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, divide, is_multiple, multiply, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.domain.plan import EXIT_LEGS
from workstation.domain.prices import price_words
from workstation.trading.risk_breakers import breaker, drawdown_size
from workstation.trading.risk_counts import orders_per_day, origin_orders, painted_book, rate, working_orders
from workstation.trading.risk_exposure import (
    allowed,
    correlated,
    instrument_leverage,
    leverage,
    origin_value,
    self_trade,
)
from workstation.trading.risk_question import KILL, GroupRisk, OwnerRisk, PositionRisk, Question, Verdict, money
from workstation.venues.matching.rules import bad_display, bad_trail

__all__ = [
    "CHECKS", "IMPOSSIBLE", "KILL", "KILL_CHECKS", "LIMITS", "GroupRisk", "OwnerRisk", "PositionRisk", "Question",
    "Verdict", "judge",
]  # fmt: skip


def _terms(q: Question) -> str | None:
    """The order is complete and makes sense by itself."""
    d = q.draft
    if d.quantity <= 0:
        return "The quantity must be above zero."
    if d.type.has_limit and (d.price is None or d.price <= 0):
        return f"A {d.type.replace('_', '-')} order needs a price above zero."
    if d.type is OrderType.TRAILING_STOP:
        if (problem := bad_trail(q.instrument, d)) is not None:
            return problem
    elif d.trail is not None or d.trail_bps is not None or d.activation_price is not None:
        return "Only a trailing stop has a distance at which it follows and a price from which it does."
    elif d.type.has_trigger and (d.stop_price is None or d.stop_price <= 0):
        what = "take-profit order needs a trigger price" if d.type.takes_profit else "stop order needs a stop price"
        return f"A {what} above zero."
    if (problem := bad_display(q.instrument, d)) is not None:
        return problem
    if d.post_only and not d.type.has_limit:
        return "Post-only needs a limit price: a market order always takes."
    if d.tif == "GTD" and (d.expire_at is None or d.expire_at <= q.now):
        return "A good-till-date order needs a time of expiry that is still to come."
    if d.tif == "DAY" and d.expire_at is not None and d.expire_at <= q.now:
        return "The session of this day order is over."
    return None


def _venue(q: Question) -> str | None:
    """The venue knows this kind of order."""
    can, name = q.venue, q.instrument.venue
    if can is None:
        return None
    if not can.order_types:
        return f"{name} is open for its prices only: no order goes there."
    if q.draft.type not in can.order_types:
        kept = q.draft.type.has_trigger and not can.simulated_money
        hint = " that this desk sends: trail as an exit of a position is held by the desk" if kept else ""
        return f"{name} has no {q.draft.type.replace('_', '-')} orders{hint}."
    if q.draft.tif not in can.tifs:
        return f"{name} has no {q.draft.tif} orders."
    if q.draft.post_only and not can.post_only:
        return f"{name} has no post-only orders."
    if q.draft.reduce_only and not can.reduce_only:
        return f"{name} has no reduce-only orders."
    if q.draft.display is not None and not can.iceberg:
        return f"{name} cannot hide a part of an order: the word iceberg has the desk send it in slices."
    return None


def _compared(q: Question) -> str | None:
    """The desk's books were compared with the venue since it was last away. Until then it is REDUCING there, and of
    contracts only what is flagged reduce-only goes: the position may be another one by now. On margin nothing but such
    sales: what is owed may have been paid back, and no exchange keeps a purchase from being more than a debt."""
    if not q.unproven:
        return None
    if q.instrument.pooled:
        if q.shrinks and q.draft.reduce_only and q.draft.side is Side.SELL:
            return None
        return f"{q.instrument.venue} is REDUCING, only reduce-only sales go on margin there: {q.unproven}."
    if q.shrinks and (q.instrument.is_spot or q.draft.reduce_only):
        return None
    flagged = "reduce-only orders go" if q.shrinks else "orders that shrink a position go"
    return f"{q.instrument.venue} is REDUCING, only {flagged} there: {q.unproven}."


def _link(q: Question) -> str | None:
    """The venue is connected."""
    return None if q.link_up else f"{q.instrument.venue} is not connected: nothing can be sent there now."


def _tick(q: Question) -> str | None:
    """Prices are multiples of the instrument's tick."""
    for name, price in (("price", q.draft.price), ("stop price", q.draft.stop_price)):
        if price is not None and not is_multiple(price, q.instrument.tick):
            what = f"The {name} {price_words(price, q.instrument)}"
            return f"{what} is not a multiple of the tick {plain(q.instrument.tick)}."
    return None


def _lot(q: Question) -> str | None:
    """The quantity is a multiple of the lot and not below the venue's minimum."""
    i = q.instrument
    whole = q.venue is not None and q.venue.closes_whole and q.draft.reduce_only and not i.is_spot
    if whole and q.draft.origin == KILL and q.draft.quantity < max(i.lot, i.min_quantity):
        return None
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
        return f"The order's value {money(value)} is below the venue's minimum of {minimum}."
    return None


def _state(q: Question) -> str | None:
    """The trading state allows the order: HALTED none, REDUCING only what shrinks a position."""
    if q.state is TradingState.ACTIVE or (q.draft.origin == KILL and (q.shrinks or q.draft.reduce_only)):
        return None  # the kill closes what the venue shows, also what this desk never knew of
    if q.state is TradingState.HALTED:
        return "The desk is HALTED: no order may be sent before :rearm."
    return None if q.shrinks else "The desk is REDUCING: only orders that shrink a position may be sent."


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
    """Fat finger: no order but a reduce-only one reaches further through the market, or rests further from it."""
    triggered = q.draft.type.has_trigger
    if q.draft.reduce_only or q.mid is None or q.mid <= 0 or (triggered and not q.draft.type.has_limit):
        return None
    price = q.price
    if price is None:
        return None
    distance = divide(multiply(subtract(price, q.mid), Decimal(q.draft.side.sign)), q.mid)
    where = "above" if price > q.mid else "below"
    what = "This market order would trade down the book to" if q.draft.type is OrderType.MARKET else "The price"
    reach, middle = f"{what} {price_words(price, q.instrument)}", price_words(q.mid, q.instrument)
    if distance > q.limits.price_collar and not triggered:
        return (
            f"{reach}, {distance:.1%} {where} the middle of {middle}: "
            f"more than your collar of {q.limits.price_collar:.1%}."
        )
    if -distance > q.limits.price_collar_resting:
        return (
            f"{reach} is {-distance:.0%} {where} the middle of {middle}: "
            f"further than your {q.limits.price_collar_resting:.0%} for resting orders."
        )
    return None


def _stop_side(q: Question) -> str | None:
    """A trigger is still ahead: a buy stop and a sell take-profit above the market, the other two below it."""
    stop = q.draft.stop_price
    if q.mid is None or stop is None or not q.draft.type.has_trigger:
        return None
    profit = q.draft.type.takes_profit
    above = (q.draft.side is Side.BUY) is not profit
    if stop <= q.mid if above else stop >= q.mid:
        what = f"{q.draft.side} {'take-profit' if profit else 'stop'}"
        where = "above" if above else "below"
        return (
            f"A {what} must be {where} the market ({price_words(q.mid, q.instrument)}): this one would trigger at once."
        )
    return None


def _order_value(q: Question) -> str | None:
    """Value of one order."""
    value = q.value
    if value is None:
        return f"The order cannot be valued: there is no price of {q.instrument.settlement}."
    if value > q.limits.max_order_value:
        return f"The order's value {money(value)} is above your limit of {money(q.limits.max_order_value)} an order."
    return None


def _position_value(q: Question) -> str | None:
    """Value of the instrument's position if everything working fills."""
    exposure = q.after.exposure
    if exposure > q.limits.max_position_value:
        return (
            f"The position in {q.instrument.symbol} could grow to {money(exposure)}: "
            f"above your limit of {money(q.limits.max_position_value)}."
        )
    return None


def _exposure(q: Question) -> str | None:
    """Value of all positions if everything working fills."""
    exposure = add(q.after.exposure, q.exposure_elsewhere)
    if exposure > q.limits.max_exposure:
        return (
            f"All positions together could grow to {money(exposure)}: "
            f"above your limit of {money(q.limits.max_exposure)}."
        )
    return None


def _buying_power(q: Question) -> str | None:
    """Money (or, selling spot, the asset) for the order and its fee is there, beside what working orders bind."""
    i, d = q.instrument, q.draft
    quantity, times, free = d.quantity, q.leverage, q.free_quote
    if i.is_spot and d.side is Side.SELL:
        quantity = max(ZERO, subtract(d.quantity, max(q.free_base, ZERO)))  # what has to be borrowed
        if quantity > 0 and not q.can_short:
            why = "spot cannot be sold short"
            why = f"{why} at a leverage of 1 (leverage {i.symbol} 2 allows it)" if i.tiers else why
            return (
                f"You have {plain(max(q.free_base, ZERO))} {i.base} free to sell at {i.venue}, "
                f"not {plain(d.quantity)}: {why}."
            )
        if q.lends is not None:
            times, free = ONE, q.lends
    elif i.is_spot:
        times = ONE
    price = q.price
    if price is None or price <= 0 or quantity == 0:
        return None
    notional = i.notional(quantity, price)
    if q.lends is not None and d.side is Side.BUY:  # what is bought back is owed no more
        free = add(free, i.notional(min(quantity, max(ZERO, -q.held - q.others.buys)), price))
    fee = multiply(notional, max(i.taker_fee, i.maker_fee, ZERO))
    needed = add(initial(notional, times), fee)
    if needed > free:
        what = "costs" if i.is_spot and d.side is Side.BUY else "needs a margin of"
        what = "borrows" if q.lends is not None and d.side is Side.SELL else what
        how = "may be borrowed" if what == "borrows" else "are free"
        how = "are free or may be borrowed" if q.lends is not None and d.side is Side.BUY else how
        untold = (
            ""
            if q.leverage_known or i.is_spot
            else f" The leverage there is not known, and counted as 1: {i.venue} has not told it."
        )
        return (
            f"The order {what} {money(needed)} {i.settlement} with its fee; "
            f"{money(max(free, ZERO))} {how} at {i.venue}.{untold}"
        )
    return None


def _duplicate(q: Question) -> str | None:
    """The same order was not entered a moment ago (a key that bounced)."""
    d = q.draft
    if d.origin != "manual" or d.leg in EXIT_LEGS:
        return None
    since = q.now - q.limits.duplicate_window_ms * 1_000_000
    for order in q.recent:
        if order.created_at > since and not order.reason and _what(order) == _what(d):
            return f"The same order was entered {(q.now - order.created_at) / 1e6:.0f} ms ago: taken for a bounced key."
    return None


def _what(order: Order | OrderDraft) -> tuple[object, ...]:
    """The terms by which an order is the same as another."""
    return (
        order.instrument, order.side, order.type, order.quantity, order.price,
        None if order.type is OrderType.TRAILING_STOP else order.stop_price,
        order.trail, order.trail_bps, order.activation_price,
    )  # fmt: skip


def _at_most(q: Question) -> Decimal:
    """Of a position of spot, what a sale may close beside those on their way: its size may be of before a fee."""
    assert q.left is not None
    return add(q.left, q.instrument.fee_in_coins_at_most(q.draft.quantity))


def _reduce_only(q: Question) -> str | None:
    """A reduce-only order finds a position to reduce; on margin it is no more than is owed (with its fee) or held."""
    if not q.draft.reduce_only:
        return None
    quantity = q.held if q.instrument.is_spot else q.position.quantity
    if q.instrument.pooled and q.draft.side is Side.BUY:  # own coins that were sold are bought back like borrowed ones
        quantity = min(quantity, q.position.quantity)
    if quantity == 0 or (quantity > 0) == (q.draft.side is Side.BUY):
        return f"There is no position in {q.instrument.symbol} that a reduce-only {q.draft.side} could reduce."
    if q.left is not None and q.draft.side is Side.SELL and q.draft.origin != KILL and q.draft.quantity > _at_most(q):
        left = plain(max(ZERO, q.left))
        return (
            f"Orders on their way leave {left} {q.instrument.base} of the position: more than that is closed already."
        )
    if not q.instrument.pooled or q.draft.quantity <= q.closable:
        return None
    what, most = f"a reduce-only {q.draft.side} of {plain(q.draft.quantity)} {q.instrument.base}", plain(q.closable)
    if q.draft.side is Side.SELL:
        return f"{most} are held at {q.instrument.venue}: {what} would go short."
    less = f" less the {plain(q.closing)} that closing orders buy back already" if q.closing else ""
    return f"{most} are owed at {q.instrument.venue} with the fee{less}: {what} would go long."


#: Name → check, in the order in which they are asked. Their docstrings are the documentation.
CHECKS: dict[str, Callable[[Question], str | None]] = {
    "terms": _terms,
    "state": _state,
    "breaker": breaker,
    "link": _link,
    "compared": _compared,
    "venue": _venue,
    "tick": _tick,
    "lot": _lot,
    "allowed": allowed,
    "price known": _price_known,
    "painted book": painted_book,
    "minimum value": _min_notional,
    "price collar": _collar,
    "stop side": _stop_side,
    "reduce only": _reduce_only,
    "self-trade": self_trade,
    "order value": _order_value,
    "position value": _position_value,
    "drawdown size": drawdown_size,
    "total exposure": _exposure,
    "correlated exposure": correlated,
    "leverage": leverage,
    "instrument leverage": instrument_leverage,
    "strategy value": origin_value,
    "buying power": _buying_power,
    "working orders": working_orders,
    "strategy orders": origin_orders,
    "order rate": rate,
    "orders per day": orders_per_day,
    "duplicate": _duplicate,
}


#: The checks that bind the kill switch's own orders: what a venue could not execute. Nothing else may stop a flatten.
KILL_CHECKS = frozenset({"terms", "state", "venue", "tick", "lot"})

#: What is not a limit: an order that makes no sense, that no venue would execute or that was never meant. Nothing else
#: may stop an order that only shrinks a position.
IMPOSSIBLE = frozenset(
    {
        "terms",
        "state",
        "link",
        "compared",
        "venue",
        "tick",
        "lot",
        "minimum value",
        "price collar",
        "stop side",
        "reduce only",
        "self-trade",
        "duplicate",
    }
)
LIMITS = frozenset(CHECKS) - IMPOSSIBLE


#: What is said by a check that is content.
_CONTENT = {name: Verdict(name, "") for name in CHECKS}


def judge(question: Question) -> list[Verdict]:
    """Every check's verdict, in the table's order. With incomplete terms the rest is not asked."""
    verdicts = []
    shrinks, kills = question.shrinks, question.draft.origin == KILL
    for name, check in CHECKS.items():
        if kills and name not in KILL_CHECKS:
            continue
        sentence = None if shrinks and name in LIMITS else check(question)
        verdicts.append(Verdict(name, sentence) if sentence else _CONTENT[name])
        if sentence and name == "terms":
            break
    return verdicts
