"""The order ticket: an order is filled in, judged while it is typed, sent, and followed."""

from plugins.ticket.pane import TicketPane

__all__ = ["TicketPane"]
