"""The tables of the backtest page are copied and exported whole, with all the digits of their numbers."""

from __future__ import annotations

import asyncio
import csv
import json
import math
from array import array
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from plugins.backtest import BacktestPane, explored, maps
from plugins.backtest.copying import TRADES, full, table_of
from plugins.backtest.drawing import whole_within
from plugins.backtest.layout import VIEWS
from plugins.backtest.session import Session, TradeList
from plugins.backtest.sought import Searched, Sweep
from plugins.backtest.study import Study
from plugins.backtest.views import FIGURES, trades
from screens import figures
from screens.table_export import as_json, machine_text
from screens.testing import FrozenDesk
from screens.theme import INKS
from workstation.clock import SECOND
from workstation.domain.formats import NumberStyle
from workstation.research.bench.messages import (
    BandAnswer,
    BandPath,
    Picture,
    RunAnswer,
    SearchAnswer,
    SearchRequest,
    SearchTrial,
    SplitAnswer,
    SplitGroup,
    SweepRequest,
    TradeColumns,
    WalkAnswer,
    WalkStep,
)
from workstation.research.bench.setup import Setup
from workstation.research.verdicts import Verdict
from workstation.store.reader import StoredBacktest
from workstation.trading.errors import Refused

SETUP = Setup("sma_cross", "NOVA:BTC-USDT:1m", {"fast": 10, "slow": 30, "direction": "long"})
COUNT = 300
BEGIN = 1_772_323_215 * SECOND  # 2026-03-01 00:00:15 UTC
VERDICT = Verdict("warning", "May be luck", "It may be luck.")


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")


def answer(metrics: dict[str, float] | None = None, count: int = COUNT) -> RunAnswer:
    def whole(*values: int) -> bytes:
        return array("q", values).tobytes()

    def real(value: float) -> bytes:
        return array("d", [value] * count).tobytes()

    columns = TradeColumns(
        count, whole(*range(count)), whole(*range(7, count + 7)),
        whole(*(BEGIN + i * 60 * SECOND for i in range(count))),
        whole(*(BEGIN + i * 61 * SECOND for i in range(count))),
        whole(*(1 if i % 2 else -1 for i in range(count))), real(12_345.678_901_234), real(64_200.123_456), real(1e-7),
        real(-1_234_567.25), real(0.000_000_5), real(0.1), tuple("stop" if i % 3 else "" for i in range(count)),
    )  # fmt: skip
    picture = Picture(0, 2, [1.0, 2.0], [2.0, 3.0], [1.0, 1.0], [2.0, 1.0], [0, 0], [0, 1], [BEGIN, BEGIN],
                      [1.0] * 4, [1.0] * 4, [0.0] * 4)  # fmt: skip
    known = {"return_pct": 1_234.567_891, "sharpe": math.nan, "profit_factor": math.inf, "n_trades": float(count)}
    return RunAnswer(
        SETUP, "SMA cross", 1_000, BEGIN, BEGIN, 60 * SECOND, known if metrics is None else metrics,
        {2025: {12: 10.0}, 2026: {1: 10.0, 3: -50.0}}, columns, picture, "candles", "digest", "code", 0.1, 0.0,
    )  # fmt: skip


def stored(fast: int, gained: float | None) -> StoredBacktest:
    setup = {"params": {"fast": fast, "share": 0.123_456_789}}
    return StoredBacktest(ts=BEGIN, strategy="sma_cross", candles="GOOG", setup=setup, seed=0, fingerprint="",
                          code="", digest=str(fast), figures={"return_pct": gained})  # fmt: skip


def study(**known: object) -> Study:
    """The state of the page with what a test needs of it: one run, and nothing else yet."""
    form = SimpleNamespace(setup=SETUP)
    found = Study(SimpleNamespace(), form, lambda work: None)
    found.answer = answer()
    found.trades = TradeList(found.answer.trades)
    for name, value in known.items():
        setattr(found, name, value)
    return found


