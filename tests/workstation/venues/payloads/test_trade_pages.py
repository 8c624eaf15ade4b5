"""Trades of the account are read to the oldest that is asked for where an exchange gives a page of the newest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from answering import NOW, Sent, desk_on
from documented import ANSWERS, T
from payload_markets import MARKETS

from workstation.clock import DAY, MILLISECOND
from workstation.venues.ccxt import pages as ccxt_pages
from workstation.venues.ccxt.pages import TRADES

#: The question for spot trades, the name of a trade's number and of its time, and where the list is in the answer.
LISTS: dict[str, tuple[str, str, str, Callable[[Any], list[Any]]]] = {
    "bybit": ("execution/list & category=spot", "execId", "execTime", lambda answer: answer["result"]["list"]),
    "okx": ("trade/fills & instType=SPOT", "tradeId", "ts", lambda answer: answer["data"]),
    "kraken": ("TradesHistory", "", "time", lambda answer: list(answer["result"]["trades"].values())),
    "coinbase": ("orders/historical/fills", "trade_id", "trade_time", lambda answer: answer["fills"]),
    "kucoin": ("api.kucoin.com/api/v1/fills", "tradeId", "createdAt", lambda answer: answer["data"]["items"]),
    "bitget": ("spot/trade/fills", "tradeId", "cTime", lambda answer: answer["data"]),
    "gate": ("spot/my_trades", "id", "create_time_ms", lambda answer: answer),
}
#: The most on a page, as the exchanges' documents have it, and what they give where nothing is asked for.
MOST = {"bybit": (100, 50), "kraken": (50, 50), "coinbase": (250, 100), "kucoin": (500, 50)}
#: Newest first. Forty of them are of one and the same millisecond: one order took what forty others offered.
NUMBERS = list(range(1_330, 1_000, -1))


def time_of(number: int) -> int:
    return T + (number if not 1_100 <= number < 1_140 else 1_100)


def trade(name: str, example: dict[str, Any], number: int) -> dict[str, Any]:
    _, word, when, _ = LISTS[name]
    ts = time_of(number)
    told: Any = str(ts)
    if name == "kraken":
        told = ts / 1_000
    elif name == "coinbase":
        told = f"2026-11-26T00:00:{(ts - T) / 1_000:06.3f}Z"
    elif name == "kucoin":
        told = ts
    return example | {when: told} | ({word: str(number)} if word else {}) | {"billId": str(number + 5_000_000)}


def pages(name: str) -> Callable[[Sent], Any]:
    """An exchange with many trades, which gives a page of them as it is asked to."""
    part, _, _, where = LISTS[name]
    example = where(ANSWERS[name][part])[0]

    def answer(sent: Sent) -> Any:
        asked = dict(parse_qsl(urlsplit(sent.url).query) + parse_qsl(sent.body))
        found: Any = msgspec.json.decode(msgspec.json.encode(ANSWERS[name][part]))
        most, usual = MOST.get(name, (100, 100))
        size = min(most, int(asked.get("limit" if name != "kucoin" else "pageSize") or usual))
        numbers = [number for number in NUMBERS if time_of(number) <= int(asked.get("endAt") or NOW)]
        if older := asked.get("after") or asked.get("idLessThan"):
            base = 5_000_000 if name == "okx" else 0
            start = sum(number + base >= int(older) for number in numbers)
        elif page := asked.get("page"):
            start = (int(page) - 1) * size
        else:
            start = int(asked.get("cursor") or asked.get("ofs") or 0)
        trades = [trade(name, example, number) for number in numbers[start:][:size]]
        following = str(start + size) if start + size < len(numbers) else ""
        if name == "kraken":
            found["result"]["trades"] = {str(n): each for n, each in zip(numbers[start:][:size], trades, strict=True)}
            return found
        where(found)[:] = trades
        if name == "bybit":
            found["result"]["nextPageCursor"] = following
        elif name == "coinbase":
            found["cursor"] = following
        return found

    return answer


def test_every_exchange_that_gives_the_newest_first_is_tried() -> None:
    assert LISTS.keys() == TRADES.keys()


@pytest.mark.parametrize("name", LISTS)
async def test_every_trade_since_a_moment_is_seen_however_many_pages_they_fill(name: str) -> None:
    at = await desk_on(name, ANSWERS[name] | {LISTS[name][0]: pages(name)}, MARKETS[name])
    try:
        found = await at.venue.fills_since(T * MILLISECOND)
        spot = next(each.id for each in at.venue.markets.values() if each.is_spot)
        numbers = [fill.trade_id.rpartition("-")[2] for fill in found if fill.instrument == spot]
        assert sorted(numbers) == sorted(map(str, NUMBERS))
    finally:
        await at.venue.exchange.close()


async def test_an_exchange_that_answers_for_a_week_is_asked_for_every_week_since() -> None:
    starts: list[int] = []

    def week(sent: Sent) -> Any:
        starts.append(int(dict(parse_qsl(urlsplit(sent.url).query))["startTime"]))
        return {"retCode": 0, "result": {"category": "spot", "list": []}}

    at = await desk_on("bybit", ANSWERS["bybit"] | {LISTS["bybit"][0]: week}, MARKETS["bybit"])
    try:
        await at.venue.fills_since(NOW - 20 * DAY)
        assert [round((NOW // MILLISECOND - start) * MILLISECOND / DAY, 3) for start in starts] == [20, 13, 6]
    finally:
        await at.venue.exchange.close()


@pytest.mark.parametrize("why", ["pages", "time"])
async def test_of_a_list_that_is_too_long_the_newest_are_taken_and_it_says_so(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ccxt_pages, "_MOST" if why == "pages" else "_LONGEST", 2 if why == "pages" else -1.0)
    at = await desk_on("kraken", ANSWERS["kraken"] | {LISTS["kraken"][0]: pages("kraken")}, MARKETS["kraken"])
    said: list[str] = []
    at.venue.on_notice = lambda _level, sentence: said.append(sentence)
    try:
        found = await at.venue.fills_since(T * MILLISECOND)
    finally:
        await at.venue.exchange.close()
    read = 100 if why == "pages" else 50
    assert {fill.trade_id for fill in found} == set(map(str, NUMBERS[:read]))
    (sentence,) = said
    assert f"the newest {read} are compared one by one" in sentence
