"""The chart's first line: open, high, low, close, change and volume of a bar, as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.chart.canvas import Paint
from plugins.chart.marks import Moved
from plugins.chart.timeline import Kind, Slot
from screens.figures import money_text, plain_text, price_text, sentence, shown
from workstation.domain.instrument import Instrument
from workstation.domain.order import OrderDraft
from workstation.trading.preview import Preview

type Parts = list[tuple[str, Paint]]


def volume_text(volume: float) -> str:
    """A quantity in at most six cells: 0.125, 12.5, 3.2k, 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if volume >= size * 10 or (unit != "k" and volume >= size):
            return shown(f"{volume / size:.4g}{unit}")
    return shown(f"{volume:.4g}" if volume >= 0.001 or volume == 0 else f"{volume:.6f}".rstrip("0"))


def bar_parts(slot: Slot, before: float | None, instrument: Instrument, width: int) -> Parts:
    """The bar's figures; what matters least goes first where they do not fit. `before`: the close before it."""
    bar = slot.bar
    places = instrument.price_places
    if slot.kind is Kind.FOLD:
        return [("No trades for a while; last " + shown(f"{bar.close:,.{places}f}"), Paint.AXIS)]
    base = bar.open if before is None else before
    change = (bar.close / base - 1) * 100 if base else 0.0
    paint = Paint.AXIS if abs(change) < 0.005 else Paint.UP if change > 0 else Paint.DOWN
    figures = {
        "O": shown(f"{bar.open:,.{places}f}"),
        "H": shown(f"{bar.high:,.{places}f}"),
        "L": shown(f"{bar.low:,.{places}f}"),
        "C": shown(f"{bar.close:,.{places}f}"),
        "": shown(f"{change:+.2f}%"),
        "V": volume_text(bar.volume),
    }
    for name in ("", "V", "O", "?"):
        wide = sum(len(label) + len(figure) + 2 for label, figure in figures.items()) - 2
        if wide <= width:
            break
        if name == "":
            closes = {"O": bar.open, "H": bar.high, "L": bar.low, "C": bar.close}
            figures = {label: shown(f"{closes[label]:.{places}f}") if label in closes else figure
                       for label, figure in figures.items()}  # fmt: skip
        else:
            figures.pop(name, None)
    parts: Parts = []
    for label, figure in figures.items():
        if parts:
            parts.append(("  ", Paint.AXIS))
        if label:
            parts.append((label, Paint.AXIS))
        parts.append((figure, paint if label in ("", "C") else Paint.TEXT))
    return parts


def staged_parts(
    draft: OrderDraft, instrument: Instrument, preview: Preview | None, takes: bool, width: int, exits: str = ""
) -> Parts:
    """What waits for Enter with the `exits` that come along, or the first objection to it; `takes`: it would trade at
    once."""
    objection = None if preview is None else next((sentence(v.sentence) for v in preview.verdicts if not v.ok), None)
    if objection is not None:
        return [(objection, Paint.ERROR)]
    what = f"{draft.side.capitalize()} {plain_text(draft.quantity)} @ {price_text(draft.price, instrument)}"
    what += f" {exits}" if exits else ""
    value = None if preview is None else preview.value
    worth = "" if value is None else f"  {money_text(value)} {instrument.settlement}"
    effect = "  ⏎ takes at once" if takes else "  ⏎ sends"
    hint = "  Esc discards"
    if len(what + worth + effect + hint) > width:
        worth = ""
    return [
        (what, Paint.STAGED),
        (worth, Paint.TEXT),
        (effect, Paint.STAGED if takes else Paint.AXIS),
        (hint, Paint.AXIS),
    ]


def moved_parts(moved: Moved, instrument: Instrument, takes: bool, width: int) -> Parts:
    """An amendment that waits for Enter."""
    what = f"Move {moved.side}{' stop' if moved.stop else ''} {plain_text(moved.quantity)}"
    to = f"{what} to {price_text(instrument.price(moved.ticks), instrument)}"
    by = moved.ticks - moved.start
    way = f"  {shown(f'{by:+d}')} tick{'' if abs(by) == 1 else 's'}" if by else "  not moved"
    count = f"  {len(moved.orders)} orders" if len(moved.orders) > 1 else ""
    effect = "  ⏎ amends"
    if takes and by:
        effect = f"  ⏎ {'triggers' if moved.stop else 'takes'} at once"
    hint = "  Esc leaves it"
    if len(to + way + count + effect + hint) > width:
        hint = "  Esc"
    return [
        (to, Paint.STAGED),
        (way + count, Paint.TEXT),
        (effect, Paint.STAGED if takes and by else Paint.AXIS),
        (hint, Paint.AXIS),
    ]


def fitted(parts: Sequence[tuple[str, Paint]], width: int) -> Parts:
    """The parts cut to `width` cells, with an ellipsis."""
    result: Parts = []
    room = width
    for text, paint in parts:
        if len(text) > room:
            if room > 0:
                result.append((text[: room - 1] + "…", paint))
            break
        result.append((text, paint))
        room -= len(text)
    return result
