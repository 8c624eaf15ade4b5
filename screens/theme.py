"""The desk's two themes, and the inks in which panes paint.

Textual's `Theme` colours the widgets; an `Ink` holds the same colours as Rich styles for Line API panes. Text colours
keep a contrast of at least 4.5 : 1 against the desk's background (WCAG 2.1 AA), which a test checks.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from textual.theme import Theme

DARK = "tws-dark"
LIGHT = "tws-light"


@dataclass(frozen=True, slots=True)
class Colours:
    """The palette of one theme; hex RGB."""

    background: str
    surface: str  # dialogs and text fields
    bar: str  # title, status and footer bars
    line: str  # rules and scroll bars
    text: str
    dim: str  # labels, units, old things; still legible
    faint: str  # rules, grid, empty cells: decoration only
    bid: str
    ask: str
    bid_depth: str  # background of a depth bar
    ask_depth: str
    flash: str  # background of what has just changed
    cursor: str  # background of the cursor's row
    accent: str
    warning: str
    error: str
    own: str  # our own orders
    live: str
    paper: str
    demo: str
    replay: str
    on_badge: str
    on_paper: str


DARK_COLOURS = Colours(
    background="#0f1217",
    surface="#171c24",
    bar="#1c222c",
    line="#2b3340",
    text="#d6dbe5",
    dim="#8d97a7",
    faint="#4b5565",
    bid="#3fbf8f",
    ask="#f2707a",
    bid_depth="#123529",
    ask_depth="#3d1e25",
    flash="#3a4254",
    cursor="#2a3649",
    accent="#62aef7",
    warning="#e3b04b",
    error="#ff6470",
    own="#f0c566",
    live="#c81e2d",
    paper="#e2a728",
    demo="#1f66c4",
    replay="#7444d4",
    on_badge="#ffffff",
    on_paper="#1a1200",
)

LIGHT_COLOURS = Colours(
    background="#fbfbfc",
    surface="#ffffff",
    bar="#e9ecf1",
    line="#ccd2dc",
    text="#1b222d",
    dim="#5c6675",
    faint="#a9b1be",
    bid="#0b7a52",
    ask="#c22a38",
    bid_depth="#cfeee1",
    ask_depth="#fadcdf",
    flash="#dfe4ee",
    cursor="#d5e4f8",
    accent="#1a63bf",
    warning="#8a5a00",
    error="#bd1e2c",
    own="#7d5200",
    live="#c81e2d",
    paper="#e2a728",
    demo="#1f66c4",
    replay="#7444d4",
    on_badge="#ffffff",
    on_paper="#1a1200",
)

COLOURS = {DARK: DARK_COLOURS, LIGHT: LIGHT_COLOURS}


def textual_theme(name: str) -> Theme:
    """The Textual theme of one of our palettes. Raises KeyError for another name."""
    colours = COLOURS[name]
    return Theme(
        name=name,
        primary=colours.accent,
        secondary=colours.dim,
        warning=colours.warning,
        error=colours.error,
        success=colours.bid,
        accent=colours.accent,
        foreground=colours.text,
        background=colours.background,
        surface=colours.surface,
        panel=colours.bar,
        dark=name == DARK,
        variables={
            "bar": colours.bar,
            "line": colours.line,
            "dim": colours.dim,
            "faint": colours.faint,
            "bid": colours.bid,
            "ask": colours.ask,
            "cursor-row": colours.cursor,
            "block-cursor-background": colours.accent,
            "block-cursor-foreground": colours.background,
            "input-selection-background": colours.cursor,
            "scrollbar": colours.line,
            "scrollbar-hover": colours.dim,
            "scrollbar-active": colours.accent,
            "scrollbar-background": colours.background,
            "scrollbar-background-hover": colours.background,
            "scrollbar-background-active": colours.background,
            "scrollbar-corner-color": colours.background,
            "border": colours.accent,
            "border-blurred": colours.line,
        },
    )


class Ink:
    """The palette as Rich styles. Foregrounds: text, dim, faint, bid, ask, accent, warning, error, own (and `strong`).
    Backgrounds, to be added to a foreground with `+`: on_bid, on_ask (depth bars), on_cursor, on_flash, on_bar.
    `base` is text on the desk's background.
    """

    __slots__ = (
        "accent", "ask", "badges", "bar", "base", "bid", "colours", "dim", "error", "faint", "line", "on_accent",
        "on_ask", "on_bar", "on_bid", "on_cursor", "on_flash", "on_surface", "own", "strong", "text", "warning",
    )  # fmt: skip

    def __init__(self, colours: Colours) -> None:
        self.colours = colours
        self.base = Style(color=colours.text, bgcolor=colours.background)
        self.bar = Style(color=colours.text, bgcolor=colours.bar)
        self.text = Style(color=colours.text)
        self.strong = Style(color=colours.text, bold=True)
        self.dim = Style(color=colours.dim)
        self.faint = Style(color=colours.faint)
        self.line = Style(color=colours.line)
        self.bid = Style(color=colours.bid)
        self.ask = Style(color=colours.ask)
        self.accent = Style(color=colours.accent)
        self.warning = Style(color=colours.warning)
        self.error = Style(color=colours.error)
        self.own = Style(color=colours.own)
        self.on_bid = Style(bgcolor=colours.bid_depth)
        self.on_ask = Style(bgcolor=colours.ask_depth)
        self.on_cursor = Style(bgcolor=colours.cursor)
        self.on_flash = Style(bgcolor=colours.flash)
        self.on_bar = Style(bgcolor=colours.bar)
        self.on_surface = Style(bgcolor=colours.surface)
        self.on_accent = Style(color=colours.background, bgcolor=colours.accent)
        self.badges = {
            "live": Style(color=colours.on_badge, bgcolor=colours.live, bold=True),
            "paper": Style(color=colours.on_paper, bgcolor=colours.paper, bold=True),
            "demo": Style(color=colours.on_badge, bgcolor=colours.demo, bold=True),
            "replay": Style(color=colours.on_badge, bgcolor=colours.replay, bold=True),
        }

    def signed(self, value: object) -> Style:
        """bid for above zero, ask for below, dim for zero or None: the colour of a change or a profit."""
        if value is None or value == 0:
            return self.dim
        return self.bid if value > 0 else self.ask  # type: ignore[operator]


INKS = {name: Ink(colours) for name, colours in COLOURS.items()}


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio of two hex colours: 1 … 21."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
