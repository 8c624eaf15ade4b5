"""The time from which on Kraken does not take an order any more."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from documented import CLIENT_ID
from test_documented_payloads import TAKEN, desk, main_market, sent_words

from workstation.domain.order import Side


@pytest.mark.parametrize("ahead", [False, True], ids=["", "prepared before"])
async def test_kraken_takes_an_order_for_ten_seconds_by_its_own_clock(*, ahead: bool) -> None:
    """An order without an answer is unknown for no longer than that, and the time in which it is shown."""
    async with desk("kraken", **TAKEN["kraken"]) as at:
        exchange, told = at.venue.exchange, 1_795_651_200_000
        exchange.options["timeDifference"] = exchange.milliseconds() - told  # this machine's clock is wrong
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.01", "60000")
        if ahead:
            at.venue.expect(order)
            assert len(at.venue.prepared) == 1
            exchange.options["timeDifference"] -= 30_000  # it is sent half a minute later
            told += 30_000
        await at.venue.submit(order)
        words = sent_words(at)
        until = exchange.parse8601(words["deadline"])
        assert told + 10_000 <= until < told + 15_000
        assert exchange.iso8601(until) == words["deadline"], "UTC, as RFC 3339 writes it"
        assert at.venue.request_life() == 20
        at.orders[CLIENT_ID] = msgspec.structs.replace(order, venue_order_id="28")
        await at.venue.amend(at.orders[CLIENT_ID], None, Decimal(59000), None)
        assert "AmendOrder" in at.answers.sent[-1].url
        assert "deadline" in sent_words(at)
        await at.venue.cancel(at.orders[CLIENT_ID])
        assert "deadline" not in sent_words(at)
