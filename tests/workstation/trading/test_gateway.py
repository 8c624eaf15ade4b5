"""Sending and hearing back when the network misbehaves: nothing is sent twice, forgotten or assumed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import BTC, GENEROUS, PERP, START, TestDesk, demo_desk
from workstation.clock import MILLISECOND, SECOND
from workstation.domain import events as e
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.store.submission import Submission
from workstation.store.write_ahead import WriteAheadLog
from workstation.store.writer import Writer
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.venues.contract import MarketSink, OrderSink
from workstation.venues.faulty import Fault, FaultyVenue
from workstation.venues.simulated import SimulatedVenue


def faulty(kept: dict[str, FaultyVenue]) -> Callable[[SimulatedVenue], FaultyVenue]:
    def wrap(venue: SimulatedVenue) -> FaultyVenue:
        kept[venue.name] = FaultyVenue(venue, venue._clock, delay=300 * MILLISECOND)
        return kept[venue.name]

    return wrap


def sends(venue: FaultyVenue) -> list[str | None]:
    return [client_id for call, client_id in venue.calls if call == "submit"]


async def settled(desk: TestDesk, client_id: str, state: OrderState) -> Order:
    await desk.settle(lambda: (order := desk.engine.order(client_id)) is not None and order.state is state, 20)
    order = desk.engine.order(client_id)
    assert order is not None
    return order


async def test_an_accepted_order_whose_answer_was_lost_is_found_again(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova = venues["NOVA"]
        nova.faults.add("submit", Fault.UNANSWERED)
        nova.faults.add("report", Fault.DROP, of=e.OrderAccepted)
        nova.faults.add("order_status", Fault.LOST, times=3)
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        assert order.state is OrderState.UNKNOWN
        found = await settled(desk, order.client_id, OrderState.ACCEPTED)
        assert found.venue_order_id
        assert sends(nova) == [order.client_id]


async def test_an_order_that_never_arrived_counts_at_its_worst_until_the_venue_has_said_so(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova = venues["NOVA"]
        nova.faults.add("submit", Fault.LOST)
        free = desk.engine.free_funds("NOVA", "USDT")
        order = await desk.limit(PERP, Side.BUY, "1", away=300)
        assert order.state is OrderState.UNKNOWN
        assert desk.engine.free_funds("NOVA", "USDT") < free - 1_000
        assert desk.engine.core.position_risk(desk.engine.instrument(PERP)).buys == 1
        gone = await settled(desk, order.client_id, OrderState.REJECTED)
        assert "never had" in gone.reason
        assert desk.engine.free_funds("NOVA", "USDT") == free
        assert sends(nova) == [order.client_id]


async def test_failed_look_ups_prove_nothing(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        venues["NOVA"].faults.add("submit", Fault.LOST)
        venues["NOVA"].faults.add("order_status", Fault.UNREACHABLE, times=None)
        order = await desk.limit(PERP, Side.BUY, "1", away=300)
        await desk.settle(lambda: sum(call == "order_status" for call, _ in venues["NOVA"].calls) >= 4)
        current = desk.engine.order(order.client_id)
        assert current is not None
        assert current.state is OrderState.UNKNOWN


async def test_lost_fills_are_fetched(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova = venues["NOVA"]
        nova.faults.add("submit", Fault.UNANSWERED)
        nova.faults.add("report", Fault.DROP, times=None)
        order = await desk.market(BTC, Side.BUY, "0.5")
        filled = await settled(desk, order.client_id, OrderState.FILLED)
        assert desk.engine.position(BTC).quantity == filled.filled == Decimal("0.5")
        assert desk.engine.balance("NOVA", "USDT") == (await desk.venues["NOVA"].balances())["USDT"]


@pytest.mark.parametrize("question", ["order_status", "fills_since"])
async def test_what_a_venue_showed_before_a_change_is_no_answer_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """The change is sent while the venue is asked about the order, and has not arrived yet."""
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues), answer_timeout=20.0) as desk:
        nova, arrives, tasks = venues["NOVA"], asyncio.Event(), set[asyncio.Task[Order]]()
        nova.faults.add("report", Fault.DROP, times=None, of=e.OrderFilled)
        order = await desk.limit(PERP, Side.BUY, "50", away=-20)
        assert order.price is not None
        price, amend, ask = order.price - 10, nova.amend, getattr(nova, question)

        async def amend_late(*terms: Any) -> None:
            await arrives.wait()
            await amend(*terms)

        async def answer_late(*about: Any) -> Any:
            answer = await ask(*about)
            if not tasks:
                tasks.add(asyncio.create_task(desk.engine.amend(order.client_id, price=price)))
            await settled(desk, order.client_id, OrderState.PENDING_AMEND)
            return answer

        monkeypatch.setattr(nova, "amend", amend_late)
        monkeypatch.setattr(nova, question, answer_late)
        assert await desk.engine._reconciler.ask(order.client_id), "it is not clear yet"
        now = await settled(desk, order.client_id, OrderState.PENDING_AMEND)
        assert 0 < now.filled < 50
        arrives.set()
        await asyncio.gather(*tasks)
        assert (await settled(desk, order.client_id, OrderState.PARTIALLY_FILLED)).price == price
        assert not any(
            isinstance(one, e.OrderAmendRejected) for one in desk.engine.core.orders.history(order.client_id)
        )


async def test_doubled_reports_change_nothing(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        venues["NOVA"].faults.add("report", Fault.DOUBLE, times=None)
        await desk.market(BTC, Side.BUY, "0.5")
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        await desk.engine.cancel(order.client_id)
        assert desk.engine.position(BTC).quantity == Decimal("0.5")
        assert desk.engine.balance("NOVA", "USDT") == (await desk.venues["NOVA"].balances())["USDT"]


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.UNREACHABLE, Fault.REFUSE])
async def test_a_cancel_that_went_wrong_leaves_the_truth_on_the_screen(tmp_path: Path, fault: Fault) -> None:
    """Whatever became of the cancel: desk and venue agree soon, and a second cancel gets it."""
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        venues["NOVA"].faults.add("cancel", fault)
        await desk.engine.cancel(order.client_id)
        if fault in (Fault.LOST, Fault.UNANSWERED):
            await settled(desk, order.client_id, OrderState.CANCELED)
        else:
            current = await settled(desk, order.client_id, OrderState.ACCEPTED)
            assert current.reason
            await desk.engine.cancel(order.client_id)
        await settled(desk, order.client_id, OrderState.CANCELED)
        assert await desk.venues["NOVA"].open_orders() == []


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.UNREACHABLE, Fault.REFUSE])
async def test_an_amend_that_went_wrong_ends_in_the_terms_that_the_venue_has(tmp_path: Path, fault: Fault) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        assert order.price is not None
        venues["NOVA"].faults.add("amend", fault)
        venues["NOVA"].faults.add("report", Fault.DROP, of=e.OrderAmended)
        await desk.engine.amend(order.client_id, quantity=Decimal("0.2"), price=order.price + 1)
        current = await settled(desk, order.client_id, OrderState.ACCEPTED)
        shown = await desk.venues["NOVA"].order_status(order.client_id)
        assert shown is not None
        assert (current.quantity, current.price) == (shown.quantity, shown.price)
        assert current.quantity == (Decimal("0.2") if fault is Fault.UNANSWERED else Decimal("0.1"))


async def test_the_intent_is_durable_before_the_venue_hears_of_it(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Watching(FaultyVenue):
        async def submit(self, order: Order) -> None:
            store = desk.engine._store
            assert store is not None
            kinds = [type(event) for event in store.events_of(order.client_id)]
            seen.append(e.OrderInitialized in kinds)
            await super().submit(order)

    async with demo_desk(tmp_path, wrap=lambda venue: Watching(venue, venue._clock)) as desk:
        await desk.limit(PERP, Side.BUY, "0.1", away=300)
        await desk.market(BTC, Side.BUY, "0.1")
    assert seen == [True, True]


async def test_that_it_was_sent_and_accepted_goes_to_the_disk_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together: list[list[type]] = []
    commit = Writer._commit

    def watched(self: Writer, group: list[Submission]) -> None:
        events = [event for submission in group for event in submission.events]
        if of_orders := [type(event) for event in events if hasattr(event, "client_id")]:
            together.append(of_orders)
        commit(self, group)

    async with demo_desk(tmp_path) as desk:
        monkeypatch.setattr(Writer, "_commit", watched)
        await desk.limit(PERP, Side.BUY, "0.1", away=300)
        await desk.settle(lambda: len(together) > 1)
    assert together == [[e.OrderInitialized], [e.OrderSubmitted, e.OrderAccepted]]


async def test_the_caller_may_go_away_and_the_order_is_followed_all_the_same(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        task = asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await desk.settle(lambda: [o.state for o in desk.engine.orders()] == [OrderState.ACCEPTED])


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk whose flushes end when it is told to go on."""
    going = threading.Event()
    flush = WriteAheadLog.flush

    def slowly(log: WriteAheadLog) -> None:
        going.wait(10)
        flush(log)

    going.set()
    monkeypatch.setattr(WriteAheadLog, "flush", slowly)
    yield going
    going.set()


