"""Changing a page's layout and making it fit: pure functions on the trees of `screens.layout`.

A layout that is too large for the terminal gives way by itself: sizes are squeezed down to what the panes need, then
panes that stood side by side share a place as tabs. The tree itself stays as the trader made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from textual.geometry import Region, Size

from screens.layout import Node, Page, Place, Split, Tabs, divide, slots_of, without

#: Least cells of a slot's pane without its title row: (width, height).
type Least = Callable[[str], tuple[int, int]]
type Direction = Literal["left", "right", "up", "down"]

_OPPOSITE: dict[Direction, Direction] = {"left": "right", "right": "left", "up": "down", "down": "up"}


class Gap(msgspec.Struct, frozen=True):
    """The border between two parts of a split: where the mouse can take it, and a slot at either side of it.

    `cells` are the sizes of the two parts, `least` what they must keep; `all_cells` those of all parts of the split.
    """

    region: Region
    across: bool
    before: str
    after: str
    cells: tuple[int, int]
    least: tuple[int, int]
    all_cells: tuple[int, ...]


# -- making it fit


def fitted(node: Node, width: int, height: int, least: Least) -> Node:
    """The layout as it can be shown in so many cells."""
    if isinstance(node, Tabs):
        return node
    parts = list(node.parts)
    axis = 0 if node.across else 1

    def room() -> int:
        return width - (len(parts) - 1) if node.across else height

    while len(parts) > 1 and sum(_core(part, least)[axis] for _, part in parts) > room():
        (size, first), (other, second) = parts[-2:]
        both = Tabs((*slots_of(first), *slots_of(second)))
        wider = max(size, other) if isinstance(size, int) and isinstance(other, int) else "1fr"
        parts[-2:] = [(wider, both)]
    if len(parts) == 1:
        return fitted(parts[0][1], width, height, least)
    sizes = divide([size for size, _ in parts], room())
    floors = [_extent(part, least)[axis] for _, part in parts]
    if sum(floors) > room():
        floors = [_core(part, least)[axis] for _, part in parts]
    cells = _squeezed(sizes, floors, room())
    kept = [size for size, _ in parts] if cells == sizes else cells
    return Split(
        node.across,
        tuple(
            (size, fitted(part, *((cell, height) if node.across else (width, cell)), least))
            for size, cell, (_, part) in zip(kept, cells, parts, strict=True)
        ),
    )


def _core(node: Node, least: Least) -> tuple[int, int]:
    """What a layout needs with all its panes in one place."""
    needs = [least(slot) for slot in slots_of(node)]
    return max(width for width, _ in needs), max(height for _, height in needs) + 1


def _extent(node: Node, least: Least) -> tuple[int, int]:
    """What a layout needs with its panes where they stand."""
    if isinstance(node, Tabs):
        return _core(node, least)
    needs = [_extent(part, least) for _, part in node.parts]
    widths, heights = [width for width, _ in needs], [height for _, height in needs]
    if node.across:
        return sum(widths) + len(widths) - 1, max(heights)
    return max(widths), sum(heights)


def _squeezed(sizes: Sequence[int], floors: Sequence[int], total: int) -> list[int]:
    """The sizes, none below its floor; what that takes comes from those that have most to spare."""
    result = [max(size, floor) for size, floor in zip(sizes, floors, strict=True)]
    while sum(result) > total:
        spare = [size - floor for size, floor in zip(result, floors, strict=True)]
        result[spare.index(max(spare))] -= 1
    return result


def gaps(node: Node, region: Region, least: Least) -> list[Gap]:
    """The borders of a fitted layout: the rules between columns, the title rows between panes one above the other."""
    if isinstance(node, Tabs):
        return []
    total = region.width - (len(node.parts) - 1) if node.across else region.height
    sizes = divide([size for size, _ in node.parts], total)
    found: list[Gap] = []
    x, y = region.x, region.y
    for index, ((_, part), size) in enumerate(zip(node.parts, sizes, strict=True)):
        own = Region(x, y, size, region.height) if node.across else Region(x, y, region.width, size)
        found += gaps(part, own, least)
        if node.across:
            x += size + 1
        else:
            y += size
        if index + 1 < len(sizes):
            after = node.parts[index + 1][1]
            needs = (_extent(part, least), _extent(after, least))
            axis = 0 if node.across else 1
            found.append(
                Gap(
                    Region(x - 1, y, 1, region.height) if node.across else Region(x, y, region.width, 1),
                    node.across,
                    list(slots_of(part))[-1],
                    next(slots_of(after)),
                    (size, sizes[index + 1]),
                    (needs[0][axis], needs[1][axis]),
                    tuple(sizes),
                )
            )
    return found


# -- changing it


def split(node: Node, at: str, new: str, across: bool) -> Node:
    """A new slot beside (`across`) or below the place of the slot `at`, which gives it half of its room."""
    if isinstance(node, Tabs):
        return Split(across, (("1fr", node), ("1fr", Tabs((new,))))) if at in node.slots else node
    parts: list[tuple[int | str, Node]] = []
    for size, part in node.parts:
        if isinstance(part, Tabs) and at in part.slots and node.across == across:
            half, rest = _halves(size)
            parts += [(half, part), (rest, Tabs((new,)))]
        else:
            parts.append((size, split(part, at, new, across)))
    return Split(node.across, tuple(parts))


def _halves(size: int | str) -> tuple[int | str, int | str]:
    if isinstance(size, int):
        return (size + 1) // 2, max(1, size // 2)
    share = float(size.removesuffix("fr")) / 2
    return f"{share:g}fr", f"{share:g}fr"


def renamed(node: Node, names: dict[str, str]) -> Node:
    """The layout with other slots in the places of some."""
    if isinstance(node, Tabs):
        return Tabs(tuple(names.get(slot, slot) for slot in node.slots))
    return Split(node.across, tuple((size, renamed(part, names)) for size, part in node.parts))


def swapped(node: Node, one: str, other: str) -> Node:
    """The layout with two slots in each other's places."""
    return renamed(node, {one: other, other: one})


