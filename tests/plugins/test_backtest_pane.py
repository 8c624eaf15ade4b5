"""The backtest page with the real research process: pick, step, search, and read the judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest

from plugins.backtest import BacktestPane
from screens.testing import FrozenDesk

pytestmark = pytest.mark.timeout(240)

BROKEN = "from workstation.strategies.contract import SignalStrategy\n\nclass Broken(SignalStrategy:\n    pass\n"
PLAIN = '''"""Buys on the first bar."""
from backtesting import Strategy

class FirstBar(Strategy):
    patience = 3

    def init(self):
        pass

    def next(self):
        if not self.position and len(self.data) > self.patience:
            self.buy()
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "strategies").mkdir(parents=True)
    return tmp_path / "home"


@asynccontextmanager
async def page(folder, size=(160, 48)):
    desk = FrozenDesk(folder, [BacktestPane])
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["backtest"]
            pane.focus()
            await until(desk, pilot, lambda: pane.session.answer is not None and not pane.session.running)
            yield desk, pilot, pane
    finally:
        await desk.engine.close()


async def until(desk, pilot, holds: Callable[[], bool], seconds: float = 120) -> None:
    for _ in range(int(seconds / 0.05)):
        if holds():
            break
        await asyncio.sleep(0.05)
    assert holds(), desk.screen_text()
    await desk.painted(pilot)


def still(pane, **params) -> Callable[[], bool]:
    def holds() -> bool:
        answer = pane.session.answer
        return not pane.session.running and params.items() <= answer.setup.params.items()

    return holds


async def test_the_page_opens_with_a_run_and_a_held_key_moves_the_parameter_and_the_result(tmp_path, home):
    async with page(tmp_path) as (desk, pilot, pane):
        before = pane.session.answer
        assert before.setup.params["fast"] == 10
        assert "SMA cross" in desk.screen_text()
        assert "▲" in desk.screen_text()
        await pilot.press("down", "down", *["right"] * 7)
        await until(desk, pilot, still(pane, fast=17))
        assert pane.session.answer.digest != before.digest
        assert f"{pane.session.answer.metrics['return_pct']:,.2f} %" in desk.screen_text()
        await pilot.press(*["left"] * 7)
        await until(desk, pilot, still(pane, fast=10))
        assert pane.session.answer.digest == before.digest, "the same parameters give the same digits"

        # It is stored, made again to the same digits, and compared.
        await pilot.press("right")
        await until(desk, pilot, still(pane, fast=11))
        await pilot.press("u")
        await until(desk, pilot, lambda: len(pane.session.stored) >= 2, 10)
        at = [run.digest for run in pane.session.stored].index(before.digest)
        await pilot.press(*["down"] * at, "enter")
        await until(desk, pilot, still(pane, fast=10))
        assert pane.session.answer.digest == before.digest
        assert "the same digits as stored" in desk.screen_text()
        await pilot.press("a", *["V"] * 5)
        await desk.painted(pilot)
        assert "difference" in desk.screen_text()
        await pilot.press("V", "escape")
        # The trade under the cursor is shown in the chart.
        await pilot.press("f", "end", "enter")
        trade = pane.session.trades.entry_bar[-1]
        await until(desk, pilot, lambda: pane.session.picture.last - pane.session.picture.first < 2_000)
        assert pane.session.picture.first <= trade < pane.session.picture.last
        await pilot.press("home")
        first = pane.session.trades.entry_bar[0]
        await until(desk, pilot, lambda: pane.session.picture.first <= first < pane.session.picture.last)
        await pilot.press("escape")
        await until(desk, pilot, lambda: pane.session.picture.last - pane.session.picture.first == 2_148)


async def test_a_sweep_fills_its_best_cell_is_loaded_and_judged(tmp_path, home):
    async with page(tmp_path) as (desk, pilot, pane):
        await pilot.press("s")
        await until(desk, pilot, lambda: pane.session.sweep.answer is not None)
        sweep = pane.session.sweep
        assert len(sweep.cells) == sweep.total
        best = sweep.answer.best
        known = [cell for cell in range(sweep.total) if sweep.figure(cell) is not None]
        assert sweep.figure(best) == max(sweep.figure(cell) for cell in known)
        await pilot.press("b", "enter")
        await until(desk, pilot, still(pane, **sweep.params(best)))
        assert pane.session.answer.metrics["sharpe"] == pytest.approx(sweep.figure(best))
        await until(desk, pilot, lambda: pane.session.judgement is not None)
        heads = {verdict.head for verdict in pane.session.verdicts()}
        assert heads & {"Overfitted", "Doubtful", "Holds"}
        assert "No look-ahead" in heads
        assert any(f"{sweep.total - sum(isinstance(c, str) for c in sweep.cells.values()):,} sets" in verdict.text
                   for verdict in pane.session.verdicts())  # fmt: skip
        # Another one is called off, and the page goes on.
        pane.form.pick("candles", "NOVA:BTC-USDT:1h")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.candles == "NOVA:BTC-USDT:1h")
        await pilot.press("s", "escape")
        await until(desk, pilot, lambda: not pane.session.busy)
        assert pane.session.sweep.answer is None
        await pilot.press("escape", "home", "down", "down")
        fast = pane.form.params["fast"]
        await pilot.press("right")
        await until(desk, pilot, still(pane, fast=fast + 1))


async def test_files_that_are_dropped_in_run_and_a_syntax_error_is_shown_with_file_and_line(tmp_path, home):
    (home / "strategies" / "broken.py").write_text(BROKEN)
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.pick("strategy", "broken")
        pane._run()
        await until(desk, pilot, lambda: pane.session.problem is not None)
        assert "broken.py, line 3" in desk.screen_text()
        pane.form.pick("strategy", "rsi")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "rsi")
        assert pane.session.problem is None
        # A plain backtesting.Strategy is dropped in and runs.
        (home / "strategies" / "mine.py").write_text(PLAIN)
        await pilot.press("r")
        await until(desk, pilot, lambda: any(one.name == "first_bar" for one in pane.form.offer.strategies))
        pane.form.pick("strategy", "first_bar")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "first_bar")
        assert pane.session.answer.trades.count == 1
        assert pane.session.answer.setup.params == {"patience": 3}


@pytest.mark.slow
async def test_a_strategy_that_hangs_is_called_off_by_the_next_change(tmp_path, home):
    (home / "strategies" / "hang.py").write_text(
        "import time\nfrom workstation.strategies.contract import SignalStrategy, Signals\n"
        "from workstation.strategies.parameters import Int\n\n"
        "class Hang(SignalStrategy):\n    wait = Int(1, low=1, high=9)\n\n"
        "    def signals(self, candles):\n        while True:\n            time.sleep(0.01)\n"
    )
    async with page(tmp_path) as (desk, pilot, pane):
        pane.form.pick("strategy", "hang")
        pane._run()
        await asyncio.sleep(0.6)
        pane.form.pick("strategy", "rsi")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "rsi" and not pane.session.running)
        assert pane.session.problem is None
