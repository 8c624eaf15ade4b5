"""Exports: exact amounts, UTC times, from a store that a desk may have open at the same moment."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_samples import PERP, SPOT, an_order, filled, intent, open_store

import workstation.store
from workstation.domain.events import BalanceAdjusted
from workstation.domain.order import Side
from workstation.domain.position import Position, apply_fill
from workstation.store import Store, StoreError
from workstation.store.export import TABLES, Format, export, export_file, iso
from workstation.store.reader import StoredBacktest

MOMENT = 1_767_323_045_000_000_006  # 2026-01-02 03:04:05 UTC and 6 ns
TINY = "0.10000000000000000000000001"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in use, with something in every table."""
    store = open_store(tmp_path / "demo.sqlite")
    order = msgspec.structs.replace(an_order("a", price=TINY), post_only=True, note='says "hi",\nünïcode')
    store.save_instruments([SPOT, PERP])
    store.append(BalanceAdjusted(ts=1, venue="NOVA", currency="USDT", amount=Decimal("1.10"), reason="opening balance"))
    store.append(intent("a", price=TINY), orders=[order])
    store.append(filled("a", "t1", quantity="3", price="100", fee="0.30", ts=MOMENT))
    store.append(filled("a", "t2", side=Side.SELL, quantity="1", price="110", fee="0.11", ts=MOMENT + 1))
    store.append(filled("b", "t3", instrument=PERP, side=Side.SELL, quantity="0.001", price="70000.1", fee="-0.01"))
    store.save_equity(MOMENT, "NOVA", Decimal("100000.10"), currency="USDT")
    setup = {"strategy": "sma_cross", "params": {"fast": 10}}
    store.save_backtest(
        StoredBacktest(
            ts=MOMENT, strategy="sma_cross", candles="GOOG", setup=setup, seed=7, fingerprint="f1", code="1.0",
            digest="d1", figures={"sharpe": 1.5, "calmar": None},
        )
    )  # fmt: skip
    store.save_log(MOMENT, "warning", "link", "NOVA is late")
    store.flush()
    yield store
    store.close()


def exported(store: Store, table: str, format: str) -> list[dict[str, Any]]:
    out = io.BytesIO()
    count = export(store.path, table, format, out)
    out.seek(0)
    if format == Format.CSV:
        rows = list(csv.DictReader(io.TextIOWrapper(out, encoding="utf-8", newline="")))
    elif format == Format.JSON:
        rows = json.load(out)
    else:
        read = pq.read_table(out)
        fields = [field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field for field in read.schema]
        rows = read.cast(pa.schema(fields)).to_pylist()  # Python's datetime has no nanoseconds
    assert len(rows) == count
    return rows


def test_fills_come_out_exactly_with_utc_times(store: Store) -> None:
    first = exported(store, "fills", "csv")[0]
    assert first == {
        "ts": "2026-01-02T03:04:05.000000006Z",
        "venue": "NOVA",
        "trade_id": "t1",
        "client_id": "a",
        "instrument": "NOVA:BTC-USDT",
        "side": "buy",
        "quantity": "3",
        "price": "100",
        "fee": "0.30",
        "fee_currency": "USDT",
        "fee_value": "",
        "liquidity": "taker",
        "seq": "3",
    }


def test_json_keeps_amounts_as_strings_and_flags_as_booleans(store: Store) -> None:
    (order,) = exported(store, "orders", "json")
    assert order["price"] == TINY
    assert order["stop_price"] is None
    assert (order["post_only"], order["reduce_only"]) == (True, False)
    assert order["note"] == 'says "hi",\nünïcode'
    assert order["created_at"] == "1970-01-01T00:00:00.000000001Z"
    assert order["expire_at"] is None


def test_csv_survives_quotes_and_lines_and_leaves_absent_values_empty(store: Store) -> None:
    (order,) = exported(store, "orders", "csv")
    assert order["note"] == 'says "hi",\nünïcode'
    assert (order["stop_price"], order["post_only"], order["price"]) == ("", "true", TINY)


def test_parquet_has_typed_times_and_exact_amounts(store: Store) -> None:
    out = io.BytesIO()
    export(store.path, "fills", "parquet", out)
    table = pq.read_table(out)
    assert table.schema.field("ts").type == pa.timestamp("ns", tz="UTC")
    assert table["ts"].cast(pa.int64()).to_pylist()[0] == MOMENT
    assert table["price"].to_pylist() == ["100", "110", "70000.1"]


