"""Judgements of a result in words: one text for the page and for the command line. Numbers in, words out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

#: Fewer trades tell nothing of skill.
FEW_TRADES = 30
#: From this probability on a result counts as more than luck.
BEATS_LUCK = 0.95
_LOOKS_AHEAD = "Looks ahead"
#: The worst is read first.
ORDER = {"bad": 0, "warning": 1, "unknown": 2, "good": 3}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement in words. `level`: "good", "warning", "bad" or "unknown"; `head` is one or two words."""

    level: str
    head: str
    text: str

    def as_json(self) -> dict[str, str]:
        """As `--json` prints it."""
        return {"level": self.level, "head": self.head, "says": self.text}


_NAMES = {"sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "calmar": "Calmar ratio", "sqn": "SQN"}


def figure_words(name: str) -> str:
    """A figure in a sentence: names of people keep their capitals."""
    return _NAMES.get(name, name.removesuffix("_pct").replace("_", " "))


class Found(Protocol):
    """What a detector found; see `detectors.Finding`."""

    @property
    def caught(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda one: ORDER[one.level])


def detected(findings: Mapping[str, Found]) -> list[Verdict]:
    """What the detectors found: "look-ahead" and "warm-up"."""
    ahead, warm = findings["look-ahead"], findings["warm-up"]
    return [
        Verdict("bad" if ahead.caught else "good", _LOOKS_AHEAD if ahead.caught else "No look-ahead", ahead.sentence),
        Verdict(
            "bad" if warm.caught else "good", "Unstable warm-up" if warm.caught else "Stable warm-up", warm.sentence
        ),
    ]


def no_proof(found: Iterable[Verdict]) -> Verdict | None:
    """In place of a judgement of its skill, where a strategy was found to look ahead."""
    if all(one.head != _LOOKS_AHEAD for one in found):
        return None
    return Verdict("unknown", "No verdict", "What it won by looking ahead says nothing of skill: no market lets it.")


def beats_luck(chance: float, tried: int, trades: int | None = None) -> Verdict:
    """The deflated Sharpe ratio as a judgement: the more was tried, the better the best must be. `chance` is NaN where
    the account never moved; `trades` None where they were not counted."""
    if not math.isfinite(chance):
        return Verdict("unknown", "No verdict", "The account never moved: there is nothing to judge.")
    sets = "one set of parameters" if tried == 1 else f"{tried:,} sets of parameters"
    text = (
        f"With {sets} tried, the chance that this beats luck is {math.floor(100 * chance)} % (deflated Sharpe ratio)."
    )
    if trades is not None and trades < FEW_TRADES:
        count = "One trade is" if trades == 1 else f"{trades} trades are"
        return Verdict("warning", "Too few trades", f"{count} too few to tell skill from luck. {text}")
    if chance >= BEATS_LUCK:
        return Verdict("good", "Beats luck", text)
    return Verdict("warning" if chance >= 0.5 else "bad", "May be luck" if chance >= 0.5 else "Luck", text)


def neighbours(losing: float, gained: float) -> Verdict:
    """Whether a result hangs on its very numbers: the share of runs with parameters nearby that lose."""
    text = f"With every number moved by up to 10 %, {100 * losing:.0f} % of the runs lose."
    if gained <= 0:
        return Verdict("unknown", "No gain", text)
    if losing <= 0.1:
        return Verdict("good", "Neighbours gain", text)
    return Verdict("warning" if losing <= 0.5 else "bad", "Hangs on its numbers", text)
