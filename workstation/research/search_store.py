"""Searches on disk: what was asked and every trial that was done, so that a search goes on where it was left.

One SQLite file beside the desk's stores, because a search runs beside a desk and is of no mode. Why not Optuna's own
storage: it needs alembic at every start, commits several times a trial where a trial takes a millisecond, and its
tables belong to its version. What a sampler keeps of its state is in the trials' `memory`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workstation.research.costs import BacktestError
from workstation.store.migrations import migrate, version_of

#: Marks a SQLite file as one of searches ("twss").
APPLICATION_ID = 0x74777373

_M0001 = (
    """CREATE TABLE searches (
        key TEXT NOT NULL PRIMARY KEY, about TEXT NOT NULL, created_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE trials (
        key TEXT NOT NULL REFERENCES searches (key) ON DELETE CASCADE, number INTEGER NOT NULL, state TEXT NOT NULL,
        params TEXT NOT NULL, vals TEXT NOT NULL, figures TEXT NOT NULL, steps TEXT NOT NULL, memory TEXT NOT NULL,
        error TEXT NOT NULL, PRIMARY KEY (key, number)
    ) STRICT, WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_M0001,)


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters that was tried: `state` is done, pruned or failed.

    `values`: one number an objective, more is better; empty unless it is done. `figures`: those of the run that are
    known. `steps`: the objective after so many percent of the bars.
    """

    number: int
    state: str
    params: Mapping[str, Any]
    values: tuple[float, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)
    error: str = ""


class SearchStore:
    """The file of searches. Every method may raise `BacktestError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, key: str) -> list[tuple[Trial, dict[str, Any]]]:
        """The trials of a search in their order, each with what the sampler keeps of it."""
        if not self.path.exists():
            return []
        sql = "SELECT number, state, params, vals, figures, steps, error, memory FROM trials WHERE key = ?"
        with self._open() as connection:
            rows = connection.execute(f"{sql} ORDER BY number", (key,)).fetchall()
        found = []
        for number, state, params, values, figures, steps, error, memory in rows:
            by_step = {int(step): value for step, value in json.loads(steps).items()}
            told = (json.loads(params), tuple(json.loads(values)), json.loads(figures), by_step, error)
            found.append((Trial(number, state, *told), json.loads(memory)))
        return found

    def add(self, key: str, about: Mapping[str, Any], trials: Sequence[tuple[Trial, Mapping[str, Any]]]) -> None:
        """Store trials of one batch: all of them or none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT OR IGNORE INTO searches (key, about, created_at) VALUES (?, ?, ?)",
                (key, _json(about), time.time_ns()),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(key, each.number, each.state, _json(each.params), _json(each.values), _json(each.figures)),
                        *(_json(each.steps), _json(memory), each.error),
                    )
                    for each, memory in trials
                ],
            )
            connection.execute("COMMIT")

    def forget(self, key: str) -> None:
        """Delete a search with its trials."""
        if self.path.exists():
            with self._open() as connection:
                connection.execute("DELETE FROM searches WHERE key = ?", (key,))

    def searches(self) -> list[tuple[str, dict[str, Any], int]]:
        """Key, what it was about, and how many trials it has; the newest first."""
        if not self.path.exists():
            return []
        sql = """SELECT key, about, (SELECT count(*) FROM trials WHERE trials.key = searches.key)
            FROM searches ORDER BY created_at DESC"""
        with self._open() as connection:
            return [(key, json.loads(about), count) for key, about, count in connection.execute(sql)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=60.0)
        except sqlite3.Error as error:
            raise BacktestError(f"The file of searches {self.path} cannot be opened: {error}.") from error
        try:
            self._prepare(connection)
            yield connection
        except sqlite3.Error as error:
            raise BacktestError(f"The file of searches {self.path} failed: {error}.") from error
        finally:
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version, kind = version_of(connection), connection.execute("PRAGMA application_id").fetchone()[0]
        if version and kind != APPLICATION_ID:
            raise BacktestError(f"{self.path} is no file of searches; it was left untouched.")
        if version > len(MIGRATIONS):
            raise BacktestError(f"The file of searches {self.path} was made by a newer version of tws.")
        connection.execute("PRAGMA foreign_keys = ON")
        if version < len(MIGRATIONS):
            connection.execute("PRAGMA journal_mode = WAL")
            try:
                migrate(connection, MIGRATIONS)
            except sqlite3.OperationalError:
                if version_of(connection) != len(MIGRATIONS):  # another process may just have done the same
                    raise


def _json(value: Any) -> str:
    """Infinities and NaN as Python's json has them: they are read back by the same."""
    return json.dumps(value, default=_plain, sort_keys=isinstance(value, dict))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} cannot be stored")
