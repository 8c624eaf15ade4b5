"""Real recordings, checked against what the venues themselves said: best prices by update id, checksums, identity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from workstation.clock import SECOND, SimClock
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Quote, Trade
from workstation.market.book import OrderBook
from workstation.market.recording import RecordingWriter, open_recording
from workstation.venues.pump import MarketPump
from workstation.venues.replay import ReplayClock, ReplayControl

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "orderbook"
FOREVER = 2**62
SPOT = "hftbacktest/binance_spot_btcusdt_20240808.gz"
SPOT_NEXT = "hftbacktest/binance_spot_btcusdt_20240809.gz"
USDM = "hftbacktest/binance_usdm_btcusdt_20240808.gz"
COINM = "hftbacktest/binance_cm_btcusd_perp_20240808.gz"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings of {DATA.name} are not beside the project")


def paths(*patterns: str) -> list[Path]:
    return [path for pattern in patterns for path in sorted(DATA.glob(pattern))]


def play(files: Sequence[Path]) -> list[MarketEvent]:
    source = open_recording(files)
    events = list(source.until(FOREVER))
    source.close()
    return events


def compare_with_tickers(events: Sequence[MarketEvent]) -> tuple[int, int]:
    """How many book states have a bookTicker of the same update id, and at how many of them all four numbers agree."""
    tickers = {(event.instrument, event.sequence): event for event in events if isinstance(event, Quote)}
    books: dict[str, OrderBook] = {}
    compared = equal = 0
    for event in events:
        assert not isinstance(event, BookStale), event.reason
        if not isinstance(event, BookDelta | BookSnapshot):
            continue
        book = books.setdefault(event.instrument, OrderBook(event.instrument))
        assert book.apply(event), book.stale
        bid, ask = book.best_bid, book.best_ask
        assert bid is not None
        assert ask is not None
        assert bid < ask
        ticker = tickers.get((event.instrument, event.sequence))
        if ticker is not None:
            compared += 1
            told = (ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity)
            equal += told == (bid, book.bids[bid], ask, book.asks[ask])
    return compared, equal


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ([SPOT], 564),
        pytest.param([SPOT, SPOT_NEXT], 1072, marks=pytest.mark.slow),
        pytest.param([USDM], 629, marks=pytest.mark.slow),
        pytest.param([COINM], 1124, marks=pytest.mark.slow),
        (["cryptofeed/BINANCE.*"], 26),
        (["cryptofeed/BINANCE_FUTURES.*"], 50),
        (["cryptofeed/BINANCE_DELIVERY.*"], 213),
    ],
    ids=["spot", "spot-two-days", "usdm", "coinm", "cf-spot", "cf-usdm", "cf-coinm"],
)
def test_the_book_is_the_book_ticker_at_every_comparable_update(files: list[str], count: int) -> None:
    assert compare_with_tickers(play(paths(*files))) == (count, count)


def test_every_kraken_checksum_matches() -> None:
    # The parser checks each update and would make the book stale at the first that differs.
    events = play(paths("cryptofeed/KRAKEN.*"))
    assert not [event for event in events if isinstance(event, BookStale)]
    assert sum(isinstance(event, BookDelta) for event in events) == 4269
    assert sum(isinstance(event, BookSnapshot) for event in events) == 10
    assert sum(isinstance(event, Trade) for event in events) == 10


def test_coinbase_books_never_cross() -> None:
    events = play(paths("cryptofeed/COINBASE.*"))
    assert compare_with_tickers(events) == (0, 0)
    assert sum(isinstance(event, Trade) for event in events) > 50


@pytest.fixture(scope="module")
def spot_and_perpetual(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[MarketEvent], Path]:
    """Both sessions as one market, and what a recorder made of it."""
    source = open_recording(paths(SPOT, USDM))
    path = tmp_path_factory.mktemp("again") / "again.tws"
    writer = RecordingWriter(path, source.instruments, SimClock(source.start))
    events = []
    for event in source.until(FOREVER):
        events.append(event)
        writer.write(event)
    writer.close()
    source.close()
    return events, path


@pytest.mark.slow
def test_a_replay_recorded_again_is_identical(spot_and_perpetual: tuple[list[MarketEvent], Path]) -> None:
    events, path = spot_and_perpetual
    assert play([path]) == events
    size = sum(file.stat().st_size for file in paths(SPOT, USDM))
    assert path.stat().st_size < size


@pytest.mark.slow
def test_seek_gives_the_books_of_playing_up_to_there(spot_and_perpetual: tuple[list[MarketEvent], Path]) -> None:
    events, path = spot_and_perpetual
    for files in ([path], paths(SPOT, USDM)):
        source = open_recording(files)
        length = events[-1].ts - events[0].ts
        for tenth in (9, 2, 5):
            ts = events[0].ts + length * tenth // 10
            books: dict[str, OrderBook] = {}
            for event in events:
                if event.ts <= ts and isinstance(event, BookDelta | BookSnapshot):
                    books.setdefault(event.instrument, OrderBook(event.instrument)).apply(event)
            assert {book.instrument: book for book in source.seek(ts)} == {
                name: book.snapshot() for name, book in books.items()
            }
            assert next(iter(source.until(FOREVER))) == next(event for event in events if event.ts > ts)
        source.close()


@pytest.mark.slow
def test_a_replay_of_spot_and_perpetual_at_a_hundred_times() -> None:
    source = open_recording(paths(SPOT, USDM))
    wall = SimClock()
    clock = ReplayClock(source.start, wall, speed=100)
    seen: dict[str, int] = {}
    late: list[int] = []

    class Venue:
        def feed(self, event: MarketEvent) -> None:
            late.append(clock.now() - event.ts)
            seen[event.instrument] = seen.get(event.instrument, 0) + 1

    venue = Venue()
    pump = MarketPump(source, clock, {"BINANCE": venue, "BINANCE-USDM": venue})
    control = ReplayControl(source, clock, pump)
    for _ in range(50):
        wall.advance(SECOND // 50)
        pump.pump_until(clock.target())
    assert control.position == source.start + 100 * SECOND
    assert set(seen) == {"BINANCE:BTC-USDT", "BINANCE-USDM:BTC-USDT-PERP"}
    assert not any(late)
    control.seek(1.0)
    assert control.fraction == 1
    assert 0 < max(late) < SECOND  # the books of a seek say when they last changed
    source.close()
