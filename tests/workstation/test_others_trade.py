"""Others trade on the same account: this desk goes on trading, and its books and limits have what they did."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import GENEROUS
from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import DUST, Truth, live_desk_on, paths_in, settings_of, told, until
from tests.support.others import Other
from tests.support.real_venue import keys_of
from workstation.clock import LiveClock
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.real_desks import live_desk
from workstation.trading.order_ids import kill_order_id, made_by_kill, made_by_tws, random_order_id

#: The instrument of each exchange that is traded here.
TRADED = {"binance": "LOOP:BTC-USDT", "binanceusdm": "LOOP:BTC-USDT-PERP", "bybit": "LOOP:BTC-USDT-PERP"}
DIALECTS = ["bybit", "binance", pytest.param("binanceusdm", marks=pytest.mark.slow)]
#: Comparisons by the clock never come in these tests.
NEVER = 600.0


def bid(instrument: str, price: int, quantity: str = "0.001") -> OrderDraft:
    return OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), price=Decimal(price))


def market(instrument: str, side: Side, quantity: str) -> OrderDraft:
    return OrderDraft(instrument=instrument, side=side, quantity=Decimal(quantity), type=OrderType.MARKET)


def found_elsewhere(engine: Engine) -> list[Order]:
    return [order for order in engine.orders() if order.origin == "external"]


def settled(exchange: LoopbackExchange, engine: Engine) -> bool:
    """Whether the desk has the same money as the exchange."""
    account, have = exchange.floor.account(), engine.core.portfolio.balance
    money = exchange.do(lambda: {each: account.total(each) for each in account.currencies})
    return all(abs(have("LOOP", currency) - total) < DUST for currency, total in money.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("external", ["adopt", "ignore"])
async def test_while_others_enter_orders_this_desk_s_are_not_denied(name: str, external: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument = TRADED[name]
        terms = {"compare_seconds": NEVER, "external_orders": external}
        async with live_desk_on(exchange, tmp_path, **terms) as engine, Other(exchange).quoting(instrument):
            for number in range(12):
                order = await engine.submit(bid(instrument, 59_000 + number))
                assert order.state is not OrderState.DENIED, f"{order.reason}\n{told(engine)}"
                await asyncio.sleep(0.15)
            if external == "adopt":
                await until(lambda: len(found_elsewhere(engine)) > 8, say=lambda: told(engine))


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_others_trade_is_in_the_books_at_once_and_limits_judge_by_it(name: str, tmp_path: Path) -> None:
    risk = msgspec.structs.replace(GENEROUS, max_position_value=Decimal(20_000))
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument, other = TRADED[name], Other(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER, risk=risk) as engine:
            before = len(exchange.done)
            other.enters(instrument, Side.BUY, "0.25")
            await until(lambda: engine.position(instrument).quantity > Decimal("0.24"), say=lambda: told(engine))
            asked = [place for place, _ in list(exchange.done)[before:] if "position" in place or "wallet" in place]
            assert asked == [], "the streams had told it: no question was needed"
            (theirs,) = found_elsewhere(engine)
            await until(lambda: engine.core.orders.orders[theirs.client_id].state is OrderState.FILLED)
            denied = await engine.submit(market(instrument, Side.BUY, "0.1"))
            assert denied.state is OrderState.DENIED
            assert "position" in denied.reason
            assert (await engine.submit(market(instrument, Side.SELL, "0.1"))).state is not OrderState.DENIED
            await until(lambda: not Truth(exchange).invented(engine) and settled(exchange, engine))


@pytest.mark.parametrize("name", DIALECTS)
async def test_an_order_by_hand_elsewhere_that_rests_and_fills_later_is_followed_from_its_first_word(
    name: str, tmp_path: Path
) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        instrument = TRADED[name]
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER) as engine:
            Other(exchange).enters(instrument, Side.BUY, "0.05", 63_000)
            await until(lambda: len(found_elsewhere(engine)) == 1, 3)
            assert not engine.core.unproven
            (theirs,) = found_elsewhere(engine)
            assert (theirs.state, theirs.price) == (OrderState.ACCEPTED, Decimal(63_000))
            await asyncio.to_thread(hand.sold, "0.05", "62990", instrument.partition(":")[2])
            await until(lambda: engine.core.orders.orders[theirs.client_id].state is OrderState.FILLED)
            await until(lambda: settled(exchange, engine), say=lambda: told(engine))
            assert not Truth(exchange).invented(engine)


@pytest.mark.parametrize("told_by_streams", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_what_others_trade_while_the_desk_compares_itself_is_booked_as_theirs_and_not_as_a_difference(
    told_by_streams: bool, tmp_path: Path
) -> None:
    """From the moment when what had been missed is booked, the streams' word of them is taken though the comparison
    goes on; what they leave out it asks for itself."""
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument = TRADED["bybit"]
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER) as engine:
            venue: Any = engine.venues["LOOP"]
            if not told_by_streams:
                venue.on_stranger = lambda _order: False
            positions = exchange.faults.hold("rest GET /v5/position/list", "arrived")
            venue.anew("a test wants it")
            assert engine.core.unproven["LOOP"].startswith("a test wants it, and its orders and money have not")
            await until(positions.reached.is_set)
            Other(exchange).enters(instrument, Side.BUY, "0.05")
            if told_by_streams:
                await until(lambda: engine.position(instrument).quantity == Decimal("0.05"), 2, lambda: told(engine))
            positions.release()
            await until(lambda: not engine.core.unproven, say=lambda: told(engine))
            assert [(one.filled, one.state) for one in engine.orders()] == [(Decimal("0.05"), OrderState.FILLED)]
            assert not Truth(exchange).invented(engine)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALECTS)
async def test_ignored_orders_of_others_have_the_desk_compare_soon(name: str, tmp_path: Path) -> None:
    """Also where the streams of money and positions tell nothing."""
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument = TRADED[name]
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER, external_orders="ignore") as engine:
            engine.venues["LOOP"].told.take = lambda **_: None  # type: ignore[attr-defined]
            Other(exchange).enters(instrument, Side.BUY, "0.05")
            await until(lambda: settled(exchange, engine), 20, say=lambda: told(engine))
            assert found_elsewhere(engine) == []
            if instrument.endswith("-PERP"):
                assert engine.position(instrument).quantity == Decimal("0.05")
            assert sum("did not make" in entry.text for entry in engine.log.entries) == 1


@pytest.mark.parametrize("first", ["cancelled", "filled", "in another market"])
async def test_others_may_use_a_client_id_again(first: str, tmp_path: Path) -> None:
    """Binance lets them, once its order has ended and in each market; bots do. The new order is another one: neither is
    it pulled as a cancel that was lost, nor are its fills beyond an order's quantity, nor is it overseen."""
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        btc, other, account = "LOOP:BTC-USDT", Other(exchange), exchange.floor.account()
        other._names = itertools.repeat("grid1")  # type: ignore[assignment]
        async with live_desk_on(exchange, tmp_path, compare_seconds=1.5) as engine:
            if first == "in another market":
                other.enters("LOOP:ETH-USDT", Side.BUY, "1", 2_900)
            else:
                other.enters(btc, Side.BUY, "0.01", None if first == "filled" else 60_000)
            await until(lambda: len(found_elsewhere(engine)) == 1, say=lambda: told(engine))
            if first == "cancelled":
                exchange.do(lambda: account.tell(account.cancel(account.working()[0])))
            if first != "in another market":
                await until(lambda: found_elsewhere(engine)[0].is_closed, say=lambda: told(engine))
            other.enters(btc, Side.BUY, "0.02", 60_010)
            other.enters(btc, Side.BUY, "0.02")
            await until(lambda: len(found_elsewhere(engine)) == 3, say=lambda: told(engine))
            compared = engine.comparisons.differences
            compared.clear()
            engine.comparisons._next.clear()
            await until(lambda: engine.comparisons._next, say=lambda: told(engine))
            rests, fills = found_elsewhere(engine)[1:]
            assert (rests.state, rests.price) == (OrderState.ACCEPTED, Decimal(60_010)), told(engine)
            assert (fills.state, fills.filled) == (OrderState.FILLED, Decimal("0.02")), told(engine)
            assert exchange.do(lambda: [one.order.price for one in account.working(btc)]) == [Decimal(60_010)]
            assert settled(exchange, engine)
            assert not Truth(exchange).invented(engine)
            assert await cancelled(engine, rests)


