"""The demo market: the embedded default, without network and files."""

from workstation.market.demo.market import DemoMarket

__all__ = ["DemoMarket"]
