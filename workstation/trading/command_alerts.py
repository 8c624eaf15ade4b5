"""The command line's words about alerts: alert BTC-USDT > 65000 · alert spread > 5 · alert pnl < -500 · snooze 10m."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workstation.domain.numbers import is_multiple
from workstation.trading.alerts import ORDER_STATES, Alert, AlertKind, Way
from workstation.trading.command_orders import instrument_named, instrument_near, venues_of
from workstation.trading.command_words import CommandError, Token, duration, number, suggestion
from workstation.trading.commands import Command, Context, SetAlert, SnoozeAlerts

_WAYS = {
    ">": Way.ABOVE, "above": Way.ABOVE, "over": Way.ABOVE, "<": Way.BELOW, "below": Way.BELOW, "under": Way.BELOW,
    "x": Way.CROSS, "cross": Way.CROSS, "crosses": Way.CROSS,
}  # fmt: skip
_USAGE = "alert BTC-USDT > 65000, alert spread > 5, alert pnl < -500, alert fill, alert order rejected"


def parse_alert(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """alert [spread|pnl|funding|fill|order STATE] [INSTRUMENT] [> LEVEL] [repeat] [for 2h]."""
    if not rest:
        raise CommandError(f"Alert of what? {_USAGE}.", end)
    words = _apart(rest)
    kind = AlertKind.PRICE
    if words[0].text in set(AlertKind):
        kind = AlertKind(words.pop(0).text)
    if kind is AlertKind.REBALANCE:
        raise CommandError("The Portfolio page's Calendar reminds of a rebalance: choose once a week there.", end)
    state = ""
    if kind is AlertKind.ORDER:
        known = ", ".join(ORDER_STATES)
        if not words:
            raise CommandError(f"Which state? alert order rejected: {known}.", end)
        token = words.pop(0)
        state = token.text.replace("cancelled", "canceled")
        if state not in ORDER_STATES:
            near = suggestion(token.text, ORDER_STATES)
            raise CommandError(f"{token.raw} is no state of an order: {known}.{near}", token.at)
    instrument = _instrument(words, kind, end, context)
    way, level = None, None
    if kind not in (AlertKind.FILL, AlertKind.ORDER):
        way, level = _level(words, kind, end)
        tick = next((one.tick for one in context.instruments if one.id == instrument), None)
        if kind is AlertKind.PRICE and (level <= 0 or (tick is not None and not is_multiple(level, tick))):
            raise CommandError(f"{level} is not a price of {instrument}: its tick is {tick}.", end)
    repeat, expires = False, None
    while words:
        token = words.pop(0)
        if token.text in ("repeat", "once"):
            repeat = token.text == "repeat"
        elif token.text == "for" and words:
            length = duration(words[0].text)
            if length is None:
                raise CommandError(f"{words[0].raw} is not a time: type 30m, 2h or 1d.", words[0].at)
            expires = context.now + length
            words.pop(0)
        else:
            raise CommandError(f"{token.raw} is one word too many: repeat, once or for 2h may follow.", token.at)
    return SetAlert(
        Alert(
            alert_id="", kind=kind, instrument=instrument, way=way, level=level, state=state, repeat=repeat,
            expires=expires,
        )
    )  # fmt: skip


def _apart(rest: Sequence[Token]) -> list[Token]:
    """The words, a > or < that touches its number by itself."""
    words: list[Token] = []
    for token in rest:
        if token.text[0] in "<>" and len(token.text) > 1:
            words += [
                Token(token.text[0], token.raw[0], token.at),
                Token(token.text[1:].removeprefix("="), token.raw[1:], token.at + 1),
            ]
        else:
            words.append(token)
    return words


def _instrument(words: list[Token], kind: AlertKind, end: int, context: Context) -> str:
    """The instrument that is named, else the selected one; fills, orders and profit need none."""
    if words and words[0].text not in _WAYS and words[0].text not in ("repeat", "once", "for"):
        token = words[0]
        if token.text == "day" and kind is AlertKind.PNL:
            words.pop(0)
            return ""
        found = instrument_named(token.text, context)
        if found is not None:
            words.pop(0)
            return found.id
        if several := venues_of(token.text, context):
            raise CommandError(f"{token.raw} is listed at more than one venue: {' or '.join(several)}.", token.at)
        near = instrument_near(token.text, context, AlertKind)
        raise CommandError(f"There is no instrument {token.raw}.{near}", token.at)
    if kind in (AlertKind.FILL, AlertKind.ORDER, AlertKind.PNL):
        return ""
    if context.instrument is None:
        raise CommandError("Select an instrument first, or name it: alert BTC-USDT > 65000.", end)
    return context.instrument.id


def _level(words: list[Token], kind: AlertKind, end: int) -> tuple[Way, Decimal]:
    if not words or words[0].text not in _WAYS:
        at = words[0].at if words else end
        raise CommandError("Above, below or across what? > 65000, < 65000 or x 65000.", at)
    way = _WAYS[words.pop(0).text]
    if not words:
        raise CommandError(f"{way} what? Type a number.", end)
    token = words.pop(0)
    text, sign = token.text, Decimal(1)
    if text.startswith(("-", "+")):
        text, sign = text[1:], Decimal(-1 if text[0] == "-" else 1)
    percent = text.endswith("%")
    value = number(text.removesuffix("%"))
    if value is None or (percent and kind is not AlertKind.FUNDING):
        raise CommandError(f"{token.raw} is not a number.", token.at)
    if kind is AlertKind.FUNDING:
        if not percent:
            raise CommandError(f"A funding rate is typed in percent: {token.raw}%.", token.at)
        value = value.scaleb(-2)
    return way, value * sign


def parse_snooze(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """snooze 10m: the alert that fired last; snooze 10m all: every one."""
    length = duration(rest[0].text) if rest else None
    if length is None:
        raise CommandError("For how long? snooze 10m: the alert that fired last; snooze 10m all: every one.", end)
    if rest[1:] and (rest[1].text != "all" or rest[2:]):
        raise CommandError(f"{rest[1].raw} is one word too many: snooze 10m or snooze 10m all.", rest[1].at)
    return SnoozeAlerts(length, bool(rest[1:]))
