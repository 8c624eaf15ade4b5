"""A book whose subscription is lost, on a connection that goes on: what comes beside it proves it false. A book of a
quiet market is silent too, and true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from loopback_venue import loopback_venue
from msgspec.structs import replace
from venue_desk import VenueDesk

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.socket import Socket
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from tests.support.lost_books import silence_books
from workstation.domain.market import BookDelta, BookSnapshot, BookStale
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.market.book import OrderBook
from workstation.trading.plans import terms
from workstation.venues.ccxt import pictures
from workstation.venues.ccxt.venue import CcxtVenue

BTC, ETH = "LOOP:BTC-USDT", "LOOP:ETH-USDT"


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        yield exchange


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds something, the exchange tells no changes of any book; all else goes on."""
    return silence_books(monkeypatch)


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


async def test_a_quiet_book_is_confirmed_and_does_not_grow_old(exchange: LoopbackExchange) -> None:
    Hand(exchange)
    async with loopback_venue(exchange, silence_ms=1_000) as (_, desk):
        book = OrderBook(BTC)
        for event in [one for one in desk.market if isinstance(one, BookSnapshot) and one.instrument == BTC]:
            book.apply(event)
        began, before = book.ts, len(desk.market)
        same = BookDelta(BTC, 0, book.sequence, book.sequence, (), ())
        await until(lambda: sum(replace(e, ts=0) == same for e in news(desk, before)) >= 2)
        for event in news(desk, before):
            assert book.apply(event)
        assert book.ts > began
        assert len(book.bids) == len(book.asks) == 10


def news(desk: VenueDesk, before: int) -> list[BookDelta]:
    return [e for e in desk.market[before:] if isinstance(e, BookDelta) and e.instrument == BTC]


@pytest.mark.slow
async def test_an_exchange_that_means_what_was_denied_is_not_asked_for_ever(exchange: LoopbackExchange) -> None:
    """Trades beside the book, of which nothing says so: it is begun anew once, comes again as it was, and stays."""
    hand = Hand(exchange)
    async with loopback_venue(exchange, silence_ms=60_000) as (_, desk):
        for _ in range(16):
            hand.sold("0.0001", "61999")
            await asyncio.sleep(0.4)
        assert [reason for reason in stale(desk) if "it trades at 61999" in reason]
        assert len(stale(desk)) == 1
        assert sum(isinstance(e, BookSnapshot) and e.instrument == BTC for e in desk.market) == 2


async def test_a_market_in_which_nobody_bids_nor_offers_has_a_book_and_disturbs_no_other(
    exchange: LoopbackExchange,
) -> None:
    hand = Hand(exchange)
    exchange.feed(BookSnapshot(hand.instrument().id, exchange.clock.now(), 99, (), ()))
    async with loopback_venue(exchange) as (venue, desk):
        await asyncio.sleep(3)
        assert stale(desk, ETH) == []
        [picture] = [e for e in desk.market if isinstance(e, BookSnapshot) and e.instrument == BTC]
        assert (picture.bids, picture.asks) == ((), ())
        hand.level("63990", "1")
        await until(lambda: any(isinstance(e, BookSnapshot) and e.bids and e.instrument == BTC for e in desk.market))
        assert {state.name: state.faults for state in venue.stream_states()}["book BTC/USDT"] == 0


@pytest.mark.slow
async def test_a_book_that_never_comes_disturbs_no_other_and_comes_once_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stand on one connection of Bybit's."""
    missing, send = [True], Socket.send

    def answered(self: Socket, place: str, text: str) -> None:
        if not (missing and "BTCUSDT" in text and "orderbook" in place):
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", answered)
    monkeypatch.setattr(pictures, "_PICTURE", 0.5)
    with LoopbackExchange("bybit", seed=None) as exchange:
        Hand(exchange)
        async with loopback_venue(exchange, "bybit", silence_ms=500, wait=False) as (venue, desk):
            told: list[str] = []
            venue.on_notice = lambda level, sentence: told.append(sentence)
            await until(lambda: faults_of(venue, "book BTC/USDT") >= 4)
            assert stale(desk, ETH) == []
            assert faults_of(venue, "book ETH/USDT") == 0
            assert sum("book BTC/USDT broke (no picture" in sentence for sentence in told) == 1
            missing.clear()
            await until(lambda: any(isinstance(e, BookSnapshot) and e.instrument == BTC for e in desk.market))
            assert stale(desk, ETH) == []


@pytest.mark.slow
async def test_a_book_that_is_false_again_and_again_disturbs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pictures come, and no change of it."""
    send = Socket.send

    def without_changes(self: Socket, place: str, text: str) -> None:
        if not ("BTCUSDT" in text and "orderbook" in place and '"delta"' in text):
            send(self, place, text)

    monkeypatch.setattr(Socket, "send", without_changes)
    with LoopbackExchange("bybit", seed=None) as exchange:
        hand = Hand(exchange)
        async with loopback_venue(exchange, "bybit", silence_ms=60_000) as (venue, desk):
            told: list[str] = []
            venue.on_notice = lambda level, sentence: told.append(sentence)
            for n in range(60):
                hand.around(63_000 - 10 * n)
                hand.sold("0.01", f"{62_990 - 10 * n}")
                await asyncio.sleep(0.25)
                if len(stale(desk)) >= 3:
                    break
            assert all("it trades at 62" in reason for reason in stale(desk)[:3])
            assert len(stale(desk)) >= 3
            assert stale(desk, ETH) == []
            assert faults_of(venue, "book ETH/USDT") == 0
            assert sum("book BTC/USDT broke (it is not believed" in sentence for sentence in told) == 1


def faults_of(venue: CcxtVenue, name: str) -> int:
    return next((state.faults for state in venue.stream_states() if state.name == name), 0)


@pytest.mark.slow
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
