"""HRP is what López de Prado describes; clusters, bounds and odd measures behave."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.support.universes import walks
from workstation.portfolio.optimise import allocate
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import Constraints, PortfolioError, Problem


def textbook_hrp(returns: np.ndarray) -> np.ndarray:
    """Building diversified portfolios that outperform out of sample (2016), from its description, without a library
    of clusters. Distances √((1 − ρ) / 2), then between the columns of that matrix; the two nearest clusters join, at
    the distance of their nearest members; the tree is read from the last join down, the older cluster first; weights
    are split between halves by inverse variance, a half holding its assets by inverse variance."""
    cov, count = np.cov(returns, rowvar=False), returns.shape[1]
    near = np.sqrt(np.clip((1 - np.corrcoef(returns, rowvar=False)) / 2, 0, 1))
    distance = np.sqrt(((near[:, :, None] - near[:, None, :]) ** 2).sum(axis=0))
    members = {number: [number] for number in range(count)}
    for number in range(count, 2 * count - 1):
        one, other = min(
            itertools.combinations(sorted(members), 2),
            key=lambda pair: min(distance[i, j] for i in members[pair[0]] for j in members[pair[1]]),
        )
        members[number] = members.pop(one) + members.pop(other)
    weights = np.zeros(count)

    def variance(cluster: list[int]) -> float:
        block = cov[np.ix_(cluster, cluster)]
        held = 1 / np.diag(block)
        held = held / held.sum()
        return float(held @ block @ held)

    def split(cluster: list[int], money: float) -> None:
        if len(cluster) == 1:
            weights[cluster[0]] = money
            return
        left, right = cluster[: len(cluster) // 2], cluster[len(cluster) // 2 :]
        share = 1 - variance(left) / (variance(left) + variance(right))
        split(left, money * share)
        split(right, money * (1 - share))

    split(members[2 * count - 2], 1.0)
    return weights


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("assets", [5, 12, 40])
def test_hrp_is_the_textbooks(seed: int, assets: int) -> None:
    prices = walks(assets, 300, seed)
    found = allocate(prices, Problem(method="hrp", textbook=True))
    np.testing.assert_allclose(found.values, textbook_hrp(prices.returns), atol=1e-12)


def test_hrp_hand_worked() -> None:
    """Two assets: the inverse of their variances, 1 : 4 here."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(60, 2))
    noise -= noise.mean(axis=0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise, rowvar=False))).T
    returns = noise * [0.02, 0.01]
    values = np.vstack([np.ones(2), np.cumprod(1 + returns, axis=0)])
    prices = PriceTable(("A", "B"), 86_400_000_000_000 * np.arange(61, dtype=np.int64), values)
    assert allocate(prices, Problem(method="hrp")).weights == pytest.approx({"A": 0.2, "B": 0.8}, abs=1e-9)


@pytest.mark.parametrize("method", ["hrp", "herc", "herc2", "nco"])
@pytest.mark.parametrize("risk", ["MV", "CVaR", "VaR", "MDD_Rel"])
def test_every_hierarchical_method_spends_the_money(method: str, risk: str) -> None:
    if method == "nco" and risk in ("VaR", "MDD_Rel"):
        with pytest.raises(PortfolioError, match="not convex"):
            allocate(walks(7, 150), Problem(method=method, risk=risk))
        return
    found = allocate(walks(7, 150), Problem(method=method, risk=risk))
    assert found.values.sum() == pytest.approx(1)
    assert (found.values >= -1e-9).all()
    assert sorted(found.order) == list(range(7))
    assert found.tree is not None
    assert found.tree.shape == (6, 4)


def test_bounds_of_single_assets_hold_in_the_tree() -> None:
    found = allocate(walks(9, 200), Problem(method="hrp", constraints=Constraints(lower=0.05, upper=0.15)))
    assert found.values.min() >= 0.05 - 1e-9
    assert found.values.max() <= 0.15 + 1e-9
    assert found.values.sum() == pytest.approx(1)


def test_the_number_of_clusters_can_be_given() -> None:
    few, many = (allocate(walks(12, 200), Problem(method="herc", clusters=k)).values for k in (2, 6))
    assert np.abs(few - many).max() > 1e-3
    with pytest.raises(PortfolioError, match="make 1 to 12 clusters, not 13"):
        allocate(walks(12, 200), Problem(method="herc", clusters=13))


def test_what_a_method_does_not_keep_is_refused() -> None:
    with pytest.raises(PortfolioError, match="does not keep a limit of turnover"):
        allocate(walks(5, 100), Problem(method="hrp", constraints=Constraints(turnover=0.1)))
    with pytest.raises(PortfolioError, match="Equal weight does not keep bounds on single weights"):
        allocate(walks(5, 100), Problem(method="equal_weight", constraints=Constraints(upper=0.1 + 0.2)))


def test_a_thousand_assets_are_no_obstacle() -> None:
    found = allocate(walks(1_000, 120), Problem(method="hrp"))
    assert found.values.sum() == pytest.approx(1)
    assert any("singular" in note for note in found.notes)