def test_events_are_the_whole_journal_with_readable_payloads(store: Store) -> None:
    events = exported(store, "events", "json")
    assert [event["kind"] for event in events] == ["balance", "initialized", "filled", "filled", "filled"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert events[1]["payload"]["order"]["price"] == TINY
    assert json.loads(exported(store, "events", "csv")[1]["payload"])["order"]["price"] == TINY


def test_backtests_come_with_what_decided_them_and_their_figures(store: Store) -> None:
    (run,) = exported(store, "backtests", "json")
    assert (run["ts"], run["strategy"], run["seed"]) == ("2026-01-02T03:04:05.000000006Z", "sma_cross", 7)
    assert run["setup"]["params"] == {"fast": 10}
    assert run["figures"] == {"sharpe": 1.5, "calmar": None}


def test_positions_are_the_fold_of_the_fills(store: Store) -> None:
    perp, spot = exported(store, "positions", "json")
    position = Position(instrument=SPOT.id)
    for fill in store.fills()[:2]:
        position = apply_fill(position, fill, SPOT)
    assert spot["instrument"] == SPOT.id
    assert (spot["quantity"], spot["currency"], spot["is_flat"]) == ("2", "USDT", False)
    assert Decimal(spot["average_price"]) == 100
    assert Decimal(spot["realized"]) == position.realized == 10
    assert Decimal(spot["fees"]) == Decimal("0.41")
    assert (perp["quantity"], perp["fees"]) == ("-0.001", "-0.01")


def test_a_position_whose_terms_are_unknown_is_told_by_name(store: Store) -> None:
    store.append(filled("c", "t9", instrument=msgspec.structs.replace(SPOT, symbol="ETH-USDT"))).result()
    with pytest.raises(StoreError, match="does not know the terms of NOVA:ETH-USDT"):
        export(store.path, "positions", "csv", io.BytesIO())


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("table", list(TABLES))
def test_every_table_has_the_same_rows_and_columns_in_every_format(store: Store, table: str, format: Format) -> None:
    rows = exported(store, table, format)
    assert rows
    assert list(rows[0]) == list(exported(store, table, "json")[0])


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("table", list(TABLES))
def test_a_desk_that_never_traded_exports_empty_tables(tmp_path: Path, table: str, format: Format) -> None:
    empty = open_store(tmp_path / "empty.sqlite")
    empty.close()
    assert exported(empty, table, format) == []


def test_an_export_sees_what_the_running_desk_has_just_stored_and_changes_nothing(store: Store) -> None:
    assert len(exported(store, "fills", "csv")) == 3
    store.append(filled("a", "t4")).result()
    assert len(exported(store, "fills", "csv")) == 4
    with workstation.store.reader.reading(store.path) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM log")


def test_what_cannot_be_exported_is_told_in_one_sentence(store: Store, tmp_path: Path) -> None:
    def told(path: Path, table: str = "fills", format: str = "csv") -> str:
        with pytest.raises(StoreError) as caught:
            export(path, table, format, io.BytesIO())
        return str(caught.value)

    assert told(store.path, table="filz") == (
        "There is no table 'filz' to export: choose one of orders, fills, positions, equity, backtests, events, log."
    )
    assert told(store.path, format="xls") == "There is no export format 'xls': choose one of csv, json, parquet."
    assert told(tmp_path / "none.sqlite").startswith(f"There is no store at {tmp_path / 'none.sqlite'} yet")
    (tmp_path / "text").write_text("x" * 5000)
    assert "damaged or not a store" in told(tmp_path / "text")
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE fills (a)")
    connection.close()
    assert told(foreign) == f"The file {foreign} is not a store of tws."
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    assert "has schema 9" in told(store.path)


def test_a_full_disk_is_told(store: Store) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("the system has no /dev/full")
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(StoreError, match="No space left"):
        export(store.path, "fills", "json", full)


def test_an_export_that_fails_leaves_the_file_that_was_there(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "fills.csv"
    assert export_file(store.path, "fills", "csv", out) == 3
    before = out.read_bytes()
    with pytest.raises(StoreError, match="There is no store"):
        export_file(tmp_path / "elsewhere.sqlite", "fills", "csv", out)
    assert out.read_bytes() == before
    with pytest.raises(StoreError, match=r"/nowhere/fills\.csv cannot be written: No such file or directory\.$"):
        export_file(store.path, "fills", "csv", tmp_path / "nowhere" / "fills.csv")
    assert {path.suffix for path in tmp_path.iterdir()}.isdisjoint({".part"})


def test_exporting_csv_loads_neither_sqlmodel_nor_pyarrow(store: Store) -> None:
    code = (
        "import io, pathlib, sys\n"
        "from workstation.store.export import export\n"
        f"export(pathlib.Path({str(store.path)!r}), 'positions', 'csv', io.BytesIO())\n"
        "print(sorted({'sqlmodel', 'sqlalchemy', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    root = Path(workstation.store.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.strip() == "[]"


def test_iso_times_carry_nanoseconds_in_utc() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000000000Z"
    assert iso(MOMENT) == "2026-01-02T03:04:05.000000006Z"
    assert datetime.fromisoformat(iso(MOMENT)) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
