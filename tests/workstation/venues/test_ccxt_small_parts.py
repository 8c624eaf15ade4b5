"""Parts of the ccxt venue without an exchange: what an answer is, lists to their end, a silence over a reconnect."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ccxt.base.errors import BadResponse, ExchangeNotAvailable

from workstation.clock import SECOND, SimClock
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.venues.ccxt import commands, link, pictures
from workstation.venues.ccxt.client import must_be_readable
from workstation.venues.ccxt.dead_man import DeadMan
from workstation.venues.ccxt.from_thread import _cancel
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.ccxt.ids import IdRule, to_wire
from workstation.venues.ccxt.lookup import _search
from workstation.venues.ccxt.pages import TRADES, to_the_end
from workstation.venues.ccxt.particulars import OFFERED, particulars
from workstation.venues.ccxt.trades import trades_of
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import VenueError


@pytest.mark.parametrize(
    "answer", ["", " ", "Bad gateway", "ok", '{"orders": [', "<html>", b"[1, 2", b"upstream", None]
)
def test_text_is_no_answer(answer: Any) -> None:
    with pytest.raises(BadResponse, match="cannot be read"):
        must_be_readable(answer)


@pytest.mark.parametrize("answer", [[], {"a": 1}, '"disabled"', "1764168000000", "null"])
def test_what_was_read_is_an_answer_and_a_single_value_too(answer: Any) -> None:
    assert must_be_readable(answer) == answer


def own(number: str) -> str:
    """An id of the desk."""
    return f"tws{number.rjust(17, '0')}"


class Paged:
    """An exchange of many open orders that gives the newest hundred, or what follows a cursor."""

    has: dict[str, bool] = {}

    def __init__(self, name: str, count: int) -> None:
        self.id = name
        self.open = [str(number) for number in range(count, 0, -1)]

    def _page(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        first = int(params.get("cursor", 0))
        after = str(first + 100) if first + 100 < len(self.open) else ""
        return [
            {
                "id": each,
                "symbol": "BTC/USDT",
                "clientOrderId": to_wire(own(each), IdRule.UUID),
                "info": {"cursor": after},
            }
            for each in self.open[first : first + 100]
        ]

    def cancel_order(self, number: str, symbol: str) -> None:
        self.open.remove(number)


class Waiting(Paged):
    async def fetch_open_orders(
        self, symbol: str, since: None = None, limit: None = None, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        return self._page(params or {})

    async def _none(self, symbol: str, since: int) -> list[dict[str, Any]]:
        return []

    fetch_closed_orders = fetch_canceled_orders = fetch_orders = _none


class Synchronous(Paged):
    def fetch_open_orders(self, symbol: str) -> list[dict[str, Any]]:
        return self._page({})


def test_from_a_thread_orders_beyond_the_first_page_are_pulled_too() -> None:
    exchange = Synchronous("okx", 250)
    venue = cast(CcxtVenue, SimpleNamespace(facts=OFFERED["okx"], markets={"BTC/USDT": None}))
    assert _cancel(venue, exchange, time.monotonic() + 10) == "took 250 cancels"
    assert exchange.open == []


class Stubborn(Synchronous):
    """It fails to cancel some of its orders, always or at the first try."""

    def __init__(self, name: str, count: int, *, never: set[str], later: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        super().__init__(name, count)
        self.never, self.later, self.tries = never, set(later), Counter[str]()

    def cancel_order(self, number: str, symbol: str) -> None:
        self.tries[number] += 1
        if number in self.never or (number in self.later and self.tries[number] == 1):
            raise ExchangeNotAvailable("try again later")
        super().cancel_order(number, symbol)


@pytest.mark.parametrize("name", ["okx", "elsewhere"])  # with and without pages
def test_from_a_thread_a_cancel_that_fails_stops_no_other(name: str) -> None:
    exchange = Stubborn(name, 90, never={"90", "40"}, later={"88"})
    venue = cast(CcxtVenue, SimpleNamespace(facts=OFFERED["okx"], markets={"BTC/USDT": None}))
    said = _cancel(venue, exchange, time.monotonic() + 10)
    assert said == "took 88 cancels; 2 failed: try again later"
    assert exchange.open == ["90", "40"]
    assert exchange.tries["90"] == 3


def test_from_a_thread_a_page_of_orders_that_cannot_be_cancelled_does_not_go_on_for_ever() -> None:
    exchange = Stubborn("okx", 250, never={str(number) for number in range(151, 251)})
    venue = cast(CcxtVenue, SimpleNamespace(facts=OFFERED["okx"], markets={"BTC/USDT": None}))
    with pytest.raises(ExchangeNotAvailable, match="try again later"):
        _cancel(venue, exchange, time.monotonic() + 10)


async def test_an_order_beyond_the_first_page_is_found() -> None:
    venue = cast(CcxtVenue, SimpleNamespace(facts=OFFERED["coinbase"]))
    found = await _search(venue, Waiting("coinbase", 250), "BTC/USDT", own("3"), 0)
    assert found is not None
    assert found["id"] == "3"


def test_a_silence_is_noticed_though_the_connection_was_renewed_within_it() -> None:
    clock, said, anew = SimClock(0), [], []
    venue = SimpleNamespace(
        clock=clock, name="LOOP", anew=anew.append, gate=None, on_notice=lambda level, text: said.append(text),
        facts=SimpleNamespace(dead_man_of=float), settings=SimpleNamespace(dead_man_seconds=Decimal(60)),
    )  # fmt: skip
    switch = DeadMan(cast(CcxtVenue, venue))
    clock.advance(SECOND)
    switch._hold()
    clock.advance(49 * SECOND)
    switch.fresh()
    assert (switch.held, switch.silence) == (0, (0, 0))
    clock.advance(40 * SECOND)
    switch._hold()
    assert switch.silence == (SECOND, 90 * SECOND)
    switch._hold()
    assert len(said) == 1
    assert "heard nothing of this desk for 89 s" in said[0]
    assert anew == ["its dead man's switch has cancelled orders"]


def test_books_are_asked_less_deep_where_many_are_open() -> None:
    futures, spot, kraken = (OFFERED[name] for name in ("binanceusdm", "binance", "kraken"))
    assert [futures.depth_of(books) for books in (1, 10, 11, 20, 21, 40, 41, 100, 500)] == [
        1000, 1000, 500, 500, 100, 100, 50, 50, 50,
    ]  # fmt: skip
    assert [spot.depth_of(books) for books in (2, 20, 40, 100)] == [1000, 1000, 500, 100]
    assert kraken.depth_of(100) == kraken.depth


async def test_a_picture_that_waits_in_the_desk_s_own_queue_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_PICTURE", 0.05)
    gate = RequestGate(10.0, 10.0, headroom=0.0)
    found = asyncio.get_running_loop().create_future()

    async def watch(_symbol: str, _depth: int | None) -> object:
        return await found

    exchange = SimpleNamespace(watch_order_book=watch)
    await gate.pass_through(10)
    others = [asyncio.ensure_future(gate.pass_through(5)) for _ in range(2)]
    await asyncio.sleep(0)
    assert gate.backlog == 1.0
    picture = asyncio.ensure_future(pictures.first_picture(exchange, gate, "BTC/USDT", 100, 0.0))
    await asyncio.sleep(0.2)
    assert not picture.done()
    found.set_result({})
    await picture
    for other in others:
        other.cancel()
    found = asyncio.get_running_loop().create_future()
    assert gate.backlog == 0.0
    with pytest.raises(pictures.NoPicture, match="no picture of it came within 0 s"):
        await pictures.first_picture(exchange, gate, "BTC/USDT", 100, 0.0)


async def test_a_list_that_is_taken_page_by_page_is_read_as_far_as_it_has_to_be() -> None:
    pages = 0

    async def ask(_params: dict[str, Any]) -> list[dict[str, Any]]:
        nonlocal pages
        pages += 1
        return [{"id": f"{pages}-{number}"} for number in range(50)]

    took: list[int] = []
    await to_the_end("kraken", ask, {}, TRADES, enough=lambda page: bool(took.append(len(page))) or len(took) == 2)
    assert (pages, took) == (2, [50, 50])
    pages = 0
    found = await to_the_end("kraken", ask, {}, TRADES, enough=lambda _page: False)
    assert (pages, len(found)) == (100, 5_000), "who takes it page by page has what there was"


async def test_trades_since_longer_ago_than_any_are_kept_are_asked_for_up_to_now() -> None:
    asked: list[int] = []

    async def fetch_my_trades(_symbol: str, since: int, *_: Any) -> list[Any]:
        asked.append(since)
        return []

    day, now = 86_400_000, 1_800_000_000_000
    venue = SimpleNamespace(clock=SimClock(now * 1_000_000), drift=0)
    exchange = SimpleNamespace(id="binanceusdm", fetch_my_trades=fetch_my_trades)
    await trades_of(cast(CcxtVenue, venue), exchange, "BTC/USDT:USDT", now - 200 * day)
    assert asked[0] == now - 90 * day
    assert asked[-1] > now - 7 * day


def test_a_wrong_clock_here_lengthens_a_request_s_life_only_where_it_is_signed_by_it() -> None:
    def life(name: str, signs_ahead: int) -> float:
        venue = SimpleNamespace(facts=particulars(name), shows_after=20.0, signs_ahead=signs_ahead, drift=-(10**12))
        return CcxtVenue.request_life(cast(CcxtVenue, venue))

    assert [life(name, 600_000) for name in ("binance", "bybit", "okx")] == [20.0] * 3
    assert [life(name, 600_000) for name in ("coinbase", "hyperliquid")] == [620.0] * 2
    assert life("coinbase", -600_000) == 20.0


async def test_the_switch_is_told_as_often_as_its_shortest_time_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time grows with the instruments at work, and shrinks again."""
    monkeypatch.setattr(link, "_FIRST", 0.01)
    told: list[float] = []

    async def hold(_exchange: Any) -> None:
        told.append(time.monotonic())

    venue = SimpleNamespace(
        dead_man=SimpleNamespace(wanted=True, seconds=60.0, hold=hold),
        facts=SimpleNamespace(dead_man_of=float),
        settings=SimpleNamespace(dead_man_seconds=0.15),
        probe_now=asyncio.Event(),
        silence_asked=SimpleNamespace(left=0.0),
        exchange=SimpleNamespace(has={}),
        keys=None,
    )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(link._watch(cast(CcxtVenue, venue)), 1.5)
    assert len(told) >= 3


def test_a_market_order_that_goes_as_a_limit_goes_by_the_last_trade_while_there_is_no_book() -> None:
    instrument = Instrument(venue="V", symbol="BTC-PERP", base="BTC", quote="USDC", tick=Decimal(1), lot=Decimal(1))
    exchange = SimpleNamespace(orderbooks={"BTC": {"bids": [[100.0, 1.0]], "asks": []}}, trades={})
    venue = cast(CcxtVenue, SimpleNamespace(name="V", exchange=exchange, symbols={instrument.id: "BTC"}))
    assert commands._market_limit(venue, instrument, Side.SELL) == 98
    exchange.orderbooks.clear()
    with pytest.raises(VenueError, match="shows no price"):
        commands._market_limit(venue, instrument, Side.SELL)
    exchange.trades["BTC"] = [{"price": 70.0}, {"price": 50.0}]
    assert commands._market_limit(venue, instrument, Side.SELL) == 49
