"""The tables and maps below the charts, as lines: trades, figures, months, sweep, luck, walk-forward."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from rich.style import Style

from plugins.backtest.drawing import curves
from plugins.backtest.parts import Line, Part, fit, number, price, when
from plugins.backtest.session import Session, Sweep, TradeList
from screens.theme import Ink, mix
from workstation.research.bench.messages import FanLines, RunAnswer, Verdict, WalkStep
from workstation.store.reader import StoredBacktest

#: Figures by name: label, form, unit, and whether its sign is coloured.
FIGURES: tuple[tuple[str, str, str, str, bool], ...] = (
    ("return_pct", "Return", ",.2f", " %", True),
    ("buy_hold_return_pct", "Buy and hold", ",.2f", " %", True),
    ("max_drawdown_pct", "Max drawdown", ",.2f", " %", True),
    ("sharpe", "Sharpe", ",.2f", "", True),
    ("n_trades", "Trades", ",.0f", "", False),
    ("win_rate_pct", "Winners", ",.1f", " %", False),
    ("profit_factor", "Profit factor", ",.2f", "", False),
    ("sortino", "Sortino", ",.2f", "", True),
    ("calmar", "Calmar", ",.2f", "", True),
    ("cagr_pct", "CAGR", ",.2f", " %", True),
    ("volatility_pct", "Volatility", ",.2f", " %", False),
    ("exposure_pct", "In the market", ",.1f", " %", False),
    ("sqn", "SQN", ",.2f", "", True),
    ("expectancy", "Profit a trade", ",.2f", "", True),
    ("payoff", "Payoff", ",.2f", "", False),
    ("fees_paid", "Fees", ",.2f", "", False),
    ("slippage_paid", "Slippage", ",.2f", "", False),
    ("alpha_pct", "Alpha", ",.2f", " %", True),
    ("beta", "Beta", ",.2f", "", False),
    ("final_equity", "Final equity", ",.2f", "", False),
    ("average_drawdown_pct", "Avg drawdown", ",.2f", " %", True),
    ("max_drawdown_days", "Longest drawdown", ",.1f", " d", False),
    ("under_water_pct", "Under water", ",.1f", " %", False),
    ("omega", "Omega", ",.2f", "", False),
    ("kelly", "Kelly", ",.2f", "", True),
    ("average_win", "Average win", ",.2f", "", True),
    ("average_loss", "Average loss", ",.2f", "", True),
    ("expectancy_ratio", "Expectancy ratio", ",.2f", "", True),
    ("best_trade_pct", "Best trade", ",.2f", " %", True),
    ("worst_trade_pct", "Worst trade", ",.2f", " %", True),
    ("average_trade_pct", "Average trade", ",.2f", " %", True),
    ("average_trade_bars", "Bars a trade", ",.1f", "", False),
    ("longest_trade_bars", "Longest trade", ",.0f", " bars", False),
    ("turnover", "Turnover", ",.1f", "×", False),
    ("funding_paid", "Funding", ",.2f", "", False),
    ("annual_return_pct", "Annual return", ",.2f", " %", True),
    ("var_95_pct", "VaR 95 %", ",.2f", " %", True),
    ("cvar_95_pct", "CVaR 95 %", ",.2f", " %", True),
    ("skew", "Skew", ",.2f", "", False),
    ("kurtosis", "Kurtosis", ",.2f", "", False),
)
RANKS = ("sharpe", "sortino", "calmar", "return_pct", "profit_factor", "sqn", "max_drawdown_pct")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def label_of(figure: str) -> str:
    return next((label for name, label, *_ in FIGURES if name == figure), figure)


def figure_text(name: str, value: float | None) -> str:
    form, unit = next(((form, unit) for key, _, form, unit, _ in FIGURES if key == name), (",.2f", ""))
    return number(value, form, unit)


def figures(metrics: dict[str, Any], width: int, height: int, ink: Ink, top: int = 0) -> list[Line]:
    """Figures in as many columns as fit, the most asked for first."""
    across = max(1, width // 32)
    wide = width // across
    rows = -(-len(FIGURES) // across) if across > 1 else len(FIGURES)
    lines = []
    for row in range(top, min(top + height, rows)):
        parts: list[Part] = []
        for column in range(across):
            index = column * rows + row
            if index < len(FIGURES):
                name, label, _, _, signed = FIGURES[index]
                value = metrics.get(name)
                text = figure_text(name, value)
                style = ink.signed(value) if signed and not math.isnan(value or 0.0) else ink.text
                gap = "  " if column < across - 1 else " "
                room = wide - 1 - len(gap) - len(text)
                parts += [(f" {label:<{max(0, room)}.{max(0, room)}}", ink.dim), (text + gap, style)]
        lines.append(fit(parts, width, ink.text))
    return lines


def compared(now: dict[str, Any], run: StoredBacktest, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """The figures of the run that shows beside those of a stored one."""
    words = "  ".join(f"{name} {_short(value)}" for name, value in run.setup["params"].items())
    head = f" {'':<18}{'this run':>14}{'stored':>14}{'difference':>14}"
    head += f"   stored: {run.strategy} on {run.candles}, {words}"
    lines = [fit([(head, ink.dim)], width, ink.text)]
    for name, label, _, _, _ in FIGURES[top : top + height - 1]:
        mine, theirs = now.get(name), run.figures.get(name)
        gap = None if mine is None or theirs is None or not math.isfinite(mine) else mine - theirs
        mark = ink.signed(gap)
        parts = [
            (f" {label:<18}", ink.dim),
            (f"{figure_text(name, mine):>14}{figure_text(name, theirs):>14}", ink.text),
            (f"{number(gap, '+,.2f'):>14}", mark),
        ]
        lines.append(fit(parts, width, ink.text))
    return lines


def runs(stored: Sequence[StoredBacktest], session: Session, width: int, height: int, ink: Ink, cursor: int, top: int,
         active: bool) -> list[Line]:  # fmt: skip
    """The stored runs, the newest first."""
    head = f" {'Run at':<17}{'Return':>11}{'Max DD':>10}{'Sharpe':>8}{'Trades':>8}  Strategy and parameters"
    lines = [fit([(head, ink.dim)], width, ink.text)]
    if not stored:
        return [*lines, fit([(" No stored run yet.", ink.dim)], width, ink.text)]
    for index in range(top, min(len(stored), top + height - 1)):
        run = stored[index]
        marked = session.compared is not None and session.compared.id == run.id
        words = "  ".join(f"{name} {_short(value)}" for name, value in run.setup["params"].items())
        gained = run.figures.get("return_pct")
        parts = [
            ("≠" if marked else " ", ink.own),
            (f"{when(run.ts, 0):<17}", ink.dim),
            (f"{figure_text('return_pct', gained):>11}", ink.signed(gained)),
            (f"{figure_text('max_drawdown_pct', run.figures.get('max_drawdown_pct')):>10}", ink.text),
            (f"{figure_text('sharpe', run.figures.get('sharpe')):>8}", ink.text),
            (f"{figure_text('n_trades', run.figures.get('n_trades')):>8}", ink.text),
            (f"  {run.strategy}", ink.text),
            (f" on {run.candles}  {words}", ink.dim),
        ]
        under = (ink.on_cursor if active else ink.on_flash) if index == cursor else Style()
        lines.append(fit(parts, width, under))
    return lines


def figure_rows(width: int) -> int:
    return -(-len(FIGURES) // max(1, width // 32))


# -- trades

_TRADE_COLUMNS = (
    # title, width, least width of the view in which it shows
    ("#", 5, 0), ("Entered", 16, 56), ("Left", 16, 0), ("Side", 5, 44), ("Size", 12, 96), ("Entry", 11, 62),
    ("Exit", 11, 74), ("Profit", 12, 0), ("%", 9, 0), ("Bars", 6, 84), ("Fees", 9, 106), ("Why", 11, 92),
)  # fmt: skip


def trades(
    found: TradeList, answer: RunAnswer, width: int, height: int, ink: Ink, cursor: int, top: int, active: bool
) -> list[Line]:
    """A heading and the trades from `top` on, the newest last."""
    columns = [(title, wide) for title, wide, least in _TRADE_COLUMNS if width >= least]
    right = {"#", "Size", "Entry", "Exit", "Profit", "%", "Bars", "Fees"}
    head = " ".join(f"{title:>{wide}}" if title in right else f"{title:<{wide}}" for title, wide in columns)
    lines = [fit([(" " + head, ink.dim)], width, ink.text)]
    if not found.count:
        return [*lines, fit([(" No trade: the strategy never entered.", ink.dim)], width, ink.text)]
    for index in range(top, min(found.count, top + height - 1)):
        parts: list[Part] = [(" ", ink.text)]
        for title, wide in columns:
            text, style = _trade_cell(found, answer, index, title, ink)
            parts.append((f"{text:>{wide}.{wide}} " if title in right else f"{text:<{wide}.{wide}} ", style))
        under = (ink.on_cursor if active else ink.on_flash) if index == cursor else Style()
        lines.append(fit(parts, width, under))
    return lines


def _trade_cell(found: TradeList, answer: RunAnswer, i: int, title: str, ink: Ink) -> Part:
    match title:
        case "#":
            return f"{i + 1}", ink.dim
        case "Entered":
            return when(found.entry_time[i], answer.interval), ink.text
        case "Left":
            return when(found.exit_time[i], answer.interval), ink.text
        case "Side":
            return ("long", ink.bid) if found.side[i] > 0 else ("short", ink.ask)
        case "Size":
            return number(found.size[i], ",.4f"), ink.text
        case "Entry":
            return price(found.entry_price[i]), ink.text
        case "Exit":
            return price(found.exit_price[i]), ink.text
        case "Profit":
            return number(found.pnl[i], "+,.2f"), ink.signed(found.pnl[i])
        case "%":
            return number(100 * found.gain[i], "+,.2f"), ink.signed(found.gain[i])
        case "Bars":
            return f"{found.exit_bar[i] - found.entry_bar[i]}", ink.dim
        case "Fees":
            return number(found.fees[i]), ink.dim
    return found.tags[i] or "signal", ink.dim


# -- months


def months(answer: RunAnswer, width: int, height: int, ink: Ink, top: int = 0) -> list[Line]:
    """Percent by year and month, shaded by size."""
    years = sorted(answer.months, reverse=True)
    wide = 7 if width >= 6 + 13 * 7 else max(4, (width - 6) // 13)
    decimals = 1 if wide >= 6 else 0
    head = " Year " + "".join(f"{name[: wide - 1]:>{wide}}" for name in (*_MONTHS, "Year"))
    lines = [fit([(head, ink.dim)], width, ink.text)]
    most = max((abs(value) for year in answer.months.values() for value in year.values()), default=1.0) or 1.0
    for year in years[top : top + height - 1]:
        row = answer.months[year]
        parts: list[Part] = [(f" {year} ", ink.dim)]
        whole = 1.0
        for month in range(1, 13):
            value = row.get(month)
            if value is None:
                parts.append((" " * wide, ink.text))
                continue
            whole *= 1 + value / 100
            parts.append((f"{number(value, f'.{decimals}f'):>{wide}}", _shade(ink, value / most)))
        total = 100 * (whole - 1)
        parts.append((f"{number(total, f'.{decimals}f'):>{wide}}", ink.signed(round(total, 1)) + Style(bold=True)))
        lines.append(fit(parts, width, ink.text))
    return lines


def _shade(ink: Ink, share: float) -> Style:
    """A background between the fall's and the rise's colour: −1 … 1."""
    share = max(-1.0, min(1.0, share))
    if ink.colours.ansi:
        return ink.signed(share) + (Style(reverse=True) if abs(share) > 0.5 else Style())
    colour = ink.colours.bid if share >= 0 else ink.colours.ask
    depth = round((abs(share) ** 0.7) * 16) / 16 * 0.62
    return ink.text + Style(bgcolor=mix(ink.colours.background, colour.split()[0], depth))


# -- the sweep


def sweep_map(sweep: Sweep, width: int, height: int, ink: Ink, cursor: int, active: bool) -> list[Line]:
    """The figure of every combination as colour, and as a number where there is room; ▪ marks the best."""
    request = sweep.request
    across, down = request.across_values, request.down_values
    margin = max(6, *(len(_short(value)) for value in down)) + 2
    wide = max(1, min(6, (width - margin - 1) // len(across)))
    known = {cell: value for cell in sweep.cells if (value := sweep.figure(cell)) is not None}
    most = max((abs(value) for value in known.values()), default=1.0) or 1.0
    floor = min(known.values(), default=0.0)
    lines: list[Line] = [fit(_cell_words(sweep, cursor, ink), width, ink.text)]
    body = max(1, height - 3)
    row_at = cursor // len(across)
    top = max(0, min(row_at - body // 2, len(down) - body))
    answer = sweep.answer
    best = answer.best if answer is not None else max(known, key=lambda cell: known[cell], default=None)
    for row in range(top, min(len(down), top + body)):
        at = row == row_at
        parts: list[Part] = [(f" {_short(down[row]):>{margin - 2}} ", ink.strong if at else ink.dim)]
        for column in range(len(across)):
            cell = row * len(across) + column
            value = known.get(cell)
            if value is None:
                blank = ("·" if cell not in sweep.cells else "×").center(wide)
                parts.append((blank, ink.faint if cell != cursor else ink.faint + ink.on_cursor))
                continue
            share = value / most if request.rank != "max_drawdown_pct" else 1 - value / floor if floor else 1.0
            style = _shade(ink, share)
            text = number(value, ".1f")[:wide].rjust(wide) if wide >= 4 else " " * wide
            if ink.colours.ansi and wide < 4:
                text = ("░▒▓█"[min(3, int(abs(share) * 4))]) * wide
            if cell == best:
                text = "▪" + text[1:] if wide > 1 else "▪"
                style += Style(bold=True)
            if cell == cursor:
                style = ink.on_accent + Style(bold=True) if active else ink.text + ink.on_cursor + Style(bold=True)
                text = text if wide >= 4 else ("◆" + text[1:])
            parts.append((text, style))
        lines.append(fit(parts, width, ink.text))
    column_at = cursor % len(across)
    scale = [" "] * (margin + wide * len(across) + 6)
    gap = max(1, -(-6 // wide))
    for column in range(0, len(across), gap):
        _put(scale, margin + column * wide, _short(across[column]).rjust(min(wide, 5)))
    lines.append(fit([("".join(scale), ink.dim)], width, ink.text))
    note = f" {request.down} ↓   {request.across} →   colour: {label_of(request.rank)}"
    note += f" · column {_short(across[column_at])}"
    lines.append(fit([(note, ink.dim)], width, ink.text))
    return lines


def _put(cells: list[str], x: int, text: str) -> None:
    for offset, char in enumerate(text):
        if x + offset < len(cells):
            cells[x + offset] = char


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell_words(sweep: Sweep, cell: int, ink: Ink) -> list[Part]:
    """What the cell under the cursor gave."""
    request = sweep.request
    down, across = divmod(cell, len(request.across_values))
    words: list[Part] = [
        (f" {request.across} {_short(request.across_values[across])}", ink.strong),
        (f"  {request.down} {_short(request.down_values[down])}  ", ink.strong),
    ]
    found = sweep.cells.get(cell)
    if found is None:
        return [*words, ("not run yet", ink.dim)]
    if isinstance(found, str):
        return [*words, (found, ink.warning)]
    for name in dict.fromkeys([request.rank, "return_pct", "max_drawdown_pct", "n_trades", "win_rate_pct"]):
        words += [(f" {label_of(name)} ", ink.dim), (figure_text(name, found.get(name)), ink.text)]
    return words


# -- luck


def luck(session: Session, width: int, height: int, ink: Ink, fan: int) -> list[Line]:
    """Each verdict in words, and a fan of what other luck would have given."""
    lines: list[Line] = []
    found = session.verdicts()
    if not found:
        words = "Being judged …" if session.answer is not None else "Nothing has been run."
        lines.append(fit([(f" {words}", ink.dim)], width, ink.text))
    for verdict in found:
        lines += verdict_lines(verdict, width, ink)
    fans = session.judgement.fans if session.judgement is not None else ()
    room = height - len(lines) - 1
    if fans and room >= 4:
        chosen = fans[fan % len(fans)]
        lines.append(fit([(_fan_words(chosen), ink.dim)], width, ink.text))
        lines += fan_chart(chosen, width, room, ink)
    return lines[:height]


def verdict_lines(verdict: Verdict, width: int, ink: Ink) -> list[Line]:
    style = verdict_style(verdict, ink)
    indent = 22 if width >= 70 else 3
    wrapped = textwrap.wrap(verdict.text, max(20, width - indent - 1)) or [""]
    if indent == 3:
        lines = [fit([(" ● ", style), (verdict.head, style + Style(bold=True))], width, ink.text)]
        return lines + [fit([(" " * indent + line, ink.text)], width, ink.text) for line in wrapped]
    first = fit([(" ● ", style), (f"{verdict.head:<19}", style + Style(bold=True)), (wrapped[0], ink.text)], width,
                ink.text)  # fmt: skip
    return [first, *(fit([(" " * indent + line, ink.text)], width, ink.text) for line in wrapped[1:])]


def verdict_style(verdict: Verdict, ink: Ink) -> Style:
    return {"good": ink.good, "warning": ink.warning, "bad": ink.error}.get(verdict.level, ink.dim)


def _fan_words(fan: FanLines) -> str:
    worst = number(100 * fan.drawdown_95, ".1f")
    loss = number(100 * fan.loss_probability, ".0f")
    return (
        f" Monte Carlo, {fan.title}, {fan.runs:,} times: loss in {loss} % of them; 95 % stay above a drawdown "
        f"of {worst} % · bands 5 25 50 75 95 %"
    )


def fan_chart(fan: FanLines, width: int, height: int, ink: Ink) -> list[Line]:
    styles = (ink.faded("ask", 0.8), ink.faded("dim", 0.8), ink.accent, ink.faded("dim", 0.8), ink.faded("bid", 0.8))
    order = (2, 1, 3, 0, 4)
    return curves([(fan.lines[i], styles[i]) for i in order], width, height, ink)


# -- walk-forward


def walk(session: Session, width: int, height: int, ink: Ink) -> list[Line]:
    """A row a window, the verdict, and the stitched curve out of sample."""
    steps: Sequence[WalkStep] = session.walk_steps
    if not steps:
        words = (
            "Walking forward …" if session.busy == "Walk-forward" else "w walks forward over the sweep's parameters."
        )
        return [fit([(f" {words}", ink.dim)], width, ink.text)]
    lines: list[Line] = []
    if session.walk_answer is not None:
        lines += verdict_lines(session.walk_answer.verdict, width, ink)
    interval = session.answer.interval if session.answer is not None else 0
    lines.append(fit([("   #  Traded from        In sample  Out of sample  Parameters", ink.dim)], width, ink.text))
    for step in steps[: max(1, height - len(lines) - 5)]:
        swept = session.sweep.request if session.sweep is not None else None
        params = step.params or {}
        names = (swept.across, swept.down) if swept is not None else tuple(params)
        words = "  ".join(f"{name} {_short(params[name])}" for name in names if name in params) or "nothing to trade"
        lines.append(
            fit(
                [
                    (f" {step.number:>3}  ", ink.dim),
                    (f"{when(step.split, interval):<17}", ink.text),
                    (f"{number(step.inside):>11}", ink.signed(step.inside)),
                    (f"{number(step.outside):>15}", ink.signed(step.outside)),
                    (f"  {words}", ink.text),
                ],
                width,
                ink.text,
            )
        )
    room = height - len(lines)
    curve = [value for step in steps for value in step.equity]
    if room >= 3 and len(curve) > 1:
        lines.append(fit([(" The account out of sample, window after window", ink.dim)], width, ink.text))
        lines += curves([(curve, ink.accent)], width, room - 1, ink)
    return lines[:height]
