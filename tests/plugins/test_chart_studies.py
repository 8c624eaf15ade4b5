"""Lines over the candles: their numbers against hand-worked ones, and on the screen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_scene import BTC, Scene, scene

from plugins.chart import ChartPane
from plugins.chart.profile import profile
from plugins.chart.studies import Study, bollinger, ema, parse_studies, sma, vwap
from screens.testing import START
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.trading.errors import Refused

SIZES = [(160, 48), (80, 24)]
DAY = 86_400 * SECOND


def test_averages_by_hand():
    assert sma([1, 2, 3, 6], 3) == [None, None, 2, pytest.approx(11 / 3)]
    assert ema([1, 2, 3, 6], 3) == [None, None, 2, 4]
    middle, upper, lower = bollinger([2, 4, 4, 4, 5, 5, 7, 9], 8, 2)
    assert (middle[-1], upper[-1], lower[-1]) == (5, 9, 1)


def test_too_few_bars_give_no_value():
    assert ema([1.0], 3) == sma([1.0], 3) == [None]


def bar(ts: int, price: float, volume: float) -> Bar:
    return Bar(ts, price, price + 1, price - 1, price, volume)


def test_the_vwap_begins_anew_with_every_utc_day_and_is_none_where_its_beginning_is_missing():
    hour = 3_600 * SECOND
    bars = [bar(DAY + hour, 50, 1), bar(2 * DAY, 100, 1), bar(2 * DAY + hour, 200, 3), bar(3 * DAY, 10, 5)]
    assert vwap(bars) == [None, 100, 175, 10]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1, 1e5), min_size=1, max_size=60), st.integers(2, 10))
def test_no_value_depends_on_a_later_bar_and_averages_stay_within_the_range(closes, length):
    for average in (sma, ema):
        whole = average(closes, length)
        assert whole[: len(closes) // 2] == average(closes[: len(closes) // 2], length)
        assert all(value is None or min(closes) * 0.999999 <= value <= max(closes) * 1.000001 for value in whole)


def test_what_is_typed():
    assert parse_studies("SMA 20, ema, bb 10 2.5, vwap, sma 20") == (
        Study("sma", 20), Study("ema", 20), Study("bb", 10, 2.5), Study("vwap"),
    )  # fmt: skip
    assert parse_studies(" ") == ()
    assert [one.kind for one in parse_studies("bollinger 20, profile")] == ["bb", "vp"]
    example = "sma 20, ema 50, bb 20 2, vwap, vp, rsi 14, macd 12 26 9"
    assert len(parse_studies(example)) == 7
    assert [one.text for one in parse_studies("bb 10 2.5, vwap")] == ["bb 10 2.5", "vwap"]
    for wrong in (
        "rainbow",
        "sma 1",
        "sma 20 2",
        "bb 20 99",
        "vwap 3",
        "sma x",
        "sma 2,sma 3,sma 4,sma 5,sma 6,sma 7,ema 9,ema 10,ema 11",
    ):
        with pytest.raises(Refused):
            parse_studies(wrong)


async def test_lines_are_typed_drawn_with_their_values_and_kept(tmp_path):
    async with scene(tmp_path, ChartPane, traded=False) as (desk, pilot):
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        await pilot.press("f", *"sma 10, vwap", "enter")
        await desk.painted(pilot)
        bars = desk.engine.bar_series(BTC.id, pane.interval).last(10)
        value = sum(one.close for one in bars) / 10
        assert f"SMA 10 {value:,.1f}" in pane.row_text(1)
        assert "VWAP" in pane.row_text(1)
        assert pane.settings["studies"] == "sma 10, vwap"
        await pilot.press("f", "ctrl+u", *"nonsense", "enter")
        assert pane.settings["studies"] == "sma 10, vwap"
        assert "There is no study nonsense" in desk.screen_text()
        await pilot.press("ctrl+u", *"none", "enter")  # the line is still there to be mended
        await desk.painted(pilot)
        assert "SMA" not in pane.row_text(1)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_lines(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [ChartPane])

    async def before(pilot):
        await desk.ready(pilot)
        pane = desk.app.workspace.panes["chart"]
        pane.focus()
        pane.settings["studies"] = "bb 20 2, ema 50, vwap"
        pane.invalidate()
        await desk.painted(pilot)
        assert desk.clock.now() == START

    assert snap_compare(desk.app, terminal_size=size, run_before=before)


class FiveRows:
    """Prices 10 to 15 from the bottom."""

    rows = 5

    def part_row(self, value, parts):
        return int((15 - value) * parts)

    def price(self, row):
        return 14.5 - row


def test_the_volume_profile_by_hand():
    wide, narrow = Bar(0, 12, 14, 10.5, 13, 8.0), Bar(1, 12, 12.2, 12.1, 12.2, 10.0)
    found = profile([wide, narrow], FiveRows())
    assert found.volumes == [0, 2, 12, 2, 2]  # the wide bar spread over its four rows
    assert found.most == 2
    assert (found.top, found.bottom) == (1, 2)  # 14 of 18 is more than 70 %
    assert profile([Bar(0, 12, 14, 11, 13, 0.0)], FiveRows()) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(10.01, 15), st.floats(10.01, 15), st.floats(0.01, 1e6)), min_size=1, max_size=30))
def test_the_profile_loses_no_volume_and_its_value_area_holds_seven_tenths(raw):
    bars = [Bar(n, a, max(a, b), min(a, b), b, volume) for n, (a, b, volume) in enumerate(raw)]
    found = profile(bars, FiveRows())
    whole = sum(bar.volume for bar in bars)
    assert sum(found.volumes) == pytest.approx(whole)
    assert sum(found.volumes[found.top : found.bottom + 1]) >= 0.7 * whole * 0.999999
    assert found.top <= found.most <= found.bottom


async def test_the_profile_stands_left_of_the_candles_with_its_point_of_control(tmp_path):
    async with scene(tmp_path, ChartPane, traded=False) as (desk, pilot):
        chart = next(iter(desk.app.workspace.panes.values()))
        chart.settings["studies"] = "vp"
        chart.repaint()
        await desk.painted(pilot)
        rows = [chart.row_text(y) for y in range(chart.plot.top + 1, chart.plot.top + chart.plot.rows)]
        assert sum(row.startswith("█") for row in rows) > 3
        assert "VP 63,9" in chart.row_text(chart.plot.top)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_volume_profile(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [ChartPane])

    async def steps(pilot):
        await desk.ready(pilot)
        chart = next(iter(desk.app.workspace.panes.values()))
        chart.settings["studies"] = "vp, vwap"
        chart.repaint()
        await desk.painted(pilot)

    assert snap_compare(desk.app, run_before=steps, terminal_size=size)
