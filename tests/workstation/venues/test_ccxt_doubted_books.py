"""Books that come as regularly as any, and cannot be true: late by the exchange's own stamp, crossed, or with levels
that are none. They are stale at once, and whole again as soon as what they tell can be true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from loopback_venue import loopback_venue
from venue_desk import VenueDesk

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.socket import Socket
from tests.support.exchange_hand import Hand
from tests.support.live_desk import until
from workstation.clock import SECOND
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarkPrice, Trade
from workstation.market.book import OrderBook

BTC, ETH = "LOOP:BTC-USDT", "LOOP:ETH-USDT"

type Change = Callable[[dict[str, Any]], object]


def changes(monkeypatch: pytest.MonkeyPatch, kind: str) -> list[Change]:
    """The next message of this kind that tells of Bitcoin is changed by what stands in the list, each once."""
    waiting: list[Change] = []
    send = Socket.send

    def changed(self: Socket, place: str, text: str) -> None:
        if waiting and kind in text and "BTCUSDT" in text:
            message = json.loads(text)
            waiting.pop()(message.get("data", message))
            text = json.dumps(message)
        send(self, place, text)

    monkeypatch.setattr(Socket, "send", changed)
    return waiting


def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which books are told late, in their order, while it holds any."""
    late: list[float] = []
    due: dict[Socket, float] = {}
    send = Socket.send

    def delayed(self: Socket, place: str, text: str) -> None:
        loop = asyncio.get_running_loop()
        due[self] = max(loop.time() + (late[0] if late else 0.0), due.get(self, 0.0) + 1e-6)
        if "orderbook" in place and due[self] > loop.time() + 1e-3:
            loop.call_at(due[self], send, self, place, text)
        else:
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", delayed)
    return late


def books(desk: VenueDesk, symbol: str = BTC) -> OrderBook:
    book = OrderBook(symbol)
    for event in desk.market:
        if isinstance(event, BookSnapshot | BookDelta | BookStale) and event.instrument == symbol:
            book.apply(event)
    return book


def told_of_its_levels(desk: VenueDesk, since: int) -> list[BookSnapshot | BookDelta]:
    found = [event for event in desk.market[since:] if isinstance(event, BookSnapshot | BookDelta)]
    return [event for event in found if event.instrument == BTC]


@pytest.mark.slow
async def test_a_feed_that_lags_makes_a_stale_book_though_it_never_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    late = delays(monkeypatch)
    with LoopbackExchange("bybit", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange, "bybit") as (_, desk):
            sizes = (str(n % 7 + 1) for n in count())

            async def moving(condition: Callable[[], object]) -> None:
                def moves() -> object:
                    hand.level("63980", next(sizes))
                    return condition()

                await until(moves)

            await moving(lambda: books(desk).stale is None)
            late.append(4.0)
            await moving(lambda: "comes 4 s late" in (books(desk).stale or ""))
            began = len(desk.market)
            loop = asyncio.get_running_loop()
            end = loop.time() + 2.5
            await moving(lambda: loop.time() > end)  # it lags on, and nobody begins it anew for that
            assert not told_of_its_levels(desk, began)
            late[0] = 0.0
            await moving(lambda: books(desk).stale is None)


async def test_a_crossed_book_is_stale_at_once_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = changes(monkeypatch, "depthUpdate")
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange) as (_, desk):
            await until(lambda: books(desk).stale is None)
            waiting.append(lambda data: data["b"].insert(0, ["64500.00", "3.0"]))
            hand.level("63980", "2")
            await until(lambda: books(desk).stale is not None)
            assert books(desk).stale == "its best bid 64500 stands above its best offer 64001"
            await until(lambda: books(desk).stale is None)
            assert books(desk).best_bid == hand.instrument().to_ticks(Decimal(63_999))
            assert not [e for e in desk.market if isinstance(e, BookStale) and e.instrument == ETH]


