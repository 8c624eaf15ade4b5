"""What it costs to paint a chart of 200 × 60 cells, beside drawing every row anew each time.

Run with: uv run pytest -m benchmark tests/benchmarks/test_chart_speed.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region

from plugins.chart import ChartPane
from screens.testing import BTC, FrozenDesk, book
from workstation.domain.market import Trade
from workstation.domain.order import OrderDraft, Side
from workstation.market.bars import INTERVALS

pytestmark = pytest.mark.benchmark

MINUTE = INTERVALS["1m"]
#: Terminal size that leaves the zoomed chart 200 × 60 cells.
SIZE = (200, 63)


class Bench:
    """A chart of 200 × 60 with 95 bars of live data, a position, fills and ten working orders."""

    def __init__(self, desk: FrozenDesk) -> None:
        self.desk = desk
        pane = desk.app.workspace.panes["chart"]
        assert isinstance(pane, ChartPane)
        self.pane = pane
        self.number = 0

    def trade(self) -> None:
        """The next trade moves the newest candle by some ticks."""
        self.number += 1
        price = 642_000 + self.number * 37 % 61
        self.desk.feed(Trade(BTC.id, self.desk.clock.now(), price, 50, True, str(self.number)))

    def new_bar(self) -> None:
        self.desk.clock.advance(MINUTE)
        self.trade()

    def paint(self) -> None:
        """From the model to the lines that Textual takes."""
        self.pane.repaint()
        self.pane.render_lines(Region(0, 0, *self.pane.size))


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Bench], Any]], None]:
    """Run a measurement on an open desk."""

    def within(measure: Callable[[Bench], Any]) -> None:
        async def session() -> None:
            desk = FrozenDesk(tmp_path, [ChartPane])
            async with desk.app.run_test(size=SIZE) as pilot:
                await desk.ready(pilot)
                for step in range(10):
                    desk.feed(book(BTC, desk.clock.now()))
                    price = Decimal(64_190 - 15 * step)
                    await desk.engine.submit(
                        OrderDraft(instrument=BTC.id, side=Side.BUY, quantity=Decimal("0.01"), price=price)
                    )
                    desk.clock.advance(2_000_000_000)
                desk.feed(book(BTC, desk.clock.now()))
                await desk.engine.submit(
                    OrderDraft(instrument=BTC.id, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal("64201"))
                )
                desk.app.workspace.focus_slot("chart")
                await desk.painted(pilot)
                bench = Bench(desk)
                assert bench.pane.size == (200, 60)
                measure(bench)
            await desk.engine.close()

        asyncio.run(session())

    return within


def test_a_trade(benchmark: Any, run: Any) -> None:
    """The newest candle moves: one trade, then the frame."""

    def one(bench: Bench) -> None:
        bench.trade()
        bench.paint()

    run(lambda bench: benchmark(one, bench))


def test_a_new_bar(benchmark: Any, run: Any) -> None:
    """Every candle moves by a bar."""

    def one(bench: Bench) -> None:
        bench.new_bar()
        bench.paint()

    run(lambda bench: benchmark.pedantic(one, (bench,), rounds=200, warmup_rounds=5))


def test_the_crosshair(benchmark: Any, run: Any) -> None:
    """A key moves the crosshair by a bar."""

    def one(bench: Bench) -> None:
        bench.number += 1
        (bench.pane.action_left if bench.number % 2 else bench.pane.action_right)()
        bench.paint()

    run(lambda bench: benchmark(one, bench))


def test_an_idle_frame(benchmark: Any, run: Any) -> None:
    """Nothing happened since the last frame."""
    run(lambda bench: benchmark(lambda: bench.pane.paint(bench.desk.clock.now())))


def test_a_plain_full_repaint(benchmark: Any, run: Any) -> None:
    """To compare: the same after a trade, with no row kept."""

    def one(bench: Bench) -> None:
        bench.trade()
        bench.pane.invalidate()
        bench.paint()

    run(lambda bench: benchmark(one, bench))


def test_the_widest_candles_with_a_full_repaint(benchmark: Any, run: Any) -> None:
    def one(bench: Bench) -> None:
        bench.trade()
        bench.pane.invalidate()
        bench.paint()

    def measure(bench: Bench) -> None:
        for _ in range(4):
            bench.pane.action_wider()
        bench.paint()
        benchmark(one, bench)

    run(measure)
