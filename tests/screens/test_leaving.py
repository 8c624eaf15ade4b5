"""Leaving the desk: what stays at the venues and what ends with it is said first."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from screens.leaving import leaving_question
from workstation.clock import MINUTE
from workstation.domain.strategy_run import RunState, StrategyRun


def run(name: str, restarts: bool = False, state: RunState = RunState.RUNNING) -> StrategyRun:
    return StrategyRun(
        run_id=name, strategy="sma_cross", instrument="NOVA:BTC-USDT", interval=MINUTE, params={}, capital=D(5_000),
        restarts=restarts, state=state,
    )  # fmt: skip


def desk(orders: int = 0, positions: int = 0, *runs: StrategyRun, plans: int = 0, held: int = 0) -> Any:
    """`plans` have their stop held by the desk, and a target; so has a run `held` ones."""
    core = SimpleNamespace(strategy_runs={one.run_id: one for one in runs})
    kept = [SimpleNamespace(stop_price=price) for price in (D(1), None)] * plans
    strategies = SimpleNamespace(runs=lambda: [SimpleNamespace(held=(0,) * held)])
    return SimpleNamespace(
        open_orders=lambda: [0] * orders, positions=lambda: [0] * positions, core=core, kept_exits=lambda: kept,
        strategies=strategies,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "question"),
    [
        (desk(), ""),
        (desk(0, 0, run("a", state=RunState.STOPPED)), ""),
        (desk(0, 0, run("a")), "1 strategy stops."),
        (desk(0, 0, run("a"), run("b"), run("c", True)),
         "2 strategies stop. 1 strategy trades nothing until the desk is back."),
        (desk(1), "1 working order stays as it is when you leave. "
                  "The kill switch (F9) would pull orders and close positions first."),
        (desk(0, 1, plans=1), "1 open position stays as it is when you leave. 1 stop is held by this desk: nothing "
                              "watches it while it is off. The kill switch (F9) would pull orders and close positions "
                              "first."),
        (desk(0, 0, run("a", True), plans=1, held=2),
         "3 stops are held by this desk: nothing watches them while it is off. "
         "1 strategy trades nothing until the desk is back."),
        (desk(2, 1, run("a")),
         "2 working orders and 1 open position stay as they are when you leave. 1 strategy stops. "
         "The kill switch (F9) would pull orders and close positions first."),
    ],
)  # fmt: skip
def test_what_leaving_means_is_said(engine: Any, question: str) -> None:
    assert leaving_question(engine, "F9") == question
