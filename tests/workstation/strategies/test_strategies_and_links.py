"""A strategy whose venue cannot be reached: it waits, and its position keeps its stop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, OTHER_PERP, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import OrderFilled
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.order import Order, OrderDraft, OrderState, Side
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.domain.trade_rules import TradeRules
from workstation.notify.messages import Topic, message_of
from workstation.strategies import comings, held_back, run_book
from workstation.strategies.strategy_thread import StrategyThread
from workstation.trading.risk_question import NEVER_COMPARED
from workstation.venues.contract import LinkState, VenueError
from workstation.venues.faulty import Fault, FaultyVenue
from workstation.venues.simulated import SimulatedVenue

ALWAYS = """
import numpy as np
from workstation.strategies.contract import Signals, SignalStrategy, Strategy

class Always(SignalStrategy):
    '''In whenever it may.'''
    def signals(self, candles):
        return Signals(long_entry=np.ones(len(candles), dtype=bool))

class Old(Always):
    '''In on bars of before a time, and never out.'''
    def signals(self, candles):
        return Signals(long_entry=candles.time < UNTIL)

class Both(Always):
    '''One of the peer against one of the first.'''
    NEEDS_PEER = True
    hedged = True
    def hedge(self, candles):
        return -np.ones(len(candles))

class Resting(Strategy):
    '''An order that rests, on its start.'''
    def on_start(self):
        from workstation.domain.order import Side
        self.trader.order(Side.BUY, 1, limit=50_000)
    def on_save(self):
        return {"kept": getattr(self, "kept", 0)}
    def on_load(self, state):
        self.kept = state["kept"] + 1
