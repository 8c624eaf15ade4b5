"""The frontier in the plane of risk and return: the curve in braille, assets, what is held, the best ratio with the
capital market line through it, the least risk, and the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.style import Style

from screens.parts import DOTS, Grid, Line, number
from screens.theme import Ink

if TYPE_CHECKING:
    from workstation.portfolio.frontier import Frontier

#: Columns of the axis at the left.
AXIS = 7
ASSET, HELD, BEST, LEAST, CURSOR, METHOD = "•", "✚", "★", "▼", "◉", "◆"


@dataclass(frozen=True, slots=True)
class Mark:
    risk: float
    expected: float


class _Plane:
    """From figures of a year to dots and cells."""

    def __init__(self, xs: list[float], ys: list[float], width: int, height: int) -> None:
        low, high = min(xs), max(xs)
        wide = max(high - low, abs(high) * 0.05, 1e-9)
        self.x0, self.x1 = max(0.0, low - 0.08 * wide), high + 0.06 * wide
        low, high = min(ys), max(ys)
        tall = max(high - low, abs(high) * 0.05, 1e-9)
        self.y0, self.y1 = low - 0.07 * tall, high + 0.09 * tall
        self.width, self.height = width, height

    def dot(self, x: float, y: float) -> tuple[int, int]:
        across = (x - self.x0) / (self.x1 - self.x0) * (2 * self.width - 1)
        down = (self.y1 - y) / (self.y1 - self.y0) * (4 * self.height - 1)
        return round(across), round(down)

    def cell(self, x: float, y: float) -> tuple[int, int]:
        across, down = self.dot(x, y)
        return across // 2, down // 4


def plot(
    frontier: Frontier,
    scale: tuple[float, float],
    chosen: Mark | None,
    method: Mark | None,
    width: int,
    height: int,
    ink: Ink,
    *,
    held: Mark | None = None,
) -> list[Line]:
    """`scale`: what figures of one period are multiplied by to be shown, (risk, return). `chosen` is the portfolio
    under the cursor, `method` that of the chosen method, `held` what is held now; figures of one period."""
    room, deep = width - AXIS, height - 2
    if room < 20 or deep < 5:
        return []
    rx, ry = scale
    risks = [float(one) * rx for one in frontier.risks]
    returns = [float(one) * ry for one in frontier.returns]
    points = [(float(x) * rx, float(y) * ry) for x, y in zip(frontier.asset_risks, frontier.asset_returns, strict=True)]
    xs, ys = risks + [x for x, _ in points], returns + [y for _, y in points]
    for mark in (chosen, method, held):
        if mark is not None:
            xs.append(mark.risk * rx)
            ys.append(mark.expected * ry)
    plane = _Plane(xs, ys, room, deep)
    grid = Grid(room, deep, ink.text)
    ticks = list(_ticks(plane.y0, plane.y1, max(2, deep // 4)))
    for tick in ticks:
        y = plane.cell(plane.x0, tick)[1]
        for x in range(0, room, 2):
            grid.set(x, y, "·", ink.line)
    if frontier.best is not None:
        _market_line(grid, plane, frontier, rx, ry, ink)
    _curve(grid, plane, risks, returns, ink.accent)
    taken: set[tuple[int, int]] = set()
    _marks(grid, plane, frontier, chosen, method, held, rx, ry, ink, taken)
    order = sorted(range(len(points)), key=lambda i: -points[i][1])
    for i in order:
        x, y = plane.cell(*points[i])
        if (x, y) not in taken:
            grid.set(x, y, ASSET, ink.text)
            taken.add((x, y))
    for i in order:
        _label(grid, plane.cell(*points[i]), _short(frontier.assets[i]), ink.dim, taken)
    labels = {
        plane.cell(plane.x0, tick)[1]: number(100 * tick, ".0f" if abs(tick) >= 0.095 else ".1f", "%") for tick in ticks
    }
    lines: list[Line] = [((f"{labels.get(y, ''):>{AXIS - 1}} ", ink.dim), *row) for y, row in enumerate(grid.lines())]
    lines.append(_axis(plane, room, ink))
    lines.append(_legend(width, ink, frontier, held is not None))
    return lines


def _short(asset: str) -> str:
    return asset.removesuffix("-USDT").removesuffix("USDT") or asset


def _ticks(low: float, high: float, count: int) -> Iterator[float]:
    """Round numbers between two figures."""
    span = (high - low) / max(1, count)
    size = 10.0 ** _floor_log(span)
    step = next(each * size for each in (1, 2, 5, 10) if each * size >= span)
    tick = step * -(-low // step)
    while tick <= high:
        yield tick if abs(tick) > step * 1e-6 else 0.0
        tick += step


def _floor_log(value: float) -> int:
    import math

    return math.floor(math.log10(value)) if value > 0 else 0


def _curve(grid: Grid, plane: _Plane, risks: list[float], returns: list[float], style: Style) -> None:
    codes: dict[tuple[int, int], int] = {}
    before: tuple[int, int] | None = None
    for x, y in zip(risks, returns, strict=True):
        here = plane.dot(x, y)
        for across, down in _between(before or here, here):
            codes[across // 2, down // 4] = codes.get((across // 2, down // 4), 0) | DOTS[down % 4][across % 2]
        before = here
    for (x_cell, y_cell), code in codes.items():
        grid.set(x_cell, y_cell, chr(0x2800 + code), style)


def _between(a: tuple[int, int], b: tuple[int, int]) -> Iterator[tuple[int, int]]:
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    for step in range(steps + 1):
        yield round(a[0] + (b[0] - a[0]) * step / steps), round(a[1] + (b[1] - a[1]) * step / steps)


def _market_line(grid: Grid, plane: _Plane, frontier: Frontier, rx: float, ry: float, ink: Ink) -> None:
    """From the risk-free rate through the portfolio of the best ratio, dashed."""
    assert frontier.best is not None
    rf = frontier.problem.rf * ry
    x1, y1 = frontier.best.risk * rx, frontier.best.expected_return * ry
    if x1 <= 0:
        return
    slope = (y1 - rf) / x1
    codes: dict[tuple[int, int], int] = {}
    for across in range(2 * plane.width):
        x = plane.x0 + (plane.x1 - plane.x0) * across / (2 * plane.width - 1)
        down = plane.dot(x, rf + slope * x)[1]
        if 0 <= down < 4 * plane.height and across % 4 < 2:
            codes[across // 2, down // 4] = codes.get((across // 2, down // 4), 0) | DOTS[down % 4][across % 2]
    for (x_cell, y_cell), code in codes.items():
        grid.set(x_cell, y_cell, chr(0x2800 + code), ink.faded("own", 0.7))


def _marks(
    grid: Grid, plane: _Plane, frontier: Frontier, chosen: Mark | None, method: Mark | None, held: Mark | None,
    rx: float, ry: float, ink: Ink, taken: set[tuple[int, int]],
) -> None:  # fmt: skip
    bold = Style(bold=True)
    least = frontier.least
    marks = [(LEAST, least.risk, least.expected_return, ink.bid + bold)]
    if frontier.best is not None:
        marks.append((BEST, frontier.best.risk, frontier.best.expected_return, ink.own + bold))
    if held is not None:
        marks.append((HELD, held.risk, held.expected, ink.ask + bold))
    if method is not None:
        marks.append((METHOD, method.risk, method.expected, ink.warning + bold))
    if chosen is not None:
        marks.append((CURSOR, chosen.risk, chosen.expected, ink.strong))
    for char, x, y, style in marks:
        cell = plane.cell(x * rx, y * ry)
        grid.set(*cell, char, style)
        taken.add(cell)


def _label(grid: Grid, cell: tuple[int, int], text: str, style: Style, taken: set[tuple[int, int]]) -> None:
    """A name beside its point, where there is room at the right or at the left."""
    x, y = cell
    for start in (x + 2, x - 1 - len(text)):
        cells = {(start + offset, y) for offset in range(len(text))}
        around = cells | {(start - 1, y), (start + len(text), y)}
        if start >= 0 and start + len(text) <= grid.width and not (around - {cell}) & taken and _free(grid, cells):
            for offset, char in enumerate(text):
                grid.set(start + offset, y, char, style)
            taken |= cells
            return


def _free(grid: Grid, cells: set[tuple[int, int]]) -> bool:
    return all(0 <= y < grid.height and grid.cells[y][x][0] in " ·" for x, y in cells)


def _axis(plane: _Plane, room: int, ink: Ink) -> Line:
    text = [" "] * (AXIS + room)
    for tick in _ticks(plane.x0, plane.x1, max(3, room // 9)):
        label = number(100 * tick, ".0f" if tick >= 0.095 else ".1f", "%")
        at = AXIS + plane.cell(tick, plane.y0)[0] - len(label) // 2
        if at >= AXIS and at + len(label) <= len(text) and not "".join(text[at - 1 : at + len(label) + 1]).strip():
            text[at : at + len(label)] = label
    return (("".join(text), ink.dim),)


def _legend(width: int, ink: Ink, frontier: Frontier, held: bool) -> Line:
    parts = [
        (CURSOR, "chosen", ink.strong), (METHOD, "method", ink.warning), (BEST, "best ratio", ink.own),
        (LEAST, "least risk", ink.bid), (HELD, "held now", ink.ask), ("⠒", "market", ink.own),
    ]  # fmt: skip
    shown = [
        (char, name, style)
        for char, name, style in parts
        if not (char == HELD and not held) and not (char in (BEST, "⠒") and frontier.best is None)
    ]
    margin = AXIS
    if sum(len(name) + 4 for _, name, _ in shown) > width - margin:
        shown = [(char, name.split()[0], style) for char, name, style in shown]
        margin = AXIS if sum(len(name) + 4 for _, name, _ in shown) <= width - AXIS else 1
    found: list[tuple[str, Style]] = [(" " * margin, ink.dim)]
    room = width - margin
    for char, name, style in shown:
        need = len(name) + 4
        if need > room:
            break
        found += [(char, style), (f" {name}  ", ink.dim)]
        room -= need
    found.append((" " * room, ink.dim))
    return tuple(found)
