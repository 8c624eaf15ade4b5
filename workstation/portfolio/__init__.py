"""From a universe of prices to weights.

    from workstation.portfolio.frontier import frontier
    from workstation.portfolio.optimise import allocate
    from workstation.portfolio.prices import built_in, read_prices
    from workstation.portfolio.problem import Constraints, Problem

    prices = read_prices("universe.csv")              # or built_in("stocks"), from_candles([...], folder)
    found = allocate(prices, Problem(method="max_ratio", risk="CVaR", constraints=Constraints(upper=0.3)))
    found.weights, found.expected_return, found.risk_value
    line = frontier(prices, Problem(risk="MV"), points=30)

`prices`, `cleaning`: the table of prices, and what is wrong with it. `problem`: what is asked. `methods`: the tables of
methods, risk measures and estimators, each with its proper name. `optimise`, `frontier`: the answers, pure functions.
`desk`: the same two off the event loop, in a warm process, with what was worked out before kept. All returns, rates and
risks are those of one period of the prices (a day for daily prices).
"""
