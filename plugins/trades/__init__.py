"""The trader's journal: trades from entry to flat, with notes and statistics."""

from plugins.trades.pane import TradesPane

__all__ = ["TradesPane"]
