"""What of ours stands in the chart: working orders, fills, the position's average price, the staged order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from plugins.chart.canvas import Canvas, Paint
from plugins.chart.plot import Plot
from plugins.chart.scale import PriceScale
from plugins.chart.timeline import slot_at
from screens.figures import plain_text, shown
from screens.own_orders import is_stop, order_price, order_ticks, sum_of
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, Side
from workstation.domain.position import Position
from workstation.domain.prices import average_words, price_words
from workstation.trading.plans.rows import is_kept


@dataclass(frozen=True, slots=True)
class Staged:
    """A limit order that waits in the chart for Enter; its price in ticks."""

    side: Side
    ticks: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """An amendment that waits in the chart for Enter: working orders of one side at one price, and where they go."""

    side: Side
    orders: tuple[str, ...]
    start: int  # ticks where they stand
    ticks: int  # and where they shall stand
    quantity: Decimal
    stop: bool  # they wait for their trigger, and it is what moves


def movable(orders: Iterable[Order], instrument: Instrument) -> list[Moved]:
    """What can be picked up to be moved, the highest price first: one for all orders of one side and kind at one
    price, exits that the desk keeps among them."""
    grouped: dict[tuple[int, Side, bool], list[Order]] = {}
    for order in orders:
        ticks = order_ticks(order, instrument)
        if ticks is not None:
            grouped.setdefault((ticks, order.side, is_stop(order)), []).append(order)
    found = []
    for (ticks, side, stop), some in sorted(grouped.items(), key=lambda one: (-one[0][0], one[0][1], one[0][2])):
        names = tuple(order.client_id for order in some)
        found.append(Moved(side, names, ticks, ticks, sum_of(order.leaves for order in some), stop))
    return found


@dataclass(frozen=True, slots=True)
class Level:
    """A price that is drawn as a line over the chart, with a label at its left end and its price on the axis."""

    price: Decimal
    label: str
    short: str
    line: Paint
    paint: Paint
    char: str


def order_levels(orders: Iterable[Order], instrument: Instrument) -> list[Level]:
    """One line for all orders of one side and kind at one price."""
    grouped: dict[tuple[Decimal, Side, bool, bool], list[Order]] = {}
    for order in orders:
        price = order_price(order)
        if price is not None:
            stop = is_stop(order)
            grouped.setdefault((price, order.side, stop, is_kept(order)), []).append(order)
    levels = []
    for (price, side, stop, kept), some in grouped.items():
        quantity = sum_of(order.leaves for order in some)
        at = _at(price_words(price, instrument))
        kind = " stop" if stop else ""
        by_desk = " kept" if kept else ""
        count = f" ({len(some)} orders)" if len(some) > 1 else ""
        name = side.capitalize()
        buy = side is Side.BUY
        levels.append(
            Level(
                price,
                f" {name}{kind} {plain_text(quantity)} @ {at}{count}{by_desk} ",
                f" {name[0]}{' stp' if stop else ''} {plain_text(quantity)}{by_desk} ",
                Paint.BUY_LINE if buy else Paint.SELL_LINE,
                Paint.BUY_LABEL if buy else Paint.SELL_LABEL,
                "┈" if kept else "╌" if stop else "─",
            )
        )
    return levels


def position_level(position: Position, instrument: Instrument) -> Level | None:
    """The average price of what is open."""
    average = position.average_price(instrument)
    if average is None:
        return None
    side = "Long" if position.quantity > 0 else "Short"
    quantity = plain_text(position.quantity.copy_abs())
    price = _at(average_words(average, instrument))
    return Level(
        average, f" {side} {quantity} @ {price} ", f" {side[0]} {quantity} ", Paint.OWN_LINE, Paint.OWN_LABEL, "╌"
    )


def _at(words: str) -> str:
    """A price as it stands in a label: without thousands separators."""
    return shown(words.replace(",", ""))


def staged_level(staged: Staged | Moved, instrument: Instrument) -> Level:
    buy = staged.side is Side.BUY
    price = instrument.price(staged.ticks)
    name = staged.side.capitalize()
    if isinstance(staged, Moved):
        name = f"Move {staged.side}{' stop' if staged.stop else ''}"
    label = f" {name} {plain_text(staged.quantity)} ⏎ "
    return Level(price, label, label, Paint.BUY_LINE if buy else Paint.SELL_LINE, Paint.STAGED_LABEL, "━")


def draw_fills(canvas: Canvas, fills: Iterable[Fill], plot: Plot, scale: PriceScale, middle: int) -> None:
    """▲ where we bought and ▼ where we sold, ◆ where both fall into one cell; `middle` of a bar is its column."""
    marks: dict[tuple[int, int], set[Side]] = {}
    for fill in fills:
        index = slot_at(plot.slots, fill.ts)
        row = scale.row(float(fill.price))
        if index is not None and 0 <= row < scale.rows and fill.ts < plot.until:
            marks.setdefault((plot.x + index * plot.step + middle, plot.top + row), set()).add(fill.side)
    for (column, y), sides in marks.items():
        if len(sides) == 2:
            canvas.set(column, y, "◆", Paint.OWN_LABEL)
        elif Side.BUY in sides:
            canvas.set(column, y, "▲", Paint.BUY_FILL)
        else:
            canvas.set(column, y, "▼", Paint.SELL_FILL)
