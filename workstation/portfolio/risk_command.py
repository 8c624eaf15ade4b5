"""`tws risk`: what a book of positions can lose, from two files."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path

from workstation.portfolio.prices import read_prices
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.risk_report import RiskQuestion, RiskReport, read_holdings, report
from workstation.portfolio.stress import read_scenarios


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "What a book can lose: VaR and expected shortfall by five methods, each position's part, correlation, "
        "stress tests and the VaR's own record."
    )
    parser.add_argument("--positions", type=Path, required=True, help="CSV: asset, and value or quantity")
    parser.add_argument("--prices", required=True, help="CSV or Parquet: a date column and one column an asset")
    parser.add_argument("--equity", type=float, help="the account's worth; the positions' net value otherwise")
    parser.add_argument("--horizon", type=float, default=1.0, help="in periods of the prices; 1")
    parser.add_argument("--market", default="", help="asset that betas are to; the largest position otherwise")
    parser.add_argument("--scenarios", type=Path, help="TOML file of [[scenario]] with name and shocks")
    parser.add_argument("--json", action="store_true", help="one JSON object, alone on standard output")


def risk(options: argparse.Namespace, write: Callable[[str], object]) -> int:
    """Run `tws risk`. Raises `PortfolioError`."""
    if not options.horizon > 0:
        raise PortfolioError("--horizon must be above 0.")
    prices = read_prices(options.prices)
    if not options.positions.exists():
        raise PortfolioError(f"There is no file {options.positions}.")
    try:
        with options.positions.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise PortfolioError(f"{options.positions} cannot be read: {error}.") from None
    holdings = read_holdings(rows, prices, options.positions.name)
    equity = sum(one.value for one in holdings) if options.equity is None else options.equity
    found = report(
        RiskQuestion(
            tuple(holdings),
            equity,
            prices,
            horizon=options.horizon,
            market=options.market,
            scenarios=tuple(read_scenarios(options.scenarios)) if options.scenarios else (),
        )
    )
    write(json.dumps(found.as_json(), indent=2) + "\n" if options.json else text_of(found))
    return 0


def text_of(found: RiskReport) -> str:
    """The report for a person."""
    whole = found.exposure.whole
    lines = [
        f"{'long':28}{whole.long:14,.2f}",
        f"{'short':28}{abs(whole.short):14,.2f}",
        f"{'net':28}{whole.net:14,.2f}",
    ]
    if found.exposure.leverage is not None:
        lines.append(f"{'leverage':28}{found.exposure.leverage:14.2f}")
    lines.append(f"{'volatility of a period':28}{found.volatility:14,.2f}")
    lines.append(f"{f'beta to {found.market}':28}{found.beta:14.2f}")
    lines += ["", f"{'loss exceeded with':28}{'VaR':>14}{'shortfall':>14}"]
    lines += [f"{f'{t.tail:.0%}, {t.method}':28}{t.var:14,.2f}{t.shortfall:14,.2f}" for t in found.tails]
    lines += ["", f"{'part of VaR at 95 %':28}{'component':>14}{'incremental':>14}{'beta':>8}"]
    parts = found.contributions
    for asset, component, alone, beta in sorted(
        zip(found.assets, parts.component, parts.incremental, found.betas, strict=True), key=lambda row: -row[1]
    ):
        lines.append(f"{asset[:27]:28}{component:14,.2f}{alone:14,.2f}{beta:8.2f}")
    lines += ["", f"{'scenario':40}{'profit':>16}"]
    lines += [f"{row.name[:39]:40}{row.profit:16,.2f}" + (f"  {row.note}" if row.note else "") for row in found.stress]
    lines += ["", found.backtest.sentence, *([found.warning] if found.warning else []), *found.notes]
    return "\n".join(lines) + "\n"
