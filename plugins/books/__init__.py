"""The price ladder: the book by price, our working orders in it, and every hotkey of order entry."""

from plugins.books.pane import LadderPane

__all__ = ["LadderPane"]
