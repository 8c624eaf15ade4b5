"""A venue goes silent: time goes on and no event comes. Every price shows how old it is, and nothing is sent on it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from msgspec.structs import replace

from plugins.books.pane import LadderPane
from plugins.chart.pane import ChartPane
from plugins.positions import PositionsPane
from plugins.tape import TapePane
from plugins.ticket.pane import TicketPane
from plugins.watchlist import WatchlistPane
from screens.testing import BTC, BTC_ORBIT, ETH, INSTRUMENTS, MIDS, PERP, START, FrozenDesk, book
from workstation.clock import SECOND
from workstation.domain.market import MarkPrice
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.limits import RiskLimits

PANES = [LadderPane, ChartPane, TapePane, WatchlistPane, PositionsPane, TicketPane]
D = Decimal


@asynccontextmanager
async def opened(tmp_path, size=(160, 48), panes=PANES, **options):
    desk = FrozenDesk(tmp_path, panes, **options)
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            yield desk, pilot
    finally:
        await desk.engine.close()


async def silence(desk, pilot, seconds):
    """Nothing comes for a while: the screen is painted by its clock alone, once a second."""
    desk.clock.advance(round(seconds * SECOND))
    for _ in range(desk.engine.settings.market.frame_rate + 1):
        desk.app.frame()
    await desk.painted(pilot)


def speak(desk, instrument, version=2):
    """The venue sends the book again."""
    desk.feed(replace(book(instrument, desk.clock.now()), sequence=version))


async def buy(desk, instrument, quantity):
    order = await desk.engine.submit(
        OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=D(quantity), type=OrderType.MARKET)
    )
    assert order.state is not OrderState.DENIED, order.reason


def title(desk, slot):
    state = desk.app.workspace.panes[slot].stale()
    return "" if state is None else state


def colour(pane, y, text):
    """The colour in which `text` stands in row `y` of a pane."""
    return next(segment.style.color for segment in pane._strips[y] if text in segment.text)


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_each_pane_says_how_old_its_prices_are_though_nothing_happens(tmp_path, size):
    async with opened(tmp_path, size) as (desk, pilot):
        assert "STALE" not in desk.screen_text()
        await silence(desk, pilot, 4)
        assert "STALE" not in desk.screen_text()  # not older than market.stale_after_ms
        await silence(desk, pilot, 8)
        for slot in ("books", "chart", "tape", "ticket"):
            desk.app.workspace.focus_slot(slot)
            await desk.painted(pilot)
            assert title(desk, slot) == "12s"
            assert " STALE 12s " in desk.screen_text()
        for one in INSTRUMENTS:
            speak(desk, one)
        await desk.painted(pilot)
        assert "STALE" not in desk.screen_text()


async def test_one_silent_instrument_is_old_and_the_others_are_not(tmp_path):
    async with opened(tmp_path) as (desk, pilot):
        pane = desk.app.workspace.panes["watchlist"]
        await silence(desk, pilot, 30)
        for one in INSTRUMENTS:
            if one is not ETH:
                speak(desk, one)
        desk.app.workspace.focus_slot("watchlist")
        pane.repaint()
        rows = {pane.row_text(y).split()[0].lstrip("▲▼"): y for y in range(1, 1 + len(INSTRUMENTS))}
        assert "30s" in pane.row_text(rows[ETH.id])
        assert "30s" not in pane.row_text(rows[BTC.id])
        assert colour(pane, rows[ETH.id], "3,2" if "3,2" in pane.row_text(rows[ETH.id]) else "32") == pane.ink.dim.color


async def test_the_ladder_fades_the_book_and_brings_it_back(tmp_path):
    async with opened(tmp_path) as (desk, pilot):
        pane = desk.app.workspace.panes["books"]
        best = pane.height // 2
        bright = list(pane._strips[best])
        await silence(desk, pilot, 6)
        assert list(pane._strips[best]) != bright
        speak(desk, BTC)
        pane.repaint()
        assert list(pane._strips[best]) == bright


async def test_positions_and_equity_that_rest_on_an_old_price_are_marked(tmp_path):
    async with opened(tmp_path) as (desk, pilot):
        await buy(desk, PERP, "0.1")
        await desk.painted(pilot)
        assert "Equity ~" not in desk.screen_text()
        await silence(desk, pilot, 20)
        status = desk.screen_text().splitlines()[0]
        assert "Equity ~" in status
        assert "20s old" in status
        assert "Day ~" in status
        desk.app.workspace.focus_slot("positions")
        pane = desk.app.workspace.panes["positions"]
        pane.repaint()
        assert title(desk, "positions") == "20s"
        assert "prices 20s old" in pane.row_text(pane.height - 1)
        assert colour(pane, 1, "64,215.0") == pane.ink.dim.color
        speak(desk, PERP)  # the book alone is not what positions are valued at
        pane.repaint()
        assert title(desk, "positions") == "20s"
        now = desk.clock.now()
        desk.feed(MarkPrice(PERP.id, now, D(MIDS[PERP.id]), D("0.0001"), now + 3_600 * SECOND))
        pane.repaint()
        assert title(desk, "positions") == ""
        await desk.painted(pilot)
        assert "Equity ~" not in desk.screen_text()


async def test_money_without_a_position_is_never_old(tmp_path):
    async with opened(tmp_path) as (desk, pilot):
        await silence(desk, pilot, 3_600)
        assert desk.engine.equity_stale_for() is None
        assert "Equity ~" not in desk.screen_text()


async def test_the_limit_is_the_traders_own(tmp_path):
    async with opened(tmp_path, settings={"market": {"stale_after_ms": 60_000}}) as (desk, pilot):
        await silence(desk, pilot, 59)
        assert "STALE" not in desk.screen_text()
        await silence(desk, pilot, 2)
        assert "STALE 61s" in desk.screen_text()


@pytest.mark.parametrize("slot", ["books", "chart", "ticket"])
async def test_an_order_on_an_old_price_is_refused_in_a_sentence(tmp_path, slot):
    async with opened(tmp_path) as (desk, pilot):
        await silence(desk, pilot, 12)
        desk.app.workspace.focus_slot(slot)
        await pilot.press(*(["enter"] if slot == "ticket" else ["b", "enter"]))
        await desk.painted(pilot)
        assert all(order.state is OrderState.DENIED for order in desk.engine.orders())
        assert "The newest price of BTC-USDT is 12 s old" in " ".join(
            [*desk.toasts(), *(order.reason for order in desk.engine.orders())]
        )


@pytest.mark.parametrize("slot", ["books", "chart", "ticket"])
async def test_an_order_on_an_old_picture_is_refused_though_the_market_goes_on(tmp_path, slot):
    """The book moved on unpainted: what the trader saw is older than the limit."""
    async with opened(tmp_path, limits=RiskLimits(max_painted_age_ms=500)) as (desk, pilot):
        desk.app.workspace.focus_slot(slot)
        pane = desk.app.workspace.panes[slot]
        if slot != "ticket":
            await pilot.press("b")
        await desk.painted(pilot)
        pane.paint = lambda now: None  # the screen stands
        desk.clock.advance(3 * SECOND)
        speak(desk, BTC)
        await pilot.press("enter")
        await desk.painted(pilot)
        said = [*desk.toasts(), *(order.reason for order in desk.engine.orders()), str(getattr(pane, "said", ""))]
        assert "on the screen is 3.0 s old: look again, then send." in " ".join(said)
        assert all(order.state is OrderState.DENIED for order in desk.engine.orders())


async def test_an_order_on_the_painted_book_passes_however_long_nothing_moved(tmp_path):
    async with opened(tmp_path, limits=RiskLimits(max_painted_age_ms=500)) as (desk, pilot):
        desk.app.workspace.focus_slot("books")
        await pilot.press("b")
        desk.clock.advance(3 * SECOND)
        await pilot.press("enter")
        await desk.painted(pilot)
        assert [order.state for order in desk.engine.orders()] == [OrderState.ACCEPTED]


async def test_a_fresh_market_costs_the_ladder_nothing_and_a_stale_one_a_painting_a_second(tmp_path):
    async with opened(tmp_path, panes=[LadderPane]) as (desk, _pilot):
        pane = desk.app.workspace.panes["books"]
        painted = []
        rows = pane._paint_rows
        pane._paint_rows = lambda *args: (painted.append(1), rows(*args))
        for _ in range(50):  # 5 s at 10 frames a second
            desk.clock.advance(SECOND // 10)
            pane.paint(desk.clock.now())
        assert not painted
        for _ in range(30):
            desk.clock.advance(SECOND // 10)
            pane.paint(desk.clock.now())
        assert len(painted) <= 4


async def test_the_other_venue_does_not_make_a_silent_one_fresh(tmp_path):
    async with opened(tmp_path) as (desk, pilot):
        await silence(desk, pilot, 10)
        speak(desk, BTC_ORBIT)
        assert desk.engine.stale_for(BTC_ORBIT.id) is None
        assert desk.engine.stale_for(BTC.id) == 10 * SECOND
        assert desk.clock.now() == START + 10 * SECOND
