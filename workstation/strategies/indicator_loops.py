"""The loops of the indicators, compiled. Arrays in, arrays of the same length out, NaN until there are enough bars."""

from __future__ import annotations

import numpy as np
from numba import njit

from workstation.market.candles import Bools, Codes, Floats, Ints


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rolling_mean(values: Floats, length: int) -> Floats:
    """Mean of the last `length` values by a compensated running sum (Kahan), so that it does not drift."""
    out = np.full(len(values), np.nan)
    total, add_error, take_error, missing = 0.0, 0.0, 0.0, 0
    for i in range(len(values)):
        if np.isnan(values[i]):
            missing += 1
        else:
            y = values[i] - add_error
            t = total + y
            add_error = t - total - y
            total = t
        if i >= length:
            old = values[i - length]
            if np.isnan(old):
                missing -= 1
            else:
                y = -old - take_error
                t = total + y
                take_error = t - total - y
                total = t
        if i >= length - 1 and missing == 0:
            out[i] = total / length
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def crossings(a: Floats, b: Floats) -> tuple[Bools, Bools]:
    """Where `a` is above `b` and was known not to be one bar before; and where it is below and was known not to be.

    Both in one call: a call more is a wait more for the interpreter's lock, where several threads work. Without
    branches, a loop for each: so the compiler does several bars at once.
    """
    n = len(a)
    above, below = np.empty(n, np.bool_), np.empty(n, np.bool_)
    above[:1], below[:1] = False, False
    for i in range(1, n):
        above[i] = (a[i] > b[i]) & (a[i - 1] <= b[i - 1])
    for i in range(1, n):
        below[i] = (b[i] > a[i]) & (b[i - 1] <= a[i - 1])
    return above, below


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def level_crossings(a: Floats, level: float) -> tuple[Bools, Bools]:
    """The same against a level that does not move."""
    n = len(a)
    above, below = np.empty(n, np.bool_), np.empty(n, np.bool_)
    above[:1], below[:1] = False, False
    for i in range(1, n):
        above[i] = (a[i] > level) & (a[i - 1] <= level)
    for i in range(1, n):
        below[i] = (level > a[i]) & (level <= a[i - 1])
    return above, below


