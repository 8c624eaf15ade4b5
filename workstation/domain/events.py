"""Order, account and desk events: the append-only journal from which all trading state can be folded again."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.order import ClientOrderId, Order


class _OrderEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    client_id: ClientOrderId
    ts: int  # UTC ns on the desk's clock


class OrderInitialized(_OrderEvent, frozen=True, kw_only=True, tag="initialized"):
    """The intent. It is durable before a venue hears of the order."""

    order: Order


class OrderDenied(_OrderEvent, frozen=True, kw_only=True, tag="denied"):
    """Refused by the desk's own risk checks; the venue never heard of it."""

    reason: str


class OrderSubmitted(_OrderEvent, frozen=True, kw_only=True, tag="submitted"):
    """Handed to the venue (or about to be: after a crash such an order is asked about, never sent again)."""


class OrderAccepted(_OrderEvent, frozen=True, kw_only=True, tag="accepted"):
    venue_order_id: str


class OrderRejected(_OrderEvent, frozen=True, kw_only=True, tag="rejected"):
    reason: str


class OrderTriggered(_OrderEvent, frozen=True, kw_only=True, tag="triggered"):
    """A stop's price was reached: it now works as a market or limit order."""


class OrderFilled(_OrderEvent, frozen=True, kw_only=True, tag="filled"):
    fill: Fill


class OrderPendingCancel(_OrderEvent, frozen=True, kw_only=True, tag="pending_cancel"):
    pass


class OrderCanceled(_OrderEvent, frozen=True, kw_only=True, tag="canceled"):
    reason: str = ""


class OrderCancelRejected(_OrderEvent, frozen=True, kw_only=True, tag="cancel_rejected"):
    reason: str


class OrderPendingAmend(_OrderEvent, frozen=True, kw_only=True, tag="pending_amend"):
    """The terms asked for; None leaves a term as it is. `quantity` is the order's new TOTAL quantity."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


class OrderAmended(_OrderEvent, frozen=True, kw_only=True, tag="amended"):
    """The terms in force from now on; None leaves a term as it is."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


class OrderAmendRejected(_OrderEvent, frozen=True, kw_only=True, tag="amend_rejected"):
    reason: str


class OrderExpired(_OrderEvent, frozen=True, kw_only=True, tag="expired"):
    reason: str = ""


class OrderUnknown(_OrderEvent, frozen=True, kw_only=True, tag="unknown"):
    """No answer came. The order counts at its worst until the venue says what became of it."""

    reason: str


type OrderEvent = (
    OrderInitialized
    | OrderDenied
    | OrderSubmitted
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | OrderFilled
    | OrderPendingCancel
    | OrderCanceled
    | OrderCancelRejected
    | OrderPendingAmend
    | OrderAmended
    | OrderAmendRejected
    | OrderExpired
    | OrderUnknown
)


#: Topics of the bus for whoever follows orders.
ORDER_EVENTS: tuple[type[OrderEvent], ...] = (
    OrderInitialized,
    OrderDenied,
    OrderSubmitted,
    OrderAccepted,
    OrderRejected,
    OrderTriggered,
    OrderFilled,
    OrderPendingCancel,
    OrderCanceled,
    OrderCancelRejected,
    OrderPendingAmend,
    OrderAmended,
    OrderAmendRejected,
    OrderExpired,
    OrderUnknown,
)


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"  # only orders that shrink a position
    HALTED = "halted"  # no orders but cancels and the kill switch's own


class TradingStateChanged(msgspec.Struct, frozen=True, kw_only=True, tag="trading_state"):
    ts: int
    state: TradingState
    reason: str
    by: str  # "trader", "kill", "breaker", "start"


class BalanceAdjusted(msgspec.Struct, frozen=True, kw_only=True, tag="balance"):
    """Money that came or went other than by a fill: opening balance, deposits, withdrawals, funding, corrections."""

    ts: int
    venue: str
    currency: str
    amount: Decimal
    reason: str


class KillRequested(msgspec.Struct, frozen=True, kw_only=True, tag="kill_requested"):
    """The kill switch was pressed. Until `KillCompleted` of the same id every start of the desk goes on with it."""

    ts: int
    kill_id: str
    flatten: bool
    reason: str


class KillCompleted(msgspec.Struct, frozen=True, kw_only=True, tag="kill_completed"):
    """The venues themselves showed no working order (and, if asked to flatten, no position); `receipt` says what."""

    ts: int
    kill_id: str
    receipt: str


type AccountEvent = BalanceAdjusted | TradingStateChanged | KillRequested | KillCompleted