@pytest.mark.slow
async def test_an_order_that_was_changed_filled_and_cancelled_unheard_is_shown_with_its_last_terms(
    tmp_path: Path,
) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        hand, account = Hand(exchange), exchange.floor.account()
        instrument = TRADED["bybit"]
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER) as engine:
            Other(exchange).enters(instrument, Side.BUY, "0.1", 63_000)
            await until(lambda: len(found_elsewhere(engine)) == 1, say=lambda: told(engine))
            for place in ("ws order", "ws execution"):
                exchange.faults.script(place, Kind.DROP, times=1_000)
            (record,) = exchange.do(account.working)
            exchange.do(lambda: account.tell(account.amend(record, Decimal("0.3"), Decimal(63_500))))
            await asyncio.to_thread(hand.sold, "0.15", "63400", instrument.partition(":")[2])
            exchange.do(lambda: account.tell(account.cancel(account.working()[0])))
            exchange.faults.clear()
            engine.comparisons._next.clear()
            await until(lambda: found_elsewhere(engine)[0].is_closed, say=lambda: told(engine))
            (theirs,) = found_elsewhere(engine)
            assert (theirs.quantity, theirs.filled) == (Decimal("0.3"), Decimal("0.15"))
            assert theirs.price == 63_500, "it was filled there: a buy above its limit would be a riddle"


