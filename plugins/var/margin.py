"""Margin in use and how far positions are from liquidation, as they are now."""

from __future__ import annotations

from dataclasses import dataclass

from plugins.var.lines import head, money, row
from screens.parts import Line, number, price
from screens.theme import Ink
from workstation.engine import Engine

#: A liquidation nearer than this warns.
_NEAR = 0.15


@dataclass(frozen=True, slots=True)
class Margins:
    """`pools`: (account, used, free, used as a fraction of its equity: None without one), money of the account's own
    currency; the name of one that owes coins says its margin level, assets / debts. `away`: (instrument, liquidation
    price, distance as a fraction), the nearest first."""

    pools: tuple[tuple[str, float, float, float | None], ...]
    away: tuple[tuple[str, float, float], ...]
    reckoned: frozenset[str] = frozenset()  # those whose price is the desk's reckoning, though their venue has its own
    unknown: tuple[str, ...] = ()  # positions whose leverage and margin mode the venue does not tell


def margins_of(engine: Engine) -> Margins:
    """Of every account that margin is bound in, and of every position that can be liquidated."""
    held = [engine.instrument(one.instrument) for one in engine.positions() if one.quantity]
    bound = [one for one in held if not one.is_spot or one.pooled]
    pools = []
    for venue, currency in dict.fromkeys((one.venue, one.settlement) for one in bound):
        found = engine.account_margin(venue, currency)
        share = float(found.used / found.equity) if found.equity > 0 else None
        level = "" if found.level is None else f", level {found.level:.2f}"
        pools.append((f"{venue} {currency}{level}", float(found.used), float(found.free), share))
    margins = [engine.margin(one.id) for one in bound]
    away = [
        (one.instrument, float(one.liquidation), float(one.distance))
        for one in margins
        if one.distance is not None and one.liquidation
    ]
    unknown = tuple(one.instrument for one in margins if not one.known and one.liquidation is None)
    reckoned = frozenset(one.instrument for one in margins if one.reckoned)
    return Margins(tuple(pools), tuple(sorted(away, key=lambda one: one[2])), reckoned, unknown)


def margin_lines(found: Margins, ink: Ink, width: int) -> list[Line]:
    lines: list[Line] = []
    if not found.pools:
        return lines
    lines.append(head("Margin", (("used", 12), ("free", 12), ("of equity", 12)), ink, width))
    for name, used, free, share in found.pools:
        figures = (
            (money(used), 12, ink.text), (money(free), 12, ink.text),
            (number(None if share is None else 100 * share, ".1f", "%"), 12, ink.strong),
        )  # fmt: skip
        lines.append(row(name, figures, ink, width))
    lines.append(head("To liquidation", (("price", 12), ("away", 12)), ink, width))
    for instrument, at, distance in found.away:
        style = ink.warning if distance < _NEAR else ink.text
        figures_of = (
            (("≈" if instrument in found.reckoned else "") + price(at), 12, ink.dim),
            (number(100 * distance, ".1f", "%"), 12, style),
        )
        lines.append(row(instrument, figures_of, ink, width))
    for instrument in found.unknown:
        lines.append(row(instrument, (("not known", 12, ink.warning), ("", 12, ink.dim)), ink, width))
    if not found.away and not found.unknown:
        lines.append(row("no position can be liquidated at any price", (), ink, width))
    return lines
