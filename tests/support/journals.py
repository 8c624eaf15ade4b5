"""Journals of long sessions, made up: orders that rest, fill in parts, reverse and are pulled."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random

from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.order import Order, OrderDraft, Side

SECOND = 1_000_000_000
START = 1_767_614_400 * SECOND
PERP = Instrument(
    venue="NOVA", symbol="BTC-PERP", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"),
    contract=ContractType.LINEAR, taker_fee=Decimal("0.0005"), leverage=Decimal(10),
)  # fmt: skip
SPOT = Instrument(
    venue="NOVA", symbol="ETH-USDT", base="ETH", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
)  # fmt: skip


def journal(count: int, seed: int = 1) -> Iterator[e.OrderEvent | e.AccountEvent]:
    """About `count` events, a second apart."""
    random = Random(seed)
    ts, made, number = START, 1, 0
    yield e.BalanceAdjusted(ts=ts, venue="NOVA", currency="USDT", amount=Decimal(10**7), reason="opening balance")
    while made < count:
        number += 1
        instrument = random.choice((PERP, SPOT))
        side = random.choice((Side.BUY, Side.SELL)) if instrument is PERP else (Side.SELL, Side.BUY)[number % 3 != 0]
        price = Decimal(random.randint(630_000, 650_000)) / 10
        size = Decimal(random.randint(2, 40)) / 1000
        name = f"o{number}"
        ts += SECOND
        order = Order.from_draft(OrderDraft(instrument=instrument.id, side=side, quantity=size, price=price), name, ts)
        parts: list[e.OrderEvent] = [
            e.OrderInitialized(client_id=name, ts=ts, order=order),
            e.OrderSubmitted(client_id=name, ts=ts),
            e.OrderAccepted(client_id=name, ts=ts + 1_000_000, venue_order_id=f"v{number}"),
        ]
        if number % 4:
            first = size if number % 5 else Decimal("0.001")
            for index, quantity in enumerate([first, size - first] if first < size else [size]):
                fill = Fill(
                    trade_id=f"t{number}-{index}", client_id=name, instrument=instrument.id, side=side,
                    quantity=quantity, price=price, fee=quantity * price * instrument.taker_fee, fee_currency="USDT",
                    liquidity=Liquidity.TAKER, ts=ts + 2_000_000 + index,
                )  # fmt: skip
                parts.append(e.OrderFilled(client_id=name, ts=fill.ts, fill=fill))
        else:
            parts.append(e.OrderPendingCancel(client_id=name, ts=ts + 2_000_000))
            parts.append(e.OrderCanceled(client_id=name, ts=ts + 3_000_000))
        made += len(parts)
        yield from parts
        if number % 500 == 0:
            made += 1
            yield e.FundingPaid(
                ts=ts, venue="NOVA", entry_id=f"f{number}", instrument=PERP.id, currency="USDT",
                amount=Decimal("-0.12"), quantity=Decimal(1), mark=price, rate=Decimal("0.0001"),
            )  # fmt: skip
