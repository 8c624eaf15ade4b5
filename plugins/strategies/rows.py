"""The list of the page: runs of strategies, active ones first, then what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from workstation.domain.strategy_run import RunState
from workstation.research.bench.messages import StrategyChoice
from workstation.strategies.run_book import RunView


class Heading(msgspec.Struct, frozen=True):
    text: str


class RunRow(msgspec.Struct, frozen=True):
    view: RunView


class Installed(msgspec.Struct, frozen=True):
    choice: StrategyChoice


type Row = Heading | RunRow | Installed

#: What is looked at first.
_RANK = {RunState.RUNNING: 0, RunState.PAUSED: 1, RunState.FAILED: 2, RunState.STOPPED: 3}


def rows_of(runs: Sequence[RunView], choices: Sequence[StrategyChoice] | None, problem: str = "") -> list[Row]:
    """Everything in order; `choices` None while they are being read, `problem` why they could not be."""
    ordered = sorted(runs, key=lambda view: (_RANK[view.run.state], -view.run.since))
    rows: list[Row] = [Heading("Runs")]
    rows += [RunRow(view) for view in ordered]
    if not runs:
        rows.append(Heading("  None yet: choose a strategy below, Enter fills its form, S starts it."))
    rows.append(Heading("Installed"))
    if choices is None:
        rows.append(Heading(f"  {problem or 'Being read …'}"))
        return rows
    broken = [one for one in choices if one.error is not None]
    usable = [one for one in choices if one.error is None]
    return rows + [Installed(one) for one in (*broken, *usable)]


def source_of(choice: StrategyChoice) -> str:
    """Where it comes from, in two words: built-in, a package's entry point, a file that was dropped in."""
    if choice.source.endswith(".py"):
        return "drop-in file"
    package = choice.source.partition(" ")[0]
    return "built-in" if package == "tws" else f"from {package}"


def where_of(choice: StrategyChoice) -> str:
    """The file, or package and class, whole."""
    return choice.source.replace(str(Path.home()), "~", 1)


def kind_of(choice: StrategyChoice) -> str:
    """What it can do."""
    if choice.error is not None:
        return "broken"
    if choice.native:
        return "backtest only"
    return "signals" if choice.sweeps else "events"
