"""The three trading panes at their places on the Trade page, between panes that only hold theirs."""

from __future__ import annotations

from plugins.orders import OrdersPane
from plugins.positions import PositionsPane
from plugins.ticket import TicketPane
from screens.painted import PaintedPane
from screens.pane import Pane


def _empty(name: str, title: str) -> type[Pane]:
    class Empty(PaintedPane):
        PANE = name
        TITLE = title
        FOLLOWS = False

        def paint(self, now: int) -> None:
            self.blank_from(0)

    return Empty


PANES: tuple[type[Pane], ...] = (
    _empty("watchlist", "Watchlist"),
    _empty("books", "Ladder"),
    _empty("tape", "Tape"),
    _empty("chart", "Chart"),
    _empty("log", "Log"),
    TicketPane,
    OrdersPane,
    PositionsPane,
)
