"""The time that a venue has for its answer: the desk's own queue in front of it is not counted."""

from __future__ import annotations

import asyncio

import pytest

from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.contract import VenueUnreachable, Withheld
from workstation.venues.patience import Patience, answer_within


async def ask(gate: RequestGate, answers_after: float = 0.0, requests: int = 1) -> str:
    for _ in range(requests):
        await gate.pass_through()
        await asyncio.sleep(answers_after)
    return "answer"


async def test_what_waits_for_its_turn_is_not_given_up() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(0.4)
    assert await answer_within(0.1, ask(gate)) == "answer"


async def test_each_request_of_a_question_has_the_whole_time() -> None:
    gate = RequestGate(rate=10.0, burst=1.0, headroom=0.0)
    assert await answer_within(0.3, ask(gate, 0.05, requests=6)) == "answer"


async def test_an_answer_that_does_not_come_ends_the_patience_that_began_when_the_request_left() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(0.2)
    with pytest.raises(TimeoutError):
        await answer_within(0.1, ask(gate, 30.0))


async def test_a_venue_without_a_queue_has_its_time_from_the_question_on() -> None:
    with pytest.raises(TimeoutError):
        await answer_within(0.05, asyncio.sleep(30.0))


async def test_what_has_no_turn_in_time_was_never_sent() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(30.0)
    with pytest.raises(Withheld, match=r"waited in the desk's own queue for more than 0.1 s"):
        await Patience(5.0, queue=0.1).wait_for(ask(gate))
    assert not gate.passed


async def test_what_has_left_may_have_arrived() -> None:
    gate = RequestGate(rate=1_000.0)
    patience = Patience(0.1, queue=0.1)
    with pytest.raises(TimeoutError):
        await patience.wait_for(ask(gate, 30.0))
    assert patience.left is not None
    assert not patience.give_up("too late")


async def test_what_waits_can_be_given_up_at_once_and_what_has_left_cannot() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(30.0)
    patience = Patience(5.0, queue=20.0)
    waiting = asyncio.create_task(patience.wait_for(ask(gate)))
    await asyncio.sleep(0)
    assert patience.give_up("It was pulled.")
    with pytest.raises(Withheld, match=r"^It was pulled\.$"):
        await waiting
    assert gate.waiting == 0


async def test_one_who_waits_within_another_is_not_cut_short_by_the_queue_either() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(0.3)
    assert await answer_within(0.15, answer_within(0.1, ask(gate))) == "answer"


async def test_what_still_waits_when_the_connection_goes_was_never_sent() -> None:
    gate = RequestGate(rate=1_000.0)
    gate.pause(30.0)
    waiting = asyncio.create_task(answer_within(5.0, ask(gate)))
    await asyncio.sleep(0)
    gate.close("It is gone.")
    with pytest.raises(VenueUnreachable, match=r"^It is gone\.$"):
        await waiting
