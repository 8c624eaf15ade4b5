"""While the store is being opened nobody knows what there is: the desk says so, and shows no number for it."""

from __future__ import annotations

import re
import threading
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from plugins.books.pane import LadderPane
from plugins.orders.pane import OrdersPane
from plugins.positions import PositionsPane
from plugins.ticket.pane import TicketPane
from screens.testing import FrozenDesk
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

#: What would be an amount of money where none is known.
FALSE = re.compile(r"(?<![\d.,])[+-]?0\.00(?![\d])")


@asynccontextmanager
async def opening(tmp_path, size):
    """A desk whose store is being opened until the yielded event is set."""
    desk = FrozenDesk(tmp_path, [LadderPane, OrdersPane, PositionsPane, TicketPane])
    opened, go_on = desk.engine._open_store, threading.Event()

    def slowly():
        go_on.wait(30)
        return opened()

    desk.engine._open_store = slowly
    try:
        async with desk.app.run_test(size=size) as pilot:
            yield desk, pilot, go_on
    finally:
        go_on.set()
        await desk.engine.close()


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_no_false_number_is_shown_before_the_store_is_open(tmp_path, size):
    async with opening(tmp_path, size) as (desk, pilot, go_on):
        desk.app.desk.set_size("NOVA:BTC-USDT", Decimal("0.1"))
        await desk.painted(pilot)
        for slot in desk.app.workspace.slots():
            desk.app.workspace.focus_slot(slot)
            await desk.painted(pilot)
            text = desk.screen_text()
            assert not FALSE.search(text), text
            assert "No open positions" not in text
            assert "No orders to show" not in text
            assert "are free" not in text
        assert "Equity opening …" in desk.screen_text().splitlines()[0] or size[0] < 100
        assert "ACTIVE" not in desk.screen_text(), "it may have been left HALTED"
        go_on.set()
        await desk.ready(pilot)
        assert "ACTIVE" in desk.screen_text()
        assert "opening" not in desk.screen_text()
        assert desk.engine.equity() == 200_000


async def test_the_ticket_says_that_the_desk_is_opening_and_then_what_an_order_would_do(tmp_path):
    async with opening(tmp_path, (160, 48)) as (desk, pilot, go_on):
        await pilot.press("o")
        await desk.painted(pilot)
        assert "Opening: positions and" in desk.screen_text()
        go_on.set()
        await desk.ready(pilot)
        assert "Opening: positions" not in desk.screen_text()
        assert "✓" in desk.screen_text()


async def test_a_desk_that_is_left_before_its_first_focus_ends_without_a_word(tmp_path):
    desk = FrozenDesk(tmp_path, [LadderPane])
    async with desk.app.run_test() as pilot:
        await desk.ready(pilot)
        desk.app.screen.set_focus(None)
        await desk.app.workspace.remove()  # what Textual does when the desk is left
        desk.app.desk_screen._first_focus()
        desk.app.frame()
        desk.app.refresh_bars()


async def test_fills_that_the_store_brings_are_not_told_as_news(tmp_path):
    desk = FrozenDesk(tmp_path, [LadderPane])
    await desk.start()
    await desk.engine.wait_ready()
    draft = OrderDraft(instrument="NOVA:BTC-USDT", side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
    assert (await desk.engine.submit(draft)).state is OrderState.FILLED
    await desk.engine.close()
    async with opening(tmp_path, (160, 48)) as (desk, pilot, go_on):
        await desk.painted(pilot)
        go_on.set()
        await desk.ready(pilot)
        await desk.painted(pilot)
        assert desk.engine.fills("NOVA:BTC-USDT")
        assert "Bought" not in desk.screen_text()
