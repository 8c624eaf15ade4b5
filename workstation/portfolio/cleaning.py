"""What is wrong with a table of prices, in sentences, and the part of it that can be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Bools, Floats
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError

#: Fewer common prices than this say nothing about risk.
LEAST_ROWS = 20


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A table without a gap, whose every asset moves. `notes` say what was done to come by it."""

    table: PriceTable
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def clean(table: PriceTable, *, leave_out: bool = False, least: int = LEAST_ROWS) -> Cleaned:
    """The rows in which every asset has a price.

    An asset that cannot be used (too few prices, none above zero, never moving, the double of another) is refused with
    a sentence that names it; with `leave_out` it goes, and a note says so. Raises `PortfolioError`.
    """
    notes: list[str] = []
    gone: list[str] = []
    kept = table
    while (fault := _fault(kept, least)) is not None:
        asset, sentence = fault
        if not leave_out:
            raise PortfolioError(f"{sentence} Leave {asset} out, or give it better prices.")
        gone.append(asset)
        notes.append(f"{asset} is left out: {sentence}")
        if len(kept.assets) == 1:
            raise PortfolioError(f"No asset of {table.name} can be used. {sentence}")
        kept = kept.take([each for each in kept.assets if each != asset])
    if len(kept.assets) < 2:
        only = kept.assets[0] if kept.assets else "nothing"
        alone = f"A portfolio needs two assets or more, and {table.name} leaves {only} alone. Add another."
        raise PortfolioError(" ".join([*notes, alone]))
    whole: Bools = np.asarray(~np.isnan(kept.values).any(axis=1))
    notes.extend(_gaps(kept, whole))
    table = PriceTable(kept.assets, kept.times[whole], np.ascontiguousarray(kept.values[whole]), kept.name)
    if table.values.shape[0] - 1 <= len(table.assets):
        notes.append(
            f"{len(table.assets):,} assets and only {len(table) - 1:,} returns: a sample covariance is singular, and "
            "its risks look better than they are. A longer history or the covariance ledoit mends it."
        )
    return Cleaned(table, tuple(notes), tuple(gone))


def _fault(table: PriceTable, least: int) -> tuple[str, str] | None:
    """The asset that must go first, and why."""
    values = table.values
    there = ~np.isnan(values)
    counts = there.sum(axis=0)
    with np.errstate(invalid="ignore"):
        wrong = there & ~(np.isfinite(values) & (values > 0))
    for column in np.flatnonzero(wrong.any(axis=0)):
        row = int(np.argmax(wrong[:, column]))
        price = f"{values[row, column]:g}"
        return table.assets[column], f"{table.assets[column]} has the price {price} on {_day(table, row)}."
    for column in np.flatnonzero(counts < min(least, max(int(counts.max()), 1))):
        return table.assets[column], f"{table.assets[column]} {_has(int(counts[column]))}."
    if counts.max(initial=0) < least:
        raise PortfolioError(
            f"{table.name} has only {_prices(int(counts.max(initial=0)))} of each asset, and risk needs {least} "
            "or more. Give it a longer history or shorter bars."
        )
    whole = there.all(axis=1)
    if int(whole.sum()) < least:
        return _stranger(table, there, int(whole.sum()))
    common = values[whole]
    for column in np.flatnonzero((common == common[0]).all(axis=0)):
        asset = table.assets[column]
        return asset, f"{asset} never moves from {common[0, column]:g}, so its risk would seem to be none."
    return _double(table, common)


