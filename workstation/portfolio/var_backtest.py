"""Has the VaR held? Losses against the VaR of the day before: how often it was exceeded, and whether in clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Bools, Floats
from workstation.portfolio.value_at_risk import historical, moments, normal


@dataclass(frozen=True, slots=True)
class Verdict:
    """`statistic` is a likelihood ratio, `p_value` the chance of one as large if the VaR is right."""

    name: str
    statistic: float
    p_value: float

    @property
    def holds(self) -> bool:
        """Not refuted at 5 %."""
        return self.p_value >= 0.05


@dataclass(frozen=True, slots=True)
class VarBacktest:
    tail: float
    days: int
    exceeded: int
    kupiec: Verdict
    independence: Verdict
    together: Verdict

    @property
    def sentence(self) -> str:
        expected = self.tail * self.days
        begin = f"Exceeded {self.exceeded} times in {self.days}, {expected:.1f} expected"
        if self.days < 100:
            return f"{begin}: too short a time to judge."
        if not self.kupiec.holds:
            return f"{begin}: the VaR is too {'low' if self.exceeded > expected else 'high'}."
        if not self.independence.holds:
            return f"{begin}, but in clusters: the VaR is slow to follow the market."
        return f"{begin}: it holds."


def backtest(profits: Floats, tail: float, window: int = 250, *, parametric: bool = False) -> VarBacktest:
    """The VaR of each period from the `window` periods before it, historical or normal, against what came."""
    hits = []
    for now in range(window, len(profits)):
        past = profits[now - window : now]
        if parametric:
            mean, deviation, _, _ = moments(past)
            var = normal(mean, deviation, tail)[0]
        else:
            var = historical(past, tail)[0]
        hits.append(-profits[now] > var)
    return judge(np.array(hits, dtype=np.bool_), tail)


def judge(hits: Bools, tail: float) -> VarBacktest:
    """`hits`: whether the VaR was exceeded, one a period in order of time.

    Kupiec (1995): do as many exceed as should (χ² with one degree of freedom). Christoffersen (1998): is one after one
    no likelier than one after none (one degree), and both together (two).
    """
    days, exceeded = len(hits), int(hits.sum())
    unconditional = -2.0 * (_log(tail, exceeded, days) - _log(exceeded / days if days else 0.0, exceeded, days))
    before, after = hits[:-1], hits[1:]
    n01, n11 = int((~before & after).sum()), int((before & after).sum())
    n0, n1 = int((~before).sum()), int(before.sum())
    share = (n01 + n11) / (n0 + n1) if n0 + n1 else 0.0
    apart = _log(n01 / n0 if n0 else 0.0, n01, n0) + _log(n11 / n1 if n1 else 0.0, n11, n1)
    independence = max(0.0, -2.0 * (_log(share, n01 + n11, n0 + n1) - apart))
    unconditional = max(0.0, unconditional)
    return VarBacktest(
        tail,
        days,
        exceeded,
        _verdict("Kupiec", unconditional, 1),
        _verdict("Christoffersen", independence, 1),
        _verdict("Kupiec and Christoffersen", unconditional + independence, 2),
    )


def _log(share: float, hits: int, days: int) -> float:
    """Log-likelihood of `hits` in `days` with probability `share`; 0·log 0 is 0."""
    found = 0.0
    if hits:
        found += hits * float(np.log(share))
    if days - hits:
        found += (days - hits) * float(np.log1p(-share))
    return found


def _verdict(name: str, statistic: float, freedom: int) -> Verdict:
    from scipy.special import chdtrc

    return Verdict(name, statistic, float(chdtrc(freedom, statistic)))
