"""Whether a stream of book updates is whole: the exchange's own numbering and checksums, checked on every message.

A checker looks at raw messages as they come off the socket, before (numbering) or after (checksum) ccxt has applied
them. It returns None for what follows, else a sentence; the venue then shows the book as stale and begins it anew. The
rules are those of the exchanges' API documents (how to keep a local order book); ccxt checks some of them itself, some
not at all (Bybit, OKX, Coinbase) and some wrongly (Kraken's checksum, by floats without their zeros).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import multiply


class Gap(msgspec.Struct, frozen=True):
    """What is wrong: `market` is the exchange's own id, "" for every book of the connection."""

    market: str
    reason: str


class Continuity(Protocol):
    """One checker a connection: a new connection begins with a new one."""

    def check(self, message: Any) -> Gap | None: ...


class _Numbered:
    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def _follows(self, key: str, market: str, first: int, last: int) -> Gap | None:
        """`first` … `last` are the numbers that a message covers; overlapping what is known already is harmless."""
        known = self._last.get(key)
        self._last[key] = last if known is None else max(known, last)
        if known is None or first <= known + 1:
            return None
        return Gap(market, f"updates {known + 1} to {first - 1} are missing")


class BinanceContinuity(_Numbered):
    """Spot: U is the last u + 1. Futures: pu is the last u."""

    def check(self, message: Any) -> Gap | None:
        if not isinstance(message, dict):
            return None
        data = message.get("data", message)
        if not isinstance(data, dict) or data.get("e") != "depthUpdate":
            return None
        market = str(data["s"])
        if "pu" not in data:
            return self._follows(market, market, int(data["U"]), int(data["u"]))
        before, last = int(data["pu"]), int(data["u"])
        known = self._last.get(market)
        self._last[market] = last
        if known is None or before == known or last <= known:
            return None
        return Gap(market, f"an update follows {before}, the book stands at {known}")


class BybitContinuity(_Numbered):
    """u grows by one from update to update of a topic; a snapshot begins anew, and nothing can be told before it."""

    def check(self, message: Any) -> Gap | None:
        if not isinstance(message, dict) or not str(message.get("topic", "")).startswith("orderbook."):
            return None
        topic, data = str(message["topic"]), message["data"]
        if message.get("type") == "snapshot":
            self._last[topic] = int(data["u"])
            return None
        known, number = self._last.get(topic), int(data["u"])
        if known is None:
            return Gap(str(data["s"]), f"the picture before update {number} is missing")
        if number < known:  # ccxt would put the older levels on top of the newer ones
            return Gap(str(data["s"]), f"update {number} came after {known}")
        return self._follows(topic, str(data["s"]), number, number)


class OkxContinuity(_Numbered):
    """prevSeqId is the last seqId; −1 begins anew. Numbers may fall after maintenance: the chain holds."""

    def check(self, message: Any) -> Gap | None:
        argument = message.get("arg") if isinstance(message, dict) else None
        if not isinstance(argument, dict) or not str(argument.get("channel", "")).startswith("books"):
            return None
        market, found = str(argument.get("instId")), None
        key = f"{argument['channel']} {market}"
        for data in message.get("data", ()):
            if "seqId" not in data or "prevSeqId" not in data:
                continue
            before, known = int(data["prevSeqId"]), self._last.get(key)
            self._last[key] = int(data["seqId"])
            if message.get("action") != "snapshot" and before != -1 and known is not None and before != known:
                found = Gap(market, f"an update follows {before}, the book stands at {known}")
        return found


class KucoinContinuity(_Numbered):
    """sequenceStart is at most the last sequenceEnd + 1; futures number each change by itself."""

    def check(self, message: Any) -> Gap | None:
        topic = str(message.get("topic", "")) if isinstance(message, dict) else ""
        if ":" not in topic or "/level2:" not in topic.lower():
            return None
        data, market = message.get("data") or {}, topic.partition(":")[2]
        first, last = data.get("sequenceStart", data.get("sequence")), data.get("sequenceEnd", data.get("sequence"))
        if first is None or last is None:
            return None
        return self._follows(topic, market, int(first), int(last))


class CoinbaseContinuity(_Numbered):
    """sequence_num grows by one over all messages of a connection."""

    def check(self, message: Any) -> Gap | None:
        if not isinstance(message, dict) or "sequence_num" not in message:
            return None
        number = int(message["sequence_num"])
        return self._follows("", "", number, number)


class GateContinuity(_Numbered):
    """U is at most the last u + 1."""

    def check(self, message: Any) -> Gap | None:
        if not isinstance(message, dict) or not str(message.get("channel", "")).endswith("order_book_update"):
            return None
        data = message.get("result")
        if not isinstance(data, dict) or "U" not in data or "u" not in data:
            return None
        return self._follows(f"{message['channel']} {data['s']}", str(data["s"]), int(data["U"]), int(data["u"]))


_CHECKERS: dict[str, type[Continuity]] = {
    "binance": BinanceContinuity,
    "bybit": BybitContinuity,
    "okx": OkxContinuity,
    "kucoin": KucoinContinuity,
    "coinbase": CoinbaseContinuity,
    "gate": GateContinuity,
}


def continuity(name: str) -> Continuity | None:
    """A checker of an exchange's numbering; None where it numbers nothing."""
    kind = _CHECKERS.get(name)
    return None if kind is None else kind()


# Checksums, over the book as it stands after the message.


class Checksum(msgspec.Struct, frozen=True):
    market: str
    value: int


def kraken_checksum(message: Any) -> Checksum | None:
    """The checksum that a message of Kraken's channel `book` (version 2) brings."""
    if not isinstance(message, dict) or message.get("channel") != "book" or not message.get("data"):
        return None
    data: Mapping[str, Any] = message["data"][0]
    return None if "checksum" not in data else Checksum(str(data["symbol"]), int(data["checksum"]))


def kraken_crc32(
    instrument: Instrument,
    bids: Sequence[tuple[int, int]],
    asks: Sequence[tuple[int, int]],
    price_places: int,
    quantity_places: int,
) -> int:
    """CRC32 over the ten best asks, then bids: each price and quantity as its digits without point and leading zeros.

    Source: Kraken, "Guide: Maintaining a Valid Book using Checksums (v2)". Levels are (ticks, lots), best first.
    """
    price, quantity = _scale(instrument.tick, price_places), _scale(instrument.lot, quantity_places)
    digits = "".join(
        f"{_digits(ticks, price)}{_digits(lots, quantity)}" for side in (asks, bids) for ticks, lots in side[:10]
    )
    return zlib.crc32(digits.encode())


def _scale(size: Decimal, places: int) -> Decimal:
    return multiply(size, Decimal(10) ** places)


def _digits(number: int, scale: Decimal) -> int:
    return number if scale == 1 else int(multiply(Decimal(number), scale))
