"""The pane's views as tables for the clipboard and for files: every row, figures alone in their cells, in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plugins.var.margin import Margins
from screens.figures import moment
from screens.parts import number, price
from workstation.clock import SECOND
from workstation.portfolio.drawdown import Drawdown
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from workstation.portfolio.exposure import Share
    from workstation.portfolio.risk_report import RiskReport

#: The titles, and rows of as many cells.
Table = tuple[Sequence[str], Sequence[Sequence[str]]]

_NONE = "–"


def table_of(view: str, found: RiskReport, margins: Margins) -> Table:
    """The table of a view that the report has: any but the drawdown."""
    if view == "exposure":
        return _exposure(found, margins)
    make = {"var": _var, "parts": _parts, "together": _together, "stress": _stress}[view]
    return make(found)


def falls_table(found: Drawdown) -> Table:
    """Every fall of the equity, the deepest first. Raises `Refused` where there is none."""
    if len(found.line) < 2:
        raise Refused("The equity is kept once a minute: there is no history of it yet.")
    if not found.falls:
        raise Refused("The equity has not fallen from a peak yet: there is nothing to copy.")
    last = found.line[-1][0]
    return ("From", "Lowest", "Back", "Depth %", "Lost", "Seconds"), [
        (
            _time(fall.began), _time(fall.deepest), _NONE if fall.ended is None else _time(fall.ended),
            _percent(fall.depth), _money(fall.lost),
            number(((last if fall.ended is None else fall.ended) - fall.began) / SECOND, ".0f"),
        )
        for fall in found.worst
    ]  # fmt: skip


def _var(found: RiskReport) -> Table:
    titles = ("Measure", "Exceeded 1 in", "Value", "Of equity %", "Shortfall", "p")
    equity, test = found.exposure.equity, found.backtest
    rows = [
        (f"VaR, {one.method}", str(round(1 / one.tail)), _money(one.var), _share(one.var, equity),
         _money(one.shortfall), _NONE)
        for one in sorted(found.tails, key=lambda one: -one.tail)
    ]  # fmt: skip
    year = found.periods_per_year**0.5
    others = (
        ("volatility of a bar", _money(found.volatility), _NONE),
        ("volatility of a year", _money(found.volatility * year), _NONE),
        (f"beta to {found.market}", number(found.beta, "z.4f"), _NONE),
        ("periods tested", str(test.days), _NONE),
        ("periods exceeded", str(test.exceeded), _NONE),
        *(
            (one.name, number(one.statistic, "z.4f"), number(one.p_value, "z.4f"))
            for one in (test.kupiec, test.independence)
        ),
    )
    return titles, [*rows, *((name, _NONE, value, _NONE, _NONE, p) for name, value, p in others)]


def _parts(found: RiskReport) -> Table:
    titles = ("Position", "Value", "Part of VaR", "Share of VaR %", "Without it", "Marginal", "Beta")
    parts = found.contributions
    total = float(parts.component.sum())
    rows = [
        (
            found.assets[at], _money(float(found.values[at])), _money(float(parts.component[at])),
            _share(float(parts.component[at]), total), number(-float(parts.incremental[at]), "+z,.2f"),
            number(float(parts.marginal[at]), "z.6f"), number(float(found.betas[at]), "z.4f"),
        )
        for at in sorted(range(len(found.assets)), key=lambda at: -parts.component[at])
    ]  # fmt: skip
    return titles, [*rows, ("VaR, normal, 95%", _NONE, _money(total), _share(total, total), _NONE, _NONE, _NONE)]


def _together(found: RiskReport) -> Table:
    """The whole matrix of correlations, clusters side by side."""
    together = found.together
    order = [int(at) for at in together.order]
    return ("Asset", "Cluster", *(found.assets[at] for at in order)), [
        (
            found.assets[at],
            str(int(together.clusters[at]) + 1),
            *(number(float(together.correlation[at, other]), "z.4f") for other in order),
        )
        for at in order
    ]


def _stress(found: RiskReport) -> Table:
    equity = found.exposure.equity
    return ("Scenario", "Profit", "Of equity %", "Note"), [
        (row.name, _money(row.profit), _share(row.profit, equity), row.note) for row in found.stress
    ]


def _exposure(found: RiskReport, margins: Margins) -> Table:
    titles = (
        "By", "Name", "Long", "Short", "Net", "Leverage", "Days to flatten",
        "Margin used", "Margin free", "Margin of equity %", "Liquidation price", "Away %",
    )  # fmt: skip
    exposure = found.exposure
    days = dict(exposure.days_to_flatten)
    rows = [_of_share("all", exposure.whole, number(exposure.leverage, ".4f"))]
    rows += [_of_share("asset", one, days=number(days.get(one.name), ".6f")) for one in exposure.by_asset]
    rows += [_of_share("venue", one) for one in exposure.by_venue]
    rows += [_of_share("strategy", one) for one in exposure.by_owner]
    rows += [_of_share("currency", one) for one in exposure.by_currency]
    for name, used, free, part in margins.pools:
        of_equity = _NONE if part is None else _percent(part)
        rows.append(("margin", name, *(_NONE,) * 5, _coins(used), _coins(free), of_equity, _NONE, _NONE))
    for name, at, distance in margins.away:
        rows.append(("liquidation", name, *(_NONE,) * 8, price(at), _percent(distance)))
    rows += [("liquidation", name, *(_NONE,) * 8, "not known", _NONE) for name in margins.unknown]
    return titles, rows


def _of_share(group: str, share: Share, leverage: str = _NONE, days: str = _NONE) -> tuple[str, ...]:
    figures = (_money(share.long), _money(share.short), _money(share.net), leverage, days)
    return (group, share.name, *figures, *(_NONE,) * 5)


def _money(value: float) -> str:
    return number(value, "z,.2f")


def _coins(value: float) -> str:
    """Money of a currency that may be a coin."""
    return number(value, "z,.8f")


def _percent(value: float) -> str:
    return number(100 * value, "z.4f")


def _share(value: float, whole: float) -> str:
    return _percent(value / whole) if whole > 0 else _NONE


def _time(ts: int) -> str:
    return f"{moment(ts):%Y-%m-%d %H:%M:%S}"
