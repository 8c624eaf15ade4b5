"""A strategy that runs on the desk, as the journal keeps it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.rule_words import changes_text
from workstation.domain.trade_rules import UNCHANGED, TradeRules

#: Names a run for ever, and is the origin of its orders: "sma_cross@NOVA:BTC-USDT".
type RunId = str


def is_run(origin: str) -> bool:
    """Whether orders of that origin are a run's."""
    return "@" in origin


class RunState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"  # by the trader: its orders are pulled, it hears nothing until it is resumed
    STOPPED = "stopped"
    FAILED = "failed"  # stopped because it raised or took too long


class StrategyRun(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy on one instrument, or on more: `further` has those by the names under which the strategy declares
    them. `interval`: its bars, in ns; `capital`: allocated, in the account currency.

    `strategy` is a name of the library or a file. `rules`: sizes, exits and protections in place of the strategy's own
    (the journal calls them exits, which they were at first). `restarts`: comes back by itself when the desk is opened
    again.
    """

    run_id: RunId
    strategy: str
    instrument: InstrumentId
    interval: int
    params: dict[str, Any]
    capital: Decimal
    rules: TradeRules = msgspec.field(default=UNCHANGED, name="exits")
    restarts: bool = False
    state: RunState = RunState.RUNNING
    since: int = 0  # UTC ns of the last change of its state
    reason: str = ""
    further: dict[str, InstrumentId] = {}

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All that it was started on, the first one first."""
        return (self.instrument, *self.further.values())

    @property
    def active(self) -> bool:
        """Whether it has not ended: it runs, or is paused."""
        return self.state in (RunState.RUNNING, RunState.PAUSED)

    def changes_to(self, after: StrategyRun) -> str:
        """What is new in `after` beside its state: "fast 10 → 12, stop off → 2 %, capital 5,000"; "" for nothing."""
        names = [*self.params, *(name for name in after.params if name not in self.params)]
        words = [
            f"{name} {self.params.get(name, '–')} → {after.params.get(name, '–')}"
            for name in names
            if self.params.get(name) != after.params.get(name)
        ]
        words += changes_text(self.rules, after.rules)
        if self.capital != after.capital:
            words.append(f"capital {self.capital:,f} → {after.capital:,f}")
        if self.restarts != after.restarts:
            words.append("starts again with the desk" if after.restarts else "stays stopped after a restart")
        return ", ".join(words)


class RunDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A run that the trader may start: what stands in the form. None is left to him."""

    strategy: str
    instrument: InstrumentId | None = None
    interval: int | None = None  # ns
    params: dict[str, Any] = {}
    capital: Decimal | None = None
    rules: TradeRules = UNCHANGED
    further: dict[str, InstrumentId] = {}


class Signal(msgspec.Struct, frozen=True):
    """What a strategy decided on the close of the bar that opened at `ts` (UTC ns): `code` has a bit for each, 1 long
    entry, 2 long exit, 4 short entry, 8 short exit."""

    ts: int
    close: float
    code: int

    @property
    def words(self) -> str:
        names = ("enter long", "leave long", "enter short", "leave short")
        return ", ".join(name for bit, name in enumerate(names) if self.code >> bit & 1) or "none"
