"""The trader's own limits, checked before every order. Money is in the account currency, fractions are fractions."""

from __future__ import annotations

from decimal import Decimal

import msgspec


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
    #: Orders in any one second.
    max_orders_per_second: int = 10
    #: An order equal to one entered within this many milliseconds is taken for a key that bounced.
    duplicate_window_ms: int = 250
    #: Prices older than this many milliseconds are no basis for an order.
    max_price_age_ms: int = 10_000
