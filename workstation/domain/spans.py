"""Spans of time in nanoseconds, as every time here is counted. `workstation.clock` has them too; it loads asyncio, for
which what comes before the first frame does not wait."""

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
