"""Binance's futures have the dead man's switch told instrument by instrument, at 10 requests each: it is held where
orders work, and what it costs leaves everybody else their requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from answering import Desk, Sent, desk_on
from ccxt.base.errors import NetworkError
from payload_markets import MARKETS

from workstation.clock import SECOND, SimClock
from workstation.domain.order import Order, OrderState, Side
from workstation.venues.ccxt.countdowns import Countdowns, most, time_for
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.urgency import Urgency

#: What the desk asks at most of Binance's futures, by default: a second, and at once.
RATE, BURST = 18.0, 180.0
COST = 10


class Futures:
    """A desk with so many instruments there."""

    def __init__(self, at: Desk, count: int) -> None:
        self.at, self.venue, self.clock = at, at.venue, at.venue.clock
        assert isinstance(self.clock, SimClock)
        ((symbol, instrument),) = list(self.venue.markets.items())[:1]
        coins = [f"C{number}" for number in range(count)]
        markets = {
            f"{coin}/USDT:USDT": msgspec.structs.replace(instrument, base=coin, symbol=f"{coin}-USDT-PERP")
            for coin in coins
        }
        self.venue.markets, self.venue.symbols = markets, {each.id: name for name, each in markets.items()}
        like = self.venue.exchange.markets[symbol]
        for coin in coins:
            name = f"{coin}/USDT:USDT"
            self.venue.exchange.markets[name] = {**like, "id": f"{coin}USDT", "symbol": name}
            self.venue.exchange.markets_by_id[f"{coin}USDT"] = [self.venue.exchange.markets[name]]
        self.venue.gate = RequestGate(RATE, BURST)
        self.notices: list[str] = []
        self.venue.on_notice = lambda _level, sentence: self.notices.append(sentence)
        self.orders: dict[int, Order] = {}
        self.venue.working = lambda: [order for order in self.orders.values() if order.is_open]
        assert isinstance(self.venue.dead_man, Countdowns)
        self.switch = self.venue.dead_man

    def works(self, number: int) -> None:
        """An order of an instrument is sent."""
        instrument = self.venue.markets[f"C{number}/USDT:USDT"]
        order = self.at.order(f"order{number}", instrument.symbol, Side.BUY, "0.01", "1000")
        self.orders[number] = msgspec.structs.replace(order, state=OrderState.ACCEPTED, created_at=self.clock.now())
        self.switch.order_sent(f"C{number}/USDT:USDT")

    def ends(self, number: int) -> None:
        del self.orders[number]

    async def passes(self, seconds: int) -> None:
        """Time, with a probe every ten seconds."""
        for second in range(seconds):
            if second % 10 == 0:
                await self.switch.hold(self.venue.exchange)
            await self.rests()
            self.clock.advance(SECOND)  # type: ignore[attr-defined]
            await self.switch._resume()

    async def rests(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await self.switch.tell()

    def told(self) -> list[tuple[str, int]]:
        """What the exchange was told since the last time it was looked at: symbol and milliseconds."""
        found = [asked(sent) for sent in self.at.answers.sent if "countdownCancelAll" in sent.text]
        self.at.answers.sent.clear()
        return found

    async def close(self) -> None:
        await self.venue.close()


def asked(sent: Sent) -> tuple[str, int]:
    words = parse_qs(sent.body)
    return words["symbol"][0], int(words["countdownTime"][0])


async def futures(count: int, answer: Any = None) -> Futures:
    good = {"symbol": "BTCUSDT", "countdownTime": "30000"}
    at = await desk_on("binanceusdm", {"countdownCancelAll": answer or good}, MARKETS["binanceusdm"])
    at.venue.settings = msgspec.structs.replace(at.venue.settings, dead_man_seconds=30)
    return Futures(at, count)


async def test_of_forty_instruments_it_is_held_for_the_three_in_which_orders_work() -> None:
    desk = await futures(40)
    assert desk.venue.dead_man_holds() is None
    await desk.passes(60)
    assert not desk.told(), "no order works, nothing is asked"
    for number in (3, 17, 29):
        desk.works(number)
    assert desk.venue.dead_man_holds() is False
    await desk.rests()
    assert desk.venue.dead_man_holds() is True
    assert desk.venue.dead_man_count() == (3, 3)
    assert desk.told() == [(f"C{number}USDT", 30_000) for number in (3, 17, 29)], "beside the first order, at once"
    for _ in range(600):
        await desk.passes(1) if desk.clock.now() % (10 * SECOND) == 0 else desk.clock.advance(SECOND)  # type: ignore[attr-defined]
        assert desk.switch.holds(desk.clock.now() + 9 * SECOND), "a probe may fail"
    told = Counter(symbol for symbol, _ in desk.told())
    assert set(told) == {"C3USDT", "C17USDT", "C29USDT"}
    assert all(59 <= count <= 61 for count in told.values()), "every ten seconds"
    assert COST * sum(told.values()) / 600 < 0.2 * RATE, "what the others are left with"
    desk.ends(17)
    await desk.passes(30)
    assert ("C17USDT", 0) in desk.told()
    assert desk.venue.dead_man_count() == (2, 2)
    await desk.switch.let_go(desk.venue.exchange)
    assert sorted(desk.told()) == [("C29USDT", 0), ("C3USDT", 0)]
    await desk.close()


@pytest.mark.parametrize(("count", "seconds"), [(1, 30), (10, 30), (16, 44), (40, 111), (43, 119)])
async def test_with_orders_in_many_it_is_set_longer_and_leaves_the_others_their_requests(
    count: int, seconds: int
) -> None:
    desk = await futures(count)
    for number in range(count):
        desk.works(number)
    await desk.passes(60)  # the first are told at once, as far as its share goes, the others one after the other
    assert desk.venue.dead_man_count() == (count, count)
    assert int(desk.switch.seconds) == seconds
    assert COST * len(desk.told()) <= 0.6 * (BURST + 60 * RATE)
    for _ in range(30):
        await desk.passes(10)
        assert desk.venue.dead_man_holds() is True
    told = desk.told()
    assert COST * len(told) <= 0.6 * (BURST + 300 * RATE)
    assert told[-1][1] == int(desk.switch.seconds * 1_000)
    said = [f"set to {desk.switch.seconds:.0f} s instead of 30 s" in notice for notice in desk.notices]
    assert any(said) is (seconds > 30)
    assert len(said) <= 5
    await desk.close()


async def test_more_than_can_be_kept_alive_are_held_in_part_and_it_is_said() -> None:
    desk = await futures(100)
    assert (can := most(desk.venue.facts, desk.venue.gate)) == 86
    for number in range(100):
        desk.works(number)
    await desk.passes(120)
    for _ in range(24):
        await desk.passes(10)
        assert desk.venue.dead_man_count() == (can, 100)
        assert desk.venue.dead_man_holds() is False
    assert COST * len(desk.told()) <= 0.6 * (BURST + 360 * RATE)
    assert any("orders work in 100: it is held for 86 of them" in notice for notice in desk.notices)
    assert "working orders of the others stay" in desk.notices[-1]
    await desk.close()


async def test_quotes_that_come_and_go_do_not_set_it_and_let_it_go_each_time() -> None:
    desk = await futures(2)
    for _ in range(120):
        desk.works(0)
        await desk.passes(1)
        desk.ends(0)
        await desk.passes(1)
    assert len(desk.told()) <= 240 / 9 + 1, "as if one order had worked all the time"
    desk.works(0)
    await desk.rests()
    assert desk.venue.dead_man_holds() is True
    await desk.close()


async def test_it_waits_behind_orders_and_cancels_one_at_a_time() -> None:
    """The queue in front of the exchange is full: what the switch asks is one request in it, not forty."""
    desk = await futures(40)
    gate, exchange = desk.venue.gate, desk.venue.exchange
    assert gate is not None
    exchange.throttle, exchange.enableRateLimit = gate.pass_through, True
    gate._spent = BURST
    gate._at = asyncio.get_running_loop().time()
    for number in range(40):
        desk.works(number)
    for _ in range(5):
        await asyncio.sleep(0)
    assert gate.waiting == 1
    assert [urgency for urgency, *_ in gate._waiting] == [Urgency.ORDER], "a cancel goes before it"
    gate.rate = 10_000.0
    await desk.close()


async def test_a_desk_that_closes_lets_all_go_though_its_requests_are_spent() -> None:
    desk = await futures(30)
    for number in range(30):
        desk.works(number)
    await desk.passes(60)
    assert desk.venue.dead_man_count() == (30, 30)
    gate = desk.venue.gate
    assert gate is not None
    gate._spent, gate._at = BURST, asyncio.get_running_loop().time()
    desk.venue.exchange.throttle, desk.venue.exchange.enableRateLimit = gate.pass_through, True
    desk.told()
    await desk.close()
    assert Counter(milliseconds for _, milliseconds in desk.told()) == {0: 30}
    assert not any("could not be let go" in notice for notice in desk.notices)


async def test_what_was_asked_and_not_answered_is_let_go_too() -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    desk = await futures(1)
    answered = desk.venue.exchange.fetch
    desk.venue.exchange.fetch = never
    desk.works(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert desk.venue.dead_man_holds() is False
    desk.venue.exchange.fetch = answered
    await desk.close()
    assert desk.told() == [("C0USDT", 0)]


async def test_a_desk_that_leaves_it_set_tells_of_every_instrument_a_last_time() -> None:
    """What works there is not known for certain: an unfinished kill, past a desk that hangs."""
    desk = await futures(20)
    desk.works(4)
    await desk.rests()
    desk.told()
    desk.venue.leave_armed()
    await desk.close()
    told = desk.told()
    assert {symbol for symbol, _ in told} == {f"C{number}USDT" for number in range(20) if number != 4}
    assert {milliseconds for _, milliseconds in told} == {30_000}
    assert desk.venue.dead_man_holds() is True


async def test_a_silence_is_noticed_where_an_order_worked_through_it() -> None:
    desk = await futures(3)
    desk.works(0)
    desk.works(1)
    await desk.rests()
    desk.ends(1)
    began = desk.clock.now()
    desk.clock.advance(40 * SECOND)  # type: ignore[attr-defined]
    desk.works(1)  # this one is newer: nothing cancels it
    await desk.rests()
    assert desk.switch.silence == (began, began + 40 * SECOND)
    (notice,) = desk.notices
    assert "heard nothing of this desk for 40 s, longer than its dead man's switch of 30 s" in notice
    assert desk.switch.explains((began + 31 * SECOND) // 1_000_000)
    assert desk.venue.dead_man_count() == (2, 2)
    await desk.close()


async def test_a_switch_that_is_refused_is_said_and_an_answer_that_fails_is_asked_again() -> None:
    def broken(_sent: Sent) -> Any:
        raise NetworkError("gone")

    desk = await futures(2, broken)
    desk.works(0)
    await desk.rests()
    assert desk.venue.dead_man_holds() is False
    assert not desk.notices
    desk.at.answers.by_part["countdownCancelAll"] = {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}
    await desk.passes(11)
    assert [("does not hold" in notice, "working orders stay" in notice) for notice in desk.notices] == [(True, True)]
    assert desk.venue.dead_man_holds() is False
    desk.told()
    await desk.passes(120)
    assert 2 <= len(desk.told()) <= 6, "again and again, and seldomer each time"
    assert len(desk.notices) == 1
    desk.at.answers.by_part["countdownCancelAll"] = {"symbol": "C0USDT", "countdownTime": "30000"}
    await desk.passes(120)
    assert desk.venue.dead_man_holds() is True
    assert ["holds the dead man's switch now" in notice for notice in desk.notices] == [False, True]
    await desk.close()


def test_the_time_grows_with_the_instruments_in_which_orders_work() -> None:
    from workstation.venues.ccxt.particulars import particulars

    facts, gate = particulars("binanceusdm"), RequestGate(RATE, BURST)
    times = [time_for(count, 30, facts, gate) for count in range(1, 200)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (30, 120)
    assert time_for(40, 30, facts, None) == 30


async def test_the_funding_of_all_instruments_is_asked_for_at_once() -> None:
    """Each question for it costs 30 there: forty of them would take more than a minute, and no comparison would end."""
    desk = await futures(40)
    payments = [
        {
            "symbol": f"C{number}USDT", "incomeType": "FUNDING_FEE", "income": income, "asset": "USDT",
            "time": 1_795_651_200_000 + number, "tranId": str(number), "tradeId": "", "info": "FUNDING_FEE",
        }
        for number, income in ((7, "-0.5"), (3, "0.25"))
    ]  # fmt: skip
    desk.at.answers.by_part["income"] = payments
    found = await desk.venue.entries_since(desk.clock.now())
    (sent,) = desk.at.answers.sent
    assert "incomeType=FUNDING_FEE" in sent.url
    assert "limit=1000" in sent.url
    assert "&symbol=" not in sent.url
    assert [(entry.instrument, entry.amount, entry.entry_id) for entry in found] == [  # type: ignore[union-attr]
        ("X:C3-USDT-PERP", Decimal("0.25"), "funding-C3-USDT-PERP-3"),
        ("X:C7-USDT-PERP", Decimal("-0.5"), "funding-C7-USDT-PERP-7"),
    ]
    await desk.close()


async def test_an_instrument_that_is_refused_leaves_the_others_their_switch() -> None:
    """One that is being delisted, say: what is set for the others would run out, and pull their orders."""
    desk = await futures(3)
    desk.works(0)
    desk.works(1)
    await desk.rests()
    desk.at.answers.by_part["countdownCancelAll & C2USDT"] = {"code": -4140, "msg": "Invalid symbol status."}
    desk.works(2)
    for _ in range(6):
        await desk.passes(10)
        assert desk.venue.dead_man_count() == (2, 3)
        assert desk.venue.dead_man_holds() is False
    (notice,) = desk.notices
    assert "does not hold the dead man's switch for C2-USDT-PERP (Invalid symbol status" in notice
    told = Counter(symbol for symbol, _ in desk.told())
    assert 2 <= told["C2USDT"] <= 4, "it is asked again, seldomer each time"
    assert told["C0USDT"] == told["C1USDT"] >= 6
    del desk.at.answers.by_part["countdownCancelAll & C2USDT"]
    for _ in range(12):
        await desk.passes(10)
    assert desk.venue.dead_man_count() == (3, 3)
    assert ["holds the dead man's switch for C2-USDT-PERP now" in notice for notice in desk.notices] == [False, True]
    await desk.close()
    assert {symbol for symbol, milliseconds in desk.told() if not milliseconds} == {"C0USDT", "C1USDT", "C2USDT"}


async def test_an_end_that_waits_for_its_fills_is_not_undone_by_an_older_picture() -> None:
    """Asked for before the end, and answered after it."""
    at = await desk_on("binance", {}, MARKETS["binance"])
    symbol, instrument = next(iter(at.venue.markets.items()))
    order = at.order("tws0000000000000000a", instrument.symbol, Side.BUY, "1", "60000")
    at.venue.own.sent(order)
    at.venue.later = lambda *_: None  # type: ignore[method-assign,assignment]
    base = {"id": "28", "clientOrderId": order.client_id, "symbol": symbol, "amount": "1", "price": "60000", "info": {}}
    at.venue.own.on_order(base | {"status": "canceled", "filled": "0.5"})
    at.venue.own.on_order(base | {"status": "open", "filled": "0"})
    track = at.venue.own.track(order.client_id)
    assert track is not None
    assert at.venue.own.behind(track), "its fill is still asked for"
    at.venue.own.on_trade(
        {"id": "1", "order": "28", "symbol": symbol, "side": "buy", "price": "60000", "amount": "0.5", "timestamp": 1}
    )
    assert [type(report).__name__ for report in at.reports] == ["OrderAccepted", "OrderFilled", "OrderCanceled"]
    await at.venue.exchange.close()
