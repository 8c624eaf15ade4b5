"""Best of on the real engine and the demo's two venues: split, sent as one, cancelled, halted, killed in the middle."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.desk import ETH, GENEROUS, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import OrderInitialized, RouteStarted
from workstation.domain.market import BookStale
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import PlanState
from workstation.domain.route import Route
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.errors import Refused
from workstation.trading.plans.rows import is_head
from workstation.venues.faulty import Fault, FaultyVenue, ScriptedFaults

ORCA_ETH = "ORCA:ETH-USDT"


def large(**changes: Any) -> OrderDraft:
    """A market buy that reaches beyond where the first venue alone is the cheaper one."""
    draft = OrderDraft(instrument=ETH, side=Side.BUY, quantity=D(100), type=OrderType.MARKET)
    return replace(draft, **changes)


def now_of(desk: TestDesk, route: Route) -> Route:
    known = desk.engine.route(route.route_id)
    assert known is not None
    return known


async def sent(desk: TestDesk, draft: OrderDraft) -> Route:
    route = await desk.engine.route_order(draft)
    assert isinstance(route, Route)
    return route


async def ended(desk: TestDesk, route: Route) -> Route:
    for _ in range(400):
        if not now_of(desk, route).is_active and not desk.engine.open_orders():
            return now_of(desk, route)
        await desk.run(0.05)
        await asyncio.sleep(0.002)
    raise AssertionError("the route never ended")


async def test_an_order_is_split_over_both_venues_sent_as_one_and_no_dearer_than_at_one(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        draft = large()
        look = desk.engine.preview_route(draft)
        assert look.problem == ""
        assert {one.instrument for one in look.drafts} == {ETH, ORCA_ETH}
        assert sum(one.quantity for one in look.drafts) == draft.quantity
        assert all(verdict.ok for verdicts in look.verdicts.values() for verdict in verdicts)
        assert look.alone is not None
        assert look.saves is None or look.saves >= 0
        route = await sent(desk, draft)
        done = await ended(desk, route)
        assert (done.state, f"Bought {draft.quantity} of {draft.quantity} ETH" in done.reason) == (PlanState.DONE, True)
        assert "over 2 venues" in done.reason
        orders = desk.engine.core.routes.orders(route.route_id)
        assert {order.client_id for order in orders} == {leg.client_id for leg in route.legs}
        assert {order.state for order in orders} == {OrderState.FILLED}
        assert sum(desk.engine.balance(venue, "ETH") for venue in ("NOVA", "ORCA")) == draft.quantity
        kinds = [type(event) for event in desk.engine.journal]
        assert kinds.index(RouteStarted) < kinds.index(OrderInitialized)


async def test_the_word_best_on_the_command_line_tells_the_split_and_sends_it(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        context = context_of(desk.engine, ETH, currency="USDT", account_name="demo")
        command = parse("buy 90 market best of", context)
        said = describe(command, context)
        assert "at NOVA" in said
        assert "at ORCA" in said
        assert "better than" in said
        assert (await perform(command, desk.engine) or "").startswith("Sent to 2 venues: ")
        (route,) = desk.engine.core.routes.sets.values()
        await ended(desk, route)
        for line, why in (
            ("buy 1 @ 3000 best stop 2900", "takes no exits"),
            ("buy stop 1 @ 9000 best", "A stop waits at one venue"),
        ):
            with pytest.raises(CommandError, match=why):
                parse(line, context)


async def test_what_one_venue_takes_best_alone_is_an_ordinary_order(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        order = await desk.engine.route_order(
            OrderDraft(instrument=ETH, side=Side.BUY, quantity=D("0.01"), type=OrderType.MARKET)
        )
        assert isinstance(order, Order)
        assert (order.plan, order.note) == ("", "best of")


async def test_a_limit_that_waits_rests_at_the_one_best_venue(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        price = desk.best(ETH, Side.BUY) - 20
        draft = OrderDraft(instrument=ETH, side=Side.BUY, quantity=D(1), price=price.quantize(D(1)))
        look = desk.engine.preview_route(draft)
        assert look.rests is not None
        assert "ORCA has the lowest maker fee, 0.06 %" in look.rests.why
        order = await desk.engine.route_order(draft)
        assert isinstance(order, Order)
        assert order.instrument == ORCA_ETH


async def test_a_venue_that_may_not_be_traded_takes_no_part_and_the_sentence_says_why(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        desk.engine.core.unproven["ORCA"] = "its books were not compared yet"
        look = desk.engine.preview_route(large())
        assert [one.instrument for one in look.drafts] == [ETH]
        assert "ORCA is REDUCING" in look.out[ORCA_ETH]
        del desk.engine.core.unproven["ORCA"]
        desk.engine.book(ETH).apply(BookStale(ETH, desk.clock.now(), "a gap"))
        look = desk.engine.preview_route(large(quantity=D(1)))
        assert [one.instrument for one in look.drafts] == [ORCA_ETH]
        assert look.out[ETH] == f"The book of {ETH} is stale: a gap."


async def test_money_cuts_a_leg_and_a_limit_of_one_order_binds_the_whole(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, money="20000") as desk:
        look = desk.engine.preview_route(large(quantity=D(10)))
        assert look.problem == ""
        assert len(look.drafts) == 2
        assert look.cut
        assert look.split.filled < D(20)
    async with demo_desk(tmp_path / "two", limits=replace(GENEROUS, max_order_value=D(20_000))) as desk:
        draft = large()
        assert "above your limit" in desk.engine.preview_route(draft).problem
        with pytest.raises(Refused, match="above your limit"):
            await desk.engine.route_order(draft)
        assert not desk.engine.orders()


async def test_a_key_that_bounced_sends_nothing_though_the_legs_would_be_others(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, limits=replace(GENEROUS, duplicate_window_ms=400)) as desk:
        await sent(desk, large())
        with pytest.raises(Refused, match="taken for a bounced key"):
            await desk.engine.route_order(large())
        await desk.run(0.5)
        assert len(desk.engine.core.routes.sets) == 1
        await sent(desk, large())


async def test_what_cannot_be_routed_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        lonely = next(one.id for one in engine.instruments() if len(engine.same_asset(one.id)) == 1)
        for changes, why in (
            ({"tif": TimeInForce.FOK, "type": OrderType.LIMIT, "price": D(3000)}, "fill or kill"),
            ({"type": OrderType.STOP, "stop_price": D(9000)}, "A stop waits at one venue"),
            ({"instrument": lonely}, "No other venue"),
        ):
            with pytest.raises(Refused, match=why):
                engine.preview_route(large(**changes))


def faulty(plans: dict[str, ScriptedFaults]) -> Any:
    def wrap(venue: Any) -> Any:
        found = FaultyVenue(venue, venue._clock)
        plans[venue.name] = found.faults  # type: ignore[assignment]
        return found

    return wrap


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.UNREACHABLE, Fault.LOST, Fault.UNANSWERED])
async def test_a_leg_that_fails_is_said_and_never_sent_again(tmp_path: Path, fault: Fault) -> None:
    plans: dict[str, ScriptedFaults] = {}
    async with demo_desk(tmp_path, wrap=faulty(plans), answer_timeout=0.1) as desk:
        plans["ORCA"].add("submit", fault)
        route = await sent(desk, large())
        async with desk.ticking(speed=4):
            await desk.settle(lambda: not now_of(desk, route).is_active, timeout=30)
        done = now_of(desk, route)
        assert done.state is PlanState.DONE
        assert len(desk.engine.orders()) == len(route.legs)
        got = (await desk.venues["ORCA"].balances()).get("ETH", D(0))
        leg = next(leg for leg in route.legs if leg.instrument == ORCA_ETH)
        if fault is Fault.UNANSWERED:
            assert got == leg.quantity
        else:
            assert got == 0
            assert f"ORCA: {leg.quantity} rejected" in done.reason
            assert f"{leg.quantity} stay unbought; nothing is sent again." in done.reason


async def test_a_desk_killed_between_the_route_and_its_legs_sends_none_of_them(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:

        def die(route: Route) -> None:
            raise RuntimeError("killed here")

        desk.engine._routes.on_durable = die
        with pytest.raises(RuntimeError):
            await desk.engine.route_order(large())
        stopped = desk.clock.now()
    async with demo_desk(tmp_path, start=stopped + SECOND) as desk:
        (route,) = desk.engine.core.routes.sets.values()
        done = await ended(desk, route)
        assert "was not sent: the desk stopped before" in done.reason
        assert not desk.engine.orders()
        for venue in desk.venues.values():
            assert not await venue.open_orders()
            assert (await venue.balances()).get("ETH", D(0)) == 0


async def test_a_restart_goes_on_knowing_the_legs_and_cancel_pulls_what_is_left(tmp_path: Path) -> None:
    """Legs that rest (their intents say GTC here) stand for ones that a slow venue has not ended yet."""
    async with demo_desk(tmp_path) as desk:
        route = await resting(desk)
        stopped = desk.clock.now()
    async with demo_desk(tmp_path, start=stopped + SECOND) as desk:
        assert now_of(desk, route).is_active
        assert len(desk.engine.open_orders()) == 2
        rows = desk.engine.set_rows()
        assert [is_head(row) for row in rows] == [True, False, False]
        assert (rows[0].client_id, rows[0].quantity, rows[0].filled) == (route.route_id, D(3), 0)
        after = await desk.engine.cancel(route.route_id)
        assert after.state is OrderState.CANCELED
        done = await ended(desk, route)
        assert (done.state, done.reason) == (PlanState.CANCELED, "cancelled by the trader")
        assert not desk.engine.set_rows()
        with pytest.raises(Refused, match="over already"):
            await desk.engine.cancel(route.route_id)


async def test_a_halt_ends_it_and_rearming_does_not_bring_it_back(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        route = await resting(desk)
        desk.engine.kill("the test")
        assert now_of(desk, route).state is PlanState.HALTED
        await ended(desk, route)
        with pytest.raises(Refused, match="HALTED"):
            await desk.engine.route_order(large())
        assert len(desk.engine.orders()) == 2


async def resting(desk: TestDesk) -> Route:
    """A route whose legs wait far from the market."""
    engine = desk.engine
    route = Route(
        route_id="rt-x", instrument=ETH, base="ETH", side=Side.BUY, quantity=D(3), limit=D(2000),
        legs=(), created_at=desk.clock.now(), updated_at=desk.clock.now(),
    )  # fmt: skip
    engine._routes._handing["rt-x"] = {"": "held"}  # as while its legs are being handed over
    await asyncio.wrap_future(engine._routes.record(RouteStarted(ts=desk.clock.now(), route=route)))
    for name, quantity in ((ETH, D(2)), (ORCA_ETH, D(1))):
        price = (desk.best(name, Side.BUY) * D("0.9")).quantize(D(1))
        await engine.submit(
            OrderDraft(instrument=name, side=Side.BUY, quantity=quantity, price=price, plan="rt-x", leg=name)
        )
    await desk.run(0.5)
    engine._routes._handing.clear()
    return route
