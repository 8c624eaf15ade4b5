"""Take-profits, trailing stops, icebergs and DAY orders on a real desk: judged, sent, followed, kept over a restart."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import BTC, PERP, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import OrderTrailed
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.settings import Settings
from workstation.store.codec import decode_event

OLD_INTENT = (
    '{"event":"initialized","client_id":"a","ts":1,"order":{"client_id":"a","instrument":"NOVA:BTC-USDT","side":"buy",'
    '"type":"stop","quantity":"1","price":null,"stop_price":"70000","tif":"GTC","expire_at":null,"post_only":false,'
    '"reduce_only":false,"origin":"manual","note":"","created_at":1,"updated_at":1}}'
)


def draft(side: Side, type: OrderType, quantity: str = "0.01", **terms: Any) -> OrderDraft:
    exact = {name: D(term) if isinstance(term, str) else term for name, term in terms.items()}
    return OrderDraft(**{"instrument": PERP, "side": side, "quantity": D(quantity), "type": type, **exact})  # type: ignore[arg-type]


def now(desk: TestDesk, order: Order) -> Order:
    """The order as it stands."""
    known = desk.engine.order(order.client_id)
    assert known is not None
    return known


async def sent(desk: TestDesk, side: Side, type: OrderType, quantity: str = "0.01", **terms: Any) -> Order:
    return await desk.engine.submit(draft(side, type, quantity, **terms))


def test_a_journal_of_before_these_orders_still_reads() -> None:
    order = decode_event("initialized", OLD_INTENT).order  # type: ignore[union-attr]
    assert (order.display, order.trail, order.trail_bps, order.activation_price) == (None,) * 4


async def test_a_trailing_stop_follows_over_a_restart_and_never_loosens(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.01")
        order = await sent(desk, Side.SELL, OrderType.TRAILING_STOP, trail_bps="80", reduce_only=True)
        assert order.state is OrderState.ACCEPTED, order.reason
        await desk.run(25)
        before = now(desk, order)
        assert before.stop_price is not None
        moves = [x for x in desk.engine.order_events(order.client_id) if isinstance(x, OrderTrailed)]
        stops = [move.stop_price for move in moves]
        assert stops == sorted(stops)
        assert before.stop_price == stops[-1]
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        after = now(desk, order)
        assert after.stop_price is not None
        assert after.stop_price >= before.stop_price
        await desk.engine.amend(order.client_id, stop_price=after.stop_price - D(10))
        loosened = now(desk, order)
        assert loosened.state is OrderState.ACCEPTED
        assert loosened.stop_price == after.stop_price
        assert "never loosened" in loosened.reason


async def test_a_day_order_ends_with_the_utc_day(tmp_path: Path) -> None:
    midnight = START + 12 * 3_600 * SECOND
    async with demo_desk(tmp_path, start=midnight - 10 * SECOND) as desk:
        order = await desk.limit(BTC, Side.BUY, "0.01", away=500, tif=TimeInForce.DAY)
        assert order.expire_at == midnight
        await desk.run(5)
        assert now(desk, order).is_open
        await desk.run(5)
        assert now(desk, order).state is OrderState.EXPIRED


def test_the_session_end_is_a_setting() -> None:
    assert msgspec.convert({"session_end": "22:30"}, Settings).session_ends_ns == (22 * 60 + 30) * 60 * SECOND
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"session_end": "24:00"}, Settings)


async def test_an_iceberg_is_one_order_of_the_desk(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        order = await desk.limit(BTC, Side.BUY, "0.5", display=D("0.1"))
        assert order.state is OrderState.ACCEPTED
        assert (order.quantity, order.display) == (D("0.5"), D("0.1"))
        smaller = await desk.engine.amend(order.client_id, quantity=D("0.05"))
        assert smaller.quantity == D("0.05")


async def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        mid = desk.best(PERP, Side.BUY)
        cases = [
            (draft(Side.SELL, OrderType.TAKE_PROFIT), "needs a trigger price above zero"),
            (draft(Side.SELL, OrderType.TAKE_PROFIT, stop_price=str(mid - 100)), "must be above the market"),
            (draft(Side.BUY, OrderType.TAKE_PROFIT, stop_price=str(mid + 100)), "must be below the market"),
            (draft(Side.SELL, OrderType.TRAILING_STOP), "needs one distance"),
            (draft(Side.SELL, OrderType.TRAILING_STOP, trail="0.123"), "not a multiple of the tick"),
            (draft(Side.SELL, OrderType.MARKET, trail="10"), "Only a trailing stop has a distance"),
            (draft(Side.SELL, OrderType.MARKET, display="0.001"), "Only a limit order that may rest"),
            (draft(Side.BUY, OrderType.LIMIT, price=str(mid), display="5"), "no more than the order"),
        ]
        for wanted, sentence in cases:
            order = await desk.engine.submit(wanted)
            assert order.state is OrderState.DENIED
            assert sentence in order.reason


async def test_both_targets_and_trails_can_be_previewed(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        mid = desk.best(PERP, Side.BUY)
        for side in Side:
            trigger = str(mid - 100 * side.sign)
            assert desk.engine.preview(draft(side, OrderType.TAKE_PROFIT, stop_price=trigger)).price == D(trigger)
            trail = desk.engine.preview(draft(side, OrderType.TRAILING_STOP, trail="100"))
            assert trail.ok
            assert trail.price is not None
            assert abs(trail.price - mid) > 90
