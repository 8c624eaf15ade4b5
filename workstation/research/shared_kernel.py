"""The fast engine's loop over several instruments on one account, compiled. Its rules are those of `shared_account`,
and so is the order in which its numbers are added and multiplied: the two agree to the last digit.

Columns of all instruments lie one behind the other: instrument `k` has the bars `starts[k]` … `starts[k + 1]` − 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from workstation.market.candles import Floats, Ints
from workstation.research.kernel import cache_files
from workstation.strategies.rules import (
    first_stop,
    kelly_share,
    locked_until,
    moved_stop,
    target_price,
    units_for,
    way_to_ruin,
)

#: What is known of an instrument: whole numbers, then floats.
PLACE, LAST, SIDE, TRAILED, LOCK, PENDING, LEAVING, COUNT, ENTERED, BEGAN = range(10)
PRICE, UNITS, ENTRY, STOP, TARGET, BEST, PEAK, FEES, PAID, SLIPPED = range(10)
#: Of the account.
CASH = 0

for _function in ("walk", "_leave", "_liquidate", "_worst", "_worth"):
    cache_files(__file__, _function)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk(
    starts: Ints,
    first: Ints,
    whose: Ints,
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    codes: npt.NDArray[np.uint8],
    atr: Floats,
    size_kind: int,
    sizes: Floats,
    kelly: Floats,
    exits: Floats,
    roi: Floats,
    protections: Floats,
    funding: Floats,
    shares: Floats,
    cash: float,
    fee: float,
    slippage: float,
    leverage: float,
    maintenance: float,
    close_at_end: bool,
    path: int,
    equity: Floats,
) -> tuple[Ints, Ints, Floats]:
    """The instrument of each trade in the order in which they ended, and the columns of the trades as in `kernel.walk`,
    bars counted among the times of all; the equity at each time goes into `equity`.

    `whose[first[t]]` … `whose[first[t + 1] - 1]`: the instruments that have a bar at time t, in order. `sizes`, `atr`,
    `funding`: one number a bar of each, or a single one for all; `shares` one an instrument.
    """
    many, times = len(starts) - 1, len(equity)
    shorts = False
    rooms = np.zeros(many + 1, np.int64)  # an entry is one trade; one that is left open can be liquidated too
    for leg in range(many):
        room = 1
        for i in range(starts[leg], starts[leg + 1]):
            room += codes[i] & 1 | (codes[i] >> 2) & 1
            shorts |= codes[i] & 4 != 0
        rooms[leg + 1] = rooms[leg] + room
    total = rooms[many]
    legs, whole, real = np.empty(total, np.int64), np.empty((total, 4), np.int64), np.empty((total, 7))
    remembers = len(protections) > 0 or size_kind == 5
    kept = total if remembers else 0
    past = np.empty((2, kept), np.int64)  # of each instrument's trades: the bar and why
    gains = np.empty((2, kept))  # and the net profit and the same as a fraction of the entry's value
    state, value = np.zeros((many, 10), np.int64), np.zeros((many, 10))
    account = np.array([cash])
    rows = np.zeros(1, np.int64)
    for leg in range(many):
        state[leg, PLACE], state[leg, LOCK], state[leg, LEAVING] = -1, -1, -1
        value[leg, PEAK] = cash
    moving = exits[2] > 0 or exits[4] > 0
    targeted = exits[5] > 0 or len(roi) > 0
    timed = int(exits[6])
    funded = len(funding) > 1 or funding[0] != 0
    margined = leverage > 1 or maintenance > 0
    many_sizes, many_atr, many_funding = len(sizes) > 1, len(atr) > 1, len(funding) > 1
    exposed = margined or shorts
    calm = not (exits[0] > 0 or exits[1] > 0 or moving or targeted or funded or exposed)
    held, waiting = 0, 0

    for t in range(times):
        begin, end, ends = first[t], first[t + 1], False
        for turn in range(begin, end):
            leg = whose[turn]
            place = state[leg, PLACE] + 1
            state[leg, PLACE], state[leg, LAST] = place, t
            value[leg, PRICE] = open_[starts[leg] + place]
            ends |= starts[leg] + place + 1 == starts[leg + 1]
        # Usually nothing can happen between open and close: nothing is ordered, and what is held has no level.
        asked = begin if waiting == 0 and (held == 0 or (calm and not ends)) else end
        for turn in range(begin, asked):  # exits at the opens
            leg = whose[turn]
            i = starts[leg] + state[leg, PLACE]
            side, units, now = state[leg, SIDE], value[leg, UNITS], open_[i]
            if units != 0:
                if funded:
                    due = units * now * (funding[i] if many_funding else funding[0])
                    account[CASH] -= due
                    value[leg, PAID] += due
                reason = state[leg, LEAVING]
                if reason < 0:
                    stop, target = value[leg, STOP], value[leg, TARGET]
                    if stop > 0 and side * (now - stop) <= 0:
                        reason = 2 if state[leg, TRAILED] else 1
                    elif target > 0 and side * (now - target) >= 0:
                        reason = 3
                if reason >= 0:
                    _leave(leg, reason, now, state, value, account, rows, rooms, legs, whole, real, past, gains,
                           protections, fee, slippage)  # fmt: skip
                    held -= 1
            if state[leg, LEAVING] >= 0:
                state[leg, LEAVING] = -1
                waiting -= 1
        if exposed and held > 0:
            held -= _liquidate(t, True, margined, maintenance, cash, starts, high, low, state, value, account, rows,
                               rooms, legs, whole, real, past, gains, protections, fee, slippage)  # fmt: skip

        for turn in range(begin, asked):  # entries
            leg = whose[turn]
            side = state[leg, PENDING]
            if side == 0:
                continue
            state[leg, PENDING] = 0
            waiting -= 1
            if not account[CASH] > 0 or value[leg, UNITS] != 0:
                continue
            i = starts[leg] + state[leg, PLACE]
            now = open_[i]
            at = now * (1 + side * slippage)
            equal, others = account[CASH] + _worth(value), 0.0
            for other in range(many):
                if other != leg:
                    others += abs(value[other, UNITS]) * value[other, PRICE]
            room_left = equal * leverage - others
            stop = first_stop(side, at, exits, atr[i - 1] if many_atr else atr[0])
            amount, kind = sizes[i - 1] if many_sizes else sizes[0], size_kind
            if kind == 5:
                count = state[leg, COUNT]
                mine = gains[1, rooms[leg] : rooms[leg] + count]
                amount, kind = kelly_share(mine, count, kelly[0], kelly[1], amount, int(kelly[2])), 0
            bought = units_for(kind, amount, equal * shares[leg], at, fee, leverage, stop)
            bought = max(0.0, min(bought, room_left / (at * (1 + fee))))
            if bought <= 0:
                continue
            paid = fee * bought * at
            account[CASH] -= paid
            value[leg, UNITS], value[leg, ENTRY], value[leg, BEST] = side * bought, at, at
            value[leg, FEES], value[leg, PAID], value[leg, SLIPPED] = paid, 0.0, bought * abs(now - at)
            state[leg, SIDE], state[leg, TRAILED] = side, 0
            state[leg, ENTERED], state[leg, BEGAN] = state[leg, PLACE], t
            target = target_price(side, at, 0, exits, roi) if targeted else 0.0
            value[leg, STOP], value[leg, TARGET] = stop, target
            held += 1
            reason = -1  # what the open has passed already
            if stop > 0 and side * (now - stop) <= 0:
                reason = 1
            elif target > 0 and side * (now - target) >= 0:
                reason = 3
            if reason >= 0:
                _leave(leg, reason, now, state, value, account, rows, rooms, legs, whole, real, past, gains,
                       protections, fee, slippage)  # fmt: skip
                held -= 1
        if exposed and held > 0:
            held -= _liquidate(t, False, margined, maintenance, cash, starts, high, low, state, value, account, rows,
                               rooms, legs, whole, real, past, gains, protections, fee, slippage)  # fmt: skip

        for turn in range(begin, asked):  # what the bars reach
            leg = whose[turn]
            if value[leg, UNITS] == 0:
                continue
            side, stop, target = state[leg, SIDE], value[leg, STOP], value[leg, TARGET]
            if stop == 0 and target == 0:
                continue
            i = starts[leg] + state[leg, PLACE]
            good, worst = (high[i], low[i]) if side > 0 else (low[i], high[i])
            target_first = path == 1 or (path == 2 and abs(good - open_[i]) < abs(worst - open_[i]))
            hit_stop = stop > 0 and side * (worst - stop) <= 0
            hit_target = target > 0 and side * (good - target) >= 0
            if hit_target and (target_first or not hit_stop):
                reason, price = 3, target
            elif hit_stop:
                reason, price = 2 if state[leg, TRAILED] else 1, stop
            else:
                continue
            _leave(leg, reason, price, state, value, account, rows, rooms, legs, whole, real, past, gains, protections,
                   fee, slippage)  # fmt: skip
            held -= 1
        for turn in range(begin, end):  # the closes
            leg = whose[turn]
            i = starts[leg] + state[leg, PLACE]
            if ends and i + 1 == starts[leg + 1] and value[leg, UNITS] != 0:
                reason = 6 if close_at_end else 7
                _leave(leg, reason, close[i], state, value, account, rows, rooms, legs, whole, real, past, gains,
                       protections, fee, slippage)  # fmt: skip
                if reason == 6:
                    held -= 1
            value[leg, PRICE] = close[i]
        now = account[CASH] + _worth(value)
        equity[t] = now

        for turn in range(begin, end):  # decisions, for the next open
            leg = whose[turn]
            i, place, side = starts[leg] + state[leg, PLACE], state[leg, PLACE], state[leg, SIDE]
            if side != 0:
                if moving:
                    best = value[leg, BEST]
                    best = max(best, high[i]) if side > 0 else min(best, low[i])
                    value[leg, BEST] = best
                    stop = value[leg, STOP]
                    raised = moved_stop(side, value[leg, ENTRY], stop, best, exits, fee)
                    if raised != stop:
                        value[leg, STOP], state[leg, TRAILED] = raised, 1
                if targeted:
                    bars = place + 1 - state[leg, ENTERED]
                    value[leg, TARGET] = target_price(side, value[leg, ENTRY], bars, exits, roi)
            if i + 1 == starts[leg + 1] or not now > 0:
                continue
            code = codes[i]
            if side != 0:
                leaving = -1
                if timed > 0 and place + 1 - state[leg, ENTERED] >= timed:
                    leaving = 4
                turned = (code & 12) == 4 if side > 0 else (code & 3) == 1
                if turned or code & (2 if side > 0 else 8):
                    leaving = 0
                if leaving < 0:
                    continue
                state[leg, LEAVING] = leaving
                waiting += 1
            if code & 5 and place >= state[leg, LOCK]:
                wanted = int((code & 3) == 1) - int((code & 12) == 4)
                if wanted not in (0, side):
                    state[leg, PENDING] = wanted
                    waiting += 1
    count = rows[0]
    return legs[:count].copy(), whole[:count].copy(), real[:count].copy()


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _worth(value: Floats) -> float:
    """Open profit of all positions at their last prices."""
    worth = 0.0
    for leg in range(len(value)):
        units = value[leg, UNITS]
        if units != 0:
            worth += units * (value[leg, PRICE] - value[leg, ENTRY])
    return worth


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _worst(leg: int, t: int, starts: Ints, high: Floats, low: Floats, state: Ints, value: Floats) -> float:
    """The worst price of the bar of time t that a position lives to see: its stop where the bar reaches that."""
    worst: float = value[leg, PRICE]
    if state[leg, LAST] == t:  # it has a bar then
        i, stop = starts[leg] + state[leg, PLACE], value[leg, STOP]
        if value[leg, UNITS] > 0:
            worst = max(low[i], stop)
        else:
            worst = min(high[i], stop) if stop > 0 else high[i]
    return worst


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _leave(
    leg: int,
    reason: int,
    price: float,
    state: Ints,
    value: Floats,
    account: Floats,
    rows: Ints,
    rooms: Ints,
    legs: Ints,
    whole: Ints,
    real: Floats,
    past: Ints,
    gains: Floats,
    protections: Floats,
    fee: float,
    slippage: float,
) -> None:
    """A position ends at `price` (a target and one that stays open do not slip); its trade is written down."""
    units, side, entry = abs(value[leg, UNITS]), 1 if value[leg, UNITS] > 0 else -1, value[leg, ENTRY]
    at = price if reason in (3, 7) else price * (1 - side * slippage)
    exit_fee = 0.0 if reason == 7 else fee * units * at
    profit = side * units * (at - entry)
    after = account[CASH] + profit - exit_fee
    if reason == 5 and after < 0:  # the venue bears what is lost beyond the account
        profit -= after
        after = 0.0
    net = profit - value[leg, FEES] - exit_fee - value[leg, PAID]
    row = rows[0]
    legs[row] = leg
    whole[row, 0], whole[row, 1], whole[row, 2], whole[row, 3] = state[leg, BEGAN], state[leg, LAST], side, reason
    real[row, 0], real[row, 1], real[row, 2], real[row, 3] = units, entry, at, net
    real[row, 4], real[row, 5] = value[leg, FEES] + exit_fee, value[leg, PAID]
    real[row, 6] = value[leg, SLIPPED] + units * abs(price - at)
    rows[0] += 1
    if reason == 7:
        return
    account[CASH] = after
    value[leg, UNITS], value[leg, ENTRY], value[leg, STOP], value[leg, TARGET] = 0.0, 0.0, 0.0, 0.0
    state[leg, SIDE] = 0
    value[leg, PEAK] = max(value[leg, PEAK], after)
    if len(past[0]) == 0:
        return
    begin, number, bar = rooms[leg], state[leg, COUNT], state[leg, PLACE]
    past[0, begin + number], past[1, begin + number] = bar, reason
    gains[0, begin + number], gains[1, begin + number] = net, net / (units * entry)
    number += 1
    state[leg, COUNT] = number
    if len(protections) == 0:
        return
    fall = 1 - after / value[leg, PEAK]
    end = begin + number
    until = locked_until(
        protections, bar, number, past[0, begin:end], past[1, begin:end], gains[0, begin:end], gains[1, begin:end], fall
    )
    state[leg, LOCK] = max(state[leg, LOCK], until)
    if protections[2] > 0 and fall > protections[1]:
        value[leg, PEAK] = after


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _liquidate(
    t: int,
    at_open: bool,
    margined: bool,
    maintenance: float,
    begun_with: float,
    starts: Ints,
    high: Floats,
    low: Floats,
    state: Ints,
    value: Floats,
    account: Floats,
    rows: Ints,
    rooms: Ints,
    legs: Ints,
    whole: Ints,
    real: Floats,
    past: Ints,
    gains: Floats,
    protections: Floats,
    fee: float,
    slippage: float,
) -> int:
    """Where equity falls to the maintenance margin on the way from the opens to the worst of the bars (or stands there
    at the opens already), everything is closed at that point of the way. How many positions were."""
    many, exposed = len(value), margined
    before, after = account[CASH], account[CASH]
    for leg in range(many):
        units = value[leg, UNITS]
        if units != 0:
            exposed |= units < 0
            entry, price = value[leg, ENTRY], value[leg, PRICE]
            worst = price if at_open else _worst(leg, t, starts, high, low, state, value)
            before += units * (price - entry) - maintenance * abs(units) * price
            after += units * (worst - entry) - maintenance * abs(units) * worst
    if not exposed or after > 1e-9 * begun_with:
        return 0
    way = way_to_ruin(before, after)
    closed = 0
    for leg in range(many):
        if value[leg, UNITS] != 0:
            price = value[leg, PRICE]
            worst = price if at_open else _worst(leg, t, starts, high, low, state, value)
            value[leg, PRICE] = price + way * (worst - price)
    for leg in range(many):
        if value[leg, UNITS] != 0:
            _leave(leg, 5, value[leg, PRICE], state, value, account, rows, rooms, legs, whole, real, past, gains,
                   protections, fee, slippage)  # fmt: skip
            closed += 1
    if closed > 0:
        account[CASH] = max(0.0, account[CASH])
    return closed
