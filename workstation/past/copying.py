"""A copy of trading state that shares what never changes: events, orders, fills, amounts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any

import msgspec

_VALUES = (int, float, str, bytes, bool, NoneType, Decimal, tuple, frozenset, Enum)


_known: dict[type[Any], bool] = {}


def _never_changes(kind: type[Any]) -> bool:
    """Values, frozen structs, and tuples, which hold nothing else here."""
    known = _known.get(kind)
    if known is None:
        struct = issubclass(kind, msgspec.Struct)
        known = _known[kind] = bool(kind.__struct_config__.frozen) if struct else issubclass(kind, _VALUES)
    return known


def copied[T](state: T, shared: Iterable[object] = ()) -> T:
    """`state` and all that it holds, each part once, so that two names of one part stay that; `shared` parts are not
    copied. Raises TypeError for what is neither a value, a container nor an object of plain attributes or fields."""
    copy: T = _copy(state, {id(one): one for one in shared})
    return copy


def _copy(one: Any, known: dict[int, Any]) -> Any:
    kind = type(one)
    if _never_changes(kind):
        return one
    if id(one) in known:
        return known[id(one)]
    copy: Any
    if kind in (dict, Counter):
        if all(map(_never_changes, set(map(type, one.values())))):
            copy = known[id(one)] = one.copy()
            return copy
        copy = known[id(one)] = kind()
        for key, value in one.items():
            copy[key] = _copy(value, known)
    elif kind is set:
        copy = known[id(one)] = one.copy()
    elif kind in (list, deque):
        copy = known[id(one)] = one.copy()
        if not all(map(_never_changes, set(map(type, one)))):
            copy.clear()
            copy.extend(_copy(value, known) for value in one)
    elif issubclass(kind, msgspec.Struct):
        fields = kind.__struct_fields__
        copy = known[id(one)] = kind(**{name: _copy(getattr(one, name), known) for name in fields})
    elif hasattr(one, "__dict__") and not callable(one):
        copy = known[id(one)] = object.__new__(kind)
        for name, value in vars(one).items():
            setattr(copy, name, _copy(value, known))
    else:
        raise TypeError(f"a {kind.__name__} cannot be copied with the state of a desk")
    return copy
