"""An order without an answer may still be taken for as long as its request lives; contracts are closed before that."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.kill_scene import Faults, nothing_left
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.plan import STOP_LEG, TARGET_LEG, Plan
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillPhase
from workstation.trading.plans import terms
from workstation.venues.contract import VenueOrder
from workstation.venues.faulty import Fault, FaultyVenue
from workstation.venues.simulated import SimulatedVenue


@asynccontextmanager
async def slow_to_believe(folder: Path) -> AsyncIterator[tuple[TestDesk, FaultyVenue]]:
    """A desk whose venue may take a request for half a minute."""
    faults = Faults()
    async with demo_desk(folder, wrap=faults) as desk:
        nova = faults.venues["NOVA"]
        nova.request_life = lambda: 30.0  # type: ignore[attr-defined]
        desk.engine._reconciler.lost.span = 0.2
        desk.engine._kill._timeout = desk.engine._kill._flattener._timeout = 0.5
        yield desk, nova


async def lost(desk: TestDesk, venue: FaultyVenue, instrument: str, side: Side) -> Order:
    venue.faults.add("submit", Fault.LOST)
    order = await desk.limit(instrument, side, "0.2", away=300)
    assert order.state is OrderState.UNKNOWN
    return order


def held(desk: TestDesk, instrument: str) -> Decimal:
    return desk.engine.core.portfolio.position(instrument).quantity


def is_open(desk: TestDesk, order: Order) -> bool:
    return desk.engine.core.orders.orders[order.client_id].is_open


async def test_a_kill_closes_contracts_before_a_lost_order_is_given_up_and_what_comes_of_it_too(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, PERP, Side.BUY)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        assert is_open(desk, order)
        assert desk.engine.kill_status.phase is not KillPhase.DONE, "it may still come"
        came = msgspec.structs.replace(order, type=OrderType.MARKET, price=None)
        await nova.inner.submit(came)
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)
        assert len([one for one in desk.engine.orders() if one.origin == "kill"]) == 2
        assert "no position (2× asked)" in desk.engine.kill_status.receipt


async def test_a_lost_closing_order_of_contracts_is_followed_by_another(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        nova.faults.add("submit", Fault.LOST)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        [first] = [one for one in desk.engine.orders() if one.origin == "kill" and one.is_open]
        assert desk.engine.kill_status.phase is not KillPhase.DONE
        await nova.inner.submit(first)
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)


async def test_spot_waits_until_a_lost_order_is_clear_and_contracts_do_not(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(BTC, Side.BUY, "0.3")
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, BTC, Side.SELL)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        assert is_open(desk, order)
        assert held(desk, BTC), "a sale that may still come would be the second of the same coins"
        nova.request_life = lambda: 0.2  # type: ignore[attr-defined]
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)


async def test_spot_is_not_sold_beside_a_lost_sale_that_comes_between_a_kills_pull_and_look(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(BTC, Side.BUY, "0.3")
        sale = await lost(desk, nova, BTC, Side.SELL)
        reconciler, ask, submit = desk.engine._reconciler, nova.open_orders, nova.submit
        await desk.settle(lambda: reconciler.lost.denied(sale.client_id))
        coming: list[asyncio.Task[None]] = []
        asked, beside = 0, []

        async def come() -> None:
            await nova.inner.submit(sale)
            await reconciler.ask(sale.client_id)

        async def shows() -> Sequence[VenueOrder]:
            nonlocal asked
            asked += 1
            shown = await ask()
            if asked == 2:  # the kill has seen twice now that nothing works there
                coming.append(asyncio.create_task(come()))
            return shown

        async def sends(order: Order) -> None:
            beside.append([one.client_id for one in await nova.inner.open_orders()])
            await submit(order)

        nova.open_orders, nova.submit = shows, sends  # type: ignore[method-assign]
        desk.engine.flatten("test")
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        [came] = coming
        await came
        assert desk.engine.core.orders.orders[sale.client_id].state is OrderState.CANCELED
        assert beside == [[]], "the same coins would be sold twice"
        await nothing_left(desk)


async def test_close_goes_past_a_lost_order_of_contracts_and_pulls_it_when_it_comes(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, PERP, Side.BUY)
        assert (await desk.engine.close_position(PERP)).state is OrderState.FILLED
        assert not held(desk, PERP)
        assert is_open(desk, order)
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert await nova.open_orders() == []


async def test_a_reversal_closes_past_it_and_opens_the_other_side_only_by_another_order(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, PERP, Side.BUY)
        said = (
            r"not opened: NOVA has not answered on the order BUY 0.2 BTC-USDT-PERP, and .* for up to (29|30) s\. Open"
        )
        with pytest.raises(Refused, match=said):
            await desk.engine.reverse(PERP)
        await desk.settle(lambda: not held(desk, PERP))
        assert is_open(desk, order)
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert await nova.open_orders() == []
        assert not held(desk, PERP)


async def test_spot_is_closed_past_a_lost_purchase(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(BTC, Side.BUY, "0.5")
        order = await lost(desk, nova, BTC, Side.BUY)
        assert (await desk.engine.close_position(BTC)).state is OrderState.FILLED
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert await nova.open_orders() == []


async def test_spot_is_not_closed_beside_a_lost_sale_and_the_refusal_says_for_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.trading.exits._PULL_TIMEOUT", 0.8)
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(BTC, Side.BUY, "0.5")
        await lost(desk, nova, BTC, Side.SELL)
        with pytest.raises(Refused, match=r"order SELL 0.2 BTC-USDT, and .* for up to (29|30) s: nothing was sent"):
            await desk.engine.close_position(BTC)
        assert held(desk, BTC) == Decimal("0.5")


async def test_beside_a_lost_plain_order_that_closes_nothing_is_closed_twice(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        nova.faults.add("submit", Fault.LOST)
        order = await desk.market(PERP, Side.SELL, "0.5")
        assert order.state is OrderState.UNKNOWN
        with pytest.raises(Refused, match="or the position could be closed twice"):
            await desk.engine.close_position(PERP)
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert held(desk, PERP) == 0


# Plans.


def exits(desk: TestDesk, plan: Plan, leg: str = STOP_LEG) -> list[Order]:
    return [order for order in desk.engine.plan_orders(plan) if order.leg == leg]


def working(desk: TestDesk, plan: Plan, leg: str = STOP_LEG) -> Decimal:
    """What the venue has of the leg, as far as the desk knows."""
    return sum((o.leaves for o in exits(desk, plan, leg) if o.is_open and o.venue_order_id is not None), Decimal(0))


class Losing:
    """The submits of these numbers, counted from now on, never arrive."""

    def __init__(self, *numbers: int) -> None:
        self._numbers, self._count = numbers, 0

    def fault(self, call: str, client_id: str | None, event: object) -> Fault | None:
        self._count += call == "submit"
        return Fault.LOST if call == "submit" and self._count in self._numbers else None


async def bracket(desk: TestDesk, instrument: str, stop: int, target: int | None = None) -> Plan:
    """A long of 0.5 with its exits so many ticks from the best bid."""
    best, tick = desk.best(instrument, Side.BUY), desk.engine.instrument(instrument).tick
    entry = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.5"), type=OrderType.MARKET)
    aim = None if target is None else best + target * tick
    return await desk.engine.start_plan(terms.bracket(entry, stop=best + stop * tick, target=aim))


def without_stops(nova: FaultyVenue) -> None:
    """The desk holds the stops of its plans then."""
    inner = nova.inner
    assert isinstance(inner, SimulatedVenue)
    kinds = inner.capabilities.order_types - {OrderType.STOP}
    inner.capabilities = msgspec.structs.replace(inner.capabilities, order_types=kinds)


async def test_a_stop_that_the_desk_holds_closes_contracts_past_its_lost_order(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        without_stops(nova)
        plan = await bracket(desk, PERP, stop=-5)
        await desk.settle(lambda: held(desk, PERP) == Decimal("0.5"))
        nova.faults.add("submit", Fault.LOST)
        await desk.run_until(lambda: bool(exits(desk, plan)))
        async with desk.ticking():
            await desk.settle(lambda: not held(desk, PERP))
        [first, second] = exits(desk, plan)
        assert is_open(desk, first)
        assert second.state is OrderState.FILLED
        await nova.inner.submit(first)
        async with desk.ticking():
            await desk.settle(lambda: not is_open(desk, first))
        assert not held(desk, PERP)
        assert sum(one.quantity for one in desk.engine.fills()) == 1, "nothing was closed twice"


async def test_a_lost_stop_of_contracts_is_followed_by_another_and_what_is_too_much_is_pulled(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        nova.plan = Losing(2)
        plan = await bracket(desk, PERP, stop=-900)
        async with desk.ticking(1):
            await desk.settle(lambda: working(desk, plan) == Decimal("0.5"))
            first = exits(desk, plan)[0]
            assert first.venue_order_id is None
            assert is_open(desk, first)
            await nova.inner.submit(first)
            await desk.settle(lambda: exits(desk, plan)[0].venue_order_id is not None)
            await desk.settle(lambda: working(desk, plan) == Decimal("0.5"))
        assert len(await nova.open_orders()) == 1


async def test_a_lost_stop_of_spot_is_not_followed_and_the_trader_reads_why_and_for_how_long(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        without_stops(nova)
        plan = await bracket(desk, BTC, stop=-5)
        await desk.settle(lambda: held(desk, BTC) == Decimal("0.5"))
        nova.faults.add("submit", Fault.LOST)
        await desk.run_until(lambda: bool(exits(desk, plan)))
        lost_orders = desk.engine._reconciler.lost
        async with desk.ticking():
            await desk.settle(lambda: lost_orders.denied(exits(desk, plan)[0].client_id))
            await desk.run(5)
            await asyncio.sleep(0.3)
        assert len(exits(desk, plan)) == 1, "the same coins would be sold twice"
        [told] = [one.text for one in desk.engine.log.entries if "NOT PROTECTED" in one.text]
        assert re.search(r"0.5 NOVA:BTC-USDT may be .* may still take it for up to (29|30) s; nothing is sent", told)
        nova.request_life = lambda: 0.2  # type: ignore[attr-defined]
        async with desk.ticking():
            await desk.settle(lambda: not held(desk, BTC))


async def test_a_lost_target_waits_where_both_could_close_what_others_hold_and_a_stop_does_not(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.3")
        nova.plan = Losing(2, 3)
        plan = await bracket(desk, PERP, stop=-900, target=900)
        await desk.settle(lambda: bool(exits(desk, plan, TARGET_LEG)))
        lost_orders, [target] = desk.engine._reconciler.lost, exits(desk, plan, TARGET_LEG)
        async with desk.ticking(1):
            await desk.settle(lambda: working(desk, plan) == Decimal("0.5") and lost_orders.denied(target.client_id))
            await desk.run(5)
            await asyncio.sleep(0.3)
            assert exits(desk, plan, TARGET_LEG) == [target]
            await desk.market(PERP, Side.SELL, "0.3", reduce_only=True)
            await desk.settle(lambda: working(desk, plan, TARGET_LEG) == Decimal("0.5"))
