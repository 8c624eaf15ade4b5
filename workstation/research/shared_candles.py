"""The candles of several instruments that share one account, as one series: whatever takes candles takes these."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from workstation.market.candles import MEMO_BYTES, Candles, Floats, Ints, Memo
from workstation.research.costs import BacktestError, Costs


@dataclass(frozen=True, eq=False)
class SharedCandles(Candles):
    """Prices are an index: what holding all instruments in equal parts from the first bar of each would have been, on
    the times of all bars. Behind it stand the instruments: `sets` by name, in the order in which they are traded, and
    `shares`, the part of the equity that each one's sizes are reckoned with. Made by `on_one_account`."""

    sets: Mapping[str, Candles] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> dict[str, Ints]:
        """Where the bars of each instrument lie among the times of all."""
        return {
            name: self.memo.get(("steps", name), lambda one=one: np.searchsorted(self.time, one.time))  # type: ignore[misc]
            for name, one in self.sets.items()
        }

    def slice(self, start: int, stop: int) -> SharedCandles:
        """Times start (inclusive) to stop (exclusive). An instrument with fewer than two bars there cannot be traded
        and is left out; the others keep their shares."""
        limit, sets = MEMO_BYTES // max(len(self.sets), 1), dict[str, Candles]()
        for name, steps in self.steps.items():
            first, last = (int(place) for place in np.searchsorted(steps, (start, min(stop, len(self)))))
            if last - first >= 2:
                sets[name] = replace(self.sets[name].slice(first, last), memo=Memo(limit))
        part = slice(start, stop)
        columns = {name: getattr(self, name)[part] for name in ("time", "open", "high", "low", "close", "volume")}
        return replace(self, **columns, memo=Memo(), sets=sets)

    def fingerprint(self) -> str:
        """A digest of every number of every instrument, and of their shares."""
        told = [f"{one.fingerprint()} {self.shares[name]!r}" for name, one in self.sets.items()]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def check(self, costs: Costs) -> None:
        """Raises `BacktestError` for a share that the leverage does not carry, and for the recorded funding of one
        instrument where there are several."""
        if costs.recorded is not None and len(self.shares) > 1:
            raise BacktestError("Recorded funding is of one instrument: several have a rate, or none.")
        for name, share in self.shares.items():
            if not 0 < share <= costs.leverage:
                raise BacktestError(f"The share of {name} must be above zero and no more than the leverage.")


def refuse_several(candles: Candles) -> None:
    """Raises `BacktestError` for several instruments, where only one can be run: the index is nothing to trade."""
    if isinstance(candles, SharedCandles):
        raise BacktestError("Several instruments share one account in `run_shared` and in the engine fast only.")


def on_one_account(sets: Mapping[str, Candles], shares: Mapping[str, float] | float | None = None) -> SharedCandles:
    """Candles by the instruments' names; `shares` are equal parts where nothing is said. What is worked out on them is
    kept within the bounds of one series. Raises `BacktestError`."""
    if not sets:
        raise BacktestError("A backtest needs candles.")
    for name, one in sets.items():
        if len(one) < 2:
            raise BacktestError(f"A backtest needs two bars at least of each instrument; {name} has {len(one)}.")
    if not isinstance(shares, Mapping):
        shares = dict.fromkeys(sets, shares or 1 / len(sets))
    time: Ints = np.unique(np.concatenate([one.time for one in sets.values()]))
    levels, name = _index(sets, time), ", ".join(sets)
    limit = MEMO_BYTES // len(sets)
    return SharedCandles(
        time, levels, levels, levels, levels, np.zeros(len(time)), name,
        sets={key: replace(one, memo=Memo(limit)) for key, one in sets.items()},
        shares={key: shares.get(key, 0.0) for key in sets},
    )  # fmt: skip


def _index(sets: Mapping[str, Candles], time: Ints) -> Floats:
    """100 at the start. An instrument that is not there yet is money that waits."""
    levels: Floats = np.zeros(len(time))
    for one in sets.values():
        held = np.full(len(time), np.nan)
        held[np.searchsorted(time, one.time)] = one.close / one.close[0]
        known = np.maximum.accumulate(np.where(np.isnan(held), -1, np.arange(len(time))))
        levels += np.where(known < 0, 1.0, held[np.maximum(known, 0)])
    return levels * (100 / len(sets))
