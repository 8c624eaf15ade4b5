"""Candles: bars are their trades, whenever and in whatever interval they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.domain.bar import Bar
from workstation.domain.spans import SECOND
from workstation.market.bar_columns import BarColumns
from workstation.market.bars import INTERVALS, BarSeries, Candles

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
MINUTE, HOUR = INTERVALS["1m"], INTERVALS["1h"]
#: 2023-11-14 22:00 UTC
NOON = 1_699_999_200 * SECOND

type Trades = list[tuple[int, float, float]]


def no_history(_interval: int, _count: int) -> Sequence[Bar]:
    return ()


def bars_of(trades: Trades, interval: int) -> list[tuple[int, float, float, float, float]]:
    """The bars by definition: the last one is the newest of any trade before it (late trades join it)."""
    bars: dict[int, list[float]] = {}
    newest = 0
    for ts, price, _ in trades:
        newest = max(newest, ts - ts % interval)
        bars.setdefault(newest, []).append(price)
    return [(ts, prices[0], max(prices), min(prices), prices[-1]) for ts, prices in bars.items()]


def shape(bars: Sequence[Bar]) -> list[tuple[int, float, float, float, float]]:
    return [(bar.ts, bar.open, bar.high, bar.low, bar.close) for bar in bars]


def minute(number: int, price: float, volume: float = 1.0, closed: bool = True) -> Bar:
    """A bar of the minute `number` after `NOON`."""
    return Bar(NOON + number * MINUTE, price, price + 2, price - 2, price + 1, volume, closed)


def _walk(steps: Trades) -> Trades:
    ts, trades = NOON, []
    for step, price, volume in steps:
        ts = max(NOON, ts + step)
        trades.append((ts, price, volume))
    return trades


#: Steps in time may be long (gaps) or backwards (late trades).
TRADES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 4 * SECOND), st.just(5 * SECOND), st.integers(-20 * SECOND, 3 * HOUR)),
        st.integers(1, 500).map(float),
        st.integers(1, 9).map(float),
    ),
    max_size=60,
).map(_walk)


class TestColumns:
    def test_bars_come_out_as_they_went_in(self) -> None:
        bars = [minute(number, 10.0 + number) for number in range(5)]
        columns = BarColumns(bars)
        assert list(columns) == bars
        assert (columns[0], columns[-1], columns[1:3]) == (bars[0], bars[-1], bars[1:3])
        assert columns.pop() == bars[-1]
        columns.forget(2)
        columns.prepend(bars[:1])
        assert columns == [bars[0], bars[2], bars[3]]
        assert len(columns) == 3
        with pytest.raises(IndexError):
            columns[3]
        with pytest.raises(IndexError):
            BarColumns().pop()


class TestSeries:
    def test_trades_make_a_bar(self) -> None:
        series = BarSeries(MINUTE)
        for second, price in enumerate((10.0, 12.0, 9.0, 11.0)):
            series.add(NOON + second * SECOND, price, 2.0)
        assert series.last(9) == [Bar(NOON, 10.0, 12.0, 9.0, 11.0, 8.0, False)]
        assert series.closed == []

    def test_a_trade_on_the_boundary_opens_the_next_bar(self) -> None:
        series = BarSeries(MINUTE)
        series.add(NOON + MINUTE - 1, 10.0, 1.0)
        series.add(NOON + MINUTE, 11.0, 1.0)
        assert series.last(9) == [
            Bar(NOON, 10.0, 10.0, 10.0, 10.0, 1.0, True),
            Bar(NOON + MINUTE, 11.0, 11.0, 11.0, 11.0, 1.0, False),
        ]

    def test_minutes_without_trades_have_no_bars(self) -> None:
        series = BarSeries(MINUTE)
        series.add(NOON, 10.0, 1.0)
        series.add(NOON + 7 * MINUTE, 11.0, 1.0)
        assert [bar.ts for bar in series.last(9)] == [NOON, NOON + 7 * MINUTE]

    def test_a_late_trade_joins_the_forming_bar_and_leaves_closed_ones_alone(self) -> None:
        series = BarSeries(MINUTE)
        series.add(NOON, 10.0, 1.0)
        series.add(NOON + MINUTE, 11.0, 1.0)
        series.add(NOON + 30 * SECOND, 15.0, 3.0)
        assert series.closed == [Bar(NOON, 10.0, 10.0, 10.0, 10.0, 1.0, True)]
        assert series.forming == Bar(NOON + MINUTE, 11.0, 15.0, 11.0, 15.0, 4.0, False)

    def test_a_history_whose_last_bar_still_forms_goes_on_with_it(self) -> None:
        series = BarSeries(MINUTE, [minute(0, 10.0), minute(1, 11.0, volume=5.0, closed=False)])
        assert series.forming == minute(1, 11.0, volume=5.0, closed=False)
        series.add(NOON + MINUTE + 40 * SECOND, 20.0, 1.0)
        assert series.last(1) == [Bar(NOON + MINUTE, 11.0, 20.0, 9.0, 20.0, 6.0, False)]
        series.add(NOON + 2 * MINUTE, 21.0, 1.0)
        assert [bar.closed for bar in series.last(9)] == [True, True, False]

    def test_a_history_that_reaches_into_the_first_live_bar_is_joined_to_it(self) -> None:
        series = BarSeries(MINUTE, [minute(0, 10.0), minute(1, 11.0, volume=5.0)])
        series.add(NOON + MINUTE + 50 * SECOND, 3.0, 1.0)
        assert series.last(9) == [minute(0, 10.0), Bar(NOON + MINUTE, 11.0, 13.0, 3.0, 3.0, 6.0, False)]

    def test_last_gives_no_more_than_asked(self) -> None:
        series = BarSeries(MINUTE, [minute(number, 10.0) for number in range(5)])
        assert [series.last(count) for count in (-1, 0)] == [[], []]
        assert [bar.ts for bar in series.last(2)] == [NOON + 3 * MINUTE, NOON + 4 * MINUTE]
        series.add(NOON + 5 * MINUTE, 10.0, 1.0)
        assert [len(series.last(count)) for count in (0, 1, 2, 6, 99)] == [0, 1, 2, 6, 6]

    def test_until_and_since_find_bars_by_time(self) -> None:
        series = BarSeries(MINUTE, [minute(number, 10.0) for number in (0, 1, 2, 5)])
        series.add(NOON + 6 * MINUTE, 10.0, 1.0)

        def numbers(bars: Sequence[Bar]) -> list[int]:
            return [(bar.ts - NOON) // MINUTE for bar in bars]

        assert numbers(series.until(NOON + 3 * MINUTE, 2)) == [1, 2]
        assert numbers(series.until(NOON + 5 * MINUTE, 2)) == [2, 5]
        assert numbers(series.until(NOON + 9 * MINUTE, 2)) == [5, 6]
        assert numbers(series.until(NOON - 1, 2)) == numbers(series.until(NOON, 0)) == []
        assert numbers(series.since(NOON + 2 * MINUTE, 9)) == [2, 5, 6]
        assert numbers(series.since(NOON + 3 * MINUTE, 1)) == [5]
        assert numbers(series.since(NOON + 6 * MINUTE, 9)) == [6]
        assert numbers(series.since(NOON + 7 * MINUTE, 9)) == numbers(series.since(NOON, 0)) == []

    @given(TRADES, st.integers(1, 300).map(lambda seconds: seconds * 5 * SECOND), st.booleans())
    def test_bars_of_a_span_as_one(self, trades: list[tuple[int, float, float]], span: int, only_closed: bool) -> None:
        series = BarSeries(5 * SECOND)
        for trade in trades:
            series.merged(span)  # what it keeps until the next bar
            series.add(*trade)
        if only_closed:
            series = BarSeries(5 * SECOND, series.closed)
        bars = series.last(999)
        for count in (0, 1, 2, 5, 999):
            assert series.closes(count) == tuple(bar.close for bar in series.last(count))
        bars = [bar for bar in bars if bar.ts > bars[-1].ts - span]
        merged = series.merged(span)
        if not bars:
            assert merged is None
            return
        assert merged == Bar(
            bars[0].ts,
            bars[0].open,
            max(bar.high for bar in bars),
            min(bar.low for bar in bars),
            bars[-1].close,
            sum(bar.volume for bar in bars),
            bars[-1].closed,
        )

    def test_memory_is_bounded_and_the_newest_stay(self) -> None:
        series = BarSeries(MINUTE, limit=8)
        for number in range(100):
            series.add(NOON + number * MINUTE, float(number + 1), 1.0)
            assert len(series.closed) <= 10
        assert [bar.open for bar in series.last(8)] == [float(number) for number in range(93, 101)]

    def test_older_bars_are_put_in_front_without_doubles_up_to_the_limit(self) -> None:
        series = BarSeries(MINUTE, [minute(4, 10.0)], limit=3)
        assert series.prepend([minute(number, 10.0) for number in range(6)]) == 2
        assert [(bar.ts - NOON) // MINUTE for bar in series.closed] == [2, 3, 4]
        assert series.prepend([minute(0, 10.0)]) == 0

    def test_the_version_grows_with_whatever_changes(self) -> None:
        series = BarSeries(MINUTE)
        seen = [series.version]
        series.add(NOON, 10.0, 1.0)
        seen.append(series.version)
        series.merge(minute(1, 12.0))
        seen.append(series.version)
        series.prepend([minute(-1, 9.0)])
        seen.append(series.version)
        assert seen == sorted(set(seen))

    @settings(max_examples=100, deadline=None)
    @given(trades=TRADES, interval=st.sampled_from(sorted(INTERVALS.values())))
    def test_bars_are_their_trades(self, trades: Trades, interval: int) -> None:
        series = BarSeries(interval)
        for trade in trades:
            series.add(*trade)
        assert shape(series.last(10_000)) == bars_of(trades, interval)
        assert sum(bar.volume for bar in series.last(10_000)) == sum(volume for _, _, volume in trades)
        assert all(bar.closed for bar in series.closed)


class TestCandles:
    @settings(max_examples=100, deadline=None)
    @given(
        trades=TRADES,
        split=st.integers(0, 60),
        past=st.lists(st.integers(1, 500).map(float), max_size=10),
        phase=st.integers(0, 300),
    )
    def test_an_interval_asked_for_late_equals_one_asked_for_early(
        self, trades: Trades, split: int, past: list[float], phase: int
    ) -> None:
        """Whatever the trades, the history and the second of the interval at which it ends."""

        def history(interval: int, count: int) -> list[Bar]:
            end = (NOON - phase * SECOND) // interval
            bars = [Bar((end - back) * interval, p, p, p, p, 1.0) for back, p in enumerate(past, 1)]
            return bars[::-1][-count:]

        early, late = Candles(history), Candles(history)
        intervals = [*INTERVALS.values(), 10 * SECOND, 25 * SECOND, 2 * HOUR, 90 * MINUTE]
        for interval in intervals:
            early.series(interval)
        for trade in trades[:split]:
            early.add(*trade)
            late.add(*trade)
        for interval in intervals:
            late.series(interval)
        for trade in trades[split:]:
            early.add(*trade)
            late.add(*trade)
        for interval in intervals:
            assert late.series(interval).last(10_000) == early.series(interval).last(10_000)

    def test_long_intervals_asked_for_late_know_more_than_the_short_bars_that_are_kept(self) -> None:
        early, late = Candles(no_history), Candles(no_history)
        early.series(4 * HOUR)
        for number in range(30_000):  # 41 hours of a trade every 5 s
            early.add(NOON + number * 5 * SECOND, float(number % 97 + 1), 1.0)
            late.add(NOON + number * 5 * SECOND, float(number % 97 + 1), 1.0)
        assert late.series(4 * HOUR).last(99) == early.series(4 * HOUR).last(99)
        assert sum(bar.volume for bar in late.series(4 * HOUR).last(99)) == 30_000

    @settings(max_examples=50, deadline=None)
    @given(trades=TRADES, count=st.integers(1, 30), interval=st.sampled_from(sorted(INTERVALS.values())))
    def test_a_few_of_the_last_bars_are_those_of_the_whole_series(
        self, trades: Trades, count: int, interval: int
    ) -> None:
        asked: list[int] = []

        def history(span: int, number: int) -> list[Bar]:
            if span == interval:
                asked.append(number)
            bars = [Bar(NOON - back * span, 5.0, 6.0, 4.0, 5.0, float(back)) for back in range(number, 0, -1)]
            return bars if span >= MINUTE else []

        candles = Candles(history)
        for trade in trades:
            candles.add(*trade)
        few = candles.recent(interval, count)
        assert asked == [count]
        assert few == candles.series(interval).last(count)
        assert few == candles.recent(interval, count)

    def test_history_and_live_bars_join(self) -> None:
        candles = Candles(lambda interval, count: [minute(0, 10.0), minute(1, 11.0)] if interval == MINUTE else ())
        candles.add(NOON + 2 * MINUTE, 12.0, 1.0)
        assert [(bar.ts - NOON) // MINUTE for bar in candles.series(MINUTE).last(9)] == [0, 1, 2]

    def test_the_interval_in_which_the_history_ends_is_made_whole_from_shorter_ones(self) -> None:
        """The market starts at 22:07:30; the hour's bar has what the minutes of the history say of 22:00 to 22:07."""

        def history(interval: int, count: int) -> list[Bar]:
            if interval == HOUR:
                return [Bar(NOON - HOUR, 5.0, 6.0, 4.0, 5.0, 100.0)]
            if interval == MINUTE:
                return [minute(number, 20.0 + number) for number in range(-9, 7)][-count:]
            return []

        candles = Candles(history)
        candles.add(NOON + 450 * SECOND, 50.0, 3.0)
        assert candles.series(HOUR).last(9) == [
            Bar(NOON - HOUR, 5.0, 6.0, 4.0, 5.0, 100.0, True),
            Bar(NOON, 20.0, 50.0, 18.0, 50.0, 10.0, False),
        ]

    def test_of_shorter_intervals_no_more_is_drawn_than_the_last_longer_one_may_lack(self) -> None:
        """A day is made whole by its hours, the last hour by its minutes: not by the 1,440 minutes of the day."""
        asked: dict[int, int] = {}

        def history(interval: int, count: int) -> list[Bar]:
            asked[interval] = count
            end = NOON - NOON % interval
            return [Bar(end - n * interval, 5.0, 6.0, 4.0, 5.0, 1.0) for n in range(count, 0, -1)]

        Candles(history).series(24 * HOUR)
        assert asked == {24 * HOUR: Candles.FIRST_BARS, HOUR: 24, MINUTE: 60, Candles.BASE: 12}

    def test_a_forming_bar_of_the_history_is_not_counted_twice(self) -> None:
        def history(interval: int, count: int) -> list[Bar]:
            if interval == HOUR:
                return [Bar(NOON, 5.0, 6.0, 4.0, 5.0, 100.0, False)]
            return [minute(number, 20.0) for number in range(7)] if interval == MINUTE else []

        assert Candles(history).series(HOUR).last(9) == history(HOUR, 1)

    def test_more_history_comes_when_it_is_asked_for(self) -> None:
        asked: list[int] = []

        def history(interval: int, count: int) -> list[Bar]:
            if interval == HOUR:
                asked.append(count)
            return [Bar(NOON - n * interval, 5.0, 6.0, 4.0, 5.0, 1.0) for n in range(min(count, 1_500), 0, -1)]

        candles = Candles(history)
        assert len(candles.series(HOUR).closed) == Candles.FIRST_BARS
        assert candles.older(HOUR)
        assert len(candles.series(HOUR).closed) == 1_200
        assert candles.older(HOUR)
        assert not candles.older(HOUR)  # the source has no more
        bars = candles.series(HOUR).closed
        assert [bar.ts for bar in bars] == [NOON - n * HOUR for n in range(1_500, 0, -1)]
        assert asked == [600, 1_200, 2_400, 4_800]

    def test_a_series_keeps_as_many_bars_as_it_is_told(self) -> None:
        candles = Candles(lambda interval, count: [minute(-n, 10.0) for n in range(count, 0, -1)], kept=100)
        assert len(candles.series(MINUTE).closed) == 100

    def test_intervals_under_a_minute_keep_two_and_a_half_hours_and_longer_ones_lose_nothing_by_it(self) -> None:
        candles = Candles(no_history)
        live = {seconds: candles.series(seconds * SECOND) for seconds in (5, 15)}
        for number in range(5 * 720):  # five hours
            candles.add(NOON + number * 5 * SECOND, 10.0, 1.0)
        for seconds, series in live.items():
            span = len(series.closed) * seconds
            assert 9_000 <= span <= 9_000 * 1.25 + seconds, "a quarter more at most, between two cuts"
        assert sum(bar.volume for bar in candles.series(5 * MINUTE).last(999)) == 5 * 720

    def test_a_seek_forgets_all_bars_and_starts_anew(self) -> None:
        candles = Candles(no_history)
        before = candles.series(MINUTE)
        candles.add(NOON + HOUR, 10.0, 1.0)
        candles.reset()
        candles.add(NOON, 7.0, 1.0)  # earlier than what was there
        after = candles.series(MINUTE)
        assert after is not before
        assert after.last(9) == [Bar(NOON, 7.0, 7.0, 7.0, 7.0, 1.0, False)]
        assert candles.series(4 * HOUR).last(9)[0].volume == 1.0

    @pytest.mark.parametrize("interval", [0, -MINUTE, SECOND, 7 * SECOND])
    def test_other_intervals_are_refused_in_a_sentence(self, interval: int) -> None:
        with pytest.raises(ValueError, match="multiples of 5 s"):
            Candles(no_history).series(interval)


