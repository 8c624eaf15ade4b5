"""Strategies: what is installed, what runs on which instrument with which money, and what it has done."""

from plugins.strategies.pane import StrategiesPane

__all__ = ["StrategiesPane"]
