"""The lines under the ladder: spread and imbalance, position, and what is staged or came of an order."""

from __future__ import annotations

import textwrap
from decimal import Decimal

from rich.segment import Segment

from plugins.books.figures import price_text
from plugins.books.own import Moved, Staged
from screens.figures import money_text, plain_text, sentence, settlement_places, shown
from screens.painted import cells
from screens.theme import Ink
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import divide
from workstation.domain.order import Side
from workstation.domain.position import Position
from workstation.market.book import OrderBook
from workstation.trading.preview import Preview

#: The imbalance counts this many of the best levels of each side.
IMBALANCE_LEVELS = 10

type Parts = tuple[tuple[str, str], ...]  # (text, name of an ink)


def spread_text(book: OrderBook) -> str:
    """The spread in ticks and basis points of the middle."""
    spread, mid = book.spread, book.mid
    if spread is None or not mid:
        return "no spread"
    points = spread / mid * 10_000
    points_text = f"{points:.0f}" if points >= 10 else f"{points:.2f}" if points >= 0.1 else f"{points:.3f}"
    return f"{spread} tick{'' if spread == 1 else 's'} {shown(points_text)} bp"


def bid_share(book: OrderBook) -> int | None:
    """The bids' share of the quantity on the best levels, in percent."""
    imbalance = book.imbalance(IMBALANCE_LEVELS)
    return None if imbalance is None else round(50 + 50 * imbalance)


def spread_line(spread: str, share: int | None, width: int, ink: Ink) -> list[Segment]:
    """Spread, and the share of bids and asks as one bar."""
    left = f" {spread} "
    room = width - len(left)
    if share is None or room < 10:
        return cells((left, ink.text))
    bids = min(room - 1, max(1, round(room * share / 100)))
    text = f" {share}%".ljust(room - 5) + f"{100 - share}% ".rjust(5)
    return cells((left, ink.text), (text[:bids], ink.bid + ink.on_bid), (text[bids:], ink.ask + ink.on_ask))


def position_parts(position: Position, instrument: Instrument, mark: Decimal | None) -> Parts:
    """Quantity, average price and open profit; "flat" without a position."""
    average = position.average_price(instrument)
    if not position.quantity or average is None:
        return ((" flat", "dim"),)
    long = position.quantity > 0
    price = divide(average, Decimal(1).scaleb(-instrument.price_places), Decimal(1)).scaleb(-instrument.price_places)
    held = shown(f" {position.quantity.normalize():+f}")
    parts = ((held, "bid" if long else "ask"), (f" @ {shown(f'{price:.{instrument.price_places}f}')}", "text"))
    if mark is None:
        return parts
    profit = position.unrealized(instrument, mark)
    made = money_text(profit, True, settlement_places(instrument))
    return (*parts, (f"  {made}", "bid" if profit > 0 else "ask" if profit < 0 else "dim"))


def staged_lines(
    staged: Staged | Moved,
    instrument: Instrument,
    book: OrderBook,
    preview: Preview | None,
    width: int,
    lines: int,
    exits: str = "",
) -> list[Parts]:
    """What waits for Enter, whether it would trade at once, the `exits` that come along, and the first objection, in at
    most `lines` lines."""
    price = price_text(instrument, staged.price)
    if isinstance(staged, Moved):
        count = f"{len(staged.orders)} orders " if len(staged.orders) > 1 else ""
        moved = f"{staged.ticks:+d} tick{'' if abs(staged.ticks) == 1 else 's'}" if staged.ticks else "not moved"
        what = f"Move {staged.side} {plain_text(staged.quantity)} to {price}"
        return _wrapped(what, f"{count}{moved} ⏎ amend Esc leave", "own", width, lines)
    opposite = book.best_ask if staged.side is Side.BUY else book.best_bid
    crosses = opposite is not None and (staged.price - opposite) * staged.side.sign >= 0
    what = f"{staged.side.capitalize()} {plain_text(staged.quantity)} @ {price}{' takes' if crosses else ''}"
    objection = None
    value = ""
    if preview is not None:
        objection = next((sentence(verdict.sentence) for verdict in preview.verdicts if not verdict.ok), None)
        if preview.value is not None:
            value = f"{money_text(preview.value)} {instrument.settlement} "
    if objection is not None:
        return _wrapped(what, objection, "error", width, lines)
    return _wrapped(what, f"{exits + ' ' if exits else ''}{value}⏎ send Esc drop", "own", width, lines)


def _wrapped(first: str, rest: str, ink: str, width: int, lines: int) -> list[Parts]:
    wrapped = textwrap.wrap(rest, max(8, width - 1)) or [""]
    if len(wrapped) + 1 > lines and ink == "error":  # the objection matters most: the order stands in its row
        shown = wrapped[:lines]
    else:
        shown = [first, *wrapped][:lines]
    return [((f" {line}", "own" if line is first else ink if ink == "error" else "text"),) for line in shown]


def message_lines(text: str, bad: bool, width: int, lines: int) -> list[Parts]:
    """What came of the last command, in at most `lines` lines."""
    wrapped = textwrap.wrap(text, max(8, width - 1), max_lines=lines, placeholder=" …")
    return [((f" {line}", "error" if bad else "text"),) for line in wrapped]
