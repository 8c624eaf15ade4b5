"""A list of orders that may have been cut says so: what it lacks is then asked for by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from workstation.venues.ccxt import account
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.recent import orders_since

Orders = list[dict[str, Any]]


def some(count: int) -> Orders:
    return [{"id": str(number)} for number in range(count)]


@pytest.mark.parametrize(
    ("name", "longest", "whole"),
    [
        ("binance", 999, True),
        ("binance", 1_000, False),
        ("binanceusdm", 1_000, False),
        ("kraken", 49, True),
        ("kraken", 50, False),
        ("gate", 3, False),  # its lists are not asked for: of what has ended nothing is shown
    ],
)
async def test_a_full_page_may_have_been_cut(
    name: str, longest: int, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_: object) -> Orders:
        return some(longest)

    async def nothing(*_: object) -> Orders:
        return []

    facts = particulars(name)
    exchange = SimpleNamespace(
        id=facts.ccxt, has={"fetchClosedOrders": True}, fetch_orders=page, fetch_closed_orders=page,
        fetch_canceled_orders=page,
    )  # fmt: skip
    monkeypatch.setattr(account, "open_orders", nothing)
    venue: Any = SimpleNamespace(drift=0, lending=None, facts=facts)
    found, all_there = await orders_since(venue, exchange, 0, ["BTC/USDT"])
    assert all_there is whole
    assert len(found) == (0 if name == "gate" else longest)
