"""Typed parameters of a strategy: they make the form on the screen, the search space and the checks of both.

Declared as class attributes; on an instance the attribute is the value:

    class SmaCross(SignalStrategy):
        fast = Int(10, low=2, high=200, step=1, help="Bars of the fast average")
"""

from __future__ import annotations

import math
from typing import Any, Self, overload
from weakref import WeakKeyDictionary


class ParameterError(Exception):
    """A parameter that the strategy does not have, or a value that it does not take; the text says which."""


class Parameter[T]:
    """One parameter: its name, default, help, and the values that it takes."""

    kind = "value"

    def __init__(self, default: T, *, help: str = "") -> None:
        self.default, self.help, self.name = default, help, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value: T = instance.__dict__.get(self.name, self.default)
        return value

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self.name] = self.parse(value)

    def parse(self, value: Any) -> T:
        """The value from a number, a word of the command line or a field of the form. Raises `ParameterError`."""
        raise NotImplementedError

    def space(self) -> list[T]:
        """Every value of the search space, the default's neighbours included, in order."""
        raise NotImplementedError

    def _wrong(self, value: object, wanted: str) -> ParameterError:
        return ParameterError(f"{self.name} must be {wanted}, not {value!r}.")


class Int(Parameter[int]):
    """A whole number from `low` to `high`, both included, in steps for the search."""

    kind = "int"

    def __init__(self, default: int, *, low: int, high: int, step: int = 1, help: str = "") -> None:
        super().__init__(default, help=help)
        self.low, self.high, self.step = low, high, step

    def parse(self, value: Any) -> int:
        wanted = f"a whole number from {self.low} to {self.high}"
        try:
            number = float(value)
            whole = int(number)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(value, wanted) from None
        if isinstance(value, bool) or whole != number or not self.low <= whole <= self.high:
            raise self._wrong(value, wanted)
        return whole

    def space(self) -> list[int]:
        return list(range(self.low, self.high + 1, self.step))


class Float(Parameter[float]):
    """A number from `low` to `high`, both included, in steps for the search."""

    kind = "float"

    def __init__(self, default: float, *, low: float, high: float, step: float, help: str = "") -> None:
        super().__init__(default, help=help)
        self.low, self.high, self.step = low, high, step

    def parse(self, value: Any) -> float:
        wanted = f"a number from {self.low:g} to {self.high:g}"
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._wrong(value, wanted) from None
        if isinstance(value, bool) or not math.isfinite(number) or not self.low <= number <= self.high:
            raise self._wrong(value, wanted)
        return number

    def space(self) -> list[float]:
        steps = math.floor((self.high - self.low) / self.step + 1e-9)
        return [round(self.low + self.step * i, 12) for i in range(steps + 1)]


class Text(Parameter[str]):
    """A line of words, at most 400 characters. It has no space to search."""

    kind = "text"

    def parse(self, value: Any) -> str:
        text = str(value).strip()
        if len(text) > 400 or not text.isprintable():
            raise self._wrong(value, "a line of at most 400 characters")
        return text

    def space(self) -> list[str]:
        return [self.default]


class Choice(Parameter[str]):
    """One word of a few."""

    kind = "choice"

    def __init__(self, default: str, choices: tuple[str, ...], *, help: str = "") -> None:
        super().__init__(default, help=help)
        self.choices = choices

    def parse(self, value: Any) -> str:
        if value not in self.choices:
            raise self._wrong(value, f"one of {', '.join(self.choices)}")
        return str(value)

    def space(self) -> list[str]:
        return list(self.choices)


class Bool(Parameter[bool]):
    """On or off."""

    kind = "bool"

    def parse(self, value: Any) -> bool:
        words = {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }
        found = words.get(str(value).strip().lower())
        if found is None:
            raise self._wrong(value, "on or off")
        return found

    def space(self) -> list[bool]:
        return [False, True]


_known: WeakKeyDictionary[type, dict[str, Parameter[Any]]] = WeakKeyDictionary()


def parameters_of(cls: type) -> dict[str, Parameter[Any]]:
    """The parameters of a class by name, in order of declaration, those of its bases last. Not to be changed."""
    if (known := _known.get(cls)) is not None:
        return known
    found: dict[str, Parameter[Any]] = {}
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if isinstance(value, Parameter):
                found.setdefault(name, value)
    _known[cls] = found  # whole: other threads read it
    return found
