"""The pump gives events in order, at their time, to the right venue, and leaves the loop free."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest

from workstation.clock import MILLISECOND, SECOND, LiveClock, SimClock
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, MarketEvent, Trade
from workstation.venues.pump import MarketPump

STEP = 10 * MILLISECOND


def instrument(venue: str) -> Instrument:
    return Instrument(
        venue=venue, symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001")
    )


def trade(venue: str, ts: int) -> Trade:
    return Trade(f"{venue}:BTC-USDT", ts, 600_000, 1, True, str(ts))


class Tape:
    """A market that is a list of events."""

    def __init__(self, events: Sequence[MarketEvent]) -> None:
        self.events = list(events)
        self.given = 0
        self.instruments = [instrument("NOVA"), instrument("ORION")]

    @property
    def start(self) -> int:
        return self.events[0].ts

    @property
    def end(self) -> int | None:
        return self.events[-1].ts

    def until(self, ts: int) -> Iterable[MarketEvent]:
        first = self.given
        while self.given < len(self.events) and self.events[self.given].ts <= ts:
            self.given += 1
        return self.events[first : self.given]

    def next_time(self) -> int | None:
        return self.events[self.given].ts if self.given < len(self.events) else None

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        self.given = sum(event.ts <= ts for event in self.events)
        return []

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        return []


class Desk:
    """A venue that notes what it was fed, and when."""

    def __init__(self, clock: SimClock | LiveClock) -> None:
        self.clock = clock
        self.seen: list[tuple[int, MarketEvent]] = []

    def feed(self, event: MarketEvent) -> None:
        self.seen.append((self.clock.now(), event))


def tape(count: int, start: int = SECOND) -> Tape:
    return Tape([trade("NOVA" if number % 2 else "ORION", start + number * STEP) for number in range(count)])


def test_each_event_goes_to_the_venue_that_owns_its_instrument_at_its_own_time() -> None:
    clock = SimClock()
    nova, orion = Desk(clock), Desk(clock)
    pump = MarketPump(tape(4), clock, {"NOVA": nova, "ORION": orion})

    assert pump.pump_until(SECOND + 2 * STEP) == 3

    assert [(when, event.ts) for when, event in orion.seen] == [
        (SECOND, SECOND),
        (SECOND + 2 * STEP, SECOND + 2 * STEP),
    ]
    assert [event.ts for _, event in nova.seen] == [SECOND + STEP]
    assert clock.now() == SECOND + 2 * STEP


def test_timers_run_between_the_events_in_order_of_time() -> None:
    clock = SimClock()
    order: list[str] = []

    class Venue:
        def feed(self, event: MarketEvent) -> None:
            order.append(f"event {event.ts}")
            clock.call_at(event.ts + 4, lambda: order.append(f"timer {clock.now()}"))

    source = Tape([trade("NOVA", 10), trade("NOVA", 12), trade("NOVA", 20)])
    MarketPump(source, clock, {"NOVA": Venue(), "ORION": Venue()}).pump_until(30)

    assert order == ["event 10", "event 12", "timer 14", "timer 16", "event 20", "timer 24"]
    assert clock.now() == 30


def test_a_venue_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="ORION:BTC-USDT: ORION is missing"):
        MarketPump(tape(1), SimClock(), {"NOVA": Desk(SimClock())})


def test_the_end_of_the_market_is_reported_once() -> None:
    ends: list[int] = []
    clock = SimClock()
    desk = Desk(clock)
    pump = MarketPump(tape(2), clock, {"NOVA": desk, "ORION": desk})
    pump.on_end = lambda: ends.append(clock.now())
    pump.pump_until(SECOND)
    assert not ends
    pump.pump_until(2 * SECOND)
    pump.pump_until(3 * SECOND)
    assert len(ends) == 1


def test_lag_is_what_is_overdue() -> None:
    clock = SimClock()
    desk = Desk(clock)
    pump = MarketPump(tape(3), clock, {"NOVA": desk, "ORION": desk})
    clock.advance_to(SECOND - 1)
    assert pump.lag == 0
    clock.advance_to(SECOND + STEP)
    assert pump.lag == STEP
    pump.pump_until(clock.now())
    assert pump.lag == 0


async def test_beside_a_live_clock_the_task_gives_events_when_they_are_due_and_not_before() -> None:
    clock = LiveClock()
    desk = Desk(clock)
    pump = MarketPump(tape(5, clock.now() + STEP), clock, {"NOVA": desk, "ORION": desk})
    done = asyncio.Event()
    pump.on_end = done.set
    pump.start()
    await asyncio.wait_for(done.wait(), 10)
    await pump.stop()
    assert len(desk.seen) == 5
    assert all(when >= event.ts for when, event in desk.seen)


async def test_a_pump_that_is_behind_lets_the_loop_go_on() -> None:
    clock = LiveClock()
    turns = 0

    class Slow:
        fed = 0

        def feed(self, event: MarketEvent) -> None:
            self.fed += 1
            until = clock.now() + MILLISECOND
            while clock.now() < until:
                pass

    slow = Slow()
    pump = MarketPump(tape(60, clock.now() - SECOND), clock, {"NOVA": slow, "ORION": slow})
    pump.start()
    while slow.fed < 60:
        assert pump.lag >= 0
        await asyncio.sleep(0)
        turns += 1
    await pump.stop()
    assert turns >= 6  # 60 ms of work in turns of about 5 ms


async def test_a_venue_that_raises_stops_the_pump_and_is_reported() -> None:
    clock = LiveClock()
    failures: list[Exception] = []

    class Broken:
        def feed(self, event: MarketEvent) -> None:
            raise RuntimeError("no book")

    pump = MarketPump(tape(1, clock.now()), clock, {"NOVA": Broken(), "ORION": Broken()})
    failed = asyncio.Event()
    pump.on_failure = lambda error: (failures.append(error), failed.set())  # type: ignore[func-returns-value]
    pump.start()
    await asyncio.wait_for(failed.wait(), 10)
    assert str(failures[0]) == "no book"


async def test_beside_a_simulated_clock_the_task_waits_for_pump_until() -> None:
    clock = SimClock()
    desk = Desk(clock)
    pump = MarketPump(tape(2), clock, {"NOVA": desk, "ORION": desk})
    pump.start()
    await asyncio.sleep(0.01)
    assert not desk.seen
    pump.pump_until(2 * SECOND)
    assert len(desk.seen) == 2
    await pump.stop()
