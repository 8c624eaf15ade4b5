"""A stop that the desk holds, at an exchange whose book does not come: it goes by trades and marks of a second, and
where nothing tells the price, the desk says that the position is NOT PROTECTED."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from tests.support.lost_books import silence_books
from workstation.domain.market import MarkPrice
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.log import Level
from workstation.trading.plans import terms
from workstation.trading.plans.rows import BLIND, HELD

BTC, PERP = "LOOP:BTC-USDT", "LOOP:BTC-USDT-PERP"


@pytest.fixture
def books_lost(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds something, no change of a book is told."""
    return silence_books(monkeypatch)


@asynccontextmanager
async def long_with_a_stop(name: str, instrument: str, folder: Path) -> AsyncIterator[tuple[Engine, Hand]]:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, folder, symbols=(instrument.removeprefix("LOOP:"),)) as engine:
            entry = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
            await engine.start_plan(terms.bracket(entry, stop=Decimal(63_500), target=Decimal(70_000)))
            await until(lambda: holds(engine))
            yield engine, hand


async def lose_the_book(engine: Engine, hand: Hand, lost: list[bool]) -> None:
    """Its stream breaks, and no picture of it comes any more."""
    lost.append(True)
    hand.exchange.faults.script("rest GET */depth", Kind.STATUS, times=10_000)
    await asyncio.to_thread(hand.exchange.cut)
    await until(lambda: engine.book(the_one(engine)).stale is not None)


def the_one(engine: Engine) -> str:
    return engine.instruments()[0].id


def holds(engine: Engine) -> bool:
    return any(position.quantity for position in engine.positions())


def stop_row(engine: Engine) -> tuple[str, str]:
    [row] = [row for row in engine.kept_exits() if row.leg == "stop"]
    return row.note, row.reason


async def test_a_held_stop_fires_on_trades_while_there_is_no_book(tmp_path: Path, books_lost: list[bool]) -> None:
    async with long_with_a_stop("binance", BTC, tmp_path) as (engine, hand):
        await lose_the_book(engine, hand, books_lost)
        hand.around(62_000)
        for _ in range(40):
            hand.sold("0.01", "61999")
            await asyncio.sleep(0.25)
            if not holds(engine):
                break
        assert not holds(engine), told(engine)
        assert engine.book(BTC).stale is not None


@pytest.mark.slow
async def test_one_bad_print_fires_no_stop(tmp_path: Path, books_lost: list[bool]) -> None:
    async with long_with_a_stop("binance", BTC, tmp_path) as (engine, hand):
        await lose_the_book(engine, hand, books_lost)
        for n in range(24):
            hand.sold("0.01", "61999" if n % 8 == 4 else "63999")
            await asyncio.sleep(0.2)
        assert holds(engine)
        assert not engine.core.plans.unseen


@pytest.mark.slow
async def test_of_contracts_the_mark_fires_it_where_nothing_trades(tmp_path: Path, books_lost: list[bool]) -> None:
    async with long_with_a_stop("binanceusdm", PERP, tmp_path) as (engine, hand):
        await lose_the_book(engine, hand, books_lost)
        hand.around(62_000, "BTC-USDT-PERP")
        await asyncio.sleep(1.5)
        assert holds(engine)
        perp = hand.instrument("BTC-USDT-PERP").id
        for _ in range(40):
            hand.exchange.feed(MarkPrice(perp, hand.exchange.clock.now(), Decimal(62_000)))
            await asyncio.sleep(0.3)
            if not holds(engine):
                break
        assert not holds(engine), told(engine)
        assert engine.book(PERP).stale is not None


async def test_a_position_whose_stop_sees_no_price_is_said_to_be_not_protected(
    tmp_path: Path, books_lost: list[bool]
) -> None:
    async with long_with_a_stop("binance", BTC, tmp_path) as (engine, hand):
        said: list[tuple[str, bool]] = []
        engine.unseen_stops.on_told = lambda text, bad: said.append((text, bad))
        assert stop_row(engine)[0] == HELD
        version = engine.plans_version
        await lose_the_book(engine, hand, books_lost)
        await until(lambda: engine.core.plans.unseen)
        note, reason = stop_row(engine)
        assert note == BLIND
        assert "NOT PROTECTED" in reason
        assert engine.plans_version > version
        [entry] = [one for one in engine.log.entries if "NOT PROTECTED" in one.text]
        assert entry.level is Level.ERROR
        assert "LOOP:BTC-USDT are NOT PROTECTED: no price is seen for the stop at 63,500" in entry.text
        assert said == [(entry.text, True)]
        books_lost.clear()
        hand.exchange.faults.clear()
        await until(lambda: not engine.core.plans.unseen, 60)
        assert stop_row(engine)[0] == HELD
        assert [bad for _, bad in said] == [True, False]
        assert "protected again" in said[1][0]