def joined(node: Node, at: str, slot: str) -> Node:
    """The layout with `slot` as a tab after the slot `at`, wherever it stood before."""
    rest = without(node, lambda one: one == slot)
    assert rest is not None
    return tabbed(rest, at, slot)


def tabbed(node: Node, at: str, slot: str) -> Node:
    """The layout with a new slot as a tab after the slot `at`."""
    if isinstance(node, Tabs):
        if at not in node.slots:
            return node
        index = node.slots.index(at) + 1
        return Tabs((*node.slots[:index], slot, *node.slots[index:]))
    return Split(node.across, tuple((size, tabbed(part, at, slot)) for size, part in node.parts))


def at_edge(node: Node, slot: str, direction: Direction) -> Node:
    """The layout with a slot along a whole edge of the page."""
    rest = without(node, lambda one: one == slot)
    if rest is None:
        return node
    across = direction in ("left", "right")
    edge: tuple[int | str, Node] = ("1fr", Tabs((slot,)))
    if isinstance(rest, Split) and rest.across == across:
        shares = [size for size, _ in rest.parts]
        weight = sum(float(size.removesuffix("fr")) for size in shares if isinstance(size, str))
        edge = (f"{weight / max(1, len([one for one in shares if isinstance(one, str)])):g}fr", edge[1])
        return Split(across, (edge, *rest.parts) if direction in ("left", "up") else (*rest.parts, edge))
    parts = (edge, ("2fr", rest)) if direction in ("left", "up") else (("2fr", rest), edge)
    return Split(across, parts)


def resized(node: Node, gap: Gap, by: int) -> Node:
    """The layout with a border moved by so many cells; the shares of a page stay shares, now of what is shown."""
    least = [min(need, now) for need, now in zip(gap.least, gap.cells, strict=True)]
    by = max(least[0] - gap.cells[0], min(by, gap.cells[1] - least[1]))
    return _resized(node, gap, by) if by else node


