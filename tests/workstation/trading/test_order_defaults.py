"""What orders of an instrument begin with, and what the exits of an entry come to."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.support.journals import PERP
from workstation.domain.order import OrderDraft, Side
from workstation.domain.plan import Distance
from workstation.settings import Settings, SettingsError
from workstation.settings_file import checked
from workstation.settings_help import value_text
from workstation.trading.order_defaults import OrderDefaults, defaults_of, problem, with_exits


def entry(side: Side, **terms: object) -> OrderDraft:
    return OrderDraft(instrument=PERP.id, side=side, quantity=D(1), price=D(60_000), **terms)  # type: ignore[arg-type]


def test_an_instrument_of_its_own_goes_before_a_pattern() -> None:
    own, all_btc = OrderDefaults(size=D(1)), OrderDefaults(size=D(2))
    table = {"*:BTC-*": all_btc, "NOVA:BTC-USDT": own}
    assert defaults_of(table, "NOVA:BTC-USDT") is own
    assert defaults_of(table, "ORCA:BTC-USDT") is all_btc
    assert defaults_of(table, "ORCA:ETH-USDT") == OrderDefaults()


def test_exits_are_measured_from_the_entry_on_the_right_side_and_stand_on_a_tick() -> None:
    defaults = OrderDefaults(stop="1%", target="333.333")
    long, short = (with_exits(entry(side), defaults, PERP, D(60_000)) for side in (Side.BUY, Side.SELL))
    assert long is not None
    assert short is not None
    third = (D("333.333") / PERP.tick).to_integral_value() * PERP.tick
    assert (long.stop, long.target) == (D(59_400), 60_000 + third)
    assert (short.stop, short.target) == (D(60_600), 60_000 - third)
    trailed = with_exits(entry(Side.BUY), OrderDefaults(trail="0.5%"), PERP, D(60_000))
    assert trailed is not None
    assert trailed.trail is not None
    assert trailed.trail.distance == Distance(D("0.5"), percent=True)


def test_what_closes_takes_no_exits() -> None:
    assert with_exits(entry(Side.SELL, reduce_only=True), OrderDefaults(stop="1%"), PERP, D(60_000)) is None
    assert with_exits(entry(Side.SELL), OrderDefaults(size=D(1)), PERP, D(60_000)) is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (OrderDefaults(size=D(0)), "above 0"),
        (OrderDefaults(sizes=(D(2), D(1))), "ascending"),
        (OrderDefaults(stop="100%"), "not a distance"),
        (OrderDefaults(trail="soon"), "not a distance"),
    ],
)
def test_what_is_wrong_is_said(wrong: OrderDefaults, sentence: str) -> None:
    assert sentence in (problem(wrong) or "")


def test_they_are_settings() -> None:
    text = '{"*:BTC-*" = {size = 0.5, sizes = [0.1, 0.5, 1], stop = "1%", target = "2%"}}'
    assert checked("order_defaults", text) == text
    wanted = OrderDefaults(size=D("0.5"), sizes=(D("0.1"), D("0.5"), D(1)), stop="1%", target="2%")
    assert value_text(Settings(order_defaults={"*:BTC-*": wanted}), "order_defaults") == text
    with pytest.raises(SettingsError, match=r'order_defaults\."X" has a wrong exit'):
        checked("order_defaults", '{X = {stop = "far"}}')
