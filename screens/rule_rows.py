"""Rows of a form for a strategy's sizes, exits and protections, as `domain.trade_rules` declares them. Fractions are
shown in percent. The Backtest and the Strategies page have the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from screens.parameters import fraction_of, percent_of, value_text
from screens.parameters import typed as typed_value
from workstation.domain.trade_rules import KEY, Rule, TradeRules, check, put, rule_of, shown
from workstation.research.bench.messages import ParameterSpec
from workstation.trading.errors import Refused


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule: `value` in the unit of the screen, `given` whether another was said."""

    key: str
    label: str
    group: str
    value: Any
    spec: ParameterSpec
    given: bool

    @property
    def text(self) -> str:
        """The value as a form shows it."""
        return self.text_of(self.value)

    def text_of(self, value: Any) -> str:
        """Another value of the rule, in the unit of the screen."""
        name = self.spec.name
        if value == 0 and name != "profit_least":
            return "at once" if name == "trailing_offset" else "off"
        return value_text(value)


def rule_rows(own: TradeRules, given: TradeRules) -> list[RuleRow]:
    """The rows, those of rules that need another one beneath it."""
    whole = given.over(own)
    return [
        RuleRow(
            KEY + rule.name, _label(rule), rule.group, _shown(rule, getattr(whole, rule.name)), _spec(rule),
            getattr(given, rule.name) is not None,
        )
        for rule in shown(own, given)
    ]  # fmt: skip


def value_in(row: RuleRow, rules: TradeRules) -> Any:
    """What the row shows of other rules, which are whole."""
    name = row.spec.name
    return _shown(rule_of(name, rules), getattr(rules, name))


def usual_value(key: str, own: TradeRules, whole: TradeRules) -> Any:
    """What the row would show if nothing had been said, in the unit of the screen. `whole`: the rules as they hold, by
    which a size means what it means."""
    name = key.removeprefix(KEY)
    rule, unsaid = rule_of(name, whole), TradeRules(size_rule=whole.size_rule).over(own)
    return _shown(rule, getattr(unsaid, name) or rule.usual)


def with_rule(own: TradeRules, given: TradeRules, key: str, value: Any) -> TradeRules:
    """`given` with the row's value, which is in the unit of the screen. Raises `Refused` with a sentence."""
    name = key.removeprefix(KEY)
    rule = rule_of(name, given.over(own))
    if rule.kind == "fraction":
        value = fraction_of(value)
    elif rule.kind == "steps":
        value = steps_of(value)
    return put(given, own, name, value)


def typed_rule(row: RuleRow, text: str) -> Any:
    """The value that was typed. Raises `Refused` with a sentence."""
    if row.spec.kind == "text":
        steps_of(text)
    elif text.strip().lower() in ("off", "none", "at once"):
        text = "0"
    return typed_value(text, row.spec, row.label.strip())


def steps_of(text: str) -> tuple[tuple[int, float], ...]:
    """The ROI table of "0:4 30:1", gains in percent. Raises `Refused`."""
    if text.strip().lower() in ("", "none", "-", "–", "0"):
        return ()
    found = []
    for word in text.replace(",", " ").split():
        bars, colon, gain = word.partition(":")
        try:
            if not colon:
                raise ValueError(word)
            found.append((int(bars), fraction_of(float(gain.rstrip("%")))))
        except ValueError:
            raise Refused(f"A ROI table is bars:gain in percent, as 0:4 30:1; {word!r} is not.") from None
    try:
        check(TradeRules(roi=tuple(found)))
    except ValueError as error:
        raise Refused(str(error)) from None
    return tuple(found)


def _shown(rule: Rule, value: Any) -> Any:
    if rule.kind == "fraction":
        return percent_of(value)
    if rule.kind == "steps":
        return " ".join(f"{bars}:{percent_of(gain):g}" for bars, gain in value) or "none"
    return value


def _label(rule: Rule) -> str:
    unit = " %" if rule.kind == "fraction" else ""
    beneath = "· " if rule.needs or rule.name in ("size", "size_cap", "size_length") else ""
    return f"{beneath}{rule.label}{unit}"


def _spec(rule: Rule) -> ParameterSpec:
    words = rule.help
    if rule.kind == "choice":
        return ParameterSpec(rule.name, "choice", "equity", choices=rule.choices, help=words)
    if rule.kind == "steps":
        return ParameterSpec(rule.name, "text", "none", help=words)
    if rule.kind == "fraction":
        low, high, step = percent_of(rule.low), percent_of(rule.high), percent_of(rule.step)
        return ParameterSpec(rule.name, "float", 0.0, low, high, step, help=f"{words}, in percent")
    kind = "int" if rule.kind == "whole" else "float"
    return ParameterSpec(rule.name, kind, 0, rule.low, rule.high, rule.step, help=words)
