"""The lines of the log on an order, and of the kill switch's window: a trigger is never told as a limit."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.trading.order_lines import price_terms


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"price": D(64200)}, "@ 64,200"),
        ({"type": OrderType.MARKET}, "at market"),
        ({"type": OrderType.STOP, "stop_price": D(63500)}, "stop @ 63,500"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(63500), "price": D(63400)}, "stop @ 63,500 limit 63,400"),
        ({"type": OrderType.TAKE_PROFIT, "stop_price": D(66000)}, "take profit @ 66,000"),
        ({"type": OrderType.TRAILING_STOP, "trail": D(300)}, "trailing stop"),
        ({"type": OrderType.TRAILING_STOP, "trail": D(300), "stop_price": D(63900)}, "trailing stop @ 63,900"),
    ],
)
def test_every_kind_of_order_is_told_by_its_prices(terms: dict[str, Any], words: str) -> None:
    draft = OrderDraft(instrument="NOVA:BTC-USDT", side=Side.SELL, quantity=D("0.02"), **terms)
    assert price_terms(Order.from_draft(draft, "tws1", 0), None) == words
