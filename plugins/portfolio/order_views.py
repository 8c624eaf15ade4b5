"""The orders that bring the weights about, before they are sent and under way."""

from __future__ import annotations

from typing import Any

from rich.style import Style

from plugins.portfolio.views import bar, percent, short
from screens.figures import money_text, plain_text, sentence, shown
from screens.parts import Line, Part, fit, spread
from screens.theme import Ink
from workstation.domain.order import Side
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview


def orders(found: RebalancePreview, currency: str, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """The exact orders, sales first, with what each costs and what risk says; the totals below."""
    proposal = found.proposal
    rows = {row.instrument.id: row for row in proposal.rows}
    wide, narrow = width >= 98, width < 66
    head = f" {'':<5}{'quantity':>12}  "
    head += f"{'instrument':<16}{'at about':>12}" if wide else f"{'':<10}"
    head += (
        f"{'value':>12}"
        + (f"{'cost':>9}" if narrow else f"{'fee':>9}{'spread':>8}")
        + ("  risk checks" if wide else "")
    )
    lines: list[Line] = [fit([(head, ink.dim)], width, ink.on_bar)]
    listed: list[Line] = []
    for trade in proposal.trades:
        row = rows[trade.instrument]
        buys = trade.side is Side.BUY
        name = trade.instrument if wide else row.instrument.symbol.removesuffix("-USDT")
        parts: list[Part] = [
            (f" {trade.side.value:<5}", ink.bid if buys else ink.ask),
            (f"{plain_text(trade.quantity):>12}  ", ink.strong),
            (f"{name[:15]:<16}" if wide else f"{name[:9]:<10}", ink.text),
        ]
        if wide:
            parts.append((f"{_price(row.price):>12}", ink.text))
        parts.append((f"{money_text(row.value):>12}", ink.text))
        cost = f"{money_text(row.cost):>9}" if narrow else f"{money_text(row.fee):>9}{money_text(row.spread):>8}"
        parts.append((cost, ink.dim))
        refusal = found.refusal(trade.instrument)
        if refusal:
            parts.append((f"  ✖ {refusal}", ink.error))
        elif row.note:
            parts.append((f"  ✔ {row.note}", ink.warning))
        else:
            parts.append(("  ✔ all pass" if wide else "  ✔", ink.bid))
        listed.append(fit(parts, width, ink.text))
    if proposal.trades:
        for row in proposal.rows:
            if row.trade is None and row.note:
                name = row.instrument.id if wide else row.instrument.symbol.removesuffix("-USDT")
                listed.append(fit([(f" {'–':<5}{'':>12}  {name:<16}", ink.dim), (row.note, ink.dim)], width, ink.text))
    else:
        listed.append(fit([(" Nothing to trade: every weight is where it should be.", ink.text)], width, ink.text))
        left: dict[str, list[str]] = {}
        for row in proposal.rows:
            if row.note:
                left.setdefault(row.note, []).append(row.instrument.symbol.removesuffix("-USDT"))
        for note, names in left.items():
            listed.append(fit([(f" {', '.join(names)}: {sentence(note)}.", ink.dim)], width, ink.text))
    room = max(1, height - 2 - len(proposal.notes))
    hidden = len(listed) - top - room
    lines += listed[top : top + room]
    lines += [fit([("", ink.text)], width, ink.text)] * max(0, room - len(listed[top : top + room]))
    for note in proposal.notes:
        lines.append(fit([(f" ! {sentence(note)}", ink.warning)], width, ink.text))
    share = _share(proposal.cost, proposal.budget)
    total: list[Part] = [(" Cost ", ink.dim), (f"{money_text(proposal.cost)} {currency}", ink.strong)]
    total.append((f" ({share} of {money_text(proposal.budget, decimals=0)})" if wide else f" ({share})", ink.dim))
    if not narrow:
        total += [("  traded ", ink.dim), (money_text(proposal.turnover, decimals=0), ink.text)]
    if wide:
        after = f"{percent(float(proposal.money))} → {percent(float(proposal.money_after))}"
        total += [("  money ", ink.dim), (after, ink.text)]
    more: list[Part] = [(f"{hidden} more ↓ ", ink.dim)] if hidden > 0 else []
    lines.append(spread(total, more, width, ink.text))
    return lines


def _price(value: Any) -> str:
    if value is None:
        return "–"
    size = abs(float(value))
    places = 1 if size >= 10_000 else 2 if size >= 20 else 4 if size >= 0.1 else 6
    return shown(f"{value:,.{places}f}")


def _share(part: Any, whole: Any) -> str:
    return percent(float(part) / float(whole), 3) if whole else "–"


def progress(found: Progress, currency: str, width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """A rebalance at work: what has filled of each trade, and what it waits for."""
    rebalance = found.rebalance
    state = ink.warning if rebalance.is_paused else ink.accent
    head: list[Part] = [(f" {sentence(found.sentence)}", state + Style(bold=True))]
    keys = "P resumes" if rebalance.is_paused else "P pauses"
    words = f"fees {money_text(found.fees)} {currency}   {keys} · x cancels " if width >= 90 else f"{keys} · x cancels "
    fees: list[Part] = [(words, ink.dim)]
    lines: list[Line] = [spread(head, fees, width, ink.on_bar)]
    sides = {trade.instrument: trade.side for trade in rebalance.trades}
    room, wide = max(1, height - 1), width >= 90
    for trade in found.trades[top : top + room]:
        side = sides[trade.instrument]
        share = float(trade.filled / trade.quantity)
        words = trade.waits or ("working" if trade.working else "done" if share >= 1 else "")
        parts: list[Part] = [
            (f" {side.value:<5}", ink.bid if side is Side.BUY else ink.ask),
            (f"{plain_text(trade.filled):>10} of {plain_text(trade.quantity):<10}", ink.strong),
            (
                f"{trade.instrument[:17]:<18}" if wide else f" {short(trade.instrument.partition(':')[2])[:7]:<8}",
                ink.text,
            ),
            *bar(share, 0.0, 1.0, 20 if wide else 8, ink),
            (f"{100 * share:4.0f}%", ink.text),
            (f"{_price(trade.price):>12}" if trade.price is not None and wide else "", ink.dim),
            (f"  {words}", ink.warning if trade.waits else ink.dim),
        ]
        lines.append(fit(parts, width, ink.text))
    return lines
