"""The fault-injecting venue: each fault does what it says, to the call it is meant for, as often as it says."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from venue_desk import VenueDesk
from venue_market import SPOT, START, HandMarket

from workstation.clock import MILLISECOND, SECOND, SimClock
from workstation.domain import events as e
from workstation.domain.order import Side
from workstation.venues.contract import NoAnswer, VenueError, VenueUnreachable
from workstation.venues.faulty import Fault, FaultyVenue, SeededFaults
from workstation.venues.simulated import SimulatedVenue


class Bad:
    def __init__(self) -> None:
        self.clock = SimClock(START)
        self.inner = SimulatedVenue("NOVA", [SPOT], self.clock, {"USDT": Decimal(100_000)}, session="t")
        self.venue = FaultyVenue(self.inner, self.clock)
        self.desk = VenueDesk(self.venue, self.clock)
        self.market = HandMarket(self.clock, self.inner.feed)


@pytest.fixture
async def bad() -> Bad:
    bad = Bad()
    await bad.desk.connect()
    bad.market.book(SPOT, {"999": "5"}, {"1001": "5"})
    return bad


async def test_without_a_fault_everything_passes(bad: Bad) -> None:
    client_id = await bad.desk.buy(SPOT, 1, 999)
    assert bad.desk.said(client_id) == ["accepted"]
    assert bad.venue.queue_ahead(client_id) == 5
    assert bad.venue.calls == [("connect", None), ("submit", client_id)]


async def test_a_lost_submit_never_reached_the_venue(bad: Bad) -> None:
    bad.venue.faults.add("submit", Fault.LOST)
    order = bad.desk.draft(SPOT, Side.BUY, 1, 999)
    with pytest.raises(NoAnswer):
        await bad.venue.submit(order)
    assert await bad.venue.order_status(order.client_id) is None
    await bad.venue.submit(order)  # the rule is used up
    assert bad.desk.said(order.client_id) == ["accepted"]


async def test_an_unanswered_submit_works_at_the_venue(bad: Bad) -> None:
    bad.venue.faults.add("submit", Fault.UNANSWERED)
    bad.venue.faults.add("report", Fault.DROP, of=e.OrderAccepted)
    order = bad.desk.draft(SPOT, Side.BUY, 1, 999)
    with pytest.raises(NoAnswer):
        await bad.venue.submit(order)
    assert bad.desk.said(order.client_id) == []
    status = await bad.venue.order_status(order.client_id)
    assert status is not None
    assert status.state == "accepted"


async def test_a_refused_cancel_is_reported_and_leaves_the_order_working(bad: Bad) -> None:
    client_id = await bad.desk.buy(SPOT, 1, 999)
    bad.venue.faults.add("cancel", Fault.REFUSE, client_id="another")
    bad.venue.faults.add("cancel", Fault.REFUSE, client_id=client_id)
    await bad.desk.cancel(client_id)
    assert bad.desk.said(client_id) == ["accepted", "cancelrejected"]
    assert len(await bad.venue.open_orders()) == 1
    await bad.desk.cancel(client_id)
    assert bad.desk.said(client_id)[-1] == "canceled"
    assert bad.venue.struck == [("cancel", client_id, Fault.REFUSE)]


async def test_unreachable_refused_and_empty_queries(bad: Bad) -> None:
    await bad.desk.buy(SPOT, 1, 999)
    bad.venue.faults.add("*", Fault.UNREACHABLE)
    with pytest.raises(VenueUnreachable):
        await bad.venue.open_orders()
    bad.venue.faults.add("cancel_all", Fault.REFUSE)
    with pytest.raises(VenueError):
        await bad.venue.cancel_all()
    bad.venue.faults.add("open_orders", Fault.EMPTY, times=2)
    assert [len(await bad.venue.open_orders()) for _ in range(3)] == [0, 0, 1]


async def test_late_answers_and_reports_come_by_the_clock(bad: Bad) -> None:
    bad.venue.faults.add("submit", Fault.LATE)
    bad.venue.faults.add("report", Fault.LATE)
    order = bad.desk.draft(SPOT, Side.BUY, 1, 999)
    sending = asyncio.ensure_future(bad.venue.submit(order))
    await asyncio.sleep(0)
    assert len(await bad.inner.open_orders()) == 1
    bad.clock.advance(SECOND - MILLISECOND)
    await asyncio.sleep(0)
    assert not sending.done()
    assert bad.desk.said(order.client_id) == []
    bad.clock.advance(MILLISECOND)
    await sending
    assert bad.desk.said(order.client_id) == ["accepted"]


async def test_a_doubled_report_comes_twice(bad: Bad) -> None:
    reports: list[e.OrderEvent] = []
    await bad.venue.connect(lambda event: None, reports.append)
    bad.venue.faults.add("report", Fault.DOUBLE, of=e.OrderFilled)
    await bad.venue.submit(bad.desk.draft(SPOT, Side.BUY, 1))
    assert [type(event) for event in reports] == [e.OrderAccepted, e.OrderFilled, e.OrderFilled]
    assert reports[1] == reports[2]


async def test_seeded_faults_repeat_themselves() -> None:
    async def struck(seed: int) -> list[Fault]:
        clock = SimClock(START)
        inner = SimulatedVenue("NOVA", [SPOT], clock, {"USDT": Decimal(1000)}, session="t")
        venue = FaultyVenue(inner, clock, SeededFaults(seed, {"balances": {Fault.LOST: 0.3, Fault.EMPTY: 0.3}}))
        await venue.connect(lambda event: None, lambda event: None)
        for _ in range(50):
            try:
                await venue.balances()
            except NoAnswer:
                pass
        return [fault for _, _, fault in venue.struck]

    assert await struck(1) == await struck(1) != await struck(2)
    assert {Fault.LOST, Fault.EMPTY} == set(await struck(1))


def test_a_fault_that_cannot_befall_a_call_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="cannot befall"):
        Bad().venue.faults.add("submit", Fault.DROP)