@njit(cache=True)  # type: ignore[untyped-decorator]
def encode(codes: Codes, long_entry: Bools, long_exit: Bools, short_entry: Bools, short_exit: Bools) -> None:
    """One byte a bar of up to four columns (one of no length is not there): bits 1, 2, 4, 8.

    It keeps the interpreter's lock: to wait for it again would take longer than these loops (8 µs on 100,000 bars).
    """
    n = len(codes)
    for i in range(n):
        codes[i] = 0
    if len(long_entry) > 0:
        for i in range(n):
            codes[i] |= np.uint8(long_entry[i])
    if len(long_exit) > 0:
        for i in range(n):
            codes[i] |= np.uint8(long_exit[i]) * np.uint8(2)
    if len(short_entry) > 0:
        for i in range(n):
            codes[i] |= np.uint8(short_entry[i]) * np.uint8(4)
    if len(short_exit) > 0:
        for i in range(n):
            codes[i] |= np.uint8(short_exit[i]) * np.uint8(8)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rolling_std(values: Floats, length: int, ddof: int) -> Floats:
    """Standard deviation of the last `length` values, two passes a window: exact, and fast enough."""
    out = np.full(len(values), np.nan)
    if length <= ddof:
        return out
    for i in range(length - 1, len(values)):
        mean = 0.0
        for j in range(i - length + 1, i + 1):
            mean += values[j]
        mean /= length
        total = 0.0
        for j in range(i - length + 1, i + 1):
            total += (values[j] - mean) ** 2
        out[i] = np.sqrt(total / (length - ddof))
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def smoothed(values: Floats, length: int, alpha: float) -> Floats:
    """Exponential smoothing that begins with the mean of the first `length` values (as TA-Lib does)."""
    out = np.full(len(values), np.nan)
    start = 0
    while start < len(values) and np.isnan(values[start]):
        start += 1
    if len(values) - start < length:
        return out
    level = 0.0
    for i in range(start, start + length):
        level += values[i]
    level /= length
    out[start + length - 1] = level
    for i in range(start + length, len(values)):
        level += alpha * (values[i] - level)
        out[i] = level
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rolling_extreme(values: Floats, length: int, sign: int) -> Floats:
    """Highest (sign 1) or lowest (−1) of the last `length` values, by a queue of candidates: one pass."""
    n = len(values)
    out = np.full(n, np.nan)
    queue = np.empty(n, np.int64)
    head, tail = 0, 0
    for i in range(n):
        while tail > head and sign * values[queue[tail - 1]] <= sign * values[i]:
            tail -= 1
        queue[tail] = i
        tail += 1
        if queue[head] <= i - length:
            head += 1
        if i >= length - 1:
            out[i] = values[queue[head]]
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rolling_quantile(values: Floats, length: int, share: float) -> Floats:
    """Quantile (linear between two values, digit for digit as numpy's) of the last `length` values, none of which may
    be NaN: the window is kept sorted, each bar moves only what lies between the value that leaves and the new one."""
    n = len(values)
    out = np.full(n, np.nan)
    if n < length:
        return out
    window = np.sort(values[:length])
    place = share * (length - 1)
    below = int(np.floor(place))
    above, rest = min(below + 1, length - 1), place - below
    for i in range(length - 1, n):
        if i >= length:
            new, at = values[i], np.searchsorted(window, values[i - length])
            while at + 1 < length and window[at + 1] < new:
                window[at] = window[at + 1]
                at += 1
            while at > 0 and window[at - 1] > new:
                window[at] = window[at - 1]
                at -= 1
            window[at] = new
        step = window[above] - window[below]
        out[i] = window[below] + step * rest if rest < 0.5 else window[above] - step * (1 - rest)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Of the first bar NaN: it has no close before it."""
    out = np.full(len(close), np.nan)
    for i in range(1, len(close)):
        out[i] = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def relative_strength(close: Floats, length: int) -> Floats:
    """RSI with Wilder's smoothing."""
    n = len(close)
    out = np.full(n, np.nan)
    if n <= length:
        return out
    up, down = 0.0, 0.0
    for i in range(1, n):
        change = close[i] - close[i - 1]
        gain, loss = max(change, 0.0), max(-change, 0.0)
        if i <= length:
            up += gain / length
            down += loss / length
        else:
            up += (gain - up) / length
            down += (loss - down) / length
        if i >= length:
            out[i] = 50.0 if up + down == 0 else 100.0 * up / (up + down)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def directional_moves(high: Floats, low: Floats) -> tuple[Floats, Floats]:
    """+DM and −DM of each bar (Wilder)."""
    n = len(high)
    plus, minus = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(1, n):
        up, down = high[i] - high[i - 1], low[i - 1] - low[i]
        plus[i] = up if up > down and up > 0 else 0.0
        minus[i] = down if down > up and down > 0 else 0.0
    return plus, minus


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def supertrend_walk(high: Floats, low: Floats, close: Floats, atr: Floats, factor: float) -> tuple[Floats, Floats]:
    """The line and its direction (1 up, −1 down, NaN in the warm-up)."""
    n = len(close)
    line, side = np.full(n, np.nan), np.full(n, np.nan)
    upper, lower, now, begun = 0.0, 0.0, 1.0, False
    for i in range(n):
        if np.isnan(atr[i]):
            continue
        middle = (high[i] + low[i]) / 2
        top, bottom = middle + factor * atr[i], middle - factor * atr[i]
        if begun:
            if close[i] > upper:
                now = 1.0
            elif close[i] < lower:
                now = -1.0
            elif now > 0:
                bottom = max(bottom, lower)
            else:
                top = min(top, upper)
        upper, lower, begun = top, bottom, True
        side[i] = now
        line[i] = lower if now > 0 else upper
    return line, side


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def session_mean(price: Floats, volume: Floats, session: Ints) -> tuple[Floats, Floats]:
    """Volume-weighted mean of the session so far and its weighted standard deviation; plain where volume is 0."""
    n = len(price)
    mean, deviation = np.empty(n), np.empty(n)
    weight, level, spread, current = 0.0, 0.0, 0.0, session[0] - 1
    for i in range(n):
        if session[i] != current:
            weight, level, spread, current = 0.0, 0.0, 0.0, session[i]
        w = volume[i] if volume[i] > 0 else 1e-12
        weight += w
        step = price[i] - level
        level += step * w / weight
        spread += w * step * (price[i] - level)
        mean[i] = level
        deviation[i] = np.sqrt(max(spread, 0.0) / weight)
    return mean, deviation


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rolling_line(y: Floats, x: Floats, length: int) -> tuple[Floats, Floats, Floats]:
    """Ordinary least squares y = a + b·x over each window: the last residual in units of their deviation, b, and the
    t-statistic of a Dickey-Fuller test (no constant, no lags) of the residuals (Engle and Granger, 1987)."""
    n = len(y)
    distance, slope, statistic = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    for i in range(length - 1, n):
        first = i - length + 1
        mean_x, mean_y = 0.0, 0.0
        for j in range(first, i + 1):
            mean_x += x[j]
            mean_y += y[j]
        mean_x /= length
        mean_y /= length
        xx, xy = 0.0, 0.0
        for j in range(first, i + 1):
            xx += (x[j] - mean_x) ** 2
            xy += (x[j] - mean_x) * (y[j] - mean_y)
        if xx <= 0:
            continue
        b = xy / xx
        a = mean_y - b * mean_x
        slope[i] = b
        before, lagged, moved = y[first] - a - b * x[first], 0.0, 0.0
        for j in range(first + 1, i + 1):
            now = y[j] - a - b * x[j]
            lagged += before * before
            moved += before * (now - before)
            before = now
        if lagged <= 0:
            continue
        distance[i] = before / np.sqrt((lagged + before * before) / (length - 2))
        rho, before, squares = moved / lagged, y[first] - a - b * x[first], 0.0
        for j in range(first + 1, i + 1):
            now = y[j] - a - b * x[j]
            squares += (now - before - rho * before) ** 2
            before = now
        error = np.sqrt(squares / (length - 2) / lagged)
        if error > 0:
            statistic[i] = rho / error
    return distance, slope, statistic
