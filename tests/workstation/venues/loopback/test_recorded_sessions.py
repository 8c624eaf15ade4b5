"""Recorded sessions of real exchanges, played to the unmodified ccxt classes: their books end as our own parsers' do.

Not among them: BitMEX, which ccxt does not have any more. Kraken's session is of the first version of its streams and
is played in the shape of the second. Bitstamp's is played to the class as the desk uses it, with the one method of
ccxt's that our hooks put right.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import ccxt.pro
import pytest

from tests.support.exchange.recorded import RecordedExchange, Session
from tests.support.real_venue import until
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Trade
from workstation.market.book import OrderBook
from workstation.market.recording import open_recording
from workstation.venues.ccxt.client import Hooks, hooked
from workstation.venues.ccxt.continuity import kraken_checksum, kraken_crc32

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "orderbook" / "cryptofeed"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded sessions are not beside this project")

CLASSES = {
    "BINANCE": "binance",
    "BITSTAMP": "bitstamp",
    "KRAKEN": "kraken",
    "BINANCE_FUTURES": "binanceusdm",
    "BINANCE_DELIVERY": "binancecoinm",
    "COINBASE": "coinbaseexchange",
    "DERIBIT": "deribit",
    "KRAKEN_FUTURES": "krakenfutures",
}
_TYPES = {"BINANCE": "spot", "BINANCE_FUTURES": "linear", "BINANCE_DELIVERY": "inverse"}


def client_of(name: str, exchange: RecordedExchange, hooks: Hooks | None = None) -> Any:
    """ccxt's class as it is, or with the desk's hooks."""
    kind = getattr(ccxt.pro, CLASSES[name])
    if hooks is not None or name == "BITSTAMP":
        kind = hooked(kind, hooks or Hooks())
    client = kind({"enableRateLimit": False, "apiKey": "k", "secret": "c2VjcmV0", "password": "p"})
    exchange.redirect(client)
    client.timeout_on_exit = 0
    client.has["fetchCurrencies"] = False
    if name in _TYPES:
        client.options |= {"fetchMargins": False, "fetchMarkets": {"types": [_TYPES[name]]}}
    if name == "DERIBIT":
        client.options["watchOrderBookForSymbols"] = {"interval": "raw"}
    if name == "BITSTAMP":  # a quiet market has fewer changes than ccxt waits for before it asks for a picture
        client.options["watchOrderBook"] = {"snapshotDelay": 0}
    return client


def our_name(market: dict[str, Any]) -> str:
    """What our parsers call a market of ccxt."""
    pair = f"{market['base']}-{market['quote']}"
    if market["option"]:
        return str(market["id"])
    if market["swap"]:
        return f"{pair}-PERP"
    return f"{pair}-{market['symbol'].rpartition('-')[2]}" if market["future"] else pair


def truth(session: Session) -> tuple[dict[str, Instrument], dict[str, OrderBook], int]:
    """By our own parsers: the instruments, their books at the end of the session, and how many trades it has."""
    source = open_recording(session.files)
    instruments = {instrument.symbol: instrument for instrument in source.instruments}
    books = {instrument.id: OrderBook(instrument.id) for instrument in source.instruments}
    trades = 0
    for event in source.until(2**62):
        if isinstance(event, BookSnapshot | BookDelta | BookStale):
            books[event.instrument].apply(event)
        trades += isinstance(event, Trade)
    source.close()
    return instruments, {symbol: books[instrument.id] for symbol, instrument in instruments.items()}, trades


def watches(client: Any, symbols: list[str]) -> list[Any]:
    """One watch of all symbols of a type where ccxt has it, else one a symbol."""
    if not client.has.get("watchOrderBookForSymbols"):
        return [client.watch_order_book(symbol) for symbol in symbols]
    if client.id == "kraken":
        return [client.watch_order_book_for_symbols(symbols, 1_000)]
    by_type: dict[str, list[str]] = {}
    for symbol in symbols:
        by_type.setdefault(client.market(symbol)["type"], []).append(symbol)
    return [client.watch_order_book_for_symbols(group) for group in by_type.values()]


def option(client: Any, name: str) -> Any:
    base = name.partition("-")[0]
    terms = {"id": name, "symbol": name, "base": base, "quote": "USD", "baseId": base, "quoteId": "USD"}
    kind = {"type": "option", "option": True, "spot": False, "swap": False, "future": False, "contract": True}
    return client.safe_market_structure(terms | kind)


def levels(instrument: Instrument, side: Any) -> dict[int, float]:
    """Ticks → lots (with their fraction) of the levels within a tenth of the best price: far away old prices stand
    that are finer than today's tick."""
    tick, lot = float(instrument.tick), float(instrument.lot)
    best = side[0][0] if len(side) else 0.0
    return {round(level[0] / tick): level[1] / lot for level in side if abs(level[0] / best - 1) < 0.1}


