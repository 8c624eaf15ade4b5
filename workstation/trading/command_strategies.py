"""The command line's words about strategies: strategy start sma_cross BTC-USDT 5000 fast=10 5m.

    strategy start NAME [INSTRUMENT] CAPITAL [BARS] [PARAMETER=VALUE …] [peer=INSTRUMENT] [RULES] [restart]
    strategy stop|pause|resume|close RUN · strategy set RUN [PARAMETER=VALUE …] [RULES] · strategy capital RUN 5000

RULES are sizes, exits and protections in place of the strategy's own: exit stop=2% size risk=1% protect cooldown=5
(see `command_rules`).

A RUN is its whole name (sma_cross@NOVA:BTC-USDT) or the strategy's where it runs on one instrument only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from workstation.clock import MINUTE, span
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import Order
from workstation.domain.rule_words import GROUPS
from workstation.domain.strategy_run import RunId, StrategyRun
from workstation.domain.trade_rules import RulesChange, TradeRules
from workstation.trading.command_orders import instrument_named, instrument_near, venues_of
from workstation.trading.command_rules import take_rules
from workstation.trading.command_words import CommandError, Token, duration, glued, number, suggestion
from workstation.trading.commands import Command, Context
from workstation.trading.strategy_commands import (
    ChangeStrategy,
    CloseStrategy,
    EndStrategy,
    ResumeStrategy,
    StartStrategy,
    StrategyCommand,
)

#: What can be asked of a strategy, and what may stand after `strategy start NAME`.
STRATEGY_WORDS = ("start", "stop", "pause", "resume", "close", "set", "capital")
_USAGE = (
    "strategy start sma_cross BTC-USDT 5000 fast=10 exit stop=2%, then strategy stop, pause, resume, close, set or "
    "capital."
)
START_WORDS = (*GROUPS, "restart")
#: What strategies of two instruments call the second one.
PEER = "peer"


class StrategyDesk(Protocol):
    """What these words need of the runner."""

    def names(self) -> Sequence[str]: ...
    async def start(
        self,
        strategy: str,
        instrument: InstrumentId,
        *,
        capital: Decimal,
        interval: int = ...,
        params: dict[str, Any] | None = None,
        rules: TradeRules = ...,
        restarts: bool = False,
        further: Mapping[str, InstrumentId] | None = None,
    ) -> StrategyRun: ...
    async def stop(self, run_id: RunId) -> StrategyRun: ...
    async def pause(self, run_id: RunId) -> StrategyRun: ...
    async def resume(self, run_id: RunId) -> StrategyRun: ...
    async def revise(
        self,
        run_id: RunId,
        *,
        params: Mapping[str, Any] | None = None,
        rules: RulesChange | None = None,
        capital: Decimal | None = None,
    ) -> StrategyRun: ...
    def close_out(self, run_id: RunId) -> Awaitable[Sequence[Order]]: ...


def parse_strategy(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """What is to be done with a strategy. Raises `CommandError`."""
    rest = glued(rest)
    if not rest:
        raise CommandError(_USAGE, end)
    what, words = rest[0], rest[1:]
    if what.text == "start":
        return _start(words, end, context)
    if what.text not in STRATEGY_WORDS:
        raise CommandError(f"{_USAGE}{suggestion(what.text, STRATEGY_WORDS)}", what.at)
    if not words:
        raise CommandError(f"Which strategy? {_named(context.strategies)}", end)
    run_id, more = _run(words[0], context), words[1:]
    if what.text == "set":
        if not more:
            raise CommandError(f"What of it? strategy set {words[0].raw} fast=10 exit stop=2%", end)
        ruled = take_rules(more, end)
        return ChangeStrategy(run_id, params=_params(ruled.rest), rules=ruled.said, own=ruled.own)
    if what.text == "capital":
        amount = number(more[0].text) if len(more) == 1 else None
        if amount is None or amount <= 0:
            raise CommandError(f"How much? strategy capital {words[0].raw} 5000", more[0].at if more else end)
        return ChangeStrategy(run_id, capital=amount)
    if more:
        raise CommandError(f"{more[0].raw} is one word too many.", more[0].at)
    if what.text == "resume":
        return ResumeStrategy(run_id)
    return CloseStrategy(run_id) if what.text == "close" else EndStrategy(run_id, pause=what.text == "pause")


def _start(words: Sequence[Token], end: int, context: Context) -> Command:
    if not words:
        raise CommandError("Which strategy? strategy start sma_cross BTC-USDT 5000 fast=10", end)
    instrument = context.instrument
    capital: Decimal | None = None
    interval, restarts, params, further = MINUTE, False, [], {}
    ruled = take_rules(words[1:], end)
    for one in ruled.rest:
        if "=" in one.raw:
            name, _, value = one.text.partition("=")
            if (named := instrument_named(value, context)) is not None:
                further[name] = named.id
            elif several := venues_of(value, context):
                raise CommandError(f"{one.raw} is listed at more than one venue: {' or '.join(several)}.", one.at)
            elif name == PEER:
                near = instrument_near(value, context, before=f"{PEER}=")
                raise CommandError(f"{value.upper()} is no instrument of this desk.{near}", one.at)
            else:
                params.append(one)
        elif one.text == "restart":
            restarts = True
        elif (named := instrument_named(one.text, context)) is not None:
            instrument = named
        elif several := venues_of(one.text, context):
            raise CommandError(f"{one.raw} is listed at more than one venue: {' or '.join(several)}.", one.at)
        elif (amount := number(one.text)) is not None and capital is None:
            capital = amount
        elif (length := duration(one.text)) is not None:
            interval = length
        else:
            what = "no instrument, capital, length of bars or parameter=value; rules follow exit, size or protect"
            raise CommandError(f"{one.raw} is {what}.", one.at)
    if instrument is None:
        raise CommandError("On which instrument? Select one, or name it.", end)
    if capital is None or capital <= 0:
        raise CommandError(f"With how much? strategy start {words[0].raw} {instrument.symbol} 5000", end)
    return StartStrategy(
        strategy=words[0].raw, instrument=instrument.id, capital=capital, interval=interval, params=_params(params),
        rules=ruled.said, restarts=restarts, further=further,
    )  # fmt: skip


def _params(words: Sequence[Token]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in words:
        name, sign, value = one.raw.partition("=")
        if not (sign and name and value):
            raise CommandError(f"{one.raw} is no parameter: write fast=10.", one.at)
        plainly = one.text.partition("=")[2]  # in the notation with a point, but in lower case
        found[name] = plainly if number(plainly.lstrip("-")) is not None else value
    return found


def _run(word: Token, context: Context) -> RunId:
    """The run of a whole name, or of a strategy's where that is one alone; active ones before ended ones."""
    for known in (context.strategies, context.ended_strategies):
        exact = [run for run in known if run.lower() == word.text]
        named = exact or [run for run in known if run.partition("@")[0].lower() == word.text]
        if len(named) > 1:
            raise CommandError(f"{word.raw} runs more than once: {' or '.join(named)}.", word.at)
        if named:
            return named[0]
    near = suggestion(word.text, [*context.strategies, *(run.partition("@")[0] for run in context.strategies)])
    raise CommandError(f"No strategy {word.raw} runs.{near} {_named(context.strategies)}".rstrip(), word.at)


