"""The tables below the charts, as lines: figures, stored runs, trades, months."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rich.style import Style

from plugins.backtest.session import Session, TradeList
from screens.figures import sentence, shown
from screens.parts import Line, Part, fit, number, price, when
from screens.theme import Ink, mix
from workstation.clock import DAY
from workstation.domain.backtest_terms import in_words, terms_in
from workstation.research.bench.messages import RunAnswer
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
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def value_short(value: Any) -> str:
    """A parameter's value in a few characters."""
    return shown(f"{value:.4g}") if isinstance(value, float) else str(value)


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


def compared(
    now: dict[str, Any], stored: Sequence[StoredBacktest], width: int, height: int, ink: Ink, top: int
) -> list[Line]:
    """The figures of the run that shows beside those of stored ones, as many as fit; with one, the difference too."""
    room = max(1, (width - 19) // 14 - 1)
    shown = stored[-room:]
    names = ["stored"] if len(shown) == 1 else [f"stored {one}" for one in range(1, len(shown) + 1)]
    alone = len(shown) == 1 and room > 1
    head = f" {'':<18}{'this run':>14}" + "".join(f"{name:>14}" for name in names)
    lines = [fit([(head + (f"{'difference':>14}" if alone else ""), ink.dim)], width, ink.text)]
    for name, run in zip(names, shown, strict=True):
        words = setup_words(run)
        lines.append(fit([(f" {name}: {run.strategy} on {run.candles}, {words}", ink.dim)], width, ink.text))
    for name, label, _, _, _ in FIGURES[top : top + max(0, height - len(lines))]:
        mine = now.get(name)
        theirs = [run.figures.get(name) for run in shown]
        parts: list[Part] = [(f" {label:<18}", ink.dim)]
        parts += [(f"{figure_text(name, value):>14}", ink.text) for value in (mine, *theirs)]
        if alone:
            other = theirs[0]
            gap = None if mine is None or other is None or not math.isfinite(mine) else mine - other
            parts.append((f"{number(gap, '+,.2f'):>14}", ink.signed(gap)))
        lines.append(fit(parts, width, ink.text))
    return lines


def runs(stored: Sequence[StoredBacktest], session: Session, width: int, height: int, ink: Ink, cursor: int, top: int,
         active: bool) -> list[Line]:  # fmt: skip
    """The stored runs, the newest first."""
    narrow = width < 78  # which strategy it was is worth more than two more figures of it
    more = "" if narrow else f"{'Sharpe':>8}{'Trades':>8}"
    head = f" {'Run at':<17}{'Return':>11}{'Max DD':>10}{more}  Strategy and parameters"
    lines = [fit([(head, ink.dim)], width, ink.text)]
    if not stored:
        return [*lines, fit([(" No stored run yet.", ink.dim)], width, ink.text)]
    for index in range(top, min(len(stored), top + height - 1)):
        run = stored[index]
        marked = any(one.id == run.id for one in session.compared)
        words = setup_words(run)
        gained = run.figures.get("return_pct")
        parts = [
            ("≠" if marked else " ", ink.own),
            (f"{when(run.ts, 0):<17}", ink.dim),
            (f"{figure_text('return_pct', gained):>11}", ink.signed(gained)),
            (f"{figure_text('max_drawdown_pct', run.figures.get('max_drawdown_pct')):>10}", ink.text),
            *(
                (f"{figure_text(name, run.figures.get(name)):>8}", ink.text)
                for name in (() if narrow else ("sharpe", "n_trades"))
            ),
            (f"  {run.strategy}", ink.text),
            (f" on {run.candles}  {words}", ink.dim),
        ]
        under = (ink.on_cursor if active else ink.on_flash) if index == cursor else Style()
        lines.append(fit(parts, width, under))
    return lines


def setup_words(
    run: StoredBacktest, text: Callable[[Any], str] = value_short, words: Callable[[str], str] = sentence
) -> str:
    """A stored run's parameters, their values as `text` gives them, and as `words` gives it what is unusual about its
    terms."""
    params = (f"{name} {text(value)}" for name, value in run.setup["params"].items())
    return "  ".join((*params, *map(words, in_words(terms_in(run.setup)))))


def figure_rows(width: int) -> int:
    return -(-len(FIGURES) // max(1, width // 32))


# -- trades

#: Title, width, and when it gives way where room is short: the smallest number stays longest.
_TRADE_COLUMNS = (
    ("#", 5, 2), ("Instrument", 16, 3), ("Entered", 16, 6), ("Left", 16, 1), ("Side", 5, 4), ("Size", 12, 9),
    ("Entry", 11, 7), ("Exit", 11, 8), ("Profit", 12, 0), ("%", 9, 5), ("Bars", 6, 11), ("Fees", 9, 12),
    ("Why", 11, 10),
)  # fmt: skip
_RIGHT = {"#", "Size", "Entry", "Exit", "Profit", "%", "Bars", "Fees"}


def trade_columns(answer: RunAnswer, width: int) -> list[tuple[str, int]]:
    """Titles and widths of those that fit whole; times take what their bars need."""
    days = answer.interval >= DAY
    names = max((len(name) for name in answer.instruments), default=0)
    wide = {title: 10 if days and title in ("Entered", "Left") else room for title, room, _ in _TRADE_COLUMNS}
    wide["Instrument"] = max(10, min(names, 18 if width >= 90 else 12))
    left, kept = width - 1, set[str]()
    for title, _, _ in sorted(_TRADE_COLUMNS, key=lambda column: column[2]):
        if title == "Instrument" and not names:
            continue
        if wide[title] + 1 > left:
            break
        left -= wide[title] + 1
        kept.add(title)
    return [(title, wide[title]) for title, _, _ in _TRADE_COLUMNS if title in kept]


def trades(
    found: TradeList, answer: RunAnswer, width: int, height: int, ink: Ink, cursor: int, top: int, active: bool
) -> list[Line]:
    """A heading and the trades from `top` on, the newest last."""
    columns = trade_columns(answer, width)
    head = " ".join(f"{title:>{wide}}" if title in _RIGHT else f"{title:<{wide}}" for title, wide in columns)
    lines = [fit([(" " + head, ink.dim)], width, ink.text)]
    if not found.count:
        return [*lines, fit([(" No trade: the strategy never entered.", ink.dim)], width, ink.text)]
    for index in range(top, min(found.count, top + height - 1)):
        parts: list[Part] = [(" ", ink.text)]
        for title, wide in columns:
            text, style = _trade_cell(found, answer, index, title, ink)
            parts.append((f"{text:>{wide}.{wide}} " if title in _RIGHT else f"{text:<{wide}.{wide}} ", style))
        under = (ink.on_cursor if active else ink.on_flash) if index == cursor else Style()
        lines.append(fit(parts, width, under))
    return lines


def _trade_cell(found: TradeList, answer: RunAnswer, i: int, title: str, ink: Ink) -> Part:
    match title:
        case "#":
            return f"{i + 1}", ink.dim
        case "Instrument":
            return answer.instruments[found.instrument[i]], ink.text
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
    short = 6 + 13 * wide > width  # of the year its last two digits, so that its sum has a place
    head = ("Yr" if short else " Year ") + "".join(
        f"{name[: wide - 1]:>{wide}}" for name in (*MONTHS, "Year" if wide > 4 else "All")
    )
    lines = [fit([(head, ink.dim)], width, ink.text)]
    most = max((abs(value) for year in answer.months.values() for value in year.values()), default=1.0) or 1.0
    for year in years[top : top + height - 1]:
        row = answer.months[year]
        parts: list[Part] = [(f"{year % 100:02}" if short else f" {year} ", ink.dim)]
        whole = 1.0
        for month in range(1, 13):
            value = row.get(month)
            if value is None:
                parts.append((" " * wide, ink.text))
                continue
            whole *= 1 + value / 100
            parts.append((f"{number(value, f'.{decimals}f'):>{wide}}", shade(ink, value / most)))
        total = 100 * (whole - 1)
        parts.append((f"{number(total, f'.{decimals}f'):>{wide}}", ink.signed(round(total, 1)) + Style(bold=True)))
        lines.append(fit(parts, width, ink.text))
    return lines


def shade(ink: Ink, share: float) -> Style:
    """A background between the fall's and the rise's colour: −1 … 1."""
    share = max(-1.0, min(1.0, share))
    if ink.colours.ansi:
        return ink.signed(share) + (Style(reverse=True) if abs(share) > 0.5 else Style())
    colour = ink.colours.bid if share >= 0 else ink.colours.ask
    depth = round((abs(share) ** 0.7) * 16) / 16 * 0.62
    return ink.text + Style(bgcolor=mix(ink.colours.background, colour.split()[0], depth))
