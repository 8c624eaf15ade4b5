"""The demo market keeps what it traded: after a restart the charts show it, and the fills lie on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from workstation.assembly import demo_desk
from workstation.clock import DAY, HOUR, MINUTE, SECOND, SimClock
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.market.bars import INTERVALS
from workstation.market.demo import DemoMarket
from workstation.market.demo.kept import Kept, Session
from workstation.past.desk import open_past
from workstation.past.market import PriceFrom
from workstation.paths import Paths
from workstation.settings import Settings

#: 2026-01-05 12:00:17 UTC.
START = 1_767_614_417 * SECOND
BTC, OTHER, ALT, PERP = "NOVA:BTC-USDT", "ORCA:BTC-USDT", "NOVA:DOT-USDT", "NOVA:BTC-USDT-PERP"
FILE = "demo.minutes.sqlite"


class Desk:
    def __init__(self, engine: Engine, clock: SimClock) -> None:
        self.engine = engine
        self.clock = clock

    def run(self, seconds: float) -> None:
        assert self.engine.pump is not None
        self.engine.pump.pump_until(self.clock.now() + round(seconds * SECOND))

    async def buy(self, instrument: str, quantity: str) -> Fill:
        draft = OrderDraft(
            instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), type=OrderType.MARKET, reduce_only=False
        )
        order = await self.engine.submit(draft)
        assert order.state is OrderState.FILLED, order.reason
        return self.engine.fills(instrument)[-1]

    def bars(self, instrument: str, interval: str = "1m", count: int = 200) -> list[Bar]:
        return self.engine.recent_bars(instrument, INTERVALS[interval], count)

    @property
    def said(self) -> list[str]:
        return [entry.text for entry in self.engine.log.entries]


@asynccontextmanager
async def desk(home: Path, start: int, *, rate: float = 0.2) -> AsyncIterator[Desk]:
    plain = Settings()
    settings = replace(
        plain,
        demo=replace(plain.demo, rate=rate),  # the tests are about time, not about events
        latency=replace(plain.latency, order_ms=0, report_ms=0, jitter_ms=0),
    )
    clock = SimClock(start)
    engine = demo_desk(settings, Paths(config=home, data=home, state=home), clock)
    await engine.start()
    try:
        await engine.wait_ready()
        yield Desk(engine, clock)
    finally:
        await engine.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def _copied(home: Path) -> Path:
    """The files of a desk as they are at this moment."""
    folder = home / "killed"
    folder.mkdir()
    for file in home.glob("demo*.sqlite*"):
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def traded(bars: Sequence[Bar], since: int, until: int) -> list[tuple[object, ...]]:
    """What a bar shows, whether it still forms or not."""
    return [
        (bar.ts, bar.open, bar.high, bar.low, bar.close, pytest.approx(bar.volume))
        for bar in bars
        if since <= bar.ts < until
    ]


def assert_whole(bars: Sequence[Bar], interval: int) -> None:
    """One bar after the other, without a hole, and continuous."""
    assert [bar.ts for bar in bars] == list(range(bars[0].ts, bars[0].ts + len(bars) * interval, interval))
    for before, bar in pairwise(bars):
        assert bar.open == pytest.approx(before.close, rel=2e-3)
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


async def test_what_was_traded_is_shown_after_a_restart_and_fills_lie_on_it(tmp_path: Path) -> None:
    names = (BTC, OTHER, ALT, PERP)
    async with desk(tmp_path, START) as first:
        assert first.bars(BTC) == DemoMarket(Settings().demo.seed, START, rate=0.2).history(BTC, MINUTE, 200)
        first.run(100)
        fill = await first.buy(BTC, "0.01")
        other = await first.buy(OTHER, "0.01")
        first.run(100)
        shown = {name: {each: first.bars(name, each) for each in ("1m", "5m", "1h", "1d")} for name in names}
    gap = 2 * HOUR + 20 * SECOND
    async with desk(tmp_path, START + 200 * SECOND + gap) as second:
        begun = second.clock.now()
        for name in names:
            bars = second.bars(name)
            # to the last bar what the first run showed: the past that it drew, and the minutes that it traded
            for interval in ("1m", "5m", "1h", "1d"):
                before = shown[name][interval][100:]
                if interval != "1m":
                    before.pop()  # it has gone on
                bars = second.bars(name, interval, 300)
                assert traded(bars, before[0].ts, before[-1].ts + 1) == traded(before, 0, begun)
                assert_whole(bars[-130:], INTERVALS[interval])  # what lies between has no hole and joins at both ends
                assert bars[-1].ts + MINUTE <= begun
        for instrument, one in ((BTC, fill), (OTHER, other)):
            (bar,) = (each for each in second.bars(instrument) if each.ts <= one.ts < each.ts + MINUTE)
            assert bar.low * 0.9999 <= float(one.price) <= bar.high * 1.0001
            assert second.engine.traded_at(one.ts)
        assert second.engine.fills(BTC) == [fill]
        assert not second.engine.traded_at(begun - MINUTE), "nobody traded while the desk was closed"
        assert not second.engine.traded_at(START - 1), "what went before is made up"
        assert second.engine.traded_at(begun)
        assert second.engine.log.errors == 0
        past = await open_past(second.engine, second.engine.sessions()[0])
        past.go_to(fill.ts + 70 * SECOND)  # the desk as it stood then shows the minutes of then
        assert past.past_market.price_from[BTC] is PriceFrom.CANDLE
        assert past.recent_bars(BTC, MINUTE, 1)[0].ts <= fill.ts + 10 * SECOND
        assert past.traded_at(fill.ts)
        came = past.past_market.after(START + 20 * SECOND, BTC, MINUTE)
        assert [bar.ts for bar in came] == [bar.ts for bar in shown[BTC]["1m"] if bar.ts >= START + 20 * SECOND]
        second.run(70)
        third = second.bars(BTC)
    async with desk(tmp_path, begun + 5 * MINUTE) as again:
        bars = again.bars(BTC)
        assert traded(bars, third[10].ts, third[-1].ts + MINUTE) == traded(third[10:], 0, begun * 2)


async def test_a_restart_within_the_minute_goes_on_with_its_bar(tmp_path: Path) -> None:
    async with desk(tmp_path, START) as first:
        first.run(12)
        (before,) = first.bars(BTC, count=1)
    async with desk(tmp_path, START + 20 * SECOND) as second:
        last = second.bars(BTC)[-1]
        assert last == before
        assert not last.closed
        second.run(3)
        now = second.bars(BTC)[-1]
        assert (now.ts, now.open) == (before.ts, before.open)
        assert now.volume > before.volume
    async with desk(tmp_path, START + 30 * SECOND) as third:  # three runs in one minute
        assert traded(third.bars(BTC)[-1:], 0, START) == traded([now], 0, START)
        assert third.bars(BTC)[-1].volume == pytest.approx(now.volume)
        third.run(30)
    async with desk(tmp_path, START + 2 * MINUTE) as fourth:
        kept = next(bar for bar in fourth.bars(BTC) if bar.ts == before.ts)
        assert kept.closed
        assert kept.open == before.open
        assert kept.high >= now.high
        assert_whole(fourth.bars(BTC), MINUTE)


async def test_a_gap_of_days_is_bridged_at_every_interval(tmp_path: Path) -> None:
    days = 20
    async with desk(tmp_path, START) as first:
        first.run(50)
        fill = await first.buy(BTC, "0.01")
        shown = first.bars(BTC)
    async with desk(tmp_path, START + days * DAY) as second:
        hours = second.bars(BTC, "1h", 24 * days + 30)
        assert_whole(hours, HOUR)
        assert_whole(second.bars(BTC, "1d", 60), DAY)
        for short, long in (("1m", "1h"), ("1h", "1d")):
            (whole,) = [bar for bar in second.bars(BTC, long, 3) if bar.closed][-1:]
            parts = [
                bar
                for bar in second.bars(BTC, short, 2_000 if short == "1m" else 60)
                if whole.ts <= bar.ts < whole.ts + INTERVALS[long]
            ]
            assert (whole.open, whole.close) == (parts[0].open, parts[-1].close)
            assert (whole.high, whole.low) == (max(bar.high for bar in parts), min(bar.low for bar in parts))
        (hour,) = (bar for bar in hours if bar.ts <= fill.ts < bar.ts + HOUR)
        assert hour.low <= shown[-1].low
        assert hour.high >= shown[-1].high
        assert not second.engine.traded_at(START + DAY)


async def test_a_clock_that_has_gone_back_is_told_and_shows_nothing_of_the_future(tmp_path: Path) -> None:
    async with desk(tmp_path, START) as first:
        first.run(30)
        shown = first.bars(BTC)
    async with desk(tmp_path, START + HOUR) as second:
        second.run(30)
        fill = await second.buy(BTC, "0.01")
    async with desk(tmp_path, START + 10 * MINUTE) as back:
        await _until(lambda: any("clock has gone back" in text for text in back.said))
        bars = back.bars(BTC)
        assert bars[-1].ts + MINUTE <= START + 10 * MINUTE
        assert traded(bars, shown[20].ts, shown[-1].ts + 1) == traded(shown[20:], 0, START)
        assert not back.engine.keeper.kept.covers(fill.ts, fill.ts)
        back.run(50)
        now = back.bars(BTC)
    async with desk(tmp_path, START + 2 * HOUR) as after:
        bars = after.bars(BTC, count=300)
        assert traded(bars, now[-5].ts, now[-1].ts + 1) == traded(now[-5:], 0, START + HOUR)
        assert_whole(bars, MINUTE)
        assert not after.engine.traded_at(fill.ts)
        assert not any("clock" in text for text in after.said)


async def test_a_killed_desk_loses_the_minute_that_ran_and_marks_no_fill_beside_its_bars(tmp_path: Path) -> None:
    """Killed: what the running desk has written is all that the next one finds."""
    async with desk(tmp_path, START) as first:
        assert first.engine.keeper is not None
        first.run(50)
        early = await first.buy(BTC, "0.01")
        first.run(60)
        late = await first.buy(BTC, "0.01")
        await first.engine.keeper.keep()
        shown = first.bars(BTC)
        killed = _copied(tmp_path)
    async with desk(killed, START + 10 * MINUTE) as second:
        bars = second.bars(BTC)
        assert traded(bars, shown[20].ts, shown[-1].ts) == traded(shown[20:-1], 0, START + HOUR)
        assert second.engine.traded_at(early.ts)
        assert not second.engine.traded_at(late.ts), "its minute was not kept: the bar there is made up"
        assert_whole(bars, MINUTE)
        assert second.engine.log.errors == 0


async def test_a_torn_file_is_told_and_a_fresh_past_is_made(tmp_path: Path) -> None:
    async with desk(tmp_path, START) as first:
        first.run(30)
        fill = await first.buy(BTC, "0.01")
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:5_000])
    async with desk(tmp_path, START + HOUR) as second:
        assert_whole(second.bars(BTC), MINUTE)
        await _until(lambda: any("made up anew" in text for text in second.said))
        assert not second.engine.traded_at(fill.ts)
        assert second.engine.fills(BTC) == [fill]
        second.run(30)
        shown = second.bars(BTC)[-1]
    async with desk(tmp_path, START + 2 * HOUR) as third:
        assert traded(third.bars(BTC), shown.ts, shown.ts + 1) == traded([shown], 0, START + DAY)
        assert not any("made up anew" in text for text in third.said)


def test_what_is_kept_of_a_run_covers_a_time_from_hour_to_hour_and_not_over_a_gap() -> None:
    runs = [(Session(start=at, seed=1, rate=1.0, prices={}, opening={}), until) for at, until in (
        (START + 10 * MINUTE, START + 3 * HOUR), (START + 3 * HOUR + MINUTE, START + 4 * HOUR),
    )]  # fmt: skip
    kept = Kept(sessions=runs, hours=[START + number * HOUR for number in range(4)])
    assert kept.covers(START + 10 * MINUTE, START + 3 * HOUR), "its hours join"
    assert not kept.covers(START, START + HOUR), "its beginning was made up"
    assert not kept.covers(START + 2 * HOUR, START + 4 * HOUR), "a minute of it was"
    assert kept.covers(START + 3 * HOUR + MINUTE, START + 4 * HOUR)
    assert not kept.covers(START + 3 * HOUR + MINUTE, START + 4 * HOUR + 1)