async def test_an_order_cancelled_while_its_intent_is_stored_is_never_sent(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        slow_disk.clear()
        task = asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300))
        await desk.settle(lambda: bool(desk.engine.open_orders()))
        [order] = desk.engine.open_orders()
        assert order.state is OrderState.INITIALIZED
        await desk.engine.cancel(order.client_id)
        slow_disk.set()
        assert (await task).state is OrderState.DENIED
        assert sends(venues["NOVA"]) == []


async def test_an_order_is_judged_and_shown_though_the_disk_stands_still(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    """Not the flush of its own intent, but that of what came before it: an order is not invisible meanwhile, and the
    second press of a key is judged with the first one counted."""
    limits = msgspec.structs.replace(GENEROUS, duplicate_window_ms=250)
    async with demo_desk(tmp_path, limits=limits) as desk:
        slow_disk.clear()
        before = desk.engine._store.append()  # type: ignore[union-attr]
        tasks = [asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300)) for _ in range(2)]
        await desk.settle(lambda: len(desk.engine.orders()) == 2)
        first, second = desk.engine.orders()
        assert (first.state, second.state) == (OrderState.INITIALIZED, OrderState.DENIED)
        assert "bounced" in second.reason
        assert not before.done()
        assert not any(task.done() for task in tasks)
        slow_disk.set()
        assert [(await task).state for task in tasks] == [OrderState.ACCEPTED, OrderState.DENIED]
        desk.engine._store.flush()  # type: ignore[union-attr]
        kinds = [type(event) for event in desk.engine._store.events_of(second.client_id)]  # type: ignore[union-attr]
        assert kinds == [e.OrderInitialized, e.OrderDenied]


