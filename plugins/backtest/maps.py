"""Maps and judgements below the charts, as lines: sweep, luck with its fans, walk-forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.style import Style

from plugins.backtest.drawing import curves
from plugins.backtest.sought import Sweep
from plugins.backtest.study import Study
from plugins.backtest.views import figure_text, label_of, shade, value_short
from screens.figures import sentence
from screens.parts import Line, Part, count, fit, number, when, wrapped
from screens.theme import Ink
from workstation.research.bench.messages import FanLines, WalkAnswer, WalkStep
from workstation.research.verdicts import Verdict, worst_first

# -- the sweep


def sweep_map(sweep: Sweep, width: int, height: int, ink: Ink, cursor: int, active: bool) -> list[Line]:
    """The figure of every combination as colour, and as a number where there is room; ▪ marks the best."""
    request = sweep.request
    across, down = request.across_values, request.down_values
    rows = [sweep.text(request.down, value) for value in down]
    margin = max(6, *map(len, rows)) + 2
    wide = max(1, min(6, (width - margin - 1) // len(across)))
    known = {cell: value for cell in sweep.cells if (value := sweep.figure(cell)) is not None}
    most = max((abs(value) for value in known.values()), default=1.0) or 1.0
    floor = min(known.values(), default=0.0)
    lines: list[Line] = [fit(_cell_words(sweep, cursor, ink), width, ink.text)]
    body = max(1, height - 3)
    row_at = cursor // len(across)
    top = max(0, min(row_at - body // 2, len(down) - body))
    answer = sweep.answer
    best = answer.best if answer is not None else max(known, key=lambda cell: known[cell], default=None)
    for row in range(top, min(len(down), top + body)):
        at = row == row_at
        parts: list[Part] = [(f" {rows[row]:>{margin - 2}} ", ink.strong if at else ink.dim)]
        for column in range(len(across)):
            cell = row * len(across) + column
            value = known.get(cell)
            if value is None:
                blank = ("·" if cell not in sweep.cells else "×").center(wide)
                parts.append((blank, ink.faint if cell != cursor else ink.faint + ink.on_cursor))
                continue
            share = value / most if request.rank != "max_drawdown_pct" else 1 - value / floor if floor else 1.0
            style = shade(ink, share)
            text = _cell_text(value, wide)
            if ink.colours.ansi and wide < 4:
                text = ("░▒▓█"[min(3, int(abs(share) * 4))]) * wide
            if cell == best:
                text = "▪" + text[1:] if wide > 1 else "▪"
                style += Style(bold=True)
            if cell == cursor:
                style = ink.on_accent + Style(bold=True) if active else ink.text + ink.on_cursor + Style(bold=True)
                text = text if wide >= 4 else ("◆" + text[1:])
            parts.append((text, style))
        lines.append(fit(parts, width, ink.text))
    column_at = cursor % len(across)
    scale = [" "] * (margin + wide * len(across) + 6)
    gap = max(1, -(-6 // wide))
    for column in range(0, len(across), gap):
        _put(scale, margin + column * wide, sweep.text(request.across, across[column]).rjust(min(wide, 5)))
    lines.append(fit([("".join(scale).rstrip(), ink.dim)], width, ink.text))
    note = f" {sweep.name(request.down)} ↓   {sweep.name(request.across)} →   colour: {label_of(request.rank)}"
    if width >= 70:
        note += f" · column {sweep.text(request.across, across[column_at])}"
    verdicts = worst_first(answer.verdicts) if answer is not None else []
    told = [line for verdict in verdicts for line in verdict_lines(verdict, width, ink)]
    if answer is None or len(lines) + 1 + len(told) <= height:
        return [*lines, fit([(note, ink.dim)], width, ink.text), *told]
    heads: list[Part] = [(note, ink.dim)]
    for verdict in verdicts:  # no room for their words: those stand over the chart once the best is loaded
        heads += [("  ● ", verdict_style(verdict, ink)), (verdict.head, ink.text)]
    return [*lines, fit(heads, width, ink.text)]


def _cell_text(value: float, wide: int) -> str:
    """The figure in a cell, with a gap to its neighbour; nothing where it does not fit whole."""
    if wide < 4:
        return " " * wide
    for scale, form, unit in ((1, ".1f", ""), (1, ".0f", ""), (1_000, ".0f", "k"), (1_000_000, ".0f", "M")):
        if abs(value) < 0.95 * scale and scale > 1:
            break
        text = number(round(value / scale, int(form[1])) or 0.0, form, unit)
        if len(text) >= wide and text.startswith("-0") and len(text) > 2:
            text = f"-{text[2:]}"
        if len(text) < wide or (len(text) == wide and form == ".0f"):
            return text.rjust(wide)
    return " " * wide


def _put(cells: list[str], x: int, text: str) -> None:
    for offset, char in enumerate(text):
        if x + offset < len(cells):
            cells[x + offset] = char


def _cell_words(sweep: Sweep, cell: int, ink: Ink) -> list[Part]:
    """What the cell under the cursor gave."""
    request = sweep.request
    down, across = divmod(cell, len(request.across_values))
    words: list[Part] = [
        (f" {sweep.name(request.across)} {sweep.text(request.across, request.across_values[across])}", ink.strong),
        (f"  {sweep.name(request.down)} {sweep.text(request.down, request.down_values[down])}  ", ink.strong),
    ]
    found = sweep.cells.get(cell)
    if found is None:
        return [*words, ("not run yet", ink.dim)]
    if isinstance(found, str):
        return [*words, (found, ink.warning)]
    for name in dict.fromkeys([request.rank, "return_pct", "max_drawdown_pct", "n_trades", "win_rate_pct"]):
        words += [(f" {label_of(name)} ", ink.dim), (figure_text(name, found.get(name)), ink.text)]
    return words


# -- luck


def luck(session: Study, width: int, height: int, ink: Ink, fan: int) -> list[Line]:
    """Each verdict in words, and a fan of what other luck would have given."""
    lines: list[Line] = []
    found = session.verdicts()
    if not found:
        words = "Being judged …" if session.answer is not None else "Nothing has been run."
        lines.append(fit([(f" {words}", ink.dim)], width, ink.text))
    for verdict in found:
        lines += verdict_lines(verdict, width, ink)
    fans = session.judgement.fans if session.judgement is not None else ()
    room = height - len(lines) - 1
    if fans and room >= 4:
        chosen = fans[fan % len(fans)]
        lines.append(fit([(_fan_words(chosen), ink.dim)], width, ink.text))
        lines += fan_chart(chosen, width, room, ink)
    return lines[:height]


def verdict_lines(verdict: Verdict, width: int, ink: Ink) -> list[Line]:
    style = verdict_style(verdict, ink)
    indent = 22 if width >= 70 else 3
    lines_of = wrapped(sentence(verdict.text), max(20, width - indent - 1)) or [""]
    if indent == 3:
        lines = [fit([(" ● ", style), (verdict.head, style + Style(bold=True))], width, ink.text)]
        return lines + [fit([(" " * indent + line, ink.text)], width, ink.text) for line in lines_of]
    first = fit([(" ● ", style), (f"{verdict.head:<19.19}", style + Style(bold=True)), (lines_of[0], ink.text)], width,
                ink.text)  # fmt: skip
    return [first, *(fit([(" " * indent + line, ink.text)], width, ink.text) for line in lines_of[1:])]


def verdict_style(verdict: Verdict, ink: Ink) -> Style:
    return {"good": ink.good, "warning": ink.warning, "bad": ink.error}.get(verdict.level, ink.dim)


def _fan_words(fan: FanLines) -> str:
    worst = number(100 * fan.drawdown_95, ".1f")
    loss = number(100 * fan.loss_probability, ".0f")
    return (
        f" Monte Carlo, {fan.title}, {count(fan.runs)} times: loss in {loss} % of them; 95 % stay above a drawdown "
        f"of {worst} % · bands 5 25 50 75 95 %"
    )


def fan_chart(fan: FanLines, width: int, height: int, ink: Ink) -> list[Line]:
    styles = (ink.faded("ask", 0.8), ink.faded("dim", 0.8), ink.accent, ink.faded("dim", 0.8), ink.faded("bid", 0.8))
    order = (2, 1, 3, 0, 4)
    return curves([(fan.lines[i], styles[i]) for i in order], width, height, ink)


# -- walk-forward


def walk(session: Study, width: int, height: int, ink: Ink) -> list[Line]:
    """A row a window, the verdict, and the stitched curve out of sample."""
    steps: Sequence[WalkStep] = session.walk_steps
    if not steps:
        words = (
            "Walking forward …" if session.busy == "Walk-forward" else "w walks forward over the sweep's parameters."
        )
        return [fit([(f" {words}", ink.dim)], width, ink.text)]
    lines: list[Line] = []
    if session.walk_answer is not None:
        lines += verdict_lines(session.walk_answer.verdict, width, ink)
        if session.walk_answer.held_out is not None:
            lines += verdict_lines(session.walk_answer.held_out, width, ink)
    interval = session.answer.interval if session.answer is not None else 0
    wide = width >= 70  # else what was chosen has no room
    head = "   #  Traded from        In sample  Out of sample  Parameters" if wide else (
        f" # {'Traded from':<16}{'In':>7}{'Out':>7}  Parameters"
    )  # fmt: skip
    lines.append(fit([(head, ink.dim)], width, ink.text))
    for step in steps[: max(1, height - len(lines) - 5)]:
        words = _walk_words(session.walked, step.params or {}) or "nothing to trade"
        lines.append(
            fit(
                [
                    (f" {step.number:>3}  " if wide else f"{step.number:>2} ", ink.dim),
                    (f"{when(step.split, interval):<{17 if wide else 16}}", ink.text),
                    (f"{number(step.inside):>{11 if wide else 7}}", ink.signed(step.inside)),
                    (f"{number(step.outside):>{15 if wide else 7}}", ink.signed(step.outside)),
                    (f"  {words}", ink.text),
                ],
                width,
                ink.text,
            )
        )
    lines += _walk_chart(session.walk_answer, steps, width, height - len(lines), ink)
    return lines[:height]


def _walk_words(over: Sweep | None, params: Mapping[str, Any]) -> str:
    """What a window chose of what was moved."""
    if over is None:
        return "  ".join(f"{name} {value_short(value)}" for name, value in params.items())
    axes = [axis for axis in (over.request.across, over.request.down) if axis in params]
    return "  ".join(f"{over.name(axis)} {over.text(axis, params[axis])}" for axis in axes)


def _walk_chart(answer: WalkAnswer | None, steps: Sequence[WalkStep], width: int, room: int, ink: Ink) -> list[Line]:
    """The account out of sample, over the bands of all combinations once these are known."""
    if answer is None or not answer.lines:
        curve = [value for step in steps for value in step.equity]
        if room < 3 or len(curve) < 2:
            return []
        head = fit([(" The account out of sample, window after window", ink.dim)], width, ink.text)
        return [head, *curves([(curve, ink.accent)], width, room - 1, ink)]
    if room < 3:
        return []
    words: list[Part] = [
        (" The account out of sample", ink.accent),
        (f" over where 5 25 50 75 95 % of {count(answer.field)} combinations stood, each kept unchanged", ink.dim),
    ]
    styles = (ink.faded("ask", 0.8), ink.faded("dim", 0.8), ink.faded("text", 0.6), ink.faded("dim", 0.8),
              ink.faded("bid", 0.8))  # fmt: skip
    order = (2, 1, 3, 0, 4)
    bands = [(answer.lines[i], styles[i]) for i in order]
    drawn = curves([(answer.curve, ink.accent), *bands], width, room - 1, ink, rules=answer.begins[1:])
    return [fit(words, width, ink.text), *drawn]
