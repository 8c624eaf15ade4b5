"""What the desk does to the way of a question is not drift of a clock: requests are signed by what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from loopback_venue import loopback_venue

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from workstation.venues.ccxt.clock_way import measure_clock
from workstation.venues.ccxt.venue import CcxtVenue

_NEAR = 500_000_000


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        yield exchange


def signed_ahead(venue: CcxtVenue) -> Any:
    assert venue.exchange is not None
    assert venue.exchange.options["timeDifference"] == venue.signs_ahead
    return venue.signs_ahead


async def test_a_question_s_wait_in_the_desk_s_own_queue_is_no_drift(exchange: LoopbackExchange) -> None:
    async with loopback_venue(exchange) as (venue, _):
        venue.drift = None  # as at the first question of a connection
        assert venue.gate is not None
        venue.gate.pause(2.0)
        await measure_clock(venue, venue.exchange, 5.0)
        assert venue.drift is not None
        assert abs(venue.drift) < _NEAR
        assert abs(signed_ahead(venue)) < 500


async def test_an_answer_that_comes_late_moves_no_clock(exchange: LoopbackExchange) -> None:
    async with loopback_venue(exchange) as (venue, _):
        exchange.faults.script("rest GET /api/v3/time", Fault(Kind.SLOW, seconds=2.0))
        await measure_clock(venue, venue.exchange, 5.0)
        assert exchange.faults.struck
        assert venue.drift is not None
        assert abs(venue.drift) < _NEAR
        assert abs(signed_ahead(venue)) < 500


async def test_a_clock_that_was_set_is_seen_though_the_answer_comes_late(exchange: LoopbackExchange) -> None:
    async with loopback_venue(exchange) as (venue, _):
        exchange.drift(30.0)
        exchange.faults.script("rest GET /api/v3/time", Fault(Kind.SLOW, seconds=1.0))
        await measure_clock(venue, venue.exchange, 5.0)
        assert venue.drift is not None
        assert abs(venue.drift / 1e9 - 30.0) < 1.5
        assert abs(signed_ahead(venue) + 30_000) < 1_500


@pytest.mark.parametrize("seconds", [10.0, -10.0])
@pytest.mark.parametrize("dialect", ["binance", "binanceusdm", "bybit"])
async def test_a_clock_that_is_far_off_from_the_beginning_keeps_no_desk_away(dialect: str, seconds: float) -> None:
    """Bybit is asked for its markets with a signature, and takes none that is five seconds from its own clock."""
    with LoopbackExchange(dialect, seed=None) as exchange:
        Hand(exchange)
        exchange.drift(seconds)
        symbol = "BTC-USDT-PERP" if dialect == "binanceusdm" else "BTC-USDT"
        async with loopback_venue(exchange, dialect, symbols=[symbol]) as (venue, _):
            assert venue.drift is not None
            assert abs(venue.drift / 1e9 - seconds) < 1
            await venue.balances()
