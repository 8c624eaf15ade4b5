"""Stops of strategies at a venue that takes none, as no real one does: this desk holds them and closes by them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, until
from tests.support.no_stops import no_stops
from workstation.clock import SECOND
from workstation.domain.numbers import floor_to
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.strategy_run import StrategyRun
from workstation.engine import Engine
from workstation.strategies.trade_rules import TradeRules

CODE = """
from workstation.strategies.contract import SignalStrategy, Signals, Strategy
from workstation.domain.order import Side
from decimal import Decimal

class Always(SignalStrategy):
    '''Long at once, for ever.'''
    def signals(self, candles):
        return Signals(long_entry=candles.time > 0)

class Stopped(Strategy):
    '''Buys on its start and protects that.'''
    def on_start(self):
        if not self.trader.position:
            self.trader.order(Side.BUY, Decimal("0.1"), tag="entry")
    def on_fill(self, fill):
        if self.trader.position > 0:
            self.trader.order(Side.SELL, self.trader.position, stop=Decimal(63500), reduce_only=True, tag="stop")
"""


def code(folder: Path) -> Path:
    file = folder / "held.py"
    file.write_text(CODE)
    return file


def sent(engine: Engine, run: StrategyRun) -> list[Order]:
    return [order for order in engine.orders() if order.origin == run.run_id]


async def stopped(desk: TestDesk, run: StrategyRun) -> None:
    """Until its stop is held. Its first calls load libraries, and the market is not to run ahead of them."""
    for _ in range(300):
        if desk.engine.strategies.view(run.run_id).held:
            return
        await desk.run(1)
        for _ in range(10):
            await asyncio.sleep(0.002)
    raise AssertionError("it holds no stop")


async def entered(desk: TestDesk, folder: Path, instrument: str, stop: float) -> StrategyRun:
    """A run that holds something and whose stop this desk holds."""
    rules = TradeRules(size_rule="value", size=1_000, stop=stop)
    run = await desk.engine.strategies.start(
        f"{code(folder)}:Always", instrument, capital=Decimal(10_000), interval=5 * SECOND, rules=rules, restarts=True
    )
    await stopped(desk, run)
    return run


@pytest.mark.parametrize("instrument", [BTC, PERP])
async def test_a_stop_is_held_here_and_closes_the_position_when_the_market_passes_it(
    tmp_path: Path, instrument: str
) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        strategies = desk.engine.strategies
        run = await entered(desk, tmp_path, instrument, 0.0004)
        [stop] = strategies.view(run.run_id).held
        position = strategies.view(run.run_id).position
        assert (stop.type, stop.quantity, stop.reduce_only) == (OrderType.STOP, position, True)
        before = len(sent(desk.engine, run))
        assert {order.type for order in sent(desk.engine, run)} == {OrderType.MARKET}, "the venue has heard of no stop"
        await desk.run_until(lambda: len(sent(desk.engine, run)) > before, seconds=14_400)
        mid = desk.engine.market(instrument).mid()
        assert mid is not None
        assert stop.stop_price is not None
        assert abs(mid - stop.stop_price) < Decimal("0.002") * mid
        closing = sent(desk.engine, run)[before]
        assert (closing.type, closing.side, closing.quantity) == (OrderType.MARKET, "sell", position)
        assert closing.reduce_only
        assert closing.note == "stop"
        await desk.settle(lambda: desk.engine.order(closing.client_id).state is OrderState.FILLED)


async def test_a_stop_that_is_moved_replaces_the_one_before_and_a_pause_lets_go_of_it(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        strategies = desk.engine.strategies
        rules = TradeRules(size_rule="value", size=1_000, trailing=0.02)
        run = await strategies.start(
            f"{code(tmp_path)}:Always", BTC, capital=Decimal(10_000), interval=5 * SECOND, rules=rules
        )
        await stopped(desk, run)
        [first] = strategies.view(run.run_id).held

        def moved() -> bool:
            held = strategies.view(run.run_id).held
            return len(held) == 1 and held[0].stop_price > first.stop_price

        await desk.run_until(moved, seconds=3_600)
        await strategies.pause(run.run_id)
        assert strategies.view(run.run_id).held == ()
        assert [order.side for order in sent(desk.engine, run)] == ["buy"]


@pytest.mark.parametrize("instrument", [BTC, PERP])
async def test_what_the_trader_closes_by_hand_is_not_sold_a_second_time_by_the_stop(
    tmp_path: Path, instrument: str
) -> None:
    """On spot the stop would sell the trader's own coins; of contracts the run would keep what is not there."""
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        strategies = desk.engine.strategies
        run = await entered(desk, tmp_path, instrument, 0.05)
        held = strategies.view(run.run_id).position
        half = floor_to(held / 2, desk.engine.instrument(instrument).lot)
        by_hand = OrderDraft(instrument=instrument, side=Side.SELL, quantity=half, type=OrderType.MARKET)
        await desk.engine.submit(by_hand)
        left = held - half

        def smaller() -> bool:
            return [stop.quantity for stop in strategies.view(run.run_id).held] == [left]

        await desk.settle(smaller)
        assert strategies.view(run.run_id).position == left == desk.engine.position(instrument).quantity
        assert any(entry.text.startswith(f"The trader sold {half:f} {instrument}") for entry in desk.engine.log.entries)
        await desk.engine.close_position(instrument)
        await desk.settle(lambda: not strategies.view(run.run_id).held)
        assert not strategies.view(run.run_id).position


