"""Hierarchical portfolios: HRP (López de Prado 2016), HERC (Raffinot 2018) and NCO (López de Prado 2019), for every
risk measure, convex or not. Weights equal Riskfolio-Lib's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workstation.market.candles import Floats, Ints
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.risks import risk_of

LINKAGES = ("single", "complete", "average", "weighted", "centroid", "median", "ward")
CODEPENDENCES = ("pearson", "spearman", "kendall", "abs_pearson", "abs_spearman", "abs_kendall")
#: More clusters than this are not looked for.
_MOST = 10


@dataclass(frozen=True, eq=False)
class Tree:
    """`links` is scipy's linkage matrix, `order` the assets from left to right, `distances` the N × N matrix that was
    clustered."""

    links: Floats
    order: Ints
    distances: Floats


def hierarchical(inputs: Inputs, optimise: Callable[[Inputs, str], Floats]) -> tuple[Floats, Tree]:
    """N weights of hrp, herc, herc2 or nco, and the tree. `optimise` works out the parts of NCO. Raises
    `PortfolioError`."""
    tree = grow(inputs)
    match inputs.method.code:
        case "hrp":
            weights = _bisect(inputs, tree)
        case "nco":
            weights = _nested(inputs, tree, optimise)
        case _:
            weights = _equal_contribution(inputs, tree)
    return _fit(weights * inputs.constraints.budget, inputs), tree


def grow(inputs: Inputs) -> Tree:
    """The tree of the assets by the problem's codependence and linkage. Raises `PortfolioError`."""
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import pdist, squareform

    p = inputs.problem
    if p.linkage not in LINKAGES:
        raise PortfolioError(f"There is no linkage {p.linkage!r}: {', '.join(LINKAGES)}.")
    alike = codependence(inputs.returns, p.codependence)
    distances = np.sqrt(np.clip(1 - alike if p.codependence.startswith("abs_") else (1 - alike) / 2, 0.0, 1.0))
    if p.textbook:
        links = hierarchy.linkage(pdist(distances), method=p.linkage)
    else:
        links = hierarchy.linkage(squareform(distances, checks=False), method=p.linkage, optimal_ordering=True)
    return Tree(links, np.asarray(hierarchy.leaves_list(links), dtype=np.int64), np.asarray(distances))


def codependence(returns: Floats, method: str) -> Floats:
    """N × N correlations: Pearson's, or of ranks (Spearman, Kendall), absolute with `abs_`. Raises `PortfolioError`."""
    if method not in CODEPENDENCES:
        raise PortfolioError(f"There is no codependence {method!r}: {', '.join(CODEPENDENCES)}.")
    kind = method.removeprefix("abs_")
    count = returns.shape[1]
    found = np.eye(count)
    if kind == "kendall":
        from scipy.stats import kendalltau

        for i in range(count):
            for j in range(i):
                found[i, j] = found[j, i] = kendalltau(returns[:, i], returns[:, j]).statistic
    else:
        values = returns
        if kind == "spearman":
            from scipy.stats import rankdata

            values = np.asarray(rankdata(returns, axis=0), dtype=np.float64)
        found[:] = np.corrcoef(values, rowvar=False)
    return np.asarray(np.abs(found) if method.startswith("abs_") else found)


