"""How each exchange is told of its dead man's switch, and what becomes of one that it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from answering import Desk, desk_on
from payload_markets import MARKETS

from workstation.clock import SECOND

GOOD: dict[str, dict[str, Any]] = {
    "okx": {"cancel-all-after": {"code": "0", "data": [{"triggerTime": "1", "ts": "1"}]}},
    "kraken": {"CancelAllOrdersAfter": {"error": [], "result": {"currentTime": "x", "triggerTime": "y"}}},
    "hyperliquid": {
        '"userAbstraction"': "disabled",
        '"scheduleCancel"': {"status": "ok", "response": {"type": "default"}},
    },
}
#: The words of a time of 30 seconds, and of letting it go.
WORDS = {
    "okx": ('"timeOut":30', '"timeOut":0'),
    "kraken": ("timeout=30", "timeout=0"),
    "hyperliquid": ('"type":"scheduleCancel"', '"type":"scheduleCancel"'),
}


async def desk(name: str, answers: dict[str, Any]) -> Desk:
    found = await desk_on(name, answers, MARKETS[name])
    found.venue.settings = msgspec.structs.replace(found.venue.settings, dead_man_seconds=30)
    return found


@pytest.mark.parametrize("name", GOOD)
async def test_it_is_told_the_time_and_told_to_let_go(name: str) -> None:
    at = await desk(name, GOOD[name])
    switch = at.venue.dead_man
    now = at.venue.clock.now()
    assert at.venue.dead_man_holds() is False
    await switch.hold(at.venue.exchange)
    assert at.venue.dead_man_holds() is True
    assert switch.holds(now + 31 * SECOND) is False  # it has not been told for longer than that
    assert WORDS[name][0] in at.answers.sent[-1].text
    await switch.let_go(at.venue.exchange)
    assert at.venue.dead_man_holds() is False
    assert WORDS[name][1] in at.answers.sent[-1].text
    await at.venue.exchange.close()


async def test_a_switch_that_the_exchange_refuses_is_told_once_and_left_alone_for_a_while() -> None:
    said = "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $373.47205."
    refused = GOOD["hyperliquid"] | {'"scheduleCancel"': {"status": "err", "response": said}}
    at = await desk("hyperliquid", refused)
    notices: list[tuple[str, str]] = []
    at.venue.on_notice = lambda level, sentence: notices.append((level, sentence))
    for _ in range(3):
        await at.venue.dead_man.hold(at.venue.exchange)
    ((level, sentence),) = notices
    assert level == "warning"
    assert "does not hold the dead man's switch" in sentence
    assert "enough volume" in sentence
    assert at.venue.dead_man_holds() is False
    assert sum("scheduleCancel" in sent.text for sent in at.answers.sent) == 1
    await at.venue.exchange.close()


async def test_an_exchange_without_one_is_asked_nothing() -> None:
    at = await desk("binance", {})
    await at.venue.dead_man.hold(at.venue.exchange)
    assert at.venue.dead_man_holds() is None
    assert not at.answers.sent
    await at.venue.exchange.close()