def _named(runs: Sequence[RunId]) -> str:
    return f"There is {', '.join(runs)}." if runs else "None runs."


async def perform_strategy(command: StrategyCommand, desk: StrategyDesk) -> str:
    """Do it; what came of it as a sentence. Raises `Refused`."""
    match command:
        case StartStrategy():
            run = await desk.start(
                command.strategy, command.instrument, capital=command.capital, interval=command.interval,
                params=dict(command.params), rules=command.rules, restarts=command.restarts, further=command.further,
            )  # fmt: skip
            return f"{run.run_id} runs on bars of {span(run.interval)}."
        case EndStrategy(run_id=run_id, pause=pause):
            run = await (desk.pause(run_id) if pause else desk.stop(run_id))
            return f"{run_id} is {run.state}: its orders are pulled, what it holds stays."
        case ResumeStrategy(run_id=run_id):
            await desk.resume(run_id)
            return f"{run_id} runs again."
        case CloseStrategy(run_id=run_id):
            orders = await desk.close_out(run_id)
            held = ", its position is being closed" if len(orders) == 1 else ", all that it held is being closed"
            return f"{run_id} is stopped{held if orders else ' and held nothing'}."
        case ChangeStrategy(run_id=run_id, capital=capital, params=params, rules=rules, own=own):
            change = RulesChange(rules, own) if rules.given or own else None
            await desk.revise(run_id, params=params, rules=change, capital=capital)
            return f"{run_id} goes on with {command.words('')}."
