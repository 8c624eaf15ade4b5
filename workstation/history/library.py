"""The stored histories: Parquet files by venue and symbol, and the catalogue that says which file is in force.

A change writes a new file under a name of its own (the fingerprint of its content is part of it), flushes it, and then
one transaction of the catalogue puts it in force. Whoever is killed in the middle leaves the old history or the new
one, whole; what lies about unnamed is swept away by the next change of that history.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workstation.history import catalogue
from workstation.history.catalogue import Catalogue, Entry
from workstation.history.names import HistoryError, HistoryName
from workstation.market.candle_quality import Report, examine, iso
from workstation.market.candles import BadCandles, Bools, Candles
from workstation.market.resample import resample
from workstation.whole_file import in_place_of

_PRICES = ("open", "high", "low", "close", "volume")
_ROW_GROUP = 1 << 20
_EXAMPLES = 5


@dataclass(frozen=True)
class Merged:
    """What came of a merge: the history as it now stands, how many rows were new, how many were there already with the
    same values, and how many with others (`conflicts`, of which `examples` shows the first). `replaced` says whether
    the conflicting rows were taken from the new data; otherwise the stored ones stand."""

    entry: Entry
    added: int
    same: int
    conflicts: int
    replaced: bool
    examples: tuple[str, ...]
    report: Report

    def text(self) -> str:
        """One sentence or two."""
        said = f"{self.entry.name}: {self.added:,} rows added, {self.same:,} known; {self.entry.rows:,} in all."
        if self.conflicts:
            done = "the new values were taken" if self.replaced else "the stored values stand (--replace takes the new)"
            said += f" {self.conflicts:,} rows differ from the stored ones, {done}: {'; '.join(self.examples)}."
        return said


class CandleLibrary:
    """All stored histories of `folder` (`Paths.candles`). Every method may raise `HistoryError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalogue = Catalogue(folder)

    def entries(self) -> list[Entry]:
        return self.catalogue.entries()

    def load(self, name: HistoryName) -> Candles:
        """The candles of one history; of a timeframe that is not stored, made of the longest stored one that divides
        it."""
        for _ in range(3):  # a file may be replaced between the look into the catalogue and the look into the file
            entry = self.catalogue.find(name)
            if entry is None:
                return self._resampled(name)
            try:
                return self._read(entry)
            except FileNotFoundError:
                continue
        raise HistoryError(f"The file of {name} is missing; `tws data remove {name}` forgets the history.")

    def merge(self, name: HistoryName, new: Candles, source: str, *, replace: bool = False) -> Merged:
        """Put candles into a history: rows that are not stored yet are added, equal ones stay single, and rows that
        contradict the stored ones are reported and left out, or with `replace` taken."""
        with self.catalogue.change() as connection:
            entry = catalogue.find(connection, name)
            stored = None if entry is None else self._stored(entry)
            candles, counts, examples = _merged(stored, new, replace)
            added, same, conflicts = counts
            if entry is not None and added == 0 and (conflicts == 0 or not replace):
                report = examine(candles, name.timeframe)
                return Merged(entry, 0, same, conflicts, False, examples, report)
            report = examine(candles, name.timeframe)
            if not report.usable and len(candles) > 1:
                raise HistoryError(f"The candles for {name} contradict each other:\n{report.text()}")
            fingerprint = candles.fingerprint()
            file = Path(name.venue) / name.symbol / f"{name.timeframe}-{fingerprint}.parquet"
            self._write(self.folder / file, candles, name, source)
            fresh = Entry(
                venue=name.venue,
                symbol=name.symbol,
                timeframe=str(name.timeframe),
                source=_sources(entry, source),
                rows=len(candles),
                first=int(candles.time[0]),
                last=int(candles.time[-1]),
                fingerprint=fingerprint,
                quality=report.counts(),
                file=str(file),
                updated_at=catalogue.now(),
            )
            catalogue.put(connection, fresh)
        self._sweep(name)
        return Merged(fresh, added, same, conflicts, replace, examples, report)

    def remove(self, name: HistoryName) -> Entry:
        """Take a history out of the catalogue and delete its file."""
        with self.catalogue.change() as connection:
            entry = catalogue.find(connection, name)
            if entry is None:
                raise HistoryError(f"There is no history {name}.")
            catalogue.drop(connection, name)
        self._sweep(name)
        return entry

    def check(self, name: HistoryName) -> Report:
        """The quality of a stored history, and that its file still holds what was put into it."""
        entry = self.catalogue.find(name)
        if entry is None:
            raise HistoryError(f"There is no history {name}.")
        candles = self._stored(entry)
        if candles.fingerprint() != entry.fingerprint:
            raise HistoryError(f"The file of {name} was changed since it was stored: {self.folder / entry.file}.")
        return examine(candles, name.timeframe)

    def _stored(self, entry: Entry) -> Candles:
        try:
            return self._read(entry)
        except FileNotFoundError:
            missing = self.folder / entry.file
            raise HistoryError(
                f"The file of {entry.name} is missing: {missing}. `tws data remove {entry.name}` forgets the history."
            ) from None

    def _read(self, entry: Entry) -> Candles:
        path = self.folder / entry.file
        try:
            candles = _read(path, str(entry.name))
        except (BadCandles, ValueError, KeyError) as error:
            raise HistoryError(f"The file of {entry.name} is damaged ({path}): {error}") from error
        if len(candles) != entry.rows:
            raise HistoryError(f"The file of {entry.name} was changed since it was stored: {path}.")
        return candles

    def _resampled(self, name: HistoryName) -> Candles:
        finer = [
            each.name
            for each in self.entries()
            if (each.venue, each.symbol) == (name.venue, name.symbol) and each.name.timeframe.divides(name.timeframe)
        ]
        if not finer:
            raise HistoryError(f"There is no history {name}; `tws data list` shows what there is.")
        source = max(finer, key=lambda each: each.timeframe.ns)
        made = resample(self.load(source), name.timeframe, source=source.timeframe).candles
        return _named(made, f"{name} (from {source.timeframe})")

    def _write(self, path: Path, candles: Candles, name: HistoryName, source: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        unit = "ms" if bool((candles.time % 1_000_000 == 0).all()) else "ns"
        fields = [
            pa.field("timestamp", pa.timestamp(unit, tz="UTC")),
            *(pa.field(each, pa.float64()) for each in _PRICES),
        ]
        about = {"venue": name.venue, "symbol": name.symbol, "timeframe": str(name.timeframe), "source": source}
        schema = pa.schema(fields, metadata={f"tws.{key}": value for key, value in about.items()})
        try:
            with in_place_of(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for start in range(0, len(candles), _ROW_GROUP):
                    rows = slice(start, start + _ROW_GROUP)
                    times = candles.time[rows] // (1_000_000 if unit == "ms" else 1)
                    columns = [times, *(getattr(candles, each)[rows] for each in _PRICES)]
                    # pa.array(column) would import pandas to ask what it is.
                    arrays = [
                        pa.Array.from_buffers(field.type, len(column), [None, pa.py_buffer(column)])
                        for field, column in zip(fields, columns, strict=True)
                    ]
                    writer.write_batch(pa.record_batch(arrays, schema=schema))
        except OSError as error:
            raise HistoryError(f"{path} cannot be written: {error.strerror or error}.") from error

    def _sweep(self, name: HistoryName) -> None:
        """Delete the files of this history that are not in force."""
        folder = self.folder / name.venue / name.symbol
        with self.catalogue.change() as connection:
            entry = catalogue.find(connection, name)
            kept = None if entry is None else self.folder / entry.file
            for file in (*folder.glob(f"{name.timeframe}-*.parquet"), *folder.glob(f".{name.timeframe}-*.part")):
                if file != kept:
                    file.unlink(missing_ok=True)


def _merged(
    stored: Candles | None, new: Candles, replace: bool
) -> tuple[Candles, tuple[int, int, int], tuple[str, ...]]:
    if stored is None:
        return new, (len(new), 0, 0), ()
    place = np.searchsorted(stored.time, new.time)
    known = place < len(stored)
    known[known] = stored.time[place[known]] == new.time[known]
    equal: Bools = np.ones(int(known.sum()), dtype=np.bool_)
    for column in _PRICES:
        equal &= getattr(stored, column)[place[known]] == getattr(new, column)[known]
    differ = np.flatnonzero(known)[~equal]
    examples = tuple(_difference(stored, int(place[row]), new, int(row)) for row in differ[:_EXAMPLES])
    added = int(np.count_nonzero(~known))
    counts = (added, int(equal.sum()), len(differ))
    columns = {}
    order = None
    for column in ("time", *_PRICES):
        old = getattr(stored, column)
        if replace and len(differ) and column != "time":
            old = old.copy()
            old[place[differ]] = getattr(new, column)[differ]
        if added:
            joined = np.concatenate([old, getattr(new, column)[~known]])
            if order is None:
                order = np.argsort(joined, kind="stable")  # the first column is the time
            old = joined[order]
        columns[column] = old
    return Candles(**columns, name=stored.name), counts, examples


def _read(path: Path, name: str) -> Candles:
    """The candles of a file that `_write` made, a column at a time. Raises FileNotFoundError, ValueError, KeyError."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        scale = 1_000_000 if file.schema_arrow.field("timestamp").type.unit == "ms" else 1
        time = _column(file, "timestamp", np.dtype(np.int64)) * scale
        columns = {each: _column(file, each, np.dtype(np.float64)) for each in _PRICES}
    return Candles(time, **columns, name=name)


def _column(file: Any, name: str, kind: np.dtype[Any]) -> Any:
    """One column without nulls; pyarrow's own `to_numpy` would import pandas first (3 s)."""
    parts = []
    for chunk in file.read(columns=[name])[name].chunks:
        if chunk.null_count or chunk.type.bit_width != 64:
            raise ValueError(f"{name} is not as it was written")
        parts.append(np.frombuffer(chunk.buffers()[1], dtype=kind)[chunk.offset : chunk.offset + len(chunk)])
    return np.concatenate(parts)


def _difference(stored: Candles, row: int, new: Candles, other: int) -> str:
    parts = []
    for column in _PRICES:
        a, b = float(getattr(stored, column)[row]), float(getattr(new, column)[other])
        if a != b:
            parts.append(f"{column} {a!r} stored, {b!r} new")
    return f"{iso(int(stored.time[row]))} {', '.join(parts)}"


def _sources(entry: Entry | None, source: str) -> str:
    """Where a history was taken from, each source once."""
    known = entry.source.split(", ") if entry is not None and entry.source else []
    return ", ".join(dict.fromkeys([*known, source]))


def _named(candles: Candles, name: str) -> Candles:
    from dataclasses import replace

    return replace(candles, name=name)
