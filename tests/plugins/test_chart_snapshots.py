"""What the chart looks like, on a market that stands still, at both sizes of terminal and in both themes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trade_page import PANES
from trading_scene import BTC, Scene, Side

from plugins.chart import ChartPane
from screens.testing import START
from workstation.clock import SECOND
from workstation.domain.market import Trade
from workstation.domain.order import OrderType

SIZES = [(160, 48), (80, 24)]
#: (seconds after the last, price, lots)
TRADES = ((5, 642_300, 900), (40, 642_850, 2_500), (45, 641_700, 12_000), (30, 642_300, 700), (50, 641_900, 4_000))


class Session(Scene):
    """A desk that has traded: fills, a position, working orders near and far."""

    async def trade(self) -> None:
        now = START
        for seconds, price, lots in TRADES:
            now += seconds * SECOND
            self.clock.advance_to(now)
            self.feed(Trade(BTC.id, now, price, lots, price > 642_000))
            if seconds == 40:
                await self.order(BTC.id, Side.BUY, "0.25")
            if seconds == 30:
                await self.order(BTC.id, Side.SELL, "0.1")
            now = self.clock.now()
        await self.order(BTC.id, Side.BUY, "0.05", "64120")
        await self.order(BTC.id, Side.BUY, "0.02", "64120")
        await self.order(BTC.id, Side.SELL, "0.05", "64330.5")
        await self.order(BTC.id, Side.SELL, "0.1", type=OrderType.STOP, stop_price=Decimal("63950"), reduce_only=True)
        await self.order(BTC.id, Side.BUY, "0.01", "62500")


@pytest.fixture
def picture(snap_compare, tmp_path):
    """Compare a picture after some keys."""

    def compare(size, *keys, panes=(ChartPane,), zoomed=True, **options):
        desk = Session(tmp_path, panes, **options)

        async def steps(pilot):
            await desk.ready(pilot)
            await desk.trade()
            desk.app.workspace.focus_slot("chart")
            await desk.painted(pilot)
            for key in (*(("z",) if zoomed else ()), *keys):
                await pilot.press(key)
                await desk.painted(pilot)
            for timer in list(desk.app._timers):
                timer.pause()
            desk.app.desk_screen.notices.items.clear()
            await desk.painted(pilot)

        return snap_compare(desk.app, run_before=steps, terminal_size=size)

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_on_the_trade_page(picture, size):
    others = tuple(pane for pane in PANES if pane.PANE != "chart")
    assert picture(size, panes=(ChartPane, *others), zoomed=False)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_alone(picture, size):
    assert picture(size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_crosshair_on_wide_bars_of_five_minutes(picture, size):
    assert picture(size, "i", "w", "w", *["left"] * 5, *["up"] * 4)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_staged_order(picture, size):
    assert picture(size, *["down"] * 5, "b", "+")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_objection_to_a_staged_order(picture, size):
    assert picture(size, *["up"] * 3, "s", *["+"] * 9)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_light_theme_hours_and_days(picture, size):
    assert picture(size, "i", "i", "i", "W", settings={"theme": "tws-light"})


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_days_of_the_past_on_a_logarithmic_scale_without_volume(picture, size):
    assert picture(size, *["i"] * 5, "y", "v", "pageup")
