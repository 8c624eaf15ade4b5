"""Margin in use and how far positions are from liquidation, as they are now."""

from __future__ import annotations

from plugins.var.lines import head, money, row
from screens.parts import Line, number
from screens.theme import Ink
from workstation.engine import Engine

#: A liquidation nearer than this warns.
_NEAR = 0.15


def margin_lines(engine: Engine, ink: Ink, width: int) -> list[Line]:
    """Of every account that margin is bound in, and of every position that can be liquidated, the nearest first."""
    held = [one.instrument for one in engine.positions() if one.quantity]
    instruments = [engine.instrument(name) for name in held]
    pools = dict.fromkeys((one.venue, one.settlement) for one in instruments if not one.is_spot)
    lines: list[Line] = []
    if not pools:
        return lines
    lines.append(head("Margin", (("used", 12), ("free", 12), ("of equity", 12)), ink, width))
    for venue, currency in pools:
        found = engine.account_margin(venue, currency)
        share = float(found.used / found.equity) if found.equity > 0 else None
        figures = (
            (money(float(found.used)), 12, ink.text), (money(float(found.free)), 12, ink.text),
            (number(None if share is None else 100 * share, ".1f", "%"), 12, ink.strong),
        )  # fmt: skip
        lines.append(row(f"{venue} {currency}", figures, ink, width))
    margins = [engine.margin(one.id) for one in instruments if not one.is_spot]
    near = [(float(one.distance), one) for one in margins if one.distance is not None and one.liquidation]
    away = sorted(near, key=lambda pair: pair[0])
    lines.append(head("To liquidation", (("price", 12), ("away", 12)), ink, width))
    for distance, one in away:
        style = ink.warning if distance < _NEAR else ink.text
        price = number(float(one.liquidation or 0), ",.2f")
        figures_of = ((price, 12, ink.dim), (number(100 * distance, ".1f", "%"), 12, style))
        lines.append(row(one.instrument, figures_of, ink, width))
    if not away:
        lines.append(row("no position can be liquidated at any price", (), ink, width))
    return lines
