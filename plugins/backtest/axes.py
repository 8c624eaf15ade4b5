"""What a sweep can move: a strategy's parameters, and its sizes, exits and protections. On the screen fractions of
rules are in percent; a sweep keeps them as the rules do."""

from __future__ import annotations

from typing import Any

from plugins.backtest.form import Field, Form, space
from plugins.backtest.views import value_short
from screens.parameters import fraction_of, percent_of
from screens.rule_rows import usual_value
from workstation.domain.trade_rules import KEY, TradeRules, rule_of

_NUMBERS = ("int", "float")
#: Values of a rule in a search at most.
SEARCHED = 40


def can_move(field: Field) -> bool:
    """Whether the row's value can be an axis: every parameter, and rules that are numbers or choices."""
    return field.parameter or (field.rule is not None and field.spec is not None and field.spec.kind != "text")


def axes_of(form: Form, marked: list[str]) -> tuple[str, str] | None:
    """The two axes of a sweep: those that were marked, else the first numbers of the strategy."""
    choice = form.choice
    if choice is None or not choice.sweeps:
        return None
    names = [spec.name for spec in choice.parameters if spec.kind in _NUMBERS]
    names += [spec.name for spec in choice.parameters if spec.kind not in _NUMBERS]
    rules = [name for name in marked if name.startswith(KEY)]
    if rules:  # only rows that are there: the rows are made anew each time
        rules = [field.key for field in form.fields() if field.key in rules and can_move(field)]
    chosen = [name for name in marked if name in names or name in rules]
    chosen += [name for name in names if name not in chosen]
    return (chosen[0], chosen[1]) if len(chosen) >= 2 else None


def values_of(form: Form, key: str, most: int) -> tuple[Any, ...]:
    """At most so many values of an axis around what the form says. Raises `KeyError` for a row that there is not."""
    field = next((one for one in form.fields() if one.key == key and can_move(one)), None)
    if field is None or field.spec is None:
        raise KeyError(key)
    return _values(form, field, field.value, most)


def _values(form: Form, field: Field, around: Any, most: int) -> tuple[Any, ...]:
    assert field.spec is not None
    found = space(field.spec, around, most)
    return tuple(fraction_of(value) for value in found) if _in_percent(field.key, form.whole_rules) else found


def can_search(field: Field) -> bool:
    """Whether a search can move the row."""
    return can_move(field) and field.spec is not None and field.spec.kind != "text"


def searched(form: Form) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    """What a search moves beside the strategy's parameters, with its values, and the parameters that it leaves alone.
    The values of a rule lie around the strategy's own, not around what the form says: the best of a search may be
    loaded into the form, and the search goes on."""
    wanted: dict[str, tuple[Any, ...]] = {}
    kept = []
    for field in form.fields():
        if not can_search(field) or field.key not in form.turned:
            continue
        if form.moves(field):
            around = field.value if field.rule is None else usual_value(field.key, form.own_rules, form.whole_rules)
            wanted[field.key] = _values(form, field, around, SEARCHED)
        else:
            kept.append(field.key)
    return wanted, tuple(kept)


def axis_name(key: str, rules: TradeRules) -> str:
    """What an axis is called on the screen; `rules` are all that hold."""
    name = key.removeprefix(KEY).replace("_", " ") if key.startswith(KEY) else key
    return f"{name} %" if _in_percent(key, rules) else name


def axis_text(key: str, value: Any, rules: TradeRules) -> str:
    """A value of an axis on the screen."""
    return value_short(percent_of(value) if _in_percent(key, rules) else value)


def _in_percent(key: str, rules: TradeRules) -> bool:
    return key.startswith(KEY) and rule_of(key.removeprefix(KEY), rules).kind == "fraction"
