"""The replay clock and the controls of a replay, with the wall clock in our hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest

from workstation.clock import MILLISECOND, SECOND, LiveClock, SimClock
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Trade
from workstation.market.source import SeekError
from workstation.venues.pump import MarketPump
from workstation.venues.replay import ReplayClock, ReplayControl

START = 1_700_000_000 * SECOND
BTC = "NOVA:BTC-USDT"


class Session:
    """Ten seconds: a book at the start, a delta every second, a trade half a second after each."""

    def __init__(self) -> None:
        book = BookSnapshot(BTC, START, 1, ((100, 5),), ((101, 5),))
        self.events: list[MarketEvent] = [book]
        for number in range(10):
            ts = START + number * SECOND
            self.events.append(Trade(BTC, ts + SECOND // 2, 101, 1, True, str(number)))
            self.events.append(BookDelta(BTC, ts + SECOND, number + 2, number + 1, ((100, number + 6),), ()))
        self.given = 0
        self.instruments = [
            Instrument(venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal(1), lot=Decimal(1))
        ]
        self.start, self.end = START, START + 10 * SECOND

    def until(self, ts: int) -> Iterable[MarketEvent]:
        first = self.given
        self.given = sum(event.ts <= ts for event in self.events)
        return self.events[first : self.given]

    def next_time(self) -> int | None:
        return self.events[self.given].ts if self.given < len(self.events) else None

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        self.given = sum(event.ts <= ts for event in self.events)
        seconds = (ts - START) // SECOND
        if seconds == 3:
            return []
        if seconds == 4:
            raise SeekError("not there")
        return [BookSnapshot(BTC, ts, seconds + 1, ((100, 5 + seconds),), ((101, 5),))]

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        return []


class Desk:
    def __init__(self) -> None:
        self.seen: list[MarketEvent] = []

    def feed(self, event: MarketEvent) -> None:
        self.seen.append(event)


class Replay:
    """A whole replay on a wall clock that only `run` moves."""

    def __init__(self, *, loop: bool = False) -> None:
        self.wall = SimClock(5 * SECOND)
        self.clock = ReplayClock(START, self.wall)
        self.desk = Desk()
        self.source = Session()
        self.pump = MarketPump(self.source, self.clock, {"NOVA": self.desk})
        self.control = ReplayControl(self.source, self.clock, self.pump, loop=loop)

    def run(self, wall_ns: int) -> None:
        """What the task does after the wall has moved on."""
        self.wall.advance(wall_ns)
        if not self.control.paused:
            self.pump.pump_until(self.clock.target())

    @property
    def position(self) -> int:
        return self.control.position - START


@pytest.fixture
def replay() -> Replay:
    replay = Replay()
    replay.run(0)
    return replay


@pytest.mark.parametrize("speed", [0.1, 0.5, 1, 2, 10])
def test_replay_time_is_wall_time_times_the_speed(replay: Replay, speed: float) -> None:
    replay.control.set_speed(speed)
    for _ in range(10):
        replay.run(SECOND // 20)
    assert replay.position == round(speed * SECOND / 2)
    assert replay.clock.now() == START + replay.position


def test_a_change_of_speed_counts_from_now_on(replay: Replay) -> None:
    replay.run(SECOND)
    replay.control.faster()
    replay.run(SECOND)
    assert replay.position == 3 * SECOND
    replay.control.slower()
    replay.control.slower()
    assert replay.control.speed == 0.5
    replay.run(SECOND)
    assert replay.position == 3 * SECOND + SECOND // 2


def test_slower_and_faster_stop_at_a_tenth_and_at_a_hundred(replay: Replay) -> None:
    seen = []
    for _ in range(12):
        replay.control.slower()
    for _ in range(12):
        seen.append(replay.control.speed)
        replay.control.faster()
    assert seen == [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 100, 100]


@pytest.mark.parametrize("speed", [0, 0.09, 101, -1, float("nan")])
def test_other_speeds_are_refused_in_a_sentence(replay: Replay, speed: float) -> None:
    with pytest.raises(ValueError, match=r"a replay runs at 0\.1× to 100× speed"):
        replay.control.set_speed(speed)
    assert replay.control.speed == 1


def test_a_paused_replay_stands_still_and_goes_on_where_it_stood(replay: Replay) -> None:
    replay.run(SECOND)
    replay.control.toggle()
    replay.run(100 * SECOND)
    assert (replay.position, replay.control.paused) == (SECOND, True)
    replay.control.toggle()
    assert replay.position == SECOND
    replay.run(SECOND)
    assert replay.position == 2 * SECOND


def test_time_does_not_pass_an_event_that_was_not_given(replay: Replay) -> None:
    replay.wall.advance(SECOND)  # the machine is late: nobody pumped
    assert replay.clock.now() == START + SECOND // 2  # the first trade's time
    assert replay.pump.lag == SECOND // 2
    replay.run(0)
    assert replay.clock.now() == START + SECOND
    assert replay.pump.lag == 0


def test_timers_run_in_replay_time(replay: Replay) -> None:
    fired: list[int] = []
    replay.control.set_speed(2)
    replay.clock.call_at(START + 3 * SECOND + 1, lambda: fired.append(replay.clock.now()))
    replay.run(SECOND)
    assert not fired
    replay.run(SECOND)
    assert fired == [START + 3 * SECOND + 1]


def test_stepping_gives_one_event_and_runs_the_timers_on_the_way(replay: Replay) -> None:
    fired: list[int] = []
    replay.clock.call_at(START + MILLISECOND, lambda: fired.append(replay.clock.now()))
    assert replay.control.step() == 1
    assert isinstance(replay.desk.seen[-1], Trade)
    assert fired == [START + MILLISECOND]
    assert (replay.position, replay.control.paused) == (SECOND // 2, True)
    assert replay.control.step(3) == 3
    assert replay.position == 2 * SECOND


def test_stepping_to_a_book_change_passes_over_the_trades(replay: Replay) -> None:
    assert replay.control.step(2, to_book_change=True) == 2
    assert [type(event).__name__ for event in replay.desk.seen] == [
        "BookSnapshot",
        "Trade",
        "BookDelta",
        "Trade",
        "BookDelta",
    ]


def test_playing_on_after_steps_goes_on_from_the_last_of_them(replay: Replay) -> None:
    replay.control.step(2)
    replay.wall.advance(50 * SECOND)
    replay.control.resume()
    replay.run(SECOND)
    assert replay.position == 2 * SECOND


def test_at_the_end_the_replay_pauses_there_and_says_so(replay: Replay) -> None:
    ends: list[int] = []
    replay.control.on_end.append(lambda: ends.append(replay.position))
    replay.run(15 * SECOND)
    assert ends == [10 * SECOND]
    assert replay.control.at_end
    assert replay.control.paused
    assert replay.control.fraction == 1
    assert replay.control.step() == 0


def test_playing_at_the_end_starts_again(replay: Replay) -> None:
    replay.run(15 * SECOND)
    replay.control.resume()
    assert (replay.position, replay.control.at_end, replay.control.paused) == (0, False, False)


def test_a_looping_replay_goes_back_to_its_start() -> None:
    replay = Replay(loop=True)
    seeks: list[int] = []
    replay.control.on_seek.append(seeks.append)
    replay.run(0)
    replay.run(10 * SECOND)
    assert seeks == [START]
    assert (replay.position, replay.control.paused) == (0, False)
    replay.run(SECOND)
    assert replay.position == SECOND


def test_seek_gives_the_books_of_that_time_after_the_orders_are_gone(replay: Replay) -> None:
    replay.control.on_seek.append(lambda ts: replay.desk.seen.clear())
    replay.run(8 * SECOND)
    replay.control.seek(START + 2 * SECOND)
    assert replay.desk.seen == [BookSnapshot(BTC, START + 2 * SECOND, 3, ((100, 7),), ((101, 5),))]
    replay.run(SECOND)
    assert [event.ts - START for event in replay.desk.seen[1:]] == [5 * SECOND // 2, 3 * SECOND]
    assert replay.position == 3 * SECOND


def test_seek_takes_a_fraction_and_stays_inside(replay: Replay) -> None:
    replay.control.seek(0.5)
    assert replay.position == 5 * SECOND
    replay.control.seek(7.0)
    assert replay.position == 10 * SECOND
    replay.control.seek(0)
    assert replay.position == 0


def test_a_time_without_a_book_makes_the_book_stale(replay: Replay) -> None:
    replay.control.seek(START + 3 * SECOND)
    assert replay.desk.seen[-1] == BookStale(BTC, START + 3 * SECOND, "the recording holds no book of this time")


def test_a_seek_that_is_impossible_changes_nothing(replay: Replay) -> None:
    replay.run(2 * SECOND)
    with pytest.raises(SeekError):
        replay.control.seek(START + 4 * SECOND)
    assert replay.position == 2 * SECOND


def test_a_timer_keeps_the_time_that_it_has_left_over_a_seek(replay: Replay) -> None:
    fired: list[int] = []
    replay.run(5 * SECOND)
    replay.clock.call_at(START + 6 * SECOND, lambda: fired.append(replay.clock.now()))
    replay.control.seek(START)
    replay.run(SECOND - 1)
    assert not fired
    replay.run(1)
    assert fired == [START + SECOND]


def test_the_status_bar_hears_of_every_change(replay: Replay) -> None:
    changes: list[bool] = []
    replay.control.on_change.append(lambda: changes.append(replay.control.paused))
    replay.control.pause()
    replay.control.resume()
    replay.control.faster()
    replay.control.loop = True
    assert changes == [True, False, False, False]


async def test_the_task_plays_to_the_end_at_a_hundred_times() -> None:
    wall = LiveClock()
    source, desk = Session(), Desk()
    clock = ReplayClock(START, wall, speed=100)
    pump = MarketPump(source, clock, {"NOVA": desk})
    control = ReplayControl(source, clock, pump)
    ended = asyncio.Event()
    control.on_end.append(ended.set)
    pump.start()
    await asyncio.wait_for(ended.wait(), 10)
    assert desk.seen == source.events
    assert clock.now() == source.end
    control.resume()
    ended.clear()
    await asyncio.wait_for(ended.wait(), 10)
    await pump.stop()


async def test_a_paused_replay_polls_nothing() -> None:
    class CountingWall(LiveClock):
        reads = 0

        def now(self) -> int:
            self.reads += 1
            return super().now()

    wall = CountingWall()
    source, desk = Session(), Desk()
    clock = ReplayClock(START, wall)
    pump = MarketPump(source, clock, {"NOVA": desk})
    control = ReplayControl(source, clock, pump)
    pump.start()
    await asyncio.sleep(0.02)
    control.pause()
    await asyncio.sleep(0.02)
    reads = wall.reads
    await asyncio.sleep(0.1)
    assert wall.reads == reads
    control.set_speed(100)
    control.resume()
    await asyncio.sleep(0.05)
    assert len(desk.seen) > 3
    await pump.stop()


async def test_a_stall_is_let_slip_instead_of_played_in_a_burst() -> None:
    wall = SimClock(0)
    source = Session()
    clock = ReplayClock(START, wall)

    class Slow(Desk):
        def feed(self, event: MarketEvent) -> None:
            super().feed(event)
            if len(self.seen) == 1:
                wall.advance(8 * SECOND)  # the machine slept
            clock.on_change()  # ends the pump's turn

    desk = Slow()
    pump = MarketPump(source, clock, {"NOVA": desk})
    control = ReplayControl(source, clock, pump)
    pump.start()
    await asyncio.sleep(0.05)
    assert pump.slipped == 8 * SECOND
    assert len(desk.seen) < 5
    assert control.position < START + 2 * SECOND
    await pump.stop()


def test_a_market_without_an_end_has_no_replay_controls() -> None:
    source = Session()
    source.end = None  # type: ignore[assignment]
    clock = ReplayClock(START, SimClock())
    with pytest.raises(ValueError, match="with an end"):
        ReplayControl(source, clock, MarketPump(source, clock, {"NOVA": Desk()}))
