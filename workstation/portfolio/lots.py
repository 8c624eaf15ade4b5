"""Weights into whole lots: what to hold for a sum of money, and the cash that is left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from workstation.portfolio.problem import PortfolioError


@dataclass(frozen=True)
class LotAllocation:
    """`quantities` (multiples of each lot; assets of none left out), what they are worth, and `cash` that buys no
    further lot without leaving the weights. `error` is the largest distance of a held weight from what was asked."""

    quantities: dict[str, Decimal]
    values: dict[str, Decimal]
    cash: Decimal
    error: float


def whole_lots(
    weights: Mapping[str, float],
    prices: Mapping[str, Decimal],
    money: Decimal,
    lots: Mapping[str, Decimal] | None = None,
    *,
    least_value: Mapping[str, Decimal] | None = None,
) -> LotAllocation:
    """Each weight of `money` rounded down to lots (1 where none is given), then lot after lot to the asset that is
    furthest below its weight, as long as that brings it nearer and there is cash. An asset below its `least_value` is
    not bought at all. A negative weight is rounded towards zero. The quantities never cost more than the money that
    the weights ask for. Raises `PortfolioError` for a price that is missing or not above zero.
    """
    if money <= 0:
        raise PortfolioError(f"There is no money to divide: {money}.")
    lots, least_value = lots or {}, least_value or {}
    held: dict[str, Decimal] = {}
    targets: dict[str, Decimal] = {}
    for asset, weight in weights.items():
        price, lot = prices.get(asset), lots.get(asset, Decimal(1))
        if price is None or price <= 0:
            raise PortfolioError(f"{asset} has no price above zero, so no quantity of it can be worked out.")
        if lot <= 0:
            raise PortfolioError(f"The lot of {asset} must be above zero, not {lot}.")
        targets[asset] = Decimal(str(weight)) * money
        count = (abs(targets[asset]) / (price * lot)).to_integral_value(ROUND_FLOOR)
        held[asset] = (count * lot).copy_sign(targets[asset]) if count else Decimal(0)
    cash = sum(targets.values(), Decimal(0)) - sum((held[a] * prices[a] for a in held), Decimal(0))
    cash = _top_up(held, targets, prices, lots, cash)
    for asset, quantity in held.items():
        if quantity and abs(quantity * prices[asset]) < least_value.get(asset, Decimal(0)):
            cash += quantity * prices[asset]
            held[asset] = Decimal(0)
    values = {asset: quantity * prices[asset] for asset, quantity in held.items() if quantity}
    rest = money - sum(targets.values(), Decimal(0))
    error = max((abs(float((values.get(a, Decimal(0)) - targets[a]) / money)) for a in targets), default=0.0)
    return LotAllocation({a: q for a, q in held.items() if q}, values, cash + rest, error)


def _top_up(
    held: dict[str, Decimal],
    targets: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
    lots: Mapping[str, Decimal],
    cash: Decimal,
) -> Decimal:
    while True:
        best, gain = None, Decimal(0)
        for asset, target in targets.items():
            step = prices[asset] * lots.get(asset, Decimal(1))
            short = target - held[asset] * prices[asset]
            # one lot more brings it nearer if the gap is wider than half a lot
            if target > 0 and step <= cash and short * 2 > step and short > gain:
                best, gain = asset, short
        if best is None:
            return cash
        lot = lots.get(best, Decimal(1))
        held[best] += lot
        cash -= lot * prices[best]
