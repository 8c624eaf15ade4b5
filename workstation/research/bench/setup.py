"""All that decides a backtest of the page, as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from workstation.domain.backtest_terms import TERMS, in_words
from workstation.domain.trade_rules import UNCHANGED, TradeRules

#: Exits of former versions.
_FORMER = {"stop": "stop", "target": "take_profit", "trailing": "trailing"}
#: What the first stored runs did not have.
_LATER = ("leverage", "maintenance", "funding", "funding_hours", "path", "beside", "share")


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides a result. Fractions, as in `Costs`; `rules` take the place of the strategy's own. `funding` is a
    rate or the file of recorded ones. `beside`: candles of further instruments that share the account, each traded with
    `share` of the equity (0: equal parts); for a strategy that needs a second instrument, that one."""

    strategy: str
    candles: str
    params: dict[str, Any] = field(default_factory=dict)
    engine: str = "fast"
    cash: float = 10_000.0
    fee: float = 0.001
    slippage: float = 0.0
    seed: int = 0
    rules: TradeRules = UNCHANGED
    leverage: float = 1.0
    maintenance: float = 0.0
    funding: float | str = 0.0
    funding_hours: float = 8.0
    path: str = "pessimistic"
    beside: tuple[str, ...] = ()
    share: float = 0.0

    @property
    def sets(self) -> tuple[str, ...]:
        """What names the candles, of every instrument."""
        return (self.candles, *self.beside)

    @property
    def on(self) -> str:
        """The candles in a title."""
        return " + ".join(names_of(self.sets)) if self.beside else self.candles

    @property
    def terms(self) -> dict[str, Any]:
        """The terms by name (`domain.backtest_terms`), but for the share."""
        return {term.name: getattr(self, term.name) for term in TERMS}

    @property
    def words(self) -> tuple[str, ...]:
        """What is unusual about the terms."""
        return in_words(self.terms | {"share": self.share if self.beside else 0.0})

    @property
    def stored(self) -> dict[str, Any]:
        """As the store keeps it. What came later than the first runs is kept only where it is said: a run that is made
        again is the same run."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        for one in fields(self):
            if one.name in _LATER and getattr(self, one.name) == one.default:
                del found[one.name]
        return found

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Setup:
        """From the store, of former versions too, which had three exits only."""
        found = dict(stored)
        before = {name: found.pop(old, 0) for old, name in _FORMER.items()}
        found.setdefault("rules", {name: value for name, value in before.items() if value})
        return msgspec.convert(found, cls)


def names_of(sets: Sequence[str]) -> tuple[str, ...]:
    """What the instruments are called: a file by its name, if no other is called so."""
    short = [Path(spec).stem if Path(spec).suffix and ":" not in spec else spec for spec in sets]
    return tuple(name if short.count(name) == 1 else spec for name, spec in zip(short, sets, strict=True))
