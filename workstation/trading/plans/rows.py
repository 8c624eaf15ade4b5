"""Plans as rows among the orders: a head for each plan, and what the desk keeps for it that no venue has yet.

Such a row is no order of the desk's: a `Head` stands for a whole plan, route or rebalance under that one's id, a `Kept`
for an exit under "PLAN/LEG". It has the fields of an order, so that one table shows both; the engine takes these ids
for amend and cancel as it takes those of orders. None is ever in the journal.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import ZERO, add, multiply
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import EXIT_LEGS, STOP_LEG, TARGET_LEG, Plan, PlanKind
from workstation.trading.plans import held_entries
from workstation.trading.plans.tally import Tally
from workstation.trading.plans.words import execution_text, exits_text

HELD = "held"  # by the desk: it acts when the market is there
WAITS = "waits"  # for an entry to fill
#: What an exit that the desk holds says of itself beside its state.
_WHILE_IT_RUNS = "by this desk: it does nothing while the desk is off"
BLIND = "BLIND"  # held by the desk, which sees no price to act by
NO_STOP = "NO STOP"  # what is open has no stop at the venue, and the plan wants one


class Head(Order, frozen=True, kw_only=True):
    """Stands for several orders: `origin` is the kind, `note` the state in a word, `reason` how far it is."""


class Kept(Order, frozen=True, kw_only=True):
    """An exit that the desk keeps and no venue has, or an entry that waits here for its stop price; `note` says what it
    waits for."""


def kept_id(plan: Plan, leg: str) -> str:
    return f"{plan.plan_id}/{leg}"


def is_head(order: Order) -> bool:
    """Whether the row stands for a whole plan."""
    return isinstance(order, Head)


def is_kept(order: Order) -> bool:
    """Whether the row is an exit that the desk keeps and no venue has."""
    return isinstance(order, Kept)


def is_unprotected(plan: Plan, tally: Tally) -> bool:
    """What is open should have a stop and has none that works, nor an exit on its way."""
    return bool(plan.is_active and plan.stop is not None and tally.open) and not any(
        tally.live(leg) for leg in EXIT_LEGS
    )


def status(plan: Plan, tally: Tally, rests_stops: bool = True, unseen: str = "") -> str:
    """The plan's state in a word or two. `unseen`: why the desk sees no price."""
    if not plan.is_active:
        return "ending"
    if plan.execution is not None:
        return "PAUSED" if plan.execution.paused_at is not None else "working"
    if held_entries.waiting(plan, tally, rests_stops):
        return BLIND if unseen else HELD
    if not tally.open:
        return "chasing" if plan.chase_to is not None else WAITS if plan.has_exits else "working"
    if is_unprotected(plan, tally):
        return NO_STOP if rests_stops else BLIND if unseen else HELD
    if any(order.type is OrderType.MARKET or order.tif is TimeInForce.IOC for order in _live_exits(tally)):
        return "closing"
    return "protected" if tally.live(STOP_LEG) else "trails" if plan.trail is not None else "open"


def _live_exits(tally: Tally) -> list[Order]:
    return [order for leg in EXIT_LEGS for order in tally.live(leg)]


def wanted_quantity(plan: Plan) -> Decimal:
    """What the plan would hold if every entry filled."""
    total = plan.covers if plan.execution is None else plan.execution.quantity
    for draft in plan.entries:
        total = add(total, draft.quantity)
    return total


def head(plan: Plan, tally: Tally, rests_stops: bool = True, unseen: str = "") -> Head:
    """`filled` is what was entered, `origin` the kind, `note` the state, `reason` the exits as they are typed."""
    adopted = [order.quantity for order in tally.orders if order.client_id == plan.adopted]
    execution = "" if plan.execution is None else execution_text(plan.execution)
    bound = "" if plan.chase_to is None else f"chase {plan.chase_to:f} "
    entered = plan.kind is not PlanKind.EXIT
    filled = add(tally.entered, plan.covers) if entered else tally.exited
    return _row(
        Head,
        plan,
        plan.plan_id,
        "",
        side=plan.side if not plan.covers else plan.side.opposite,
        quantity=add(wanted_quantity(plan), sum(adopted, ZERO)),
        filled=filled,
        filled_value=multiply(tally.entry_price or ZERO, filled) if entered else ZERO,
        note=status(plan, tally, rests_stops, unseen),
        reason=f"{execution}{bound}{exits_text(plan)}",
        origin=str(plan.kind),
    )


def kept(plan: Plan, tally: Tally, rests_stops: bool = True, unseen: str = "") -> list[Kept]:
    """Entries that wait here for their price, and the exits with a price that no order stands for now. `unseen`: why
    the desk sees no price."""
    if not plan.is_active:
        return []
    quantity = tally.open or wanted_quantity(plan)
    rows = [_held(plan, draft, unseen) for draft in held_entries.waiting(plan, tally, rests_stops)]
    for leg, price in ((STOP_LEG, plan.stop), (TARGET_LEG, plan.target)):
        if price is None or tally.live(leg):
            continue
        note = WAITS if not tally.open else HELD if leg == TARGET_LEG or not rests_stops else NO_STOP
        stops = leg == STOP_LEG
        reason = _WHILE_IT_RUNS if note == HELD else ""
        if unseen and note == HELD:
            note, reason = BLIND, f"{'NOT PROTECTED: ' if stops else ''}this desk sees no price ({unseen})"
        rows.append(
            _row(
                Kept,
                plan,
                kept_id(plan, leg),
                leg,
                side=plan.side.opposite,
                quantity=quantity,
                note=note,
                type_=OrderType.STOP if stops else OrderType.LIMIT,
                stop_price=price if stops else None,
                price=None if stops else price,
                reason=reason,
            )
        )
    return rows


def _held(plan: Plan, draft: OrderDraft, unseen: str) -> Kept:
    """An entry that waits here for the market to pass its stop price."""
    return _row(
        Kept,
        plan,
        kept_id(plan, draft.leg),
        draft.leg,
        side=draft.side,
        quantity=draft.quantity,
        note=BLIND if unseen else HELD,
        type_=draft.type,
        stop_price=draft.stop_price,
        price=draft.price,
        reason=f"this desk sees no price ({unseen})" if unseen else _WHILE_IT_RUNS,
        reduce_only=draft.reduce_only,
        tif=draft.tif,
        expire_at=draft.expire_at,
    )


def _row[R: (Head, Kept)](
    cls: type[R],
    plan: Plan,
    client_id: str,
    leg: str,
    *,
    side: Side,
    quantity: Decimal,
    note: str,
    filled: Decimal = ZERO,
    filled_value: Decimal = ZERO,
    type_: OrderType = OrderType.MARKET,
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
    reason: str = "",
    origin: str = "",
    reduce_only: bool | None = None,
    tif: TimeInForce = TimeInForce.GTC,
    expire_at: int | None = None,
) -> R:
    return cls(
        client_id=client_id,
        instrument=plan.instrument,
        side=side,
        type=type_,
        quantity=quantity,
        price=price,
        stop_price=stop_price,
        tif=tif,
        expire_at=expire_at,
        post_only=False,
        reduce_only=bool(leg) if reduce_only is None else reduce_only,
        origin=origin or plan.origin,
        note=note,
        created_at=plan.created_at,
        updated_at=plan.updated_at,
        state=OrderState.ACCEPTED,
        filled=filled,
        filled_value=filled_value,
        reason=reason,
        plan=plan.plan_id,
        leg=leg,
    )
