"""The command line's words about sizes, exits and protections, as `tws backtest` has them.

    … exit stop=2% trailing=1% size risk=1% protect cooldown=5 · … --exit stop=0.02 --size risk=0.01

A group goes on as long as words with an = follow. `stop=off` switches off; `stop=own`, or `exit own` for the whole
group, gives back what the strategy has itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from workstation.domain.rule_words import GROUPS, OWN, fields_of, help_for, names_of, read_rule
from workstation.domain.trade_rules import RULES, TradeRules, check_ranges
from workstation.trading.command_words import CommandError, Token, suggestion


class Ruled(NamedTuple):
    """The words that say no rules, what is said, and what is to be the strategy's own again."""

    rest: list[Token]
    said: TradeRules
    own: tuple[str, ...]


def take_rules(words: Sequence[Token], end: int) -> Ruled:
    """Part the rules from the other words. Raises `CommandError`."""
    rest: list[Token] = []
    said: dict[str, Any] = {}
    own: list[str] = []
    group, opened = "", False  # opened: the group's word, and nothing after it yet
    for word in words:
        if (name := group_of(word.text)) is not None:
            if opened:
                raise _says_nothing(group, word.at)
            group, opened = name, bool(name)
        elif group and word.text == OWN:
            own += [rule.name for rule in RULES if rule.group == GROUPS[group]]
            opened = False
        elif group and "=" in word.raw:
            opened = False
            _read(group, word, said, own)
        else:
            if opened:
                raise _says_nothing(group, word.at)
            group = ""
            rest.append(word)
    if opened:
        raise _says_nothing(group, end)
    rules = TradeRules(**said)
    try:
        check_ranges(rules)
    except ValueError as error:
        raise CommandError(str(error), end) from None
    return Ruled(rest, rules, tuple(own))


def group_of(word: str) -> str | None:
    """The group that a word begins, "" for that of the parameters; None for any other word."""
    name = word.removeprefix("--") if word.startswith("--") else word
    if name == "param" and word != name:
        return ""
    return name if name in GROUPS else None


def _read(group: str, word: Token, said: dict[str, Any], own: list[str]) -> None:
    name, _, value = word.text.partition("=")
    try:
        if value == OWN:
            own += fields_of(group, name)
            return
        if not value:
            raise CommandError(f"{name}=…: {help_for(group, name)}.", word.at)
        said |= read_rule(group, name, value)
    except ValueError as error:
        raise CommandError(f"{error}{suggestion(name, names_of(group))}", word.at) from None


def _says_nothing(group: str, at: int) -> CommandError:
    example = {"exit": "stop=2%", "size": "risk=1%", "protect": "cooldown=5"}[group]
    return CommandError(f"{group} {example}: {', '.join(names_of(group))}.", at)
