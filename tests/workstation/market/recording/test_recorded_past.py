"""After a seek the candles are those of a replay that was played up to that moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.desk import BTC, ETH, PERP, START
from tests.support.recordings import recorded
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.market.bars import INTERVALS
from workstation.market.data import MarketData
from workstation.market.recording import open_recording
from workstation.market.recording import past as recorded_past

MINUTES = 4
SHOWN = (BTC, ETH, PERP)
MOMENTS = (0.0, 61.7, 120.0, 143.3, MINUTES * 60.0)
THENS = (0.0, 48.9)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recording") / "minutes.tws", MINUTES * 60, only=SHOWN)


@pytest.fixture(scope="module")
def straight(recording: Path) -> dict[float, dict[tuple[str, str], list[Bar]]]:
    """The bars of a market that was played from the start, at each moment of the tests."""
    moments = sorted({min(moment + then, MINUTES * 60.0) for moment in MOMENTS for then in THENS})
    return dict(zip(moments, played(recording, moments), strict=True))


def played(recording: Path, seconds: list[float], begin: float | None = None) -> list[dict[tuple[str, str], list[Bar]]]:
    """The bars of a market after a seek to `begin` (or from the start), at each of the moments."""
    source = open_recording([recording])
    try:
        market = MarketData(source.instruments, source.history)
        if begin is not None:
            for book in source.seek(START + round(begin * SECOND)):
                market.apply(book)
        found = []
        for moment in seconds:
            for event in source.until(START + round(moment * SECOND)):
                market.apply(event)
            found.append(
                {
                    (name, interval): market.markets[name].candles.series(INTERVALS[interval]).last(500)
                    for name in SHOWN
                    for interval in ("5s", "15s", "1m", "1h")
                }
            )
        return found
    finally:
        source.close()


def assert_same(bars: list[Bar], expected: list[Bar]) -> None:
    assert [(b.ts, b.open, b.high, b.low, b.close, b.closed) for b in bars] == [
        (b.ts, b.open, b.high, b.low, b.close, b.closed) for b in expected
    ]
    assert [bar.volume for bar in bars] == pytest.approx([bar.volume for bar in expected])


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("then", THENS)
def test_candles_after_a_seek(
    recording: Path,
    straight: dict[float, dict[tuple[str, str], list[Bar]]],
    moment: float,
    then: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorded_past, "_EVENTS_A_TIME", 1_000_000)
    there = min(moment + then, MINUTES * 60.0)
    expected = {key: list(bars) for key, bars in straight[there].items()}
    bars = played(recording, [moment, there] if then else [there], begin=moment)[-1]
    for key, shown in bars.items():
        end = START + round(there * SECOND)
        for bars_of in (shown, expected[key]):  # the last bar has closed by the clock, whether or not a trade said so
            if bars_of and bars_of[-1].ts + INTERVALS[key[1]] <= end:
                bars_of[-1] = replace(bars_of[-1], closed=True)
        assert_same(shown, expected[key])


@pytest.mark.slow
def test_what_is_too_much_at_once_is_left_out_and_no_bar_is_a_part_of_itself(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = played(recording, [230.0])[0][BTC, "15s"]
    monkeypatch.setattr(recorded_past, "_EVENTS_A_TIME", 3_000)
    source = open_recording([recording])
    source.seek(START + 230 * SECOND)
    few = source.history(BTC, 15 * SECOND, 500)
    assert 0 < len(few) < len(expected)
    assert_same(list(few), expected[-len(few) :])
    for _ in range(100):  # each question reads on
        more = source.history(BTC, 15 * SECOND, 500)
    assert_same(list(more), expected)
    source.close()


def test_the_beginning_has_no_past(tmp_path: Path) -> None:
    source = open_recording([recorded(tmp_path / "seconds.tws", 5, only=SHOWN)])
    assert list(source.history(BTC, 60 * SECOND, 500)) == []
    source.close()
