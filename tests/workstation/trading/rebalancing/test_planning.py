"""Target weights become trades: hand-worked quantities, costs, bands, least trades, and what cannot be meant."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from tests.workstation.trading.rebalancing.rebalance_world import PERP, spot
from workstation.domain.order import Side
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.planning import Asset, Wish, propose, sweep

BTC, ETH, XRP = spot("V", "BTC", "0.001"), spot("V", "ETH", "0.01"), spot("W", "XRP", "1")
POOL = ("V", "USDT")


def asset(
    instrument: Any, price: str, held: str = "0", free: str | None = None, half: str = "0", **terms: Any
) -> Asset:
    """A book of one deep level each side, `half` away from the middle."""
    middle, away = D(price), D(half)
    return Asset(
        instrument=instrument, held=D(held), free=D(held if free is None else free), rate=D(1),
        bids=[(middle - away, D(10**9))], asks=[(middle + away, D(10**9))], **terms,
    )  # fmt: skip


def wish(**terms: Any) -> Wish:
    return Wish(**{"reserve": D(0), "least": D(0)} | terms)


def test_quantities_fees_and_spread_by_hand():
    """Of 100,000: 40 % at 50,000 ± 5. With costs c: quantity = floor(0.4 (100,000 − c) / 50,000)."""
    found = propose([asset(BTC, "50000", half="5")], {POOL: D(100_000)}, wish(targets={BTC.id: D("0.4")}))
    trade, row = found.trades[0], found.rows[0]
    assert found.budget == 100_000
    assert (trade.side, trade.quantity, trade.reference) == (Side.BUY, D("0.799"), D(50_000))
    assert row.price == D(50_005)
    assert row.fee == D("0.799") * D(50_005) * D("0.001")
    assert row.spread == D("0.799") * 5
    assert found.cost == row.fee + row.spread
    assert row.after == D("0.3995")
    assert found.money_after == 1 - row.after - found.cost / 100_000


def test_what_is_too_much_is_sold_before_what_is_too_little_is_bought():
    found = propose(
        [asset(BTC, "50000"), asset(ETH, "2000", held="40")], {POOL: D(20_000)},
        wish(targets={BTC.id: D("0.5"), ETH.id: D("0.5")}),
    )  # fmt: skip
    assert [trade.side for trade in found.trades] == [Side.SELL, Side.BUY]
    assert found.rows[1].now == D("0.8")
    bought = found.trades[1].quantity * 50_000 * D("1.001")
    assert bought <= 20_000 + found.trades[0].quantity * 2_000 * D("0.999")


def test_within_its_band_a_weight_is_left_alone_and_with_whole_all_trade_once_one_is_off():
    assets = [asset(BTC, "50000", held="0.82"), asset(ETH, "2000", held="22")]  # 41 % and 44 % of 100,000
    targets = {BTC.id: D("0.40"), ETH.id: D("0.40")}
    found = propose(assets, {POOL: D(15_000)}, wish(targets=targets, band=D("0.02")))
    assert [trade.instrument for trade in found.trades] == [ETH.id]
    assert found.rows[0].note == "within its band"
    whole = propose(assets, {POOL: D(15_000)}, wish(targets=targets, band=D("0.02"), whole=True))
    assert {trade.instrument for trade in whole.trades} == {BTC.id, ETH.id}
    quiet = propose(assets, {POOL: D(15_000)}, wish(targets=targets, band=D("0.05"), whole=True))
    assert not quiet.trades
    relative = propose(assets, {POOL: D(15_000)}, wish(targets=targets, relative=D("0.05")))
    assert [trade.instrument for trade in relative.trades] == [ETH.id]


def test_trades_below_the_least_or_the_venues_minimum_are_left_out_and_closing_is_not():
    assets = [asset(BTC, "50000", held="0.801"), asset(ETH, "2000", held="0.03")]
    found = propose(assets, {POOL: D(59_890)}, wish(targets={BTC.id: D("0.4"), ETH.id: D(0)}, least=D(100)))
    assert [(trade.instrument, trade.side, trade.quantity) for trade in found.trades] == [
        (ETH.id, Side.SELL, D("0.03"))
    ]
    assert "least trade" in found.rows[0].note or "too small" in found.rows[0].note
    dust = propose([asset(ETH, "2", held="1")], {POOL: D(100)}, wish(targets={ETH.id: D(0)}))
    assert dust.rows[0].note == "too small for the venue"


def test_money_does_not_travel_between_venues():
    """W holds nothing but 1,000: its half of the 100,000 cannot be bought, and the plan says so."""
    found = propose(
        [asset(BTC, "50000"), asset(XRP, "0.5")], {POOL: D(99_000), ("W", "USDT"): D(1_000)},
        wish(targets={BTC.id: D("0.4"), XRP.id: D("0.5")}),
    )  # fmt: skip
    row = found.rows[1]
    assert row.trade is not None
    assert row.trade.quantity * D("0.5") * D("1.001") <= 1_000
    assert row.note == "cut to the money that is there"
    assert "W lacks" in found.notes[0]


def test_what_working_orders_bind_is_not_sold():
    found = propose([asset(BTC, "50000", held="1", free="0.4")], {POOL: D(0)}, wish(targets={BTC.id: D(0)}))
    assert found.trades[0].quantity == D("0.4")
    assert "working orders" in found.rows[0].note


def test_a_short_of_a_perpetual_binds_margin_and_coming_back_is_reduce_only():
    short = propose([asset(PERP, "50000", leverage=D(5))], {POOL: D(100_000)}, wish(targets={PERP.id: D("-0.5")}))
    assert (short.trades[0].side, short.trades[0].reduce_only) == (Side.SELL, False)
    assert abs(short.trades[0].quantity - 1) <= D("0.001")
    back = propose([asset(PERP, "50000", held="-1", leverage=D(5))], {POOL: D(90_000)}, wish(targets={PERP.id: D(0)}))
    assert back.budget == 100_000  # the margin of the short is money of the portfolio too
    assert (back.trades[0].side, back.trades[0].quantity, back.trades[0].reduce_only) == (Side.BUY, 1, True)


def test_a_sweep_pays_level_by_level_and_says_what_is_missing():
    assert sweep([(D(10), D(2)), (D(11), D(3))], D(4)) == (D(42), D(0))
    assert sweep([(D(10), D(2))], D(5)) == (D(20), D(3))


@pytest.mark.parametrize(
    ("targets", "terms", "says"),
    [
        ({}, {}, "needs weights"),
        ({BTC.id: D("-0.1")}, {}, "does not sell it short"),
        ({BTC.id: D("1.2")}, {}, "not bought on credit"),
        ({"V:NONE": D("0.2")}, {}, "no price of V:NONE"),
        ({BTC.id: D("0.2")}, {"budget": D(-5)}, "above zero"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(targets: Any, terms: Any, says: str):
    with pytest.raises(Refused, match=says):
        propose([asset(BTC, "50000")], {POOL: D(1_000)}, wish(targets=targets, **terms))
