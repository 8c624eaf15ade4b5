"""On what terms a backtest trades: the account, what trading costs, and what is believed of the inside of a bar. One
declaration for the command line's options, the rows of the Backtest page's form, and stored runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Inside a bar that reaches stop and target, in the order of `Costs.path`.
PATHS = ("pessimistic", "optimistic", "adaptive")


@dataclass(frozen=True, slots=True)
class Term:
    """The declaration of one term. `kind`: "number", "fraction" (0.001 is 0.1 %), "rates" (a fraction, or a file of
    recorded ones) or "choice". `usual`: what holds where nothing is said. `needs`: it means nothing while that one has
    its usual value. `lacks`: the engines that have none of it, "native" for a strategy of backtesting.py's own;
    `missing` says it. `example`: a fraction to explain; `unsaid`: what holds where nothing is said, if no number."""

    name: str
    label: str
    kind: str
    help: str
    usual: Any
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    choices: tuple[str, ...] = ()
    needs: str = ""
    lacks: tuple[str, ...] = ()
    missing: str = ""
    example: float = 0.001
    unsaid: str = ""

    @property
    def option(self) -> str:
        """As the command line has it."""
        return "--" + self.name.replace("_", "-")


TERMS = (
    Term("cash", "Money", "number", "Money at the start", 10_000.0, 1, 1e12, 1_000),
    Term("fee", "Fee", "fraction", "Fee of the traded value, on both sides", 0.0, 0, 0.05, 0.0001),
    Term("slippage", "Slippage", "fraction", "Part of the price, against the trader", 0.0, 0, 0.05, 0.0001),
    Term("leverage", "Leverage", "number", "Most exposure of the equity; a size above 100 % uses it", 1.0, 1,
         500, 0.5),
    Term("maintenance", "Maintenance", "fraction", "Margin of the value, below it all is closed", 0.0,
         0, 0.99, 0.005, lacks=("native",), missing="no maintenance margin"),
    Term("funding", "Funding", "rates", "Paid by longs each interval; or a file of rates", 0.0, -0.99,
         0.99, 0.00005, lacks=("native",), missing="no funding"),
    Term("funding_hours", "every, hours", "number", "Interval of the funding rate", 8.0, 0.25, 8_760, 1,
         needs="funding"),
    Term("path", "In a bar", "choice", "What comes first inside a bar that reaches both: the stop (pessimistic), the "
         "target (optimistic) or the nearer (adaptive)", "pessimistic", choices=PATHS, lacks=("backtesting", "native"),
         missing="the pessimistic path only"),
)  # fmt: skip
#: Of several instruments on one account.
SHARE = Term("share", "Share", "fraction", "Part of the equity for each instrument", 0.0, 0, 500, 0.05,
             example=0.25, unsaid="equal parts")  # fmt: skip
BY_NAME = {term.name: term for term in TERMS}
#: Those that every run has; of the others only what is unusual is worth a word.
_PLAIN = ("cash", "fee", "slippage")


def terms_in(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a stored run, by name; those of which it says nothing as usual."""
    return {term.name: stored.get(term.name, term.usual) for term in (*TERMS, SHARE)}


def changed(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The terms that are not as usual and mean something."""
    return tuple(
        term.name
        for term in TERMS
        if said[term.name] != term.usual and (not term.needs or said[term.needs] != BY_NAME[term.needs].usual)
    )


def refusal(engine: str, names: Iterable[str]) -> str:
    """What an engine says of those of the named terms that it lacks; nothing where it has them all."""
    missing = [BY_NAME[name].missing for name in names if engine in BY_NAME[name].lacks]
    if not missing:
        return ""
    words = " and ".join(missing)
    if engine == "native":
        return f"backtesting.py knows {words} for its own strategies."
    return f"The engine {engine} knows {words}: choose fast or event."


def in_words(said: Mapping[str, Any]) -> tuple[str, ...]:
    """What is unusual about the terms beyond money, fee and slippage, each in two or three words."""
    shares = (f"{100 * share:.6g} % each",) if (share := said.get("share", 0.0)) else ()
    words = {
        "leverage": f"leverage {said['leverage']:g}",
        "maintenance": f"maintenance {100 * said['maintenance']:.6g} %",
        "funding": _funding_words(said),
        "path": f"{said['path']} path",
    }
    return (*shares, *(words[name] for name in changed(said) if name in words))


def _funding_words(said: Mapping[str, Any]) -> str:
    rate = said["funding"]
    if isinstance(rate, str):
        return f"funding of {rate.replace(chr(92), '/').rpartition('/')[2]}"
    return f"funding {100 * rate:.6g} % / {said['funding_hours']:g} h"
