"""Strategies: the contract, its parts, and those that are shipped.

    class Dip(SignalStrategy):
        length = Int(20, low=2, high=200, help="Bars of the average")

        def signals(self, candles):
            mean = sma(candles, self.length)
            return Signals(long_entry=crossed_below(candles.close, mean), long_exit=crossed_above(candles.close, mean))

`contract`: Strategy, SignalStrategy, Signals, Trader. `parameters`: Int, Float, Choice, Bool. `indicators`: on candles,
kept. `sizing`, `exits`, `protections`: parts that any strategy carries. `library`: finding strategies. `shipped/`: one
file a strategy. On the desk: `runner`, what runs; `making`, loaded and changed; `live_run`, `signal_live`, `pair_live`,
one run; `elsewhere`, the runs of other desks.
"""
