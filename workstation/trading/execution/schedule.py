"""When how much of a parent is due: even in time (TWAP), or along the volume that is usual at the time of day (VWAP).

Pure: the random numbers come from a seed, and the schedule is kept in the plan, so that a restart goes on with it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from workstation.domain.bar import Bar
from workstation.domain.execution import Step
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, from_float, multiply, subtract
from workstation.domain.spans import DAY

#: How far a slice's size and its moment are moved at random, as shares of the slice and of its interval.
_SIZE, _TIME = 0.25, 0.5


def smallest_slice(instrument: Instrument, price: Decimal) -> Decimal:
    """The least quantity that the venue takes at the price, with a tenth to spare: prices move."""
    wanted = max(instrument.min_quantity, instrument.lot)
    if instrument.min_notional > 0:
        unit = instrument.notional(ONE, price)
        wanted = max(wanted, divide(multiply(instrument.min_notional, Decimal("1.1")), unit))
    floor = floor_to(wanted, instrument.lot)
    return floor if floor >= wanted else add(floor, instrument.lot)


def steps(
    instrument: Instrument, quantity: Decimal, length: int, weights: Sequence[float], smallest: Decimal, seed: int
) -> tuple[Step, ...]:
    """A step for each weight, evenly in time, jittered; the totals grow to `quantity`, and no step is below `smallest`.

    `weights` need not sum to one; all zero counts as even. The first step is due at once, the last before `length`.
    """
    chance = random.Random(seed)
    if not any(weights):
        weights = [1.0] * len(weights)
    drawn = [weight * chance.uniform(1 - _SIZE, 1 + _SIZE) for weight in weights]
    whole, interval = sum(drawn), length / len(drawn)
    result: list[Step] = []
    before, sum_so_far = ZERO, 0.0
    for number, weight in enumerate(drawn):
        sum_so_far += weight
        last = number == len(drawn) - 1
        total = quantity if last else from_float(float(quantity) * sum_so_far / whole, instrument.lot)
        late = chance.uniform(0, _TIME) if number else 0.0
        if subtract(total, before) < smallest and not last:
            continue  # with the next one
        if last and result and subtract(total, before) < smallest:
            result[-1] = Step(result[-1].at, quantity)
            break
        result.append(Step(round((number + late) * interval), total))
        before = total
    return tuple(result)


def usual_volumes(bars: Sequence[Bar], interval: int, start: int, length: int, count: int) -> list[float]:
    """Mean volume that the bars show in each of `count` equal parts of the time of day from `start` (UTC ns) on.

    A part without any bar counts as the mean of all parts that have some; no bars at all: all parts are equal.
    """
    part = length / count
    sums, days = [0.0] * count, [set[int]() for _ in range(count)]
    for bar in bars:
        if not bar.closed:
            continue
        middle = bar.ts + interval // 2
        for number in range(count):
            begin = start + round(number * part)
            # The bar counts for the part in which its middle lies, and for the parts that lie within it.
            ahead = (middle - begin) % DAY
            behind = DAY - ahead
            if ahead < part or (part < interval and min(ahead, behind) <= interval / 2):
                sums[number] += bar.volume
                days[number].add(bar.ts // DAY)
    means = [total / len(seen) if seen else None for total, seen in zip(sums, days, strict=True)]
    known = [mean for mean in means if mean is not None]
    usual = sum(known) / len(known) if known else 1.0
    return [usual if mean is None else mean for mean in means]


def drawn_size(wanted: Decimal, low: float, high: float, instrument: Instrument, seed: int, number: int) -> Decimal:
    """`wanted` times a random factor between `low` and `high`, whole lots; the same for the same seed and number."""
    factor = random.Random(f"{seed}:{number}").uniform(low, high)
    return max(instrument.lot, floor_to(multiply(wanted, Decimal(repr(round(factor, 6)))), instrument.lot))
