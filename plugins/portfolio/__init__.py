"""The portfolio page: a universe of prices becomes weights along the efficient frontier, and weights become orders."""

from plugins.portfolio.pane import PortfolioPane

__all__ = ["PortfolioPane"]
