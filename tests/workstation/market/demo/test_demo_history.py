"""Candles before the start: they join the live market, agree with each other, and look like a market."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.market import BookSnapshot, Trade
from workstation.domain.spans import MINUTE
from workstation.market.demo import DemoMarket

START = 1_760_000_000_000_000_000 + 17 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BTC = "NOVA:BTC-USDT"


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(START, START + DAY))
def test_the_last_closed_minute_joins_the_live_price(seed, start):
    market = DemoMarket(seed, start)
    mids = {e.instrument: (e.bids[0][0] + e.asks[0][0]) / 2 for e in market.until(start) if isinstance(e, BookSnapshot)}
    for instrument in market.instruments:
        (last,) = market.history(instrument.id, MINUTE, 1)
        assert last.ts + MINUTE <= start < last.ts + 2 * MINUTE
        live = mids[instrument.id] * float(instrument.tick)
        assert last.close == pytest.approx(live, rel=2e-4, abs=2 * float(instrument.tick))


@pytest.mark.parametrize("interval", [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY, 7 * DAY])
def test_bars_follow_each_other_without_a_gap_up_to_the_start(interval):
    bars = DemoMarket(3, START).history(BTC, interval, 100)
    assert [b.ts for b in bars] == list(range(bars[0].ts, bars[0].ts + 100 * interval, interval))
    assert bars[0].ts % interval == 0
    assert START - interval < bars[-1].ts + interval <= START
    for before, bar in pairwise(bars):
        assert bar.open == before.close
    for bar in bars:
        assert bar.closed
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.low > 0
        assert bar.volume > 0


@pytest.mark.parametrize(
    ("short", "long"), [(MINUTE, 5 * MINUTE), (MINUTE, HOUR), (5 * MINUTE, DAY), (HOUR, 4 * HOUR), (HOUR, DAY)]
)
def test_short_bars_add_up_to_the_long_ones(short, long):
    market = DemoMarket(8, START)
    whole = market.history("ORCA:ETH-USDT", long, 3)
    parts = {b.ts: b for b in market.history("ORCA:ETH-USDT", short, 5 * (long // short))}
    for bar in whole:
        inner = [parts[ts] for ts in range(bar.ts, bar.ts + long, short)]
        assert bar.open == inner[0].open
        assert bar.close == inner[-1].close
        assert bar.high == max(b.high for b in inner)
        assert bar.low == min(b.low for b in inner)
        assert bar.volume == pytest.approx(sum(b.volume for b in inner), rel=1e-3)


def test_bars_do_not_depend_on_what_was_asked_before():
    def ask(intervals: list[int]) -> dict[int, list[Bar]]:
        market = DemoMarket(21, START)
        return {interval: list(market.history(BTC, interval, 50)) for interval in intervals}

    assert ask([MINUTE, HOUR, DAY]) == ask([DAY, HOUR, MINUTE])


def test_coins_move_together_and_venues_alike():
    market = DemoMarket(6, START)

    def moves(name: str) -> list[float]:
        bars = market.history(name, HOUR, 500)
        return [math.log(bar.close / bar.open) for bar in bars]

    def correlation(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    assert 0.6 < correlation(moves(BTC), moves("NOVA:ETH-USDT")) < 0.95
    assert correlation(moves(BTC), moves("ORCA:BTC-USDT")) > 0.99


def test_intervals_that_cannot_be_had_are_empty():
    market = DemoMarket(1, START)
    assert list(market.history(BTC, 10 * SECOND, 10)) == []
    assert list(market.history(BTC, 90 * SECOND, 10)) == []
    assert list(market.history(BTC, MINUTE, 0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_volume_is_what_the_live_market_trades(rate):
    market = DemoMarket(2, START, rate=rate)
    seconds = round(120 / rate)
    events = market.until(START + seconds * SECOND)
    lots = sum(e.quantity for e in events if isinstance(e, Trade) and e.instrument == BTC)
    live = lots * 1e-5 / seconds * 60
    bars = market.history(BTC, HOUR, 24 * 30)
    minute = sum(bar.volume for bar in bars) / len(bars) / 60
    assert live / 3 < minute < live * 3
