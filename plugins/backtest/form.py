"""The form: candles, strategy, money, costs, a row for every parameter that the strategy declares, and its rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from plugins.backtest.terms import SPECS, kept_terms, label_of, of_stored, shown_terms, stored, text_of, typed_term
from screens.parameters import fitting, fraction_of, help_of, stepped, typed, typed_text, value_text
from screens.rule_rows import RuleRow, rule_rows, typed_rule, with_rule
from workstation.domain.backtest_terms import SHARE, Term
from workstation.domain.trade_rules import PLAIN, UNCHANGED, TradeRules, check
from workstation.research.bench.messages import Offer, ParameterSpec, StrategyChoice
from workstation.research.bench.setup import Setup, names_of

_ENGINES = ("fast", "event", "backtesting")
_ENGINE = ParameterSpec(
    "engine", "choice", "fast", choices=_ENGINES,
    help="What runs it: fast is compiled, event goes order by order, backtesting is backtesting.py",
)  # fmt: skip
_SHARED_ENGINE = ParameterSpec(
    "engine", "choice", "event", choices=("event",), help="Several instruments share an account in this one alone"
)


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the form. `spec` says how it is stepped; None for what is picked from a list."""

    key: str
    label: str
    value: Any
    spec: ParameterSpec | None = None
    parameter: bool = False
    rule: RuleRow | None = None
    term: Term | None = None

    @property
    def text(self) -> str:
        if self.term is not None:
            return text_of(self.term, self.value)
        return value_text(self.value) if self.rule is None else self.rule.text

    @property
    def typed(self) -> str:
        """What the dialog of the row begins with."""
        return typed_text(self.value)

    @property
    def help(self) -> str:
        if self.key == "candles" and self.spec is None:
            return "Enter picks from the list, Tab several"
        if self.spec is None:
            return "Enter picks from the list"
        return help_of(self.spec)


