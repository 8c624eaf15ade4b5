"""The methods, risk measures and estimators that can be chosen, each with its proper name and one line on it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from workstation.portfolio.problem import PortfolioError

type Kind = Literal["mean-risk", "parity", "hierarchical", "closed", "variance", "robust", "owa"]


@dataclass(frozen=True)
class Method:
    """`measured`: the risk measure decides the weights (else it is only reported). `bounded`: it keeps to bounds,
    groups and the rest of `Constraints`; of the others some keep per-asset bounds (`boxed`)."""

    code: str
    name: str
    text: str
    kind: Kind
    measured: bool = True
    bounded: bool = False
    boxed: bool = False


@dataclass(frozen=True)
class Measure:
    """`code` is Riskfolio-Lib's. `frontier`: convex, so it can be optimised (else hierarchical methods only);
    `parity`: risk parity on it is defined. `rows`: with more observations than this it takes minutes, and is
    refused unless a bound on rows is given. `annual`: scales with the square root of time (for display)."""

    code: str
    name: str
    text: str
    frontier: bool = True
    parity: bool = True
    rows: int = 0
    annual: bool = False


@dataclass(frozen=True)
class Estimator:
    code: str
    name: str
    text: str


def _by_code[T: (Method, Measure, Estimator)](*rows: T) -> dict[str, T]:
    return {row.code: row for row in rows}


METHODS: dict[str, Method] = _by_code(
    Method("max_ratio", "Maximum ratio", "The most expected return above the risk-free rate for each unit of risk.",
           "mean-risk", bounded=True),
    Method("min_risk", "Minimum risk", "The least risk, whatever the return.", "mean-risk", bounded=True),
    Method("max_return", "Maximum return", "The most expected return within the bounds.", "mean-risk", bounded=True),
    Method("max_utility", "Maximum utility", "Expected return less risk times the aversion (variance for MV).",
           "mean-risk", bounded=True),
    Method("risk_parity", "Risk parity", "Every asset contributes the same share of the risk (or its budget).",
           "parity"),
    Method("relaxed_risk_parity", "Relaxed risk parity",
           "Risk parity of the variance as a second-order cone problem, which takes a return floor.", "parity",
           measured=False),
    Method("hrp", "Hierarchical risk parity", "Clusters by correlation, then splits money by the halves' risks.",
           "hierarchical", boxed=True),
    Method("herc", "Hierarchical equal risk contribution",
           "Splits risk equally down the tree of clusters, inverse risk inside each.", "hierarchical", boxed=True),
    Method("herc2", "Hierarchical equal risk contribution, equal weights inside",
           "As HERC, with equal weights inside each cluster.", "hierarchical", boxed=True),
    Method("nco", "Nested clustered optimisation", "Optimises inside each cluster, then between the clusters.",
           "hierarchical", boxed=True),
    Method("equal_weight", "Equal weight", "1/N of the money in each.", "closed", measured=False),
    Method("inverse_volatility", "Inverse volatility", "Weights in proportion to 1 / standard deviation.", "closed",
           measured=False),
    Method("min_variance", "Minimum variance", "The least variance, whatever the measure that is shown.", "variance",
           measured=False, bounded=True),
    Method("max_diversification", "Maximum diversification",
           "The most weighted volatility for each unit of portfolio volatility.", "variance", measured=False,
           bounded=True),
    Method("max_decorrelation", "Maximum decorrelation", "The least variance were all volatilities equal.", "variance",
           measured=False, bounded=True),
    Method("worst_case", "Worst-case mean-variance",
           "The best ratio if means and covariances are the worst of what the sample allows.", "robust",
           measured=False, bounded=True),
    Method("owa", "Ordered weighted average", "The best ratio of an ordered average of returns (Gini by default).",
           "owa", measured=False, bounded=True),
)  # fmt: skip

MEASURES: dict[str, Measure] = _by_code(
    Measure("MV", "Standard deviation", "How far returns scatter round their mean.", annual=True),
    Measure("MAD", "Mean absolute deviation", "The mean distance from the mean.", annual=True),
    Measure("GMD", "Gini mean difference", "The mean distance of two returns picked at random.", rows=2_000,
            annual=True),
    Measure("MSV", "Semi standard deviation", "Standard deviation of what falls short of the mean.", annual=True),
    Measure("KT", "Square root of kurtosis", "The fourth moment: far outliers on both sides.", annual=True),
    Measure("SKT", "Square root of semi kurtosis", "The fourth moment of what falls short of the mean.", annual=True),
    Measure("EM", "Even moment of order 4", "The mean fourth power of the distance, as a square root.", annual=True),
    Measure("ESM", "Even semi moment of order 4", "The same of what falls short of the mean.", annual=True),
    Measure("FLPM", "First lower partial moment", "Mean shortfall below the risk-free rate (Omega)."),
    Measure("SLPM", "Second lower partial moment", "Root mean square shortfall below the risk-free rate (Sortino)."),
    Measure("CVaR", "Conditional value at risk", "The mean loss of the worst 5 % of periods."),
    Measure("TG", "Tail Gini", "An average of CVaRs over the tail.", rows=2_000),
    Measure("EVaR", "Entropic value at risk", "An upper bound of CVaR by exponential moments."),
    Measure("RLVaR", "Relativistic value at risk", "Between EVaR and the worst realisation.", rows=2_000),
    Measure("WR", "Worst realisation", "The largest loss of one period (minimax).", parity=False),
    Measure("RG", "Range", "The largest gain less the largest loss of one period.", parity=False),
    Measure("CVRG", "CVaR range", "CVaR of losses plus CVaR of gains."),
    Measure("TGRG", "Tail Gini range", "Tail Gini of losses plus of gains.", rows=2_000),
    Measure("EVRG", "EVaR range", "EVaR of losses plus EVaR of gains."),
    Measure("RVRG", "RLVaR range", "RLVaR of losses plus RLVaR of gains.", rows=2_000),
    Measure("MDD", "Maximum drawdown", "The deepest fall of the uncompounded sum from a peak (Calmar).", parity=False),
    Measure("ADD", "Average drawdown", "The mean fall from the last peak.", parity=False),
    Measure("CDaR", "Conditional drawdown at risk", "The mean of the worst 5 % of drawdowns."),
    Measure("EDaR", "Entropic drawdown at risk", "EVaR of the drawdowns."),
    Measure("RLDaR", "Relativistic drawdown at risk", "RLVaR of the drawdowns.", rows=2_000),
    Measure("UCI", "Ulcer index", "Root mean square drawdown."),
    Measure("VaR", "Value at risk", "The loss that 5 % of periods exceed; not convex.", False, False),
    Measure("DaR", "Drawdown at risk", "The drawdown that 5 % of periods exceed; not convex.", False, False),
    Measure("VRG", "VaR range", "VaR of losses plus VaR of gains; not convex.", False, False),
    Measure("MDD_Rel", "Maximum drawdown, compounded", "The deepest fall from a peak in per cent of it.", False, False),
    Measure("ADD_Rel", "Average drawdown, compounded", "The mean fall from the last peak in per cent of it.", False,
            False),
    Measure("DaR_Rel", "Drawdown at risk, compounded", "The compounded drawdown that 5 % of periods exceed.", False,
            False),
    Measure("CDaR_Rel", "Conditional drawdown at risk, compounded", "The mean of the worst 5 % of them.", False, False),
    Measure("UCI_Rel", "Ulcer index, compounded", "Root mean square of compounded drawdowns.", False, False),
)  # fmt: skip

EXPECTED: dict[str, Estimator] = _by_code(
    Estimator("hist", "Historical", "The mean of past returns."),
    Estimator("ewma1", "EWMA", "Exponentially weighted mean, weights that sum to one."),
    Estimator("ewma2", "EWMA, recursive", "Exponentially weighted mean that begins with the first return."),
    Estimator("JS", "James-Stein", "Means drawn towards their grand mean by what chance explains."),
    Estimator("BS", "Bayes-Stein", "Means drawn towards their grand mean (Jorion 1986)."),
    Estimator("BOP", "Bodnar-Okhrin-Parolya", "The shrinkage that is best for many assets (2019)."),
    Estimator("BL", "Black-Litterman", "The market's equilibrium corrected by the views."),
    Estimator("FM", "Factor model", "Means that follow from the factors' means and the loadings."),
)

COVARIANCES: dict[str, Estimator] = _by_code(
    Estimator("hist", "Historical", "The sample covariance."),
    Estimator("ewma1", "EWMA", "Exponentially weighted, weights that sum to one."),
    Estimator("ewma2", "EWMA, recursive", "Exponentially weighted, recursive."),
    Estimator("ledoit", "Ledoit-Wolf", "Shrunk towards a scaled identity, optimally (2004)."),
    Estimator("oas", "Oracle approximating shrinkage", "Ledoit-Wolf for normal returns (Chen 2010)."),
    Estimator("shrunk", "Shrunk", "A tenth of the scaled identity mixed in."),
    Estimator("gl", "Graphical lasso", "Sparse inverse, its penalty by cross-validation."),
    Estimator("jlogo", "j-LoGo", "Sparse inverse by a planar graph of the correlations."),
    Estimator("fixed", "Denoised", "Eigenvalues that chance explains replaced by their mean (Marchenko-Pastur)."),
    Estimator("spectral", "Denoised, spectral", "Those eigenvalues set to zero."),
    Estimator("shrink", "Denoised, targeted shrinkage", "Those eigenvalues shrunk towards their diagonal."),
    Estimator("detoned", "Detoned", "Denoised, and the market's own component taken out."),
    Estimator("gerber1", "Gerber statistic", "Counts joint moves beyond a threshold, robust to outliers."),
    Estimator("gerber2", "Gerber statistic 2", "The same with another denominator."),
)


def find[T](table: Mapping[str, T], code: str, what: str) -> T:
    """The entry of that code in any letter case. Raises `PortfolioError` that names near ones."""
    if code in table:
        return table[code]
    folded = {key.casefold(): key for key in table}
    key = folded.get(code.casefold().replace("-", "_"))
    if key is not None:
        return table[key]
    near = difflib.get_close_matches(code.casefold(), list(folded), n=1)
    hint = f" Did you mean {folded[near[0]]}?" if near else ""
    raise PortfolioError(f"There is no {what} {code!r}.{hint} There are: {', '.join(table)}.")
