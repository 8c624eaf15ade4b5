"""Market data: books, trades, candles and their quality."""
