"""A store that has of an order the intent alone: what the venue tells of it is booked once, as the order's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, START, demo_desk
from workstation.clock import SECOND
from workstation.domain.order import OrderState, Side


async def test_its_fill_is_no_difference_of_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fill is heard with the first list, before the order is asked about: taken for a difference of money, and
    booked once more later, it would count twice."""
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        monkeypatch.setattr(desk.engine._journal, "note", lambda *_, **__: None)  # the desk dies before the next flush
        bought = await desk.market(BTC, Side.BUY, "0.4")
        paid = desk.engine.core.portfolio.balance("NOVA", "USDT")
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        await desk.settle(lambda: desk.engine.open_orders() == [])
        order = desk.engine.order(bought.client_id)
        assert order is not None
        assert order.state is OrderState.FILLED
        assert not [each for each in desk.engine.comparisons.differences if each.kind == "balance drift"]
        assert desk.engine.core.portfolio.balance("NOVA", "USDT") == paid
        assert not [entry.text for entry in desk.engine.log.entries if "is not legal" in entry.text]
