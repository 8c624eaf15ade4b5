"""Funding as the exchanges tell it: what was paid lowers the balance, in the coin in which it was paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from answering import NOW, desk_on
from payload_markets import MARKETS

from workstation.clock import DAY, MILLISECOND
from workstation.domain import events as e
from workstation.venues.ccxt.account import entries

D = Decimal
T = NOW // MILLISECOND


def bybit(symbol: str, fee: str) -> dict[str, Any]:
    """A row of Bybit's executions: the fee of a trade that is none, an expense where it is positive."""
    row = {
        "symbol": symbol,
        "execType": "Funding",
        "execTime": str(T),
        "execId": "8d1ef156-4ec6-4445-9a6c-1c0c24dbd046",
        "execFee": fee,
        "execQty": "0.98",
        "execPrice": "137.11",
        "side": "Sell",
        "orderType": "UNKNOWN",
        "feeRate": "-0.000761",
    }
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "nextPageCursor": "", "list": [row]}}


@pytest.mark.parametrize(
    ("symbol", "fee", "amount", "currency"),
    [
        ("BTCUSDT", "-0.10232512", "0.10232512", "USDT"),
        ("BTCUSDT", "3", "-3", "USDT"),
        ("BTCUSD", "0.001", "-0.001", "BTC"),
    ],
)
async def test_bybits_funding_is_a_fee_in_the_coin_of_settlement(
    symbol: str, fee: str, amount: str, currency: str
) -> None:
    desk = await desk_on("bybit", {"execution/list": bybit(symbol, fee)}, MARKETS["bybit"])
    venue = desk.venue
    venue.markets = {
        name: terms
        for name, terms in venue.markets.items()
        if not terms.is_spot and venue.exchange.markets[name]["id"] == symbol
    }

    venue.first_seen = NOW - 10 * DAY  # the desk was closed

    (entry,) = await entries(venue, venue.exchange, NOW - 8 * DAY)

    asked = int(desk.answers.sent[-1].url.partition("startTime=")[2].partition("&")[0])
    assert T - asked < 7 * DAY // MILLISECOND  # a week from there is all that it tells: this must be the newest

    assert isinstance(entry, e.FundingPaid)
    assert (entry.amount, entry.currency) == (D(amount), currency)
