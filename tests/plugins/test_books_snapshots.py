"""What ladder, tape and watchlist look like, on a market that stands still, at both sizes of terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading_scene import BTC, PERP, Scene, Side

from plugins.books import LadderPane
from plugins.tape import TapePane
from plugins.watchlist import WatchlistPane
from screens.testing import START
from workstation.clock import MILLISECOND, SECOND
from workstation.domain.market import BookStale, Trade
from workstation.domain.order import OrderType
from workstation.trading.limits import RiskLimits

SIZES = [(160, 48), (80, 24)]
PANES = (WatchlistPane, TapePane, LadderPane)


class Session(Scene):
    """A desk with a short history of trades of every size, working orders around the market and a position."""

    async def trade(self) -> None:
        for number in range(30):
            size = 40 + number * 37 % 300 if number % 9 else 20_000
            self.feed(Trade(BTC.id, START + number * 90 * MILLISECOND, 642_000 + number % 3 % 2, size, number % 3 == 1))
            if number % 4 == 0:
                self.feed(
                    Trade(BTC.id, START + number * 90 * MILLISECOND + 1, 642_000 + number % 3 % 2, 9, number % 3 == 1)
                )
        self.clock.advance(3 * SECOND)
        await self.order(BTC.id, Side.BUY, "0.15")
        await self.order(BTC.id, Side.BUY, "0.05", "64199.7")
        await self.order(BTC.id, Side.BUY, "0.025", "64199.7")
        await self.order(BTC.id, Side.SELL, "0.05", "64200.6")
        await self.order(BTC.id, Side.SELL, "0.1", type=OrderType.STOP, stop_price=PRICE_OF_STOP, reduce_only=True)
        await self.order(PERP.id, Side.SELL, "0.1")


PRICE_OF_STOP = BTC.price(641_990)


@pytest.fixture
def picture(snap_compare, tmp_path):
    """Compare a picture after some keys; the ladders show a row for every tick unless told otherwise."""

    def compare(size, *keys, group=1, focus="books", after=None, panes=PANES, **options):
        desk = Session(tmp_path, panes, **options)
        for slot in ("books", "books:2"):
            desk.app.state.pane(slot)["groups"] = {BTC.id: group, PERP.id: group} if group else {}

        async def steps(pilot):
            await desk.ready(pilot)
            await desk.trade()
            desk.app.workspace.focus_slot(focus)
            await desk.painted(pilot)
            for key in keys:
                await pilot.press(key)
                await desk.painted(pilot)
            for pane in desk.app.workspace.shown():  # a pane that paints seldom has seen what is to be over
                pane.repaint()
            await desk.painted(pilot)
            desk.tick(11)  # flashes and sentences of before are over
            if after is not None:
                after(desk)
            for pane in desk.app.workspace.shown():
                pane.repaint()
            await desk.painted(pilot)
            for timer in list(desk.app._timers):
                timer.pause()

        return snap_compare(desk.app, run_before=steps, terminal_size=size)

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_with_orders_and_position(picture, size):
    assert picture(size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_alone(picture, size):
    assert picture(size, "z")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_with_a_staged_order(picture, size):
    assert picture(size, "s", "up", "up")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_with_an_amendment(picture, size):
    assert picture(size, "down", "down", "down", "J", "J")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_with_an_objection(picture, size):
    assert picture(size, "b", limits=RiskLimits(max_order_value=Decimal(500)))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_grouped_ladder(picture, size):
    assert picture(size, group=None)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_stale_ladder(picture, size):
    def stale(desk):
        desk.feed(BookStale(BTC.id, desk.clock.now(), "update 812 does not follow 810: waiting for a new snapshot"))

    assert picture(size, after=stale)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ladder_in_the_light_theme(picture, size):
    assert picture(size, "b", settings={"theme": "tws-light"})


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_page_of_ladders(picture, size):
    assert picture(size, "2", "l", "down", group=None)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tape(picture, size):
    assert picture(size, "z", focus="tape")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_held_and_filtered_tape(picture, size):
    assert picture(size, "z", "+", "down", "down", focus="tape")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_watchlist(picture, size):
    assert picture(size, "z", "t", "t", "T", "down", focus="watchlist")
