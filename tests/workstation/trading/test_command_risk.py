"""The command line's words about risk."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_command_line import context

from tests.support.desk import PERP, demo_desk
from workstation.domain.events import TradingState
from workstation.domain.formats import COMMA
from workstation.domain.order import OrderState, Side
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import ChangeLimit, ResetBreaker, SetReducing


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("reducing on", SetReducing(True)),
        ("reducing off", SetReducing(False)),
        ("limit max_order_value 50000", ChangeLimit("max_order_value", "50000")),
        ("limit breakers.daily_loss 3 %", ChangeLimit("breakers.daily_loss", "3 %")),
        ("limit deny_instruments NOVA:SOL-*", ChangeLimit("deny_instruments", "NOVA:SOL-*")),
        ("limit max_order_value default", ChangeLimit("max_order_value", "")),
        (
            "limit strategies.sma_cross@NOVA:BTC-USDT.max_order_value none",
            ChangeLimit("strategies.sma_cross@NOVA:BTC-USDT.max_order_value", "none"),
        ),
        ("breaker reset daily_loss", ResetBreaker("daily_loss")),
        ("breaker reset venue_errors nova", ResetBreaker("venue_errors", "NOVA")),
    ],
)
def test_what_the_words_mean(line: str, command: object) -> None:
    found = parse(line, context())
    assert found == command
    assert describe(found, context()).endswith(".")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("reducing", "reducing on"),
        ("reducing maybe", "reducing on"),
        ("limit", "Which limit"),
        ("limit max_order_valeu 5", "Did you mean max_order_value"),
        ("limit max_order_value", "To what"),
        ("limit max_order_value plenty", "not a number"),
        ("limit max_order_value 0", "above 0"),
        ("breaker daily_loss", "breaker reset daily_loss"),
        ("breaker reset", "Which breaker"),
        ("breaker reset daily", "There is no breaker daily"),
    ],
)
def test_what_cannot_be_is_said(line: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        parse(line, context())


def test_numbers_of_limits_are_read_in_the_users_locale() -> None:
    comma = context(numbers=COMMA)
    assert parse("limit breakers.daily_loss 0,03", comma) == ChangeLimit("breakers.daily_loss", "0.03")
    assert parse("limit max_order_value 50.000,5", comma) == ChangeLimit("max_order_value", "50000.5")
    with pytest.raises(CommandError, match=r"50\.000 can be 50000 or 50,000"):
        parse("limit max_order_value 50.000", comma)
    assert parse("limit allow_instruments NOVA:BTC-USDT", comma) == ChangeLimit("allow_instruments", "NOVA:BTC-USDT")


async def test_they_are_done_on_a_real_desk(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await perform(parse("reducing on", context()), engine)
        assert engine.trading_state is TradingState.REDUCING
        assert (await desk.limit(PERP, Side.BUY, "0.1", away=9)).state is OrderState.DENIED
        await perform(parse("reducing off", context()), engine)
        assert engine.trading_state is TradingState.ACTIVE
        said = await perform(parse("limit max_order_value 500", context()), engine)
        assert said == "max_order_value is 500 now, it was 10,000,000."
        assert engine.risk.changes[-1].who == "command line"
        here = context_of(engine, None, currency="USDT", account_name="demo")
        meaning = describe(parse("limit max_order_value default", here), here)
        assert meaning.startswith("Change the limit max_order_value from 500 to 10,000,000, until")
        with pytest.raises(CommandError, match=r"daily_loss of 30 % must not be above breakers.drawdown_kill of 20 %"):
            parse("limit breakers.daily_loss 30 %", here)
        for _ in range(11):
            engine.gateway.on_venue_error("NOVA")
        await perform(parse("breaker reset venue_errors", context()), engine)
        assert engine.risk.tripped() == []