@pytest.mark.parametrize(
    ("client_id", "sentence"),
    [
        (kill_order_id(), "LOOP: closed by tws kill, past this desk: sell 0.05 LOOP:BTC-USDT-PERP, order"),
        (random_order_id(), "LOOP has an order that another desk of tws made, or this one before its store was"),
    ],
    ids=["of a kill", "of a desk"],
)
async def test_an_order_of_tws_that_this_store_does_not_have_is_told_as_what_it_is(
    client_id: str, sentence: str, tmp_path: Path
) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument, other = TRADED["bybit"], Other(exchange)
        other._names = iter([client_id])  # type: ignore[assignment]
        async with live_desk_on(exchange, tmp_path, compare_seconds=NEVER) as engine:
            await engine.submit(market(instrument, Side.BUY, "0.05"))
            other.enters(instrument, Side.SELL, "0.05")
            await until(lambda: len(engine.fills()) == 2, say=lambda: told(engine))
            assert engine.position(instrument).is_flat
            assert sum(entry.text.startswith(sentence) for entry in engine.log.entries) == 1, told(engine)


async def test_what_tws_kill_sends_without_the_desk_s_store_bears_its_mark(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        settings, paths, keys = settings_of(exchange), paths_in(tmp_path), keys_of(exchange)
        stores = {"own": paths.data / "own.sqlite", "thrown away": tmp_path / "live.sqlite"}
        made = {}
        for name, store in stores.items():
            desk = partial(live_desk, settings, paths, None, LiveClock(), keys, store, stores["own"])
            made[name] = (await asyncio.to_thread(desk)).gateway.next_id()
        assert [made_by_kill(client_id) for client_id in made.values()] == [False, True]
        assert all(made_by_tws(client_id) for client_id in made.values())


async def cancelled(engine: Engine, order: Order) -> bool:
    await engine.cancel(order.client_id)
    await until(lambda: engine.core.orders.orders[order.client_id].is_closed, say=lambda: told(engine))
    return engine.core.orders.orders[order.client_id].state is OrderState.CANCELED
