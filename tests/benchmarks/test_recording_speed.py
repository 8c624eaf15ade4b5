"""How fast recordings are parsed, written, replayed and searched, and how large they are (see `extra_info`)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workstation.clock import SECOND, SimClock
from workstation.domain.market import MarketEvent
from workstation.market.recording import RecordingWriter, open_recording
from workstation.market.recording.lines import recognise
from workstation.market.recording.session import RawSession, venue_of
from workstation.venues.pump import MarketPump

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "orderbook" / "hftbacktest"
USDM = DATA / "binance_usdm_btcusdt_20240808.gz"
EVENTS = 50_000
FOREVER = 2**62

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not USDM.is_file(), reason="the recorded Binance sessions are not beside the project"),
]


def session() -> RawSession:
    file = recognise(USDM)
    assert file is not None
    return RawSession(venue_of(file), [file])


@pytest.fixture(scope="module")
def events() -> list[MarketEvent]:
    return list(islice(session().events(), EVENTS))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recording") / "usdm.tws", list(session().events()))


def write(path: Path, events: list[MarketEvent]) -> Path:
    writer = RecordingWriter(path, session().instruments, SimClock(events[0].ts))
    for event in events:
        writer.write(event)
    writer.close()
    return path


def rate(benchmark: BenchmarkFixture, count: int) -> None:
    if benchmark.stats is not None:
        benchmark.extra_info["events per second"] = round(count / benchmark.stats.stats.min)


def test_parsing_a_raw_session(benchmark: BenchmarkFixture) -> None:
    count = benchmark.pedantic(lambda: sum(1 for _ in islice(session().events(), EVENTS)), rounds=3)
    rate(benchmark, count)


def test_opening_a_raw_session_to_its_first_event(benchmark: BenchmarkFixture) -> None:
    def first() -> None:
        source = open_recording([USDM])
        assert source.next_time() is not None
        source.close()

    benchmark.pedantic(first, rounds=5)


def test_writing(benchmark: BenchmarkFixture, events: list[MarketEvent], tmp_path: Path) -> None:
    paths = (tmp_path / f"{number}.tws" for number in range(100))
    benchmark.pedantic(lambda: write(next(paths), events), rounds=3)
    rate(benchmark, len(events))


def test_handing_an_event_to_the_writer(benchmark: BenchmarkFixture, events: list[MarketEvent], tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "x.tws", session().instruments, SimClock())

    def hand_over() -> None:
        for event in events[:1000]:
            writer.write(event)

    benchmark.pedantic(hand_over, rounds=50)
    writer.close()
    rate(benchmark, 1000)


def test_replaying(benchmark: BenchmarkFixture, recording: Path) -> None:
    def replay() -> int:
        source = open_recording([recording])
        clock = SimClock(source.start)

        class Venue:
            def feed(self, event: MarketEvent) -> None:
                pass

        pump = MarketPump(source, clock, {"BINANCE-USDM": Venue()})
        count = pump.pump_until(source.end)
        source.close()
        return count

    count = benchmark.pedantic(replay, rounds=3)
    rate(benchmark, count)
    benchmark.extra_info["bytes"] = recording.stat().st_size
    benchmark.extra_info["share of the raw gzip"] = round(recording.stat().st_size / USDM.stat().st_size, 3)


def test_seeking(benchmark: BenchmarkFixture, recording: Path) -> None:
    source = open_recording([recording])
    length = source.end - source.start
    places = (source.start + length * ((number * 37) % 100) // 100 for number in range(10_000))
    benchmark.pedantic(lambda: source.seek(next(places)), rounds=30)
    assert length > 60 * SECOND
    source.close()
