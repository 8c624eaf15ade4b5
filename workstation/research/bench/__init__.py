"""The research bench: a warm process beside the desk that lists strategies and candles, runs backtests and searches.

    bench = Bench()                                   # starts nothing yet
    offer = await bench.ask(ListRequest())
    answer = await bench.ask(RunRequest(setup, width=120), on_part=show)

`messages`: what is asked and answered, plain values without numpy; `setup`: all that decides a run, as it is stored.
`client`: the desk's side, on the event loop. `worker`: the process. `offers`: what can be picked. `jobs`: what it does;
`pictures`, `judging`, `exploring`, `walking`, `reporting` its parts, `sharing` that of several instruments. A strategy
that hangs, crashes or prints harms the process alone.
"""