async def test_a_book_that_is_crossed_for_a_moment_is_whole_with_the_next_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = changes(monkeypatch, "depthUpdate")
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange) as (venue, desk):
            await until(lambda: books(desk).stale is None)
            waiting.append(lambda data: data["b"].insert(0, ["64500.00", "3.0"]))
            hand.level("63980", "2")
            await until(lambda: books(desk).stale is not None)
            waiting.append(lambda data: data["b"].insert(0, ["64500.00", "0"]))
            hand.level("63980", "3")
            await until(lambda: books(desk).stale is None, 0.9)
            assert {state.name: state.faults for state in venue.stream_states()}["book BTC/USDT"] == 0


@pytest.mark.parametrize("level", [["0.00", "3.0"], ["-5.00", "3.0"], ["63990.00", "-3.0"]])
async def test_no_level_stands_at_nothing_or_has_less_than_nothing(
    level: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = changes(monkeypatch, "depthUpdate")
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange) as (_, desk):
            await until(lambda: books(desk).stale is None)
            waiting.append(lambda data: data["b" if level[1] == "-3.0" else "a"].insert(0, level))
            hand.level("63980", "2")
            await until(lambda: books(desk).stale is not None or books(desk).bids.get(6_398_000) == 200_000)
            await until(lambda: books(desk).stale is None)
            for event in desk.market:
                if isinstance(event, BookSnapshot | BookDelta):
                    assert all(price > 0 and lots >= 0 for price, lots in (*event.bids, *event.asks))


async def test_what_has_no_price_or_size_is_no_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = changes(monkeypatch, '"trade"')
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange) as (venue, desk):
            broken: tuple[dict[str, Any], ...] = ({"p": None}, {"p": "0"}, {"q": "0"}, {"q": "-1"})
            for change in broken:
                waiting.append(lambda data, change=change: data.update(change))
                hand.sold("0.5", "63999")
                await until(lambda: not waiting)
            hand.sold("0.25", "63999")
            await until(lambda: any(isinstance(event, Trade) for event in desk.market))
            [trade] = [event for event in desk.market if isinstance(event, Trade)]
            assert trade.quantity == hand.instrument().to_lots(Decimal("0.25"))
            assert {state.name: state.faults for state in venue.stream_states()}["trades BTC/USDT"] == 0


@pytest.mark.parametrize("broken", ["0", "-1", ""])
async def test_a_mark_of_nothing_is_no_mark(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = changes(monkeypatch, "tickers")
    with LoopbackExchange("bybit", seed=None) as exchange:
        hand = Hand(exchange)
        perp = hand.instrument("BTC-USDT-PERP").id
        async with loopback_venue(exchange, "bybit", symbols=("BTC-USDT-PERP",)) as (_, desk):
            waiting.append(lambda data: data.update(markPrice=broken))
            for mark in (64_000, 64_010, 64_020):
                exchange.feed(MarkPrice(perp, exchange.clock.now(), Decimal(mark)))
                await until(lambda: not waiting)
            await until(lambda: any(isinstance(event, MarkPrice) and event.price == 64_020 for event in desk.market))
            assert all(event.price > 0 for event in desk.market if isinstance(event, MarkPrice))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "binanceusdm"])
async def test_a_mark_that_lags_is_as_old_as_the_exchange_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[float] = []
    send = Socket.send

    def delayed(self: Socket, place: str, text: str) -> None:
        if late and ("markPrice" in text) and "BTCUSDT" in text:
            asyncio.get_running_loop().call_later(late[0], send, self, place, text)
        else:
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", delayed)
    with LoopbackExchange(name, seed=None) as exchange:
        perp = Hand(exchange).instrument("BTC-USDT-PERP").id
        async with loopback_venue(exchange, name, symbols=("BTC-USDT-PERP",)) as (venue, desk):

            def tells(price: int) -> list[MarkPrice]:
                exchange.feed(MarkPrice(perp, exchange.clock.now(), Decimal(price)))
                return [event for event in desk.market if isinstance(event, MarkPrice) and event.price == price]

            for price in (64_001, 64_002):  # the first may be the answer to a question
                await until(lambda price=price: tells(price))  # type: ignore[misc]
            late.append(5.0)
            await until(lambda: tells(64_123))
            assert venue.clock.now() - tells(64_123)[0].ts > 4.5 * SECOND