async def test_what_risk_refuses_is_not_sent_though_a_listener_fails_between(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        desk.engine.bus.subscribe(e.OrderInitialized, only=lambda _: {}["broken"])
        draft = OrderDraft(instrument=BTC, side=Side.SELL, quantity=Decimal(1), type=OrderType.MARKET)
        order = await desk.engine.submit(draft)
        assert order.state is OrderState.DENIED
        assert "spot cannot be sold short" in order.reason
        assert sends(venues["NOVA"]) == []


async def test_orders_that_are_handed_over_count_before_they_are_taken_in(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    """Whoever asks for room under the limit of orders a second would else give the same room away twice."""
    async with demo_desk(tmp_path) as desk:
        slow_disk.clear()
        tasks = [asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300 + n)) for n in range(3)]
        await asyncio.sleep(0)
        assert (len(desk.engine.orders()), desk.engine.gateway.entering) == (0, 3)
        await desk.settle(lambda: len(desk.engine.orders()) == 3)
        assert desk.engine.gateway.entering == 0
        slow_disk.set()
        await asyncio.gather(*tasks)


async def test_cancel_all_means_the_order_of_the_key_before_too(tmp_path: Path, slow_disk: threading.Event) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        slow_disk.clear()
        task = asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300))
        await asyncio.sleep(0)
        assert not desk.engine.orders()  # handed over, and not yet taken in
        [pulled] = await desk.engine.cancel_all()
        slow_disk.set()
        assert (await task).state is OrderState.DENIED
        assert pulled.client_id == task.result().client_id
        assert sends(venues["NOVA"]) == []


