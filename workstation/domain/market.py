"""Market data as venues report it. Prices are whole ticks, quantities whole lots (see `Instrument`).

`ts` is UTC ns on the desk's clock; `sequence` is the venue's own update id, 0 where it has none.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.instrument import InstrumentId

#: ((ticks, lots), …); in a delta, lots == 0 removes the level.
type Levels = tuple[tuple[int, int], ...]


class BookSnapshot(msgspec.Struct, frozen=True, gc=False, tag="snapshot"):
    """The whole book as known; best level first on both sides."""

    instrument: InstrumentId
    ts: int
    sequence: int
    bids: Levels
    asks: Levels


class BookDelta(msgspec.Struct, frozen=True, gc=False, tag="delta"):
    """Levels that changed. `previous` is the sequence that the book must have for this delta to follow it."""

    instrument: InstrumentId
    ts: int
    sequence: int
    previous: int
    bids: Levels
    asks: Levels


class Trade(msgspec.Struct, frozen=True, gc=False, tag="trade"):
    """A public trade. `buyer_is_aggressor` says that a buy order took the offer."""

    instrument: InstrumentId
    ts: int
    price: int
    quantity: int
    buyer_is_aggressor: bool
    trade_id: str = ""


class Quote(msgspec.Struct, frozen=True, gc=False, tag="quote"):
    """Best bid and offer as a venue reports them beside its book (Binance bookTicker): an oracle for book building."""

    instrument: InstrumentId
    ts: int
    sequence: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


class MarkPrice(msgspec.Struct, frozen=True, gc=False, tag="mark"):
    """Mark price of a derivative and its current funding rate, a fraction per payment; one falls due every
    `funding_every` ns (None: the venue does not say)."""

    instrument: InstrumentId
    ts: int
    price: Decimal
    funding_rate: Decimal | None = None
    next_funding: int | None = None
    funding_every: int | None = None


class BookStale(msgspec.Struct, frozen=True, gc=False, tag="stale"):
    """The book of the instrument cannot be trusted until its next snapshot; `reason` is a sentence for the trader."""

    instrument: InstrumentId
    ts: int
    reason: str


type MarketEvent = BookSnapshot | BookDelta | Trade | Quote | MarkPrice | BookStale
