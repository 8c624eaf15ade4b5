"""Pages as data: which pane stands where at which size of the terminal, and the arithmetic that places them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
from textual.geometry import Region


class Tabs(msgspec.Struct, frozen=True):
    """Slots that share one place; one of them shows. A single slot is a Tabs of one."""

    slots: tuple[str, ...]


class Split(msgspec.Struct, frozen=True):
    """Parts side by side (`across`) or one above the other. A part's size is cells (30) or a share ("2fr")."""

    across: bool
    parts: tuple[tuple[int | str, Node], ...]


type Node = Tabs | Split


class Page(msgspec.Struct, frozen=True):
    """A page's layouts, the roomiest first, each with the least width and height that it needs. `origin` is the
    built-in page that it was made from, "" if the trader made it. Without the pane that it `needs` a built-in page is
    not there."""

    title: str
    variants: tuple[tuple[int, int, Node], ...]
    origin: str = ""
    needs: str = ""

    def fitting(self, width: int, height: int) -> Node:
        """The roomiest layout that fits; the last one fits always."""
        for least_width, least_height, node in self.variants:
            if width >= least_width and height >= least_height:
                return node
        return self.variants[-1][2]


class Place(msgspec.Struct, frozen=True):
    """Where a Tabs stands: its title row and the pane below it."""

    tabs: Tabs
    title: Region
    body: Region


def tabs(*slots: str) -> Tabs:
    return Tabs(slots)


def row(*parts: tuple[int | str, Node]) -> Split:
    return Split(True, parts)


def column(*parts: tuple[int | str, Node]) -> Split:
    return Split(False, parts)


def pane_of(slot: str) -> str:
    """The pane's name in a slot's: "books:2" → "books"."""
    return slot.partition(":")[0]


def slots_of(node: Node) -> Iterator[str]:
    """All slots of a layout, in reading order."""
    if isinstance(node, Tabs):
        yield from node.slots
    else:
        for _, part in node.parts:
            yield from slots_of(part)


def without(node: Node, gone: Callable[[str], bool]) -> Node | None:
    """The layout without some slots; None if nothing is left."""
    if isinstance(node, Tabs):
        slots = tuple(slot for slot in node.slots if not gone(slot))
        return Tabs(slots) if slots else None
    parts = tuple((size, kept) for size, part in node.parts if (kept := without(part, gone)) is not None)
    if len(parts) == 1:
        return parts[0][1]
    if parts and not any(isinstance(size, str) for size, _ in parts):
        parts = (*parts[:-1], ("1fr", parts[-1][1]))
    return Split(node.across, parts) if parts else None


def only(node: Node, panes: frozenset[str]) -> Node | None:
    """The layout without the panes that are not installed; None if nothing is left."""
    return without(node, lambda slot: pane_of(slot) not in panes)


def place(node: Node, region: Region) -> list[Place]:
    """The places of a layout in `region`. Between parts that stand side by side one column is left for the rule."""
    if isinstance(node, Tabs):
        x, y, width, height = region
        return [Place(node, Region(x, y, width, min(1, height)), Region(x, y + 1, width, max(0, height - 1)))]
    sizes = divide(
        [size for size, _ in node.parts],
        region.width - (len(node.parts) - 1) if node.across else region.height,
    )
    places: list[Place] = []
    x, y = region.x, region.y
    for (_, part), size in zip(node.parts, sizes, strict=True):
        if node.across:
            places.extend(place(part, Region(x, y, size, region.height)))
            x += size + 1
        else:
            places.extend(place(part, Region(x, y, region.width, size)))
            y += size
    return places


def divide(sizes: Sequence[int | str], total: int) -> list[int]:
    """Whole cells for each size: fixed ones first, the rest by share; nothing is lost to rounding."""
    fixed = sum(size for size in sizes if isinstance(size, int))
    shares = [0.0 if isinstance(size, int) else float(size.removesuffix("fr")) for size in sizes]
    rest, weight = max(0, total - fixed), sum(shares)
    result: list[int] = []
    given = passed = 0.0
    for size, share in zip(sizes, shares, strict=True):
        if isinstance(size, int):
            result.append(size)
        else:
            passed += share
            upto = round(rest * passed / weight)
            result.append(int(upto - given))
            given = upto
    return result


_MARKET = ("chart", "watchlist", "tape")
_BLOTTER = ("orders", "positions", "log")