"""
RULES = TradeRules(size_rule="value", size=1_000, stop=0.05)


class Faulty:
    """Wraps a desk's venues; `down` takes NOVA's link away."""

    def __init__(self, down: bool = False) -> None:
        self.venues: dict[str, FaultyVenue] = {}
        self._down = down

    def __call__(self, venue: SimulatedVenue) -> FaultyVenue:
        found = self.venues[venue.name] = FaultyVenue(venue, venue._clock)
        if self._down:
            self.down()
        return found

    def down(self) -> None:
        for one in self.venues.values():
            one.link_state = LinkState.DOWN
            one.faults.add("cancel", Fault.UNREACHABLE, times=None)
            one.faults.add("submit", Fault.UNREACHABLE, times=None)

    def up(self) -> None:
        for one in self.venues.values():
            one.link_state = None
            one.faults.clear()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_book, "_PULL_TIMEOUT", 0.1)
    monkeypatch.setattr(held_back, "_AGAIN", 0.2)
    monkeypatch.setattr(held_back, "_QUIET", 0.1)
    monkeypatch.setattr(held_back, "_LOOK", 0.01)
    monkeypatch.setattr(comings, "_LOOK", 0.01)
    monkeypatch.setattr(comings, "_TOLD_AFTER", 0.1)


def stops(desk: TestDesk, run: StrategyRun) -> list[Order]:
    return [order for order in desk.engine.strategies.view(run.run_id).orders if order.stop_price is not None]


def sent(desk: TestDesk, run: StrategyRun) -> list[Order]:
    return [one for one in desk.engine.orders() if one.origin == run.run_id]


def fills(desk: TestDesk, order: Order, quantity: Decimal) -> None:
    """Its venue reports a fill of an order that rests."""
    assert order.price is not None
    fill = Fill(trade_id=f"late {order.client_id}", client_id=order.client_id, instrument=order.instrument,
                side=order.side, ts=desk.clock.now(), quantity=quantity, price=order.price, fee=Decimal(0),
                fee_currency="USDT", liquidity=Liquidity.MAKER)  # fmt: skip
    desk.engine.gateway.report("NOVA", OrderFilled(client_id=order.client_id, ts=fill.ts, fill=fill))


async def held(desk: TestDesk, tmp_path: Path, instrument: str) -> StrategyRun:
    """A run that holds something, with its stop at the venue."""
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    run = await desk.engine.strategies.start(
        f"{file}:Always", instrument, capital=Decimal(10_000), interval=5_000_000_000, rules=RULES, restarts=True
    )
    for _ in range(40):
        await desk.run(1)
        for _ in range(10):
            await asyncio.sleep(0.002)
        if [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]:
            return run
    raise AssertionError("it never entered")


@pytest.mark.parametrize("instrument", [BTC, PERP])
async def test_after_a_restart_without_a_link_it_waits_and_keeps_its_position_and_one_stop(
    tmp_path: Path, instrument: str
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await held(desk, tmp_path, instrument)
        [old], position = stops(desk, run), desk.engine.strategies.view(run.run_id).position
        now = desk.clock.now()
    link = Faulty(down=True)
    async with demo_desk(tmp_path, wrap=link, start=now) as desk:
        view = desk.engine.strategies.view
        await desk.settle(lambda: view(run.run_id).waits == "Waits for NOVA, which is not connected.")
        await desk.run(6)  # a bar closes
        await asyncio.sleep(0.3)
        assert [one.client_id for one in stops(desk, run)] == [old.client_id], "nothing is asked of the venue yet"
        desk.engine.core.unproven["NOVA"] = NEVER_COMPARED
        link.up()
        desk.engine.comparisons.rounds.why["NOVA"] = "There is no API key for NOVA."
        await desk.settle(lambda: "not been compared" in view(run.run_id).waits)
        await desk.settle(lambda: any(one.source == "waiting" for one in desk.engine.log.entries))
        await asyncio.sleep(0.1)
        [said] = [one for one in desk.engine.log.entries if one.source == "waiting"]
        note = message_of(said, lambda _: None, lambda _: None)
        assert note is not None, "the trader is sent it, once"
        assert note.topic is Topic.TROUBLE
        assert "(There is no API key for NOVA). It begins once that is mended" in note.fields["text"]
        assert old.client_id in [one.client_id for one in stops(desk, run)]
        del desk.engine.core.unproven["NOVA"]
        await desk.settle(lambda: [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]
                          and stops(desk, run)[0].client_id != old.client_id)  # fmt: skip
        await desk.run(6)
        await asyncio.sleep(0.1)
        now_held = view(run.run_id)
        assert (now_held.position, now_held.waits, len(stops(desk, run))) == (position, "", 1)
        assert not [one for one in sent(desk, run) if one.created_at > now and one.stop_price is None]


async def test_it_begins_only_when_its_orders_of_before_have_ended(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await held(desk, tmp_path, BTC)
        [old], now = stops(desk, run), desk.clock.now()
    link = Faulty()

    def unanswering(venue: SimulatedVenue) -> FaultyVenue:
        found = link(venue)
        found.faults.add("cancel", Fault.UNREACHABLE, times=None)  # the link stands all the same
        return found

    async with demo_desk(tmp_path, wrap=unanswering, start=now) as desk:
        view = desk.engine.strategies.view
        await desk.settle(lambda: view(run.run_id).waits == "Waits until its orders of before have ended.")
        assert [one.client_id for one in stops(desk, run)] == [old.client_id]
        link.up()
        await desk.settle(lambda: len(stops(desk, run)) == 1 and stops(desk, run)[0].client_id != old.client_id)
        assert view(run.run_id).position


async def lost_before_a_restart(tmp_path: Path, instrument: str) -> tuple[StrategyRun, Order, Order, int]:
    """A run that holds something with its stop at the venue, and has an order that nobody has answered."""
    link = Faulty()
    async with demo_desk(tmp_path, wrap=link) as desk:
        run = await held(desk, tmp_path, instrument)
        [stop] = stops(desk, run)
        link.venues["NOVA"].faults.add("submit", Fault.LOST)
        draft = OrderDraft(
            instrument=instrument, side=Side.BUY, quantity=Decimal(1), price=Decimal(50_000), origin=run.run_id
        )
        lost = await desk.engine.gateway.submit(draft)
        assert lost.state is OrderState.UNKNOWN
        return run, stop, lost, desk.clock.now()


class Slow(Faulty):
    """Venues that may take a request for a while after it was sent."""

    life = 30.0

    def __call__(self, venue: SimulatedVenue) -> FaultyVenue:
        found = super().__call__(venue)
        found.request_life = lambda: self.life  # type: ignore[attr-defined]
        return found


async def test_of_contracts_an_order_without_an_answer_is_waited_for_until_its_venue_denies_it(tmp_path: Path) -> None:
    run, old, lost, now = await lost_before_a_restart(tmp_path, PERP)
    link = Slow()
    async with demo_desk(tmp_path, wrap=link, start=now) as desk:
        desk.engine._reconciler.lost.span = 0.2
        await desk.settle(
            lambda: (
                [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]
                and stops(desk, run)[0].client_id != old.client_id
            )
        )
        assert desk.engine.core.orders.orders[lost.client_id].is_open, "half a minute it may still come"
        assert not desk.engine.strategies.view(run.run_id).waits
        await link.venues["NOVA"].inner.submit(lost)  # and it comes
        await desk.settle(lambda: not desk.engine.core.orders.orders[lost.client_id].is_open)
        assert [one.client_id for one in await link.venues["NOVA"].open_orders()] == [
            one.client_id for one in stops(desk, run)
        ]


async def test_of_spot_its_end_is_waited_for_in_words_and_the_stop_stands_so_long(tmp_path: Path) -> None:
    run, old, lost, now = await lost_before_a_restart(tmp_path, BTC)
    link = Slow()
    async with demo_desk(tmp_path, wrap=link, start=now) as desk:
        desk.engine._reconciler.lost.span = 0.2
        await desk.settle(lambda: desk.engine._reconciler.lost.denied(lost.client_id))
        words = "Waits, and keeps what protects it: NOVA has not answered on the order BUY 1 BTC-USDT, and may still"
        await desk.settle(lambda: desk.engine.strategies.view(run.run_id).waits.startswith(words))
        await asyncio.sleep(0.2)
        assert old.client_id in [one.client_id for one in await link.venues["NOVA"].open_orders()]
        assert sum("has not begun" in entry.text for entry in desk.engine.log.entries) == 1
        link.life = 0.0
        await desk.settle(lambda: desk.engine.core.orders.orders[lost.client_id].state is OrderState.REJECTED)
        await desk.settle(
            lambda: (
                [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]
                and stops(desk, run)[0].client_id != old.client_id
            )
        )


async def test_a_position_whose_stop_its_venue_refuses_is_closed_and_the_trader_is_sent_a_note(tmp_path: Path) -> None:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    link = Faulty()
    async with demo_desk(tmp_path, wrap=link) as desk:
        nova = link.venues["NOVA"]
        real, refused = nova.submit, list[Order]()

        async def submit(order: Order) -> None:
            if order.stop_price is not None or (order.reduce_only and len(refused) < 2):
                refused.append(order)
                raise VenueError("NOVA takes nothing of the kind.")
            await real(order)

        nova.submit = submit  # type: ignore[method-assign]
        run = await desk.engine.strategies.start(
            f"{file}:Always", PERP, capital=Decimal(10_000), interval=5 * SECOND, rules=RULES
        )
        closed = lambda: [one for one in sent(desk, run) if one.reduce_only and one.state is OrderState.FILLED]  # noqa: E731
        for _ in range(60):
            await desk.run(0.5)
            await asyncio.sleep(0.01)
            if closed():
                break
        assert len(refused) == 2
        assert [one.quantity for one in closed()[:1]] == [refused[0].quantity]
        said = [entry for entry in desk.engine.log.entries if entry.source == "position"]
        assert "has no stop (NOVA takes nothing of the kind), and closes what it holds at the market" in said[0].text
        assert "holds its position WITHOUT A STOP: it cannot close it" in said[1].text
        note = message_of(said[1], lambda _: None, lambda _: None)
        assert note is not None
        assert note.topic is Topic.TROUBLE


async def test_nothing_is_entered_on_bars_that_closed_while_it_waited(tmp_path: Path) -> None:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS.replace("UNTIL", str(START + 60 * SECOND)))
    link = Faulty(down=True)
    async with demo_desk(tmp_path, wrap=link) as desk:
        strategies = desk.engine.strategies
        run = await strategies.start(f"{file}:Old", BTC, capital=Decimal(10_000), interval=5 * SECOND, rules=RULES)
        await desk.settle(lambda: bool(strategies.view(run.run_id).waits))
        await desk.run(90)
        link.up()
        await desk.settle(lambda: not strategies.view(run.run_id).waits)
        await desk.run(10)
        await desk.settle(lambda: len(strategies.view(run.run_id).signals) > 2)
        await asyncio.sleep(0.1)
        assert not sent(desk, run)


async def test_a_pair_waits_for_the_venues_of_both_legs_and_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    async with demo_desk(tmp_path) as desk:
        run = await desk.engine.strategies.start(
            f"{file}:Both", BTC, capital=Decimal(10_000), interval=5 * SECOND, rules=RULES, restarts=True,
            further={"peer": OTHER_PERP},
        )  # fmt: skip
        for _ in range(60):
            await desk.run(1)
            for _ in range(10):
                await asyncio.sleep(0.002)
            if len(held := desk.engine.strategies.view(run.run_id).holds) == 2:
                break
        assert len(held) == 2
        now = desk.clock.now()
    link = Faulty()

    def away(venue: SimulatedVenue) -> FaultyVenue:
        found = link(venue)
        found.link_state = LinkState.DOWN if venue.name == "ORCA" else None
        return found

    async with demo_desk(tmp_path, wrap=away, start=now) as desk:
        view = desk.engine.strategies.view
        await desk.settle(lambda: view(run.run_id).waits == "Waits for ORCA, which is not connected.")
        await desk.run(11)
        await asyncio.sleep(0.1)
        assert not [one for one in sent(desk, run) if one.created_at > now]
        link.up()
        await desk.settle(lambda: not view(run.run_id).waits)
        await desk.settle(lambda: [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED])
        await desk.run(6)
        await asyncio.sleep(0.1)
        assert view(run.run_id).holds == held


@pytest.mark.parametrize("how", ["stop", "pause", "kill"])
async def test_one_that_waits_is_stopped_at_once_and_does_not_begin_afterwards(tmp_path: Path, how: str) -> None:
    file = tmp_path / "always.py"
    file.write_text(ALWAYS)
    async with demo_desk(tmp_path) as desk:
        run = await desk.engine.strategies.start(
            f"{file}:Resting", BTC, capital=Decimal(100_000), interval=5_000_000_000, restarts=True
        )
        await desk.settle(lambda: len(desk.engine.open_orders(BTC)) == 1)
        now = desk.clock.now()
    link = Faulty(down=True)
    async with demo_desk(tmp_path, wrap=link, start=now) as desk:
        strategies = desk.engine.strategies
        await desk.settle(lambda: bool(strategies.view(run.run_id).waits))
        if how == "kill":
            desk.engine.kill("the test")
        else:
            await (strategies.stop if how == "stop" else strategies.pause)(run.run_id)
        assert strategies.view(run.run_id).waits == ""
        count = len(desk.engine.orders())
        link.up()
        await desk.settle(lambda: not desk.engine.open_orders(BTC))  # what it left is pulled once the link is back
        await desk.run(6)
        await asyncio.sleep(0.1)
        assert len(desk.engine.orders()) == count
        state = strategies.view(run.run_id).run.state
        assert state is (RunState.PAUSED if how == "pause" else RunState.STOPPED)
        if how == "pause":  # its state is that of before
            await strategies.resume(run.run_id)
            strategy = strategies._live[run.run_id].strategy
            await desk.settle(lambda: getattr(strategy, "kept", 0) == 1)


async def test_a_stop_that_cannot_be_sent_is_set_when_the_link_is_back_and_nothing_is_sold(tmp_path: Path) -> None:
    link = Faulty()
    async with demo_desk(tmp_path, wrap=link) as desk:
        run = await held(desk, tmp_path, PERP)
        strategies = desk.engine.strategies
        position = strategies.view(run.run_id).position
        [old], live = stops(desk, run), strategies._live[run.run_id]
        link.venues["NOVA"].faults.add("submit", Fault.UNREACHABLE, times=2)  # the link is said to stand
        live.change(live.strategy._protect)  # type: ignore[attr-defined]
        await desk.settle(lambda: [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]
                          and stops(desk, run)[0].client_id != old.client_id)  # fmt: skip
        [stop] = stops(desk, run)
        assert stop.quantity == position
        link.down()
        live.change(live.strategy._protect)  # type: ignore[attr-defined]
        live.change(live.strategy._protect)  # type: ignore[attr-defined]
        await desk.settle(lambda: strategies.view(run.run_id).waits.startswith("A stop is not sent yet: NOVA is not"))
        assert [one.client_id for one in stops(desk, run)] == [stop.client_id]
        link.up()
        await desk.settle(lambda: [one.state for one in stops(desk, run)] == [OrderState.ACCEPTED]
                          and stops(desk, run)[0].client_id != stop.client_id)  # fmt: skip
        assert strategies.view(run.run_id).position == position
        assert [one.quantity for one in stops(desk, run)] == [position]


async def test_no_stop_and_on_spot_no_close_is_sent_beside_an_order_that_has_not_ended(tmp_path: Path) -> None:
    link = Faulty()
    async with demo_desk(tmp_path, wrap=link) as desk:
        run = await held(desk, tmp_path, BTC)
        strategies = desk.engine.strategies
        live, [old] = strategies._live[run.run_id], stops(desk, run)
        link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)
        live.change(live.strategy._protect)  # type: ignore[attr-defined]
        waits = "A stop is not sent yet: an order that was cancelled has not ended."
        await desk.settle(lambda: strategies.view(run.run_id).waits == waits)
        count = len(sent(desk, run))
        live.change(lambda: live.trader.close("signal"))
        await desk.settle(lambda: strategies.view(run.run_id).waits.startswith("The order that closes is not sent yet"))
        assert len(sent(desk, run)) == count
        assert [one.client_id for one in stops(desk, run)] == [old.client_id]
        link.up()
        await desk.settle(lambda: not desk.engine.open_orders(BTC) and len(sent(desk, run)) > count)
        await desk.run(0.2)
        await desk.settle(lambda: not strategies.view(run.run_id).position)


@pytest.mark.parametrize("ends", ["cancelled", "filled", "late"])
async def test_no_entry_is_sent_beside_an_order_that_was_cancelled_and_may_still_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """It goes once that one has ended; where that one has filled, or does not end, the strategy hears that it was not
    sent."""
    link = Faulty()
    if ends == "late":
        monkeypatch.setattr(held_back, "_TOO_OLD", 0.2)
    async with demo_desk(tmp_path, wrap=link) as desk:
        file = tmp_path / "always.py"
        file.write_text(ALWAYS)
        strategies = desk.engine.strategies
        run = await strategies.start(f"{file}:Resting", PERP, capital=Decimal(10_000), interval=5 * SECOND)
        await desk.settle(lambda: [one.state for one in sent(desk, run)] == [OrderState.ACCEPTED])
        [first], live = sent(desk, run), strategies._live[run.run_id]
        refused: list[str] = []
        monkeypatch.setattr(live.strategy, "on_reject", lambda _id, reason: refused.append(reason))
        link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)

        def replace() -> None:
            live.trader.cancel(first.client_id)
            live.trader.order(Side.BUY, Decimal(1), limit=Decimal(50_100))

        live.change(replace)
        waits = "An order is not sent yet: an order that was cancelled has not ended."
        await desk.settle(lambda: strategies.view(run.run_id).waits == waits or bool(refused))
        if ends == "filled":
            fills(desk, first, first.quantity)
        elif ends == "cancelled":
            link.up()
            await desk.settle(lambda: [one.price for one in desk.engine.open_orders(PERP)] == [Decimal(50_100)])
            assert not refused
            return
        why = "has filled" if ends == "filled" else "has not ended"
        await desk.settle(lambda: refused == [f"an order that was cancelled before it {why}"])
        assert len(sent(desk, run)) == 1


@pytest.mark.parametrize("part", [Decimal(1), Decimal("0.4")])
async def test_no_entry_is_sent_where_what_was_cancelled_for_it_fills_while_its_cancel_is_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Decimal
) -> None:
    """Wholly, or in part before it ends. The strategy goes on: what it decides next is sent."""
    link = Faulty()
    monkeypatch.setattr(run_book, "_PULL_TIMEOUT", 20.0)
    async with demo_desk(tmp_path, wrap=link) as desk:
        file = tmp_path / "always.py"
        file.write_text(ALWAYS)
        strategies = desk.engine.strategies
        run = await strategies.start(f"{file}:Resting", PERP, capital=Decimal(10_000), interval=5 * SECOND)
        await desk.settle(lambda: [one.state for one in sent(desk, run)] == [OrderState.ACCEPTED])
        [first], live = sent(desk, run), strategies._live[run.run_id]
        refused: list[str] = []
        monkeypatch.setattr(live.strategy, "on_reject", lambda _id, reason: refused.append(reason))
        link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)

        def replace() -> None:
            live.trader.cancel(first.client_id)
            live.trader.order(Side.BUY, Decimal(1), limit=Decimal(50_100))

        live.change(replace)
        await desk.settle(lambda: live.book.pulled(first.client_id))
        fills(desk, first, part)
        link.up()
        await desk.settle(lambda: desk.engine.order(first.client_id).filled == part)
        if part < 1:
            await desk.engine.gateway.cancel(first.client_id)
        await desk.settle(lambda: bool(refused) or len(sent(desk, run)) > 1)
        assert refused == ["an order that was cancelled before it has filled"]
        assert len(sent(desk, run)) == 1
        live.change(replace)
        await desk.settle(lambda: [one.price for one in desk.engine.open_orders(PERP)] == [Decimal(50_100)])
        assert len(refused) == 1


async def test_an_infinity_grid_whose_other_rung_fills_as_it_is_cancelled_rests_both_again_on_its_next_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Faulty()
    monkeypatch.setattr(run_book, "_PULL_TIMEOUT", 20.0)
    async with demo_desk(tmp_path, wrap=link) as desk:
        strategies = desk.engine.strategies
        run = await strategies.start("grid", PERP, capital=Decimal(10_000), interval=5 * SECOND,
                                     params={"kind": "infinity", "step": 5})  # fmt: skip

        def resting() -> dict[Side, Order]:
            return {one.side: one for one in strategies.view(run.run_id).orders if one.state is OrderState.ACCEPTED}

        async def next_bar(there: Callable[[], bool]) -> None:
            for _ in range(30):
                await desk.run(1)
                await asyncio.sleep(0.02)
                if there():
                    return
            raise AssertionError([(one.note, one.state) for one in sent(desk, run)])

        await next_bar(lambda: len(resting()) == 2)
        upper, lower, live = resting()[Side.SELL], resting()[Side.BUY], strategies._live[run.run_id]
        link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)
        fills(desk, upper, upper.quantity)
        await desk.settle(lambda: live.book.pulled(lower.client_id))
        fills(desk, lower, lower.quantity)
        link.up()
        said = "An order of grid@NOVA:BTC-USDT-PERP is not sent: an order that was cancelled before it has filled."
        await desk.settle(lambda: said in [one.text for one in desk.engine.log.entries])
        await desk.settle(lambda: list(resting()) == [Side.SELL])  # it does not enlarge the position
        await next_bar(lambda: {side: one.note for side, one in resting().items()} == {
            Side.BUY: "rung 0", Side.SELL: "rung 2"})  # fmt: skip


@pytest.mark.parametrize("instrument", [PERP, BTC])
async def test_a_plain_order_out_of_the_position_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    """Of contracts it goes at once, of spot when what was cancelled has ended."""
    link = Faulty()
    monkeypatch.setattr(held_back, "_TOO_OLD", 0.1)
    async with demo_desk(tmp_path, wrap=link) as desk:
        file = tmp_path / "always.py"
        file.write_text(ALWAYS)
        strategies = desk.engine.strategies
        run = await strategies.start(f"{file}:Resting", instrument, capital=Decimal(100_000), interval=5 * SECOND)
        await desk.settle(lambda: [one.state for one in sent(desk, run)] == [OrderState.ACCEPTED])
        [first], live = sent(desk, run), strategies._live[run.run_id]
        refused: list[str] = []
        monkeypatch.setattr(live.strategy, "on_reject", lambda _id, reason: refused.append(reason))
        live.change(lambda: live.trader.order(Side.BUY, Decimal("0.5")) and None)
        await desk.settle(lambda: len(sent(desk, run)) == 2)
        await desk.run(1)
        await desk.settle(lambda: strategies.view(run.run_id).position > 0)
        link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)

        def leave() -> None:
            live.trader.cancel(first.client_id)
            live.trader.order(Side.SELL, live.trader.position)

        live.change(leave)
        if instrument == BTC:
            await desk.settle(lambda: strategies.view(run.run_id).waits.startswith("An order is not sent yet"))
            await asyncio.sleep(0.3)
            assert not refused
            assert len(sent(desk, run)) == 2
            link.up()
        await desk.settle(lambda: len(sent(desk, run)) == 3)
        assert sent(desk, run)[2].reduce_only is (instrument == PERP), "with what may fill it opens nothing"
        await desk.run(1)
        await desk.settle(lambda: not strategies.view(run.run_id).position)
        assert not refused


async def test_a_call_that_the_machine_slept_through_has_not_taken_too_long() -> None:
    """The loop goes by a clock that counts the sleep; the strategy's thread did not run meanwhile."""
    loop, began = asyncio.get_running_loop(), threading.Event()
    of_before, slept = loop.time, [0.0]
    loop.time = lambda: of_before() + slept[0]  # type: ignore[method-assign]
    thread = StrategyThread("sleeper")

    def work() -> str:
        began.set()
        time.sleep(0.1)
        return "done"

    async def sleep() -> None:
        while not began.is_set():
            await asyncio.sleep(0)
        slept[0] = 3_600.0

    try:
        answer, _ = await asyncio.gather(thread.call(work, 10.0), sleep())
        assert answer == "done"
        with pytest.raises(TimeoutError):
            await thread.call(lambda: time.sleep(0.1), 0.01)
    finally:
        thread.end()
        loop.time = of_before  # type: ignore[method-assign]


