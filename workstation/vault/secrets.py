"""The secrets themselves. Their text never shows what they hold, so no log and no traceback can."""

from __future__ import annotations

from typing import Any

import msgspec


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What signs the requests to a venue. `password` is what some exchanges call passphrase; `wallet` an address."""

    key: str = ""
    secret: str = ""
    password: str = ""
    wallet: str = ""

    def __repr__(self) -> str:
        return "ApiKey(…)"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []  # else what shows a traceback's variables would take the fields from msgspec's own


class Address(msgspec.Struct, frozen=True):
    """Where notifications go: an address of Apprise, which as a rule holds a token."""

    url: str

    def __repr__(self) -> str:
        return "Address(…)"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []  # else what shows a traceback's variables would take the fields from msgspec's own
