"""The kill switch from another shell, on real processes: a desk that lives, is blocked, stopped, dead, or not there."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.hung_trader import __file__ as TRADER
from workstation import outside_request
from workstation.domain.events import KillCompleted, KillRequested, TradingState, TradingStateChanged
from workstation.market.data import MarketData
from workstation.outside import OutsideKill
from workstation.outside_report import Outcome
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.store import Store, reader
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.venues.simulated import SimulatedVenue
from workstation.venues.simulated_ledger import LedgerError, SqliteLedger
from workstation.watch.requests import Doors, HaltRequest, HaltRequests, new_request

TWS = [sys.executable, "-m", "workstation.cli"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TWS_HOME": str(home), "TWS_RISK_MAX_ORDERS_PER_SECOND": "1000"}


class Desk:
    """A headless desk with five working orders and two positions, in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        command = [*TWS, "run", "--script", TRADER]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment(home), stdin=pipe, stdout=pipe, stderr=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ready(self) -> str:
        while (line := self.line()) and not line.startswith("ready"):
            pass
        assert line, self.process.communicate()[1]
        return line

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """The script ends, and the desk with it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None
        assert self.process.wait(20) == 0


@contextmanager
def desk(home: Path, expect: str = "ready 5 2 active") -> Iterator[Desk]:
    running = Desk(home)
    try:
        if expect:
            assert running.ready() == expect
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def start_kill(home: Path, *words: str) -> subprocess.Popen[str]:
    """It gets more time for the venues' word than a trader would give it: the machine of a test may be slow."""
    command = [*TWS, "kill", "--wait", "80", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment(home), stdout=pipe, stderr=subprocess.PIPE, text=True)


def kill(home: Path, *words: str) -> tuple[int, dict[str, str]]:
    """`tws kill --json`: the exit code and the one report; nothing but sentences on standard error."""
    process = start_kill(home, "--json", *words)
    output, errors = process.communicate(timeout=90)
    assert "Traceback" not in errors
    assert output, errors
    [report] = json.loads(output)
    return process.returncode, report


def journal(home: Path) -> list[object]:
    return list(reader.journal(home / "data" / "demo.sqlite", 0))


def halted(home: Path) -> bool:
    states = [event.state for event in journal(home) if isinstance(event, TradingStateChanged)]
    return bool(states) and states[-1] is TradingState.HALTED


def folded(home: Path) -> TradingCore:
    core = TradingCore(reader.instruments(home / "data" / "demo.sqlite").values(), MarketData(()), RiskLimits())
    core.fold(journal(home))
    return core


def venues_show(home: Path) -> tuple[int, int]:
    """Working orders and open positions in the venues' own files (no desk may hold them)."""
    orders = positions = 0
    for path in (home / "data").glob("demo-*.sqlite"):
        ledger = SqliteLedger(path)
        try:
            orders += len(ledger.open_orders())
            positions += sum(1 for position in ledger.positions() if position.quantity)
        finally:
            ledger.close()
    return orders, positions


def requests_left(home: Path) -> list[str]:
    return [request.id for request in HaltRequests(home / "data" / "demo.sqlite").pending()]


def everything_is_gone(home: Path, flat: bool = True) -> None:
    orders, positions = venues_show(home)
    assert orders == 0
    core = folded(home)
    assert core.orders.open_orders() == []
    assert core.state is TradingState.HALTED
    assert core.unfinished_kill is None
    if flat:
        assert positions == 0
        assert core.portfolio.open_positions() == []
    assert requests_left(home) == []


@pytest.mark.slow
def test_a_blocked_loop_is_gone_round_and_two_kills_at_once_are_one(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.tell("block 5")
        time.sleep(0.2)
        first, second = start_kill(tmp_path), start_kill(tmp_path, "--flatten")
        assert first.stdout is not None
        assert f"process {running.pid}" in first.stdout.readline()
        words = first.stdout.readline()
        assert "event loop does not answer" in words
        assert "HALTED is in the store" in words
        assert "5 working orders and 2 positions wait" in words
        assert halted(tmp_path), "durable while the loop is still blocked"
        assert not any(isinstance(event, KillCompleted) for event in journal(tmp_path))
        outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0]
        assert all("shows no working order (2× asked)" in output for output in outputs)
        woke = running.line()
        assert woke.startswith("woke denied"), "nothing goes out when the loop wakes"
        running.close()
    everything_is_gone(tmp_path)
    stalls = [entry for entry in reader.log(tmp_path / "data" / "demo.sqlite", 1000) if entry.source == "stall"]
    assert any("time.sleep(float(words[1]))" in entry.message for entry in stalls), "the stack says where"
    assert "hung_trader.py" in stalls[-1].message
    assert "stood still" in (tmp_path / "state" / "stalls-demo.log").read_text()


