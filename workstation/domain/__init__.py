"""Pure values of trading: no I/O, no clock, no randomness. Everything else stands on this package."""
