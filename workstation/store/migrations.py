"""Numbered migrations of the store's file.

`PRAGMA user_version` is the number of the last migration applied; each runs in one transaction with its number, so a
file is always wholly at one version. This runner instead of alembic: importing alembic costs 0.3 s on top of
SQLAlchemy at every start and it asks for a folder of scripts and a configuration file, for what is ten lines when
there is one database and one direction. A migration is text, frozen when it is released; tables.py is what the text
adds up to, and a test lets alembic compare the two.
"""

from __future__ import annotations

import sqlite3

#: Marks a SQLite file as a store of tws ("tws1").
APPLICATION_ID = 0x74777331


def _append_only(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    )


_M0001 = (
    """CREATE TABLE meta (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), mode TEXT NOT NULL, desk_id TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE journal (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ts INTEGER NOT NULL, kind TEXT NOT NULL, client_id TEXT,
        payload TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX journal_client_id ON journal (client_id) WHERE client_id IS NOT NULL",
    *_append_only("journal"),
    """CREATE TABLE fills (
        seq INTEGER NOT NULL PRIMARY KEY REFERENCES journal (seq), venue TEXT NOT NULL, trade_id TEXT NOT NULL,
        client_id TEXT NOT NULL, instrument TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
        price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL, liquidity TEXT NOT NULL,
        ts INTEGER NOT NULL, UNIQUE (venue, trade_id)
    ) STRICT""",
    *_append_only("fills"),
    """CREATE TABLE orders (
        client_id TEXT NOT NULL PRIMARY KEY, venue_order_id TEXT, instrument TEXT NOT NULL, side TEXT NOT NULL,
        type TEXT NOT NULL, tif TEXT NOT NULL, state TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT,
        stop_price TEXT, filled TEXT NOT NULL, filled_value TEXT NOT NULL, fees TEXT NOT NULL,
        post_only INTEGER NOT NULL, reduce_only INTEGER NOT NULL, expire_at INTEGER, origin TEXT NOT NULL,
        note TEXT NOT NULL, reason TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE equity (
        id INTEGER NOT NULL PRIMARY KEY, ts INTEGER NOT NULL, account TEXT NOT NULL, currency TEXT NOT NULL,
        equity TEXT NOT NULL, realized TEXT NOT NULL, unrealized TEXT NOT NULL, fees TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX equity_account_ts ON equity (account, ts)",
    """CREATE TABLE kill_receipts (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ts INTEGER NOT NULL, body TEXT NOT NULL
    ) STRICT""",
    *_append_only("kill_receipts"),
    """CREATE TABLE log (
        id INTEGER NOT NULL PRIMARY KEY, ts INTEGER NOT NULL, level TEXT NOT NULL, source TEXT NOT NULL,
        message TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE settings (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, updated_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE instruments (id TEXT NOT NULL PRIMARY KEY, terms TEXT NOT NULL, updated_at INTEGER NOT NULL) STRICT",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

#: Icebergs and trailing stops.
_M0002 = tuple(
    f"ALTER TABLE orders ADD COLUMN {column} TEXT" for column in ("display", "trail", "trail_bps", "activation_price")
)

#: Backtests.
_M0003 = (
    """CREATE TABLE backtests (
        id TEXT NOT NULL PRIMARY KEY, ts INTEGER NOT NULL, strategy TEXT NOT NULL, candles TEXT NOT NULL,
        setup TEXT NOT NULL, seed INTEGER NOT NULL, fingerprint TEXT NOT NULL, code TEXT NOT NULL,
        digest TEXT NOT NULL, figures TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX backtests_ts ON backtests (ts)",
)

#: Fills with the venue's own number, and what a fee in a third coin was worth.
_M0004 = (
    "ALTER TABLE fills ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE fills ADD COLUMN fee_value TEXT",
)

#: MIGRATIONS[n - 1] brings a file from version n - 1 to version n.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_M0001, _M0002, _M0003, _M0004)
SCHEMA_VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS) -> None:
    """Bring the file from its version to the newest, one transaction a migration.

    `connection` is in autocommit mode. Raises sqlite3.Error, and then the file stands at the last whole version.
    """
    for number in range(version_of(connection) + 1, len(migrations) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
