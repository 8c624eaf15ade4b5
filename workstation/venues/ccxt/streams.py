"""The streams of a real venue: each kept alive by itself, begun anew after a fault with growing, jittered pauses.

A stream is a loop around one of ccxt's `watch…` methods. Nothing is awaited between two calls but what hands on what
came: ccxt gives the next update only to who is waiting for it. Whatever ends a book's stream makes the book stale at
once, it and every book on the same connection; the next picture of the exchange makes it whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from workstation.clock import MILLISECOND, SECOND, Clock
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookSnapshot, BookStale, MarketEvent, Trade
from workstation.venues.ccxt.belief import Beliefs
from workstation.venues.ccxt.books import BookReader, Tape
from workstation.venues.ccxt.checksums import KrakenSums
from workstation.venues.ccxt.client import Hooks
from workstation.venues.ccxt.continuity import Continuity, Gap, continuity, kraken_checksum
from workstation.venues.ccxt.doubts import Doubts
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.gate import backoff
from workstation.venues.ccxt.marks import Marks
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.ccxt.pictures import NoPicture, first_picture, take_back
from workstation.venues.ccxt.stream_state import StreamState, beaten, is_trade, take_each
from workstation.venues.contract import MarketSink, StreamAge

#: A stream that lived so many seconds has recovered: its next pause is a short one again.
_RECOVERED = 20.0
#: Seconds without a fault after which a quiet stream counts as standing, if its connection has answered.
_STANDS = 2.0
#: ns between two times that a connection is begun anew for the sake of one of the books that stand on it.
_DISTURBED = 60 * SECOND
#: Milliseconds after which a trade that is told has been missed: it is not one of now.
_LATE = 5_000

#: The book (ccxt's symbol) that the running task watches: which connection it stands on is seen by what it asks.
_watched: ContextVar[str] = ContextVar("watched book", default="")
#: The stream that the running task keeps.
_stream: ContextVar[str] = ContextVar("stream", default="")
#: The stream of the account that the running task watches.
_own: ContextVar[str] = ContextVar("watched stream of the account", default="")


class Streams:
    """All streams of one venue over one exchange object."""

    def __init__(
        self,
        *,
        venue: str,
        exchange: Any,
        hooks: Hooks,
        facts: Particulars,
        markets: Mapping[str, Instrument],
        clock: Clock,
        jitter: Callable[[], float],
        notice: Callable[[str, str], None],
        silence: float,
        there: Callable[[], int | None],
        blank: Collection[str] = (),
    ) -> None:
        """`markets`: instruments by ccxt's symbol; `notice(level, sentence)`: to the log; `silence`: seconds after
        which a connection that says nothing, not even to a ping, is dead; `blank`: symbols of which no book and no
        trades are taken, as they would be counted in ticks and lots that are none any more."""
        self._venue = venue
        self._exchange = exchange
        self._hooks = hooks
        self._facts = facts
        self._depth = facts.depth_of(len(markets))
        self._markets = markets
        self._clock = clock
        self._jitter = jitter
        self._notice = notice
        self.sink: MarketSink | None = None
        self.states: dict[str, StreamState] = {}
        #: Called with a stream's name when it has come back after a fault.
        self.on_back: Callable[[str], None] = lambda _name: None
        #: Called with a stream's name when it has failed.
        self.on_fault: Callable[[str], None] = lambda _name: None
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by the name of their stream
        self._marks = Marks(exchange, markets, clock, self._told, self._tell, there)
        self._readers = {symbol: BookReader(instrument) for symbol, instrument in markets.items()}
        self._checkers: dict[int, Continuity | None] = {}
        self._connections: dict[str, Any] = {}  # of each book, by ccxt's symbol
        self._own_connections: dict[str, Any] = {}  # of each stream of the account, by its name
        self._whole: set[str] = set()  # books that have had a picture and no fault since
        self._stale: set[str] = set()  # books that the desk was told to be stale
        self._silence = silence
        self._blank = frozenset(blank)
        self._alone: set[str] = set()  # books that are asked for by themselves: others stand on their connection
        self._begun: dict[str, int] = {}  # when a connection was begun anew for the sake of one of its books
        self._false: dict[str, BaseException] = {}  # streams that are ended because what they told is not believed
        self._beliefs = Beliefs(exchange, clock, silence, self._whole, self._is_false, self._is_true)
        self._doubts = Doubts(self._readers, self.states, clock, self._deny)
        self._sums = KrakenSums(exchange, self._readers)
        self._there = there
        exchange.streaming = exchange.deep_extend(
            exchange.streaming or {}, {"keepAlive": int(silence * 1_000 / 3), "maxPingPongMisses": 2.0}
        )
        hooks.on_message, hooks.after_message, hooks.on_open = self._before, self._after, self._opened
        hooks.on_use, hooks.on_beat = self._used, self._beat
        hooks.on_trouble = lambda words: notice("warning", f"{venue}: {words}; it is tried again.")

    # Life.

    def start(self, own: Mapping[str, Callable[[Any], object]]) -> None:
        """Begin: market data of every instrument, and `own` (a watch method's name → who takes what it gives)."""
        for symbol in self._markets:
            if symbol not in self._blank:
                self._run(f"book {symbol}", self._watch_book, symbol)
                self._run(f"trades {symbol}", self._watch_trades, symbol)
            if not self._markets[symbol].is_spot:
                self._run(f"mark {symbol}", self._marks.watch, symbol)
        self._tasks["beliefs"] = asyncio.create_task(self._beliefs.keep(), name=f"{self._venue} beliefs")
        for method, take in own.items():
            self._run(method, self._watch_own, getattr(self._exchange, method), partial(take_each, take))

    def keep_topic(
        self, name: str, watch: Callable[[], Awaitable[Any]], take: Callable[[Any], object] = lambda _found: None
    ) -> None:
        """One more stream of the account; without `take` it only matters that it stands."""
        self._run(name, self._watch_own, watch, take)

    def ages(self) -> list[StreamAge]:
        return [state.age(self._markets) for state in self.states.values()]

    async def stop(self) -> None:
        self._false.clear()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), self._hooks.stop(), return_exceptions=True)
        self._tasks.clear()

    def give_up(self, reason: str) -> None:
        """No book may be trusted from now on, and nothing more is told."""
        for symbol in self._markets:
            self._mark_stale(symbol, reason)
        self.sink = None

    def _run(self, name: str, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        self.states[name] = StreamState(name)
        self._tasks[name] = asyncio.create_task(self._keep(name, work, *arguments), name=f"{self._venue} {name}")

    async def _keep(self, name: str, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        loop = asyncio.get_running_loop()
        state, attempt = self.states[name], 0
        _stream.set(name)
        while True:
            began = loop.time()
            try:
                await work(state, *arguments)
                del self.states[name]  # the exchange has no such stream
                return
            except asyncio.CancelledError:
                task, false = asyncio.current_task(), self._false.pop(name, None)
                if task is None or (task.cancelling() and (false is None or task.uncancel())):
                    raise
                error: BaseException = false or ConnectionError("the connection was closed")  # ccxt cancels futures
            except Exception as caught:
                error = caught
            attempt = 0 if state.up and loop.time() - began > _RECOVERED else attempt
            state.up, state.said = False, words_of(error) or type(error).__name__
            state.faults += 1
            self.on_fault(name)
            if name.startswith("book "):
                self._book_failed(name[5:], error)
            if attempt in (0, 5):
                self._notice("warning", f"{self._venue}: the stream of {name} broke ({state.said}); it is begun anew.")
            await asyncio.sleep(backoff(attempt, self._jitter))
            attempt += 1

    def _told(self, state: StreamState) -> None:
        state.last = self._clock.now()
        state.messages += 1
        self._alive(state)

    def _alive(self, state: StreamState) -> None:
        if not state.up:
            state.up = True
            if state.faults:
                self.on_back(state.name)

    # Market data.

    async def _watch_book(self, state: StreamState, symbol: str) -> None:
        self._exchange.orderbooks.pop(symbol, None)  # some classes put a new picture on top of the old levels
        _watched.set(symbol)
        if symbol in self._alone:
            self._alone.discard(symbol)
            await take_back(self._exchange, symbol)
        await first_picture(self._exchange, self._hooks.gate, symbol, self._depth, self._silence)
        connection = self._connections.get(symbol)
        while True:
            self._told(state)
            if self._hooks.dirty:
                self._flush()
            if symbol not in self._whole and not self._readers[symbol].doubted and not self._is_empty(symbol):
                raise NoPicture("what came of it was no picture")
            if connection is not None and connection.error is not None:  # it ended while nobody waited for it
                raise ConnectionError(f"its connection was closed: {words_of(connection.error)}")
            await self._exchange.watch_order_book(symbol, self._depth)
            if self._connections.get(symbol) is not connection:
                raise ConnectionError("its connection was closed")

    def _is_empty(self, symbol: str) -> bool:
        """Whether the picture that came is one of a market in which nobody bids nor offers; the desk is told so."""
        book = self._exchange.orderbooks.get(symbol)
        if book is None or book["bids"] or book["asks"] or self.sink is None:
            return False
        self._whole.add(symbol)
        self._stale.discard(symbol)
        self._beliefs.heard[symbol] = now = self._clock.now()
        self.sink(self._readers[symbol].empty(now))
        return True

    def _book_failed(self, symbol: str, error: BaseException) -> None:
        """A connection that stands would go on telling changes of a book whose beginning is lost, and ccxt would make a
        book of them: it is begun anew too. A book that never came, or was false, is asked for by itself where others
        stand on its connection; where the exchange takes no subscription back, they are disturbed once in a while."""
        client, was_whole = self._connections.get(symbol), symbol in self._whole
        self._mark_stale(symbol, f"its stream broke: {words_of(error) or type(error).__name__}")
        if client is None or client.error is not None or not (was_whole or isinstance(error, NoPicture)):
            return
        now, shared = self._clock.now(), any(self._connections.get(other) is client for other in self._whole)
        lately = now - self._begun.get(symbol, -_DISTURBED) < _DISTURBED
        if isinstance(error, NoPicture) and shared and (self._exchange.has.get("unWatchOrderBook") or lately):
            self._alone.add(symbol)
            return
        self._begun[symbol] = now
        self._drop(client, ConnectionError(f"the book of {symbol} is begun anew"))

    async def _watch_trades(self, state: StreamState, symbol: str) -> None:
        if not self._exchange.has.get("watchTrades"):
            return
        instrument = self._markets[symbol]
        ticks, lots = 1.0 / float(instrument.tick), 1.0 / float(instrument.lot)
        while True:
            trades = [each for each in await self._exchange.watch_trades(symbol) if is_trade(each)]
            if state.up:  # the first that come may be old
                self._beliefs.traded(symbol, trades)
            self._told(state)
            now, there = self._clock.now(), self._there()
            for trade in trades:
                price, size = int(trade["price"] * ticks + 0.5), int(trade["amount"] * lots + 0.5) or 1
                stamp, buyer = trade.get("timestamp"), trade.get("side") != "sell"
                late = there - stamp if there and stamp else 0
                at = now if late < _LATE else now - late * MILLISECOND  # some begin with those of the last hours
                self._tell(Trade(instrument.id, at, price, size, buyer, str(trade.get("id") or "")))

    def _tell(self, event: MarketEvent) -> None:
        if self.sink is not None:
            self.sink(event)

    async def _watch_own(
        self, state: StreamState, watch: Callable[[], Awaitable[Any]], take: Callable[[Any], object]
    ) -> None:
        _own.set(state.name)
        self._own_connections.pop(state.name, None)
        first = asyncio.ensure_future(watch())
        try:
            # a stream of own orders is silent while nothing happens: it stands once the exchange has answered on its
            # connection and it has not failed for so long
            while not (await asyncio.wait({first}, timeout=_STANDS))[0]:
                if not state.up and self._answered(state.name):
                    self._alive(state)
            found = await first
        finally:
            first.cancel()
        while True:
            self._told(state)
            take(found)
            found = await watch()

    def _answered(self, name: str) -> bool:
        """Whether the exchange has said anything to who asked for the stream of the account."""
        client = self._own_connections.get(name)
        if client is None or client.error is not None:
            return False
        if self._facts.own_streams_silent:
            return client.connected is not None and bool(client.connected.done())
        return bool(getattr(client, "spoke", False))

    # Books.

    def _beat(self, client: Any) -> None:
        beaten(client, self._clock.now())

    def _used(self, client: Any) -> None:
        if name := _stream.get():
            self.states[name].line = client
        if symbol := _watched.get():
            self._connections[symbol] = client
        elif name := _own.get():
            self._own_connections[name] = client

    def _opened(self, client: Any) -> None:
        """A connection was made: its numbering begins anew."""
        self._checkers[id(client)] = continuity(self._facts.continuity)

    def _before(self, client: Any, message: Any) -> bool:
        checker = self._checkers.get(id(client))
        if checker is None:
            return True
        gap = checker.check(message)
        if gap is None:
            return True
        self._broken(client, gap)
        return False

    def _broken(self, client: Any, gap: Gap) -> None:
        """What the book is built from has a hole: no level of it is true any more. The connection is begun anew, and
        with it every book that stands on it (two markets may have one id, and a connection each)."""
        self._notice("warning", f"{self._venue}: {gap.market or 'a stream'}: {gap.reason}. The books are read anew.")
        self._drop(client, ConnectionError(gap.reason))

    def _drop(self, client: Any, error: ConnectionError) -> None:
        for symbol, connection in self._connections.items():
            if connection is client:
                self._mark_stale(symbol, f"{error}: waiting for a new picture")
        self._checkers.pop(id(client), None)
        client.on_error(error)

    def _after(self, client: Any, message: Any) -> None:
        if self._hooks.dirty:
            expected = kraken_checksum(message) if self._facts.continuity == "kraken" else None
            if expected is not None and not self._sums.agree(expected.market, expected.value):
                self._hooks.dirty.clear()
                self._broken(client, Gap(expected.market, "the checksum of the book is wrong"))
                return
            self._flush()

    def _flush(self) -> None:
        """Hand on what ccxt has done to its books since the last time."""
        dirty, now, there = self._hooks.dirty, self._clock.now(), self._there()
        tapes = dirty[:]
        dirty.clear()
        for tape in tapes:  # whatever happens to one of them, the next change of each is seen
            tape.changed = False
        for tape in tapes:
            symbol = tape.book.get("symbol")
            if self._exchange.orderbooks.get(symbol) is not tape.book:
                symbol = self._owner(tape)
            reader = self._readers.get(symbol)
            if reader is None:  # none of ours, or a book that has been begun anew since
                continue
            begins = symbol not in self._whole and not reader.doubted  # a first picture may be old and true
            event = reader.read(tape, now, None if begins else there)
            if event is None or self.sink is None:
                continue
            if isinstance(event, BookStale):
                self._is_doubted(symbol, event)
                continue
            if isinstance(event, BookSnapshot):
                self._whole.add(symbol)
                self._stale.discard(symbol)
            elif symbol not in self._whole:
                continue  # what follows a hole is of no use before the next picture
            self._beliefs.heard[symbol] = now
            self.sink(event)

    def _is_doubted(self, symbol: str, event: BookStale) -> None:
        self._whole.discard(symbol)
        if self.sink is not None and symbol not in self._stale:
            self._stale.add(symbol)
            self.sink(event)
        self._doubts.begin(symbol, event.ts)

    def _is_true(self, symbol: str) -> None:
        """A quiet book: the exchange's own is the same."""
        if symbol in self._whole and self.sink is not None:
            self.sink(self._readers[symbol].unchanged(self._clock.now()))

    def _is_false(self, symbol: str, reason: str) -> None:
        if symbol in self._whole:
            self._deny(symbol, reason)

    def _deny(self, symbol: str, reason: str) -> None:
        """A book that cannot be true: what was to bring its changes is lost, whatever else its connection tells."""
        self._mark_stale(symbol, reason)
        self._false[f"book {symbol}"] = NoPicture(f"it is not believed: {reason}")
        self._tasks[f"book {symbol}"].cancel()

    def _owner(self, tape: Tape) -> str:
        return next((symbol for symbol, book in self._exchange.orderbooks.items() if book is tape.book), "")

    def _mark_stale(self, symbol: str, reason: str) -> None:
        self._exchange.orderbooks.pop(symbol, None)
        self._whole.discard(symbol)
        self._doubts.end(symbol)
        instrument = self._markets.get(symbol)
        if instrument is None or self.sink is None or symbol in self._stale:
            return
        self._stale.add(symbol)
        self.sink(BookStale(instrument.id, self._clock.now(), reason))
