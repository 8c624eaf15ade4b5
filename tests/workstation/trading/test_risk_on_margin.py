"""Spot on margin: the exchange borrows for whatever is sent; the desk alone sees to it that what closes only closes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.events import TradingState
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.margin import tiers
from workstation.domain.market import BookSnapshot
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.risk import KILL

D = Decimal
NOW = 1_000 * SECOND
BTC = Instrument(
    venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.5"), lot=D("0.001"), maker_fee=D("0.001"),
    taker_fee=D("0.001"), leverage=D(3), pooled=True, tiers=tiers([(None, D("0.1"), D(5))]),
)  # fmt: skip


def desk(held: str, **limits: object) -> TradingCore:
    """10,000 USDT of its own and what trades at 10,000 have made of it."""
    market = MarketData([BTC])
    levels = range(40)
    bids, asks = (tuple((20_000 + way * 20 * n, 1_000) for n in levels) for way in (-1, 1))
    market.apply(BookSnapshot(BTC.id, NOW, 1, bids, tuple((ticks + 20, lots) for ticks, lots in asks)))
    core = TradingCore([BTC], market, msgspec.structs.replace(RiskLimits(), **limits))
    core.apply_account(e.BalanceAdjusted(ts=1, venue="V", currency="USDT", amount=D(10_000), reason="opening balance"))
    if quantity := abs(D(held)):
        side = Side.BUY if D(held) > 0 else Side.SELL
        works(core, order(side, str(quantity)), "p")
        fill = Fill(
            trade_id="p", client_id="p", instrument=BTC.id, side=side, quantity=quantity, price=D(10_000), fee=D(0),
            fee_currency="USDT", liquidity=Liquidity.TAKER, ts=1,
        )  # fmt: skip
        core.apply_order(e.OrderFilled(client_id="p", ts=1, fill=fill))
    return core


def order(side: Side, quantity: str, **terms: Any) -> OrderDraft:
    given: dict[str, Any] = {"instrument": BTC.id, "side": side, "quantity": D(quantity), "price": D(10_000)}
    return OrderDraft(**(given | terms))


def closes(side: Side, quantity: str, **terms: Any) -> OrderDraft:
    return order(side, quantity, **({"type": OrderType.MARKET, "price": None, "reduce_only": True} | terms))


def works(core: TradingCore, draft: OrderDraft, client_id: str = "w") -> None:
    taken = Order.from_draft(draft, client_id, NOW - 10 * SECOND)
    core.apply_order(e.OrderInitialized(client_id=client_id, ts=1, order=taken))
    core.apply_order(e.OrderSubmitted(client_id=client_id, ts=1))
    core.apply_order(e.OrderAccepted(client_id=client_id, ts=1, venue_order_id=client_id))


def objections(core: TradingCore, draft: OrderDraft) -> dict[str, str]:
    return {verdict.check: verdict.sentence for verdict in core.judge(draft, NOW) if not verdict.ok}


@pytest.mark.parametrize(
    ("held", "side", "most", "beyond"),
    [("-0.1", Side.BUY, "0.101", "0.102"), ("-0.1", Side.BUY, "0.1", "0.4"), ("0.1", Side.SELL, "0.1", "0.101")],
)
def test_a_reduce_only_order_trades_no_more_than_is_owed_with_its_fee_in_coins_or_held(
    held: str, side: Side, most: str, beyond: str
) -> None:
    core = desk(held)
    assert not objections(core, closes(side, most))
    assert "reduce only" in objections(core, closes(side, beyond))


def test_closing_orders_that_work_count_towards_what_may_be_bought_back() -> None:
    core = desk("-0.1")
    works(core, closes(Side.BUY, "0.07", type=OrderType.STOP, stop_price=D(11_000)))
    assert not objections(core, closes(Side.BUY, "0.031"))
    assert "buy back already" in objections(core, closes(Side.BUY, "0.032"))["reduce only"]


def test_beside_purchases_that_are_not_reduce_only_a_closing_one_is_bound_by_the_limits() -> None:
    core = desk("-0.1", max_order_value=D(500))
    assert not objections(core, closes(Side.BUY, "0.1"))
    works(core, order(Side.BUY, "0.1", price=D(9_900)))
    stop = closes(Side.BUY, "0.1", type=OrderType.STOP, stop_price=D(11_000))
    assert set(objections(core, stop)) == {"order value"}, "both could fill"
    core.apply_account(e.TradingStateChanged(ts=1, state=TradingState.REDUCING, reason="test", by="trader"))
    assert "state" in objections(core, stop)


def test_the_kill_buys_back_what_the_venue_shows_whatever_the_books_say() -> None:
    core = desk("-0.1")
    core.apply_account(e.TradingStateChanged(ts=1, state=TradingState.HALTED, reason="test", by="trader"))
    assert not objections(core, closes(Side.BUY, "0.4", origin=KILL))


def test_until_the_venue_is_compared_nothing_is_bought_and_only_reduce_only_sold() -> None:
    """The debt may have been paid back elsewhere: at the exchange nothing would keep a purchase from going long."""
    core = desk("-0.1")
    core.unproven["V"] = "it was away"
    said = objections(core, closes(Side.BUY, "0.05"))
    assert list(said) == ["compared"]
    assert "it was away" in said["compared"]
    core = desk("0.1")
    core.unproven["V"] = "it was away"
    assert "compared" in objections(core, order(Side.SELL, "0.1"))
    assert not objections(core, closes(Side.SELL, "0.1"))


def test_what_working_purchases_buy_back_already_is_credited_once() -> None:
    core = desk("-2.5", max_order_value=D(10**6), max_position_value=D(10**6), max_exposure=D(10**6))
    assert not objections(core, order(Side.BUY, "2.5"))
    works(core, order(Side.BUY, "2.5"))
    assert "buying power" in objections(core, order(Side.BUY, "2.5"))


def test_a_short_of_coins_that_the_account_had_is_bought_back_like_one_that_is_borrowed() -> None:
    """The exchange lends none while there are own ones: they are sold, and the desk is short of them all the same."""
    core = desk("0")
    core.apply_account(e.BalanceAdjusted(ts=1, venue="V", currency="BTC", amount=D("0.3"), reason="opening balance"))
    assert "There is no position" in objections(core, closes(Side.BUY, "0.1"))["reduce only"]
    works(core, order(Side.SELL, "0.1"), "s")
    fill = Fill(
        trade_id="s", client_id="s", instrument=BTC.id, side=Side.SELL, quantity=D("0.1"), price=D(10_000), fee=D(0),
        fee_currency="USDT", liquidity=Liquidity.TAKER, ts=1,
    )  # fmt: skip
    core.apply_order(e.OrderFilled(client_id="s", ts=1, fill=fill))
    assert core.held(BTC) == D("0.2")
    stop = closes(Side.BUY, "0.101", type=OrderType.STOP, stop_price=D(11_000))
    assert not objections(core, stop)
    assert "reduce only" in objections(core, closes(Side.BUY, "0.102"))
    works(core, stop)
    assert "buy back already" in objections(core, closes(Side.BUY, "0.1"))["reduce only"]
    assert not objections(core, closes(Side.SELL, "0.2")), "what is there can be sold as before"
