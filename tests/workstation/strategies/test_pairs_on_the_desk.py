"""Strategies on two instruments on the real desk: both legs, their data, refusals, kill, restart, the backtest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.desk import BTC, ETH, PERP, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.market import BookStale
from workstation.domain.order import Order, OrderState, Side
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.market.candles import Candles
from workstation.research.engine import Costs, engine
from workstation.strategies.live_run import LiveRun
from workstation.strategies.run_book import RunView
from workstation.strategies.shipped.pairs import Pairs
from workstation.trading.errors import Refused
from workstation.venues.contract import NoAnswer

FIVE = 5 * SECOND


SOURCE = '''
import numpy as np
from workstation.domain.order import Side
from workstation.strategies.contract import Signals, SignalStrategy, Strategy


class Both(SignalStrategy):
    """In on each eighth bar, out four bars later; one unit of the peer against one of the first."""

    NEEDS_PEER = True
    hedged = True

    def hedge(self, candles):
        return -np.ones(len(candles))

    def signals(self, candles):
        place = candles.time // 5_000_000_000 % 8
        return Signals(long_entry=place == 1, long_exit=place == 5)


class Ratio(Strategy):
    """Lives on events of two: buys the dearer one's fall in the other, and counts what it hears."""

    FURTHER = ("other",)

    def on_start(self):
        self.heard = []

    def on_bar(self, bar):
        first = ("bar", self.trader.instrument.symbol) not in self.heard
        self.heard.append(("bar", self.trader.instrument.symbol))
        if first:
            self.trader.order(Side.BUY, self.trader.of("other").instrument.lot * 20)

    def on_further_bar(self, name, bar):
        self.heard.append((name, self.trader.of(name).instrument.symbol))

    def on_book(self, book):
        self.heard.append(("book", book.instrument))

    def on_trade(self, trade):
        self.heard.append(("trade", trade.instrument))

    def on_fill(self, fill):
        if fill.instrument == self.trader.instrument.id:
            self.trader.of("other").order(Side.SELL, fill.quantity)
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "two.py"
    path.write_text(SOURCE)
    return str(path)


async def start(desk: TestDesk, strategy: str, first: str = BTC, peer: str = PERP, **terms: Any) -> StrategyRun:
    desk.engine.strategies.stop_after = 60.0
    name = "other" if strategy.endswith(":Ratio") else "peer"
    return await desk.engine.strategies.start(
        strategy, first, capital=Decimal(10_000), interval=FIVE, further={name: peer}, **terms
    )


def live(desk: TestDesk, run: StrategyRun) -> LiveRun:
    return desk.engine.strategies._live[run.run_id]


async def quiet(desk: TestDesk, run: StrategyRun) -> None:
    """Until the run has handled what it heard and its orders are answered."""
    still = 0
    while still < 3:
        await asyncio.sleep(0.002)
        one = desk.engine.strategies._live.get(run.run_id)
        moving = one is not None and (one._events or one._out._outbox or one._out._submits or one._wake.is_set())
        still = 0 if moving else still + 1


async def until(desk: TestDesk, run: StrategyRun, condition: Callable[[], bool], seconds: int = 120) -> None:
    for _ in range(seconds):
        if condition():
            return
        await desk.run(1)
        await quiet(desk, run)
    raise AssertionError([entry.text for entry in desk.engine.log.entries][-8:])


def view(desk: TestDesk, run: StrategyRun) -> RunView:
    return desk.engine.strategies.view(run.run_id)


def own(desk: TestDesk, run: StrategyRun) -> list[Order]:
    return [order for order in desk.engine.orders() if order.origin == run.run_id]


def said(desk: TestDesk, run: StrategyRun) -> str:
    return "\n".join(entry.text for entry in desk.engine.log.entries if run.run_id in entry.text)


def hedged(desk: TestDesk, run: StrategyRun) -> bool:
    return len(view(desk, run).holds) == 2


