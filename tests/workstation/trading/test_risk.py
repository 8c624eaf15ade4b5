"""Every pre-trade check says no when it should, in a sentence, and only then."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.events import TradingState
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, MarkPrice, Trade
from workstation.domain.order import Order, OrderDraft, OrderType, Side, TimeInForce
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.risk import CHECKS

D = Decimal
NOW = 1_000 * SECOND
SPOT = Instrument(
    venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.5"), lot=D("0.001"),
    min_quantity=D("0.002"), min_notional=D(10), maker_fee=D("0.001"), taker_fee=D("0.001"),
)  # fmt: skip
PERP = Instrument(
    venue="V", symbol="BTC-PERP", base="BTC", quote="USDT", tick=D("0.5"), lot=D("0.001"),
    contract=ContractType.LINEAR, taker_fee=D("0.0005"), leverage=D(10),
)  # fmt: skip


def desk(money: str = "100000", **limits: object) -> TradingCore:
    """One venue with a book 9,990 … 10,000 × 10,010 … in ten-dollar steps, 1 BTC a level."""
    market = MarketData([SPOT, PERP])
    for instrument in (SPOT, PERP):
        bids = tuple((20_000 - 20 * n, 1_000) for n in range(40))
        asks = tuple((20_020 + 20 * n, 1_000) for n in range(40))
        market.apply(BookSnapshot(instrument.id, NOW, 1, bids, asks))
    core = TradingCore([SPOT, PERP], market, msgspec.structs.replace(RiskLimits(), **limits))
    core.apply_account(e.BalanceAdjusted(ts=1, venue="V", currency="USDT", amount=D(money), reason="opening balance"))
    return core


def order(side: Side = Side.BUY, quantity: str = "0.1", price: str | None = "10000", **terms: object) -> OrderDraft:
    base: dict[str, object] = {"instrument": PERP.id, "side": side, "quantity": D(quantity)}
    base["price"] = None if price is None else D(price)
    return OrderDraft(**(base | terms))  # type: ignore[arg-type]


def working(core: TradingCore, draft: OrderDraft, client_id: str = "w") -> Order:
    taken = Order.from_draft(draft, client_id, NOW - 10 * SECOND)
    core.apply_order(e.OrderInitialized(client_id=client_id, ts=1, order=taken))
    core.apply_order(e.OrderSubmitted(client_id=client_id, ts=1))
    core.apply_order(e.OrderAccepted(client_id=client_id, ts=1, venue_order_id=client_id))
    return taken


def position(core: TradingCore, quantity: str, instrument: Instrument = PERP) -> None:
    side = Side.BUY if D(quantity) > 0 else Side.SELL
    taken = working(core, order(side, str(abs(D(quantity))), instrument=instrument.id), "p")
    from workstation.domain.fill import Fill, Liquidity

    fill = Fill(
        trade_id="p", client_id="p", instrument=instrument.id, side=side, quantity=taken.quantity, price=D(10_000),
        fee=D(0), fee_currency="USDT", liquidity=Liquidity.TAKER, ts=1,
    )  # fmt: skip
    core.apply_order(e.OrderFilled(client_id="p", ts=1, fill=fill))


def objections(core: TradingCore, draft: OrderDraft, now: int = NOW, link_up: bool = True) -> dict[str, str]:
    return {verdict.check: verdict.sentence for verdict in core.judge(draft, now, link_up) if not verdict.ok}


def test_a_sensible_order_passes_every_check() -> None:
    assert objections(desk(), order()) == {}
    assert [verdict.check for verdict in desk().judge(order(), NOW)] == list(CHECKS)


@pytest.mark.parametrize(
    ("check", "draft"),
    [
        ("terms", order(quantity="0")),
        ("terms", order(price=None)),
        ("terms", order(price=None, type=OrderType.STOP)),
        ("terms", order(price=None, type=OrderType.MARKET, post_only=True)),
        ("terms", order(tif=TimeInForce.GTD, expire_at=NOW - 1)),
        ("tick", order(price="10000.3")),
        ("tick", order(price="10100", type=OrderType.STOP_LIMIT, stop_price=D("10100.1"))),
        ("lot", order(quantity="0.1005")),
        ("lot", order(quantity="0.001", instrument=SPOT.id)),
        ("minimum value", order(quantity="0.002", price="4000", instrument=SPOT.id)),
        ("price collar", order(price="10300")),
        ("price collar", order(Side.SELL, price="9500")),
        ("price collar", order(price="1000")),
        ("price collar", order(Side.SELL, price="100000")),
        ("stop side", order(price=None, type=OrderType.STOP, stop_price=D(9_900))),
        ("stop side", order(Side.SELL, price=None, type=OrderType.STOP, stop_price=D(10_100))),
        ("order value", order(quantity="11", price="10000")),
        ("buying power", order(quantity="9.999", instrument=SPOT.id, price="10010")),
        ("buying power", order(Side.SELL, instrument=SPOT.id)),
        ("reduce only", order(reduce_only=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_check_refuses_in_a_sentence(check: str, draft: OrderDraft) -> None:
    found = objections(desk(), draft)
    assert check in found, found
    sentence = found[check]
    assert sentence[0].isupper() or sentence[0].isdigit()
    assert sentence.endswith(".")


def test_a_market_order_is_judged_by_the_price_down_to_which_it_would_trade() -> None:
    limits = {"max_order_value": D(10_000_000), "max_position_value": D(10_000_000), "max_exposure": D(10_000_000)}
    core = desk("10000000", **limits)
    assert objections(core, order(quantity="10", price=None, type=OrderType.MARKET)) == {}
    assert "down the book" in objections(core, order(quantity="35", price=None, type=OrderType.MARKET))["price collar"]


def test_exposure_counts_working_orders_at_their_worst() -> None:
    core = desk("1000000", max_position_value=D(50_000), max_exposure=D(70_000))
    working(core, order(quantity="4.5"))
    assert "position value" in objections(core, order(quantity="1"))
    assert objections(core, order(Side.SELL, quantity="1", price="10010")) == {}
    assert "total exposure" in objections(core, order(quantity="3", instrument=SPOT.id))
    assert objections(core, order(quantity="2", instrument=SPOT.id)) == {}


def test_an_order_without_an_answer_counts_as_if_it_worked() -> None:
    core = desk("1000000", max_position_value=D(50_000))
    taken = Order.from_draft(order(quantity="4.5"), "u", NOW - 10 * SECOND)
    core.apply_order(e.OrderInitialized(client_id="u", ts=1, order=taken))
    core.apply_order(e.OrderSubmitted(client_id="u", ts=1))
    core.apply_order(e.OrderUnknown(client_id="u", ts=1, reason="no answer"))
    assert "position value" in objections(core, order(quantity="1"))


def test_working_orders_bind_money_with_their_fees() -> None:
    core = desk("10015")
    working(core, order(quantity="0.5", instrument=SPOT.id))
    assert objections(core, order(quantity="0.5", instrument=SPOT.id, price="10000")) == {}
    assert "buying power" in objections(core, order(quantity="0.501", instrument=SPOT.id, price="10000"))


def test_working_sells_bind_what_is_held() -> None:
    core = desk()
    position(core, "0.5", SPOT)
    working(core, order(Side.SELL, "0.3", instrument=SPOT.id), "s")
    assert objections(core, order(Side.SELL, "0.2", instrument=SPOT.id)) == {}
    assert "0.2 BTC free" in objections(core, order(Side.SELL, "0.201", instrument=SPOT.id))["buying power"]


def test_what_only_shrinks_a_position_is_stopped_by_no_limit() -> None:
    core = desk("100000", max_order_value=D(1), max_position_value=D(1), max_exposure=D(1))
    position(core, "5")
    assert objections(core, order(Side.SELL, "5", price=None, type=OrderType.MARKET)) == {}
    assert objections(core, order(Side.SELL, "9", price=None, type=OrderType.MARKET, reduce_only=True)) == {}
    working(core, order(Side.SELL, "2", "10100"), "s")
    assert "order value" in objections(core, order(Side.SELL, "4", price=None, type=OrderType.MARKET)), "2 + 4 > 5"


def test_trading_states() -> None:
    core = desk()
    position(core, "1")
    for state in (TradingState.REDUCING, TradingState.HALTED):
        core.apply_account(e.TradingStateChanged(ts=1, state=state, reason="test", by="trader"))
        assert "state" in objections(core, order())
        shrinks = objections(core, order(Side.SELL, "1", price=None, type=OrderType.MARKET))
        assert ("state" in shrinks) == (state is TradingState.HALTED)


def test_no_order_without_a_live_price() -> None:
    core = desk()
    assert "old" in objections(core, order(), NOW + 60 * SECOND)["price known"]
    core.market.apply(e_stale())
    assert "stale" in objections(core, order())["price known"]
    empty = TradingCore([PERP], MarketData([PERP]), RiskLimits())
    assert "price known" in objections(empty, order())


def test_trades_and_marks_keep_no_frozen_book_fresh() -> None:
    core = desk()
    later = NOW + 11 * SECOND
    core.market.apply(Trade(PERP.id, later, 19_000, 1, False))
    core.market.apply(MarkPrice(PERP.id, later, D(9_500)))
    assert "11 s old" in objections(core, order(), later)["price known"]
    core.market.apply(BookDelta(PERP.id, later, 1, 1, (), ()))  # the exchange says that nothing has changed
    assert "price known" not in objections(core, order(), later)


def test_where_one_side_is_empty_the_last_trade_is_judged_by_its_own_age() -> None:
    core = desk()
    core.market.apply(BookSnapshot(PERP.id, NOW, 2, (), ((20_020, 1_000),)))
    core.market.apply(Trade(PERP.id, NOW, 20_000, 1, False))
    later = NOW + 11 * SECOND
    core.market.apply(BookDelta(PERP.id, later, 2, 2, (), ()))
    assert "11 s old" in objections(core, order(), later)["price known"]
    core.market.apply(Trade(PERP.id, later, 20_000, 1, False))
    assert "price known" not in objections(core, order(), later)


def e_stale() -> object:
    from workstation.domain.market import BookStale

    return BookStale(PERP.id, NOW, "a gap")


def test_a_venue_that_is_not_connected() -> None:
    assert "not connected" in objections(desk(), order(), link_up=False)["link"]


def test_a_bounced_key_and_too_many_orders() -> None:
    core = desk(max_orders_per_second=3)
    for number in range(3):
        draft = order(price=str(9_000 + number))
        made = Order.from_draft(draft, f"o{number}", NOW - 100_000_000)
        core.apply_order(e.OrderInitialized(client_id=f"o{number}", ts=1, order=made))
    assert "bounced" in objections(core, order(price="9001"))["duplicate"]
    assert "3 orders within a second" in objections(core, order(price="9500"))["order rate"]
    assert objections(core, order(price="9001"), NOW + SECOND) == {}


@given(st.decimals("0.001", "20", places=3), st.sampled_from(Side), st.integers(-10, 10), st.integers(-5, 5))
def test_a_passed_order_never_leads_beyond_the_limits(quantity: Decimal, side: Side, away: int, held: int) -> None:
    """Whatever is held: if risk lets an order pass and all of it fills, exposure is within the limit or has shrunk."""
    core = desk("1000000", max_position_value=D(60_000), max_exposure=D(80_000))
    if held:
        position(core, str(held))
    draft = order(side, str(quantity), str(10_000 + 10 * away))
    if objections(core, draft):
        return
    after = abs(held + quantity * side.sign)
    assert after * D(10_005) <= 60_000 or after < abs(held)


def test_an_old_order_that_is_adopted_now_hides_none_of_the_orders_before_it() -> None:
    core = desk(max_orders_per_second=3)
    for name, made, told in (("a", NOW, NOW), ("b", NOW, NOW), ("old", NOW - 60 * SECOND, NOW), ("c", NOW, NOW)):
        core.apply_order(e.OrderInitialized(client_id=name, ts=told, order=Order.from_draft(order(), name, made)))
    assert core.entered_since(NOW - SECOND) == 3
    assert "3 orders within a second" in objections(core, order(price="9500"))["order rate"]
