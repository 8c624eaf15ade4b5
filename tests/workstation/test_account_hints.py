"""What the streams of balances and positions tell leads to a comparison at once, and is never booked by itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import DUST, Truth, live_desk_on, until
from workstation import hints
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.venues.ccxt.told import AccountNews

#: The question for the account's money, of each exchange.
MONEY = {
    "binance": "rest GET /api/v3/account",
    "binanceusdm": "rest GET /fapi/v3/account",
    "bybit": "rest GET /v5/account/wallet-balance",
}
#: The questions for a mark price.
MARKS = ("rest GET /fapi/v1/premiumIndex", "rest GET /v5/market/tickers")
#: Comparisons by the clock never come in these tests.
NEVER = 600.0


def asked(exchange: LoopbackExchange) -> int:
    return sum(place == MONEY[exchange.name] for place, _ in list(exchange.done))


def told(engine: Engine) -> AccountNews:
    return engine.venues["LOOP"].told  # type: ignore[attr-defined,no-any-return]


def open_by_another(exchange: LoopbackExchange, instrument: str) -> None:
    account = exchange.floor.account()
    terms = {"instrument": instrument, "side": Side.BUY, "quantity": Decimal("0.3"), "type": OrderType.MARKET}
    account.tell(account.submit("another-program", {"type": "MARKET"}, **terms, tif="ioc")[1])


@pytest.mark.parametrize(
    "name",
    ["binance", pytest.param("binanceusdm", marks=pytest.mark.slow), pytest.param("bybit", marks=pytest.mark.slow)],
)
async def test_what_comes_from_outside_is_booked_at_once_and_what_the_desk_did_asks_for_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "_FLOOR", 0.0)  # one thing comes close upon the other here
    with LoopbackExchange(name, seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER, external_orders="ignore") as engine:
            venue: Any = engine.venues["LOOP"]
            await until(venue.account_streams)
            instrument = next(each for each in engine.instruments() if each.base == "BTC")
            questions, words = asked(exchange), told(engine).version
            draft = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
            order = await engine.submit(draft)
            await until(lambda: engine.core.orders.orders[order.client_id].is_closed and told(engine).version > words)
            await until(lambda: "LOOP" not in engine.comparisons._hints._since)
            assert not engine.comparisons._hints.differs(venue)
            assert asked(exchange) == questions, "its own fill is in the books"

            before = engine.core.portfolio.balance("LOOP", "USDT")
            exchange.do(lambda: exchange.floor.account().deposit("USDT", Decimal("250.5")))
            await until(lambda: abs(engine.core.portfolio.balance("LOOP", "USDT") - before - Decimal("250.5")) < DUST)
            assert asked(exchange) > questions, "the exchange was asked: what a stream tells is not booked"
            assert Truth(exchange).differences(engine) == []
            row = next(row.age for row in engine.streams() if row.age.what == "own money")
            assert row.messages >= 2
            assert not row.faults

            await until(lambda: not engine.comparisons._running)
            with monkeypatch.context() as patch:  # one that failed is not tried again before its pause is over
                patch.setattr(engine.comparisons._hints, "due", lambda *_: True)
                patch.setitem(engine.comparisons._failures, "LOOP", 1)
                engine.comparisons._look(venue)
                assert not engine.comparisons._running

            marks = [row.age for row in engine.streams() if row.age.what == "mark price"]
            assert not any(mark.asked for mark in marks), "marks are streamed"
            assert sum(place in MARKS for place, _ in list(exchange.done)) == len(marks), "and asked for once"
            for perp in (each.id for each in engine.instruments() if not each.is_spot):
                held = engine.position(perp).quantity
                exchange.do(lambda perp=perp: open_by_another(exchange, perp))  # type: ignore[misc]
                await until(lambda perp=perp, held=held: engine.position(perp).quantity == held + Decimal("0.3"))  # type: ignore[misc]
                assert told(engine).positions[perp] == held + Decimal("0.3")


@pytest.mark.slow
async def test_a_stream_of_balances_that_was_away_has_the_desk_compare_when_it_is_back(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER) as engine:
            await until(engine.venues["LOOP"].account_streams)  # type: ignore[attr-defined]
            before, questions = engine.core.portfolio.balance("LOOP", "USDT"), asked(exchange)
            exchange.cut("/v5/private")
            exchange.do(lambda: exchange.floor.account().deposit("USDT", Decimal(-100)))
            await until(lambda: engine.core.portfolio.balance("LOOP", "USDT") == before - 100)
            assert asked(exchange) > questions
