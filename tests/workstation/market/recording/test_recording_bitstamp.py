"""Raw Bitstamp sessions: snapshots and diffs joined by the microsecond at which they were true."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from raw_replays import FIRST, answer, at, book_of, kinds, play, stream

from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Trade
from workstation.market.recording import RecordingSource

ETH = "BITSTAMP:ETH-USD"
WS = "wss://ws.bitstamp.net/"
BOOK = "https://www.bitstamp.net/api/v2/order_book/ethusd"
PAIRS = answer(
    "https://www.bitstamp.net/api/v2/trading-pairs-info/",
    [{"url_symbol": "ethusd", "name": "ETH/USD", "base_decimals": 8, "counter_decimals": 2, "minimum_order": "20 USD"}],
)


def diff(moment: int, bids: list[list[str]], asks: list[list[str]], pair: str = "ethusd") -> dict[str, Any]:
    return {"event": "data", "channel": f"diff_order_book_{pair}", "data": levels(moment, bids, asks)}


def levels(moment: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    return {"timestamp": "1", "microtimestamp": str(moment), "bids": bids, "asks": asks}


BIDS, ASKS = [["3802.90", "0.60000000"], ["3802.89", "3.2"]], [["3803.10", "1.5"]]
SNAPSHOT = answer(BOOK, levels(500, BIDS, ASKS), FIRST + 1.5)
OLDER = diff(500, [["3802.90", "9.0"]], [])
NEWER = diff(650, [["3802.90", "0.00000000"]], [["3803.00", "2.0"]])
BOUGHT = {"id": 77, "price": 3803.0, "price_str": "3803.00", "amount": 0.25, "amount_str": "0.25000000", "type": 0}


def session(folder: Path, *messages: Any) -> tuple[RecordingSource, list[MarketEvent]]:
    asked = {"event": "bts:subscription_succeeded", "channel": "diff_order_book_ethusd", "data": {}}
    return play(folder, [PAIRS], [SNAPSHOT], stream(WS, [asked, OLDER, *messages]))


def test_diffs_that_the_snapshot_holds_are_dropped_and_later_ones_follow(tmp_path: Path) -> None:
    trade = {"event": "trade", "channel": "live_trades_ethusd", "data": BOUGHT}
    source, events = session(tmp_path, NEWER, trade)
    snapshot = at(1) + 500_000_000
    cents, coin = 1, 10**8
    assert events == [
        BookSnapshot(ETH, snapshot, 500, ((380290, 60_000_000), (380289, 32 * coin // 10)), ((380310, 3 * coin // 2),)),
        BookDelta(ETH, at(2), 650, 0, ((380290, 0),), ((380300 * cents, 2 * coin),)),
        Trade(ETH, at(3), 380300, coin // 4, True, "77"),
    ]
    assert source.notices == []


def test_steps_and_minimum_are_from_the_metadata(tmp_path: Path) -> None:
    (eth,) = session(tmp_path, NEWER)[0].instruments
    assert (eth.id, eth.base, eth.quote, eth.is_spot) == (ETH, "ETH", "USD", True)
    assert (eth.tick, eth.lot, eth.min_notional) == (Decimal("0.01"), Decimal("0.00000001"), 20)


def test_without_metadata_steps_are_inferred_and_the_symbol_is_split(tmp_path: Path) -> None:
    source, events = play(tmp_path, [SNAPSHOT], stream(WS, [OLDER, OLDER, NEWER]))
    (eth,) = source.instruments
    assert (eth.id, eth.tick, eth.lot) == (ETH, Decimal("0.01"), Decimal("0.1"))
    assert book_of(events).best_ask == 380300


def test_diffs_that_arrive_before_the_snapshot_wait_for_it_in_order_of_time(tmp_path: Path) -> None:
    late = answer(BOOK, levels(500, BIDS, ASKS), FIRST + 9)
    third, second = diff(800, [["3802.89", "7.0"]], []), diff(700, [["3802.89", "5.0"]], [])
    _, events = play(tmp_path, [PAIRS], [late], stream(WS, [OLDER, NEWER, third, second]))
    assert [event.sequence for event in events if not isinstance(event, Trade | BookStale)] == [500, 650, 700, 800]
    assert {event.ts for event in events} == {at(9)}
    assert book_of(events).bids == {380289: 700_000_000}


def test_a_diff_that_runs_backwards_in_time_makes_the_book_stale_until_a_snapshot(tmp_path: Path) -> None:
    again = answer(BOOK, levels(900, BIDS, ASKS), FIRST + 7)
    messages = [OLDER, OLDER, NEWER, diff(600, [], [["3803.00", "0"]]), diff(700, [], [["3803.00", "1"]])]
    _, events = play(tmp_path, [PAIRS], [SNAPSHOT, again], stream(WS, messages))
    assert kinds(events) == ["BookSnapshot", "BookDelta", "BookStale", "BookSnapshot"]
    assert events[2] == BookStale(ETH, at(3), "an update came 0.000050 s late, after others of its book")
    assert (book_of(events).stale, book_of(events).best_bid) == (None, 380290)


def test_a_sale_is_a_trade_whose_aggressor_sold(tmp_path: Path) -> None:
    sold = {"event": "trade", "channel": "live_trades_ethusd", "data": BOUGHT | {"type": 1}}
    _, events = session(tmp_path, sold)
    assert isinstance(events[-1], Trade)
    assert not events[-1].buyer_is_aggressor


def test_a_channel_without_a_snapshot_is_left_out_and_said(tmp_path: Path) -> None:
    asked = {"event": "bts:subscription_succeeded", "channel": "diff_order_book_xlmgbp", "data": {}}
    source, events = session(tmp_path, asked, diff(600, [["0.2", "1"]], [], "xlmgbp"))
    assert {event.instrument for event in events} == {ETH}
    assert source.notices == ["xlmgbp has no order book snapshot in its session and is left out."]


def test_levels_between_the_ticks_are_left_out_where_the_tick_is_known_and_break_the_book_where_it_is_not(
    tmp_path: Path,
) -> None:
    between = diff(700, [["3802.905", "1.0"]], [])
    source, events = session(tmp_path, between)
    assert events[-1] == BookDelta(ETH, at(2), 700, 0, (), ())
    assert source.notices == ["1 prices of BITSTAMP:ETH-USD between its ticks of 0.01 are left out of its book."]
    _, events = play(tmp_path, [SNAPSHOT], stream(WS, [OLDER, OLDER, between]))
    assert events[-1] == BookStale(ETH, at(2), "update 700 cannot be used: 3802.905 is not a multiple of 0.01")
