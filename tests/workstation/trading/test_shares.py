"""Whose a position of spot is, fill by fill."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

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


#: The same on margin, where one balance is lent to all.
ON_MARGIN = {
    "what the desk buys pays back what others have sold short": ([("external", "-0.3"), ("", "0.2")], "0"),
    "and is its own beyond that": ([("external", "-0.3"), ("", "0.5")], "0.2"),
    "others' purchases are theirs": ([("", "0.2"), ("external", "0.3")], "0.2"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_desk_s_own_part_of_a_position(case: str) -> None:
    folds_to(SPOT, *CASES[case])


@pytest.mark.parametrize("case", ON_MARGIN)
def test_its_own_part_on_margin(case: str) -> None:
    folds_to(replace(SPOT, pooled=True), *ON_MARGIN[case])


@pytest.mark.parametrize(("unbooked", "own"), [("-0.2", "0.2"), ("-0.4", "0.1"), ("-0.9", "0"), ("0.4", "0.2")])
@pytest.mark.parametrize("pooled", [False, True])
def test_what_others_have_traded_since_is_taken_from_theirs_first(pooled: bool, unbooked: str, own: str) -> None:
    spot = replace(SPOT, pooled=pooled)
    shares, position = folded(spot, [("", "0.2"), ("external", "0.3")])
    assert shares.own(SPOT.id, position, Decimal(unbooked)) == Decimal(own)


def folds_to(spot: Instrument, steps: list[tuple[str, str]], own: str) -> None:
    shares, position = folded(spot, steps)
    assert shares.own(SPOT.id, position) == Decimal(own)
    assert shares.own(SPOT.id, position) + shares.theirs(SPOT.id, position) == position


def folded(spot: Instrument, steps: list[tuple[str, str]]) -> tuple[Shares, Decimal]:
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
        position = apply_fill(position, fill, spot)
        shares.fill(origin, fill, spot, position.quantity)
    return shares, position.quantity
