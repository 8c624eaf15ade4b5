"""The exchanges' own numbering and checksums: what follows passes, a hole is named, a new beginning is no hole."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.instrument import Instrument
from workstation.venues.ccxt.continuity import continuity, kraken_checksum, kraken_crc32
from workstation.venues.ccxt.particulars import OFFERED


def binance(first: int, last: int) -> dict[str, Any]:
    return {"stream": "btcusdt@depth", "data": {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": last}}


def futures(before: int, last: int) -> dict[str, Any]:
    return {"e": "depthUpdate", "s": "BTCUSDT", "U": before + 3, "u": last, "pu": before}


def bybit(kind: str, number: int) -> dict[str, Any]:
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "data": {"s": "BTCUSDT", "u": number, "b": [], "a": []}}


def okx(before: int, number: int, action: str = "update") -> dict[str, Any]:
    argument = {"channel": "books", "instId": "BTC-USDT"}
    return {"arg": argument, "action": action, "data": [{"prevSeqId": before, "seqId": number}]}


def kucoin(first: int, last: int) -> dict[str, Any]:
    return {"topic": "/market/level2:BTC-USDT", "data": {"sequenceStart": first, "sequenceEnd": last}}


def gate(first: int, last: int) -> dict[str, Any]:
    return {"channel": "spot.order_book_update", "result": {"s": "BTC_USDT", "U": first, "u": last}}


def coinbase(number: int) -> dict[str, Any]:
    return {"channel": "l2_data", "sequence_num": number, "events": []}


WHOLE = {
    "binance": [binance(5, 9), binance(10, 10), binance(11, 20)],
    "binance futures": [futures(4, 9), futures(9, 15), futures(15, 16)],
    "bybit": [bybit("snapshot", 7), bybit("delta", 8), bybit("snapshot", 1), bybit("delta", 2)],
    "okx": [okx(-1, 10, "snapshot"), okx(10, 12), okx(12, 12), okx(12, 3), okx(3, 5)],
    "kucoin": [kucoin(5, 9), kucoin(10, 12), kucoin(12, 13)],
    "gate": [gate(5, 9), gate(10, 12)],
    "coinbase": [coinbase(0), coinbase(1), coinbase(2)],
}
HOLES = {
    "binance": [binance(5, 9), binance(11, 20)],
    "binance futures": [futures(4, 9), futures(10, 15)],
    "bybit": [bybit("snapshot", 7), bybit("delta", 8), bybit("delta", 10)],
    "bybit without a picture": [bybit("delta", 8)],
    "bybit out of order": [bybit("snapshot", 7), bybit("delta", 8), bybit("delta", 8), bybit("delta", 7)],
    "okx": [okx(-1, 10, "snapshot"), okx(11, 12)],
    "kucoin": [kucoin(5, 9), kucoin(11, 12)],
    "gate": [gate(5, 9), gate(11, 12)],
    "coinbase": [coinbase(0), coinbase(2)],
}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_follows_passes(name: str) -> None:
    checker = continuity(name.split(maxsplit=1)[0])
    assert checker is not None
    assert [checker.check(message) for message in WHOLE[name]] == [None] * len(WHOLE[name])


@pytest.mark.parametrize("name", sorted(HOLES))
def test_a_hole_is_found_at_once_and_named(name: str) -> None:
    checker = continuity(name.split(maxsplit=1)[0])
    assert checker is not None
    *before, last = (checker.check(message) for message in HOLES[name])
    assert before == [None] * len(before)
    assert last is not None
    assert last.market in ("BTCUSDT", "BTC-USDT", "BTC_USDT", "")
    assert any(words in last.reason for words in ("missing", "stands at", "came after"))


@pytest.mark.parametrize("name", ["binance", "bybit", "okx", "kucoin", "gate", "coinbase"])
@pytest.mark.parametrize("message", [None, "pong", [], {}, {"op": "pong"}, {"result": None, "id": 1}, {"topic": "x"}])
def test_other_messages_are_none_of_its_business(name: str, message: Any) -> None:
    checker = continuity(name)
    assert checker is not None
    assert checker.check(message) is None


@given(st.lists(st.integers(1, 20), min_size=2, max_size=30), st.data())
def test_any_one_update_that_is_left_out_is_missed(spans: list[int], data: st.DataObject) -> None:
    messages, number = [], 100
    for span in spans:
        messages.append(binance(number + 1, number + span))
        number += span
    left_out = data.draw(st.integers(1, len(messages) - 1))
    rest = messages[:left_out] + messages[left_out + 1 :]
    checker = continuity("binance")
    assert checker is not None
    found = [checker.check(message) for message in rest]
    assert all(each is None for each in found[:left_out])
    if left_out < len(messages) - 1:
        assert found[left_out] is not None


def test_each_exchange_of_the_set_up_is_checked_or_says_why_not() -> None:
    unchecked = {name for name, facts in OFFERED.items() if continuity(facts.continuity) is None}
    # Kraken and Bitget send checksums in place of numbers; Hyperliquid sends whole pictures
    assert unchecked == {"kraken", "bitget", "hyperliquid"}
    assert OFFERED["kraken"].continuity == "kraken"
    assert OFFERED["bitget"].options["watchOrderBook"] == {"checksum": True}


def test_kraken_s_checksum_is_over_digits_without_point_and_leading_zeros() -> None:
    pair = Instrument(
        venue="KRAKEN", symbol="X-USD", base="X", quote="USD", tick=Decimal("0.0001"), lot=Decimal("0.00000001")
    )
    bids, asks = [(5_000, 10_000_000)], [(5_001, 20_000_000), (5_002, 1)]
    expected = zlib.crc32(b"500120000000" + b"50021" + b"500010000000")
    assert kraken_crc32(pair, bids, asks, 4, 8) == expected
    # where the tick is coarser than the digits that are sent, zeros stand in for them
    coarse = Instrument(
        venue="KRAKEN", symbol="X-USD", base="X", quote="USD", tick=Decimal("0.01"), lot=Decimal("0.00000001")
    )
    assert kraken_crc32(coarse, [(50, 1)], [], 4, 8) == zlib.crc32(b"50001")
    message = {"channel": "book", "type": "update", "data": [{"symbol": "X/USD", "checksum": 5}]}
    found = kraken_checksum(message)
    assert found is not None
    assert (found.market, found.value) == ("X/USD", 5)
    assert kraken_checksum({"channel": "trade", "data": []}) is None
