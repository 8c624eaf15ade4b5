"""What trades and marks prove where a book is not to be believed: by it a trigger is judged that the desk holds.

The rule, for a sell trigger (a buy's is its mirror). While the book is believed, its middle decides. While it is stale,
has one side only, or nothing has been heard of it for long, the market is at or below a price where either holds:

- it traded there for a second: all trades of at least the last second, two or more, are at or below the price, and the
  newest is of the last ten seconds. One bad print among good ones proves nothing, nor does one alone;
- it is marked there (contracts): so are all marks of at least the last second, the newest of the last fifteen, and no
  trade of the last ten seconds contradicts it: the newest one is at or below the price as well.

Where there is neither a believed book nor a live trade or mark, the desk sees no price at all: `unseen`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from workstation.clock import SECOND
from workstation.market.data import InstrumentMarket

#: ns for which trades or marks agree before they prove a price.
_AGREE = SECOND
#: ns for which a trade, and a mark, tells of now; marks that are asked for come every ten seconds.
_TRADE_LIVES, _MARK_LIVES = 10 * SECOND, 15 * SECOND
#: So many agree whatever time they span: in a rush more trades are not kept.
_MANY = 500
#: ns without a word of it, not even that nothing has changed, after which a book alone is not relied on.
_BOOK_LIVES = 30 * SECOND

type Range = tuple[Decimal, Decimal]  # the lowest and the highest price of what agrees


def proofs(market: InstrumentMarket, now: int) -> tuple[Range, ...]:
    """Ranges within which the market proves to be by something else than its book; none while the book is believed."""
    if believed(market, now):
        return ()
    found: list[Range] = []
    price = market.instrument.price
    newest = market.last if _traded(market, now) else None
    if newest is not None and (ticks := _agreed((each.ts, each.price) for each in reversed(market.tape))):
        found.append((price(min(ticks)), price(max(ticks))))
    if marked(market, now) and (prices := _agreed((each.ts, each.price) for each in reversed(market.marks))):
        if newest is not None:
            prices.append(price(newest.price))
        found.append((min(prices), max(prices)))
    return tuple(found)


def unseen(market: InstrumentMarket, now: int) -> str:
    """Why nothing tells where the market is now; "" while something does."""
    return "" if _traded(market, now) or marked(market, now) else disbelief(market, now)


def disbelief(market: InstrumentMarket, now: int) -> str:
    """Why the book does not tell where the market is; "" while it is believed."""
    if believed(market, now):
        return ""
    book = market.book
    if book.stale is not None:
        return book.stale
    if book.best_bid is None or book.best_ask is None:
        return (
            "nobody bids"
            if book.best_ask is not None
            else "nobody offers"
            if book.best_bid is not None
            else "its book is empty"
        )
    return f"nothing has been heard of its book for {(now - market.book_at) // SECOND} s"


def believed(market: InstrumentMarket, now: int) -> bool:
    """Whether the book tells where the market is."""
    book = market.book
    both = book.best_bid is not None and book.best_ask is not None
    return book.stale is None and both and now - market.book_at <= _BOOK_LIVES


def _traded(market: InstrumentMarket, now: int) -> bool:
    return market.last is not None and now - market.last.ts <= _TRADE_LIVES


def marked(market: InstrumentMarket, now: int) -> bool:
    """Whether a mark tells of now."""
    return market.mark is not None and now - market.mark.ts <= _MARK_LIVES


def _agreed[P: (int, Decimal)](newest_first: Iterable[tuple[int, P]]) -> list[P]:
    """The newest prices, as many as span the time for which they have to agree; empty where they do not span it."""
    prices: list[P] = []
    newest = None
    for ts, price in newest_first:
        prices.append(price)
        newest = ts if newest is None else newest
        if newest - ts >= _AGREE:
            return prices
    return prices if len(prices) >= _MANY else []
