"""What the dialogs look like that ask before something is done, at both sizes of terminal."""

from __future__ import annotations

import secrets
from random import Random

import pytest
from trading_scene import Scene

from plugins.orders import OrdersPane
from plugins.orders.history import History
from plugins.risk import RiskPane
from plugins.risk.dialog import TypedDialog
from screens.dialog import Question
from screens.live_dialog import LiveDialog
from screens.name_dialog import NameDialog
from screens.pane import Pane

SIZES = [(160, 48), (80, 24)]
pytestmark = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def picture(snap_compare, tmp_path, monkeypatch, size):
    """Compare a picture of the dialog of a kind that stands after some keys in a pane of a desk that has traded."""

    monkeypatch.setattr(secrets, "randbits", Random(1).getrandbits)  # ids of orders are in the pictures
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)

    def compare(pane: type[Pane], dialog: type, *press: str, line: str = "", live: bool = False) -> bool:
        desk = Scene(tmp_path, [pane])

        async def before(pilot):
            await desk.ready(pilot)
            await desk.trade()
            await desk.painted(pilot)
            shown = desk.app.workspace.panes[pane.PANE]
            shown.focus()
            shown.move_to([getattr(row, "field", "") for row in shown._shown].index(line) if line else 0)
            if live:
                desk.engine.mode, desk.app.armed = "live", False
            for key in press:
                await pilot.press(key)
                await desk.painted(pilot)
            assert isinstance(desk.app.screen, dialog)
            await desk.still(pilot)

        return bool(snap_compare(desk.app, terminal_size=size, run_before=before))

    return compare


def test_leaving_with_orders_and_positions(picture):
    assert picture(OrdersPane, Question, "ctrl+q")


def test_the_events_of_an_order(picture):
    assert picture(OrdersPane, History, "e")


def test_a_name_for_the_layout(picture):
    assert picture(OrdersPane, NameDialog, "ctrl+w", "s", *"scalping")


def test_a_limit_that_is_to_be_confirmed(picture):
    assert picture(RiskPane, TypedDialog, "enter", "ctrl+u", *"9000", "enter", line="max_order_value")


def test_going_live(picture):
    assert picture(OrdersPane, LiveDialog, "ctrl+l", *"nova", live=True)
