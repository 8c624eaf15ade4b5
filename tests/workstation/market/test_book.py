"""The book against the plainest book there is: two dicts, a sequence number, and a flag."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workstation.domain.market import BookDelta, BookSnapshot, BookStale
from workstation.market.book import OrderBook

X = "NOVA:X"


def snapshot(sequence: int, bids: dict[int, int], asks: dict[int, int], ts: int = 0) -> BookSnapshot:
    return BookSnapshot(X, ts, sequence, tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items())))


@dataclass
class PlainBook:
    """What a book is, said as simply as it can be."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    sequence: int = 0
    stale: bool = True

    def snapshot(self, event: BookSnapshot) -> None:
        self.bids, self.asks = dict(event.bids), dict(event.asks)
        self.sequence, self.stale = event.sequence, False

    def delta(self, event: BookDelta) -> bool:
        if self.stale:
            return False
        if event.previous and event.previous != self.sequence:
            self.stale = event.sequence > self.sequence
            return False
        for side, levels in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, quantity in levels:
                side.pop(price, None)
                if quantity:
                    side[price] = quantity
        self.sequence = event.sequence
        return True


SIDE = st.dictionaries(st.integers(1, 40), st.integers(1, 9), max_size=20)
LEVELS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=8).map(tuple)


class AnyFeed(RuleBasedStateMachine):
    """Snapshots, deltas that follow, deltas that are lost, old, doubled or unnumbered, and warnings, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.book = OrderBook(X)
        self.plain = PlainBook()
        self.version = -1
        self.state: tuple[dict[int, int], dict[int, int], str | None] = ({}, {}, None)

    def _give(self, event: BookDelta) -> None:
        assert self.book.apply(event) is self.plain.delta(event)

    @rule(bids=SIDE, asks=SIDE, step=st.integers(-3, 3))
    def take_a_snapshot(self, bids: dict[int, int], asks: dict[int, int], step: int) -> None:
        event = snapshot(max(1, self.plain.sequence + step), bids, asks)
        assert self.book.apply(event)
        self.plain.snapshot(event)

    @rule(bids=LEVELS, asks=LEVELS, step=st.integers(1, 4))
    def follow(self, bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...], step: int) -> None:
        self._give(BookDelta(X, 0, self.plain.sequence + step, self.plain.sequence, bids, asks))

    @rule(bids=LEVELS, asks=LEVELS)
    def come_without_numbers(self, bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...]) -> None:
        self._give(BookDelta(X, 0, self.plain.sequence, 0, bids, asks))

    @rule(bids=LEVELS, lost=st.integers(1, 3))
    def lose_some(self, bids: tuple[tuple[int, int], ...], lost: int) -> None:
        previous = self.plain.sequence + lost
        self._give(BookDelta(X, 0, previous + 1, previous, bids, ()))

    @rule(bids=LEVELS, age=st.integers(1, 3))
    def come_late(self, bids: tuple[tuple[int, int], ...], age: int) -> None:
        sequence = max(2, self.plain.sequence - age + 1)
        if sequence <= self.plain.sequence:
            self._give(BookDelta(X, 0, sequence, sequence - 1, bids, ()))

    @rule()
    def warn(self) -> None:
        assert self.book.apply(BookStale(X, 0, "the line is down"))
        self.plain.stale = True

    @invariant()
    def the_book_is_the_plain_one(self) -> None:
        book, plain = self.book, self.plain
        assert (book.bids, book.asks) == (plain.bids, plain.asks)
        assert (book.stale is not None) == plain.stale
        assert book.sequence == plain.sequence

    @invariant()
    def both_sides_are_in_order_best_first(self) -> None:
        book = self.book
        assert book.bid_levels(99) == sorted(self.plain.bids.items(), reverse=True)
        assert book.ask_levels(99) == sorted(self.plain.asks.items())
        assert book.best_bid == max(self.plain.bids, default=None)
        assert book.best_ask == min(self.plain.asks, default=None)

    @invariant()
    def whatever_changes_the_version_grows(self) -> None:
        state = (dict(self.book.bids), dict(self.book.asks), self.book.stale)
        assert self.book.version > self.version or (self.book.version == self.version and state == self.state)
        self.version, self.state = self.book.version, state


AnyFeed.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyFeed = AnyFeed.TestCase


@settings(max_examples=60, deadline=None)
@given(bids=SIDE, asks=SIDE, deltas=st.lists(st.tuples(LEVELS, LEVELS), max_size=10), depth=st.integers(1, 6))
def test_a_snapshot_of_a_book_makes_the_same_book(
    bids: dict[int, int], asks: dict[int, int], deltas: list[tuple[tuple[tuple[int, int], ...], ...]], depth: int
) -> None:
    book, copy = OrderBook(X), OrderBook(X)
    book.apply(snapshot(1, bids, asks))
    for sequence, (bid_levels, ask_levels) in enumerate(deltas, 2):
        book.apply(BookDelta(X, sequence, sequence, sequence - 1, bid_levels, ask_levels))
    copy.apply(book.snapshot())
    assert (copy.bids, copy.asks, copy.sequence, copy.ts) == (book.bids, book.asks, book.sequence, book.ts)
    assert copy.snapshot(depth) == book.snapshot(depth)
    assert copy.stale is None


def test_an_empty_book_has_no_prices() -> None:
    book = OrderBook(X)
    assert book.stale == "no book yet"
    assert (book.best_bid, book.best_ask, book.spread, book.mid) == (None, None, None, None)
    assert (book.imbalance(), book.bid_levels(5), book.ask_levels(5)) == (None, [], [])


def test_spread_middle_and_imbalance() -> None:
    book = OrderBook(X)
    book.apply(snapshot(1, {10: 3, 9: 1, 8: 100}, {13: 1, 14: 1, 15: 100}))
    assert (book.spread, book.mid) == (3, 11.5)
    assert book.imbalance(2) == (4 - 2) / (4 + 2)
    book.apply(snapshot(2, {10: 3}, {}))
    assert (book.spread, book.mid, book.imbalance(2)) == (None, None, 1.0)


def test_the_sentence_names_the_gap() -> None:
    book = OrderBook(X)
    book.apply(snapshot(5, {10: 3}, {11: 3}))
    book.apply(BookDelta(X, 0, 9, 8, ((10, 1),), ()))
    assert book.stale == "update 9 does not follow 5: waiting for a new snapshot"
    assert book.bids == {10: 3}