def rows_of(session: Study, view: str) -> list[dict[str, str]]:
    titles, rows = table_of(session, view)
    assert len(set(titles)) == len(titles)
    return [dict(zip(titles, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.25, "1234567.25"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (12_345.678_901_234, "12345.678901234"),
        (300.0, "300"),
        (-0.0, "0"),
        (math.inf, "–"),
        (None, "–"),
    ],
)
def test_a_number_has_all_its_digits_and_no_dust(value, text):
    assert full(value) == text


def test_in_another_locale_the_numbers_have_its_signs_and_files_a_point():
    try:
        figures.use(NumberStyle(",", "."), None)
        titles, rows = table_of(study(), "trades")
        assert rows[0][titles.index("Size")] == "12345,678901234"
        assert machine_text(rows[0][titles.index("Size")]) == "12345.678901234"
        assert json.loads(as_json(titles, rows))[0]["Entry"] == "64200.123456"
    finally:
        figures.use(NumberStyle(), None)


def test_in_another_locale_searches_walks_and_judgements_have_its_signs():
    trial = SearchTrial(0, "done", {"fast": 5, "share": 0.125}, (1_234.5,), {"n_trades": 1_207.0})
    found = Searched(SearchRequest(SETUP, trials=1_200), 0.0, {0: trial}, 0, 1_100)
    found.answer = SearchAnswer(0, (0,), 12.5, {}, Verdict("good", "Holds", "With 1,200 tried, 0.25 of it is left."))
    walked = WalkAnswer((), VERDICT, None, (1.0, 2.0), ((1.0, 2.0),) * 5, (0.0, 0.5), 0.5, 1_500)
    steps = [WalkStep(1, 2, BEGIN, BEGIN, {"share": 0.5}, 1.5, -0.25, ())]
    session = study(searched=found, walk_steps=steps, walk_answer=walked, walked=None, busy="")
    ink = INKS["tws-dark"]
    try:
        figures.use(NumberStyle(",", "."), None)
        lines = [*explored.search(session, 120, 20, ink, 0, 0, False), *maps.walk(session, 120, 20, ink)]
    finally:
        figures.use(NumberStyle(), None)
    text = "\n".join("".join(part for part, _ in line) for line in lines)
    for words in ("1 of 1.200 trials", "1.100 known from before", "1.234,500", "share 0,125",
                  "With 1.200 tried, 0,25 of", "of 1.500 combinations", "share 0,5"):  # fmt: skip
        assert words in text


def test_trades_have_the_columns_of_the_screen_and_times_to_the_second():
    session = study()
    titles, rows = table_of(session, "trades")
    [(head, _), *_] = trades(session.trades, session.answer, 160, 5, INKS["tws-dark"], 0, 0, False)[0]
    assert list(titles) == head.split()
    assert len(rows) == COUNT
    assert rows[1] == (
        "2", "2026-03-01 00:01:15", "2026-03-01 00:01:16", "long", "12345.678901234", "64200.123456", "0.0000001",
        "-1234567.25", "10", "7", "0.0000005", "stop",
    )  # fmt: skip


def test_trades_on_several_instruments_say_which_and_terms_stand_with_a_stored_run():
    of_two = answer(count=2)
    columns = replace(of_two.trades, instrument=array("q", [1, 0]).tobytes())
    of_two = replace(of_two, trades=columns, instruments=("GOOG", "EURUSD"))
    run = stored(5, 1.0)
    run = msgspec.structs.replace(run, setup=run.setup | {"leverage": 3.0, "path": "adaptive"})
    session = study(answer=of_two, trades=TradeList(columns), stored=[run])
    assert [row["Instrument"] for row in rows_of(session, "trades")] == ["EURUSD", "GOOG"]
    assert rows_of(session, "runs")[0]["Parameters"].endswith("leverage 3  adaptive path")


def test_figures_stand_beside_those_of_the_compared_runs():
    alone = rows_of(study(), "figures")
    assert len(alone) == len(FIGURES)
    assert alone[0] == {"Figure": "Return", "Unit": "%", "This run": "1234.567891"}
    [factor] = [row for row in alone if row["Figure"] == "Profit factor"]
    assert factor["This run"] == "–"

    first = rows_of(study(compared=(stored(5, 1_000.0),)), "figures")[0]
    assert list(first.values()) == ["Return", "%", "1234.567891", "1000", "234.567891"]
    assert "Stored: sma_cross on GOOG, fast 5  share 0.123456789" in first

    two = rows_of(study(compared=(stored(5, 1_000.0), stored(6, None))), "figures")[0]
    assert list(two.values()) == ["Return", "%", "1234.567891", "1000", "–"]
    assert [title[:8] for title in two][3:] == ["Stored 1", "Stored 2"]


def test_months_are_plain_percent_with_the_whole_year():
    newest, before = rows_of(study(), "months")
    assert newest["Year"] == "2026"
    assert (newest["Jan %"], newest["Feb %"], newest["Mar %"]) == ("10", "", "-50")
    assert Decimal(newest["Whole year %"]) == pytest.approx(Decimal(-45))
    assert before["Whole year %"] == "10"


def test_every_group_of_trades_is_a_row():
    group = {"n_trades": 12.0, "win_rate_pct": 100 / 3, "expectancy": 1_000.25}
    groups = {"tag": (), "side": (SplitGroup("long", group, 12_003.0),), "weekday": (SplitGroup("Mon", group, 1.0),),
              "hour": tuple(SplitGroup(f"{hour:02d}", group, 2.0) for hour in range(24))}  # fmt: skip
    session = study(splits=SplitAnswer(groups))
    with pytest.raises(Refused, match="still being sorted"):  # they are of a run before
        table_of(session, "splits")
    session._split_of = session.answer
    rows = rows_of(session, "splits")
    assert len(rows) == 26
    assert rows[0] == {"By": "Side", "Group": "long", "Trades": "12", "Winners %": "33.3333333333333",
                       "Profit": "12003", "A trade": "1000.25"}  # fmt: skip


def test_a_sweep_has_a_row_for_each_combination_and_says_why_one_has_no_figures():
    request = SweepRequest(SETUP, "fast", (5, 10, 40), "slow", (30, 50), "sharpe")
    cells = {0: {"sharpe": 1.25, "return_pct": 2_000.5, "own": 3.0}, 2: "fast must be below slow."}
    rows = rows_of(study(sweep=Sweep(request, 0.0, cells)), "sweep")
    assert [(row["fast"], row["slow"]) for row in rows] == [(a, d) for d in ("30", "50") for a in ("5", "10", "40")]
    assert rows[0] == {"fast": "5", "slow": "30", "direction": "long", "Return %": "2000.5", "Sharpe": "1.25",
                       "own": "3", "Note": ""}  # fmt: skip
    assert [row["Note"] for row in rows[1:4]] == ["not run yet", "fast must be below slow.", "not run yet"]
    assert rows[2]["Return %"] == "–"


def test_trials_come_the_best_first_with_parameters_and_what_failed():
    request = SearchRequest(SETUP, ("return_pct", "max_drawdown"), "nsga2", 4)
    found = Searched(request, 0.0, best=1)
    found.trials = {
        0: SearchTrial(0, "done", {"fast": 5, "State": 0.1 + 0.2}, (1.0, -9.0), {"n_trades": 7.0, "return_pct": 1.0}),
        1: SearchTrial(1, "done", {"fast": 6}, (2_000.123_45, -20.0), {"n_trades": 8.0}),
        2: SearchTrial(2, "failed", {"fast": 60}, (), {}, "fast must be below slow."),
        3: SearchTrial(3, "pruned", {"fast": 7}, (0.5, -1.0), {"n_trades": 3.0}),
    }
    found.answer = SearchAnswer(1, (0, 1), 1.0, {}, VERDICT)
    rows = rows_of(study(searched=found), "search")
    assert [row["#"] for row in rows] == ["1", "0", "3", "2"]
    assert [row["Best"] for row in rows] == ["best", "best", "", ""]
    assert (rows[0]["Return %"], rows[0]["Trades"], rows[0]["fast"]) == ("2000.12345", "8", "6")
    assert (rows[1]["State"], rows[1]["State (parameter)"]) == ("done", "0.3")
    assert (rows[2]["State"], rows[2]["Return %"]) == ("pruned", "–")
    assert rows[3]["Error"] == "fast must be below slow."


def test_walk_forward_honesty_and_stored_runs_are_tables_too():
    steps = [
        WalkStep(1, 2, BEGIN, BEGIN, {"fast": 5}, 1.5, -0.25, ()),
        WalkStep(2, 2, BEGIN, BEGIN, None, 0.0, 0.0, ()),
    ]
    paths = tuple(BandPath(name, {"return_pct": 1_000.5}, ()) for name in ("pessimistic", "optimistic"))
    session = study(walk_steps=steps, band=BandAnswer(paths, (), 0, 0.0, VERDICT), stored=[stored(5, 1_000.5)])
    first, second = rows_of(session, "walk")
    assert list(first.values()) == ["1", "2026-03-01 00:00:15", "1.5", "-0.25", "5"]
    assert second["fast"] == ""
    assert rows_of(session, "band")[1] == {"Inside the bar": "optimistic", "Return %": "1000.5"}
    [run] = rows_of(session, "runs")
    assert (run["Run at"], run["Return %"], run["Sharpe"]) == ("2026-03-01 00:00:15", "1000.5", "–")
    assert run["Parameters"] == "fast 5  share 0.123456789"


def test_what_is_not_there_or_no_table_is_refused_in_a_sentence():
    for view in ("luck", "splits", "sweep", "search", "walk", "band"):
        with pytest.raises(Refused, match=r"^[A-Z].*\w+\.?$"):
            table_of(study(), view)
    for view in VIEWS:
        with pytest.raises(Refused):
            table_of(study(answer=None), view)


async def test_the_key_copies_the_table_that_shows_and_the_palette_exports_it(tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "look", lambda self: None)
    desk = FrozenDesk(tmp_path, [BacktestPane])
    async with desk.app.run_test(size=(80, 24)) as pilot:
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["backtest"]
        monkeypatch.setattr(type(pane.session), "_ended", lambda self: None)
        pane.focus()
        assert desk.app.table.for_key("ctrl+y", "backtest").name == "backtest.copy_table"
        pane.session._take(answer())
        await pilot.press("ctrl+y")
        titles, *rows = [line.split("\t") for line in desk.app.clipboard.splitlines()]
        assert titles == list(TRADES)
        assert len(rows) == COUNT > pane.space.view
        desk.app.run_named("backtest.export_csv")
        for _ in range(400):
            if any("rows written to" in one for one in desk.toasts()):
                break
            await asyncio.sleep(0.01)
        [path] = (tmp_path / "exports").glob("backtest-*.csv")
        written = list(csv.DictReader(path.read_text().splitlines()))
        assert (len(written), written[0]["Profit"], written[0]["Size"]) == (COUNT, "-1234567.25", "12345.678901234")

        await pilot.press("v", "ctrl+y")
        titles, *rows = [line.split("\t") for line in desk.app.clipboard.splitlines()]
        assert titles == ["Figure", "Unit", "This run"]
        assert (len(rows), rows[0]) == (len(FIGURES), ["Return", "%", "1234.567891"])

        pane._show_view("luck")
        before = desk.app.clipboard
        await pilot.press("ctrl+y")
        await desk.painted(pilot)
        assert desk.app.clipboard == before
        assert any("no table" in one for one in desk.toasts())
    await desk.engine.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567, "1,234,567"), (175_643_250, "175.6M"), (-12_345_678, "-12.3M"), (98_765_432.1, "98.8M"), (0, "0"),
     (999_999_999, "1.0G"), (4e20, "4.0e+20")],
)  # fmt: skip
def test_a_sum_beside_a_chart_is_never_cut(value, text):
    assert whole_within(value, 9) == text
