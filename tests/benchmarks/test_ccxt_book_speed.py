"""Depth updates of a real exchange through our side, beside what ccxt's own class needs for them."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

from tests.support.exchange.binance.listing import SPOT
from workstation.clock import LiveClock
from workstation.domain.market import MarketEvent
from workstation.market.book import OrderBook
from workstation.venues.ccxt.client import Hooks, open_exchange
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.ccxt.streams import Streams

MESSAGES, LEVELS = 4_000, 10


def messages() -> list[dict[str, Any]]:
    chance, made, update = random.Random(1), [], 1_000
    for _ in range(MESSAGES):
        sides = [
            [
                [f"{64_000 + sign * chance.randint(1, 800) / 100:.2f}", f"{chance.choice((0, 1, 2.5)):.5f}"]
                for _ in range(5)
            ]
            for sign in (-1, 1)
        ]
        made.append(
            {
                "e": "depthUpdate",
                "E": 1,
                "s": "BTCUSDT",
                "U": update + 1,
                "u": update + LEVELS,
                "b": sides[0],
                "a": sides[1],
            }
        )
        update += LEVELS
    return made


class Wire:
    url = "wss://stream.binance.com:9443/ws"
    subscriptions: dict[str, Any] = {}

    def resolve(self, *_: Any) -> None: ...

    def reject(self, error: BaseException, *_: Any) -> None:
        raise error


def exchange_with_book(hooks: Hooks | None) -> Any:
    exchange = open_exchange(particulars("binance"), VenueSettings(), None, hooks)
    exchange.set_markets(
        [
            exchange.safe_market_structure(
                {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
            )
        ]
    )
    book = exchange.order_book({}, 1_000)
    levels = [[64_000 - n / 100, 1.0] for n in range(1, 900)], [[64_000 + n / 100, 1.0] for n in range(1, 900)]
    book.reset({"bids": levels[0], "asks": levels[1], "nonce": 1_000, "symbol": "BTC/USDT"})
    exchange.orderbooks["BTC/USDT"] = book
    return exchange


@pytest.mark.benchmark
async def test_depth_updates_through_our_side_and_ccxt_s(capsys: pytest.CaptureFixture[str]) -> None:
    instrument = next(each for each in SPOT if each.symbol == "BTC-USDT")
    desk = OrderBook(instrument.id)
    taken: list[MarketEvent] = []

    def take(event: MarketEvent) -> None:
        taken.append(event)
        desk.apply(event)  # type: ignore[arg-type]

    def run(ours: bool) -> float:
        hooks = Hooks() if ours else None
        exchange = exchange_with_book(hooks)
        if hooks is not None:
            streams = Streams(
                venue="LOOP",
                exchange=exchange,
                hooks=hooks,
                facts=particulars("binance"),
                markets={"BTC/USDT": instrument},
                clock=LiveClock(),
                jitter=lambda: 0.0,
                notice=lambda *_: None,
                silence=15.0,
                there=lambda: time.time_ns() // 1_000_000,
            )
            streams.sink = take
            hooks.on_open(Wire())
        wire, wanted = Wire(), messages()
        if hooks is not None:
            hooks.on_open(wire)
        began = time.process_time()
        for message in wanted:
            exchange.handle_message(wire, message)
        return time.process_time() - began

    with_ours = await asyncio.to_thread(lambda: min(run(True) for _ in range(3)))
    ccxt_alone = await asyncio.to_thread(lambda: min(run(False) for _ in range(3)))
    updates = MESSAGES * LEVELS
    share = with_ours - ccxt_alone
    with capsys.disabled():
        print(
            f"\n{updates:,} level updates: ccxt {updates / ccxt_alone:,.0f}/s, ours {updates / share:,.0f}/s, "
            f"both {updates / with_ours:,.0f}/s; in messages: ours {MESSAGES / share:,.0f}/s"
        )
    assert desk.stale is None
    assert len(taken) >= MESSAGES
