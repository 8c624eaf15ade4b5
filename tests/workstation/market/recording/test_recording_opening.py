"""Opening recordings: any format by its content, several at once, and one clear sentence where it cannot be."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest
from markets import START as MARKET_START
from markets import long_market, record
from raw_sessions import MS, START, kraken_session, plain, spot_session, usdm_session, write

from workstation.market.recording import RecordingError, background, open_recording

FOREVER = 2**62


def test_files_are_recognised_by_content_and_not_by_name(tmp_path: Path) -> None:
    own = record(tmp_path / "kraken.gz", long_market(20))
    raw = plain(tmp_path / "binance.tws", spot_session())
    source = open_recording([own])
    assert [each.id for each in source.instruments] == ["NOVA:BTC-USDT", "ORION:BTC-USD-PERP"]
    source.close()
    source = open_recording([raw])
    assert [each.id for each in source.instruments] == ["BINANCE:BTC-USDT"]
    source.close()


def test_recordings_of_several_venues_are_one_market_merged_by_time(tmp_path: Path) -> None:
    paths = [
        plain(tmp_path / "spot.gz", spot_session()),
        plain(tmp_path / "usdm.gz", usdm_session(), start=START + MS),
        record(tmp_path / "own.tws", long_market(500)),
    ]
    assert MARKET_START == START
    source = open_recording(paths)
    events = list(source.until(FOREVER))
    source.close()
    assert {event.instrument.split(":")[0] for event in events} == {"BINANCE", "BINANCE-USDM", "NOVA", "ORION"}
    assert [event.ts for event in events] == sorted(event.ts for event in events)
    assert len(events) == 6 + 3 + 500
    assert len(source.instruments) == 4


def test_a_folder_gives_its_recordings_and_passes_over_other_files(tmp_path: Path) -> None:
    plain(tmp_path / "spot.gz", spot_session())
    plain(tmp_path / "usdm.gz", usdm_session())
    (tmp_path / "README.md").write_text("# Recordings\n")
    (tmp_path / "inner").mkdir()
    source = open_recording([tmp_path])
    assert [each.venue for each in source.instruments] == ["BINANCE", "BINANCE-USDM"]
    source.close()


def test_the_same_file_given_twice_is_read_once(tmp_path: Path) -> None:
    path = plain(tmp_path / "spot", spot_session())
    source = open_recording([path, tmp_path])
    assert len(list(source.until(FOREVER))) == 6
    source.close()


def test_seek_in_a_raw_session_gives_the_books_of_that_time(tmp_path: Path) -> None:
    source = open_recording([plain(tmp_path / "spot", spot_session())])
    (book,) = source.seek(START + 45 * MS)
    assert (book.sequence, book.asks) == (16, ((10030, 1000), (10031, 3000)))
    assert source.next_time() == START + 50 * MS
    assert source.seek(START) == []
    assert source.next_time() == START + 20 * MS
    source.close()


def test_a_long_session_is_read_in_the_background_and_its_end_is_known(tmp_path: Path) -> None:
    session = spot_session()
    session += [session[3]] * 10_000
    path = plain(tmp_path / "long.gz", session)
    source = open_recording([path])
    assert source.next_time() == START + 20 * MS
    threads = [thread for thread in threading.enumerate() if thread.name == "recording reader"]
    assert threads
    end = START + (len(session) - 1) * 10 * MS
    assert len(list(source.until(FOREVER))) == 10_006
    assert source.end == end
    source.seek(end)
    assert source.next_time() is None
    source.close()
    assert not threads[0].is_alive()


def test_closing_stops_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "REST", 60)
    session = spot_session()
    source = open_recording([plain(tmp_path / "long", session + [session[3]] * 20_000)])
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "recording reader"]


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.95])
def test_a_half_written_gzip_is_replayed_as_far_as_it_goes(tmp_path: Path, keep: float) -> None:
    session = spot_session()
    whole = plain(tmp_path / "whole.gz", session + [{**session[3], "x": str(number)} for number in range(3000)])
    cut = tmp_path / "cut.gz"
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * keep)])
    source = open_recording([cut])
    events = list(source.until(FOREVER))
    assert 100 < len(events) < 3006
    assert source.notices[0].startswith("cut.gz is half-written")
    source.close()


def test_a_half_written_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    path = plain(tmp_path / "cut", spot_session())
    path.write_bytes(path.read_bytes()[:-30])
    source = open_recording([path])
    assert len(list(source.until(FOREVER))) == 5
    assert source.notices == ["cut is half-written: its last line is left out."]
    source.close()


def test_messages_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    path = plain(tmp_path / "odd", spot_session())
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace('"p":', '"price":')
    lines.insert(1, "what is this {}")
    source = open_recording([write(path, lines)])
    assert len(list(source.until(FOREVER))) == 5
    assert source.notices == [
        "A line of odd cannot be read and is left out: b'what is this {}'.",
        "1 messages of odd could not be read and are left out.",
    ]
    source.close()


def refused(*paths: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        open_recording(paths)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_what_cannot_be_replayed_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(b"hello\n"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "head.tws").write_bytes(b"\x89TWS\r\n\x1a\n\x10")
    session = spot_session()
    continuation = plain(tmp_path / "continuation", session[3:])
    stranger = write(tmp_path / "stranger", ["wss://ws.example.com/x <-> 1700000000.5", "1700000001.5: {}"])
    silent = write(tmp_path / "silent", ["wss://ws.kraken.com <-> 1700000000.5"])

    assert refused(tmp_path / "absent.tws") == f"{tmp_path / 'absent.tws'} does not exist."
    assert refused() == "No recording was given."
    assert refused(tmp_path / "empty") == f"{tmp_path / 'empty'} is empty."
    assert "text.txt is not a recording" in refused(tmp_path / "text.txt")
    assert "packed.gz is not a recording" in refused(tmp_path / "packed.gz")
    assert "folder holds no recording" in refused(tmp_path / "folder")
    assert "head.tws is half-written" in refused(tmp_path / "head.tws")
    assert "continuation holds no order book snapshot to start from" in refused(continuation)
    assert "is a session of ws.example.com, which tws cannot read; it reads BINANCE" in refused(stranger)
    assert "silent is empty" in refused(silent)


def test_recordings_of_different_times_are_not_one_market(tmp_path: Path) -> None:
    spot = plain(tmp_path / "spot", spot_session(), start=START - 10**15)
    kraken = write(tmp_path / "kraken", kraken_session())
    assert refused(spot, kraken) == (
        "These recordings are not of one time (BINANCE of 2023-11-03, KRAKEN of 2023-11-14): replay them one by one."
    )


def test_one_instrument_in_two_recordings_is_refused(tmp_path: Path) -> None:
    one, two = record(tmp_path / "1.tws", long_market(9)), record(tmp_path / "2.tws", long_market(9))
    assert refused(one, two) == "NOVA:BTC-USDT is in two of these recordings: replay them one by one."
