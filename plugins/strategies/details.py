"""The tables at the right of the form, as lines: orders, signals, result and log of a run, and what a strategy is."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from rich.style import Style

from plugins.strategies.rows import kind_of, source_of, where_of
from screens.figures import local_time, moment, money_text, price_text, quantity_text, sentence, shown
from screens.parts import Line, Part, count, fit, price
from screens.theme import Ink
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, state_word
from workstation.log import Level, LogEntry
from workstation.research.bench.messages import StrategyChoice
from workstation.strategies.run_book import RunView

_BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)


def _wide(name: str, wide: int, ink: Ink, text: str, style: Style) -> list[Part]:
    return [(f" {name:<{wide}}", ink.dim), (text, style)]


def _wrapped(text: str, width: int, style: Style, ink: Ink, indent: int = 1) -> list[Line]:
    lines = textwrap.wrap(text, max(10, width - indent - 1)) or [""]
    return [fit([(" " * indent + line, style)], width, ink.text) for line in lines]


def leg_name(instrument: InstrumentId, among: Iterable[InstrumentId]) -> str:
    """Its symbol; with its venue where another of them is called the same."""
    symbol = instrument.partition(":")[2]
    return instrument if sum(one.partition(":")[2] == symbol for one in among) > 1 else symbol


def held_words(held: Sequence[OrderDraft], instrument_of: Callable[[InstrumentId], Instrument]) -> str:
    """Of stops that the desk holds, since the venue takes none."""
    names = len({draft.instrument for draft in held}) > 1
    at = " and ".join(
        f"{price_text(draft.stop_price, instrument_of(draft.instrument))}{' of ' + draft.instrument if names else ''}"
        for draft in held
    )
    return f"This desk holds its {'stop' if len(held) == 1 else 'stops'} at {at}: not while the desk is off."


def orders(
    found: Sequence[Order], terms: Mapping[InstrumentId, Instrument], width: int, height: int, ink: Ink
) -> list[Line]:
    """The run's orders, the newest first; of a run on several instruments each with its own."""
    names = {one: leg_name(one, terms) for one in terms} if len(terms) > 1 else {}
    if names and width < 52:
        return _tight_orders(found, terms, names, width, height, ink)
    named = max((len(name) for name in names.values()), default=-1) + 1
    narrow = width < 66
    tight = width < 50  # a small terminal: what the columns need, and no word beside the state
    many, money, gap, wide = (9, 11, " ", 9) if tight else (11, 12, "  ", 11)
    legs = "Leg" if named else ""
    head = f" {'Time':<9}{'Side':<5}{legs:<{named}}{'Quantity':>{many}}{'Price':>{money}}{gap}{'State':<{wide}}"
    head += "" if narrow else f"{'Filled':>11}{'Average':>12}  Why"
    lines = [fit([(head, ink.dim)], width, ink.text)]
    if not found:
        return [*lines, fit([(" No order yet.", ink.dim)], width, ink.text)]
    for order in list(reversed(found))[: max(0, height - 1)]:
        instrument = terms[order.instrument]
        limit = order.price if order.price is not None else order.stop_price
        kind = "s " if order.type in (OrderType.STOP, OrderType.STOP_LIMIT) else ""
        at = "market" if limit is None else f"{kind}{price_text(limit, instrument)}"
        if narrow and order.average_price is not None:
            at = price_text(order.average_price, instrument)
        bad = order.state in _BAD
        state = ink.error if bad else ink.own if order.is_open else ink.text
        side = ink.bid if order.side is Side.BUY else ink.ask
        parts: list[Part] = [
            (f" {local_time(order.created_at):<9}", ink.dim),
            (f"{order.side.upper():<5}", side),
            (f"{names.get(order.instrument, ''):<{named}}", ink.text),
            (f"{quantity_text(order.quantity, instrument):>{many}}{at:>{money}}", ink.text),
            (f"{gap}{state_word(order.state):<{wide}.{wide}}", state),
        ]
        if not narrow:
            filled = quantity_text(order.filled, instrument) if order.filled else "–"
            average = price_text(order.average_price, instrument)
            parts.append((f"{filled:>11}{average:>12}", ink.text))
        if not tight:
            words = sentence(order.reason) if bad or not order.note else order.note
            parts.append((f"  {words}", ink.error if bad else ink.dim))
        lines.append(fit(parts, width, ink.text))
    return lines


