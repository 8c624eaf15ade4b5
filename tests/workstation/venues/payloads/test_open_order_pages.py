"""The list of open orders is read to its end where an exchange gives a page of it at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from answering import Desk, Sent, desk_on
from documented import ANSWERS
from payload_markets import MARKETS

from workstation.venues.ccxt.pages import PAGING
from workstation.venues.contract import VenueError

#: The question for open spot orders, the name of an order's number, and where the list is in the answer.
LISTS: dict[str, tuple[str, str, Callable[[Any], list[Any]]]] = {
    "bybit": ("order/realtime & category=spot", "orderId", lambda answer: answer["result"]["list"]),
    "okx": ("trade/orders-pending", "ordId", lambda answer: answer["data"]),
    "coinbase": ("orders/historical/batch", "order_id", lambda answer: answer["orders"]),
    "kucoin": ("api.kucoin.com/api/v1/orders & status=active", "id", lambda answer: answer["data"]["items"]),
    "bitget": ("spot/trade/unfilled-orders", "orderId", lambda answer: answer["data"]),
    "gate": ("spot/open_orders", "id", lambda answer: answer[0]["orders"]),
}
#: The most on a page, as the exchanges' documents have it, and what they give where nothing is asked for.
MOST = {"bybit": (50, 20), "okx": (100, 100), "coinbase": (1_000, 100), "kucoin": (500, 50), "bitget": (100, 100)}
#: Newest first.
NUMBERS = list(range(1_450, 1_000, -1))


def pages(name: str, *, endless: bool = False) -> Callable[[Sent], Any]:
    """An exchange with many open orders, which gives a page of them as it is asked to."""
    part, word, _ = LISTS[name]
    order = LISTS[name][2](ANSWERS[name][part])[0]

    def answer(sent: Sent) -> Any:
        asked = dict(parse_qsl(urlsplit(sent.url).query))
        found: Any = msgspec.json.decode(msgspec.json.encode(ANSWERS[name][part]))
        most, usual = MOST.get(name, (100, 100))
        size = min(most, int(asked.get("limit") or asked.get("pageSize") or usual))
        if older := asked.get("after") or asked.get("idLessThan"):
            start = sum(number >= int(older) for number in NUMBERS)
        elif number := asked.get("page") or asked.get("currentPage"):
            start = (int(number) - 1) * size
        else:
            start = int(asked.get("cursor") or 0)
        numbers = list(range(9_000_000 - start, 9_000_000 - start - size, -1)) if endless else NUMBERS[start:][:size]
        LISTS[name][2](found)[:] = [order | {word: str(number)} for number in numbers]
        following = str(start + size) if endless or start + size < len(NUMBERS) else ""
        if name == "bybit":
            found["result"]["nextPageCursor"] = following
        elif name == "coinbase":
            found |= {"cursor": following, "has_next": bool(following)}
        return found

    return answer


async def desk(name: str, answer: Callable[[Sent], Any]) -> Desk:
    return await desk_on(name, ANSWERS[name] | {LISTS[name][0]: answer}, MARKETS[name])


def test_every_exchange_that_gives_pages_is_tried() -> None:
    assert LISTS.keys() == PAGING.keys()


@pytest.mark.parametrize("name", LISTS)
async def test_every_open_order_is_seen_however_many_pages_they_fill(name: str) -> None:
    at = await desk(name, pages(name))
    try:
        found = [order.venue_order_id for order in await at.venue.open_orders()]
        assert sorted(found) == sorted(map(str, NUMBERS))
        assert not at.venue.strangers
    finally:
        await at.venue.exchange.close()


async def test_a_list_without_an_end_is_no_list_that_proves_anything() -> None:
    at = await desk("bybit", pages("bybit", endless=True))
    try:
        with pytest.raises(VenueError, match="without an end"):
            await at.venue.open_orders()
    finally:
        await at.venue.exchange.close()