@pytest.mark.slow
def test_a_blocked_loop_is_gone_round_though_the_disk_of_its_logs_hangs(tmp_path: Path) -> None:
    """Nobody reads the pipe that stands where the stall log is: whoever opens it waits for ever."""
    (tmp_path / "state").mkdir()
    os.mkfifo(tmp_path / "state" / "stalls-demo.log")
    with desk(tmp_path) as running:
        running.tell("block 5")
        time.sleep(1.5)
        process = start_kill(tmp_path, "--flatten")
        output, _ = process.communicate(timeout=60)
        assert "event loop does not answer" in output
        assert process.returncode == 0, output
        running.close()
    everything_is_gone(tmp_path)


def test_without_a_desk_a_disk_that_hangs_ends_the_wait_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    monkeypatch.setattr(HaltRequests, "write", lambda *_: disk.wait(60))
    monkeypatch.setattr(outside_request, "PATIENCE", 0.1)
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    report = OutsideKill(
        Settings(), paths, "demo", paths.store("demo"), flatten=True, wait=0.3, say=lambda sentence: None
    ).run()
    disk.set()
    assert report.outcome is Outcome.FAILED
    assert "nothing could be done from here. Pull the orders and close the positions at the venues" in report.text
    assert not paths.store("demo").exists(), "nothing else was tried on that disk"


@pytest.mark.slow
def test_a_disk_that_hangs_keeps_no_shell_from_the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, said = threading.Event(), list[str]()
    monkeypatch.setattr(HaltRequests, "write", lambda *_: disk.wait(60))
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    with desk(tmp_path) as running:
        kill_it = OutsideKill(Settings(), paths, "demo", paths.store("demo"), flatten=True, wait=30, say=said.append)
        report = kill_it.run()
        disk.set()
        running.close()
    assert (report.outcome, report.pid) == (Outcome.DONE, running.pid), report.text
    assert "(the disk does not answer within 2 s): trying the desk itself" in said[0]
    everything_is_gone(tmp_path)


