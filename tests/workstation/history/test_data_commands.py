"""`tws data`: files in, what there is, what is wrong with it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.bars import HOUR, RECORDED, random_walk, recorded
from workstation.cli import main
from workstation.market.candles import Candles
from workstation.research.arguments import candles_of


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))


def frame(bars: Candles) -> pd.DataFrame:
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"date": pd.to_datetime(bars.time, utc=True), **columns})


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return json.loads(capsys.readouterr().out)


def test_files_of_every_kind_become_one_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = frame(random_walk(400))
    table[:200].to_feather(tmp_path / "BTC_USDT-1h.feather")  # as freqtrade writes it
    listed = table[100:300].assign(date=table.date[100:300].astype("int64") // 10**6)
    if str(table.date.dtype) != "datetime64[ns, UTC]":
        listed["date"] = table.date[100:300].dt.as_unit("ms").astype("int64")
    (tmp_path / "BTC_USDT-1h.json").write_text(json.dumps(listed.to_numpy().tolist()))
    table[250:350].to_csv(tmp_path / "a.csv", index=False)
    table[300:].to_parquet(tmp_path / "b.parquet", index=False)
    files = [str(tmp_path / name) for name in ("BTC_USDT-1h.feather", "BTC_USDT-1h.json", "a.csv", "b.parquet")]
    assert main(["data", "import", *files, "--venue", "binance", "--symbol", "BTC/USDT", "--json"]) == 0
    done = rows(capsys)
    assert [row["added"] for row in done] == [200, 100, 50, 50]
    assert [row["same"] for row in done] == [0, 100, 50, 50]
    assert {row["stored"] for row in done} == {"binance:BTC-USDT:1h"}
    assert main(["data", "list", "--json"]) == 0
    (stored,) = [row for row in rows(capsys) if row["kind"] == "stored"]
    assert stored["rows"] == 400
    assert stored["fingerprint"] == random_walk(400).fingerprint()


def test_a_recording_is_imported_by_its_name_and_tested_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    file = RECORDED / "binance_BTC-USDT_4h.parquet"
    bars = recorded("binance_BTC-USDT_4h")
    assert main(["data", "import", str(file)]) == 0
    assert "binance:BTC-USDT:4h: 499 rows added" in capsys.readouterr().out
    backtest = argparse.Namespace(candles=["binance:BTC-USDT:4h"], peer=None)
    assert candles_of(backtest).fingerprint() == bars.fingerprint()


def test_unusable_files_are_refused_with_a_report_and_store_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = frame(random_walk(50))
    table.loc[7, "close"] = np.nan
    table.loc[9, "low"] = -1.0
    table = pd.concat([table[20:], table[:20]])
    table.to_csv(tmp_path / "BTC_USDT-1h.csv", index=False)
    assert main(["data", "import", str(tmp_path / "BTC_USDT-1h.csv")]) == 1
    said = capsys.readouterr().err
    assert "was not stored" in said
    assert "1 row with a value that is missing" in said
    assert "1 row with a price of zero or less" in said
    assert "1 row with an earlier time" in said
    assert main(["data", "list"]) == 0
    assert "stored: nothing yet" in capsys.readouterr().out


def test_one_bad_file_does_not_keep_the_others_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ETH_USDT-1h.csv").write_text("nothing\n1\n")
    frame(random_walk(50)).to_csv(tmp_path / "BTC_USDT-1h.csv", index=False)
    words = [str(tmp_path / "ETH_USDT-1h.csv"), str(tmp_path / "BTC_USDT-1h.csv")]
    assert main(["data", "import", *words, "--json"]) == 1
    first, second = rows(capsys)
    assert first["stored"] is None
    assert second["stored"] == "file:BTC-USDT:1h"


def test_check_reports_files_histories_and_built_ins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame(random_walk(50)).drop(index=[10, 11]).to_csv(tmp_path / "BTC_USDT-1h.csv", index=False)
    assert main(["data", "import", str(tmp_path / "BTC_USDT-1h.csv")]) == 0
    capsys.readouterr()
    words = [str(tmp_path / "BTC_USDT-1h.csv"), "file:BTC-USDT:1h", "GOOG"]
    assert main(["data", "check", *words, "--json"]) == 0
    of_file, of_history, goog = rows(capsys)
    (gap,) = of_file["findings"]  # type: ignore[misc]
    assert gap["kind"] == "gaps"
    assert gap["rows"] == [11]
    assert of_history["findings"] == of_file["findings"]
    assert goog["rows"] == 2_148
    assert main(["data", "check", str(tmp_path / "BTC_USDT-1h.csv")]) == 0
    said = capsys.readouterr().out
    assert "gaps: 1 with 2 missing bars" in said
    assert said.rstrip().endswith("usable")


def test_one_row_and_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame(random_walk(1)).to_csv(tmp_path / "one.csv", index=False)
    assert main(["data", "check", str(tmp_path / "one.csv")]) == 1
    assert "one row only" in capsys.readouterr().out
    assert main(["data", "import", str(tmp_path / "one.csv"), "--symbol", "X", "--timeframe", "1h"]) == 1
    frame(random_walk(1))[:0].to_csv(tmp_path / "none.csv", index=False)
    assert main(["data", "check", str(tmp_path / "none.csv")]) == 1
    assert "there is no row" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["check", "nosuch.csv"], "There is no file nosuch.csv"),
        (["check", "binance:BTC-USDT:1h"], "There is no history binance:BTC-USDT:1h"),
        (["check", "nothing"], "There are no candles 'nothing'"),
        (["check", "GOOG:1h"], "bars of 1d do not make up bars of 1h"),
        (["remove", "binance:BTC-USDT:1h"], "There is no history"),
        (["remove", "BTC"], "A history is called VENUE:SYMBOL:TIMEFRAME"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *words]) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_history_is_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame(random_walk(50)).to_csv(tmp_path / "BTC_USDT-1h.csv", index=False)
    main(["data", "import", str(tmp_path / "BTC_USDT-1h.csv")])
    assert main(["data", "remove", "file:BTC-USDT:1h"]) == 0
    main(["data", "list"])
    assert "stored: nothing yet" in capsys.readouterr().out


def test_the_timeframe_is_told_by_the_rows_where_nothing_else_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame(random_walk(50, interval=HOUR // 4)).to_csv(tmp_path / "x.csv", index=False)
    assert main(["data", "import", str(tmp_path / "x.csv"), "--symbol", "sol_usdt"]) == 0
    assert "file:SOL-USDT:15m" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_million_rows_are_reported_and_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, rng = 10_000_000, np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows)))
    opened = np.append(100.0, close[:-1])
    columns = {
        "timestamp": 1_000_000_000_000 + 60_000 * np.arange(rows),
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.ones(rows),
    }
    file = tmp_path / "ten.parquet"
    pq.write_table(pa.table(columns), file)
    del columns, close, opened
    assert main(["data", "check", str(file)]) == 0
    assert "10,000,000 rows of 1m" in capsys.readouterr().out
    assert main(["backtest", "donchian", "--candles", str(file)]) == 0
    assert "10,000,000 bars" in capsys.readouterr().out
