"""A real desk trades; then it is looked at as it stood before."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.past.desk import PastDesk, open_past
from workstation.past.market import NO_BOOK, PriceFrom
from workstation.trading.errors import Refused
from workstation.trading.risk_desk import RiskDesk


async def trade(desk: TestDesk) -> list[tuple[int, object]]:
    """Trade a little; (events so far, what the desk showed) after each piece."""
    engine, seen = desk.engine, []

    def look() -> None:
        accounts = dict(engine.core.portfolio.accounts)
        shown = (engine.orders(), engine.positions(), accounts, engine.fills(), engine.plans())
        seen.append((len(engine.journal), shown))

    look()
    await desk.market(PERP, Side.BUY, "0.5")
    look()
    resting = await desk.limit(BTC, Side.BUY, "0.01", away=50)
    look()
    await desk.run(30)
    price = desk.best(PERP, Side.SELL) * Decimal("0.98")
    await desk.market(PERP, Side.SELL, "0.2")
    draft = OrderDraft(
        instrument=PERP, side=Side.SELL, quantity=Decimal("0.3"), type=OrderType.STOP, reduce_only=True,
        stop_price=price.quantize(engine.instrument(PERP).tick),
    )  # fmt: skip
    await engine.submit(draft)
    look()
    await engine.cancel(resting.client_id)
    look()
    await engine.close_position(PERP)
    await desk.run(5)
    look()
    return seen


async def the_past(engine: Engine, number: int = -1) -> PastDesk:
    return await open_past(engine, engine.sessions()[number])


async def test_the_desk_is_what_it_was_after_each_event(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        seen = await trade(desk)
        past = await the_past(desk.engine)
        for count, was in reversed(seen):
            past.go(count)
            now = (past.orders(), past.positions(), past.core.portfolio.accounts, past.fills(), past.plans())
            assert now == was
        assert desk.engine.orders() == seen[-1][1][0]  # the present has not moved


@pytest.mark.slow
async def test_a_later_run_of_the_desk_shows_the_earlier_ones(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        seen = await trade(desk)
        began = desk.engine.opened_at
    async with demo_desk(tmp_path, start=began + 7_200 * 10**9) as desk:
        first, second = desk.engine.sessions()
        assert (first.first, first.count, first.start) == (0, second.first, began)
        assert first.start < (first.end or 0) < second.start
        assert second.end is None
        past = await the_past(desk.engine, 0)
        for count, was in seen:
            past.go(count)
            assert (past.orders(), past.positions()) == was[:2]
        past.go(0)
        assert not past.fills()


@pytest.mark.slow
async def test_a_session_that_was_cut_off_ends_with_its_last_event(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await trade(desk)
        last = max(event.ts for event in desk.engine.journal)
        rows = desk.engine.get_setting("sessions")
    async with demo_desk(tmp_path, start=last + 10**10) as desk:
        desk.engine.set_setting("sessions", [[*rows[0][:2], None], *desk.engine.get_setting("sessions")[1:]])
        first, _ = desk.engine.sessions()
        assert abs((first.end or 0) - last) < 10**9


@pytest.mark.slow
async def test_what_was_journalled_before_sessions_were_kept_is_one_session(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await trade(desk)
        desk.engine.set_setting("sessions", [])
        (session,) = desk.engine.sessions()
        assert (session.first, session.count) == (0, len(desk.engine.journal))


async def test_nothing_can_be_sent_from_the_past(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await trade(desk)
        past = await the_past(desk.engine)
        events = len(desk.engine.journal)
        for owner, shown in ((Engine, past), (RiskDesk, past.risk)):
            commands = [
                name
                for name, one in inspect.getmembers(owner, inspect.iscoroutinefunction)
                if not name.startswith("_") and name not in vars(PastDesk)
            ]
            assert commands
            for name in commands:
                with pytest.raises(Refused, match="shows the past"):
                    await getattr(shown, name)()
        assert len(desk.engine.journal) == events
        assert past.preview(OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(60_000)))


async def test_the_kill_switch_acts_on_the_present(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await trade(desk)
        working = await desk.limit(BTC, Side.BUY, "0.01", away=50)
        past = await the_past(desk.engine)
        past.go(0)
        past.kill("the trader pressed the kill switch")
        await desk.settle(lambda: desk.engine.order(working.client_id).is_closed)  # type: ignore[union-attr]
        assert desk.engine.trading_state == "halted"
        assert past.trading_state == "active"


@pytest.mark.slow
async def test_prices_are_the_candles_of_then_and_the_last_fill_where_none_was_kept(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.run(65)
        then = desk.engine.bar_series(PERP, 5 * 10**9).last(1)[0]
        moment = desk.clock.now()
        await desk.run(65)
        past = await the_past(desk.engine)
        past.go_to(moment)
        mark = past.mark(PERP)
        assert mark is not None
        assert then.low - 30 <= float(mark) <= then.high + 30
        assert past.past_market.price_from[PERP] is PriceFrom.CANDLE
        assert past.book(PERP).stale == NO_BOOK
        assert past.bar_series(PERP, 60 * 10**9).last(1)[0].ts <= moment
        fill = desk.engine.fills(PERP)[-1]
        began = desk.engine.opened_at
    async with demo_desk(tmp_path, start=began + 7_200 * 10**9) as desk:
        past = await the_past(desk.engine, 0)
        assert past.mark(PERP) == fill.price
        assert past.prices_from(PriceFrom.FILL) == [PERP]


@pytest.mark.slow
async def test_versions_of_the_past_are_never_those_of_the_present(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await trade(desk)
        past = await the_past(desk.engine)
        before = past.orders_version
        past.go(1)
        assert past.orders_version not in (before, desk.engine.orders_version)
        assert past.orders_version < 0


@pytest.mark.slow
async def test_runs_of_strategies_are_shown_as_they_were_and_none_is_started_from_there(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        runner = desk.engine.strategies
        run = await runner.start("sma_cross", BTC, capital=Decimal(5_000))
        await desk.run(2)
        await runner.stop(run.run_id)
        past = await open_past(desk.engine, desk.engine.sessions()[-1])
        states = []
        for step in range(past.timeline.count + 1):
            past.go(step)
            found = [view.run.state.value for view in past.strategies.runs()]
            if found and found != states[-1:]:
                states += found
        assert states == ["running", "stopped"]
        past.go(0)
        assert past.strategies.runs() == []
        with pytest.raises(Refused, match="the past"):
            await past.strategies.start("sma_cross", BTC, capital=Decimal(5_000))
        with pytest.raises(Refused, match="the past"):
            await past.strategies.close_out(run.run_id)
