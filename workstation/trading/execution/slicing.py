"""The rule of TWAP, VWAP, POV and icebergs: what of the parent is due now, and how a slice of it trades. Pure.

- A slice of TWAP, VWAP and POV first waits as a limit order at the best price of its own side. If it has not filled
  within the plan's patience it is cancelled, the cancel is CONFIRMED, and what is due then takes: a limit IOC at the
  best price of the other side. The next slice waits again. No order is worse than the plan's limit: a market that is
  beyond it is waited for.
- Never more than one slice is out, so what is out and what has filled can never exceed the parent.
- Who falls behind (a market beyond the limit, a desk that was gone) catches up in slices of at most twice the largest
  of the schedule, not all at once. POV counts the volume that the desk has seen: none while it was gone or paused.
- An iceberg rests at its limit; each slice is a random 80 to 100 % of what it may show and follows when the last has
  filled.
- Paused, the slice is cancelled and none is sent; a schedule goes on where it stood. A parent over time ends with its
  time, whatever is left.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.execution import SLICE_LEG, Execution
from workstation.domain.numbers import ZERO, add, floor_to, multiply, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import PlanKind, PlanState
from workstation.domain.prices import price_words
from workstation.trading.execution.schedule import drawn_size, smallest_slice
from workstation.trading.plans.intents import End, Intent, Send, Situation, Wake, pull

#: How often volume is looked at.
_LOOK_EVERY = SECOND
#: After its time a schedule's last slice gets this share of the patience more to fill.
_GRACE = 2


def decide_execution(s: Situation) -> list[Intent]:
    terms = s.plan.execution
    assert terms is not None
    left = subtract(terms.quantity, s.tally.entered)
    live = s.tally.live(SLICE_LEG)
    if left <= 0:
        return [End(s.plan.plan_id, PlanState.DONE, _done(s, terms))]
    if terms.paused_at is not None or (s.state is not TradingState.ACTIVE and not terms.reduce_only):
        return pull(s, live)
    if SLICE_LEG in s.busy:
        return []
    ends = None if terms.length is None else s.plan.created_at + terms.shift + terms.length + _GRACE * terms.patience
    if ends is not None and s.now >= ends:
        return [End(s.plan.plan_id, PlanState.DONE, f"its time is over: {_done(s, terms)}", loud=True)]
    wakes: list[Intent] = [] if ends is None else [Wake(ends)]
    if live:
        return [*wakes, *_keep(s, terms, live[-1])]
    smallest = smallest_slice(s.instrument, s.bid or s.ask or terms.limit or s.instrument.tick)
    if left < min(smallest, terms.quantity) and not terms.reduce_only:
        return [End(s.plan.plan_id, PlanState.DONE, f"{plain(left)} are too small to be sent: {_done(s, terms)}")]
    if (pause := s.tally.next_try(SLICE_LEG)) > s.now:
        return [*wakes, Wake(pause)]
    quantity, look_at = _due(s, terms, left, smallest)
    if look_at is not None:
        wakes.append(Wake(look_at))
    draft = _draft(s, terms, quantity) if quantity > 0 and s.room > 0 else None
    if s.room <= 0:
        wakes.append(Wake(s.now + SECOND // 4))
    return wakes if draft is None else [*wakes, Send(draft)]


def _keep(s: Situation, terms: Execution, order: Order) -> list[Intent]:
    """The slice that is out: its patience ends."""
    if s.plan.kind is PlanKind.ICEBERG or order.tif is not TimeInForce.GTC or order.state is OrderState.UNKNOWN:
        return []
    until = order.created_at + terms.patience
    return pull(s, [order]) if s.now >= until else [Wake(until)]


def _due(s: Situation, terms: Execution, left: Decimal, smallest: Decimal) -> tuple[Decimal, int | None]:
    """What may be sent now, and when to look again. What would leave a rest too small to be sent takes it along."""
    number = len(s.tally.of(SLICE_LEG))
    look_at: int | None = None
    if s.plan.kind is PlanKind.ICEBERG:
        quantity = max(smallest, drawn_size(terms.slice, 0.8, 1.0, s.instrument, terms.seed, number))
    elif terms.share is not None:
        due = add(s.entered_before, multiply(terms.share, s.volume))
        quantity = floor_to(min(left, subtract(due, s.tally.entered)), s.instrument.lot)
        wanted = drawn_size(terms.slice, 0.7, 1.3, s.instrument, terms.seed, number)
        look_at = s.now + _LOOK_EVERY
        if quantity < min(max(smallest, wanted), left):
            return ZERO, look_at
        quantity = min(quantity, multiply(terms.slice, Decimal(2)))
    else:
        elapsed = s.now - s.plan.created_at - terms.shift
        totals = [step.total for step in terms.steps if step.at <= elapsed]
        coming = [step.at for step in terms.steps if step.at > elapsed]
        if coming:
            look_at = s.now + min(coming) - elapsed
        quantity = subtract(totals[-1] if totals else ZERO, s.tally.entered)
        if quantity < min(smallest, left):
            return ZERO, look_at
        quantity = min(quantity, multiply(_largest(terms), Decimal(2)))
    quantity = min(quantity, left)
    if subtract(left, quantity) < smallest and s.plan.kind is not PlanKind.ICEBERG and not _more_to_come(terms, s):
        quantity = left
    return quantity, look_at


def _more_to_come(terms: Execution, s: Situation) -> bool:
    """Whether the schedule still holds something back."""
    if terms.share is not None:
        return False
    elapsed = s.now - s.plan.created_at - terms.shift
    return any(step.at > elapsed for step in terms.steps)


def _largest(terms: Execution) -> Decimal:
    sizes, before = [], ZERO
    for step in terms.steps:
        sizes.append(subtract(step.total, before))
        before = step.total
    return max(sizes)


def _draft(s: Situation, terms: Execution, quantity: Decimal) -> OrderDraft | None:
    """The slice as an order; None while the market is not to be had within the limit."""
    buys = s.plan.side is Side.BUY
    near, far = (s.bid, s.ask) if buys else (s.ask, s.bid)
    tif = TimeInForce.GTC
    if s.plan.kind is PlanKind.ICEBERG:
        price = terms.limit
    elif _takes(s):
        price, tif = far, TimeInForce.IOC
        if price is not None and terms.limit is not None and (price > terms.limit if buys else price < terms.limit):
            price, tif = terms.limit, TimeInForce.GTC  # it waits there instead
    else:
        price = near
        if price is not None and terms.limit is not None:
            price = min(price, terms.limit) if buys else max(price, terms.limit)
    if price is None:
        return None
    return OrderDraft(
        instrument=s.plan.instrument,
        side=s.plan.side,
        quantity=quantity,
        type=OrderType.LIMIT,
        price=price,
        tif=tif,
        reduce_only=terms.reduce_only,
        origin=s.plan.origin,
        note=str(s.plan.kind),
        plan=s.plan.plan_id,
        leg=SLICE_LEG,
    )


def _takes(s: Situation) -> bool:
    """Whether the last slice waited in vain, so that this one takes."""
    orders = s.tally.of(SLICE_LEG)
    return bool(orders) and orders[-1].tif is TimeInForce.GTC and orders[-1].state is OrderState.CANCELED


def _done(s: Situation, terms: Execution) -> str:
    price = s.tally.entry_price
    average = "" if price is None else f" at {price_words(floor_to(price, s.instrument.tick), s.instrument)} on average"
    return f"{plain(s.tally.entered)} of {plain(terms.quantity)} filled{average}"
