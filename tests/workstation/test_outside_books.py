"""What a kill without books of its own reads from the desk's store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from workstation.outside_books import left_out


def test_a_store_that_cannot_be_read_is_said_and_ends_no_kill(tmp_path: Path) -> None:
    store = tmp_path / "live-test.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(
            """CREATE TABLE instruments (id TEXT, terms TEXT);
            CREATE TABLE orders (instrument TEXT, state TEXT);
            CREATE TABLE fills (seq INTEGER, venue TEXT);
            INSERT INTO fills VALUES (1, 'LOOP');"""
        )
    assert left_out(store, [], flatten=True) == (
        " Spot that the desk bought is not sold."
        " The desk's store cannot be read: only what the profile opens was asked."
    )
