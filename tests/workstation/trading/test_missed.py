"""For how long what closes spot waits for what was missed: by the cut, not by who asked first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from workstation.clock import SECOND, SimClock
from workstation.trading.missed import Behind, Missed


def test_each_cut_is_waited_for_though_who_waited_for_the_one_before_did_not_come_back() -> None:
    clock, core = SimClock(0), SimpleNamespace(behind=Behind())
    missed = Missed(as_core(core), clock)
    assert not missed.waits("V", True)
    core.behind.add("V")
    assert missed.waits("V", True)
    core.behind.discard("V")  # caught up, and nobody asked
    clock.advance(60 * SECOND)
    core.behind.add("V")
    assert missed.waits("V", True)
    clock.advance(31 * SECOND)
    core.behind.add("V")  # the same cut
    assert not missed.waits("V", True)
    assert missed.given_up("V") == 60 * SECOND
    assert missed.waits("V", False)


def as_core(core: SimpleNamespace) -> Any:
    return core
