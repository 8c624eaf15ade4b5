"""What a typed line can ask of a strategy, as values, and the same in words."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.clock import span
from workstation.domain.instrument import InstrumentId
from workstation.domain.strategy_run import RunId


class StartStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """Start a strategy on closed bars of `interval` ns; the parameters as they were typed."""

    strategy: str
    instrument: InstrumentId
    capital: Decimal
    interval: int
    params: dict[str, str] = {}
    restarts: bool = False


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
    """Other parameters (as typed) or capital of a run."""

    run_id: RunId
    params: dict[str, str] = {}
    capital: Decimal | None = None


type StrategyCommand = StartStrategy | EndStrategy | ResumeStrategy | CloseStrategy | ChangeStrategy


def strategy_text(command: StrategyCommand, currency: str) -> str:
    """What Enter will do."""
    match command:
        case StartStrategy():
            params = "".join(f" {name}={value}" for name, value in command.params.items())
            after = " It starts again with the desk." if command.restarts else ""
            money = f"{command.capital:,f} {currency}"
            bars = span(command.interval)
            return f"Start {command.strategy}{params} on {command.instrument} with {money}, on bars of {bars}.{after}"
        case EndStrategy(run_id=run_id, pause=pause):
            return f"{'Pause' if pause else 'Stop'} {run_id}: its orders are pulled, what it holds stays."
        case ResumeStrategy(run_id=run_id):
            return f"Let {run_id} go on where it was paused."
        case CloseStrategy(run_id=run_id):
            return f"Stop {run_id} and close what it holds at the market."
        case ChangeStrategy(run_id=run_id, params=params, capital=capital):
            words = [f"{name}={value}" for name, value in params.items()]
            words += [] if capital is None else [f"a capital of {capital:,f} {currency}"]
            return f"Let {run_id} go on with {', '.join(words)}."
