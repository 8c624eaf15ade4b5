"""A stop order that opens a position, at a venue that takes no stops: this desk holds it until the market passes it."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest
from msgspec.structs import replace
from plan_world import PERP as WORLD

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.no_stops import no_stops
from workstation.clock import MINUTE, SECOND
from workstation.domain.events import PlanChanged, TradingState
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import PlanKind, PlanState
from workstation.trading.command_line import parse
from workstation.trading.command_run import context_of, outcome, perform
from workstation.trading.command_text import describe
from workstation.trading.errors import Refused
from workstation.trading.plans import terms
from workstation.trading.plans.decide import decide
from workstation.trading.plans.intents import End, Send, Situation, Wake
from workstation.trading.plans.rows import HELD, is_kept
from workstation.trading.plans.tally import Tally

#: Of the price: where the market comes by soon.
NEAR = "0.0002"


def stop(
    desk: TestDesk, side: Side, away: str, quantity: str = "0.1", instrument: str = PERP, **more: object
) -> OrderDraft:
    """A stop order, `away` of the price from the middle."""
    middle = desk.engine.market(instrument).mid()
    assert middle is not None
    tick = desk.engine.instrument(instrument).tick
    price = (middle * (1 + D(away) * side.sign) / tick).quantize(D(1)) * tick
    wanted: dict[str, object] = {"type": OrderType.STOP, "stop_price": price} | more
    return OrderDraft(instrument=instrument, side=side, quantity=D(quantity), **wanted)  # type: ignore[arg-type]


def plan_of(desk: TestDesk, row: Order):
    return desk.engine.core.plans.sets[row.plan]


def errors(desk: TestDesk) -> list[str]:
    return [each.text for each in desk.engine.log.entries if each.level in ("warning", "error")]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_it_is_held_and_sent_at_market_once_the_market_passes_it(tmp_path: Path, side: Side) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        draft = stop(desk, side, NEAR)
        assert engine.preview(draft).ok
        row = await engine.submit(draft)
        assert is_kept(row)
        assert (row.note, row.type, row.side, row.stop_price, row.quantity) == (
            HELD, OrderType.STOP, side, draft.stop_price, D("0.1"),
        )  # fmt: skip
        assert "held by this desk" in outcome(row, engine.instrument(PERP)).lower()
        assert [each.client_id for each in engine.working(PERP)] == [row.client_id]
        assert not engine.orders(), "the venue has heard of nothing"
        assert plan_of(desk, row).kind is PlanKind.STOP
        await desk.run_until(engine.orders, 14_400)
        [sent] = engine.orders()
        assert (sent.type, sent.side, sent.quantity, sent.stop_price) == (OrderType.MARKET, side, D("0.1"), None)
        middle = engine.market(PERP).mid()
        assert middle is not None
        assert draft.stop_price is not None
        assert abs(middle / draft.stop_price - 1) < D("0.002")
        await desk.settle(lambda: engine.position(PERP).quantity == D("0.1") * side.sign)
        await desk.settle(lambda: plan_of(desk, row).state is PlanState.DONE)
        assert not engine.working(PERP)


async def test_a_stop_limit_becomes_the_limit_order(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        draft = stop(desk, Side.BUY, NEAR, type=OrderType.STOP_LIMIT)
        assert draft.stop_price is not None
        limit = draft.stop_price + 5
        await desk.engine.submit(stop(desk, Side.BUY, NEAR, type=OrderType.STOP_LIMIT, price=limit))
        await desk.run_until(desk.engine.orders, 14_400)
        [sent] = desk.engine.orders()
        assert (sent.type, sent.price, sent.stop_price) == (OrderType.LIMIT, limit, None)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_a_take_profit_order_waits_on_the_other_side(tmp_path: Path, side: Side) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        draft = stop(desk, side, f"-{NEAR}", type=OrderType.TAKE_PROFIT)
        await desk.engine.submit(draft)
        await desk.run_until(desk.engine.orders, 14_400)
        [sent] = desk.engine.orders()
        middle = desk.engine.market(PERP).mid()
        assert middle is not None
        assert draft.stop_price is not None
        assert (sent.type, sent.side) == (OrderType.MARKET, side)
        assert (draft.stop_price - middle) * side.sign > 0


async def test_it_brings_its_exits_along(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        entry = stop(desk, Side.BUY, NEAR)
        assert entry.stop_price is not None
        plan = await engine.start_plan(terms.bracket(entry, stop=entry.stop_price - 500))
        assert {row.note for row in engine.kept_exits(PERP)} == {HELD, "waits"}
        await desk.run_until(lambda: engine.core.plans.tally(plan).open, 14_400)
        [exit_] = engine.kept_exits(PERP)
        assert (exit_.side, exit_.quantity, exit_.note) == (Side.SELL, D("0.1"), HELD)


@pytest.mark.parametrize("how", ["row", "plan", "all", "side", "kill"])
async def test_it_goes_when_it_is_cancelled(tmp_path: Path, how: str) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        row = await engine.submit(stop(desk, Side.BUY, NEAR))
        match how:
            case "row":
                await engine.cancel(row.client_id)
            case "plan":
                await engine.cancel(row.plan)
            case "all":
                await engine.cancel_all(PERP)
            case "side":
                await engine.cancel_all(PERP, Side.BUY)
            case "kill":
                engine.kill("a test")
        await desk.settle(lambda: not plan_of(desk, row).is_active)
        assert not engine.working(PERP)
        await desk.run(60)
        assert not engine.orders()


async def test_it_is_moved(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        row = await engine.submit(stop(desk, Side.BUY, "0.05"))
        assert row.stop_price is not None
        with pytest.raises(Refused, match="market"):
            await engine.amend(row.client_id, stop_price=row.stop_price - 10_000)
        moved = await engine.amend(row.client_id, quantity=D("0.2"), stop_price=row.stop_price + 100)
        assert (moved.quantity, moved.stop_price) == (D("0.2"), row.stop_price + 100)
        assert [(each.quantity, each.stop_price) for each in engine.working(PERP)] == [(D("0.2"), row.stop_price + 100)]


async def test_one_that_the_market_has_passed_already_is_refused(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        for side, words in ((Side.BUY, "above"), (Side.SELL, "below")):
            draft = stop(desk, side, "-0.01")
            assert not desk.engine.preview(draft).ok
            with pytest.raises(Refused, match=words):
                await desk.engine.submit(draft)
        assert not desk.engine.core.plans.sets


async def test_limits_are_judged_when_it_is_given_and_when_it_is_sent(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        with pytest.raises(Refused):
            await engine.submit(stop(desk, Side.BUY, NEAR, quantity="10000"))
        row = await engine.submit(stop(desk, Side.BUY, NEAR))
        await engine.risk.change_limit("max_order_value", "100")
        await desk.run_until(lambda: not plan_of(desk, row).is_active, 14_400)
        [denied] = engine.orders()
        assert denied.state is OrderState.DENIED
        assert any("its entry was denied" in text for text in errors(desk)), "loud: the trader waits for a position"


async def test_a_stop_against_a_position_protects_it_as_its_exit(tmp_path: Path) -> None:
    """And fires whenever the market is beyond it: an entry that was missed is not."""
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.settle(lambda: not engine.position(PERP).is_flat)
        row = await engine.submit(stop(desk, Side.SELL, NEAR, quantity="0.2"))
        plan = plan_of(desk, row)
        assert (plan.kind, plan.covers, plan.stop) == (PlanKind.EXIT, D("0.2"), row.stop_price)
        await desk.run_until(lambda: engine.position(PERP).quantity == D("0.3"), 14_400)


async def test_of_spot_one_for_all_that_was_bought_protects_what_the_fee_has_left(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        terms, bought = desk.engine.instrument(BTC), D("0.02")
        await desk.market(BTC, Side.BUY, str(bought))
        await desk.settle(lambda: not desk.engine.position(BTC).is_flat)
        quantity = bought + terms.lot
        row = await desk.engine.submit(stop(desk, Side.SELL, "0.01", quantity=str(quantity), instrument=BTC))
        plan = plan_of(desk, row)
        assert (plan.kind, plan.covers) == (PlanKind.EXIT, desk.engine.position(BTC).quantity)


async def test_after_a_restart_it_is_held_again(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        row = await desk.engine.submit(stop(desk, Side.BUY, NEAR))
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        assert [each.client_id for each in engine.working(PERP)] == [row.client_id]
        await desk.run_until(lambda: engine.orders() or not plan_of(desk, row).is_active, 14_400)
        [sent] = engine.orders()
        assert sent.type is OrderType.MARKET


async def test_what_the_market_passed_while_the_desk_was_off_is_not_sent_and_told(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        row = await desk.engine.submit(stop(desk, Side.BUY, NEAR))
        plan = plan_of(desk, row)
        [entry] = plan.entries
        assert entry.stop_price is not None
        passed = replace(
            plan, entries=(replace(entry, stop_price=entry.stop_price - 500),)
        )  # as if the market had risen
        await asyncio.wrap_future(desk.engine._journal.append(PlanChanged(ts=desk.clock.now(), plan=passed)))
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        await desk.run_until(lambda: not plan_of(desk, row).is_active, 120)
        assert not desk.engine.orders()
        assert any("not sent" in text and "while this desk did not see it" in text for text in errors(desk))


async def test_it_ends_with_its_time(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        until = desk.clock.now() + MINUTE
        row = await engine.submit(stop(desk, Side.BUY, "0.05", tif=TimeInForce.GTD, expire_at=until))
        day = await engine.submit(stop(desk, Side.BUY, "0.05", instrument=BTC, quantity="0.01", tif=TimeInForce.DAY))
        await desk.run(50)
        assert plan_of(desk, row).is_active
        await desk.run(15)
        assert "time" in plan_of(desk, row).reason
        assert plan_of(desk, day).is_active
        assert plan_of(desk, day).entries[0].expire_at is not None


async def test_while_the_desk_only_reduces_it_is_not_sent_late(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        row = await engine.submit(stop(desk, Side.BUY, NEAR))
        await engine.set_reducing(True)
        assert engine.trading_state is TradingState.REDUCING
        await desk.run_until(lambda: not plan_of(desk, row).is_active, 14_400)
        assert not engine.orders()
        assert any("REDUCING" in text for text in errors(desk))


async def test_where_no_price_is_seen_it_says_so(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        row = await engine.submit(stop(desk, Side.BUY, "0.05"))
        market = engine.market(PERP)
        market.book.stale, market.mark, market.last = "a test", None, None
        for _ in range(20):
            desk.clock.advance(SECOND // 4)
            await asyncio.sleep(0)
        assert any("BLIND" in each.note for each in engine.working(PERP))
        assert any("no price is seen" in text and "entry" in text for text in errors(desk))
        assert not any("NOT PROTECTED" in text for text in errors(desk)), "it protects nothing"
        assert plan_of(desk, row).is_active


async def test_the_words_say_that_it_is_held(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        engine = desk.engine
        context = context_of(engine, PERP, currency="USDT", account_name="demo")
        place = parse("buy stop 0.1 @ 70000", context)
        assert "held by this desk until then" in describe(place, context)
        bracket = parse("buy stop 0.1 @ 70000 stop 65000", context)
        assert "held by this desk until then" in describe(bracket, context)
        assert "held by this desk until the market reaches its price" in (await perform(bracket, engine) or "")
        assert any("at 70000" in each.text for each in engine.log.entries if each.source == "plans")


def looked(seen: int | None, *, book: bool = False, proof: bool = False, **terms_of: object) -> list[object]:
    """What a plan that holds a buy at 1,010 wants: seen before that price so many seconds ago, and beyond it now."""
    draft = OrderDraft(
        instrument=WORLD.id,
        side=Side.BUY,
        quantity=D(1),
        type=OrderType.STOP,
        stop_price=D(1_010),
        **terms_of,  # type: ignore[arg-type]
    )
    plan = terms.held_entry(draft)
    now = 1_000 * SECOND
    return decide(
        Situation(
            plan=replace(plan, plan_id="P"),
            tally=Tally(plan, []),
            instrument=WORLD,
            available=D(0),
            now=now,
            bid=D(1_011) if book else None,
            ask=D(1_012) if book else None,
            rests_stops=False,
            proofs=((D(1_011), D(1_012)),) if proof else (),
            sighted=None if seen is None else now - seen * SECOND,
        )
    )


def test_it_is_sent_by_a_whole_book_alone_and_not_late() -> None:
    assert any(isinstance(each, Send) for each in looked(1, book=True))
    assert [type(each) for each in looked(1, proof=True)] == [Wake], "no position is opened on a stale book"
    [end] = looked(31, proof=True)[-1:]
    assert isinstance(end, End)
    assert end.loud
    assert "no whole book" in end.reason
    for seen in (31, None):
        [late] = looked(seen, book=True)[-1:]
        assert isinstance(late, End)
    assert any(isinstance(each, Send) for each in looked(None, proof=True, reduce_only=True)), "what closes is sent"
    [over] = looked(1, expire_at=999 * SECOND)[-1:]
    assert isinstance(over, End)
