"""What the kill switch shows of its work: a phase, and every order and position with its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import counted


class KillPhase(StrEnum):
    IDLE = "idle"
    CANCELLING = "cancelling"  # HALTED; working orders are being pulled
    FLATTENING = "flattening"  # positions are being closed
    DONE = "done"  # the venues show what was asked for


class KillOutcome(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # refused or unanswered so far; it is tried again unless `detail` says that it cannot be done


@dataclass(slots=True)
class KillItem:
    """One order or position that the kill switch works on."""

    kind: str  # "order", "position", or "closing order": one of the kill's own that had to be followed
    label: str  # "BUY 0.5 @ 64,200", "LONG 1.25"
    instrument: InstrumentId
    state: KillOutcome = KillOutcome.PENDING
    detail: str = ""  # the venue's last words
    attempts: int = 0
    rest: str = ""  # what is left of a position that is closed all the same, and why: too little for the venue


@dataclass(slots=True)
class KillStatus:
    """What the kill switch has done so far; times are UTC ns."""

    phase: KillPhase = KillPhase.IDLE
    flatten: bool = False
    items: list[KillItem] = field(default_factory=list)
    reason: str = ""
    started: int = 0
    finished: int | None = None
    receipt: str = ""
    venues: dict[str, str] = field(default_factory=dict)  # venue → what it last showed, or why it cannot be asked
    version: int = 0
    stopped: bool = False  # a venue of the desk itself has stopped: the next start of the desk goes on

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that it acts on."""
        return tuple(self.venues)


def receipt_of(status: KillStatus, notes: Sequence[str]) -> str:
    """A kill that is done, in words: what is gone, what the venues showed, what could not be done, and `notes`."""
    took = ((status.finished or 0) - status.started) / SECOND
    orders = [item for item in status.items if item.kind == "order" and item.state is not KillOutcome.FAILED]
    closed = [item for item in status.items if item.kind == "position" and item.state is KillOutcome.DONE]
    left = [item for item in status.items if item.state is not KillOutcome.DONE or item.rest]
    parts = [f"Halted after {status.reason}: {counted(len(orders), 'working order')} gone"]
    if status.flatten:
        parts.append(f"{counted(len(closed), 'position')} closed")
    parts += [f"{venue} {words}" for venue, words in status.venues.items()]
    parts += [f"{item.instrument} {item.label}: {item.detail or 'no answer'}" for item in left]
    parts += notes
    when = datetime.fromtimestamp((status.finished or 0) // SECOND, UTC)
    return f"{'; '.join(parts)}. Seen {when:%Y-%m-%d %H:%M:%S} UTC, {took:.1f} s after the press."
