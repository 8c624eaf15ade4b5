"""Rules that are given from outside and the parts of a signal strategy: put on it, and read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from workstation.domain.trade_rules import PLAIN, TradeRules, check, put_all
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.exits import Exits
from workstation.strategies.parameters import ParameterError
from workstation.strategies.protections import Protections
from workstation.strategies.sizing import SizeKind, Sizing

_EXITS = tuple(one.name for one in fields(Exits))
_PROTECTIONS = tuple(one.name for one in fields(Protections))
_RULES = {SizeKind.VALUE: "value", SizeKind.UNITS: "units", SizeKind.STOP: "risk", SizeKind.KELLY: "kelly"}
_ATRS = 2.0  # of `Sizing.atr`, whose amount is the fraction of equity at one average true range


def put_on(rules: TradeRules, strategy: SignalStrategy) -> None:
    """Let the strategy trade by `rules` where they say something. Raises `ParameterError` with a sentence."""
    if not (said := rules.given):
        return
    try:
        whole = check(rules, own_rules(strategy))
    except ValueError as error:  # what holds may hang on the parameters: of a sweep only these combinations go
        raise ParameterError(str(error)) from None
    strategy.exits = replace(strategy.exits, **{name: getattr(whole, name) for name in _EXITS if name in said})
    strategy.protections = replace(
        strategy.protections, **{name: getattr(whole, name) for name in _PROTECTIONS if name in said}
    )
    if any(name.startswith("size") for name in said):
        strategy.sizing = _sizing(strategy.sizing, rules, whole)


def put_swept(rules: TradeRules, strategy: SignalStrategy, values: Mapping[str, Any]) -> None:
    """As `put_on`, with single rules in place of those of `rules`: what is switched on brings its partners, what is
    switched off takes them along."""
    put_on(put_all(rules, own_rules(strategy), values) if values else rules, strategy)


def own_rules(strategy: SignalStrategy) -> TradeRules:
    """What a strategy brings itself, every one of them."""
    parts = {name: getattr(strategy.exits, name) for name in _EXITS}
    parts |= {name: getattr(strategy.protections, name) for name in _PROTECTIONS}
    return TradeRules(**parts, **_size_of(strategy.sizing))


def _size_of(sizing: Sizing) -> dict[str, Any]:
    rule = sizing.source or _RULES.get(sizing.kind, "equity")
    amount = sizing.fraction if rule == "kelly" else sizing.amount * (_ATRS if rule == "atr" else 1)
    return {"size_rule": rule, "size": amount, "size_cap": sizing.cap, "size_length": sizing.length}


def _sizing(own: Sizing, rules: TradeRules, whole: TradeRules) -> Sizing:
    amount, cap, length = whole.size, whole.size_cap, whole.size_length
    assert amount is not None
    assert cap is not None
    assert length is not None
    if rules.size_rule is None:  # its own rule with other numbers: what it has besides stays
        if own.kind is SizeKind.KELLY:
            return replace(own, fraction=amount, cap=cap, length=length)
        return replace(own, amount=amount / (_ATRS if own.source == "atr" else 1), cap=cap, length=length)
    match rules.size_rule:
        case "value":
            return Sizing.value(amount)
        case "units":
            return Sizing.units(amount)
        case "risk":
            return Sizing.risk_to_stop(amount)
        case "atr":
            return Sizing.atr(amount, _ATRS, length)
        case "volatility":
            return Sizing.volatility_target(amount, length, cap)
        case "kelly":
            return Sizing.kelly(amount, cap, least_trades=length)
        case _:
            return Sizing.equity(amount)


def offered_rules(cls: type[SignalStrategy]) -> TradeRules:
    """What a class brings with its default parameters; what a plain strategy has where it cannot be made."""
    try:
        return own_rules(cls())
    except Exception:
        return PLAIN
