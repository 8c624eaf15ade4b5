"""A result in parts: by month, and its trades by what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workstation.domain.spans import DAY
from workstation.market.candles import Ints
from workstation.research.metrics import trade_figures
from workstation.research.result import Result


def monthly_returns(result: Result) -> dict[int, dict[int, float]]:
    """Percent by year and month (UTC), each from the equity before the month's first bar."""
    candles = result.candles

    def work() -> tuple[Ints, Ints]:  # of the candles alone: once, however often they are run
        months = candles.time.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        ends = np.flatnonzero(np.append(months[1:] != months[:-1], True))
        return ends, months[ends]

    before, table = result.costs.cash, dict[int, dict[int, float]]()
    for end, number in zip(*candles.memo.get("month ends", work), strict=True):
        year, month = divmod(int(number), 12)
        table.setdefault(1970 + year, {})[month + 1] = 100 * (float(result.equity[end]) / before - 1)
        before = float(result.equity[end])
    return table


def kinds_of(result: Result) -> tuple[str, ...]:
    """By what the trades of a result can be split."""
    kinds = ("tag", "side", "weekday", "hour")
    return ("instrument", *kinds) if result.names else kinds


def split(result: Result, by: str) -> dict[str, dict[str, Any]]:
    """The trades' figures by `tag` (why they ended), `side`, `weekday` or `hour` (UTC) of the entry, or of several
    instruments by `instrument`."""
    trades, times = result.trades, result.candles.time[result.trades.entry_bar]
    weekdays = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    keys: dict[str, Callable[[int], str]] = {
        "tag": trades.tag,
        "side": lambda i: "long" if trades.side[i] > 0 else "short",
        "weekday": lambda i: weekdays[(int(times[i]) // DAY + 3) % 7],
        "instrument": lambda i: result.instruments[i],
        "hour": lambda i: f"{int(times[i]) % DAY // 3_600_000_000_000:02d}",
    }
    groups: dict[str, list[int]] = {name: [] for name in result.names} if by == "instrument" else {}
    for i in range(len(trades)):
        groups.setdefault(keys[by](i), []).append(i)
    if by == "instrument":  # in their own order, those without a trade too
        return {key: trade_figures(trades.only(rows)) for key, rows in groups.items()}
    order = weekdays.index if by == "weekday" else str
    return {key: trade_figures(trades.only(groups[key])) for key in sorted(groups, key=order)}