@needs_data
@pytest.mark.parametrize(
    "name", [name if name == "BINANCE" else pytest.param(name, marks=pytest.mark.slow) for name in CLASSES]
)
async def test_ccxt_s_book_of_a_recorded_session_is_ours(name: str) -> None:
    session = Session(DATA, name)
    instruments, ours, _ = truth(session)
    with RecordedExchange(session) as exchange:
        client = client_of(name, exchange)
        try:
            if name == "DERIBIT":  # its recorded list of instruments is of another year than its messages
                client.set_markets([option(client, symbol) for symbol in instruments])
            await client.load_markets()
            markets = {our_name(market): symbol for symbol, market in client.markets.items()}
            wanted = {symbol: markets[symbol] for symbol in instruments if symbol in markets}
            assert len(wanted) >= 0.9 * len(instruments), instruments.keys() - markets.keys()
            handled = count_messages(client)
            symbols = list(wanted.values())
            watching = [asyncio.ensure_future(watch) for watch in watches(client, symbols)]
            await until(lambda: exchange.subscriptions >= len(watching))
            await asyncio.sleep(0.1)  # the answers to them
            if name in _TYPES:  # each book begins with a picture by REST
                books = client.orderbooks
                await until(lambda: all(symbol in books and books[symbol]["nonce"] for symbol in symbols))
            sent = await asyncio.to_thread(exchange.play)
            await until(lambda: handled() >= sent)
            await until(lambda: all(theirs in client.orderbooks for theirs in wanted.values()))
            await asyncio.sleep(0.3)
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            if name == "BITSTAMP":  # a picture is used once a change has come before it: of two markets none did
                wanted = {symbol: theirs for symbol, theirs in wanted.items() if client.orderbooks[theirs]["nonce"]}
                assert len(wanted) >= 0.8 * len(instruments)
            compared = 0
            for symbol, theirs in wanted.items():
                book, instrument = client.orderbooks[theirs], instruments[symbol]
                for side in ("bids", "asks"):
                    mine = getattr(ours[symbol], side)
                    have = levels(instrument, book[side])
                    edge = (min if side == "bids" else max)(have, default=0)
                    near = {ticks for ticks in mine if (ticks >= edge if side == "bids" else ticks <= edge)}
                    assert have.keys() == near, f"{symbol} {side}"
                    # Our parser cuts what is finer than a lot.
                    assert all(int(have[ticks] + 1e-6) in (mine[ticks], mine[ticks] - 1) for ticks in near), symbol
                    compared += len(near)
            assert compared > 10
        finally:
            await client.close()


@needs_data
@pytest.mark.slow
async def test_every_checksum_of_kraken_s_session_holds_for_ccxt_s_books() -> None:
    """By our own reckoning, after each message, as the desk does it."""
    session, hooks, right, wrong = Session(DATA, "KRAKEN"), Hooks(), 0, []
    instruments, _, _ = truth(session)
    grids = {
        symbol.replace("-", "/"): (1 / float(each.tick), 1 / float(each.lot)) for symbol, each in instruments.items()
    }
    zeros = {market: list(range(instruments[market.replace("/", "-")].price_places, 13)) for market in grids}
    with RecordedExchange(session) as exchange:
        client = client_of("KRAKEN", exchange, hooks)

        def check(_connection: Any, message: Any) -> None:
            nonlocal right
            hooks.dirty.clear()
            if (told := kraken_checksum(message)) is None:
                return
            ticks, lots = grids[told.market]
            bids, asks = (
                [
                    (round(level[0] * ticks), round(level[1] * lots))
                    for level in client.orderbooks[told.market][side][:10]
                ]
                for side in ("bids", "asks")
            )
            instrument = instruments[told.market.replace("/", "-")]
            # the first version of the streams reckons with the zeros that it sends behind a price, as many for a pair
            for places in zeros[told.market]:
                if kraken_crc32(instrument, bids, asks, places, 8) == told.value:
                    zeros[told.market] = [places]
                    right += 1
                    return
            wrong.append(message)

        hooks.after_message = check
        try:
            await client.load_markets()
            watching = asyncio.ensure_future(client.watch_order_book_for_symbols(list(grids), 1_000))
            await until(lambda: exchange.subscriptions)
            played = sum('"checksum"' in text for text in session.messages)
            await asyncio.to_thread(exchange.play)
            await until(lambda: right + len(wrong) >= played)
            watching.cancel()
            assert (right, wrong[:1]) == (played, [])
            assert played == 4_269
        finally:
            await client.close()


def count_messages(client: Any) -> Any:
    """How many messages ccxt has been given."""
    count = 0
    handle = client.handle_message

    def counted(connection: Any, message: Any) -> Any:
        nonlocal count
        count += 1
        return handle(connection, message)

    client.handle_message = counted
    return lambda: count
