"""The trader's own limits, checked before every order. Money is in the account currency, fractions are fractions."""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase

import msgspec


class RiskGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Instruments that count as one bet: `members` are patterns ("*:BTC-*"); a leading "-" counts the other way."""

    members: tuple[str, ...] = ()
    max_exposure: Decimal = Decimal("250000")


class StrategyLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one origin of orders (a strategy, an algorithm), beside those of the whole desk; None is no limit."""

    max_order_value: Decimal | None = None
    max_position_value: Decimal | None = None
    max_working_orders: int | None = None
    max_orders_per_day: int | None = None


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the pre-trade checks; see `workstation.trading.risk.CHECKS` for what each of them does."""

    #: How far through the market an order may reach: a buy above, a sell below the middle price.
    price_collar: Decimal = Decimal("0.02")
    #: How far away from the market an order may rest (a slipped digit): a buy below, a sell above the middle price.
    price_collar_resting: Decimal = Decimal("0.30")
    #: Value of one order.
    max_order_value: Decimal = Decimal("100000")
    #: Value of the position in one instrument, working orders included at their worst.
    max_position_value: Decimal = Decimal("250000")
    #: Value of all positions together, working orders included at their worst.
    max_exposure: Decimal = Decimal("500000")
    #: Value of all positions, working orders included at their worst, in times of the desk's equity.
    max_leverage: Decimal = Decimal(5)
    #: Value of one instrument's position, working orders included at their worst, in times of the desk's equity.
    max_instrument_leverage: Decimal = Decimal(5)
    #: Orders that may work at once, in all.
    max_working_orders: int = 500
    #: Orders that may work at once in one instrument.
    max_working_orders_per_instrument: int = 200
    #: Orders in any one second.
    max_orders_per_second: int = 10
    #: Orders in one UTC day.
    max_orders_per_day: int = 10_000
    #: An order equal to one entered within this many milliseconds is taken for a key that bounced.
    duplicate_window_ms: int = 250
    #: Prices older than this many milliseconds are no basis for an order.
    max_price_age_ms: int = 10_000
    #: An order from the ladder is refused when the book painted there is older than this many milliseconds.
    max_painted_age_ms: int = 2_000
    #: Instruments that may be traded, as "VENUE:SYMBOL" with * and ? as wildcards; empty for all.
    allow_instruments: tuple[str, ...] = ()
    #: Instruments that may not be traded, as "VENUE:SYMBOL" with * and ? as wildcards.
    deny_instruments: tuple[str, ...] = ()
    #: Groups of instruments that count as one bet, longs against shorts, by name: members and max_exposure.
    groups: dict[str, RiskGroup] = msgspec.field(default_factory=dict)
    #: Limits of single strategies by their name (* and ? as wildcards; the first that fits counts): max_order_value,
    #: max_position_value, max_working_orders, max_orders_per_day.
    strategies: dict[str, StrategyLimits] = msgspec.field(default_factory=dict)


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern with * and ?, upper and lower case apart."""
    return fnmatchcase(name, pattern)


def limits_of(limits: RiskLimits, origin: str) -> StrategyLimits | None:
    """The limits of an origin's own, if it has any."""
    return next((own for pattern, own in limits.strategies.items() if matches(pattern, origin)), None)


def sign_in(group: RiskGroup, instrument: str) -> int:
    """+1 if a long position is a bet on the group's rise, −1 on its fall, 0 if the instrument is not in the group."""
    for member in group.members:
        if matches(member.removeprefix("-"), instrument):
            return -1 if member.startswith("-") else 1
    return 0
