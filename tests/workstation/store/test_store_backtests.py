"""Stored backtests: written by the store's writer, read back whole, the same run once."""

from __future__ import annotations

from pathlib import Path

import msgspec
from store_samples import open_store

from workstation.store.reader import StoredBacktest

RUN = StoredBacktest(
    ts=1,
    strategy="sma_cross",
    candles="GOOG",
    setup={"strategy": "sma_cross", "params": {"fast": 10, "slow": 30}},
    seed=7,
    fingerprint="f" * 16,
    code="tws 0.1.0 abc",
    digest="d" * 16,
    figures={"sharpe": 0.1 + 0.2, "profit_factor": None},
)


def test_a_backtest_comes_back_to_the_last_digit_and_outlives_the_desk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    store.save_backtest(RUN)
    store.close()
    again = open_store(tmp_path / "demo.sqlite")
    assert again.backtests() == [RUN]
    again.close()


def test_the_same_run_again_is_one_row_and_another_digit_is_another(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    store.save_backtest(RUN)
    store.save_backtest(msgspec.structs.replace(RUN, ts=5))
    store.save_backtest(msgspec.structs.replace(RUN, ts=3, digest="e" * 16))
    store.flush()
    assert [(run.ts, run.digest[0]) for run in store.backtests()] == [(5, "d"), (3, "e")]
    store.close()
