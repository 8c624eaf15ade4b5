"""Binance spot on the wire: REST, market streams, and the WebSocket API with its user data stream."""

from tests.support.exchange.binance.dialect import Binance

__all__ = ["Binance"]