@pytest.mark.slow
async def test_pairs_trades_on_the_desk_as_in_the_backtest_over_the_same_bars(tmp_path: Path) -> None:
    params = {
        "legs": "both", "direction": "long", "length": 20, "entry": 0.8, "critical": 0, "stop": 10, "leave": 0.5,
    }  # fmt: skip
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, "pairs", params=params)
        assert run.run_id == "pairs@NOVA:BTC-USDT+BTC-USDT-PERP"
        for _ in range(175):
            await desk.run(1)
            await quiet(desk, run)
        series = [desk.engine.core.market.markets[one].candles.series(FIVE).closed for one in (BTC, PERP)]
        bars = [list(one) for one in series]
        done = [order for order in own(desk, run) if order.state is OrderState.FILLED]
        assert len(done) == len(own(desk, run)), "nothing was refused"
        legs = {leg.instrument: leg.result for leg in view(desk, run).legs}
        assert legs[BTC].fills + legs[PERP].fills == view(desk, run).result.fills
        assert legs[BTC].net + legs[PERP].net == view(desk, run).pnl
        lots = {one: float(desk.engine.instrument(one).lot) for one in (BTC, PERP)}
        fee = max(float(desk.engine.instrument(one).taker_fee) for one in (BTC, PERP))

    first, peer = (
        Candles(np.array([bar.ts for bar in one]), *np.array([bar_columns(bar) for bar in one]).T, name)
        for one, name in zip(bars, (BTC, PERP), strict=True)
    )
    both = first.with_peer(peer)
    strategy = Pairs(**params)
    began = int(np.searchsorted(both.time, run.since - FIVE))
    strategy.signals = after(strategy, int(both.time[began]))  # type: ignore[method-assign]
    result = engine("event").run(strategy, both, Costs(cash=10_000.0, fee=fee))

    trades = [
        (whose, trade)
        for whose, trade in zip(result.instruments, result.rows(), strict=True)
        if trade.tag == "signal"  # the last one may be open still
    ]
    assert len(trades) == len(done) // 4 * 2 >= 4
    for instrument in (BTC, PERP):
        orders = [order for order in done if order.instrument == instrument]
        rows = [trade for whose, trade in trades if whose == instrument]
        for (entry, leaving), trade in zip(zip(orders[0::2], orders[1::2], strict=False), rows, strict=False):
            assert entry.side is (Side.BUY if trade.side == "long" else Side.SELL)
            assert bar_of(both, entry.updated_at) == trade.entry_bar
            assert bar_of(both, leaving.updated_at) == trade.exit_bar
            assert float(entry.quantity) == pytest.approx(trade.size, abs=1.01 * lots[instrument], rel=2e-3)
            assert float(entry.average_price or 0) == pytest.approx(trade.entry_price, rel=1e-3)
            assert float(leaving.average_price or 0) == pytest.approx(trade.exit_price, rel=1e-3)


def bar_columns(bar: Any) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def bar_of(candles: Candles, ts: int) -> int:
    return int(np.searchsorted(candles.time, ts, side="right")) - 1


def after(strategy: Pairs, begins: int) -> Callable[[Candles], Any]:
    """Its signals without entries from before the desk's run began."""
    from dataclasses import replace

    whole = strategy.signals

    def signals(candles: Candles) -> Any:
        found = whole(candles)
        assert found.long_entry is not None
        return replace(found, long_entry=found.long_entry & (candles.time >= begins))

    return signals


async def test_both_legs_go_in_and_out_under_its_name_and_a_restart_of_the_desk_goes_on_with_both(
    tmp_path: Path, file: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both", restarts=True)
        await until(desk, run, lambda: hedged(desk, run))
        before = view(desk, run)
        held = before.holds
        assert held[BTC] > 0 > held[PERP]
        assert abs(held[BTC] + held[PERP]) < Decimal("0.001")
        assert {order.origin for order in desk.engine.orders()} == {run.run_id}
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now + 2 * SECOND) as desk:
        await desk.settle(lambda: run.run_id in desk.engine.strategies._live)
        assert view(desk, run).holds == held
        assert view(desk, run).run.further == {"peer": PERP}
        await until(desk, run, lambda: not view(desk, run).holds)
        assert "no whole trade" not in said(desk, run)
        assert [order.note for order in own(desk, run)] == ["entry", "hedge", "signal", "signal"]