TRADE = Page(
    "Trade",
    (
        (
            140,
            38,
            column(
                (
                    "1fr",
                    row(
                        (37, column((11, tabs("watchlist")), ("1fr", tabs("tape")))),
                        ("1fr", tabs("chart")),
                        (32, tabs("books")),
                        (32, tabs("books:2")),
                    ),
                ),
                (
                    15,
                    row(
                        (37, tabs("ticket")),
                        ("1fr", tabs("orders")),
                        ("1fr", tabs("positions", "log")),
                    ),
                ),
            ),
        ),
        (
            76,
            20,
            row(
                ("1fr", column(("11fr", tabs(*_MARKET)), ("9fr", tabs(*_BLOTTER)))),
                (33, tabs("books", "ticket")),
            ),
        ),
        (0, 0, tabs("books", "ticket", *_MARKET, *_BLOTTER)),
    ),
)
BOOKS = Page(
    "Books",
    (
        (
            132,
            24,
            row(
                ("1fr", tabs("books:3")),
                ("1fr", tabs("books:4")),
                ("1fr", tabs("books:5")),
                ("1fr", tabs("books:6")),
            ),
        ),
        (99, 16, row(("1fr", tabs("books:3")), ("1fr", tabs("books:4")), ("1fr", tabs("books:5", "books:6")))),
        (64, 16, row(("1fr", tabs("books:3", "books:5")), ("1fr", tabs("books:4", "books:6")))),
        (0, 0, tabs("books:3", "books:4", "books:5", "books:6")),
    ),
)
CHART = Page(
    "Chart",
    (
        (140, 30, row(("1fr", tabs("chart:2")), (32, column(("3fr", tabs("books:7")), ("2fr", tabs("tape:2")))))),
        (0, 0, tabs("chart:2", "tape:2")),
    ),
)
BLOTTER = Page(
    "Blotter",
    (
        (
            140,
            30,
            column(
                ("3fr", tabs("orders:2")),
                ("2fr", tabs("positions:2")),
                ("2fr", tabs("log:2", "alerts", "opportunities", "connections")),
            ),
        ),
        (
            0,
            16,
            column(
                ("3fr", tabs("orders:2")),
                ("2fr", tabs("positions:2", "log:2", "alerts", "opportunities", "connections")),
            ),
        ),
        (0, 0, tabs("orders:2", "positions:2", "log:2", "alerts", "opportunities", "connections")),
    ),
)
RISK = Page(
    "Risk",
    (
        (200, 30, row(("1fr", tabs("risk")), (98, column(("1fr", tabs("var")), ("1fr", tabs("account")))))),
        (158, 24, row(("1fr", tabs("risk", "account")), (59, tabs("var")))),
        (0, 0, tabs("risk", "var", "account")),
    ),
)
JOURNAL = Page(
    "Journal",
    (
        (
            140,
            30,
            column(
                ("3fr", tabs("journal", "trades")),
                ("2fr", row(("1fr", tabs("orders:3")), ("1fr", tabs("positions:3")))),
            ),
        ),
        (0, 20, column(("3fr", tabs("journal", "trades")), ("2fr", tabs("orders:3", "positions:3")))),
        (0, 0, tabs("journal", "trades", "orders:3", "positions:3")),
    ),
    needs="journal",
)
BACKTEST = Page("Backtest", ((0, 0, tabs("backtest")),), needs="backtest")
STRATEGIES = Page("Strategies", ((0, 0, tabs("strategies")),), needs="strategies")
PORTFOLIO = Page("Portfolio", ((0, 0, tabs("portfolio")),), needs="portfolio")
#: Slots that start with an instrument of their own: which of the desk's, counted from 0.
PINNED = {"books:2": 1, "books:3": 0, "books:4": 1, "books:5": 2, "books:6": 3}

PAGES = (TRADE, BOOKS, CHART, BLOTTER, RISK, JOURNAL, BACKTEST, STRATEGIES, PORTFOLIO)


def pages_for(panes: frozenset[str], pages: Sequence[Page] = PAGES) -> list[Page]:
    """The pages that have panes, without those that are missing; panes that stand on no page share a last one."""
    result: list[Page] = []
    for page in pages:
        kept = tuple(
            (width, height, node) for width, height, full in page.variants if (node := only(full, panes)) is not None
        )
        if kept and (not page.needs or page.needs in panes):
            result.append(Page(page.title, kept, page.title))
    placed = {pane_of(slot) for page in result for *_, node in page.variants for slot in slots_of(node)}
    if others := sorted(panes - placed):
        result.append(Page("More", ((0, 0, Tabs(tuple(others))),), "More"))
    return result