class Form:
    """What the trader has chosen; `setup` is what is run. `values` is remembered between starts (JSON values)."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        given = dict(values or {})
        self.candles = str(given.get("candles", "GOOG"))
        beside = given.get("beside")
        #: Candles of further instruments.
        self.beside = tuple(str(one) for one in beside) if isinstance(beside, list | tuple) else ()
        self.strategy = str(given.get("strategy", "sma_cross"))
        self.engine = given.get("engine") if given.get("engine") in _ENGINES else "fast"
        #: Values of the screen by the terms' names.
        self.terms = kept_terms(given)
        self.rules = _rules_of(given)
        params = given.get("params")
        #: Parameters by strategy: who comes back to one finds it as it was left.
        self.kept: dict[str, dict[str, Any]] = (
            {str(name): dict(one) for name, one in params.items() if isinstance(one, dict)}
            if isinstance(params, dict)
            else {}
        )
        turned = given.get("searched")
        #: Rows by strategy that a search treats otherwise than usual; see `moves`.
        self._turned: dict[str, set[str]] = (
            {str(name): {str(key) for key in one} for name, one in turned.items() if isinstance(one, list)}
            if isinstance(turned, dict)
            else {}
        )
        self.offer: Offer | None = None
        self.cursor = 0

    @property
    def values(self) -> dict[str, Any]:
        return {
            "candles": self.candles, "beside": list(self.beside), "strategy": self.strategy, "engine": self.engine,
            **self.terms,
            "params": self.kept, "rules": self.rules.given,
            "searched": {name: sorted(keys) for name, keys in self._turned.items() if keys},
        }  # fmt: skip

    @property
    def choice(self) -> StrategyChoice | None:
        """The chosen strategy as it was offered."""
        if self.offer is None:
            return None
        return next((one for one in self.offer.strategies if one.name == self.strategy), None)

    @property
    def params(self) -> dict[str, Any]:
        """Every parameter of the strategy with its value; what is kept but fits no longer counts as the default."""
        choice = self.choice
        kept = self.kept.get(self.strategy, {})
        if choice is None:
            return dict(kept)
        return {spec.name: fitting(kept.get(spec.name, spec.default), spec) for spec in choice.parameters}

    @property
    def setup(self) -> Setup:
        return Setup(
            self.strategy, self.candles, self.params, "event" if self.shared else self.engine or "fast",
            rules=self.rules if self._own is not None else UNCHANGED, beside=self.beside, **stored(self.terms),
        )  # fmt: skip

    @property
    def sets(self) -> tuple[str, ...]:
        """What names the candles, of every instrument."""
        return (self.candles, *self.beside)

    @property
    def shared(self) -> bool:
        """Whether several instruments share the account; a pair is traded as one."""
        return bool(self.beside) and not (self.choice is not None and self.choice.pair)

    @property
    def _own(self) -> TradeRules | None:
        """The strategy's own rules; None for one without signals of ours, which has none to be changed."""
        choice = self.choice
        return PLAIN if choice is None else choice.rules if choice.sweeps else None

    @property
    def whole_rules(self) -> TradeRules:
        """Every rule as it holds: the strategy's own, and in its place what was given."""
        return self.rules.over(self.own_rules)

    @property
    def own_rules(self) -> TradeRules:
        """Every rule as the strategy has it."""
        return self._own or PLAIN

    def fields(self) -> list[Field]:
        choice = self.choice
        rows = [
            Field("candles", "Candles", " + ".join(names_of(self.sets))),
            *([self._term(SHARE)] if self.shared else []),
            Field("strategy", "Strategy", choice.title if choice is not None else self.strategy),
        ]
        if self.offer is None:
            return rows  # what a strategy has is not known yet: no row may move away under the cursor
        params = self.params
        for spec in choice.parameters if choice is not None else ():
            rows.append(Field(spec.name, spec.name.replace("_", " "), params[spec.name], spec, parameter=True))
        rows += [self._term(term) for term in shown_terms(self.terms)]
        if choice is not None and choice.sweeps:
            engine = ("event", _SHARED_ENGINE) if self.shared else (self.engine, _ENGINE)
            rows.append(Field("engine", "Engine", *engine))
            rows += [Field(row.key, row.label, row.value, row.spec, rule=row) for row in self._rule_rows()]
        return rows

    @property
    def turned(self) -> set[str]:
        """The rows of the chosen strategy that a search treats otherwise than usual."""
        return self._turned.get(self.strategy, set())

    def moves(self, field: Field) -> bool:
        """Whether a search moves the row: usually every parameter but the direction, and no rule."""
        return (field.parameter and field.key != "direction") != (field.key in self.turned)

    def turn(self, field: Field) -> None:
        """Let a search move the row, or leave it alone."""
        self._turned[self.strategy] = self.turned ^ {field.key}

    def _term(self, term: Term) -> Field:
        return Field(term.name, label_of(term), self.terms[term.name], SPECS[term.name], term=term)

    def _rule_rows(self) -> list[RuleRow]:
        return rule_rows(self.own_rules, self.rules)

    @property
    def field(self) -> Field:
        rows = self.fields()
        self.cursor = max(0, min(self.cursor, len(rows) - 1))
        return rows[self.cursor]

    def move(self, by: int) -> None:
        self.cursor = max(0, min(self.cursor + by, len(self.fields()) - 1))

    def step(self, by: int) -> bool:
        """Step the field under the cursor; whether anything changed."""
        field = self.field
        if field.spec is not None:
            recorded = field.term is not None and field.spec.kind == "float" and isinstance(field.value, str)
            return self._put(field, stepped(0.0 if recorded else field.value, field.spec, by))
        if self.offer is None or (field.key == "candles" and self.beside):
            return False  # a set that was put together is not lost by a step
        names = (
            [one.spec for one in self.offer.candles]
            if field.key == "candles"
            else [one.name for one in self.offer.strategies if one.error is None]
        )
        if not names:
            return False
        now = self.candles if field.key == "candles" else self.strategy
        at = names.index(now) + by if now in names else 0
        found = names[max(0, min(at, len(names) - 1))]
        if found == now:
            return False
        self.pick(field.key, found)
        return True

    def pick(self, key: str, name: str) -> None:
        """Choose candles (several are joined by " + ") or a strategy; the cursor stays with its row."""
        if key == "candles":
            self.pick_candles([part.strip() for part in name.split(" + ") if part.strip()])
        else:
            self.strategy = name

    def pick_candles(self, sets: Sequence[str]) -> None:
        """Choose candles, of several instruments where there are more than one."""
        self.candles, *beside = dict.fromkeys(sets)
        self.beside = tuple(beside)

    def type(self, text: str) -> bool:
        """Take what was typed into the field under the cursor. Raises `Refused` with a sentence."""
        field = self.field
        spec = field.spec
        if spec is None:
            self.pick(field.key, text.strip())
            return True
        if field.rule is not None:
            return self._put(field, typed_rule(field.rule, text))
        return self._put(field, typed(text, spec, field.label) if field.term is None else typed_term(field.term, text))

    def put_params(self, params: Mapping[str, Any]) -> None:
        """Take parameters from elsewhere (a cell of a sweep, a stored run)."""
        self.kept[self.strategy] = dict(params)

    def restore(self, setup: Setup) -> None:
        """Take everything from a stored run."""
        self.strategy, self.candles = setup.strategy, setup.candles
        if not setup.beside:
            self.engine = setup.engine
        self.beside, self.rules = setup.beside, setup.rules
        self.terms = of_stored(setup.terms | {"share": setup.share})
        self.put_params(setup.params)

    def default(self) -> bool:
        """Put parameters and rules back to what the strategy declares."""
        before = self.params, self.rules
        self.kept.pop(self.strategy, None)
        self.rules = UNCHANGED
        return (self.params, self.rules) != before

    def _put(self, field: Field, value: Any) -> bool:
        if value == field.value:
            return False
        if field.rule is not None:
            self.rules = with_rule(self.own_rules, self.rules, field.key, value)
        elif field.parameter:
            self.kept[self.strategy] = {**self.params, field.key: value}
        elif field.term is not None:
            self.terms[field.key] = value
        else:
            setattr(self, field.key, value)
        return True


