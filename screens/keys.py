"""Names of keys: as a trader writes them in the config file, as Textual names them, as the screen shows them."""

from __future__ import annotations

from textual.keys import Keys, _character_to_key, format_key

_MODIFIERS = ("ctrl", "alt", "shift", "super")
_WORDS = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
    "del": "delete",
    "ins": "insert",
    "spacebar": "space",
    "control": "ctrl",
}
_NAMED = frozenset(key.value for key in Keys if "+" not in key.value and "<" not in key.value)
_DISPLAY = {"enter": "Enter", "pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc", "space": "Space", "tab": "Tab"}


class UnknownKey(ValueError):
    """The text names no key; the message is a sentence for the trader."""


def canonical(text: str) -> str:
    """The name under which Textual reports the key: "?" → question_mark, "ctrl+\\" → ctrl+backslash, "F9" → f9.

    Raises `UnknownKey`.
    """
    if len(text) == 1:
        return text if text.isalnum() else "space" if text == " " else _character_to_key(text)
    head, plus, last = text.rpartition("+")
    if plus and not last:  # "ctrl++"
        head, last = text[:-2], "+"
    modifiers = [_WORDS.get(part.lower(), part.lower()) for part in head.split("+")] if head else []
    if any(part not in _MODIFIERS for part in modifiers):
        raise UnknownKey(f"{text!r} is not a key: before the + may stand only ctrl, alt, shift or super")
    if len(last) == 1:
        name = last.lower() if last.isalnum() and modifiers else canonical(last)
    else:
        name = _WORDS.get(last.lower(), last.lower())
        if name not in _NAMED and not _is_character_name(name):
            raise UnknownKey(f"{text!r} is not a key (try f9, ctrl+k, pageup, space or a character)")
    return "+".join([*modifiers, name])


def _is_character_name(name: str) -> bool:
    """Whether `name` is Textual's word for a character ("question_mark")."""
    shown = format_key(name)
    return len(shown) == 1 and ord(shown) < 0x250  # no keyboard has the rest of Unicode by name


def display(key: str) -> str:
    """The key as the screen shows it: question_mark → ?, ctrl+p → ^p, f9 → F9."""
    head, _, last = key.rpartition("+")
    shown = _DISPLAY.get(last) or format_key(last)
    if last[:1] == "f" and last[1:].isdigit():
        shown = last.upper()
    if not head:
        return shown
    return ("^" + shown) if head == "ctrl" else f"{head}+{shown}"
