"""`tws allocate`: its arguments, and what it prints. Nothing heavy is loaded before."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from workstation.portfolio.optimise import Allocation
    from workstation.portfolio.prices import PriceTable
    from workstation.portfolio.problem import Constraints, GroupBound, Problem, View


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `allocate`."""
    parser.description = "Portfolio weights from a table of prices. Rates and returns are those of one row's period."
    add = parser.add_argument
    add("--prices", metavar="FILE", help="CSV or Parquet: a date column and one column an asset; or stocks, built in")
    add("--method", default="max_ratio", metavar="NAME", help="max_ratio, min_risk, hrp, risk_parity …; see --list")
    add("--risk", default="MV", metavar="MEASURE", help="MV, MAD, CVaR, CDaR, EVaR, UCI, MDD …; see --list")
    add("--rf", type=float, default=0.0, help="risk-free rate of one period, 0.0001 say; 0")
    add("--expected", default="hist", metavar="NAME", help="expected returns: hist, ewma1, JS, BS …")
    add("--covariance", default="hist", metavar="NAME", help="covariance: hist, ledoit, oas, gerber1 …")
    add("--assets", metavar="A,B,…", help="only these columns")
    add("--exclude", metavar="A,B,…", help="not these columns")
    add("--last", type=int, metavar="ROWS", help="only the newest rows")
    add("--leave-out", action="store_true", help="leave out assets that cannot be used, and say so")
    add("--min", action="append", default=[], metavar="W|ASSET=W", help="least weight, of all or one (repeatable)")
    add("--max", action="append", default=[], metavar="W|ASSET=W", help="most weight, of all or one (repeatable)")
    add("--group", action="append", default=[], metavar="NAME=A,B:LO:HI", help="bounds of a group (repeatable)")
    add("--max-assets", type=int, metavar="N", help="at most so many assets")
    add("--short", type=float, default=0.0, metavar="W", help="sum of short weights that is allowed; 0")
    add("--budget", type=float, default=1.0, metavar="W", help="sum of all weights; 1")
    add("--held", metavar="A=W,B=W", help="weights held now, for turnover and costs")
    add("--turnover", type=float, metavar="W", help="most sum of changes of weight")
    add("--costs", type=float, default=0.0, metavar="C", help="what a unit of turnover costs, 0.001 for 0.1 %%")
    add("--tracking-error", type=float, metavar="TE", help="most deviation of a period from --benchmark")
    add("--benchmark", metavar="A=W,B=W", help="equal weights otherwise")
    add("--min-return", type=float, metavar="R", help="least expected return of a period")
    add("--view", action="append", default=[], metavar="A[>B]=R", help="a view for --expected BL (repeatable)")
    add("--factors", metavar="A,B", help="columns that explain the others, for --expected FM")
    add("--kelly", choices=("approx", "exact"), default="", help="logarithmic returns")
    add("--aversion", type=float, default=2.0, help="of max_utility; 2")
    add("--alpha", type=float, default=0.05, help="tail of VaR and drawdown measures; 0.05")
    add("--linkage", default="single", help="of the hierarchical methods: single, ward …")
    add("--codependence", default="pearson", help="of the hierarchical methods: pearson, spearman …")
    add("--clusters", type=int, help="of herc and nco; found by themselves otherwise")
    add("--textbook", action="store_true", help="grow the tree as in the paper on HRP, not as Riskfolio-Lib does")
    add("--money", type=Decimal, metavar="M", help="also whole lots for so much money at the last prices")
    add("--lot", type=Decimal, default=Decimal(1), help="with --money: units of a lot; 1")
    add("--list", action="store_true", help="what methods, measures and estimators there are")
    add("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace, write: Callable[[str], object]) -> int:
    """Weights through `write`, notes to standard error. Raises the project's own errors, each a sentence."""
    from workstation.portfolio.optimise import allocate
    from workstation.portfolio.problem import PortfolioError

    if options.list:
        _list(write)
        return 0
    if options.prices is None:
        raise PortfolioError("--prices is missing: a CSV or Parquet file of prices, or stocks, which is built in.")
    table = _table(options)
    found = allocate(table, _problem(options), leave_out=options.leave_out)
    for note in found.notes:
        sys.stderr.write(f"tws: {note}\n")
    lots = None if options.money is None else _lots(options, table, found)
    (_json if options.json else _report)(found, lots, write)
    return 0


def _table(options: argparse.Namespace) -> PriceTable:
    from workstation.portfolio.prices import read_prices
    from workstation.portfolio.problem import PortfolioError

    table = read_prices(options.prices)
    if options.assets:
        wanted = [*_names(options.assets), *_names(options.factors or "")]
        table = table.take(list(dict.fromkeys(wanted)))
    if options.exclude:
        gone = _names(options.exclude)
        unknown = [name for name in gone if name not in table.assets]
        if unknown:
            raise PortfolioError(f"--exclude names {unknown[0]}, which {table.name} does not have.")
        table = table.take([asset for asset in table.assets if asset not in gone])
    if options.last is not None:
        if options.last < 2:
            raise PortfolioError(f"--last wants two rows or more, not {options.last}.")
        table = table.rows(max(len(table) - options.last, 0), len(table))
    return table


def _problem(options: argparse.Namespace) -> Problem:
    from workstation.portfolio.methods import COVARIANCES, EXPECTED, MEASURES, METHODS, find
    from workstation.portfolio.problem import Problem

    return Problem(
        method=find(METHODS, options.method, "method").code,
        risk=find(MEASURES, options.risk, "risk measure").code,
        rf=options.rf,
        expected=find(EXPECTED, options.expected, "estimator of expected returns").code,
        covariance=find(COVARIANCES, options.covariance, "covariance estimator").code,
        constraints=_constraints(options),
        aversion=options.aversion,
        alpha=options.alpha,
        kelly=options.kelly,
        views=tuple(_view(word) for word in options.view),
        held=_weights(options.held, "--held"),
        benchmark=_weights(options.benchmark, "--benchmark"),
        factors=tuple(_names(options.factors or "")),
        linkage=options.linkage,
        codependence=options.codependence,
        clusters=options.clusters,
        textbook=options.textbook,
    )


def _constraints(options: argparse.Namespace) -> Constraints:
    from workstation.portfolio.problem import Constraints

    lowest, least = _bounds(options.min, "--min", 0.0)
    highest, most = _bounds(options.max, "--max", 1.0)
    named = dict.fromkeys([*least, *most])
    return Constraints(
        lower=lowest,
        upper=highest,
        bounds=tuple((asset, least.get(asset, lowest), most.get(asset, highest)) for asset in named),
        groups=tuple(_group(word) for word in options.group),
        budget=options.budget,
        short=options.short,
        max_assets=options.max_assets,
        turnover=options.turnover,
        costs=options.costs,
        tracking_error=options.tracking_error,
        min_return=options.min_return,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _number(text: str, where: str) -> float:
    """A fraction, or with % a hundredth of the number."""
    from workstation.portfolio.problem import PortfolioError

    word = text.strip()
    try:
        return float(word[:-1]) / 100 if word.endswith("%") else float(word)
    except ValueError:
        raise PortfolioError(f"{where} wants a number (0.2 or 20%), not {text!r}.") from None


def _bounds(words: Sequence[str], where: str, default: float) -> tuple[float, dict[str, float]]:
    single: dict[str, float] = {}
    for word in words:
        asset, equals, value = word.rpartition("=")
        if equals:
            single[asset.strip()] = _number(value, where)
        else:
            default = _number(word, where)
    return default, single


def _weights(text: str | None, where: str) -> tuple[tuple[str, float], ...]:
    from workstation.portfolio.problem import PortfolioError

    pairs = []
    for word in _names(text or ""):
        asset, equals, value = word.rpartition("=")
        if not equals:
            raise PortfolioError(f"{where} wants ASSET=WEIGHT,…, not {word!r}.")
        pairs.append((asset.strip(), _number(value, where)))
    return tuple(pairs)


def _group(word: str) -> GroupBound:
    from workstation.portfolio.problem import GroupBound, PortfolioError

    name, equals, rest = word.partition("=")
    members, *limits = rest.rsplit(":", 2)
    if not equals or len(limits) != 2 or not _names(members):
        raise PortfolioError(f"--group wants NAME=ASSET,ASSET:LOW:HIGH (tech=AAPL,MSFT:0:0.4), not {word!r}.")
    low, high = (_number(limit, "--group") for limit in limits)
    return GroupBound(name.strip(), tuple(_names(members)), low, high)


def _view(word: str) -> View:
    from workstation.portfolio.problem import PortfolioError, View

    names, equals, value = word.rpartition("=")
    if not equals:
        raise PortfolioError(f"--view wants ASSET=RETURN or ASSET>OTHER=RETURN, not {word!r}.")
    plus, _, minus = names.partition(">")
    return View(tuple(_names(plus)), _number(value, "--view"), tuple(_names(minus)))


def _lots(options: argparse.Namespace, table: PriceTable, found: Allocation) -> dict[str, object]:
    from workstation.portfolio.lots import whole_lots

    last = {asset: table.values[-1, table.assets.index(asset)] for asset in found.assets}
    made = whole_lots(
        found.weights,
        {asset: Decimal(str(price)) for asset, price in last.items() if price > 0},
        options.money,
        dict.fromkeys(found.assets, options.lot),
    )
    return {
        "quantities": {asset: str(quantity) for asset, quantity in made.quantities.items()},
        "cash": str(made.cash),
        "largest_error": made.error,
    }


def _json(found: Allocation, lots: dict[str, object] | None, write: Callable[[str], object]) -> None:
    import json
    import math

    figures: dict[str, object] = {
        "method": found.problem.method,
        "risk": found.problem.risk,
        "weights": found.weights,
        "expected_return": found.expected_return,
        "risk_value": found.risk_value,
        "sharpe": found.sharpe if math.isfinite(found.sharpe) else None,
        "solver": found.solver,
        "seconds": found.seconds,
        "returns": found.rows,
        "notes": list(found.notes),
    }
    if lots is not None:
        figures["lots"] = lots
    write(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def _report(found: Allocation, lots: dict[str, object] | None, write: Callable[[str], object]) -> None:
    from workstation.portfolio.methods import MEASURES, METHODS

    measure = MEASURES[found.problem.risk]
    write(f"{METHODS[found.problem.method].name}, {measure.name} ({measure.code}), {found.rows:,} returns\n\n")
    width = max(len(asset) for asset in found.assets)
    total = sum(found.contributions)
    for place in sorted(range(len(found.assets)), key=lambda i: -abs(found.values[i])):
        if abs(found.values[place]) < 5e-6:
            continue
        share = found.contributions[place] / total if total else 0.0
        write(f"{found.assets[place].ljust(width)}  {found.values[place]:8.2%}   of the risk {share:8.2%}\n")
    year = found.periods_per_year
    write(f"\nexpected return {found.expected_return:.4%} a period, {found.expected_return * year:.2%} a year\n")
    yearly = f", {found.risk_value * year**0.5:.2%} a year" if measure.code == "MV" else ""
    write(f"risk            {found.risk_value:.4%} a period{yearly}\n")
    write(f"ratio           {found.sharpe:.4f} a period\n")
    write(f"by {found.solver} in {found.seconds:.3f} s\n")
    if lots is not None:
        quantities = lots["quantities"]
        assert isinstance(quantities, dict)
        write("\n" + "".join(f"{asset.ljust(width)}  {quantity}\n" for asset, quantity in quantities.items()))
        write(f"cash left over  {lots['cash']}\n")


def _list(write: Callable[[str], object]) -> None:
    from workstation.portfolio.methods import COVARIANCES, EXPECTED, MEASURES, METHODS

    for title, table in (
        ("Methods", METHODS),
        ("Risk measures", MEASURES),
        ("Expected returns", EXPECTED),
        ("Covariances", COVARIANCES),
    ):
        write(f"{title}\n")
        for code, row in table.items():
            write(f"  {code:20} {row.name}: {row.text}\n")
