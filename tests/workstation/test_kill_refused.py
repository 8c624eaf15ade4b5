"""What the exchange will not close: the kill ends all the same, closes the rest, and its receipt says what is left."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.changed_listing import Refusing, coarser_lot, listing_changed, off_lot, unlisted, without
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, Truth, live_desk_on, reconnected, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading import kill_refusals
from workstation.trading.kill_status import KillOutcome, KillPhase

BTC, ETH, PERP = f"{NAME}:BTC-USDT", f"{NAME}:ETH-USDT", f"{NAME}:BTC-USDT-PERP"


async def buy(engine: Engine, instrument: str, quantity: str) -> None:
    draft = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), type=OrderType.MARKET)
    order = await engine.submit(draft)
    filled = lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED  # noqa: E731
    await until(filled, say=lambda: told(engine))


async def receipt(engine: Engine) -> str:
    engine.flatten("a test")
    await until(lambda: engine.kill_status.phase is KillPhase.DONE, 30, lambda: told(engine))
    return engine.kill_status.receipt


def closing(engine: Engine) -> list[OrderState]:
    return [order.state for order in engine.orders() if order.origin == "kill"]


async def test_a_lot_that_has_become_coarser_is_minded_and_the_rest_is_named(tmp_path: Path) -> None:
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buy(engine, PERP, "0.012")
            listing_changed(exchange, coarser_lot("BTCUSDT", "0.01"))
            refusing = Refusing(exchange, off_lot("BTCUSDT", "0.01"))
            await reconnected(engine, exchange, of=())
            said = await receipt(engine)
            assert refusing.refused == []
            assert closing(engine) == [OrderState.FILLED]
            await until(lambda: engine.position(PERP).quantity == Decimal("0.002"), say=lambda: told(engine))
            little = "0.002 is below the venue's minimum of 0.01: it cannot be closed there"
            assert f"{PERP} LONG 0.012: closed 0.01; {little}" in said
            assert "0 positions closed" in said, "what is left of contracts is a position"
            assert "and no position but what is named here (2× asked)" in said


async def test_what_the_fee_leaves_of_a_coin_is_named_and_its_position_counts_as_closed(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buy(engine, BTC, "0.33166")  # 0.00033166 of it are the fee
            said = await receipt(engine)
            assert "1 position closed; " in said
            little = "0.00000834 is below the venue's minimum of 0.00001: it cannot be closed there"
            assert f"{BTC} LONG 0.33132834: closed 0.33132; {little}" in said
            assert "and no position but what is named here (2× asked)" in said


@pytest.mark.slow
@pytest.mark.parametrize("takes", [True, False])
async def test_a_rest_below_the_lot_is_closed_as_a_whole_where_the_exchange_does_that(
    takes: bool, tmp_path: Path
) -> None:
    def why(params: dict[str, str]) -> tuple[int, str] | None:
        whole = params["qty"] == "0" and params["reduceOnly"] == "True" and params["closeOnTrigger"] == "True"
        return None if whole and takes else (10001, "Qty invalid")

    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buy(engine, PERP, "0.002")
        listing_changed(exchange, coarser_lot("BTCUSDT", "0.01"))
        refusing = Refusing(exchange, why)
        for number in (1, 2):  # the first start takes the new lot, the second knows it
            async with live_desk_on(exchange, tmp_path, wait=False) as engine:
                await until(lambda: NAME not in engine.core.unproven, say=lambda: told(engine))
                said = await receipt(engine)
                if takes:
                    await until(lambda: engine.position(PERP).quantity == 0, say=lambda: told(engine))
                    assert refusing.refused == []
                    break
                assert len(refusing.refused) == number, "one refusal is enough"
                assert (
                    "0.002 is below the venue's minimum of 0.01; LOOP refused the order: Qty invalid: close it" in said
                )
        if takes:
            async with live_desk_on(exchange, tmp_path) as engine:
                assert Truth(exchange).differences(engine) == []
                assert Truth.invented(engine) == []


async def test_a_position_in_a_market_that_is_no_longer_listed_is_tried_once_and_named(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            await buy(engine, ETH, "0.1")
            await buy(engine, BTC, "0.1")
            listing_changed(exchange, without("ETHUSDT"))
            refusing = Refusing(exchange, unlisted("ETHUSDT"))
            await reconnected(engine, exchange, of=(BTC,))
            said = await receipt(engine)
            assert len(refusing.refused) == 1
            assert engine.position(BTC).quantity < Decimal("0.0002")
            assert f"{NAME} no longer lists ETH-USDT; " in said
            assert "close it at the exchange itself, or press flatten again" in said
            await receipt(engine)
            assert len(refusing.refused) == 2  # the trader wanted it tried again


async def test_a_market_listed_no_more_that_the_exchange_still_trades_is_closed(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "ETH-USDT")) as engine:
            await buy(engine, ETH, "0.1")
            listing_changed(exchange, without("ETHUSDT"))
            await reconnected(engine, exchange, of=(BTC,))
            await receipt(engine)
            assert closing(engine) == [OrderState.FILLED]


async def test_what_is_refused_again_and_again_is_given_up_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_refusals, "TIMES", 4)
    monkeypatch.setattr(kill_refusals, "SECONDS", 0.5)
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buy(engine, PERP, "0.5")
            refusing = Refusing(exchange, lambda _: (-4400, "Futures Trading Quantitative Rules violated"))
            said = await receipt(engine)
            assert 4 <= len(refusing.refused) < 12
            assert "Quantitative Rules violated: close it at the exchange itself, or press flatten again" in said
            (item,) = [item for item in engine.kill_status.items if item.kind == "position"]
            assert item.state is KillOutcome.FAILED
            lines = [entry for entry in engine.log.entries if "Quantitative" in entry.text and entry.source == "order"]
            assert len(lines) == 1
            refusing.why = lambda _: None
            said = await receipt(engine)
            assert "1 position closed" in said
            await until(lambda: engine.position(PERP).quantity == 0, say=lambda: told(engine))


async def test_a_refusal_that_passes_is_tried_again_until_the_position_is_closed(tmp_path: Path) -> None:
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buy(engine, PERP, "0.5")
            refusing = Refusing(exchange, lambda _: None)
            refusing.why = lambda _: (-2019, "Margin is insufficient.") if len(refusing.refused) < 3 else None
            said = await receipt(engine)
            assert len(refusing.refused) == 3
            assert "1 position closed" in said
            assert closing(engine) == [OrderState.REJECTED] * 3 + [OrderState.FILLED]
