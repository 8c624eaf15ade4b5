"""What a cross margin account of spot may still borrow, as the desk reckons it: see `domain.loans` for the rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from workstation.domain.instrument import Instrument
from workstation.domain.loans import Pool, pool_of
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, negate, subtract
from workstation.domain.order import ClientOrderId, Order, Side

if TYPE_CHECKING:
    from workstation.trading.core import TradingCore


def leverage(core: TradingCore, venue: str) -> Decimal:
    """The account's: the lowest that is set for any of its instruments."""
    book = core.portfolio.margin
    return min((book.leverage(each) for each in core.portfolio.pooled.get(venue, ())), default=ONE)


def pool(
    core: TradingCore,
    venue: str,
    currency: str,
    bound: Mapping[str, Decimal] | None = None,
    balances: Mapping[str, Decimal] | None = None,
) -> Pool:
    """The account in a currency, at the marks of now; with `balances`, as if it had those. Coins that no market here
    has to do with count only if owed."""
    portfolio = core.portfolio
    account = portfolio.accounts.get(venue)
    unit = portfolio.rate(venue, currency, core.market.mark)

    def rate(coin: str) -> Decimal | None:
        if coin == currency:
            return ONE
        worth = portfolio.rate(venue, coin, core.market.mark)
        return None if worth is None or not unit else divide(worth, unit)

    held = balances if balances is not None else {} if account is None else account.balances
    mine = {coin: amount for coin, amount in held.items() if amount < 0 or portfolio.has_market(coin)}
    return pool_of(mine, rate, bound)


def bound(core: TradingCore, venue: str, but: ClientOrderId | None = None) -> dict[str, Decimal]:
    """What working orders may take of each coin: buys of money (with their fee), sells of coins. An order that only
    closes takes nothing that must be borrowed for long."""
    found: dict[str, Decimal] = {}
    for order in core.orders.open_at(venue):
        instrument = core.instruments[order.instrument]
        price = core.worst_price(order)
        if order.reduce_only or order.client_id == but or not instrument.pooled:
            continue
        if order.side is Side.SELL:
            found[instrument.base] = add(found.get(instrument.base, ZERO), order.worst_quantity)
        elif price is not None:
            notional = instrument.notional(order.worst_quantity, price)
            fee = multiply(notional, max(instrument.taker_fee, instrument.maker_fee, ZERO))
            found[instrument.quote] = add(found.get(instrument.quote, ZERO), add(notional, fee))
    return found


def own_free(core: TradingCore, venue: str, currency: str) -> Decimal:
    """What of a balance no working order may take; nothing where it is owed."""
    left = subtract(core.portfolio.balance(venue, currency), bound(core, venue).get(currency, ZERO))
    return max(ZERO, left)


def own_money(core: TradingCore, venue: str, currency: str) -> Decimal:
    """Free money of any venue, without what a margin account may borrow."""
    pooled = venue in core.portfolio.pooled
    return own_free(core, venue, currency) if pooled else core.free_funds(venue, currency)


def free_funds(core: TradingCore, venue: str, currency: str, but: ClientOrderId | None = None) -> Decimal:
    """What a purchase may cost: money that nothing binds, and what may be borrowed beyond it."""
    taken = bound(core, venue, but)
    left = subtract(core.portfolio.balance(venue, currency), taken.get(currency, ZERO))
    return add(max(ZERO, left), max(ZERO, pool(core, venue, currency, taken).room(leverage(core, venue))))


def room(core: TradingCore, instrument: Instrument, but: ClientOrderId | None = None) -> Decimal:
    """Worth in quote of what may still be borrowed beside working orders."""
    taken = bound(core, instrument.venue, but)
    whole = pool(core, instrument.venue, instrument.settlement, taken)
    return max(ZERO, whole.room(leverage(core, instrument.venue)))


def owed(core: TradingCore, instrument: Instrument) -> Decimal:
    """What to buy so that nothing is owed of the coin and the desk is short of none: where coins of the account's own
    were there, more was sold than borrowed."""
    short = max(negate(core.held(instrument)), negate(core.portfolio.position(instrument.id).quantity))
    return covering(core, instrument, short) if short > 0 else ZERO


def closing(orders: Iterable[Order], side: Side) -> Decimal:
    """What reduce-only orders of a side may trade."""
    return sum((order.worst_quantity for order in orders if order.reduce_only and order.side is side), ZERO)


#: The newest fills of an instrument that are looked at for how it takes its fees.
_LOOKED_AT = 200


def _before_fee(core: TradingCore, instrument: Instrument, short: Decimal) -> Decimal:
    """What to buy for `short` of a borrowed coin to come in: where the exchange takes the fee of a purchase in the
    coin, that much more. It does so unless the newest purchase says otherwise."""
    bought = (
        fill
        for fill in islice(reversed(core.fills), _LOOKED_AT)
        if fill.instrument == instrument.id and fill.side is Side.BUY and fill.fee
    )
    newest = next(bought, None)
    if newest is not None and newest.fee_currency != instrument.base:
        return floor_to(short, instrument.lot)
    return divide(short, subtract(ONE, max(ZERO, instrument.taker_fee)))


def covering(core: TradingCore, instrument: Instrument, short: Decimal) -> Decimal:
    """What to buy so that `short` of a borrowed coin can be paid back: never more than is owed, but for the fee that
    is taken in coins."""
    whole = _before_fee(core, instrument, short)
    lots = floor_to(whole, instrument.lot)
    return lots if lots == whole else add(lots, instrument.lot)


def fee_in_coins(core: TradingCore, instrument: Instrument, short: Decimal) -> Decimal:
    """The lots that `covering` has beyond `short`, rounded down: of many parts of a debt, each bought back with its
    fee, none reaches beyond the whole."""
    if not instrument.pooled or short <= 0:
        return ZERO
    return subtract(floor_to(_before_fee(core, instrument, short), instrument.lot), floor_to(short, instrument.lot))


def spare(core: TradingCore, instrument: Instrument, short: Decimal, but: Iterable[Order] = ()) -> Decimal:
    """What may be bought beyond `short` and still only close, beside the closing orders that work (without `but`)."""
    if not instrument.pooled:
        return ZERO
    theirs = {order.client_id for order in but}
    others = (order for order in core.orders.open_orders(instrument.id) if order.client_id not in theirs)
    left = subtract(owed(core, instrument), closing(others, Side.BUY))
    return max(ZERO, floor_to(subtract(left, short), instrument.lot))
