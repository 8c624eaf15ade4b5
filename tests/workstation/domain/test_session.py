"""When DAY and GTD orders end."""

from __future__ import annotations

from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.order import Order, OrderDraft, Side, TimeInForce
from workstation.domain.session import expiry, session_end

HOUR = 3_600 * SECOND
MIDNIGHT = 1_767_571_200 * SECOND  # 2026-01-05 00:00 UTC
DAY = 24 * HOUR


def test_a_session_ends_at_the_next_end_after_the_moment() -> None:
    assert session_end(MIDNIGHT + 15 * HOUR) == MIDNIGHT + DAY
    assert session_end(MIDNIGHT + 15 * HOUR, offset=22 * HOUR) == MIDNIGHT + 22 * HOUR
    assert session_end(MIDNIGHT + 23 * HOUR, offset=22 * HOUR) == MIDNIGHT + DAY + 22 * HOUR


def test_a_moment_that_is_a_session_end_belongs_to_the_next_session() -> None:
    assert session_end(MIDNIGHT) == MIDNIGHT + DAY
    assert session_end(MIDNIGHT - 1) == MIDNIGHT


def test_only_gtd_and_day_orders_expire_by_themselves() -> None:
    def order(tif: TimeInForce, expire_at: int | None = None) -> Order:
        draft = OrderDraft(
            instrument="V:X", side=Side.BUY, quantity=Decimal(1), price=Decimal(1), tif=tif, expire_at=expire_at
        )
        return Order.from_draft(draft, "o", MIDNIGHT + HOUR)

    assert expiry(order(TimeInForce.GTC, MIDNIGHT + 5)) is None
    assert expiry(order(TimeInForce.GTD, MIDNIGHT + 2 * HOUR)) == MIDNIGHT + 2 * HOUR
    assert expiry(order(TimeInForce.DAY)) == MIDNIGHT + DAY
    assert expiry(order(TimeInForce.DAY, MIDNIGHT + 22 * HOUR)) == MIDNIGHT + 22 * HOUR