def test_recorded_trades_make_the_candles_that_the_venue_published() -> None:
    """12,477 trades of XRP/ETH against the venue's own 2,469 one-minute candles."""
    trades, candles = (
        DATA / name for name in ("trades/freqtrade_XRP-ETH_trades.parquet", "ohlcv/freqtrade_XRP-ETH_1m.parquet")
    )
    if not (trades.exists() and candles.exists()):
        pytest.skip(f"no recorded trades at {DATA}")
    from pyarrow import parquet

    series = Candles(no_history)
    late = series.series(MINUTE)
    for row in parquet.read_table(trades).sort_by([("timestamp", "ascending"), ("id", "ascending")]).to_pylist():
        series.add(row["timestamp"] * 1_000_000, row["price"], row["amount"])
    published = [
        Bar(row["timestamp"] * 1_000_000, *(row[name] for name in ("open", "high", "low", "close", "volume")), True)
        for row in parquet.read_table(candles).to_pylist()
    ]
    built = {bar.ts: bar for bar in late.last(10_000)}
    compared = [bar for bar in published if bar.ts in built]
    assert len(compared) > 1_300
    assert shape([built[bar.ts] for bar in compared]) == shape(compared)
    for bar in compared:
        assert built[bar.ts].volume == pytest.approx(bar.volume)