def space(spec: ParameterSpec, value: Any, most: int) -> tuple[Any, ...]:
    """At most `most` values for a sweep, in order, the present one among them: the whole range where it is small, else
    from a fifth of the present value to five times of it, of what is off its first steps."""
    if spec.kind == "bool":
        return (False, True)
    if spec.kind == "choice":
        return spec.choices
    here, step = Decimal(repr(value)), Decimal(repr(spec.step))
    low = Decimal(repr(spec.low)) if spec.low is not None else here - 10 * step
    high = Decimal(repr(spec.high)) if spec.high is not None else here + 10 * step
    if (high - low) / step >= most and here > 0:
        low, high = max(low, here / 5), min(high, here * 5)
    elif here == 0 <= low:
        high = min(high, step * (most - 1))  # what is off: from there on upwards
    stride = max(1, math.ceil(((high - low) / step + 1) / most))
    below = int((here - low) / step) // stride
    above = int((high - here) / step) // stride
    found = [here + step * stride * i for i in range(-below, above + 1)][:most]
    return tuple(int(one) if spec.kind == "int" else float(one) for one in found)


def _rules_of(given: Mapping[str, Any]) -> TradeRules:
    """The rules that were kept, those of former versions too; none where they do not fit any more."""
    kept = given.get("rules")
    if kept is None:
        former = {"stop": given.get("stop"), "take_profit": given.get("target"), "trailing": given.get("trailing")}
        kept = {name: fraction_of(value) for name, value in former.items() if isinstance(value, int | float) and value}
    try:
        rules = msgspec.convert(kept, TradeRules)
        check(rules)
    except ValueError:
        return UNCHANGED
    return rules
