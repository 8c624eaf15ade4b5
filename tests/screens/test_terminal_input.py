"""The thread that reads the terminal hands over what is typed, tells a lone escape, and ends when it is asked to."""

from __future__ import annotations

import asyncio
import os
import queue
import select
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from textual import constants, events

LinuxDriver = pytest.importorskip("textual.drivers.linux_driver").LinuxDriver

from screens.terminal_input import waiting  # noqa: E402  # only where there is such a terminal


@pytest.fixture
def terminal(monkeypatch):
    """A driver whose terminal is a pipe, its thread, and the keys that it has read. The thread never looks up by
    itself: it is woken by what comes, by the time of an escape, or by the word to end."""
    monkeypatch.setattr("screens.terminal_input._AT_LEAST_SECONDS", 60.0)
    reads, writes = os.pipe()

    async def made():
        return waiting(LinuxDriver)(SimpleNamespace(cell_size=None))

    driver = asyncio.run(made())
    driver.fileno = reads
    keys, came, asleep = [], threading.Event(), threading.Event()

    def sleeps(reads, writes, errors, seconds):
        if seconds:
            asleep.set()
        return select.select(reads, writes, errors, seconds)

    monkeypatch.setattr("screens.terminal_input.select", SimpleNamespace(select=sleeps))

    def process(message):
        if isinstance(message, events.Key):
            keys.append(message.key)
            came.set()

    monkeypatch.setattr(driver, "process_message", process)
    thread = threading.Thread(target=driver.run_input_thread, daemon=True)
    thread.start()

    def typed(data, count):
        """What has come when `data` was written and `count` keys are there."""
        os.write(writes, data)
        begin = time.monotonic()
        while len(keys) < count and time.monotonic() - begin < 5:
            came.wait(0.05)
            came.clear()
        return keys

    yield SimpleNamespace(driver=driver, thread=thread, asleep=asleep, typed=typed, writes=writes)
    driver.exit_event.set()
    os.write(driver.end, b".")
    thread.join(5)
    for fd in (reads, writes, driver.ends, driver.end):
        try:
            os.close(fd)
        except OSError:
            pass


def test_keys_arrive_in_their_order_however_their_bytes_come(terminal):
    assert terminal.typed("aé".encode()[:2], 1) == ["a"]
    assert terminal.typed("é".encode()[1:] + b"\x1b[A", 3) == ["a", "é", "up"]


def test_a_lone_escape_is_one_when_nothing_has_followed(terminal, monkeypatch):
    assert terminal.typed(b"\x1b", 1) == ["escape"]
    monkeypatch.setattr(constants, "ESCAPE_DELAY", 60.0)
    terminal.typed(b"\x1b", 1)
    assert terminal.typed(b"[B", 2) == ["escape", "down"], "what follows in time belongs to it"


def test_the_thread_ends_as_soon_as_it_is_asked_to(terminal):
    assert terminal.asleep.wait(5)
    os.write(terminal.driver.end, b".")
    terminal.driver.exit_event.set()
    terminal.thread.join(5)
    assert not terminal.thread.is_alive()


def test_a_word_to_end_that_was_not_waited_for_leaves_the_next_reader_awake(terminal):
    terminal.driver.exit_event.set()
    os.write(terminal.driver.end, b".")
    terminal.thread.join(5)
    os.write(terminal.driver.end, b"..")
    terminal.driver.exit_event.clear()
    waited = []
    terminal.driver.exit_event.wait = waited.append  # what would leave it deaf
    reader = threading.Thread(target=terminal.driver.run_input_thread, daemon=True)
    reader.start()
    assert terminal.typed(b"a", 1) == ["a"]
    assert terminal.typed(b"b", 2) == ["a", "b"]
    assert waited == []
    terminal.driver.exit_event.set()
    os.write(terminal.driver.end, b".")
    reader.join(5)


def test_who_goes_on_after_a_stop_from_outside_begins_anew_and_has_one_reader(terminal, monkeypatch):
    did = []
    for name in ("suspend_application_mode", "resume_application_mode"):
        monkeypatch.setattr(terminal.driver, name, lambda name=name: did.append(name))
    terminal.driver._key_thread = terminal.thread
    terminal.driver._sigcont_application()
    assert did == ["suspend_application_mode", "resume_application_mode"]
    did.clear()
    terminal.driver._must_signal_resume = True  # it was suspended by ctrl+z, and has let go of the terminal
    terminal.driver._sigcont_application()
    assert did == ["resume_application_mode"]


async def test_a_word_to_go_on_waits_until_the_loop_has_handed_over_its_picture(monkeypatch):
    """A signal's handler comes in the middle of any line: one that writes while the writer's queue is locked by the
    very thread that it interrupts waits for ever, and the desk with it."""
    driver = waiting(LinuxDriver)(SimpleNamespace(cell_size=None))
    pictures, suspended = queue.Queue(), asyncio.Event()
    driver._key_thread = threading.current_thread()

    def suspend():
        assert not pictures.mutex.locked()  # it would wait for ever
        pictures.put_nowait("suspended")
        suspended.set()

    monkeypatch.setattr(driver, "suspend_application_mode", suspend)
    monkeypatch.setattr(driver, "resume_application_mode", lambda: pictures.put_nowait("resumed"))
    monkeypatch.setattr("screens.terminal_input.is_gone", lambda _: False)
    try:
        with pictures.mutex:
            os.kill(os.getpid(), signal.SIGCONT)
            for _ in range(100):
                pass  # the signal's handler comes here
            assert not suspended.is_set()
        await asyncio.wait_for(suspended.wait(), 5)
        assert [pictures.get_nowait() for _ in range(2)] == ["suspended", "resumed"]
    finally:
        for number in (signal.SIGCONT, signal.SIGTSTP):
            asyncio.get_running_loop().remove_signal_handler(number)
        os.close(driver.ends), os.close(driver.end)


def test_input_that_has_ended_ends_the_thread(terminal):
    os.close(terminal.writes)
    terminal.thread.join(5)
    assert not terminal.thread.is_alive()


def test_other_drivers_stay_as_they_are():
    class Other:
        pass

    assert waiting(Other) is Other