def unusable(table: PriceTable, asset: str, least: int) -> str | None:
    """Why the risk of this asset cannot be measured, as the beginning of a sentence: fewer than `least` prices, or one
    that is no price. None: it can."""
    column = table.values[:, table.assets.index(asset)]
    there = ~np.isnan(column)
    wrong = there & ~(np.isfinite(column) & (column > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        return f"{asset} has the price {column[row]:g} on {_day(table, row)}"
    return f"{asset} {_has(int(there.sum()))}" if there.sum() < least else None


def strangers(table: PriceTable) -> str:
    """The two assets that have fewest dates in common: "A and B have no date in common"."""
    there = ~np.isnan(table.values)
    return _apart(table, there, _odd_one(there))[1]


def _odd_one(there: Bools) -> int:
    """The column without which most rows would be common."""
    missing = ~there
    alone = missing & (missing.sum(axis=1, keepdims=True) == 1)
    gain = alone.sum(axis=0)
    return int(np.argmax(gain if gain.any() else missing.sum(axis=0)))


def _apart(table: PriceTable, there: Bools, column: int) -> tuple[str, str]:
    """An asset and what it lacks beside the one with which it has fewest dates in common."""
    together = there.astype(np.float64).T @ there.astype(np.float64)
    other = int(np.argmin(together[column]))
    asset, partner = table.assets[column], table.assets[other]
    shared = int(together[column, other])
    if shared == 0:
        return asset, f"{asset} and {partner} have no date in common"
    return asset, f"{asset} and {partner} have {_prices(shared)} in common"


def _stranger(table: PriceTable, there: Bools, common: int) -> tuple[str, str]:
    """The asset without which most rows would be common."""
    asset, why = _apart(table, there, _odd_one(there))
    verb = "is" if common < 2 else "are"
    everywhere = f"{_prices(common)} of {len(table):,} rows {verb} common to all {len(table.assets)} assets"
    return asset, f"{why}: {everywhere}."


#: Prices that never part by more than so much of themselves are those of one asset, rounded differently.
_SAME = 5e-5


def _double(table: PriceTable, common: Floats) -> tuple[str, str] | None:
    """An asset whose prices are those of an earlier one, times a constant, but for rounding. Only assets that come to
    the same end are looked at one by one."""
    scaled = common / common[0]
    order = np.argsort(scaled[-1], kind="stable").tolist()
    found: list[tuple[int, int]] = []
    for place, one in enumerate(order):
        for other in order[place + 1 :]:
            if scaled[-1, other] > scaled[-1, one] * (1 + _SAME):
                break
            if np.abs(scaled[:, other] - scaled[:, one]).max() <= _SAME * scaled[:, one].max():
                found.append((max(one, other), min(one, other)))
    if not found:
        return None
    asset, first = (table.assets[column] for column in min(found))
    return asset, f"{asset} moves exactly as {first} does, so one of them is there twice."


def _gaps(table: PriceTable, whole: Bools) -> list[str]:
    notes = []
    first = int(np.argmax(whole))
    if first > 0:
        begins = np.argmax(~np.isnan(table.values), axis=0)
        asset = int(np.argmax(begins))
        if begins[asset] == first:
            earlier = np.sort(begins)[-2]
            notes.append(
                f"Prices begin on {_day(table, first)}, when those of {table.assets[asset]} do; "
                f"without it they would on {_day(table, int(earlier))}."
            )
    last = len(whole) - 1 - int(np.argmax(whole[::-1]))
    if last < len(whole) - 1:
        ends = len(whole) - 1 - np.argmax(~np.isnan(table.values[::-1]), axis=0)
        asset = int(np.argmin(ends))
        if ends[asset] == last:
            notes.append(f"Prices end on {_day(table, last)}, when those of {table.assets[asset]} do.")
    inside = ~whole[first : last + 1]
    if inside.any():
        holes = np.isnan(table.values[first : last + 1]).sum(axis=0)
        worst = int(np.argmax(holes))
        lost = int(inside.sum())
        notes.append(
            f"{lost:,} of {last - first + 1:,} rows are left out because a price is missing "
            f"({table.assets[worst]} lacks most: {int(holes[worst]):,})."
        )
    return notes


def _prices(count: int) -> str:
    return "no price" if count == 0 else "one price" if count == 1 else f"{count:,} prices"


def _day(table: PriceTable, row: int) -> str:
    return str(np.datetime64(int(table.times[row]), "ns").astype("datetime64[D]"))


def _has(count: int) -> str:
    return "has no price" if count == 0 else f"has only {_prices(count)}"
