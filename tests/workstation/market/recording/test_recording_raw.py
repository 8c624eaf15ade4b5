"""Raw sessions of the venues, made up by hand: sequences, checksums, steps, symbols."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from raw_sessions import (
    ASKS,
    BIDS,
    MS,
    START,
    coinbase_session,
    coinm_diff,
    kraken_session,
    plain,
    snapshot,
    spot_diff,
    spot_session,
    spot_ticker,
    stream,
    usdm_diff,
    usdm_session,
    write,
)

from workstation.domain.instrument import ContractType
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.market.book import OrderBook
from workstation.market.recording import RecordingSource, open_recording

FOREVER = 2**62
BTC = "BINANCE:BTC-USDT"


def replay(*paths: Path) -> tuple[RecordingSource, list[MarketEvent]]:
    source = open_recording(paths)
    events = list(source.until(FOREVER))
    source.close()
    return source, events


def book_of(events: list[MarketEvent]) -> OrderBook:
    book = OrderBook(events[0].instrument)
    for event in events:
        if isinstance(event, BookDelta | BookSnapshot | BookStale):
            book.apply(event)
    return book


# Binance


def test_spot_diffs_wait_for_the_snapshot_and_follow_it(tmp_path: Path) -> None:
    source, events = replay(plain(tmp_path / "spot.gz", spot_session()))
    at = START + 20 * MS
    assert events == [
        BookSnapshot(BTC, at, 12, ((10010, 1500), (10000, 2001)), ((10020, 500), (10031, 3000))),
        BookDelta(BTC, at, 14, 12, ((10010, 1250),), ()),  # spans 12; the diff up to 10 is older than the snapshot
        Quote(BTC, at + 10 * MS, 16, 10010, 1250, 10030, 1000),
        BookDelta(BTC, at + 20 * MS, 16, 14, (), ((10020, 0), (10030, 1000))),
        Trade(BTC, at + 30 * MS, 10030, 250, True, "77"),
        BookDelta(BTC, at + 40 * MS, 17, 16, ((10000, 0),), ()),
    ]
    assert source.start == at
    assert source.end == START + 60 * MS


def test_steps_are_inferred_from_the_numbers(tmp_path: Path) -> None:
    source, _ = replay(plain(tmp_path / "spot", spot_session()))
    (btc,) = source.instruments
    assert (btc.id, btc.base, btc.quote, btc.contract) == (BTC, "BTC", "USDT", ContractType.SPOT)
    assert (btc.tick, btc.lot) == (Decimal("0.01"), Decimal("0.001"))
    assert (btc.maker_fee, btc.taker_fee) == (Decimal("0.001"), Decimal("0.001"))


def test_a_missing_diff_makes_the_book_stale_until_the_next_snapshot(tmp_path: Path) -> None:
    session = spot_session()
    session[4:5] = []
    session += [spot_diff(18, 20, [["99.90000000", "1.00000000"]], []), snapshot(19, BIDS, ASKS)]
    _, events = replay(plain(tmp_path / "gap", session))
    stale = next(event for event in events if isinstance(event, BookStale))
    assert stale.reason == "update 17 does not follow 14: updates are missing here"
    assert [type(event).__name__ for event in events[events.index(stale) + 1 :]] == ["BookSnapshot", "BookDelta"]
    book = book_of(events)
    assert (book.stale, book.sequence, book.bids[9990]) == (None, 20, 1000)


def test_a_first_diff_that_does_not_reach_back_to_the_snapshot_is_a_gap(tmp_path: Path) -> None:
    _, events = replay(
        plain(
            tmp_path / "gap",
            [snapshot(12, BIDS, ASKS), spot_diff(14, 15, BIDS, []), spot_diff(16, 16, BIDS, [])],
        )
    )
    assert [type(event).__name__ for event in events] == ["BookSnapshot", "BookStale"]


def test_usdm_diffs_follow_by_their_previous_id(tmp_path: Path) -> None:
    source, events = replay(plain(tmp_path / "usdm", usdm_session()))
    (perp,) = source.instruments
    assert (perp.id, perp.contract) == ("BINANCE-USDM:BTC-USDT-PERP", ContractType.LINEAR)
    assert perp.leverage > 1
    assert [(event.sequence, event.previous) for event in events if isinstance(event, BookDelta)] == [(9, 7), (15, 9)]
    gap = [*usdm_session(), usdm_diff(17, 18, 16, [], [])]
    _, events = replay(plain(tmp_path / "gap", gap))
    assert isinstance(events[-1], BookStale)


def test_coin_margined_contracts_are_inverse_and_worth_a_hundred_dollars(tmp_path: Path) -> None:
    session = [
        coinm_diff(2, 4, 1, [["100.1", "7"]], []),
        snapshot(3, [["100.0", "5"]], [["100.3", "6"]]) | {"symbol": "BTCUSD_PERP", "pair": "BTCUSD"},
        coinm_diff(6, 9, 4, [["100.1", "8"]], []),
    ]
    source, events = replay(plain(tmp_path / "cm", session))
    (perp,) = source.instruments
    assert (perp.id, perp.contract, perp.settlement) == ("BINANCE-COINM:BTC-USD-PERP", ContractType.INVERSE, "BTC")
    assert (perp.multiplier, perp.lot, perp.tick) == (100, 1, Decimal("0.1"))
    assert book_of(events).bids == {1000: 5, 1001: 8}


def test_a_continuation_goes_on_where_the_first_file_ended(tmp_path: Path) -> None:
    session = spot_session()
    first = plain(tmp_path / "a", session[:4])
    second = plain(tmp_path / "b", session[4:], start=START + 40 * MS)
    _, whole = replay(plain(tmp_path / "whole", session))
    for order in ((first, second), (second, first)):
        source, events = replay(*order)
        assert events == whole
        assert len(source.instruments) == 1


def test_quantities_finer_than_the_lot_count_as_whole_lots_and_never_as_nothing(tmp_path: Path) -> None:
    # The lot is inferred from the first few hundred messages; old orders finer than it turn up later.
    session = [*spot_session(), *[spot_ticker(17, "100.1", "1.25", "100.3", "1")] * 300]
    session.append(spot_diff(18, 18, [["100.10000000", "1.00099999"], ["100.05000000", "0.00000100"]], []))
    _, events = replay(plain(tmp_path / "dust", session))
    assert events[-1] == BookDelta(BTC, START + 307 * 10 * MS, 18, 17, ((10010, 1000), (10005, 1)), ())


def test_a_price_finer_than_the_inferred_tick_makes_the_book_stale_and_says_why(tmp_path: Path) -> None:
    session = [*spot_session(), *[spot_ticker(17, "100.1", "1.25", "100.3", "1")] * 300]
    session.append(spot_diff(18, 18, [["100.10500000", "1.00000000"]], []))
    _, events = replay(plain(tmp_path / "fine", session))
    assert events[-1] == BookStale(
        BTC, START + 307 * 10 * MS, "update 18 cannot be used: 100.10500000 is not a multiple of 0.01"
    )


def test_mark_prices_and_funding_are_taken(tmp_path: Path) -> None:
    mark = stream("btcusdt@markPrice", {"e": "markPriceUpdate", "s": "BTCUSDT", "p": "100.12", "r": "0.0001", "T": 5})
    _, events = replay(plain(tmp_path / "usdm", [*usdm_session(), mark]))
    assert events[-1] == MarkPrice(
        "BINANCE-USDM:BTC-USDT-PERP", START + 30 * MS, Decimal("100.12"), Decimal("0.0001"), 5 * MS
    )


def test_trades_of_nothing_are_no_trades(tmp_path: Path) -> None:
    nothing = stream("btcusdt@trade", {"e": "trade", "s": "BTCUSDT", "t": 1, "p": "0", "q": "0", "X": "NA", "m": True})
    _, events = replay(plain(tmp_path / "usdm", [*usdm_session(), nothing]))
    assert not [event for event in events if isinstance(event, Trade)]


def test_binance_with_metadata_takes_steps_and_minimums_from_it(tmp_path: Path) -> None:
    symbol = {
        "symbol": "BTCUSDT",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00100000", "minQty": "0.00200000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }
    lines = [
        f"https://api.binance.com/api/v3/exchangeInfo -> 1700000000.0: {json.dumps({'symbols': [symbol]})}",
        'configuration: {"l2_book":["BTC-USDT"]}',
    ]
    http = [
        "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000 -> 1700000000.02: "
        + json.dumps(snapshot(12, BIDS, ASKS))
    ]
    ws = ["wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms <-> 1700000000.01"]
    ws += [
        f"1700000000.0{number}5: {json.dumps(message)}" for number, message in enumerate(spot_session()) if number != 2
    ]
    paths = [write(tmp_path / name, part) for name, part in (("info.gz", lines), ("http.gz", http), ("ws.gz", ws))]
    source, events = replay(*paths)
    (btc,) = source.instruments
    assert (btc.tick, btc.lot, btc.min_quantity, btc.min_notional) == (
        Decimal("0.1"),
        Decimal("0.001"),
        Decimal("0.002"),
        5,
    )
    # 100.31 stands between the ticks that the venue has now: the level is left out, and that is said.
    assert events[0] == BookSnapshot(BTC, START + 20 * MS, 12, ((1001, 1500), (1000, 2001)), ((1002, 500),))
    assert events[1] == BookDelta(BTC, START + 20 * MS, 14, 12, ((1001, 1250),), ())
    assert source.notices == ["1 prices of BINANCE:BTC-USDT between its ticks of 0.1 are left out of its book."]


def test_a_symbol_without_a_snapshot_is_left_out_and_named(tmp_path: Path) -> None:
    other = spot_diff(5, 6, [], [], symbol="ETHUSDT")
    session = [{**message, "symbol": "BTCUSDT"} if "bids" in message else message for message in spot_session()]
    source, events = replay(plain(tmp_path / "two", [other, *session]))
    assert {event.instrument for event in events} == {BTC}
    assert source.notices == ["ETHUSDT has no order book snapshot in its session and is left out."]


# Kraken


def test_kraken_books_match_their_checksums(tmp_path: Path) -> None:
    source, events = replay(write(tmp_path / "kraken.gz", kraken_session()))
    (btc,) = source.instruments
    assert (btc.id, btc.tick) == ("KRAKEN:BTC-USD", Decimal("0.1"))
    assert not [event for event in events if isinstance(event, BookStale)]
    book = book_of(events)
    assert book.bid_levels(5) == [(55412, 1000), (55400, 4000), (55399, 300)]
    assert book.ask_levels(5) == [(55418, 330)]
    assert events[0].ts == 1_700_000_001_000_000_100
    assert events[-1] == Trade(btc.id, 1_700_000_009_500_000_000, 55418, 100, True)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_wrong_checksum_makes_the_book_stale_and_says_so(tmp_path: Path, number: int) -> None:
    _, events = replay(write(tmp_path / "kraken", kraken_session(wrong_at=number)))
    books = [event for event in events if not isinstance(event, Trade)]
    assert len(books) == 1 + number
    assert isinstance(books[-1], BookStale)
    assert books[-1].reason.endswith("the venue says 1")
    assert book_of(books).stale


def test_levels_that_fall_out_of_the_subscribed_depth_are_removed(tmp_path: Path) -> None:
    lines = [line.replace('book-10"', 'book-2"') for line in kraken_session()]
    lines = [line if '"as"' in line or "book-2" not in line else _without_checksum(line) for line in lines]
    _, events = replay(write(tmp_path / "kraken", lines))
    assert book_of(events).bid_levels(5) == [(55412, 1000), (55400, 4000)]


def _without_checksum(line: str) -> str:
    return re.sub(r', "c": "\d+"', "", line)


# Coinbase


def test_coinbase_books_and_trades(tmp_path: Path) -> None:
    source, events = replay(write(tmp_path / "coinbase.gz", coinbase_session()))
    (eth,) = source.instruments
    assert (eth.id, eth.tick, eth.lot) == ("COINBASE:ETH-EUR", Decimal("0.01"), Decimal("0.1"))
    book = book_of(events)
    assert (book.bid_levels(5), book.ask_levels(5)) == ([(10000, 10)], [(10002, 7), (10003, 40)])
    assert isinstance(events[-1], Trade)
    assert events[-1].buyer_is_aggressor
