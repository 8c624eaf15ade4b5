"""The command line's words about strategies, and what they do at a real desk."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from test_command_line import context

from tests.support.desk import BTC, demo_desk
from workstation.clock import SECOND
from workstation.domain.formats import number_style
from workstation.domain.rule_words import names_of
from workstation.domain.strategy_run import RunState
from workstation.domain.trade_rules import TradeRules
from workstation.trading.command_completion import completion
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import Command, Context
from workstation.trading.errors import Refused
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
        (
            "strategy start pairs BTC-USDT 5000 peer=ETH-USDT legs=both",
            StartStrategy(
                strategy="pairs", instrument=BTC, capital=Decimal(5_000), interval=MINUTE, params={"legs": "both"},
                further={"peer": "NOVA:ETH-USDT"},
            ),
        ),
        ("strategy stop sma_cross", EndStrategy(SMA)),
        ("strategy stop SMA_cross@nova:btc-usdt", EndStrategy(SMA)),
        ("strategy pause grid@NOVA:ETH-USDT", EndStrategy(GRIDS[1], pause=True)),
        ("strategy resume sma_cross", ResumeStrategy(SMA)),
        ("strategy close rsi", CloseStrategy("rsi@NOVA:BTC-USDT")),
        ("strategy set sma_cross fast=12 slow=40", ChangeStrategy(SMA, params={"fast": "12", "slow": "40"})),
        ("strategy capital sma_cross 7500", ChangeStrategy(SMA, capital=Decimal(7_500))),
        (
            "strategy start rsi 5000 exit stop=2% roi=0:4%,30:0.01 max_bars=48 size risk=1% protect cooldown=5 restart "
            "length=7 5m",
            StartStrategy(
                strategy="rsi", instrument=BTC, capital=Decimal(5_000), interval=5 * MINUTE, params={"length": "7"},
                rules=TradeRules(
                    stop=0.02, roi=((0, 0.04), (30, 0.01)), max_bars=48, size_rule="risk", size=0.01, cooldown=5
                ),
                restarts=True,
            ),
        ),
        (
            "strategy start rsi 5000 --exit stop=0.02 --exit trailing=0.01 --size kelly=0.5 --size cap=0.8 "
            "--param length=7",
            StartStrategy(
                strategy="rsi", instrument=BTC, capital=Decimal(5_000), interval=MINUTE, params={"length": "7"},
                rules=TradeRules(stop=0.02, trailing=0.01, size_rule="kelly", size=0.5, size_cap=0.8),
            ),
        ),
        ("strategy set sma_cross exit roi=own", ChangeStrategy(SMA, own=("roi",))),
        (
            "strategy set sma_cross slow=40 exit stop=off trailing=own protect own size value=750",
            ChangeStrategy(
                SMA, params={"slow": "40"}, rules=TradeRules(stop=0.0, size_rule="value", size=750.0),
                own=("trailing", *names_of("protect")),
            ),
        ),
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
    found = parse("strategy start rsi 2500 exit stop=0,5% roi=0:0,04;30:1%", desk(numbers=german))
    assert isinstance(found, StartStrategy)
    assert found.rules == TradeRules(stop=0.005, roi=((0, 0.04), (30, 0.01)))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("strategy", "strategy start sma_cross BTC-USDT 5000"),
        ("strategy statr x", "Did you mean start"),
        ("strategy start", "Which strategy"),
        ("strategy start sma_cross BTC-USDT", "With how much"),
        ("strategy start sma_cross 5000 nonsense", "no instrument, capital"),
        (
            "strategy start pairs BTC-USDT 5000 peer=ETH-UDST",
            "^ETH-UDST is no instrument of this desk. Did you mean peer=ETH-USDT[?]$",
        ),
        ("strategy stop", "There is sma_cross@NOVA:BTC-USDT"),
        ("strategy stop grid", "runs more than once"),
        ("strategy stop sma_cros", "Did you mean sma_cross"),
        ("strategy stop sma_cross now", "one word too many"),
        ("strategy set sma_cross", "What of it"),
        ("strategy set sma_cross fast", "no parameter"),
        ("strategy capital sma_cross", "How much"),
        ("strategy start rsi 5000 exit", "exit stop=2%: stop, atr_stop"),
        ("strategy start rsi 5000 exit size risk=1%", "exit stop=2%"),
        ("strategy start rsi 5000 exit trailing=", "A stop so far from the best price"),
        ("strategy start rsi 5000 size kelly=", "The part of Kelly"),
        ("strategy start rsi 5000 exit roi=", "Targets by bars held"),
        ("strategy start rsi 5000 exit stpo=1%", "There is no exit 'stpo'.*Did you mean stop"),
        ("strategy start rsi 5000 size half=1", "There is no size rule 'half'"),
        ("strategy start rsi 5000 exit stop=200%", "stop goes from 0 to 0.9"),
        ("strategy start rsi 5000 exit stop=near", "stop must be a number"),
        ("strategy start rsi 5000 exit max_bars=1.5", "max_bars is a whole number"),
        ("strategy start rsi 5000 protect stop=2%", "There is no protection 'stop'"),
        ("strategy set sma_cross exit", "exit stop=2%"),
    ],
)
def test_what_is_not_understood_is_said(line: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        parse(line, desk())


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("str", "strategy"),
        ("strategy sta", "strategy start"),
        ("strategy start rsi_b", "strategy start rsi_bollinger"),
        ("strategy start rsi 5000 ex", "strategy start rsi 5000 exit"),
        ("strategy start rsi 5000 exit tr", "strategy start rsi 5000 exit trailing="),
        ("strategy start rsi 5000 --exit stop=2% ta", "strategy start rsi 5000 --exit stop=2% take_profit="),
        ("strategy start rsi 5000 exit stop=2% size vo", "strategy start rsi 5000 exit stop=2% size volatility="),
        ("strategy start rsi 5000 exit stop=2% 5m re", "strategy start rsi 5000 exit stop=2% 5m restart"),
        ("strategy start rsi BTC-USDT-P", "strategy start rsi BTC-USDT-PERP"),
        ("strategy start pairs BTC-USDT 5000 pe", "strategy start pairs BTC-USDT 5000 peer="),
        ("strategy start pairs BTC-USDT 5000 peer=eth", "strategy start pairs BTC-USDT 5000 peer=eth-USDT"),
        ("strategy stop sm", "strategy stop sma_cross"),
        ("strategy close rs", "strategy close rsi"),
        ("strategy set sma_cross prot", "strategy set sma_cross protect"),
        ("strategy set sma_cross protect stop_c", "strategy set sma_cross protect stop_count="),
        ("strategy stop rs", ""),
        ("strategy start rsi 5000 exit ", ""),
        ("buy 0.5 @ 64", ""),
        ("", ""),
    ],
)
def test_how_the_word_that_is_being_typed_may_go_on(line: str, whole: str) -> None:
    assert completion(line, desk(installed=lambda: ["grid", "rsi", "rsi_bollinger", "sma_cross"])) == whole


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
        said = await say("strategy set sma_cross slow=12 exit stop=2% size value=300")
        assert said == f"{SMA} goes on with slow=12, size by value, size 300, stop 2 %."
        run = engine.strategies.view(SMA).run
        assert run.rules == TradeRules(stop=0.02, size_rule="value", size=300.0)
        await say("strategy set sma_cross exit own protect stop_count=3")
        rules = engine.strategies.view(SMA).run.rules
        assert rules.stop is None
        assert (rules.stop_count, rules.stop_lookback, rules.stop_lock) == (3, 100, 50), "with what it needs"
        for line, why in (
            ("strategy set sma_cross slow=1 protect cooldown=3", "slow must be"),
            ("strategy set sma_cross size risk=1%", "needs a stop"),
        ):
            with pytest.raises(Refused, match=why):
                await say(line)
            assert engine.strategies.view(SMA).run.rules == rules
            assert engine.strategies.view(SMA).run.params["slow"] == 12
        await say("strategy set sma_cross protect own size equity=own")
        assert not engine.strategies.view(SMA).run.rules.given
        await say("strategy capital sma_cross 800")
        assert engine.strategies.view(SMA).run.capital == 800
        await say("strategy pause sma_cross")
        assert engine.strategies.view(SMA).run.state is RunState.PAUSED
        await say("strategy resume sma_cross")
        assert engine.strategies.view(SMA).run.state is RunState.RUNNING
        assert "held nothing" in await say("strategy close sma_cross")
        assert "sma_cross" in engine.strategies.names()
        line = "strategy start rsi 5000 exit stop=2% size risk=1% protect cooldown=5"
        assert describe(parse(line, context_of(engine, BTC, currency="USDT", account_name="demo")), desk()) == (
            "Start rsi on NOVA:BTC-USDT with 5,000 USDT, on bars of 1m; size by risk, size 1 %, stop 2 %, cooldown 5."
        )
        await say(line)
        assert engine.strategies.view(f"rsi@{BTC}").run.rules == TradeRules(
            size_rule="risk", size=0.01, stop=0.02, cooldown=5
        )  # fmt: skip
        with pytest.raises(Refused, match="lives on events"):
            await say("strategy start grid 5000 exit stop=2%")
        assert engine.strategies.view(SMA).run.state is RunState.STOPPED
