"""Rows of cells, made and sent in a fraction of the time that Textual's strips take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.cache import FIFOCache
from textual.strip import Strip

#: A strip's own stores of what has been made of it, by how much they keep: as Textual's.
_STORES = {
    "_divide_cache": 4, "_crop_cache": 16, "_style_cache": 16, "_filter_cache": 4, "_line_length_cache": 4,
    "_crop_extend_cache": 4, "_offsets_cache": 4,
}  # fmt: skip
#: So many styles on a base, and so many changes of style, are remembered; then anew.
_REMEMBERED = 5_000

_laid: dict[tuple[int, int], tuple[Style, Style, Style]] = {}
_changes: dict[tuple[str, str], str] = {}


class Row(Strip):
    """A strip whose stores are made when something is kept in them, which is seldom: seven for each row of each frame
    were most of what Python's collector had to look through. A terminal is told only what changes from one style to
    the next, half the bytes of a page."""

    __slots__ = ()

    def __init__(self, segments: list[Segment], cell_length: int) -> None:
        self._segments = segments
        self._cell_length = cell_length
        self._render_cache = None
        self._link_ids = None
        self._cell_count = None

    def __getattr__(self, name: str) -> Any:
        if name not in _STORES:
            raise AttributeError(name)
        store: FIFOCache[Any, Any] = FIFOCache(_STORES[name])
        setattr(self, name, store)
        return store

    def render(self, console: Console) -> str:
        """The row as a terminal is told of it; it begins and ends without a style."""
        if self._render_cache is None:
            depth = console._color_system or ColorSystem.TRUECOLOR
            parts: list[str] = []
            before = ""
            for text, style, _ in self._segments:
                if style is not None and style._link:
                    return super().render(console)
                codes = "" if style is None else style._ansi
                if codes is None:
                    assert style is not None
                    codes = self.render_ansi(style, depth)
                if codes != before:
                    parts.append(_changes.get((before, codes)) or _remember(before, codes))
                    before = codes
                parts.append(text)
            if before:
                parts.append("\x1b[0m")
            self._render_cache = "".join(parts)
        return self._render_cache


def row_of(segments: Iterable[Segment], base: Style, width: int) -> Strip:
    """The segments on a base style, cut or filled to `width` cells."""
    known_of, ground, made_of = _laid.get, id(base), tuple.__new__  # a segment's own maker is a call of Python's more
    parts: list[Segment] = []
    add = parts.append
    used = 0
    for text, style, _ in segments:
        if style is None:
            whole = base
        else:
            known = known_of((ground, id(style)))
            whole = _lay(base, style) if known is None else known[2]
        add(made_of(Segment, (text, whole, None)))
        used += len(text) if text.isascii() else cell_len(text)
    if used < width:
        add(Segment(" " * (width - used), base))
    made = Row(parts, max(used, width))
    return made if used <= width else made.adjust_cell_length(width, base)


def _lay(base: Style, style: Style) -> Style:
    """`style` on `base`. Both are kept, so that their ids stay theirs."""
    if len(_laid) > _REMEMBERED:
        _laid.clear()
    whole = base + style
    _laid[id(base), id(style)] = base, style, whole
    return whole


def _remember(before: str, after: str) -> str:
    if len(_changes) > _REMEMBERED:
        _changes.clear()
    found = _changes[before, after] = _change(before, after)
    return found


def _change(before: str, after: str) -> str:
    """What leads from one style's codes to another's (ECMA-48 SGR)."""
    if not after:
        return "\x1b[0m"  # nothing is said in less
    (marks, ink, ground), (new_marks, new_ink, new_ground) = _parts(before), _parts(after)
    anew = f"\x1b[0;{after}m"
    if marks - new_marks:  # few terminals agree on how a single mark is taken away
        return anew
    codes = sorted(new_marks - marks)
    if new_ink != ink:
        codes.append(new_ink or "39")
    if new_ground != ground:
        codes.append(new_ground or "49")
    return min(f"\x1b[{';'.join(codes)}m", anew, key=len) if codes else ""


def _parts(codes: str) -> tuple[frozenset[str], str, str]:
    """The marks (bold …), the colours of text and ground in a style's codes; "" for the terminal's own."""
    marks: set[str] = set()
    ink = ground = ""
    rest = codes.split(";") if codes else []
    while rest:
        code = rest.pop(0)
        if code in ("38", "48"):
            count = 2 if rest[:1] == ["5"] else 4
            whole = ";".join([code, *rest[:count]])
            del rest[:count]
            ink, ground = (whole, ground) if code == "38" else (ink, whole)
        elif len(code) > 1 and (code[:-1] in ("3", "9")):
            ink = "" if code == "39" else code
        elif len(code) > 1 and (code[:-1] in ("4", "10")):
            ground = "" if code == "49" else code
        else:
            marks.add(code)
    return frozenset(marks), ink, ground
