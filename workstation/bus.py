"""The engine's bus: typed topics, pull subscriptions, and nobody waits for anybody.

A topic is the class of what is published. Publishing appends to each subscriber's own queue and returns; a subscriber
that is slow only grows or (if conflated) overwrites its own queue. Order events are taken losslessly; screens take
market data conflated: of each key (the instrument, say) only the newest is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any


class Subscription[T]:
    """What one subscriber has not taken yet. Take it with `drain`, or wait for it with `async for`."""

    def __init__(
        self,
        bus: Bus,
        topics: tuple[type, ...],
        key: Callable[[T], Hashable] | None,
        only: Callable[[T], bool] | None = None,
    ) -> None:
        self._bus = bus
        self.topics = topics
        self._key = key
        self._only = only
        self._queue: deque[T] = deque()
        self._latest: dict[Hashable, T] = {}
        self._wake: asyncio.Event | None = None

    def _put(self, item: T) -> None:
        if self._only is not None and not self._only(item):
            return
        if self._key is None:
            self._queue.append(item)
        else:
            self._latest[self._key(item)] = item
        if self._wake is not None:
            self._wake.set()

    def __len__(self) -> int:
        return len(self._queue) if self._key is None else len(self._latest)

    def drain(self) -> list[T]:
        """Everything that waits, oldest first, and nothing twice."""
        if self._key is None:
            items = list(self._queue)
            self._queue.clear()
        else:
            items = list(self._latest.values())
            self._latest.clear()
        return items

    async def __aiter__(self) -> AsyncIterator[T]:
        self._wake = asyncio.Event()
        while True:
            for item in self.drain():
                yield item
            await self._wake.wait()
            self._wake.clear()

    def close(self) -> None:
        self._bus._remove(self)


class Bus:
    def __init__(self) -> None:
        self._subscriptions: dict[type, list[Subscription[Any]]] = {}

    def subscribe[T](
        self,
        *topics: type[T],
        conflate_by: Callable[[T], Hashable] | None = None,
        only: Callable[[T], bool] | None = None,
    ) -> Subscription[T]:
        """A new subscription to the topics: lossless, or with only the newest item of each `conflate_by` key.

        `only`: what is of use to the subscriber, asked while an item is published (so it must be quick and not raise);
        nothing else wakes it.
        """
        subscription: Subscription[T] = Subscription(self, topics, conflate_by, only)
        for topic in topics:
            self._subscriptions.setdefault(topic, []).append(subscription)
        return subscription

    def publish(self, item: object) -> None:
        """Hand `item` to the subscribers of its class. Never blocks."""
        for subscription in self._subscriptions.get(type(item), ()):
            subscription._put(item)

    def _remove(self, subscription: Subscription[Any]) -> None:
        for topic in subscription.topics:
            subscriptions = self._subscriptions.get(topic, [])
            if subscription in subscriptions:
                subscriptions.remove(subscription)
