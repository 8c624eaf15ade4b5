"""An order's request that is made while its intent is being stored: nothing of it leaves before the order is submitted,
and what leaves then is what would have left without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import msgspec
import pytest
from loopback_venue import loopback_venue
from venue_desk import VenueDesk

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from workstation.domain.order import OrderState, Side
from workstation.venues.ccxt import prepared
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import NoAnswer, Prepares
from workstation.venues.urgency import Urgency, urgency_now

BTC = "LOOP:BTC-USDT"
ORDER = "rest POST /api/v3/order"


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        yield exchange


@pytest.fixture
async def bench(exchange: LoopbackExchange) -> AsyncIterator[tuple[CcxtVenue, VenueDesk]]:
    Hand(exchange)
    async with loopback_venue(exchange) as (venue, desk):
        yield venue, desk


def asked(exchange: LoopbackExchange) -> list[str]:
    """The client ids of the orders that have arrived."""
    return exchange.do(lambda: [words["newClientOrderId"] for place, words in exchange.done if place == ORDER])


async def test_it_goes_once_when_it_is_submitted_and_through_the_queue_then(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    venue, desk = bench
    assert isinstance(venue, Prepares)
    order, gate = desk.draft(BTC, Side.BUY, "0.01", "50000"), venue.gate
    assert gate is not None
    passed = gate.passed
    venue.expect(order)
    venue.expect(order)
    await asyncio.sleep(0.1)
    assert (asked(exchange), gate.passed - passed, len(venue.prepared)) == ([], 0, 1)
    await venue.submit(order)
    assert (asked(exchange), len(venue.prepared)) == ([order.client_id], 0)
    assert gate.passed > passed
    assert desk.orders[order.client_id].state is OrderState.ACCEPTED


async def test_another_order_than_the_one_that_was_expected_is_sent_as_it_is(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, desk = bench
    order = desk.draft(BTC, Side.BUY, "0.01", "50000")
    venue.expect(order)
    desk.orders[order.client_id] = other = msgspec.structs.replace(order, price=Decimal(50_001))
    await venue.submit(other)
    (words,) = exchange.do(lambda: [words for place, words in exchange.done if place == ORDER])
    assert Decimal(words["price"]) == 50_001

    monkeypatch.setattr(prepared, "_FRESH", 0.0)  # what was signed is old by now
    late = desk.draft(BTC, Side.BUY, "0.01", "50000")
    turns: list[Urgency] = []
    assert venue.gate is not None
    waits = venue.gate.pass_through

    async def counted(cost: float | None = None) -> None:
        turns.append(urgency_now())
        await waits(cost)

    monkeypatch.setattr(venue.gate, "pass_through", counted)
    venue.expect(late)
    await venue.submit(late)
    assert turns.count(Urgency.ORDER) == 1, "who has waited for a turn does not wait for another"
    assert asked(exchange) == [order.client_id, late.client_id]
    assert desk.orders[late.client_id].state is OrderState.ACCEPTED

    crooked = desk.draft(BTC, Side.BUY, "0.01", "50000.123456")
    venue.expect(crooked)
    await venue.submit(crooked)
    assert "is not a multiple of the tick" in desk.orders[crooked.client_id].reason

    for _ in range(70):  # orders that are never sent
        venue.expect(desk.draft(BTC, Side.BUY, "0.01", "50000"))
    assert len(venue.prepared) == 64
    assert len(asked(exchange)) == 2


async def test_what_goes_wrong_is_told_as_without(
    exchange: LoopbackExchange, bench: tuple[CcxtVenue, VenueDesk]
) -> None:
    venue, desk = bench
    poor = desk.draft(BTC, Side.BUY, "9000", "50000")
    venue.expect(poor)
    await venue.submit(poor)
    assert desk.orders[poor.client_id].state is OrderState.REJECTED

    exchange.faults.script(ORDER, Fault(Kind.CUT))
    cut = desk.draft(BTC, Side.BUY, "0.01", "50000")
    venue.expect(cut)
    with pytest.raises(NoAnswer):
        await venue.submit(cut)
    assert asked(exchange).count(cut.client_id) == 1

    exchange.faults.script(ORDER, Fault(Kind.UNANSWERED))
    left = desk.draft(BTC, Side.BUY, "0.01", "50000")
    venue.expect(left)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(venue.submit(left), 0.3)
    assert asked(exchange).count(left.client_id) == 1

    assert venue.gate is not None
    venue.gate.pause(60.0)
    waits = desk.draft(BTC, Side.BUY, "0.01", "50000")
    venue.expect(waits)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(venue.submit(waits), 0.1)
    assert venue.gate.waiting == 0
    assert waits.client_id not in asked(exchange)

    unsent = desk.draft(BTC, Side.BUY, "0.01", "50000")
    venue.expect(unsent)
    await venue.close()
    assert len(venue.prepared) == 0
