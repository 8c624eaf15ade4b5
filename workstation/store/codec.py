"""Events, orders, fills and instruments to rows of the store and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast, get_args

import msgspec

from workstation.domain.events import AccountEvent, OrderEvent, OrderFilled
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order

type Event = OrderEvent | AccountEvent
type Row = tuple[Any, ...]

_ENCODER = msgspec.json.Encoder()
_CLASSES: tuple[type[Any], ...] = (*get_args(OrderEvent.__value__), *get_args(AccountEvent.__value__))
_KINDS: dict[type[Any], str] = {cls: str(cls.__struct_config__.tag) for cls in _CLASSES}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(cls) for cls, kind in _KINDS.items()}
_INSTRUMENT: msgspec.json.Decoder[Instrument] = msgspec.json.Decoder(Instrument)


def exact_text(value: Decimal) -> str:
    """The decimal digit for digit, without an exponent. Raises ValueError for NaN and infinities."""
    if not value.is_finite():
        raise ValueError(f"{value} is not an amount")
    return format(value, "f")


def _maybe_text(value: Decimal | None) -> str | None:
    return None if value is None else exact_text(value)


def to_json(value: object) -> str:
    return _ENCODER.encode(value).decode()


def event_row(event: Event) -> Row:
    """(ts, kind, client_id, payload) of a journal entry. Raises TypeError for what is no event."""
    kind = _KINDS.get(type(event))
    if kind is None:
        raise TypeError(f"{type(event).__name__} is not an event of the journal")
    return (event.ts, kind, getattr(event, "client_id", None), to_json(event))


def decode_event(kind: str, payload: str) -> Event:
    """The event back. Raises KeyError for an unknown kind and msgspec.DecodeError for a damaged payload."""
    return cast(Event, _DECODERS[kind].decode(payload))


def venue_of(instrument_id: str) -> str:
    return instrument_id.partition(":")[0]


def fill_row(event: OrderFilled) -> Row:
    """The columns of `fills` after `seq`."""
    fill = event.fill
    return (
        venue_of(fill.instrument),
        fill.trade_id,
        fill.client_id,
        fill.instrument,
        fill.side.value,
        exact_text(fill.quantity),
        exact_text(fill.price),
        exact_text(fill.fee),
        fill.fee_currency,
        fill.liquidity.value,
        fill.ts,
        fill.number,
        _maybe_text(fill.fee_value),
    )


def decode_fill(row: dict[str, Any]) -> Fill:
    """A fill from a mapping of the columns of `fills`; a file that no desk has brought up to date has no numbers."""
    return msgspec.convert({name: row[name] for name in Fill.__struct_fields__ if name in row}, Fill)


def order_row(order: Order) -> Row:
    """The columns of `orders`."""
    return (
        order.client_id,
        order.venue_order_id,
        order.instrument,
        order.side.value,
        order.type.value,
        order.tif.value,
        order.state.value,
        exact_text(order.quantity),
        _maybe_text(order.price),
        _maybe_text(order.stop_price),
        exact_text(order.filled),
        exact_text(order.filled_value),
        exact_text(order.fees),
        int(order.post_only),
        int(order.reduce_only),
        order.expire_at,
        order.origin,
        order.note,
        order.reason,
        order.created_at,
        order.updated_at,
        _maybe_text(order.display),
        _maybe_text(order.trail),
        _maybe_text(order.trail_bps),
        _maybe_text(order.activation_price),
    )


def decode_instrument(terms: str) -> Instrument:
    return _INSTRUMENT.decode(terms)
