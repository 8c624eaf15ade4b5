"""`tws data import/download/list/check/remove`: arguments, runs, what they print. Nothing heavy is loaded before."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.history.names import HistoryName

_VERBS = ("import", "download", "list", "check", "remove")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `data`."""
    parser.description = "Candle history: stored as Parquet files, with a catalogue, beside the desk's store."
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="|".join(_VERBS))

    taken = verbs.add_parser("import", help="candles from CSV, Parquet, Feather (freqtrade too) or JSON files")
    taken.add_argument("files", nargs="+", type=Path, metavar="FILE")
    taken.add_argument("--venue", help="where they traded; from the file's name otherwise, else 'file'")
    taken.add_argument("--symbol", help="BTC-USDT, say; from the file's name otherwise")
    taken.add_argument("--timeframe", help="1m, 5m, 1h, 1d …; from the file's name or its rows otherwise")
    _merging(taken)

    loaded = verbs.add_parser("download", help="candles from an exchange (by ccxt) or from Yahoo (yahoo:AAPL:1d)")
    loaded.add_argument("names", nargs="+", metavar="VENUE:SYMBOL:TIMEFRAME")
    loaded.add_argument("--since", default="365d", metavar="TIME", help="2024-01-31, a time in ISO form, or 90d (365d)")
    loaded.add_argument("--until", metavar="TIME", help="exclusive; now otherwise")
    _merging(loaded)

    listed = verbs.add_parser("list", help="what is stored, and what is there without storing anything")
    listed.add_argument("--json", action="store_true", help="one JSON list, alone on standard output")

    checked = verbs.add_parser("check", help="the quality of a file or of a history; exit code 1 if it is unusable")
    checked.add_argument("what", nargs="+", metavar="PATH|VENUE:SYMBOL:TIMEFRAME")
    checked.add_argument("--timeframe", help="what the bars should be, if the rows do not tell")
    checked.add_argument("--json", action="store_true", help="one JSON list of reports, alone on standard output")

    removed = verbs.add_parser("remove", help="forget a stored history and delete its file")
    removed.add_argument("name", metavar="VENUE:SYMBOL:TIMEFRAME")


def _merging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replace", action="store_true", help="rows that differ from stored ones take their place")
    parser.add_argument("--json", action="store_true", help="one JSON list of what was stored")


