"""Margin as the desk sees it: what stands behind each position, where it would be liquidated, what is left free."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from workstation.domain import margin
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.margin_book import money_behind
from workstation.domain.numbers import ZERO, add, divide, multiply, subtract
from workstation.domain.position import apply_fill

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


def account_margin(core: TradingCore, venue: str, currency: str) -> AccountMargin:
    """Of one settlement currency of a venue; zeros where nothing is held of it."""
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


def instrument_margin(core: TradingCore, instrument: Instrument) -> InstrumentMargin:
    """The margin of one instrument as it is now."""
    book = core.portfolio.margin
    setting, position = book.setting(instrument), core.portfolio.needs_margin(instrument)
    market = core.market.markets[instrument.id]
    mark = market.price()
    value = ZERO if mark is None else instrument.notional(position.quantity, mark)
    whole = core.portfolio.standing(instrument.venue, instrument.settlement, core.market.mark)
    money = money_behind(book, whole, instrument, position, core.market.mark)
    liquidation = margin.liquidation_price(instrument, position.quantity, position.cost, money)
    return InstrumentMargin(
        instrument=instrument.id,
        currency=instrument.settlement,
        mode=setting.mode,
        leverage=setting.leverage,
        max_leverage=margin.max_leverage(instrument),
        quantity=position.quantity,
        mark=mark,
        value=value,
        initial=margin.initial(value, setting.leverage),
        maintenance=margin.maintenance(instrument, value),
        set_aside=book.isolated.get(instrument.id, ZERO),
        liquidation=liquidation,
        bankruptcy=margin.bankruptcy_price(instrument, position.quantity, position.cost, money),
        distance=distance(position.quantity, mark, liquidation),
        funding=core.portfolio.funding.get(instrument.id, ZERO),
        funding_rate=None if market.mark is None else market.mark.funding_rate,
        next_funding=None if market.mark is None else market.mark.next_funding,
        account=account_margin(core, instrument.venue, instrument.settlement),
    )


def distance(quantity: Decimal, mark: Decimal | None, liquidation: Decimal | None) -> Decimal | None:
    """How far the mark may move against the position before it is liquidated, as a fraction of the mark."""
    if not quantity or mark is None or mark <= 0 or liquidation is None:
        return None
    way = subtract(mark, liquidation) if quantity > 0 else subtract(liquidation, mark)
    return max(ZERO, divide(way, mark))


def liquidation_after(core: TradingCore, instrument: Instrument, fill: Fill) -> Decimal | None:
    """Where the position would be liquidated after the fill; None where nothing would be left, or no price does it."""
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
