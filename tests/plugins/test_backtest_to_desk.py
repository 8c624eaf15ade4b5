"""The whole way of a strategy by keys: candles, a held key, a sweep, the verdict on its best, the desk, the kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from trading_scene import BTC, Scene

from plugins.backtest import BacktestPane
from plugins.strategies import StrategiesPane
from tests.support.bars import random_walk
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.market import Trade
from workstation.domain.order import Side
from workstation.domain.strategy_run import RunState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUN = f"sma_cross@{BTC.id}"


async def until(desk, pilot, holds: Callable[[], bool], seconds: float = 120) -> None:
    for _ in range(int(seconds / 0.02)):
        if holds():
            break
        await asyncio.sleep(0.02)
    assert holds(), desk.screen_text()
    for pane in desk.app.workspace.panes.values():
        pane.repaint()
    await desk.painted(pilot)


async def bars(desk, pilot, count: int, price: int) -> None:
    """Let bars of five seconds close at a price, each heard before the next."""
    for _ in range(count):
        desk.tick(5)
        now = desk.clock.now()
        desk.feed(Trade(BTC.id, now, int(Decimal(price) / BTC.tick), 10, True, f"t{now}"))
        await asyncio.sleep(0.03)
    await desk.painted(pilot)


async def test_a_strategy_fitted_to_noise_is_swept_judged_started_on_the_desk_trades_and_is_killed(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    walk = random_walk(1_200, seed=8)
    columns = (walk.time // 1_000_000, walk.open, walk.high, walk.low, walk.close, walk.volume)
    noise = tmp_path / "noise.csv"
    np.savetxt(
        noise, np.column_stack(columns), delimiter=",", fmt=["%d"] + ["%.17g"] * 5,
        header="timestamp,open,high,low,close,volume", comments="",
    )  # fmt: skip
    desk = Scene(tmp_path, [BacktestPane, StrategiesPane])
    try:
        async with desk.app.run_test(size=(160, 48)) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["backtest"]
            session = pane.session
            pane.focus()
            await until(desk, pilot, lambda: session.answer is not None and not session.running)

            # Candles from a file, and the strategy by its name.
            await pilot.press("F", *str(noise), "enter")
            await until(desk, pilot, lambda: session.answer.setup.candles == str(noise) and not session.running)
            await pilot.press("t")
            await desk.painted(pilot)
            await pilot.press(*"sma_cross", "enter")

            # A key held on `fast`: every value is on the screen as soon as it is there, the last one stays.
            seen, first = [], session.answer
            session.on_answer, shown = lambda answer: (seen.append(answer), shown(answer)), session.on_answer
            await pilot.press("home", "down", "down", *["right"] * 12)
            await until(desk, pilot, lambda: session.answer.setup.params["fast"] == 22 and not session.running)
            assert len({answer.digest for answer in [first, *seen]}) > 2, "it is redrawn while the key is down"
            assert f"{session.answer.metrics['return_pct']:,.2f} %" in desk.screen_text()

            # The sweep, walked cell by cell; its best is loaded and called what it is.
            await pilot.press("s")
            await until(desk, pilot, lambda: session.sweep is not None and session.sweep.answer is not None)
            texts = [desk.screen_text()]
            for key in ("right", "right", "down"):
                await pilot.press(key)
                await desk.painted(pilot)
                texts.append(desk.screen_text())
            assert len(set(texts)) == 4, "each cell says what it gave"
            await pilot.press("b", "enter")
            best = session.sweep.params(session.sweep.answer.best)
            await until(desk, pilot, lambda: session.answer.setup.params == best and not session.running)
            await until(desk, pilot, lambda: session.judgement is not None)
            text = desk.screen_text()
            assert "Overfitted" in text
            pane._show_view("luck")
            await until(desk, pilot, lambda: not session.busy)
            assert "of the splits the best in sample is below the median out of sample" in desk.screen_text()

            # To the desk, on bars of five seconds.
            pane.focus()
            await pilot.press("escape", "S")
            await desk.painted(pilot)
            assert desk.app.workspace.panes["strategies"].form.terms().params == best
            await pilot.press("down", "enter", "ctrl+u", "5", "s", "enter")
            await pilot.press("S")
            await until(desk, pilot, lambda: RUN in desk.engine.core.strategy_runs)
            run = desk.engine.strategies.view(RUN).run
            assert (run.interval, run.params, run.state) == (5 * SECOND, best, RunState.RUNNING)

            # It trades: the price falls, then rises through its averages.
            await bars(desk, pilot, 24, 63_900)
            for _ in range(24):
                await bars(desk, pilot, 1, 64_500)
                if any(fill.side is Side.BUY for fill in desk.engine.fills()):
                    break
            await until(desk, pilot, lambda: desk.engine.strategies.view(RUN).position > 0)
            assert "filled" in desk.screen_text()

            # The kill.
            await pilot.press("f9")
            await until(desk, pilot, lambda: desk.engine.trading_state is TradingState.HALTED)
            await until(desk, pilot, lambda: f"Strategies stopped: {RUN}" in desk.screen_text())
            assert desk.engine.strategies.view(RUN).run.state is RunState.STOPPED
            assert not desk.engine.open_orders()
    finally:
        await desk.engine.close()
