"""The `tws` command. Imports next to nothing before it knows what is asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from workstation.engine import Engine
    from workstation.paths import Paths
    from workstation.settings import Settings

_HELP = """\
usage: tws [options]             opens the desk on the demo market: no account, no keys, no network
       tws COMMAND [options]     see tws COMMAND --help

desk:
  --replay PATH [PATH ...]       open the desk on a recording (a file, several, or a folder)
  --speed X, --loop              with --replay: 0.1 to 100 times real time; begin again at the end
  --profile NAME                 open a profile of the config file
  --set SETTING=VALUE            override a setting, for example --set demo.rate=2 (repeatable)

commands:
  run                            the engine without a screen (--script FILE trades on it)
  record                         record the running market into a file
  kill [--flatten]               the kill switch from outside: a desk that lives, hangs or is gone
  backtest STRATEGY              one backtest (--candles PATH --param fast=10 --fee 0.001 --json)
  sweep STRATEGY                 a parameter sweep (--candles PATH --grid fast=5:50:5 --rank sharpe)
  search STRATEGY                parameters by Optuna (--sampler tpe --objective sharpe --trials 200), resumable
  allocate --prices FILE         portfolio weights (--method max_ratio --risk CVaR --json; --list shows all)
  risk --positions F --prices F  what a book can lose: VaR, its parts, stress tests (--json)
  data import|download|list      candle history: files and exchanges in; check says what is wrong with it
  export TABLE                   orders, fills, positions, equity, backtests … as csv, json or parquet
  keys add|list|remove           API keys of venues, encrypted on the disk or in the system's keyring
  notify add|list|remove|test    where notes of fills, kills and trouble are sent
  plugins                        the panes that are installed, and where from
  doctor                         what is wrong here, and how to mend it

  --help, --version, --debug     this page; the version; tracebacks instead of sentences

