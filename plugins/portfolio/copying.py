"""The page's tables for the clipboard and for files: every row, figures alone in their cells, in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plugins.portfolio.asking import Choice
from plugins.portfolio.picking import FormControl
from plugins.portfolio.session import Compared
from plugins.portfolio.views import FIGURES
from screens.figures import plain_text, price_text, small_money_text
from screens.parts import number
from screens.table_copy import CopiesTable
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.portfolio.methods import METHODS
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview

if TYPE_CHECKING:
    from workstation.portfolio.comparing import Figures

#: The titles, and rows of as many cells.
Table = tuple[Sequence[str], Sequence[Sequence[str]]]

_NONE = "–"
#: Forms of figures that are shown in percent.
_FRACTIONS = ("percent", "fall")


class TableCopying(CopiesTable, FormControl):
    """The page whose table is copied: that of the present view, and the weights while the frontier is walked."""

    def table_texts(self) -> Table:
        """Raises `Refused` where a sentence, or the clusters' drawing, stands in the table's place."""
        session = self.session
        if not self.walking:
            if self.view == "tree":
                raise Refused("The clusters are a drawing and no table: on the frontier (f) the weights are copied.")
            if self.view == "orders":
                return self._orders_table()
            if self.view == "saved":
                return saved_table(session.kept())
            if self.view == "compare":
                return compared_table(session.compared)
        choice = session.choice
        if choice is None:
            raise Refused(session.problem or "There are no weights yet.")
        if self.walking:
            return weights_table(choice, session.held(), session.instruments())
        if self.view == "risk":
            return risk_table(choice, self._scale()[0])
        return figures_table(*session.in_and_out())

    def _orders_table(self) -> Table:
        if self._progress is not None:
            return progress_table(self._progress, {one.id: one for one in self.engine.instruments()})
        if self._preview is None:
            raise Refused(self._refused or "There are no weights yet.")
        return orders_table(self._preview)


def weights_table(choice: Choice, held: Mapping[str, float], listed: Mapping[str, Any]) -> Table:
    """The largest first, and the money that is left; what is held of an asset that no venue lists is not known."""
    titles = ("Asset", "Now %", "Target %", "Change %", "Share of risk %")
    rows = []
    for asset in sorted(choice.weights, key=lambda asset: -abs(choice.weights[asset])):
        wanted = choice.weights[asset]
        now = held.get(asset, 0.0) if listed.get(asset) is not None else None
        part = None if choice.contributions is None or not choice.risk else choice.contributions.get(asset, 0.0)
        rows.append(
            (
                asset, _percent(now), _percent(wanted), _NONE if now is None else _percent(wanted - now, sign=True),
                _percent(None if part is None else part / choice.risk),
            )
        )  # fmt: skip
    now = 1.0 - sum(held.values()) if held else None
    return titles, [*rows, ("money", _percent(now), _percent(1.0 - sum(choice.weights.values())), _NONE, _NONE)]


def orders_table(found: RebalancePreview) -> Table:
    """The exact orders, sales first, then what is not traded and why."""
    titles = ("Side", "Quantity", "Instrument", "At about", "Value", "Fee", "Spread", "Risk checks")
    by_name = {row.instrument.id: row for row in found.proposal.rows}
    rows = []
    for trade in found.proposal.trades:
        row = by_name[trade.instrument]
        rows.append(
            (
                trade.side.value, plain_text(trade.quantity), trade.instrument, price_text(row.price, row.instrument),
                small_money_text(row.value), small_money_text(row.fee), small_money_text(row.spread),
                found.refusal(trade.instrument) or row.note or "all pass",
            )
        )  # fmt: skip
    rows += [
        (_NONE, _NONE, row.instrument.id, _NONE, _NONE, _NONE, _NONE, row.note)
        for row in found.proposal.rows
        if row.trade is None and row.note
    ]
    return titles, rows


def progress_table(found: Progress, instruments: Mapping[InstrumentId, Instrument]) -> Table:
    """The trades of a rebalance that is under way."""
    titles = ("Side", "Filled", "Quantity", "Instrument", "Filled %", "Average price", "State")
    sides = {trade.instrument: trade.side for trade in found.rebalance.trades}
    return titles, [
        (
            sides[one.instrument].value, plain_text(one.filled), plain_text(one.quantity), one.instrument,
            _percent(float(one.filled / one.quantity)), price_text(one.price, instruments[one.instrument]),
            one.waits or ("working" if one.working else "done" if one.filled >= one.quantity else _NONE),
        )
        for one in found.trades
    ]  # fmt: skip


def risk_table(choice: Choice, scale: float) -> Table:
    """What each asset adds to the risk, the most first; `scale` makes a period's risk that of a year."""
    if choice.contributions is None:
        raise Refused("The risk of each asset is being worked out: there is no table yet.")
    titles = ("Asset", "Weight %", "Share of risk %", "Adds %", "Ratio")
    parts, total = choice.contributions, choice.risk or 1.0
    rows = []
    for asset in sorted(choice.weights, key=lambda asset: -parts.get(asset, 0.0)):
        weight, part = choice.weights[asset], parts.get(asset, 0.0)
        ratio = part / total / weight if abs(weight) > 5e-4 else None
        rows.append((asset, _percent(weight), _percent(part / total), _percent(part * scale), number(ratio, "z.4f")))
    return titles, rows


def figures_table(inside: Figures | None, outside: Figures | None) -> Table:
    return ("Figure", "In sample", "Out of sample"), [
        (f"{label} %" if form in _FRACTIONS else label, _figure(inside, name, form), _figure(outside, name, form))
        for label, name, form in FIGURES
    ]


def _figure(found: Figures | None, name: str, form: str) -> str:
    value = None if found is None else getattr(found, name)
    if value is None or form not in _FRACTIONS:
        return number(value, ".0f" if form == "count" else "z.4f")
    return _percent(-value if form == "fall" else value)


def compared_table(found: Sequence[Compared]) -> Table:
    """The methods that the walk-forward has done, the best ratio first."""
    if not found:
        raise Refused("No method was compared yet: c does.")
    titles = (
        "Method", "Return a year %", "Volatility a year %", "Ratio", "Deepest fall %", "Turnover", "Cost %",
        "Not fitted",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for one in sorted(found, key=lambda one: -(one.figures.ratio if one.figures is not None else -99.0)):
        name, f = METHODS[one.method].name, one.figures
        if f is None:
            rows.append((name, *(_NONE,) * 6, one.why))
            continue
        rows.append(
            (
                name, _percent(f.yearly), _percent(f.volatility), number(f.ratio, "z.4f"), _percent(-f.drawdown),
                number(f.turnover, "z.4f"), _percent(f.cost), _NONE,
            )
        )  # fmt: skip
    return titles, rows


def saved_table(kept: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each weight of each portfolio that is kept."""
    if not kept:
        raise Refused("No portfolio is saved yet: s keeps one.")
    rows: list[tuple[str, ...]] = []
    for name, entry in kept.items():
        weights = entry.get("weights") or {}
        what = str(entry.get("what", ""))
        largest = sorted(weights.items(), key=lambda item: -abs(float(item[1])))
        rows += [(name, what, asset, _percent(float(weight))) for asset, weight in largest]
        if not weights:
            rows.append((name, what, _NONE, _NONE))
    return ("Name", "What", "Asset", "Weight %"), rows


def _percent(value: float | None, *, sign: bool = False) -> str:
    return number(None if value is None else 100 * value, "+z.4f" if sign else "z.4f")
