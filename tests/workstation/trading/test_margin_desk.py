"""Margin on the desk: what the venue does by itself arrives once, survives everything, and is shown in figures."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.margin import MarginMode
from workstation.domain.market import MarkPrice
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillPhase
from workstation.venues.faulty import Fault, FaultyVenue

D = Decimal
HOUR = 3_600 * SECOND


def mark(desk: TestDesk, share: str, rate: str | None = None, due: int | None = None) -> None:
    """Feed NOVA's perpetual a mark price of `share` of what it is."""
    now = desk.engine.mark(PERP)
    assert now is not None
    price = (now * D(share)).quantize(D("0.1"))
    funding = None if rate is None else D(rate)
    desk.venues["NOVA"].feed(MarkPrice(PERP, desk.clock.now(), price, funding, due))


async def agree(desk: TestDesk) -> None:
    """Desk and venue show the same money and positions, and the books balance to the last digit."""
    engine = desk.engine
    for venue in desk.venues.values():
        shown = await venue.balances()
        assert {c: engine.balance(venue.name, c) for c in shown} == shown
        for instrument, quantity in (await venue.positions()).items():
            assert engine.position(instrument).quantity == quantity
    equity = engine.equity_detail()
    earned = equity.realized + equity.unrealized - equity.fees + equity.funding - equity.interest + equity.insurance
    assert equity.total == 2_000_000 + earned
    corrections = [entry.text for entry in engine.log.entries if "correction" in entry.text]
    assert corrections == []


async def test_leverage_and_mode_are_set_at_the_venue_and_known_after_a_restart(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        assert desk.engine.margin(PERP).leverage == 10
        await desk.engine.set_leverage(PERP, D(20))
        await desk.engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        with pytest.raises(Refused, match="whole number from 1 to 125"):
            await desk.engine.set_leverage(PERP, D(500))
    async with demo_desk(tmp_path, start=START + HOUR) as desk:
        shown = desk.engine.margin(PERP)
        assert (shown.leverage, shown.mode, shown.max_leverage) == (20, MarginMode.ISOLATED, 125)


async def test_the_figures_of_an_isolated_position(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        draft = OrderDraft(instrument=PERP, side=Side.BUY, quantity=D("0.5"), type=OrderType.MARKET)
        promised = desk.engine.preview(draft).liquidation_after
        await desk.market(PERP, Side.BUY, "0.5")
        position, shown = desk.engine.position(PERP), desk.engine.margin(PERP)
        assert shown.set_aside == position.cost / 10
        # 0.5·p − cost + cost/10 = 0.004·0.5·p
        assert shown.liquidation is not None
        assert shown.liquidation.quantize(D("0.0001")) == (position.cost * D("0.9") / D("0.498")).quantize(D("0.0001"))
        assert promised is not None
        assert abs(promised / shown.liquidation - 1) < D("0.0005")
        assert shown.distance is not None
        assert D("0.09") < shown.distance < D("0.1")
        assert shown.funding_rate is not None
        assert shown.next_funding == START + 4 * HOUR  # 16:00 UTC
        assert shown.account.equity == desk.engine.equity_detail().by_venue["NOVA"]
        assert shown.account.free == desk.engine.balance("NOVA", "USDT") - shown.set_aside


async def test_cross_positions_are_backed_by_the_whole_balance(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, money="10000") as desk:
        await desk.market(PERP, Side.SELL, "0.5")
        shown = desk.engine.margin(PERP)
        assert shown.liquidation is not None
        assert shown.mark is not None
        equity = shown.account.equity - D("0.5") * (shown.liquidation - shown.mark)
        assert abs(equity - D("0.004") * D("0.5") * shown.liquidation) < D("0.000001")


async def test_a_liquidation_is_booked_once_and_shown_as_the_venues_own(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        await desk.market(PERP, Side.BUY, "0.5")
        mark(desk, "0.8")
        assert desk.engine.position(PERP).is_flat
        order = desk.engine.orders()[-1]
        assert (order.origin, order.state) == (e.LIQUIDATION, OrderState.FILLED)
        assert any("liquidated" in entry.text for entry in desk.engine.log.entries if entry.level == "error")
        assert desk.engine.equity_detail().insurance > 0, "the price gapped beyond bankruptcy"
        await agree(desk)
        before = desk.engine.equity_detail()
    async with demo_desk(tmp_path, start=START + HOUR) as desk:
        assert desk.engine.equity_detail().insurance == before.insurance
        assert desk.engine.position(PERP).is_flat
        await agree(desk)


async def test_entries_whose_reports_were_lost_are_found_and_never_corrected(tmp_path: Path) -> None:
    faulty: dict[str, FaultyVenue] = {}

    def wrap(venue: object) -> FaultyVenue:
        faulty[venue.name] = FaultyVenue(venue, venue._clock)  # type: ignore[attr-defined, arg-type]
        return faulty[venue.name]  # type: ignore[attr-defined]

    async with demo_desk(tmp_path, wrap=wrap) as desk:
        await desk.engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        await desk.market(PERP, Side.BUY, "0.5")
        faulty["NOVA"].faults.add("report", Fault.DROP, times=None)
        due = desk.clock.now() + SECOND
        mark(desk, "1", "0.0005", due)
        desk.clock.advance_to(due + 1)
        mark(desk, "0.5")  # funded, then liquidated, and nothing is heard of it
        assert desk.engine.position(PERP).quantity == D("0.5")
        faulty["NOVA"].faults.clear()
        await desk.engine._reconciler.venue(faulty["NOVA"])
        assert desk.engine.position(PERP).is_flat
        assert desk.engine.margin(PERP).funding < 0
        await agree(desk)
        assert not any("not ours" in entry.text for entry in desk.engine.log.entries)
    async with demo_desk(tmp_path, start=START + HOUR) as desk:
        await agree(desk)


async def test_funding_that_was_paid_while_the_desk_was_dead_is_booked_at_its_start(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.5")
        mark(desk, "1", "0.0005", START + 4 * HOUR)
        funded = desk.engine.core.portfolio.funding
        assert funded == {}
    async with demo_desk(tmp_path, start=START + 5 * HOUR) as desk:
        funding = desk.engine.margin(PERP).funding
        assert funding < 0
        await agree(desk)
    async with demo_desk(tmp_path, start=START + 6 * HOUR) as desk:
        assert desk.engine.margin(PERP).funding == funding
        await agree(desk)


async def test_spot_sold_short_is_covered_by_close_and_by_the_kill_switch(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        assert (await desk.market(BTC, Side.SELL, "0.2")).state is OrderState.DENIED
        await desk.engine.set_leverage(BTC, D(3))
        short = await desk.market(BTC, Side.SELL, "0.2")
        assert short.state is OrderState.FILLED, short.reason
        assert desk.engine.margin(BTC).quantity == D("-0.2")
        assert desk.engine.margin(BTC).liquidation is not None
        await desk.run(2)
        await desk.engine.close_position(BTC)
        assert desk.engine.position(BTC).is_flat
        await desk.market(BTC, Side.SELL, "0.3")
        desk.engine.flatten()
        async with desk.ticking():
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        assert desk.engine.position(BTC).is_flat
        assert desk.engine.balance("NOVA", "BTC") == 0
        await agree(desk)
