"""Order, account and desk events: the append-only journal from which all trading state can be folded again."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.plan import Plan, PlanId, PlanState
from workstation.domain.rebalance import Rebalance, RebalanceId
from workstation.domain.route import Route, RouteId
from workstation.domain.strategy_run import StrategyRun


class _OrderEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    client_id: ClientOrderId
    ts: int  # UTC ns on the desk's clock


class OrderInitialized(_OrderEvent, frozen=True, kw_only=True, tag="initialized"):
    """The intent. It is durable before a venue hears of the order."""

    order: Order


class OrderDenied(_OrderEvent, frozen=True, kw_only=True, tag="denied"):
    """Refused by the desk's own risk checks; the venue never heard of it. `check`: the name of the one that did, as in
    `trading.risk.CHECKS`; "" where it was none (a halt, a store that fails) and in journals of before."""

    reason: str
    check: str = ""


class OrderSubmitted(_OrderEvent, frozen=True, kw_only=True, tag="submitted"):
    """Handed to the venue (or about to be: after a crash such an order is asked about, never sent again)."""


class OrderAccepted(_OrderEvent, frozen=True, kw_only=True, tag="accepted"):
    venue_order_id: str


class OrderRejected(_OrderEvent, frozen=True, kw_only=True, tag="rejected"):
    reason: str


class OrderTriggered(_OrderEvent, frozen=True, kw_only=True, tag="triggered"):
    """A stop's price was reached: it now works as a market or limit order."""


class OrderTrailed(_OrderEvent, frozen=True, kw_only=True, tag="trailed"):
    """A trailing stop followed the market: its trigger now stands at `stop_price`."""

    stop_price: Decimal


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
    reason: str = ""  # why they are others, where the desk did not ask for it


class OrderAmendRejected(_OrderEvent, frozen=True, kw_only=True, tag="amend_rejected"):
    reason: str


class OrderExpired(_OrderEvent, frozen=True, kw_only=True, tag="expired"):
    reason: str = ""


class OrderUnknown(_OrderEvent, frozen=True, kw_only=True, tag="unknown"):
    """No answer came. The order counts at its worst until the venue says what became of it."""

    reason: str


class OrderReopened(_OrderEvent, frozen=True, kw_only=True, tag="reopened"):
    """The venue had said that the order ended, and shows it as working all the same (a lost cancel). It counts as
    open again, and is cancelled until the venue shows it no more."""

    venue_order_id: str
    reason: str


type OrderEvent = (
    OrderInitialized
    | OrderDenied
    | OrderSubmitted
    | OrderAccepted
    | OrderRejected
    | OrderTriggered
    | OrderTrailed
    | OrderFilled
    | OrderPendingCancel
    | OrderCanceled
    | OrderCancelRejected
    | OrderPendingAmend
    | OrderAmended
    | OrderAmendRejected
    | OrderExpired
    | OrderUnknown
    | OrderReopened
)


