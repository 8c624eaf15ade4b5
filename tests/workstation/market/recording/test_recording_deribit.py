"""Raw Deribit sessions: chained changes, futures, spot pairs and options."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from raw_replays import answer, at, book_of, kinds, play, stream

from workstation.domain.instrument import ContractType
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.market.recording import RecordingError, RecordingSource

PERP = "DERIBIT:BTC-USD-PERP"
WS = "wss://www.deribit.com/ws/api/v2"
METADATA = "https://www.deribit.com/api/v2/public/get_instruments?expired=false&currency="


def terms(name: str, tick: float, size: float, least: float, **more: float) -> dict[str, Any]:
    return {
        "instrument_name": name,
        "tick_size": tick,
        "contract_size": size,
        "min_trade_amount": least,
        "maker_commission": 0.0,
        "taker_commission": 0.0005,
        **more,
    }


INFO = [
    answer(
        f"{METADATA}BTC",
        {"result": [terms("BTC-PERPETUAL", 0.5, 10.0, 10.0, max_leverage=100), terms("BTC-24SEP21", 0.5, 10.0, 10.0)]},
    ),
    answer(
        f"{METADATA}USDC",
        {
            "result": [
                terms("BTC-24SEP21-8000-P", 0.0005, 1.0, 0.1),
                terms("XRP_USDC-PERPETUAL", 0.0001, 10, 10, max_leverage=25),
                terms("ETH_USDC", 0.01, 0.0001, 0.001),
            ]
        },
    ),
]


def said(channel: str, data: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}


def whole(number: int, name: str = "BTC-PERPETUAL") -> dict[str, Any]:
    bids, asks = [["new", 32170.5, 1200.0], ["new", 32170.0, 50.0]], [["new", 32192.5, 300.0]]
    data = {"type": "snapshot", "instrument_name": name, "change_id": number, "bids": bids, "asks": asks}
    return said(f"book.{name}.raw", data)


def change(before: int, number: int, bids: list[Any], asks: list[Any]) -> dict[str, Any]:
    data = {"type": "change", "instrument_name": "BTC-PERPETUAL", "bids": bids, "asks": asks}
    return said("book.BTC-PERPETUAL.raw", data | {"prev_change_id": before, "change_id": number})


def session(folder: Path, *messages: Any) -> tuple[RecordingSource, list[MarketEvent]]:
    asked = {"jsonrpc": "2.0", "id": 0, "result": ["book.BTC-PERPETUAL.raw", "trades.BTC-PERPETUAL.raw"]}
    return play(folder, INFO, stream(WS, [asked, *messages]))


def test_changes_follow_by_the_change_before_them(tmp_path: Path) -> None:
    _, events = session(
        tmp_path,
        whole(71),
        change(60, 70, [["new", 1.0, 10.0]], []),  # older than the snapshot
        change(71, 85, [], [["new", 32180.0, 50.0], ["change", 32192.5, 310.0]]),
        change(85, 90, [["delete", 32170.5, 0.0]], []),
    )
    assert events == [
        BookSnapshot(PERP, at(1), 71, ((64341, 120), (64340, 5)), ((64385, 30),)),
        BookDelta(PERP, at(3), 85, 71, (), ((64360, 5), (64385, 31))),
        BookDelta(PERP, at(4), 90, 85, ((64341, 0),), ()),
    ]


def test_a_missing_change_makes_the_book_stale_until_the_next_snapshot(tmp_path: Path) -> None:
    _, events = session(tmp_path, whole(71), change(72, 85, [], []), change(85, 86, [], []), whole(90))
    assert kinds(events) == ["BookSnapshot", "BookStale", "BookSnapshot"]
    assert events[1] == BookStale(PERP, at(2), "change 85 does not follow 71: changes are missing here")
    assert book_of(events).stale is None


NAMES = ["BTC-PERPETUAL", "BTC-24SEP21", "XRP_USDC-PERPETUAL", "ETH_USDC", "BTC-24SEP21-8000-P"]


@pytest.mark.parametrize("metadata", [True, False], ids=["with-metadata", "without"])
def test_the_name_tells_the_contract(tmp_path: Path, metadata: bool) -> None:
    messages = stream(WS, [whole(1, name) for name in NAMES])
    source, _ = play(tmp_path, *([INFO] if metadata else []), messages)
    assert {each.symbol: (each.contract, each.settlement) for each in source.instruments} == {
        "BTC-USD-PERP": (ContractType.INVERSE, "BTC"),
        "BTC-USD-210924": (ContractType.INVERSE, "BTC"),
        "XRP-USDC-PERP": (ContractType.LINEAR, "USDC"),
        "ETH-USDC": (ContractType.SPOT, "USDC"),
        "BTC-24SEP21-8000-P": (ContractType.LINEAR, "BTC"),
    }


def test_steps_minimums_and_leverage_are_from_the_metadata(tmp_path: Path) -> None:
    source, _ = play(tmp_path, INFO, stream(WS, [whole(1, name) for name in NAMES]))
    found = {each.symbol: each for each in source.instruments}
    perp, option = found["BTC-USD-PERP"], found["BTC-24SEP21-8000-P"]
    # Amounts of inverse contracts are in USD, in steps of the contract's size.
    assert (perp.tick, perp.lot, perp.multiplier, perp.leverage) == (Decimal("0.5"), 10, 1, 100)
    assert perp.taker_fee == Decimal("0.0005")
    assert (option.tick, option.lot, option.min_quantity) == (Decimal("0.0005"), Decimal("0.1"), Decimal("0.1"))
    assert (found["XRP-USDC-PERP"].lot, found["ETH-USDC"].lot) == (10, Decimal("0.0001"))


def test_an_option_is_paid_at_its_premium_and_what_is_not_modelled_is_said(tmp_path: Path) -> None:
    source, _ = play(tmp_path, INFO, stream(WS, [whole(1, "BTC-24SEP21-8000-P")]))
    (option,) = source.instruments
    assert option.value(Decimal("2.5"), Decimal("0.0015")) == Decimal("0.00375")
    assert (option.leverage, option.taker_fee) == (1, 0)
    assert source.notices == [
        "1 options of DERIBIT are traded at their premium: their fees, the margin of a writer and their expiry are "
        "not modelled."
    ]


def test_combinations_are_left_out_and_said(tmp_path: Path) -> None:
    source, _ = session(tmp_path, whole(71), whole(1, "BTC-FS-24SEP21_PERP"))
    assert [each.id for each in source.instruments] == [PERP]
    assert source.notices == ["BTC-FS-24SEP21_PERP is a combination of contracts and is left out."]


def test_trades_are_taken_but_for_block_trades(tmp_path: Path) -> None:
    trade = {"instrument_name": "BTC-PERPETUAL", "trade_id": "9", "price": 32170.5, "amount": 40.0, "direction": "sell"}
    block = trade | {"block_trade_id": "b"}
    _, events = session(tmp_path, whole(71), said("trades.BTC-PERPETUAL.raw", [block, trade]))
    assert events[1:] == [Trade(PERP, at(2), 64341, 4, False, "9")]


def test_tickers_give_quotes_of_both_sides_and_mark_prices(tmp_path: Path) -> None:
    ticker = {"instrument_name": "BTC-PERPETUAL", "mark_price": 32180.25, "current_funding": 0.0001}
    bid = {"best_bid_price": 32170.5, "best_bid_amount": 1200.0}
    ask = {"best_ask_price": 32192.5, "best_ask_amount": 300.0}
    none = {"best_ask_price": 0.0, "best_ask_amount": 0.0}
    _, events = session(tmp_path, whole(71), *[said("ticker.BTC-PERPETUAL.raw", ticker | bid | x) for x in (ask, none)])
    mark = Decimal("32180.25"), Decimal("0.0001")
    assert events[1:] == [
        Quote(PERP, at(2), 0, 64341, 120, 64385, 30),
        MarkPrice(PERP, at(2), *mark),
        MarkPrice(PERP, at(3), *mark),
    ]


def test_grouped_books_without_changes_are_no_books(tmp_path: Path) -> None:
    grouped = {"instrument_name": "BTC-PERPETUAL", "change_id": 1, "bids": [[32170.5, 10.0]], "asks": []}
    with pytest.raises(RecordingError, match="holds no order book snapshot to start from"):
        play(tmp_path, INFO, stream(WS, [said("book.BTC-PERPETUAL.none.20.100ms", grouped)]))
