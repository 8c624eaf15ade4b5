"""Client order ids: unique for ever, over restarts, clocks set back and several desks; 20 characters."""

from __future__ import annotations

import secrets
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case


def random_order_id() -> str:
    """ "tws" and 85 random bits: letters and digits only, the narrowest rule of the known venues."""
    bits = secrets.randbits(85)
    return "tws" + "".join(_ALPHABET[bits >> shift & 31] for shift in range(80, -1, -5))


def counting_order_ids(prefix: str = "t") -> Callable[[], str]:
    """Predictable ids for tests and backtests: t-1, t-2, …"""
    count = 0

    def next_id() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count}"

    return next_id