def test_a_desk_killed_by_the_system_is_stopped_and_flattened_without_it(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.kill()
        running.process.wait()
    assert venues_show(tmp_path) == (5, 2)
    code, report = kill(tmp_path, "--flatten")
    assert (code, report["outcome"]) == (0, "done"), report
    assert "5 working orders gone; 2 positions closed" in report["receipt"]
    everything_is_gone(tmp_path)


@pytest.mark.slow
def test_a_living_desk_answers_with_its_receipt_and_goes_on_halted(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        code, report = kill(tmp_path)
        assert (code, report["outcome"], report["pid"]) == (0, "done", running.pid)
        assert "5 working orders gone" in report["receipt"]
        running.tell("submit")
        assert "HALTED" in running.line()
        code, again = kill(tmp_path, "--flatten")
        assert (code, "2 positions closed" in again["receipt"]) == (0, True)
        running.tell("submit")
        assert "HALTED" in running.line()
        running.close()
    everything_is_gone(tmp_path)


@pytest.mark.slow
def test_a_stopped_process_is_named_and_honours_the_request_when_it_goes_on(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.send_signal(signal.SIGSTOP)
        code, report = kill(tmp_path)
        assert (code, report["outcome"]) == (4, "left")
        assert f"process {running.pid}" in report["text"]
        assert "it is stopped" in report["text"]
        assert "no order leaves that desk when it runs again" in report["text"]
        assert requests_left(tmp_path) == [report["kill_id"]]
        running.tell("submit")  # waits in the pipe: the first thing that the desk finds when it goes on
        running.process.send_signal(signal.SIGCONT)
        assert running.line().startswith("sent denied")
        wait_for(lambda: not requests_left(tmp_path) and completed(tmp_path))
        assert halted(tmp_path)
        running.close()
    everything_is_gone(tmp_path, flat=False)


@pytest.mark.slow
def test_a_request_left_at_a_stopped_desk_that_dies_halts_the_next_start(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.send_signal(signal.SIGSTOP)
        assert kill(tmp_path, "--flatten")[0] == 4
        running.process.kill()
        running.process.wait()
    with desk(tmp_path, expect="") as running:
        assert running.ready().endswith("halted")
        wait_for(lambda: completed(tmp_path))
        running.close()
    everything_is_gone(tmp_path)


@pytest.mark.slow
def test_no_desk_and_no_store_leaves_a_halted_store(tmp_path: Path) -> None:
    code, report = kill(tmp_path)
    assert (code, report["outcome"]) == (0, "done"), report
    assert halted(tmp_path)
    assert [event.kill_id for event in journal(tmp_path) if isinstance(event, KillRequested)] == [report["kill_id"]]


@pytest.mark.slow
def test_two_kills_at_once_without_a_desk_share_the_work(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.kill()
        running.process.wait()
    both = [start_kill(tmp_path, "--flatten"), start_kill(tmp_path)]
    outputs = [process.communicate(timeout=90) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    everything_is_gone(tmp_path)


@pytest.mark.slow
def test_a_kill_during_the_start_is_honoured(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.kill()
        running.process.wait()
    for pause in (0.0, 0.3, 0.6, 0.9):
        starting = Desk(tmp_path)
        time.sleep(pause)
        code, report = kill(tmp_path, "--flatten")
        starting.process.kill()
        starting.process.communicate()
        assert (code, report["outcome"]) == (0, "done"), report
        everything_is_gone(tmp_path)


@pytest.mark.slow
def test_killing_the_killer_leaves_the_request(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.kill()
        running.process.wait()
    for pause in (0.2, 0.5, 0.8, 1.1, 1.4):
        killer = start_kill(tmp_path, "--flatten")
        time.sleep(pause)
        killer.kill()
        killer.communicate()
    if not completed(tmp_path):
        unfinished = folded(tmp_path).unfinished_kill
        assert requests_left(tmp_path) or (unfinished is not None and unfinished.flatten) or not halted(tmp_path)
    code, report = kill(tmp_path, "--flatten")
    assert code == 0, report
    everything_is_gone(tmp_path)


@pytest.mark.slow
def test_a_stale_socket_is_no_desk_and_is_replaced_by_the_next(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        socket = Doors.of(tmp_path / "data" / "demo.sqlite", tmp_path / "state").socket
        assert socket.stat().st_mode & 0o777 == 0o600
        running.process.kill()
        running.process.wait()
    assert socket.exists()
    with desk(tmp_path, expect="ready 5 2 active" if venues_show(tmp_path)[0] == 0 else "") as running:
        running.ready()
        code, report = kill(tmp_path)
        assert (code, report["pid"]) == (0, running.pid)
        running.close()
    assert not socket.exists()


@pytest.mark.slow
def test_without_the_socket_the_file_reaches_the_desk(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        Doors.of(tmp_path / "data" / "demo.sqlite", tmp_path / "state").socket.unlink()
        code, report = kill(tmp_path)
        assert (code, report["outcome"]) == (0, "done"), report
        assert "5 working orders gone" in report["receipt"]
        assert running.process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize("way", ["socket", "file"])
def test_a_desk_that_has_used_up_its_files_hears_the_request(way: str, tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.tell("files")
        assert running.line() == "none left"
        if way == "file":
            Doors.of(tmp_path / "data" / "demo.sqlite", tmp_path / "state").socket.unlink()
        for words in ((), ("--flatten",)):  # the first one is not the last that it hears
            code, report = kill(tmp_path, *words)
            assert (code, report["outcome"], report["pid"]) == (0, "done", running.pid), report
        running.close()
    everything_is_gone(tmp_path)


def test_who_asks_and_goes_away_leaves_no_trace(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        address = os.fspath(Doors.of(tmp_path / "data" / "demo.sqlite", tmp_path / "state").socket)
        for asked in (b"", b"{", b'{"ask": "status"}\n'):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as shell:
                shell.connect(address)
                shell.sendall(asked)
        assert kill(tmp_path)[0] == 0
        running.close()
        assert running.process.stderr is not None
        assert "Traceback" not in running.process.stderr.read()


@pytest.mark.slow
def test_a_damaged_store_does_not_keep_the_orders_working(tmp_path: Path) -> None:
    with desk(tmp_path) as running:
        running.process.kill()
        running.process.wait()
    store = tmp_path / "data" / "demo.sqlite"
    for path in (store, store.with_name("demo.sqlite-wal"), store.with_name("demo.sqlite-shm")):
        path.unlink(missing_ok=True)
    store.write_bytes(b"this is no database" * 1000)
    code, report = kill(tmp_path, "--flatten")
    assert (code, report["outcome"]) == (3, "halted"), report
    assert "damaged" in report["text"]
    assert venues_show(tmp_path) == (0, 1), "all but the spot, of which only the lost store knew that it was bought"
    assert requests_left(tmp_path) == [report["kill_id"]]
    assert store.read_bytes() == b"this is no database" * 1000


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o500)
    code, report = kill(tmp_path)
    assert (code, report["outcome"]) == (1, "failed")
    assert "cannot be" in report["text"]


def test_a_broken_config_file_does_not_keep_the_kill_from_working(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[risk]\nmax_order_value = 'much'\n")
    process = start_kill(tmp_path, "--mode", "live")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, "There is no live desk here" in output) == (1, True)
    assert "settings that come with tws" in errors


def test_a_request_that_cannot_be_read_still_says_stop(tmp_path: Path) -> None:
    requests = HaltRequests(tmp_path / "demo.sqlite")
    assert requests.pending() == []
    request = new_request(True, "test")
    assert requests.write(request).stat().st_mode & 0o777 == 0o600
    (tmp_path / "demo.sqlite.halt-kill-half").write_bytes(b'{"id": "kill-ha')
    (tmp_path / "other.sqlite.halt-kill-1").write_bytes(b"{}")
    assert {each.id: each.flatten for each in requests.pending()} == {request.id: True, "kill-half": False}
    requests.remove(request.id)
    requests.remove(request.id)
    assert [each.id for each in requests.pending()] == ["kill-half"]


def test_a_request_that_a_full_disk_cuts_off_leaves_nothing_behind(tmp_path: Path) -> None:
    requests = HaltRequests(tmp_path / "demo.sqlite")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # the first ten bytes find room
    try:
        with pytest.raises(OSError):
            requests.write(new_request(True, "test"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def completed(home: Path) -> bool:
    return any(isinstance(event, KillCompleted) for event in journal(home))


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_request_that_another_kill_took_with_its_own_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = HaltRequests.write

    def taken_at_once(requests: HaltRequests, request: HaltRequest) -> None:
        write(requests, request)
        requests.remove(request.id)

    monkeypatch.setattr(HaltRequests, "write", taken_at_once)
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    kill_it = OutsideKill(
        Settings(), paths, "demo", paths.store("demo"), flatten=True, wait=30, say=lambda sentence: None
    )
    report = kill_it.run()
    assert report.outcome is Outcome.DONE, report.text
    assert "no position" in report.receipt


def test_a_simulated_venue_that_has_stopped_is_not_called_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = SimulatedVenue.connect

    async def stops(venue: SimulatedVenue, *sinks: Any) -> None:
        await connect(venue, *sinks)
        if venue.name == "NOVA":
            venue._fail(LedgerError("The ledger cannot be written: the disk is full."))

    monkeypatch.setattr(SimulatedVenue, "connect", stops)
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    kill_it = OutsideKill(
        Settings(), paths, "demo", paths.store("demo"), flatten=True, wait=30, say=lambda sentence: None
    )
    report = kill_it.run()
    assert report.outcome is Outcome.HALTED, report.text
    assert "NOVA has stopped (The ledger cannot be written: the disk is full)" in report.receipt


def test_a_store_that_fails_under_the_kill_is_not_called_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk has become full: nothing can be left beside the store, and the store takes the start, not the kill."""
    append = Store.append

    def full(store: Store, *events: Any, **terms: Any) -> Any:
        if any(isinstance(event, KillRequested) for event in events):
            store._writer._fail([], OSError(errno.ENOSPC, "No space left on device"))
        return append(store, *events, **terms)

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "append", full)
    monkeypatch.setattr(HaltRequests, "write", no_room)
    paths = Paths.of({"TWS_HOME": str(tmp_path)})
    kill_it = OutsideKill(
        Settings(), paths, "demo", paths.store("demo"), flatten=True, wait=30, say=lambda sentence: None
    )
    report = kill_it.run()
    assert report.outcome is Outcome.HALTED, report.text
    assert report.text.endswith("HALTED could not be stored.")
    assert "the disk is full" in report.receipt
