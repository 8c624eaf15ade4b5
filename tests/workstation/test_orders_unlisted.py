"""Working orders in a market that the exchange lists no more when the desk starts: nothing can be asked about them by
name, and neither the comparison nor the kill switch waits for them for ever."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.changed_listing import Refusing, listing_changed, unlisted
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, reconnected, told, until
from workstation.domain.order import Order, OrderDraft, OrderState, Side
from workstation.engine import Engine
from workstation.trading import kill_refusals
from workstation.trading.kill_status import KillPhase

BTC, ETH, PERP = f"{NAME}:BTC-USDT", f"{NAME}:ETH-USDT", f"{NAME}:BTC-USDT-PERP"
MARKETS = [
    ("binance", ETH, "ETHUSDT", "2900", ("BTC-USDT", "ETH-USDT")),
    ("bybit", PERP, "BTCUSDT", "63000", ("BTC-USDT", "BTC-USDT-PERP")),
]


async def rest(engine: Engine, instrument: str, price: str) -> Order:
    draft = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(price))
    order = await engine.submit(draft)
    await until(lambda: now(engine, order).venue_order_id, say=lambda: told(engine))
    return order


def now(engine: Engine, order: Order) -> Order:
    return engine.core.orders.orders[order.client_id]


def pulled_by_the_exchange(exchange: LoopbackExchange) -> None:
    def pull() -> None:
        account = exchange.floor.account()
        for record in account.working():
            account.cancel(record)

    exchange.do(pull)


def delist(exchange: LoopbackExchange, symbol: str) -> None:
    spot_too = exchange.name == "bybit"  # a market of contracts has the name of its spot there

    def left(markets: list[dict[str, object]]) -> list[dict[str, object]]:
        gone = [each for each in markets if each["symbol"] == symbol and not (spot_too and "contractType" not in each)]
        return [each for each in markets if each not in gone]

    listing_changed(exchange, left)
    if not spot_too:
        Refusing(exchange, unlisted(symbol), whatever=True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "instrument", "symbol", "price", "symbols"), MARKETS)
async def test_one_that_the_exchange_has_pulled_is_taken_for_pulled(
    name: str, instrument: str, symbol: str, price: str, symbols: tuple[str, ...], tmp_path: Path
) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=symbols) as engine:
            order = await rest(engine, instrument, price)
        pulled_by_the_exchange(exchange)
        delist(exchange, symbol)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT",), wait=False) as engine:
            await until(lambda: NAME not in engine.core.unproven, 30, lambda: told(engine))
            await until(lambda: now(engine, order).state is OrderState.CANCELED, 10, lambda: told(engine))
            assert "no longer lists" in now(engine, order).reason
            other = await rest(engine, BTC, "62000")
            assert other.is_open
            await reconnected(engine, exchange, of=(BTC,))  # it is known as unlisted by every later connection too
            assert "no longer lists" in (engine.book(instrument).stale or "")


async def test_one_that_the_exchange_pulls_while_the_desk_runs_is_taken_for_pulled(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            order = await rest(engine, ETH, "2900")
            pulled_by_the_exchange(exchange)
            delist(exchange, "ETHUSDT")
            await reconnected(engine, exchange, of=(BTC,))
            await until(lambda: now(engine, order).state is OrderState.CANCELED, 10, lambda: told(engine))


@pytest.mark.slow
async def test_the_kill_names_one_that_works_all_the_same_and_pulls_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_refusals, "ASKED_SECONDS", 0.5)
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            await rest(engine, ETH, "2900")
            other = await rest(engine, BTC, "62000")
        delist(exchange, "ETHUSDT")
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT",), wait=False) as engine:
            await until(lambda: NAME not in engine.core.unproven, 30, lambda: told(engine))
            for press in (engine.kill, engine.flatten):
                press("a test")
                await until(lambda: engine.kill_status.phase is KillPhase.DONE, 30, lambda: told(engine))
                said = engine.kill_status.receipt
                assert "1 working order gone" in said
                assert (
                    f"{NAME} no longer lists ETH-USDT and shows this order as working: pull it at the exchange" in said
                )
            assert now(engine, other).state is OrderState.CANCELED
            asked = [entry for entry in engine.log.entries if "could not be asked about order" in entry.text]
            assert len(asked) == 1
