"""The parts of the chart without a screen: scale, time axis, candles as characters, legend."""

from __future__ import annotations

import itertools
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.chart.candles import ZOOMS, draw_candles, draw_volume
from plugins.chart.canvas import Canvas, Paint, palette, segments
from plugins.chart.legend import bar_parts, fitted, volume_text
from plugins.chart.scale import PriceScale, axis_prices, round_step, round_up
from plugins.chart.timeline import FOLD, Kind, Slot, Timeline, fill, moment_text, slot_at, time_labels
from screens.testing import BTC
from screens.theme import DARK, INKS
from workstation.domain.bar import Bar
from workstation.domain.numbers import is_multiple
from workstation.domain.spans import SECOND
from workstation.market.bars import INTERVALS, BarSeries

MINUTE, HOUR, DAY = INTERVALS["1m"], INTERVALS["1h"], INTERVALS["1d"]
#: 2026-01-15 12:00:00 UTC
NOON = 1_768_478_400 * SECOND


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def bar(number: int, close: float = 10.0, interval: int = MINUTE, volume: float = 1.0) -> Bar:
    return Bar(NOON + number * interval, close, close, close, close, volume)


def series(*numbers: int, interval: int = MINUTE) -> BarSeries:
    return BarSeries(interval, [bar(number, float(number + 100), interval) for number in numbers])


