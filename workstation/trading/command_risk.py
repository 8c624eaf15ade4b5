"""The command line's words about risk: reducing on · limit max_order_value 50000 · breaker reset daily_loss."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.trading.breakers import Breaker
from workstation.trading.command_words import CommandError, Token, glued, suggestion
from workstation.trading.commands import (
    ChangeLimit,
    Command,
    Context,
    ResetBreaker,
    RunAction,
    SetReducing,
)
from workstation.trading.errors import Refused
from workstation.trading.limits import limit_fields, limit_from_text, limit_kind, own_parts


def parse_reducing(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """reducing on, reducing off; alone it turns over."""
    if not rest and "reducing" in context.actions:
        return RunAction("reducing")
    if len(rest) != 1 or rest[0].text not in ("on", "off"):
        raise CommandError("reducing on: only orders that shrink a position may be sent; reducing off ends it.", end)
    return SetReducing(rest[0].text == "on")


def parse_limit(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """limit FIELD VALUE; "default" takes the config file's value, "none" takes one of a strategy's own away."""
    fields = [field for field, _ in limit_fields()]
    if not rest:
        raise CommandError("Which limit? limit max_order_value 50000, or default for the config file's.", end)
    rest = glued(rest)
    field = rest[0].raw if own_parts(rest[0].raw) is not None else rest[0].text
    if limit_kind(field) is None:
        raise CommandError(f"There is no limit {rest[0].raw}.{suggestion(field, fields)}", rest[0].at)
    if not rest[1:]:
        raise CommandError(f"To what? limit {field} 50000, or default for the config file's.", end)
    listed = limit_kind(field) is tuple
    text = " ".join(token.raw if listed else token.text for token in rest[1:])
    if text.lower() == "default":
        text = ""
    try:
        if text:
            limit_from_text(field, text)
        if context.limit is not None:
            context.limit(field, text)
    except (ValueError, Refused) as error:
        raise CommandError(str(error), rest[1].at) from None
    return ChangeLimit(field, text)


def parse_breaker(word: Token, rest: Sequence[Token], end: int, context: Context) -> Command:
    """breaker reset NAME, and the venue or instrument where several of the name are tripped."""
    usage = f"breaker reset {', '.join(Breaker)}"
    if not rest or rest[0].text != "reset":
        raise CommandError(f"A breaker is only ended by its name: {usage}.", rest[0].at if rest else end)
    if not rest[1:]:
        raise CommandError(f"Which breaker? {usage}.", end)
    if rest[1].text not in set(Breaker):
        raise CommandError(f"There is no breaker {rest[1].raw}.{suggestion(rest[1].text, Breaker)}", rest[1].at)
    if rest[3:]:
        raise CommandError(f"{rest[3].raw} is one word too many.", rest[3].at)
    return ResetBreaker(rest[1].text, rest[2].raw.upper() if rest[2:] else "")
