"""The limits that count, list and group; and that no limit at all stops an order which only shrinks a position."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_risk import NOW, PERP, SPOT, D, desk, objections, order, position, working

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.order import Order, OrderType, Side
from workstation.trading.core import TradingCore
from workstation.trading.limits import (
    RiskGroup,
    RiskLimits,
    StrategyLimits,
    limit_from_text,
    limit_text,
    limit_value,
    limits_of,
    own_field,
    own_parts,
    with_limit,
)
from workstation.trading.risk import CHECKS, IMPOSSIBLE, LIMITS

DAY = 86_400 * SECOND


def closed(core: TradingCore, number: int, at: int, origin: str = "manual") -> None:
    """An order that was sent and is gone."""
    made = Order.from_draft(order(origin=origin, price=str(9_000 + number)), f"c{number}", at)
    core.apply_order(e.OrderInitialized(client_id=made.client_id, ts=at, order=made))
    core.apply_order(e.OrderSubmitted(client_id=made.client_id, ts=at))
    core.apply_order(e.OrderRejected(client_id=made.client_id, ts=at, reason="test"))


def test_before_the_books_were_compared_a_contract_is_sold_reduce_only_and_nothing_grows() -> None:
    """The position may have been closed by hand: an order that seems to shrink it would open one the other way."""
    core = desk()
    position(core, "2")
    core.unproven["V"] = "it was away"
    assert "REDUCING" in objections(core, order(Side.BUY))["compared"]
    assert "only reduce-only orders go there" in objections(core, order(Side.SELL, "1"))["compared"]
    assert objections(core, order(Side.SELL, "1", reduce_only=True)) == {}
    core.unproven.clear()
    assert objections(core, order(Side.SELL, "1")) == {}


def test_working_orders_of_an_instrument_and_in_all() -> None:
    core = desk(max_working_orders_per_instrument=2, max_working_orders=3)
    working(core, order(price="9990"), "a")
    assert objections(core, order()) == {}
    working(core, order(price="9980"), "b")
    assert "2 orders work in BTC-PERP" in objections(core, order())["working orders"]
    assert objections(core, order(instrument=SPOT.id)) == {}
    working(core, order(instrument=SPOT.id, price="9980"), "c")
    assert "3 orders work on this desk" in objections(core, order(instrument=SPOT.id))["working orders"]
    amended = core.judge(order(quantity="0.2"), NOW, True, "b")
    assert all(verdict.ok for verdict in amended), "changing an order adds none"


def test_orders_of_a_day_are_counted_without_those_that_were_denied() -> None:
    core = desk(max_orders_per_day=2)
    early = NOW - 600 * SECOND
    closed(core, 1, early)
    denied = Order.from_draft(order(), "d", early)
    core.apply_order(e.OrderInitialized(client_id="d", ts=early, order=denied))
    core.apply_order(e.OrderDenied(client_id="d", ts=early, reason="test"))
    assert objections(core, order()) == {}
    closed(core, 2, early)
    assert "2 orders were sent today" in objections(core, order())["orders per day"]
    assert "orders per day" not in objections(core, order(), NOW + DAY)


def test_lists_of_instruments_that_may_and_may_not_be_traded() -> None:
    assert "allowed" in objections(desk(deny_instruments=("*-PERP",)), order())
    assert objections(desk(deny_instruments=("*-PERP",)), order(instrument=SPOT.id)) == {}
    assert "allowed" in objections(desk(allow_instruments=("V:BTC-USDT",)), order())
    assert objections(desk(allow_instruments=("X:*", "V:BTC-*")), order()) == {}
    assert "allowed" in objections(desk(allow_instruments=("*",), deny_instruments=("*",)), order())


@pytest.mark.parametrize(
    ("draft", "hit"),
    [
        (order(price="10010"), True),
        (order(price="10020"), True),
        (order(price="10009.5"), False),
        (order(price="10020", post_only=True), False),  # the venue does not let it take
        (order(price=None, type=OrderType.MARKET, quantity="0.1"), True),
        (order(price=None, type=OrderType.STOP, stop_price=D(10_050)), False),
        (order(price="10010", instrument=SPOT.id), False),
        (order(Side.SELL, price="10010"), False),
    ],
)
def test_an_order_may_not_hit_our_own(draft: object, hit: bool) -> None:
    core = desk()
    working(core, order(Side.SELL, "0.3", "10010"))
    found = objections(core, draft)  # type: ignore[arg-type]
    assert ("self-trade" in found) == hit
    assert not hit or "Your own sell of 0.3 at 10,010.0" in found["self-trade"]


def test_a_stop_that_waits_cannot_be_hit() -> None:
    core = desk()
    waiting = order(Side.SELL, "0.3", "9900", type=OrderType.STOP_LIMIT, stop_price=D(9_950))
    working(core, waiting)
    assert objections(core, order(price="10010")) == {}


def test_leverage_of_the_desk_and_of_one_instrument() -> None:
    core = desk("10000", max_leverage=D(3), max_instrument_leverage=D(2))
    assert objections(core, order(quantity="1.9")) == {}
    assert "2.1 times your equity" in objections(core, order(quantity="2.1"))["instrument leverage"]
    position(core, "2")
    assert objections(core, order(quantity="0.5", price="9990", instrument=SPOT.id)).keys() <= {"buying power"}
    assert "leverage" in objections(core, order(quantity="1.1", price="9990", instrument=SPOT.id))
    assert objections(core, order(Side.SELL, "2")) == {}
    assert "no equity" in objections(desk("0"), order())["leverage"]


def test_a_group_counts_as_one_bet_longs_against_shorts() -> None:
    groups = {"bitcoin": RiskGroup(members=("V:BTC-*",), max_exposure=D(30_000))}
    core = desk("1000000", groups=groups)
    position(core, "2")
    assert objections(core, order(quantity="0.9", instrument=SPOT.id)) == {}
    assert "bet on bitcoin" in objections(core, order(quantity="1.1", instrument=SPOT.id))["correlated exposure"]
    assert objections(core, order(Side.SELL, "4")) == {}, "from long 2 to short 2: within the limit"
    assert "correlated exposure" in objections(core, order(Side.SELL, "5.1"))
    hedge = {"bitcoin": RiskGroup(members=("V:BTC-PERP", "-V:BTC-USDT"), max_exposure=D(30_000))}
    core = desk("1000000", groups=hedge)
    position(core, "2")
    assert objections(core, order(quantity="4", instrument=SPOT.id)) == {}, "a member with a minus counts against it"


def test_what_makes_an_oversized_bet_smaller_is_let_through() -> None:
    core = desk("1000000", groups={"bitcoin": RiskGroup(members=("*",), max_exposure=D(10_000))})
    position(core, "2", SPOT)
    assert objections(core, order(Side.SELL, "1")) == {}
    assert "correlated exposure" in objections(core, order(quantity="0.1"))


def test_a_strategy_has_limits_of_its_own() -> None:
    limits = StrategyLimits(
        max_order_value=D(5_000), max_position_value=D(8_000), max_working_orders=2, max_orders_per_day=3
    )
    core = desk("1000000", strategies={"trend*": limits})
    assert objections(core, order(quantity="1")) == {}, "the hand is not the strategy"
    assert objections(core, order(quantity="0.5", origin="trend-1")) == {}
    assert "an order of trend-1" in objections(core, order(quantity="0.6", origin="trend-1"))["strategy value"]
    working(core, order(quantity="0.4", origin="trend-1"), "a")
    assert "position of trend-1" in objections(core, order(quantity="0.5", origin="trend-1"))["strategy value"]
    assert objections(core, order(quantity="0.5", origin="trend-2")) == {}
    working(core, order(quantity="0.1", price="9990", origin="trend-1"), "b")
    assert "2 working orders" in objections(core, order(quantity="0.1", origin="trend-1"))["strategy orders"]
    for number in range(3):
        closed(core, number, NOW - 600 * SECOND, "trend-2")
    assert "3 orders today" in objections(core, order(quantity="0.1", origin="trend-2"))["strategy orders"]


def test_a_strategys_own_limit_stands_before_the_pattern_that_fits_it_and_keeps_what_that_says() -> None:
    pattern = StrategyLimits(max_order_value=D(5_000), max_working_orders=2)
    limits = RiskLimits(strategies={"trend*": pattern})
    changed = with_limit(limits, own_field("trend-1", "max_order_value"), D(1_000))
    assert limits_of(changed, "trend-1") == StrategyLimits(max_order_value=D(1_000), max_working_orders=2)
    assert limits_of(changed, "trend-2") == pattern
    none = with_limit(changed, own_field("trend-1", "max_order_value"), None)
    assert limit_value(none, own_field("trend-1", "max_order_value")) is None
    every = RiskLimits(strategies={"trend-1": StrategyLimits(max_orders_per_day=1), "*": pattern})
    wider = with_limit(every, own_field("*", "max_orders_per_day"), 9)
    assert list(wider.strategies) == ["trend-1", "*"], "a pattern keeps its place"


@pytest.mark.parametrize(
    ("text", "value"), [("5000", D(5_000)), ("none", None), ("5,000.5", D("5000.5")), ("0", "above 0"), ("x", "number")]
)
def test_a_strategys_own_limit_is_read_from_text_and_back(text: str, value: object) -> None:
    field = own_field("sma_cross@NOVA:BTC-USDT", "max_order_value")
    assert own_parts(field) == ("sma_cross@NOVA:BTC-USDT", "max_order_value")
    if isinstance(value, str):
        with pytest.raises(ValueError, match=value):
            limit_from_text(field, text)
    else:
        assert limit_from_text(field, text) == value
        assert limit_from_text(field, limit_text(value)) == value
    assert own_parts("strategies.x.no_such_limit") is None
    assert own_parts("max_order_value") is None


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("max_leverage", "1,5", None),
        ("breakers.daily_loss", "2,5 %", None),
        ("max_order_value", "1000,50", None),
        ("max_order_value", "0,500", None),
        ("max_order_value", "1,00,000", None),
        ("max_working_orders", "1,0", None),
        ("max_order_value", "1,000", D(1_000)),
        ("max_order_value", "1,234,567.5", D("1234567.5")),
        ("max_orders_per_day", "50_000", 50_000),
        ("breakers.daily_loss", "2.5 %", D("0.025")),
    ],
)
def test_a_comma_in_a_limit_stands_between_thousands_or_the_limit_is_not_taken(
    field: str, text: str, value: object
) -> None:
    if value is None:
        with pytest.raises(ValueError, match="is the point, and a comma stands only between thousands"):
            limit_from_text(field, text)
    else:
        assert limit_from_text(field, text) == value


def test_a_change_of_a_strategys_order_is_held_to_the_strategys_limits() -> None:
    core = desk("1000000", strategies={"trend": StrategyLimits(max_order_value=D(5_000))})
    working(core, order(quantity="0.4", origin="trend"), "a")
    verdicts = core.judge(order(quantity="0.9", origin="amend of a"), NOW, True, "a")
    assert [verdict.check for verdict in verdicts if not verdict.ok] == ["strategy value"]


def test_a_book_that_was_painted_too_long_ago_is_no_basis_for_an_order() -> None:
    core = desk(max_painted_age_ms=500)
    assert objections(core, order(seen_at=NOW - 400_000_000)) == {}
    assert "0.6 s old" in objections(core, order(seen_at=NOW - 600_000_000))["painted book"]
    assert objections(core, order()) == {}, "an order that was not made on a painted book"


def test_every_check_is_a_limit_or_says_what_cannot_be() -> None:
    assert set(CHECKS) == LIMITS | IMPOSSIBLE
    assert not LIMITS & IMPOSSIBLE
    assert all(check.__doc__ for check in CHECKS.values())


TIGHTEST = msgspec.structs.replace(
    RiskLimits(), price_collar=D("0.000001"), price_collar_resting=D("0.000001"), max_order_value=D("0.01"),
    max_position_value=D("0.01"), max_exposure=D("0.01"), max_leverage=D("0.000001"),
    max_instrument_leverage=D("0.000001"), max_working_orders=1, max_working_orders_per_instrument=1,
    max_orders_per_second=1, max_orders_per_day=1, max_price_age_ms=1, max_painted_age_ms=1,
    deny_instruments=("*",), groups={"all": RiskGroup(members=("*",), max_exposure=D("0.01"))},
    strategies={"*": StrategyLimits(max_order_value=D("0.01"), max_position_value=D("0.01"), max_working_orders=1,
                                    max_orders_per_day=1)},
)  # fmt: skip


@given(
    held=st.integers(-9, 9).filter(bool),
    share=st.decimals("0.001", "1", places=3),
    price=st.one_of(st.none(), st.integers(8_000, 12_000)),
    flagged=st.booleans(),
    money=st.sampled_from(["-50000", "0", "100000"]),
    late=st.integers(0, 120),
    origin=st.sampled_from(["manual", "trend"]),
)
def test_no_limit_stops_an_order_that_only_shrinks_a_position(
    held: int, share: Decimal, price: int | None, flagged: bool, money: str, late: int, origin: str
) -> None:
    """Whatever limits, money, age of prices and orders sent before: only what cannot be may refuse."""
    core = desk(money)
    position(core, str(held))
    closed(core, 1, NOW - SECOND // 2)
    closed(core, 2, NOW - SECOND // 2)
    core.limits_book.limits = TIGHTEST
    side = Side.SELL if held > 0 else Side.BUY
    quantity = abs(held) * share if not flagged else Decimal(12)
    draft = order(
        side, str(max(D("0.001"), quantity.quantize(D("0.001")))), None if price is None else str(price),
        type=OrderType.MARKET if price is None else OrderType.LIMIT, reduce_only=flagged, origin=origin, seen_at=0,
    )  # fmt: skip
    refused = set(objections(core, draft, NOW + late * SECOND))
    assert refused <= IMPOSSIBLE
    assert not (flagged and "price collar" in refused), "reduce-only is meant, at whatever price"
    grows = order(side.opposite, "0.1", origin=origin, seen_at=0)
    assert set(objections(core, grows, NOW + late * SECOND)) - IMPOSSIBLE
    assert PERP.id in core.instruments
