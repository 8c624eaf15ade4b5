"""Rules of a running strategy changed on the real desk: journalled, restored, whole or not at all."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from test_strategy_runner import ALWAYS, bars, start

from plugins.journal.words import sentence
from tests.support.desk import BTC, TestDesk, demo_desk
from workstation.domain.events import StrategyRunChanged
from workstation.domain.order import Side
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.domain.trade_rules import RulesChange, TradeRules
from workstation.strategies import making
from workstation.trading.errors import Refused


@pytest.fixture
def always(tmp_path: Path) -> str:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    return str(file)


def stop_of(desk: TestDesk, run: StrategyRun) -> float | None:
    """How far the one stop that works lies below the entry."""
    view = desk.engine.strategies.view(run.run_id)
    stops = [order.stop_price for order in view.orders if order.stop_price is not None]
    if len(stops) != 1 or stops[0] is None or view.entry is None:
        return None
    return round(float(1 - stops[0] / view.entry), 4)


async def until_stop(desk: TestDesk, run: StrategyRun, at: float) -> None:
    """Let bars close until the stop stands there: the first calls of a strategy load libraries."""
    for _ in range(60):
        await bars(desk, 1)
        if stop_of(desk, run) == at:
            return
    raise AssertionError(f"{stop_of(desk, run)}, not {at}")


def said(desk: TestDesk) -> list[str]:
    """What the journal says of strategies."""
    events = [event for event in desk.engine.journal if isinstance(event, StrategyRunChanged)]
    return [sentence(event, None) for event in events]


async def test_exits_of_a_position_that_stands_move_at_the_next_bar_and_hold_after_a_restart(
    tmp_path: Path, always: str
) -> None:
    first = TradeRules(size_rule="value", size=1_000, stop=0.05)
    async with demo_desk(tmp_path) as desk:
        strategies = desk.engine.strategies
        run = await start(desk, always, rules=first, restarts=True)
        await until_stop(desk, run, 0.05)
        held = strategies.view(run.run_id).position

        change = RulesChange(TradeRules(stop=0.03, take_profit=0.2, size=400.0, cooldown=7))
        revised = await strategies.revise(run.run_id, rules=change)
        assert revised.rules == TradeRules(
            size_rule="value", size=400.0, stop=0.03, take_profit=0.2, cooldown=7
        )  # fmt: skip
        assert stop_of(desk, run) == 0.05, "nothing moves before the bar closes"
        await until_stop(desk, run, 0.03)
        assert strategies.view(run.run_id).position == held, "a size is that of an entry"
        assert said(desk)[-1] == (
            "always changed: size 1000 → 400, stop 5 % → 3 %, take profit own → 20 %, cooldown own → 7"
        )

        for bad, why in (
            (TradeRules(stop=0.01, trailing=7), "trailing goes from 0 to 0.9"),
            (TradeRules(size_rule="kelly", size_length=9_999), "size_length goes from 1 to 2000"),
        ):
            events, before = len(desk.engine.journal), strategies.view(run.run_id).run
            with pytest.raises(Refused, match=why):
                await strategies.revise(run.run_id, rules=RulesChange(bad), capital=Decimal(1))
            assert len(desk.engine.journal) == events
            assert strategies.view(run.run_id).run == before

        await strategies.revise(run.run_id, rules=RulesChange(TradeRules(stop=0.04), own=("take_profit", "cooldown")))
        now = desk.clock.now()  # closed before the next bar: the stop of the position is still that of 3 %
    async with demo_desk(tmp_path, start=now) as desk:
        assert desk.engine.strategies.view(run.run_id).run.rules == TradeRules(size_rule="value", size=400.0, stop=0.04)
        await desk.settle(lambda: stop_of(desk, run) == 0.03)
        await until_stop(desk, run, 0.04)

        near = RulesChange(TradeRules(take_profit=0.0002, cooldown=900))  # a target is watched on the book
        await desk.engine.strategies.revise(run.run_id, rules=near)
        for _ in range(60):
            await bars(desk, 1)
            if not desk.engine.strategies.view(run.run_id).position:
                break
        [left] = [
            one for one in desk.engine.orders() if one.origin == run.run_id and one.side is Side.SELL and one.filled
        ]
        assert left.note == "target"

        await desk.engine.strategies.close_out(run.run_id)
        await bars(desk, 1)
        with pytest.raises(Refused, match="is stopped"):
            await desk.engine.strategies.revise(run.run_id, rules=change)


async def test_a_paused_one_goes_on_with_its_new_rules(tmp_path: Path, always: str) -> None:
    async with demo_desk(tmp_path) as desk:
        strategies = desk.engine.strategies
        run = await start(desk, always, rules=TradeRules(size_rule="value", size=1_000, stop=0.05))
        await until_stop(desk, run, 0.05)
        await strategies.pause(run.run_id)
        await strategies.revise(run.run_id, rules=RulesChange(TradeRules(stop=0.02)))
        await strategies.resume(run.run_id)
        await until_stop(desk, run, 0.02)


async def test_a_change_that_is_overtaken_by_a_stop_starts_nothing_again(
    tmp_path: Path, always: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        strategies = desk.engine.strategies
        run = await start(desk, always)
        go = asyncio.Event()
        load = making.make_changed

        async def slow(*terms: object) -> making.Made:
            made = await load(*terms)  # type: ignore[arg-type]
            await go.wait()
            return made

        monkeypatch.setattr("workstation.strategies.runner.make_changed", slow)
        change = asyncio.create_task(strategies.revise(run.run_id, params={"direction": "short"}))
        await asyncio.sleep(0.05)
        await strategies.stop(run.run_id)
        go.set()
        with pytest.raises(Refused, match="is stopped"):
            await change
        assert desk.engine.core.strategy_runs[run.run_id].state is RunState.STOPPED
        assert said(desk)[-1] == "always stopped: by the trader"
        assert said(desk)[0] == "always runs on 5s with 10,000.00: direction long"


async def test_strategies_that_live_on_events_have_no_rules(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, "grid")
        with pytest.raises(Refused, match="lives on events"):
            await desk.engine.strategies.revise(run.run_id, rules=RulesChange(TradeRules(stop=0.01)))
        assert BTC in run.run_id
