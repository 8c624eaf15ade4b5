"""A thread that rings for the event loop goes on; the loop has its turn when the thread waits."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from workstation.store import bell
from workstation.store.bell import Bell

#: In a fourth of them the loop would come first, were the interpreter given away.
ROUNDS = 60


@pytest.fixture
def turns_are_given() -> Iterator[None]:
    """No thread has its turn taken away."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


async def rounds(said: list[str], count: int = ROUNDS) -> None:
    """So many times a thread rings, works on for a while, and waits."""
    loop, mine = asyncio.get_running_loop(), Bell.of_running_loop()
    for _ in range(count):
        heard, go = asyncio.Event(), threading.Event()

        def on_loop(heard: asyncio.Event = heard) -> None:
            said.append("loop")
            heard.set()

        def work(go: threading.Event = go, on_loop: object = on_loop) -> None:
            go.wait()
            mine.ring(on_loop)  # type: ignore[arg-type]
            said.append("thread")

        thread = threading.Thread(target=work)
        thread.start()
        loop.call_later(0.01, go.set)  # both are asleep
        await asyncio.wait_for(heard.wait(), 5)
        thread.join()


async def test_the_thread_goes_on_and_the_loop_comes_when_it_waits(turns_are_given: None) -> None:
    Bell.hang()
    said: list[str] = []
    await rounds(said)
    assert said == ["thread", "loop"] * ROUNDS


async def test_where_there_is_no_such_write_it_is_heard_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "_write", lambda: None)
    said: list[str] = []
    await rounds(said, 5)
    assert said.count("loop") == said.count("thread") == 5


async def test_many_rings_at_once_are_all_heard_in_their_order() -> None:
    mine, heard = Bell.of_running_loop(), list[int]()
    for number in range(70_000):  # more than a pipe holds
        mine.ring(partial(heard.append, number))
    while len(heard) < 70_000:
        await asyncio.sleep(0)
    assert heard == list(range(70_000))


def test_each_loop_has_its_own_and_a_loop_that_has_ended_hears_nothing() -> None:
    async def of_loop() -> Bell:
        assert Bell.of_running_loop() is Bell.of_running_loop()
        return Bell.of_running_loop()

    found = []
    for _ in range(2):
        with closing(asyncio.new_event_loop()) as loop:
            found.append(loop.run_until_complete(of_loop()))
    assert found[0] is not found[1]
    found[0].ring(lambda: pytest.fail("it was called"))
    gone = weakref.ref(found[1])
    del found, loop
    gc.collect()
    assert gone() is None, "its pipe is closed with it"
