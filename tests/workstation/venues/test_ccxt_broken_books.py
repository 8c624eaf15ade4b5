"""A book that is built from a broken stream is stale until its next picture, and no other book is touched by it.

Bybit's spot market and its perpetual share one market id and have a connection each; a picture comes on the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from loopback_venue import loopback_venue
from venue_desk import VenueDesk

from tests.support.exchange import Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import until
from workstation.domain.market import BookDelta, BookSnapshot, BookStale
from workstation.market.book import OrderBook
from workstation.venues.ccxt.venue import CcxtVenue

SPOT, PERP = "BTC-USDT", "BTC-USDT-PERP"


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("bybit", seed=None) as exchange:
        yield exchange


@pytest.fixture
def hand(exchange: LoopbackExchange) -> Hand:
    return Hand(exchange)


@pytest.fixture
async def bench(exchange: LoopbackExchange, hand: Hand) -> AsyncIterator[tuple[CcxtVenue, VenueDesk]]:
    async with loopback_venue(exchange, "bybit", symbols=(SPOT, PERP)) as (venue, desk):
        await both_are_theirs(hand, desk)
        yield venue, desk


def events_of(desk: VenueDesk, symbol: str) -> list[BookSnapshot | BookDelta | BookStale]:
    name = f"LOOP:{symbol}"
    books = (BookSnapshot, BookDelta, BookStale)
    return [event for event in desk.market if isinstance(event, books) and event.instrument == name]


def book_of(desk: VenueDesk, symbol: str) -> OrderBook:
    book = OrderBook(f"LOOP:{symbol}")
    for event in events_of(desk, symbol):
        book.apply(event)
    return book


def is_theirs(hand: Hand, desk: VenueDesk, symbol: str) -> bool:
    book = book_of(desk, symbol)
    return book.stale is None and (dict(book.bids), dict(book.asks)) == hand.book(symbol)


async def both_are_theirs(hand: Hand, desk: VenueDesk) -> None:
    for symbol in (SPOT, PERP):
        await until(lambda symbol=symbol: is_theirs(hand, desk, symbol))


async def test_a_hole_in_the_perpetual_s_stream_is_none_in_the_spot_market_s(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    _, desk = bench
    exchange.faults.script("ws orderbook", Kind.DROP)
    hand.level("63990", "2", PERP)
    await until(lambda: exchange.faults.struck)
    hand.level("63991", "2", PERP)
    await until(lambda: any(isinstance(event, BookStale) for event in events_of(desk, PERP)))
    hand.level("63992", "2", SPOT)
    await both_are_theirs(hand, desk)
    assert not any(isinstance(event, BookStale) for event in events_of(desk, SPOT))
    assert sum(isinstance(event, BookSnapshot) for event in events_of(desk, SPOT)) == 1


async def test_what_still_comes_after_a_hole_makes_no_book(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    """The desk was busy, and so a whole queue of messages waits: the second is missing, the others are read at once."""
    _, desk = bench
    before = len(desk.market)
    _while_the_desk_stands_still(exchange, hand)
    await until(lambda: any(isinstance(event, BookStale) for event in desk.market[before:]))
    await both_are_theirs(hand, desk)
    pictures = [event for event in desk.market[before:] if isinstance(event, BookSnapshot)]
    assert [len(picture.bids) for picture in pictures] == [10]


def _while_the_desk_stands_still(exchange: LoopbackExchange, hand: Hand) -> None:
    for n in range(1, 7):
        if n == 2:
            exchange.faults.script("ws orderbook", Kind.DROP)
        hand.level("63990", str(n), SPOT)
        time.sleep(0.15)  # a message for each


async def test_changes_without_a_picture_make_no_book(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    _, desk = bench
    before = len(desk.market)
    exchange.faults.script("ws orderbook", Kind.DROP, times=2)  # the pictures after the cut
    await asyncio.to_thread(exchange.cut)
    for n in range(2, 60):
        hand.level("63990", str(n), SPOT)
        hand.level("63990", str(n), PERP)
        await asyncio.sleep(0.1)
        if len(exchange.faults.struck) == 2 and n > 30:
            break
    await both_are_theirs(hand, desk)
    assert all(len(event.bids) == 10 for event in desk.market[before:] if isinstance(event, BookSnapshot))


@pytest.mark.parametrize("symbol", [SPOT, PERP])
async def test_a_message_that_cannot_be_read_ends_its_connection_at_once(
    exchange: LoopbackExchange, hand: Hand, bench: tuple[CcxtVenue, VenueDesk], symbol: str
) -> None:
    """Not when its silence is noticed: that would take a quarter of a minute in which the book looks alive."""
    venue, desk = bench
    told: list[str] = []
    venue.on_notice = lambda level, sentence: told.append(f"{level}: {sentence}")
    before = len(desk.market)
    exchange.faults.script("ws orderbook", Kind.CORRUPT)
    hand.level("63990", "2", symbol)
    await until(lambda: any(isinstance(event, BookStale) for event in desk.market[before:]))
    stale = next(event for event in desk.market[before:] if isinstance(event, BookStale))
    assert stale.instrument == f"LOOP:{symbol}"
    assert "cannot be read" in stale.reason
    await both_are_theirs(hand, desk)
    assert any(line.startswith("warning") and "cannot be read" in line for line in told)
