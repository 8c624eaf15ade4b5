"""A desk that stays connected hears of changed terms and of a delisting by itself, before an order is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.changed_listing import coarser_lot, listing_changed, without
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.venues.ccxt import terms_watch
from workstation.venues.ccxt.listing import Listing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.parametrize("dialect", ["binance", "bybit"])]

BTC, ETH = f"{NAME}:BTC-USDT", f"{NAME}:ETH-USDT"

type Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def coarser_tick(markets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for market in markets:
        if market["symbol"] == "ETHUSDT":
            for terms in market.get("filters", [market.get("priceFilter", {})]):
                if "tickSize" in terms:
                    terms["tickSize"] = "0.5"
    return markets


def order(instrument: str, price: str = "", side: Side = Side.BUY, quantity: str = "0.1") -> OrderDraft:
    if not price:
        return OrderDraft(instrument=instrument, side=side, quantity=Decimal(quantity), type=OrderType.MARKET)
    return OrderDraft(instrument=instrument, side=side, quantity=Decimal(quantity), price=Decimal(price))


def kept(folder: Path) -> Listing:
    """What the next start knows of the exchange's markets."""
    [file] = [file for file in folder.rglob("*.json") if b"ETH" in file.read_bytes()]
    return Listing.read(file)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(coarser_tick, "has changed tick (0.01 → 0.5) of ETH-USDT"), (without("ETHUSDT"), "no longer lists ETH-USDT")],
)
async def test_it_is_told_once_and_the_others_go_on(
    dialect: str, change: Change, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.venues.ccxt.terms_watch.EVERY", 1.0)
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            resting = await engine.submit(order(ETH, "2900"))
            await until(lambda: engine.core.orders.orders[resting.client_id].venue_order_id)
            listing_changed(exchange, change)

            def said() -> list[str]:
                return [entry.text for entry in engine.log.entries if sentence in entry.text]

            await until(said, 20, lambda: told(engine))
            assert sentence in (engine.book(ETH).stale or "")
            hand.level("2999", "5", "ETH-USDT")
            hand.level("63990", "5")
            looks = sum("instruments-info" in place or "exchangeInfo" in place for place, _ in exchange.done)
            await until(
                lambda: (
                    sum("instruments-info" in place or "exchangeInfo" in place for place, _ in exchange.done)
                    >= looks + 4
                ),
                20,
            )
            assert len(said()) == 1, "it is told once"
            assert engine.book(ETH).stale, "its book is counted in other ticks"
            assert engine.book(BTC).stale is None
            refused = await engine.submit(order(ETH, "2900"))
            assert refused.state in (OrderState.DENIED, OrderState.REJECTED)
            goes = await engine.submit(order(BTC, "60000", quantity="0.001"))
            assert goes.state not in (OrderState.DENIED, OrderState.REJECTED)
            await engine.cancel(resting.client_id)
            await until(lambda: engine.core.orders.orders[resting.client_id].state is OrderState.CANCELED)
            assert len([each for each in engine.log.entries if "LOOP is connected" in each.text]) == 1


async def test_what_closes_is_written_by_the_new_lot_and_the_next_start_has_it(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.venues.ccxt.terms_watch.EVERY", 1.0)
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            await engine.submit(order(ETH, quantity="0.37"))
            await until(lambda: engine.position(ETH).quantity)
            listing_changed(exchange, coarser_lot("ETHUSDT", "0.1"))
            venue: Any = engine.venues[NAME]
            await until(lambda: ETH in venue.terms.amiss, 20, lambda: told(engine))
            engine.flatten("test")
            await until(lambda: engine.position(ETH).quantity < Decimal("0.1"), 20, lambda: told(engine))
            assert kept(tmp_path).markets["ETH/USDT"].lot == Decimal("0.1")


async def test_a_list_that_cannot_be_had_changes_nothing(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:

            async def broken(*_: object) -> Any:
                raise OSError("the line is gone")

            monkeypatch.setattr("workstation.venues.ccxt.terms_watch._listing", broken)
            venue: Any = engine.venues[NAME]
            with pytest.raises(OSError, match="the line is gone"):
                await terms_watch._look(venue)
            assert not venue.terms.amiss
            assert engine.book(ETH).stale is None
