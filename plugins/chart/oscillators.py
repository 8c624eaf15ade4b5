"""RSI and MACD as numbers, worked out as the strategies' indicators are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from plugins.chart.studies import Values, ema


def rsi(values: Sequence[float], length: int) -> Values:
    """Relative strength index, 0 to 100, with Wilder's smoothing begun with the mean of the first `length` changes
    (J. W. Wilder, New Concepts in Technical Trading Systems, 1978); 50 where nothing has moved."""
    if len(values) <= length:
        return [None] * len(values)
    changes = [after - before for before, after in pairwise(values)]
    up = math.fsum(max(change, 0.0) for change in changes[:length]) / length
    down = math.fsum(max(-change, 0.0) for change in changes[:length]) / length
    result: Values = [*([None] * length), _strength(up, down)]
    for change in changes[length:]:
        up += (max(change, 0.0) - up) / length
        down += (max(-change, 0.0) - down) / length
        result.append(_strength(up, down))
    return result


def _strength(up: float, down: float) -> float:
    return 50.0 if up + down == 0 else 100 * up / (up + down)


def macd(values: Sequence[float], fast: int, slow: int, signal: int) -> list[Values]:
    """The line EMA(fast) − EMA(slow), its EMA as the signal line, and their difference (G. Appel), in price."""
    line: Values = [
        None if one is None or two is None else one - two
        for one, two in zip(ema(values, fast), ema(values, slow), strict=True)
    ]
    known = [value for value in line if value is not None]
    signals: Values = [*([None] * (len(line) - len(known))), *ema(known, signal)]
    difference: Values = [
        None if one is None or two is None else one - two for one, two in zip(line, signals, strict=True)
    ]
    return [line, signals, difference]
