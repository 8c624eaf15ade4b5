"""The schema: numbered migrations, whole or not at all, that add up to the SQLModel tables."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import an_order, filled, intent, open_store

from workstation.store.codec import exact_text
from workstation.store.migrations import MIGRATIONS, SCHEMA_VERSION, migrate, version_of


def database(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_the_migrations_add_up_to_the_tables(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine
    from sqlmodel import SQLModel

    import workstation.store.tables  # noqa: F401  (whose models make the metadata)

    path = tmp_path / "demo.sqlite"
    open_store(path).close()
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_every_table_is_strict_so_that_no_amount_becomes_a_float(tmp_path: Path) -> None:
    path = tmp_path / "demo.sqlite"
    open_store(path).close()
    connection = database(path)
    loose = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'"
    assert connection.execute(loose).fetchall() == []
    connection.close()


def test_a_new_file_gets_every_migration_and_an_up_to_date_one_none(tmp_path: Path) -> None:
    connection = database(tmp_path / "demo.sqlite")
    migrate(connection)
    assert version_of(connection) == SCHEMA_VERSION
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    migrate(connection)
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    connection.close()


def test_an_older_file_gets_only_what_it_lacks(tmp_path: Path) -> None:
    connection = database(tmp_path / "demo.sqlite")
    migrate(connection)
    connection.execute("INSERT INTO settings VALUES ('kept', '1', 1)")
    migrate(connection, (*MIGRATIONS, ("CREATE TABLE newer (id INTEGER)",)))
    assert version_of(connection) == SCHEMA_VERSION + 1
    assert connection.execute("SELECT key FROM settings").fetchall() == [("kept",)]
    connection.close()


def test_a_migration_that_fails_leaves_the_last_whole_version(tmp_path: Path) -> None:
    connection = database(tmp_path / "demo.sqlite")
    broken = ("CREATE TABLE half (id INTEGER)", "CREATE NONSENSE")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, broken))
    assert version_of(connection) == SCHEMA_VERSION
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()


def test_sqlmodel_reads_the_rows_that_the_writer_wrote(tmp_path: Path) -> None:
    from sqlalchemy import create_engine
    from sqlmodel import Session, select

    from workstation.store import tables

    path = tmp_path / "demo.sqlite"
    store = open_store(path)
    tiny = "0.1000000000000000055511151231257827"
    store.append(intent("a", price=tiny), filled("a", "t1", price=tiny), orders=[an_order("a", price=tiny)]).result()
    store.close()
    with Session(create_engine(f"sqlite:///{path}")) as session:
        order = session.exec(select(tables.OrderRow)).one()
        fill = session.exec(select(tables.FillRow).where(tables.FillRow.price == Decimal(tiny))).one()
    assert (order.price, order.stop_price, order.post_only) == (Decimal(tiny), None, 0)
    assert str(fill.price) == tiny


@settings(max_examples=50, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_kept_digit_for_digit(value: Decimal) -> None:
    from workstation.store import tables

    column = tables.ExactDecimal()
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE amounts (amount TEXT) STRICT")
    connection.execute("INSERT INTO amounts VALUES (?)", (column.process_bind_param(value, None),))  # type: ignore[arg-type]
    (text,) = connection.execute("SELECT amount FROM amounts").fetchone()
    connection.close()
    back = column.process_result_value(text, None)  # type: ignore[arg-type]
    assert back is not None
    assert back == value
    assert back.as_tuple().digits[-1] == value.as_tuple().digits[-1]
    assert "E" not in text


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_not_kept(value: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        exact_text(Decimal(value))
