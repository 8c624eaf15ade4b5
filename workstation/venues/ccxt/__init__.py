"""Real exchanges behind the venue contract, by ccxt: one venue class, and a table of what is particular to each.

ccxt speaks the exchange's protocol: it signs, asks and parses. What the desk promises is kept here: that a request
without an answer is never taken for a refusal, that a book is shown as stale when it may be, that a cancel overtakes
whatever else waits, and that every order can be found again by its client order id.
"""