def _resized(node: Node, gap: Gap, by: int) -> Node:
    if isinstance(node, Tabs):
        return node
    parts = list(node.parts)
    for index, (size, part) in enumerate(parts):
        slots = set(slots_of(part))
        if gap.before in slots and gap.after in slots:
            parts[index] = (size, _resized(part, gap, by))
        elif gap.before in slots and index + 1 < len(parts) and gap.after in slots_of(parts[index + 1][1]):
            sizes = [size for size, _ in parts]
            if len(gap.all_cells) == len(parts):  # as shown: what was squeezed is now meant
                sizes = [
                    cells if isinstance(size, int) else f"{cells}fr"
                    for size, cells in zip(sizes, gap.all_cells, strict=True)
                ]
            sizes[index : index + 2] = _moved(sizes[index], sizes[index + 1], gap.cells, by)
            return Split(node.across, tuple((one, kept) for one, (_, kept) in zip(sizes, parts, strict=True)))
    return Split(node.across, tuple(parts))


def _moved(size: int | str, other: int | str, cells: tuple[int, int], by: int) -> list[int | str]:
    """The sizes of two parts after their border has moved."""
    first, second = cells[0] + by, cells[1] - by
    if isinstance(size, str) and isinstance(other, str):
        weight = float(size.removesuffix("fr")) + float(other.removesuffix("fr"))
        share = weight * first / max(1, first + second)
        return [f"{share:.6g}fr", f"{weight - share:.6g}fr"]
    return [first if isinstance(size, int) else size, second if isinstance(other, int) else other]


def evened(node: Node) -> Node:
    """The layout with parts of one size in every split."""
    if isinstance(node, Tabs):
        return node
    return Split(node.across, tuple(("1fr", evened(part)) for _, part in node.parts))


def edited(page: Page, size: Size, node: Node) -> Page:
    """The page with another layout at this size and below. Roomier ones keep their shape and get the same panes."""
    slots = tuple(slots_of(node))
    now = page.fitting(size.width, size.height)
    roomier = []
    for least_width, least_height, other in page.variants:
        if other is now:
            break
        roomier.append((least_width, least_height, _with_slots(other, slots)))
    return Page(page.title, (*roomier, (0, 0, node)), page.origin)


def _with_slots(node: Node, slots: Sequence[str]) -> Node:
    """The layout with exactly these slots: those that it lacks become tabs beside their neighbours."""
    kept = without(node, lambda slot: slot not in slots)
    if kept is None:
        return Tabs(tuple(slots))
    known = set(slots_of(kept))
    for index, slot in enumerate(slots):
        if slot not in known:
            before = [one for one in slots[:index] if one in known]
            at = before[-1] if before else next(one for one in slots if one in known)
            kept = tabbed(kept, at, slot)
            known.add(slot)
    return kept


# -- finding one's way


def neighbour(places: Iterable[Place], at: Place, direction: Direction) -> Place | None:
    """The nearest place in a direction; of several the one that faces `at` most."""
    own = _whole(at)
    best: tuple[int, int] | None = None
    found = None
    for other in places:
        if other is at or other == at:
            continue
        region = _whole(other)
        if direction in ("left", "right"):
            distance = own.x - region.right if direction == "left" else region.x - own.right
            shared = min(own.bottom, region.bottom) - max(own.y, region.y)
        else:
            distance = own.y - region.bottom if direction == "up" else region.y - own.bottom
            shared = min(own.right, region.right) - max(own.x, region.x)
        if distance < 0 or shared <= 0:
            continue
        rank = (-distance, shared)
        if best is None or rank > best:
            best, found = rank, other
    return found


def gap_at(found: Sequence[Gap], place: Place, direction: Direction) -> Gap | None:
    """The border at a side of a place; if that is the page's edge, the one at the other side."""
    across = direction in ("left", "right")
    for side in (direction, _OPPOSITE[direction]):
        for gap in found:
            if gap.across == across and _touches(gap.region, _whole(place), side):
                return gap
    return None


def _touches(gap: Region, place: Region, side: Direction) -> bool:
    match side:
        case "left":
            return gap.x == place.x - 1 and gap.y <= place.y < gap.bottom
        case "right":
            return gap.x == place.right and gap.y <= place.y < gap.bottom
        case "up":
            return gap.y == place.y and gap.x <= place.x < gap.right
        case "down":
            return gap.y == place.bottom and gap.x <= place.x < gap.right


def _whole(place: Place) -> Region:
    return place.title.union(place.body)
