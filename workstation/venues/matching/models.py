"""The swappable parts of a simulated market: fees, latency, queue position, slippage. Each is a few methods.

Whatever is random here is drawn from a generator with a seed of its own, so that equal inputs give equal fills.
"""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Protocol

from workstation.domain.fill import Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import multiply


class FeeModel(Protocol):
    def fee(self, instrument: Instrument, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> Decimal:
        """The fee of one fill in the instrument's settlement currency, exactly; negative for a rebate."""
        ...


class InstrumentFees:
    """The maker and taker fees that the instrument itself states, as fractions of the traded value."""

    def fee(self, instrument: Instrument, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> Decimal:
        rate = instrument.maker_fee if liquidity is Liquidity.MAKER else instrument.taker_fee
        return multiply(instrument.notional(quantity, price), rate)


class FixedFees:
    """The same fractions for every instrument, whatever it states (a fee tier, or free trading)."""

    def __init__(self, maker: Decimal, taker: Decimal) -> None:
        self._maker = maker
        self._taker = taker

    def fee(self, instrument: Instrument, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> Decimal:
        rate = self._maker if liquidity is Liquidity.MAKER else self._taker
        return multiply(instrument.notional(quantity, price), rate)


class LatencyModel(Protocol):
    def order(self) -> int:
        """Nanoseconds that the next command takes to reach the venue."""
        ...

    def report(self) -> int:
        """Nanoseconds that the venue's next report takes to come back."""
        ...


class ConstantLatency:
    def __init__(self, order: int = 0, report: int = 0) -> None:
        """Nanoseconds each way."""
        self._order = order
        self._report = report

    def order(self) -> int:
        return self._order

    def report(self) -> int:
        return self._report


class JitterLatency:
    """A floor each way plus an exponential tail of mean `jitter` ns, from a seeded generator."""

    def __init__(self, order: int, report: int, jitter: int, seed: int = 0) -> None:
        if jitter <= 0:
            raise ValueError("the jitter of a latency must be positive; without jitter use ConstantLatency")
        self._order = order
        self._report = report
        self._rate = 1 / jitter
        self._random = random.Random(seed)

    def order(self) -> int:
        return self._order + int(self._random.expovariate(self._rate))

    def report(self) -> int:
        return self._report + int(self._random.expovariate(self._rate))


class QueueModel(Protocol):
    """How many lots of other people stand before an order of ours at its price. Trades the engine counts itself."""

    #: Whether `on_depth` must be asked at all; False keeps the book path free of any queue work.
    watches_depth: bool

    def on_join(self, visible: int) -> int:
        """Lots ahead of an order that joins a level showing `visible` lots."""
        ...

    def on_depth(self, ahead: int, before: int, after: int, traded: int) -> int:
        """Lots ahead after the level went from `before` to `after` lots, `traded` of them in trades already counted."""
        ...


class RiskAverseQueue:
    """We join at the back and only trades advance us: who cancels was always behind us. Never too optimistic."""

    watches_depth = False

    def on_join(self, visible: int) -> int:
        return visible

    def on_depth(self, ahead: int, before: int, after: int, traded: int) -> int:
        return ahead


class ProbabilisticQueue:
    """Cancels fall before or behind us with a probability that grows with the size of each part of the queue.

    Of a decrease that trades do not explain, the share behind us is f(behind) / (f(behind) + f(ahead)), f(x) = x^power:
    the probability queue model of R. Rigtorp ("Estimating Order Queue Position", 2013) as hftbacktest generalises it.
    Rounded up to whole lots, against us.
    """

    watches_depth = True

    def __init__(self, power: float = 2.0) -> None:
        self._power = power

    def on_join(self, visible: int) -> int:
        return visible

    def on_depth(self, ahead: int, before: int, after: int, traded: int) -> int:
        canceled = before - after - traded
        if canceled <= 0 or ahead == 0:
            return min(ahead, after)
        behind = max(0, before - traded - ahead)
        weight_behind, weight_ahead = math.pow(behind, self._power), math.pow(ahead, self._power)
        share_behind = weight_behind / (weight_behind + weight_ahead)
        # What the part behind us cannot have lost came from before us.
        lost_ahead = canceled - min(behind, share_behind * canceled)
        return max(0, min(math.ceil(ahead - lost_ahead), after))


class SlippageModel(Protocol):
    """How many ticks worse than the visible price a taker fills. Never beyond the order's limit."""

    #: The most that `ticks` can return: what an order's cost is reckoned with beforehand.
    worst: int

    def ticks(self) -> int:
        """Adverse ticks (≥ 0) of the next taker fill."""
        ...


class NoSlippage:
    worst = 0

    def ticks(self) -> int:
        return 0


class FixedTicks:
    """Every taker fill is `ticks` worse."""

    def __init__(self, ticks: int) -> None:
        self.worst = ticks

    def ticks(self) -> int:
        return self.worst


class AdverseTicks:
    """With `probability`, the market has just moved `ticks` away from a taker."""

    def __init__(self, probability: float, ticks: int = 1, seed: int = 0) -> None:
        self.worst = ticks
        self._probability = probability
        self._random = random.Random(seed)

    def ticks(self) -> int:
        return self.worst if self._random.random() < self._probability else 0
