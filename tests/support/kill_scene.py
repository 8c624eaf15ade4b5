"""What the kill switch is tried on: 50 working orders and five positions on two venues, and a venue gone bad."""

from __future__ import annotations

from decimal import Decimal

from tests.support.desk import BTC, ETH, OTHER_PERP, PERP, TestDesk
from workstation.clock import MILLISECOND, Clock
from workstation.domain import events as e
from workstation.domain.order import OrderState, Side
from workstation.venues.faulty import Fault, FaultyVenue
from workstation.venues.simulated import SimulatedVenue

SOL = "ORCA:SOL-USDT"


class Faults:
    """Stands a `FaultyVenue` before each venue of the desk and keeps them at hand."""

    def __init__(self) -> None:
        self.venues: dict[str, FaultyVenue] = {}

    def __call__(self, venue: SimulatedVenue) -> FaultyVenue:
        clock: Clock = venue._clock
        self.venues[venue.name] = FaultyVenue(venue, clock, delay=200 * MILLISECOND)
        return self.venues[venue.name]


async def fill_the_desk(desk: TestDesk, orders: int = 50) -> None:
    """`orders` working orders and five positions on two venues."""
    await desk.market(BTC, Side.BUY, "0.4")
    await desk.market(ETH, Side.BUY, "5")
    await desk.market(PERP, Side.SELL, "0.7")
    await desk.market(OTHER_PERP, Side.BUY, "1.3")
    await desk.market(SOL, Side.BUY, "80")
    for number in range(orders):
        instrument = (PERP, OTHER_PERP, BTC, ETH, SOL)[number % 5]
        order = await desk.limit(instrument, Side.BUY, "0.1", away=200 + number)
        assert order.state is OrderState.ACCEPTED, order.reason
    assert len(desk.engine.open_orders()) == orders
    assert len(desk.engine.positions()) == 5


def break_everything(venue: FaultyVenue) -> None:
    """Time-outs, refusals, late and lost answers, empty answers and lost reports, each several times."""
    faults = venue.faults
    faults.add("open_orders", Fault.LOST, times=2)
    faults.add("open_orders", Fault.EMPTY, times=1)
    faults.add("cancel_all", Fault.UNREACHABLE, times=1)
    for fault in (Fault.LOST, Fault.REFUSE, Fault.UNANSWERED, Fault.LATE, Fault.UNREACHABLE):
        faults.add("cancel", fault, times=4)
    faults.add("report", Fault.DROP, times=3, of=e.OrderCanceled)
    faults.add("report", Fault.DOUBLE, times=3, of=e.OrderCanceled)
    faults.add("report", Fault.DROP, times=1, of=e.OrderFilled)
    faults.add("report", Fault.LATE, times=1, of=e.OrderFilled)
    faults.add("positions", Fault.LOST, times=2)
    faults.add("positions", Fault.EMPTY, times=1)
    faults.add("order_status", Fault.LOST, times=5)
    for fault in (Fault.LOST, Fault.UNANSWERED, Fault.REFUSE, Fault.UNREACHABLE, Fault.LATE):
        faults.add("submit", fault, times=1)


async def nothing_left(desk: TestDesk) -> None:
    for venue in desk.venues.values():
        assert await venue.open_orders() == []
        assert await venue.positions() == {}
    assert desk.engine.open_orders() == []
    assert desk.engine.positions() == []


def nothing_doubled(desk: TestDesk) -> None:
    """Every closing order only shrank its position: the fold over fills never crossed zero after the kill."""
    held: dict[str, Decimal] = {}
    for fill in desk.engine.fills():
        before = held.get(fill.instrument, Decimal(0))
        after = before + fill.quantity * fill.side.sign
        held[fill.instrument] = after
        order = desk.engine.order(fill.client_id)
        if order is not None and order.origin == "kill":
            assert abs(after) < abs(before)
            assert after * before >= 0
    submits = [client_id for venue in desk.engine.venues.values() if isinstance(venue, FaultyVenue)
               for call, client_id in venue.calls if call == "submit"]  # fmt: skip
    assert len(submits) == len(set(submits)), "an order was sent twice"