#: Topics of the bus for whoever follows orders.
ORDER_EVENTS: tuple[type[OrderEvent], ...] = (
    OrderInitialized,
    OrderDenied,
    OrderSubmitted,
    OrderAccepted,
    OrderRejected,
    OrderTriggered,
    OrderTrailed,
    OrderFilled,
    OrderPendingCancel,
    OrderCanceled,
    OrderCancelRejected,
    OrderPendingAmend,
    OrderAmended,
    OrderAmendRejected,
    OrderExpired,
    OrderUnknown,
    OrderReopened,
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
    """Money that came or went other than by a fill: opening balance, deposits, withdrawals, funding, corrections.
    `value`: its worth in the account currency then; None where its coin had no price (and in older journals)."""

    ts: int
    venue: str
    currency: str
    amount: Decimal
    reason: str
    value: Decimal | None = None


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


class PlanStarted(msgspec.Struct, frozen=True, kw_only=True, tag="plan_started"):
    """A plan of contingent orders begins. It is durable before the first of its orders is."""

    ts: int
    plan: Plan


class PlanChanged(msgspec.Struct, frozen=True, kw_only=True, tag="plan_changed"):
    """The plan's terms from now on; an ended plan becomes what `plan.state` says."""

    ts: int
    plan: Plan
    reason: str = ""


class PlanEnded(msgspec.Struct, frozen=True, kw_only=True, tag="plan_ended"):
    """The plan wants nothing any more: what of its orders still works is cancelled. HALTED ends every plan too."""

    ts: int
    plan_id: PlanId
    state: PlanState
    reason: str


type PlanEvent = PlanStarted | PlanChanged | PlanEnded


class RebalanceStarted(msgspec.Struct, frozen=True, kw_only=True, tag="rebalance_started"):
    """A rebalance begins. It is durable before the first of its orders is."""

    ts: int
    rebalance: Rebalance


class RebalanceChanged(msgspec.Struct, frozen=True, kw_only=True, tag="rebalance_changed"):
    """The rebalance from now on: paused, or resumed."""

    ts: int
    rebalance: Rebalance
    reason: str = ""


class RebalanceEnded(msgspec.Struct, frozen=True, kw_only=True, tag="rebalance_ended"):
    """It wants nothing any more: what of its orders still works is cancelled. HALTED ends every rebalance too."""

    ts: int
    rebalance_id: RebalanceId
    state: PlanState
    reason: str


type RebalanceEvent = RebalanceStarted | RebalanceChanged | RebalanceEnded


class RouteStarted(msgspec.Struct, frozen=True, kw_only=True, tag="route_started"):
    """An order is split over venues. It is durable, the ids of its legs in it, before the first of them is sent."""

    ts: int
    route: Route


class RouteEnded(msgspec.Struct, frozen=True, kw_only=True, tag="route_ended"):
    """Every leg is closed, or the route was cancelled: what of its legs still works is pulled. HALTED ends it too."""

    ts: int
    route_id: RouteId
    state: PlanState
    reason: str


type RouteEvent = RouteStarted | RouteEnded


class EquityMarked(msgspec.Struct, frozen=True, kw_only=True, tag="equity_marked"):
    """What losses are measured against from now on, in the account currency: the peak of the equity, and the equity
    with which UTC day `day` (days since 1970) began. Deposits and withdrawals before it are settled in it. `valued`
    are the currencies that counted in it; None (an older desk's mark): every one that was held."""

    ts: int
    peak: Decimal
    day: int
    day_start: Decimal
    reason: str
    valued: tuple[str, ...] | None = None


class BreakerTripped(msgspec.Struct, frozen=True, kw_only=True, tag="breaker_tripped"):
    """A circuit breaker stops new positions until `until` (UTC ns; None: until it is reset). `subject` is the venue or
    instrument that it is about, empty for the desk; `again_at` the loss at which it would trip afresh."""

    ts: int
    name: str
    value: Decimal
    until: int | None
    reason: str
    subject: str = ""
    again_at: Decimal | None = None


class BreakerReset(msgspec.Struct, frozen=True, kw_only=True, tag="breaker_reset"):
    """A tripped breaker was ended on purpose; `by` says from where."""

    ts: int
    name: str
    value: Decimal
    by: str
    subject: str = ""
    again_at: Decimal | None = None


class BreakerRearmed(msgspec.Struct, frozen=True, kw_only=True, tag="breaker_rearmed"):
    """The loss that had tripped a breaker is well below its threshold again: it trips at the threshold as at first."""

    ts: int
    name: str


class LimitsChanged(msgspec.Struct, frozen=True, kw_only=True, tag="limits_changed"):
    """The trader changed a limit on the desk: the audit row. Values are text as in the config file; `configured` is
    what the config file said then. The change holds as long as the config says so still; `new` equal to `configured`
    takes an earlier change back."""

    ts: int
    who: str
    field: str
    old: str
    new: str
    configured: str


class TradeNoted(msgspec.Struct, frozen=True, kw_only=True, tag="trade_noted"):
    """What the trader notes of a trade, from now on: all of it each time. `risk` is what he says that it risked at
    first, in the settlement currency; `pictures` are names of files."""

    ts: int
    trade_id: str
    setup: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    risk: Decimal | None = None
    pictures: tuple[str, ...] = ()


class LateFee(msgspec.Struct, frozen=True, kw_only=True):
    """What the fee of a fill was worth, in the settlement currency of its instrument; `order` is the fill's."""

    order: ClientOrderId
    trade_id: str
    value: Decimal


class FeesValued(msgspec.Struct, frozen=True, kw_only=True, tag="fees_valued"):
    """Fees in a third coin that nothing priced when their fills of one instrument were booked, at the coin's first
    price after that. They count as `Fill.fee_value` from then on, in the places where the fills stand."""

    ts: int
    instrument: InstrumentId
    fees: tuple[LateFee, ...]


class StrategyRunChanged(msgspec.Struct, frozen=True, kw_only=True, tag="strategy_run"):
    """A strategy was started, changed, paused, resumed or stopped: the run as it is from now on, and what is new of it
    in words (`what`, "fast 10 → 12, stop off → 2 %"). HALTED stops all."""

    ts: int
    run: StrategyRun
    what: str = ""


type BreakerEvent = EquityMarked | BreakerTripped | BreakerReset | BreakerRearmed


class VenueBooked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that a venue booked by itself. `entry_id` is unique on its venue: a doubled report is harmless."""

    ts: int  # UTC ns, the venue's time of the entry
    venue: str
    entry_id: str


class FundingPaid(VenueBooked, frozen=True, kw_only=True, tag="funding"):
    """Funding of a position: `amount` is received (> 0) or paid (< 0) for `quantity` held at `ts`, the funding time.

    |amount| = rate × value of the position at the mark price, in the settlement `currency`.
    """

    instrument: InstrumentId
    currency: str
    amount: Decimal
    quantity: Decimal
    mark: Decimal
    rate: Decimal


class InterestCharged(VenueBooked, frozen=True, kw_only=True, tag="interest"):
    """Cost of spot sold short: `amount` (< 0) = −`borrowed` × `mark` × `rate` (an hour) × `hours`, paid in quote.

    A real margin account pays it in the coin that it owes, `amount` = −`borrowed` × `rate` × `hours`; `worth` is that
    in the instrument's settlement currency where the coin is another one.
    """

    instrument: InstrumentId
    currency: str
    amount: Decimal
    borrowed: Decimal
    rate: Decimal
    hours: int
    mark: Decimal
    worth: Decimal | None = None


class PositionLiquidated(VenueBooked, frozen=True, kw_only=True, tag="liquidated"):
    """The venue closes a position by an order of its own, which the desk did not send; its fills follow as fills do.

    `order` is that order as it works at the venue, its origin LIQUIDATION; `reason` a sentence with the figures.
    """

    order: Order
    mark: Decimal
    bankruptcy: Decimal | None
    reason: str


class InsuranceCovered(VenueBooked, frozen=True, kw_only=True, tag="insurance"):
    """The venue's insurance fund bore what a liquidation lost beyond its margin, because the price gapped."""

    currency: str
    amount: Decimal
    instrument: InstrumentId | None = None


class LeverageChanged(VenueBooked, frozen=True, kw_only=True, tag="leverage"):
    instrument: InstrumentId
    leverage: Decimal


class MarginModeChanged(VenueBooked, frozen=True, kw_only=True, tag="margin_mode"):
    instrument: InstrumentId
    mode: MarginMode


#: Origin of an order by which a venue closes a position itself.
LIQUIDATION = "liquidation"

type VenueEntry = (
    FundingPaid | InterestCharged | PositionLiquidated | InsuranceCovered | LeverageChanged | MarginModeChanged
)

#: All that is in the journal beside the events of single orders.
type AccountEvent = (
    BalanceAdjusted
    | TradingStateChanged
    | KillRequested
    | KillCompleted
    | PlanStarted
    | PlanChanged
    | PlanEnded
    | RebalanceStarted
    | RebalanceChanged
    | RebalanceEnded
    | RouteStarted
    | RouteEnded
    | FundingPaid
    | InterestCharged
    | PositionLiquidated
    | InsuranceCovered
    | LeverageChanged
    | MarginModeChanged
    | EquityMarked
    | BreakerTripped
    | BreakerReset
    | BreakerRearmed
    | LimitsChanged
    | TradeNoted
    | FeesValued
    | StrategyRunChanged
)
