"""Every default key, of every keymap that comes with the desk, arrives over ssh inside tmux."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser

from screens import keymaps
from screens.actions import DESK_ACTIONS, REPLAY_ACTIONS, ActionTable, page_actions
from screens.key_safety import swallowed, works_over_ssh
from screens.keys import canonical, display
from screens.layout import pages_for
from screens.layout_actions import LAYOUT_ACTIONS
from screens.plugins import list_plugins

PANES = {info.name: info.cls for info in list_plugins(Path("/nonexistent")) if info.cls is not None}
KEYMAPS = list(keymaps.files(None))


def whole_table() -> ActionTable:
    """Everything that can be done on a desk with all panes that plays a recording."""
    pages = [page.title for page in pages_for(frozenset(PANES))]
    built = ActionTable([*DESK_ACTIONS, *REPLAY_ACTIONS, *page_actions(pages)])
    for action in LAYOUT_ACTIONS:
        built.add(action)
    problems = [problem for name, cls in PANES.items() for problem in built.add_pane(name, cls.ACTIONS)]
    assert problems == []
    return built


def bytes_of(key: str) -> str | None:
    """What xterm and tmux send for a key; None for one without a code."""
    *modifiers, last = key.split("+")
    character = display(last)
    if not modifiers and (len(last) == 1 or (len(character) == 1 and character.isascii())):
        return last if len(last) == 1 else character
    named = {"space": " ", "escape": "\x1b"}
    if key in named:
        return named[key]
    for sequence, keys in ANSI_SEQUENCES_KEYS.items():
        if isinstance(keys, tuple) and len(keys) == 1 and keys[0].value == key:
            return sequence
    return None


@pytest.mark.parametrize("keymap", KEYMAPS)
def test_every_action_has_a_key_that_works_over_ssh_in_tmux_or_stands_in_the_palette(keymap):
    built = whole_table()
    problems = built.rekey(keymaps.load(keymap, None).keys, {})
    assert problems == []
    for action in built:
        for key in action.keys:
            assert swallowed(key) is None, f"{action.name}: {swallowed(key)}"
        if action.keys:
            assert any(map(works_over_ssh, action.keys)), f"{action.name} has function keys only: {action.keys}"
        else:
            assert action.palette, f"{action.name} can neither be pressed nor found"
        assert action.title
        assert action.help.endswith((".", "…"))


@pytest.mark.parametrize("keymap", KEYMAPS)
def test_the_bytes_that_a_terminal_sends_for_each_key_are_read_as_that_key(keymap):
    built = whole_table()
    built.rekey(keymaps.load(keymap, None).keys, {})
    for key in sorted({key for action in built for key in action.keys}):
        sent = bytes_of(key)
        assert sent is not None, f"no terminal sends {key}"
        parser = XTermParser()
        read = [event.key for event in [*parser.feed(sent), *parser.feed("")] if hasattr(event, "key")]
        assert key in read, f"{key} is sent as {sent!r} and read as {read}"


@pytest.mark.parametrize("keymap", KEYMAPS)
def test_a_keymap_names_only_actions_that_exist_and_leaves_the_kill_switch(keymap):
    built = whole_table()
    names = {action.name for action in built}
    assert [name for name in keymaps.load(keymap, None).keys if name not in names] == []
    built.rekey(keymaps.load(keymap, None).keys, {})
    assert built.get("kill").keys == ("f9", "ctrl+backslash")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("ctrl+shift+k", "most terminals"),
        ("alt+x", "not sent by every terminal"),
        ("shift+up", "not sent by every terminal"),
        ("super+k", "window manager"),
        ("ctrl+i", "arrives as Tab"),
        ("ctrl+m", "arrives as Enter"),
        ("ctrl+h", "arrives as Backspace"),
        ("ctrl+b", "tmux"),
        ("ctrl+1", "no code of its own"),
        ("ctrl+enter", "no code of its own"),
        ("~", "ssh"),
        ("f11", "full screen"),
    ],
)
def test_keys_that_terminals_swallow_are_refused_with_the_reason(key, reason):
    assert reason in swallowed(canonical(key))
    assert not works_over_ssh(canonical(key))


@pytest.mark.parametrize("key", ["a", "Z", "?", "ctrl+k", "ctrl+\\", "up", "pagedown", "shift+tab", "space", "ß", "f5"])
def test_ordinary_keys_are_taken(key):
    assert swallowed(canonical(key)) is None


def test_a_keymap_that_is_wrong_is_refused_in_a_sentence(tmp_path):
    for text, sentence in [
        ("keys = 3", "keys must be a table"),
        ("[keys]\nzoom = 3", "zoom must be a key or a list"),
        ("keys = [", "cannot be read"),
        ("colours = 1", "'colours' means nothing"),
    ]:
        (tmp_path / "mine.toml").write_text(text)
        with pytest.raises(keymaps.KeymapError, match=sentence):
            keymaps.load("mine", tmp_path)
    with pytest.raises(keymaps.KeymapError, match="there is no keymap 'nope'; there are default, superdom, vim, mine"):
        keymaps.load("nope", tmp_path)


def test_a_key_that_is_taken_back_is_that_of_the_action_again():
    built = whole_table()
    assert built.rekey({"zoom": "m"}, {"zoom": ["ctrl+y"], "theme": "z"}) == []
    assert built.get("zoom").keys == ("ctrl+y",)
    assert built.for_key("z", "desk").name == "theme"
    assert built.rekey({}, {}) == []
    assert built.get("zoom").keys == ("z",)
    assert built.for_key("m", "desk") is None
