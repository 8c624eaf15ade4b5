"""What a venue books by itself is folded once, moves the right money, and leaves the books balanced."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.orders import Outcome

D = Decimal
PERP = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=D("0.1"),
    lot=D("0.001"),
    contract=ContractType.LINEAR,
    leverage=D(10),
)


@pytest.fixture
def core() -> TradingCore:
    core = TradingCore([PERP], MarketData([PERP]), RiskLimits())
    core.apply_account(
        e.BalanceAdjusted(ts=1, venue="NOVA", currency="USDT", amount=D(10_000), reason="opening balance")
    )
    return core


def the_order(client_id: str, side: Side, quantity: str, origin: str = "manual") -> Order:
    draft = OrderDraft(instrument=PERP.id, side=side, quantity=D(quantity), type=OrderType.MARKET, origin=origin)
    return Order.from_draft(draft, client_id, 2)


def fill_of(order: Order, price: str) -> e.OrderFilled:
    fill = Fill(
        trade_id=f"t-{order.client_id}",
        client_id=order.client_id,
        instrument=order.instrument,
        side=order.side,
        quantity=order.quantity,
        price=D(price),
        fee=D(2),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        ts=3,
    )
    return e.OrderFilled(client_id=order.client_id, ts=3, fill=fill)


def buy(core: TradingCore, quantity: str, price: str) -> None:
    order = the_order(f"c{price}", Side.BUY, quantity)
    core.apply_order(e.OrderInitialized(client_id=order.client_id, ts=2, order=order))
    core.apply_order(e.OrderSubmitted(client_id=order.client_id, ts=2))
    core.apply_order(e.OrderAccepted(client_id=order.client_id, ts=2, venue_order_id="v"))
    assert core.apply_order(fill_of(order, price)).outcome is Outcome.APPLIED


def funding(entry_id: str = "f1", amount: str = "-3") -> e.FundingPaid:
    return e.FundingPaid(
        ts=10,
        venue="NOVA",
        entry_id=entry_id,
        instrument=PERP.id,
        currency="USDT",
        amount=D(amount),
        quantity=D(1),
        mark=D(30_000),
        rate=D("0.0001"),
    )


def liquidation(order: Order) -> e.PositionLiquidated:
    return e.PositionLiquidated(
        ts=20, venue="NOVA", entry_id="l1", order=order, mark=D(27_100), bankruptcy=D(27_000), reason="Liquidated."
    )


def test_an_entry_is_booked_once(core: TradingCore) -> None:
    buy(core, "1", "30000")
    assert core.apply_entry(funding())
    assert not core.apply_entry(funding())
    assert core.portfolio.balance("NOVA", "USDT") == 10_000 - 2 - 3
    assert core.portfolio.funding == {PERP.id: -3}
    assert core.newest_entry("NOVA") == 10


def test_isolated_margin_is_set_aside_and_pays_funding(core: TradingCore) -> None:
    core.apply_entry(e.LeverageChanged(ts=1, venue="NOVA", entry_id="1", instrument=PERP.id, leverage=D(5)))
    core.apply_entry(
        e.MarginModeChanged(ts=1, venue="NOVA", entry_id="2", instrument=PERP.id, mode=MarginMode.ISOLATED)
    )
    buy(core, "1", "30000")
    assert core.portfolio.margin.isolated == {PERP.id: 6_000}
    core.apply_entry(funding())
    assert core.portfolio.margin.isolated == {PERP.id: 5_997}
    core.apply_entry(e.LeverageChanged(ts=11, venue="NOVA", entry_id="3", instrument=PERP.id, leverage=D(10)))
    assert core.portfolio.margin.isolated == {PERP.id: 3_000}


def test_a_liquidation_is_neither_a_stranger_nor_a_correction(core: TradingCore) -> None:
    buy(core, "1", "30000")
    order = the_order("NOVA-liquidation-1", Side.SELL, "1", e.LIQUIDATION)
    assert core.apply_entry(liquidation(order))
    assert core.orders.orders[order.client_id].state is OrderState.ACCEPTED
    fill = fill_of(order, "27100")
    assert core.apply_order(fill).outcome is Outcome.APPLIED
    assert core.apply_order(fill).outcome is not Outcome.APPLIED
    assert core.portfolio.position(PERP.id).is_flat
    assert core.portfolio.balance("NOVA", "USDT") == 10_000 - 2_900 - 4


def test_the_books_balance_with_funding_and_insurance(core: TradingCore) -> None:
    buy(core, "1", "30000")
    core.apply_entry(funding())
    core.apply_entry(e.InsuranceCovered(ts=12, venue="NOVA", entry_id="s1", currency="USDT", amount=D(7)))
    equity = core.portfolio.equity(lambda _: D(31_000))
    assert (equity.funding, equity.interest, equity.insurance) == (-3, 0, 7)
    assert equity.total == 10_000 + equity.realized + equity.unrealized - equity.fees - 3 + 7
