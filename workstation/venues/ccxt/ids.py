"""Client order ids as each exchange wants them, and back: the mapping is arithmetic, so nothing has to be stored.

An id of the desk ("tws" and 17 characters of base 32) survives every rule. An order that this desk did not make is
called by the exchange's own id, so that it can be shown and cancelled.
"""

from __future__ import annotations

import re

from workstation.domain.order import ClientOrderId
from workstation.venues.ccxt.particulars import IdRule
from workstation.venues.contract import VenueError

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_OURS = re.compile(f"tws[{_ALPHABET}]{{17}}")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,32}")
_HEX = re.compile(r"(?:0x)?([0-9a-f]{32})")
_PACKED, _SPELLED = 0xA7, 0xA8  # the first byte of 16: how the rest is to be read
_SPELLED_MOST = 13
#: In front of the exchange's own id of an order that has no client order id of this desk.
EXTERNAL = "ext:"


def to_wire(client_id: ClientOrderId, rule: IdRule) -> str:
    """The id as the exchange gets it. Raises `VenueError` for one that does not fit (the desk's own always do)."""
    if client_id.startswith(EXTERNAL) or not _PLAIN.fullmatch(client_id):
        raise VenueError(f"{client_id!r} is no client order id of this desk.")
    match rule:
        case IdRule.GATE:
            if len(client_id) > 28:
                raise VenueError(f"The client order id {client_id} is longer than the 28 characters that fit.")
            return f"t-{client_id}"
        case IdRule.UUID:
            digits = f"{_packed(client_id):032x}"
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        case IdRule.HEX:
            return f"0x{_packed(client_id):032x}"
        case _:
            return client_id


def to_desk(wire: str | None, venue_order_id: str, rule: IdRule) -> ClientOrderId:
    """The desk's id of an order as the exchange shows it: its own id back, or the name of a stranger's order."""
    found = None if not wire else _from_wire(str(wire), rule)
    return found or f"{EXTERNAL}{venue_order_id}"


def external_id(client_id: ClientOrderId) -> str | None:
    """The exchange's own id that a stranger's order is called by; None for an order of this desk."""
    return client_id.removeprefix(EXTERNAL) if client_id.startswith(EXTERNAL) else None


def _from_wire(wire: str, rule: IdRule) -> ClientOrderId | None:
    match rule:
        case IdRule.GATE:
            return wire[2:] if wire.startswith("t-") and _PLAIN.fullmatch(wire[2:]) else None
        case IdRule.UUID | IdRule.HEX:
            found = _HEX.fullmatch(wire.lower().replace("-", ""))
            return None if found is None else _unpacked(int(found[1], 16))
        case _:
            return wire if _PLAIN.fullmatch(wire) else None


def _packed(client_id: ClientOrderId) -> int:
    """128 bits with the version and variant bits of a random UUID, so that a check of them passes."""
    if _OURS.fullmatch(client_id):
        bits = 0
        for letter in client_id[3:]:
            bits = bits << 5 | _ALPHABET.index(letter)
        payload = _PACKED << 112 | bits
    else:
        letters = client_id.encode()
        if len(letters) > _SPELLED_MOST:
            raise VenueError(f"The client order id {client_id} is longer than the {_SPELLED_MOST} characters that fit.")
        payload = _SPELLED << 112 | len(letters) << 104 | int.from_bytes(letters, "big")
    high, middle, low = payload >> 74, payload >> 62 & 0xFFF, payload & (1 << 62) - 1
    return high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low


def _unpacked(number: int) -> ClientOrderId | None:
    if number >> 76 & 15 != 4 or number >> 62 & 3 != 2:
        return None
    payload = (number >> 80) << 74 | (number >> 64 & 0xFFF) << 62 | number & (1 << 62) - 1
    kind, rest = payload >> 112, payload & (1 << 112) - 1
    if kind == _PACKED and rest < 1 << 85:
        return "tws" + "".join(_ALPHABET[rest >> shift & 31] for shift in range(80, -1, -5))
    if kind == _SPELLED:
        length, letters = rest >> 104, rest & (1 << 104) - 1
        try:
            found = letters.to_bytes(length, "big").decode("ascii")
        except (OverflowError, UnicodeDecodeError):
            return None
        return found if _PLAIN.fullmatch(found) else None
    return None
