"""What every venue must do. A venue's own test module subclasses `VenueConformance` and gives it a `bench`.

    class TestMyVenue(VenueConformance):
        @pytest.fixture
        async def bench(self) -> AsyncIterator[ConformanceBench]: ...

A bench is a connected venue whose `spot` and `perp` instruments have a book of 10 a side around 1000 (bids 999.0,
998.0; asks 1001.0, 1002.0; 5 each), an account with 100,000 of the quote currency and nothing else, and ways to move
its market. `settle` lets everything arrive that is on its way. A venue that lacks a capability skips what needs it.

Real venues differ, and the suite holds for each of them: a venue may list no perpetual, may take the fee of a purchase
in what was bought, may answer a crossing post-only order by taking it and cancelling it at once, and may have an
amendment answered before it is reported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest
from venue_desk import VenueDesk

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.order import OrderState, OrderType, Side, TimeInForce
from workstation.venues.contract import LinkState, VenueError, VenueUnreachable


@dataclass
class ConformanceBench:
    desk: VenueDesk
    spot: Instrument
    #: None where the venue lists no perpetual.
    listed_perp: Instrument | None
    #: (instrument, side of the aggressor, quantity, price): a public trade of strangers.
    trade: Callable[[Instrument, Side, str, str], Awaitable[None]]
    #: (instrument, bids, asks): levels of the book that change now, price → quantity.
    move: Callable[[Instrument, dict[str, str], dict[str, str]], Awaitable[None]]
    settle: Callable[[], Awaitable[None]]
    #: (nanoseconds): let time pass.
    wait: Callable[[int], Awaitable[None]]

    @property
    def perp(self) -> Instrument:
        if self.listed_perp is None:
            pytest.skip("the venue lists no perpetual")
        return self.listed_perp

    @property
    def any(self) -> Instrument:
        """The perpetual, else the spot instrument: for what holds for both."""
        return self.listed_perp or self.spot

    async def held(self, instrument: Instrument) -> Decimal:
        """What was bought of it, fees paid in it added back."""
        if not instrument.is_spot:
            return (await self.desk.venue.positions()).get(instrument.id, Decimal(0))
        paid = sum((fill.fee for fill in self.desk.all_fills() if fill.fee_currency == instrument.base), Decimal(0))
        return (await self.desk.venue.balances()).get(instrument.base, Decimal(0)) + paid


def _needs(desk: VenueDesk, *types: OrderType) -> None:
    missing = set(types) - desk.venue.capabilities.order_types
    if missing:
        pytest.skip(f"the venue has no {', '.join(sorted(missing))} orders of its own")


def _by_id(fill: Fill) -> str:
    return fill.trade_id


class VenueConformance:
    # The link

    async def test_shows_its_link_and_instruments(self, bench: ConformanceBench) -> None:
        venue = bench.desk.venue
        assert venue.link is LinkState.CONNECTED
        assert {bench.spot.id, bench.any.id} <= {instrument.id for instrument in venue.instruments()}
        assert all(instrument.venue == venue.name for instrument in venue.instruments())

    async def test_passes_the_market_on(self, bench: ConformanceBench) -> None:
        before = len(bench.desk.market)
        await bench.trade(bench.spot, Side.BUY, "1", "1001")
        await bench.settle()
        assert len(bench.desk.market) > before

    async def test_a_closed_venue_is_unreachable(self, bench: ConformanceBench) -> None:
        venue = bench.desk.venue
        order = bench.desk.draft(bench.spot, Side.BUY, "1", "900")
        await venue.close()
        assert venue.link is LinkState.DOWN
        for call in (venue.submit(order), venue.cancel(order), venue.cancel_all(), venue.open_orders()):
            with pytest.raises(VenueUnreachable):
                await call
        await venue.close()  # harmless

    # The life of orders

    async def test_a_resting_order_is_accepted_shown_and_cancelled(self, bench: ConformanceBench) -> None:
        desk, venue = bench.desk, bench.desk.venue
        client_id = await desk.buy(bench.spot, "1", "990")
        await bench.settle()
        assert desk.said(client_id) == ["accepted"]
        (shown,) = await venue.open_orders()
        assert shown == await venue.order_status(client_id)
        assert (shown.client_id, shown.instrument, shown.state) == (client_id, bench.spot.id, OrderState.ACCEPTED)
        assert (shown.quantity, shown.filled, shown.price) == (1, 0, 990)
        assert shown.venue_order_id == desk.orders[client_id].venue_order_id
        await desk.cancel(client_id)
        await bench.settle()
        assert desk.said(client_id) == ["accepted", "canceled"]
        assert not await venue.open_orders()
        status = await venue.order_status(client_id)
        assert status is not None
        assert status.state is OrderState.CANCELED

    async def test_a_market_order_fills_from_the_book_and_pays_the_taker_fee(self, bench: ConformanceBench) -> None:
        desk, venue = bench.desk, bench.desk.venue
        client_id = await desk.buy(bench.spot, "6")
        await bench.settle()
        assert desk.said(client_id) == ["accepted", "filled", "filled"]
        assert desk.fills(client_id) == [(5, 1001), (1, 1002)]
        assert desk.orders[client_id].state is OrderState.FILLED
        value, rate = Decimal("6007"), bench.spot.taker_fee
        fills = desk.all_fills()
        paid: dict[str, Decimal] = {}
        for fill in fills:
            taken = fill.quantity if fill.fee_currency == bench.spot.base else fill.quantity * fill.price
            assert fill.fee == taken * rate
            paid[fill.fee_currency] = paid.get(fill.fee_currency, Decimal(0)) + fill.fee
        balances = await venue.balances()
        assert await bench.held(bench.spot) == 6
        if bench.spot.is_spot:
            assert balances[bench.spot.base] == 6 - paid.get(bench.spot.base, 0)
        else:  # a perpetual is not paid for, and what it has gained so far is no money
            value = Decimal(0)
        assert balances[bench.spot.quote] == 100_000 - value - paid.get(bench.spot.quote, 0)

    async def test_a_resting_order_fills_behind_the_queue_and_pays_the_maker_fee(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        client_id = await desk.buy(bench.perp, "2", "999")
        await bench.settle()
        await bench.trade(bench.perp, Side.SELL, "5", "999")
        await bench.settle()
        assert desk.fills(client_id) == []
        await bench.trade(bench.perp, Side.SELL, "0.5", "999")
        await bench.settle()
        assert desk.fills(client_id) == [(Decimal("0.5"), 999)]
        assert desk.orders[client_id].state is OrderState.PARTIALLY_FILLED
        assert desk.orders[client_id].fees == Decimal("499.5") * bench.perp.maker_fee
        assert await desk.venue.positions() == {bench.perp.id: Decimal("0.5")}

    async def test_fills_can_be_asked_for_and_have_ids_of_their_own(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        start = desk.clock.now()
        client_id = await desk.buy(bench.any, "6")
        await bench.settle()
        fills = list(await desk.venue.fills_since(start))
        assert [fill.ts for fill in fills] == sorted(fill.ts for fill in fills)
        # Which of two fills of one moment is the older the venue may not tell.
        assert sorted(fills, key=_by_id) == sorted(desk.all_fills(), key=_by_id)
        assert len({fill.trade_id for fill in fills}) == len(fills) == 2
        assert {fill.client_id for fill in fills} == {client_id}
        assert not await desk.venue.fills_since(fills[-1].ts + 10 * SECOND)  # clocks differ: a little older is allowed

    async def test_an_order_that_cannot_be_is_rejected_with_a_sentence(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        off_tick = await desk.buy(bench.spot, "1", "990.01")
        too_dear = await desk.buy(bench.spot, "5000", "990")
        refused = [off_tick, too_dear]
        if bench.spot.is_spot:  # what is not held can be sold of a perpetual, and on margin as much as is lent
            refused.append(await desk.sell(bench.spot, "500" if bench.spot.pooled else "1", "1010"))
        await bench.settle()
        for client_id in refused:
            assert desk.said(client_id) == ["rejected"]
            assert desk.reason(client_id).endswith(".")
            status = await desk.venue.order_status(client_id)
            assert status is None or status.state is OrderState.REJECTED
        assert not await desk.venue.open_orders()

    async def test_a_client_id_never_executes_twice(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        order = desk.draft(bench.any, Side.BUY, "1")
        await desk.venue.submit(order)
        await bench.settle()
        with pytest.raises(VenueError):
            await desk.venue.submit(order)
        await bench.settle()
        assert desk.fills() == [(1, 1001)]
        assert await bench.held(bench.any) == 1

    async def test_nobody_knows_an_order_that_never_came(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        order = desk.draft(bench.spot, Side.BUY, "1", "990")
        assert await desk.venue.order_status(order.client_id) is None
        reports: list[e.OrderEvent] = []
        await desk.venue.connect(lambda event: None, reports.append)
        await desk.venue.cancel(order)
        await bench.settle()
        assert [type(event) for event in reports] == [e.OrderCancelRejected]

    async def test_cancelling_a_filled_order_is_refused(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        client_id = await desk.buy(bench.any, "1")
        await bench.settle()
        reports: list[e.OrderEvent] = []
        await desk.venue.connect(lambda event: None, reports.append)
        await desk.venue.cancel(desk.orders[client_id])
        await bench.settle()
        assert [type(event) for event in reports] == [e.OrderCancelRejected]

    async def test_cancel_all_cancels_one_instrument_or_everything(self, bench: ConformanceBench) -> None:
        desk, venue = bench.desk, bench.desk.venue
        for instrument in (bench.spot, bench.spot, bench.any):
            await desk.buy(instrument, "1", "990")
        if OrderType.STOP in venue.capabilities.order_types:
            await desk.sell(bench.perp, "1", stop="900")
        await bench.settle()
        await venue.cancel_all(bench.spot.id)
        await bench.settle()
        others = {bench.any.id} - {bench.spot.id}
        assert {order.instrument for order in await venue.open_orders()} == others
        await venue.cancel_all()
        await bench.settle()
        assert not await venue.open_orders()
        assert {order.state for order in desk.orders.values()} == {OrderState.CANCELED}

    # Amend

    async def test_amending_changes_the_terms(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        if not desk.venue.capabilities.amend:
            pytest.skip("the venue cannot amend")
        client_id = await desk.buy(bench.spot, "2", "990")
        await bench.settle()
        await desk.amend(client_id, quantity="3", price="991")
        await bench.settle()
        assert desk.said(client_id) == ["accepted", "amended"]
        (shown,) = await desk.venue.open_orders()
        assert (shown.quantity, shown.price) == (3, 991)
        assert (desk.orders[client_id].quantity, desk.orders[client_id].price) == (3, 991)
        await desk.amend(client_id, quantity="100000")
        await bench.settle()
        assert desk.said(client_id)[-1] == "amendrejected"
        assert desk.orders[client_id].quantity == 3

    # Types and times in force

    async def test_stops_trigger_and_then_trade(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        _needs(desk, OrderType.STOP, OrderType.STOP_LIMIT)
        stop = await desk.buy(bench.perp, "1", stop="1002")
        stop_limit = await desk.sell(bench.perp, "1", "997", stop="998")
        await bench.settle()
        assert desk.said(stop) == desk.said(stop_limit) == ["accepted"]
        await bench.trade(bench.perp, Side.BUY, "1", "1002")
        await bench.settle()
        assert desk.said(stop) == ["accepted", "triggered", "filled"]
        await bench.trade(bench.perp, Side.SELL, "1", "998")
        await bench.settle()
        assert desk.said(stop_limit) == ["accepted", "triggered", "filled"]
        assert desk.fills(stop_limit) == [(1, 999)]

    async def test_ioc_and_fok(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        fok = await desk.buy(bench.any, "6", "1001", tif=TimeInForce.FOK)
        ioc = await desk.buy(bench.any, "6", "1001", tif=TimeInForce.IOC)
        await bench.settle()
        assert desk.said(fok) == ["accepted", "canceled"]
        # A venue may tell of the fill and of the end over two streams: which is heard first is nobody's promise.
        assert desk.said(ioc)[0] == "accepted"
        assert sorted(desk.said(ioc)) == ["accepted", "canceled", "filled"]
        assert desk.fills() == [(5, 1001)]

    async def test_gtd_orders_expire(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        if TimeInForce.GTD not in desk.venue.capabilities.tifs:
            pytest.skip("the venue has no orders that expire")
        until = desk.clock.now() + 10_000_000_000
        client_id = await desk.buy(bench.any, "1", "990", tif=TimeInForce.GTD, expire_at=until)
        await bench.settle()
        await bench.wait(10_000_000_000)
        await bench.settle()
        assert desk.said(client_id) == ["accepted", "expired"]
        assert not await desk.venue.open_orders()

    async def test_post_only_never_takes(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        if not desk.venue.capabilities.post_only:
            pytest.skip("the venue has no post-only")
        client_id = await desk.buy(bench.any, "1", "1001", post_only=True)
        await bench.settle()
        assert desk.said(client_id) in (["rejected"], ["accepted", "canceled"])
        assert not desk.fills()

    async def test_reduce_only_never_flips(self, bench: ConformanceBench) -> None:
        desk = bench.desk
        if not desk.venue.capabilities.reduce_only:
            pytest.skip("the venue has no reduce-only")
        flat = await desk.sell(bench.perp, "1", reduce_only=True)
        await desk.buy(bench.perp, "1")
        await bench.settle()
        assert desk.said(flat) == ["rejected"]
        close = await desk.sell(bench.perp, "3", reduce_only=True)
        await bench.settle()
        assert desk.fills(close) == [(1, 999)]
        assert await desk.venue.positions() == {}

    # Money

    async def test_a_round_trip_in_a_perpetual_leaves_profit_and_fees_and_nothing_else(
        self, bench: ConformanceBench
    ) -> None:
        desk = bench.desk
        await desk.buy(bench.perp, "2")
        await bench.settle()
        await bench.move(bench.perp, {"1010": "5"}, {"1001": "0", "1002": "0", "1011": "5"})
        await desk.sell(bench.perp, "2")
        await bench.settle()
        fees = sum(order.fees for order in desk.orders.values())
        assert fees == (2002 + 2020) * bench.perp.taker_fee
        assert await desk.venue.balances() == {bench.perp.settlement: 100_000 + 18 - fees}
        assert await desk.venue.positions() == {}
