"""Which keys reach a program at all: through a terminal, ssh and tmux.

A terminal sends characters, control characters (ctrl+letter) and a few escape sequences; everything else is the
window's own or arrives as another key. Sources: xterm's control sequences (invisible-island.net/xterm/ctlseqs), the
ASCII control characters, tmux(1) and ssh(1).
"""

from __future__ import annotations

from screens.keys import display

_SAME = {
    "ctrl+i": "Tab",
    "ctrl+m": "Enter",
    "ctrl+j": "Enter in many terminals",
    "ctrl+h": "Backspace",
    "ctrl+left_square_bracket": "Esc",
    "ctrl+2": "ctrl+space",
    "ctrl+3": "Esc",
    "ctrl+8": "Backspace",
}
_TAKEN = {
    "ctrl+b": "tmux keeps it as its prefix",
    "ctrl+a": "screen and many tmux settings keep it as their prefix",
    "tilde": "after Enter ssh takes it for its own escape",
    "f10": "most terminal windows open their menu with it",
    "f11": "most terminal windows go full screen with it",
    "print_screen": "the system takes pictures with it",
}
#: Control characters besides the letters: what ctrl makes of them is a code of its own (ASCII 28–31 and 0).
_CONTROL = frozenset({"backslash", "right_square_bracket", "circumflex_accent", "underscore", "at", "space"})
_SEQUENCES = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"}
    | {"enter", "tab", "escape", "space", "backspace", "shift+tab"}
)
_FUNCTION = frozenset(f"f{number}" for number in range(1, 13))


def swallowed(key: str) -> str | None:
    """Why a key (by Textual's name) cannot be used, as a sentence; None if it can."""
    shown = display(key)
    *modifiers, last = key.split("+")
    if same := _SAME.get(key):
        return f"{shown} arrives as {same}: no program can tell the two apart."
    if taken := _TAKEN.get(key):
        return f"{shown} does not arrive everywhere: {taken}."
    if "super" in modifiers:
        return f"{shown} belongs to the window manager: terminals do not send it."
    if "ctrl" in modifiers and "shift" in modifiers:
        return f"{shown} is not sent by most terminals: they keep it for themselves, or drop the shift."
    if "alt" in modifiers:
        return f"{shown} is not sent by every terminal, and over a slow line it arrives as Esc and a letter."
    if "shift" in modifiers and key != "shift+tab":
        return f"{shown} is not sent by every terminal: without it arrives the plain key."
    if modifiers == ["ctrl"]:
        if (len(last) == 1 and last.isascii() and last.isalpha()) or last in _CONTROL:
            return None
        return f"{shown} has no code of its own: terminals send {display(last)} or nothing."
    if last in _SEQUENCES or last in _FUNCTION or last == "shift+tab":
        return None
    if len(display(last)) == 1 and display(last).isascii():
        return None
    if len(last) == 1 and last.isprintable():
        return None  # a letter of the user's own keyboard
    return f"{shown} is not a key that terminals send."


def works_over_ssh(key: str) -> bool:
    """Whether a key arrives over ssh inside tmux whatever the terminal: not swallowed, and no function key, which some
    terminals keep."""
    return swallowed(key) is None and key not in _FUNCTION
