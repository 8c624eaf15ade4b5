"""The `:` language: a line of text and what it refers to → a command, a sentence that says what it will do, or why not.

    buy 0.5 @ 64200 · sell 100$ market · buy 2% @ bid po · buy 0.1 at -0.5% gtd 30m · sell stop 0.2 @ 63000 limit 62900
    sell tp 0.2 @ 66000 · sell trail 0.2 by 0.5% from 65000 · buy 5 show 0.5 @ 63000 day
    buy 2 market best · sell 2 @ 64200 ioc best of
    buy 2% stop 63000 tp 66000 · buy risk 1% stop 63000 market · sell 0.5 trail 200 after 300 · oco 63000 66000
    scale 5 0.1 63000 64000 stop 62000 · chase 64500 · cancel all · cancel bids · close · reverse
    twap buy 2 over 30m · vwap sell 3 over 2h @ 63000 · pov sell 3 10% · iceberg buy 5 show 0.5 @ 63000 · pause · resume
    alert BTC-USDT > 65000 · alert spread > 5 · alert pnl < -500 · alert fill · alerts · snooze 10m
    strategy start sma_cross BTC-USDT 5000 fast=10 5m exit stop=2% · strategy stop sma_cross
    strategy set sma_cross slow=40 size risk=1% protect cooldown=5
    rebalance BTC-USDT 40% ETH-USDT 30% · rebalance equal BTC-USDT ETH-USDT · pause rebalance · cancel rebalance
    progress · reducing on · limit max_order_value 50000 · breaker reset daily_loss
    flatten · kill · rearm demo · theme tws-light · speed 10 · seek +5m · any action's name · any instrument's name

Pure: nothing here sends or changes anything.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.formats import NotANumber
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.trading.command_alerts import parse_alert, parse_snooze
from workstation.trading.command_execution import parse_execution, parse_pause, parse_progress
from workstation.trading.command_margin import parse_leverage, parse_margin
from workstation.trading.command_orders import instrument_named, instrument_near, parse_order, venues_of
from workstation.trading.command_plans import parse_chase, parse_exits, parse_scale
from workstation.trading.command_rebalance import parse_manage, parse_rebalance
from workstation.trading.command_risk import parse_breaker, parse_limit, parse_reducing
from workstation.trading.command_strategies import parse_strategy
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError, Token, duration, number, suggestion, tokens
from workstation.trading.commands import (
    BreakEven,
    CancelOrders,
    ClosePosition,
    Command,
    Context,
    Execute,
    Flatten,
    Kill,
    PlaceOrder,
    Rearm,
    ReversePosition,
    RunAction,
    Seek,
    SelectInstrument,
    SetSpeed,
    SetTheme,
    StartPlan,
    StartRebalance,
)

#: What an empty line answers.
EXAMPLES = "buy 0.5 @ 64200 · sell 100$ market · buy 2% stop 63000 tp 66000 · cancel all · close · rearm"


def parse(text: str, context: Context) -> Command:
    """What the line asks for. Raises `CommandError`, and nothing else, for whatever cannot be understood or done."""
    line = text.strip().removeprefix(":")
    offset = text.find(line) if line else 0
    words = [Token(_plainly(word, offset, context), word.raw, word.at + offset) for word in tokens(line)]
    if not words:
        raise CommandError(EXAMPLES, 0)
    first, rest, end = words[0], words[1:], len(text)
    if first.text in ("buy", "sell"):
        return parse_order(Side(first.text), rest, end, context)
    if (handler := _COMMANDS.get(first.text)) is not None:
        return handler(first, rest, end, context)
    if first.text in context.actions and not rest:
        return RunAction(first.text)
    if not rest and (instrument := instrument_named(first.text, context)) is not None:
        return SelectInstrument(instrument.id)
    if several := venues_of(first.text, context):
        raise CommandError(f"{first.raw} is listed at more than one venue: {' or '.join(several)}.", first.at)
    known = [*WORDS, *context.actions, *(one.symbol for one in context.instruments)]
    raise CommandError(f"{first.raw} is not a command.{suggestion(first.text, known)}", first.at)


def _plainly(word: Token, offset: int, context: Context) -> str:
    """The word with its number in the notation with a point, which is the only one that is understood from here on."""
    try:
        return context.numbers.plain_word(word.text)
    except NotANumber as error:
        raise CommandError(str(error), word.at + offset) from error


def hint(text: str, context: Context) -> str:
    """What Enter would do with the line as it stands, or why it cannot. Never raises."""
    try:
        command = parse(text, context)
    except CommandError as error:
        return str(error)
    sentence = describe(command, context)
    if isinstance(command, PlaceOrder | StartPlan | StartRebalance | Execute) and command.question:
        return f"{command.question} {sentence}"  # first what must not be missed
    return sentence


type _Handler = Callable[[Token, Sequence[Token], int, Context], Command]


def _no_more(rest: Sequence[Token]) -> None:
    if rest:
        raise CommandError(f"{rest[0].raw} is one word too many.", rest[0].at)


def _target(word: Token, rest: Sequence[Token], end: int, context: Context) -> Instrument:
    """The instrument named after a word, or the selected one."""
    _no_more(rest[1:])
    if not rest:
        if context.instrument is None:
            raise CommandError(f"Select an instrument first, or name it after {word.raw}.", end)
        return context.instrument
    instrument = instrument_named(rest[0].text, context)
    if instrument is None:
        if several := venues_of(rest[0].text, context):
            raise CommandError(f"{rest[0].raw} is listed at more than one venue: {' or '.join(several)}.", rest[0].at)
        near = instrument_near(rest[0].text, context)
        raise CommandError(f"There is no instrument {rest[0].raw}.{near}", rest[0].at)
    return instrument


def _cancel(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    what = rest[0].text if rest else ""
    if what == "rebalance":
        return parse_manage(word, rest[1:], end, context)
    if what == "all":
        return CancelOrders() if not rest[1:] else CancelOrders(instrument=_target(rest[0], rest[1:], end, context).id)
    if what in ("bids", "buys", "asks", "sells", "offers"):
        side = Side.BUY if what in ("bids", "buys") else Side.SELL
        return CancelOrders(instrument=_target(rest[0], rest[1:], end, context).id, side=side)
    near = suggestion(what, ["all", "bids", "asks"]) if what else ""
    at = rest[0].at if rest else end
    raise CommandError(f"Cancel what? cancel all, cancel bids, cancel asks or cancel all BTC-USDT.{near}", at)


def _pause(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    if rest and rest[0].text == "rebalance":
        return parse_manage(word, rest[1:], end, context)
    return parse_pause(word, rest, end, context)


def _close(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    return ClosePosition(_target(word, rest, end, context).id)


def _reverse(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    return ReversePosition(_target(word, rest, end, context).id)


def _break_even(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    return BreakEven(_target(word, rest, end, context).id)


def _instrument_in(word: Token, rest: Sequence[Token], end: int, context: Context) -> tuple[Instrument, list[Token]]:
    """The instrument that is named anywhere among the words, else the selected one, and the other words."""
    for index, token in enumerate(rest):
        if instrument_named(token.text, context) is not None or venues_of(token.text, context):
            return _target(word, [token], end, context), [*rest[:index], *rest[index + 1 :]]
    return _target(word, [], end, context), list(rest)


def _oco(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    instrument, words = _instrument_in(word, rest, end, context)
    return parse_exits(instrument, words, end, context)


def _exit(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    instrument, words = _instrument_in(word, rest, end, context)
    return parse_exits(instrument, [word, *words], end, context)


def _scale(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    instrument, words = _instrument_in(word, rest, end, context)
    return parse_scale(instrument, words, end, context)


def _chase(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    instrument, words = _instrument_in(word, rest, end, context)
    return parse_chase(instrument, words, context)


def _kill(_word: Token, rest: Sequence[Token], _end: int, _context: Context) -> Command:
    _no_more(rest)
    return Kill()


def _flatten(_word: Token, rest: Sequence[Token], _end: int, _context: Context) -> Command:
    _no_more(rest)
    return Flatten()


def _rearm(_word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    wanted = context.account_name
    typed = " ".join(token.raw for token in rest)
    if not rest or (wanted and [token.raw for token in tokens(wanted)] != [token.raw for token in rest]):
        name = f": rearm {wanted}" if wanted else ""
        raise CommandError(f"Re-arming takes the account's name{name}.", rest[0].at if rest else end)
    return Rearm(wanted or typed)


def _theme(_word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    if not rest and "theme" in context.actions:
        return RunAction("theme")
    choice = f": {', '.join(context.themes)}" if context.themes else ""
    if not rest:
        raise CommandError(f"Which theme{choice}?", end)
    _no_more(rest[1:])
    for name in (rest[0].text, f"tws-{rest[0].text}"):  # the desk's own are known by what they are, too
        if name in context.themes:
            return SetTheme(name)
    raise CommandError(f"There is no theme {rest[0].raw}{choice}.", rest[0].at)


def _playing(word: Token, context: Context) -> tuple[int, int]:
    if context.recording is None:
        raise CommandError(f"No recording is playing: {word.raw} works on a desk opened with --replay.", word.at)
    return context.recording


def _speed(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    _playing(word, context)
    if not rest:
        raise CommandError("How fast? speed 10, from 0.1 to 100.", end)
    _no_more(rest[1:])
    factor = number(rest[0].text.rstrip("x×"))
    if factor is None or not Decimal("0.1") <= factor <= 100:
        raise CommandError(f"A recording plays at 0.1 to 100 times its speed, not at {rest[0].raw}.", rest[0].at)
    return SetSpeed(float(factor))


def _seek(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    start, finish = _playing(word, context)
    usage = "seek +5m, seek -30s, seek 50%, seek 14:30 or seek 2024-05-01 14:30:15"
    if not rest:
        raise CommandError(f"Where to? {usage}.", end)
    text, at = " ".join(token.text for token in rest), rest[0].at
    to = _moment(text, context, start, finish)
    if to is None:
        raise CommandError(f"{text} is not a time: {usage}.", at)
    if not start <= to <= finish:
        zone = context.zone
        first, last = (datetime.datetime.fromtimestamp(ts / SECOND, zone) for ts in (start, finish))
        raise CommandError(f"The recording goes from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}.", at)
    return Seek(to)


def _moment(text: str, context: Context, start: int, finish: int) -> int | None:
    """UTC ns of +5m, -30s, 50%, 14:30 (of the day that plays) or a date with a time, in the desk's zone."""
    if text[:1] in ("+", "-"):
        length = duration(text[1:])
        return None if length is None else context.now + (length if text[0] == "+" else -length)
    if text.endswith("%"):
        share = number(text[:-1])
        return None if share is None else start + int((finish - start) * share / 100)
    try:
        if len(text) <= 8:
            day = datetime.datetime.fromtimestamp(context.now / SECOND, context.zone).date()
            moment = datetime.datetime.combine(day, datetime.time.fromisoformat(text))
        else:
            moment = datetime.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=context.zone)
        return int(moment.timestamp()) * SECOND
    except (ValueError, OverflowError, OSError):
        return None


_COMMANDS: dict[str, _Handler] = {
    "cancel": _cancel,
    "close": _close,
    "reverse": _reverse,
    "breakeven": _break_even,
    "oco": _oco,
    "stop": _exit,
    "tp": _exit,
    "trail": _exit,
    "scale": _scale,
    "chase": _chase,
    "leverage": parse_leverage,
    "margin": parse_margin,
    "flatten": _flatten,
    "kill": _kill,
    "rearm": _rearm,
    "reducing": parse_reducing,
    "limit": parse_limit,
    "breaker": parse_breaker,
    "theme": _theme,
    "twap": parse_execution,
    "vwap": parse_execution,
    "pov": parse_execution,
    "iceberg": parse_execution,
    "strategy": parse_strategy,
    "pause": _pause,
    "resume": _pause,
    "rebalance": parse_rebalance,
    "progress": parse_progress,
    "alert": parse_alert,
    "snooze": parse_snooze,
    "speed": _speed,
    "seek": _seek,
}

#: The words with which a line may begin, besides the names of actions and instruments.
WORDS = ("buy", "sell", *_COMMANDS)