async def test_after_a_restart_it_is_held_again(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await entered(desk, tmp_path, BTC, 0.05)
        [stop] = desk.engine.strategies.view(run.run_id).held
        position = desk.engine.strategies.view(run.run_id).position
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        await stopped(desk, run)
        [again] = desk.engine.strategies.view(run.run_id).held
        assert (again.stop_price, again.quantity) == (stop.stop_price, position)


async def test_a_kill_leaves_none_that_could_still_sell(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await entered(desk, tmp_path, BTC, 0.001)
        before = sent(desk.engine, run)
        desk.engine.kill("test")
        assert desk.engine.strategies.view(run.run_id).held == ()
        await desk.run(90)
        assert len(sent(desk.engine, run)) == len(before)


@pytest.mark.parametrize("dialect", ["binance", "binanceusdm", "bybit"])
async def test_at_a_real_venue_it_closes_by_the_market_and_by_trades_while_the_book_is_false(
    tmp_path: Path, dialect: str
) -> None:
    symbol = "BTC-USDT-PERP" if dialect == "binanceusdm" else "BTC-USDT"
    with LoopbackExchange(dialect, seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            run = await engine.strategies.start(
                f"{code(tmp_path)}:Stopped", f"LOOP:{symbol}", capital=Decimal(10_000), interval=60 * SECOND
            )
            await until(lambda: bool(engine.strategies.view(run.run_id).held))
            hand.around(63_700, symbol)
            await asyncio.sleep(0.5)
            assert len(sent(engine, run)) == 1
            hand.around(63_400, symbol)
            await until(lambda: not engine.strategies.view(run.run_id).position)
            closing = sent(engine, run)[1]
            assert (closing.type, closing.state) == (OrderType.MARKET, OrderState.FILLED)
            assert closing.note == "stop"


async def test_where_nothing_tells_the_price_it_is_not_protected_and_says_so(tmp_path: Path) -> None:
    with LoopbackExchange("binanceusdm", seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            run = await engine.strategies.start(
                f"{code(tmp_path)}:Stopped", "LOOP:BTC-USDT-PERP", capital=Decimal(10_000), interval=60 * SECOND
            )
            await until(lambda: bool(engine.strategies.view(run.run_id).held))
            assert not engine.strategies.view(run.run_id).waits
            market = engine.market("LOOP:BTC-USDT-PERP")
            market.book.stale = "its messages have stopped"
            market.mark = market.last = None
            said = lambda: [each.text for each in engine.log.entries if each.source == "position"]  # noqa: E731
            await until(lambda: any("NOT PROTECTED" in text for text in said()) or not market.book.stale, 10)
            assert "no price is seen for its stop at 63,500" in said()[0]
            assert "NOT PROTECTED" in engine.strategies.view(run.run_id).waits
