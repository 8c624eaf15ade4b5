"""The words of rebalances: `rebalance BTC-USDT 40% ETH-USDT 30% of 50000`, `rebalance equal BTC-USDT ETH-USDT`,
`rebalance NAME` of a portfolio that was kept; `pause rebalance`, `resume rebalance`, `cancel rebalance`; doing them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ONE, counted, divide, plain
from workstation.domain.rebalance import Rebalance
from workstation.trading.command_orders import instrument_named, instrument_near, venues_of
from workstation.trading.command_text import grouped
from workstation.trading.command_words import CommandError, Token, duration, number
from workstation.trading.commands import Context, ManageRebalance, StartRebalance
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview
from workstation.trading.rebalancing.planning import Wish

_USAGE = "rebalance BTC-USDT 40% ETH-USDT 30%, rebalance equal BTC-USDT ETH-USDT, or a kept portfolio's name"
_OPTIONS = ("of", "band", "least", "patience")
#: The setting under which the portfolio page keeps portfolios.
PORTFOLIOS = "portfolios"


class RebalancingDesk(Protocol):
    """What these words need of the engine."""

    def rebalances(self) -> Sequence[Rebalance]: ...
    def rebalance_progress(self, rebalance_id: str, /) -> Progress: ...
    def start_rebalance(self, wish: Wish, /) -> Awaitable[Rebalance]: ...
    def pause_rebalance(self, rebalance_id: str, /) -> Awaitable[Rebalance]: ...
    def resume_rebalance(self, rebalance_id: str, /) -> Awaitable[Rebalance]: ...
    def cancel_rebalance(self, rebalance_id: str, /) -> Awaitable[Rebalance]: ...


def parse_rebalance(word: Token, rest: Sequence[Token], end: int, context: Context) -> StartRebalance:
    """The line after its first word; the question says what would be traded now and what it costs. Raises
    `CommandError`."""
    if not rest:
        raise CommandError(f"Rebalance to what? {_USAGE}.", end)
    words = list(rest)
    options = _options(words, end)
    name = "rebalance"
    if words and words[0].text == "equal":
        name = "equal weights"
        named = [_instrument(token, context) for token in words[1:]]
        if len(named) < 2:
            raise CommandError("Equal weights of which? rebalance equal BTC-USDT ETH-USDT.", end)
        share = divide(ONE, Decimal(len(named)), Decimal("0.000001"))
        targets = dict.fromkeys(named, share)
    elif len(words) == 1 and (kept := _kept(words[0], context)) is not None:
        name, targets = words[0].raw, kept
    else:
        targets = _weights(words, end, context)
    wish = Wish(targets=targets, name=name, **options)
    try:
        question = "" if context.rebalance is None else context.rebalance(wish)
    except Refused as refused:
        raise CommandError(str(refused), rest[0].at) from None
    return StartRebalance(wish=wish, question=question)


def _kept(word: Token, context: Context) -> dict[InstrumentId, Decimal] | None:
    for name, weights in context.portfolios.items():
        if name.lower() == word.text:
            return dict(weights)
    return None


def _options(words: list[Token], end: int) -> dict[str, Any]:
    """Take `of 50000`, `band 2%`, `least 100` and `patience 10s` out of the words."""
    found: dict[str, Any] = {}
    index = 0
    while index < len(words):
        word = words[index]
        if word.text not in _OPTIONS:
            index += 1
            continue
        if index + 1 >= len(words):
            raise CommandError(f"What comes after {word.raw}?", end)
        value = words[index + 1]
        if word.text == "patience":
            length = duration(value.text)
            if length is None or length > 600 * SECOND:
                raise CommandError(f"{value.raw} is no patience: type 10s, 10m at most.", value.at)
            found["patience"] = length
        else:
            amount = number(value.text.strip("$%"))
            if amount is None or amount <= 0:
                raise CommandError(f"{value.raw} is not understood after {word.raw}.", value.at)
            found[{"of": "budget"}.get(word.text, word.text)] = amount.scaleb(-2) if word.text == "band" else amount
        del words[index : index + 2]
    return found


def _weights(words: Sequence[Token], end: int, context: Context) -> dict[InstrumentId, Decimal]:
    targets: dict[InstrumentId, Decimal] = {}
    pairs = list(words)
    if len(pairs) == 1 and instrument_named(pairs[0].text, context) is None:
        near = instrument_near(pairs[0].text, context, (*context.portfolios, "equal"))
        raise CommandError(f"There is no kept portfolio {pairs[0].raw}: {_USAGE}.{near}", pairs[0].at)
    while pairs:
        token = pairs.pop(0)
        name = _instrument(token, context)
        if not pairs:
            raise CommandError(f"Which weight for {token.raw}? {_USAGE}.", end)
        weight = pairs.pop(0)
        value = number(weight.text.removesuffix("%").lstrip("-"))
        if value is None or not weight.text.endswith("%"):
            raise CommandError(f"{weight.raw} is not a weight: type 40%.", weight.at)
        if name in targets:
            raise CommandError(f"{token.raw} is there twice.", token.at)
        targets[name] = (-value if weight.text.startswith("-") else value).scaleb(-2)
    return targets


def _instrument(token: Token, context: Context) -> InstrumentId:
    instrument = instrument_named(token.text, context)
    if instrument is not None:
        return instrument.id
    if several := venues_of(token.text, context):
        raise CommandError(f"{token.raw} is listed at more than one venue: {' or '.join(several)}.", token.at)
    near = instrument_near(token.text, context)
    raise CommandError(f"There is no instrument {token.raw}.{near}", token.at)


def parse_manage(word: Token, rest: Sequence[Token], end: int, _context: Context) -> ManageRebalance:
    """`pause rebalance`, `resume rebalance`, `cancel rebalance`: `rest` begins after that second word."""
    name = " ".join(token.raw for token in rest)
    return ManageRebalance(what=word.text, name=name)


def preview_words(found: RebalancePreview, currency: str) -> str:
    """What would be traded and what it costs, as a question. Raises `Refused` where it cannot be sent."""
    if found.problem:
        raise Refused(found.problem)
    proposal = found.proposal
    parts = [
        f"{trade.side} {plain(trade.quantity)} {trade.instrument.partition(':')[2]}" for trade in proposal.trades[:4]
    ]
    more = f" and {len(proposal.trades) - 4} more" if len(proposal.trades) > 4 else ""
    cost = grouped(proposal.cost.quantize(Decimal("0.01")))
    notes = "".join(f" {note}" for note in proposal.notes)
    words = ", ".join(parts)
    return f"{words[:1].upper()}{words[1:]}{more}; costs about {cost} {currency}.{notes}"


async def start_rebalance(command: StartRebalance, desk: RebalancingDesk) -> str:
    rebalance = await desk.start_rebalance(command.wish)
    count = len(rebalance.trades)
    return f"{rebalance.name}: {counted(count, 'trade')} on the way, sales first."


async def manage(command: ManageRebalance, desk: RebalancingDesk) -> str:
    """Raises `Refused` where there is none, or more than one and no name says which."""
    active = [one for one in desk.rebalances() if one.is_active]
    if command.name:
        active = [one for one in active if command.name.lower() in (one.name.lower(), one.rebalance_id.lower())]
    if command.what == "resume":
        active = [one for one in active if one.is_paused]
    elif command.what == "pause":
        active = [one for one in active if not one.is_paused]
    if not active:
        state = {"resume": "paused", "pause": "running"}.get(command.what, "under way")
        raise Refused(f"No rebalance {command.name} is {state}.".replace("  ", " "))
    if len(active) > 1:
        raise Refused(f"Which one: {', '.join(one.name for one in active)}?")
    name = active[0].rebalance_id
    match command.what:
        case "pause":
            await desk.pause_rebalance(name)
            return f"Paused: {active[0].name}."
        case "resume":
            await desk.resume_rebalance(name)
            return f"Resumed: {active[0].name}."
    await desk.cancel_rebalance(name)
    return f"Cancelled: {active[0].name}. What it has traded stays."


def progress_lines(desk: RebalancingDesk) -> list[str]:
    """How far each rebalance is."""
    return [desk.rebalance_progress(one.rebalance_id).sentence for one in desk.rebalances() if one.is_active]


def kept_portfolios(setting: Any) -> dict[str, dict[InstrumentId, Decimal]]:
    """The weights of the portfolios that the page has kept: the border from floats to exact numbers."""
    found: dict[str, dict[InstrumentId, Decimal]] = {}
    if not isinstance(setting, dict):
        return found
    for name, entry in setting.items():
        weights = entry.get("weights") if isinstance(entry, dict) else None
        if isinstance(weights, dict) and weights:
            found[str(name)] = {str(key): Decimal(repr(round(float(value), 6))) for key, value in weights.items()}
    return found
