"""Weights become whole lots; what they cost and what is left are the money, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.portfolio.lots import whole_lots
from workstation.portfolio.problem import PortfolioError


def test_by_hand() -> None:
    """1,000 of money, half in each: ten at 47 cost 470; two at 220 cost 440, and the 90 left buy another at 47, because
    that brings the first nearer to its 500 (517 is nearer than 470)."""
    made = whole_lots({"A": 0.5, "B": 0.5}, {"A": Decimal(47), "B": Decimal(220)}, Decimal(1000))
    assert made.quantities == {"A": Decimal(11), "B": Decimal(2)}
    assert made.cash == Decimal(43)
    assert made.error == pytest.approx(0.06)


def test_lots_and_least_values() -> None:
    made = whole_lots(
        {"A": 0.95, "B": 0.05},
        {"A": Decimal(60000), "B": Decimal("0.2")},
        Decimal(10000),
        {"A": Decimal("0.001"), "B": Decimal(100)},
        least_value={"B": Decimal(600)},
    )
    assert made.quantities == {"A": Decimal("0.158")}
    assert made.cash == Decimal(10000) - Decimal("0.158") * 60000


def test_what_has_no_price_is_named() -> None:
    with pytest.raises(PortfolioError, match="B has no price above zero"):
        whole_lots({"A": 0.5, "B": 0.5}, {"A": Decimal(1)}, Decimal(10))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 10**6), st.integers(1, 1000)), min_size=1, max_size=8),
    st.integers(1, 10**8),
)
def test_the_books_balance(rows: list[tuple[float, int, int]], money: int) -> None:
    total = sum(weight for weight, _, _ in rows) or 1.0
    weights = {f"A{i}": weight / total for i, (weight, _, _) in enumerate(rows)}
    prices = {f"A{i}": Decimal(price) / 100 for i, (_, price, _) in enumerate(rows)}
    lots = {f"A{i}": Decimal(lot) / 1000 for i, (_, _, lot) in enumerate(rows)}
    made = whole_lots(weights, prices, Decimal(money), lots)
    spent = sum((quantity * prices[asset] for asset, quantity in made.quantities.items()), Decimal(0))
    assert spent + made.cash == Decimal(money)
    assert made.cash >= -Decimal(money) / 10**12
    for asset, quantity in made.quantities.items():
        assert quantity % lots[asset] == 0
        assert abs(quantity * prices[asset] - Decimal(str(weights[asset])) * money) <= lots[asset] * prices[asset]
