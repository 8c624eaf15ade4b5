"""Three engines give the same trades, to the cent, for every shipped signal strategy on recorded data."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.bars import RECORDED, random_walk, recorded
from workstation.history.sources import load
from workstation.market.candles import Candles
from workstation.research.engine import Costs, Result, engine
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.exits import Exits
from workstation.strategies.library import list_strategies
from workstation.strategies.protections import Protections
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.sizing import Sizing

SHIPPED = {
    info.name: info.cls
    for info in list_strategies()
    if info.cls is not None and issubclass(info.cls, SignalStrategy) and info.source.startswith("tws ")
}
COSTS = Costs(cash=100_000, fee=0.001, slippage=0.0005)
EXITS = Exits(stop=0.03, trailing=0.02, trailing_offset=0.02, take_profit=0.05)

#: (recording, its peer, bars in the quick test): crypto by the hour, a currency by the hour with weekends, a stock.
DATA = [
    ("binance_BTC-USDT_1h", "binance_ETH-USDT_1h", 1_500),
    ("oanda_EUR-USD_1h", None, 1_500),
    ("lean-us_SPY_1d", "lean-us_IBM_1d", 1_500),
]


#: Real candles that installed packages carry, for where the recordings are absent.
CARRIED = {"binance_BTC-USDT_1h": "EURUSD", "oanda_EUR-USD_1h": "GOOG", "lean-us_SPY_1d": "SP500"}


def carried_or(name: str, peer: str | None) -> tuple[Candles, str | None]:
    if (RECORDED / f"{name}.parquet").exists():
        return recorded(name), peer
    return load(CARRIED[name], RECORDED).slice(0, 800), None


def candles_of(name: str, peer: str | None) -> Candles:
    first, peer = carried_or(name, peer)
    # A pair needs a second series; a shifted copy of the first is one where no other was recorded.
    other = recorded(peer) if peer else Candles(
        first.time, first.close, np.maximum(first.close, first.high), np.minimum(first.close, first.low),
        np.append(first.close[:1], first.close[:-1]).clip(first.low, first.high), first.volume,
    )  # fmt: skip
    return first.with_peer(other)


def assert_agree(strategy: SignalStrategy, candles: Candles, costs: Costs) -> Result:
    fast = engine("fast").run(strategy, candles, costs)
    for name in ("event", "backtesting"):
        assert_same(fast, engine(name).run(strategy, candles, costs))
    assert fast.equity[-1] == pytest.approx(costs.cash + fast.trades.pnl.sum(), abs=0.005)
    return fast


def assert_same(fast: Result, other: Result) -> None:
    a, b = fast.trades, other.trades
    assert len(a) == len(b)
    for column in ("entry_bar", "exit_bar", "side", "reason"):
        np.testing.assert_array_equal(getattr(a, column), getattr(b, column), column)
    for column in ("entry_price", "exit_price"):
        np.testing.assert_allclose(getattr(a, column), getattr(b, column), rtol=1e-12)
    for column in ("pnl", "fees", "funding", "slippage"):
        np.testing.assert_allclose(getattr(a, column), getattr(b, column), atol=0.005, rtol=0)
    np.testing.assert_allclose(fast.equity, other.equity, atol=0.005, rtol=0)


def strategy_of(name: str, direction: str, exits: Exits) -> SignalStrategy:
    cls = SHIPPED[name]
    strategy: SignalStrategy = cls(direction="long" if name == "buy_and_hold" else direction)
    strategy.exits = exits
    return strategy


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_strategy_agrees_on_recorded_candles(name: str) -> None:
    traded = 0
    for file, peer, bars in DATA:
        candles = candles_of(file, peer).slice(0, bars)
        traded += len(assert_agree(strategy_of(name, "both", Exits()), candles, COSTS).trades)
    assert traded > 0


@pytest.mark.slow
@pytest.mark.parametrize("file", [data[0] for data in DATA])
@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_strategy_agrees_on_whole_recordings(name: str, file: str) -> None:
    recorded(file)  # or it is skipped
    candles = candles_of(file, next(peer for recording, peer, _ in DATA if recording == file))
    for direction, exits in (("long", Exits()), ("both", EXITS)):
        assert_agree(strategy_of(name, direction, exits), candles, COSTS)


PARTS = {
    "stop and target": (Exits(stop=0.01, take_profit=0.02), Sizing(), Protections(), {}),
    "everything that moves": (
        Exits(
            atr_stop=2, trailing=0.02, trailing_offset=0.01, break_even=0.015, roi=((0, 0.05), (20, 0.005)), max_bars=40
        ),
        Sizing(),
        Protections(),
        {"slippage": 0.0005},
    ),
    "kelly and protections": (
        Exits(stop=0.02),
        Sizing.kelly(),
        Protections(cooldown=5, max_drawdown=0.05, max_drawdown_lock=50, stop_count=2, stop_lookback=100, stop_lock=60),
        {"funding": 0.0003},
    ),
    "leverage and funding": (
        Exits(),
        Sizing.equity(8),
        Protections(),
        {"leverage": 10.0, "maintenance": 0.005, "funding": 0.0003, "slippage": 0.0002},
    ),
    "risk to the stop, left open": (
        Exits(stop=0.02),
        Sizing.risk_to_stop(0.01),
        Protections(),
        {"close_at_end": False},
    ),
    "by the average true range": (Exits(stop=0.02), Sizing.atr(0.01), Protections(), {"leverage": 3.0}),
    "to a volatility": (Exits(), Sizing.volatility_target(0.2), Protections(), {}),
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("direction", ["long", "short", "both"])
def test_sizes_exits_and_protections_agree(
    direction: str, parts: tuple[Exits, Sizing, Protections, dict[str, float]]
) -> None:
    exits, sizing, protections, costs = parts
    strategy = SmaCross(fast=5, slow=15, direction=direction)
    strategy.exits, strategy.sizing, strategy.protections = exits, sizing, protections
    result = assert_agree(strategy, random_walk(1_500, seed=7), Costs(fee=0.0005, **costs))  # type: ignore[arg-type]
    assert len(result.trades) > 3


@pytest.mark.parametrize("name", ["GOOG", "EURUSD"])
def test_the_numbers_of_backtesting_pys_own_data_are_met_where_the_rules_are_equal(name: str) -> None:
    """A reversing SMA cross without costs, on the data that backtesting.py carries, against its own plain run.

    Its rules differ in two points that are taken out: it ends at the last open (no trade is ended here), and it buys
    whole units (prices are scaled as its FractionalBacktest does).
    """
    from backtesting import Strategy, test
    from backtesting.lib import FractionalBacktest

    from workstation.market.candle_files import from_frame
    from workstation.strategies.indicators import crossed_above, crossed_below, sma

    data = getattr(test, name)
    candles = from_frame(data, name)
    fast, slow = sma(candles, 10), sma(candles, 30)
    up, down = crossed_above(fast, slow), crossed_below(fast, slow)

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            bar = len(self.data) - 1
            if up[bar] or down[bar]:
                self.position.close()
            if up[bar]:
                self.buy()
            elif down[bar]:
                self.sell()

    theirs = FractionalBacktest(data, Cross, cash=10_000, commission=0.001, fractional_unit=1e-12).run()
    ours = engine("fast").run(SmaCross(direction="both"), candles, Costs(fee=0.001, close_at_end=False))
    table = theirs["_trades"]
    closed = len(table)
    assert closed > 50
    np.testing.assert_array_equal(ours.trades.entry_bar[:closed], table["EntryBar"])
    np.testing.assert_array_equal(ours.trades.exit_bar[:closed], table["ExitBar"])
    np.testing.assert_allclose(ours.trades.pnl[:closed], table["PnL"], atol=0.005, rtol=0)
    assert ours.equity[-1] == pytest.approx(theirs["Equity Final [$]"], abs=0.005)
