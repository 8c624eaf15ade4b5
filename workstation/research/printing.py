"""What the research commands print: tables for the eye, plain values for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workstation.domain.backtest_terms import in_words
from workstation.domain.trade_rules import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstation.research.honesty import Band
    from workstation.research.luck import Luck
    from workstation.research.result import Result
    from workstation.research.sweep import Row
    from workstation.research.verdicts import Verdict

_REPORT = (
    ("final_equity", "final equity", "{:,.2f}"),
    ("return_pct", "return", "{:,.2f} %"),
    ("buy_hold_return_pct", "buy and hold", "{:,.2f} %"),
    ("cagr_pct", "return a year", "{:,.2f} %"),
    ("max_drawdown_pct", "largest drawdown", "{:,.2f} %"),
    ("sharpe", "Sharpe", "{:.3f}"),
    ("sortino", "Sortino", "{:.3f}"),
    ("calmar", "Calmar", "{:.3f}"),
    ("n_trades", "trades", "{:,}"),
    ("win_rate_pct", "winners", "{:.1f} %"),
    ("profit_factor", "profit factor", "{:.3f}"),
    ("expectancy", "profit a trade", "{:,.2f}"),
    ("sqn", "SQN", "{:.2f}"),
    ("exposure_pct", "time in the market", "{:.1f} %"),
    ("fees_paid", "fees", "{:,.2f}"),
    ("slippage_paid", "slippage", "{:,.2f}"),
)


def as_json(result: Result) -> dict[str, Any]:
    """A result as `tws backtest --json` prints it: the figures by name, then the trades."""
    times = result.candles.time
    metrics = result.metrics
    trades = [
        {
            "entry_time": iso(trade.entry_time),
            "exit_time": iso(trade.exit_time),
            "side": trade.side,
            "size": trade.size,
            "entry_price": trade.entry_price,
            "exit_price": trade.exit_price,
            "pnl": trade.pnl,
            "fees": trade.fees,
            "tag": trade.tag,
        }
        for trade in result.rows()
    ]
    for row, name in zip(trades, result.instruments, strict=False):
        row["instrument"] = name
    head = {
        "strategy": result.strategy,
        "params": result.params,
        "engine": result.engine,
        "bars": len(times),
        "start": iso(int(times[0])),
        "end": iso(int(times[-1])),
        "terms": result.costs.terms,
    }
    return {**head, **metrics, "trades": trades}


def iso(ts: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts / 1e9, UTC).isoformat().replace("+00:00", "Z")


def to_json(value: object) -> str:
    import json

    return json.dumps(_plain(value), indent=2) + "\n"


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is not known is null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def report(result: Result) -> str:
    times, metrics = result.candles.time, result.metrics
    words = ", ".join(f"{name}={value}" for name, value in result.params.items())
    lines = [
        f"{result.strategy} ({words}) on {result.candles.name}, engine {result.engine}",
        f"{len(times):,} bars, {iso(int(times[0]))} to {iso(int(times[-1]))}",
        *([", ".join(unusual)] if (unusual := in_words(result.costs.terms)) else []),
        "",
    ]
    for key, label, form in _REPORT:
        value = metrics.get(key)
        known = value is not None and math.isfinite(value)
        lines.append(f"{label:20} {form.format(value) if known else '–':>16}")
    return "\n".join(lines) + "\n"


def band_table(found: Band) -> str:
    """The paths side by side, and the first trades that differ."""
    lines = ["", f"{'path inside the bars':20}{'return':>14}{'drawdown':>14}{'Sharpe':>10}{'trades':>10}"]
    for name, result in found.results.items():
        m = result.metrics
        shown = f"{m['return_pct']:>12,.2f} %{m['max_drawdown_pct']:>12,.2f} %{m['sharpe']:>10.3f}{m['n_trades']:>10,}"
        lines.append(f"{name:20}{shown}")
    lines.append(found.verdict)
    for each in found.differences[:10]:
        cells = []
        for name, row in each.rows.items():
            trades = found.results[name].trades
            cells.append(
                f"{name} no trade" if row is None else f"{name} {trades.exit_price[row]:g} ({trades.tag(row)})"
            )
        time = found.results["pessimistic"].candles.time[each.entry_bar]
        lines.append(f"  {each.side} of {iso(int(time))}: {'; '.join(cells)}")
    if len(found.differences) > 10:
        lines.append(f"  and {len(found.differences) - 10:,} more; --json has them all")
    return "\n".join(lines) + "\n"


def luck_table(found: Luck) -> str:
    """The verdicts, the worst first, and the ends of the fans."""
    lines = ["", *_in_lines(found.verdicts)]
    lines.append(f"{'':20}{'5 %':>14}{'median':>14}{'95 %':>14}{'loses':>10}{'drawdown 95 %':>16}")
    for name, fan in found.fans.items():
        low, middle, high = (float(fan.paths[row, -1]) for row in (0, 2, 4))
        ends = f"{low:>14,.0f}{middle:>14,.0f}{high:>14,.0f}{100 * fan.loss_probability:>8.0f} %"
        lines.append(f"{name:20}{ends}{100 * fan.drawdown_at():>14.1f} %")
    return "\n".join(lines) + "\n"


def verdict_lines(verdicts: Sequence[Verdict]) -> str:
    """One line each."""
    return "".join(f"{line}\n" for line in _in_lines(verdicts))


def _in_lines(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"{one.head + ':':<22}{one.text}" for one in verdicts]


def figure(name: str, value: float) -> str:
    """A figure in its column of a table: counts are whole."""
    return f"{value:>16,.0f}" if name.startswith("n_") else f"{value:>16,.3f}"


def table(rows: list[Row], rank: str, seconds: float, luck: str) -> str:
    """The ten best, for the eye, and how much of the best is luck."""
    from workstation.research.sweep import best_row

    left, shown = [row for row in rows if row.error is None], list[str]()
    names = list(left[0].params) if left else []
    columns = dict.fromkeys([rank, "return_pct", "max_drawdown_pct", "n_trades"])
    titles = [f"{name.removeprefix(KEY):>10}" for name in names]
    shown.append("  ".join([*titles, *(f"{name:>16}" for name in columns)]))
    while left and len(shown) <= 10 and (best := best_row(left, rank)) is not None:
        left.remove(best)
        cells = [f"{best.params[name]!s:>10}" for name in names]
        shown.append("  ".join([*cells, *(figure(name, best.metrics[name]) for name in columns)]))
    failed = sum(1 for row in rows if row.error)
    note = f", {failed:,} cannot be run" if failed else ""
    shown.append(f"{len(rows):,} combinations in {seconds:.2f} s{note}. {luck}")
    return "\n".join(shown) + "\n"
