"""Sizes, exits and protections in words: `exit stop=2%`, `size risk=1%`, `protect cooldown=5` are read, and said.

The command line of the shell and that of the desk read the same words.
"""

from __future__ import annotations

import math
import re
from typing import Any

from workstation.domain.trade_rules import AMOUNTS, BY_NAME, RULES, TradeRules, rule_of

#: The words that groups of rules begin with, and the groups of `RULES` that they are.
GROUPS = {"exit": "Exits", "size": "Size", "protect": "Protections"}
#: What a size may have beside its rule.
_SIZE_PARTS = ("cap", "length")
#: What is typed for a rule that is to be the strategy's own again.
OWN = "own"
_OFF = ("off", "none")


def names_of(group: str) -> tuple[str, ...]:
    """What may be said in a group ("exit", "size", "protect")."""
    if group == "size":
        return (*AMOUNTS, *_SIZE_PARTS)
    return tuple(rule.name for rule in RULES if rule.group == GROUPS[group])


def check_name(group: str, name: str) -> None:
    """Raises `ValueError` with a sentence for a name that there is not in a group."""
    if name in names_of(group):
        return
    if group == "size":
        raise ValueError(f"There is no size rule {name!r}: {', '.join(AMOUNTS)}; with cap or length.")
    what = {"exit": "exit", "protect": "protection"}[group]
    raise ValueError(f"There is no {what} {name!r}: {', '.join(names_of(group))}.")


def help_for(group: str, name: str) -> str:
    """One line on what the name means there. Raises `ValueError` for one that there is not."""
    check_name(group, name)
    if group == "size":
        return AMOUNTS[name].help if name in AMOUNTS else BY_NAME[f"size_{name}"].help
    return BY_NAME[name].help


def read_rule(group: str, name: str, word: str) -> dict[str, Any]:
    """What `name=word` of a group says, by the names of `TradeRules`. Raises `ValueError` with a sentence."""
    check_name(group, name)
    if group != "size":
        return {name: _value(name, word)}
    if name in AMOUNTS:
        return {"size_rule": name, "size": _number(name, word)}
    return {f"size_{name}": _value(f"size_{name}", word)}


def fields_of(group: str, name: str) -> tuple[str, ...]:
    """The rules that `name` of a group stands for: those of the size go together. Raises `ValueError`."""
    check_name(group, name)
    if group == "size":
        return ("size_rule", "size", "size_cap", "size_length") if name in AMOUNTS else (f"size_{name}",)
    return (name,)


def _value(name: str, word: str) -> Any:
    match BY_NAME[name].kind:
        case "steps":
            if word in _OFF:
                return ()
            rows = (step.partition(":") for step in re.split(r"[ ,;]", word) if step)
            return tuple((int(_number(name, bars)), _number(name, gain)) for bars, _, gain in rows)
        case "whole":
            number = _number(name, word)
            if number != int(number):
                raise ValueError(f"{name} is a whole number, not {word!r}.")
            return int(number)
    return _number(name, word)


def _number(name: str, word: str) -> float:
    if word in _OFF:
        return 0.0
    try:
        number = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a number, not {word!r}.")
    return number


def value_text(name: str, rules: TradeRules) -> str:
    """What one rule of `rules` says: "2 %", "off", "risk", "0:4 % 30:1 %"; "own" where it says nothing."""
    value = getattr(rules, name)
    if value is None:
        return OWN
    rule = rule_of(name, rules)
    if rule.kind == "choice":
        return str(value)
    if rule.kind == "steps":
        return " ".join(f"{bars}:{_percent(gain)}" for bars, gain in value) or "none"
    if value == 0 and name != "profit_least":
        return "at once" if name == "trailing_offset" else "off"
    return _percent(value) if rule.kind == "fraction" else f"{value:g}"


def _percent(value: float) -> str:
    return f"{round(100 * value, 9):g} %"


def rules_text(rules: TradeRules) -> str:
    """Everything that is said: "size risk 1 %, stop 2 %, cooldown 5"; "" for nothing."""
    return ", ".join(f"{_title(name)} {value_text(name, rules)}" for name in rules.given)


def changes_text(before: TradeRules, after: TradeRules) -> list[str]:
    """What differs, one rule each: "stop 2 % → 3 %"."""
    return [
        f"{_title(name)} {value_text(name, before)} → {value_text(name, after)}"
        for name in TradeRules.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    ]


def _title(name: str) -> str:
    return "size by" if name == "size_rule" else name.replace("_", " ")
