"""The market as the desk sees it: each event reaches its instrument, and only that one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarkPrice, Quote, Trade
from workstation.domain.spans import SECOND
from workstation.market.bars import INTERVALS
from workstation.market.data import MarketData

BTC = Instrument(venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.5"), lot=Decimal("0.001"))
ETH = Instrument(venue="NOVA", symbol="ETH-USDT", base="ETH", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.01"))
#: 2026-01-05 12:00 UTC
NOON = 1_767_614_400 * SECOND
MINUTE, DAY = INTERVALS["1m"], INTERVALS["1d"]


def trade(ticks: int, lots: int = 1_000, ts: int = NOON, instrument: Instrument = BTC) -> Trade:
    return Trade(instrument.id, ts, ticks, lots, True)


def book(bid: int, ask: int, instrument: Instrument = BTC) -> BookSnapshot:
    return BookSnapshot(instrument.id, NOON, 1, ((bid, 5),), ((ask, 5),))


@pytest.fixture
def data() -> MarketData:
    return MarketData([BTC, ETH], tape_size=3)


def test_an_event_reaches_its_own_instrument_only(data: MarketData) -> None:
    data.apply(book(100, 102))
    data.apply(trade(101))
    market, other = data.markets[BTC.id], data.markets[ETH.id]
    assert (market.book.best_bid, market.last, market.trades) == (100, trade(101), 1)
    assert (other.book.best_bid, other.last, other.trades) == (None, None, 0)
    assert data.events == 2
    assert market.updated_at == NOON


def test_an_unknown_instrument_is_an_error(data: MarketData) -> None:
    with pytest.raises(KeyError):
        data.apply(Trade("NOVA:DOGE-USDT", NOON, 1, 1, True))
    assert data.mark("NOVA:DOGE-USDT") is None


def test_books_take_deltas_and_go_stale(data: MarketData) -> None:
    data.apply(book(100, 102))
    data.apply(BookDelta(BTC.id, NOON, 2, 1, ((101, 7),), ()))
    assert data.markets[BTC.id].book.bids == {100: 5, 101: 7}
    data.apply(BookStale(BTC.id, NOON, "the line is down"))
    assert data.markets[BTC.id].book.stale == "the line is down"


def test_the_tape_keeps_the_newest_and_the_counter_all(data: MarketData) -> None:
    for ticks in range(1, 6):
        data.apply(trade(ticks))
    market = data.markets[BTC.id]
    assert [one.price for one in market.tape] == [3, 4, 5]
    assert market.trades == 5


def test_candles_are_in_prices_and_quantities_not_in_ticks_and_lots(data: MarketData) -> None:
    data.apply(trade(129_001, 250))
    data.apply(trade(128_999, 250))
    (bar,) = data.markets[BTC.id].candles.series(MINUTE).last(9)
    assert (bar.open, bar.high, bar.low, bar.close) == (64_500.5, 64_500.5, 64_499.5, 64_499.5)
    assert bar.volume == pytest.approx(0.5)


def test_quotes_are_kept(data: MarketData) -> None:
    quote = Quote(BTC.id, NOON, 7, 100, 1, 102, 1)
    data.apply(quote)
    assert data.markets[BTC.id].quote == quote


class TestMark:
    """What positions are valued at: the venue's mark before the middle of the book before the last trade."""

    def test_nothing_known(self, data: MarketData) -> None:
        assert data.mark(BTC.id) is None

    def test_the_last_trade(self, data: MarketData) -> None:
        data.apply(trade(101))
        assert data.mark(BTC.id) == Decimal("50.5")

    def test_the_middle_of_the_book_to_half_a_tick(self, data: MarketData) -> None:
        data.apply(trade(101))
        data.apply(book(100, 103))
        assert data.mark(BTC.id) == Decimal("50.75")

    def test_half_a_book_is_no_middle(self, data: MarketData) -> None:
        data.apply(trade(101))
        data.apply(BookSnapshot(BTC.id, NOON, 1, ((100, 5),), ()))
        assert data.mark(BTC.id) == Decimal("50.5")

    def test_the_venues_mark(self, data: MarketData) -> None:
        data.apply(book(100, 103))
        data.apply(MarkPrice(BTC.id, NOON, Decimal("50.123")))
        assert data.mark(BTC.id) == Decimal("50.123")


class TestDay:
    def test_no_trades_no_day(self, data: MarketData) -> None:
        assert data.markets[BTC.id].day() is None

    def test_the_last_24_hours_and_no_more(self) -> None:
        """Minutes of three days at 10, 20, 30, …: the day begins 24 hours before the newest minute."""

        def history(_instrument: str, interval: int, count: int) -> Sequence[Bar]:
            if interval != MINUTE:
                return ()
            first = max(1, 3 * DAY // MINUTE - count)
            return [
                Bar(NOON - 3 * DAY + n * MINUTE, 10.0 * n, 10.0 * n + 4, 10.0 * n - 4, 10.0 * n, 2.0)
                for n in range(first, 3 * DAY // MINUTE)
            ]

        market = MarketData([BTC], history).markets[BTC.id]
        market.apply(trade(2 * 50_000, 3_000))
        day = market.day()
        assert day is not None
        minutes = DAY // MINUTE
        first = 10.0 * (2 * minutes + 1)
        assert (day.open, day.low) == (first, first - 4)
        assert (day.high, day.last) == (50_000.0, 50_000.0)
        assert day.volume == pytest.approx(2.0 * (minutes - 1) + 3.0)
        assert day.change == pytest.approx(50_000.0 / first - 1)

    def test_what_is_known_of_a_young_market(self, data: MarketData) -> None:
        data.apply(trade(100))
        data.apply(trade(110, ts=NOON + 5 * MINUTE))
        day = data.markets[BTC.id].day()
        assert day is not None
        assert (day.open, day.high, day.low, day.last) == (50.0, 55.0, 50.0, 55.0)
        assert day.change == pytest.approx(0.1)


def test_a_jump_in_time_voids_what_was_before_but_the_counter_goes_on(data: MarketData) -> None:
    data.apply(trade(100))
    data.apply(MarkPrice(BTC.id, NOON, Decimal(50)))
    data.reset()
    market = data.markets[BTC.id]
    assert (list(market.tape), market.last, market.mark) == ([], None, None)
    assert market.candles.series(MINUTE).last(9) == []
    assert market.trades == 1
    data.apply(trade(90, ts=NOON - DAY))
    assert [bar.open for bar in market.candles.series(MINUTE).last(9)] == [45.0]


def test_a_book_that_is_lost_makes_no_price_newer(data: MarketData) -> None:
    data.apply(trade(100))
    market = data.markets[BTC.id]
    data.apply(BookStale(BTC.id, NOON + 60 * SECOND, "the link is down"))
    assert market.book.stale == "the link is down"
    assert market.stale_for(NOON + 61 * SECOND, 5 * SECOND) == 61 * SECOND
    data.apply(BookStale(BTC.id, NOON - DAY, "moved to another time"))
    assert market.stale_for(NOON - DAY + SECOND, 5 * SECOND) is None


def test_history_is_asked_for_the_right_instrument() -> None:
    asked = []

    def history(instrument: str, interval: int, count: int) -> Sequence[Bar]:
        asked.append((instrument, interval))
        return [Bar(NOON - interval, 1.0, 1.0, 1.0, 1.0, 1.0)]

    data = MarketData([BTC, ETH], history)
    assert asked == []  # not before somebody looks
    assert len(data.markets[ETH.id].candles.series(MINUTE).last(9)) == 1
    assert (ETH.id, MINUTE) in asked
    assert all(instrument == ETH.id for instrument, _ in asked)
