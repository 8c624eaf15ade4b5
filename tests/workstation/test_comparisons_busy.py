"""What is on its way between a venue and the desk is no difference: nothing is booked that a late report explains."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, Truth, believe_soon, clear, live_desk_on, until
from workstation import comparisons
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

PERP = "LOOP:BTC-USDT-PERP"
BUY = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        yield exchange


@pytest.mark.slow
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


@pytest.mark.slow
async def test_money_that_cannot_be_compared_on_a_busy_venue_is_not_called_compared(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deposit, and orders on their way at every look: which of the two a difference comes from cannot be said."""
    monkeypatch.setattr(comparisons, "_GRACE", 0.01)
    async with live_desk_on(exchange, tmp_path) as engine:
        compared, account = engine.comparisons, exchange.floor.account().books.account
        monkeypatch.setattr(compared, "_settled", lambda _venue: False)
        exchange.do(lambda: setattr(account, "state", account.state.with_change("USDT", Decimal(5_000))))
        compared._next.clear()
        await until(lambda: compared._failures.get(NAME), say=lambda: list(engine.log.entries)[-5:])
        assert any("too busily for its money to be compared" in entry.text for entry in engine.log.entries)
        assert not compared.differences
        monkeypatch.undo()
        await until(lambda: [found.kind for found in compared.differences] == ["balance drift"])
        assert engine.balance(NAME, "USDT") == Decimal(105_000)


@pytest.mark.slow
async def test_fills_that_overtake_each_other_leave_the_money_that_the_exchange_shows(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """The fill that closes a long is heard after one that opens a short at another price, which is heard twice. The
    profit hangs on which of them closed, and is in the account: nothing is booked to make up for it."""
    truth = Truth(exchange)
    hand = Hand(exchange)
    for price in (63_998, 63_999):
        hand.level(str(price), "0.01", "BTC-USDT-PERP")
    async with live_desk_on(exchange, tmp_path, silence_ms=60_000) as engine:
        await engine.submit(BUY)
        await until(lambda: engine.position(PERP).quantity == Decimal("0.01"))
        exchange.faults.script("ws execution", Kind.REORDER)  # it waits for the next
        exchange.faults.script("ws order", Kind.DROP, times=2)  # or the fill would be asked for
        for told in ("wallet", "position"):  # by what they tell, too
            exchange.faults.script(f"ws {told}", Kind.DROP, times=9)
        sell = msgspec.structs.replace(BUY, side=Side.SELL)
        await engine.submit(sell)
        exchange.faults.script("ws execution", Kind.DUPLICATE)
        await engine.submit(sell)
        await until(lambda: engine.position(PERP).quantity == Decimal("-0.01"), say=engine.orders)
        numbers = [fill.number for fill in engine.fills()]
        assert numbers == [numbers[0], numbers[0] + 2, numbers[0] + 1], "they have overtaken each other"
        assert engine.position(PERP).average_price(engine.instrument(PERP)) == 63_998
        assert engine.position(PERP).realized == Decimal("-0.02")
        await until(lambda: not truth.differences(engine), say=lambda: truth.differences(engine))
        compared = engine.comparisons._next
        compared.clear()
        await until(lambda: bool(compared))
        assert [one.kind for one in engine.comparisons.differences if "drift" in one.kind] == []


@pytest.mark.slow
async def test_a_long_list_of_fills_has_more_time_than_one_look_up(exchange: LoopbackExchange, tmp_path: Path) -> None:
    """Pages of it wait for their turn at the exchange's limit. A list that is given up is begun anew every time, and
    the desk would stay REDUCING for ever."""
    async with live_desk_on(exchange, tmp_path, silence_ms=60_000) as engine:
        engine._reconciler._timeout = 0.3
        exchange.faults.script("rest GET /v5/execution/list", Fault(Kind.SLOW, seconds=0.8))
        exchange.faults.script("rest GET /v5/order/realtime", Fault(Kind.SLOW, seconds=0.8))
        await engine._reconciler.venue(engine.venues[NAME])
        assert len(exchange.faults.struck) == 2


@pytest.mark.slow
async def test_an_order_is_not_given_up_while_the_exchange_may_still_take_its_request(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with live_desk_on(exchange, tmp_path, silence_ms=60_000, compare_seconds=600) as engine:
        engine.gateway._answer_timeout, engine._reconciler.lost.span = 0.2, 0.2
        believe_soon(engine, 2.5)
        late = exchange.faults.hold("rest POST /v5/order/create", "arrived")
        order = await engine.submit(replace(BUY, type=OrderType.LIMIT, price=Decimal(63_900)))
        await until(lambda: engine._reconciler.lost.denials(order.client_id) >= 3)
        assert engine.core.orders.orders[order.client_id].state is OrderState.UNKNOWN
        assert engine.core.position_risk(engine.instrument(PERP)).buys == order.quantity, "it counts as if it worked"
        late.release()
        await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)


@pytest.mark.slow
async def test_an_order_that_comes_after_the_exchange_has_denied_it_is_found_and_pulled_at_once(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    truth = Truth(exchange)
    async with live_desk_on(exchange, tmp_path, silence_ms=60_000, compare_seconds=600) as engine:
        engine.gateway._answer_timeout, engine._reconciler.lost.span = 0.3, 0.3
        believe_soon(engine, 0.3)
        late = exchange.faults.hold("rest POST /v5/order/create", "arrived")
        order = await engine.submit(replace(BUY, type=OrderType.LIMIT, price=Decimal(63_900)))

        def state() -> OrderState:
            return engine.core.orders.orders[order.client_id].state

        await until(lambda: state() is OrderState.REJECTED)
        late.release()
        await until(lambda: state() is OrderState.CANCELED, 20)
        assert [found.kind for found in engine.comparisons.differences] == ["missed acceptance"]
        why = engine.venues[NAME].why_anew  # type: ignore[attr-defined]
        assert why == "an order works there that it had said it never had", "it was not away"
        assert truth.differences(engine) == []
