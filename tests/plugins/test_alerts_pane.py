"""Alerts on the screen: set by typing, by a key at the cursor and in the pane; told by notice, bell and note."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading_scene import BTC, Scene, scene

from plugins.alerts import AlertsPane
from plugins.books import LadderPane
from plugins.chart import ChartPane
from screens.alarm import terminal_note
from workstation.clock import SECOND
from workstation.domain.market import Trade
from workstation.trading.alerts import Alert, AlertKind, Way

SIZES = [(160, 48), (100, 30), (80, 24)]


def text(desk) -> str:
    pane = desk.app.workspace.panes["alerts"]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


def trade(desk, price: str) -> None:
    """A trade at a price, and time for the alerts to look at it."""
    ticks = int(Decimal(price) / BTC.tick)
    desk.feed(Trade(BTC.id, desk.clock.now(), ticks, 10, True, f"{desk.clock.now()}"))
    desk.clock.advance(SECOND // 2)


async def test_an_alert_is_typed_fires_and_rings(tmp_path):
    async with scene(tmp_path, AlertsPane, traded=False) as (desk, pilot):
        bells: list[int] = []
        desk.app.bell = lambda: bells.append(1)
        await pilot.press(":", *"alert NOVA:BTC-USDT > 64250", "enter")
        await desk.painted(pilot)
        assert "NOVA:BTC-USDT is above 64250" in text(desk)
        assert "waits" in text(desk)
        trade(desk, "64240")
        assert not bells
        trade(desk, "64251")
        await desk.painted(pilot)
        assert bells == [1]
        assert any(one.startswith("ALERT") and "is above 64250" in one for one in desk.toasts())
        assert "fired 12:00:00" in text(desk)
        trade(desk, "64300")
        assert bells == [1]


async def test_an_alert_is_changed_snoozed_repeated_and_deleted_by_keys(tmp_path):
    async with scene(tmp_path, AlertsPane, traded=False) as (desk, pilot):
        alerts = desk.engine.alerts
        desk.app.workspace.panes["alerts"].focus()
        await pilot.press("n", *"NOVA:BTC-USDT > 64250", "enter")
        await desk.painted(pilot)
        await pilot.press("enter", "ctrl+u", *"spread NOVA:BTC-USDT > 5", "enter")
        await desk.painted(pilot)
        assert [(one.kind, one.level) for one in alerts.alerts()] == [(AlertKind.SPREAD, 5)]
        await pilot.press("enter", "end", *" nonsense", "enter")
        await desk.painted(pilot)
        assert len(alerts.alerts()) == 1, "what cannot be read leaves the alert as it was"
        await pilot.press("s", "r")
        await desk.painted(pilot)
        assert "quiet for 10m" in text(desk)
        assert "every" in text(desk)
        await pilot.press("d")
        await desk.painted(pilot)
        assert alerts.alerts() == []


async def test_a_key_begins_the_line_of_an_alert_at_the_cursor(tmp_path):
    async with scene(tmp_path, ChartPane, LadderPane, AlertsPane, traded=False) as (desk, pilot):
        line = desk.app.desk_screen.command_line
        for slot, ups in (("chart", 3), ("books", 6)):
            pane = desk.app.workspace.panes[slot]
            desk.app.workspace.focus_slot(slot)
            await desk.painted(pilot)
            await pilot.press(*["up"] * ups, "A")
            assert line.is_open
            await pilot.press(*" repeat", "enter")
            await desk.painted(pilot)
            alert = desk.engine.alerts.alerts()[-1]
            desk.engine.alerts.delete(alert.alert_id)
            assert (alert.instrument, alert.way, alert.repeat) == (BTC.id, Way.ABOVE, True)
            assert alert.level == BTC.price(pane.crosshair if slot == "chart" else pane.ladder.cursor)


async def test_the_bell_can_be_turned_off(tmp_path):
    async with scene(tmp_path, AlertsPane, traded=False, settings={"alerts": {"bell": False}}) as (desk, _pilot):
        bells: list[int] = []
        desk.app.bell = lambda: bells.append(1)
        desk.engine.alerts.add(
            Alert(alert_id="", kind=AlertKind.PRICE, instrument=BTC.id, way=Way.ABOVE, level=Decimal(64_000))
        )
        trade(desk, "64201")
        assert not bells
        assert desk.engine.alerts.alerts()[0].done


def test_the_note_goes_through_tmux_and_carries_no_control_characters():
    assert terminal_note("up\x1b]0;x\x07", False) == "\x1b]9;up]0;x\x07"
    assert terminal_note("up", True) == "\x1bPtmux;\x1b\x1b]9;up\x07\x1b\\"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_alerts(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [AlertsPane])

    async def before(pilot):
        await desk.ready(pilot)
        alerts = desk.engine.alerts
        for number, line in enumerate(
            (
                "alert NOVA:BTC-USDT > 64210", "alert spread NOVA:BTC-USDT > 5 repeat", "alert pnl < -500 for 8h",
                "alert order rejected", "alert funding NOVA:BTC-PERP > 0.05%",
            )
        ):  # fmt: skip
            pane = desk.app.workspace.panes["alerts"]
            alert = alerts.add(pane._read(line))
            alerts._alerts = {  # the ids are random; here they keep the order
                **{name: one for name, one in alerts._alerts.items() if name != alert.alert_id},
                str(number): Alert(**{name: getattr(alert, name) for name in alert.__struct_fields__}
                                   | {"alert_id": str(number)}),
            }  # fmt: skip
        trade(desk, "64211")
        alerts.snooze(600 * SECOND, "1")
        await desk.painted(pilot)
        desk.app.workspace.panes["alerts"].focus()
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
