"""The dialogs of the page: the preview that sends, and the list of assets that are taken in or out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from plugins.portfolio.order_views import orders
from plugins.portfolio.views import percent
from screens.dialog import Dialog, Line, Lines
from workstation.clock import span
from workstation.domain.numbers import counted
from workstation.trading.rebalancing.looking import RebalancePreview


class PreviewDialog(Dialog[bool]):
    """The exact orders, what they cost, what risk says of each; Enter sends them as one plan."""

    DEFAULT_CSS = """
    PreviewDialog > Vertical { width: 110; }
    """
    SENDS = frozenset({"enter"})

    def __init__(self, name: str, found: RebalancePreview, currency: str, before_after: str) -> None:
        super().__init__()
        self.heading, self.found, self.currency, self.words = name, found, currency, before_after

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Rebalance: {self.heading}"
            box.border_subtitle = "Enter sends · Esc sends nothing" if self.found.ok else "Esc closes"
            yield Lines(cursor=False)

    def on_mount(self) -> None:
        shown = self.query_one(Lines)
        ink = shown.ink
        width = min(104, self.app.size.width - 8)
        proposal = self.found.proposal
        rows = len(proposal.trades) + sum(row.trade is None and bool(row.note) for row in proposal.rows)
        height = min(rows + 3 + len(proposal.notes), max(6, self.app.size.height - 14))
        lines = [Line(tuple(parts)) for parts in orders(self.found, self.currency, width, height, ink, 0)]
        if self.words:
            lines.append(Line(((f" {self.words}", ink.text),)))
        lines.append(Line(()))
        if self.found.ok:
            count = len(proposal.trades)
            plan = (
                f"{counted(count, 'trade')} as one plan: "
                "sales first, every order through the same risk checks as any other."
            )
            lines += [Line(((f" {part}", ink.text),)) for part in textwrap.wrap(plan, width - 2)]
            wish = proposal.wish
            guard = (
                f"No price worse than now by {percent(float(wish.drift), 1)}; it ends after {span(wish.length)}, "
                "whatever is left. F9 ends it and pulls everything."
            )
            lines += [Line(((f" {part}", ink.dim),)) for part in textwrap.wrap(guard, width - 2)]
        else:
            lines += [Line(((f" {part}", ink.error),)) for part in textwrap.wrap(self.found.problem, width - 2)]
        shown.styles.height = len(lines)
        shown.show(lines)

    def key_enter(self) -> None:
        if self.found.ok:
            self.dismiss(True)


class AssetsDialog(Dialog[list[str]]):
    """A tick for each asset; Enter changes one, `a` all, Esc is done."""

    BINDINGS = [("a", "all", "All or none"), ("up,k", "move(-1)", "Up"), ("down,j", "move(1)", "Down"),
                ("enter,space", "change", "Take in or out")]  # fmt: skip

    def __init__(
        self,
        assets: Sequence[str],
        picked: Sequence[str],
        listed: Callable[[str], str],
        done: Callable[[list[str]], None],
    ) -> None:
        """`listed`: by what an asset can be traded here, "" for nothing; `done` hears what is picked in the end."""
        super().__init__()
        self.assets, self.listed, self.done = list(assets), listed, done
        self.picked = set(picked)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Assets"
            box.border_subtitle = "Enter takes in or out · a all or none · Esc done"
            yield Lines()

    def on_mount(self) -> None:
        self.query_one(Lines).styles.height = min(len(self.assets) + 1, max(4, self.app.size.height - 10))
        self._show()

    def _show(self) -> None:
        shown = self.query_one(Lines)
        ink = shown.ink
        lines = []
        for asset in self.assets:
            name = self.listed(asset)
            mark = ("■ ", ink.accent) if asset in self.picked else ("□ ", ink.dim)
            where = (f"traded as {name} ", ink.dim) if name else ("not listed here: weights only ", ink.warning)
            lines.append(Line((mark, (asset, ink.text)), (where,)))
        shown.show(lines, keep=True)

    def action_move(self, by: int) -> None:
        shown = self.query_one(Lines)
        shown.move(by)

    def action_change(self) -> None:
        asset = self.assets[self.query_one(Lines).cursor]
        self.picked ^= {asset}
        self._show()

    def action_all(self) -> None:
        self.picked = set() if len(self.picked) == len(self.assets) else set(self.assets)
        self._show()

    @on(Lines.Chosen)
    def _clicked(self, event: Lines.Chosen) -> None:
        self.action_change()

    def action_close(self) -> None:
        self.done([asset for asset in self.assets if asset in self.picked])
        self.dismiss(None)
