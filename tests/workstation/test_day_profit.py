"""The day's profit: against the equity before the first order of the day."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, demo_desk
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.clock import DAY, HOUR, SECOND
from workstation.desk_records import DESK
from workstation.domain.order import Side


async def test_what_the_first_order_of_a_desk_costs_counts(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        before = desk.engine.equity()
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.settle(lambda: bool(desk.engine.positions()))
        assert desk.engine.day_pnl() == desk.engine.equity() - before < D(-30)


async def test_and_what_the_first_of_a_new_day_costs(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, start=(20_458 * DAY) + 23 * HOUR + HOUR - 3_000_000_000) as desk:
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.run(5)
        before = desk.engine.equity()
        await desk.market(BTC, Side.SELL, "0.5")
        await desk.settle(lambda: not desk.engine.positions())
        assert desk.engine.day_pnl() == desk.engine.equity() - before < D(-30)


async def test_coins_that_an_account_holds_move_its_day_from_when_it_was_first_read(tmp_path: Path) -> None:
    with LoopbackExchange("binance") as exchange:
        async with live_desk_on(exchange, tmp_path) as engine:
            await until(engine._books.begin_day)
            begun = engine._books._day_start
            assert begun is not None
            assert begun[2] > 0
            await until(lambda: abs(engine.equity() - begun[2]) > 1)  # the market moves
            assert engine.day_pnl() == engine.equity() - begun[2]
            await until(lambda: bool(engine._store.equity(DESK)))
            assert all(kept.equity > 0 for kept in engine._store.equity(DESK)), "nothing was kept before it was read"
            moved = engine.day_pnl()
        async with live_desk_on(exchange, tmp_path) as engine:  # the same day, after a restart
            await until(engine._books.begin_day)
            assert engine._books._day_start is not None
            assert engine._books._day_start[2] == begun[2]
            assert abs(moved) > 1


@pytest.mark.slow
async def test_coins_that_were_withdrawn_move_it_no_more(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        hand, account = Hand(exchange), exchange.floor.account()
        async with live_desk_on(exchange, tmp_path) as engine:
            await until(engine._books.begin_day)
            exchange.do(lambda: account.deposit("BTC", D("-1.5")))
            await until(lambda: engine.balance("LOOP", "BTC") == D("0.5"), say=lambda: told(engine))
            assert engine.day_pnl() == 0
            await asyncio.to_thread(hand.around, 60_000)
            await until(lambda: engine.day_pnl() == D(-2_000), say=engine.day_pnl)
            exchange.do(lambda: account.deposit("BTC", D("1")))
            await until(lambda: engine.balance("LOOP", "BTC") == D("1.5"), say=lambda: told(engine))
            assert engine.day_pnl() == D(-2_000)
            await asyncio.to_thread(hand.around, 61_000)
            await until(lambda: engine.day_pnl() == D(-500), say=engine.day_pnl)
        async with live_desk_on(exchange, tmp_path) as engine:
            await until(lambda: engine.day_pnl() == D(-500), say=engine.day_pnl)


async def test_a_restart_within_the_first_minute_of_a_day_forgets_nothing_of_it(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, start=20_459 * DAY - 4 * SECOND) as desk:
        await desk.run(5)
        before = desk.engine.equity()
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.settle(lambda: bool(desk.engine.positions()))
        spent, now = desk.engine.day_pnl(), desk.clock.now()
        assert spent == desk.engine.equity() - before < D(-30)
    async with demo_desk(tmp_path, start=now) as desk:
        await desk.settle(desk.engine._books.begin_day)
        assert desk.engine._books._day_start is not None
        assert desk.engine._books._day_start[2] == before
