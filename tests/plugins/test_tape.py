"""Time and sales: prints, emphasis, our own fills, filter and hold."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from textual.events import Resize
from trading_scene import BTC, ETH, scene

from plugins.tape import MERGE, Tape, TapePane
from screens.testing import START
from workstation.clock import MILLISECOND, SECOND
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.market import Trade
from workstation.domain.order import Side


def trade(ts: int, price: int = 642_000, lots: int = 10, buy: bool = True) -> Trade:
    return Trade(BTC.id, ts, price, lots, buy, str(ts))


def fill(ts: int, side: Side = Side.BUY, liquidity: Liquidity = Liquidity.TAKER) -> Fill:
    return Fill(
        trade_id="1",
        client_id="c",
        instrument=BTC.id,
        side=side,
        quantity=Decimal("0.01"),
        price=Decimal("64200.1"),
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity=liquidity,
        ts=ts,
    )


def taped(*trades: Trade) -> Tape:
    tape = Tape()
    for one in trades:
        tape.add([one])
    return tape


# Prints.


def test_trades_that_come_together_make_the_prints_that_they_make_one_by_one():
    trades = [
        trade(
            number * MERGE // 2 + 50 * SECOND * (number > 30) - 20 * SECOND * (number > 45),
            price=642_000 + number // 4 % 2,
            lots=1 + number % 9,
            buy=bool(number // 8 % 2),
        )
        for number in range(60)
    ]
    one_by_one, together = taped(*trades[:7]), Tape()
    together.add(trades[:7])
    for tape in (one_by_one, together):
        tape.add_fill(fill(trades[6].ts), BTC)
    for one in trades[7:]:
        one_by_one.add([one])
    together.add(trades[7:])
    assert list(together.prints) == list(one_by_one.prints)
    assert len({one.trades for one in together.prints}) > 1
    assert [together.emphasis(one) for one in together.prints] == [one_by_one.emphasis(one) for one in together.prints]
    assert (together.added, together.version) == (one_by_one.added, one_by_one.version)


def test_one_orders_fills_at_a_price_are_one_print():
    tape = taped(trade(0), trade(MERGE), trade(2 * MERGE))
    (one,) = tape.prints
    assert (one.lots, one.trades, one.ts) == (30, 3, 0)


@pytest.mark.parametrize(
    "second", [trade(MERGE + 1), trade(1, price=642_001), trade(1, buy=False)], ids=["later", "price", "side"]
)
def test_other_trades_are_prints_of_their_own(second):
    assert len(taped(trade(0), second).prints) == 2


def test_large_prints_are_told_from_the_recent_ones():
    tape = taped(*(trade(number * SECOND, lots=10 + number % 10) for number in range(100)))
    assert tape.emphasis(tape.prints[-1]._replace(lots=10)) == 0
    assert tape.emphasis(tape.prints[-1]._replace(lots=19)) in (0, 1)
    assert tape.emphasis(tape.prints[-1]._replace(lots=500)) == 2


def test_nothing_is_large_before_there_is_something_to_compare_with():
    tape = taped(trade(0), trade(SECOND, lots=100_000))
    assert tape.emphasis(tape.prints[-1]) == 0


def test_our_fills_stand_where_they_belong_in_time():
    tape = taped(trade(0), trade(3 * SECOND))
    tape.add_fill(fill(SECOND), BTC)
    assert [one.own for one in tape.prints] == [None, Side.BUY, None]
    assert (tape.prints[1].price, tape.prints[1].lots) == (642_001, 100)


@pytest.mark.parametrize(
    ("side", "liquidity", "buy"),
    [(Side.BUY, Liquidity.TAKER, True), (Side.BUY, Liquidity.MAKER, False), (Side.SELL, Liquidity.TAKER, False),
     (Side.SELL, Liquidity.MAKER, True)],
)  # fmt: skip
def test_who_was_the_aggressor_of_our_fill(side, liquidity, buy):
    tape = Tape()
    tape.add_fill(fill(0, side, liquidity), BTC)
    assert tape.prints[0].buy is buy


def test_a_market_set_back_in_time_starts_the_tape_afresh():
    tape = taped(trade(100 * SECOND), trade(200 * SECOND), trade(50 * SECOND))
    assert [one.ts for one in tape.prints] == [50 * SECOND]


def test_the_filter_never_hides_our_own():
    tape = taped(trade(0), trade(SECOND, lots=500))
    tape.add_fill(fill(2 * SECOND), BTC)
    assert [one.lots for one in tape.shown(200)] == [100, 500]


def test_a_flood_keeps_only_what_can_be_scrolled_to():
    tape = taped(*(trade(number * SECOND) for number in range(5_000)))
    assert len(tape.prints) == 2_000
    assert tape.prints[-1].ts == 4_999 * SECOND


# The pane.


@asynccontextmanager
async def tape_pane(tmp_path, size=(60, 20), traded=False):
    async with scene(tmp_path, TapePane, size=size, traded=traded) as (desk, pilot):
        pane = desk.app.workspace.panes["tape"]
        pane.focus()

        async def press(*keys):
            for key in keys:
                await pilot.press(key)
            await desk.painted(pilot)
            pane.repaint()

        await press()
        yield desk, pane, press


def lines(pane):
    return [line for y in range(1, pane.height) if (line := pane.row_text(y)).strip()]


async def test_the_newest_trade_is_on_top_with_its_time(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        desk.feed(trade(START + 123 * MILLISECOND, price=642_007, lots=125))
        await press()
        top = lines(pane)[0]
        assert top.split()[:3] == ["▴12:00:00.123", "64200.7", "0.0125"]


async def test_merged_trades_are_counted(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        for number in range(3):
            desk.feed(trade(START + number, price=642_007, lots=100))
        await press()
        assert lines(pane)[0].split()[1:] == ["64200.7", "0.0300", "×3"]


async def test_aggressors_and_large_trades_look_different(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        desk.feed(trade(START, lots=10, buy=True))
        desk.feed(trade(START + SECOND, lots=10, buy=False))
        desk.feed(trade(START + 2 * SECOND, lots=1_000_000, buy=False))
        await press()
        ink = pane.ink
        large, sell, buy = (pane._strips[y] for y in (1, 2, 3))
        assert any(part.style.color == ink.bid.color for part in buy)
        assert any(part.style.color == ink.ask.color for part in sell)
        assert any(part.style.bold and part.style.bgcolor == ink.on_ask.bgcolor for part in large)


async def test_our_fills_are_marked(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        await desk.order(BTC.id, Side.BUY, "0.01")
        await press()
        assert lines(pane)[0].startswith("●")
        assert "you bought" in lines(pane)[0]


async def test_the_tape_is_copied_whole_and_exported(tmp_path):
    async with tape_pane(tmp_path, traded=True) as (desk, pane, press):
        await press("ctrl+y")
        titles, *rows = [line.split("\t") for line in desk.app.clipboard.splitlines()]
        assert titles == ["Time", "Side", "Price", "Size", "Trades", "Own"]
        assert len(rows) == len(pane.tape.shown(0)) > pane._body
        assert any(row[-1] == "own" for row in rows)
        desk.app.run_named("tape.export_csv")
        for _ in range(200):
            if any("rows written to" in one for one in desk.toasts()):
                break
            await asyncio.sleep(0.01)
        (path,) = (tmp_path / "exports").glob("tape-*.csv")
        assert len(path.read_text().splitlines()) == len(rows) + 1


async def test_the_tape_can_be_held_and_goes_on_where_the_market_is(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        before = lines(pane)
        await press("space")
        desk.feed(trade(START + SECOND, price=642_099))
        await press()
        assert lines(pane) == before
        assert pane.status() == "HELD +1"
        await press("space")
        assert "64209.9" in lines(pane)[0]
        assert pane.status() == ""


async def test_a_market_set_to_another_time_leaves_nothing_of_what_it_traded_then(tmp_path):
    async with tape_pane(tmp_path, traded=True) as (desk, pane, press):
        assert lines(pane)
        desk.engine._market.reset()  # as a replay that goes to another time does, paused
        await press()
        assert lines(pane) == [" No trades yet.".ljust(pane.width)]
        desk.feed(trade(START, price=642_007, lots=125))
        await press()
        assert lines(pane)[0].split()[1:] == ["64200.7", "0.0125"]


async def test_scrolling_holds_the_tape_and_going_up_to_the_top_lets_it_run(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        first = lines(pane)
        await press("down", "j")
        assert lines(pane)[0] == first[2]
        desk.feed(trade(START + SECOND, price=642_099))
        await press()
        assert lines(pane)[0] == first[2]
        await press("up", "k")
        assert "64209.9" in lines(pane)[0]


async def test_the_oldest_trade_is_the_end_of_scrolling(tmp_path):
    async with tape_pane(tmp_path) as (_, pane, press):
        await press(*["pagedown"] * 10)
        assert len(lines(pane)) == pane.height - 1
        await press("home")
        assert pane.status() == ""


async def test_the_size_filter_is_set_by_keys_and_kept_per_instrument(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        await press(*["+"] * 8)
        assert pane.status() == f"≥{pane.least.normalize():f}"
        assert "No trade of" in pane.row_text(1)
        desk.app.desk.select(ETH.id)
        await press()
        assert pane.least == 0
        desk.app.desk.select(BTC.id)
        await press(*["-"] * 8)
        assert pane.least == 0
        assert len(lines(pane)) > 5


async def test_ten_thousand_trades_between_two_frames_do_no_harm(tmp_path):
    async with tape_pane(tmp_path) as (desk, pane, press):
        for number in range(10_000):
            desk.feed(trade(START + number * 10 * MILLISECOND, price=642_000 + number % 7))
        await press()
        assert lines(pane)[0].split()[0] == "▴12:01:39.990"


async def test_a_narrow_tape_keeps_price_and_size(tmp_path):
    async with tape_pane(tmp_path, size=(20, 10)) as (_, pane, _press):
        assert all(len(line.split()) >= 2 for line in lines(pane))
        assert all(len(pane.row_text(y)) == pane.width for y in range(pane.height))


@pytest.mark.parametrize("width", range(20, 50))
async def test_how_many_trades_a_print_is_stands_there_whole_or_not_at_all(tmp_path, width):
    async with tape_pane(tmp_path, size=(width, 10)) as (desk, pane, press):
        for number in range(12):
            desk.feed(trade(START + number, price=642_007, lots=100))
        await press()
        top = lines(pane)[0]
        assert "×" not in top or "×12" in top
        assert width < 32 or "×12" in top


async def test_a_tape_of_another_size_shows_the_same_trades(tmp_path):
    async with tape_pane(tmp_path) as (_, pane, press):
        before = [line.split() for line in lines(pane)]
        await press("z", "z")
        pane.post_message(Resize(pane.size, pane.size))
        await press()
        assert [line.split() for line in lines(pane)][: len(before)] == before
