"""The page of strategies by keys: form, start, change, limits, pause, stop, close, kill; files that are dropped in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest
from textual.events import MouseScrollDown
from trading_scene import BTC, ETH, Scene

from plugins.strategies import StrategiesPane
from plugins.strategies.control import StrategyControl
from plugins.strategies.rows import Installed, RunRow
from screens import figures
from workstation.clock import SECOND
from workstation.domain.events import StrategyRunChanged, TradingState
from workstation.domain.formats import COMMA
from workstation.domain.market import Trade
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.domain.strategy_run import RunDraft, RunState, StrategyRun
from workstation.domain.trade_rules import TradeRules
from workstation.research.bench.messages import Offer, ParameterSpec, StrategyChoice
from workstation.research.bench.offers import _described
from workstation.store.store import Store
from workstation.strategies.library import list_strategies

pytestmark = pytest.mark.timeout(240)

SIZES = [(160, 48), (100, 30), (80, 24)]

OWN = '''"""Buys on its first bar, then rests a limit far below; raises on the bar that it is told to."""
from decimal import Decimal

from workstation.domain.order import Side
from workstation.strategies.contract import Strategy
from workstation.strategies.parameters import Bool, Choice, Float, Int


class Own(Strategy):
    size = Float(0.01, low=0.01, high=0.2, step=0.01, help="Quantity of an order")
    raise_at = Int(99, low=1, high=99, help="Bar on which it raises")
    side = Choice("long", ("long", "flat"), help="Which way")
    rest = Bool(True, help="Whether it rests a limit")
    bars = 0

    def on_bar(self, bar):
        self.bars += 1
        if self.bars == self.raise_at:
            raise ValueError("the sky fell")
        if self.bars == 1:
            self.trader.order(Side.BUY, Decimal(str(self.size)), tag="first")
        elif self.rest:
            self.trader.cancel_all()
            self.trader.order(Side.BUY, Decimal(str(self.size)), limit=Decimal(bar.close * 0.98))
'''
BROKEN = "from workstation.strategies.contract import SignalStrategy\n\nclass Broken(SignalStrategy:\n    pass\n"
SIGNALS = '''"""In after an up bar, out after a down bar."""
from workstation.strategies.contract import Signals, SignalStrategy


class UpDown(SignalStrategy):
    def signals(self, candles):
        up = candles.close > candles.open
        return Signals(long_entry=up, long_exit=candles.close < candles.open)
'''
PLAIN = '''"""Of another house."""
from backtesting import Strategy


class Theirs(Strategy):
    def init(self):
        pass

    def next(self):
        pass
'''
RUN = f"own@{BTC.id}"
TWO = '''"""Holds both."""
import numpy as np
from workstation.strategies.contract import Signals, SignalStrategy


class Two(SignalStrategy):
    NEEDS_PEER = True
    hedged = True

    def hedge(self, candles):
        return np.full(len(candles), 5.0)

    def signals(self, candles):
        return Signals(long_entry=np.ones(len(candles), dtype=bool))
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "strategies"
    folder.mkdir(parents=True)
    (folder / "own.py").write_text(OWN)
    return folder


async def read_here(self) -> None:
    """What the research process would answer, without waiting for one to start."""
    self.offer = tuple(_described(info) for info in list_strategies(self.engine.strategies.folder))
    self.touch()


@asynccontextmanager
async def page(folder, home, size=(160, 48), *, process=False):
    """`process`: with the real research process, which takes seconds to start."""
    desk = Scene(folder, [StrategiesPane], strategies=home)
    with pytest.MonkeyPatch.context() as patched:
        if not process:
            patched.setattr(StrategyControl, "look", lambda self: self.spawn(read_here(self)))
        async with _open(desk, size) as (pilot, pane):
            yield desk, pilot, pane


@asynccontextmanager
async def _open(desk, size):
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["strategies"]
            pane.focus()
            await until(desk, pilot, lambda: pane.offer is not None)
            yield pilot, pane
    finally:
        await desk.engine.close()


async def until(desk, pilot, holds: Callable[[], bool], seconds: float = 120) -> None:
    for _ in range(int(seconds / 0.02)):
        if holds():
            break
        await asyncio.sleep(0.02)
    assert holds(), desk.screen_text()
    await desk.painted(pilot)


async def bars(desk, pilot, count: int = 1, seconds: int = 5) -> None:
    """Let bars close: time goes on, the book stands, a trade at its price."""
    for _ in range(count):
        desk.tick(seconds)
        price = int(Decimal(64_200) / BTC.tick) + (1 if desk.clock.now() // SECOND % 2 else 0)
        desk.feed(Trade(BTC.id, desk.clock.now(), price, 10, True, f"t{desk.clock.now()}"))
        for _ in range(15):
            await asyncio.sleep(0.01)
    await desk.painted(pilot)


async def choose(desk, pilot, pane, name: str) -> None:
    """The cursor on a row, by the search."""
    pane.focus()
    await desk.painted(pilot)
    await pilot.press("slash", *name, "enter")
    await desk.painted(pilot)


def here(pane) -> str:
    row = pane.selected_row
    return row.view.run.run_id if isinstance(row, RunRow) else row.choice.name if isinstance(row, Installed) else ""


def view(desk, run_id: str = RUN):
    return desk.engine.strategies.view(run_id)


async def fill(pilot, *downs_and_text: tuple[int, str]) -> None:
    """In the form: so many rows down, then the text."""
    for down, text in downs_and_text:
        await pilot.press(*["down"] * down, "enter", "ctrl+u", *text, "enter")


async def started(desk, pilot, pane) -> None:
    """The strategy of the file, on bars of five seconds with 2,000."""
    await choose(desk, pilot, pane, "own")
    assert here(pane) == "own"
    await pilot.press("enter", "down", "left", "left", "left")  # 1m → 15s → 5s → 1d
    await pilot.press("right")
    await fill(pilot, (1, "2000"))
    await pilot.press("S")
    await until(desk, pilot, lambda: RUN in desk.engine.core.strategy_runs)


async def test_a_strategy_is_started_from_its_form_trades_and_shows_what_it_does(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        text = desk.screen_text()
        for part in ("adx_trend", "built-in", "Directional movement while there is a trend."):
            assert part in text
        await choose(desk, pilot, pane, "own")
        assert "drop-in file" in desk.screen_text()
        await started(desk, pilot, pane)
        run = view(desk).run
        assert (run.capital, run.interval, run.state) == (2_000, 5 * SECOND, RunState.RUNNING)
        assert run.params == {"size": 0.01, "raise_at": 99, "side": "long", "rest": True}
        assert here(pane) == RUN, "the cursor stands on what was started"
        await bars(desk, pilot, 3)
        text = desk.screen_text()
        assert "+0.0100" in text
        assert "filled" in text
        assert "first" in text, "the orders' own words"
        assert "accepted" in text
        assert f"allocated {2_000:,.2f}" in text
        await desk.order(ETH.id, Side.BUY, "100000", origin=RUN)  # as the rebalance of one that holds weights would
        await desk.painted(pilot)
        text = desk.screen_text()
        assert "denied" in text
        assert "ETH-USDT" in text, "which has brought no leg"
        await pilot.press("v", "v")
        await desk.painted(pilot)
        assert "unrealised" in desk.screen_text()
        await pilot.press("v")
        await desk.painted(pilot)
        assert f"{RUN} is running" in desk.screen_text()


async def test_parameters_and_capital_change_while_it_runs_only_when_they_are_sent(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await started(desk, pilot, pane)
        await pilot.press("enter", "home", *["down"] * 4, "right", "right")
        await desk.painted(pilot)
        assert view(desk).run.params["size"] == 0.01, "nothing is sent by a step"
        assert "0.01 → 0.03" in desk.screen_text()
        assert "1 change is not sent" in desk.screen_text()
        await pilot.press("escape")
        await desk.painted(pilot)
        assert "not sent" not in desk.screen_text()
        await pilot.press("right", "up", "enter", "up")  # restarts: a choice goes round by Enter
        await fill(pilot, (0, "3500"))
        await desk.painted(pilot)
        assert "3 changes are not sent" in desk.screen_text()
        await pilot.press("a")
        await until(desk, pilot, lambda: view(desk).run.capital == 3_500)
        run = view(desk).run
        assert (run.params["size"], run.restarts) == (0.02, True)
        assert "not sent" not in desk.screen_text()
        await pilot.press("home", "right")
        await desk.painted(pilot)
        assert any("stays while it runs" in toast for toast in desk.toasts()), "instrument and bars are its own"


async def to_field(pilot, pane, label: str) -> None:
    """The cursor of the form on a row."""
    rows = [field.label for field in pane.form.fields()]
    await pilot.press("home", *["down"] * rows.index(label))


async def test_exits_sizes_and_protections_change_while_it_runs_only_when_they_are_sent(tmp_path, home):
    run_id = f"sma_cross@{BTC.id}"
    async with page(tmp_path, home) as (desk, pilot, pane):
        await desk.engine.strategies.start("sma_cross", BTC.id, capital=Decimal(2_000), rules=TradeRules(stop=0.02))
        pane.go_to(("run", run_id))
        await desk.painted(pilot)
        await pilot.press("enter")
        await to_field(pilot, pane, "Stop %")
        await pilot.press("right", "right")
        await to_field(pilot, pane, "Trailing %")
        await fill(pilot, (0, "1.5"))
        await to_field(pilot, pane, "Size by")
        await pilot.press("right", "right", "right")
        await desk.painted(pilot)
        assert view(desk, run_id).run.rules == TradeRules(stop=0.02), "nothing is sent by a step"
        text = desk.screen_text()
        assert "equity → risk" in text
        assert "4 changes are not sent" in text, "the amount goes with the way to size"
        await to_field(pilot, pane, "Trailing %")
        await desk.painted(pilot)
        assert "off → 1.5" in desk.screen_text()
        await pilot.press("escape")
        await desk.painted(pilot)
        assert "not sent" not in desk.screen_text()

        await to_field(pilot, pane, "Stop %")
        await fill(pilot, (0, "3"))
        await to_field(pilot, pane, "Cooldown, bars")
        await fill(pilot, (0, "9"))
        await pilot.press("a")
        await until(desk, pilot, lambda: view(desk, run_id).run.rules == TradeRules(stop=0.03, cooldown=9))
        assert any("goes on with Stop % 3, Cooldown, bars 9" in toast for toast in desk.toasts())
        await desk.painted(pilot)
        assert "not sent" not in desk.screen_text()

        await to_field(pilot, pane, "Stop %")
        await fill(pilot, (0, "off"))
        await to_field(pilot, pane, "Size by")
        await pilot.press("right", "right", "right", "a")  # by the risk to a stop that there is not
        await desk.painted(pilot)
        assert any("needs a stop" in toast for toast in desk.toasts())
        assert view(desk, run_id).run.rules == TradeRules(stop=0.03, cooldown=9), "all of it or nothing"
        assert "changes are not sent" in desk.screen_text()

        draft = OrderDraft(
            instrument=BTC.id, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET, origin=run_id
        )
        await desk.engine.submit(draft)
        await pilot.press("escape", "x")
        await until(desk, pilot, lambda: view(desk, run_id).run.state is RunState.STOPPED)
        assert "with S it is started again and takes that over with its exits, X closes it." in desk.screen_text()


async def test_its_own_limits_are_changed_by_the_audited_way(tmp_path, home, monkeypatch):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await choose(desk, pilot, pane, "own")
        await pilot.press("enter", "end", "up", "up", "up")
        await fill(pilot, (0, "100"))
        await pilot.press("home", "down", "left", "left", "S")
        await until(desk, pilot, lambda: RUN in desk.engine.core.strategy_runs)
        [change] = desk.engine.risk.changes
        assert (change.field, change.new, change.who) == (f"strategies.{RUN}.max_order_value", "100", "strategies page")
        await bars(desk, pilot)
        assert "denied" in desk.screen_text()
        await pilot.press("f", "end", "up", "up", "up", "enter", "escape")
        await desk.painted(pilot)
        assert not pane.form.changes(), "who leaves the dialog changes nothing"
        with monkeypatch.context() as german:
            german.setattr(figures, "_style", COMMA)
            keys = [field.key for field in pane.form.fields()]
            for key in ("capital", "param:size", "param:raise_at", "limit:max_order_value"):
                pane.form_cursor = keys.index(key)
                await pilot.press("enter", "enter")
                await desk.painted(pilot)
                assert not pane.form.changes(), f"{key}: nor does who accepts what stands there"
                assert not any("number" in toast or "goes from" in toast for toast in desk.toasts())
        pane.form_cursor = keys.index("limit:max_order_value")
        await fill(pilot, (0, ""))
        await pilot.press("a")
        await until(desk, pilot, lambda: len(desk.engine.risk.changes) == 2)
        assert desk.engine.risk.limits.strategies[RUN].max_order_value is None


async def test_pause_resume_stop_and_close(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await started(desk, pilot, pane)
        await bars(desk, pilot, 2)
        await pilot.press("space")
        await until(desk, pilot, lambda: view(desk).run.state is RunState.PAUSED and not view(desk).orders)
        assert "none of its orders protects that" in desk.screen_text()
        await pilot.press("ctrl+l", "space")  # disarmed: what sends orders is not begun
        await desk.painted(pilot)
        assert view(desk).run.state is RunState.PAUSED
        await pilot.press("ctrl+l", "space")
        await until(desk, pilot, lambda: view(desk).run.state is RunState.RUNNING)
        await pilot.press("ctrl+l", "x")  # stopping works disarmed
        await until(desk, pilot, lambda: view(desk).run.state is RunState.STOPPED)
        assert view(desk).position == Decimal("0.01")
        assert "1 ended with a position" in desk.screen_text()
        await pilot.press("ctrl+l", "X")
        await until(desk, pilot, lambda: not view(desk).position)
        assert "ended with a position" not in desk.screen_text()
        await pilot.press("S")  # what has ended is started again as it was
        await until(desk, pilot, lambda: view(desk).run.state is RunState.RUNNING)
        assert view(desk).run.capital == 2_000


async def test_the_kill_switch_stops_all_and_the_page_says_so(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await started(desk, pilot, pane)
        await bars(desk, pilot, 2)
        assert view(desk).orders
        await pilot.press("f9")
        await until(desk, pilot, lambda: desk.engine.trading_state is TradingState.HALTED)
        await until(desk, pilot, lambda: not desk.engine.open_orders())
        await until(desk, pilot, lambda: f"Strategies stopped: {RUN}" in desk.screen_text())
        await pilot.press("escape")
        await desk.painted(pilot)
        text = desk.screen_text()
        assert view(desk).run.state is RunState.STOPPED
        assert "no strategy runs until the desk is re-armed" in text
        assert "The desk was halted" in text
        await pilot.press("S")
        await until(desk, pilot, lambda: any("HALTED" in toast for toast in desk.toasts()))


async def test_one_that_raises_is_shown_with_file_and_line(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await choose(desk, pilot, pane, "own")
        await pilot.press("enter", "down", "left", "left")
        await fill(pilot, (4, "3"))
        await pilot.press("S")
        await until(desk, pilot, lambda: RUN in desk.engine.core.strategy_runs)
        await bars(desk, pilot, 3)
        await until(desk, pilot, lambda: view(desk).run.state is RunState.FAILED)
        assert not desk.engine.open_orders()
        line = 1 + OWN[: OWN.index("raise ValueError")].count("\n")
        text = " ".join(desk.screen_text().split())
        assert f'line {line}: raise ValueError("the sky fell")' in text
        assert "own.py" in text
        assert "1 failed" in text
        desk.app.run_named("strategies.view_back")
        await pilot.press("V", "V", "V", "V")
        pane._show_view("log")
        await desk.painted(pilot)
        assert "in on_bar" in desk.screen_text()
        assert "_timed" not in desk.screen_text(), "the trace begins with the strategy's own code"


async def test_files_that_are_dropped_in_are_there_after_r_and_a_broken_one_breaks_nothing(tmp_path, home):
    async with page(tmp_path, home, process=True) as (desk, pilot, pane):
        (home / "broken.py").write_text(BROKEN)
        (home / "updown.py").write_text(SIGNALS)
        (home / "theirs.py").write_text(PLAIN)
        await pilot.press("r")
        await until(desk, pilot, lambda: any(one.name == "up_down" for one in pane.offer))
        await choose(desk, pilot, pane, "broken")
        assert "broken.py, line 3" in desk.screen_text()
        await pilot.press("enter")
        await desk.painted(pilot)
        assert any("line 3" in toast for toast in desk.toasts())
        await choose(desk, pilot, pane, "theirs")
        assert "Backtest page only" in desk.screen_text()
        await choose(desk, pilot, pane, "up_down")
        await pilot.press("S")
        await until(desk, pilot, lambda: f"up_down@{BTC.id}" in desk.engine.core.strategy_runs)
        await until(desk, pilot, lambda: bool(view(desk, f"up_down@{BTC.id}").signals))
        pane._show_view("signals")
        await desk.painted(pilot)
        assert "before it ran" in desk.screen_text()


async def test_the_wheel_moves_what_it_is_over_and_nothing_else(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        await pilot.press("home")
        await desk.painted(pilot)
        first = pane._cursor  # below the headings

        async def wheel(y: int) -> tuple[int, int]:
            await pilot._post_mouse_events([MouseScrollDown], pane, offset=(3, y))
            await desk.painted(pilot)
            return pane._cursor, pane.form_cursor

        assert await wheel(3) == (first + 3, 0)
        assert pane.form is not None
        assert await wheel(pane.height - 3) == (first + 3, 1)


async def test_a_draft_from_elsewhere_fills_the_form_and_starts_nothing(tmp_path, home):
    async with page(tmp_path, home) as (desk, pilot, pane):
        draft = RunDraft(
            strategy="sma_cross", instrument=ETH.id, interval=300 * SECOND, params={"fast": 7, "slow": 33},
            capital=Decimal(4_321), rules=TradeRules(stop=0.025),
        )  # fmt: skip
        known, pane.offer = pane.offer, None  # the strategies are still being read
        desk.app.desk.offer_run(draft)
        await desk.painted(pilot)
        pane.offer = known
        pane.touch()
        await desk.painted(pilot)
        assert not desk.engine.core.strategy_runs
        terms = pane.form.terms()
        assert (terms.instrument, terms.interval, terms.capital) == (ETH.id, 300 * SECOND, 4_321)
        assert (terms.params["fast"], terms.params["slow"]) == (7, 33)
        assert terms.rules == TradeRules(stop=0.025)
        exits = {field.label: field.text for field in pane.form.fields() if field.group == "Exits"}
        assert exits == {
            "Stop %": "2.5", "ATR stop ×": "off", "Target %": "off", "ROI table": "none", "Trailing %": "off",
            "Break-even at %": "off", "Time exit, bars": "off",
        }  # fmt: skip
        assert f"to run as sma_cross@{ETH.id}" in desk.screen_text()


async def test_a_strategy_on_two_instruments_asks_for_its_peer_trades_both_and_shows_each(tmp_path, home):
    (home / "two.py").write_text(TWO)
    run_id = f"two@{BTC.id}+{ETH.symbol}"
    async with page(tmp_path, home) as (desk, pilot, pane):
        await choose(desk, pilot, pane, "two")
        await pilot.press("S")
        await desk.painted(pilot)
        assert "Choose its peer too: it needs a further instrument." in "".join(desk.toasts())
        await pilot.press("enter", "down", "enter")
        await desk.painted(pilot)
        await pilot.press(*"btc-usdt", "enter", "S")
        await desk.painted(pilot)
        assert "Its instruments must differ" in "".join(desk.toasts())
        await pilot.press("enter")
        await desk.painted(pilot)
        await pilot.press(*"eth-usdt", "enter", "down", "left", "left", "left", "right")
        await desk.painted(pilot)
        assert f"to run as {run_id}" in desk.screen_text()
        await pilot.press("S")
        await until(desk, pilot, lambda: run_id in desk.engine.core.strategy_runs)
        run = view(desk, run_id).run
        assert (run.further, run.interval) == ({"peer": ETH.id}, 5 * SECOND)
        for _ in range(3):
            desk.tick(5)
            now = desk.clock.now()
            for one, price in ((BTC, 64_200), (ETH, 3_100)):
                desk.feed(Trade(one.id, now, int(Decimal(price) / one.tick), 10, True, f"{one.symbol}{now}"))
            await asyncio.sleep(0.1)
        await until(desk, pilot, lambda: len(view(desk, run_id).holds) == 2)
        text = desk.screen_text()
        assert "2 legs" in text
        assert [word in text for word in ("Leg", "entry", "hedge", "ETH-USDT  ")] == [True] * 4
        pane._show_view("result")
        await desk.painted(pilot)
        text = desk.screen_text()
        for leg in (BTC, ETH):
            assert f"Leg {leg.symbol}" in text
        assert text.count("holds") >= 2
        await pilot.press("x")
        await until(desk, pilot, lambda: view(desk, run_id).run.state is RunState.STOPPED)
        assert "BTC-USDT and +" in desk.screen_text()
        assert "X closes all of it." in desk.screen_text()
        assert "Peer" in desk.screen_text()
        await pilot.press("X")
        await until(desk, pilot, lambda: not view(desk, run_id).holds)


async def test_a_pair_moves_from_another_desk_with_its_peer(tmp_path, home):
    pair = StrategyRun(
        run_id="pairs@LOOP:BTC-USDT+ETH-USDT", strategy="pairs", instrument="LOOP:BTC-USDT", interval=300 * SECOND,
        params={"length": 60}, capital=Decimal(2_000), further={"peer": "LOOP:ETH-USDT"},
    )  # fmt: skip
    lacks = msgspec.structs.replace(pair, run_id="pairs@LOOP:BTC-USDT+XMR-USDT", further={"peer": "LOOP:XMR-USDT"})
    async with page(tmp_path, home) as (desk, pilot, pane):
        another_desk(tmp_path, "paper-main.sqlite", "paper", pair, lacks)
        for words, peer in (("eth", ETH.id), ("xmr", None)):
            await pilot.press("m")
            await until(desk, pilot, lambda words=words: words.upper() in desk.screen_text())
            await pilot.press(*words, "enter")
            await desk.painted(pilot)
            assert pane.form.further == {"peer": peer}
        assert "XMR-USDT is not listed here: choose another." in "".join(desk.toasts())
        assert pane.form.fields()[0].value == BTC.id


def another_desk(folder, name: str, mode: str, *runs: StrategyRun) -> None:
    store = Store.open(folder / name, mode, clock_now=lambda: 0)
    for number, run in enumerate(runs):
        store.append(StrategyRunChanged(ts=number, run=run)).result(timeout=10)
    store.close()


async def test_a_strategy_moves_from_another_desk_into_the_form_of_this_one(tmp_path, home):
    first = StrategyRun(
        run_id="sma_cross@LOOP:BTC-USDT", strategy="sma_cross", instrument="LOOP:BTC-USDT", interval=300 * SECOND,
        params={"fast": 5, "slow": 30}, capital=Decimal(2_000), rules=TradeRules(stop=0.03),
    )  # fmt: skip
    changed = msgspec.structs.replace(first, params={"fast": 8, "slow": 30}, state=RunState.STOPPED, since=5)
    elsewhere = msgspec.structs.replace(first, run_id="sma_cross@LOOP:XMR-USDT", instrument="LOOP:XMR-USDT")
    async with page(tmp_path, home) as (desk, pilot, pane):
        await pilot.press("m")
        await desk.painted(pilot)
        assert "No strategy has run on another desk of this machine." in "".join(desk.toasts())
        another_desk(tmp_path, "paper-main.sqlite", "paper", first, elsewhere, changed)
        (tmp_path / "live-main.sqlite").write_bytes(b"no store")
        await pilot.press("m")
        await until(desk, pilot, lambda: "paper main" in desk.screen_text())
        await pilot.press(*"btc", "enter")
        await desk.painted(pilot)
        terms = pane.form.terms()
        assert (terms.instrument, terms.interval, terms.capital) == (BTC.id, 300 * SECOND, 2_000)
        assert (terms.params["fast"], terms.rules) == (8, TradeRules(stop=0.03))
        assert not desk.engine.core.strategy_runs
        await pilot.press("m")
        await until(desk, pilot, lambda: "XMR" in desk.screen_text())
        await pilot.press(*"xmr", "enter")
        await desk.painted(pilot)
        assert "XMR-USDT is not listed here: choose another." in "".join(desk.toasts())
        assert pane.form.staged["instrument"] is None, "no other instrument takes its place"
        await pilot.press("S")
        await desk.painted(pilot)
        assert "Choose the instrument first." in "".join(desk.toasts())
        await desk.engine.strategies.start("sma_cross", BTC.id, capital=Decimal(500), params={"fast": 4, "slow": 9})
        await pilot.press("m")
        await until(desk, pilot, lambda: "XMR" in desk.screen_text())
        await pilot.press(*"xmr", "enter")
        await desk.painted(pilot)
        assert not pane.form.active, "a run on another instrument is left alone"
        await pilot.press("m")
        await until(desk, pilot, lambda: "XMR" in desk.screen_text())
        await pilot.press(*"btc", "enter")
        await desk.painted(pilot)
        assert pane.form.active
        assert "stands in the form of the run: a sends what differs." in "".join(desk.toasts())


async def test_each_key_is_in_help_and_palette(tmp_path, home):
    async with page(tmp_path, home) as (desk, _pilot, _pane):
        own = {action.name for action in desk.app.table.of("strategies")}
        assert {"strategies.start", "strategies.apply", "strategies.stop", "strategies.pause"} <= own
        for action in desk.app.table.of("strategies"):
            assert action.help
            assert action.keys or action.palette


def spec(name: str, kind: str, default: object, **terms: object) -> ParameterSpec:
    return ParameterSpec(name, kind, default, help=f"What {name} means", **terms)  # type: ignore[arg-type]


OFFER = Offer(
    (
        StrategyChoice("broken", "broken", "/home/me/strategies/broken.py", "",
                       "/home/me/strategies/broken.py, line 3: invalid syntax", False, False, ()),
        StrategyChoice("grid", "Grid", "tws (workstation.strategies.shipped.grid:Grid)",
                       "A grid: buys below the market, sells above it.", None, False, False,
                       (spec("kind", "choice", "arithmetic", choices=("arithmetic", "geometric")),
                        spec("levels", "int", 5, low=1, high=50))),
        StrategyChoice("own", "own", "/home/me/strategies/own.py", OWN.partition("\n")[0].strip('"'), None, False,
                       False, (spec("size", "float", 0.01, low=0.01, high=0.2, step=0.01),
                        spec("raise_at", "int", 99, low=1, high=99),
                        spec("side", "choice", "long", choices=("long", "flat")), spec("rest", "bool", True))),
        StrategyChoice("sma_cross", "SMA cross", "tws (workstation.strategies.shipped.sma_cross:SmaCross)",
                       "Cross of two simple moving averages.\n\nIdea: a trend is on while the short average stands "
                       "above the long one.\nRules: long where `fast` crosses above `slow`.", None, False, True,
                       (spec("fast", "int", 10, low=1, high=500), spec("slow", "int", 30, low=2, high=2000),
                        spec("direction", "choice", "long", choices=("long", "short", "both")))),
        StrategyChoice("theirs", "theirs", "/home/me/strategies/theirs.py", "Of another house.", None, True, False, ()),
    ),
    (),
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_runs_a_failed_one_and_changes_that_are_not_sent(snap_compare, tmp_path, home, size, monkeypatch):
    desk = Scene(tmp_path, [StrategiesPane], strategies=home)
    monkeypatch.setattr("plugins.strategies.control.StrategyControl.look", lambda self: None)

    async def before(pilot):
        await desk.ready(pilot)
        runner, pane = desk.engine.strategies, desk.app.workspace.panes["strategies"]
        terms = {"capital": Decimal(2_500), "interval": 5 * SECOND}
        await runner.start("own", ETH.id, params={"raise_at": 1}, **terms)
        await runner.start("own", BTC.id, **terms, restarts=True)
        for _ in range(2):
            desk.feed(Trade(ETH.id, desk.clock.now(), 321_000, 10, True, f"e{desk.clock.now()}"))
            await bars(desk, pilot)
        await bars(desk, pilot, 2)
        assert view(desk, f"own@{ETH.id}").run.state is RunState.FAILED
        failed = desk.engine.core.strategy_runs[f"own@{ETH.id}"]
        import msgspec

        reason = failed.reason.replace(str(home), "/home/me/strategies")
        desk.engine.core.strategy_runs[failed.run_id] = msgspec.structs.replace(failed, reason=reason)
        pane.offer = OFFER.strategies
        pane.go_to(("run", RUN))
        pane.focus()
        await pilot.press("enter", "home", *["down"] * 4, "right")
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_an_installed_strategy_before_its_start(snap_compare, tmp_path, home, size, monkeypatch):
    desk = Scene(tmp_path, [StrategiesPane], strategies=home)
    monkeypatch.setattr("plugins.strategies.control.StrategyControl.look", lambda self: None)

    async def before(pilot):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["strategies"]
        pane.offer = OFFER.strategies
        pane.go_to(("new", "sma_cross"))
        pane.focus()
        await pilot.press("enter", "home", *["down"] * 4)
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
