"""The VaR pane: what the book can lose now, which position adds what, and what bad times would do to it."""

from plugins.var.pane import VarPane

__all__ = ["VarPane"]
