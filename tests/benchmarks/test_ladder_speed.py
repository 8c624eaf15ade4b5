"""What four ladders cost: 1,000 book updates a second together, painted 20 times a second, as a share of one core.

The feed is synthetic: touches that walk, level changes near them, trades. Its own cost is measured alone and taken off.
Run: `pytest -m benchmark tests/benchmarks/test_ladder_speed.py -s`.
"""

from __future__ import annotations

import time
from random import Random

import pytest

from plugins.books import LadderPane
from plugins.books.columns import columns_for
from plugins.books.model import Ladder
from plugins.books.rows import RowViews
from screens.testing import BTC, BTC_ORBIT, ETH, MIDS, PERP, START, FrozenDesk
from workstation.clock import SECOND
from workstation.domain.market import BookDelta, Trade

pytestmark = pytest.mark.benchmark

FRAMES = 20
SECONDS = 3
UPDATES = 1_000
SHOWN = (BTC, ETH, PERP, BTC_ORBIT)


class Feed:
    """Updates of one instrument: five levels of each side change, now and then the touch moves, and some trades."""

    def __init__(self, instrument) -> None:
        self.instrument = instrument
        self.random = Random(instrument.id)
        self.middle = int(MIDS[instrument.id] / instrument.tick)
        self.sequence = 1
        self.typical = 20_000 / (MIDS[instrument.id] * float(instrument.lot))

    def update(self, ts: int):
        random, bids, asks = self.random, [], []
        if random.random() < 0.1:
            step = random.choice((-1, 1))
            self.middle += step
            if step > 0:
                asks.append((self.middle, 0))
            else:
                bids.append((self.middle + 1, 0))
        for _ in range(5):
            bids.append((self.middle - int(random.expovariate(0.1)), int(random.random() * self.typical) + 1))
            asks.append((self.middle + 1 + int(random.expovariate(0.1)), int(random.random() * self.typical) + 1))
        delta = BookDelta(self.instrument.id, ts, self.sequence + 1, self.sequence, tuple(bids), tuple(asks))
        self.sequence += 1
        yield delta
        if random.random() < 0.3:
            buy = random.random() < 0.5
            lots = int(random.expovariate(1) * self.typical / 10) + 1
            yield Trade(self.instrument.id, ts, self.middle + buy, lots, buy)


async def spent(desk, pilot, *, paint: bool) -> float:
    """CPU seconds a second of market time with or without painting."""
    feeds = [Feed(instrument) for instrument in SHOWN]
    for feed in feeds:
        feed.sequence = desk.engine.book(feed.instrument.id).sequence
    before = time.process_time()
    for _ in range(FRAMES * SECONDS):
        desk.clock.advance(SECOND // FRAMES)
        ts = desk.clock.now()
        for number in range(UPDATES // FRAMES):
            for event in feeds[number % len(feeds)].update(ts):
                desk.feed(event)
        if paint:
            desk.app.frame()
            await pilot._wait_for_screen()
    return (time.process_time() - before) / SECONDS


@pytest.mark.parametrize("size", [(160, 48), (136, 28)], ids=str)
async def test_four_ladders_at_a_thousand_updates_a_second(tmp_path, size, capsys):
    desk = FrozenDesk(tmp_path, [LadderPane])
    for slot, instrument in zip(("books:3", "books:4", "books:5", "books:6"), SHOWN, strict=True):
        desk.app.state.pane(slot)["instrument"] = instrument.id
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            await pilot.press("2")
            await desk.painted(pilot)
            shown = [pane for pane in desk.app.workspace.shown() if isinstance(pane, LadderPane)]
            assert len(shown) == 4
            for timer in list(desk.app._timers):
                timer.pause()
            await spent(desk, pilot, paint=True)  # warm
            feed = await spent(desk, pilot, paint=False)
            both = await spent(desk, pilot, paint=True)
    finally:
        await desk.engine.close()
    with capsys.disabled():
        print(f"\n  {size}: feed {feed:.1%}, four ladders painted at {FRAMES} Hz {both - feed:.1%} of one core")
    assert both - feed < 0.5


def test_reckoning_the_rows_of_one_ladder(benchmark):
    from screens.testing import book
    from workstation.market.book import OrderBook

    shown = OrderBook(BTC.id)
    shown.apply(book(BTC, START, levels=500))
    ladder = Ladder(5)
    ladder.resize(40, shown)
    columns, prices = columns_for(32, 8), {}

    def rows() -> int:
        views = RowViews(BTC, shown, ladder, columns, 0, prices)
        return len([views.view(ladder.row(y), {}, None, None, False, None, None) for y in range(40)])

    assert benchmark(rows) == 40
