"""The tables of the page: weights with bars, risk, figures, the tree of clusters, methods side by side."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.style import Style

from plugins.portfolio.asking import Choice
from plugins.portfolio.session import Compared
from screens.figures import shown
from screens.parts import Line, Part, fit, number, spread
from screens.theme import Ink
from workstation.portfolio.methods import METHODS

if TYPE_CHECKING:
    from workstation.portfolio.comparing import Figures

VIEWS = ("orders", "risk", "figures", "tree", "compare", "saved")
TITLES = {"orders": "Orders", "risk": "Risk", "figures": "In and out of sample", "tree": "Clusters",
          "compare": "Methods compared", "saved": "Saved"}  # fmt: skip
SHORT = {"orders": "Orders", "risk": "Risk", "figures": "Samples", "tree": "Tree", "compare": "Compare",
         "saved": "Saved"}  # fmt: skip
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def percent(value: float | None, places: int = 1, sign: bool = False) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return shown(f"{100 * value:{'+' if sign else ''}.{places}f}") + "%"


def bar(value: float, other: float, most: float, width: int, ink: Ink) -> list[Part]:
    """A bar of `value` with a tick where `other` is; below zero in the colour of a sale."""
    if width < 3 or most <= 0:
        return [(" " * max(0, width), ink.dim)]
    eighths = round(min(abs(value) / most, 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    text = text[:width].ljust(width)
    style = ink.accent if value >= 0 else ink.ask
    at = min(width - 1, round(min(abs(other) / most, 1.0) * width))
    if not other:
        return [(text, style)]
    before, mark, after = text[:at], text[at], text[at + 1 :]
    over = ink.over("own", "background") + Style(bold=True)
    return [(before, style), ("│" if mark == " " else "┃", over if mark == " " else style + Style(reverse=True)),
            (after, style)]  # fmt: skip


def weights(
    choice: Choice, held: Mapping[str, float], listed: Mapping[str, Any], width: int, height: int, ink: Ink, top: int
) -> list[Line]:
    """Asset, weight now, weight wanted, change, a bar of both, share of the risk; the largest first."""
    if height < 2:
        return []
    names = sorted(choice.weights, key=lambda asset: -abs(choice.weights[asset]))
    label = min(max((len(short(name)) for name in names), default=4), 12)
    risk = choice.risk if choice.risk else 0.0
    parts_known = choice.contributions is not None and width >= label + 31
    changes = width >= label + 23
    bars = width - label - 17 - (8 if changes else 0) - (7 if parts_known else 0)
    head: list[Part] = [(f" {'':<{label}}{'now':>7}{'target':>7}{'change':>8} "[: width if changes else -9], ink.dim)]
    if bars >= 6:
        head.append((f"{'│ now  █ target':<{bars}}"[:bars], ink.dim))
    if parts_known:
        head.append((f"{'risk':>7}", ink.dim))
    lines: list[Line] = [fit(head, width, ink.on_bar)]
    most = max([0.05, *(abs(w) for w in choice.weights.values()), *(abs(w) for w in held.values())])
    money = 1.0 - sum(choice.weights.values())
    rows = max(1, height - 2)
    for name in names[top : top + rows]:
        wanted, now = choice.weights[name], held.get(name, 0.0)
        small = abs(wanted) < 0.0005 and abs(now) < 0.0005
        text = ink.dim if small else ink.text
        change = wanted - now if listed.get(name) is not None else None
        parts: list[Part] = [
            (f" {short(name)[:label]:<{label}}", text),
            (f"{percent(now):>7}" if listed.get(name) is not None else f"{'–':>7}", ink.dim),
            (f"{percent(wanted):>7}", ink.dim if small else ink.strong),
        ]
        if changes:
            words = percent(change, sign=True) if change is not None else "–"
            parts.append((f"{words:>8} ", ink.signed(_clean(change))))
        if bars >= 6:
            parts += bar(wanted, now, most, bars, ink)
        if parts_known:
            share = (choice.contributions or {}).get(name, 0.0) / risk if risk else 0.0
            parts.append((f"{percent(share):>7}", text))
        lines.append(fit(parts, width, ink.text))
    if len(lines) < height:
        held_money = 1.0 - sum(held.values()) if held else None
        cash: list[Part] = [
            (f" {'money':<{label}}", ink.dim),
            (f"{percent(held_money):>7}" if held_money is not None else f"{'–':>7}", ink.dim),
        ]
        hidden = len(names) - top - rows
        more: list[Part] = [(f"{hidden} more ↓ ", ink.dim)] if hidden > 0 else []
        if not more or width >= label + 26:
            cash.append((f"{percent(money if abs(money) > 5e-5 else 0.0):>7}", ink.dim))
        lines.append(spread(cash, more, width, ink.text))
    return lines


def _clean(change: float | None) -> float | None:
    return None if change is None or abs(change) < 0.0005 else change


def short(asset: str) -> str:
    return asset.removesuffix("-USDT") or asset


def risk(choice: Choice, scale: float, text: str, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """What each asset adds to the risk, against its weight."""
    if choice.contributions is None:
        return [fit([(" The risk of each asset is being worked out …", ink.dim)], width, ink.text)]
    names = sorted(choice.weights, key=lambda asset: -(choice.contributions or {}).get(asset, 0.0))
    total = choice.risk or 1.0
    ratios = width >= 62
    width_of = max(0, width - 58) if ratios else max(0, width - 46)
    most = max(0.05, *(abs(v) / total for v in choice.contributions.values()))
    head = f" {'':<14}{'weight':>8}{'share of risk':>15}{'adds':>8}" + (f"{'ratio':>8}  " if ratios else "  ")
    lines: list[Line] = [fit([(head, ink.dim), (text if width_of >= len(text) else "", ink.dim)], width, ink.on_bar)]
    for name in names[top : top + max(1, height - 1)]:
        weight, part = choice.weights[name], choice.contributions.get(name, 0.0)
        share = part / total
        lines.append(
            fit(
                [
                    (f" {short(name)[:13]:<14}", ink.text), (f"{percent(weight):>8}", ink.dim),
                    (f"{percent(share):>15}", ink.strong), (f"{percent(part * scale):>8}", ink.text),
                    (f"{number(share / weight if abs(weight) > 5e-4 else None, '.2f', '×'):>8}  " if ratios else "  ",
                     ink.dim),
                    *bar(share, weight, most, width_of, ink),
                ],
                width, ink.text,
            )
        )  # fmt: skip
    return lines


#: What the table of figures shows: label, field of `Figures`, and the form of its number.
FIGURES = (
    ("Return a year", "yearly", "percent"), ("Volatility a year", "volatility", "percent"),
    ("Ratio a year", "ratio", "number"), ("Deepest fall", "drawdown", "fall"), ("Worst period", "worst", "percent"),
    ("Return in all", "total", "percent"), ("Periods", "rows", "count"),
)  # fmt: skip


def _figure(found: Figures | None, name: str, form: str) -> str:
    value = None if found is None else getattr(found, name)
    if form == "percent":
        return percent(value, 2)
    if form == "fall":
        return percent(-value if value else value, 2)
    return number(value, ".2f" if form == "number" else ",.0f")


def figures(inside: Figures | None, outside: Figures | None, width: int, height: int, ink: Ink) -> list[Line]:
    """The chosen portfolio over all rows, and the same choice fitted on the first 70 % over the rest."""
    lines: list[Line] = [fit([(f" {'':<22}{'in sample':>14}{'out of sample':>16}", ink.dim)], width, ink.on_bar)]
    for label, name, form in FIGURES:
        good = None
        if inside is not None and outside is not None and name in ("yearly", "ratio"):
            good = getattr(outside, name) - getattr(inside, name)
        lines.append(
            fit(
                [
                    (f" {label:<22}", ink.dim), (f"{_figure(inside, name, form):>14}", ink.text),
                    (f"{_figure(outside, name, form):>16}", ink.signed(good) if good is not None else ink.strong),
                ],
                width, ink.text,
            )
        )  # fmt: skip
    words = (
        "In sample: these weights over the rows that they were fitted on, rebalanced each period.",
        "Out of sample: fitted on the first 70 % of the rows, bought once, held over the rest.",
        "Past returns say little about coming ones: it is the gap between the columns that counts.",
    )
    for sentence in words:
        lines += [fit([(f" {line}", ink.dim)], width, ink.text) for line in textwrap.wrap(sentence, max(20, width - 2))]
    return lines[:height]


def compared(found: Sequence[Compared], cost: float, busy: str, width: int, height: int, ink: Ink) -> list[Line]:
    """Methods over the walk-forward, the best ratio first."""
    if not found and not busy:
        words = "c fits each method on a window, holds it over what came next, pays the costs, and goes on."
        return [fit([(f" {words}", ink.dim)], width, ink.text)]
    wide = width >= 86
    label = 30 if wide else max(12, min(28, width - 37))
    head = f" {'':<{label}}{'return/y':>10}{'vol/y':>9}{'ratio':>8}{'fall':>9}"
    head += f"{'turnover':>10}{'cost':>8}" if wide else ""
    lines: list[Line] = [fit([(head, ink.dim)], width, ink.on_bar)]
    ranked = sorted(found, key=lambda one: -(one.figures.ratio if one.figures is not None else -99.0))
    for place, one in enumerate(ranked):
        name = METHODS[one.method].name
        if one.figures is None:
            lines.append(fit([(f" {name[: label - 1]:<{label}}", ink.dim), (one.why, ink.dim)], width, ink.text))
            continue
        f = one.figures
        lines.append(
            fit(
                [
                    (f" {name[: label - 1]:<{label}}", ink.strong if place == 0 else ink.text),
                    (f"{percent(f.yearly):>10}", ink.signed(f.yearly)), (f"{percent(f.volatility):>9}", ink.text),
                    (f"{number(f.ratio):>8}", ink.strong), (f"{percent(-f.drawdown):>9}", ink.text),
                    (f"{number(f.turnover, '.1f', '×'):>10}{percent(f.cost):>8}" if wide else "", ink.dim),
                ],
                width, ink.text,
            )
        )  # fmt: skip
    tail = (
        f" {busy} · Esc stops"
        if busy
        else f" Refitted each window, all out of sample; {percent(cost, 2)} a unit of turnover."
    )
    lines.append(fit([(tail, ink.dim)], width, ink.text))
    return lines[:height]


#: What a corner or a line becomes where the joined branch goes on to the right.
_BRANCH = {"┐": "┬", "┘": "┴", "│": "├"}


def tree(allocation: Any, width: int, height: int, ink: Ink) -> list[Line]:
    """The dendrogram of a hierarchical method: assets that move together join far to the left."""
    if allocation is None or allocation.tree is None:
        words = " Choose a hierarchical method (HRP, HERC, NCO) to see which assets cluster."
        return [fit([(words, ink.dim)], width, ink.text)]
    links, order = allocation.tree, list(allocation.order)
    count = len(links) + 1
    if not order:
        order = list(range(count))
    label = min(12, max(len(short(name)) for name in allocation.assets))
    room = max(10, width - label - 12)
    heights = [float(row[2]) for row in links]
    nearest, furthest = min(heights), max(heights)
    base = max(0.0, nearest - 0.25 * (furthest - nearest))  # what all have in common shows nothing
    places: dict[int, tuple[float, int]] = {leaf: (float(y), 0) for y, leaf in enumerate(order)}
    cells = [[" "] * (room + 1) for _ in range(count)]
    for number_, row in enumerate(links):
        (y1, x1), (y2, x2) = places[int(row[0])], places[int(row[1])]
        x = max(1, x1 + 1, x2 + 1, round((float(row[2]) - base) / max(furthest - base, 1e-12) * room))
        x = min(x, room)
        for y, start in ((round(y1), x1), (round(y2), x2)):
            cells[y][start] = _BRANCH.get(cells[y][start], "─")
            for at in range(start + 1, x):
                cells[y][at] = "─"
        low, high = sorted((round(y1), round(y2)))
        for y in range(low, high + 1):
            cells[y][x] = "┐" if y == low else "┘" if y == high else "│"
        places[count + number_] = ((y1 + y2) / 2, x)
    lines: list[Line] = []
    for y, leaf in enumerate(order[:height]):
        name = allocation.assets[leaf]
        lines.append(
            fit(
                [
                    (f" {short(name)[:label]:<{label}} ", ink.text),
                    (f"{percent(float(allocation.values[leaf])):>7} ", ink.strong),
                    ("".join(cells[y]), ink.accent),
                ],
                width, ink.text,
            )
        )  # fmt: skip
    return lines


def saved(
    kept: Mapping[str, Mapping[str, Any]], cursor: int, width: int, height: int, ink: Ink, at: bool
) -> list[Line]:
    """Kept portfolios; Enter takes one up again."""
    if not kept:
        return [
            fit(
                [(" s keeps the portfolio under a name; `rebalance NAME` on the command line trades it.", ink.dim)],
                width,
                ink.text,
            )
        ]
    lines: list[Line] = [fit([(f" {'name':<22}{'what':<30}assets", ink.dim)], width, ink.on_bar)]
    for index, (name, entry) in enumerate(kept.items()):
        weights_ = entry.get("weights") or {}
        words = ", ".join(
            f"{short(key.partition(':')[2] or key)} {percent(float(value), 0)}"
            for key, value in sorted(weights_.items(), key=lambda item: -abs(float(item[1])))
        )
        style = ink.on_cursor if at and index == cursor else Style()
        lines.append(
            fit(
                [
                    (f" {name[:21]:<22}", ink.strong),
                    (f"{str(entry.get('what', ''))[:29]:<30}", ink.text),
                    (words, ink.dim),
                ],
                width,
                style,
            )
        )
    return lines[:height]
