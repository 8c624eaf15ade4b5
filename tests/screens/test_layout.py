"""Layouts place every pane, without gaps or overlaps, and leave out what is not installed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from screens.layout import PAGES, TRADE, only, pages_for, pane_of, place, slots_of, tabs

BUILT_IN = frozenset({"watchlist", "books", "tape", "chart", "ticket", "orders", "positions", "log"})
SIZES = [(160, 46), (100, 28), (80, 22), (60, 14), (250, 70)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
@pytest.mark.parametrize("size", SIZES)
def test_places_fill_the_page_and_never_overlap(page, size):
    width, height = size
    places = place(page.fitting(width, height), Region(0, 0, width, height))
    seen = set()
    for spot in places:
        assert spot.body.width >= 20
        assert spot.body.height >= 4
        for region in (spot.title, spot.body):
            cells = {(x, y) for x in range(region.x, region.right) for y in range(region.y, region.bottom)}
            assert not cells & seen
            seen |= cells
    rules = {(x, y) for x in range(width) for y in range(height)} - seen
    assert len({x for x, _ in rules}) <= 6, "what is left are the rules between columns"


@pytest.mark.parametrize("size", SIZES)
def test_every_pane_of_the_trade_page_can_be_reached_at_every_size(size):
    assert {pane_of(slot) for slot in slots_of(TRADE.fitting(*size))} == BUILT_IN


@given(st.sets(st.sampled_from(sorted(BUILT_IN)), min_size=1), st.sampled_from(SIZES))
def test_panes_that_are_not_installed_leave_no_hole(panes, size):
    width, height = size
    kept = only(TRADE.fitting(width, height), frozenset(panes))
    assert kept is not None
    assert {pane_of(slot) for slot in slots_of(kept)} == panes
    places = place(kept, Region(0, 0, width, height))
    assert max(spot.body.right for spot in places) == width
    assert max(spot.body.bottom for spot in places) == height


def test_pages_without_panes_do_not_exist_and_strange_panes_get_one():
    assert [page.title for page in pages_for(frozenset({"orders"}))] == ["Trade", "Blotter"]
    last = pages_for(frozenset({"orders", "mine", "yours"}))[-1]
    assert last.title == "More"
    assert last.fitting(80, 22) == tabs("mine", "yours")
    assert pages_for(frozenset()) == []
