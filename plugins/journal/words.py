"""Events of the journal in a few words."""

from __future__ import annotations

from collections.abc import Callable

from screens import figures
from screens.figures import money_text, plain_text, price_text, quantity_text
from screens.order_words import event_text
from screens.parameters import value_text
from workstation.clock import span
from workstation.domain import events as e
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import state_word
from workstation.domain.plan import Plan
from workstation.domain.rule_words import rules_text
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.past.timeline import Event

type Terms = Callable[[InstrumentId], Instrument | None]

_KINDS = {
    "initialized": "order",
    "submitted": "sent",
    "accepted": "working",
    "filled": "fill",
    "pending_cancel": "cancel",
    "canceled": "cancelled",
    "cancel_rejected": "cancel no",
    "pending_amend": "amend",
    "amend_rejected": "amend no",
    "trading_state": "state",
    "kill_requested": "kill",
    "kill_completed": "kill done",
    "plan_started": "plan",
    "plan_changed": "plan",
    "plan_ended": "plan ends",
    "rebalance_started": "rebalance",
    "rebalance_changed": "rebalance",
    "rebalance_ended": "rebal ends",
    "route_started": "best of",
    "route_ended": "best ends",
    "equity_marked": "mark",
    "breaker_tripped": "breaker",
    "breaker_reset": "breaker",
    "breaker_rearmed": "breaker",
    "limits_changed": "limit",
    "margin_mode": "margin",
    "strategy_run": "strategy",
}


def kind(event: Event) -> str:
    """The event's kind in one or two words."""
    tag = str(event.__struct_config__.tag)
    return _KINDS.get(tag, tag.replace("_", " "))


def instrument_of(event: Event, order_of: Callable[[str], InstrumentId]) -> InstrumentId:
    """The instrument that the event is about; "" for one of the whole desk. `order_of`: that of an order."""
    if (client_id := getattr(event, "client_id", None)) is not None:
        return order_of(client_id)
    match event:
        case e.PlanStarted(plan=plan) | e.PlanChanged(plan=plan):
            return plan.instrument
        case e.PositionLiquidated(order=order):
            return order.instrument
        case e.BreakerTripped(subject=subject) | e.BreakerReset(subject=subject):
            return subject
        case e.StrategyRunChanged(run=run):
            return run.instrument
        case _:
            return getattr(event, "instrument", None) or ""


def reference(event: Event) -> str:
    """The id by which the event can be found: of an order, a plan, an entry of a venue."""
    match event:
        case e.PlanStarted(plan=plan) | e.PlanChanged(plan=plan):
            return plan.plan_id
        case e.PlanEnded(plan_id=plan_id):
            return plan_id
        case e.RebalanceStarted(rebalance=rebalance) | e.RebalanceChanged(rebalance=rebalance):
            return rebalance.rebalance_id
        case e.RebalanceEnded(rebalance_id=rebalance_id):
            return rebalance_id
        case e.RouteStarted(route=route):
            return route.route_id
        case e.RouteEnded(route_id=route_id):
            return route_id
        case e.VenueBooked(entry_id=entry_id):
            return entry_id
        case e.StrategyRunChanged(run=run):
            return run.run_id
        case _:
            return str(getattr(event, "client_id", None) or getattr(event, "kill_id", ""))


