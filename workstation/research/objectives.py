"""What a search looks for: figures, sums of them, or a user's own function. More is better in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workstation.research.costs import BacktestError

type Figures = Mapping[str, float]

#: Trades below which `multi_metric` takes a share off.
_ENOUGH_TRADES = 30


@dataclass(frozen=True, slots=True)
class Objective:
    """A name and what it is of a run's figures; NaN and −inf are "worst". `source` is the text of a user's function."""

    name: str
    value: Callable[[Figures], float]
    source: str = ""

    def __call__(self, figures: Figures) -> float:
        found = float(self.value(figures))
        return -math.inf if math.isnan(found) else found


def profit_drawdown(figures: Figures) -> float:
    """Return less the largest drawdown, both in percent of the money at the start and of the peak."""
    return figures["return_pct"] - abs(figures["max_drawdown_pct"])


def multi_metric(figures: Figures) -> float:
    """Gain × quality × calm × evidence: r / (1 + r) of the return r, 2 PF / (1 + PF) of the profit factor, one less the
    largest drawdown, and the trades up to thirty as a share of thirty. A loss counts as the loss that it is."""
    gain = figures["return_pct"] / 100
    if not gain > 0:
        return gain
    factor = figures["profit_factor"]
    quality = 2 * factor / (1 + factor) if math.isfinite(factor) else 2.0  # no losing trade
    calm = 1 + figures["max_drawdown_pct"] / 100
    return gain / (1 + gain) * quality * calm * min(1.0, figures["n_trades"] / _ENOUGH_TRADES)


def _figure(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


def _no_worse_than_flat(figures: Figures) -> float:
    """The largest drawdown as a negative percentage; an account that never traded has no merit in having none."""
    return figures["max_drawdown_pct"] if figures["n_trades"] else -math.inf


OBJECTIVES: Mapping[str, Callable[[Figures], float]] = {
    "sharpe": _figure("sharpe"),
    "sortino": _figure("sortino"),
    "calmar": _figure("calmar"),
    "profit_factor": _figure("profit_factor"),
    "sqn": _figure("sqn"),
    "return_pct": _figure("return_pct"),
    "expectancy": _figure("expectancy"),
    "win_rate_pct": _figure("win_rate_pct"),
    "max_drawdown": _no_worse_than_flat,
    "profit_drawdown": profit_drawdown,
    "multi_metric": multi_metric,
}


def objective(word: str) -> Objective:
    """By its name, or `FILE.py:FUNCTION`: a function of the figures by their names that gives a number, more being
    better. Raises `BacktestError`."""
    if word in OBJECTIVES:
        return Objective(word, OBJECTIVES[word])
    file, colon, name = word.rpartition(":")
    if not colon or not file.endswith(".py"):
        raise BacktestError(f"There is no objective {word!r}: {', '.join(OBJECTIVES)}, or FILE.py:FUNCTION.")
    path = Path(file)
    try:
        source = path.read_text("utf-8")
    except OSError as error:
        raise BacktestError(f"{file} cannot be read: {error.strerror or error}.") from None
    space: dict[str, object] = {"__name__": f"tws_objective_{path.stem}", "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), space)
    except SyntaxError as error:
        raise BacktestError(f"{file}, line {error.lineno}: {error.msg}.") from None
    except Exception as error:
        raise BacktestError(f"{file} cannot be used: {type(error).__name__}: {error}.") from error
    function = space.get(name)
    if not callable(function):
        raise BacktestError(f"{file} has no function {name}.")
    return Objective(name, _checked(word, function), source)


def _checked(word: str, function: Callable[..., object]) -> Callable[[Figures], float]:
    def value(figures: Figures) -> float:
        try:
            return float(function(figures))  # type: ignore[arg-type]
        except Exception as error:
            raise BacktestError(f"The objective {word} raised {type(error).__name__}: {error}.") from error

    return value
