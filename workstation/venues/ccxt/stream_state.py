"""How one stream of a real venue stands: what it has told, and whether the connection beneath it lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from workstation.clock import MILLISECOND
from workstation.domain.instrument import Instrument
from workstation.venues.contract import StreamAge

#: What the trader calls a stream, by the first word of its name.
_WHAT = {"mark": "mark price", "watch_orders": "own orders", "watch_my_trades": "own fills"}
_WHAT |= {"balances": "own money", "positions": "own positions"}
_OF_MARKET = ("book", "trades", "mark")


class StreamState(msgspec.Struct):
    """A stream by its name: a word and ccxt's symbol ("book BTC/USDT"), or what ccxt calls it."""

    name: str
    last: int = 0  # UTC ns of the last thing that it told
    messages: int = 0
    faults: int = 0
    up: bool = False
    said: str = ""  # why it was last begun anew
    asked: bool = False  # it is no stream: the exchange is asked time and again
    line: Any = None  # ccxt's connection beneath it

    def age(self, markets: Mapping[str, Instrument]) -> StreamAge:
        """As the screen shows it."""
        kind, _, symbol = self.name.partition(" ")
        instrument = markets.get(symbol)
        beside = f" {symbol}" if symbol and kind in _WHAT and kind not in _OF_MARKET else ""  # own orders of contracts
        return StreamAge(
            what=_WHAT[kind] + beside if kind in _WHAT else kind if kind in _OF_MARKET else self.name,
            symbol="" if instrument is None else instrument.symbol,
            up=self.up,
            heard=self.last,
            messages=self.messages,
            beat=getattr(self.line, "beat_at", 0),
            beats=getattr(self.line, "beats", 0),
            alive=(getattr(self.line, "last_message_at", None) or 0) * MILLISECOND,
            faults=self.faults,
            asked=self.asked,
            often=kind in ("book", "mark"),
            said=self.said,
        )


def beaten(line: Any, now: int) -> None:
    """A connection has shown that it lives, and told nothing."""
    line.beats = getattr(line, "beats", 0) + 1
    line.beat_at = now


def take_each(take: Callable[[Any], object], found: Iterable[Any]) -> None:
    """One after the other, what a watch method has given."""
    for one in found:
        take(one)


def is_trade(found: Mapping[str, Any]) -> bool:
    """Whether what ccxt calls a trade has a price and a size."""
    return (found.get("price") or 0) > 0 and (found.get("amount") or 0) > 0
