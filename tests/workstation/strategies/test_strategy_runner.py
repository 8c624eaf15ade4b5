"""Strategies on the real desk: the demo market, the real store, a clock that the test drives."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.desk import BTC, GENEROUS, TestDesk, demo_desk
from workstation.domain.events import TradingState
from workstation.domain.numbers import floor_to
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.domain.trade_rules import TradeRules
from workstation.engine import Engine
from workstation.trading.errors import Refused

FIVE_SECONDS = 5_000_000_000
CAPITAL = Decimal(10_000)

SOURCE = """
from decimal import Decimal
import time
from workstation.domain.order import Side
from workstation.strategies.contract import Strategy
from workstation.strategies.parameters import Float, Int

ONE = Decimal("0.01")

class Trades(Strategy):
    '''Buys on its first bar, rests a limit on its second, counts what it hears.'''
    away = Float(0.05, low=0.01, high=0.2, step=0.01)

    def on_start(self):
        self.bars = getattr(self, "bars", 0)
        self.heard = []

    def on_load(self, state):
        self.bars = state["bars"]

    def on_save(self):
        return {"bars": self.bars}

    def on_bar(self, bar):
        assert bar.closed
        self.heard.append(bar.ts)
        self.bars += 1
        if self.bars == 1:
            self.trader.order(Side.BUY, ONE)
        if self.bars >= 2:
            self.trader.cancel_all()
            self.trader.order(Side.BUY, ONE, limit=Decimal(bar.close * (1 - self.away)))

    def on_fill(self, fill):
        self.heard.append(fill)

class Raises(Trades):
    def on_bar(self, bar):
        if self.bars == 2:
            raise ValueError("the sky fell")
        super().on_bar(bar)

class Hangs(Trades):
    def on_bar(self, bar):
        super().on_bar(bar)
        if self.bars == 3:
            self.trader.order(Side.BUY, ONE)
            time.sleep(30)

class Ladder(Strategy):
    '''Many orders at once.'''
    def on_start(self):
        for step in range(1, 16):
            self.trader.order(Side.BUY, Decimal("0.001"), limit=Decimal(50_000) - 100 * step)
        self.rejected = 0

    def on_reject(self, client_id, reason):
        self.rejected += 1
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return str(path)


def name(file: str, which: str) -> str:
    return f"{file}:{which}"


async def bars(desk: TestDesk, count: int) -> None:
    """Let `count` bars of five seconds close, each heard and answered before the next."""
    for _ in range(count):
        await desk.run(5)
        await idle(desk.engine)


