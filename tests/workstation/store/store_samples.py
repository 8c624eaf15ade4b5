"""Orders, fills and stores for the store's tests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from workstation.domain.events import OrderFilled, OrderInitialized, OrderSubmitted
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.order import Order, OrderDraft, Side
from workstation.store import Store
from workstation.store.codec import Event

SPOT = Instrument(
    venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.00001")
)
PERP = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contract=ContractType.LINEAR,
    leverage=Decimal(10),
)


def open_store(path: Path, mode: str = "demo") -> Store:
    """A store on a clock that counts."""
    return Store.open(path, mode, clock_now=itertools.count(1).__next__)


def an_order(client_id: str, quantity: str = "0.5", price: str = "64000.10") -> Order:
    draft = OrderDraft(instrument=SPOT.id, side=Side.BUY, quantity=Decimal(quantity), price=Decimal(price))
    return Order.from_draft(draft, client_id, 1)


def intent(client_id: str, **terms: str) -> OrderInitialized:
    return OrderInitialized(client_id=client_id, ts=1, order=an_order(client_id, **terms))


def filled(
    client_id: str,
    trade_id: str,
    *,
    instrument: Instrument = SPOT,
    side: Side = Side.BUY,
    quantity: str = "0.1",
    price: str = "64000.10",
    fee: str = "6.4",
    ts: int = 5,
) -> OrderFilled:
    fill = Fill(
        trade_id=trade_id,
        client_id=client_id,
        instrument=instrument.id,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        ts=ts,
    )
    return OrderFilled(client_id=client_id, ts=ts, fill=fill)


def events_of_append(number: int) -> list[Event]:
    """Three events that belong together: the intent, its sending and a fill."""
    name = f"order-{number}"
    return [intent(name), OrderSubmitted(client_id=name, ts=number), filled(name, f"trade-{number}", ts=number)]


def wait_until(holds: Callable[[], bool]) -> None:
    """Sleep until it holds; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
