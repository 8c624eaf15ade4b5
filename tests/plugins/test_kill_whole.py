"""The kill switch whole, on the real screen: 50 working orders and five positions on two venues, one of them gone bad,
the trader in the middle of something else; a restart in the middle, and one after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from screens.app import TwsApp
from screens.finder import Finder
from screens.kill_dialog import KillDialog
from screens.plugins import list_plugins
from tests.support.desk import START, TestDesk, demo_desk
from tests.support.kill_scene import Faults, break_everything, fill_the_desk, nothing_doubled, nothing_left
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.trading.kill_status import KillPhase
from workstation.venues.faulty import Fault

pytestmark = pytest.mark.slow

PANES = ("watchlist", "books", "tape", "chart", "ticket", "orders", "positions", "log")


def screen_of(desk: TestDesk) -> TwsApp:
    async def runs_already() -> None:
        pass

    return TwsApp(desk.engine, [info for info in list_plugins() if info.name in PANES], start=runs_already)


def text_of(app: TwsApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def shows(app: TwsApp, *sentences: str) -> None:
    for _ in range(200):
        if all(sentence in text_of(app) for sentence in sentences):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not all of {sentences} in\n{text_of(app)}")


async def in_the_palette(pilot) -> None:
    await pilot.press("ctrl+p", *"close")
    assert isinstance(pilot.app.screen, Finder)


async def in_the_middle_of_a_command(pilot) -> None:
    await pilot.press(":", *"buy 0.5 @ 6")
    assert ":buy 0.5 @ 6" in text_of(pilot.app)


@pytest.mark.parametrize("busy", [in_the_palette, in_the_middle_of_a_command])
async def test_one_key_cancels_all_and_the_second_flattens_all(tmp_path, busy: Callable[..., Awaitable[None]]) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await fill_the_desk(desk)
        app = screen_of(desk)
        async with app.run_test(size=(160, 48)) as pilot:
            await busy(pilot)
            break_everything(faults.venues["ORCA"])
            faults.venues["NOVA"].faults.add("cancel", Fault.LOST, times=2)
            async with desk.ticking():
                await pilot.press("f9")
                assert desk.engine.trading_state is TradingState.HALTED
                assert isinstance(app.screen, KillDialog)
                await desk.settle(lambda: not desk.engine.open_orders(), timeout=60)
                assert len(desk.engine.positions()) == 5, "the first key closes no position"
                await pilot.press("f9")
                await desk.settle(lambda: desk.engine.kill_status.flatten, timeout=5)
                await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=60)
                await shows(app, "HALTED", "50 of 50", "Positions closed: 5 of 5", "Receipt")
        await nothing_left(desk)
        nothing_doubled(desk)
        assert len(faults.venues["ORCA"].struck) > 20, "the faults were not met"


async def test_a_restart_in_the_middle_goes_on_and_one_after_it_comes_back_halted(tmp_path) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await fill_the_desk(desk)
        app = screen_of(desk)
        async with app.run_test(size=(160, 48)) as pilot:
            faults.venues["ORCA"].faults.add("*", Fault.UNREACHABLE, times=None)
            await pilot.press("f9", "f9")
            await desk.settle(lambda: not desk.engine.core.orders.open_at("NOVA"))
            await shows(app, "HALTED", "ORCA")
        assert len(desk.engine.core.orders.open_at("ORCA")) == 20
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        app = screen_of(desk)
        async with app.run_test(size=(80, 24)):
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
            await shows(app, "HALTED", "KILL SWITCH", "Receipt", "restart")
        await nothing_left(desk)
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        app = screen_of(desk)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "HALTED", "as the desk was left. To trade again", ":rearm demo")
            await pilot.press(":", *"buy 0.1 market", "enter")
            await shows(app, "The desk is HALTED: no order")
            assert desk.engine.positions() == []
