"""A layout from a file: what is foreign or broken in it is left out and told, and nothing of it stops the desk."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screens.layout import row, tabs
from screens.layout_file import LayoutError, from_data, read_file

PANES = frozenset({"books", "chart", "tape"})


def layout(*pages, **more):
    return {"tws": "layout", "version": 1, "pages": list(pages), **more}


def page(title, panes):
    return {"title": title, "layouts": [{"width": 0, "height": 0, "panes": panes}]}


def test_a_layout_is_read():
    data = layout(
        page("Mine", {"row": [["2fr", ["chart"]], [32, ["books", "tape"]]]}),
        settings={"books": {"link": "B"}, "elsewhere": {"x": 1}},
        links={"B": "NOVA:BTC-USDT"},
        name="scalping",
    )
    saved = from_data(data, PANES)
    assert saved.pages[0].title == "Mine"
    assert saved.pages[0].fitting(80, 24) == row(("2fr", tabs("chart")), (32, tabs("books", "tape")))
    assert saved.settings == {"books": {"link": "B"}}
    assert saved.links == {"B": "NOVA:BTC-USDT"}
    assert saved.name == "scalping"


def test_panes_that_are_not_installed_are_left_out_and_named():
    saved = from_data(layout(page("Mine", {"row": [["1fr", ["risk"]], ["1fr", ["books", "mine:2"]]]})), PANES)
    assert saved.pages[0].fitting(80, 24) == tabs("books")
    assert saved.problems == ("The layout has panes that are not installed here, and they were left out: mine, risk.",)


def test_a_slot_stands_once_however_often_the_file_has_it():
    saved = from_data(layout(page("One", {"row": [["1fr", ["books"]], ["1fr", ["books", "tape"]]]}),
                             page("One", ["books", "chart"])), PANES)  # fmt: skip
    assert [one.fitting(80, 24) for one in saved.pages] == [
        row(("1fr", tabs("books")), ("1fr", tabs("tape"))),
        tabs("chart"),
    ]
    assert [one.title for one in saved.pages] == ["One", "One 2"]


def test_a_page_that_is_broken_is_left_out_and_the_others_stay():
    saved = from_data(layout(page("Bad", {"row": [["wide", ["books"]]]}), page("Good", ["chart"])), PANES)
    assert [one.title for one in saved.pages] == ["Good"]
    assert saved.problems == ("Page 1 of the layout was left out: 'wide' is no size: cells (32) or a share (\"1fr\").",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no layout of tws"),
        ({"tws": "keymap"}, "no layout of tws"),
        ({"tws": "layout", "version": 7, "pages": []}, "version 7"),
        (layout(), "no page that can be shown"),
        (layout(page("Mine", ["risk"])), "not installed here"),
        (layout(page("Mine", {"row": [["0fr", ["books"]]]})), "is no size"),
        (layout(page("Mine", {"row": [[True, ["books"]]]})), "is no size"),
        (layout(page("Mine", ["../../etc"])), "no list of panes"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(data, words):
    with pytest.raises(LayoutError, match=words):
        from_data(data, PANES)


def test_layouts_that_are_nested_without_end_are_refused(tmp_path):
    node: object = ["books"]
    for _ in range(60):
        node = {"row": [["1fr", node], ["1fr", ["tape"]]]}
    with pytest.raises(LayoutError, match="nested too deep"):
        from_data(layout(page("Mine", node)), PANES)
    path = tmp_path / "deep.json"
    path.write_text('{"tws": ' + "[" * 100_000)
    with pytest.raises(LayoutError):
        read_file(path, PANES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1fr", "books"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["row", "column", "title", "layouts", "width", "height", "panes"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=100)
@given(json_values, json_values, json_values)
def test_no_json_at_all_raises_anything_else(pages, settings_, links):
    try:
        saved = from_data(layout() | {"pages": pages, "settings": settings_, "links": links, "page": pages}, PANES)
    except LayoutError:
        return
    json.dumps([one.title for one in saved.pages])
