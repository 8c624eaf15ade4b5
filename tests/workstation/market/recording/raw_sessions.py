"""Small sessions as venues would send them, made up by hand: for parsers, where no recording is at hand."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

START = 1_700_000_000_000_000_000
MS = 1_000_000


def plain(path: Path, messages: list[Any], start: int = START, step: int = 10 * MS) -> Path:
    """A file of `<ns> <json>` lines, gzipped if its name says so."""
    lines = [
        f"{start + number * step} {json.dumps(message, separators=(',', ':'))}"
        for number, message in enumerate(messages)
    ]
    return write(path, lines)


def write(path: Path, lines: list[str]) -> Path:
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def stream(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": name, "data": data}


def spot_diff(
    first: int, last: int, bids: list[list[str]], asks: list[list[str]], symbol: str = "BTCUSDT"
) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": 1, "s": symbol, "U": first, "u": last, "b": bids, "a": asks}
    return stream(f"{symbol.lower()}@depth@100ms", data)


def usdm_diff(first: int, last: int, before: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    data = {
        "e": "depthUpdate",
        "E": 1,
        "T": 1,
        "s": "BTCUSDT",
        "U": first,
        "u": last,
        "pu": before,
        "b": bids,
        "a": asks,
    }
    return stream("btcusdt@depth@0ms", data)


def coinm_diff(first: int, last: int, before: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSD_PERP", "ps": "BTCUSD", "U": first, "u": last, "pu": before}
    return stream("btcusd_perp@depth@0ms", data | {"b": bids, "a": asks})


def spot_trade(number: int, price: str, quantity: str, *, seller_is_aggressor: bool) -> dict[str, Any]:
    data = {"e": "trade", "s": "BTCUSDT", "t": number, "p": price, "q": quantity, "m": seller_is_aggressor, "M": True}
    return stream("btcusdt@trade", data)


def spot_ticker(update: int, bid: str, bid_size: str, ask: str, ask_size: str) -> dict[str, Any]:
    return stream("btcusdt@bookTicker", {"u": update, "s": "BTCUSDT", "b": bid, "B": bid_size, "a": ask, "A": ask_size})


def snapshot(last: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    return {"lastUpdateId": last, "bids": bids, "asks": asks}


BIDS = [["100.10000000", "1.50000000"], ["100.00000000", "2.00100000"]]
ASKS = [["100.20000000", "0.50000000"], ["100.31000000", "3.00000000"]]


def spot_session() -> list[Any]:
    """Two diffs before the snapshot at 12 (one of them older), then two more, a ticker and a trade."""
    return [
        spot_diff(8, 10, [["90.00000000", "9.00000000"]], []),
        spot_diff(11, 14, [["100.10000000", "1.25000000"]], []),
        snapshot(12, BIDS, ASKS),
        spot_ticker(16, "100.10000000", "1.25000000", "100.30000000", "1.00000000"),
        spot_diff(15, 16, [], [["100.20000000", "0.00000000"], ["100.30000000", "1.00000000"]]),
        spot_trade(77, "100.30000000", "0.25000000", seller_is_aggressor=False),
        spot_diff(17, 17, [["100.00000000", "0.00000000"]], []),
    ]


def usdm_session() -> list[Any]:
    return [
        usdm_diff(5, 9, 4, [["100.10", "1.250"]], []),
        snapshot(7, [["100.10", "1.500"], ["100.00", "2.001"]], [["100.20", "0.500"]]),
        usdm_diff(12, 15, 9, [], [["100.20", "0.750"]]),
    ]


def checksum(asks: list[list[str]], bids: list[list[str]]) -> str:
    """Kraken's, from the levels as they are sent."""
    text = "".join(
        level[0].replace(".", "").lstrip("0") + level[1].replace(".", "").lstrip("0")
        for level in (*asks[:10], *bids[:10])
    )
    return str(zlib.crc32(text.encode()))


def kraken_session(wrong_at: int = 0) -> list[str]:
    """One pair: a snapshot, three updates (the `wrong_at`-th with a wrong checksum), a trade."""
    asks = [["5541.30000", "2.50700000", "1.1"], ["5541.80000", "0.33000000", "1.2"]]
    bids = [["5541.20000", "1.52900000", "1.3"], ["5539.90000", "0.30000000", "1.4"]]
    steps = [
        ("b", ["5541.20000", "1.00000000", "2.1"]),
        ("a", ["5541.30000", "0.00000000", "2.2"]),
        ("b", ["5540.00000", "4.00000000", "2.3"]),
    ]
    asked = '"pair":"XBT/USD","subscription":{"depth":10,"name":"book"}'
    lines = [
        "wss://ws.kraken.com <-> 1700000000.5",
        f'wss://ws.kraken.com <- 1700000000.6: {{"event":"subscribe",{asked}}}',
        f'1700000000.7: {{"channelName":"book-10","event":"subscriptionStatus","status":"subscribed",{asked}}}',
        "",
        f"1700000001.0000001: {json.dumps([336, {'as': asks, 'bs': bids}, 'book-10', 'XBT/USD'])}",
    ]
    for number, (side, level) in enumerate(steps, 1):
        levels = asks if side == "a" else bids
        levels[:] = [each for each in levels if each[0] != level[0]]
        if float(level[1]):
            levels.append(level)
        asks.sort(key=lambda each: float(each[0]))
        bids.sort(key=lambda each: -float(each[0]))
        told = checksum(asks, bids) if number != wrong_at else "1"
        lines.append(f"170000000{number + 1}.25: {json.dumps([336, {side: [level], 'c': told}, 'book-10', 'XBT/USD'])}")
    lines.append('1700000009.5: [337,[["5541.80000","0.10000000","9.4","b","l",""]],"trade","XBT/USD"]')
    return lines


def coinbase_session() -> list[str]:
    product = {"product_id": "ETH-EUR"}
    book = {**product, "type": "snapshot", "bids": [["100.01", "2.5"], ["100.00", "1"]], "asks": [["100.03", "4"]]}
    changes = [["buy", "100.01", "0.0"], ["sell", "100.02", "0.75"]]
    match = {"type": "match", "trade_id": 9, "side": "sell", "size": "0.25", "price": "100.02"}
    return [
        "wss://ws-feed.exchange.coinbase.com <-> 1700000000.0",
        '1700000000.1: {"type":"subscriptions","channels":[{"name":"level2","product_ids":["ETH-EUR"]}]}',
        f"1700000000.2: {json.dumps(book)}",
        f"1700000000.3: {json.dumps({**product, 'type': 'l2update', 'changes': changes})}",
        f"1700000000.4: {json.dumps({**product, **match})}",
    ]
