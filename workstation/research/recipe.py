"""How a strategy of a command is made: by its name or file, so that any process can make it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from workstation.domain.trade_rules import UNCHANGED, TradeRules, apart
from workstation.strategies.contract import SignalStrategy, Strategy, StrategyError
from workstation.strategies.library import find_strategy
from workstation.strategies.trade_rules import put_swept

#: What makes a signal strategy from its parameters: its class, or a recipe.
type Maker = Callable[..., SignalStrategy]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`strategy` is a name or a path; `fixed` parameters may be overridden in the call; `rules` take the place of the
    strategy's own sizes, exits and protections. `version` is the digest of the strategy's source: a worker that has
    another one makes nothing; "" takes what there is."""

    strategy: str
    folder: Path | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    rules: TradeRules = UNCHANGED
    version: str = ""

    def __call__(self, **params: Any) -> Any:
        """A fresh strategy; rules may stand among the parameters by their keys (`trade_rules.KEY`). Raises
        `StrategyError`, and `ParameterError` for rules that do not hold with them too."""
        own, swept = apart(params)
        strategy: Strategy = _class_of(self.strategy, self.folder, self.version)(**{**self.fixed, **own})
        if isinstance(strategy, SignalStrategy):
            put_swept(self.rules, strategy, swept)
        return strategy

    @property
    def parts(self) -> dict[str, Any]:
        """The rules by name: part of what a search is known by."""
        return self.rules.given


@cache
def _class_of(name: str, folder: Path | None, version: str) -> type[Any]:
    cls = find_strategy(name, folder).cls
    if cls is None or not issubclass(cls, Strategy):
        raise StrategyError(f"{name} was written for backtesting.py: it has no parameters of ours.")
    if version and version_of(cls) != version:
        raise StrategyError(
            f"{name} is another version where this worker runs than where the command was given: "
            "give its machine the same file, and do not change it meanwhile."
        )
    return cls


def version_of(cls: type) -> str:
    """The digest of a strategy's source."""
    return hashlib.blake2b(source_of(cls).encode(), digest_size=12).hexdigest()


def source_of(cls: type) -> str:
    """The text of a strategy's module, which is part of what decides its trials."""
    try:
        return inspect.getsource(inspect.getmodule(cls))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return f"{cls.__module__}.{cls.__qualname__}"
