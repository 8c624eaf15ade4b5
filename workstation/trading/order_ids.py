"""Client order ids: unique for ever, over restarts, clocks set back and several desks; 20 characters. Those of a
`tws kill` that works past a desk, without its store, bear a mark: the desk knows afterwards whose orders they were."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from workstation.domain.order import ClientOrderId

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case
_OURS = re.compile(f"tws[{_ALPHABET}]{{17}}")
_KILL = "twsk111"


def random_order_id() -> str:
    """ "tws" and 85 random bits: letters and digits only, the narrowest rule of the known venues."""
    while (found := f"tws{_letters(17)}").startswith(_KILL):  # once in a million
        pass
    return found


def kill_order_id() -> str:
    """One of a kill past a desk: 65 random bits."""
    return f"{_KILL}{_letters(13)}"


def made_by_tws(client_id: ClientOrderId) -> bool:
    return _OURS.fullmatch(client_id) is not None


def made_by_kill(client_id: ClientOrderId) -> bool:
    """Whether `tws kill` made it past a desk."""
    return made_by_tws(client_id) and client_id.startswith(_KILL)


def _letters(count: int) -> str:
    bits = secrets.randbits(5 * count)
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(5 * (count - 1), -1, -5))


def counting_order_ids(prefix: str = "t") -> Callable[[], str]:
    """Predictable ids for tests and backtests: t-1, t-2, …"""
    count = 0

    def next_id() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count}"

    return next_id