async def test_cancel_all_goes_on_past_an_order_that_has_ended_since_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        _, second, _ = [await desk.limit(PERP, Side.BUY, "0.1", away=away) for away in (300, 400, 500)]
        gateway, cancel = desk.engine.gateway, desk.engine.gateway.cancel

        async def cancel_after_an_end(client_id: str) -> Order:
            if client_id == second.client_id:
                gateway.report("NOVA", e.OrderExpired(client_id=client_id, ts=desk.clock.now()))
            return await cancel(client_id)

        monkeypatch.setattr(gateway, "cancel", cancel_after_an_end)
        states = [order.state for order in await desk.engine.cancel_all()]
        assert states == [OrderState.CANCELED, OrderState.EXPIRED, OrderState.CANCELED]
        assert not desk.engine.open_orders()


async def test_a_halt_while_an_intent_waits_for_the_disk_denies_the_order(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        slow_disk.clear()
        task = asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300))
        await asyncio.sleep(0)
        desk.engine.kill("the test")
        slow_disk.set()
        assert (await task).state is OrderState.DENIED
        assert sends(venues["NOVA"]) == []
        await desk.settle(lambda: desk.engine.kill_status.finished is not None)


async def test_an_order_that_its_venue_cannot_prepare_goes_out_all_the_same(tmp_path: Path) -> None:
    class Broken(FaultyVenue):
        def expect(self, order: Order) -> None:
            raise ZeroDivisionError

    async with demo_desk(tmp_path, wrap=lambda venue: Broken(venue, venue._clock)) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        assert order.state is OrderState.ACCEPTED
        assert any("could not prepare" in entry.text for entry in desk.engine.log.entries)