async def idle(engine: Engine) -> None:
    """Until the strategies have handled what they heard and their orders have been answered."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def start(desk: TestDesk, strategy: str, **terms: object):  # type: ignore[no-untyped-def]
    return await desk.engine.strategies.start(strategy, BTC, capital=CAPITAL, interval=FIVE_SECONDS, **terms)  # type: ignore[arg-type]


async def test_a_strategy_trades_under_its_own_name(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        assert run.run_id == f"mine@{BTC}"
        await bars(desk, 4)
        view = desk.engine.strategies.view(run.run_id)
        assert view.position == Decimal("0.01")
        assert [order.state for order in view.orders] == [OrderState.ACCEPTED]
        assert {order.origin for order in desk.engine.orders()} == {run.run_id}
        assert view.equity == CAPITAL + view.pnl
        assert view.pnl != 0
        [own] = [result for result in desk.engine.owner_results() if result.origin == run.run_id]
        assert own.net == view.pnl


async def test_stopping_pulls_its_orders_and_says_what_it_holds(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 3)
        await desk.engine.strategies.stop(run.run_id)
        view = desk.engine.strategies.view(run.run_id)
        assert (view.run.state, view.orders, view.position) == (RunState.STOPPED, [], Decimal("0.01"))
        heard = len(desk.engine.orders())
        await bars(desk, 3)
        assert len(desk.engine.orders()) == heard
        with pytest.raises(Refused, match="stopped already"):
            await desk.engine.strategies.stop(run.run_id)


async def test_pause_keeps_the_state_and_resume_goes_on(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 3)
        await desk.engine.strategies.pause(run.run_id)
        assert desk.engine.strategies.view(run.run_id).orders == []
        await bars(desk, 2)
        await desk.engine.strategies.resume(run.run_id)
        await bars(desk, 2)
        view = desk.engine.strategies.view(run.run_id)
        assert view.position == Decimal("0.01")  # it did not buy again as on its first bar
        assert len(view.orders) == 1


async def test_parameters_change_while_it_runs(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 3)
        [before] = desk.engine.strategies.view(run.run_id).orders
        await desk.engine.strategies.revise(run.run_id, params={"away": 0.1})
        await bars(desk, 1)
        [after] = desk.engine.strategies.view(run.run_id).orders
        assert before.price is not None
        assert after.price is not None
        assert after.price < before.price * Decimal("0.96")
        with pytest.raises(Refused, match="away must be"):
            await desk.engine.strategies.revise(run.run_id, params={"away": 7})


async def test_one_that_raises_is_stopped_with_its_orders_pulled_and_the_desk_goes_on(
    tmp_path: Path, file: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Raises"))
        await bars(desk, 4)
        await desk.settle(lambda: desk.engine.strategies.view(run.run_id).run.state is RunState.FAILED)
        await desk.settle(lambda: not desk.engine.open_orders())
        reason = desk.engine.strategies.view(run.run_id).run.reason
        assert "ValueError: the sky fell" in reason
        line = 1 + SOURCE[: SOURCE.index("raise ValueError")].count("\n")
        assert f"{file}, line {line}: raise ValueError" in reason, "the trader reads where it was"
        assert any("Traceback" in entry.detail and "mine.py" in entry.detail for entry in desk.engine.log.entries)
        assert desk.engine.trading_state is TradingState.ACTIVE
        assert (await desk.limit(BTC, Side.BUY, "0.01", away=10)).is_open


async def test_one_whose_end_the_store_refuses_is_silent_and_leaves_no_order_all_the_same(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 3)
        assert [order.origin for order in desk.engine.open_orders()] == [run.run_id]

        async def refused(_: StrategyRun) -> None:
            raise Refused("The store did not take it: no room")

        monkeypatch.setattr(desk.engine.strategies, "_record", refused)
        with pytest.raises(Refused, match="no room"):
            await desk.engine.strategies.stop(run.run_id)
        await desk.settle(lambda: not desk.engine.open_orders())


async def test_capital_and_restart_change_while_it_runs(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 2)
        pnl = desk.engine.strategies.view(run.run_id).pnl
        await desk.engine.strategies.revise(run.run_id, capital=Decimal(2_500), restarts=True)
        view = desk.engine.strategies.view(run.run_id)
        assert (view.run.capital, view.run.restarts, view.run.state) == (2_500, True, RunState.RUNNING)
        assert view.equity == 2_500 + pnl
        live = desk.engine.strategies._live[run.run_id]
        assert live.book.equity == view.equity, "what the strategy itself is told"
        with pytest.raises(Refused, match="above zero"):
            await desk.engine.strategies.revise(run.run_id, capital=Decimal(0))
        await desk.engine.strategies.stop(run.run_id)
        with pytest.raises(Refused, match="stopped"):
            await desk.engine.strategies.revise(run.run_id, restarts=False)


async def test_closing_out_ends_it_and_sells_what_it_alone_holds(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(BTC, Side.BUY, "0.5")  # the trader's own
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 3)
        book = desk.engine.strategies._live[run.run_id].book
        pull, begun = book.pull, asyncio.Event()

        async def pull_later() -> None:
            begun.set()
            for _ in range(100):
                if any(order.note == "close" for order in desk.engine.orders()):
                    break
                await asyncio.sleep(0)
            await pull()

        book.pull = pull_later  # type: ignore[method-assign, assignment]
        stopping = asyncio.create_task(desk.engine.strategies.stop(run.run_id))
        await begun.wait()
        (order,) = await desk.engine.strategies.close_out(run.run_id)  # which the stop, still at it, does not pull
        await stopping
        assert (order.side, order.quantity, order.reduce_only, order.origin) == (
            Side.SELL, Decimal("0.01"), True, run.run_id,
        )  # fmt: skip
        await desk.run(1)
        view = desk.engine.strategies.view(run.run_id)
        assert (view.run.state, view.position, view.orders) == (RunState.STOPPED, 0, [])
        assert desk.engine.position(BTC).quantity > Decimal("0.49")
        assert await desk.engine.strategies.close_out(run.run_id) == []


async def test_an_entry_with_all_the_money_is_cut_to_what_the_account_pays_for_a_tick_later(
    tmp_path: Path, file: str
) -> None:
    """It reckons its size at the price that it knows; the market asks more. What was too much then is denied."""
    async with demo_desk(tmp_path, money="10000") as desk:
        run = await start(desk, name(file, "Trades"))
        live, core = desk.engine.strategies._live[run.run_id], desk.engine.core
        ask = desk.best(BTC, Side.SELL)
        lower = ask - 20
        everything = floor_to(Decimal(10_000) / (lower * Decimal("1.001")), desk.engine.instrument(BTC).lot)
        draft = OrderDraft(instrument=BTC, side=Side.BUY, quantity=everything, type=OrderType.MARKET)
        assert not all(one.ok for one in core.judge(draft, desk.clock.now()))
        cut = live._out._payable(draft, lower)
        assert all(one.ok for one in core.judge(cut, desk.clock.now()))
        assert 0 < draft.quantity - cut.quantity < Decimal("0.0005")
        assert "the market has moved since it decided" in desk.engine.log.entries[-1].text
        for same, decided in (
            (draft, ask), (draft, None), (replace(draft, quantity=Decimal("0.1")), lower),
            (replace(draft, side=Side.SELL), lower), (replace(draft, reduce_only=True), lower),
            (replace(draft, note="hedge"), lower),
        ):  # fmt: skip
            assert live._out._payable(same, decided) is same


async def test_limits_of_its_own_hold_a_strategy_back_and_survive_a_restart(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        field = f"strategies.mine@{BTC}.max_order_value"
        await desk.engine.risk.change_limit(field, "50", "strategies page")
        run = await start(desk, name(file, "Trades"))
        await bars(desk, 1)
        [denied] = [order for order in desk.engine.orders() if order.origin == run.run_id]
        assert denied.state is OrderState.DENIED
        assert run.run_id in denied.reason
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now) as desk:
        assert desk.engine.risk.limits.strategies[run.run_id].max_order_value == 50
        (changed,) = await desk.engine.risk.change_limit(field, "", "strategies page")
        assert (changed.old, changed.new) == ("50", "none")
        await desk.limit(BTC, Side.BUY, "0.01", away=10, origin=run.run_id)


async def test_one_that_hangs_holds_nobody_up_and_is_stopped(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        desk.engine.strategies.stop_after = 0.2
        run = await start(desk, name(file, "Hangs"))
        await bars(desk, 3)
        sent = len(desk.engine.orders())
        await desk.settle(lambda: desk.engine.strategies.view(run.run_id).run.state is RunState.FAILED)
        await desk.settle(lambda: not desk.engine.open_orders())
        assert "longer than 0.2 s" in desk.engine.strategies.view(run.run_id).run.reason
        assert len(desk.engine.orders()) == sent  # what it asked for before it hung was never sent


async def test_the_kill_switch_stops_all_and_nothing_is_sent_after_it(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"), restarts=True)
        await bars(desk, 3)
        desk.engine.kill("the test")
        sent = len(desk.engine.orders())
        await desk.settle(lambda: not desk.engine.open_orders())
        await bars(desk, 3)
        assert len(desk.engine.orders()) == sent
        assert desk.engine.strategies.view(run.run_id).run.state is RunState.STOPPED
        with pytest.raises(Refused, match="HALTED"):
            await start(desk, name(file, "Trades"))
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now) as desk:  # and it does not come back by itself
        assert desk.engine.strategies.view(run.run_id).run.state is RunState.STOPPED
        await bars(desk, 2)
        assert not desk.engine.open_orders()


@pytest.mark.parametrize("restarts", [True, False])
async def test_after_a_restart_it_comes_back_as_configured_with_its_state(
    tmp_path: Path, file: str, restarts: bool
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Trades"), restarts=restarts)
        await bars(desk, 3)
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now) as desk:
        await desk.settle(lambda: not desk.engine.strategies.view(run.run_id).orders)  # those of before are pulled
        await bars(desk, 3)
        view = desk.engine.strategies.view(run.run_id)
        assert view.run.state is (RunState.RUNNING if restarts else RunState.STOPPED)
        assert view.position == Decimal("0.01")  # had it forgotten its state it would have bought again
        assert len(view.orders) == (1 if restarts else 0)


@pytest.mark.slow
async def test_a_ladder_of_orders_goes_out_within_the_limit_of_a_second(tmp_path: Path, file: str) -> None:
    limits = replace(GENEROUS, max_orders_per_second=5, price_collar_resting=Decimal("0.9"))
    async with demo_desk(tmp_path, limits=limits) as desk:
        run = await start(desk, name(file, "Ladder"))
        for _ in range(40):
            await desk.run(0.1)
            await idle(desk.engine)
        assert len(desk.engine.strategies.view(run.run_id).orders) == 15


async def test_orders_that_cannot_be_handed_over_are_told_as_refused(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, name(file, "Ladder"))
        strategy = desk.engine.strategies._live[run.run_id].strategy

        async def broken(*_: object) -> Order:
            raise RuntimeError("the sky fell")

        monkeypatch.setattr(desk.engine.strategies._gateway, "submit", broken)
        await desk.settle(lambda: getattr(strategy, "rejected", 0) == 15)
        assert any("could not be handed over" in entry.text for entry in desk.engine.log.entries)


async def test_a_signal_strategy_runs_as_it_is(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, "sma_cross", params={"fast": 1, "slow": 2})
        for _ in range(60):
            await bars(desk, 1)
            fills = desk.engine.fills()
            sides = [side for side, _ in groupby(fill.side for fill in fills)]  # an order may fill in parts
            if len(sides) >= 2:
                break
        assert sides[:2] == ["buy", "sell"]
        signals = desk.engine.strategies.view(run.run_id).signals
        assert len(signals) >= 2
        assert {signal.words for signal in signals} == {"enter long", "leave long"}
        assert [signal.ts for signal in signals] == sorted(signal.ts for signal in signals)
        assert desk.engine.strategies.view(run.run_id).run.state is RunState.RUNNING


async def test_the_signals_of_the_bars_before_its_start_are_known_at_once(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await desk.engine.strategies.start("sma_cross", BTC, capital=CAPITAL)
        await desk.settle(lambda: len(desk.engine.strategies.view(run.run_id).signals) > 5)
        signals = desk.engine.strategies.view(run.run_id).signals
        assert all(signal.ts < desk.clock.now() for signal in signals)
        assert not desk.engine.orders(), "what was decided before it began is not traded"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"strategy": "nonsense"}, "no strategy 'nonsense'"),
        ({"instrument": "NOVA:NONE"}, "no instrument"),
        ({"capital": Decimal(0)}, "above zero"),
        ({"interval": 7}, "multiples of 5 s"),
        ({"params": {"fast": -1}}, "fast must be"),
        ({"strategy": "pairs"}, "second instrument"),
    ],
)
async def test_what_cannot_run_is_refused_in_a_sentence(tmp_path: Path, what: dict[str, object], sentence: str) -> None:
    terms: dict[str, object] = {"strategy": "sma_cross", "instrument": BTC, "capital": CAPITAL} | what
    async with demo_desk(tmp_path) as desk:
        with pytest.raises(Refused, match=sentence):
            await desk.engine.strategies.start(**terms)  # type: ignore[arg-type]


ALWAYS = """
import numpy as np
from workstation.strategies.contract import Signals, SignalStrategy

