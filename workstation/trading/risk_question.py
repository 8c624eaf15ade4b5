"""What a pre-trade check may look at: one draft, its market and the desk's state at one instant; and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

import msgspec

from workstation.domain.events import BreakerTripped, TradingState
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, ZERO, add, multiply, subtract
from workstation.domain.order import Order, OrderDraft, Side
from workstation.domain.position import Position
from workstation.domain.trailing import expected_stop
from workstation.trading.limits import RiskLimits
from workstation.venues.contract import Capabilities

#: Origin of the kill switch's own orders.
KILL = "kill"


class PositionRisk(msgspec.Struct, frozen=True, dict=True):
    """One instrument's share of the risk: signed quantity, open buys and sells at their worst, value of one unit."""

    quantity: Decimal
    buys: Decimal
    sells: Decimal
    unit_value: Decimal  # of one unit of quantity, in the account currency

    @property
    def worst(self) -> Decimal:
        """The largest unsigned quantity that working orders can lead to."""
        return max(abs(add(self.quantity, self.buys)), abs(subtract(self.quantity, self.sells)), abs(self.quantity))

    @cached_property
    def exposure(self) -> Decimal:
        return multiply(self.worst, self.unit_value)

    def with_order(self, draft: OrderDraft) -> PositionRisk:
        """The same with one more working order."""
        buys = add(self.buys, draft.quantity) if draft.side is Side.BUY else self.buys
        sells = add(self.sells, draft.quantity) if draft.side is Side.SELL else self.sells
        return PositionRisk(self.quantity, buys, sells, self.unit_value)


class GroupRisk(msgspec.Struct, frozen=True):
    """A group of instruments that count as one bet, without the draft. Money in the account currency, signed.

    `net` is the value of the positions; `up` and `down` what working orders could add to it or take from it; `sign` is
    −1 where a long position of the draft's instrument is a bet on the group's fall.
    """

    name: str
    limit: Decimal
    net: Decimal
    up: Decimal
    down: Decimal
    sign: int

    def worst(self, up: Decimal = ZERO, down: Decimal = ZERO) -> Decimal:
        """The largest unsigned bet that can come about, with `up` and `down` added."""
        rise, fall = add(self.net, add(self.up, up)), subtract(self.net, add(self.down, down))
        return max(abs(rise), abs(fall))


class OwnerRisk(msgspec.Struct, frozen=True):
    """What the draft's origin (a strategy, an algorithm, the trader's hand) has in the instrument and sent today."""

    origin: str = "manual"
    position: PositionRisk = PositionRisk(ZERO, ZERO, ZERO, ZERO)
    working: int = 0  # its working orders, of all instruments
    sent_today: int = 0


#: Why a real venue is REDUCING until this run of the desk has been compared with it for the first time.
NEVER_COMPARED = "its orders and money have not been compared with this desk's books yet"


class Question(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything a check may look at: the draft, its market and the desk's state, all at one instant. What several
    checks ask for is worked out once.

    `bid`, `ask`, `mid`, `sweep` (price down to which a market order of this size would take) are in quote currency;
    `price_age` in ns (None: no price at all); `available` is free money for this order in `funds_currency`.
    """

    draft: OrderDraft
    instrument: Instrument
    limits: RiskLimits
    now: int
    state: TradingState
    mid: Decimal | None
    best_opposite: Decimal | None
    sweep: Decimal | None
    stale: str | None
    price_age: int | None
    position: Position
    held: Decimal  # spot: base currency that is there; derivatives: the signed position
    rate: Decimal | None  # settlement currency → account currency
    others: PositionRisk  # this instrument without the draft
    exposure_elsewhere: Decimal  # account currency, all other instruments at their worst
    free_quote: Decimal  # spot: quote currency not bound by working buys; derivatives: free margin
    free_base: Decimal  # spot: base currency not bound by working sells
    recent: Sequence[Order]  # orders entered within the last second or the duplicate window
    link_up: bool = True
    leverage: Decimal = ONE  # as set for the instrument; 1 where the venue has not told it
    leverage_known: bool = True
    can_short: bool = True  # more may be sold than is held
    lends: Decimal | None = None  # cross margin account of spot: worth in quote of what may still be borrowed
    owed: Decimal = ZERO  # … what buys back all that is owed of the coin (or is short), the fee in coins with it
    closing: Decimal = ZERO  # what reduce-only orders of the draft's side may trade already
    left: Decimal | None = None  # spot: what market orders that close the position now leave of it
    amends: bool = False  # the draft stands for new terms of an order that works already
    opposite: Sequence[Order] = ()  # our own working orders of the other side
    equity: Decimal = ZERO  # account currency
    working: int = 0  # working orders of the whole desk, without the draft
    working_here: int = 0  # … of the instrument
    sent_today: int = 0  # orders of this UTC day that were not denied
    owner: OwnerRisk = OwnerRisk()
    groups: Sequence[GroupRisk] = ()
    venue: Capabilities | None = None  # what the venue can do; None: everything
    stopping: Sequence[BreakerTripped] = ()  # circuit breakers that stop new positions here
    size_scale: Decimal = ONE  # share of the size limits that the drawdown leaves
    unproven: str = ""  # why the desk's books of the venue may be wrong now; empty once they were compared

    @cached_property
    def price(self) -> Decimal | None:
        """The worst price at which the order can trade, as far as it is known."""
        draft = self.draft
        if draft.type.has_limit:
            return draft.price
        if draft.type.has_trigger:
            return expected_stop(draft, self.mid) or self.mid
        return self.sweep or self.best_opposite or self.mid

    @property
    def reduces(self) -> bool:
        """Whether the order can only shrink the position, whatever else is working on the same side."""
        quantity = self.held if self.instrument.is_spot else self.position.quantity
        if self.draft.reduce_only and not self.instrument.is_spot:  # the venue sees to it
            return quantity != 0 and (quantity > 0) is (self.draft.side is Side.SELL)
        if self.draft.side is Side.SELL:
            return quantity > 0 and add(self.draft.quantity, self.others.sells) <= quantity
        return quantity < 0 and add(self.draft.quantity, self.others.buys) <= -quantity

    @cached_property
    def shrinks(self) -> bool:
        """Whether the order can do nothing but shrink a position: no limit may stop it."""
        if not self.draft.reduce_only or not self.instrument.pooled:
            return self.draft.reduce_only or self.reduces
        beside = subtract(self.others.buys, self.closing) if self.draft.side is Side.BUY else ZERO
        return add(self.draft.quantity, beside) <= self.closable

    @property
    def closable(self) -> Decimal:
        """Of spot on margin: the most that a reduce-only order may trade. The exchange would borrow for more: it bounds
        sales alone, by what is there."""
        if self.draft.side is Side.BUY:
            return max(ZERO, subtract(self.owed, self.closing))
        return max(ZERO, self.held)

    @cached_property
    def after(self) -> PositionRisk:
        """The instrument's risk with the draft."""
        return self.others.with_order(self.draft)

    @cached_property
    def value(self) -> Decimal | None:
        """The order's value in the account currency."""
        price = self.price
        if price is None or price <= 0 or self.rate is None:
            return None
        return multiply(self.instrument.notional(self.draft.quantity, price), self.rate)


class Verdict(msgspec.Struct, frozen=True):
    """What one check says: `sentence` is empty when it is content."""

    check: str
    sentence: str

    @property
    def ok(self) -> bool:
        return not self.sentence


def money(value: Decimal) -> str:
    return f"{value:,.2f}"
