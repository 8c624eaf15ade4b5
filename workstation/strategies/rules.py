"""The arithmetic of sizes, exits and protections, compiled: one source for every engine. Prices are per unit.

`side` is 1 (long) or −1 (short). A level that is off is 0 below and inf above, so that no price reaches it.
"""

from __future__ import annotations

import math

from numba import njit

from workstation.market.candles import Floats, Ints


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def first_stop(side: int, entry: float, exits: Floats, atr: float) -> float:
    """The stop at the entry: the nearest of the fixed and the ATR stop; 0 for none. A NaN ATR (warm-up) is none."""
    distance = math.inf
    if exits[0] > 0:
        distance = entry * exits[0]
    if exits[1] > 0 and atr > 0:
        distance = min(distance, exits[1] * atr)
    if distance == math.inf:
        return 0.0
    return max(entry - side * distance, 0.0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def moved_stop(side: int, entry: float, stop: float, best: float, exits: Floats, fee: float) -> float:
    """The stop after a close whose best price since the entry is `best`: it moves in the trade's favour only."""
    wanted = 0.0
    gain = side * (best - entry) / entry
    if exits[2] > 0 and gain >= exits[3]:
        wanted = best * (1 - side * exits[2])
    if exits[4] > 0 and gain >= exits[4]:
        even = entry * (1 + fee) / (1 - fee) if side > 0 else entry * (1 - fee) / (1 + fee)
        if wanted == 0 or side * (even - wanted) > 0:
            wanted = even
    if wanted == 0:
        return stop
    if stop == 0 or side * (wanted - stop) > 0:
        return wanted
    return stop


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def target_price(side: int, entry: float, held: int, exits: Floats, roi: Floats) -> float:
    """The target of a bar that is the `held`-th after that of the entry; 0 for none."""
    gain = math.inf
    if exits[5] > 0:
        gain = exits[5]
    due = math.inf
    for row in range(roi.shape[0]):
        if held >= roi[row, 0]:
            due = roi[row, 1]
    gain = min(gain, due)
    if gain == math.inf:
        return 0.0
    return max(entry * (1 + side * gain), 0.0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def liquidation_price(side: int, entry: float, units: float, cash: float, maintenance: float) -> float:
    """Where cash and open profit are down to the maintenance margin of the position's value; 0 for nowhere.

    cash + side·units·(p − entry) = maintenance·units·p, solved for p (isolated margin of the whole account).
    """
    value = units * (1 - side * maintenance)
    price = (units * entry - side * cash) / value
    # All of the equity in a long without leverage leaves a rounding error of cash: that is not a price.
    return price if price > entry * 1e-9 else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def way_to_ruin(before: float, after: float) -> float:
    """Where on the way of all prices an account of several positions is liquidated, 0 at its begin to 1 at its end.

    `before`, `after`: the equity beyond the maintenance margin there and there; at the end nothing is left of it. An
    account of which nothing was left at the begin is liquidated there.
    """
    return before / (before - after) if before > 0 and before > after else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def kelly_share(returns: Floats, count: int, fraction: float, cap: float, base: float, least: int) -> float:
    """The share of equity by Kelly from the first `count` returns; `base` while they are fewer than `least`."""
    if count < max(least, 1):
        return base
    wins, losses, won, lost = 0, 0, 0.0, 0.0
    for i in range(count):
        if returns[i] > 0:
            wins += 1
            won += returns[i]
        elif returns[i] < 0:
            losses += 1
            lost -= returns[i]
    if wins == 0:
        return 0.0
    if losses == 0:
        return cap
    rate = wins / count
    ratio = (won / wins) / (lost / losses)
    return min(max(fraction * (rate - (1 - rate) / ratio), 0.0), cap)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def units_for(kind: int, amount: float, equity: float, price: float, fee: float, leverage: float, stop: float) -> float:
    """Units of an entry at `price`, capped by what equity × leverage pays for; 0 where the rule gives none.

    `kind` is a `SizeKind` (Kelly's share comes as EQUITY); `stop` the first stop's price, 0 for none.
    """
    if equity <= 0 or not amount > 0:
        return 0.0
    cost = price * (1 + fee)
    most = equity * leverage / cost
    if kind == 0:
        wanted = equity * amount / cost
    elif kind == 1:
        wanted = amount / price
    elif kind == 2:
        wanted = amount
    elif kind == 3:
        if stop <= 0:
            return 0.0
        wanted = equity * amount / (abs(price - stop) + fee * (price + stop))
    else:
        wanted = equity * amount
    return min(wanted, most)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def locked_until(
    rules: Floats, bar: int, count: int, exit_bars: Ints, reasons: Ints, pnls: Floats, returns: Floats, drawdown: float
) -> int:
    """The first bar whose close may enter again, after the `count`-th trade closed in `bar`; −1 for no lock.

    `drawdown` is the fraction by which closed equity stands below its peak.
    """
    until = -1
    last = count - 1
    if rules[0] > 0 and pnls[last] < 0:
        until = max(until, bar + int(rules[0]))
    if rules[2] > 0 and drawdown > rules[1]:
        until = max(until, bar + int(rules[2]))
    if rules[5] > 0:
        stops = 0
        i = last
        while i >= 0 and exit_bars[i] > bar - rules[4]:
            if pnls[i] < 0 and (reasons[i] == 1 or reasons[i] == 2 or reasons[i] == 5):
                stops += 1
            i -= 1
        if stops >= rules[3]:
            until = max(until, bar + int(rules[5]))
    if rules[9] > 0:
        trades, total = 0, 0.0
        i = last
        while i >= 0 and exit_bars[i] > bar - rules[7]:
            trades += 1
            total += returns[i]
            i -= 1
        if trades >= rules[6] and total < rules[8]:
            until = max(until, bar + int(rules[9]))
    return until
