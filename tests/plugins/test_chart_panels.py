"""RSI and MACD: their numbers against hand-worked ones and the strategies' indicators, and their panels."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from trading_scene import BTC, Scene, scene

from plugins.chart import ChartPane
from plugins.chart.oscillators import macd, rsi
from plugins.chart.panels import Band, panel_rows
from plugins.chart.studies import Study, parse_studies
from plugins.chart.study_lines import lines_of
from screens.testing import START
from workstation.domain.bar import Bar
from workstation.market.candles import Candles
from workstation.strategies import indicators
from workstation.trading.errors import Refused


def test_rsi_by_hand():
    # Changes +1, −0.5, +1: the mean gain is 0.5, then 0.75; the mean loss 0.25, then 0.125.
    assert rsi([10, 11, 10.5, 11.5], 2) == [None, None, pytest.approx(200 / 3), pytest.approx(600 / 7)]
    assert rsi([5, 5, 5, 5], 2)[-1] == 50
    assert (rsi([1, 2, 3, 4], 2)[-1], rsi([4, 3, 2, 1], 2)[-1]) == (100, 0)
    assert rsi([1, 2], 2) == [None, None]


def test_macd_by_hand():
    line, signal, difference = macd([1, 2, 3, 6], 2, 3, 2)
    assert line == [None, None, pytest.approx(0.5), pytest.approx(5 / 6)]
    assert signal == [None, None, None, pytest.approx(2 / 3)]
    assert difference == [None, None, None, pytest.approx(1 / 6)]
    assert macd([1, 2], 2, 3, 2) == [[None, None]] * 3


def test_both_are_what_the_strategies_see():
    """Their indicators are held against pandas-ta in tests of their own."""
    dice = random.Random(7)
    closes = [100.0]
    for _ in range(400):
        closes.append(closes[-1] * math.exp(dice.gauss(0, 0.01)))
    column = np.array(closes)
    candles = Candles(np.arange(len(closes)) * 60_000_000_000, column, column, column, column, np.ones(len(closes)))
    ours = [rsi(closes, 14), *macd(closes, 12, 26, 9)[:2]]
    theirs = [indicators.rsi(candles, 14), *indicators.macd(candles, 12, 26, 9)]
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose([math.nan if value is None else value for value in one], two, rtol=1e-9)


@pytest.mark.parametrize(("study", "scale"), [(Study("rsi", 14), 100), (Study("macd", 12, 0, 26, 9), 1)])
def test_the_bars_before_the_first_that_shows_are_enough_to_settle(study, scale):
    dice = random.Random(3)
    bars, price = [], 100.0
    for at in range(900):
        price *= math.exp(dice.gauss(0, 0.01))
        bars.append(Bar(at, price, price, price, price, 1.0))
    whole = lines_of(study, bars)
    short = lines_of(study, bars[-study.warm_up - 50 :])
    for one, two in zip(whole, short, strict=True):
        assert two[-50:] == pytest.approx(one[-50:], abs=scale * 2e-3)


def test_what_is_typed():
    assert parse_studies("rsi, macd, RSI 7, macd 5 35 5") == (
        Study("rsi", 14), Study("macd", 12, 0, 26, 9), Study("rsi", 7), Study("macd", 5, 0, 35, 5),
    )  # fmt: skip
    assert [one.text for one in parse_studies("rsi, macd, bb 10 2.5")] == ["rsi 14", "macd 12 26 9", "bb 10 2.5"]
    for wrong in ("rsi 1", "rsi 14 2", "macd 26 12", "macd 12 26 9 1", "macd x"):
        with pytest.raises(Refused):
            parse_studies(wrong)


def test_the_candles_keep_their_room():
    assert panel_rows(46, 2, 37) == (2, 6)
    assert panel_rows(20, 2, 15) == (1, 4)
    assert panel_rows(12, 2, 8) == (0, 4)
    assert panel_rows(46, 0, 37)[0] == 0


def test_a_band_holds_both_of_its_ends():
    band = Band(0, 100, 5)
    assert [band.part_row(value, 1) for value in (100, 81, 79, 50, 0)] == [0, 0, 1, 2, 4]


@pytest.mark.parametrize(("size", "panels"), [((160, 48), 2), ((80, 24), 1), ((80, 18), 0)])
async def test_panels_are_typed_and_drawn_where_there_is_room_else_their_values_stand_in_the_legend(
    tmp_path, size, panels
):
    async with scene(tmp_path, ChartPane, traded=False, size=size) as (desk, pilot):
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        await desk.painted(pilot)
        rows = pane.plot.rows
        await pilot.press("f", *"rsi 14, macd 12 26 9", "enter")
        await desk.painted(pilot)
        study = Study("rsi", 14)
        bars = desk.engine.bar_series(BTC.id, pane.interval).last(pane.plot.count + study.warm_up)
        value = f"RSI 14 {lines_of(study, bars)[0][-1]:.1f}"
        _, height = panel_rows(pane.height, 2, rows)
        assert pane.plot.rows == rows - panels * height
        titles = [y for y in range(pane.height) if "RSI 14" in pane.row_text(y) or "MACD 12 26 9" in pane.row_text(y)]
        beneath = [y for y in titles if y >= pane.plot.top + pane.plot.rows]
        assert len(beneath) == panels
        assert any(value in pane.row_text(y) for y in titles)
        assert (1 in titles) == (panels < 2)
        assert pane.settings["studies"] == "rsi 14, macd 12 26 9"


@pytest.mark.parametrize("size", [(160, 48), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_panels(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [ChartPane])

    async def before(pilot):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        pane.settings["studies"] = "ema 50, rsi 14, macd 12 26 9"
        pane.invalidate()
        await desk.painted(pilot)
        assert desk.clock.now() == START

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
