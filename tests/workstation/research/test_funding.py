"""Funding as it was recorded: due when it was due, to the cent in all engines, with leverage and liquidation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.bars import RECORDED, candles, random_walk
from tests.workstation.research.test_engine_agreement import assert_agree
from workstation.market.candle_files import load_candles
from workstation.market.candles import BadCandles
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.funding import FundingHistory, load_funding
from workstation.strategies.shipped.buy_and_hold import BuyAndHold
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.sizing import Sizing

HOUR = 3_600_000_000_000
FLAT = (100.0, 100.0, 100.0, 100.0)


def history(*pairs: tuple[float, float]) -> FundingHistory:
    """(hours since the start, rate) pairs."""
    return FundingHistory(np.array([round(h * HOUR) for h, _ in pairs]), np.array([rate for _, rate in pairs]))


def test_a_rate_is_due_at_the_first_open_after_its_stamp_and_late_milliseconds_do_not_count() -> None:
    late = 0.003 / 3600
    due = history((0, 0.5), (2 + late, 0.01), (3.5, 0.02), (3.9, 0.03), (90, 0.9)).on(candles([FLAT] * 6))
    assert due.tolist() == [0, 0, 0.01, 0, pytest.approx(0.05), 0]


def test_a_long_pays_what_was_recorded() -> None:
    result = engine("fast").run(
        BuyAndHold(), candles([FLAT] * 10), Costs(recorded=history((4, 0.001), (8, -0.002), (8.2, 0.0005)))
    )
    [trade] = result.rows()
    assert trade.funding == pytest.approx(10_000 * (0.001 - 0.002 + 0.0005))
    assert result.equity[4] == pytest.approx(9_990)


@pytest.mark.parametrize("asset", ["BTC", "ETH"])
def test_recorded_perpetuals_with_leverage_funding_and_liquidation_agree_in_all_engines(asset: str) -> None:
    folder = RECORDED.parent / "derivs"
    file = folder / f"binanceusdm_{asset}-USDT-PERP_1h.parquet"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")
    funding = load_funding(folder / f"binanceusdm_{asset}-USDT-PERP_funding.parquet")
    strategy = SmaCross(fast=10, slow=30, direction="both")
    strategy.sizing = Sizing.equity(18)
    costs = Costs(cash=1e6, fee=0.0001, leverage=20, maintenance=0.005, recorded=funding)
    result = assert_agree(strategy, load_candles(file).slice(0, 4_000), costs)
    reasons = {trade.tag for trade in result.rows()}
    assert "liquidation" in reasons
    assert np.count_nonzero(result.trades.funding) > 5


def test_files_of_rates(tmp_path: Path) -> None:
    file = tmp_path / "funding.csv"
    file.write_text("timestamp,funding_rate\n1600041600000,0.0002\n1600012800000,0.0001\n")
    assert load_funding(file).rate.tolist() == [0.0001, 0.0002]
    file.write_text("timestamp,funding_rate\n1600041600000,12\n")
    with pytest.raises(BadCandles, match="is a fraction"):
        load_funding(file)
    file.write_text("timestamp,price\n1600041600000,12\n")
    with pytest.raises(BadCandles, match="no column funding_rate"):
        load_funding(file)
    with pytest.raises(BacktestError, match="not both"):
        Costs(funding=0.001, recorded=history((1, 0.1)))


def test_event_strategies_pay_it_too() -> None:
    walk = random_walk(200)
    due = FundingHistory(walk.time[100:101], np.array([0.01]))
    result = engine("event").run(BuyAndHold(), walk, Costs(recorded=due))
    assert result.trades.funding.sum() == pytest.approx(result.trades.size[0] * walk.open[100] * 0.01)
