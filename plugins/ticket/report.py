"""What the ticket says of its order: what it costs, what the position becomes, and every risk check's verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import Decimal

from rich.cells import cell_len
from rich.style import Style

from screens.figures import plain_text, price_text, quantity_text, sentence, shown, small_money_text
from screens.theme import Ink
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.position import Position
from workstation.trading.command_run import outcome
from workstation.trading.commands import Prices
from workstation.trading.preview import Preview
from workstation.trading.risk import Verdict
from workstation.trading.sizing import unit_name

type Line = tuple[tuple[str, Style], ...]


def figures(
    draft: OrderDraft, preview: Preview, position: Position, instrument: Instrument, ink: Ink, width: int
) -> list[Line]:
    """Value and fee, margin and queue, the position before and after."""
    size = quantity_text(draft.quantity, instrument)
    lines = [
        _pair(("Order", size, f" {unit_name(instrument)}"), ("Value", small_money_text(preview.value)), ink, width)
    ]
    margin = ("Margin", small_money_text(preview.margin))
    if draft.type is OrderType.MARKET:
        margin = ("Worst", price_text(preview.price, instrument))
    elif instrument.is_spot:
        margin = ("Queue", quantity_text(preview.queue, instrument))
    lines.append(
        _pair(("Fee", small_money_text(preview.fee), " list" if preview.listed_fee else ""), margin, ink, width)
    )
    lines += _position(position.quantity, preview, instrument, ink, width)
    if not instrument.is_spot or preview.liquidation_after is not None:
        lines.append(_liquidation(preview, instrument, ink, width))
    return lines


def _position(before: Decimal, preview: Preview, instrument: Instrument, ink: Ink, width: int) -> list[Line]:
    """Quantity before → after @ average; the average on a line of its own where the pane is narrow."""
    after = preview.position_after
    average = "" if preview.average_after is None else shown(f"@ {preview.average_after:,.{instrument.price_places}f}")
    line: Line = (
        (" Pos    ", ink.dim),
        (quantity_text(before, instrument), ink.text),
        (" → ", ink.dim),
        (quantity_text(after, instrument), ink.signed(after)),
    )
    if not average:
        return [line]
    if sum(cell_len(text) for text, _ in line) + cell_len(average) < width:
        return [(*line, (f" {average}", ink.text))]
    return [line, ((f"        {average}", ink.text),)]


def _liquidation(preview: Preview, instrument: Instrument, ink: Ink, width: int) -> Line:
    """Where the position would be liquidated once the order has filled, how far that is, and the leverage."""
    price, mark = preview.liquidation_after, preview.mark
    if price is None and not preview.margin_known and preview.position_after:
        return ((" Liq.   ", ink.dim), ("not known", ink.warning), (", margin at 1×", ink.dim))
    if price is None:
        return ((" Liq.   ", ink.dim), ("none" if preview.position_after else "–", ink.text))
    away = "" if not mark else f" {shown(f'{abs(price / mark - 1) * 100:.1f}')}% away"
    leverage = f" {plain_text(preview.leverage)}×"
    about = "≈" if preview.reckoned else ""
    line = [(" Liq.   ", ink.dim), (about + price_text(price, instrument), ink.warning)]
    isolated = " iso." if preview.mode is MarginMode.ISOLATED else ""
    for part in (away, leverage, isolated):
        if sum(cell_len(text) for text, _ in line) + cell_len(part) < width:
            line.append((part, ink.dim))
    return tuple(line)


def _pair(left: tuple[str, str, str], right: tuple[str, str], ink: Ink, width: int) -> Line:
    """Two labelled figures; the second begins at the middle where there is room. The first's unit, then the second's
    label give way to long figures."""
    label, text, unit = left
    name, figure = right
    if 8 + cell_len(text + unit) + 1 + cell_len(name) + 1 + cell_len(figure) + 1 > width:
        unit = ""
    if 8 + cell_len(text) + 1 + cell_len(name) + 1 + cell_len(figure) + 1 > width:
        name = "≈"
    room = max(width // 2 + 1 - 8, cell_len(text + unit) + 1)
    if 8 + room + cell_len(name) + 1 + cell_len(figure) + 1 > width:
        room = cell_len(text + unit) + 1
    return (
        (f" {label:<6} ", ink.dim),
        ((text + unit).ljust(room), ink.text),
        (f"{name} ", ink.dim),
        (figure.rjust(max(0, width - 10 - room - cell_len(name))), ink.text),
    )


def wrapped(text: str, first: str, style: Style, width: int) -> list[Line]:
    """A sentence on as many lines as it needs, with a mark before the first."""
    lines = textwrap.wrap(text, max(10, width - 2 - cell_len(first)))
    return [((f" {first if n == 0 else ' ' * cell_len(first)}{line}", style),) for n, line in enumerate(lines)]


def verdicts(found: Sequence[Verdict], ink: Ink, width: int, height: int) -> list[Line]:
    """Every verdict in at most `height` lines: refusals with their sentences first, then the names of what passes."""
    refusals = [wrapped(sentence(verdict.sentence), "✗ ", ink.error, width) for verdict in found if not verdict.ok]
    if sum(map(len, refusals)) > height >= len(refusals):
        refusals = _each_seen(refusals, width, height)
    starts = [sum(map(len, refusals[:n])) for n in range(len(refusals))]
    lines = [line for refusal in refusals for line in refusal]
    passed = [verdict.check for verdict in found if verdict.ok]
    room = height - len(lines)
    if room < 0:  # what is cut off shows that it is
        hidden = sum(start >= height for start in starts)
        more = f" … +{hidden} ✗" if hidden else " …"
        text, style = lines[height - 1][0]
        return [*lines[: height - 1], ((_whole_words(text, width - 1 - cell_len(more)) + more, style),)]
    if not passed or room < 1:
        return lines
    rows: list[str] = [""]
    for name in passed:
        word = f" ✓ {name}"
        if cell_len(rows[-1]) + cell_len(word) >= width:
            rows.append("")
        rows[-1] += word
    if len(rows) > room:
        what = "all" if len(passed) == len(found) else "all other"
        rows = [f" ✓ {what} risk checks pass"]
    return lines + [((row, ink.good),) for row in rows]


def _each_seen(sentences: Sequence[list[Line]], width: int, height: int) -> list[list[Line]]:
    """Sentences that have not room enough: of each its first line at least, of the first ones more."""
    spare = height - len(sentences)
    seen = []
    for lines in sentences:
        kept = lines[: 1 + spare]
        spare -= len(kept) - 1
        if len(kept) < len(lines):
            text, style = kept[-1][0]
            kept[-1] = ((f"{_whole_words(text, width - 3)} …", style),)
        seen.append(kept)
    return seen


def _whole_words(text: str, room: int) -> str:
    """The beginning of a sentence: a number that is cut in the middle would be another number."""
    return text if cell_len(text) <= room else text[: room + 1].rpartition(" ")[0]


def touch(prices: Prices, instrument: Instrument, ink: Ink, width: int, old: bool) -> Line:
    """Best bid and ask, at the right end of `width` cells; grey where they are `old`."""
    bid, ask = price_text(prices.bid, instrument), price_text(prices.ask, instrument)
    return (
        (bid.rjust(max(0, width - 2 - cell_len(ask))), ink.dim if old else ink.bid),
        (" ", ink.dim),
        (ask, ink.dim if old else ink.ask),
    )


def button(
    draft: OrderDraft | None, instrument: Instrument | None, armed: bool, refused: bool, ink: Ink, width: int
) -> Line:
    """What Enter will send, in the colour of its side; grey where the risk checks would refuse it."""
    if not armed:
        return ((" DISARMED: Enter sends nothing".ljust(width), ink.warning + ink.on_bar),)
    if draft is None or instrument is None:
        return ((" ⏎ sends a complete order".ljust(width), ink.dim + ink.on_bar),)
    at = draft.price if draft.price is not None else draft.stop_price
    where = "market" if at is None else price_text(at, instrument)
    if draft.type is OrderType.STOP:
        where = f"stop {where}"
    text = f" ⏎ {draft.side.upper()} {quantity_text(draft.quantity, instrument)} @ {where}"
    style = (ink.bid + ink.on_bid) if draft.side is Side.BUY else (ink.ask + ink.on_ask)
    if refused:
        style = ink.dim + ink.on_bar
    return ((text.ljust(width), style),)


_BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)


def fate(
    said: tuple[str, bool] | None,
    order: Order | None,
    instrument: Instrument | None,
    told: set[str],
    ink: Ink,
    width: int,
) -> list[Line]:
    """What was `said` last (a sentence, and whether it is an error), else what became of the order that was sent;
    what is `told` above, as the screen shows it, is not told twice."""
    if said is not None:
        text, error = said
        if text in told:
            text = "Not sent."
        return wrapped(text, "✗ " if error else "· ", ink.error if error else ink.text, width)
    if order is None:
        return []
    bad = order.state in _BAD
    denied = order.state is OrderState.DENIED and sentence(order.reason) in told
    text = "Not sent." if denied else sentence(outcome(order, instrument))
    style = ink.error if bad else ink.dim if order.is_closed and not order.filled else ink.own
    return wrapped(text, "✗ " if bad else "● ", style, width)