async def test_legs_that_do_not_fit_after_a_restart_are_closed(tmp_path: Path, file: str) -> None:
    """The desk went down between the two: what stands then is no trade of the strategy."""
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both", restarts=True)
        await until(desk, run, lambda: hedged(desk, run))
        quantity = f"{abs(view(desk, run).holds[PERP]):f}"
        live(desk, run).silence()
        await desk.market(PERP, Side.BUY, quantity, reduce_only=True, origin=run.run_id)
        await desk.run_until(lambda: PERP not in view(desk, run).holds)
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now + 2 * SECOND) as desk:
        await desk.settle(lambda: run.run_id in desk.engine.strategies._live)
        await until(desk, run, lambda: not view(desk, run).holds, 20)
        assert "no whole trade of it: both are closed" in said(desk, run)


async def test_the_kill_switch_stops_it_and_flattens_both_legs(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        await until(desk, run, lambda: hedged(desk, run))
        desk.engine.kill("the test")
        assert run.run_id not in desk.engine.strategies._live
        desk.engine.flatten("the test")
        async with desk.ticking():
            await desk.settle(lambda: not view(desk, run).holds and view(desk, run).run.state is RunState.STOPPED)
        assert not view(desk, run).orders


async def test_stopping_leaves_both_legs_and_says_so_and_closing_out_closes_both(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        await until(desk, run, lambda: hedged(desk, run))
        await desk.engine.strategies.stop(run.run_id)
        assert f"{BTC} and -" in said(desk, run)
        assert "without its orders" in said(desk, run)
        orders = await desk.engine.strategies.close_out(run.run_id)
        assert [(order.instrument, order.side) for order in orders] == [(BTC, Side.SELL), (PERP, Side.BUY)]
        await desk.run_until(lambda: not view(desk, run).holds)
        assert await desk.engine.strategies.close_out(run.run_id) == []


async def test_where_the_hedge_is_denied_the_first_leg_is_closed_at_once_and_it_says_so(
    tmp_path: Path, file: str
) -> None:
    """Spot that is not there cannot be sold: the peer's order is denied."""
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both", first=PERP, peer=ETH)
        await until(desk, run, lambda: len(own(desk, run)) >= 3)
        entry, hedge, leaving = own(desk, run)[:3]
        assert (hedge.instrument, hedge.state, hedge.filled) == (ETH, OrderState.DENIED, 0)
        assert (leaving.instrument, leaving.side, leaving.reduce_only) == (PERP, Side.SELL, True)
        await until(desk, run, lambda: not view(desk, run).holds, 3)
        assert "could not hedge in ETH-USDT (" in said(desk, run)
        assert "sold short" in said(desk, run)
        assert leaving.updated_at - entry.updated_at < 3 * SECOND
        assert view(desk, run).run.state is RunState.RUNNING
        await until(desk, run, lambda: "refused 2 times in a row" in view(desk, run).waits)


async def test_a_hedge_that_is_under_way_when_the_first_leg_is_out_is_pulled_and_it_goes_on_flat(
    tmp_path: Path, file: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        peer = live(desk, run).trader.of("peer")
        at_market = peer.order
        far = Decimal(70_000)
        peer.order = lambda *of, **terms: at_market(*of, limit=far, **terms)  # type: ignore[method-assign]
        await until(desk, run, lambda: len(own(desk, run)) == 2)
        peer.order = at_market  # type: ignore[method-assign]
        held = view(desk, run).holds[BTC]
        await desk.market(BTC, Side.SELL, f"{held:f}", origin=run.run_id)  # as its stop would
        await until(desk, run, lambda: own(desk, run)[1].state is OrderState.CANCELED, 2)
        assert "is out of BTC-USDT before all of its hedge in BTC-USDT-PERP was filled" in said(desk, run)
        await until(desk, run, lambda: hedged(desk, run))
        assert [order.note for order in own(desk, run)] == ["entry", "hedge", "", "entry", "hedge"]


async def test_a_hedge_without_an_answer_that_fills_long_after_both_were_closed_is_closed_too(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.strategies.run_book._PULL_TIMEOUT", 0.05)
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        venue = desk.engine.gateway.venues["NOVA"]
        send, lost = venue.submit, []

        async def submit(order: Order) -> None:
            if order.note != "hedge":
                return await send(order)
            lost.append(order)
            raise NoAnswer("NOVA gave no answer")

        async def no_answer(*_: Any) -> Any:
            raise NoAnswer("NOVA gave no answer")

        for name, instead in (("submit", submit), ("cancel", no_answer), ("order_status", no_answer)):
            monkeypatch.setattr(venue, name, instead)
        await until(desk, run, lambda: bool(lost))
        await desk.market(BTC, Side.SELL, f"{view(desk, run).holds[BTC]:f}", origin=run.run_id)  # as its stop would
        await until(desk, run, lambda: "are not confirmed gone yet" in said(desk, run), 30)
        assert not view(desk, run).holds
        monkeypatch.undo()
        await send(lost[0])
        await until(desk, run, lambda: own(desk, run)[1].filled > 0, 3)
        assert view(desk, run).holds[PERP] < 0
        await until(desk, run, lambda: not view(desk, run).holds, 4)
        assert "got a fill in BTC-USDT-PERP while it was closing both legs, and closes that too" in said(desk, run)


async def test_while_a_book_is_not_known_nothing_is_entered_and_it_says_so(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        book = desk.engine.core.market.markets[PERP].book
        book.apply(BookStale(PERP, desk.clock.now(), "a gap"))
        for _ in range(45):  # one of its entries falls due
            await desk.run(1)
            await quiet(desk, run)
        assert not own(desk, run)
        why = "the book of BTC-USDT-PERP is stale (a gap)"
        assert view(desk, run).waits == f"Nothing is entered: {why}."
        assert said(desk, run).count(f"enters nothing: {why}.") == 1, "though one was due"


@pytest.mark.slow
async def test_a_leg_that_has_no_bars_is_told_and_nothing_is_entered_on_the_other_alone(
    tmp_path: Path, file: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Both")
        one = live(desk, run)
        heard = one.heard[PERP]
        heard.new_bars = list  # type: ignore[method-assign]  # its trades do not come any more
        for _ in range(60):
            await desk.run(1)
            await quiet(desk, run)
        assert not own(desk, run)
        assert "has no bar of BTC-USDT-PERP for 12:00:" in said(desk, run)
        assert said(desk, run).count("has no bar") == 1
        assert "Nothing is entered: BTC-USDT-PERP " in view(desk, run).waits
        assert len(one._timers) <= 1, "those that ran out are let go"
        del heard.new_bars  # they come again, all at once: what was decided on them is too old to be entered
        await until(desk, run, lambda: hedged(desk, run))
        assert own(desk, run)[0].created_at - desk.clock.now() > -6 * SECOND
        assert view(desk, run).waits == ""


async def test_a_strategy_on_events_hears_and_trades_each_of_its_instruments(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, f"{file}:Ratio")
        await until(desk, run, lambda: hedged(desk, run), 30)
        heard = live(desk, run).strategy.heard  # type: ignore[attr-defined]
        for kind in ("book", "trade"):
            assert {(kind, BTC), (kind, PERP)} <= set(heard)
        await until(desk, run, lambda: ("other", "BTC-USDT-PERP") in heard and ("bar", "BTC-USDT") in heard, 30)
        desk.engine.core.market.markets[PERP].book.apply(BookStale(PERP, desk.clock.now(), "a gap"))
        assert view(desk, run).waits == "The book of BTC-USDT-PERP is stale (a gap)."
        await desk.engine.strategies.pause(run.run_id)
        assert view(desk, run).run.state is RunState.PAUSED
        del desk.engine.core.instruments[PERP]  # as after a start with a narrower profile
        with pytest.raises(Refused, match=r"NOVA:BTC-USDT-PERP cannot be traded on this desk now\."):
            await desk.engine.strategies.resume(run.run_id)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"strategy": "pairs"}, "pairs needs a second instrument: choose its peer too"),
        ({"strategy": "pairs", "further": {"peer": BTC}}, "instruments that differ"),
        ({"strategy": "pairs", "further": {"peer": "NOVA:NONE"}}, "no instrument NOVA:NONE"),
        ({"strategy": "pairs", "further": {"pear": ETH}}, "no instrument called pear: beside the first it has peer"),
        ({"strategy": "sma_cross", "further": {"peer": ETH}}, "it trades one instrument"),
    ],
)
async def test_what_cannot_be_meant_is_refused_in_a_sentence(
    tmp_path: Path, terms: dict[str, Any], sentence: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        with pytest.raises(Refused, match=sentence):
            await desk.engine.strategies.start(**({"instrument": BTC, "capital": Decimal(1_000)} | terms))
