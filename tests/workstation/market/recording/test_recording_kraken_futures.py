"""Raw Kraken Futures sessions: sequence numbers, contracts, trades, tickers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from raw_replays import answer, at, book_of, kinds, play, stream

from workstation.domain.instrument import ContractType
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.market.recording import RecordingError, RecordingSource

XBT = "KRAKEN-FUTURES:BTC-USD-210924"
PRODUCT = {"product_id": "FI_XBTUSD_210924"}
WS = "wss://futures.kraken.com/ws/v1"
TERMS = {"symbol": "fi_xbtusd_210924", "type": "futures_inverse", "tickSize": 0.5, "contractSize": 1}
MARGINS = {"marginLevels": [{"contracts": 0, "initialMargin": 0.02}, {"contracts": 5, "initialMargin": 0.04}]}
INDEX = {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False}
METADATA = "https://futures.kraken.com/derivatives/api/v3/instruments"
INFO = answer(METADATA, {"instruments": [TERMS | MARGINS, INDEX]})


def whole(seq: int, product: str = "FI_XBTUSD_210924") -> dict[str, Any]:
    bids = [{"price": 32170.5, "qty": 1200.0}, {"price": 32170.0, "qty": 130775.0}]
    asks = [{"price": 32192.5, "qty": 300.0}]
    return {"feed": "book_snapshot", "product_id": product, "seq": seq, "tickSize": None, "bids": bids, "asks": asks}


def update(seq: int, side: str, price: float, qty: float) -> dict[str, Any]:
    return {"feed": "book", **PRODUCT, "side": side, "seq": seq, "price": price, "qty": qty, "timestamp": 1}


def session(folder: Path, *messages: Any) -> tuple[RecordingSource, list[MarketEvent]]:
    asked = {"event": "subscribed", "feed": "book", "product_ids": ["FI_XBTUSD_210924"]}
    return play(folder, [INFO], stream(WS, [asked, *messages]))


def test_updates_follow_the_snapshot_one_by_one(tmp_path: Path) -> None:
    older = update(70, "buy", 30000.0, 5.0)
    _, events = session(tmp_path, whole(71), older, update(72, "sell", 32180.0, 50.0), update(73, "buy", 32170.5, 0.0))
    assert events == [
        BookSnapshot(XBT, at(1), 71, ((64341, 1200), (64340, 130775)), ((64385, 300),)),
        BookDelta(XBT, at(3), 72, 71, (), ((64360, 50),)),
        BookDelta(XBT, at(4), 73, 72, ((64341, 0),), ()),
    ]


def test_a_missing_update_makes_the_book_stale_until_the_next_snapshot(tmp_path: Path) -> None:
    gap = update(73, "buy", 32171.0, 1.0)
    _, events = session(tmp_path, whole(71), gap, update(74, "buy", 32171.5, 1.0), whole(80), update(81, "buy", 1.0, 1))
    assert kinds(events) == ["BookSnapshot", "BookStale", "BookSnapshot", "BookDelta"]
    assert events[1] == BookStale(XBT, at(2), "update 73 does not follow 71: updates are missing here")
    assert book_of(events).stale is None


def test_an_inverse_contract_and_its_terms(tmp_path: Path) -> None:
    (xbt,) = session(tmp_path, whole(71))[0].instruments
    assert (xbt.id, xbt.contract, xbt.settlement) == (XBT, ContractType.INVERSE, "BTC")
    assert (xbt.tick, xbt.lot, xbt.multiplier, xbt.leverage) == (Decimal("0.5"), 1, 1, 50)


@pytest.mark.parametrize(
    ("product", "symbol", "contract", "settlement"),
    [
        ("PI_ETHUSD", "ETH-USD-PERP", ContractType.INVERSE, "ETH"),
        ("PF_XBTUSD", "BTC-USD-PERP", ContractType.LINEAR, "USD"),
        ("PV_XRPXBT", "XRP-BTC-PERP", ContractType.LINEAR, "BTC"),
    ],
)
def test_without_metadata_the_name_tells_the_kind(
    tmp_path: Path, product: str, symbol: str, contract: ContractType, settlement: str
) -> None:
    source, _ = play(tmp_path, stream(WS, [whole(1, product)]))
    (found,) = source.instruments
    assert (found.symbol, found.contract, found.settlement) == (symbol, contract, settlement)
    assert (found.tick, found.lot) == (Decimal("0.1"), 1)


def test_a_linear_contract_is_sized_in_parts_of_a_coin(tmp_path: Path) -> None:
    terms = {"symbol": "PF_XBTUSD", "tickSize": 0.5, "contractSize": 1, "contractValueTradePrecision": 4}
    source, _ = play(tmp_path, [answer(METADATA, {"instruments": [terms]})], stream(WS, [whole(1, "PF_XBTUSD")]))
    (found,) = source.instruments
    assert (found.lot, found.min_quantity) == (Decimal("0.0001"), Decimal("0.0001"))


def test_trades_of_the_session_are_taken_and_earlier_and_block_trades_are_not(tmp_path: Path) -> None:
    trade = {"feed": "trade", **PRODUCT, "uid": "u-1", "side": "sell", "type": "fill", "seq": 5, "qty": 40.0}
    trade["price"] = 32170.5
    before = {"feed": "trade_snapshot", **PRODUCT, "trades": [trade]}
    block = trade | {"type": "block"}
    _, events = session(tmp_path, whole(71), before, block, trade)
    assert events[1:] == [Trade(XBT, at(4), 64341, 40, False, "u-1")]


def test_tickers_give_quotes_and_mark_prices(tmp_path: Path) -> None:
    sizes = {"bid": 32170.5, "bid_size": 1200.0, "ask": 32192.5, "ask_size": 300.0}
    funding = {"markPrice": 32180.25, "relative_funding_rate": 0.0001, "next_funding_rate_time": 7}
    lite = {"feed": "ticker_lite", **PRODUCT, "bid": 32170.5, "ask": 32192.5}
    _, events = session(tmp_path, whole(71), lite, {"feed": "ticker", **PRODUCT, **sizes, **funding})
    assert events[1:] == [
        Quote(XBT, at(3), 0, 64341, 1200, 64385, 300),
        MarkPrice(XBT, at(3), Decimal("32180.25"), Decimal("0.0001"), 7_000_000),
    ]


def test_unknown_kinds_of_contracts_are_left_out_and_said(tmp_path: Path) -> None:
    source, events = session(tmp_path, whole(71), whole(1, "OI_XBTUSD_210924_C"))
    assert {event.instrument for event in events} == {XBT}
    assert source.notices == ["OI_XBTUSD_210924_C is a kind of contract that tws does not know, and is left out."]
    with pytest.raises(RecordingError, match="holds no order book snapshot to start from"):
        play(tmp_path, stream(WS, [update(3, "buy", 1.0, 1.0)]))
