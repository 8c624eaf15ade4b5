"""Two ways in which a strategy fools its author: it looks ahead, or its signals depend on where the data begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Candles
from workstation.strategies.contract import SignalStrategy

_NAMES = ((1, "long entry"), (2, "long exit"), (4, "short entry"), (8, "short exit"))


@dataclass(frozen=True, slots=True)
class Finding:
    """`bar` is the first one whose signals differ, `signals` which of them; `sentence` says it to the trader."""

    caught: bool
    sentence: str
    bar: int | None = None
    signals: tuple[str, ...] = ()


def looks_ahead(make: Callable[[], SignalStrategy], candles: Candles, cuts: int = 20, seed: int = 0) -> Finding:
    """Signals of truncated data against those of all data: a bar that changes when later bars are taken away used them.

    `make` gives a fresh strategy each time. The cuts are spread over the series, with a few at random between.
    """
    whole = make().codes(candles)
    n = len(candles)
    rng = np.random.default_rng(seed)
    places = {*np.linspace(2, n - 1, cuts).astype(int).tolist(), *rng.integers(2, max(n, 3), cuts).tolist()}
    # The decisions themselves tell most: cut right behind some of them.
    places |= {int(bar) + 1 for bar in rng.permutation(np.flatnonzero(whole))[:cuts] if bar + 1 >= 2}
    for cut in sorted(place for place in places if 2 <= place < n):
        part = make().codes(candles.slice(0, cut))
        if (found := _difference(part, whole[:cut])) is not None:
            bar, names = found
            return Finding(
                True,
                f"It looks ahead: without the bars after {cut - 1:,} its {', '.join(names)} of bar {bar:,} is another.",
                bar,
                names,
            )
    return Finding(False, "No signal depends on bars after its own.")


def unstable_warm_up(make: Callable[[], SignalStrategy], candles: Candles, allowed: int = 500) -> Finding:
    """Signals of data that begin later against those of all data: they must be the same after `allowed` bars.

    Live, a strategy sees a limited history: one whose signals still depend on where it began trades otherwise there.
    """
    whole, n = make().codes(candles), len(candles)
    worst, bar, names = 0, None, tuple[str, ...]()
    for start in (n // 8, n // 4, n // 2):
        part = make().codes(candles.slice(start, n))
        later = np.flatnonzero(part != whole[start:])
        if len(later) and int(later[-1]) + 1 > worst:
            worst, bar = int(later[-1]) + 1, start + int(later[-1])
            names = _names(int(part[later[-1]] ^ whole[bar]))
    if worst > allowed:
        return Finding(
            True,
            f"Its warm-up is unstable: signals still differ {worst:,} bars after the data begin ({', '.join(names)}).",
            bar,
            names,
        )
    return Finding(False, f"Its signals do not depend on where the data begin after {worst:,} bars.")


def _difference(part: np.ndarray, whole: np.ndarray) -> tuple[int, tuple[str, ...]] | None:  # type: ignore[type-arg]
    wrong = np.flatnonzero(part != whole)
    return None if len(wrong) == 0 else (int(wrong[0]), _names(int(part[wrong[0]] ^ whole[wrong[0]])))


def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in _NAMES if bits & bit)
