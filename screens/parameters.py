"""Parameters of a strategy on the screen: stepped by keys, typed, and shown; what the strategy declares decides."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from screens.figures import field_text, shown, typed_signed
from workstation.research.bench.messages import ParameterSpec
from workstation.trading.errors import Refused

_BOOLS = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


def stepped(value: Any, spec: ParameterSpec, by: int) -> Any:
    """A value some steps on, within the range of its parameter; choices go round."""
    if spec.kind == "bool":
        return not value
    if spec.kind == "choice":
        return spec.choices[(spec.choices.index(value) + by) % len(spec.choices)] if value in spec.choices else value
    if spec.kind == "text":
        return value
    moved = Decimal(repr(value)) + Decimal(repr(spec.step)) * by
    if spec.low is not None:
        moved = max(moved, Decimal(repr(spec.low)))
    if spec.high is not None:
        moved = min(moved, Decimal(repr(spec.high)))
    return int(moved) if spec.kind == "int" else float(moved)


def typed(text: str, spec: ParameterSpec, label: str) -> Any:
    """The value that the trader typed. Raises `Refused` with a sentence."""
    if spec.kind in ("int", "float"):
        value = float(typed_signed(text, spec.name))
        if spec.kind == "int" and value != int(value):
            raise Refused(f"{label} is a whole number, not {text.strip()}.")
        low, high = spec.low, spec.high
        if (low is not None and value < low) or (high is not None and value > high):
            raise Refused(f"{label} goes from {low:g} to {high:g}, not {value:g}.")
        return int(value) if spec.kind == "int" else value
    if spec.kind == "bool":
        on = _BOOLS.get(text.strip().lower())
        if on is None:
            raise Refused(f"{label} is on or off.")
        return on
    if spec.kind == "choice" and text.strip() not in spec.choices:
        raise Refused(f"{label} is one of {', '.join(spec.choices)}.")
    return text.strip()


def fitting(value: Any, spec: ParameterSpec) -> Any:
    """A value that was kept, or the default where it does not fit the parameter any more."""
    if spec.kind == "choice":
        return value if value in spec.choices else spec.default
    if spec.kind in ("int", "float"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return spec.default
        inside = (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high)
        whole = spec.kind != "int" or value == int(value)
        return (int(value) if spec.kind == "int" else float(value)) if inside and whole else spec.default
    return value if isinstance(value, type(spec.default)) else spec.default


def help_of(spec: ParameterSpec) -> str:
    """What the parameter means, with its range."""
    if spec.low is None or spec.high is None:
        return spec.help
    return f"{spec.help} ({shown(f'{spec.low:g}')} to {shown(f'{spec.high:g}')})"


def value_text(value: Any) -> str:
    """A value as a form shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return shown(f"{value:,.10g}" if value < 1e9 else f"{value:,.0f}")
    return shown(f"{value:,}") if isinstance(value, int) else str(value)


def typed_text(value: Any) -> str:
    """A value as the trader would type it: numbers in his signs without those of thousands, other text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value_text(value)
    return field_text(Decimal(format(Decimal(str(value)), ".12f")))


def percent_of(fraction: float) -> float:
    """A fraction as percent, without the dust of binary floats."""
    return float(Decimal(repr(float(fraction))) * 100)


def fraction_of(percent: float) -> float:
    """Percent as a fraction, without the dust of binary floats."""
    return float(Decimal(repr(float(percent))) / 100)
