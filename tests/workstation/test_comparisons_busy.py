"""What is on its way between a venue and the desk is no difference: nothing is booked that a late report explains."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, clear, live_desk_on, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

PERP = "LOOP:BTC-USDT-PERP"
BUY = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        yield exchange


async def test_a_position_whose_fill_has_not_been_heard_yet_is_not_booked_as_a_difference(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """The order is filled while the comparison waits for the positions; its answer and the streams' reports are lost,
    and the venue cannot be asked about it for a while."""
    truth = Truth(exchange)
    async with live_desk_on(exchange, tmp_path, silence_ms=60_000) as engine:
        hold = exchange.faults.hold("rest GET /v5/position/list", "arrived")
        engine.comparisons._next.clear()  # now, instead of in five seconds
        await until(hold.reached.is_set, say=lambda: "no comparison asks for positions")
        for place in ("ws order", "ws execution"):
            exchange.faults.script(place, Kind.DROP, times=2)
        exchange.faults.script("rest POST /v5/order/create", Kind.CUT)
        exchange.faults.script("rest GET /v5/order/*", Fault(Kind.STATUS, status=503), times=5)
        exchange.faults.script("rest GET /v5/execution/list", Fault(Kind.STATUS, status=503), times=2)
        order = await engine.submit(BUY)
        assert order.state is OrderState.UNKNOWN
        hold.release()
        await until(lambda: clear(engine) and engine.position(PERP).quantity == Decimal("0.01"), 60)
        await until(lambda: not truth.differences(engine), 60, say=lambda: truth.differences(engine))
        assert truth.invented(engine) == []
        assert [fill.client_id for fill in engine.fills()] == [order.client_id]
