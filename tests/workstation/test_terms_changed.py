"""An exchange changes the terms of one instrument, or lists it no more, and the line breaks: the others trade on, and
the kill switch pulls everything."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.changed_listing import Refusing, listing_changed, unlisted, without
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, reconnected, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine

BTC, ETH = f"{NAME}:BTC-USDT", f"{NAME}:ETH-USDT"
SYMBOLS = ("BTC-USDT", "ETH-USDT")


def coarser(markets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for market in markets:
        for terms in market["filters"] if market["symbol"] == "ETHUSDT" else ():
            if terms["filterType"] == "PRICE_FILTER":
                terms["tickSize"] = "0.10000000"
    return markets


delisted = without("ETHUSDT")


def limit(instrument: str, price: str) -> OrderDraft:
    return OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(price))


def bought(instrument: str) -> OrderDraft:
    return OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)


def filled(engine: Engine, client_id: str) -> bool:
    return engine.core.orders.orders[client_id].state is OrderState.FILLED


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(coarser, "has changed tick (0.01 → 0.1) of ETH-USDT"), (delisted, "no longer lists ETH-USDT")],
)
async def test_one_instrument_is_left_alone_and_all_else_goes_on(
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], sentence: str, tmp_path: Path
) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=SYMBOLS) as engine:
            for instrument, price in ((BTC, "63000"), (ETH, "2900")):
                order = await engine.submit(limit(instrument, price))
                await until(lambda made=order: engine.core.orders.orders[made.client_id].venue_order_id)
                held = await engine.submit(bought(instrument))
                await until(lambda made=held: filled(engine, made.client_id))
            listing_changed(exchange, change)
            await reconnected(engine, exchange, of=(BTC,))

            assert any(sentence in entry.text and entry.level == "error" for entry in engine.log.entries), told(engine)
            assert sentence in (engine.book(ETH).stale or "")
            refused = await engine.submit(limit(ETH, "2900"))
            assert refused.state is OrderState.DENIED
            assert sentence in refused.reason
            other = await engine.submit(limit(BTC, "62000"))
            await until(lambda: engine.core.orders.orders[other.client_id].state is OrderState.ACCEPTED)

            if change is delisted:
                Refusing(exchange, unlisted("ETHUSDT"))
            engine.flatten("a test")
            working = lambda: exchange.do(lambda: len(exchange.floor.account().working()))  # noqa: E731
            await until(lambda: working() == 0, 20, lambda: told(engine))
            await until(lambda: engine.position(BTC).quantity == 0, 20, lambda: told(engine))
            if change is coarser:
                await until(lambda: engine.kill_status.receipt, 20, lambda: told(engine))
                assert engine.position(ETH).quantity == 0
            else:
                item = lambda: next(  # noqa: E731
                    each for each in engine.kill_status.items if each.kind == "position" and each.instrument == ETH
                )
                await until(lambda: sentence in item().detail, 20, lambda: told(engine))
                await until(lambda: engine.kill_status.receipt, 20, lambda: told(engine))


@pytest.mark.parametrize("symbols", [SYMBOLS, ("BTC-USDT",)])
async def test_a_start_after_a_delisting_connects(symbols: tuple[str, ...], tmp_path: Path) -> None:
    """Be it named in the profile or opened because the store has traded it."""
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=SYMBOLS) as engine:
            held = await engine.submit(bought(ETH))
            await until(lambda: filled(engine, held.client_id))
        listing_changed(exchange, delisted)
        async with live_desk_on(exchange, tmp_path, symbols=symbols, wait=False) as engine:
            await until(lambda: NAME not in engine.core.unproven, 30, lambda: told(engine))
            order = await engine.submit(limit(BTC, "62000"))
            await until(
                lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED,
                say=lambda: told(engine),
            )
            assert (engine.book(ETH).stale or "").startswith(f"{NAME} no longer lists ETH-USDT")
