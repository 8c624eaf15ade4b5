"""Whose a position of spot is, fill by fill."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.domain.position import Position, apply_fill
from workstation.trading.shares import Shares

SPOT = Instrument(venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))

#: Who did what (quantities signed), and this desk's own part of the position at the end.
CASES = {
    "each its own": ([("", "0.2"), ("external", "0.3")], "0.2"),
    "others sell theirs first": ([("", "0.2"), ("external", "0.3"), ("external", "-0.3")], "0.2"),
    "then what is this desk's": ([("", "0.2"), ("external", "0.3"), ("external", "-0.4")], "0.1"),
    "the trader sells the desk's coins by telephone": ([("", "0.5"), ("external", "-0.2")], "0.3"),
    "the desk sells its own first": ([("", "0.2"), ("external", "0.3"), ("kill", "-0.2")], "0"),
    "and then others'": ([("", "0.2"), ("external", "0.3"), ("", "-0.4")], "0"),
    "what the desk has sold of theirs is theirs no more": ([("external", "0.3"), ("", "-0.3"), ("", "0.3")], "0.3"),
    "strategies are this desk's": ([("trend", "0.1"), ("external", "0.3"), ("", "0.1")], "0.2"),
    "sold short, each for itself": ([("", "-0.2"), ("external", "-0.3")], "-0.2"),
    "others sell what the trader had before, then the desk buys": ([("external", "-0.3"), ("", "0.2")], "0.2"),
    "and sells some of it": ([("external", "-0.3"), ("", "0.2"), ("", "-0.05")], "0.15"),
    "others sell on": ([("external", "-0.3"), ("", "0.2"), ("external", "-0.1")], "0.1"),
    "others buy back": ([("external", "-0.3"), ("", "0.2"), ("external", "0.3")], "0.2"),
    "others buy what the desk has sold short": ([("", "-0.2"), ("external", "0.3")], "0"),
    "through zero": ([("external", "0.3"), ("", "-0.5")], "-0.2"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_desk_s_own_part_of_a_position(case: str) -> None:
    steps, own = CASES[case]
    shares, position = Shares(), Position(instrument=SPOT.id)
    for number, (origin, signed) in enumerate(steps):
        amount = Decimal(signed)
        fill = Fill(
            trade_id=str(number),
            client_id=str(number),
            instrument=SPOT.id,
            side=Side.BUY if amount > 0 else Side.SELL,
            quantity=abs(amount),
            price=Decimal(64_000),
            fee=Decimal(0),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            ts=number,
        )
        position = apply_fill(position, fill, SPOT)
        shares.fill(origin, fill, SPOT, position.quantity)
    assert shares.own(SPOT.id, position.quantity) == Decimal(own)
    assert shares.own(SPOT.id, position.quantity) + shares.theirs(SPOT.id, position.quantity) == position.quantity
