"""The desk's two basic themes, and the inks in which panes paint (`screens.themes` has the ones that are files).

Textual's `Theme` colours the widgets; an `Ink` holds the same colours as Rich styles for Line API panes. Text colours
keep a contrast of at least 4.5 : 1 against the desk's background (WCAG 2.1 AA), which a test checks.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace
from rich.style import Style
from textual.theme import Theme

DARK = "tws-dark"
LIGHT = "tws-light"


class Colours(msgspec.Struct, frozen=True):
    """The palette of one theme: hex RGB, or the terminal's own colours ("ansi_green") with attributes ("bold")."""

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
    good: str = ""  # what is in order: connected, armed; that of the bid where it has none of its own
    dark: bool = True

    @property
    def ansi(self) -> bool:
        """Whether the theme leaves colours to the terminal."""
        return not self.background.startswith("#")

    def rising_red(self) -> Colours:
        """The palette with the colours of rise and fall, buy and sell exchanged."""
        return replace(
            self, bid=self.ask, ask=self.bid, bid_depth=self.ask_depth, ask_depth=self.bid_depth,
            good=self.good or self.bid,
        )  # fmt: skip


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
    dark=False,
)

COLOURS = {DARK: DARK_COLOURS, LIGHT: LIGHT_COLOURS}


#: What may stand beside a colour.
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse")


def split(colour: str) -> tuple[str | None, dict[str, Any]]:
    """The colour proper, None for none, and the attributes beside it."""
    words = colour.split()
    proper = [word for word in words if word not in ATTRIBUTES]
    return (proper[0] if proper else None), {word: True for word in words if word in ATTRIBUTES}


def textual_theme(name: str, colours: Colours) -> Theme:
    """The Textual theme of one of our palettes."""

    def plain(key: str) -> str:
        return split(getattr(colours, key))[0] or "ansi_default"

    cursor = plain("cursor") if not colours.ansi else "ansi_bright_black"
    return Theme(
        name=name,
        primary=plain("accent"),
        secondary=plain("dim"),
        warning=plain("warning"),
        error=plain("error"),
        success=plain("bid"),
        accent=plain("accent"),
        foreground=plain("text"),
        background=plain("background"),
        surface=plain("surface"),
        panel=plain("bar"),
        dark=colours.dark,
        ansi=colours.ansi,
        variables={
            "ansi-background": plain("background"),
            "ansi-foreground": plain("text"),
            "bar": plain("bar"),
            "line": plain("line"),
            "dim": plain("dim"),
            "faint": plain("faint"),
            "bid": plain("bid"),
            "ask": plain("ask"),
            "cursor-row": cursor,
            "block-cursor-background": plain("accent"),
            "block-cursor-foreground": plain("background"),
            "input-selection-background": cursor,
            "scrollbar": plain("line"),
            "scrollbar-hover": plain("dim"),
            "scrollbar-active": plain("accent"),
            "scrollbar-background": plain("background"),
            "scrollbar-background-hover": plain("background"),
            "scrollbar-background-active": plain("background"),
            "scrollbar-corner-color": plain("background"),
            "border": plain("accent"),
            "border-blurred": plain("line"),
        },
    )


class Ink:
    """The palette as Rich styles. Foregrounds: text, dim, faint, bid, ask, accent, warning, error, own (and `strong`).
    Backgrounds, to be added to a foreground with `+`: on_bid, on_ask (depth bars), on_cursor, on_flash, on_bar.
    `base` is text on the desk's background.
    """

    __slots__ = (
        "accent", "ask", "badges", "bar", "base", "bid", "colours", "dim", "error", "faint", "good", "line",
        "on_accent", "on_ask", "on_bar", "on_bid", "on_cursor", "on_flash", "on_surface", "own", "strong", "text",
        "warning",
    )  # fmt: skip

    def __init__(self, colours: Colours) -> None:
        self.colours = colours
        self.base = self.over("text", "background")
        self.bar = self.over("text", "bar")
        self.text = self._front("text")
        self.strong = self.text + Style(bold=True)
        self.dim = self._front("dim")
        self.faint = self._front("faint")
        self.line = self._front("line")
        self.bid = self._front("bid")
        self.ask = self._front("ask")
        self.good = self._front("good") if colours.good else self.bid
        self.accent = self._front("accent")
        self.warning = self._front("warning")
        self.error = self._front("error")
        self.own = self._front("own")
        self.on_bid = self._back("bid_depth")
        self.on_ask = self._back("ask_depth")
        self.on_cursor = self._back("cursor")
        self.on_flash = self._back("flash")
        self.on_bar = self._back("bar")
        self.on_surface = self._back("surface")
        self.on_accent = self.filled("accent")
        self.badges = {
            mode: self.over("on_paper" if mode == "paper" else "on_badge", mode) + Style(bold=True)
            for mode in ("live", "paper", "demo", "replay")
        }

    def _front(self, key: str) -> Style:
        colour, attributes = split(getattr(self.colours, key))
        return Style(color=_rich(colour), **attributes)

    def _back(self, key: str) -> Style:
        colour, attributes = split(getattr(self.colours, key))
        return Style(bgcolor=_rich(colour), **attributes)

    def over(self, front: str, back: str) -> Style:
        """One colour of the palette on another, by name."""
        return self._front(front) + self._back(back)

    def filled(self, key: str) -> Style:
        """Text in the background's colour on one of the palette's: a label, a chosen button."""
        if self.colours.ansi:  # the terminal knows what its background is
            return self._front(key) + Style(reverse=True)
        return Style(color=self.colours.background, bgcolor=split(getattr(self.colours, key))[0])

    def faded(self, key: str, share: float) -> Style:
        """A colour of the palette mixed into the background: `share` of it."""
        if self.colours.ansi:
            return self._front(key) + (Style(dim=True) if share < 0.7 else Style())
        colour = split(getattr(self.colours, key))[0]
        assert colour is not None
        return Style(color=mix(self.colours.background, colour, share))

    def signed(self, value: object) -> Style:
        """bid for above zero, ask for below, dim for zero or None: the colour of a change or a profit."""
        if value is None or value == 0:
            return self.dim
        return self.bid if value > 0 else self.ask  # type: ignore[operator]


def _rich(colour: str | None) -> str | None:
    """A colour as Rich names it."""
    return None if colour is None else colour.removeprefix("ansi_")


def mix(first: str, second: str, share: float) -> str:
    """`share` of the second hex colour in the first."""
    pairs = zip(*([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (first, second)), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio of two hex colours: 1 … 21."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


INKS = {name: Ink(colours) for name, colours in COLOURS.items()}