class Always(SignalStrategy):
    '''In whenever it may.'''
    def signals(self, candles):
        return Signals(long_entry=np.ones(len(candles), dtype=bool))
"""


async def test_sizes_exits_and_protections_of_a_run_go_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    rules = TradeRules(size_rule="value", size=1_000, stop=0.05, max_bars=6, cooldown=500)
    async with demo_desk(tmp_path) as desk:
        run = await start(desk, str(file), rules=rules, restarts=True)
        while not desk.engine.strategies.view(run.run_id).position:
            await bars(desk, 1)
        await bars(desk, 2)
        view = desk.engine.strategies.view(run.run_id)
        [stop] = view.orders
        assert view.entry is not None
        assert abs(view.position * view.entry - 1_000) < 10
        assert stop.stop_price is not None
        assert abs(stop.stop_price / view.entry - Decimal("0.95")) < Decimal("0.0001")
        now, held = desk.clock.now(), view.position
    async with demo_desk(tmp_path, start=now) as desk:
        assert desk.engine.strategies.view(run.run_id).run.rules == rules
        await desk.settle(lambda: [one.stop_price for one in desk.engine.strategies.view(run.run_id).orders
                                   if one.client_id != stop.client_id] == [stop.stop_price])  # fmt: skip
        assert desk.engine.strategies.view(run.run_id).position == held
        closed = 0
        while desk.engine.strategies.view(run.run_id).position and closed < 12:
            await bars(desk, 1)
            closed += 1
        assert closed < 6, "the bars of before the restart count"
        last = [order for order in desk.engine.orders() if order.origin == run.run_id and order.note == "time"]
        assert [(order.side, order.filled) for order in last] == [(Side.SELL, held)]
        await bars(desk, 5)
        view = desk.engine.strategies.view(run.run_id)
        lost = view.result.realized - view.result.fees < 0
        assert bool(view.position) is not lost, "the cooldown after a loss holds, and only that"


async def test_rules_that_do_not_hold_and_those_of_event_strategies_are_refused(tmp_path: Path, file: str) -> None:
    async with demo_desk(tmp_path) as desk:
        with pytest.raises(Refused, match="max_drawdown does nothing without max_drawdown_lock"):
            await start(desk, "sma_cross", rules=TradeRules(max_drawdown=0.1))
        with pytest.raises(Refused, match="has sizes, exits and protections of its own"):
            await start(desk, name(file, "Trades"), rules=TradeRules(stop=0.02))
        assert not desk.engine.core.strategy_runs
