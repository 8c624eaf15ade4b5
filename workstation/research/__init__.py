"""Backtests and what they are worth.

    from workstation.market.candle_files import load_candles
    from workstation.research.engine import Costs, engine
    from workstation.strategies.library import find_strategy

    cls = find_strategy("sma_cross").cls
    result = engine("fast").run(cls(fast=10, slow=30), load_candles("BTC.parquet"), Costs(fee=0.001))
    result.metrics["sharpe"], result.equity, list(result.rows())

`costs`, `trades`, `result`: what goes in and what comes out. `engine`: the engines by their names. `fast`, `kernel`:
the compiled engine. `event_engine`, `bar_broker`: every strategy, bar by bar. `backtesting_engine`: backtesting.py
behind its adapter. What they share, the arithmetic of sizes, exits and protections, is `strategies.rules`. `metrics`,
`summary`, `splits`: the figures. `sweep`: many parameters, results as they come. `search`: Optuna, resumable; `crew`:
who does such work. `walk_forward`, `monte_carlo`, `overfitting`, `detectors`: how much of it is luck, or a mistake.
`honesty`: what hangs on the inside of the bars; `luck`: all of it about one run. `recorded_engine`, `tape`: recorded
markets. `shared_candles`, `shared_account`, `shared_kernel`: several instruments on one account, bar by bar and
compiled; `joint_engine`: two instruments of one strategy. `command_line` and its neighbours: `tws backtest`, `sweep`,
`search`.
"""
