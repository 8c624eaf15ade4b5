"""The backtest page's tables as they look in large, middling and small terminals, on real candles and real results."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from plugins.backtest import BacktestPane
from plugins.backtest.maps import _cell_text
from plugins.backtest.session import Session
from plugins.backtest.sought import Searched, Sweep
from screens.testing import FrozenDesk
from workstation.domain.trade_rules import UNCHANGED, TradeRules
from workstation.research.bench.jobs import Jobs
from workstation.research.bench.messages import (
    BandRequest,
    ListRequest,
    PictureRequest,
    RunRequest,
    SearchAnswer,
    SearchRequest,
    SearchTrial,
    SplitRequest,
    SweepRequest,
    Verdict,
    WalkRequest,
)
from workstation.research.bench.setup import Setup

SIZES = [(160, 48), (100, 30), (80, 24)]
SETUP = Setup(
    "sma_cross", "GOOG", {"fast": 10, "slow": 30, "direction": "long"}, rules=TradeRules(stop=0.01, take_profit=0.01),
    leverage=3.0, funding=0.0001,
)  # fmt: skip

SWEEP = SweepRequest(replace(SETUP, rules=UNCHANGED), "fast", (5, 10, 20), "slow", (30, 50, 80))
SHARED = replace(SETUP, rules=UNCHANGED, engine="event", leverage=1.0, funding=0.0, candles="SP500", beside=("NASDAQ",))
MAP = SweepRequest(SWEEP.setup, "fast", tuple(range(3, 93, 3)), "slow", tuple(range(10, 160, 10)))


@pytest.fixture(scope="module")
def worked(tmp_path_factory) -> dict[str, object]:
    """What the research process would answer, worked out once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TWS_HOME", str(tmp_path_factory.mktemp("home")))
        jobs = Jobs()
        offer = jobs.do(ListRequest(), lambda part: None, lambda: False)
        runs = {size: jobs.do(RunRequest(SETUP, width), lambda part: None, lambda: False)
                for size, width in (((160, 48), 115), ((100, 30), 60), ((80, 24), 44))}  # fmt: skip
        splits = jobs.do(SplitRequest(), lambda part: None, lambda: False)
        band = jobs.do(BandRequest(SETUP), lambda part: None, lambda: False)
        steps: list[object] = []
        walk = jobs.do(WalkRequest(SWEEP, folds=4), steps.append, lambda: False)
        sweep = Sweep(MAP, 0.0)
        sweep.answer = jobs.do(MAP, lambda part: sweep.cells.update(part.cells), lambda: False)
        request = RunRequest(SHARED, 115, instrument=1)
        shared = {(160, 48): jobs.do(request, lambda part: None, lambda: False)}
        shared_splits = jobs.do(SplitRequest(), lambda part: None, lambda: False)
        for size, width in (((100, 30), 60), ((80, 24), 44)):
            picture = jobs.do(PictureRequest(width, 0, 0, 1), lambda part: None, lambda: False)
            shared[size] = replace(shared[160, 48], picture=picture)
    return {
        "sweep": sweep,
        "shared": shared,
        "shared splits": shared_splits,
        "offer": offer,
        "runs": runs,
        "splits": splits,
        "band": band,
        "steps": steps,
        "walk": walk,
    }


def searched() -> Searched:
    request = SearchRequest(SETUP, ("sharpe",), "tpe", 60, True)
    found = Searched(request, 0.0, now=3.0)
    for number in range(60):
        value = math.sin(number / 7) + number / 60
        params = {"fast": 5 + number % 17, "slow": 40 + 3 * number}
        state = "failed" if number == 11 else "pruned" if number % 9 == 8 else "done"
        figures = {"sharpe": value, "return_pct": 20 * value, "max_drawdown_pct": -9.5, "n_trades": 40 + number}
        error = "fast must be below slow." if state == "failed" else ""
        values = (value,) if state == "done" else ()
        found.trials[number] = SearchTrial(number, state, params, values, figures if values else {}, error)
    found.best = max((one for one in found.trials.values() if one.values), key=lambda one: one.values[0]).number
    verdict = Verdict("warning", "May be luck", "After 60 trials the chance that the best beats luck is 61 % (DSR).")
    found.answer = SearchAnswer(found.best, (found.best,), 3.2, {}, verdict)
    return found


@pytest.fixture
def page(monkeypatch, tmp_path, worked):
    """A desk whose page asks its process nothing, and what brings the page to show a run that was worked out before."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(Session, "look", lambda self: None)
    monkeypatch.setattr(Session, "show", lambda self, first, last, width, instrument: None)
    monkeypatch.setattr(Session, "_ended", lambda self: None)
    desk = FrozenDesk(tmp_path, [BacktestPane])

    async def open_on(pilot, setup, answer):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["backtest"]
        pane.form.offer = worked["offer"]
        pane.form.restore(setup)
        pane.focus()
        pane.session._take(answer)
        return pane

    async def show(pilot, pane, view):
        pane._show_view(view)
        pane.in_view = view in ("trades", "search", "sweep")
        pane.session.bump()
        pane.repaint()
        await desk.painted(pilot)

    return desk.app, open_on, show


@pytest.mark.parametrize("view", ["trades", "splits", "band", "search", "walk", "sweep"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture(snap_compare, page, worked, size, view):
    app, open_on, show = page

    async def before(pilot):
        pane = await open_on(pilot, SETUP, replace(worked["runs"][size], seconds=0.0123))
        session = pane.session
        session.splits, session._split_of = worked["splits"], session.answer
        session.band, session.banded, session.searched = worked["band"], session.answer.setup, searched()
        session.sweep, pane._cursors["sweep"] = worked["sweep"], 35
        session.walk_steps, session.walk_answer = worked["steps"], worked["walk"]
        await show(pilot, pane, view)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("view", ["trades", "splits"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_two_instruments_on_one_account(snap_compare, page, worked, size, view):
    app, open_on, show = page

    async def before(pilot):
        pane = await open_on(pilot, SHARED, replace(worked["shared"][size], seconds=0.3))
        session = pane.session
        session.splits, session._split_of = worked["shared splits"], session.answer
        pane._cursors["trades"] = list(session.trades.instrument).index(1)
        await show(pilot, pane, view)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize(
    ("value", "wide", "text"),
    [(0.66, 4, " 0.7"), (-0.2, 4, " -.2"), (-0.04, 4, " 0.0"), (-0.2, 5, " -0.2"), (193.21, 4, " 193"),
     (-132.94, 4, "-133"), (1_862.92, 4, "1863"), (-1_862.92, 4, " -2k"), (-12_345.0, 3, "   "), (-48.03, 4, " -48"),
     (0.7, 3, "   ")],
)  # fmt: skip
def test_a_cell_of_the_map_has_a_whole_number_or_none(value, wide, text):
    assert _cell_text(value, wide) == text
