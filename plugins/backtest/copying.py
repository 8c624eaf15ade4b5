"""The tables of the backtest page as text, whole and with full numbers: for the clipboard and for files.

A table here says what the one on the screen says, but every row and every column of it, and numbers with all their
digits: fifteen, what a float holds without the dust of its last bits. Units stand in the titles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from plugins.backtest.explored import BY
from plugins.backtest.searching import SearchControl
from plugins.backtest.study import Study
from plugins.backtest.views import FIGURES, MONTHS, label_of, setup_words
from screens.figures import moment, shown
from screens.parts import when
from screens.table_copy import CopiesTable
from workstation.clock import DAY
from workstation.domain.numbers import plain
from workstation.trading.errors import Refused

type Table = tuple[Sequence[str], Sequence[Sequence[str]]]

TRADES = ("#", "Entered", "Left", "Side", "Size", "Entry", "Exit", "Profit", "%", "Bars", "Fees", "Why")
_UNITS = {name: unit.strip() for name, _, _, unit, _ in FIGURES}


class CopyControl(CopiesTable, SearchControl):
    """The table that shows can be copied and exported."""

    def table_texts(self) -> Table:
        return table_of(self.session, self.view)


def table_of(session: Study, view: str) -> Table:
    """Titles and rows of a view. Raises `Refused` where there is nothing yet, and for the view that is no table."""
    if view == "luck":
        raise Refused("Luck is sentences and a chart, no table: the other tabs can be copied.")
    if session.answer is None:
        raise Refused("Nothing has been run yet.")
    return _TABLES[view](session)


# -- cells


def full(value: float | None) -> str:
    """A number with all its digits, without thousands separators and exponent; – for one that is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.15g}"
    return shown(plain(Decimal(text)) if "e" in text or text == "-0" else text)


def _value(value: Any) -> str:
    """A parameter's value."""
    return full(value) if isinstance(value, float) else str(value)


def _time(ts: int, interval: int) -> str:
    """As on the screen, but to the second where bars are shorter than days."""
    return when(ts, interval) if interval >= DAY else f"{moment(ts):%Y-%m-%d %H:%M:%S}"


def _title(figure: str) -> str:
    """A figure's name with its unit."""
    label, unit = label_of(figure), _UNITS.get(figure, "")
    return label if not unit or label.endswith(unit) else f"{label} {unit}"


