"""What a rule is asked (`Situation`) and what it answers (intents). The runner carries intents to the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add, divide
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, Side
from workstation.domain.plan import Plan, PlanId, PlanState
from workstation.trading.plans.tally import Tally


class Send(msgspec.Struct, frozen=True):
    """Send an order of the plan; the draft names plan and leg."""

    draft: OrderDraft


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """Change a working order of the plan; None leaves a term as it is, `quantity` is the new total."""

    client_id: ClientOrderId
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


class Pull(msgspec.Struct, frozen=True):
    """Cancel a working order of the plan."""

    client_id: ClientOrderId


class Change(msgspec.Struct, frozen=True):
    """The plan's terms become these. `loud`: the trader must see why."""

    plan: Plan
    reason: str = ""
    loud: bool = False


class End(msgspec.Struct, frozen=True):
    plan_id: PlanId
    state: PlanState
    reason: str
    loud: bool = False


class Wake(msgspec.Struct, frozen=True):
    """Ask again at `at` (UTC ns) even if nothing happens until then."""

    at: int


type Intent = Send | Amend | Pull | Change | End | Wake


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a rule may look at, all at one instant. Prices are None where the book is stale or one-sided.

    `available`: what of the position is there for this plan's exits (≥ 0). `busy`: legs of which an order is being
    handed over at this moment, so that nothing may be concluded about them. `room`: entries that may be sent now (the
    order-rate limit). `rests_stops`: the venue takes stop orders. `rests_both`: it enforces reduce-only, so that stop
    and target may both rest there. `amends`: it can change orders. `volume`: what has traded in the market since the
    desk began to watch the plan (or it was resumed), `entered_before` what the plan had filled then. `proofs`:
    ranges in which the market proves to be while its book cannot be believed (`market.proof`). `fee`: of a short on
    margin what the exits buy beyond it, for the fee that is taken in coins; `spare`: what of it may be bought now.
    `sighted`: when the desk last saw the market before it passes the price of an entry that the plan holds; None where
    it never did.
    """

    plan: Plan
    tally: Tally
    instrument: Instrument
    available: Decimal
    now: int
    bid: Decimal | None
    ask: Decimal | None
    state: TradingState = TradingState.ACTIVE
    busy: frozenset[str] = frozenset()
    room: int = 1_000
    rests_stops: bool = True
    rests_both: bool = True
    amends: bool = True
    volume: Decimal = ZERO
    entered_before: Decimal = ZERO
    fee: Decimal = ZERO
    spare: Decimal = ZERO
    lost: frozenset[ClientOrderId] = frozenset()
    proofs: tuple[tuple[Decimal, Decimal], ...] = ()
    sighted: int | None = None

    def live(self, leg: str) -> list[Order]:
        """The leg's orders that can still fill, but for the lost ones."""
        return [order for order in self.tally.live(leg) if order.client_id not in self.lost]

    @property
    def mid(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else divide(add(self.bid, self.ask), Decimal(2))

    @property
    def exit_side(self) -> Side:
        return self.plan.side.opposite

    @property
    def exit_price(self) -> Decimal | None:
        """The best price at which the position could be closed now: of the book, else the worst of those between which
        the market proves to be."""
        long = self.plan.side is Side.BUY
        price = self.bid if long else self.ask
        if price is not None or not self.proofs:
            return price
        return max(low for low, _ in self.proofs) if long else min(high for _, high in self.proofs)

    def is_at(self, price: Decimal) -> bool:
        """Whether the market is at the price, or at one that is worse for who holds the plan's position."""
        return self.is_beyond(price, falls=self.plan.side is Side.BUY)

    def is_beyond(self, price: Decimal, falls: bool) -> bool:
        """Whether the market has fallen (risen) to the price or beyond: by the middle of the book, or by what proves
        where it is while the book is not to be believed. Of a stop that no venue takes, one side decides where the
        other is empty: who would sell sees offers there, who would buy bids."""
        middle = self.mid
        if middle is None and not self.rests_stops:
            middle = self.ask if falls else self.bid
        prices = [high if falls else low for low, high in self.proofs]
        if middle is not None:
            prices.append(middle)
        return any(each <= price if falls else each >= price for each in prices)

    @property
    def sees(self) -> bool:
        """Whether anything tells where the market is."""
        return self.mid is not None or bool(self.proofs)

    def better(self, a: Decimal, b: Decimal) -> bool:
        """Whether price `a` is a better one than `b` for who holds the plan's position."""
        return a > b if self.plan.side is Side.BUY else a < b


#: Pause after a venue has refused to cancel an order before it is asked again.
_CANCEL_AGAIN = SECOND // 2


def pull(s: Situation, orders: Sequence[Order]) -> list[Intent]:
    """Cancel those of the orders that are open and not being cancelled already."""
    intents: list[Intent] = []
    for order in orders:
        if order.is_closed or order.state is OrderState.PENDING_CANCEL:
            continue
        again = order.updated_at + _CANCEL_AGAIN
        intents.append(Wake(again) if order.reason and again > s.now else Pull(order.client_id))
    return intents
