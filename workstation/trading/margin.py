"""Margin as the desk sees it: what stands behind each position, where it would be liquidated, what is left free."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from workstation.domain import loans, margin
from workstation.domain.account import Account
from workstation.domain.account import apply_fill as apply_to
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.margin_book import money_behind
from workstation.domain.numbers import ZERO, add, divide, multiply, subtract
from workstation.domain.position import apply_fill
from workstation.trading import pools

if TYPE_CHECKING:
    from workstation.trading.core import TradingCore


class AccountMargin(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement currency of a venue. Money in that currency.

    `equity`: the balance with unrealised profit, what is set aside for isolated positions included. `used`: initial
    margin of positions and working orders. `maintenance`: what positions must keep. `free`: what nothing binds.
    """

    venue: str
    currency: str
    equity: Decimal
    used: Decimal
    maintenance: Decimal
    free: Decimal
    owed: Decimal = ZERO  # cross margin of spot: worth of all that is borrowed
    level: Decimal | None = None  # … its margin level, assets / debts; None without a debt


class InstrumentMargin(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's margin. Money in the settlement currency; prices None where there is none.

    `quantity` is the signed position (spot: what is owed, negative). `initial` and `maintenance` are its margins at the
    mark, `set_aside` the money of an isolated position. `distance` is the move of the mark to the liquidation price, as
    a fraction of the mark (always ≥ 0; 0 at liquidation). `funding` is what was received less what was paid.
    """

    instrument: InstrumentId
    currency: str
    mode: MarginMode
    leverage: Decimal
    max_leverage: Decimal
    quantity: Decimal
    mark: Decimal | None
    value: Decimal  # of the position at the mark, unsigned
    initial: Decimal
    maintenance: Decimal
    set_aside: Decimal
    liquidation: Decimal | None
    bankruptcy: Decimal | None
    distance: Decimal | None
    funding: Decimal
    funding_rate: Decimal | None  # a fraction per funding time
    next_funding: int | None  # UTC ns
    account: AccountMargin
    #: Whether leverage and mode are the venue's own word; without it `liquidation` is what the venue tells, or None.
    known: bool = True
    reckoned: bool = False  # `liquidation` is the desk's reckoning, though the venue keeps margin by rules of its own


def account_margin(core: TradingCore, venue: str, currency: str) -> AccountMargin:
    """Of one settlement currency of a venue; zeros where nothing is held of it."""
    if venue in core.portfolio.pooled:
        return _pool_margin(core, venue, currency)
    whole = core.portfolio.standing(venue, currency, core.market.mark)
    equity, maintenance = add(whole.equity, whole.isolated), whole.maintenance
    book, mark = core.portfolio.margin, core.market.mark
    for position in core.portfolio.open_positions():
        instrument = core.instruments[position.instrument]
        price = mark(position.instrument)
        ours = instrument.venue == venue and instrument.settlement == currency
        if ours and book.is_isolated(instrument) and price is not None:
            equity = add(equity, position.unrealized(instrument, price))
            value = instrument.notional(position.quantity, price)
            maintenance = add(maintenance, margin.maintenance(instrument, value))
    free = core.free_funds(venue, currency)
    return AccountMargin(
        venue=venue,
        currency=currency,
        equity=equity,
        used=max(ZERO, subtract(equity, free)),
        maintenance=maintenance,
        free=free,
    )


def _pool_margin(core: TradingCore, venue: str, currency: str) -> AccountMargin:
    """Of a cross margin account of spot, all of it in one currency."""
    now = pools.pool(core, venue, currency)
    with_orders = pools.pool(core, venue, currency, pools.bound(core, venue))
    used = min(max(ZERO, now.own), with_orders.bound(pools.leverage(core, venue)))
    return AccountMargin(
        venue=venue,
        currency=currency,
        equity=now.own,
        used=used,
        maintenance=multiply(now.owed, _share(core, venue)),
        free=subtract(now.own, used),
        owed=now.owed,
        level=now.level,
    )


def _share(core: TradingCore, venue: str) -> Decimal:
    """The part of its debts to which the account's own may fall before it is liquidated."""
    return max((tier.rate for each in core.portfolio.pooled[venue] for tier in each.tiers), default=ZERO)


def _pooled_margin(core: TradingCore, instrument: Instrument) -> InstrumentMargin:
    """A coin of a cross margin account of spot: what it is worth, and the price at which the account is liquidated if
    no other price moves."""
    venue, market = instrument.venue, core.market.markets[instrument.id]
    whole, mark = pools.pool(core, venue, instrument.settlement), market.price()
    held = core.portfolio.balance(venue, instrument.base)
    value = ZERO if mark is None else instrument.notional(held, mark)
    owed = value if held < 0 else ZERO
    at = None if mark is None else loans.liquidation(whole, held, mark, _share(core, venue))
    lever = pools.leverage(core, venue)
    return InstrumentMargin(
        instrument=instrument.id,
        currency=instrument.settlement,
        mode=MarginMode.CROSS,
        leverage=lever,
        max_leverage=margin.max_leverage(instrument),
        quantity=held,
        mark=mark,
        value=value,
        initial=ZERO if lever <= 1 else divide(owed, lever - 1),
        maintenance=multiply(owed, _share(core, venue)),
        set_aside=ZERO,
        liquidation=at,
        bankruptcy=None if mark is None else loans.liquidation(whole, held, mark, ZERO),
        distance=distance(held, mark, at),
        funding=core.portfolio.funding.get(instrument.id, ZERO),
        funding_rate=None,
        next_funding=None,
        account=account_margin(core, venue, instrument.settlement),
    )


def _pooled_after(core: TradingCore, instrument: Instrument, fill: Fill) -> Decimal | None:
    """Where the account would be liquidated after the fill, by this coin's price."""
    venue, mark = instrument.venue, core.market.mark(instrument.id)
    if mark is None:
        return None
    account = core.portfolio.accounts.get(venue) or Account(venue=venue)
    after = pools.pool(core, venue, instrument.settlement, balances=apply_to(account, fill, instrument, ZERO).balances)
    held = add(account.balance(instrument.base), multiply(fill.quantity, Decimal(fill.side.sign)))
    return loans.liquidation(after, held, mark, _share(core, venue))


def instrument_margin(core: TradingCore, instrument: Instrument) -> InstrumentMargin:
    """The margin of one instrument as it is now."""
    if instrument.pooled:
        return _pooled_margin(core, instrument)
    book = core.portfolio.margin
    setting, position = book.setting(instrument), core.portfolio.needs_margin(instrument)
    market = core.market.markets[instrument.id]
    mark = market.price()
    value = ZERO if mark is None else instrument.notional(position.quantity, mark)
    whole = core.portfolio.standing(instrument.venue, instrument.settlement, core.market.mark)
    money = money_behind(book, whole, instrument, position, core.market.mark)
    reckoned = margin.liquidation_price(instrument, position.quantity, position.cost, money)
    told, known = book.told.get(instrument.id), book.knows(instrument)
    theirs = told.liquidation if told is not None and told.quantity == position.quantity else None
    liquidation = theirs or (reckoned if known else None)
    return InstrumentMargin(
        instrument=instrument.id,
        currency=instrument.settlement,
        mode=setting.mode,
        leverage=setting.leverage,
        max_leverage=margin.max_leverage(instrument),
        quantity=position.quantity,
        mark=mark,
        value=value,
        initial=margin.initial(value, book.counted(instrument)),
        maintenance=margin.maintenance(instrument, value),
        set_aside=book.isolated.get(instrument.id, ZERO),
        liquidation=liquidation,
        bankruptcy=margin.bankruptcy_price(instrument, position.quantity, position.cost, money),
        distance=distance(position.quantity, mark, liquidation),
        funding=core.portfolio.funding.get(instrument.id, ZERO),
        funding_rate=None if market.mark is None else market.mark.funding_rate,
        next_funding=None if market.mark is None else market.mark.next_funding,
        account=account_margin(core, instrument.venue, instrument.settlement),
        known=known,
        reckoned=liquidation is not None and theirs is None and instrument.venue in book.keepers,
    )


def distance(quantity: Decimal, mark: Decimal | None, liquidation: Decimal | None) -> Decimal | None:
    """How far the mark may move against the position before it is liquidated, as a fraction of the mark."""
    if not quantity or mark is None or mark <= 0 or liquidation is None:
        return None
    way = subtract(mark, liquidation) if quantity > 0 else subtract(liquidation, mark)
    return max(ZERO, divide(way, mark))


def liquidation_after(core: TradingCore, instrument: Instrument, fill: Fill) -> Decimal | None:
    """Where the position would be liquidated after the fill; None where nothing would be left, or no price does it."""
    if instrument.pooled:
        return _pooled_after(core, instrument, fill)
    book, mark = core.portfolio.margin, core.market.mark
    before = core.portfolio.needs_margin(instrument)
    whole = core.portfolio.standing(instrument.venue, instrument.settlement, core.market.mark)
    if instrument.is_spot:
        base = core.portfolio.balance(instrument.venue, instrument.base)
        base = add(base, multiply(fill.quantity, Decimal(fill.side.sign)))
        if base >= 0 or not book.can_short(instrument):
            return None
        money = money_behind(book, whole, instrument, before, mark)
        cash = multiply(instrument.notional(fill.quantity, fill.price), Decimal(-fill.side.sign))
        return margin.liquidation_price(instrument, base, ZERO, subtract(add(money, cash), fill.fee))
    after = apply_fill(before, fill, instrument)
    if book.is_isolated(instrument):
        wallet = book.isolated.get(instrument.id, ZERO)
        money = margin.isolated_after_fill(wallet, before, after, instrument, book.leverage(instrument))
    else:
        money = money_behind(book, whole, instrument, before, mark)
        money = subtract(add(money, subtract(after.realized, before.realized)), fill.fee)
    return margin.liquidation_price(instrument, after.quantity, after.cost, money)
