"""The research bench: a warm process beside the desk that lists strategies and candles, runs backtests and searches.

    bench = Bench()                                   # starts nothing yet
    offer = await bench.ask(ListRequest())
    answer = await bench.ask(RunRequest(setup, width=120), on_part=show)

`messages`: what is asked and answered, plain values without numpy. `client`: the desk's side, on the event loop.
`worker`: the process. `jobs`, `pictures`, `judging`: what it does. A strategy that hangs, crashes or prints harms the
process alone.
"""