In the desk: ? shows the keys of where you are, F9 is the kill switch, ctrl+q leaves.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tws` with the arguments (of the process by default); returns the exit code: 0, 1 (error), 2 (usage)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in ("-h", "--help", "help"):
        print(_HELP, end="")
        return 0
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"tws {version('tws')}")
        return 0
    debug = "--debug" in words
    try:
        return _run([word for word in words if word != "--debug"])
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        if debug or not _is_ours(error):
            raise
        print(f"tws: {error}", file=sys.stderr)
        return 1


def _is_ours(error: Exception) -> bool:
    """Whether the error's text is a sentence for the user (a class of this project, or the system's own words)."""
    return type(error).__module__.partition(".")[0] in ("workstation", "screens") or isinstance(error, OSError)


def _run(words: list[str]) -> int:
    if words[:1] == ["--profile"] and len(words) > 2 and not words[2].startswith("-"):
        words = [words[2], *words[:2], *words[3:]]  # "tws --profile live kill", written in a hurry
    command = words[0] if words and not words[0].startswith("-") else "desk"
    handlers = {
        "desk": _desk,
        "run": _headless,
        "record": _record,
        "kill": _kill,
        "export": _export,
        "backtest": _backtest,
        "sweep": _sweep,
        "search": _search,
        "allocate": _allocate,
        "risk": _risk,
        "data": _data,
        "keys": _keys,
        "notify": _notify,
        "plugins": _plugins,
        "doctor": _doctor,
    }
    if command not in handlers:
        import difflib

        near = difflib.get_close_matches(command, list(handlers), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        print(f"tws: there is no command {command!r}{hint} See tws --help.", file=sys.stderr)
        return 2
    options = _parser(command).parse_args(words if command == "desk" else words[1:])
    return handlers[command](options)


def _parser(command: str) -> argparse.ArgumentParser:
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="tws" if command == "desk" else f"tws {command}", add_help=True)
    if command in ("desk", "run", "record"):
        parser.add_argument("--replay", nargs="+", type=Path, metavar="PATH", help="recordings in place of the demo")
        parser.add_argument("--speed", type=float, default=1.0, help="replay speed, 0.1 to 100")
        parser.add_argument("--loop", action="store_true", help="begin the replay again at its end")
    if command in ("desk", "run", "record", "kill", "export", "doctor"):
        parser.add_argument("--profile", help="profile of the config file")
        parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="override a setting")
    match command:
        case "run":
            parser.description = "The engine without a screen, until it is interrupted."
            parser.add_argument("--script", type=Path, help="Python file whose `async def main(engine)` is run on it")
        case "record":
            parser.description = "Record the running market until it is interrupted."
            parser.add_argument("--out", type=Path, help="the file; a new one in the data folder otherwise")
            parser.add_argument("--seconds", type=float, help="stop after this long")
        case "kill":
            from workstation.paths import MODES

            parser.description = (
                "Halts the desk, pulls every working order and, with --flatten, closes every position: through the "
                "running desk, round its event loop if that is blocked, or by itself if no desk runs. Exit codes: 0 "
                "the venues have confirmed it; 1 it failed; 3 halted, but not everything is confirmed yet; 4 a desk "
                "hangs: the request waits beside its store."
            )
            parser.add_argument("--flatten", action="store_true", help="close every position too")
            parser.add_argument("--mode", choices=MODES, help="whose desk; that of the settings otherwise")
            parser.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="for the confirmation; 30")
            parser.add_argument("--json", action="store_true", help="one JSON list of what came of it, at the end")
        case "export":
            from workstation.paths import MODES
            from workstation.store.export import TABLES, Format

            parser.description = "Write a table of the store; works beside a running desk."
            parser.add_argument("table", choices=list(TABLES))
            parser.add_argument("--format", choices=list(Format), default="csv", help="csv, if it is not said")
            parser.add_argument("--out", type=Path, help="the file; standard output otherwise")
            parser.add_argument("--mode", choices=MODES, help="whose store; that of the settings otherwise")
            parser.add_argument("--store", type=Path, help="a store's file in place of that of the mode")
        case "backtest":
            from workstation.research.command_line import add_arguments

            add_arguments(parser)
        case "sweep":
            from workstation.research.sweep_command import add_arguments as add_sweep_arguments

            add_sweep_arguments(parser)
        case "search":
            from workstation.research.search_command import add_arguments as add_search_arguments

            add_search_arguments(parser)
        case "data":
            from workstation.history.command_line import add_arguments as add_data_arguments

            add_data_arguments(parser)
        case "keys":
            from workstation.vault.command_line import add_arguments as add_key_arguments

            add_key_arguments(parser)
        case "notify":
            from workstation.notify.command_line import add_arguments as add_notify_arguments

            add_notify_arguments(parser)
        case "risk":
            from workstation.portfolio.risk_command import add_arguments as add_risk_arguments

            add_risk_arguments(parser)
        case "allocate":
            from workstation.portfolio.command_line import add_arguments as add_allocate_arguments

            add_allocate_arguments(parser)
        case "plugins":
            parser.description = "The panes that are installed, and where from."
            parser.add_argument("--json", action="store_true", help="one JSON list, alone on standard output")
        case "doctor":
            parser.description = "What is wrong here, and how to mend it."
            parser.add_argument("--venue", metavar="NAME", help="only: what a venue can do, and whether it answers")
    return parser


def _settings(options: argparse.Namespace) -> tuple[Settings, Paths]:
    from workstation.settings_file import load

    paths, overrides = _overrides(options)
    return load(paths.config_file, profile=options.profile, overrides=overrides), paths


def _overrides(options: argparse.Namespace) -> tuple[Paths, dict[str, object]]:
    """The user's folders, and what the command line says of the settings."""
    from workstation.paths import Paths
    from workstation.settings import SettingsError

    paths = Paths.of()
    overrides: dict[str, object] = {}
    for entry in options.set:
        name, equals, value = entry.partition("=")
        if not equals:
            raise SettingsError(f"--set wants SETTING=VALUE, not {entry!r}.")
        overrides[name.strip()] = value.strip()
    return paths, overrides


def _engine(options: argparse.Namespace) -> tuple[Engine, Paths]:
    settings, paths = _settings(options)
    engine = _bare_engine(options, settings, paths)
    if paths.vault.exists():
        from workstation.notify.assembly import notifier_of

        engine.notifier = notifier_of(
            settings,
            paths,
            mode=engine.mode,
            account=engine.account_name,
            order_of=engine.core.orders.orders.get,
            instrument_of=engine.core.instruments.get,
            clock=engine.clock,
            log=engine.log,
        )
    return engine, paths


def _bare_engine(options: argparse.Namespace, settings: Settings, paths: Paths) -> Engine:
    from workstation.assembly import demo_desk, replay_desk
    from workstation.settings import SettingsError

    if options.replay:
        if not 0.1 <= options.speed <= 100:
            raise SettingsError(f"--speed must be between 0.1 and 100, not {options.speed:g}.")
        return replay_desk(settings, paths, options.replay, options.speed, options.loop)
    if settings.mode in ("paper", "live"):
        from workstation import real_desks

        make = real_desks.live_desk if settings.mode == "live" else real_desks.paper_desk
        return make(settings, paths, _profile(options))
    if settings.mode != "demo":
        raise SettingsError("A replay desk is opened with tws --replay PATH.")
    return demo_desk(settings, paths)


def _profile(options: argparse.Namespace) -> str | None:
    import os

    return options.profile or os.environ.get("TWS_PROFILE") or None


def _desk(options: argparse.Namespace) -> int:
    import gc
    import importlib
    import os

    from workstation.settings import SettingsError

    if not (os.isatty(0) and os.isatty(2)):  # where keys come from, and where it is painted
        raise SettingsError("The desk needs a terminal; tws run is the engine without a screen.")
    gc.disable()  # nothing is thrown away before the first frame; the shell switches it on again
    from workstation.settings_book import SettingsBook

    engine, paths = _engine(options)
    book = SettingsBook(paths.config_file, profile=options.profile, overrides=_overrides(options)[1])
    return int(importlib.import_module("screens.app").run_desk(engine, paths, book))


def _headless(options: argparse.Namespace) -> int:
    import asyncio

    from workstation.headless import run_engine, run_script

    engine, _ = _engine(options)
    if options.script is not None:
        return asyncio.run(run_script(engine, options.script))
    return asyncio.run(run_engine(engine))


def _record(options: argparse.Namespace) -> int:
    import asyncio

    from workstation.headless import run_recorder

    engine, paths = _engine(options)
    return asyncio.run(run_recorder(engine, options.out or paths.recordings, options.seconds))


def _kill(options: argparse.Namespace) -> int:
    import msgspec

    from workstation.outside import OutsideKill, stores_of
    from workstation.outside_report import exit_code
    from workstation.paths import Paths
    from workstation.settings import Settings, SettingsError

    try:
        settings, paths = _settings(options)
    except SettingsError as error:  # no mistake in a file may keep the kill switch from working
        print(f"tws: {error} The kill goes on with the settings that come with tws.", file=sys.stderr)
        settings, paths = Settings(), Paths.of()
    mode, profile = options.mode or settings.mode, _profile(options)

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr if options.json else sys.stdout, flush=True)

    reports = [
        OutsideKill(
            settings, paths, mode, store, flatten=options.flatten, wait=options.wait, say=say, profile=profile
        ).run()
        for store in stores_of(mode, paths, profile)
    ]
    if options.json:
        print(msgspec.json.encode(reports).decode())
    elif not reports:
        print(f"No {mode} desk runs.")
    for report in () if options.json else reports:
        print(report.text)
    return exit_code(reports)


def _export(options: argparse.Namespace) -> int:
    from workstation.store.export import export, export_file

    settings, paths = _settings(options)
    store = options.store or paths.store(options.mode or settings.mode, _profile(options))
    if options.out is None:
        export(store, options.table, options.format, sys.stdout.buffer)
    else:
        export_file(store, options.table, options.format, options.out)
    return 0


def _backtest(options: argparse.Namespace) -> int:
    from workstation.paths import Paths
    from workstation.research.command_line import backtest

    return backtest(options, Paths.of().strategies, sys.stdout.write)


def _sweep(options: argparse.Namespace) -> int:
    from workstation.paths import Paths
    from workstation.research.sweep_command import sweep

    return sweep(options, Paths.of().strategies, sys.stdout.write)


def _search(options: argparse.Namespace) -> int:
    from workstation.paths import Paths
    from workstation.research.search_command import search

    return search(options, Paths.of(), sys.stdout.write)


def _data(options: argparse.Namespace) -> int:
    from workstation.history.command_line import data
    from workstation.paths import Paths

    return data(options, Paths.of().candles, sys.stdout.write)


def _keys(options: argparse.Namespace) -> int:
    from workstation.paths import Paths
    from workstation.vault.command_line import keys

    return keys(options, Paths.of(), sys.stdout.write)


def _notify(options: argparse.Namespace) -> int:
    from workstation.notify.command_line import notify
    from workstation.paths import Paths

    return notify(options, Paths.of(), sys.stdout.write)


def _risk(options: argparse.Namespace) -> int:
    from workstation.portfolio.risk_command import risk

    return risk(options, sys.stdout.write)


def _allocate(options: argparse.Namespace) -> int:
    from workstation.portfolio.command_line import run

    return run(options, sys.stdout.write)


def _plugins(options: argparse.Namespace) -> int:
    import importlib
    import json

    from workstation.paths import Paths

    panes = importlib.import_module("screens.plugins").list_plugins(Paths.of().plugins)
    if options.json:
        rows = [{"name": p.name, "title": p.title, "source": p.source, "error": p.error} for p in panes]
        print(json.dumps(rows, indent=2))
        return 0
    width = max((len(p.name) for p in panes), default=0)
    for pane in panes:
        state = f"cannot be used: {pane.error}" if pane.error else pane.title
        print(f"{pane.name.ljust(width)}  {state}  [{pane.source}]")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    settings, paths = _settings(options)
    if options.venue:
        from workstation.venue_doctor import examine_venue

        findings = examine_venue(options.venue, settings, paths)
    else:
        from workstation.doctor import examine
        from workstation.venue_doctor import examine_links

        findings = [*examine(settings, paths), *examine_links(settings)]
    for finding in findings:
        print(f"{'ok ' if finding.ok else 'BAD'}  {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