def numbers(slots: list[Slot]) -> list[int]:
    return [(slot.bar.ts - NOON) // MINUTE for slot in slots]


class TestScale:
    def test_prices_fall_from_the_first_row_to_the_last(self):
        scale = PriceScale()
        scale.fit(100, 200, 50, 0.1)
        assert scale.row(200) < 5
        assert scale.row(100) > 45
        assert [scale.row(price) for price in (100, 120, 150, 200)] == sorted(
            (scale.row(price) for price in (100, 120, 150, 200)), reverse=True
        )

    @settings(max_examples=60, deadline=None)
    @given(
        low=st.floats(0.01, 1e5), wide=st.floats(0.001, 2.0), rows=st.integers(3, 80), logarithmic=st.booleans(),
        share=st.floats(0, 1),
    )  # fmt: skip
    def test_a_row_holds_its_own_price(self, low, wide, rows, logarithmic, share):
        scale = PriceScale(logarithmic)
        scale.fit(low, low * (1 + wide), rows, low / 1e6)
        row = int(share * (rows - 1))
        assert scale.row(scale.price(row)) == row
        assert scale.half_row(scale.price(row)) in (2 * row, 2 * row + 1)
        assert scale.shows(low)
        assert scale.shows(low * (1 + wide))

    def test_it_stands_still_while_prices_stay_in_it_and_use_it(self):
        scale = PriceScale()
        scale.fit(100, 200, 40, 0.1)
        before = (scale.low, scale.high)
        scale.fit(110, 199, 40, 0.1)
        scale.fit(100, 203, 40, 0.1)
        assert (scale.low, scale.high) == before
        scale.fit(100, 220, 40, 0.1)
        assert scale.high > 220
        scale.fit(150, 160, 40, 0.1)
        assert scale.high < 165

    def test_a_market_that_does_not_move_has_a_scale_too(self):
        scale = PriceScale()
        scale.fit(100, 100, 20, 0.5)
        assert scale.shows(100)
        assert 7 <= scale.row(100) <= 12

    def test_equal_percentages_are_equal_distances_on_a_logarithmic_scale(self):
        scale = PriceScale(logarithmic=True)
        scale.fit(10, 1000, 60, 0.1)
        steps = [scale.row(price) for price in (10, 100, 1000)]
        assert steps[0] - steps[1] == pytest.approx(steps[1] - steps[2], abs=1)

    @pytest.mark.parametrize(
        ("least", "tick", "step"),
        [
            (0.03, "0.1", "0.1"), (0.11, "0.1", "0.2"), (12, "0.1", "20"), (21, "0.1", "25"), (26, "0.1", "50"),
            (0.3, "0.25", "0.5"), (1.1, "0.25", "2"), (2.1, "0.5", "2.5"), (2.1, "1", "5"), (0.2, "0.3", "0.3"),
            (0.000031, "0.00001", "0.00005"), (4, "5", "5"), (6, "5", "10"),
        ],
    )  # fmt: skip
    def test_steps_are_round_and_whole_ticks(self, least, tick, step):
        assert round_step(least, Decimal(tick)) == Decimal(step)

    @settings(max_examples=60, deadline=None)
    @given(low=st.integers(1, 10**6), wide=st.integers(1, 10**5), rows=st.integers(4, 60), gap=st.integers(2, 5))
    def test_axis_labels_are_on_ticks_in_order_and_apart(self, low, wide, rows, gap):
        tick = Decimal("0.25")
        scale = PriceScale()
        scale.fit(low * 0.25, (low + wide) * 0.25, rows, 0.25)
        labels = axis_prices(scale, tick, gap)
        assert all(is_multiple(price, tick) and 0 <= row < rows for row, price in labels)
        rows_used = [row for row, _ in labels]
        assert all(after - before >= 2 for before, after in itertools.pairwise(rows_used))
        assert [scale.row(float(price)) for _, price in labels] == rows_used

    def test_the_volume_scale_is_round(self):
        assert [round_up(value) for value in (0, 0.03, 1, 1.1, 2.1, 7, 980)] == [1, 0.05, 1, 2, 5, 10, 1000]


class TestTimeline:
    def test_minutes_without_trades_go_on_flat(self):
        slots = fill([bar(0, 10), bar(3, 12)], MINUTE, NOON + 4 * MINUTE)
        assert numbers(slots) == [0, 1, 2, 3, 4]
        assert [slot.kind for slot in slots] == [Kind.TRADED, Kind.FLAT, Kind.FLAT, Kind.TRADED, Kind.FLAT]
        assert [slot.bar.close for slot in slots] == [10, 10, 10, 12, 12]
        assert [slot.bar.volume for slot in slots] == [1, 0, 0, 1, 0]

    def test_a_long_silence_is_folded_into_its_last_slot(self):
        slots = fill([bar(0), bar(500)], MINUTE, NOON + 500 * MINUTE)
        assert len(slots) == FOLD + 2
        assert slots[-2].kind is Kind.FOLD
        assert numbers(slots[-2:]) == [499, 500]
        assert [slot.kind for slot in slots[1:-2]] == [Kind.FLAT] * (FOLD - 1)

    def test_the_number_of_slots_does_not_jump_when_a_silence_grows_or_ends(self):
        counts = [len(fill([bar(0)], MINUTE, NOON + after * MINUTE)) for after in range(100)]
        assert counts == [min(after, FOLD) + 1 for after in range(100)]
        ended = [len(fill([bar(0), bar(after)], MINUTE, NOON + after * MINUTE)) for after in range(1, 100)]
        assert ended == [min(after - 1, FOLD) + 2 for after in range(1, 100)]

    def test_a_live_window_ends_at_the_interval_of_now(self):
        timeline = Timeline(series(0, 1, 2), NOON + 4 * MINUTE + 30 * SECOND)
        assert numbers(timeline.window(None, 3)) == [2, 3, 4]
        assert numbers(timeline.window(None, 99)) == [0, 1, 2, 3, 4]

    def test_nothing_has_traded_yet(self):
        timeline = Timeline(BarSeries(MINUTE), NOON)
        assert timeline.window(None, 5) == []
        assert timeline.back(None, 3, 5) is None
        assert timeline.forward(NOON, 3) is None

    def test_scrolling_back_stops_with_the_oldest_bar_at_the_left(self):
        timeline = Timeline(series(*range(20)), NOON + 19 * MINUTE)
        end = timeline.back(None, 4, 10)
        assert numbers(timeline.window(end, 10)) == list(range(6, 16))
        end = timeline.back(end, 99, 10)
        assert numbers(timeline.window(end, 10)) == list(range(10))
        assert timeline.back(end, 1, 10) == end

    def test_a_window_in_the_past_stays_when_time_goes_on(self):
        bars = series(*range(20))
        end = Timeline(bars, NOON + 19 * MINUTE).back(None, 4, 10)
        before = Timeline(bars, NOON + 19 * MINUTE).window(end, 10)
        bars.add(NOON + 20 * MINUTE, 5.0, 1.0)
        bars.add(NOON + 21 * MINUTE, 5.0, 1.0)
        assert Timeline(bars, NOON + 21 * MINUTE).window(end, 10) == before

    @settings(max_examples=80, deadline=None)
    @given(
        steps=st.lists(st.integers(1, 40), min_size=1, max_size=30), late=st.integers(0, 40),
        moves=st.lists(st.integers(-9, 9), max_size=12), count=st.integers(1, 15),
    )  # fmt: skip
    def test_scrolling_moves_by_exactly_what_is_asked_between_the_ends(self, steps, late, moves, count):
        """Against a plain list of all slots, whatever gaps there are."""
        at = [sum(steps[: index + 1]) for index in range(len(steps))]
        timeline = Timeline(series(*at), NOON + (at[-1] + late) * MINUTE)
        every = timeline.window(None, 100_000)
        index, end = len(every) - 1, None
        for move in moves:
            if move > 0:
                end = timeline.back(end, move, count)
                index = max(index - move, min(index, count - 1))
            elif move < 0:
                end = timeline.forward(end, -move)
                index = min(index - move, len(every) - 1)
            assert timeline.window(end, count) == every[max(0, index + 1 - count) : index + 1]

    def test_a_moment_is_found_in_its_slot(self):
        slots = fill([bar(0), bar(2)], MINUTE, NOON + 2 * MINUTE)
        found = [slot_at(slots, NOON + seconds * SECOND) for seconds in (-1, 0, 59, 60, 125, 999)]
        assert found == [None, 0, 0, 1, 2, 2]

    def labels(self, interval: int, count: int, columns: int, start: int = NOON):
        slots = [Slot(Bar(start + n * interval, 1, 1, 1, 1, 1), Kind.TRADED) for n in range(count)]
        return [(label.slot, label.text, label.day) for label in time_labels(slots, interval, columns)]

    def test_labels_stand_at_round_times(self):
        assert self.labels(MINUTE, 30, 2) == [(5, "12:05", False), (10, "12:10", False), (15, "12:15", False),
                                              (20, "12:20", False), (25, "12:25", False)]  # fmt: skip
        assert self.labels(5 * SECOND, 15, 1)[0] == (12, "12:01:00", False)

    def test_a_new_day_is_named(self):
        late = NOON + 11 * HOUR
        assert self.labels(5 * MINUTE, 30, 1, late) == [(12, "16 Jan", True), (24, "01:00", False)]

    def test_days_are_those_of_the_users_zone(self, monkeypatch):
        monkeypatch.setenv("TZ", "Asia/Tokyo")  # UTC+9: midnight at 15:00 UTC
        time.tzset()
        assert (3, "16 Jan", True) in self.labels(HOUR, 10, 8)
        assert moment_text(NOON, MINUTE, NOON) == "21:00"

    def test_long_intervals_have_dates_and_years(self):
        daily = self.labels(DAY, 60, 1, NOON - NOON % DAY - 30 * DAY)
        assert all(text.split()[-1] in ("Dec", "Jan", "Feb") or text == "2026" for _, text, _ in daily)
        assert any(text == "2026" and day for _, text, day in daily)
        weekly = [slot for slot, text, _ in daily if text != "2026"]
        assert {after - before for before, after in itertools.pairwise(weekly)} <= {14, 28}

    def test_a_moment_is_told_as_briefly_as_it_is_clear(self):
        assert moment_text(NOON + 32 * MINUTE, MINUTE, NOON) == "12:32"
        assert moment_text(NOON + 5 * SECOND, 5 * SECOND, NOON) == "12:00:05"
        assert moment_text(NOON - DAY, MINUTE, NOON) == "14 Jan 12:00"
        assert moment_text(NOON - 30 * DAY, MINUTE, NOON) == "16 Dec 2025 12:00"
        assert moment_text(NOON - 30 * DAY, DAY, NOON) == "16 Dec 2025"


class TestCandles:
    def draw(self, zoom: int, *bars: tuple[float, float, float, float], rows: int = 8) -> list[str]:
        """O, H, L, C on a scale where half row 0 is at 15 … 16 and each half row is worth 1."""
        scale = PriceScale()
        scale.rows, scale._low, scale._high = rows, 0.0, 16.0
        canvas = Canvas(len(bars) * ZOOMS[zoom][0], rows)
        slots = [
            Slot(Bar(NOON + n * MINUTE, o + 0.5, h + 0.5, low + 0.5, c + 0.5, 1), Kind.TRADED)
            for n, (o, h, low, c) in enumerate(bars)
        ]
        draw_candles(canvas, slots, scale, 0, 0, zoom)
        return ["".join(row) for row in canvas.chars]

    def test_a_thin_candle_has_half_rows_of_precision(self):
        # wick 13 … 3, body 10 … 5: halves count from 15 down
        assert self.draw(0, (5, 13, 3, 10)) == [" ", "│", "╽", "┃", "┃", "╿", "╵", " "]

    def test_a_wide_candle_has_a_body_with_the_wick_in_its_middle(self):
        assert self.draw(2, (4, 13, 3, 11)) == ["    ", " │  ", "███ ", "███ ", "███ ", "███ ", " ╵  ", "    "]

    def test_half_a_row_of_a_wide_body_shows_where_no_wick_is_in_the_way(self):
        assert self.draw(2, (5, 10, 5, 10)) == ["    ", "    ", "▄▄▄ ", "███ ", "███ ", "▀▀▀ ", "    ", "    "]

    def test_a_wick_is_never_broken_off_from_a_wide_body(self):
        for body in range(3, 12):
            column = [row[1] for row in self.draw(2, (2, 14, 0, body))]
            drawn = "".join(column).strip()
            assert " " not in drawn
            assert "▄" not in drawn
            assert "▀" not in drawn

    def test_a_bar_that_closes_where_it_opened_is_a_line(self):
        assert self.draw(2, (8, 11, 5, 8))[3] == "─┼─ "
        assert self.draw(2, (8, 8, 8, 8))[3] == "─── "
        assert self.draw(0, (8, 11, 8, 8))[3] == "┴"
        assert self.draw(0, (8, 8, 5, 8))[3] == "┬"

    def test_up_is_green_down_is_red(self):
        canvas = Canvas(2, 8)
        scale = PriceScale()
        scale.fit(1, 9, 8, 0.1)
        slots = [Slot(Bar(NOON, 2, 8, 2, 8, 1), Kind.TRADED), Slot(Bar(NOON + MINUTE, 8, 8, 2, 2, 1), Kind.TRADED)]
        draw_candles(canvas, slots, scale, 0, 0, 0)
        assert {bytes(row)[0] for row in canvas.paints} == {Paint.NONE, Paint.UP}
        assert {bytes(row)[1] for row in canvas.paints} == {Paint.NONE, Paint.DOWN}

    def test_silence_is_a_faint_line_and_a_fold_a_dotted_one(self):
        canvas = Canvas(4, 8)
        scale = PriceScale()
        scale.fit(1, 9, 8, 0.1)
        draw_candles(canvas, [Slot(bar(0, 5.0), Kind.FLAT), Slot(bar(1, 5.0), Kind.FOLD)], scale, 0, 0, 1)
        assert "──┄┄" in ["".join(row) for row in canvas.chars]

    def test_what_lies_outside_the_scale_is_cut_off(self):
        assert self.draw(0, (20, 30, 18, 25)) == [" "] * 8
        assert self.draw(0, (5, 30, 2, 10))[0] == "│"

    def test_volume_has_eighths_of_a_row(self):
        canvas = Canvas(4, 2)
        volumes = (16.0, 5.0, 0.01, 0.0)
        draw_volume(canvas, [Slot(bar(n, volume=v), Kind.TRADED) for n, v in enumerate(volumes)], 16.0, 0, 1, 2, 0)
        assert ["".join(row) for row in canvas.chars] == ["█   ", "█▅▁ "]


class TestCanvas:
    def test_equal_keys_look_equal_and_segments_hold_the_text(self):
        one, other = Canvas(12, 2), Canvas(12, 2)
        for canvas in (one, other):
            canvas.text(2, 0, "abc", Paint.UP)
            canvas.tint_row(0, 0, 4)
        assert one.key(0) == other.key(0) != one.key(1)
        styles = palette(INKS[DARK])
        parts = segments(one.key(0), styles)
        assert "".join(part.text for part in parts) == "  abc       "
        assert [part.text for part in parts] == ["  ", "ab", "c", "       "]
        assert parts[1].style != parts[2].style

    def test_what_falls_outside_is_cut_off(self):
        canvas = Canvas(4, 2)
        canvas.text(2, 0, "long text", Paint.UP)
        canvas.text(-2, 1, "abc", Paint.UP)
        canvas.rule(7, 0, 9, "─", Paint.UP)
        canvas.tint_column(9, 0, 9)
        assert ["".join(row) for row in canvas.chars] == ["  lo", "c   "]

    def test_every_paint_has_a_style_in_both_halves_of_the_palette(self):
        styles = palette(INKS[DARK])
        assert len(styles) == 128
        assert all(styles[paint + 64].bgcolor is not None for paint in Paint)


class TestLegend:
    SLOT = Slot(Bar(NOON, 64_000.0, 64_250.5, 63_900.0, 64_100.0, 12.5), Kind.TRADED)

    def text(self, width: int, slot: Slot = SLOT) -> str:
        return "".join(text for text, _ in bar_parts(slot, 64_000.0, BTC, width))

    def test_all_figures_where_there_is_room(self):
        assert self.text(90) == "O64,000.0  H64,250.5  L63,900.0  C64,100.0  +0.16%  V12.5"

    def test_the_least_important_go_first(self):
        assert self.text(55) == "O64000.0  H64250.5  L63900.0  C64100.0  +0.16%  V12.5"
        assert self.text(48) == "O64000.0  H64250.5  L63900.0  C64100.0  +0.16%"
        assert self.text(38) == "H64250.5  L63900.0  C64100.0  +0.16%"

    def test_the_change_is_from_the_close_before(self):
        parts = bar_parts(self.SLOT, 128_200.0, BTC, 90)
        assert ("-50.00%", Paint.DOWN) in parts
        assert ("+0.16%", Paint.UP) in bar_parts(self.SLOT, None, BTC, 90)

    def test_a_fold_says_that_nothing_traded(self):
        assert self.text(90, Slot(bar(0, 64_000.0), Kind.FOLD)) == "No trades for a while; last 64,000.0"

    def test_parts_are_cut_with_an_ellipsis(self):
        assert fitted([("abc", Paint.TEXT), ("defgh", Paint.UP)], 6) == [("abc", Paint.TEXT), ("de…", Paint.UP)]

    @pytest.mark.parametrize(
        ("volume", "text"),
        [(0, "0"), (0.5, "0.5"), (12.345, "12.35"), (0.00012, "0.00012"), (9_999, "9999"), (12_345, "12.35k"),
         (1_500_000, "1.5M"), (2.5e9, "2.5G")],
    )  # fmt: skip
    def test_volumes_are_brief(self, volume, text):
        assert volume_text(volume) == text