async def left_beside_a_target(
    desk: TestDesk, link: Faulty, folder: Path, instrument: str
) -> tuple[StrategyRun, Order]:
    """A run that held 0.5 has cancelled its plain target, which is not answered, and sold what it holds in one call:
    the run and the target."""
    file = folder / "always.py"
    file.write_text(ALWAYS)
    strategies = desk.engine.strategies
    run = await strategies.start(f"{file}:Resting", instrument, capital=Decimal(100_000), interval=5 * SECOND)
    await desk.settle(lambda: [one.state for one in sent(desk, run)] == [OrderState.ACCEPTED])
    live = strategies._live[run.run_id]
    live.change(lambda: live.trader.order(Side.BUY, Decimal("0.5")) and None)
    await desk.settle(lambda: len(sent(desk, run)) == 2)
    await desk.run(1)
    await desk.settle(lambda: strategies.view(run.run_id).position > 0)
    live.change(lambda: live.trader.order(Side.SELL, Decimal("0.5"), limit=Decimal(70_000)) and None)
    await desk.settle(lambda: [one.state for one in sent(desk, run)][2:] == [OrderState.ACCEPTED])
    target = sent(desk, run)[2]
    link.venues["NOVA"].faults.add("cancel", Fault.UNREACHABLE, times=None)

    def leave() -> None:
        live.trader.cancel(target.client_id)
        live.trader.order(Side.SELL, live.trader.position)

    live.change(leave)
    await desk.settle(lambda: live.book.pulled(target.client_id))
    return run, target


