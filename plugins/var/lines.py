"""The pane's lines, a function for each view: report, inks and width in, lines of (text, style) parts out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.style import Style

from screens.figures import sentence
from screens.parts import Line, fit, number, spread
from screens.theme import Ink

if TYPE_CHECKING:
    from workstation.portfolio.exposure import Share
    from workstation.portfolio.risk_report import RiskReport

DRAWDOWN = "drawdown"
VIEWS = ("var", "parts", "together", "stress", "exposure", DRAWDOWN)
TITLES = {
    "var": "VaR", "parts": "Parts", "together": "Together", "stress": "Stress", "exposure": "Exposure",
    DRAWDOWN: "Drawdown",
}  # fmt: skip


def lines_of(view: str, found: RiskReport, ink: Ink, width: int) -> list[Line]:
    """All lines of a view, each exactly `width` cells."""
    make = {"var": _var, "parts": _parts, "together": _together, "stress": _stress, "exposure": _exposure}[view]
    return make(found, ink, width)


def money(value: float) -> str:
    """Money of the account, cents where it is little."""
    return number(value, "z,.2f" if abs(value) < 1_000 else ",.0f")


def row(label: str, figures: Sequence[tuple[str, int, Style]], ink: Ink, width: int, tail: str = "") -> Line:
    """A label and right-aligned figures of some widths; the label gives way."""
    room = sum(cells for _, cells, _ in figures) + 1  # a margin at the right
    parts = [(f" {label}"[: max(8, width - room)].ljust(max(8, width - room - len(tail))), ink.text)]
    parts += [(text.rjust(cells), style) for text, cells, style in figures]
    if tail:
        parts.append((tail, ink.dim))
    return fit(parts, width, ink.base)


def head(label: str, titles: Sequence[tuple[str, int]], ink: Ink, width: int) -> Line:
    return _row_in(label, [(title, cells, ink.dim) for title, cells in titles], ink.dim, ink, width)


def _row_in(label: str, figures: Sequence[tuple[str, int, Style]], style: Style, ink: Ink, width: int) -> Line:
    room = sum(cells for _, cells, _ in figures) + 1
    parts = [(f" {label}"[: max(8, width - room)].ljust(max(8, width - room)), style)]
    return fit([*parts, *((text.rjust(cells), one) for text, cells, one in figures)], width, ink.base)


def _blank(ink: Ink, width: int) -> Line:
    return fit([], width, ink.base)


def _share(value: float, equity: float) -> str:
    return number(100 * value / equity, ".2f", "%") if equity > 0 else "–"


def _var(found: RiskReport, ink: Ink, width: int) -> list[Line]:
    equity = found.exposure.equity
    lines = []
    for tail in dict.fromkeys(one.tail for one in found.tails):
        title = f"Exceeded 1 in {round(1 / tail)}"
        lines.append(head(title, (("VaR", 12), ("of equity", 11), ("shortfall", 12)), ink, width))
        for one in found.tails:
            if one.tail == tail:
                figures = (
                    (money(one.var), 12, ink.strong), (_share(one.var, equity), 11, ink.dim),
                    (money(one.shortfall), 12, ink.text),
                )  # fmt: skip
                lines.append(row(str(one.method), figures, ink, width))
        lines.append(_blank(ink, width))
    year = found.periods_per_year**0.5
    lines.append(row("volatility of a bar", ((money(found.volatility), 12, ink.text),), ink, width))
    lines.append(row("volatility of a year", ((money(found.volatility * year), 12, ink.text),), ink, width))
    lines.append(row(f"beta to {found.market}", ((number(found.beta, ".2f"), 12, ink.text),), ink, width))
    lines.append(_blank(ink, width))
    test = found.backtest
    verdict = ink.bid if test.kupiec.holds and test.independence.holds else ink.warning
    lines += _wrapped(f"Has it held? {sentence(test.sentence)}", verdict, ink, width)
    for ruling in (test.kupiec, test.independence):
        chance = f"p {number(ruling.p_value, '.3f')}"
        lines.append(
            row(ruling.name, ((number(ruling.statistic, ".2f"), 8, ink.text), (chance, 9, ink.dim)), ink, width)
        )
    return lines


def _parts(found: RiskReport, ink: Ink, width: int) -> list[Line]:
    parts = found.contributions
    wide = width >= 78
    titles = [("value", 11), ("part of VaR", 13), ("without it", 12)]
    titles += [("marginal", 10), ("beta", 7)] if wide else []
    lines = [head("Position", titles, ink, width)]
    order = sorted(range(len(found.assets)), key=lambda at: -parts.component[at])
    for at in order:
        component = float(parts.component[at])
        figures = [
            (money(float(found.values[at])), 11, ink.signed(float(found.values[at]))),
            (money(component), 13, ink.warning if component > 0 else ink.bid),
            (number(-float(parts.incremental[at]), "+,.0f"), 12, ink.text),
        ]
        if wide:
            figures.append((number(float(parts.marginal[at]), ".4f"), 10, ink.dim))
            figures.append((number(float(found.betas[at]), ".2f"), 7, ink.dim))
        lines.append(row(found.assets[at], figures, ink, width))
    total = float(parts.component.sum())
    lines.append(_row_in("VaR, normal, 95%", [(money(total), 24, ink.strong)], ink.dim, ink, width))
    lines.append(_blank(ink, width))
    lines += _bars(found, order, total, ink, width)
    return lines


def _bars(found: RiskReport, order: Sequence[int], total: float, ink: Ink, width: int) -> list[Line]:
    """Each position's share of VaR as a bar; what hedges goes to the left."""
    lines = []
    most = max((abs(float(one)) for one in found.contributions.component), default=0.0) or 1.0
    room = max(4, width - 34)
    for at in order:
        part = float(found.contributions.component[at])
        length = round(abs(part) / most * room)
        share = number(100 * part / total, ".0f", "%") if total > 0 else "–"
        bar = ("█" * length, ink.warning if part > 0 else ink.bid)
        lines.append(fit([(f" {found.assets[at][:22]:22}", ink.text), (f"{share:>6} ", ink.dim), bar],
                         width, ink.base))  # fmt: skip
    return lines