def _tight_orders(
    found: Sequence[Order],
    terms: Mapping[InstrumentId, Instrument],
    names: Mapping[InstrumentId, str],
    width: int,
    height: int,
    ink: Ink,
) -> list[Line]:
    """The same of several instruments in a small terminal: the leg takes the place of side and seconds."""
    room = max(8, width - 34)
    lines = [fit([(f" {'Time':<6}{'Leg':<{room}}{'Quantity':>9}{'Price':>10} State", ink.dim)], width, ink.text)]
    if not found:
        return [*lines, fit([(" No order yet.", ink.dim)], width, ink.text)]
    for order in list(reversed(found))[: max(0, height - 1)]:
        instrument, side = terms[order.instrument], order.side
        at = order.average_price or order.price or order.stop_price
        bad = order.state in _BAD
        sign = "+" if side is Side.BUY else "-"
        parts: list[Part] = [
            (f" {local_time(order.created_at)[:5]:<6}", ink.dim),
            (f"{names[order.instrument][: room - 1]:<{room}}", ink.text),
            (f"{sign + quantity_text(order.quantity, instrument):>9}", ink.bid if side is Side.BUY else ink.ask),
            (f"{'market' if at is None else price_text(at, instrument):>10} ", ink.text),
            (state_word(order.state), ink.error if bad else ink.own if order.is_open else ink.text),
        ]
        lines.append(fit(parts, width, ink.text))
    return lines


def signals(view: RunView, width: int, height: int, ink: Ink) -> list[Line]:
    """What it decided on closed bars, the newest first."""
    if view.code is None and not view.signals:
        words = (
            "Its signals are known once it runs."
            if not view.run.active
            else "It has no signals on bars: it acts on events. Its orders show what it does."
        )
        return _wrapped(words, width, ink.dim, ink)
    day, room = ("%m-%d %H:%M:%S", 15) if width < 60 else ("%Y-%m-%d %H:%M:%S", 20)
    lines = [fit([(f" {'Bar of':<{room}}{'Close':>14}  Decided", ink.dim)], width, ink.text)]
    if not view.signals:
        lines += _wrapped("None on the bars that are known.", width, ink.dim, ink)
    began = view.run.since
    for signal in list(reversed(view.signals))[: max(0, height - 1)]:
        before = signal.ts + view.run.interval <= began
        style = ink.bid if signal.code & 9 else ink.ask
        note = "  before it ran" if before and 16 + room + len(signal.words) + 15 <= width else ""
        lines.append(
            fit(
                [
                    (f" {moment(signal.ts):{day}} ", ink.dim),
                    (f"{price(signal.close):>13}  ", ink.dim if before else ink.text),
                    (signal.words, ink.dim if before else style),
                    (note, ink.faint),
                ],
                width,
                ink.text,
            )
        )
    return lines


def result(
    view: RunView,
    terms: Mapping[InstrumentId, Instrument],
    marks: Callable[[InstrumentId], Decimal | None],
    width: int,
    ink: Ink,
) -> list[Line]:
    """What it has brought under its name, leg by leg where it has more than one, and how it is."""
    got, run = view.result, view.run
    share = shown(f"{100 * got.net / run.capital:+.2f}")
    rows: list[list[Part]] = [
        _wide("Profit and loss", 18, ink, f"{money_text(got.net, sign=True)}  {share} %", ink.signed(got.net)),
        _wide("  realised", 18, ink, money_text(got.realized, sign=True), ink.signed(got.realized)),
        _wide("  unrealised", 18, ink, money_text(got.unrealized, sign=True), ink.signed(got.unrealized)),
        _wide("  fees", 18, ink, money_text(got.fees), ink.text),
        _wide("  funding", 18, ink, money_text(got.carry, sign=True), ink.signed(got.carry)),
        _wide("Equity", 18, ink, f"{money_text(view.equity)} of {money_text(run.capital)} capital", ink.text),
        *_legs(view, terms, marks, ink),
        _wide("Fills", 18, ink, f"{got.fills}", ink.text),
    ]
    if run.active:
        slowest = f"{count(view.calls)} calls, the longest {shown(f'{view.slowest:,.1f}')} ms"
        rows.append(_wide("Its code", 18, ink, slowest, ink.text))
    if not got.whole:
        rows.append([(" Something of it has no price: the sums are not whole.", ink.warning)])
    lines = [fit(row, width, ink.text) for row in rows]
    words = "Everything that this name has ever traded counts, runs of before too."
    return lines + _wrapped(words, width, ink.faint, ink)


