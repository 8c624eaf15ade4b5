"""When a DAY order ends, and when an order of any kind does."""

from __future__ import annotations

from workstation.domain.order import Order, TimeInForce
from workstation.domain.spans import DAY


def session_end(ts: int, offset: int = 0) -> int:
    """The first session end after `ts`, UTC ns; `offset` is the end's time of day in ns after midnight UTC."""
    return ts + DAY - (ts - offset) % DAY


def expiry(order: Order) -> int | None:
    """UTC ns at which the order expires by itself; a DAY order without a time ends with the UTC day it was made on."""
    if order.tif is TimeInForce.GTD:
        return order.expire_at
    if order.tif is TimeInForce.DAY:
        return order.expire_at if order.expire_at is not None else session_end(order.created_at)
    return None
