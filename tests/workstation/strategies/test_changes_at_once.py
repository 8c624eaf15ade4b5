"""Commands to one run that cross each other while its code is loaded: none is lost, none is undone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import BTC, demo_desk
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.domain.trade_rules import RulesChange, TradeRules
from workstation.strategies import making
from workstation.strategies.contract import Strategy
from workstation.strategies.runner import StrategyRunner
from workstation.trading.errors import Refused

STOP = RulesChange(TradeRules(stop=0.03))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[StrategyRunner, StrategyRun]]:
    async with demo_desk(folder) as desk:
        runs = desk.engine.strategies
        yield runs, await runs.start("sma_cross", BTC, capital=Decimal(5_000), interval=60_000_000_000)


async def meanwhile(first: Coroutine[Any, Any, object], second: Coroutine[Any, Any, object]) -> list[object]:
    """The second is asked for while the first still loads."""
    return await asyncio.gather(first, second, return_exceptions=True)


async def test_two_changes_at_once_both_hold(tmp_path: Path) -> None:
    async with running(tmp_path) as (runs, run):
        await meanwhile(runs.revise(run.run_id, params={"fast": 7}), runs.revise(run.run_id, rules=STOP))
        now = runs.view(run.run_id).run
        assert (now.params["fast"], now.rules.stop) == (7, 0.03)

        def held() -> tuple[int, float] | None:
            made = runs._live[run.run_id].strategy._revised  # type: ignore[attr-defined]
            return None if made is None else (made.params["fast"], made.exits.stop)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while held() != (7, 0.03):
                    await asyncio.sleep(0.01)
        assert held() == (7, 0.03), "what holds from the next bar on is what the journal says"


@pytest.mark.parametrize("how", ["stop", "change", "resume"])
async def test_what_is_asked_for_while_a_paused_run_is_loaded_is_not_undone(tmp_path: Path, how: str) -> None:
    async with running(tmp_path) as (runs, run):
        await runs.pause(run.run_id)
        second = {
            "stop": lambda: runs.stop(run.run_id),
            "change": lambda: runs.revise(run.run_id, capital=Decimal(700)),
            "resume": lambda: runs.resume(run.run_id),
        }[how]
        resumed, other = await meanwhile(runs.resume(run.run_id), second())
        now = runs.view(run.run_id).run
        if how == "stop":
            assert now.state is RunState.STOPPED
            assert run.run_id not in runs._live
            assert isinstance(resumed, Refused)
            assert str(resumed) == f"{run.run_id} is stopped, not paused."
        else:
            assert now.state is RunState.RUNNING
            assert runs._live[run.run_id].run == now
        if how == "change":
            assert now.capital == Decimal(700)
        if how == "resume":
            assert isinstance(other, Refused) != isinstance(resumed, Refused)


async def test_a_stop_while_the_desk_brings_its_runs_back_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        interval = 60_000_000_000
        run = await desk.engine.strategies.start(
            "sma_cross", BTC, capital=Decimal(5_000), interval=interval, restarts=True
        )
    go = asyncio.Event()

    async def slow(*terms: Any) -> Strategy:
        made = await making.make(*terms)
        await go.wait()
        return made

    monkeypatch.setattr("workstation.strategies.runner.make", slow)
    async with demo_desk(tmp_path) as desk:
        runs = desk.engine.strategies
        (restored,) = [task for task in desk.engine._tasks if task.get_name() == "strategies of the last run"]
        await runs.stop(run.run_id)
        assert not restored.done()
        go.set()
        await restored
        assert runs.view(run.run_id).run.state is RunState.STOPPED
        assert run.run_id not in runs._live