def _legs(
    view: RunView,
    terms: Mapping[InstrumentId, Instrument],
    marks: Callable[[InstrumentId], Decimal | None],
    ink: Ink,
) -> list[list[Part]]:
    """What it holds; of several instruments each with what it has brought."""
    if not view.legs:
        one = view.run.instrument
        return [_wide("Holds", 18, ink, _position(view.position, view.entry, terms[one], marks(one)), ink.text)]
    rows: list[list[Part]] = []
    for leg in view.legs:
        instrument, net = terms[leg.instrument], leg.result.net
        held = _position(leg.position, leg.entry, instrument, marks(leg.instrument))
        name = f"Leg {leg_name(leg.instrument, terms)} "
        rows.append(_wide(name, 18, ink, money_text(net, sign=True), ink.signed(net)))
        rows.append(_wide("  holds", 18, ink, held, ink.text))
    return rows


def _position(quantity: Decimal, entry: Decimal | None, instrument: Instrument, mark: Decimal | None) -> str:
    if not quantity:
        return "nothing"
    words = f"{'+' if quantity > 0 else ''}{quantity_text(quantity, instrument)} {instrument.base}"
    if entry is not None:
        words += f" at {price_text(entry, instrument)}"
    return words if mark is None else f"{words}, now {price_text(mark, instrument)}"


def log(entries: Sequence[LogEntry], width: int, height: int, ink: Ink, top: int) -> list[Line]:
    """The log's lines about a run, the newest first, an error's trace under it."""
    lines: list[Line] = []
    styles = {Level.WARNING: ink.warning, Level.ERROR: ink.error, Level.DEBUG: ink.dim, Level.INFO: ink.text}
    for entry in reversed(entries):
        if len(lines) > top + height:
            break
        wrapped = textwrap.wrap(sentence(entry.text), max(10, width - 11)) or [""]
        style = styles[entry.level]
        lines.append(fit([(f" {local_time(entry.ts)} ", ink.dim), (wrapped[0], style)], width, ink.text))
        lines += [fit([(" " * 10 + line, style)], width, ink.text) for line in wrapped[1:]]
        for line in entry.detail.rstrip().splitlines():
            indent = " " * (10 + len(line) - len(line.lstrip()))
            for part in textwrap.wrap(line.strip(), max(10, width - len(indent) - 1)):
                lines.append(fit([(indent + part, ink.dim)], width, ink.text))
    return lines[top : top + height] or _wrapped("The log has nothing of it.", width, ink.dim, ink)


def about(choice: StrategyChoice, width: int, ink: Ink) -> list[Line]:
    """What the strategy is: source, kind, idea and parameters, or why it cannot be used."""
    lines = [
        fit(_wide("Name", 9, ink, choice.name, ink.strong), width, ink.text),
        fit(_wide("Source", 9, ink, f"{source_of(choice)}, {kind_of(choice)}", ink.text), width, ink.text),
        *_wrapped(where_of(choice), width, ink.dim, ink, 10),
    ]
    if choice.error is not None:
        lines.append(fit([], width, ink.text))
        lines += _wrapped(f"It cannot be used: {choice.error}", width, ink.error, ink)
        return lines + _wrapped(
            "r reads it again once it is mended. Nothing else is touched by it.", width, ink.dim, ink
        )
    if choice.native:
        lines += _wrapped("Written for backtesting.py: it runs on the Backtest page only.", width, ink.warning, ink)
    lines.append(fit([], width, ink.text))
    for paragraph in choice.doc.split("\n\n"):
        for block in _blocks(paragraph):
            lines += _wrapped(block, width, ink.text, ink)
        lines.append(fit([], width, ink.text))
    return lines


def _blocks(paragraph: str) -> list[str]:
    """The lines of a docstring joined, but for those that begin with a word and a colon (Idea:, Rules:)."""
    blocks: list[str] = []
    for line in paragraph.splitlines():
        begins = line.strip().partition(" ")[0].endswith(":")
        if blocks and not begins:
            blocks[-1] += " " + line.strip()
        else:
            blocks.append(line.strip())
    return blocks
