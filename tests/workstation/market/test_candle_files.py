"""Candle files: what is read, and what is refused with the row that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.bars import candles, recorded
from workstation.market.candle_files import from_frame, load_candles
from workstation.market.candles import BadCandles, Candles

START = 1_700_000_000_000_000_000
HOUR = 3_600_000_000_000


def table(rows: int = 4) -> pd.DataFrame:
    price = np.arange(rows) + 100.0
    return pd.DataFrame({"open": price, "high": price + 2, "low": price - 2, "close": price + 1, "volume": price})


def times(rows: int = 4) -> np.ndarray:
    return START + HOUR * np.arange(rows)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("timestamp", times() // 1_000_000),
        ("Timestamp", times() // 1_000_000_000),
        ("TIMESTAMP", times() // 1_000),
        ("timestamp", times()),
        ("timestamp", pd.to_datetime(times()).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("timestamp", pd.to_datetime(times()).tz_localize("UTC").tz_convert("Asia/Tokyo").map(lambda t: t.isoformat())),
        ("Date", pd.to_datetime(times()).strftime("%Y-%m-%d %H:%M:%S")),
        ("datetime", pd.to_datetime(times()).strftime("%m/%d/%Y %H:%M:%S")),
        ("time", times() / 1e9),
        ("", pd.to_datetime(times()).strftime("%Y-%m-%d %H:%M:%S")),
    ],
)
def test_the_time_column_in_every_form(tmp_path: Path, column: str, values: object) -> None:
    frame = table()
    frame.insert(0, column, values)
    frame.columns = [name.upper() if name == "close" else name for name in frame.columns]
    frame.to_csv(tmp_path / "c.csv", index=False)
    read = load_candles(tmp_path / "c.csv")
    assert list(read.time) == list(times())
    assert list(read.close) == [101, 102, 103, 104]
    assert read.interval == HOUR


def test_parquet_feather_and_json_read_the_same(tmp_path: Path) -> None:
    frame = table()
    frame.insert(0, "timestamp", times() // 1_000_000)
    frame.to_parquet(tmp_path / "c.parquet")
    frame.assign(date=pd.to_datetime(times(), utc=True)).drop(columns="timestamp").to_feather(tmp_path / "c.feather")
    frame.set_index(pd.DatetimeIndex(times(), name="Date")).drop(columns="timestamp").to_parquet(tmp_path / "i.parquet")
    (tmp_path / "o.json").write_text(frame.to_json(orient="records"))
    (tmp_path / "l.json").write_text(json.dumps(frame.to_dict(orient="list")))
    (tmp_path / "r.json").write_text(json.dumps(frame.to_numpy().tolist()))
    prints = {load_candles(file).fingerprint() for file in tmp_path.iterdir()}
    assert len(prints) == 1


def test_a_recording_is_read_whole() -> None:
    btc = recorded("binance_BTC-USDT_1h")
    assert len(btc) == 35_050
    assert btc.interval == HOUR


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"close": [101, np.nan, 103, 104]}, "close is not a number in row 2, 2023-11-14T23:13:20Z"),
        ({"open": [100, -1, 102, 103]}, "open is zero or negative in row 2"),
        ({"low": [98, 0, 100, 101]}, "low is zero or negative in row 2"),
        ({"high": [102, 100, 104, 105]}, "high is below another price of its bar in row 2"),
        ({"low": [98, 99, 103.5, 101]}, "low is above another price of its bar in row 3"),
        ({"volume": [1, 1, 1, -1]}, "volume is negative in row 4"),
        ({"close": [np.inf, np.inf, 103, 104]}, r"row 1.*\(2 rows in all\)"),
        ({"close": ["a", "b", "c", "d"]}, "close has a value that is not a number"),
        ({"timestamp": times()[[0, 2, 1, 3]]}, "the times are not in order in row 3"),
        ({"timestamp": times()[[0, 1, 1, 3]]}, "a time comes twice in row 3"),
        ({"timestamp": [1, 2, 3, 4]}, "the times are no dates"),
        ({"timestamp": ["x", "y", "z", "w"]}, "a time cannot be read"),
        ({"timestamp": ["2024-01-01", None, "2024-01-03", "2024-01-04"]}, "a time is missing in row 2"),
    ],
)
def test_bad_candles_are_refused_with_their_row(change: dict[str, object], sentence: str) -> None:
    frame = table().assign(timestamp=times()).assign(**change)  # type: ignore[arg-type]
    with pytest.raises(BadCandles, match=sentence):
        from_frame(frame, "bad")


def test_files_that_are_no_candles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("timestamp,open,high,low,close\n")
    (tmp_path / "none.csv").write_text("")
    (tmp_path / "words.csv").write_text("hello\nworld\n")
    (tmp_path / "short.csv").write_text("timestamp,open\n1,2\n")
    (tmp_path / "timeless.csv").write_text("open,high,low,close\n1,2,1,1\n")
    (tmp_path / "noise.parquet").write_bytes(b"no parquet")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.xyz").write_text("")
    for name, sentence in {
        "empty.csv": "there is no row",
        "none.csv": "it is empty",
        "words.csv": "names no columns",
        "short.csv": "has no column high, low, close",
        "timeless.csv": "has no time column",
        "noise.parquet": "cannot be read",
        "broken.json": "cannot be read",
        "odd.xyz": "no known kind",
        "absent.csv": "There is no file",
    }.items():
        with pytest.raises(BadCandles, match=sentence):
            load_candles(tmp_path / name)


def test_a_peer_is_cut_to_common_times() -> None:
    one = candles([(1, 2, 1, 2)] * 5)
    two = Candles(one.time[2:], open=np.full(3, 7.0), high=np.full(3, 7.0),
                  low=np.full(3, 7.0), close=np.full(3, 7.0), volume=np.zeros(3))  # fmt: skip
    both = one.with_peer(two)
    assert len(both) == 3
    assert both.peer is not None
    assert list(both.peer.time) == list(both.time) == list(one.time[2:])
    with pytest.raises(BadCandles, match="no times in common"):
        one.with_peer(candles([(1, 2, 1, 2)] * 5, start=HOUR * 100))


def test_the_memo_forgets_the_oldest_beyond_its_limit_and_works_once() -> None:
    from workstation.market.candles import Memo

    memo, worked = Memo(limit=2_000), list[int]()

    def value(i: int) -> np.ndarray:
        def work() -> np.ndarray:
            worked.append(i)
            return np.zeros(100)

        return memo.get(i, work)

    assert value(1) is value(1)
    value(2)
    value(1)
    value(3)  # 2 is the one that was not used for longest
    value(1)
    assert worked == [1, 2, 3]
    value(2)
    assert worked == [1, 2, 3, 2]
