"""The drawdown view: how deep the desk's equity stands below its peak, the depth over time, and the falls before."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.var.lines import money
from screens.figures import local_time, moment
from screens.parts import Line, fit, number
from screens.theme import Ink
from workstation.clock import DAY, HOUR, MINUTE, SECOND, span
from workstation.engine import Engine
from workstation.portfolio.drawdown import Drawdown, Fall, drawdown

_FULL = "█"
_ROWS = 5


async def drawdown_of(engine: Engine) -> Drawdown:
    """The desk's whole stored equity and what it is now, without deposits and withdrawals. Raises StoreError."""
    now = engine.clock.now()
    curve = [(ts, float(equity)) for ts, equity in await engine.equity_curve(0, MINUTE)]
    curve = [*(point for point in curve if point[0] < now), (now, float(engine.equity()))]
    flows = []
    for transfer in engine.core.transfers:
        rate = engine.rate(transfer.venue, transfer.currency)
        if rate is not None:
            flows.append((transfer.ts, float(transfer.amount * rate)))
    return drawdown(curve, flows)


def drawdown_lines(found: Drawdown, now: int, ink: Ink, width: int) -> list[Line]:
    """All lines of the view, each exactly `width` cells."""
    if len(found.line) < 2:
        return [fit([(" The equity is kept once a minute: there is no history of it yet.", ink.dim)], width, ink.base)]
    lines = [_now(found, now, ink, width), fit([], width, ink.base)]
    lines += _under_water(found, ink, width)
    lines.append(fit([], width, ink.base))
    lines.append(_row(("from", "lowest", "back", "depth", "lost", "for"), [ink.dim] * 6, ink, width))
    for fall in found.worst[:20]:
        lines.append(_fall(fall, now, ink, width))
    if not found.falls:
        lines.append(fit([(" It has not fallen from a peak yet.", ink.dim)], width, ink.base))
    return lines


def _now(found: Drawdown, now: int, ink: Ink, width: int) -> Line:
    fall, worst = found.open, max(depth for _, depth in found.line)
    words = "at its peak" if fall is None else f"{_percent(found.now)} below the peak"
    parts = [(" Now ", ink.dim), (words, ink.bid if fall is None else ink.strong)]
    if fall is not None:
        parts += [(f" of {money(fall.peak)}", ink.dim), (f", for {span(_rounded(now - fall.began))}", ink.dim)]
    parts += [("   deepest ", ink.dim), (_percent(worst), ink.warning if worst else ink.text)]
    return fit(parts, width, ink.base)


def _under_water(found: Drawdown, ink: Ink, width: int) -> list[Line]:
    """The depth over time, hanging from the top; a cell holds the deepest of its time."""
    label = 8
    cells = max(4, width - label - 1)
    first, last = found.line[0][0], found.line[-1][0]
    deepest = [0.0] * cells
    before, depth_before = 0, 0.0
    for ts, depth in found.line:
        at = min(cells - 1, (ts - first) * cells // max(1, last - first))
        for between in range(before + 1, at):  # until the next is known it stands where it stood
            deepest[between] = depth_before
        deepest[at] = max(deepest[at], depth)
        before, depth_before = at, depth
    most = max(deepest)
    if not most:
        return []
    lines = []
    for row in range(_ROWS):
        text = "".join(_cell(depth / most * _ROWS - row) for depth in deepest)
        name = _percent(0.0) if row == 0 else _percent(most) if row == _ROWS - 1 else ""
        lines.append(fit([(f"{name:>{label}} ", ink.dim), (text, ink.ask)], width, ink.base))
    left, right = _when(first, last), _when(last, last)
    gap = max(1, width - label - 1 - len(left) - len(right))
    lines.append(fit([(" " * (label + 1) + left + " " * gap + right, ink.dim)], width, ink.base))
    return lines


def _cell(filled: float) -> str:
    """How much of a cell hangs from its top: whole cells, and the last in two steps."""
    if filled >= 1:
        return _FULL
    return "▀" if filled >= 0.5 else "▔" if filled > 0.05 else " "


def _fall(fall: Fall, now: int, ink: Ink, width: int) -> Line:
    end = fall.ended or now
    texts = (
        _when(fall.began, now), _when(fall.deepest, now), "not yet" if fall.ended is None else _when(fall.ended, now),
        _percent(fall.depth), money(fall.lost), span(_rounded(end - fall.began)),
    )  # fmt: skip
    back = ink.warning if fall.ended is None else ink.text
    return _row(texts, [ink.text, ink.text, back, ink.ask, ink.text, ink.dim], ink, width)


def _row(texts: Sequence[str], styles: Sequence[object], ink: Ink, width: int) -> Line:
    """Times to the left, figures to the right; how long gives way where it is narrow."""
    wide = width >= 62
    cells = (13, 13, 13, 9, 11, 9) if wide else (12, 12, 11, 8)
    parts = []
    for at, (text, size) in enumerate(zip(texts, cells, strict=False)):
        parts.append((f" {text[: size - 1]:<{size - 1}}" if at < 3 else f"{text:>{size}}", styles[at]))
    return fit(parts, width, ink.base)  # type: ignore[arg-type]


def _rounded(nanoseconds: int) -> int:
    """To the minute from a quarter of an hour on, to the hour from two days on."""
    step = HOUR if nanoseconds >= 2 * DAY else MINUTE if nanoseconds >= 15 * MINUTE else SECOND
    return nanoseconds // step * step


def _when(ts: int, now: int) -> str:
    """The time of day of today, with the date of other days."""
    text = local_time(ts)
    return text if now - ts < DAY else f"{_date(ts)} {text[:5]}"


def _date(ts: int) -> str:
    return f"{moment(ts):%d %b}"


def _percent(value: float) -> str:
    return number(100 * value, ".2f", "%")
