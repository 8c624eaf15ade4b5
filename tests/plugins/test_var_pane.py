"""The VaR pane: what it asks, what it shows, and what it says when there is nothing to measure."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from trading_scene import BTC, ETH, Scene, scene

from plugins.var import VarPane
from plugins.var.book import Book, book_of
from plugins.var.lines import lines_of, money
from screens import figures
from screens.testing import PERP
from workstation.clock import SECOND
from workstation.desk_records import DESK
from workstation.domain.formats import NumberStyle
from workstation.domain.order import Side
from workstation.portfolio.desk import PortfolioDesk
from workstation.portfolio.risk_report import report

HOUR = 3_600 * SECOND
SIZES = [(160, 48), (100, 30), (80, 24)]


@pytest.fixture(autouse=True)
def here(monkeypatch, request):
    """The report is worked out in a thread; that the portfolio process does it is a test of its own."""
    if "process" in request.node.name:
        return

    async def risk(_self, question):
        return await asyncio.to_thread(report, question)

    monkeypatch.setattr(PortfolioDesk, "risk", risk)


def text(desk) -> str:
    pane = desk.app.workspace.panes["var"]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


async def measured(desk, pilot) -> None:
    """The book as it is now, and of this very moment."""
    pane = desk.app.workspace.panes["var"]
    desk.tick(5)
    pane.action_again()
    for _ in range(600):
        if pane._measured_at == desk.clock.now() and not pane._working:
            break
        pane.repaint()
        await pilot.pause(0.05)
    else:
        raise AssertionError("it was not measured")
    await desk.painted(pilot)


async def test_the_book_is_positions_and_coins_at_todays_prices(tmp_path):
    async with scene(tmp_path, VarPane) as (desk, _pilot):
        engine = desk.engine
        book = book_of(engine, "1h")
        values = {}
        for one in book.held:
            values[one.instrument] = values.get(one.instrument, 0.0) + one.value
        assert set(values) == {BTC.id, ETH.id, PERP.id}
        assert values[PERP.id] == pytest.approx(float(engine.position(PERP.id).quantity * engine.mark(PERP.id)))
        coins = engine.balance("NOVA", "ETH") * engine.rate("NOVA", "ETH")
        assert values[ETH.id] == pytest.approx(float(coins))
        assert book.equity == pytest.approx(float(engine.equity()))
        assert book.unpriced == ()


async def test_a_desk_that_holds_nothing_says_so(tmp_path):
    async with scene(tmp_path, VarPane, traded=False) as (desk, pilot):
        await measured(desk, pilot)
        assert "No position: there is nothing to lose" in text(desk)
        await pilot.press("ctrl+y")
        assert any("No position: there is nothing to lose" in toast for toast in desk.toasts())
        assert desk.app.clipboard == ""


async def test_what_has_no_price_yet_is_no_empty_book_and_is_looked_at_again_soon(tmp_path, monkeypatch):
    async with scene(tmp_path, VarPane) as (desk, pilot):
        monkeypatch.setattr("plugins.var.pane.book_of", lambda *_: Book((), 0.0, {}, ("NOVA BTC",)))
        await measured(desk, pilot)
        assert "Nothing that is held has a price yet: NOVA BTC." in text(desk)
        monkeypatch.setattr("plugins.var.pane.book_of", book_of)
        desk.tick(5)
        for _ in range(200):
            desk.app.workspace.panes["var"].repaint()
            await pilot.pause(0.05)
            if "Exceeded 1 in 20" in text(desk):
                break
        else:
            raise AssertionError(text(desk))


async def test_the_tables_are_those_of_the_report(tmp_path):
    async with scene(tmp_path, VarPane) as (desk, pilot):
        await measured(desk, pilot)
        pane = desk.app.workspace.panes["var"]
        found = pane._found
        assert found is not None, pane._problem
        assert "Exceeded 1 in 20" in text(desk)
        assert "Has it held?" in text(desk)
        figures.use(NumberStyle(",", "."), None)
        try:
            shown = " ".join("".join(part for part, _ in line) for line in lines_of("var", found, pane.ink, 80))
        finally:
            figures.use(NumberStyle(), None)
        assert f"{found.backtest.tail * found.backtest.days:.1f}".replace(".", ",") + " expected" in shown
        await pilot.press("v")
        await desk.painted(pilot)
        assert "part of VaR" in text(desk)
        assert all(asset in text(desk) for asset in found.assets)
        await pilot.press("ctrl+y")
        titles, *rows = (line.split("\t") for line in desk.app.clipboard.splitlines())
        assert titles[:3] == ["Position", "Value", "Part of VaR"]
        assert {row[0] for row in rows[:-1]} == set(found.assets)
        await pilot.press("v")
        await desk.painted(pilot)
        assert "independent bets" in text(desk)
        await pilot.press("v")
        await desk.painted(pilot)
        assert "May 2021, crypto" in text(desk)
        await pilot.press("v")
        await desk.painted(pilot)
        assert "leverage" in text(desk)
        assert "Time to flatten" in text(desk)
        for _ in range(40):  # margin stands below, as far as there is some
            await pilot.press("down")
        await desk.painted(pilot)
        used = desk.engine.account_margin("NOVA", "USDT").used
        assert "of equity" in text(desk)
        assert f"{used:,.0f}" in text(desk) or f"{used:,.2f}" in text(desk)
        assert "To liquidation" in text(desk)
        assert "not known" not in text(desk)
        desk.engine.core.portfolio.margin.keepers.add("NOVA")  # as a venue does that has not told its margin yet
        desk.tick(5)
        await desk.painted(pilot)
        assert "not known" in text(desk)
        desk.engine.core.portfolio.margin.keepers.clear()
        desk.tick(5)
        await desk.painted(pilot)
        await pilot.press("ctrl+y")
        (margin,) = (line.split("\t") for line in desk.app.clipboard.splitlines() if line.startswith("margin"))
        assert margin[7] == f"{used:,.8f}"
        await pilot.press("V")
        assert pane.view == "stress"


async def test_another_fill_is_measured_anew_and_own_scenarios_are_read(tmp_path):
    async with scene(tmp_path, VarPane) as (desk, pilot):
        folder = desk.engine.strategies.folder = tmp_path / "strategies"
        (folder.parent / "scenarios.toml").write_text('[[scenario]]\nname = "Half is gone"\nshocks = { "*" = -0.5 }\n')
        await pilot.press("r")
        await measured(desk, pilot)
        before = desk.app.workspace.panes["var"]._found
        net = before.values.sum()
        assert before.stress[-1].name == "Half is gone"
        assert before.stress[-1].profit == pytest.approx(-0.5 * net)
        await desk.order(ETH.id, Side.BUY, "1")
        await measured(desk, pilot)
        after = desk.app.workspace.panes["var"]._found
        one = float(desk.engine.rate("NOVA", "ETH") * Decimal(1))
        assert after.values.sum() - net == pytest.approx(one, rel=0.01)


async def test_a_scenario_file_that_is_wrong_is_a_sentence(tmp_path):
    async with scene(tmp_path, VarPane) as (desk, pilot):
        folder = desk.engine.strategies.folder = tmp_path / "strategies"
        (folder.parent / "scenarios.toml").write_text("[[scenario]]\n")
        await pilot.press("r")
        await measured(desk, pilot)
        assert "scenario 1 needs a name and shocks" in " ".join(text(desk).split())


async def a_past(desk) -> None:
    """A day of equity in the store: up to 205,000, down to 184,500, back, and now below the last peak."""
    desk.tick(8 * 3_600)  # the account was opened before
    store, now = desk.engine._store, desk.clock.now()
    for hour, equity in enumerate((200_000, 205_000, 190_000, 184_500, 199_000, 206_000, 201_880)):
        store.save_equity(now - (7 - hour) * HOUR, DESK, Decimal(equity), currency="USDT")
    await asyncio.to_thread(store.flush)


async def test_drawdown_now_and_the_falls_before(tmp_path):
    async with scene(tmp_path, VarPane, traded=False) as (desk, pilot):
        await a_past(desk)
        await pilot.press("V")
        await measured(desk, pilot)
        shown = text(desk)
        assert "2.91% below the peak of 206,000" in shown
        assert "deepest 10.00%" in shown
        assert "20,500" in shown
        assert "not yet" in shown


@pytest.mark.slow
async def test_the_portfolio_process_answers(tmp_path):
    async with scene(tmp_path, VarPane) as (desk, pilot):
        await measured(desk, pilot)
        assert "Exceeded 1 in 20" in text(desk)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_the_parts(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [VarPane])

    async def before(pilot) -> None:
        await desk.ready(pilot)
        await desk.trade()
        await measured(desk, pilot)
        await pilot.press("v")
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES[::2], ids=str)
def test_picture_of_the_drawdown(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [VarPane])

    async def before(pilot) -> None:
        await desk.ready(pilot)
        await a_past(desk)
        await pilot.press("V")
        await measured(desk, pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


def test_what_is_nothing_has_no_sign():
    assert [money(value) for value in (-0.0, 0.0, -0.001, -0.01, -1_234.5)] == [
        "0.00",
        "0.00",
        "0.00",
        "-0.01",
        "-1,234",
    ]
