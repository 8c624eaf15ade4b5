"""Orders: what a trader asks for (`OrderDraft`) and what the desk follows (`Order`)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import QUANTUM, ZERO, divide, subtract

#: Unique for ever over all desks and restarts; the key under which a venue is asked about an order.
type ClientOrderId = str
#: Who "makes" an order (its `origin`) that was found at the venue: this desk never sent it.
EXTERNAL = "external"
#: Origin of the orders by which a comparison books what a venue holds and no order of the desk's tells of.
RECONCILIATION = "reconciliation"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # becomes a market order when the market trades at `stop_price` or worse for the order's side
    STOP_LIMIT = "stop_limit"  # becomes a limit order at `price`
    TAKE_PROFIT = "take_profit"  # as a stop, but when the market trades at `stop_price` or better (market if touched)
    TAKE_PROFIT_LIMIT = "take_profit_limit"  # becomes a limit order at `price` (limit if touched)
    TRAILING_STOP = "trailing_stop"  # a stop that follows the best price at a distance and never goes back

    @property
    def has_limit(self) -> bool:
        """Whether it trades at `price` or better only."""
        return self in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)

    @property
    def has_trigger(self) -> bool:
        """Whether it sleeps until the market reaches a price."""
        return self not in (OrderType.MARKET, OrderType.LIMIT)

    @property
    def takes_profit(self) -> bool:
        """Whether its trigger lies where the market moves in favour of who holds the other side."""
        return self in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    DAY = "DAY"  # until the end of the session: the end of the UTC day, unless the desk's setting says otherwise

    @property
    def may_rest(self) -> bool:
        return self not in (TimeInForce.IOC, TimeInForce.FOK)


class OrderState(StrEnum):
    """Order life; the legal moves between the states stand in `workstation.trading.order_state`."""

    INITIALIZED = "initialized"
    DENIED = "denied"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TRIGGERED = "triggered"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_AMEND = "pending_amend"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # sent, and no answer came; the venue is being asked


def state_word(state: str) -> str:
    """A state of an order or a plan, or an event, as the screen and the log write it."""
    return state.replace("_", " ").replace("canceled", "cancelled")


CLOSED_STATES = frozenset(
    {OrderState.DENIED, OrderState.REJECTED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
)


class OrderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An order as wanted, before risk, ids and venues. `origin` names who wants it ("manual", "kill", a strategy).

    `stop_price` is the trigger of stops and take-profits. A trailing stop has none: it follows at `trail` (in price) or
    `trail_bps` (basis points of the price it follows), from the market as it is or once `activation_price` is reached.
    `display` is how much of a limit order shows at a time (an iceberg); None shows all.
    `plan` is the id of the plan (`domain.plan`) that keeps the order and `leg` its part in it; both empty for an order
    that stands alone. `seen_at` is UTC ns up to which the book on the trader's screen was true, where he acted on one.
    """

    instrument: InstrumentId
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    expire_at: int | None = None  # UTC ns, for GTD; for DAY the desk fills it in
    post_only: bool = False
    reduce_only: bool = False
    origin: str = "manual"
    note: str = ""
    plan: str = ""
    leg: str = ""
    seen_at: int | None = None
    display: Decimal | None = None
    trail: Decimal | None = None
    trail_bps: Decimal | None = None
    activation_price: Decimal | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the desk knows it: the draft's terms (amended terms replace them) and its life so far.

    Times are UTC ns. `filled_value` is Σ fill quantity × fill price, exactly. The `stop_price` of a trailing stop is
    where the venue says that it stands, None until it has begun to follow.
    """

    client_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    tif: TimeInForce
    expire_at: int | None
    post_only: bool
    reduce_only: bool
    origin: str
    note: str
    created_at: int
    updated_at: int
    state: OrderState = OrderState.INITIALIZED
    venue_order_id: str | None = None
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    fees: Decimal = ZERO
    triggered: bool = False
    pending_quantity: Decimal | None = None
    pending_price: Decimal | None = None
    pending_stop_price: Decimal | None = None
    reason: str = ""
    plan: str = ""
    leg: str = ""
    display: Decimal | None = None
    trail: Decimal | None = None
    trail_bps: Decimal | None = None
    activation_price: Decimal | None = None

    @classmethod
    def from_draft(cls, draft: OrderDraft, client_id: ClientOrderId, ts: int) -> Order:
        return cls(
            client_id=client_id,
            instrument=draft.instrument,
            side=draft.side,
            type=draft.type,
            quantity=draft.quantity,
            price=draft.price,
            stop_price=draft.stop_price,
            tif=draft.tif,
            expire_at=draft.expire_at,
            post_only=draft.post_only,
            reduce_only=draft.reduce_only,
            origin=draft.origin,
            note=draft.note,
            plan=draft.plan,
            leg=draft.leg,
            created_at=ts,
            updated_at=ts,
            display=draft.display,
            trail=draft.trail,
            trail_bps=draft.trail_bps,
            activation_price=draft.activation_price,
        )

    @property
    def leaves(self) -> Decimal:
        """Quantity that can still fill."""
        return ZERO if self.is_closed else subtract(self.quantity, self.filled)

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED_STATES

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSED_STATES

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price, rounded to 1e-12; None before the first fill, and of a row that counts other things."""
        return divide(self.filled_value, self.filled, QUANTUM) if self.filled and self.filled_value else None

    @property
    def worst_quantity(self) -> Decimal:
        """Quantity that may still fill in the worst case: an amend under way counts at its larger size."""
        if self.is_closed:
            return ZERO
        wanted = self.quantity if self.pending_quantity is None else max(self.quantity, self.pending_quantity)
        return max(ZERO, subtract(wanted, self.filled))
