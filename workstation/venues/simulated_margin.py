"""Whether a simulated venue lets an account change an instrument's leverage or margin mode."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workstation.domain import margin
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ONE, ZERO, add, divide, is_multiple, plain
from workstation.domain.order import Order
from workstation.venues.simulated_account import SimulatedAccount


def leverage_refusal(
    account: SimulatedAccount, instrument: Instrument, leverage: Decimal, working: Sequence[Order]
) -> str | None:
    """The sentence that says why not; None if it may be set.

    A position and working orders must fit under it, what is free must pay for their margin, and an isolated position
    must not be liquidated by it.
    """
    highest = margin.max_leverage(instrument)
    if not leverage.is_finite() or not ONE <= leverage <= highest or not is_multiple(leverage, ONE):
        return f"The leverage of {instrument.symbol} is a whole number from 1 to {plain(highest)}."
    if instrument.is_spot and not instrument.tiers:
        return f"{instrument.symbol} cannot be traded on borrowed money: its leverage is always 1."
    position, mark = account.held_of(instrument), account.mark(instrument.id)
    value = position.cost.copy_abs() if mark is None else instrument.notional(position.quantity, mark)
    limit = margin.value_limit(instrument, leverage)
    if limit is not None and value > limit:
        return (
            f"At a leverage of {plain(leverage)} a position may be worth {_money(limit)} {instrument.settlement}: "
            f"yours is worth {_money(value)}."
        )
    if instrument.is_spot and leverage == ONE and position.quantity:
        return f"{plain(abs(position.quantity))} {instrument.base} are owed: buy them back first."
    book, before = account.margin, account.free(instrument.settlement, working)
    setting, isolated = book.settings.get(instrument.id), book.isolated.get(instrument.id)
    book.set_leverage(instrument, leverage, position)
    try:
        free = account.free(instrument.settlement, working)
        wallet = book.isolated.get(instrument.id, ZERO)
    finally:
        _put_back(book.settings, instrument.id, setting)
        _put_back(book.isolated, instrument.id, isolated)
    if free < 0 and free < before:
        return (
            f"A leverage of {plain(leverage)} needs {_money(before - free)} {instrument.settlement} more of margin; "
            f"{_money(max(ZERO, before))} are free."
        )
    if book.is_isolated(instrument) and position.quantity and mark is not None:
        equity = add(wallet, position.unrealized(instrument, mark))
        if equity <= margin.maintenance(instrument, value):
            return f"At a leverage of {plain(leverage)} the position would be liquidated at once."
    return None


def mode_refusal(
    account: SimulatedAccount, instrument: Instrument, mode: MarginMode, working: Sequence[Order]
) -> str | None:
    """The sentence that says why not; None if it may be set."""
    if instrument.is_spot:
        return f"{instrument.symbol} is spot: what is borrowed is always margined with all of the account."
    if account.margin.setting(instrument).mode is mode:
        return None
    if account.position(instrument.id).quantity:
        return f"The margin mode of {instrument.symbol} can be changed only without a position: close it first."
    if any(order.instrument == instrument.id for order in working):
        return f"The margin mode of {instrument.symbol} can be changed only without working orders: cancel them first."
    return None


def _put_back[K, V](where: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value


def _money(amount: Decimal) -> str:
    return plain(divide(amount, ONE, Decimal("0.01")))
