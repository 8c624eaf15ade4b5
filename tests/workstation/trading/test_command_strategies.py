"""The command line's words about strategies, and what they do at a real desk."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from test_command_line import context

from tests.support.desk import BTC, demo_desk
from workstation.clock import SECOND
from workstation.domain.formats import number_style
from workstation.domain.strategy_run import RunState
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import Command, Context
from workstation.trading.strategy_commands import (
    ChangeStrategy,
    CloseStrategy,
    EndStrategy,
    ResumeStrategy,
    StartStrategy,
)

SMA = "sma_cross@NOVA:BTC-USDT"
GRIDS = ("grid@NOVA:BTC-USDT", "grid@NOVA:ETH-USDT")
MINUTE = 60 * SECOND


def desk(**changes: object) -> Context:
    return context(strategies=(SMA, *GRIDS), ended_strategies=("rsi@NOVA:BTC-USDT",), **changes)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (
            "strategy start sma_cross BTC-USDT 5000 fast=10",
            StartStrategy(
                strategy="sma_cross", instrument=BTC, capital=Decimal(5_000), interval=MINUTE, params={"fast": "10"}
            ),
        ),
        (
            "strategy start /tmp/Mine.py:Trend 2,500 5m direction=both restart",
            StartStrategy(
                strategy="/tmp/Mine.py:Trend", instrument=BTC, capital=Decimal(2_500), interval=5 * MINUTE,
                params={"direction": "both"}, restarts=True,
            ),
        ),
        ("strategy stop sma_cross", EndStrategy(SMA)),
        ("strategy stop SMA_cross@nova:btc-usdt", EndStrategy(SMA)),
        ("strategy pause grid@NOVA:ETH-USDT", EndStrategy(GRIDS[1], pause=True)),
        ("strategy resume sma_cross", ResumeStrategy(SMA)),
        ("strategy close rsi", CloseStrategy("rsi@NOVA:BTC-USDT")),
        ("strategy set sma_cross fast=12 slow=40", ChangeStrategy(SMA, params={"fast": "12", "slow": "40"})),
        ("strategy capital sma_cross 7500", ChangeStrategy(SMA, capital=Decimal(7_500))),
    ],
)  # fmt: skip
def test_what_the_words_mean(line: str, command: Command) -> None:
    found = parse(line, desk())
    assert found == command
    assert describe(found, desk()).endswith(".")


def test_numbers_are_read_as_the_trader_writes_them() -> None:
    german = number_style("de_DE")
    assert german is not None
    found = parse("strategy start grid 2500 step=0,5", desk(numbers=german))
    assert isinstance(found, StartStrategy)
    assert (found.capital, found.params) == (Decimal(2_500), {"step": "0.5"})


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("strategy", "strategy start sma_cross BTC-USDT 5000"),
        ("strategy statr x", "Did you mean start"),
        ("strategy start", "Which strategy"),
        ("strategy start sma_cross BTC-USDT", "With how much"),
        ("strategy start sma_cross 5000 nonsense", "no instrument, capital"),
        ("strategy stop", "There is sma_cross@NOVA:BTC-USDT"),
        ("strategy stop grid", "runs more than once"),
        ("strategy stop sma_cros", "Did you mean sma_cross"),
        ("strategy stop sma_cross now", "one word too many"),
        ("strategy set sma_cross", "What of it"),
        ("strategy set sma_cross fast", "no parameter"),
        ("strategy capital sma_cross", "How much"),
    ],
)
def test_what_is_not_understood_is_said(line: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        parse(line, desk())


async def test_a_strategy_is_started_changed_paused_and_closed_by_words(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as house:
        engine = house.engine

        async def say(line: str) -> str:
            here = context_of(engine, BTC, currency="USDT", account_name="demo")
            return await perform(parse(line, here), engine) or ""

        assert "runs on bars of 5s" in await say("strategy start sma_cross 5000 5s fast=1 slow=2")
        view = engine.strategies.view(SMA)
        assert (view.run.params["fast"], view.run.capital, view.run.interval) == (1, 5_000, 5 * SECOND)
        assert "slow=9" in await say("strategy set sma_cross slow=9")
        assert engine.strategies.view(SMA).run.params["slow"] == 9
        await say("strategy capital sma_cross 800")
        assert engine.strategies.view(SMA).run.capital == 800
        await say("strategy pause sma_cross")
        assert engine.strategies.view(SMA).run.state is RunState.PAUSED
        await say("strategy resume sma_cross")
        assert engine.strategies.view(SMA).run.state is RunState.RUNNING
        assert "held nothing" in await say("strategy close sma_cross")
        assert engine.strategies.view(SMA).run.state is RunState.STOPPED
