"""Orders by which an exchange itself closes a position: a liquidation, auto-deleveraging, the end of a contract.

They come among the account's own orders and are told apart by their client id (Binance), their `createType` (Bybit) or
their `category` (OKX), as those exchanges document them. What others do is left as it is told: made by others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workstation.venues.contract import DELEVERAGED, LIQUIDATED, SETTLED

_BY_ID = {"autoclose-": LIQUIDATED, "adl_autoclose": DELEVERAGED, "settlement_autoclose-": SETTLED}
_BY_KIND = {
    "CreateByLiq": LIQUIDATED,
    "CreateByTakeOver_PassThrough": LIQUIDATED,
    "CreateByAdl_PassThrough": DELEVERAGED,
    "CreateBySettle": SETTLED,
    "full_liquidation": LIQUIDATED,
    "partial_liquidation": LIQUIDATED,
    "adl": DELEVERAGED,
    "delivery": SETTLED,
}


def closed_by_venue(structure: Mapping[str, Any]) -> str:
    """What the exchange did by the order (of ccxt's), as the note of an order; "" where it is none of its own."""
    client_id = str(structure.get("clientOrderId") or "")
    for beginning, note in _BY_ID.items():
        if client_id.startswith(beginning):
            return note
    info = structure.get("info")
    if not isinstance(info, Mapping):
        return ""
    return _BY_KIND.get(str(info.get("createType")), "") or _BY_KIND.get(str(info.get("category")), "")
