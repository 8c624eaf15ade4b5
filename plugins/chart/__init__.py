"""The chart: candles and volume built live, with our fills, orders and position in it, traded by keyboard."""

from plugins.chart.pane import ChartPane

__all__ = ["ChartPane"]