def _known(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The figures that any of some runs has, in the order of the screen; those that it does not show come last."""
    names = dict.fromkeys(name for one in found for name in one)
    return [name for name in _UNITS if name in names] + [name for name in names if name not in _UNITS]


def _with_params(
    titles: Sequence[str], rows: Sequence[Sequence[str]], params: Sequence[Mapping[str, Any]], at: int
) -> Table:
    """A column for each parameter, put in before column `at`; no two columns of one name."""
    names = list(dict.fromkeys(name for one in params for name in one))
    named = [f"{name} (parameter)" if name in titles else name for name in names]
    cells = [[_value(one[name]) if name in one else "" for name in names] for one in params]
    return (
        [*titles[:at], *named, *titles[at:]],
        [[*row[:at], *more, *row[at:]] for row, more in zip(rows, cells, strict=True)],
    )


# -- the run


def _trades(session: Study) -> Table:
    found, answer = session.trades, session.answer
    assert found is not None
    assert answer is not None
    names = answer.instruments
    titles = (TRADES[0], "Instrument", *TRADES[1:]) if names else TRADES
    return titles, [
        (
            str(i + 1),
            *((names[found.instrument[i]],) if names else ()),
            _time(found.entry_time[i], answer.interval),
            _time(found.exit_time[i], answer.interval),
            "long" if found.side[i] > 0 else "short",
            full(found.size[i]),
            full(found.entry_price[i]),
            full(found.exit_price[i]),
            full(found.pnl[i]),
            full(100 * found.gain[i]),
            str(found.exit_bar[i] - found.entry_bar[i]),
            full(found.fees[i]),
            found.tags[i] or "signal",
        )
        for i in range(found.count)
    ]


def _figures(session: Study) -> Table:
    """The run that shows, and beside it the stored ones that it is compared with; with one, the difference too."""
    assert session.answer is not None
    stored = session.compared
    alone = len(stored) == 1
    titles = ["Figure", "Unit", "This run"]
    for number, run in enumerate(stored, 1):
        name = "Stored" if alone else f"Stored {number}"
        titles.append(f"{name}: {run.strategy} on {run.candles}, {setup_words(run, _value, str)}")
    if alone:
        titles.append("Difference")
    rows = []
    for name, label, _, unit, _ in FIGURES:
        values = [session.answer.metrics.get(name), *(run.figures.get(name) for run in stored)]
        cells = [label, unit.strip(), *(full(value) for value in values)]
        if alone:
            mine, other = values
            cells.append(full(None if mine is None or other is None else mine - other))
        rows.append(cells)
    return titles, rows


def _months(session: Study) -> Table:
    """Percent by year and month, the newest year first."""
    assert session.answer is not None
    rows = []
    for year, months in sorted(session.answer.months.items(), reverse=True):
        whole = 100 * (math.prod(1 + value / 100 for value in months.values()) - 1)
        cells = [full(months[month]) if month in months else "" for month in range(1, 13)]
        rows.append([str(year), *cells, full(whole)])
    return ["Year", *(f"{month} %" for month in MONTHS), "Whole year %"], rows


def _splits(session: Study) -> Table:
    found = session.splits_of_run
    if found is None:
        raise Refused("The trades are still being sorted: try again in a moment.")
    return ("By", "Group", "Trades", "Winners %", "Profit", "A trade"), [
        (
            title,
            group.key,
            full(group.figures["n_trades"]),
            full(group.figures["win_rate_pct"]),
            full(group.profit),
            full(group.figures["expectancy"]),
        )
        for key, title in BY.items()
        for group in found.groups.get(key, ())
    ]


# -- what was searched


def _sweep(session: Study) -> Table:
    """A row for each combination, row by row of the map; the note says why one has no figures."""
    sweep = session.sweep
    if sweep is None:
        raise Refused("There is no sweep yet: s runs one.")
    done = {cell: found for cell, found in sweep.cells.items() if not isinstance(found, str)}
    names = _known(done.values())
    rows = []
    for cell in range(sweep.total):
        figures, found = done.get(cell, {}), sweep.cells.get(cell, "not run yet")
        rows.append([*(full(figures.get(name)) for name in names), found if isinstance(found, str) else ""])
    params = [sweep.params(cell) for cell in range(sweep.total)]
    return _with_params([*map(_title, names), "Note"], rows, params, 0)


def _search(session: Study) -> Table:
    """The trials, the best first; the front of several objectives is marked as the best is."""
    searched = session.searched
    if searched is None:
        raise Refused("There is no search yet: O begins one.")
    trials, objectives = searched.ranked(), searched.request.objectives
    names = [name for name in _known(trial.figures for trial in trials) if name not in objectives]
    best = {searched.best}
    if searched.answer is not None and len(objectives) > 1:
        best |= set(searched.answer.front)
    rows = []
    for trial in trials:
        values = trial.values if trial.state == "done" else (None,) * len(objectives)
        figures = [full(trial.figures.get(name)) for name in names]
        mark = "best" if trial.number in best else ""
        rows.append([str(trial.number), mark, trial.state, *map(full, values), *figures, trial.error])
    titles = ["#", "Best", "State", *map(_title, objectives), *map(_title, names), "Error"]
    return _with_params(titles, rows, [trial.params for trial in trials], 3)


def _walk(session: Study) -> Table:
    """A row for each window."""
    assert session.answer is not None
    steps, interval = session.walk_steps, session.answer.interval
    if not steps:
        raise Refused("There is no walk-forward yet: w begins one.")
    rows = [
        [str(step.number), _time(step.split, interval), full(step.inside), full(step.outside)] for step in steps
    ]  # fmt: skip
    titles = ("#", "Traded from", "In sample", "Out of sample")
    return _with_params(titles, rows, [step.params or {} for step in steps], len(titles))


def _band(session: Study) -> Table:
    """The figures under each path inside the bars."""
    if session.band is None:
        raise Refused("There is no honesty band yet: B works it out.")
    names = _known(path.figures for path in session.band.paths)
    rows = [[path.name, *(full(path.figures.get(name)) for name in names)] for path in session.band.paths]
    return ["Inside the bar", *map(_title, names)], rows


def _runs(session: Study) -> Table:
    """The stored runs that are listed, the newest first."""
    names = ("return_pct", "max_drawdown_pct", "sharpe", "n_trades")
    titles = ("Run at", *map(_title, names), "Strategy", "Candles", "Parameters")
    return titles, [
        (
            _time(run.ts, 0),
            *(full(run.figures.get(name)) for name in names),
            run.strategy,
            run.candles,
            setup_words(run, _value, str),
        )
        for run in session.stored
    ]


_TABLES: dict[str, Callable[[Study], Table]] = {
    "trades": _trades, "figures": _figures, "months": _months, "splits": _splits, "sweep": _sweep, "search": _search,
    "walk": _walk, "band": _band, "runs": _runs,
}  # fmt: skip
