"""Rows are Textual's strips, made faster: they show the same, and so does a terminal that is told of them."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from screens.row import Row, row_of

CONSOLE = Console(color_system="truecolor", force_terminal=True)
COLOURS = st.sampled_from([None, "default", "red", "bright_red", "color(8)", "color(200)", "#00ff00", "#010203"])
MARKS = st.sampled_from([None, True, False])
STYLES = st.builds(
    lambda ink, ground, bold, dim, reverse, underline: Style(
        color=ink, bgcolor=ground, bold=bold, dim=dim, reverse=reverse, underline=underline
    ),
    COLOURS, COLOURS, MARKS, MARKS, MARKS, MARKS,
)  # fmt: skip
SEGMENTS = st.lists(st.builds(Segment, st.text("ab ▌–漢", max_size=4), st.none() | STYLES, st.none()), max_size=12)


def shown(sequences: str) -> list[tuple[str, frozenset[str], str, str]]:
    """Of each character its marks and colours, as a terminal reads them: one code after the other."""
    cells, marks, ink, ground = [], set(), "", ""
    for codes, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b])", sequences):
        if text:
            cells.append((text, frozenset(marks), ink, ground))
            continue
        rest = [int(code or 0) for code in codes.split(";")]
        while rest:
            code = rest.pop(0)
            if code == 0:
                marks, ink, ground = set(), "", ""
            elif code in (38, 48):
                count = {5: 2, 2: 4}[rest[0]]
                colour, rest = f"{rest[:count]}", rest[count:]
                ink, ground = (colour, ground) if code == 38 else (ink, colour)
            elif 30 <= code <= 39 or 90 <= code <= 97:
                ink = "" if code == 39 else str(code)
            elif 40 <= code <= 49 or 100 <= code <= 107:
                ground = "" if code == 49 else str(code - 10)
            else:
                marks.add(str(code))
    assert (marks, ink, ground) == (set(), "", ""), "what comes next would be shown in this style"
    return cells


@given(SEGMENTS, STYLES.filter(bool), st.integers(0, 30))
def test_a_row_is_textuals_strip(segments, base, width):
    ours = row_of(segments, base, width)
    theirs = Strip(Segment.apply_style(segments, base)).adjust_cell_length(width, base)
    assert ours == theirs
    assert ours.cell_length == theirs.cell_length
    assert ours.crop(1, width).text == theirs.crop(1, width).text
    assert [part.text for part in ours.divide([2, width])] == [part.text for part in theirs.divide([2, width])]


@given(SEGMENTS, STYLES)
@example([Segment("a", Style(bgcolor="red")), Segment("b")], Style())
@example([Segment("a", Style(color="red", bgcolor="red")), Segment("b", Style(underline=True))], Style())
def test_a_terminal_shows_the_same_with_less_said(segments, base):
    parts = list(Segment.apply_style(segments, base))
    ours = Row(parts, sum(part.cell_length for part in parts)).render(CONSOLE)
    theirs = Strip(parts).render(CONSOLE)
    assert shown(ours) == shown(theirs)
    assert len(ours) <= len(theirs)


def test_of_two_styles_only_what_differs_is_said():
    green, red = Style(color="#00ff00", bgcolor="#000000"), Style(color="#ff0000", bgcolor="#000000", bold=True)
    said = row_of([Segment("1", green), Segment("2", red), Segment("3", green)], Style(), 3).render(CONSOLE)
    assert said == ("\x1b[38;2;0;255;0;48;2;0;0;0m1\x1b[1;38;2;255;0;0m2\x1b[0;38;2;0;255;0;48;2;0;0;0m3\x1b[0m")


def test_a_link_is_told_as_textual_tells_it():
    parts = [Segment("tws", Style(link="https://example.org"))]
    assert Row(parts, 3).render(CONSOLE) == Strip(parts).render(CONSOLE)
