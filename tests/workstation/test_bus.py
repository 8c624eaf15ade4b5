"""The bus: order events are never lost, market data is conflated, and nobody waits for a slow subscriber."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given
from hypothesis import strategies as st

from workstation.bus import Bus


class Tick:
    def __init__(self, instrument: str, price: int) -> None:
        self.instrument, self.price = instrument, price


class OrderMoved:
    def __init__(self, number: int) -> None:
        self.number = number


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=50))
def test_conflation_keeps_only_the_newest_of_each_instrument(ticks: list[tuple[str, int]]) -> None:
    bus = Bus()
    subscription = bus.subscribe(Tick, conflate_by=lambda tick: tick.instrument)
    for instrument, price in ticks:
        bus.publish(Tick(instrument, price))
    assert {tick.instrument: tick.price for tick in subscription.drain()} == dict(ticks)
    assert subscription.drain() == []


def test_a_lossless_subscriber_gets_everything_in_order_however_late_it_comes() -> None:
    bus = Bus()
    subscription = bus.subscribe(OrderMoved)
    for number in range(10_000):
        bus.publish(OrderMoved(number))
        bus.publish(Tick("a", number))
    assert [moved.number for moved in subscription.drain()] == list(range(10_000))


def test_closing_a_subscription_ends_it() -> None:
    bus = Bus()
    subscription = bus.subscribe(OrderMoved)
    subscription.close()
    bus.publish(OrderMoved(1))
    assert len(subscription) == 0


async def test_waiting_for_events() -> None:
    bus = Bus()
    seen: list[int] = []

    async def follow() -> None:
        async for moved in bus.subscribe(OrderMoved):
            seen.append(moved.number)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    for number in range(3):
        bus.publish(OrderMoved(number))
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert seen == [0, 1, 2]


async def test_what_is_of_no_use_to_a_subscriber_neither_waits_for_it_nor_wakes_it() -> None:
    bus = Bus()
    even = bus.subscribe(int, only=lambda number: number % 2 == 0)
    seen: list[int] = []

    async def follow() -> None:
        async for number in even:
            seen.append(number)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)
    bus.publish(1)
    assert even._wake is not None
    assert not even._wake.is_set()
    for number in (2, 3, 4):
        bus.publish(number)
    assert len(even) == 2
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == [2, 4]
    task.cancel()
