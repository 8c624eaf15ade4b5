"""Layouts can be split, swapped, joined, resized and squeezed, and never lose a pane, leave a hole or overlap."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Region, Size

from screens.arrangement import (
    at_edge,
    edited,
    evened,
    fitted,
    gap_at,
    gaps,
    joined,
    neighbour,
    resized,
    split,
    swapped,
)
from screens.layout import PAGES, Page, Split, Tabs, column, place, row, slots_of, tabs, without
from screens.layout_file import SavedLayout, as_data, from_data
from screens.plugins import list_plugins

SLOTS = ["books", "chart", "tape", "ticket", "orders", "log", "books:2", "chart:2"]
DIRECTIONS = ["left", "right", "up", "down"]


def least(slot):
    return (24, 5)


def spots(node, width=160, height=46):
    return place(fitted(node, width, height, least), Region(0, 0, width, height))


@st.composite
def layouts(draw):
    """A page made as a trader makes it: by opening panes beside, below and as tabs of others."""
    count = draw(st.integers(1, len(SLOTS)))
    node = tabs(SLOTS[0])
    for index in range(1, count):
        at = draw(st.sampled_from(SLOTS[:index]))
        how = draw(st.sampled_from([True, False, None]))
        new = SLOTS[index]
        node = joined(split(node, at, new, True), at, new) if how is None else split(node, at, new, how)
    return node


@settings(max_examples=100)
@given(layouts(), st.integers(60, 250), st.integers(14, 80))
def test_every_layout_fits_every_terminal_without_holes_or_overlaps(node, width, height):
    shown = fitted(node, width, height, least)
    assert sorted(slots_of(shown)) == sorted(slots_of(node))
    taken = [[0] * width for _ in range(height)]
    for spot in place(shown, Region(0, 0, width, height)):
        assert spot.body.width >= 24
        assert spot.body.height >= 5
        whole = spot.title.union(spot.body)
        for y in range(whole.y, whole.bottom):
            for x in range(whole.x, whole.right):
                taken[y][x] += 1
    for gap in gaps(shown, Region(0, 0, width, height), least):
        if gap.across:
            for y in range(gap.region.y, gap.region.bottom):
                taken[y][gap.region.x] += 1
    assert all(cell == 1 for line in taken for cell in line)


@settings(max_examples=100)
@given(layouts(), st.data())
def test_no_change_but_closing_loses_or_doubles_a_pane(node, data):
    before = sorted(slots_of(node))
    at, other = data.draw(st.sampled_from(before)), data.draw(st.sampled_from(before))
    direction = data.draw(st.sampled_from(DIRECTIONS))
    changed = [swapped(node, at, other), at_edge(node, at, direction), evened(node)]
    if at != other:
        changed.append(joined(node, at, other))
    shown = fitted(node, 160, 46, least)
    for gap in gaps(shown, Region(0, 0, 160, 46), least):
        changed.append(resized(node, gap, data.draw(st.integers(-40, 40))))
    for one in changed:
        assert sorted(slots_of(one)) == before
    rest = without(node, lambda slot: slot == at)
    assert sorted(slots_of(rest) if rest is not None else []) == [slot for slot in before if slot != at]


@settings(max_examples=100)
@given(layouts())
def test_a_layout_survives_its_file(node):
    page = Page("Mine", ((120, 30, node), (0, 0, Tabs(tuple(slots_of(node))))), "Trade")
    panes = frozenset({slot.partition(":")[0] for slot in SLOTS})
    saved = from_data(as_data(SavedLayout((page,))), panes)
    assert saved.pages == (page,)
    assert saved.problems == ()


@settings(max_examples=60)
@given(layouts(), st.integers(-30, 30))
def test_a_border_that_is_moved_moves_by_what_the_panes_can_give(node, by):
    region = Region(0, 0, 200, 60)
    whole = [spot.tabs for spot in place(fitted(node, 200, 60, least), region)] == [
        spot.tabs for spot in place(node, region)
    ]
    for gap in gaps(fitted(node, 200, 60, least), region, least):
        after = gaps(fitted(resized(node, gap, by), 200, 60, least), region, least)
        same = next(one for one in after if (one.before, one.after) == (gap.before, gap.after))
        wanted = max(gap.least[0] - gap.cells[0], min(by, gap.cells[1] - gap.least[1]))
        if whole:  # while no panes share a place for want of room
            assert same.cells == (gap.cells[0] + wanted, gap.cells[1] - wanted)


def test_a_resized_page_keeps_its_proportions_in_another_terminal():
    node = row(("1fr", tabs("chart")), ("1fr", tabs("tape")))
    (gap,) = gaps(node, Region(0, 0, 161, 40), least)
    wider = resized(node, gap, 40)
    assert [spot.body.width for spot in spots(wider, 161)] == [120, 40]
    assert [spot.body.width for spot in spots(wider, 321)] == [240, 80]
    assert [spot.body.width for spot in spots(wider, 81)] == [56, 24], "never below what a pane needs"


def test_a_column_of_fixed_width_keeps_it():
    node = row(("1fr", tabs("chart")), (32, tabs("books")))
    (gap,) = gaps(node, Region(0, 0, 160, 40), least)
    wider = resized(node, gap, -8)
    assert [spot.body.width for spot in spots(wider, 160)] == [119, 40]
    assert [spot.body.width for spot in spots(wider, 200)] == [159, 40]


def test_panes_without_room_share_a_place_as_tabs_and_come_apart_again():
    node = row(*[("1fr", tabs(slot)) for slot in ("books", "chart", "tape", "log")])
    assert [spot.tabs.slots for spot in spots(node, 80)] == [("books",), ("chart",), ("tape", "log")]
    assert [spot.tabs.slots for spot in spots(node, 60)] == [("books",), ("chart", "tape", "log")]
    assert len(spots(node, 160)) == 4
    tall = column(*[("1fr", tabs(slot)) for slot in ("books", "chart", "tape", "log")])
    assert [spot.tabs.slots for spot in spots(tall, 80, 22)] == [("books",), ("chart",), ("tape", "log")]


def test_a_split_gives_half_of_the_room_to_the_new_pane():
    node = row(("2fr", tabs("chart")), ("1fr", tabs("tape")))
    assert split(node, "chart", "log", True) == row(("1fr", tabs("chart")), ("1fr", tabs("log")), ("1fr", tabs("tape")))
    assert split(node, "tape", "log", False) == row(
        ("2fr", tabs("chart")), ("1fr", column(("1fr", tabs("tape")), ("1fr", tabs("log"))))
    )


def test_a_pane_goes_to_the_whole_edge_of_the_page():
    node = row(("1fr", tabs("chart")), ("1fr", tabs("tape")))
    assert at_edge(node, "tape", "down") == column(("2fr", tabs("chart")), ("1fr", tabs("tape")))
    assert at_edge(node, "tape", "left") == row(("1fr", tabs("tape")), ("2fr", tabs("chart")))


def test_the_neighbour_is_the_nearest_that_faces_the_pane():
    node = row(
        ("1fr", tabs("chart")),
        ("1fr", column(("1fr", tabs("tape")), ("3fr", tabs("log")))),
        ("1fr", tabs("books")),
    )
    shown = {spot.tabs.slots[0]: spot for spot in spots(node)}
    every = list(shown.values())
    assert neighbour(every, shown["chart"], "right") == shown["log"]
    assert neighbour(every, shown["log"], "up") == shown["tape"]
    assert neighbour(every, shown["books"], "left") == shown["log"]
    assert neighbour(every, shown["chart"], "left") is None
    borders = gaps(fitted(node, 160, 46, least), Region(0, 0, 160, 46), least)
    assert gap_at(borders, shown["tape"], "down").after == "log"
    assert gap_at(borders, shown["books"], "right").after == "books", "at the page's edge the border at the other side"
    assert gap_at(borders, shown["chart"], "down") is None


def test_roomier_layouts_of_an_edited_page_keep_their_shape_and_get_its_panes():
    big = row(("1fr", tabs("chart")), ("1fr", tabs("tape")), ("1fr", tabs("books")))
    page = Page("Trade", ((140, 30, big), (0, 0, tabs("chart", "tape", "books"))), "Trade")
    small = tabs("chart", "log", "books")
    changed = edited(page, Size(80, 22), small)
    assert changed.fitting(80, 22) == small
    assert changed.fitting(160, 46) == row(("1fr", tabs("chart", "log")), ("1fr", tabs("books")))
    whole = edited(page, Size(160, 46), tabs("tape"))
    assert whole.variants == ((0, 0, tabs("tape")),)
    assert whole.origin == "Trade"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
@pytest.mark.parametrize("extra", [(0, 0), (1, 1), (19, 7)])
def test_built_in_pages_stand_as_they_were_drawn_down_to_their_least_sizes(page, extra):
    needs = {info.name: info.cls.LEAST for info in list_plugins() if info.cls is not None}
    for width, height, _ in page.variants:
        size = (max(width, 60) + extra[0], max(height, 14) + extra[1])
        node = page.fitting(*size)
        shown = fitted(node, *size, lambda slot: needs[slot.partition(":")[0]])
        assert isinstance(shown, type(node))
        if isinstance(node, Split):
            assert shown == node
