"""Small parts of the shell: contrast of the themes, notices, sizes, what is remembered, fuzzy finding, table panes."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest
from demo_panes import Orders, Watchlist
from msgspec.structs import replace

from screens.bars import age, money
from screens.figures import figure_within, places_of
from screens.finder import Entry, Finder
from screens.fuzzy import score
from screens.parts import wrapped
from screens.sizes import Sizes, presets
from screens.state import DeskState
from screens.testing import BTC, ETH, PERP
from screens.theme import COLOURS, DARK, INKS, Ink, contrast
from workstation.domain.instrument import ContractType
from workstation.settings import Settings

VALUES = Settings().size_presets


@pytest.mark.parametrize("name", COLOURS)
def test_text_can_be_read_on_every_ground_it_stands_on(name):
    colours = COLOURS[name]
    for ground in (colours.background, colours.surface, colours.bar, colours.cursor):
        for ink in ("text", "dim", "bid", "ask", "accent", "warning", "error", "own"):
            least = 4.5 if ground == colours.background or ink == "text" else 3.0
            assert contrast(getattr(colours, ink), ground) >= least, (ink, ground)
    for depth in (colours.bid_depth, colours.ask_depth):
        assert contrast(colours.text, depth) >= 7
    for badge in (colours.live, colours.demo, colours.replay):
        assert contrast(colours.on_badge, badge) >= 4.5
    assert contrast(colours.on_paper, colours.paper) >= 4.5


def test_profit_is_green_loss_red_and_nothing_grey():
    ink = Ink(COLOURS["tws-dark"])
    assert ink.signed(Decimal(1)) is ink.bid
    assert ink.signed(-0.5) is ink.ask
    assert ink.signed(0) is ink.dim
    assert ink.signed(None) is ink.dim


def test_size_presets_are_round_whole_lots_worth_about_the_values():
    for instrument, price in ((BTC, Decimal(64_200)), (ETH, Decimal(3_210)), (PERP, Decimal(64_215))):
        sizes = presets(instrument, price, VALUES)
        assert sizes == sorted(set(sizes))
        for size in sizes:
            assert size % instrument.lot == 0
            assert instrument.notional(size, price) >= instrument.min_notional


def test_sizes_step_between_presets_and_remember_a_size_of_ones_own():
    sizes = Sizes(VALUES)
    price = Decimal(64_200)
    start = sizes.get(BTC, price)
    assert Decimal(500) <= start * price <= Decimal(2_000)
    up = sizes.step(BTC, price, 1)
    assert up > start
    assert sizes.step(BTC, price, -1) == start
    sizes.set(BTC, Decimal("0.0333"))
    assert sizes.step(BTC, price, 1) > Decimal("0.0333")
    assert sizes.step(BTC, price, -100) == presets(BTC, price, VALUES)[0]
    with pytest.raises(ValueError, match="above zero"):
        sizes.set(BTC, Decimal(0))


def test_the_first_size_of_a_coin_margined_and_of_a_coin_quoted_instrument_is_worth_as_much_as_any():
    inverse = replace(
        PERP,
        quote="USD",
        contract=ContractType.INVERSE,
        multiplier=Decimal(100),
        lot=Decimal(1),
        min_notional=Decimal(0),
    )
    assert Sizes(VALUES).get(inverse, Decimal(64_200)) == 10, "contracts of 100 USD"
    quoted = replace(ETH, base="ADA", quote="BTC", min_notional=Decimal(0), lot=Decimal(1))
    assert Sizes(VALUES).get(quoted, Decimal("0.00002")) == 1_000, "0.02 BTC, not 1,000"


def test_money_in_a_coin_has_eight_decimals():
    assert [places_of(currency) for currency in ("USDT", "FDUSD", "EUR", "BTC", "ETH")] == [2, 2, 2, 8, 8]


def test_a_figure_that_does_not_fit_loses_zeros_and_shows_that_it_has_more_digits():
    assert figure_within("1,000.00000000", 14) == "1,000.00000000"
    assert figure_within("1,000.00000000", 8) == "1,000"
    assert figure_within("-0.00001250", 10) == "-0.0000125"
    assert figure_within("+0.12345678", 8) == "+0.1234…"
    assert figure_within("0.00000049", 8) == "0.00000…", "not nothing"
    assert figure_within("-0.00000499", 8) == "-0.0000…", "not no loss"
    assert figure_within("1.23456788", 8) == "1.23456…", "not all of 1.23456789"
    assert figure_within("1,234,567.89", 6) == "1,234,567.89", "nothing helps: the table marks it as cut"


def test_looks_are_kept_and_a_damaged_file_is_left_alone(tmp_path):
    path = tmp_path / "deep" / "desk.json"
    state = DeskState(path)
    state.pane("books")["group"] = 10
    state.dirty = True
    assert state.save() is None
    state.settle()
    assert DeskState(path).pane("books") == {"group": 10}
    path.write_text("{ not json")
    damaged = DeskState(path)
    assert "cannot be read" in damaged.problem
    damaged.dirty = True
    assert damaged.save() is None
    assert path.read_text() == "{ not json"


def test_looks_that_cannot_be_saved_are_said(tmp_path):
    (tmp_path / "file").write_text("")
    state = DeskState(tmp_path / "file" / "desk.json")
    state.dirty = True
    state.save()
    state.settle()
    assert "cannot be saved" in state.save()
    assert state.save() is None, "said once, not at every frame"


def test_a_disk_that_hangs_holds_up_no_frame(tmp_path, monkeypatch):
    disk, threads, writes = threading.Event(), set(), Path.write_text

    def hangs(path, *what):
        threads.add(threading.current_thread())
        disk.wait(10)
        return writes(path, *what)

    monkeypatch.setattr(Path, "write_text", hangs)
    state = DeskState(tmp_path / "desk.json")
    for theme in ("dark", "safe", "mono"):
        state.values["theme"] = theme
        state.dirty = True
        assert state.save() is None
    disk.set()
    state.settle()
    assert DeskState(state.path).values == {"theme": "mono"}
    assert threading.current_thread() not in threads
    assert len(threads) == 1


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("ca", "Cancel all", "Recentre the ladder scale"),
        ("order t", "Order ticket", "Orders"),
        ("kill", "Kill", "Skill"),
    ],
)
def test_finding_prefers_the_beginning_of_words(query, better, worse):
    assert score(query, better) > score(query, worse)


def test_finding_takes_left_out_letters_of_the_title_but_no_nonsense():
    assert score("cmd", "Command line") > 0
    assert score("qqq", "Command line", "all words") == 0
    assert score("sol", "Anything", "NOVA:SOL-USDT") > 0


def test_money_and_age_are_short():
    assert money(Decimal("1234567.891")) == "1,234,567.89"
    assert money(Decimal("-3.5"), sign=True) == "-3.50"
    assert [age(int(seconds * 1e9)) for seconds in (0.21, 15, 200, 9_000)] == ["0.2s", "15s", "3m", "2h"]
    assert age(-5) == "0.0s"


async def test_a_flood_of_notices_is_folded_and_errors_outlive_news(open_desk):
    async with open_desk() as (desk, pilot):
        for _ in range(500):
            desk.app.toast("the same")
        desk.app.toast("an error", error=True)
        for number in range(20):
            desk.app.toast(f"news {number}")
        await pilot.pause()
        assert len(desk.toasts()) == 4
        assert "an error" in desk.toasts()
        notices = desk.app.desk_screen.notices
        notices.clear()
        for _ in range(3):
            desk.app.toast("thrice")
        await desk.painted(pilot)
        assert "thrice  ×3" in desk.screen_text()


async def test_a_table_keeps_its_cursor_on_the_row_through_sorting_and_drops_columns_when_narrow(open_desk):
    async with open_desk(panes=[Watchlist, Orders]) as (desk, pilot):
        desk.app.workspace.focus_slot("watchlist")
        table = desk.app.workspace.panes["watchlist"]
        await pilot.press("j", "j")
        assert table.selected_row.id == "NOVA:SOL-USDT"
        await pilot.press("t")
        assert table.sort_key == "symbol"
        assert table.selected_row.id == "NOVA:SOL-USDT"
        await pilot.press("T", "g")
        assert table.selected_row.symbol == "SOL-USDT", "the order is turned: SOL stands first"
        assert "Tick" in table.row_text(0)
        await pilot.resize_terminal(62, 20)
        await desk.painted(pilot)
        assert "Symbol" in table.row_text(0)
        orders = desk.app.workspace.slot_for("orders")
        desk.app.workspace.focus_slot(orders)
        await desk.painted(pilot)
        assert "No orders yet" in desk.screen_text()


async def test_a_table_is_up_to_date_until_its_rows_cursor_sort_or_looks_change(open_desk):
    async with open_desk(size=(160, 48)) as (desk, _):
        table = desk.app.workspace.panes["watchlist"]

        def changes(what) -> bool:
            table.paint(0)
            assert table.up_to_date("prices of the first second")
            what()
            return not table.up_to_date("prices of the first second")

        table.up_to_date("prices of the first second")
        assert not changes(lambda: None)
        assert changes(lambda: table.move_to(1))
        assert changes(lambda: table.sort_by("tick"))
        assert changes(table.invalidate)
        assert changes(table.resized)
        table.paint(0)
        assert not table.up_to_date("prices of the next second")


async def test_a_table_takes_the_mouse(open_desk):
    async with open_desk(panes=[Watchlist, Orders]) as (desk, pilot):
        await pilot.click(Watchlist, offset=(3, 3))
        table = desk.app.workspace.panes["watchlist"]
        assert table.selected_row.id == "NOVA:SOL-USDT"
        assert table.has_focus
        await pilot.click(Watchlist, offset=(3, 0))
        assert table.sort_key == "symbol"


def test_a_figure_stays_with_its_unit_where_a_sentence_is_wrapped():
    text = "Seen at 04:42:13 UTC, 0.2 s after the press; the same on every path: +445.57 %."
    for width in range(12, 90):
        lines = wrapped(text, width)
        assert " ".join(lines) == text
        assert not any(line.startswith(("s ", "%")) for line in lines)


def test_what_is_said_of_the_entries_of_a_list_stands_in_one_column():
    titles = ["BTC-USDT", "BTC-USDT-PERP", "For Sharpe ratio, profit factor and drawdown"]
    finder = Finder("", "", [Entry("NOVA", title, lambda: None, "spot") for title in titles], "")
    lines = ["".join(text for text, _ in finder._line(entry, INKS[DARK]).left) for entry in finder.entries]
    assert [line.index("spot") for line in lines] == [38, 38, 58]
