"""On a desk whose locale writes 64.200,50 every number of the screen does, and what the engine says is put into those
signs where it is shown: kept, logged and copied it has a point. What was typed is quoted as it was typed."""

from __future__ import annotations

import re
from decimal import Decimal as D

import pytest
from trading_scene import BTC, scene

from plugins.connections import ConnectionsPane
from plugins.log import LogPane
from plugins.opportunities import OpportunitiesPane
from plugins.orders import OrdersPane
from plugins.positions import PositionsPane
from plugins.strategies import StrategiesPane
from screens import figures
from screens.figures import refusal_text
from screens.parameters import typed
from workstation.domain.formats import POINT
from workstation.domain.order import Side
from workstation.research.bench.messages import ParameterSpec
from workstation.trading.errors import Refused
from workstation.venues.contract import StreamAge
from workstation.venues.standing import StreamRow, StreamStanding

GERMAN = {"locale": "de"}
#: 0.5 or 64,200.25, but no thousands: 64.200.
_WITH_POINT = re.compile(r"(?<![.:-])\d\.(?:\d{1,2}|\d{4,})(?![\d.])")


@pytest.fixture(autouse=True)
def _point_again():
    yield
    figures.use(POINT, None)


def text(desk, name):
    pane = desk.app.workspace.panes[name]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


async def test_the_panes_write_their_numbers_so(tmp_path):
    panes = (PositionsPane, ConnectionsPane, StrategiesPane, OpportunitiesPane, LogPane)
    async with scene(tmp_path, *panes, size=(200, 60), settings=GERMAN) as (desk, pilot):
        engine = desk.engine
        age = StreamAge(what="book", symbol="BTC-USD", up=True, heard=desk.clock.now(), messages=48_211, beats=1_204)
        engine.streams = lambda: [StreamRow(venue="KRAKEN", age=age, standing=StreamStanding.LIVE)]
        await engine.strategies.start("sma_cross", BTC.id, capital=D(5_000))
        await desk.order(BTC.id, Side.BUY, "30", "64190")
        for name in ("positions", "connections", "strategies", "opportunities", "log"):
            desk.app.workspace.focus_slot(name)
            await desk.painted(pilot)
            assert not _WITH_POINT.findall(text(desk, name)), text(desk, name)
            if name == "connections":
                assert "48.211" in text(desk, name)
                assert "1.204" in text(desk, name)
            if name == "strategies":
                assert "5.000" in text(desk, name)


async def test_a_refusal_has_the_numbers_of_the_desk_so_and_those_that_were_typed_as_they_were(tmp_path):
    async with scene(tmp_path, OrdersPane, traded=False, settings=GERMAN) as (desk, _pilot):
        meaning = desk.app.typed.meaning
        assert "is not a multiple of the tick 0,1" in meaning("buy 1 @ 64200,05").text
        assert "1,500x is not a" in meaning("buy 1 @ 1,500x").text
        assert meaning("buy 1 @ 64.200").text.startswith("64.200 can be 64200 or 64,2")
        await desk.app.typed.run("buy 1 @ 64200,05")
        assert "tick 0,1" in desk.toasts()[-1]
        with pytest.raises(Refused) as refused:
            typed("9,5", ParameterSpec("share", "float", 0.5, low=0.25, high=2.5, step=0.1), "Share")
        assert str(refused.value) == "Share goes from 0.25 to 2.5, not 9.5."
        assert refusal_text(refused.value) == "Share goes from 0,25 to 2,5, not 9,5."