def sentence(event: Event, instrument: Instrument | None) -> str:
    """What happened."""
    if getattr(event, "client_id", None) is not None:
        return event_text(event, instrument) if instrument is not None else kind(event)  # type: ignore[arg-type]
    why = figures.sentence(getattr(event, "reason", ""))
    match event:
        case e.BalanceAdjusted(venue=venue, currency=currency, amount=amount):
            return f"{venue} {money_text(amount, sign=True)} {currency}: {why}"
        case e.TradingStateChanged(state=state, by=by):
            return f"{state.upper()} by {by}: {why}"
        case e.KillRequested(flatten=flatten):
            return f"Kill switch{' and flatten' if flatten else ''}: {why}"
        case e.KillCompleted(receipt=receipt):
            return figures.sentence(receipt)
        case e.PlanStarted(plan=plan):
            return f"{plan.kind} starts: {_plan(plan, instrument)}"
        case e.PlanChanged(plan=plan):
            return f"{plan.kind}: {_plan(plan, instrument)}{f' ({why})' if why else ''}"
        case e.PlanEnded(state=state):
            return f"{state_word(state)}: {why}" if why else state_word(state)
        case e.RebalanceStarted(rebalance=rebalance):
            return f"{rebalance.name} starts: {len(rebalance.trades)} trades, costs about {money_text(rebalance.cost)}"
        case e.RebalanceChanged(rebalance=rebalance):
            return f"{rebalance.name}: {why}"
        case e.RebalanceEnded(state=state):
            return f"{state_word(state)}: {why}" if why else state_word(state)
        case e.RouteStarted(route=route):
            legs = ", ".join(f"{plain_text(leg.quantity)} {leg.instrument}" for leg in route.legs)
            return f"{route.side} {plain_text(route.quantity)} {route.base} as {legs}"
        case e.RouteEnded(state=state):
            return why if state == "done" else f"{state_word(state)}: {why}"
        case e.EquityMarked(peak=peak, day_start=day_start):
            return f"Peak {money_text(peak)}, day began with {money_text(day_start)} ({why})"
        case e.BreakerTripped(name=name):
            return f"{name} tripped: {why}"
        case e.BreakerReset(name=name, by=by):
            return f"{name} reset ({by})"
        case e.BreakerRearmed(name=name):
            return f"{name} trips at its threshold again"
        case e.LimitsChanged(field=field, old=old, new=new, who=who):
            return f"{field}: {figures.sentence(old) or '–'} → {figures.sentence(new) or '–'} by {who}"
        case e.StrategyRunChanged(run=run, what=what):
            return _run(run, what)
        case e.FundingPaid(amount=amount, currency=currency, rate=rate):
            return f"Funding {money_text(amount, sign=True)} {currency} at {plain_text(rate)}"
        case e.InterestCharged(amount=amount, currency=currency, hours=hours):
            return f"Interest {money_text(amount, sign=True)} {currency} for {hours} h"
        case e.PositionLiquidated():
            return f"LIQUIDATION: {why}"
        case e.InsuranceCovered(amount=amount, currency=currency):
            return f"The insurance fund bore {money_text(amount)} {currency}"
        case e.LeverageChanged(leverage=leverage):
            return f"Leverage {plain_text(leverage)}×"
        case e.MarginModeChanged(mode=mode):
            return f"Margin {mode}"
        case _:
            return kind(event)


def _run(run: StrategyRun, what: str) -> str:
    """What became of a strategy: what was changed of it, or how it runs."""
    name = run.run_id.partition("@")[0]
    if what:
        return f"{name} changed: {figures.sentence(what)}"
    if run.state is not RunState.RUNNING:
        return f"{name} {run.state}{f': {figures.sentence(run.reason)}' if run.reason else ''}"
    parts = [f"{key} {value_text(value)}" for key, value in run.params.items()]
    if rules := rules_text(run.rules):
        parts.append(figures.sentence(rules))
    return f"{name} runs on {span(run.interval)} with {money_text(run.capital)}: {', '.join(parts)}".rstrip(": ")


def _plan(plan: Plan, instrument: Instrument | None) -> str:
    words = [str(plan.side)]
    if instrument is not None:
        words += [f"{quantity_text(entry.quantity, instrument)}" for entry in plan.entries[:1]]
        if plan.stop is not None:
            words.append(f"stop {price_text(plan.stop, instrument)}")
        if plan.target is not None:
            words.append(f"target {price_text(plan.target, instrument)}")
    return " ".join(words)
