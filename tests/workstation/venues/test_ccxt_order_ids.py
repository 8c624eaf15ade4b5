"""Numbers of the exchange's own: Binance counts by market, so that one number in two markets is two orders, and two
fills; and an order whose client id has changed there is known by its number.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from loopback_venue import loopback_venue
from venue_desk import VenueDesk
from venue_market import SPOT, HandMarket

from tests.support.exchange import Login, LoopbackExchange
from tests.support.exchange_hand import Hand
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


async def test_an_order_that_the_exchange_calls_by_another_client_id_is_no_second_one() -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange) as (venue, desk):
            client_id = await desk.buy("LOOP:BTC-USDT", "0.1", "63999")
            await until(lambda: desk.said(client_id) == ["accepted"])
            (record,) = exchange.do(lambda: list(exchange.floor.account().records.values()))
            record.link = "amended-1"
            assert [order.client_id for order in await venue.open_orders()] == [client_id]
            hand.sold("1.03", "63999")
            await until(lambda: desk.orders[client_id].filled == Decimal("0.03"))
            await venue.look_again(client_id)
            await desk.cancel(client_id)
            await until(lambda: not desk.orders[client_id].is_open)
            assert not venue.strangers
