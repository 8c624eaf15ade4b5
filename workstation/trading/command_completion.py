"""How the word that is being typed on the command line may go on: first words, runs, and all of `strategy start`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workstation.domain.rule_words import GROUPS, names_of
from workstation.trading.command_line import WORDS
from workstation.trading.command_rules import group_of
from workstation.trading.command_strategies import PEER, START_WORDS, STRATEGY_WORDS
from workstation.trading.command_words import Token, tokens
from workstation.trading.commands import Context


def completion(line: str, context: Context) -> str:
    """The line with its last word whole, where something begins with it; "" otherwise."""
    words = tokens(line)
    if not words or line[-1:].isspace():
        return ""
    last = words[-1]
    if "@" in last.raw or last.at + len(last.raw) != len(line):
        return ""
    for one in (*_candidates(words[:-1], context), *_further(words, context)):
        if one.lower().startswith(last.text) and len(one) > len(last.text):
            return line + one[len(last.text) :]
    return ""


def _candidates(before: Sequence[Token], context: Context) -> Iterable[str]:
    if not before:
        return (*WORDS, *context.actions, *(one.symbol for one in context.instruments))
    if before[0].text.removeprefix(":") != "strategy":
        return ()
    if len(before) == 1:
        return STRATEGY_WORDS
    what, more = before[1].text, before[2:]
    if what == "start" and not more:
        return context.installed()
    if what == "start":
        return (*_rules(more), *START_WORDS, *(one.symbol for one in context.instruments))
    runs = context.ended_strategies if what == "close" else ()
    if not more:
        return (*(run.partition("@")[0] for run in (*context.strategies, *runs)), *context.strategies, *runs)
    return (*_rules(more), *GROUPS) if what == "set" else ()


def _further(words: Sequence[Token], context: Context) -> Iterable[str]:
    """Of peer= all instruments; of other names those that begin as what was typed, for what a strategy calls its
    further instruments it alone knows."""
    name, sign, value = words[-1].raw.partition("=")
    if [word.text.removeprefix(":") for word in words[:2]] != ["strategy", "start"] or len(words) < 4:
        return ()
    if not sign:
        return (f"{PEER}=",)
    rule = any(name.lower() in names_of(group) for group in GROUPS)
    if rule or not (value or name == PEER):
        return ()
    return [f"{name}={word}" for one in context.instruments for word in (one.symbol, one.id)]


def _rules(words: Sequence[Token]) -> Iterable[str]:
    """Names of the group that the words before are in."""
    group = ""
    for word in words:
        if (name := group_of(word.text)) is not None:
            group = name
        elif "=" not in word.raw:
            group = ""
    return [f"{name}=" for name in names_of(group)] if group else ()
