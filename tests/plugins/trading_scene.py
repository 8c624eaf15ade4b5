"""A frozen desk with orders of every kind and positions, for the tests of ticket, orders and positions."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from screens.pane import Pane
from screens.testing import BTC, ETH, INSTRUMENTS, PERP, FrozenDesk, book
from workstation.clock import SECOND
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.trading.limits import RiskLimits
from workstation.venues.contract import NoAnswer, VenueOrder
from workstation.venues.simulated import SimulatedVenue


class MutableVenue(SimulatedVenue):
    """A simulated venue that can be made to swallow orders without an answer."""

    mute = False

    async def submit(self, order: Order) -> None:
        if self.mute:
            raise NoAnswer(f"{self.name} gave no answer within 5 s")
        await super().submit(order)

    async def order_status(self, client_id: str) -> VenueOrder | None:
        if self.mute:
            raise NoAnswer(f"{self.name} gave no answer within 5 s")
        return await super().order_status(client_id)


class Scene(FrozenDesk):
    """A frozen desk whose venues can be muted."""

    def __init__(self, folder: Path, panes: Sequence[type[Pane]], **options: Any) -> None:
        os.environ["TZ"] = "UTC"
        time.tzset()
        super().__init__(folder, panes, **options)
        for venue in self.venues:
            venue.__class__ = MutableVenue

    def tick(self, seconds: float = 1.0) -> None:
        """Time goes on; books and marks are the same as before."""
        self.clock.advance(round(seconds * SECOND))
        for instrument in self.instruments:
            self.feed(book(instrument, self.clock.now()))
            if (mark := self.engine.market(instrument.id).mark) is not None:
                self.feed(replace(mark, ts=self.clock.now()))

    async def order(self, instrument: str, side: Side, quantity: str, price: str | None = None, **terms: Any) -> Order:
        """Enter an order a second after the last one."""
        self.tick()
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        draft = OrderDraft(
            instrument=instrument,
            side=side,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            **({"type": kind} | terms),
        )
        return await self.engine.submit(draft)

    async def trade(self) -> None:
        """A morning's work: two positions, working orders of every type, and some that came to nothing."""
        engine = self.engine
        await self.order(ETH.id, Side.BUY, "2")
        await self.order(PERP.id, Side.SELL, "0.25")
        await self.order(PERP.id, Side.BUY, "0.1", "64215.1", tif=TimeInForce.IOC)
        done = await self.order(BTC.id, Side.BUY, "0.01", "64100")
        await engine.cancel(done.client_id)
        await self.order(BTC.id, Side.BUY, "3", "64190")
        await self.order(BTC.id, Side.BUY, "0.5", "64200.1")
        await self.order(BTC.id, Side.BUY, "0.02", "63900", post_only=True)
        await self.order(ETH.id, Side.SELL, "2", type=OrderType.STOP, stop_price=Decimal("3100"), reduce_only=True)
        await self.order(PERP.id, Side.SELL, "0.05", "63000", type=OrderType.STOP_LIMIT, stop_price=Decimal("63100"))
        expiry = self.clock.now() + 1801 * SECOND
        await self.order(PERP.id, Side.BUY, "0.05", "63500.5", tif=TimeInForce.GTD, expire_at=expiry)

    async def lose_one(self) -> Order:
        """An order whose answer never came, nor any answer when the venue is asked about it."""
        for venue in self.venues:
            venue.mute = True
        order = await self.order(BTC.id, Side.SELL, "0.05", "64400")
        assert order.state is OrderState.UNKNOWN
        return order


@asynccontextmanager
async def scene(
    folder: Path,
    *panes: type[Pane],
    size: tuple[int, int] = (160, 48),
    traded: bool = True,
    **options: Any,
) -> AsyncIterator[tuple[Scene, Any]]:
    """The desk, open in a pilot, ready and painted."""
    desk = Scene(folder, panes, **options)
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            if traded:
                await desk.trade()
            await desk.painted(pilot)
            yield desk, pilot
    finally:
        await desk.engine.close()


def snapshot(snap_compare: Any, folder: Path, *panes: type[Pane], size: tuple[int, int], press: Sequence[str] = (),
             traded: bool = True, lost: bool = False, **options: Any) -> bool:  # fmt: skip
    """Compare a picture of the desk after some keys."""
    desk = Scene(folder, panes, **options)

    async def before(pilot: Any) -> None:
        await desk.ready(pilot)
        if traded:
            await desk.trade()
        if lost:
            await desk.lose_one()
        await desk.painted(pilot)
        for key in press:
            await pilot.press(key)
            await desk.painted(pilot)

    return bool(snap_compare(desk.app, terminal_size=size, run_before=before))


__all__ = ["BTC", "ETH", "INSTRUMENTS", "PERP", "RiskLimits", "Scene", "scene", "snapshot"]