@pytest.mark.parametrize("instrument", [PERP, BTC])
async def test_what_leaves_a_position_goes_for_no_more_than_a_cancelled_order_left_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instrument: str
) -> None:
    link = Faulty()
    monkeypatch.setattr(run_book, "_PULL_TIMEOUT", 20.0)
    async with demo_desk(tmp_path, wrap=link) as desk:
        run, target = await left_beside_a_target(desk, link, tmp_path, instrument)
        fills(desk, target, Decimal("0.2"))
        link.up()
        await desk.settle(lambda: desk.engine.order(target.client_id).filled == Decimal("0.2"))
        await desk.engine.gateway.cancel(target.client_id)
        await desk.settle(lambda: len(sent(desk, run)) == 4)
        assert sent(desk, run)[3].quantity == Decimal("0.3")


async def test_a_plain_exit_waits_beside_its_own_plain_target_that_may_still_fill(tmp_path: Path) -> None:
    link = Faulty()
    async with demo_desk(tmp_path, wrap=link) as desk:
        run, target = await left_beside_a_target(desk, link, tmp_path, PERP)
        strategies = desk.engine.strategies
        await desk.settle(lambda: bool(strategies.view(run.run_id).waits))
        fills(desk, target, Decimal("0.5"))
        await desk.run(1)
        await desk.settle(lambda: not strategies.view(run.run_id).waits)
        assert len(sent(desk, run)) == 3
        assert strategies.view(run.run_id).position == desk.engine.position(PERP).quantity == 0
