"""The fast engine's loop, compiled: signals and rules in, trades and equity out.

The rules of fills (all engines keep them):

- A decision on bar t's close fills at bar t + 1's open, moved by the slippage against the trader.
- A stop fills at its price, or at the open if that is already worse, and slips; a target is a limit order: it fills at
  its price, or at the open if that is better, and does not slip.
- In each bar: funding of a position carried into it; then at the open the decisions, a stop or a target that the open
  has passed; then entries; then what the bar's range reaches. Where it reaches stop and target, the path decides.
- Levels that move (trailing, break-even, ROI) are moved at a close, for the next bar.
- The last bar closes what is open at its close, slipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit

from workstation.market.candles import Codes, Floats, Ints
from workstation.research import summary
from workstation.research.summary import summarise
from workstation.strategies import rules
from workstation.strategies.rules import (
    first_stop,
    kelly_share,
    liquidation_price,
    locked_until,
    moved_stop,
    target_price,
    units_for,
)

#: Columns of a trade: whole numbers, then floats.
ENTRY_BAR, EXIT_BAR, SIDE, REASON = range(4)
SIZE, ENTRY_PRICE, EXIT_PRICE, PNL, FEES, FUNDING, SLIPPAGE = range(7)


def cache_files(source: str = __file__, function: str = "walk") -> list[Path]:
    """The index files of a compiled kernel on the disk, without those that are older than its source.

    numba looks at the file of the function alone: what was compiled before a change of what
    it calls is thrown away here.
    """
    newest = max(Path(file).stat().st_mtime for file in (source, str(rules.__file__), str(summary.__file__)))
    fresh = []
    for file in Path(source).parent.glob(f"__pycache__/{Path(source).stem}.{function}-*.nbi"):
        if file.stat().st_mtime >= newest:
            fresh.append(file)
        else:
            file.unlink(missing_ok=True)
    return fresh


cache_files()


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk(
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    many_codes: Codes,
    atr: Floats,
    size_kind: int,
    sizes: Floats,
    kelly: Floats,
    exits: Floats,
    roi: Floats,
    protections: Floats,
    funding: Floats,
    capital: float,
    fee: float,
    slippage: float,
    leverage: float,
    maintenance: float,
    close_at_end: bool,
    path: int,
    equity: Floats,
    ends: Ints,
    periods: float,
    figures: Floats,
    paths: Floats,
) -> tuple[Ints, Floats]:
    """One run for each row of `many_codes`, by the same rules. Of the last one: whole columns of the trades (n, 4) and
    their float columns (n, 7), and in `equity` that at each bar's close. Of each, where `figures` has rows, what
    `summarise` says of it (`ends`, `periods`: its arguments), and where `paths` has rows, the equity at `ends`.

    Several in one call, because a call more is a wait more for the interpreter's lock, where several threads work; and
    in one `equity`, because new memory for each would cost more than the walk.

    The prices are arrays that cannot be written, so that there is one kernel. `many_codes`: see `SignalStrategy.codes`.
    `sizes`, `atr`, `funding`: one number a bar, or a single one for all; funding is the rate that a long pays at the
    bar's open, 0 where none is due. `kelly`: fraction, cap, least trades.
    """
    n = len(close)
    moving = exits[2] > 0 or exits[4] > 0
    timed = int(exits[6])
    targeted = exits[5] > 0 or len(roi) > 0
    levelled = moving or targeted or exits[0] > 0 or exits[1] > 0
    funded = len(funding) > 1 or funding[0] != 0
    calm = not levelled and not funded and timed == 0
    margined = leverage > 1 or maintenance > 0
    guarded = len(protections) > 0
    many_sizes, many_atr, many_funding = len(sizes) > 1, len(atr) > 1, len(funding) > 1

    room, count = -1, 0
    for run in range(len(many_codes)):
        codes, cash, most = many_codes[run], capital, 0
        for i in range(n):
            most += codes[i] & 1 | (codes[i] >> 2) & 1
        if most > room:
            room = most
            whole, real = np.empty((room, 4), np.int64), np.empty((room, 7))
            exit_bars, reasons = np.empty(room, np.int64), np.empty(room, np.int64)
            pnls, gains = np.empty(room), np.empty(room)

        count, side, pending_exit, pending_entry = 0, 0, -1, 0
        units, entry, stop, target, ruin, best = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        entry_fee, paid, slipped, trailed = 0.0, 0.0, 0.0, False
        entry_bar, lock, peak = 0, -1, cash

        for i in range(n):
            if side == 0 and pending_entry == 0:  # the usual bar of a flat account
                code = codes[i]
                equity[i] = cash
                if code & 5 and i + 1 < n and i >= lock:
                    go_long, go_short = (code & 3) == 1, (code & 12) == 4
                    if go_long != go_short:
                        pending_entry = 1 if go_long else -1
                continue

            if calm and side != 0 and pending_exit < 0 and codes[i] == 0 and ruin == 0 and i + 1 < n:
                equity[i] = cash + side * units * (close[i] - entry)  # the usual bar of a position without levels
                continue

            reason, price = -1, 0.0
            if side != 0:
                if funded:
                    rate = funding[i] if many_funding else funding[0]
                    due = side * units * open_[i] * rate
                    cash -= due
                    paid += due
                    if margined or side < 0:
                        ruin = liquidation_price(side, entry, units, cash, maintenance)
                if pending_exit >= 0:
                    reason, price = pending_exit, open_[i]
                elif stop > 0 and side * (open_[i] - stop) <= 0:
                    reason, price = (2 if trailed else 1), open_[i]
                elif ruin > 0 and side * (open_[i] - ruin) <= 0:
                    reason, price = 5, open_[i]
                elif targeted and target > 0 and side * (open_[i] - target) >= 0:
                    reason, price = 3, open_[i]
            pending_exit = -1
            for turn in range(2):  # what was carried into the bar, then what is opened in it
                if turn == 1:
                    if pending_entry == 0 or side != 0:
                        break
                    side, pending_entry = pending_entry, 0
                    entry = open_[i] * (1 + side * slippage)
                    now_atr = (atr[i - 1] if many_atr else atr[0]) if exits[1] > 0 else 0.0
                    stop = first_stop(side, entry, exits, now_atr)
                    amount = sizes[i - 1] if many_sizes else sizes[0]
                    kind = size_kind
                    if kind == 5:
                        amount, kind = kelly_share(gains, count, kelly[0], kelly[1], amount, int(kelly[2])), 0
                    units = units_for(kind, amount, cash, entry, fee, leverage, stop)
                    if units <= 0:
                        side = 0
                        break
                    entry_fee = fee * units * entry
                    slipped = units * abs(entry - open_[i])
                    cash -= entry_fee
                    paid, trailed, entry_bar, best = 0.0, False, i, entry
                    target = target_price(side, entry, 0, exits, roi) if targeted else 0.0
                    ruin = 0.0
                    if margined or side < 0:
                        ruin = liquidation_price(side, entry, units, cash, maintenance)
                    reason, price = -1, 0.0
                    if stop > 0 and side * (open_[i] - stop) <= 0:
                        reason, price = 1, open_[i]
                    elif ruin > 0 and side * (open_[i] - ruin) <= 0:
                        reason, price = 5, open_[i]
                    elif targeted and target > 0 and side * (open_[i] - target) >= 0:
                        reason, price = 3, open_[i]
                if side != 0 and reason < 0 and (levelled or ruin > 0):
                    worst = low[i] if side > 0 else high[i]
                    good = high[i] if side > 0 else low[i]
                    hit_ruin = ruin > 0 and side * (worst - ruin) <= 0
                    hit_stop = stop > 0 and side * (worst - stop) <= 0
                    if hit_stop and hit_ruin:  # the nearer of the two comes first
                        hit_stop = side * (stop - ruin) >= 0
                        hit_ruin = not hit_stop
                    hit_target = targeted and target > 0 and side * (good - target) >= 0
                    if hit_target and (hit_stop or hit_ruin):
                        # 0 pessimistic: the stop counts; 1 optimistic: the target; 2 adaptive: the nearer to the open
                        target_first = path == 1 or (path == 2 and abs(good - open_[i]) < abs(worst - open_[i]))
                        if target_first:
                            hit_stop, hit_ruin = False, False
                        else:
                            hit_target = False
                    if hit_stop:
                        reason, price = (2 if trailed else 1), stop
                    elif hit_ruin:
                        reason, price = 5, ruin
                    elif hit_target:
                        reason, price = 3, target
                if side != 0 and reason < 0 and i == n - 1:
                    if close_at_end:
                        reason, price = 6, close[i]
                    else:
                        reason, price = 7, close[i]
                if side != 0 and reason >= 0:
                    at = price
                    exit_fee = 0.0
                    if reason not in (3, 7):
                        at = price * (1 - side * slippage)
                        slipped += units * abs(price - at)
                    profit = side * units * (at - entry)
                    if reason != 7:
                        exit_fee = fee * units * at
                    after = cash + profit - exit_fee
                    if reason == 5 and after < 0:  # the venue bears what is lost beyond the account
                        profit -= after
                        after = 0.0
                    cash = after
                    whole[count, 0], whole[count, 1], whole[count, 2], whole[count, 3] = entry_bar, i, side, reason
                    real[count, 0], real[count, 1], real[count, 2] = units, entry, at
                    net = profit - entry_fee - exit_fee - paid
                    real[count, 3], real[count, 4], real[count, 5], real[count, 6] = (
                        net,
                        entry_fee + exit_fee,
                        paid,
                        slipped,
                    )
                    exit_bars[count], reasons[count], pnls[count] = i, reason, net
                    gains[count] = net / (units * entry)
                    count += 1
                    peak = max(peak, cash)
                    if guarded:
                        fall = 1 - cash / peak
                        until = locked_until(protections, i, count, exit_bars, reasons, pnls, gains, fall)
                        lock = max(lock, until)
                        if protections[2] > 0 and fall > protections[1]:
                            peak = cash
                    side = 0
                    reason = -1
            pending_entry = 0

            if side == 0:
                equity[i] = cash
            else:
                equity[i] = cash + side * units * (close[i] - entry)
                if moving:
                    best = max(best, high[i]) if side > 0 else min(best, low[i])
                    raised = moved_stop(side, entry, stop, best, exits, fee)
                    if raised != stop:
                        stop, trailed = raised, True
                if targeted:
                    target = target_price(side, entry, i + 1 - entry_bar, exits, roi)
            if i + 1 >= n or cash <= 0:
                continue
            code = codes[i]
            if side != 0:
                if timed > 0 and i + 1 - entry_bar >= timed:
                    pending_exit = 4
                if code:
                    turned = (code & 12) == 4 if side > 0 else (code & 3) == 1
                    if turned or code & (2 if side > 0 else 8):
                        pending_exit = 0
            if code & 5 and i >= lock and (side == 0 or pending_exit >= 0):
                go_long, go_short = (code & 3) == 1, (code & 12) == 4
                if go_long != go_short and not (side > 0 and go_long) and not (side < 0 and go_short):
                    pending_entry = 1 if go_long else -1

        if run < len(figures):
            figures[run] = summarise(whole[:count], real[:count], equity, ends, periods, capital)
        if run < len(paths):
            for k in range(len(ends)):
                paths[run, k] = equity[ends[k]]
    return whole[:count].copy(), real[:count].copy()
