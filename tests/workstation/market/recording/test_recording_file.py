"""Our own format: what was written is read again, exactly; a crash or damage costs only what it hit."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markets import INSTRUMENTS, PERP, SPOT, START, books_of, long_market, markets, record

from workstation.clock import SimClock
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Trade
from workstation.market.recording import (
    RecordingError,
    RecordingSource,
    RecordingWriter,
    chunks,
    open_recording,
    writer,
)
from workstation.market.recording.frames import FrameFile, Kind

FOREVER = 2**62
modest = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHUNK_EVENTS", 4)
    monkeypatch.setattr(chunks, "CHECKPOINT_EVENTS", 8)


def play(path: Path) -> list[MarketEvent]:
    source = open_recording([path])
    events = list(source.until(FOREVER))
    source.close()
    return events


@pytest.fixture(scope="module")
def market() -> list[MarketEvent]:
    return long_market(20_000)


@pytest.fixture(scope="module")
def recording(market: list[MarketEvent], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recordings") / "market.tws", market)


def test_what_was_written_is_read_again(recording: Path, market: list[MarketEvent]) -> None:
    source = open_recording([recording])
    assert list(source.instruments) == list(INSTRUMENTS)
    assert (source.start, source.end) == (market[0].ts, market[-1].ts)
    assert source.next_time() == market[0].ts
    assert list(source.until(FOREVER)) == market
    assert source.next_time() is None
    assert source.notices == []
    assert not source.history(SPOT.id, 60, 5)


@modest
@given(market=markets)
def test_any_market_is_read_again_in_any_cut(tmp_path: Path, small_chunks: None, market: list[MarketEvent]) -> None:
    path = tmp_path / "any.tws"
    path.unlink(missing_ok=True)
    assert play(record(path, market)) == market


@modest
@given(market=markets, data=st.data())
def test_events_come_once_each_up_to_the_time_asked_for(
    tmp_path: Path, small_chunks: None, market: list[MarketEvent], data: st.DataObject
) -> None:
    path = tmp_path / "any.tws"
    path.unlink(missing_ok=True)
    source = open_recording([record(path, market)])
    seen: list[MarketEvent] = []
    for ts in sorted(data.draw(st.lists(st.sampled_from(market).map(lambda event: event.ts), max_size=4))):
        seen += source.until(ts)
        assert seen == [event for event in market if event.ts <= ts]
    source.close()


@modest
@given(market=markets, data=st.data())
def test_seek_gives_the_books_of_playing_up_to_there_and_goes_on_from_there(
    tmp_path: Path, small_chunks: None, market: list[MarketEvent], data: st.DataObject
) -> None:
    path = tmp_path / "any.tws"
    path.unlink(missing_ok=True)
    source = open_recording([record(path, market)])
    for _ in range(3):
        ts = data.draw(st.sampled_from(market)).ts + data.draw(st.integers(-1, 1))
        books = {book.instrument: book for book in source.seek(ts)}
        assert books == books_of(event for event in market if event.ts <= ts)
        assert list(source.until(FOREVER)) == [event for event in market if event.ts > ts]
    source.close()


def test_a_seek_reads_from_the_checkpoint_before_it(recording: Path, market: list[MarketEvent]) -> None:
    source = open_recording([recording])
    for place in (19_000, 300, 12_345):
        ts = market[place].ts
        played = [event for event in market if event.ts <= ts]
        assert {book.instrument: book for book in source.seek(ts)} == books_of(played)
        assert source.next_time() == market[len(played)].ts
    kinds = [frame.kind for frame in FrameFile(recording)._frames]
    assert kinds.count(Kind.CHECKPOINT) == 2


def test_a_file_cut_anywhere_is_replayed_up_to_the_cut(tmp_path: Path, small_chunks: None) -> None:
    market = long_market(60)
    whole = record(tmp_path / "whole.tws", market).read_bytes()
    file = FrameFile(tmp_path / "whole.tws")
    header = file._frames[0].offset - 37
    cut = tmp_path / "cut.tws"
    counts = set()
    starts = [frame.offset - 37 for frame in file._frames]
    for length in range(len(whole)):
        if length % 17 and min(abs(length - start) for start in starts) > 1:
            continue
        cut.write_bytes(whole[:length])
        if length <= header or not _events_before(file, length):
            with pytest.raises(RecordingError) as caught:
                open_recording([cut])
            assert _is_one_sentence(str(caught.value))
            assert length < header or "half-written" in str(caught.value), "it is not an empty one"
            continue
        source = open_recording([cut])
        count = _events_before(file, length)
        counts.add(count)
        assert list(source.until(FOREVER)) == market[:count]
        assert len(source.notices) == 1
        assert _is_one_sentence(source.notices[0])
        source.close()
    assert counts == {*range(4, 60, 4), 60}


def _events_before(file: FrameFile, length: int) -> int:
    return sum(
        frame.events for frame in file._frames if frame.kind is Kind.EVENTS and frame.offset + frame.length <= length
    )


def _is_one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text


@modest
@given(data=st.data())
def test_a_damaged_byte_never_gives_a_wrong_book(tmp_path: Path, small_chunks: None, data: st.DataObject) -> None:
    market = long_market(80, seed=3)
    path = tmp_path / "damaged.tws"
    path.unlink(missing_ok=True)
    content = bytearray(record(path, market).read_bytes())
    header = FrameFile(path)._frames[0].offset  # up to the first part's content there is nothing to replay from
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    if place < header:
        with pytest.raises(RecordingError) as caught:
            open_recording([path])
        assert _is_one_sentence(str(caught.value))
        return
    source = open_recording([path])
    played = list(source.until(FOREVER))
    assert [event for event in played if isinstance(event, Trade)] == [
        event for event in market if isinstance(event, Trade) and event in played
    ]
    for count in range(1, len(played) + 1):
        now = played[count - 1].ts
        if now == (played[count].ts if count < len(played) else played[-1].ts):
            continue  # more of this instant is to come, or was lost with the tail
        true = books_of(event for event in market if event.ts <= now)
        for name, book in books_of(played[:count]).items():
            assert (book.bids, book.asks) == (true[name].bids, true[name].asks)
    source.close()


def test_a_damaged_part_makes_the_books_stale_until_the_next_checkpoint(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "damaged.tws"
    ids = (SPOT.id, PERP.id)
    market: list[MarketEvent] = [BookSnapshot(name, START, 1, ((5, 1),), ((6, 1),)) for name in ids]
    market += [BookDelta(SPOT.id, START + number, number + 1, number, ((5, number),), ()) for number in range(1, 30)]
    record(path, market)
    frame = [frame for frame in FrameFile(path)._frames if frame.kind is Kind.EVENTS][2]
    content = bytearray(path.read_bytes())
    content[frame.offset + 5] ^= 1
    path.write_bytes(content)

    source = open_recording([path])
    played = list(source.until(FOREVER))

    stale = [event for event in played if isinstance(event, BookStale)]
    assert [event.instrument for event in stale] == list(ids)
    assert stale[0].reason.startswith("the recording is damaged from")
    assert played[:8] == market[:8]
    after = played.index(stale[-1]) + 1
    # The next chunk's deltas cannot be used; the checkpoint after it makes both books whole again.
    assert [event.instrument for event in played if isinstance(event, BookSnapshot)][2:] == list(ids)
    assert books_of(played).keys() == set(ids)
    assert books_of(played)[SPOT.id].bids == ((5, 29),)
    assert after < len(played)
    assert _is_one_sentence(source.notices[0])


def test_a_file_of_another_version_is_refused(tmp_path: Path, recording: Path) -> None:
    import struct
    import zlib

    import msgspec

    body = msgspec.msgpack.encode({"version": 2, "novelty": True})
    path = tmp_path / "new.tws"
    path.write_bytes(struct.pack("<8sII", b"\x89TWS\r\n\x1a\n", len(body), zlib.crc32(body)) + body)
    with pytest.raises(RecordingError, match="version 2; this tws reads version 1: update tws"):
        open_recording([path])


def test_a_recording_without_events_is_empty(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is an empty recording"):
        open_recording([record(tmp_path / "empty.tws", [])])


def test_a_recording_never_overwrites_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.tws"
    path.write_text("precious")
    with pytest.raises(RecordingError, match="exists already"):
        RecordingWriter(path, INSTRUMENTS, SimClock())
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"cannot be written: File exists\."):
        RecordingWriter(tmp_path / "file" / "x.tws", INSTRUMENTS, SimClock())


def test_a_full_disk_stops_the_recording_with_a_sentence_and_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "full.tws"
    heard: list[str] = []
    recorder = RecordingWriter(path, INSTRUMENTS, SimClock(), on_failure=heard.append)
    market = long_market(writer.CHUNK_EVENTS)
    for event in market:
        recorder.write(event)
    while recorder.size < 1000:
        threading.Event().wait(0.001)
    recorder._file.close()
    recorder._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
    for event in market:
        recorder.write(event)
    with pytest.raises(RecordingError, match="has stopped: No space left on device; what was written is replayable"):
        recorder.close()
    recorder.write(market[0])
    recorder.write(market[0])
    assert heard == [recorder.failure]
    assert recorder.dropped >= 2
    assert play(path) == market


def test_what_was_written_can_be_replayed_while_the_recording_goes_on(tmp_path: Path, small_chunks: None) -> None:
    path = tmp_path / "running.tws"
    recorder = RecordingWriter(path, INSTRUMENTS, SimClock())
    empty = recorder.size
    market = long_market(4)
    for event in market:
        recorder.write(event)
    while recorder.size == empty:
        threading.Event().wait(0.001)
    source = open_recording([path])
    assert list(source.until(FOREVER)) == market
    assert source.notices == ["running.tws was not closed; everything that was written is replayed."]
    recorder.close()


def test_a_disk_that_is_too_slow_loses_events_but_says_so_and_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, arrived = threading.Event(), threading.Event()
    sync = RecordingWriter._drain

    def held(self: RecordingWriter) -> None:
        arrived.set()
        gate.wait()
        sync(self)

    monkeypatch.setattr(RecordingWriter, "_drain", held)
    fresh = BookSnapshot(SPOT.id, 1, 99, ((70, 1),), ((71, 1),))
    recorder = RecordingWriter(tmp_path / "slow.tws", INSTRUMENTS, SimClock(), books=lambda: [fresh], waiting=10)
    recorder.write(BookSnapshot(SPOT.id, 1, 1, ((5, 1),), ((6, 1),)))
    for number in range(1, 21):
        recorder.write(BookDelta(SPOT.id, number, number + 1, number, ((5, number),), ()))
    assert recorder.dropped == 11
    gate.set()
    while recorder._buffer:
        recorder._wake.set()
        threading.Event().wait(0.001)
    recorder.write(Trade(SPOT.id, 30, 5, 1, True, "x"))
    recorder.close()
    played = play(tmp_path / "slow.tws")
    assert [type(event).__name__ for event in played[10:]] == ["BookStale", "BookStale", "BookSnapshot", "Trade"]
    assert "11 events were not recorded so far because the disk was too slow" in played[10].reason  # type: ignore[union-attr]
    assert books_of(played)[SPOT.id].bids == ((70, 1),)


def test_deltas_before_the_first_snapshot_are_left_out_and_time_never_runs_backwards(tmp_path: Path) -> None:
    path = record(
        tmp_path / "odd.tws",
        [
            BookDelta(SPOT.id, 5, 2, 1, ((5, 1),), ()),
            BookSnapshot(SPOT.id, 9, 7, ((5, 1),), ((6, 1),)),
            Trade(PERP.id, 8, 5, 1, True, "late"),
            BookDelta(SPOT.id, 10, 8, 7, ((5, 2),), ()),
        ],
    )
    assert [(type(event).__name__, event.ts) for event in play(path)] == [
        ("BookSnapshot", 9),
        ("Trade", 9),
        ("BookDelta", 10),
    ]


def test_an_instrument_that_the_recording_does_not_know_is_refused(tmp_path: Path) -> None:
    recorder = RecordingWriter(tmp_path / "x.tws", [SPOT], SimClock())
    with pytest.raises(ValueError, match="ORION:BTC-USD-PERP is not among the instruments"):
        recorder.write(Trade(PERP.id, 1, 1, 1, True))
    recorder.close()
    recorder.close()


def test_the_writer_writes_off_the_callers_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    encode = chunks.ChunkEncoder.encode

    def spied(self: chunks.ChunkEncoder, events: list[MarketEvent]) -> list[bytes]:
        threads.add(threading.current_thread().name)
        return encode(self, events)

    monkeypatch.setattr(chunks.ChunkEncoder, "encode", spied)
    record(tmp_path / "x.tws", long_market(3000))
    assert threads == {"recording x.tws"}


def test_a_source_keeps_one_chunk_in_memory(recording: Path) -> None:
    source = RecordingSource(FrameFile(recording))
    source.seek(source.end)
    assert len(source._events) <= chunks.CHUNK_EVENTS
    assert os.path.getsize(recording) < 400_000
