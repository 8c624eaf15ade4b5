"""Stalls: a late beat is one, told once, with what the loop was doing."""

from __future__ import annotations

from workstation.watch.stalls import BEAT, LIMIT, LoopWatch, place

STACK = """  File "/usr/lib/python3.12/asyncio/base_events.py", line 641, in run_forever
    self._run_once()
  File "/usr/lib/python3.12/asyncio/base_events.py", line 1986, in _run_once
    handle._run()
  File "/home/trader/plugins/spread.py", line 12, in paint
    json.loads(text)
"""


def test_beats_in_time_are_no_stall() -> None:
    watch = LoopWatch(100.0)
    for beat in range(1, 20):
        now = 100.0 + beat * (BEAT + LIMIT * 0.9)
        assert watch.look(now) is None
        assert watch.beat(now, 0) is None


def test_a_stall_is_told_once_while_it_lasts_and_ends_with_its_length_and_place() -> None:
    watch = LoopWatch(100.0)
    assert watch.look(101.0) is None
    told = watch.look(101.5)
    assert told is not None
    watch.saw(STACK)
    assert watch.look(102.0) is None, "told already"
    stall = watch.beat(103.2, 7)
    assert stall is not None
    assert (stall.ended, round(stall.seconds, 3), stall.stack) == (7, 3.0, STACK)
    assert "paint, spread.py line 12" in stall.sentence
    assert watch.beat(103.4, 8) is None
    assert watch.look(105.0) is not None, "the next one is told again"


def test_when_the_thread_stood_still_too_the_whole_process_did() -> None:
    watch = LoopWatch(100.0)
    watch.look(100.1)
    stall = watch.beat(110.0, 0)
    assert stall is not None
    assert "whole process" in stall.where


def test_the_place_is_the_innermost_call_that_is_no_library_s_within_the_loop() -> None:
    assert place(STACK) == "in paint, spread.py line 12"
    assert place("") == "in the event loop"
