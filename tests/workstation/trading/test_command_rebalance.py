"""The words of rebalances: what they ask for, what they say before they do it, and that they do it."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, ETH, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.plan import PlanState
from workstation.trading.command_line import hint, parse
from workstation.trading.command_rebalance import kept_portfolios
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_words import CommandError
from workstation.trading.commands import Context, ManageRebalance, StartRebalance
from workstation.trading.errors import Refused


def context(desk: TestDesk) -> Context:
    return context_of(desk.engine, BTC, currency="USDT", account_name="demo")


async def do(desk: TestDesk, line: str) -> str | None:
    return await perform(parse(line, context(desk)), desk.engine)


async def test_weights_options_and_equal_weights_are_understood(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        command = parse("rebalance BTC-USDT 40% ETH-USDT 25.5% of 50,000 band 2% least 100 patience 10s", context(desk))
        assert isinstance(command, StartRebalance)
        wish = command.wish
        assert wish.targets == {BTC: D("0.4"), ETH: D("0.255")}
        assert (wish.budget, wish.band, wish.least, wish.patience) == (D(50_000), D("0.02"), D(100), 10 * SECOND)
        equal = parse("rebalance equal BTC-USDT ETH-USDT NOVA:SOL-USDT", context(desk))
        assert isinstance(equal, StartRebalance)
        assert set(equal.wish.targets.values()) == {D("0.333333")}


async def test_the_line_says_what_is_traded_and_what_it_costs_and_asks_for_a_second_enter(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        line = "rebalance BTC-USDT 40% ETH-USDT 30% of 50000"
        words = hint(line, context(desk))
        assert words.startswith("Buy 0.3")
        assert "costs about" in words
        assert words.startswith("Buy ")
        assert "BTC-USDT" in words.partition(";")[0]
        assert "30% in money" in words
        command = parse(line, context(desk))
        assert isinstance(command, StartRebalance)
        assert command.question
        assert not desk.engine.all_rebalances()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rebalance", "Rebalance to what?"),
        ("rebalance calm", "no kept portfolio calm"),
        ("rebalance BTC-USDT", "Which weight"),
        ("rebalance BTC-USDT 40", "not a weight: type 40%"),
        ("rebalance BTC-USDT 40% BTC-USDT 10%", "there twice"),
        ("rebalance PEPE-USDT 40%", "no instrument PEPE-USDT"),
        ("rebalance BTC-USDT 80% ETH-USDT 40%", "not bought on credit"),
        ("rebalance BTC-USDT -20%", "does not sell it short"),
        ("rebalance equal BTC-USDT", "Equal weights of which?"),
        ("rebalance BTC-USDT 40% patience 2h", "no patience"),
    ],
)
async def test_what_cannot_be_meant_is_said_in_a_sentence(tmp_path: Path, line: str, says: str) -> None:
    async with demo_desk(tmp_path) as desk:
        with pytest.raises(CommandError, match=says):
            parse(line, context(desk))


async def test_one_is_started_followed_paused_resumed_and_cancelled_by_words(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        with pytest.raises(Refused, match="No rebalance"):
            await do(desk, "pause rebalance")
        said = await do(desk, "rebalance BTC-USDT 40% ETH-USDT 30% of 50000 patience 5m")
        assert said == "rebalance: 2 trades on the way, sales first."
        rebalance = desk.engine.all_rebalances()[0]
        await desk.settle(lambda: len(desk.engine.open_orders()) == 2)
        assert "rebalance: 0 % of 2 trades" in str(await do(desk, "progress"))
        assert parse("pause rebalance", context(desk)) == ManageRebalance(what="pause")
        assert await do(desk, "pause rebalance") == "Paused: rebalance."
        assert "PAUSED" in str(await do(desk, "progress"))
        assert await do(desk, "resume rebalance") == "Resumed: rebalance."
        assert "stays" in str(await do(desk, "cancel rebalance"))
        known = desk.engine.rebalance(rebalance.rebalance_id)
        assert known is not None
        assert known.state is PlanState.CANCELED
        for _ in range(100):
            if not desk.engine.open_orders():
                break
            await desk.run(0.1)
            await asyncio.sleep(0.01)
        assert not desk.engine.open_orders()


def test_kept_portfolios_are_read_as_exact_weights_and_rubbish_is_left_out() -> None:
    kept = kept_portfolios({"calm": {"weights": {BTC: 0.1, ETH: 0.2000000001}}, "odd": 3, "empty": {"weights": {}}})
    assert kept == {"calm": {BTC: D("0.1"), ETH: D("0.2")}}
    assert kept_portfolios(None) == {}
