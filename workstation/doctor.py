"""`tws doctor`: what is wrong on this machine, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.trading.limits import RiskLimits


class Finding(msgspec.Struct, frozen=True):
    ok: bool
    text: str


def examine(settings: Settings, paths: Paths) -> list[Finding]:
    """Look at the interpreter, folders, disk, stores, terminal and panes; one finding each."""
    findings = [Finding(True, f"Python {sys.version.split()[0]}, settings of {paths.config_file} can be read")]
    findings += [_folder(folder) for folder in dict.fromkeys((paths.config, paths.data, paths.state))]
    free = shutil.disk_usage(_existing(paths.data)).free
    enough = free > 200_000_000
    words = f"{free / 1e9:.1f} GB are free where the stores live"
    findings.append(Finding(enough, words if enough else f"only {words}: a full disk halts the desk"))
    findings += _store(paths.store(settings.mode), settings.mode, settings.risk)
    findings += _stalls(paths.store(settings.mode), paths.state)
    findings += _settings(settings, paths) + _profiles(paths)
    findings.append(_terminal())
    findings += _panes(paths)
    return findings


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _folder(folder: Path) -> Finding:
    usable = os.access(_existing(folder), os.W_OK)
    return Finding(
        usable, f"{folder} {'can be written' if usable else 'cannot be written: check its owner and rights'}"
    )


def _store(path: Path, mode: str, risk: RiskLimits) -> list[Finding]:
    """Whether the store is whole; and limits that were set on the desk and count for less beside those of the file."""
    from workstation.domain.events import LimitsChanged
    from workstation.store.errors import StoreError
    from workstation.store.store import Store
    from workstation.trading.limits_book import LimitsBook

    if not path.exists():
        return [Finding(True, f"there is no {mode} store yet; it is made at the first start")]
    try:
        store = Store.open(path, mode, clock_now=lambda: 0)
    except StoreError as error:
        return [Finding("another desk" in str(error) or "open in" in str(error), str(error))]
    book, count = LimitsBook(risk), 0
    by_file = book.lowered()
    try:
        for event in store.journal():
            count += 1
            if isinstance(event, LimitsChanged):
                book.apply(event)
    except StoreError as error:
        return [Finding(False, str(error))]
    finally:
        store.close()
    lowered = [one for one in book.lowered() if one not in by_file]
    return [
        Finding(True, f"the {mode} store {path} is whole: {count} events"),
        *(Finding(False, f"as it was set on the desk, {one}") for one in lowered),
    ]


def _stalls(store: Path, state: Path) -> list[Finding]:
    """Whether the desk stood still lately, by its log; works beside a running desk."""
    from workstation.store import StoreError, reader
    from workstation.watch.requests import Doors

    try:
        told = [entry for entry in reader.log(store, 20_000) if entry.source == "stall"] if store.exists() else []
    except StoreError:
        return []  # the finding about the store says what is wrong with it
    ended = [entry.message for entry in told if entry.message.startswith("The desk stood still")]
    if not ended:
        return [Finding(True, "the desk has not stood still, as far as its log goes back")]
    times = "once" if len(ended) == 1 else f"{len(ended)} times"
    where = Doors.of(store, state).stall_log
    return [Finding(True, f"the desk stood still {times}; at last: {ended[-1]} {where} shows what it was doing")]


def _settings(settings: Settings, paths: Paths) -> list[Finding]:
    """What the settings ask for and the desk will not have: each is valid by itself, and found wrong only at the
    start."""
    import importlib

    from workstation.notify.messages import template_problem
    from workstation.real_desks import opened_venues
    from workstation.trading.limits_order import clamped, lowered_text
    from workstation.venues.contract import VenueError

    problems: list[str] = importlib.import_module("screens.desk_table").problems_of(
        settings, paths.config, paths.plugins
    )
    for topic, template in settings.notify.templates.items():
        if problem := template_problem(topic, template):
            problems.append(f"notify.templates.{topic} {problem}.")
    problems += [lowered_text(settings.risk, pair, "risk.") for pair in clamped(settings.risk)[1].values()]
    if settings.mode in ("paper", "live"):
        try:
            opened_venues(settings)
        except (SettingsError, VenueError) as error:
            problems.append(str(error))
    return [Finding(False, f"{paths.config_file}: {problem}") for problem in problems]


def _profiles(paths: Paths) -> list[Finding]:
    """Profiles of the file that could not be opened; the one that is opened is among the settings."""
    import tomllib

    from workstation.settings_file import load
    from workstation.trading.limits_order import clamped, lowered_text

    try:
        names = tomllib.loads(paths.config_file.read_text(encoding="utf-8")).get("profiles", {})
    except FileNotFoundError:
        return []
    findings = []
    for name in names:
        try:
            risk = load(paths.config_file, profile=name).risk
        except SettingsError as error:
            findings.append(Finding(False, str(error)))
            continue
        lowered = clamped(risk)[1].values()
        findings += [
            Finding(False, f"{paths.config_file}, profile {name}: {lowered_text(risk, pair, 'risk.')}")
            for pair in lowered
        ]
    return findings


def _terminal() -> Finding:
    if not sys.stdout.isatty():
        return Finding(True, "standard output is no terminal: the desk itself needs one")
    columns, rows = shutil.get_terminal_size()
    good = columns >= 80 and rows >= 24
    return Finding(good, f"the terminal is {columns}×{rows}{'' if good else ': the desk wants at least 80×24'}")


def _panes(paths: Paths) -> list[Finding]:
    import importlib

    panes = importlib.import_module("screens.plugins").list_plugins(paths.plugins)
    broken = [Finding(False, f"pane {pane.name} of {pane.source}: {pane.error}") for pane in panes if pane.error]
    return [Finding(True, f"{len(panes) - len(broken)} panes can be used"), *broken]
