"""Candle history: imported and downloaded candles, kept as Parquet files with a catalogue in SQLite.

from workstation.history.sources import load, sources

for source in sources(paths.candles):        # what a picker offers
    print(source.spec, source.rows)
bars = load("binance:BTC-USDT:1h", paths.candles)    # a path or the name of a built-in does as well
"""
