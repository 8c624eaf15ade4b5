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

    `fee_value` is what a fee in a third coin (BNB at Binance, say) was worth in the settlement currency when the desk
    heard of the fill. None where the fee is in the settlement currency, or of spot in the base, and where nothing
    prices the coin: see `position.fee_of`.
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
    fee_value: Decimal | None = None
