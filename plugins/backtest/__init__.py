"""The backtest page: what is tested stands at the left, what came of it (charts, tables, judgement) at the right."""

from plugins.backtest.pane import BacktestPane

__all__ = ["BacktestPane"]
