"""Raw Binance sessions of the shared recordings as market events of ours, so that one set of measures fits both."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from workstation.domain.market import BookDelta, BookSnapshot, Levels, MarketEvent, Trade

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BOOKS = DATA / "orderbook" / "hftbacktest"

SPOT = (
    (BOOKS / "binance_spot_btcusdt_20240808.gz", BOOKS / "binance_spot_btcusdt_20240809.gz"),
    Decimal("0.01"),
    Decimal("0.00001"),
)
USDM = ((BOOKS / "binance_usdm_btcusdt_20240808.gz",), Decimal("0.1"), Decimal("0.001"))
COINM = ((BOOKS / "binance_cm_btcusd_perp_20240808.gz",), Decimal("0.1"), Decimal(1))


def session(paths: tuple[Path, ...], tick: Decimal, lot: Decimal) -> Iterator[MarketEvent]:
    """The events of consecutive files of one instrument, in the order of their receipt (`ts` is the receive time).

    Differences that came before the REST snapshot are joined as Binance documents it: dropped when the snapshot
    already holds them; the first one that reaches beyond the snapshot follows it.
    """
    decode = msgspec.json.Decoder().decode
    pending: list[tuple[int, dict[str, Any]]] | None = []
    sequence = 0

    def ticks(levels: list[list[str]]) -> Levels:
        return tuple((round(Decimal(p) / tick), round(Decimal(q) / lot)) for p, q in levels)

    def delta(ts: int, data: dict[str, Any]) -> BookDelta:
        nonlocal sequence
        previous, sequence = sequence, data["u"]
        return BookDelta("recorded", ts, sequence, previous, ticks(data["b"]), ticks(data["a"]))

    for path in paths:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                stamp, _, text = line.partition(b" ")
                ts, message = int(stamp), decode(text)
                if "lastUpdateId" in message:
                    sequence = message["lastUpdateId"]
                    yield BookSnapshot("recorded", ts, sequence, ticks(message["bids"]), ticks(message["asks"]))
                    for _, data in pending or ():
                        if data["u"] > sequence:
                            yield delta(ts, data)
                    pending = None
                    continue
                data = message["data"]
                kind = data.get("e")
                if kind == "depthUpdate":
                    if pending is not None:
                        pending.append((ts, data))
                    elif data["u"] > sequence:
                        yield delta(ts, data)
                elif kind == "trade" and pending is None and data.get("X", "MARKET") == "MARKET":
                    price, quantity = round(Decimal(data["p"]) / tick), round(Decimal(data["q"]) / lot)
                    if quantity:
                        yield Trade("recorded", ts, price, quantity, not data["m"], str(data["T"]))
