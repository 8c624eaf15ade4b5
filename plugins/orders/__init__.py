"""The blotter: every order of the desk, working and done, with its history; amended and cancelled in place."""

from plugins.orders.pane import OrdersPane

__all__ = ["OrdersPane"]
