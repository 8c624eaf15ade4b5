"""Data from elsewhere than where orders go: a live desk that takes prices of a venue without a key for it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import desk_of, desk_settings, keys_of, until, venue_settings
from workstation import real_desks
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.paths import Paths
from workstation.settings import SettingsError
from workstation.trading.errors import Refused
from workstation.venues.ccxt.settings import Credentials


async def test_orders_go_to_the_other_venue_alone_and_the_kill_switch_ends(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as one, LoopbackExchange("bybit", seed=None) as other:
        for exchange in (one, other):
            Hand(exchange)
        venues = {
            "binance": venue_settings(one, ("BTC-USDT",), exchange="binance"),
            "bybit": venue_settings(other, ("BTC-USDT",), exchange="bybit", data_only=True),
        }
        settings = msgspec.structs.replace(desk_settings(one), venues=venues)
        asked: list[str] = []

        def keys(venue: str) -> Credentials:
            asked.append(venue)
            return keys_of(one)(venue)

        names = ("BINANCE:BTC-USDT", "BYBIT:BTC-USDT")
        async with desk_of(settings, tmp_path, keys, books=names) as engine:
            low = OrderDraft(instrument=names[1], side=Side.BUY, quantity=Decimal("0.02"), price=Decimal(63_000))
            refused = await engine.submit(low)
            assert (refused.state, refused.reason) == (
                OrderState.DENIED,
                "BYBIT is open for its prices only: no order goes there.",
            )
            resting = await engine.submit(msgspec.structs.replace(low, instrument=names[0]))
            assert engine.core.orders.orders[resting.client_id].state is OrderState.ACCEPTED
            best = OrderDraft(
                instrument=names[0], side=Side.BUY, quantity=Decimal("1.2"), type=OrderType.MARKET, price=None
            )
            look = engine.preview_route(best)
            assert [one.instrument for one in look.drafts] == [names[0]]
            assert "prices only" in look.out[names[1]]
            words = {row.name: row.words for row in engine.streams() if row.venue == "BYBIT"}
            assert words["orders and money"] == "open for its prices only"
            engine.flatten("test")
            await until(lambda: engine.kill_status.receipt)
            assert engine.kill_status.venues["BYBIT"] == "cannot be asked: prices only"
            assert engine.log.errors == 0, [entry.text for entry in engine.log.entries if entry.level == "error"]
            assert set(asked) == {"BINANCE"}
            assert other.do(lambda: len(other.floor.account().records)) == 0


async def test_a_venue_that_was_traded_is_left_as_it_was_while_it_is_open_for_prices_only(tmp_path: Path) -> None:
    """Its books, and an order that works there, are neither asked about nor touched; going back finds both."""
    name = "BINANCE:BTC-USDT"
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)

        def desk(data_only: bool) -> AbstractAsyncContextManager[Engine]:
            terms = venue_settings(exchange, ("BTC-USDT",), exchange="binance", data_only=data_only)
            settings = msgspec.structs.replace(desk_settings(exchange), venues={"binance": terms})
            return desk_of(settings, tmp_path, keys_of(exchange), books=[name])

        def books(engine: Engine) -> tuple[object, ...]:
            return engine.balances(), engine.positions(), [one.client_id for one in engine.open_orders()]

        def working() -> int:
            return exchange.do(lambda: len(exchange.floor.account().working()))

        async with desk(False) as engine:
            await engine.submit(
                OrderDraft(instrument=name, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
            )
            low = OrderDraft(instrument=name, side=Side.BUY, quantity=Decimal("0.002"), price=Decimal(60_000))
            resting = await engine.submit(low)
            await until(engine.positions)
            before = books(engine)
        async with desk(True) as engine:
            with pytest.raises(Refused, match="BINANCE is open for its prices only"):
                await engine.cancel(resting.client_id)
            assert await engine.cancel_all() == []
            engine.flatten("test")
            await until(lambda: engine.kill_status.receipt)
            said = "BINANCE cannot be asked: prices only; 1 working order and 1 position of this desk's may stand there"
            assert said in engine.kill_status.receipt
            assert "shows no working order" not in engine.kill_status.receipt
            assert books(engine) == before
            assert any("1 working order" in one.text for one in engine.log.entries if one.level == "warning")
        async with desk(False) as engine:
            assert books(engine) == before
            assert engine.core.orders.orders[resting.client_id].state is OrderState.ACCEPTED
            assert working() == 1


def test_a_live_venue_whose_prices_shall_come_from_another_is_told_how(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        terms = venue_settings(exchange, ("BTC-USDT",), exchange="binance", data="kraken")
        settings = msgspec.structs.replace(desk_settings(exchange), venues={"binance": terms})
        with pytest.raises(SettingsError, match="on a live one open kraken too, with data_only = true"):
            real_desks.live_desk(settings, Paths(tmp_path, tmp_path / "data", tmp_path / "state"))


async def test_a_live_venue_without_a_key_says_what_is_missing_and_how_to_add_it(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        async with desk_of(desk_settings(exchange), tmp_path, lambda _venue: None, books=None) as engine:
            await until(lambda: engine.book("LOOP:BTC-USDT").stale is None and engine.log.errors)
            (said,) = [entry.text for entry in engine.log.entries if entry.level == "error"]
            assert said == (
                "LOOP could not be compared with the store: There is no API key for LOOP: tws keys add loop keeps one."
            )
