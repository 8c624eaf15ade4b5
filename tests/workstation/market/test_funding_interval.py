"""How often funding falls due: by the venue's word, else by two of its due times, else unknown."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from workstation.clock import SECOND, SimClock
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import MarkPrice
from workstation.market.data import MarketData
from workstation.market.funding import interval_of
from workstation.venues.ccxt.marks import Marks, _Funding
from workstation.venues.ccxt.stream_state import StreamState

HOUR = 3_600 * SECOND
PERP = Instrument(
    venue="V", symbol="BTC-USDT-PERP", base="BTC", quote="USDT", tick=Decimal(1), lot=Decimal(1),
    contract=ContractType.LINEAR,
)  # fmt: skip


@pytest.mark.parametrize(
    ("word", "every"),
    [("8h", 8 * HOUR), ("1h", HOUR), ("30m", HOUR // 2), ("7200000", 2 * HOUR), (None, None), ("", None),
     ("Noneh", None), ("0h", None), ("-3600000", None), ("900000h", None)],
)  # fmt: skip
def test_the_venues_word(word, every):
    assert interval_of(word) == every


def known(*marks: tuple[int, int | None, int | None]) -> int | None:
    """The interval after marks of (time, next due, stated interval)."""
    data = MarketData([PERP])
    for ts, due, every in marks:
        data.apply(MarkPrice(PERP.id, ts, Decimal(1), Decimal("0.0001"), due, every))
    mark = data.markets[PERP.id].mark
    assert mark is not None
    return mark.funding_every


def test_one_due_time_says_nothing_of_the_interval_and_the_next_one_does():
    assert known((0, HOUR, None)) is None
    assert known((0, HOUR, None), (HOUR // 2, HOUR, None)) is None
    assert known((HOUR - SECOND, HOUR, None), (HOUR + SECOND, 5 * HOUR, None)) == 4 * HOUR


def test_what_was_learnt_stays_and_the_venues_own_word_counts_more():
    steps = [(HOUR - SECOND, HOUR, None), (HOUR, 2 * HOUR, None), (HOUR + SECOND, 2 * HOUR, None)]
    assert known(*steps) == HOUR
    assert known(*steps, (HOUR + 2 * SECOND, 2 * HOUR, 8 * HOUR)) == 8 * HOUR


def test_a_desk_that_was_away_and_a_due_time_that_was_put_off_teach_nothing():
    assert known((0, HOUR, None), (3 * HOUR, 4 * HOUR, None)) is None
    assert known((0, HOUR, None), (SECOND, 8 * HOUR, None)) is None


@pytest.mark.parametrize(("said", "every"), [("4h", 4 * HOUR), (None, None)])
def test_a_real_venue_hands_on_what_its_exchange_says(said, every):
    told = []
    exchange = SimpleNamespace(id="binance", has={})
    marks = Marks(exchange, {"BTC/USDT:USDT": PERP}, SimClock(7), lambda _: None, told.append, lambda: None)
    funding = _Funding()
    funding.asked({"fundingRate": 0.0001, "fundingTimestamp": 9, "interval": said})
    marks._tell("BTC/USDT:USDT", 64_000.0, funding)
    (mark,) = told
    assert (mark.funding_rate, mark.next_funding, mark.funding_every) == (Decimal("0.0001"), 9_000_000, every)


@pytest.mark.parametrize(
    ("name", "rate", "due"),
    [("binance", "r", "T"), ("binanceusdm", "r", "T"), ("bybit", "fundingRate", "nextFundingTime")],
)
async def test_funding_that_is_streamed_takes_the_place_of_what_was_asked_for(name, rate, due):
    symbol, told = "BTC/USDT:USDT", []
    messages = iter([{rate: "0.0002", due: "12"}, {rate: "", due: ""}, None])

    async def asked(_symbol):
        return {"markPrice": 64_000.0, "fundingRate": 0.0001, "fundingTimestamp": 9, "interval": "4h"}

    async def streamed(_symbol):
        if (info := next(messages)) is None:
            raise ConnectionError("cut")
        return {"markPrice": 64_001.0, "info": info}

    exchange = SimpleNamespace(
        id=name, has={"fetchFundingRate": True, "watchMarkPrice": True}, fetch_funding_rate=asked,
        watch_mark_price=streamed, watch_ticker=None,
    )  # fmt: skip
    marks = Marks(exchange, {symbol: PERP}, SimClock(7), lambda _: None, told.append, lambda: None)
    with pytest.raises(ConnectionError):
        await marks.watch(StreamState(f"mark {symbol}"), symbol)
    first, *later = [(mark.funding_rate, mark.next_funding, mark.funding_every) for mark in told]
    assert first == (Decimal("0.0001"), 9_000_000, 4 * HOUR)
    assert later == [(Decimal("0.0002"), 12_000_000, 4 * HOUR)] * 2, "what a message leaves out stays as it was"
