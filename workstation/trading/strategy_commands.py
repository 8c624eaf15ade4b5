"""What a typed line can ask of a strategy, as values, and the same in words."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.clock import span
from workstation.domain.instrument import InstrumentId
from workstation.domain.rule_words import rules_text
from workstation.domain.strategy_run import RunId
from workstation.domain.trade_rules import UNCHANGED, TradeRules


class StartStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """Start a strategy on closed bars of `interval` ns; the parameters as they were typed. `further` instruments by
    the names that the strategy has for them."""

    strategy: str
    instrument: InstrumentId
    capital: Decimal
    interval: int
    params: dict[str, str] = {}
    rules: TradeRules = UNCHANGED
    restarts: bool = False
    further: dict[str, InstrumentId] = {}


class EndStrategy(msgspec.Struct, frozen=True):
    """Stop or pause a run: its orders are pulled, what it holds stays."""

    run_id: RunId
    pause: bool = False


class ResumeStrategy(msgspec.Struct, frozen=True):
    run_id: RunId


class CloseStrategy(msgspec.Struct, frozen=True):
    """Stop a run and close what it holds at the market."""

    run_id: RunId


class ChangeStrategy(msgspec.Struct, frozen=True):
    """Other parameters (as typed), rules or capital of a run; the rules in `own` are the strategy's own again."""

    run_id: RunId
    params: dict[str, str] = {}
    capital: Decimal | None = None
    rules: TradeRules = UNCHANGED
    own: tuple[str, ...] = ()

    def words(self, currency: str) -> str:
        """What it goes on with."""
        words = [f"{name}={value}" for name, value in self.params.items()]
        words += [rules_text(self.rules)] if self.rules.given else []
        words += [f"its own {name.replace('_', ' ')}" for name in self.own]
        words += [] if self.capital is None else [f"a capital of {self.capital:,f} {currency}".rstrip()]
        return ", ".join(words)


type StrategyCommand = StartStrategy | EndStrategy | ResumeStrategy | CloseStrategy | ChangeStrategy


def strategy_text(command: StrategyCommand, currency: str) -> str:
    """What Enter will do."""
    match command:
        case StartStrategy():
            params = "".join(f" {name}={value}" for name, value in command.params.items())
            after = " It starts again with the desk." if command.restarts else ""
            money = f"{command.capital:,f} {currency}"
            bars = span(command.interval)
            rules = f"; {said}" if (said := rules_text(command.rules)) else ""
            more = "".join(f" and {one} ({name})" for name, one in command.further.items())
            where = f"on {command.instrument}{more} with {money}, on bars of {bars}"
            return f"Start {command.strategy}{params} {where}{rules}.{after}"
        case EndStrategy(run_id=run_id, pause=pause):
            return f"{'Pause' if pause else 'Stop'} {run_id}: its orders are pulled, what it holds stays."
        case ResumeStrategy(run_id=run_id):
            return f"Let {run_id} go on where it was paused."
        case CloseStrategy(run_id=run_id):
            return f"Stop {run_id} and close what it holds at the market."
        case ChangeStrategy(run_id=run_id):
            return f"Let {run_id} go on with {command.words(currency)}."
