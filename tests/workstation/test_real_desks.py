"""Whole desks on a loopback exchange: live and paper, restarts, and comparisons with what the venue shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import desk_of, desk_settings, keys_of, real_desk, until, venue_settings
from workstation import outside, real_desks
from workstation.domain.events import TradingState
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.outside import OutsideKill, stores_of
from workstation.outside_report import Outcome
from workstation.paths import Paths
from workstation.settings import Settings, SettingsError
from workstation.store.lock import DeskLock
from workstation.venues.ccxt.client import open_exchange
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.contract import LinkState

BTC = "LOOP:BTC-USDT"
LOW = Decimal("63900")


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        yield exchange


@pytest.fixture
def hand(exchange: LoopbackExchange) -> Hand:
    return Hand(exchange)


def draft(side: Side = Side.BUY, quantity: str = "0.01", price: Decimal | None = LOW, **terms: Any) -> OrderDraft:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderDraft(instrument=BTC, side=side, quantity=Decimal(quantity), price=price, type=kind, **terms)


def now_of(engine: Engine, order: Order) -> Order:
    return engine.core.orders.orders[order.client_id]


def kinds(engine: Engine) -> list[str]:
    return [difference.kind for difference in engine.comparisons.differences]


def at_the_exchange(exchange: LoopbackExchange) -> list[str]:
    """Client ids of the orders that work at the exchange."""
    return exchange.do(
        lambda: [record.link for record in exchange.floor.account().records.values() if record.order.is_open]
    )


async def test_from_the_profile_to_a_position_and_over_a_restart(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        assert engine.mode == "live"
        resting = await engine.submit(draft())
        assert now_of(engine, resting).state is OrderState.ACCEPTED
        taken = await engine.submit(draft(price=None, quantity="0.02"))
        await until(lambda: now_of(engine, taken).state is OrderState.FILLED)
        position = engine.position(BTC)
    async with real_desk(exchange, tmp_path) as engine:
        assert engine.position(BTC) == position
        assert now_of(engine, resting).state is OrderState.ACCEPTED
        assert kinds(engine) == []
        await engine.cancel(resting.client_id)
        await until(lambda: now_of(engine, resting).state is OrderState.CANCELED)
        assert at_the_exchange(exchange) == []


async def test_until_it_has_been_compared_only_what_shrinks_a_position_is_sent(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    exchange.faults.script("rest GET /api/v3/openOrders", Fault(Kind.STATUS, status=503), times=2)
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: engine.book(BTC).stale is None)
        order = await engine.submit(draft())
        assert order.state is OrderState.DENIED
        assert "REDUCING" in order.reason
        await until(lambda: not engine.core.unproven)
        assert (await engine.submit(draft())).state is OrderState.ACCEPTED


async def test_what_happened_while_the_desk_was_gone_is_booked(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        filled = await engine.submit(draft(price=Decimal("63999")))
        pulled = await engine.submit(draft())
        await until(lambda: now_of(engine, pulled).state is OrderState.ACCEPTED)
        theirs = engine.venues["LOOP"].exchange  # type: ignore[attr-defined]
        await theirs.cancel_order(now_of(engine, pulled).venue_order_id, "BTC/USDT")
        await until(lambda: now_of(engine, pulled).state is OrderState.CANCELED)
    hand.sold("1.5", "63999")
    async with real_desk(exchange, tmp_path) as engine:
        assert now_of(engine, filled).state is OrderState.FILLED
        assert engine.position(BTC).quantity > 0
        assert "missed fill" in kinds(engine)
        assert "balance drift" not in kinds(engine)


async def test_the_fee_of_a_missed_fill_waits_for_the_first_price_of_its_coin(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    def fee_in_ether() -> None:
        exchange.floor.account().books.fee_coin = "ETH", Decimal(3_000)

    async with real_desk(exchange, tmp_path) as engine:
        await engine.submit(draft(price=Decimal("63999")))
    exchange.do(fee_in_ether)
    hand.sold("1.5", "63999")
    late = Fault(Kind.LATE, seconds=1.0)
    exchange.faults.script("rest GET /api/v3/depth", late, times=9)  # prices come after the fills
    async with real_desk(exchange, tmp_path) as engine:
        (fill,) = engine.fills()
        assert fill.fee_currency == "ETH"
        assert fill.fee_value == fill.fee * 3_000
        assert engine.position(BTC).fees == fill.fee_value > 0
        assert sum(order.fees for order in engine.orders()) == fill.fee_value
        assert not any("nothing here prices" in entry.text for entry in engine.log.entries)
        assert engine._store is not None
        engine._store.flush()
        assert [one.fee_value for one in engine._store.fills()] == [fill.fee_value]


async def test_an_order_of_others_is_adopted_with_its_fills(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        theirs = engine.venues["LOOP"].exchange  # type: ignore[attr-defined]
        made = await theirs.create_order("BTC/USDT", "limit", "buy", 0.01, float(LOW), {"clientOrderId": "web/1"})
        await until(lambda: f"ext:{made['id']}" in engine.core.orders.orders)
        await until(lambda: not engine.core.unproven)
        order = engine.core.orders.orders[f"ext:{made['id']}"]
        assert (order.origin, order.state, order.quantity) == ("external", OrderState.ACCEPTED, Decimal("0.01"))
        assert kinds(engine) == ["external order"]
        bought = await theirs.create_order("BTC/USDT", "market", "buy", 0.02)
        await until(lambda: engine.position(BTC).quantity > 0)
        orders = engine.core.orders.orders.values()
        taken = next(each for each in orders if each.venue_order_id == bought["id"])
        await until(lambda: now_of(engine, taken).state is OrderState.FILLED)
        await engine.cancel(order.client_id)
        await until(lambda: now_of(engine, order).state is OrderState.CANCELED)
        assert "balance drift" not in kinds(engine)


async def test_ignored_orders_of_others_move_money_only(exchange: LoopbackExchange, hand: Hand, tmp_path: Path) -> None:
    async with real_desk(exchange, tmp_path, external_orders="ignore") as engine:
        theirs = engine.venues["LOOP"].exchange  # type: ignore[attr-defined]
        await theirs.create_order("BTC/USDT", "market", "buy", 0.02)
        await until(lambda: "balance drift" in kinds(engine))
        balances = await engine.venues["LOOP"].balances()
        await until(lambda: not engine.core.unproven)
        assert engine.core.portfolio.accounts["LOOP"].balances == balances
        assert engine.position(BTC).quantity == 0


async def test_an_order_without_an_answer_is_followed_until_it_is_known(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        exchange.faults.script("rest POST /api/v3/order", Kind.CUT)
        taken = await engine.submit(draft())
        exchange.faults.script("rest POST /api/v3/order", Kind.LOST)
        lost = await engine.submit(draft())
        await until(lambda: now_of(engine, taken).state is OrderState.ACCEPTED)
        await until(lambda: now_of(engine, lost).state is OrderState.REJECTED)
        assert "never had" in now_of(engine, lost).reason
        assert at_the_exchange(exchange) == [taken.client_id]


async def test_a_cancel_that_the_exchange_confirms_and_forgets_is_found_and_repeated(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        orders = [await engine.submit(draft(price=price)) for price in (LOW, Decimal("63999"))]
        exchange.faults.script("rest DELETE /api/v3/order", Kind.PRETENDED, times=2)
        for order in orders:
            await engine.cancel(order.client_id)
            await until(lambda order=order: now_of(engine, order).state is OrderState.CANCELED)
        assert len(at_the_exchange(exchange)) == 2
        hand.sold("1.005", "63999")
        await until(lambda: engine.position(BTC).quantity > 0)
        assert now_of(engine, orders[1]).filled == Decimal("0.005")
        await asyncio.sleep(1.1)
        exchange.faults.script("rest DELETE /api/v3/order", Kind.PRETENDED)  # and one of them is lost again
        for _ in range(2):
            await engine._reconciler.venue(engine.venues["LOOP"])
            await until(lambda: not engine.open_orders())
            await asyncio.sleep(1.1)
        assert at_the_exchange(exchange) == []
        assert kinds(engine).count("lost cancel") == 3
        assert [now_of(engine, order).filled for order in orders] == [0, Decimal("0.005")]
        assert "balance drift" not in kinds(engine)
        assert exchange.do(lambda: len(exchange.floor.account().records)) == 2, "nothing is sent twice"


async def test_the_kill_switch_proves_a_lost_cancel_gone_too(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        before, during = [await engine.submit(draft()) for _ in range(2)]
        exchange.faults.script("rest DELETE /api/v3/order", Kind.PRETENDED)
        await engine.cancel(before.client_id)
        await until(lambda: now_of(engine, before).state is OrderState.CANCELED)
        exchange.faults.script("rest DELETE /api/v3/openOrders", Kind.PRETENDED)
        exchange.faults.script("rest DELETE /api/v3/order", Kind.PRETENDED, times=2)
        engine.kill("test")
        await until(lambda: engine.kill_status.receipt)
        assert at_the_exchange(exchange) == []
        assert engine.open_orders() == []
        assert "2 working orders gone" in engine.kill_status.receipt
        assert now_of(engine, during).state is OrderState.CANCELED


async def test_the_kill_switch_pulls_everything_and_flattens(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        for _ in range(5):
            await engine.submit(draft())
        bought = await engine.submit(draft(price=None, quantity="0.02"))
        await until(lambda: now_of(engine, bought).state is OrderState.FILLED)
        engine.flatten("test")
        await until(lambda: engine.kill_status.receipt)
        assert at_the_exchange(exchange) == []
        assert engine.position(BTC).quantity < Decimal("0.001")


async def test_paper_trades_on_live_prices_and_sends_nothing(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path, "paper") as engine:
        resting = await engine.submit(draft())
        taken = await engine.submit(draft(price=None, quantity="0.02"))
        await until(lambda: now_of(engine, taken).state is OrderState.FILLED)
        assert now_of(engine, taken).average_price == Decimal("64001")
        assert at_the_exchange(exchange) == []
        assert exchange.do(lambda: len(exchange.floor.account().records)) == 0
    async with real_desk(exchange, tmp_path, "paper") as engine:
        assert now_of(engine, resting).state is OrderState.ACCEPTED
        assert engine.position(BTC).quantity == Decimal("0.02")


async def test_paper_without_a_network_says_why_it_has_no_prices(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path, "paper"):
        pass  # its instruments are known now
    exchange.close()
    async with real_desk(exchange, tmp_path, "paper", compared=False) as engine:
        await until(lambda: engine.links()[0].state is LinkState.DOWN)
        assert (engine.links()[0].said, engine.links()[0].dead_man) == ("it cannot be reached", None)
        assert any("LOOP cannot be reached" in entry.text for entry in engine.log.entries)
        exchange.open()
        await until(lambda: not engine.core.unproven and engine.links()[0].state is LinkState.CONNECTED)


async def test_without_a_network_the_desk_opens_down_and_says_so(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        resting = await engine.submit(draft())
    exchange.close()
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: engine.links()[0].state is LinkState.DOWN)
        assert engine.links()[0].said == "it cannot be reached"
        assert now_of(engine, resting).is_open
        order = await engine.submit(draft())
        assert order.state is OrderState.DENIED
        assert "not connected" in order.reason or "REDUCING" in order.reason
        exchange.open()
        await until(lambda: not engine.core.unproven)
        assert now_of(engine, resting).state is OrderState.ACCEPTED


async def test_a_first_start_without_a_network_is_a_sentence_not_an_error(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    exchange.close()
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await asyncio.sleep(0.1)
        assert engine.instruments() == ()
        assert engine.links()[0].venue == "LOOP"
        exchange.open()
        await until(lambda: any("start the desk again" in entry.text for entry in engine.log.entries))
    async with real_desk(exchange, tmp_path) as engine:
        assert BTC in {instrument.id for instrument in engine.instruments()}


def test_a_desk_without_venues_or_with_unknown_ones_says_what_to_write(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    paths = Paths(tmp_path, tmp_path / "data", tmp_path / "state")
    with pytest.raises(SettingsError, match=r"needs a venue: put \[venues.binance\]"):
        real_desks.live_desk(Settings(mode="live"), paths)
    settings = msgspec.structs.replace(desk_settings(exchange), open_venues=("kraken",))
    with pytest.raises(SettingsError, match=r"there is no \[venues.kraken\]"):
        real_desks.live_desk(settings, paths)


async def test_several_venues_at_once_spot_and_a_perpetual(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as one, LoopbackExchange("bybit", seed=None) as other:
        for exchange in (one, other):
            Hand(exchange)
        settings = msgspec.structs.replace(
            desk_settings(one),
            venues={
                "binance": venue_settings(one, ("BTC-USDT",), exchange="binance"),
                "bybit": venue_settings(other, ("BTC-USDT", "BTC-USDT-PERP"), exchange="bybit"),
            },
        )
        keys = {"BINANCE": keys_of(one), "BYBIT": keys_of(other)}
        names = ["BINANCE:BTC-USDT", "BYBIT:BTC-USDT", "BYBIT:BTC-USDT-PERP"]
        async with desk_of(settings, tmp_path, lambda name: keys[name](name), books=names) as engine:
            other_book = engine.book("BYBIT:BTC-USDT-PERP")
            assert other_book.best_ask is not None
            for name in names:
                order = await engine.submit(
                    OrderDraft(instrument=name, side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
                )
                await until(lambda order=order: now_of(engine, order).state is OrderState.FILLED)
            assert {position.instrument for position in engine.positions()} == set(names)
            one.close()  # one venue's fall is nothing to the other
            await until(lambda: engine.links()[0].state is not LinkState.CONNECTED)
            assert engine.links()[1].state is LinkState.CONNECTED
            order = await engine.submit(
                OrderDraft(instrument=names[1], side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
            )
            await until(lambda: now_of(engine, order).state is OrderState.FILLED)


@pytest.mark.slow
async def test_a_position_that_the_desk_knows_nothing_of_is_booked_at_the_venue_s_price(tmp_path: Path) -> None:
    perp = "BYBIT:BTC-USDT-PERP"
    with LoopbackExchange("bybit", seed=None) as exchange:
        Hand(exchange)
        venue = venue_settings(exchange, ("BTC-USDT-PERP",), exchange="bybit", external_orders="ignore")
        settings = msgspec.structs.replace(desk_settings(exchange), venues={"bybit": venue})
        others = open_exchange(particulars("bybit"), venue, keys_of(exchange)("BYBIT"))
        await others.load_markets()
        await others.create_order("BTC/USDT:USDT", "market", "buy", 0.5)
        desk = partial(desk_of, settings, tmp_path, keys_of(exchange))
        async with desk() as engine:
            assert "opening position" in kinds(engine)
            assert "position drift" not in kinds(engine)
            assert engine.position(perp).quantity == Decimal("0.5")
            assert engine.core.portfolio.accounts["BYBIT"].balances == await engine.venues["BYBIT"].balances()
        await others.create_order("BTC/USDT:USDT", "market", "sell", 0.2)
        async with desk() as engine:
            assert "position drift" in kinds(engine)
            assert engine.position(perp).quantity == Decimal("0.3")
            assert engine.core.portfolio.accounts["BYBIT"].balances == await engine.venues["BYBIT"].balances()
        async with desk() as engine:
            assert not {"position drift", "balance drift"} & set(kinds(engine)), "what was repaired stays repaired"
        await others.close()


async def test_tws_kill_pulls_on_the_venue_itself_when_no_desk_runs(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        for _ in range(3):
            await engine.submit(draft())
    assert len(at_the_exchange(exchange)) == 3
    keys = keys_of(exchange)("LOOP")
    monkeypatch.setenv("TWSKEY_LOOP_KEY", keys.key)
    monkeypatch.setenv("TWSKEY_LOOP_SECRET", keys.secret)
    paths, said = Paths(tmp_path, tmp_path / "data", tmp_path / "state"), list[str]()
    (store,) = stores_of("live", paths)
    kill = OutsideKill(
        desk_settings(exchange), paths, "live", store, flatten=False, wait=40, say=said.append, profile="test"
    )
    report = await asyncio.to_thread(kill.run)
    assert report.outcome is Outcome.DONE, report
    assert "3 working orders gone" in report.receipt
    assert at_the_exchange(exchange) == []
    assert not any(keys.secret in sentence for sentence in [*said, report.text])


async def test_tws_kill_pulls_on_the_venue_past_a_desk_that_hangs_and_leaves_it_the_request(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.3)
    async with real_desk(exchange, tmp_path) as engine:
        orders = [await engine.submit(draft()) for _ in range(3)]
    for name, value in exchange.keys("loop").items():
        monkeypatch.setenv(name, value)
    paths, said = Paths(tmp_path, tmp_path / "data", tmp_path / "state"), list[str]()
    (store,) = stores_of("live", paths)
    hung = DeskLock(store)  # a process that has the store and answers nothing
    kill = OutsideKill(
        desk_settings(exchange), paths, "live", store, flatten=False, wait=40, say=said.append, profile="test"
    )
    report = await asyncio.to_thread(kill.run)
    assert report.outcome is Outcome.HALTED, report
    assert "3 working orders gone" in report.receipt
    assert "does not answer" in report.text
    assert at_the_exchange(exchange) == []
    hung.release()
    async with real_desk(exchange, tmp_path) as engine:
        assert engine.trading_state is TradingState.HALTED
        assert [now_of(engine, order).state for order in orders] == [OrderState.CANCELED] * 3
        assert not {"balance drift", "position drift"} & set(kinds(engine))


async def test_tws_kill_without_the_profile_leaves_the_store_halted_and_says_what_is_missing(
    exchange: LoopbackExchange, hand: Hand, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        await engine.submit(draft())
    paths = Paths(tmp_path, tmp_path / "data", tmp_path / "state")
    (store,) = stores_of("live", paths)
    kill = OutsideKill(Settings(), paths, "live", store, flatten=False, wait=5, say=lambda _: None)
    report = await asyncio.to_thread(kill.run)
    assert report.outcome is Outcome.HALTED
    assert "--profile" in report.text


async def test_candles_of_before_come_from_the_venue(tmp_path: Path) -> None:
    minute = 60_000_000_000
    with LoopbackExchange("binance", seed=3, rate=0.1) as exchange:
        async with real_desk(exchange, tmp_path) as engine:
            opened = engine.clock.now()
            series = engine.bar_series(BTC, minute)
            await until(lambda: len(series.closed) > 100)
            bars = series.last(len(series.closed) + 1)
            times = [bar.ts for bar in bars]
            assert times == sorted(set(times))
            assert times[-1] <= engine.clock.now()
            assert sum(ts + minute <= opened for ts in times) > 100
            assert engine.bar_series(BTC, minute) is series, "who holds the series has them too"
