"""Bybit v5 on the wire: spot and linear perpetuals of one unified account."""

from tests.support.exchange.bybit.dialect import Bybit

__all__ = ["Bybit"]