def data(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    """Run one sub-command on the histories in `folder`. Raises the project's own errors, each a sentence."""
    match options.verb:
        case "import":
            return _import(options, folder, write)
        case "download":
            return _download(options, folder, write)
        case "list":
            return _list(options, folder, write)
        case "check":
            return _check(options, folder, write)
        case _:
            return _remove(options, folder, write)


def _import(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    from workstation.history.library import CandleLibrary
    from workstation.market.candle_files import read_raw
    from workstation.market.candle_quality import examine
    from workstation.market.candles import BadCandles

    library, done, failed = CandleLibrary(folder), list[dict[str, Any]](), 0
    for file in options.files:
        try:
            raw = read_raw(file)
        except BadCandles as error:
            failed += 1
            done.append({"file": str(file), "stored": None, "error": str(error)})
            sys.stderr.write(f"tws: {error}\n")
            continue
        name = _name_of(file, raw.time, options)
        report = examine(raw, name.timeframe)
        if not report.usable:
            failed += 1
            done.append({"file": str(file), "stored": None, "error": "unusable", "report": report.as_json()})
            sys.stderr.write(f"tws: {file} was not stored.\n{report.text()}")
            continue
        merged = library.merge(name, raw.candles(), f"file {file.name}", replace=options.replace)
        answer = {"added": merged.added, "same": merged.same, "conflicts": merged.conflicts}
        done.append({"file": str(file), "stored": str(name), **answer, "report": merged.report.as_json()})
        if not options.json:
            write(f"{merged.text()}\n{_notes(merged.report.text())}")
    if options.json:
        write(_json(done))
    return 1 if failed else 0


def _name_of(file: Path, times: Any, options: argparse.Namespace) -> HistoryName:
    """How the history is called: by the options, else by the file's name, and the timeframe else by its rows."""
    from workstation.history.names import HistoryError, HistoryName, hint
    from workstation.market.candle_quality import usual_distance
    from workstation.market.timeframes import BadTimeframe, Timeframe

    told = hint(file)
    symbol = options.symbol or told.symbol
    if not symbol:
        raise HistoryError(f"{file.name} does not say which symbol it holds: give --symbol.")
    timeframe = options.timeframe or told.timeframe
    if not timeframe:
        try:
            timeframe = str(Timeframe.of(usual_distance(times)))
        except BadTimeframe:
            raise HistoryError(f"The rows of {file.name} do not tell its timeframe: give --timeframe.") from None
    return HistoryName.of(options.venue or told.venue or "file", symbol, timeframe)


def _download(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    import time

    from workstation.history.download import Download
    from workstation.history.feeds import feed_for
    from workstation.history.library import CandleLibrary
    from workstation.history.names import HistoryName

    now = time.time_ns()
    since, until = _moment(options.since, now), _moment(options.until, now) if options.until else now
    library, done = CandleLibrary(folder), list[dict[str, Any]]()
    for word in options.names:
        name = HistoryName.parse(word)
        download = Download(
            library,
            name,
            feed_for(name, word),
            since,
            until,
            now=time.time_ns,
            sleep=_waited,
            replace=options.replace,
            progress=_progress(name),
        )
        try:
            merged = download.run()
        except KeyboardInterrupt:
            sys.stderr.write(f"\ntws: {name} was stopped; what came is stored, the same command goes on from there.\n")
            return 130
        finally:
            if sys.stderr.isatty():
                sys.stderr.write("\n")
        added, conflicts = sum(each.added for each in merged), sum(each.conflicts for each in merged)
        answer: dict[str, Any] = {"stored": str(name), "added": added, "conflicts": conflicts}
        report = library.check(name) if library.catalogue.find(name) else None
        done.append(answer | {"report": report.as_json() if report else None})
        if not options.json:
            write(f"{name}: {added:,} rows added.\n" + "".join(f"{each.text()}\n" for each in merged if each.conflicts))
            write(_notes(report.text()) if report else "")
    if options.json:
        write(_json(done))
    return 0


def _moment(word: str, now: int) -> int:
    """A date, a time in ISO form (UTC where it says nothing else), or so many days (90d) ago; UTC ns."""
    from datetime import UTC, datetime

    from workstation.history.names import HistoryError

    if word.endswith("d") and word[:-1].isdigit():
        return now - int(word[:-1]) * 86_400_000_000_000
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise HistoryError(f"{word!r} is no time: 2024-01-31, 2024-01-31T08:00Z or 90d (days ago).") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def _waited(seconds: float) -> None:
    import time

    sys.stderr.write(f"tws: no answer; asking again in {seconds:g} s\n")
    time.sleep(seconds)


def _progress(name: HistoryName) -> Callable[[Any], None]:
    """One line on a terminal, nothing where standard error is a file."""

    def show(progress: Any) -> None:
        if sys.stderr.isatty():
            from workstation.market.candle_quality import iso

            sys.stderr.write(f"\r{name}: {progress.rows:,} rows, {iso(progress.at)} of {iso(progress.until)} ")
            sys.stderr.flush()

    return show


def _list(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    from workstation.history.library import CandleLibrary
    from workstation.history.sources import sources
    from workstation.market.candle_quality import iso

    offered = sources(folder)
    if options.json:
        stored = {str(entry.name): entry for entry in CandleLibrary(folder).entries()}
        rows = []
        for each in offered:
            row: dict[str, Any] = {"name": each.spec, "kind": each.kind, "title": each.title}
            row |= {"timeframe": each.timeframe, "rows": each.rows or None}
            row |= {"first": iso(each.first) if each.rows else None, "last": iso(each.last) if each.rows else None}
            if (entry := stored.get(each.spec)) is not None:
                row |= {"source": entry.source, "fingerprint": entry.fingerprint, "quality": entry.quality}
            rows.append(row)
        write(_json(rows))
        return 0
    width = max(len(each.spec) for each in offered)
    for kind, heading in (("stored", "stored"), ("built-in", "installed with tws"), ("demo", "the demo market's past")):
        chosen = [each for each in offered if each.kind == kind]
        write(f"{heading}:\n" if chosen else f"{heading}: nothing yet (tws data import FILE)\n")
        for each in chosen:
            span = f"{each.rows:>10,} bars  {iso(each.first)} to {iso(each.last)}" if each.rows else each.title
            write(f"  {each.spec:{width}}  {span}\n")
    return 0


def _check(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    from workstation.history.library import CandleLibrary
    from workstation.history.names import HistoryName
    from workstation.history.sources import load
    from workstation.market.candle_files import read_raw
    from workstation.market.candle_quality import examine
    from workstation.market.timeframes import Timeframe

    expected = Timeframe.parse(options.timeframe) if options.timeframe else None
    library, reports = CandleLibrary(folder), []
    for word in options.what:
        if Path(word).is_file() or (word.count(":") < 2 and ("/" in word or "." in word)):
            reports.append(examine(read_raw(word), expected))
        elif word.count(":") >= 2 and library.catalogue.find(HistoryName.parse(word)) is not None:
            reports.append(library.check(HistoryName.parse(word)))
        else:
            reports.append(examine(load(word, folder), expected))
    write(_json([each.as_json() for each in reports]) if options.json else "\n".join(each.text() for each in reports))
    return 0 if all(each.usable for each in reports) else 1


def _remove(options: argparse.Namespace, folder: Path, write: Callable[[str], object]) -> int:
    from workstation.history.library import CandleLibrary
    from workstation.history.names import HistoryName

    entry = CandleLibrary(folder).remove(HistoryName.parse(options.name))
    write(f"{entry.name} is forgotten: {entry.rows:,} rows.\n")
    return 0


def _notes(report: str) -> str:
    """The findings of a report, without its heading and its verdict."""
    return "".join(f"{line}\n" for line in report.splitlines()[1:-1])


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2) + "\n"
