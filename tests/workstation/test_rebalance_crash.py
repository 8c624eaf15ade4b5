"""Kill -9 in the middle of a rebalance: its intent is kept, nothing is sent twice, and the kill switch ends it."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest

from tests.workstation.test_crash import compare_with_venues, tws


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rebalance_survives_being_killed_and_is_never_overdone(tmp_path: Path) -> None:
    chance = random.Random(20_261_126)
    promised: set[str] = set()
    for number in range(4):
        process = tws(tmp_path, "crash_rebalancer.py", CRASH_SEED=str(chance.random()))
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        while line and line.strip() != "ready":
            line = process.stdout.readline()
        assert line, process.stderr.read()
        time.sleep(0.5 + chance.random() * 1.5)
        process.send_signal(signal.SIGKILL)
        promised |= {words[1] for row in process.stdout.read().splitlines() if (words := row.split())[0] == "rebalance"}
        process.wait()
        checker = tws(tmp_path, "crash_rebalance_checker.py")
        output, errors = checker.communicate(timeout=180)
        assert checker.returncode == 0, errors
        shown = json.loads(output.splitlines()[-1])
        assert promised <= shown["rebalances"].keys(), f"a rebalance was lost after crash {number}"
        assert not shown["overdone"]
        compare_with_venues(tmp_path, shown, f"after crash {number}")
    assert promised, "too little was done for the test to mean anything"