async def test_an_order_that_cannot_be_judged_is_denied_and_the_caller_hears_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        with monkeypatch.context() as broken:
            broken.setattr(TradingCore, "judge", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await desk.limit(PERP, Side.BUY, "0.1", away=300)
        [order] = desk.engine.orders()
        assert order.state is OrderState.DENIED
        assert "could not be judged" in order.reason
        assert sends(venues["NOVA"]) == []


async def test_a_cancel_of_an_order_that_ends_in_the_same_instant_is_done_or_refused(
    tmp_path: Path,
) -> None:
    async with demo_desk(tmp_path) as desk:
        for kind, reason in ((e.OrderCanceled, "its plan was faster"), (e.OrderExpired, "its time was over")):
            order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
            task = asyncio.create_task(desk.engine.cancel(order.client_id))
            await asyncio.sleep(0)  # the command is given, and has not begun
            ended = kind(client_id=order.client_id, ts=desk.engine.clock.now(), reason=reason)
            desk.engine.gateway.report("NOVA", ended)
            if kind is e.OrderCanceled:
                assert (await task).state is OrderState.CANCELED
            else:
                with pytest.raises(Refused, match="expired already"):
                    await task
            desk.clock.advance(SECOND)


async def test_a_desk_that_stopped_between_sent_and_answered_asks_and_sends_nothing(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        for call in ("report", "order_status", "fills_since", "open_orders"):
            fault = Fault.DROP if call == "report" else Fault.LOST
            venues["NOVA"].faults.add(call, fault, times=None)
        venues["NOVA"].faults.add("submit", Fault.UNANSWERED, times=None)
        resting = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        taken = await desk.market(BTC, Side.BUY, "0.5")
        assert {resting.state, taken.state} == {OrderState.UNKNOWN}
    venues.clear()
    async with demo_desk(tmp_path, start=START + 60 * SECOND, wrap=faulty(venues)) as desk:
        await settled(desk, resting.client_id, OrderState.ACCEPTED)
        await settled(desk, taken.client_id, OrderState.FILLED)
        assert sends(venues["NOVA"]) == []
        assert desk.engine.position(BTC).quantity == Decimal("0.5")
        assert desk.engine.balance("NOVA", "USDT") == (await desk.venues["NOVA"].balances())["USDT"]


async def test_commands_on_closed_and_unknown_orders_are_refused_in_a_sentence(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        await desk.engine.cancel(order.client_id)
        with pytest.raises(Refused, match="cancelled already"):
            await desk.engine.cancel(order.client_id)
        with pytest.raises(Refused, match="no order"):
            await desk.engine.amend("nothing", price=Decimal(1))


async def test_an_amendment_is_judged_by_risk(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, money="100000") as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        with pytest.raises(Refused, match="tick"):
            await desk.engine.amend(order.client_id, price=Decimal("64000.01"))
        with pytest.raises(Refused, match="collar"):
            await desk.engine.amend(order.client_id, price=Decimal(80_000))
        with pytest.raises(Refused, match="margin"):
            await desk.engine.amend(order.client_id, quantity=Decimal(20))


async def test_a_close_leaves_nobody_a_position(tmp_path: Path) -> None:
    """Of those who held against each other too."""
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.1")
        await desk.market(PERP, Side.BUY, "0.4", origin=f"grid@{PERP}")
        await desk.engine.close_position(PERP)
        await desk.settle(lambda: desk.engine.position(PERP).is_flat)
        assert all(own.position.is_flat for own in desk.engine.core.results.owners.values())


async def test_closing_and_reversing(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.4")
        await desk.limit(PERP, Side.SELL, "0.4", away=300)
        await desk.engine.reverse(PERP)
        assert desk.engine.position(PERP).quantity == Decimal("-0.4")
        assert desk.engine.open_orders(PERP) == []
        closed = await desk.engine.close_position(PERP)
        assert closed.state is OrderState.FILLED
        assert desk.engine.position(PERP).is_flat
        with pytest.raises(Refused, match="no position"):
            await desk.engine.close_position(PERP)
        await desk.market(BTC, Side.BUY, "0.1")
        with pytest.raises(Refused, match="spot"):
            await desk.engine.reverse(BTC)


@pytest.mark.slow
async def test_break_even_waits_for_the_market_and_then_stands_beyond_the_fees(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.4")
        with pytest.raises(Refused, match="break-even"):
            await desk.engine.break_even(PERP)
        entry = desk.engine.position(PERP).average_price(desk.engine.instrument(PERP))
        assert entry is not None
        await desk.run_until(lambda: (desk.engine.mark(PERP) or 0) > entry * Decimal("1.0015"), 40_000, step=20)
        stop = await desk.engine.break_even(PERP)
        assert (stop.type, stop.state, stop.reduce_only) == (OrderType.STOP, OrderState.ACCEPTED, True)
        assert stop.stop_price is not None
        fees = 2 * desk.engine.instrument(PERP).taker_fee * entry
        assert entry + fees <= stop.stop_price < entry + fees + 1


async def test_a_draft_that_risk_refuses_is_denied_with_a_sentence_and_kept(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        draft = OrderDraft(instrument=BTC, side=Side.SELL, quantity=Decimal(1), type=OrderType.MARKET)
        denied = await desk.engine.submit(draft)
        assert denied.state is OrderState.DENIED
        assert "spot cannot be sold short" in denied.reason
        assert desk.engine._store is not None
        kept = [event.client_id for event in desk.engine._store.journal() if isinstance(event, e.OrderDenied)]
        assert kept == [denied.client_id], "what the trader was told is in the store already"
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        assert [order.reason for order in desk.engine.orders()] == [denied.reason]


async def test_reconciliation_leaves_an_order_alone_while_it_is_being_sent(
    tmp_path: Path, slow_disk: threading.Event
) -> None:
    """Neither while its intent is being stored nor while the request is on its way may anything be concluded."""
    gate = asyncio.Event()

    class Slow(FaultyVenue):
        async def submit(self, order: Order) -> None:
            await gate.wait()
            await super().submit(order)

    async with demo_desk(tmp_path, wrap=lambda venue: Slow(venue, venue._clock), answer_timeout=5.0) as desk:
        reconciler, nova = desk.engine._reconciler, desk.engine.venues["NOVA"]
        slow_disk.clear()
        task = asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300))
        await desk.settle(lambda: bool(desk.engine.open_orders()))
        [order] = desk.engine.open_orders()
        assert order.state is OrderState.INITIALIZED
        await reconciler.venue(nova)
        slow_disk.set()
        await desk.settle(lambda: desk.engine.open_orders()[0].state is OrderState.SUBMITTED)
        for _ in range(5):
            await reconciler.venue(nova)
            assert await reconciler.ask(order.client_id), "its fate is not clear yet"
            await asyncio.sleep(0.8)
        gate.set()
        assert (await task).state is OrderState.ACCEPTED
        kinds = [type(event) for event in desk.engine.order_events(order.client_id)]
        assert kinds == [e.OrderInitialized, e.OrderSubmitted, e.OrderAccepted]


async def test_a_fresh_fill_waits_at_the_start_until_the_missed_ones_are_booked(tmp_path: Path) -> None:
    """Average cost, and so what a sale realises, depends on the order of fills: it must be the venue's."""

    class Hasty(FaultyVenue):
        """Reports its newest fill before it has been asked for those that the desk missed."""

        async def connect(self, on_market: MarketSink, on_order: OrderSink) -> None:
            await super().connect(on_market, on_order)
            for fill in list(await self.inner.fills_since(0))[-1:]:
                on_order(e.OrderFilled(client_id=fill.client_id, ts=fill.ts, fill=fill))

    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        await desk.market(PERP, Side.BUY, "0.1")
        venues["NOVA"].faults.add("report", Fault.DROP, times=None, of=e.OrderFilled)
        for side, quantity in ((Side.BUY, "0.02"), (Side.SELL, "0.05")):
            await desk.run(30)
            await desk.market(PERP, side, quantity)
    async with demo_desk(tmp_path, start=START + 120 * SECOND, wrap=lambda venue: Hasty(venue, venue._clock)) as desk:
        [nova] = [venue for name, venue in desk.venues.items() if name == "NOVA"]
        theirs = [fill.trade_id for fill in await nova.fills_since(0)]
        assert [fill.trade_id for fill in desk.engine.core.fills] == theirs
        assert len(theirs) >= 3
        assert not [entry.text for entry in desk.engine.log.entries if "correction" in entry.text]


async def test_a_lost_cancel_is_open_again_counts_in_risk_and_is_cancelled_until_it_is_gone(tmp_path: Path) -> None:
    """The venue says "cancelled" and the order works on: the desk finds it, says so, and does not let go of it."""
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova, reconciler = venues["NOVA"], desk.engine._reconciler
        found: list[tuple[str, str, str]] = []
        reconciler.on_difference = lambda *difference: found.append(difference)
        order = await desk.limit(PERP, Side.BUY, "1", away=3_000)
        nova.faults.add("cancel", Fault.PRETENDED, times=1)
        nova.faults.add("cancel", Fault.REFUSE, times=1)
        assert (await desk.engine.cancel(order.client_id)).state is OrderState.CANCELED
        assert [shown.client_id for shown in await nova.inner.open_orders()] == [order.client_id]
        await reconciler.venue(nova)
        assert found == [], "a list may have been made before the end that it does not show: the next one counts"
        await desk.run(2)

        await reconciler.venue(nova)
        assert found == [("NOVA", "lost cancel", f"order {order.client_id} on {PERP}")]
        [open_again] = desk.engine.open_orders()
        assert (open_again.client_id, open_again.state) == (order.client_id, OrderState.ACCEPTED), "a refused cancel"
        assert desk.engine.core.position_risk(desk.engine.instrument(PERP)).buys == 1
        errors = [entry.text for entry in desk.engine.log.entries if entry.level == "error"]
        assert any(order.client_id in text and "shows it as working" in text for text in errors)

        await reconciler.venue(nova)
        assert desk.engine.open_orders() == []
        assert await nova.inner.open_orders() == []
        ends = [type(event) for event in desk.engine.order_events(order.client_id)]
        assert ends == [
            *(e.OrderInitialized, e.OrderSubmitted, e.OrderAccepted, e.OrderPendingCancel, e.OrderCanceled),
            *(e.OrderReopened, e.OrderPendingCancel, e.OrderCancelRejected, e.OrderPendingCancel, e.OrderCanceled),
        ]
        assert sends(nova) == [order.client_id]
        before = desk.engine.orders()
    async with demo_desk(tmp_path, start=desk.clock.now()) as desk:
        assert desk.engine.orders() == before, "the journal tells it again"


async def test_what_a_lost_cancel_fills_is_booked(tmp_path: Path) -> None:
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova = venues["NOVA"]
        order = await desk.limit(PERP, Side.BUY, "0.1", away=3)
        nova.faults.add("cancel", Fault.PRETENDED)
        await desk.engine.cancel(order.client_id)
        await desk.run_until(lambda: desk.engine.order(order.client_id).filled > 0)  # type: ignore[union-attr]
        await desk.engine._reconciler.venue(nova)
        await desk.run(2)
        await desk.engine._reconciler.venue(nova)
        assert await nova.inner.open_orders() == []
        current = desk.engine.order(order.client_id)
        assert current is not None
        assert current.is_closed
        assert desk.engine.position(PERP).quantity == current.filled == (await nova.inner.positions())[PERP]


async def test_an_order_that_was_denied_by_mistake_and_works_is_found(tmp_path: Path) -> None:
    """The venue says that it never had the order, and it works there: it is pulled, and nothing is sent again."""
    venues: dict[str, FaultyVenue] = {}
    async with demo_desk(tmp_path, wrap=faulty(venues)) as desk:
        nova = venues["NOVA"]
        nova.faults.add("submit", Fault.UNREACHABLE)
        order = await desk.limit(PERP, Side.BUY, "0.1", away=3_000)
        assert order.state is OrderState.REJECTED
        await nova.inner.submit(order)  # the request had been on its way after all
        await desk.run(2)
        await desk.engine._reconciler.venue(nova)
        assert (await settled(desk, order.client_id, OrderState.CANCELED)).venue_order_id
        assert await nova.inner.open_orders() == []
        assert sends(nova) == [order.client_id]


async def test_a_denial_names_the_check_that_refused_and_so_does_the_journal_on_the_disk(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        order = await desk.market(PERP, Side.SELL, "0.1", reduce_only=True)
        assert order.state is OrderState.DENIED
        [denied] = [one for one in desk.engine.order_events(order.client_id) if isinstance(one, e.OrderDenied)]
        assert (denied.check, denied.reason) == ("reduce only", order.reason)
    async with demo_desk(tmp_path) as desk:
        assert denied in desk.engine.order_events(order.client_id)
