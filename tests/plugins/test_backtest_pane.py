"""The backtest page with the real research process: pick, step, search, and read the judgement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from plugins.backtest import BacktestPane
from plugins.strategies import StrategiesPane
from screens.testing import FrozenDesk
from workstation.clock import SECOND
from workstation.domain.trade_rules import UNCHANGED, TradeRules
from workstation.research.bench.client import Bench

pytestmark = pytest.mark.timeout(240)
#: One event loop for the tests of the page: they share the research process.
shared = pytest.mark.asyncio(loop_scope="module")

BROKEN = "from workstation.strategies.contract import SignalStrategy\n\nclass Broken(SignalStrategy:\n    pass\n"
PLAIN = '''"""Buys on the first bar."""
from backtesting import Strategy

class FirstBar(Strategy):
    patience = 3

    def init(self):
        pass

    def next(self):
        if not self.position and len(self.data) > self.patience:
            self.buy()
'''


class LastingBench(Bench):
    """Stays when a desk closes."""

    async def close(self) -> None: ...

    async def end(self) -> None:
        await super().close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    (folder / "strategies").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "UTC")
        patched.setenv("TWS_HOME", str(folder))
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(home):
    # on a fresh machine its process would compile the kernel beside the worker that does it for all
    from tests.support.bars import Scripted, random_walk
    from workstation.research.engine import Costs, engine

    engine("fast").run(Scripted(long_entry=[0]), random_walk(9), Costs())
    bench = LastingBench()
    yield bench
    await bench.end()


@asynccontextmanager
async def page(folder, bench, size=(160, 48), panes=(BacktestPane,)):
    desk = FrozenDesk(folder, panes)
    desk.engine._bench = bench
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["backtest"]
            pane.focus()
            await until(desk, pilot, lambda: pane.session.answer is not None and not pane.session.running)
            yield desk, pilot, pane
    finally:
        await desk.engine.close()


async def until(desk, pilot, holds: Callable[[], bool], seconds: float = 120) -> None:
    for _ in range(int(seconds / 0.05)):
        if holds():
            break
        await asyncio.sleep(0.05)
    assert holds(), desk.screen_text()
    for pane in desk.app.workspace.panes.values():
        pane.repaint()
    await desk.painted(pilot)


def still(pane, **params) -> Callable[[], bool]:
    def holds() -> bool:
        answer = pane.session.answer
        return not pane.session.running and params.items() <= answer.setup.params.items()

    return holds


@shared
async def test_the_page_opens_with_a_run_and_a_held_key_moves_the_parameter_and_the_result(tmp_path, home, bench):
    async with page(tmp_path, bench) as (desk, pilot, pane):
        before = pane.session.answer
        assert before.setup.params["fast"] == 10
        assert "SMA cross" in desk.screen_text()
        assert "▲" in desk.screen_text()
        await pilot.press("down", "down", *["right"] * 7)
        await until(desk, pilot, still(pane, fast=17))
        assert pane.session.answer.digest != before.digest
        assert f"{pane.session.answer.metrics['return_pct']:,.2f} %" in desk.screen_text()
        await pilot.press(*["left"] * 7)
        await until(desk, pilot, still(pane, fast=10))
        assert pane.session.answer.digest == before.digest, "the same parameters give the same digits"

        # It is stored, made again to the same digits, and compared.
        await pilot.press("right")
        await until(desk, pilot, still(pane, fast=11))
        await pilot.press("u")
        await until(desk, pilot, lambda: len(pane.session.stored) >= 2, 10)
        at = [run.digest for run in pane.session.stored].index(before.digest)
        await pilot.press(*["down"] * at, "enter")
        await until(desk, pilot, still(pane, fast=10))
        assert pane.session.answer.digest == before.digest
        assert "the same digits as stored" in desk.screen_text()
        await pilot.press("a", *["V"] * 8)
        await desk.painted(pilot)
        assert "difference" in desk.screen_text()
        # Two more beside it, each with its own figures; once more takes one out.
        for run in [one for one in pane.session.stored if one.digest != before.digest][:2]:
            pane.session.compare(run)
        await desk.painted(pilot)
        text = desk.screen_text()
        for number, run in enumerate(pane.session.compared, 1):
            assert f"stored {number}: sma_cross on GOOG, fast {run.setup['params']['fast']}" in text
            assert f"{run.figures['return_pct']:,.2f} %" in text
        assert len(pane.session.compared) == 3
        pane.session.compare(pane.session.compared[0])
        assert len(pane.session.compared) == 2
        await pilot.press("V", "escape")
        # The trade under the cursor is shown in the chart.
        await pilot.press("f", "end", "enter")
        trade = pane.session.trades.entry_bar[-1]
        await until(desk, pilot, lambda: pane.session.picture.last - pane.session.picture.first < 2_000)
        assert pane.session.picture.first <= trade < pane.session.picture.last
        await pilot.press("home")
        first = pane.session.trades.entry_bar[0]
        await until(desk, pilot, lambda: pane.session.picture.first <= first < pane.session.picture.last)
        await pilot.press("escape")
        await until(desk, pilot, lambda: pane.session.picture.last - pane.session.picture.first == 2_148)


@shared
async def test_a_sweep_fills_its_best_cell_is_loaded_and_judged(tmp_path, home, bench):
    async with page(tmp_path, bench) as (desk, pilot, pane):
        await pilot.press("s")
        await until(desk, pilot, lambda: pane.session.sweep.answer is not None)
        sweep = pane.session.sweep
        assert len(sweep.cells) == sweep.total
        best = sweep.answer.best
        known = [cell for cell in range(sweep.total) if sweep.figure(cell) is not None]
        assert sweep.figure(best) == max(sweep.figure(cell) for cell in known)
        await pilot.press("b", "enter")
        await until(desk, pilot, still(pane, **sweep.params(best)))
        assert pane.session.answer.metrics["sharpe"] == pytest.approx(sweep.figure(best))
        await until(desk, pilot, lambda: pane.session.judgement is not None)
        assert len(pane.session.judgement.fans) == 4
        heads = {verdict.head for verdict in pane.session.verdicts()}
        assert heads & {"Overfitted", "Doubtful", "Holds"}
        assert "No look-ahead" in heads
        assert any(f"{sweep.total - sum(isinstance(c, str) for c in sweep.cells.values()):,} sets" in verdict.text
                   for verdict in pane.session.verdicts())  # fmt: skip
        # An exit is an axis as a parameter is; a cell that is loaded gives what the map shows.
        pane.form.cursor = [field.key for field in pane.form.fields()].index("rule:stop")
        await pilot.press("escape", "x", "s")
        await until(desk, pilot, lambda: pane.session.sweep is not sweep and pane.session.sweep.answer is not None)
        sweep = pane.session.sweep
        assert (sweep.request.across, sweep.request.across_values[:3]) == ("rule:stop", (0.0, 0.005, 0.01))
        assert "stop % →" in desk.screen_text()
        row = next(cell for cell in range(sweep.total) if sweep.figure(cell) is not None)
        cell = row + 6
        pane._cursors["sweep"] = cell
        await pilot.press("enter")
        await until(desk, pilot, lambda: pane.session.answer.setup.rules.stop == 0.03 and not pane.session.running)
        assert pane.session.answer.metrics["sharpe"] == pytest.approx(sweep.figure(cell))
        assert pane.session.answer.setup == sweep.setup(cell)
        # Another one is called off, and the page goes on.
        pane.form.pick("candles", "NOVA:BTC-USDT:1h")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.candles == "NOVA:BTC-USDT:1h")
        pane.action_sweep(), pane.action_back()  # in one breath: it takes a fifth of a second
        await until(desk, pilot, lambda: not pane.session.busy)
        assert pane.session.sweep.answer is None
        await pilot.press("escape", "home", "down", "down")
        fast = pane.form.params["fast"]
        await pilot.press("right")
        await until(desk, pilot, still(pane, fast=fast + 1))


@shared
async def test_several_sets_are_marked_run_on_one_account_and_the_chart_follows_the_trade(tmp_path, home, bench):
    async with page(tmp_path, bench) as (desk, pilot, pane):
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("tab", "tab", "tab", "up", "tab")  # GOOG, EURUSD and BTCUSD, without BTCUSD again
        await pilot.pause()
        assert "2 marked: Enter takes them" in desk.screen_text()
        await pilot.press("enter")
        await until(desk, pilot, lambda: pane.session.answer.instruments == ("GOOG", "EURUSD"))
        assert pane.session.answer.setup.engine == "event"
        assert "SMA cross on GOOG + EURUSD" in desk.screen_text()
        first = pane.session.answer.digest
        # The trade under the cursor says whose prices the chart shows.
        whose = list(pane.session.trades.instrument)
        await pilot.press("f", "end")
        await until(desk, pilot, lambda: pane.session.picture.instrument == whose[-1] == 1)
        assert "EURUSD" in desk.screen_text().splitlines()[4]
        assert pane._candles_of_run() == "EURUSD"
        pane.form.pick_candles(["BTCUSD", "SP500"])  # the run that shows is not of these
        assert pane._candles_of_run() == "BTCUSD"
        pane.form.pick_candles(["GOOG", "EURUSD"])
        await pilot.press("home")
        await until(desk, pilot, lambda: pane.session.picture.instrument == whose[0] == 0)
        # The chart stays with its instrument while a value of the form moves.
        await pilot.press("end")
        await until(desk, pilot, lambda: pane.session.picture.instrument == 1)
        await pilot.press("escape")
        for fee in (0.2, 0.3, 0.1):
            pane.form.terms["fee"] = fee
            pane._run()
            await until(
                desk, pilot, lambda fee=fee: not pane.session.running and pane.session.answer.setup.fee == fee / 100
            )
            assert pane.session.picture.instrument == 1
        # A sweep is of the shared account: what its best is loaded into gives the same number.
        await pilot.press("s")
        await until(desk, pilot, lambda: not pane.session.busy and pane.session.sweep.answer is not None)
        sweep = pane.session.sweep
        assert len(sweep.cells) == sweep.total
        await pilot.press("b", "enter")
        await until(desk, pilot, still(pane, **sweep.params(sweep.answer.best)))
        assert pane.session.answer.metrics["final_equity"] == sweep.cells[sweep.answer.best]["final_equity"]
        assert "SMA cross on GOOG + EURUSD" in desk.screen_text()
        pane.form.put_params({})
        pane._run()
        await until(desk, pilot, lambda: not pane.session.running and pane.session.answer.digest == first)
        await until(desk, pilot, lambda: pane.session.judgement is not None)
        assert "No look-ahead" in {verdict.head for verdict in pane.session.verdicts()}
        # To the desk go the bars of the candles that are picked, not those of the run that shows still.
        pane.form.pick("candles", "NOVA:BTC-USDT:1m")
        assert pane._interval_of("NOVA:BTC-USDT:1m") == 60 * SECOND
        pane.form.pick("candles", "SP500")
        assert pane._interval_of("SP500") is None
        # It is stored, and made again to the same digits when something else stood in the form.
        pane.form.pick("candles", "GOOG")
        pane.form.terms["leverage"] = 2.0
        pane._run()
        await until(desk, pilot, lambda: not pane.session.running and pane.session.answer.instruments == ())
        assert "leverage 2" in desk.screen_text()
        pane.session.run_stored(next(run for run in pane.session._fresh.values() if run.digest == first))
        await until(desk, pilot, lambda: not pane.session.running and pane.session.answer.digest == first)
        assert "the same digits as stored" in desk.screen_text()
        assert pane.form.terms["leverage"] == 1


@shared
async def test_files_that_are_dropped_in_run_and_a_syntax_error_is_shown_with_file_and_line(tmp_path, home, bench):
    (home / "strategies" / "broken.py").write_text(BROKEN)
    async with page(tmp_path, bench) as (desk, pilot, pane):
        pane.form.pick("strategy", "broken")
        pane._run()
        await until(desk, pilot, lambda: pane.session.problem is not None)
        assert "broken.py, line 3" in desk.screen_text()
        pane.form.pick("strategy", "rsi")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "rsi")
        assert pane.session.problem is None
        # A plain backtesting.Strategy is dropped in and runs.
        (home / "strategies" / "mine.py").write_text(PLAIN)
        await pilot.press("r")
        await until(desk, pilot, lambda: any(one.name == "first_bar" for one in pane.form.offer.strategies))
        pane.form.pick("strategy", "first_bar")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "first_bar")
        assert pane.session.answer.trades.count == 1
        assert pane.session.answer.setup.params == {"patience": 3}
        # Candles that cannot be used are refused on the page, in a sentence; the run before stays.
        file, day, before = tmp_path / "bad.csv", 86_400_000, pane.session.answer
        file.write_text(
            "timestamp,open,high,low,close,volume\n"
            + "\n".join(f"{i * day},100,101,{-99 if i == 7 else 99},100,5" for i in range(20))
        )
        pane.form.pick("candles", str(file))
        pane._run()
        await until(desk, pilot, lambda: pane.session.problem is not None and not pane.session.running)
        assert "low is zero or negative in row 8" in desk.screen_text()
        assert pane.session.answer is before


@shared
async def test_a_run_is_split_banded_searched_reported_and_taken_to_the_desk(tmp_path, home, bench, monkeypatch):
    monkeypatch.setattr("plugins.backtest.searching._TRIALS", 24)
    async with page(tmp_path, bench, panes=(BacktestPane, StrategiesPane)) as (desk, pilot, pane):
        session = pane.session
        # Its trades in groups.
        await pilot.press("v", "v", "v")
        await until(desk, pilot, lambda: session.splits is not None)
        assert "Why it ended" in desk.screen_text()
        assert "Hour of entry" in desk.screen_text()
        assert sum(group.figures["n_trades"] for group in session.splits.groups["side"]) == session.trades.count
        profit = sum(group.profit for group in session.splits.groups["weekday"])
        assert profit == pytest.approx(sum(session.trades.pnl))
        # They follow the run while they show.
        await pilot.press("down", "down", "right")
        await until(desk, pilot, lambda: still(pane, fast=11)() and session.splits_of_run is not None, 10)
        assert sum(group.profit for group in session.splits.groups["side"]) == pytest.approx(sum(session.trades.pnl))
        await pilot.press("left")
        await until(desk, pilot, still(pane, fast=10))

        # The honesty band: with a stop and a target in one bar the paths part.
        pane.form.rules = TradeRules(stop=0.01, take_profit=0.01)
        pane._run()
        await until(desk, pilot, lambda: session.answer.setup.rules.stop == 0.01 and not session.running)
        assert set(session.trades.tags) & {"stop", "target"}
        await pilot.press("B")
        await until(desk, pilot, lambda: session.band is not None)
        paths = {path.name: path.figures["return_pct"] for path in session.band.paths}
        assert paths["pessimistic"] == session.answer.metrics["return_pct"]
        assert paths["pessimistic"] < paths["optimistic"]
        assert session.band.count > 0
        text = desk.screen_text()
        assert session.band.verdict.head in text
        assert f"{session.band.count:,} differ" in text
        assert session.band.verdict in session.verdicts()

        # Optuna: the best so far, the trials, Enter loads one; once more it goes on where it was left.
        pane.form.rules = UNCHANGED
        pane._run()
        await until(desk, pilot, lambda: session.answer.setup.rules == UNCHANGED and not session.running)
        await pilot.press("O")
        await desk.painted(pilot)
        await pilot.press("enter")
        await until(desk, pilot, lambda: session.searched is not None and session.searched.answer is not None)
        searched = session.searched
        assert len(searched.trials) == 24
        best = searched.trials[searched.answer.best]
        assert best.values[0] == max(trial.values[0] for trial in searched.trials.values() if trial.values)
        assert "24 of 24 trials" in desk.screen_text()
        await pilot.press("home", "enter")
        await until(desk, pilot, still(pane, **best.params))
        assert session.answer.metrics["sharpe"] == pytest.approx(best.values[0])
        assert any("24 sets of parameters" in verdict.text for verdict in session.verdicts())
        await pilot.press("O")
        await desk.painted(pilot)
        await pilot.press("enter")
        await until(desk, pilot, lambda: session.searched is not searched and session.searched.answer is not None)
        assert (len(session.searched.trials), session.searched.reused) == (48, 24)

        # A stop is searched too, the slow average is left alone: the best is loaded, and the search goes on.
        for key in ("rule:stop", "slow"):
            pane.form.cursor = [field.key for field in pane.form.fields()].index(key)
            await pilot.press("escape", "space")
        assert any("The search moves Stop %, from 0 to 19.5." in one for one in desk.toasts())
        assert any(one.startswith("The search leaves slow at") for one in desk.toasts())
        assert "Stop % ~" in desk.screen_text()
        assert "slow =" in desk.screen_text()
        slow = pane.form.params["slow"]
        for wanted in (24, 48):
            before = session.searched
            await pilot.press("O")
            await desk.painted(pilot)
            await pilot.press("enter")
            await until(
                desk,
                pilot,
                lambda before=before: session.searched is not before and session.searched.answer is not None,
            )
            searched = session.searched
            assert (len(searched.trials), searched.reused) == (wanted, wanted - 24)
            assert {frozenset(trial.params) for trial in searched.trials.values()} == {frozenset({"fast", "rule:stop"})}
            best = searched.trials[searched.answer.best]
            await pilot.press("home", "enter")
            await until(desk, pilot, still(pane, fast=best.params["fast"], slow=slow))
            assert session.answer.setup.rules.stop == (best.params["rule:stop"] or None)
            assert session.answer.metrics["sharpe"] == pytest.approx(best.values[0])
        pane.form.rules = UNCHANGED

        # Reports: figures and trades for programs.
        pane._report("json", "json")
        await until(desk, pilot, lambda: bool(list((tmp_path / "exports").glob("*.json"))) and not session.busy)
        [written] = (tmp_path / "exports").glob("*.json")
        found = json.loads(written.read_text())
        assert found["return_pct"] == pytest.approx(session.answer.metrics["return_pct"])
        assert len(found["trades"]) == session.trades.count
        assert found["params"] == session.answer.setup.params

        # To the desk: nothing is started, the form is filled.
        pane.form.pick("candles", "NOVA:BTC-USDT:1h")
        pane.form.rules = TradeRules(size_rule="risk", size=0.005, stop=0.02, trailing=0.015, cooldown=3)
        pane._run()
        await until(desk, pilot, lambda: session.answer.setup.candles == "NOVA:BTC-USDT:1h" and not session.running)
        pane.focus()
        await pilot.press("escape", "S")
        await desk.painted(pilot)
        other = desk.app.workspace.panes["strategies"]
        terms = other.form.terms()
        assert (terms.instrument, terms.interval, terms.capital) == ("NOVA:BTC-USDT", 3_600 * SECOND, 10_000)
        assert terms.params == session.answer.setup.params
        assert terms.rules == session.answer.setup.rules == pane.form.rules
        assert not desk.engine.core.strategy_runs

        # A pair goes with its peer.
        pair = ("NOVA:BTC-USDT:1h", "NOVA:ETH-USDT:1h")
        pane.form.pick("strategy", "pairs")
        pane.form.pick("candles", " + ".join(pair))
        pane.form.put_params({"legs": "both"})
        pane.form.engine = "event"
        pane._run()
        await until(desk, pilot, lambda: session.answer.setup.sets == pair and not session.running)
        assert session.answer.instruments == pair
        desk.app.layouts.bring("backtest")
        pane.focus()
        await pilot.press("escape", "S")
        await desk.painted(pilot)
        assert (other.form.terms().instrument, other.form.further) == ("NOVA:BTC-USDT", {"peer": "NOVA:ETH-USDT"})
        assert other.form.terms().params["legs"] == "both"


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("negative", [(i, 100, 101, -5 if i == 7 else 99, 100) for i in range(20)], ("row", "low")),
        ("nan", [(i, 100, 101, 99, "" if i == 3 else 100) for i in range(20)], ("row",)),
        ("unsorted", [(i if i != 5 else 2.5, 100, 101, 99, 100) for i in range(20)], ("order", "row")),
        ("one_row", [(0, 100, 101, 99, 100)], ("two bars", "one")),
        ("empty", [], ("no candle", "no row", "empty")),
    ],
)
def test_bad_candles_are_refused_in_a_sentence_that_says_where(tmp_path, home, name, rows, words):
    from workstation.research.bench.jobs import Jobs
    from workstation.research.bench.messages import RunRequest
    from workstation.research.bench.setup import Setup

    file = tmp_path / f"{name}.csv"
    day = 86_400_000
    lines = [f"{int(1_600_000_000_000 + at * day)},{o},{h},{lo},{c},5" for at, o, h, lo, c in rows]
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    jobs = Jobs()
    with pytest.raises(Exception) as refused:
        jobs.do(
            RunRequest(Setup("buy_and_hold", str(file), {"direction": "long"}), 80), lambda part: None, lambda: False
        )
    sentence = jobs.sentence(refused.value, "")
    assert any(word in sentence.lower() for word in words), sentence
    assert "Traceback" not in sentence


def test_a_large_file_is_said_to_be_read_once(tmp_path, home, monkeypatch):
    from workstation.research.bench.jobs import Jobs
    from workstation.research.bench.messages import RunRequest
    from workstation.research.bench.setup import Setup

    monkeypatch.setattr("workstation.research.bench.offers._LARGE", 100)
    file = tmp_path / "large.csv"
    rows = [f"{1_600_000_000_000 + i * 60_000},100,101,99,100.5,5" for i in range(90)]
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    said: list[str] = []
    jobs, request = Jobs(), RunRequest(Setup("buy_and_hold", str(file), {"direction": "long"}), 80)
    for _ in range(2):
        jobs.do(request, said.append, lambda: False)
    assert [one for one in said if "large.csv" in one] == ["Reading large.csv: so much takes some seconds."]


def test_a_large_stored_history_is_said_to_be_read_too(tmp_path, home, monkeypatch):
    from tests.support.bars import random_walk
    from workstation.history.library import CandleLibrary
    from workstation.history.names import HistoryName
    from workstation.paths import Paths
    from workstation.research.bench.jobs import Jobs
    from workstation.research.bench.messages import RunRequest
    from workstation.research.bench.setup import Setup

    monkeypatch.setattr("workstation.research.bench.offers._MANY", 100)
    name = HistoryName.parse("file:TEN:1m")
    CandleLibrary(Paths.of().candles).merge(name, random_walk(200, interval=60 * SECOND), "a")
    said: list[str] = []
    jobs, request = Jobs(), RunRequest(Setup("buy_and_hold", "file:TEN:1m", {"direction": "long"}), 80)
    for _ in range(2):
        jobs.do(request, said.append, lambda: False)
    assert [one for one in said if "TEN" in one] == ["Reading file:TEN:1m: so much takes some seconds."]


@pytest.mark.slow
def test_gaps_and_jumps_in_usable_candles_are_told_beside_the_result(tmp_path, home):
    from workstation.research.bench.jobs import Jobs
    from workstation.research.bench.messages import RunRequest
    from workstation.research.bench.setup import Setup

    file, minute = tmp_path / "gaps.csv", 60_000
    rows = [f"{1_600_000_000_000 + (i + (50 if i > 40 else 0)) * minute},100,101,99,100.5,5" for i in range(90)]
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    setup = Setup("buy_and_hold", str(file), {"direction": "long"})
    answer = Jobs().do(RunRequest(setup, 80), lambda part: None, lambda: False)
    assert any("50" in sentence for sentence in answer.odd), answer.odd


@shared
@pytest.mark.slow
async def test_the_chart_of_backtesting_is_written_for_the_browser(tmp_path, home, bench, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    async with page(tmp_path, bench) as (desk, pilot, pane):
        await pilot.press("p")
        await until(desk, pilot, lambda: bool(list((tmp_path / "exports").glob("*.html"))) and not pane.session.busy)
        [written] = (tmp_path / "exports").glob("*.html")
        assert "bokeh" in written.read_text("utf-8").lower()
        assert any(str(written.name) in toast for toast in desk.toasts())


@shared
@pytest.mark.slow
async def test_a_strategy_that_hangs_is_called_off_by_the_next_change(tmp_path, home, bench):
    (home / "strategies" / "hang.py").write_text(
        "import time\nfrom workstation.strategies.contract import SignalStrategy, Signals\n"
        "from workstation.strategies.parameters import Int\n\n"
        "class Hang(SignalStrategy):\n    wait = Int(1, low=1, high=9)\n\n"
        "    def signals(self, candles):\n        while True:\n            time.sleep(0.01)\n"
    )
    async with page(tmp_path, bench) as (desk, pilot, pane):
        pane.form.pick("strategy", "hang")
        pane._run()
        await asyncio.sleep(0.6)
        pane.form.pick("strategy", "rsi")
        pane._run()
        await until(desk, pilot, lambda: pane.session.answer.setup.strategy == "rsi" and not pane.session.running)
        assert pane.session.problem is None
