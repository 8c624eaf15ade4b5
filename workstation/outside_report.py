"""What came of `tws kill`, in words for the trader and in codes for the scripts that call it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec


class Outcome(StrEnum):
    DONE = "done"  # the venues themselves have confirmed it
    HALTED = "halted"  # no order leaves the desk, but not everything is confirmed yet
    LEFT = "left"  # a desk hangs: the durable request is all that could be done
    FAILED = "failed"


#: Exit codes of `tws kill`; 2 is wrong usage.
EXIT_CODES = {Outcome.DONE: 0, Outcome.FAILED: 1, Outcome.HALTED: 3, Outcome.LEFT: 4}
_WORST = (Outcome.FAILED, Outcome.LEFT, Outcome.HALTED, Outcome.DONE)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one kill. `pid` is the desk's process, where one runs."""

    outcome: Outcome
    text: str
    store: str
    kill_id: str
    pid: int | None = None
    receipt: str = ""


def exit_code(reports: list[Report]) -> int:
    outcomes = {report.outcome for report in reports}
    return next((EXIT_CODES[outcome] for outcome in _WORST if outcome in outcomes), 0)


def stopped(pid: int) -> str:
    """Whether the process is stopped, where the system tells."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
    return ": it is stopped (`kill -CONT` lets it go on)" if state in "Tt" else ""
