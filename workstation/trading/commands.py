"""What a typed line can ask for, as values."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.formats import POINT, NumberStyle
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ZERO
from workstation.domain.order import OrderDraft, Side
from workstation.domain.plan import Plan, PlanKind
from workstation.domain.strategy_run import RunId
from workstation.trading.alerts import Alert
from workstation.trading.rebalancing.planning import Wish
from workstation.trading.strategy_commands import (
    ChangeStrategy,
    CloseStrategy,
    EndStrategy,
    ResumeStrategy,
    StartStrategy,
)


class Prices(msgspec.Struct, frozen=True):
    """The market of one instrument now."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    mid: Decimal | None = None

    def to_take(self, side: Side) -> Decimal | None:
        """The price at which a market order of this side would begin to trade."""
        return (self.ask if side is Side.BUY else self.bid) or self.mid


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the words of a line refer to: the selected instrument, prices, money, names. `now` in UTC ns.

    `rate` gives the value of one unit of an instrument's settlement currency in the account currency. `actions` are
    the desk's own by name with their titles; `recording` is (start, end) of the recording that plays, UTC ns.
    """

    instrument: Instrument | None
    instruments: Sequence[Instrument]
    now: int
    prices: Callable[[InstrumentId], Prices]
    equity: Decimal = ZERO
    rate: Callable[[Instrument], Decimal | None] = lambda _: None
    currency: str = "USDT"
    max_order_value: Decimal | None = None
    account_name: str = ""
    actions: Mapping[str, str] = {}
    themes: Sequence[str] = ()
    recording: tuple[int, int] | None = None
    zone: datetime.tzinfo = datetime.UTC
    position: Callable[[InstrumentId], Decimal] = lambda _: ZERO  # signed
    #: The plans whose exits protect an instrument's position, and what of it, unsigned, none of them does.
    protection: Callable[[InstrumentId], tuple[Sequence[Plan], Decimal]] | None = None
    #: Runs of strategies that have not ended, and those that have.
    strategies: Sequence[RunId] = ()
    ended_strategies: Sequence[RunId] = ()
    #: Names of strategies that could be started.
    installed: Callable[[], Sequence[str]] = tuple
    #: Portfolios that were kept: weights by instrument.
    portfolios: Mapping[str, Mapping[InstrumentId, Decimal]] = {}
    #: What a rebalance would trade now, in words. Raises `Refused` where it cannot be sent.
    rebalance: Callable[[Wish], str] | None = None
    #: How an order to the best venues would be split now, in words. Raises `Refused` where it cannot be sent.
    route: Callable[[OrderDraft], str] | None = None
    #: Whether the desk itself would hold an order until the market reaches its trigger.
    holds: Callable[[OrderDraft], bool] = lambda _: False
    #: What a limit is and would be, in words, by its path and the text typed for it. Raises `Refused`.
    limit: Callable[[str, str], tuple[str, str]] | None = None
    #: How the trader writes numbers.
    numbers: NumberStyle = POINT

    def named(self, instrument: InstrumentId) -> Instrument | None:
        return next((one for one in self.instruments if one.id == instrument), None)


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Send an order. `question` is a sentence to be answered by a second Enter before it is sent, or empty.
    `note` says what the words asked for and the order does not do. `best_of`: over all venues that list its asset, and
    `note` says how."""

    draft: OrderDraft
    best_of: bool = False
    question: str = ""
    note: str = ""


class StartPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a plan of contingent orders; `question` as for `PlaceOrder`."""

    plan: Plan
    question: str = ""


class ChangeExits(msgspec.Struct, frozen=True, kw_only=True):
    """Give the plan that protects a position other exits: `after` with what was asked for, the rest as `before`."""

    before: Plan
    after: Plan


class ChaseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Let the newest working limit order follow the best price: to `bound`, or `percent` from where it is now."""

    instrument: InstrumentId
    bound: Decimal | None = None
    percent: Decimal | None = None


class Execute(msgspec.Struct, frozen=True, kw_only=True):
    """Work one quantity by an execution algorithm. Times in ns, `share` a fraction; what the kind has not is None.
    `question` as for `PlaceOrder`."""

    kind: PlanKind
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    length: int | None = None
    every: int | None = None
    share: Decimal | None = None
    show: Decimal | None = None
    limit: Decimal | None = None
    reduce_only: bool = False
    question: str = ""


class ExecutionProgress(msgspec.Struct, frozen=True):
    """Say how far every execution algorithm is."""


class PauseExecution(msgspec.Struct, frozen=True):
    """Pause the execution algorithms of an instrument, or let them go on."""

    instrument: InstrumentId
    resume: bool = False


class StartRebalance(msgspec.Struct, frozen=True, kw_only=True):
    """Bring holdings to target weights; `question` says what is traded and what it costs, to be answered by a second
    Enter."""

    wish: Wish
    question: str = ""


class ManageRebalance(msgspec.Struct, frozen=True, kw_only=True):
    """`what` is pause, resume or cancel; `name` says which rebalance, empty: the only one."""

    what: str
    name: str = ""


class CancelOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel working orders; None means every instrument, or both sides."""

    instrument: InstrumentId | None = None
    side: Side | None = None


class ClosePosition(msgspec.Struct, frozen=True):
    instrument: InstrumentId


class ReversePosition(msgspec.Struct, frozen=True):
    instrument: InstrumentId


class BreakEven(msgspec.Struct, frozen=True):
    instrument: InstrumentId


class SetLeverage(msgspec.Struct, frozen=True):
    instrument: InstrumentId
    leverage: Decimal


class SetMarginMode(msgspec.Struct, frozen=True):
    instrument: InstrumentId
    mode: MarginMode


class Kill(msgspec.Struct, frozen=True):
    pass


class Flatten(msgspec.Struct, frozen=True):
    pass


class Rearm(msgspec.Struct, frozen=True):
    account: str


class SetReducing(msgspec.Struct, frozen=True):
    on: bool


class ChangeLimit(msgspec.Struct, frozen=True):
    """An empty `text` takes the config file's value."""

    field: str
    text: str


class ResetBreaker(msgspec.Struct, frozen=True):
    name: str
    subject: str = ""


class SetTheme(msgspec.Struct, frozen=True):
    name: str


class SetSpeed(msgspec.Struct, frozen=True):
    factor: float


class Seek(msgspec.Struct, frozen=True):
    to: int  # UTC ns


class SetAlert(msgspec.Struct, frozen=True):
    """Wait for something; the alert has no id yet."""

    alert: Alert


class SnoozeAlerts(msgspec.Struct, frozen=True):
    """Keep the alert that fired last, or every one, quiet for `length` ns."""

    length: int
    every: bool = False


class SelectInstrument(msgspec.Struct, frozen=True):
    instrument: InstrumentId


class RunAction(msgspec.Struct, frozen=True):
    """One of the desk's own actions, by its name in the action table."""

    name: str


type Command = (
    PlaceOrder
    | StartPlan
    | ChangeExits
    | ChaseOrder
    | Execute
    | PauseExecution
    | ExecutionProgress
    | StartRebalance
    | ManageRebalance
    | CancelOrders
    | ClosePosition
    | ReversePosition
    | BreakEven
    | SetLeverage
    | SetMarginMode
    | Kill
    | Flatten
    | Rearm
    | SetReducing
    | ChangeLimit
    | ResetBreaker
    | SetTheme
    | SetSpeed
    | Seek
    | SetAlert
    | SnoozeAlerts
    | StartStrategy
    | EndStrategy
    | ResumeStrategy
    | CloseStrategy
    | ChangeStrategy
    | SelectInstrument
    | RunAction
)
