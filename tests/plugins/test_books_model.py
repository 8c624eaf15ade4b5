"""The ladder's model: grouped rows, the window and the cursor, own orders in their rows."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.books.columns import columns_for
from plugins.books.figures import places_for, quantity_text, steady_scale
from plugins.books.model import HOLD, Ladder, depth, fitting_group, row_of, step_group
from plugins.books.own import OwnCell, cells_of
from screens.own_orders import order_ticks
from screens.testing import BTC
from workstation.domain.market import BookSnapshot
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.market.book import OrderBook


def book_of(bids: dict[int, int], asks: dict[int, int]) -> OrderBook:
    book = OrderBook(BTC.id)
    book.apply(BookSnapshot(BTC.id, 1, 1, tuple(bids.items()), tuple(asks.items())))
    return book


def deep(bid: int, ask: int, step: int = 1, levels: int = 200) -> OrderBook:
    return book_of(
        {bid - step * number: 10 for number in range(levels)}, {ask + step * number: 10 for number in range(levels)}
    )


def ladder_on(book: OrderBook, rows: int = 20, group: int = 1) -> Ladder:
    ladder = Ladder(group)
    ladder.resize(rows, book)
    return ladder


def order(side: Side, price: str, quantity: str = "0.5", **terms: object) -> Order:
    draft = OrderDraft(instrument=BTC.id, side=side, quantity=Decimal(quantity), price=Decimal(price))
    made = Order.from_draft(draft, f"{side}{price}", 1)
    return msgspec.structs.replace(made, **({"state": OrderState.ACCEPTED} | terms))


# Grouping.


def test_grouping_floors_bids_and_ceils_asks():
    assert row_of(1049, Side.BUY, 50) == 20
    assert row_of(1050, Side.BUY, 50) == 21
    assert row_of(1050, Side.SELL, 50) == 21
    assert row_of(1051, Side.SELL, 50) == 22


@given(bid=st.integers(1, 10**6), spread=st.integers(1, 1000), group=st.sampled_from([1, 2, 5, 10, 50, 1000]))
def test_best_bid_and_best_ask_never_share_a_row(bid, spread, group):
    assert row_of(bid, Side.BUY, group) < row_of(bid + spread, Side.SELL, group)


@given(
    levels=st.dictionaries(st.integers(1, 400), st.integers(1, 50), min_size=1, max_size=60),
    group=st.sampled_from([1, 2, 5, 10, 20]),
)
def test_depth_puts_every_lot_of_the_window_into_one_row(levels, group):
    bids = depth(sorted(levels.items(), reverse=True), Side.BUY, group, 0, 1000)
    asks = depth(sorted(levels.items()), Side.SELL, group, 0, 1000)
    assert sum(bids.values()) == sum(asks.values()) == sum(levels.values())
    for row, lots in bids.items():
        assert lots == sum(q for price, q in levels.items() if row * group <= price < (row + 1) * group)
    for row, lots in asks.items():
        assert lots == sum(q for price, q in levels.items() if (row - 1) * group < price <= row * group)


def test_depth_shows_only_the_window():
    assert depth([(105, 1), (104, 2), (103, 4), (102, 8)], Side.BUY, 1, 103, 104) == {104: 2, 103: 4}
    assert depth([(95, 1), (96, 2), (97, 4), (98, 8)], Side.SELL, 1, 96, 97) == {96: 2, 97: 4}


def test_groupings_step_through_one_two_five():
    group, seen = 1, []
    for _ in range(7):
        seen.append(group)
        group = step_group(group, 1)
    assert seen == [1, 2, 5, 10, 20, 50, 100]
    assert step_group(100, -3) == 10
    assert step_group(1, -1) == 1


def test_a_dense_quiet_book_gets_a_row_for_every_tick():
    assert fitting_group(deep(1000, 1001), 24, bar_range=8.0) == 1


def test_a_sparse_book_is_grouped_until_rows_have_levels():
    assert fitting_group(deep(6_400_000, 6_400_001, step=40), 24, bar_range=None) == 50


def test_a_volatile_market_is_grouped_to_show_a_minute_of_it():
    assert fitting_group(deep(6_400_000, 6_400_001, step=40), 24, bar_range=1_200.0) == 100


def test_a_wide_spread_leaves_room_for_both_sides():
    group = fitting_group(deep(1000, 1100), 24, bar_range=None)
    assert group is not None
    assert 100 / group <= 5


def test_an_empty_side_gives_no_grouping():
    assert fitting_group(book_of({1: 1}, {}), 24, None) is None


# The window.


def test_the_touch_stands_in_the_middle_at_first():
    ladder = ladder_on(deep(1000, 1001))
    assert (ladder.top, ladder.bottom) == (1010, 991)


def test_the_window_stays_while_the_touch_moves_inside_it():
    ladder = ladder_on(deep(1000, 1001))
    ladder.follow(deep(1004, 1005), now=0)
    assert ladder.top == 1010


def test_the_window_follows_a_touch_that_comes_near_its_edge():
    ladder = ladder_on(deep(1000, 1001))
    ladder.follow(deep(1009, 1010), now=0)
    assert ladder.shows(1009)
    assert ladder.top == 1019


def test_the_window_never_moves_under_the_trader():
    ladder = ladder_on(deep(1000, 1001))
    ladder.move(2, deep(1000, 1001), now=100)
    ladder.follow(deep(1050, 1051), now=100 + HOLD - 1)
    assert ladder.top == 1010
    assert ladder.out_of_sight(deep(1050, 1051)) == 1
    assert ladder.out_of_sight(deep(900, 901)) == -1


def test_the_window_never_moves_while_an_order_is_staged():
    ladder = ladder_on(deep(1000, 1001))
    ladder.follow(deep(1050, 1051), now=0, hold=True)
    assert ladder.top == 1010


def test_once_the_trader_rests_the_window_follows_and_a_lost_cursor_goes_back_to_the_touch():
    ladder = ladder_on(deep(1000, 1001))
    ladder.move(2, deep(1000, 1001), now=100)
    moved = deep(1050, 1051)
    ladder.follow(moved, now=100 + HOLD)
    assert ladder.shows(1050)
    assert ladder.cursor is None
    assert ladder.cursor_row(moved) == 1050


def test_a_scrolled_window_stays_for_a_while():
    book = deep(1000, 1001)
    ladder = ladder_on(book)
    ladder.scroll(15, now=5)
    ladder.follow(book, now=6)
    assert ladder.top == 1025
    ladder.follow(book, now=6 + HOLD)
    assert ladder.top == 1010


def test_a_spread_wider_than_the_window_does_not_make_it_jump():
    ladder = ladder_on(deep(1000, 1100))
    top = ladder.top
    for shift in range(3):
        ladder.follow(deep(1000 + shift, 1100 + shift), now=0)
    assert ladder.top == top


# The cursor.


def test_the_cursor_rests_on_the_touch_until_it_is_moved():
    ladder = ladder_on(deep(1000, 1001))
    assert ladder.cursor_row(deep(1000, 1001)) == 1000
    assert ladder.cursor_row(deep(1003, 1004)) == 1003
    ladder.choose(Side.SELL, deep(1003, 1004), now=0)
    assert ladder.cursor_row(deep(1003, 1004)) == 1004


def test_a_moved_cursor_keeps_its_price_and_not_its_row():
    book = deep(1000, 1001)
    ladder = ladder_on(book)
    ladder.move(-3, book, now=0)
    moved = deep(1010, 1011)
    assert ladder.cursor_row(moved) == 997
    ladder.centre(moved)  # the row is elsewhere on the screen now
    assert ladder.cursor == 997
    ladder.release()
    assert ladder.cursor_row(moved) == 1010


def test_the_window_comes_along_with_the_cursor():
    book = deep(1000, 1001)
    ladder = ladder_on(book)
    ladder.move(30, book, now=0)
    assert ladder.top == 1030
    ladder.move(-60, book, now=0)
    assert ladder.bottom == 970


def test_the_cursor_never_goes_below_the_first_row():
    book = deep(3, 4, levels=2)
    ladder = ladder_on(book)
    ladder.move(-10, book, now=0)
    assert ladder.cursor == 1


def test_regrouping_keeps_the_cursors_price_as_near_as_rows_allow():
    book = deep(1000, 1001)
    ladder = ladder_on(book)
    ladder.put(987, now=0)
    ladder.regroup(10, book)
    assert ladder.cursor == 980
    assert ladder.shows(98)


# Our orders.


def test_working_orders_stand_in_their_row_and_side():
    orders = [order(Side.BUY, "64199.7"), order(Side.BUY, "64199.9"), order(Side.SELL, "64200.2", "0.25")]
    cells = cells_of(orders, BTC, 5, {"buy64199.7": Decimal("3.2"), "buy64199.9": Decimal("1.1")}.get)
    buy, sell = cells[642_000 // 5 - 1, Side.BUY], cells[642_005 // 5, Side.SELL]
    assert (buy.quantity, buy.count, buy.ahead) == (Decimal(1), 2, Decimal("1.1"))
    assert (sell.quantity, sell.count, sell.ahead) == (Decimal("0.25"), 1, None)
    assert len(cells) == 2


def test_a_partly_filled_order_shows_what_is_left():
    cells = cells_of([order(Side.BUY, "64199.7", filled=Decimal("0.2"))], BTC, 1, lambda _: None)
    assert cells[641_997, Side.BUY].quantity == Decimal("0.3")


def test_a_waiting_stop_stands_at_its_trigger_and_a_triggered_one_at_its_limit():
    terms = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal("64100.0")}
    assert order_ticks(order(Side.SELL, "64099", **terms), BTC) == 641_000
    assert order_ticks(order(Side.SELL, "64099", **terms, triggered=True), BTC) == 640_990
    assert order_ticks(msgspec.structs.replace(order(Side.SELL, "64099"), price=None), BTC) is None


@pytest.mark.parametrize(
    ("state", "shown"),
    [(OrderState.ACCEPTED, "working"), (OrderState.SUBMITTED, "sent"), (OrderState.PENDING_CANCEL, "sent"),
     (OrderState.UNKNOWN, "unknown")],
)  # fmt: skip
def test_what_a_venue_has_not_confirmed_is_marked(state, shown):
    cells = cells_of([order(Side.BUY, "64199.7", state=state)], BTC, 1, lambda _: None)
    assert cells[641_997, Side.BUY].state == shown


@pytest.mark.parametrize(
    ("width", "text"), [(12, "0.5 ▸3.217"), (9, "0.5▸3.217"), (7, "0.5▸3.2"), (5, "0.5▸3"), (4, "0.5"), (3, "0.5")]
)
def test_queue_position_gives_way_before_our_own_quantity(width, text):
    cell = OwnCell(Side.BUY, Decimal("0.5"), 1, Decimal("3.217"), "working", False)
    assert cell.text(width, 3) == text


def test_a_queue_is_never_shortened_to_nothing():
    cell = OwnCell(Side.BUY, Decimal("0.075"), 1, Decimal("0.285"), "working", False)
    assert [cell.text(width, 3) for width in (11, 9, 8, 7)] == ["0.075▸0.285", "0.075▸0.3", "0.075", "0.075"]
    nobody = OwnCell(Side.BUY, Decimal("0.075"), 1, Decimal(0), "working", False)
    assert nobody.text(7, 3) == "0.075▸0"


def test_several_orders_of_a_row_are_counted_where_there_is_room():
    cell = OwnCell(Side.BUY, Decimal("1.5"), 3, Decimal(2), "working", False)
    assert [cell.text(width, 0) for width in (10, 7, 5, 3)] == ["1.5/3 ▸2", "1.5/3▸2", "1.5▸2", "1.5"]


def test_stops_and_unconfirmed_orders_say_so():
    assert OwnCell(Side.SELL, Decimal("0.1"), 1, None, "working", True).text(9, 3) == "0.1 stp"
    assert OwnCell(Side.SELL, Decimal("0.1"), 1, Decimal(1), "sent", False).text(9, 3) == "0.1…"
    assert OwnCell(Side.SELL, Decimal("0.1"), 1, None, "unknown", False).text(9, 3) == "0.1?"


# Figures.


@pytest.mark.parametrize(
    ("quantity", "places", "width", "text"),
    [(12.3456, 3, 6, "12.346"), (12.3456, 3, 5, "12.35"), (0.0001, 3, 6, "<.001"), (0.0, 3, 6, ""),
     (123_456.0, 1, 6, "123456"), (1_234_567.0, 1, 6, "1.2M"), (1_234_567.0, 1, 3, "1M")],
)  # fmt: skip
def test_quantities_fit_their_column(quantity, places, width, text):
    assert quantity_text(quantity, places, width) == text


def test_decimals_follow_the_size_of_what_is_shown():
    assert [places_for(scale, 5) for scale in (0.5, 5.0, 50.0, 500.0, 5000.0)] == [3, 3, 2, 1, 0]
    assert places_for(0.5, 1) == 1


def test_the_scale_of_the_bars_does_not_twitch():
    assert steady_scale(730, 0) == 1000
    assert steady_scale(990, 1000) == steady_scale(260, 1000) == 1000
    assert steady_scale(1001, 1000) == 2000
    assert steady_scale(240, 1000) == 500


@pytest.mark.parametrize("width", [20, 26, 32, 33, 40, 45, 46, 50, 60, 80, 120])
@pytest.mark.parametrize("price", [6, 8, 10])
def test_columns_fill_the_width_and_keep_room_for_quantities(width, price):
    columns = columns_for(width, price)
    used = columns.own + columns.bid + columns.price + 2 + columns.last + columns.ask + columns.sells
    assert max(width, price + 2) - (used + 2 * columns.margin) in (0, 1)
    if width >= 32:
        assert columns.bid >= 5
        assert columns.ask >= 5
        assert columns.own >= 8
