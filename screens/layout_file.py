"""A layout as data: what the desk remembers, and the file that traders share. Nothing in it can stop the desk.

    {"tws": "layout", "version": 1, "name": "scalping", "page": 0,
     "pages": [{"title": "Trade", "built_in": "Trade",
                "layouts": [{"width": 0, "height": 0,
                             "panes": {"row": [["1fr", ["chart", "tape"]], [32, ["books"]]]}}]}],
     "settings": {"books": {"link": "A"}}, "links": {"A": "NOVA:BTC-USDT"}}

`panes` is a list of slots that share a place as tabs, or a `row` or `column` of [size, panes]: a size is cells (32) or
a share ("1fr"). `width` and `height` are the least room of a page's layout, the roomiest first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from screens.layout import Node, Page, Split, Tabs, pane_of, slots_of, without
from workstation.whole_file import in_place_of

_SLOT = re.compile(r"[a-z][a-z0-9_]{0,39}(:[1-9][0-9]{0,3})?\Z")
_SHARE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?fr\Z")
_DEEPEST = 12
_MOST_PAGES = 30
_MOST_BYTES = 1_000_000
TITLE_LENGTH = 16


class LayoutError(Exception):
    """A layout cannot be used; the text is a sentence for the trader."""


class SavedLayout(msgspec.Struct, frozen=True):
    """Pages, which of them shows, and what their panes remember. `problems` are sentences on what was left out."""

    pages: tuple[Page, ...]
    page: int = 0
    name: str = ""
    settings: Mapping[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    links: Mapping[str, str] = msgspec.field(default_factory=dict)
    problems: tuple[str, ...] = ()


def as_data(layout: SavedLayout) -> dict[str, Any]:
    """The layout as JSON values."""
    return {
        "tws": "layout",
        "version": 1,
        "name": layout.name,
        "page": layout.page,
        "pages": [_page_data(page) for page in layout.pages],
        "settings": dict(layout.settings),
        "links": dict(layout.links),
    }


def _page_data(page: Page) -> dict[str, Any]:
    layouts = [{"width": width, "height": height, "panes": _node_data(node)} for width, height, node in page.variants]
    return {"title": page.title, "built_in": page.origin, "layouts": layouts}


def _node_data(node: Node) -> Any:
    if isinstance(node, Tabs):
        return list(node.slots)
    return {"row" if node.across else "column": [[size, _node_data(part)] for size, part in node.parts]}


def from_data(data: object, panes: frozenset[str]) -> SavedLayout:
    """A layout out of JSON values for a desk that has these panes. What cannot be used is left out and told in
    `problems`. Raises LayoutError if nothing is left."""
    if not isinstance(data, dict) or data.get("tws") != "layout":
        raise LayoutError("That is no layout of tws.")
    if data.get("version") != 1:
        raise LayoutError(f"That layout is of version {data.get('version')!r}; this desk reads version 1.")
    problems: list[str] = []
    pages: list[Page] = []
    taken: set[str] = set()
    found = data.get("pages")
    missing: set[str] = set()
    for number, one in enumerate(found[:_MOST_PAGES] if isinstance(found, list) else [], 1):
        try:
            page = _page(one, number)
        except LayoutError as error:
            problems.append(f"Page {number} of the layout was left out: {error}")
            continue
        slots = {slot for *_, node in page.variants for slot in slots_of(node)}
        missing |= {pane_of(slot) for slot in slots} - panes
        usable = {slot for slot in slots - taken if pane_of(slot) in panes}
        kept = [
            (width, height, rest)
            for width, height, node in page.variants
            if (rest := _once(node, set(usable))) is not None
        ]
        if kept:
            title = _free(page.title, [other.title for other in pages])
            pages.append(Page(title, tuple(kept), page.origin))
            taken |= usable
    if missing:
        names = ", ".join(sorted(missing))
        problems.append(f"The layout has panes that are not installed here, and they were left out: {names}.")
    if not pages:
        raise LayoutError(" ".join(["The layout has no page that can be shown.", *problems]))
    page_index = data.get("page")
    at = page_index if isinstance(page_index, int) and 0 <= page_index < len(pages) else 0
    settings = data.get("settings")
    links = data.get("links")
    return SavedLayout(
        tuple(pages),
        at,
        str(data.get("name") or "")[:40],
        {
            slot: dict(values)
            for slot, values in (settings if isinstance(settings, dict) else {}).items()
            if slot in taken and isinstance(values, dict)
        },
        {str(link): str(one) for link, one in (links if isinstance(links, dict) else {}).items()},
        tuple(problems),
    )


def _once(node: Node, usable: set[str]) -> Node | None:
    """The layout with the usable slots, each where it stands first."""

    def gone(slot: str) -> bool:
        if slot not in usable:
            return True
        usable.remove(slot)
        return False

    return without(node, gone)


def _free(title: str, taken: Sequence[str]) -> str:
    """The title, or with a number after it one that no other page has."""
    number, found = 2, title
    while found in taken:
        found, number = f"{title[: TITLE_LENGTH - 3]} {number}", number + 1
    return found


def _page(data: object, number: int) -> Page:
    if not isinstance(data, dict):
        raise LayoutError("it is no table.")
    layouts = data.get("layouts")
    if not isinstance(layouts, list) or not layouts:
        raise LayoutError("it has no layouts.")
    variants = []
    for one in layouts:
        if not isinstance(one, dict):
            raise LayoutError("one of its layouts is no table.")
        width, height = one.get("width"), one.get("height")
        if type(width) is not int or type(height) is not int or not (0 <= width <= 2_000 and 0 <= height <= 2_000):
            raise LayoutError("the width and height of a layout must be whole numbers of cells.")
        variants.append((width, height, _node(one.get("panes"), 0)))
    title = str(data.get("title") or f"Page {number}")
    title = "".join(character for character in title if character.isprintable())[:TITLE_LENGTH] or f"Page {number}"
    origin = data.get("built_in")
    return Page(title, tuple(variants), origin if isinstance(origin, str) else "")


def _node(data: object, depth: int) -> Node:
    if depth > _DEEPEST:
        raise LayoutError("its panes are nested too deep.")
    if isinstance(data, list):
        slots = [slot for slot in data if isinstance(slot, str) and _SLOT.match(slot)]
        if not slots or len(slots) != len(data):
            raise LayoutError(f"{data!r:.60} is no list of panes.")
        return Tabs(tuple(dict.fromkeys(slots)))
    if not isinstance(data, dict) or len(data) != 1 or not ({"row", "column"} & data.keys()):
        raise LayoutError(f"{data!r:.60} is neither a list of panes nor a row nor a column.")
    across = "row" in data
    parts = next(iter(data.values()))
    if not isinstance(parts, list) or not parts:
        raise LayoutError("a row or column must be a list of [size, panes].")
    found: list[tuple[int | str, Node]] = []
    for part in parts:
        if not isinstance(part, list) or len(part) != 2:
            raise LayoutError(f"{part!r:.60} is not [size, panes].")
        size, panes = part
        whole = type(size) is int and 1 <= size <= 1_000
        share = isinstance(size, str) and _SHARE.match(size) is not None and float(size.removesuffix("fr")) > 0
        if not (whole or share):
            raise LayoutError(f'{size!r:.20} is no size: cells (32) or a share ("1fr").')
        found.append((size, _node(panes, depth + 1)))
    if len(found) == 1:
        return found[0][1]
    if not any(isinstance(size, str) for size, _ in found):
        found[-1] = ("1fr", found[-1][1])
    return Split(across, tuple(found))


# -- files


def read_file(path: Path, panes: frozenset[str]) -> SavedLayout:
    """Raises LayoutError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LayoutError(f"{path} is too large for a layout.")
        return from_data(json.loads(path.read_text("utf-8")), panes)
    except OSError as error:
        raise LayoutError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{path} is not valid JSON: {error}.") from error


def write_file(path: Path, layout: SavedLayout) -> None:
    """Raises LayoutError; what stood in the file stays then."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(path, durable=False) as part:
            part.write_text(json.dumps(as_data(layout), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise LayoutError(f"The layout cannot be written to {path}: {error.strerror}.") from error
