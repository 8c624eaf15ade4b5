"""A server of notes that never comes to an end with its answer holds up nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

from workstation.bus import Bus
from workstation.clock import LiveClock
from workstation.log import DeskLog
from workstation.notify.courier import Courier
from workstation.notify.notifier import Notifier
from workstation.notify.outbox import Outbox

_PROCESS = """
import asyncio, time
from workstation.notify.courier import Courier

async def desk():
    print(await Courier(lambda *_: time.sleep(600), 0.2).take("json://phone", "tws", "a note"))

asyncio.run(desk())
"""


def test_the_process_ends_though_a_note_is_still_on_its_way() -> None:
    done = subprocess.run([sys.executable, "-c", _PROCESS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "has not answered within 0.2 s\n"


async def test_the_next_address_has_its_note_and_the_hanging_one_no_thread_more() -> None:
    got, over, asked = [], threading.Event(), []

    def deliver(address: str, _title: str, text: str) -> str | None:
        if address == "hangs":
            asked.append(text)
            over.wait(60)
            return None
        got.append(text)
        return None

    clock = LiveClock()
    notifier = Notifier(
        outbox=Outbox(per_minute=10, quiet=None, local_minute=lambda _: 0),
        topics=[],
        addresses=lambda: {"pager": "hangs", "phone": "takes"},
        deliver=deliver,
        order_of=lambda _: None,
        instrument_of=lambda _: None,
        clock=clock,
        log=DeskLog(clock, Bus()),
        title="tws TEST",
        patience=0.1,
    )
    try:
        assert await notifier.test() == {"pager": "has not answered within 0.1 s", "phone": None}
        assert await notifier.test() == {"pager": "has not answered to an earlier note yet", "phone": None}
        assert len(got) == 2
        assert len(asked) == 1
    finally:
        over.set()
    for _ in range(500):
        if (await notifier.test("pager"))["pager"] is None:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it is asked again once it has answered")


async def test_what_the_way_out_raises_is_told() -> None:
    def fails(*_: str) -> str | None:
        raise ValueError("token-123")

    assert await Courier(fails).take("json://phone", "tws", "a note") == "did not take the note (ValueError)"
