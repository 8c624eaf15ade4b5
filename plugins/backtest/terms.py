"""The rows of the form for the terms of a backtest, as `domain.backtest_terms` declares them. Fractions are shown in
percent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from screens.figures import number_in
from screens.parameters import fitting, fraction_of, percent_of, typed, value_text
from workstation.domain.backtest_terms import SHARE, TERMS, Term
from workstation.research.bench.messages import ParameterSpec
from workstation.trading.errors import Refused

#: What the page begins with where that is not the usual.
_FEE = 0.1
#: Endings of files with recorded rates.
_FILES = (".csv", ".parquet", ".feather", ".json")


def spec_of(term: Term) -> ParameterSpec:
    """The row's kind and range, in the unit of the screen."""
    if term.kind == "choice":
        return ParameterSpec(term.name, "choice", term.usual, choices=term.choices, help=term.help)
    if term.kind == "number":
        return ParameterSpec(term.name, "float", term.usual, term.low, term.high, term.step, help=term.help)
    low, high, step = percent_of(term.low), percent_of(term.high), percent_of(term.step)
    words = term.help if term.kind == "rates" else f"{term.help}, in percent"
    return ParameterSpec(term.name, "float", _FEE if term.name == "fee" else 0.0, low, high, step, help=words)


ALL = (*TERMS, SHARE)
SPECS = {term.name: spec_of(term) for term in ALL}


def kept_terms(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the screen by name: those that were kept where they still fit."""
    found = {}
    for name, spec in SPECS.items():
        value = given.get(name, spec.default)
        is_file = name == "funding" and isinstance(value, str) and value
        found[name] = value if is_file else fitting(value, spec)
    return found


def label_of(term: Term) -> str:
    """What the row says."""
    unit = " %" if term.kind in ("fraction", "rates") else ""
    return f"{'· ' if term.needs or term is SHARE else ''}{term.label}{unit}"


def text_of(term: Term, value: Any) -> str:
    """A value as the form shows it."""
    if term.kind == "rates" and isinstance(value, str):
        return PurePath(value).name
    if value == 0 and term.name in ("maintenance", "funding", "share"):
        return "equal parts" if term.name == "share" else "off"
    return value_text(value)


def shown_terms(values: Mapping[str, Any]) -> list[Term]:
    """Those that have a row: one that needs another is hidden while that is off, or recorded."""
    return [
        term
        for term in TERMS
        if not term.needs or (values[term.needs] and not isinstance(values[term.needs], str))
    ]  # fmt: skip


def stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the screen as a run keeps them."""
    return {
        term.name: fraction_of(value) if _in_percent(term, value := values[term.name]) else value for term in ALL
    }  # fmt: skip


def of_stored(terms: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a run as the screen shows them."""
    return {
        term.name: percent_of(value) if _in_percent(term, value := terms[term.name]) else value for term in ALL
    }  # fmt: skip


def typed_term(term: Term, text: str) -> Any:
    """The value that was typed; what is no number is a file where rates may come from one. Raises `Refused`."""
    label, text = label_of(term).strip("· "), text.strip()
    if term.kind != "choice" and text.lower() in ("off", "none", "equal parts"):
        return term.usual
    if term.kind == "rates" and ("/" in text or "\\" in text or text.lower().endswith(_FILES)):
        return text
    number = text.rstrip("%").strip()
    try:
        return typed(number, SPECS[term.name], label)
    except Refused:
        if term.kind != "rates" or number_in(number.lstrip("-−")) is not None:  # a number, and out of range
            raise
        raise Refused(f"{label} is a rate in percent, as 0.01, or a file of rates; {text!r} is neither.") from None


def _in_percent(term: Term, value: Any) -> bool:
    return term.kind in ("fraction", "rates") and not isinstance(value, str)
