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


def desk(orders: int = 0, positions: int = 0, *runs: StrategyRun) -> Any:
    core = SimpleNamespace(strategy_runs={one.run_id: one for one in runs})
    return SimpleNamespace(open_orders=lambda: [0] * orders, positions=lambda: [0] * positions, core=core)


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
        (desk(2, 1, run("a")),
         "2 working orders and 1 open position stay as they are when you leave. 1 strategy stops. "
         "The kill switch (F9) would pull orders and close positions first."),
    ],
)  # fmt: skip
def test_what_leaving_means_is_said(engine: Any, question: str) -> None:
    assert leaving_question(engine, "F9") == question
