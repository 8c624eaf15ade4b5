"""The loopback exchange's words of Binance's USD-M futures: what it has in common with spot is spot's."""

from tests.support.exchange.binance_usdm.dialect import BinanceUsdm

__all__ = ["BinanceUsdm"]
