"""ccxt's order books, overheard: every level that ccxt sets or takes away becomes a change of the desk's book.

ccxt.pro keeps a book of its own and hands it out whole. Reading all of it after each message would cost more than
parsing it; so the two sides of each book are exchanged for ones that also write down what is done to them.

What a book tells is doubted while it is crossed, or seconds old by the exchange's own stamp: a feed that lags, as in
every crash, comes as regularly as any other. It is whole again with the first reading that gives no cause for doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Levels

#: Milliseconds by which what a book tells may be late, and by how much at most once it has been later; what is later
#: than an hour bears no time, but something else.
_LATE, _IN_TIME, _NO_TIME = 3_000, 1_500, 3_600_000


class Tape:
    """What has been done to one book since it was last read."""

    __slots__ = ("asks", "bids", "book", "changed", "dirty", "fresh")

    def __init__(self, dirty: list[Tape]) -> None:
        self.fresh = True  # the book was begun anew: it is to be read whole
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.book: Any = None
        self.changed = False
        self.dirty = dirty

    def touch(self) -> None:
        if not self.changed:
            self.changed = True
            self.dirty.append(self)


_recording: dict[type[Any], type[Any]] = {}


def _recording_class(side: type[Any]) -> type[Any]:
    """A side of ccxt's book that writes down its changes."""
    if (found := _recording.get(side)) is not None:
        return found
    store, limit, clear = side.storeArray, side.limit, side.clear
    counted = "Counted" in side.__name__
    indexed = "Indexed" in side.__name__

    class Recording(side):  # type: ignore[misc]
        tape: Tape | None = None

        def storeArray(self, delta: Any) -> None:
            tape = self.tape
            if tape is not None:
                if indexed:  # levels of single orders: only the whole tells what stands at a price
                    tape.fresh = True
                elif not tape.fresh:
                    gone = counted and not delta[2]
                    (tape.bids if self.side else tape.asks)[delta[0]] = 0.0 if gone else delta[1]
                tape.touch()
            store(self, delta)

        def clear(self) -> None:
            if self.tape is not None:
                self.tape.fresh = True
                self.tape.touch()
            clear(self)

        def limit(self) -> None:
            tape = self.tape
            if tape is not None and len(self) > self._depth:
                if not tape.fresh:
                    cut = tape.bids if self.side else tape.asks
                    for level in list(self)[self._depth :]:
                        cut[level[0]] = 0.0
                tape.touch()
            limit(self)

    Recording.__name__ = f"Recording{side.__name__}"
    _recording[side] = Recording
    return Recording


def overheard(book: Any, dirty: list[Tape]) -> Any:
    """The book (new, of ccxt) with sides that write down what is done to them; `dirty` gathers the tapes to read."""
    tape = Tape(dirty)
    for name in ("bids", "asks"):
        old = book[name]
        side = _recording_class(type(old))([], old._depth)
        for level in old:
            side.storeArray(level)
        side.tape = tape
        book[name] = side
    tape.book = book
    if len(book["bids"]) or len(book["asks"]):
        tape.touch()
    return book


class BookReader:
    """Turns one instrument's tapes into events in whole ticks and lots."""

    __slots__ = ("_last", "_least", "_lots", "_stamp", "_ticks", "crossed", "doubted", "instrument")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._ticks, self._lots = 1.0 / float(instrument.tick), 1.0 / float(instrument.lot)
        self._least = float(instrument.tick) / 2
        self._last = 0
        self._stamp: Any = None
        self.doubted = ""  # why what it tells is not believed at present
        self.crossed = False

    def read(self, tape: Tape, ts: int, there: int | None = None) -> BookSnapshot | BookDelta | BookStale | None:
        """What changed since the last reading; None for nothing. The tape is empty afterwards. `there`: the time at the
        exchange in ms; None where it is not known, or where what the book begins with may be old and true.

        Raises `ValueError` for a size below nothing."""
        book, instrument = tape.book, self.instrument
        nonce = int(book.get("nonce") or 0)
        tape.changed = False
        was, self.doubted = self.doubted, self._doubt(book, there)
        if self.doubted:
            tape.fresh = True
            return None if was else BookStale(instrument.id, ts, self.doubted)
        if was or tape.fresh:
            if not book["bids"] and not book["asks"]:
                return None
            tape.fresh = False
            tape.bids.clear()
            tape.asks.clear()
            self._last = nonce
            return BookSnapshot(instrument.id, ts, nonce, self._whole(book["bids"]), self._whole(book["asks"]))
        if not tape.bids and not tape.asks:
            return None
        bids, asks = self._levels(tape.bids), self._levels(tape.asks)
        tape.bids.clear()
        tape.asks.clear()
        before, self._last = self._last, nonce
        return BookDelta(instrument.id, ts, nonce, before if nonce else 0, bids, asks)

    def _doubt(self, book: Any, there: int | None) -> str:
        bids, asks = book["bids"], book["asks"]
        if bids and asks and bids[0][0] > asks[0][0]:
            self.crossed = True
            return f"its best bid {bids[0][0]:.12g} stands above its best offer {asks[0][0]:.12g}"
        self.crossed, stamp = False, book.get("timestamp")
        stands, self._stamp = stamp == self._stamp, stamp
        if there is None or not stamp or (stands and not self.doubted):  # some stamp their pictures alone
            return ""
        late = there - stamp
        if not (_IN_TIME if self.doubted else _LATE) < late < _NO_TIME:
            return ""
        return f"what it tells comes {late / 1_000:.0f} s late"

    def unchanged(self, ts: int) -> BookDelta:
        """That nothing has changed since the last reading."""
        return BookDelta(self.instrument.id, ts, self._last, self._last, (), ())

    def empty(self, ts: int) -> BookSnapshot:
        """A picture of a market in which nobody bids nor offers."""
        self._last = 0
        return BookSnapshot(self.instrument.id, ts, 0, (), ())

    def _levels(self, changes: dict[float, float]) -> Levels:
        if not changes:
            return ()
        ticks, lots, least = self._ticks, self._lots, self._least
        if min(changes.values()) < 0:
            raise ValueError("a size is below nothing")
        return tuple(
            [  # a list is made faster than what a generator gives is gathered, and here each change of a book passes
                (int(price * ticks + 0.5), (int(size * lots + 0.5) or 1) if size else 0)
                for price, size in changes.items()
                if price >= least  # at nothing nobody deals
            ]
        )

    def _whole(self, side: Any) -> Levels:
        ticks, lots = self._ticks, self._lots
        found: dict[int, int] = {}
        for level in side:
            price, size = int(level[0] * ticks + 0.5), int(level[1] * lots + 0.5) or 1
            if size < 0:
                raise ValueError("a size is below nothing")
            if price <= 0:
                continue
            found[price] = found.get(price, 0) + size
        return tuple(found.items())


def patched(exchange_class: type[Any], dirty_of: Callable[[Any], list[Tape]]) -> dict[str, Any]:
    """The methods that make a ccxt class keep overheard books (for `type(…)`)."""

    def factory(name: str) -> Callable[..., Any]:
        make = getattr(exchange_class, name)

        def build(self: Any, snapshot: Any = None, depth: Any = None) -> Any:
            return overheard(make(self, snapshot or {}, depth), dirty_of(self))

        return build

    return {name: factory(name) for name in ("order_book", "indexed_order_book", "counted_order_book")}
