"""The risk page: gauges that follow, breakers with their time left, limits changed and breakers reset by typing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D

import pytest
from msgspec.structs import replace
from textual.widgets import Input
from trading_scene import BTC, Scene, scene

from plugins.books import LadderPane
from plugins.risk import RiskPane
from plugins.risk.pane import _helps
from plugins.risk.rows import BreakerLine, LimitLine
from screens import figures
from screens.dialog import Lines
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.formats import NumberStyle
from workstation.domain.order import OrderState, Side

SIZES = [(160, 48), (100, 30), (80, 24)]


def pane_of(desk) -> RiskPane:
    return desk.app.workspace.panes["risk"]


def line(desk, name: str) -> str:
    pane = pane_of(desk)
    return next(pane.row_text(y) for y in range(pane.height) if pane.row_text(y).strip().startswith(name))


async def go_to(desk, pilot, name: str) -> None:
    pane = pane_of(desk)
    pane.focus()
    pane.move_to([getattr(row, "name", getattr(row, "field", "")) for row in pane._shown].index(name))
    await desk.painted(pilot)


async def until(pilot, condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come about")


def said(desk) -> str:
    """What the dialog says of what is typed, its lines joined."""
    lines = desk.app.screen.query(Lines).last(Lines).lines
    return " ".join("".join(text for text, _ in line.left).strip() for line in lines)


def trip(desk, venue: str = "NOVA") -> None:
    for _ in range(11):
        desk.engine.gateway.on_venue_error(venue)


async def test_a_gauge_shows_what_is_used_of_its_limit(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, _pilot):
        exposure = desk.engine.core.exposure()
        assert f"{exposure:,.0f}" in line(desk, "max_exposure").replace(".00", "") or f"{exposure:,.2f}" in line(
            desk, "max_exposure"
        )
        assert "500,000" in line(desk, "max_exposure")
        assert "━" in line(desk, "max_exposure")
        assert f"{len(desk.engine.open_orders())} " in line(desk, "max_working_orders ")


async def test_a_tiny_loss_is_not_cut_in_the_middle_of_its_digits(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        desk.engine.core.breakers.loss = D("0.00000790688")
        pane_of(desk).invalidate()
        await desk.painted(pilot)
        assert " <0.01 % " in line(desk, "daily_loss")


async def test_in_a_narrow_pane_every_meaning_is_told_whole(tmp_path):
    async with scene(tmp_path, RiskPane, size=(80, 24)) as (desk, pilot):
        pane = pane_of(desk)
        for row in [one for one in pane._shown if isinstance(one, BreakerLine | LimitLine)]:
            await go_to(desk, pilot, getattr(row, "name", getattr(row, "field", "")))
            told = " ".join((pane.row_text(pane.height - 2) + " " + pane.row_text(pane.height - 1)).split())
            assert told == _helps()[row.field]


async def test_a_limit_is_changed_by_typing_it_and_confirming(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        await go_to(desk, pilot, "max_order_value")
        await pilot.press("enter", "ctrl+u", *"9000", "enter")
        assert desk.engine.risk.limits.max_order_value == 100_000, "it asks once more"
        await pilot.press("enter")
        await until(pilot, lambda: desk.engine.risk.changes)
        await desk.painted(pilot)
        assert desk.engine.risk.limits.max_order_value == 9_000
        assert "9,000" in line(desk, "max_order_value")
        assert "changed here" in line(desk, "max_order_value")
        pane = pane_of(desk)
        assert any("100000 → 9000  by risk page" in pane.row_text(y) for y in range(pane.height))
        await pilot.press("D")
        await pilot.pause()
        assert "max_order_value: 9,000 → 100,000. Enter does it." in desk.screen_text()
        assert desk.engine.risk.limits.max_order_value == 9_000
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.engine.risk.changes) == 2)
        assert desk.engine.risk.limits.max_order_value == 100_000


async def test_limits_are_written_and_read_in_the_users_locale(tmp_path):
    async with scene(tmp_path, RiskPane, settings={"locale": "de_DE"}) as (desk, pilot):
        assert "100.000" in line(desk, "max_order_value")
        await go_to(desk, pilot, "price_collar")
        await pilot.press("enter")
        await pilot.pause()
        assert desk.app.screen.query_one(Input).value == "0,02"
        await pilot.press("ctrl+u", *"0,035", "enter")
        assert "price_collar: 2 % → 3,5 %." in said(desk)
        await pilot.press("enter")
        await until(pilot, lambda: desk.engine.risk.changes)
        assert desk.engine.risk.limits.price_collar == D("0.035")
        await go_to(desk, pilot, "breakers.drawdown_zero_size")
        await pilot.press("enter", "ctrl+u", *"9,5%", "enter")
        told = " ".join(said(desk).split())
        assert "15 % → 9,5 %, and with it breakers.drawdown from 10 % to 9,5 %." in told
        await pilot.press("enter")
        await until(pilot, lambda: desk.engine.risk.limits.breakers.drawdown == D("0.095"))
        await until(pilot, lambda: len(desk.toasts()) == 2)
        assert desk.toasts()[-1] == (
            "breakers.drawdown_zero_size is 9,5 % now, it was 15 %, and with it breakers.drawdown from 10 % to 9,5 %."
        )


async def test_what_is_no_limit_is_not_taken(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        await go_to(desk, pilot, "price_collar")
        await pilot.press("enter", "ctrl+u", *"7", "enter", "enter")
        assert "must be a fraction between 0 and 1" in desk.screen_text()
        await pilot.press("escape")
        await go_to(desk, pilot, "drawdown")
        await pilot.press("enter", "ctrl+u", *"16%", "enter", "enter")
        assert "breakers.drawdown of 16 % must not be above breakers.drawdown_zero_size of 15 %" in said(desk)
        await pilot.press("escape")
        await go_to(desk, pilot, "breakers.drawdown_zero_size")
        await pilot.press("enter", "ctrl+u", *"9%")
        told = " ".join(said(desk).split())
        assert "15 % → 9 %, and with it breakers.drawdown from 10 % to 9 %." in told
        await pilot.press("escape")
        assert not desk.engine.risk.changes


async def test_a_tripped_breaker_counts_down_and_is_reset_by_its_name_alone(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        trip(desk)
        await desk.painted(pilot)
        assert "TRIPPED 5m 00s left" in line(desk, "venue_errors NOVA")
        assert "VENUE ERRORS 5m 00s" in desk.screen_text().splitlines()[0]
        desk.clock.advance(61 * SECOND)
        await desk.painted(pilot)
        assert "TRIPPED 3m 59s left" in line(desk, "venue_errors NOVA")
        await go_to(desk, pilot, "venue_errors")
        await pilot.press("R", *"venue", "enter")
        assert desk.engine.risk.tripped()
        await pilot.press(*"_errors", "enter")
        await desk.painted(pilot)
        assert not desk.engine.risk.tripped()
        assert "VENUE ERRORS" not in desk.screen_text().splitlines()[0]


async def test_why_a_breaker_tripped_has_the_signs_of_the_locale(tmp_path, monkeypatch):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        trip(desk)
        (tripped,) = desk.engine.risk.tripped()
        why = replace(tripped, reason="NOVA:BTC-USDT moved +5.25 % within a minute")
        monkeypatch.setattr(desk.engine.risk, "tripped", lambda: [why])
        desk.app.frame()
        figures.use(NumberStyle(",", "."), None)
        try:
            await go_to(desk, pilot, "venue_errors")
            assert "moved +5,25 % within a minute." in desk.screen_text()
            await pilot.press("R")
            await desk.painted(pilot)
            assert "moved +5,25 % within a minute." in desk.screen_text()
        finally:
            figures.use(NumberStyle(), None)


async def test_reducing_is_an_action_with_a_badge(tmp_path):
    async with scene(tmp_path, RiskPane) as (desk, pilot):
        desk.app.run_named("reducing")
        await until(pilot, lambda: desk.engine.trading_state is TradingState.REDUCING)
        await desk.painted(pilot)
        assert " REDUCING " in desk.screen_text().splitlines()[0]
        assert desk.app.table.get("reducing").help


async def test_the_ladder_sends_nothing_on_a_book_that_was_painted_too_long_ago(tmp_path):
    async with scene(tmp_path, LadderPane, traded=False) as (desk, pilot):
        pane = desk.app.workspace.panes["books"]
        pane.focus()
        await desk.painted(pilot)
        pane.paint = lambda now: None  # the screen stands still …
        desk.tick(3)  # … while the market goes on
        pane.action_take()
        await pilot.pause()
        denied = desk.engine.orders()[-1]
        assert denied.state is OrderState.DENIED
        assert "on the screen is 3.0 s old" in denied.reason
        assert (denied.instrument, denied.side) == (BTC.id, Side.BUY)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_it_can_be_used_at_every_size(tmp_path, size):
    async with scene(tmp_path, RiskPane, size=size) as (desk, pilot):
        trip(desk)
        await desk.painted(pilot)
        for part in ("venue_errors NOVA", "5m 00s left"):
            assert part in desk.screen_text()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_with_a_tripped_breaker_and_a_changed_limit(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [RiskPane])

    async def before(pilot):
        await desk.ready(pilot)
        await desk.trade()
        await desk.engine.risk.change_limit("max_exposure", "20000", "command line")
        trip(desk)
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
