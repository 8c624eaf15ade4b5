"""Fills that no stream has told of: found whatever the exchange's clock says, and booked before their order's end."""

from __future__ import annotations

from decimal import Decimal

from loopback_venue import loopback_venue

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import until
from workstation.domain import events as e
from workstation.domain.order import OrderState
from workstation.venues.contract import AsksByInstrument

BTC = "LOOP:BTC-USDT"


def deafen(exchange: LoopbackExchange) -> None:
    """The streams of the account tell nothing more, and stay up."""
    for message in ("executionReport", "outboundAccountPosition"):
        exchange.faults.script(f"ws {message}", Kind.DROP, times=10_000)


async def test_a_fill_is_found_though_the_exchange_s_clock_is_behind_ours() -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        exchange.drift(-40.0)
        async with loopback_venue(exchange) as (venue, desk):
            deafen(exchange)
            began = venue.clock.now()
            client_id = await desk.buy(BTC, "0.02")
            await until(lambda: desk.orders[client_id].state is OrderState.FILLED)
            (fill,) = await venue.fills_since(began)
            assert (fill.client_id, fill.quantity) == (client_id, Decimal("0.02"))
            assert isinstance(venue, AsksByInstrument)
            exchange.do(exchange.done.clear)
            assert list(await venue.fills_of(BTC, began)) == [fill]
            asked = exchange.do(lambda: [words["symbol"] for place, words in exchange.done if "myTrades" in place])
            assert asked == ["BTCUSDT"], "the others are not asked for"


async def test_an_order_ends_after_its_fills_whichever_is_heard_first() -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        for below in range(3, 11):
            hand.level(f"{64_000 - below}", "0")
        async with loopback_venue(exchange) as (_, desk):
            deafen(exchange)
            exchange.faults.script("rest GET /api/v3/myTrades", Fault(Kind.STATUS, status=503))  # the second time then
            hand.level("63999", "0.1")
            hand.level("63998", "0.2")
            client_id = await desk.sell(BTC, "0.5")  # more than is bid for: what is left of it expires
            await until(lambda: not desk.orders[client_id].is_open)
            kinds = [type(event) for event in desk.reports]
            assert kinds == [e.OrderAccepted, e.OrderFilled, e.OrderFilled, e.OrderCanceled]
            assert desk.orders[client_id].filled == Decimal("0.3")
