"""Strategies for the desk, made by name or file with their parameters and rules, and changed while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.domain.bar import Bar
from workstation.domain.instrument import InstrumentId
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.domain.trade_rules import UNCHANGED, RulesChange, TradeRules
from workstation.strategies.parameters import ParameterError
from workstation.trading.errors import Refused

if TYPE_CHECKING:  # numpy and the library are loaded with the first strategy, not with the desk
    from workstation.strategies.contract import Strategy


@dataclass(frozen=True, slots=True)
class Made:
    """A strategy, and the rules that were put on it."""

    strategy: Strategy
    rules: TradeRules


def run_id_of(strategy: str, instrument: InstrumentId) -> RunId:
    """What the run of a strategy (a name of the library, or a file) on an instrument is called."""
    name = Path(strategy.partition(".py:")[0]).stem if ".py" in strategy else strategy
    return f"{name}@{instrument}"


async def make(name: str, folder: Path | None, params: Mapping[str, Any], rules: TradeRules) -> Strategy:
    """The strategy, its code loaded in a thread. Raises `Refused`."""
    return (await asyncio.to_thread(_load, name, folder, params, RulesChange(rules, whole=True), UNCHANGED)).strategy


async def make_changed(
    run: StrategyRun, folder: Path | None, params: Mapping[str, Any], rules: RulesChange | None
) -> Made:
    """The run's strategy with other parameters and rules. Raises `Refused`."""
    change = RulesChange() if rules is None else rules
    return await asyncio.to_thread(_load, run.strategy, folder, {**run.params, **params}, change, run.rules)


def take_over(running: Strategy, made: Strategy, history: Sequence[Bar]) -> None:
    """Let a running strategy go on as `made` is: with its parameters and, one of signals, its rules. `history`: the
    desk's closed bars."""
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.signal_live import SignalLive

    if isinstance(running, SignalLive) and isinstance(made, SignalStrategy):
        running.revise(made, history)
        return
    for name, value in made.params.items():
        setattr(running, name, value)


def _load(name: str, folder: Path | None, params: Mapping[str, Any], change: RulesChange, before: TradeRules) -> Made:
    """Not for the loop: a strategy's file may do anything, and what signals need takes a second to load."""
    from workstation.strategies.contract import SignalStrategy, StrategyError
    from workstation.strategies.library import find_strategy
    from workstation.strategies.trade_rules import own_rules, put_on

    try:
        info = find_strategy(name, folder)
        if info.native or info.cls is None:
            raise Refused(f"{info.name} was written for backtesting.py: it runs in backtests only.")
        made: Strategy = info.cls(**params)
    except (StrategyError, ParameterError) as error:
        raise Refused(str(error)) from error
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"{name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, SignalStrategy):
        if change.said.given or change.own:
            raise Refused(f"{info.name} lives on events: it has sizes, exits and protections of its own.")
        return Made(made, UNCHANGED)
    if made.NEEDS_PEER:
        raise Refused(f"{info.name} needs the candles of a second instrument: it runs in backtests only.")
    rules = change.of(before, own_rules(made))
    try:
        put_on(rules, made)
    except ParameterError as error:
        raise Refused(str(error)) from None
    import workstation.strategies.signal_live  # noqa: F401

    return Made(made, rules)
