"""A fill: one execution of one order, as the venue reported it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Side


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """`trade_id` is unique on its venue; together they make a doubled report harmless. `fee` may be negative.

    `number` grows with every fill of the instrument where the venue counts them, and says in which order it made them;
    0 where it does not.
    """

    trade_id: str
    client_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    ts: int  # UTC ns, the venue's time of the trade
    number: int = 0