def _together(found: RiskReport, ink: Ink, width: int) -> list[Line]:
    """Correlations as a map, clusters side by side."""
    together = found.together
    order = [int(at) for at in together.order]
    room = max(1, (width - 18) // 6)
    shown = order[:room]
    lines = []
    names = [_column(found.assets[at]) for at in shown]
    lines.append(fit([(" " * 18, ink.dim), *((name, ink.dim) for name in names)], width, ink.base))
    cluster = None
    for at in order:
        own = int(together.clusters[at])
        mark = "│" if own == cluster else "┌"
        cluster = own
        parts = [(f" {mark}{found.assets[at][:15]:15} ", ink.text)]
        for other in shown:
            value = float(together.correlation[at, other])
            parts.append((f"{number(value, '.2f'):>6}" if at != other else "    · ", _heat(value, at == other, ink)))
        lines.append(fit(parts, width, ink.base))
    if len(shown) < len(order):
        lines.append(fit([(f" {len(order) - len(shown)} more columns need a wider pane.", ink.dim)], width, ink.base))
    lines.append(_blank(ink, width))
    groups = len({int(one) for one in together.clusters})
    lines.append(row("clusters above a correlation of 0.5", ((str(groups), 8, ink.text),), ink, width))
    lines.append(row("independent bets", ((number(together.bets, ".1f"), 8, ink.text),), ink, width))
    lines.append(row("in one common movement", ((f"{together.largest:.0%}", 8, ink.text),), ink, width))
    if warning := found.warning:
        lines += _wrapped(sentence(warning), ink.warning, ink, width)
    return lines


def _column(asset: str) -> str:
    """A title of six cells: BTC, or BTC* for a derivative of it."""
    base, _, rest = asset.rpartition(":")[2].partition("-")
    return f"{base[:4]}{'*' if 'PERP' in rest else ''}".rjust(6)


def _heat(value: float, itself: bool, ink: Ink) -> Style:
    if itself:
        return ink.dim
    return ink.faded("warning" if value >= 0 else "accent", 0.25 + 0.75 * min(1.0, abs(value)))


def _stress(found: RiskReport, ink: Ink, width: int) -> list[Line]:
    equity = found.exposure.equity
    lines = [head("If this came again, or came", (("profit", 13), ("of equity", 11)), ink, width)]
    for one in found.stress:
        style = ink.signed(one.profit)
        figures = ((money(one.profit), 13, style), (_share(one.profit, equity), 11, style))
        lines.append(row(one.name, figures, ink, width))
        if one.note:
            lines += _wrapped(one.note, ink.dim, ink, width, indent=3)
    lines.append(_blank(ink, width))
    lines += _wrapped("Own scenarios: scenarios.toml beside the config file.", ink.dim, ink, width)
    return lines


def _exposure(found: RiskReport, ink: Ink, width: int) -> list[Line]:
    exposure = found.exposure
    whole = exposure.whole
    lines = [head("", (("long", 12), ("short", 12), ("net", 12)), ink, width)]
    lines.append(_of_share("all", whole, ink, width))
    leverage = exposure.leverage
    lines.append(row("leverage", ((number(leverage, ".2f", "×"), 12, ink.strong),), ink, width))
    groups = (("Asset", exposure.by_asset), ("Venue", exposure.by_venue), ("Strategy", exposure.by_owner),
              ("Currency", exposure.by_currency))  # fmt: skip
    for title, shares in groups:
        lines.append(head(title, (), ink, width))
        lines += [_of_share(share.name, share, ink, width) for share in shares]
    lines.append(head("Time to flatten at a tenth of what trades", (), ink, width))
    for asset, days in exposure.days_to_flatten:
        lines.append(row(asset, ((_days(days), 12, ink.text),), ink, width))
    return lines


def _of_share(name: str, share: Share, ink: Ink, width: int) -> Line:
    figures = (
        (money(share.long), 12, ink.bid if share.long else ink.dim),
        (money(share.short), 12, ink.ask if share.short else ink.dim),
        (money(share.net), 12, ink.signed(share.net)),
    )
    return row(name, figures, ink, width)


def _days(days: float | None) -> str:
    if days is None:
        return "not known"
    seconds = days * 86_400
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return number(seconds / 3_600, ".1f", " h") if days < 2 else number(days, ".1f", " days")


def _wrapped(text: str, style: Style, ink: Ink, width: int, indent: int = 1) -> list[Line]:
    room = max(8, width - indent - 1)
    return [fit([(" " * indent + line, style)], width, ink.base) for line in textwrap.wrap(text, room)]


def tabs(view: str, ink: Ink, width: int, right: str) -> Line:
    """The views' names, the one that shows marked, and a word at the right end."""
    parts = [(f" {TITLES[one]} ", ink.on_accent if one == view else ink.dim) for one in VIEWS]
    return spread(parts, [(f"{right} ", ink.dim)], width, ink.base)
