"""Recorded sessions of Bitstamp, Kraken Futures, BitMEX and Deribit, checked against what the venues said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from raw_replays import FOREVER

from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Quote, Trade
from workstation.market.book import OrderBook
from workstation.market.recording import RecordingError, open_recording
from workstation.market.recording.lines import recognise

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "orderbook" / "cryptofeed"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings of {DATA.name} are not beside the project")

#: Best bid, its quantity, best ask, its quantity; None where a side is empty.
type Top = tuple[int | None, int | None, int | None, int | None]


def play(*venues: str) -> tuple[Sequence[Instrument], list[MarketEvent]]:
    source = open_recording([path for venue in venues for path in sorted(DATA.glob(f"{venue}.*"))])
    events = list(source.until(FOREVER))
    source.close()
    assert not [notice for notice in source.notices if "could not be read" in notice or "left out" in notice]
    return source.instruments, events


def said(venue: str) -> Iterator[tuple[int, Any]]:
    """What the venue sent over its stream, with the time of receipt; numbers exactly."""
    for path in sorted(DATA.glob(f"{venue}.ws.*")):
        file = recognise(path)
        assert file is not None
        for line in file.lines():
            yield line.ts, json.loads(line.body, parse_float=Decimal)


def top(book: OrderBook) -> Top:
    bid, ask = book.best_bid, book.best_ask
    return bid, book.bids.get(bid or 0), ask, book.asks.get(ask or 0)


class Books:
    """The books of a session, as they are after each event."""

    def __init__(self) -> None:
        self.now: dict[str, OrderBook] = {}
        self.checked = 0

    def take(self, event: MarketEvent) -> Top | None:
        """What is best after the event, None if it is not of a book."""
        assert not isinstance(event, BookStale), event.reason
        if not isinstance(event, BookDelta | BookSnapshot):
            return None
        book = self.now.setdefault(event.instrument, OrderBook(event.instrument))
        assert book.apply(event), book.stale
        self.checked += 1
        best = top(book)
        assert best[0] is None or best[2] is None or best[0] < best[2]
        return best


@pytest.mark.parametrize(
    ("venue", "states", "trades", "beyond"),
    [("BITSTAMP", 625, 10, 1), ("KRAKEN_FUTURES", 7024, 3, 0), ("BITMEX", 1979, 16, 0), ("DERIBIT", 46, 0, 0)],
)
def test_books_never_cross_and_trades_are_inside_the_spread_or_at_a_level(
    venue: str, states: int, trades: int, beyond: int
) -> None:
    instruments, events = play(venue)
    books, seen, unseen = Books(), 0, 0
    for event in events:
        books.take(event)
        if isinstance(event, Trade) and event.instrument in books.now:
            book = books.now[event.instrument]
            bid, _, ask, _ = top(book)
            assert bid is not None
            assert ask is not None
            seen += 1
            if not (bid <= event.price <= ask or event.price in book.bids or event.price in book.asks):
                # Bitstamp tells of its books every 0.3 s: a sweep took orders that had come since the last time.
                unseen += 1
                assert event.price > ask if event.buyer_is_aggressor else event.price < bid
    assert (len(instruments), books.checked, seen, unseen) == (10, states, trades, beyond)


def test_kraken_futures_tickers_are_the_best_prices_of_the_book_at_that_moment() -> None:
    instruments, events = play("KRAKEN_FUTURES")
    steps = {each.symbol: each for each in instruments}
    books, coming, compared = Books(), iter(events), 0
    event = next(coming)
    for ts, message in said("KRAKEN_FUTURES"):
        if message.get("feed") != "ticker_lite" or "bid" not in message:
            continue
        while event.ts <= ts:
            books.take(event)
            event = next(coming)
        _, pair, *expiry = message["product_id"].replace("XBT", "BTC").split("_")
        instrument = steps[f"{pair[:3]}-{pair[3:]}-{expiry[0] if expiry else 'PERP'}"]
        bid, _, ask, _ = top(books.now[instrument.id])
        told = instrument.to_ticks(message["bid"]), instrument.to_ticks(message["ask"])
        compared += told == (bid, ask)
    assert compared == sum(
        message.get("feed") == "ticker_lite" and "bid" in message for _, message in said("KRAKEN_FUTURES")
    )
    assert compared == 107


def test_every_bitmex_quote_is_a_state_of_the_book_and_they_come_in_the_same_order() -> None:
    # Quotes and books have no common number: each list of quotes must be met in the list of the book's states.
    _, events = play("BITMEX")
    books = Books()
    states: dict[str, list[Top]] = {}
    quotes: dict[str, list[Top]] = {}
    for event in events:
        best = books.take(event)
        if best is not None:
            states.setdefault(event.instrument, []).append(best)
        elif isinstance(event, Quote):
            numbers = (event.bid, event.bid_quantity, event.ask, event.ask_quantity)
            quotes.setdefault(event.instrument, []).append(numbers)
    for instrument, told in quotes.items():
        position = 0
        for quote in told:
            position = states[instrument].index(quote, position)  # raises if it is not there
    assert (len(quotes), sum(map(len, quotes.values()))) == (10, 436)


def test_bitmex_contracts_are_worth_what_the_venue_says_of_each_trade() -> None:
    instruments, events = play("BITMEX")
    contracts = {each.id: each for each in instruments}
    gross = {
        trade["trdMatchID"]: Decimal(trade["grossValue"]).scaleb(-8)  # in satoshi
        for _, message in said("BITMEX")
        if message.get("table") == "trade"
        for trade in message["data"]
    }
    trades = [event for event in events if isinstance(event, Trade)]
    for trade in trades:
        contract = contracts[trade.instrument]
        value = contract.notional(contract.quantity(trade.quantity), contract.price(trade.price))
        # BitMEX rounds what one inverse contract is worth to whole satoshi.
        allowed = contract.quantity(trade.quantity).scaleb(-8) if contract.is_inverse else 0
        assert abs(value - gross[trade.trade_id]) <= allowed
    assert (len(trades), len({trade.instrument for trade in trades})) == (17, 3)


def test_every_deribit_ticker_is_the_book_of_its_millisecond() -> None:
    instruments, events = play("DERIBIT")
    moments = {}  # of changes, as the venue dates them
    tickers = []
    for _, message in said("DERIBIT"):
        params = message.get("params", {"channel": ""})
        if params["channel"].startswith("book."):
            moments[params["data"]["change_id"]] = params["data"]["timestamp"]
        elif params["channel"].startswith("ticker."):
            tickers.append(params["data"])
    books = Books()
    states: dict[str, list[tuple[int, Top]]] = {}
    for event in events:
        best = books.take(event)
        if best is not None and isinstance(event, BookDelta | BookSnapshot):
            states.setdefault(event.instrument, []).append((moments[event.sequence], best))
    symbols = {each.symbol: each for each in instruments}
    same = 0
    for ticker in tickers:
        instrument = symbols[ticker["instrument_name"]]
        moment, best = [state for state in states[instrument.id] if state[0] <= ticker["timestamp"]][-1]
        prices = [instrument.to_ticks(ticker[name]) or None for name in ("best_bid_price", "best_ask_price")]
        sizes = [instrument.to_lots(ticker[name]) or None for name in ("best_bid_amount", "best_ask_amount")]
        assert (prices[0], sizes[0], prices[1], sizes[1]) == best
        same += moment == ticker["timestamp"]
    assert (len(tickers), same) == (89, 37)


def test_sessions_of_one_day_open_as_one_market() -> None:
    instruments, events = play("BITMEX", "DERIBIT", "KRAKEN_FUTURES")
    assert len(instruments) == 30
    assert {event.instrument.split(":")[0] for event in events} == {"BITMEX", "DERIBIT", "KRAKEN-FUTURES"}
    assert [event.ts for event in events] == sorted(event.ts for event in events)


def test_the_whole_folder_is_of_several_years_and_says_so() -> None:
    with pytest.raises(
        RecordingError, match=r"^These recordings are not of one time \(.* of 2021-.* of 202[23]-.*\): replay"
    ):
        open_recording([DATA])
