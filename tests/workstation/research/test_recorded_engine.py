"""The event engine on recorded markets: queue, depth and latency by the desk's own matching and order manager."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.support.bars import RECORDED, recorded
from workstation.cli import main
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookSnapshot, MarketEvent, MarkPrice, Trade
from workstation.domain.order import Side
from workstation.market.candles import BadCandles
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.recorded_engine import RecordedEngine, Road
from workstation.research.result import Result
from workstation.research.tape import open_tape, pick, read_trades
from workstation.strategies.contract import Strategy
from workstation.strategies.exits import Exits
from workstation.strategies.shipped.dca import Dca
from workstation.strategies.shipped.grid import Grid
from workstation.strategies.shipped.sma_cross import SmaCross

SECOND = 1_000_000_000
MS = 1_000_000
PERP = Instrument(
    venue="HAND", symbol="X", base="X", quote="USD", tick=Decimal(1), lot=Decimal(1), contract=ContractType.LINEAR
)


@dataclass
class Hand:
    """A tape of events written by hand."""

    events: list[MarketEvent] = field(default_factory=list)
    instruments: Sequence[Instrument] = (PERP,)

    def until(self, ts: int) -> Iterator[MarketEvent]:
        yield from self.events

    def book(self, ts: int, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> None:
        self.events.append(BookSnapshot(PERP.id, ts, len(self.events), tuple(bids), tuple(asks)))

    def trade(self, ts: int, price: int, lots: int, bought: bool) -> None:
        self.events.append(Trade(PERP.id, ts, price, lots, bought, str(len(self.events))))


class Scripted(Strategy):
    """Does what it is told at its first book, and keeps what it hears."""

    def __init__(self, *orders: tuple[Side, int, int | None]) -> None:
        super().__init__()
        self.orders = list(orders)
        self.fills: list[Fill] = []
        self.rejects: list[str] = []

    def on_book(self, book: BookSnapshot) -> None:
        while self.orders:
            side, quantity, limit = self.orders.pop(0)
            self.trader.order(side, Decimal(quantity), limit=None if limit is None else Decimal(limit), tag="told")

    def on_fill(self, fill: Fill) -> None:
        self.fills.append(fill)

    def on_reject(self, client_id: str, reason: str) -> None:
        self.rejects.append(reason)


def run(tape: Hand, strategy: Strategy, road: Road | None = None, **costs: float) -> Result:
    return RecordedEngine(tape, PERP, 5 * SECOND, road or Road()).run(strategy, Costs(**{"cash": 1e6, **costs}))


def test_a_resting_order_is_filled_when_the_queue_before_it_has_traded() -> None:
    """Bid 100 × 10 ahead, our buy 2 at 100; sales of 3, 4, 2, 3 at 100: only the fourth reaches us."""
    tape = Hand()
    tape.book(SECOND, [(100, 10)], [(101, 10)])
    for second, lots in ((2, 3), (3, 4), (4, 2), (5, 3), (6, 1)):
        tape.trade(second * SECOND, 100, lots, bought=False)
    strategy = Scripted((Side.BUY, 2, 100))
    result = run(tape, strategy, Road(maker_fee=0.0), fee=0.01)
    fill, closing = strategy.fills
    assert (closing.ts, closing.liquidity) == (6 * SECOND, Liquidity.TAKER)
    assert (fill.ts, fill.quantity, fill.price, fill.liquidity) == (5 * SECOND, 2, 100, Liquidity.MAKER)
    assert fill.fee == 0
    [trade] = result.rows()  # closed at the end, at the bid
    assert (trade.side, trade.size, trade.entry_price, trade.exit_price) == ("long", 2, 100, 100)
    assert trade.fees == pytest.approx(2)
    assert result.equity[-1] == pytest.approx(1e6 - 2)


def test_a_taker_eats_the_depth_that_is_there_and_no_more() -> None:
    tape = Hand()
    tape.book(SECOND, [(999, 50)], [(1_000, 10), (1_001, 10)])
    tape.trade(2 * SECOND, 1_000, 1, bought=True)
    tape.trade(9 * SECOND, 999, 1, bought=False)
    strategy = Scripted((Side.BUY, 15, None), (Side.BUY, 10, None))
    run(tape, strategy)
    taken = [(fill.quantity, fill.price) for fill in strategy.fills if fill.side is Side.BUY]
    assert taken == [(10, 1_000), (5, 1_001), (5, 1_001)]
    assert len(strategy.rejects) == 1  # what no depth was left for


def test_an_exit_over_several_levels_is_one_trade() -> None:
    tape = Hand()
    tape.book(SECOND, [(999, 4), (998, 20)], [(1_000, 10)])
    tape.trade(2 * SECOND, 1_000, 1, bought=True)
    tape.trade(9 * SECOND, 999, 1, bought=False)
    result = run(tape, Scripted((Side.BUY, 10, None)), fee=0.001)
    [trade] = result.rows()
    assert (trade.size, trade.exit_price) == (10, pytest.approx((4 * 999 + 6 * 998) / 10))
    assert trade.fees == pytest.approx(0.001 * (10 * 1_000 + 4 * 999 + 6 * 998))
    assert trade.pnl == pytest.approx(-4 - 12 - trade.fees)
    assert result.equity[-1] == pytest.approx(1e6 + trade.pnl)


def test_an_order_meets_the_book_that_is_there_when_it_arrives() -> None:
    tape = Hand()
    tape.book(SECOND, [(99, 50)], [(100, 50)])
    tape.book(SECOND + 20 * MS, [(104, 50)], [(105, 50)])
    tape.trade(3 * SECOND, 105, 1, bought=True)
    tape.trade(9 * SECOND, 104, 1, bought=False)
    near, far = Scripted((Side.BUY, 1, None)), Scripted((Side.BUY, 1, None))
    run(tape, near, Road(order=10 * MS))
    run(tape, far, Road(order=30 * MS, report=15 * MS))
    assert [fill.price for fill in near.fills][:1] == [100]
    assert [(fill.price, fill.ts) for fill in far.fills][:1] == [(105, SECOND + 30 * MS)]


def test_the_strategy_hears_of_a_fill_after_the_reports_way() -> None:
    heard: list[int] = []

    class Listens(Scripted):
        def on_fill(self, fill: Fill) -> None:
            heard.append(self.trader.now)

    tape = Hand()
    tape.book(SECOND, [(99, 50)], [(100, 50)])
    tape.trade(3 * SECOND, 100, 1, bought=True)
    tape.trade(9 * SECOND, 100, 1, bought=True)
    run(tape, Listens((Side.BUY, 1, None)), Road(order=10 * MS, report=40 * MS))
    assert heard[0] == SECOND + 50 * MS


def test_timers_bars_and_cancels_go_by_the_tapes_time() -> None:
    seen: list[tuple[str, int]] = []

    class Times(Strategy):
        def on_start(self) -> None:
            self.trader.timer(3.5, "late")
            self.order = ""

        def on_book(self, book: BookSnapshot) -> None:
            if not self.order:
                self.order = self.trader.order(Side.BUY, Decimal(1), limit=Decimal(90))

        def on_timer(self, name: str) -> None:
            seen.append((name, self.trader.now))
            self.trader.cancel(self.order)

        def on_bar(self, bar: Bar) -> None:
            seen.append((f"bar {bar.open:g} {bar.close:g} {bar.volume:g}", bar.ts))

        def on_reject(self, client_id: str, reason: str) -> None:
            raise AssertionError("its own cancel is no reject")

    tape = Hand()
    tape.book(SECOND, [(99, 50)], [(100, 50)])
    for second, price in ((2, 100), (4, 102), (6, 101), (11, 80)):
        tape.trade(second * SECOND, price, 2, bought=price > 90)
    result = run(tape, Times())
    assert seen == [("late", round(4.5 * SECOND)), ("bar 100 102 4", 0), ("bar 101 101 2", 5 * SECOND)]
    assert len(result.trades) == 0  # the cancel was there before the trade through its price
    assert result.candles.time.tolist() == [0, 5 * SECOND, 10 * SECOND]


def test_funding_that_the_venue_published_is_paid() -> None:
    tape = Hand()
    tape.events.append(MarkPrice(PERP.id, SECOND, Decimal(100), Decimal("0.001"), 4 * SECOND))
    tape.book(SECOND + 1, [(100, 500)], [(101, 500)])
    for second in (2, 6, 12):
        tape.trade(second * SECOND, 100, 1, bought=False)
        tape.events.append(
            MarkPrice(
                PERP.id, second * SECOND, Decimal(100), Decimal("0.001"), 4 * SECOND if second < 4 else 90 * SECOND
            )
        )
    result = run(tape, Scripted((Side.BUY, 100, None)))
    [trade] = result.rows()
    assert trade.funding == pytest.approx(100 * 100 * 0.001)
    assert trade.pnl == pytest.approx(-100 - trade.funding)
    assert result.equity[-1] == pytest.approx(1e6 + trade.pnl)


def xrp(costs: Costs) -> RecordedEngine:
    file = RECORDED.parent / "trades" / "freqtrade_XRP-ETH_trades.parquet"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")
    tape = read_trades(file, costs)
    return RecordedEngine(tape, tape.instrument, 60 * SECOND)


LATE = Road(order=200 * MS, report=300 * MS, jitter=100 * MS, seed=4)


@pytest.mark.parametrize("road", [Road(), LATE], ids=["at once", "late"])
@pytest.mark.parametrize("name", ["signals", "grid", "dca"])
def test_money_adds_up_whatever_crosses_on_the_way(name: str, road: Road) -> None:
    """Stops that move, targets, safety orders; cancels that come after the fill."""
    costs = Costs(fee=0.001)
    strategy: Strategy
    if name == "signals":
        cross = SmaCross(fast=3, slow=9, direction="both")
        cross.exits = Exits(stop=0.002, take_profit=0.003, trailing=0.002, trailing_offset=0.001, max_bars=20)
        strategy = cross
    else:
        strategy = Grid(step=0.2, levels=3) if name == "grid" else Dca(profit=0.3, deviation=0.2)
    on_trades = xrp(costs)
    on_trades.road, on_trades.until = road, int(recorded("freqtrade_XRP-ETH_1m").time[250])
    result = on_trades.run(strategy, costs)
    assert len(result.trades) >= 2
    assert result.equity[-1] == pytest.approx(costs.cash + result.trades.pnl.sum(), abs=1e-6)
    if name == "signals":
        assert {trade.tag for trade in result.rows()} >= {"stop", "target"}


def test_signals_on_recorded_trades_decide_as_on_their_candles() -> None:
    """The bars that the trades make are the recorded ones; decisions fall on the same bars, fills pay the spread."""
    costs = Costs(fee=0.001)
    bars = recorded("freqtrade_XRP-ETH_1m").slice(0, 600)
    on_trades = xrp(costs)
    on_trades.until = int(bars.time[-1]) + 60 * SECOND - 1
    tape, candle = (
        on_trades.run(SmaCross(fast=5, slow=20, direction="both"), costs),
        engine("event").run(SmaCross(fast=5, slow=20, direction="both"), bars, costs),
    )
    for column in ("time", "open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(getattr(tape.candles, column), getattr(bars, column), rtol=1e-9)
    assert len(tape.trades) == len(candle.trades) > 20
    for column in ("entry_bar", "exit_bar", "side"):
        np.testing.assert_array_equal(getattr(tape.trades, column)[:-1], getattr(candle.trades, column)[:-1])
    worse = (tape.trades.entry_price - candle.trades.entry_price) * tape.trades.side
    assert (worse > -1e-12).all()  # a taker never gets a better price than the bar's open
    assert tape.equity[-1] < candle.equity[-1]
    assert tape.equity[-1] == pytest.approx(costs.cash + tape.trades.pnl.sum(), abs=1e-6)


@pytest.mark.slow
def test_a_recording_with_its_book_gives_the_same_twice_and_less_with_latency() -> None:
    file = RECORDED.parent / "orderbook" / "hftbacktest" / "binance_usdm_btcusdt_20240808.gz"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")

    def once(road: Road) -> Result:
        costs = Costs(cash=1e5, fee=0.0005)
        tape = open_tape([file], costs)
        return RecordedEngine(tape, pick(tape, ""), 5 * SECOND, road).run(SmaCross(fast=2, slow=5), costs)

    first, again, late = (once(road) for road in (Road(), Road(), Road(order=200 * MS, report=200 * MS)))
    assert list(first.rows()) == list(again.rows())
    np.testing.assert_array_equal(first.equity, again.equity)
    assert len(first.trades) > 3
    assert list(late.rows()) != list(first.rows())
    assert first.equity[-1] == pytest.approx(1e5 + first.trades.pnl.sum(), abs=1e-6)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "tape.csv"
    rows = ["timestamp,price,amount,side"]
    for i in range(900):
        price = 100 + 5 * np.sin(i / 40)
        rows.append(f"{1_600_000_000_000 + i * 1_000},{price:.2f},{1 + i % 3},{'buy' if i % 2 else 'sell'}")
    file.write_text("\n".join(rows))
    words = ["backtest", "sma_cross", "--trades", str(file), "--timeframe", "5s", "--param", "fast=3", "--param",
             "slow=8", "--fee", "0.0005", "--latency", "20", "--json"]  # fmt: skip
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["engine"], answer["bars"]) == ("event", 180)
    assert answer["n_trades"] == len(answer["trades"]) > 2
    assert answer["final_equity"] == pytest.approx(10_000 + sum(trade["pnl"] for trade in answer["trades"]))
    assert main([*words, "--engine", "fast"]) == 1
    assert "only the event engine" in capsys.readouterr().err
    assert main([*words, "--slippage", "0.001"]) == 1
    assert "give none" in capsys.readouterr().err


def test_files_that_are_no_trades_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    for rows, sentence in (
        ("timestamp,price,amount\n1600000000000,1,1\n", "no column side"),
        ("timestamp,price,amount,side\n1600000001000,1,1,buy\n1600000000000,1,1,buy\n", "not in order"),
        ("timestamp,price,amount,side\n1600000000000,-1,1,buy\n", "not above zero"),
        ("timestamp,cost,side\n1600000000000,1,buy\n", "no column price"),
    ):
        file.write_text(rows)
        with pytest.raises(BadCandles, match=sentence):
            read_trades(file, Costs())
    with pytest.raises(BacktestError, match="no one instrument OTHER"):
        pick(Hand(), "OTHER")
