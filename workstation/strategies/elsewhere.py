"""Runs of strategies on the other desks of this machine: one moves from demo to paper, and on to live, by being taken
from there into the form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from workstation.domain.events import StrategyRunChanged
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.store import StoreError, reader

#: Desks in the order in which a strategy moves through them.
_MODES = ("demo", "paper", "live")


class OtherRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as another desk has it: `desk` is "demo", "paper main", "live main"."""

    desk: str
    run: StrategyRun


def runs_elsewhere(own: Path) -> list[OtherRun]:
    """The runs in the stores beside a desk's own, desk by desk, the newest first. It reads the disk: call it off the
    loop. A file that cannot be read is left out: the desk that it belongs to says what is wrong with it."""
    found: list[OtherRun] = []
    for mode in _MODES:
        for path in sorted(own.parent.glob(f"{mode}*.sqlite")):
            name = path.stem.removeprefix(mode)
            if path.name == own.name or ".ledger" in path.name or (name and not name.startswith("-")):
                continue
            try:
                runs = _last_runs(path)
            except StoreError:
                continue
            desk = f"{mode} {name[1:]}".rstrip()
            newest = sorted(runs.values(), key=lambda run: -run.since)
            found += [OtherRun(desk=desk, run=run) for run in newest]
    return found


def _last_runs(path: Path) -> dict[RunId, StrategyRun]:
    runs: dict[RunId, StrategyRun] = {}
    for event in reader.of_kind(path, "strategy_run"):
        if isinstance(event, StrategyRunChanged):
            runs[event.run.run_id] = event.run
    return runs


def counterpart(instrument: InstrumentId, here: Iterable[Instrument]) -> InstrumentId | None:
    """The instrument of this desk that the one of another stands for: of the same name, at the same venue first."""
    venue, _, symbol = instrument.partition(":")
    same = sorted((one for one in here if one.symbol == symbol), key=lambda one: (one.venue != venue, one.id))
    return same[0].id if same else None
