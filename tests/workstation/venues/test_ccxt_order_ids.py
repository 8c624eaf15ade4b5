"""Binance numbers orders and trades by market: the same number in two markets is two orders, and two fills."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from venue_desk import VenueDesk
from venue_market import SPOT, HandMarket

from tests.support.exchange import Login, LoopbackExchange
from tests.support.real_venue import instruments_of, stands, until, venue_on
from workstation.clock import LiveClock

OTHER = msgspec.structs.replace(SPOT, symbol="ETH-USDT", base="ETH")


async def test_fills_go_to_the_order_of_their_own_market() -> None:
    login = Login(balances={"USDT": Decimal(100_000)})
    with LoopbackExchange(
        "binance", instruments=[SPOT, OTHER], logins=[login], seed=None, depth_every=0.02
    ) as exchange:
        market = HandMarket(exchange.clock, exchange.feed)  # type: ignore[arg-type]
        theirs = {each.symbol: each for each in exchange.floor.instruments.values()}
        for instrument in theirs.values():
            market.book(instrument, {"999": "5", "998": "5"}, {"1001": "5", "1002": "5"})
        clock = LiveClock()
        venue = venue_on(exchange, await instruments_of(exchange, list(theirs)), clock)
        desk = VenueDesk(venue, clock)  # type: ignore[arg-type]
        venue.known_order = desk.orders.get
        await desk.connect()
        try:
            await until(lambda: stands(venue) and exchange.tells())
            ours = {instrument.symbol: instrument for instrument in venue.instruments()}
            btc, eth = await desk.buy(ours["BTC-USDT"], "1", "999"), await desk.buy(ours["ETH-USDT"], "2", "999")
            assert desk.orders[btc].venue_order_id == desk.orders[eth].venue_order_id
            for instrument in theirs.values():
                market.sold(instrument, "10", "999")
            await until(lambda: len(desk.fills()) == 2)
            assert (desk.fills(btc), desk.fills(eth)) == ([(1, 999)], [(2, 999)])
            fills = await venue.fills_since(0)
            assert sorted((fill.client_id, fill.quantity) for fill in fills) == sorted([(btc, 1), (eth, 2)])
        finally:
            await venue.close()
