"""Strategies for the desk, made by name or file with their parameters and rules, and changed while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workstation.domain.bar import Bar
from workstation.domain.instrument import InstrumentId
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.domain.trade_rules import UNCHANGED, RulesChange, TradeRules
from workstation.strategies.parameters import ParameterError
from workstation.trading.errors import Refused

if TYPE_CHECKING:  # numpy and the library are loaded with the first strategy, not with the desk
    from workstation.strategies.contract import Strategy


class Made(msgspec.Struct, frozen=True):
    """A strategy, and the rules that were put on it."""

    strategy: Strategy
    rules: TradeRules


def run_id_of(strategy: str, instrument: InstrumentId, further: Mapping[str, InstrumentId] | None = None) -> RunId:
    """What the run of a strategy (a name of the library, or a file) on instruments is called; further ones of the first
    one's venue by their symbols: pairs@NOVA:BTC-USDT+ETH-USDT."""
    name = Path(strategy.partition(".py:")[0]).stem if ".py" in strategy else strategy
    venue = f"{instrument.partition(':')[0]}:"
    return f"{name}@{instrument}" + "".join(f"+{one.removeprefix(venue)}" for one in (further or {}).values())


def check_further(
    strategy: str, cls: type[Strategy], instrument: InstrumentId, further: Mapping[str, InstrumentId]
) -> None:
    """Raises `Refused` where these are not the further instruments that the strategy declares."""
    from workstation.strategies.contract import further_of

    wanted = further_of(cls)
    for name in further:
        if name not in wanted:
            has = f"beside the first it has {', '.join(wanted)}" if wanted else "it trades one instrument"
            raise Refused(f"{strategy} has no instrument called {name}: {has}.")
    for name in wanted:
        if not further.get(name):
            what = "a second instrument" if len(wanted) == 1 else "a further instrument"
            raise Refused(f"{strategy} needs {what}: choose its {name} too ({name}=SYMBOL on the command line).")
    if len({instrument, *further.values()}) <= len(further):
        raise Refused(f"{strategy} needs instruments that differ: {instrument} is there twice.")


async def make(name: str, folder: Path | None, params: Mapping[str, Any], rules: TradeRules) -> Strategy:
    """The strategy, its code loaded in a thread. Raises `Refused`."""
    return (await asyncio.to_thread(_load, name, folder, params, RulesChange(rules, whole=True), UNCHANGED)).strategy


async def make_changed(
    run: StrategyRun, folder: Path | None, params: Mapping[str, Any], rules: RulesChange | None
) -> Made:
    """The run's strategy with other parameters and rules. Raises `Refused`."""
    change = RulesChange() if rules is None else rules
    return await asyncio.to_thread(_load, run.strategy, folder, {**run.params, **params}, change, run.rules)


def take_over(running: Strategy, made: Strategy, history: Sequence[Bar], *further: Sequence[Bar]) -> None:
    """Let a running strategy go on as `made` is: with its parameters and, one of signals, its rules. `history`: the
    desk's closed bars, `further` those of further instruments."""
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.signal_live import SignalLive

    if isinstance(running, SignalLive) and isinstance(made, SignalStrategy):
        running.revise(made, history, *further)
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
    rules = change.of(before, own_rules(made))
    try:
        put_on(rules, made)
    except ParameterError as error:
        raise Refused(str(error)) from None
    import workstation.strategies.pair_live  # noqa: F401

    return Made(made, rules)
