"""Trades in groups, searches and the honesty band below the charts, as lines."""

from __future__ import annotations

import textwrap

from rich.style import Style

from plugins.backtest.drawing import curves
from plugins.backtest.maps import verdict_lines
from plugins.backtest.sought import Searched
from plugins.backtest.study import Study
from plugins.backtest.views import figure_text, label_of, shade
from screens.parts import Line, Part, count, fit, number, price, when
from screens.theme import Ink
from workstation.research.bench.messages import BandAnswer, SearchTrial, SplitAnswer, SplitGroup
from workstation.research.verdicts import figure_words

BY = {
    "instrument": "Instrument",
    "tag": "Why it ended",
    "side": "Side",
    "weekday": "Day of entry (UTC)",
    "hour": "Hour of entry (UTC)",
}


# -- groups


def splits(found: SplitAnswer | None, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """The trades by what ended them, side, weekday and hour of entry: how many, winners, profit."""
    if found is None:
        return [fit([(" The trades are being sorted …", ink.dim)], width, ink.text)]
    across = 2 if width >= 104 else 1
    wide = width // across
    blocks = {by: _block(by, groups, wide if across == 2 else width, ink) for by, groups in found.groups.items()}
    if across == 2:
        first = [*blocks["instrument"], fit([], wide, ink.text)] if "instrument" in blocks else []
        left = [
            *first,
            *blocks["tag"],
            fit([], wide, ink.text),
            *blocks["side"],
            fit([], wide, ink.text),
            *blocks["weekday"],
        ]
        right = blocks["hour"]
        rows = max(len(left), len(right))
        empty, end = fit([], wide, ink.text), fit([], width - wide, ink.text)
        left += [empty] * (rows - len(left))
        right = [fit([*line], width - wide, ink.text) for line in right] + [end] * (rows - len(right))
        lines: list[Line] = [(*a, *b) for a, b in zip(left, right, strict=True)]
    else:
        lines = [line for by in BY for line in blocks.get(by, ())]
    top = max(0, min(top, len(lines) - height))
    return lines[top : top + height]


def _block(by: str, groups: tuple[SplitGroup, ...], width: int, ink: Ink) -> list[Line]:
    head = f" {BY[by]:<20}{'Trades':>7}{'Winners':>9}{'Profit':>12}"
    if width >= 58:
        head += f"{'A trade':>10}"
    lines = [fit([(head, ink.accent)], width, ink.text)]
    most = max((abs(group.profit) for group in groups), default=1.0) or 1.0
    for group in groups:
        figures = group.figures
        parts: list[Part] = [
            (f" {group.key:<20.20}", ink.text),
            (f"{figures['n_trades']:>7,.0f}{number(figures['win_rate_pct'], '.0f', ' %'):>9}", ink.text),
            (f"{number(group.profit, '+,.2f'):>12}", shade(ink, group.profit / most)),
        ]
        if width >= 58:
            parts.append((f"{number(figures['expectancy'], '+,.2f'):>10}", ink.signed(figures["expectancy"])))
        lines.append(fit(parts, width, ink.text))
    if not groups:
        lines.append(fit([(" No trade.", ink.dim)], width, ink.text))
    return lines


# -- Optuna


def search(session: Study, width: int, height: int, ink: Ink, cursor: int, top: int, active: bool) -> list[Line]:
    """What is searched and how far it is, the best so far over the trials, and the trials, the best first."""
    searched = session.searched
    if searched is None:
        words = (
            "O searches all parameters by Optuna; it goes on where the same search was left. Space on a row of the "
            "form lets it move a size, an exit or a protection too, or leave a parameter as it is."
        )
        return [fit([(f" {line}", ink.dim)], width, ink.text) for line in textwrap.wrap(words, width - 2)]
    lines = [_search_head(searched, session.busy == "Search", width, ink)]
    if searched.answer is not None:
        lines += verdict_lines(searched.answer.verdict, width, ink)
    lines += _best_so_far(searched, width, 4 if height >= 16 else 0, ink)
    request = searched.request
    known = ("return_pct", "max_drawdown_pct", "sharpe", "n_trades")
    figures = [name for name in known if name not in request.objectives]
    head = f" {'#':>5}  " + "".join(f"{label_of(name)[:15]:>16}" for name in request.objectives)
    head += "".join(f"{label_of(name)[:12]:>13}" for name in figures[: max(1, (width - 60) // 14)])
    lines.append(fit([(head + "  Parameters", ink.dim)], width, ink.text))
    front = set(searched.answer.front) if searched.answer is not None and len(request.objectives) > 1 else set()
    ranked = searched.listed()
    for index in range(top, min(len(ranked), top + height - len(lines))):
        trial = ranked[index]
        best = trial.number == searched.best or trial.number in front
        under = (ink.on_cursor if active else ink.on_flash) if index == cursor else Style()
        shown = figures[: max(1, (width - 60) // 14)]
        lines.append(fit(_trial_parts(searched, trial, shown, best, ink), width, under))
    return lines


def search_rows(searched: Searched | None, height: int) -> int:
    """How many trials fit below what stands over them."""
    over = 2 if searched is None or searched.answer is None else 3
    return max(1, height - over - (4 if height >= 16 else 0))


def _search_head(searched: Searched, running: bool, width: int, ink: Ink) -> Line:
    request = searched.request
    states = [trial.state for trial in searched.trials.values()]
    parts: list[Part] = [
        (f" {request.sampler.upper()} ", ink.strong),
        ("for " + ", ".join(map(figure_words, request.objectives)), ink.text),
        (f"  {count(len(states))} of {count(request.trials)} trials", ink.text),
    ]
    for state, style in (("pruned", ink.dim), ("failed", ink.warning)):
        if found := states.count(state):
            parts.append((f"  {count(found)} {state}", style))
    if searched.reused:
        parts.append((f"  {count(searched.reused)} known from before", ink.dim))
    if running and searched.left is not None:
        parts.append((f"  {count(searched.left)} s left · Esc stops", ink.own))
    elif searched.answer is not None:
        parts.append((f"  {number(searched.answer.seconds, ',.1f', ' s')}", ink.dim))
    return fit(parts, width, ink.text)


def _best_so_far(searched: Searched, width: int, height: int, ink: Ink) -> list[Line]:
    best: list[float] = []
    for trial in sorted(searched.trials.values(), key=lambda one: one.number):
        if trial.values and trial.values[0] > -1e300:
            best.append(max(best[-1], trial.values[0]) if best else trial.values[0])
    if len(best) < 2 or height < 2:
        return []
    title = f" Best {figure_words(searched.request.objectives[0])} so far: {number(best[-1], ',.3f')}"
    chart = curves([(best, ink.accent)], width, height - 1, ink, "figure")
    return [fit([(title, ink.dim)], width, ink.text), *chart]


def _trial_parts(searched: Searched, trial: SearchTrial, figures: list[str], best: bool, ink: Ink) -> list[Part]:
    words, objectives = searched.words(trial), len(searched.request.objectives)
    values = trial.values or (None,) * objectives
    style = ink.own + Style(bold=True) if best else ink.text if trial.state == "done" else ink.dim
    parts: list[Part] = [(f"{'▪' if best else ' '}{trial.number:>5}  ", style)]
    if trial.state == "done":
        parts += [(f"{number(value, ',.3f'):>16}", style) for value in values]
    else:
        parts.append((f"{trial.state:>{16 * objectives}}", ink.dim))
    parts += [(f"{figure_text(name, trial.figures.get(name)):>13}", ink.text) for name in figures]
    return [*parts, (f"  {trial.error or words}", ink.warning if trial.error else ink.text)]


# -- the honesty band


def band(session: Study, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """The run under each path inside its bars, its curves, and the trades that differ."""
    found = session.band
    if found is None:
        words = "Being run under every path …" if session.busy == "Honesty band" else (
            "B runs it once more as if, inside each bar, the stop had come first, the target had, or what was nearer."
        )  # fmt: skip
        return [fit([(f" {words}", ink.dim)], width, ink.text)]
    lines = verdict_lines(found.verdict, width, ink)
    names = ("return_pct", "max_drawdown_pct", "sharpe", "win_rate_pct", "profit_factor", "n_trades")
    shown = names[: max(2, min(len(names), (width - 18) // 14))]
    head = f" {'Inside the bar':<17}" + "".join(f"{label_of(name)[:13]:>14}" for name in shown)
    lines.append(fit([(head, ink.dim)], width, ink.text))
    for path in found.paths:
        figures = "".join(f"{figure_text(name, path.figures.get(name)):>14}" for name in shown)
        lines.append(fit([(f" {path.name:<17}", _path_style(path.name, ink)), (figures, ink.text)], width, ink.text))
    room = height - len(lines)
    chart = min(8, room - (2 + min(4, len(found.trades)) if found.trades else 0))
    if chart >= 3:
        order = sorted(found.paths, key=lambda path: path.name != "pessimistic")
        lines += curves([(path.equity, _path_style(path.name, ink)) for path in order], width, chart, ink)
    room = height - len(lines)
    if found.trades and room >= 2:
        lines += _different(found, session.answer.interval if session.answer is not None else 0, width, room, ink, top)
    return lines[:height]


def _path_style(name: str, ink: Ink) -> Style:
    return {"pessimistic": ink.ask, "optimistic": ink.bid}.get(name, ink.accent)


def _different(found: BandAnswer, interval: int, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    wide = max(18, (width - 26) // len(found.paths))
    head = f" {count(found.count)} differ".ljust(26) + "".join(f"{path.name:<{wide}}" for path in found.paths)
    lines = [fit([(head, ink.dim)], width, ink.text)]
    top = max(0, min(top, len(found.trades) - 1))
    for trade in found.trades[top : top + height - 1]:
        parts: list[Part] = [(f" {when(trade.entry_time, interval):<17}{trade.side:<8}", ink.text)]
        for end in trade.ends:
            if end is None:
                parts.append((f"{'no such trade':<{wide}}", ink.dim))
                continue
            _, at, pnl, tag = end
            text = f"{tag or 'signal'} {price(at)}"
            parts += [(f"{text:<{wide - 12}.{wide - 12}}", ink.dim), (f"{number(pnl, '+,.2f'):>10}  ", ink.signed(pnl))]
        lines.append(fit(parts, width, ink.text))
    return lines
