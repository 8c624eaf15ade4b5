"""When an answer is believed that nothing of an account is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from workstation.clock import SECOND
from workstation.trading.risk_question import NEVER_COMPARED
from workstation.vanished import Vanished
from workstation.venues.contract import VenueError


class Account:
    def __init__(self) -> None:
        self.now = 0
        self.core: Any = SimpleNamespace(unproven={})
        self.vanished = Vanished(self.core, lambda: self.now)

    def believes(self, at: int, *gone: str) -> bool:
        self.now = at * SECOND
        try:
            self.vanished.judge("LOOP", "position", gone)
        except VenueError:
            return False
        return True


def test_it_is_believed_after_a_minute_of_the_same_word() -> None:
    account = Account()
    assert not any(account.believes(at, "LOOP:X") for at in (0, 10, 30, 59))
    assert account.core.unproven["LOOP"].startswith("LOOP shows no position at all")
    assert account.believes(60, "LOOP:X")


@pytest.mark.parametrize("between", [[], [(30, ())]])
def test_another_word_or_a_long_pause_begins_the_minute_anew(between: list[tuple[int, tuple[str, ...]]]) -> None:
    account = Account()
    assert not account.believes(0, "LOOP:X")
    for at, gone in between:
        assert account.believes(at, *gone)
    assert not account.believes(70, "LOOP:X")
    assert account.believes(110, "LOOP:X") is False


def test_a_venue_that_was_never_compared_stays_one() -> None:
    account = Account()
    account.core.unproven["LOOP"] = NEVER_COMPARED
    assert not account.believes(0, "LOOP:X")
    assert account.core.unproven["LOOP"] == NEVER_COMPARED
