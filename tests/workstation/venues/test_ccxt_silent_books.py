"""A book whose subscription is lost, on a connection that goes on: what comes beside it proves it false. A book of a
quiet market is silent too, and true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from loopback_venue import loopback_venue
from venue_desk import VenueDesk

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.socket import Socket
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.market import BookSnapshot, BookStale
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.trading.plans import terms

BTC = "LOOP:BTC-USDT"


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        yield exchange


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds something, the exchange tells no changes of any book; all else goes on."""
    gone: list[bool] = []
    send = Socket.send

    def without_books(self: Socket, place: str, text: str) -> None:
        if not (gone and "depthUpdate" in place):
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", without_books)
    return gone


def stale(desk: VenueDesk, symbol: str = BTC) -> list[str]:
    return [event.reason for event in desk.market if isinstance(event, BookStale) and event.instrument == symbol]


async def test_a_held_stop_is_sent_though_the_book_tells_nothing_of_the_fall(
    exchange: LoopbackExchange, lost: list[bool], tmp_path: Path
) -> None:
    hand = Hand(exchange)
    async with live_desk_on(exchange, tmp_path) as engine:
        entry = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
        await engine.start_plan(terms.bracket(entry, stop=Decimal(63_500), target=Decimal(70_000)))
        await until(lambda: any(position.quantity for position in engine.positions()))
        lost.append(True)
        hand.around(62_000)

        def closed() -> bool:
            return not any(position.quantity for position in engine.positions())

        for _ in range(60):
            if closed():
                break
            hand.sold("0.01", "61999")
            await asyncio.sleep(0.5)
        assert closed(), told(engine)


async def test_a_book_that_is_silent_for_long_is_compared_with_the_exchange_s(
    exchange: LoopbackExchange, lost: list[bool]
) -> None:
    hand = Hand(exchange)
    async with loopback_venue(exchange, silence_ms=2_000) as (_, desk):
        lost.append(True)
        hand.around(62_000)
        await until(lambda: any("the exchange's is 61999 / 62001" in reason for reason in stale(desk)))


async def test_a_quiet_market_s_book_is_believed(exchange: LoopbackExchange) -> None:
    """Trades at its own prices, a look at the exchange's, and one strange trade alone prove nothing."""
    hand = Hand(exchange)
    async with loopback_venue(exchange, silence_ms=1_000) as (_, desk):
        hand.sold("0.0001", "61999")
        for _ in range(10):
            hand.sold("0.0001", "63999")
            await asyncio.sleep(0.5)
        assert stale(desk) == []
        assert sum(isinstance(e, BookSnapshot) and e.instrument == BTC for e in desk.market) == 1
