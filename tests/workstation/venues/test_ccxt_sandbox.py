"""`sandbox = true` leads to the exchange's test network, and is refused in a sentence where there is none."""

from __future__ import annotations

import pytest

from workstation.venues.ccxt.client import open_exchange
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.contract import VenueError


@pytest.mark.parametrize(
    ("name", "mark"), [("binance", "testnet.binance"), ("bybit", "api-testnet"), ("okx", "x-simulated-trading")]
)
async def test_no_address_of_the_real_exchange_is_left(name: str, mark: str) -> None:
    for sandbox in (True, False):
        exchange = open_exchange(particulars(name), VenueSettings(exchange=name, sandbox=sandbox), None)
        try:
            assert (mark in f"{exchange.urls['api']} {exchange.headers}") is sandbox
        finally:
            await exchange.close()


def test_an_exchange_without_a_test_network_says_so() -> None:
    with pytest.raises(VenueError, match="Kraken has no test network"):
        open_exchange(particulars("kraken"), VenueSettings(exchange="kraken", sandbox=True), None)
