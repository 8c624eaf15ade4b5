"""A key that may move money away is not used, where the exchange tells what a key may do."""

from __future__ import annotations

import pytest
from loopback_venue import loopback_venue

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import until
from workstation.domain.order import Side
from workstation.venues.contract import LinkState, VenueUnreachable

SYMBOLS = {"binance": ("BTC-USDT", "ETH-USDT"), "bybit": ("BTC-USDT", "BTC-USDT-PERP")}


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_a_key_that_may_withdraw_is_refused_and_no_order_can_be_sent(dialect: str) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH, may_withdraw=True)], seed=None) as exchange:
        Hand(exchange)
        async with loopback_venue(exchange, dialect, wait=False, symbols=SYMBOLS[dialect]) as (venue, desk):
            told: list[str] = []
            venue.on_notice = lambda level, sentence: told.append(f"{level}: {sentence}")
            await until(lambda: venue.link is LinkState.DOWN)
            assert "may withdraw money" in venue.said
            assert [line for line in told if line.startswith("error") and "may withdraw money" in line]
            assert venue.exchange is None, "nothing is asked or watched with that key any more"
            with pytest.raises(VenueUnreachable, match="may withdraw money"):
                await venue.submit(desk.draft("LOOP:BTC-USDT", Side.BUY, "0.01", "50000"))


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_a_key_that_may_only_trade_is_taken(dialect: str) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with loopback_venue(exchange, dialect, wait=False, symbols=SYMBOLS[dialect]) as (venue, _):
            await until(lambda: venue.link is LinkState.CONNECTED)