class _Risks:
    """Risks of single assets and of clusters that hold each asset by the inverse of its own risk."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._variance = inputs.measure.code == "MV"
        p = inputs.problem
        if self._variance:
            self.single = np.asarray(np.diag(inputs.cov))
        else:
            self.single = np.array([self._of(column, p.rf) for column in inputs.returns.T])
        if (self.single <= 0).any():
            asset = inputs.assets[int(np.argmax(self.single <= 0))]
            raise PortfolioError(
                f"{inputs.measure.code} of {asset} is not above zero, so money cannot be split by it: leave "
                f"{asset} out, or take another measure (MV)."
            )

    def _of(self, returns: Floats, rf: float) -> float:
        p = self._inputs.problem
        return risk_of(self._inputs.measure.code, returns, rf=rf, alpha=p.alpha, kappa=p.kappa)

    def weights(self, members: Ints) -> Floats:
        inverse = 1 / self.single[members]
        return np.asarray(inverse / inverse.sum())

    def cluster(self, members: Ints) -> float:
        """The variance for MV, the measure itself for the others."""
        held = self.weights(members)
        if self._variance:
            return float(held @ self._inputs.cov[np.ix_(members, members)] @ held)
        return self._of(self._inputs.returns[:, members] @ held, self._inputs.problem.rf)


def _bisect(inputs: Inputs, tree: Tree) -> Floats:
    """Money is split between the two halves of the order by their inverse risks, and so on down."""
    risks = _Risks(inputs)
    weights = np.ones(len(inputs.assets))
    waiting = [tree.order]
    while waiting:
        cluster = waiting.pop()
        if len(cluster) < 2:
            continue
        left, right = cluster[: len(cluster) // 2], cluster[len(cluster) // 2 :]
        share = 1 - (low := risks.cluster(left)) / (low + risks.cluster(right))
        weights[left] *= share
        weights[right] *= 1 - share
        waiting += [left, right]
    return weights


def _equal_contribution(inputs: Inputs, tree: Tree) -> Floats:
    """Down the tree to the clusters, splitting by inverse risk of the clusters below; inside by inverse risk (herc) or
    equally (herc2)."""
    from scipy.cluster import hierarchy

    risks = _Risks(inputs)
    count = clusters(inputs, tree)
    weights = np.ones(len(inputs.assets))
    labels = hierarchy.fcluster(tree.links, count, criterion="maxclust")
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    values = [risks.cluster(group) for group in groups]
    _, nodes = hierarchy.to_tree(tree.links, rd=True)
    nodes = sorted(nodes, key=lambda node: node.dist)[::-1]
    for node in nodes[: count - 1]:
        if node.is_leaf():
            continue
        left, right = node.get_left().pre_order(), node.get_right().pre_order()
        inside, beside = set(left), set(right)
        low = sum(value for group, value in zip(groups, values, strict=True) if inside.issuperset(group.tolist()))
        high = sum(value for group, value in zip(groups, values, strict=True) if beside.issuperset(group.tolist()))
        share = 1 - low / (low + high)
        weights[left] *= share
        weights[right] *= 1 - share
    for group in _cut(tree.links, count):
        inner = risks.weights(group) if inputs.method.code == "herc" else np.full(len(group), 1 / len(group))
        weights[group] *= inner
    return weights


def _nested(inputs: Inputs, tree: Tree, optimise: Callable[[Inputs, str], Floats]) -> Floats:
    """An optimal portfolio of each cluster, then one of those portfolios."""
    groups = _cut(tree.links, clusters(inputs, tree))
    nested = inputs.problem.nested
    inner = np.zeros((len(inputs.assets), len(groups)))
    for column, group in enumerate(groups):
        inner[group, column] = (
            1.0 if len(group) == 1 else optimise(_part(inputs, np.eye(len(inputs.assets))[:, group]), nested)
        )
    if len(groups) == 1:
        return np.asarray(inner[:, 0])
    return np.asarray(inner @ optimise(_part(inputs, inner), nested))


def _part(inputs: Inputs, mix: Floats) -> Inputs:
    """The same question on portfolios (columns of `mix`) in place of assets, without constraints."""
    count = mix.shape[1]
    free = type(inputs.constraints)()
    return replace(
        inputs,
        problem=replace(inputs.problem, constraints=free, held=(), benchmark=(), budgets=()),
        assets=tuple(f"part {i}" for i in range(count)),
        returns=np.asarray(inputs.returns @ mix),
        mean=np.asarray(inputs.mean @ mix),
        cov=np.asarray(mix.T @ inputs.cov @ mix),
        lower=np.zeros(count),
        upper=np.ones(count),
        held=np.zeros(count),
        benchmark=np.full(count, 1 / count),
    )


def clusters(inputs: Inputs, tree: Tree) -> int:
    """How many clusters: what the problem says, or by the two-difference statistic of the gap (Yue 2008)."""
    size = len(inputs.assets)
    wanted = inputs.problem.clusters
    if wanted is not None:
        if not 1 <= wanted <= size:
            raise PortfolioError(f"{size} assets make 1 to {size} clusters, not {wanted}.")
        return wanted
    most = min(_MOST, math.sqrt(size)) + 2
    spreads = [-math.inf]
    for count in range(2, min(size, int(most)) + 1):
        spread = 0.0
        for group in _cut(tree.links, count):
            if len(group) > 1:
                inside = tree.distances[np.ix_(group, group)]
                spread += float(inside[np.triu_indices(len(group), 1)].std())
        spreads.append(spread)
    gaps = [spreads[i + 2] + spreads[i] - 2 * spreads[i + 1] for i in range(len(spreads) - 2)]
    return 1 + int(np.argmax(gaps)) if gaps else 1


def _cut(links: Floats, count: int) -> list[Ints]:
    """The members of each of `count` clusters: the tree after its first N − count joins."""
    size = len(links) + 1
    members: dict[int, list[int]] = {i: [i] for i in range(size)}
    for step in range(size - count):
        one, other = int(links[step, 0]), int(links[step, 1])
        members[size + step] = members.pop(one) + members.pop(other)
    return [np.array(sorted(group), dtype=np.int64) for group in members.values()]


def _fit(weights: Floats, inputs: Inputs) -> Floats:
    """Within the bounds of single assets: what is above goes to those that are free, in proportion (Pfitzinger and
    Katzke 2019)."""
    lower, upper = np.maximum(inputs.lower, 0.0), inputs.upper
    for _ in range(100):
        if not ((weights > upper).any() or (weights < lower).any()):
            break
        over = np.maximum(weights - upper, 0).sum() + np.minimum(weights - lower, 0).sum()
        weights = np.clip(weights, lower, upper)
        free = (weights < upper) & (weights > lower)
        if over != 0 and free.any():
            weights[free] += over * weights[free] / weights[free].sum()
        elif over != 0:
            break
    return weights
