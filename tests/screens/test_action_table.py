"""The action table: names and keys are unique where they meet, and a trader's own keys are taken or explained."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from screens.actions import DESK, DESK_ACTIONS, EVERYWHERE, REPLAY_ACTIONS, Action, ActionTable, page_actions
from screens.keys import UnknownKey, canonical, display


def table() -> ActionTable:
    built = ActionTable([*DESK_ACTIONS, *REPLAY_ACTIONS, *page_actions(["Trade", "Books"])])
    built.add_pane("books", [Action("buy", "Buy", "Buys.", ("b",)), Action("sell", "Sell", "Sells.", ("s", "-"))])
    built.add_pane("orders", [Action("cancel", "Cancel", "Cancels.", ("x",))])
    return built


@pytest.mark.parametrize(
    ("written", "name", "shown"),
    [
        ("?", "question_mark", "?"),
        ("F9", "f9", "F9"),
        ("ctrl+\\", "ctrl+backslash", "^\\"),
        ("ctrl++", "ctrl+plus", "^+"),
        ("Ctrl+L", "ctrl+l", "^l"),
        ("B", "B", "B"),
        ("+", "plus", "+"),
        ("PgUp", "pageup", "PgUp"),
        (" ", "space", "Space"),
        ("esc", "escape", "Esc"),
        ("shift+tab", "shift+tab", "shift+Tab"),
        ("<", "less_than_sign", "<"),
    ],
)
def test_keys_are_written_as_traders_write_them(written, name, shown):
    assert canonical(written) == name
    assert display(name) == shown


@pytest.mark.parametrize("written", ["f99x", "banana", "hyper+x", "", "ctrl+banana"])
def test_what_is_no_key_is_refused_in_a_sentence(written):
    with pytest.raises(UnknownKey, match="not a key"):
        canonical(written)


def test_one_key_does_one_thing_in_a_pane_and_another_in_the_next():
    built = table()
    assert built.for_key("b", "books").name == "books.buy"
    assert built.for_key("b", "orders") is None
    assert built.for_key("f9", EVERYWHERE).name == "kill"
    assert built.for_key("z", DESK).name == "zoom"


def test_two_actions_of_one_name_or_key_are_a_mistake():
    with pytest.raises(ValueError, match="two actions"):
        ActionTable([Action("a", "A", "A."), Action("a", "A", "A.")])
    with pytest.raises(ValueError, match="key of both"):
        ActionTable([Action("a", "A", "A.", ("q",)), Action("b", "B", "B.", ("q",))])


def test_a_pane_cannot_take_a_key_of_the_desk():
    built = table()
    problems = built.add_pane("odd", [Action("zap", "Zap", "Zaps.", ("z", "f9", "y"))])
    assert len(problems) == 2
    assert "z is the key of zoom" in problems[0]
    assert built.get("odd.zap").keys == ("y",)


def test_remapped_keys_replace_the_old_ones():
    built = table()
    assert built.remap({"books.buy": "ctrl+b", "zoom": ["m", "f6"]}) == []
    assert built.for_key("b", "books") is None
    assert built.for_key("ctrl+b", "books").name == "books.buy"
    assert built.for_key("z", DESK) is None
    assert built.for_key("f6", DESK).name == "zoom"


def test_two_actions_can_swap_their_keys():
    built = table()
    assert built.remap({"books.buy": "s", "books.sell": "b"}) == []
    assert built.for_key("s", "books").name == "books.buy"
    assert built.for_key("b", "books").name == "books.sell"


def test_an_action_can_be_left_without_a_key():
    built = table()
    assert built.remap({"books.buy": ""}) == []
    assert built.get("books.buy").keys == ()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"books.bye": "x"}, "there is no action 'books.bye'; did you mean 'books.buy'?"),
        ({"zoom": "banana"}, "'banana' is not a key"),
        ({"zoom": "f9"}, "F9 is already the key of kill"),
        ({"books.buy": "s"}, "books.sell has lost s to books.buy: its key is - now"),
        ({"books.buy": "ctrl+p"}, "palette has lost ^p to books.buy: it has no key now"),
        ({"zoom": "m", "layout": "m"}, "m is already the key of zoom, so layout has not got it"),
        ({"kill": ""}, "the kill switch cannot be left without a key"),
        ({"palette": "b"}, "books.buy has lost b to palette"),
        ({"kill": "ctrl+s"}, "settings has lost ^s to kill"),
    ],
)
def test_what_cannot_be_remapped_is_told_in_one_sentence(keys, words):
    problems = table().remap(keys)
    assert len(problems) == 1
    assert words in problems[0]


def test_a_key_that_the_trader_asks_for_is_taken_from_the_action_that_only_came_with_it():
    built = table()
    assert len(built.rekey({}, {"kill": "ctrl+s"})) == 1
    assert built.for_key("ctrl+s", EVERYWHERE).name == "kill"
    assert built.for_key("ctrl+s", DESK) is None
    assert built.get("settings").keys == ()
    assert built.rekey({}, {}) == []  # without the wish each has its own again
    assert built.for_key("ctrl+s", DESK).name == "settings"


def test_the_traders_own_key_comes_before_a_keymaps():
    built = table()
    problems = built.rekey({"zoom": "m"}, {"layout": "m"})
    assert built.for_key("m", DESK).name == "layout"
    assert problems == ["keys: zoom has lost m to layout: it has no key now, the palette runs it"]


def test_nothing_takes_a_key_from_the_kill_switch():
    built = table()
    for keys in ({"arm": "f9"}, {"arm": "ctrl+s", "kill": "ctrl+s"}, {"books.buy": "ctrl+\\"}, {"kill": ["", ""]}):
        assert built.rekey({}, keys)
        assert built.get("kill").keys
        assert all(built.for_key(key, EVERYWHERE).name == "kill" for key in built.get("kill").keys)
    assert built.for_key("f9", EVERYWHERE).name == "kill"


def test_a_pane_has_a_key_that_the_desk_wants_only_elsewhere() -> None:
    plot = Action("plot", "Plot", "Draws.", ("p",), yields=True)
    pause = Action("replay_pause", "Pause", "Pauses.", ("p",))
    on_replay, on_demo = ActionTable([pause]), ActionTable([replace(pause, exists=False)])
    assert on_replay.add_pane("backtest", [plot]) == [], "it yields without a word"
    assert on_replay.for_key("p", "backtest") is None
    assert on_demo.add_pane("backtest", [plot]) == []
    found = on_demo.for_key("p", "backtest")
    assert found is not None
    assert found.name == "backtest.plot"
