"""What of the journal and the log is worth a note, and its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from workstation.domain.events import (
    AccountEvent,
    BreakerReset,
    BreakerTripped,
    KillCompleted,
    KillRequested,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderRejected,
    OrderReopened,
    OrderUnknown,
    PositionLiquidated,
    StrategyRunChanged,
)
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import plain
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.prices import price_words
from workstation.domain.strategy_run import RunState
from workstation.log import Level, LogEntry


class Topic(StrEnum):
    FILL = "fill"
    REJECT = "reject"  # denied by the desk, rejected by the venue, or without an answer
    BREAKER = "breaker"
    KILL = "kill"
    DISCONNECT = "disconnect"
    STRATEGY = "strategy"  # stopped by an error of its own
    ALERT = "alert"
    TROUBLE = "trouble"  # liquidations, and what keeps the desk or a run from working: the store, the market data


#: Told at once, whatever the hour and however much was told before.
URGENT = frozenset({Topic.KILL, Topic.BREAKER, Topic.TROUBLE})

#: The fields that a template of the topic may name, and the words where there is none.
TEMPLATES: Mapping[Topic, tuple[tuple[str, ...], str]] = {
    Topic.FILL: (
        ("side", "quantity", "instrument", "price", "fee", "origin", "rest"),
        "{side} {quantity} {instrument} at {price}{rest}",
    ),
    Topic.REJECT: (
        ("side", "quantity", "instrument", "what", "reason", "origin"),
        "{side} {quantity} {instrument}: {what}. {reason}",
    ),
    Topic.BREAKER: (("name", "subject", "reason"), "Breaker {name}{subject}: {reason}"),
    Topic.KILL: (("text",), "{text}"),
    Topic.DISCONNECT: (("text",), "{text}"),
    Topic.STRATEGY: (("run", "reason"), "{run} was stopped: {reason}"),
    Topic.ALERT: (("text",), "{text}"),
    Topic.TROUBLE: (("text",), "{text}"),
}


class Message(msgspec.Struct, frozen=True):
    """One note: `fields` go into the topic's template."""

    topic: Topic
    ts: int  # UTC ns
    fields: dict[str, str]


def message_of(
    event: OrderEvent | AccountEvent | LogEntry,
    order_of: Callable[[ClientOrderId], Order | None],
    instrument_of: Callable[[InstrumentId], Instrument | None],
) -> Message | None:
    """The note that an event of the journal, or an entry of the log, is worth; None for most."""
    if isinstance(event, LogEntry):
        return _of_entry(event)
    match event:
        case OrderFilled(fill=fill):
            order = order_of(event.client_id)
            left = None if order is None else order.quantity - order.filled
            rest = f", {plain(left)} to go" if left else ""
            fields = {
                "side": str(fill.side),
                "quantity": plain(fill.quantity),
                "instrument": str(fill.instrument),
                "price": price_words(fill.price, instrument_of(fill.instrument)),
                "fee": f"{plain(fill.fee)} {fill.fee_currency}",
                "origin": "" if order is None else order.origin,
                "rest": rest,
            }
            return Message(Topic.FILL, event.ts, fields)
        case OrderDenied(reason=reason):
            return _refusal(event, "not sent", reason, order_of)
        case OrderRejected(reason=reason):
            return _refusal(event, "rejected", reason, order_of)
        case OrderUnknown(reason=reason):
            return _refusal(event, "no answer yet, the venue is being asked", reason, order_of)
        case OrderReopened(reason=reason):
            return _refusal(event, "had ended and is open again", reason, order_of)
        case BreakerTripped():
            subject = f" of {event.subject}" if event.subject else ""
            return Message(
                Topic.BREAKER, event.ts, {"name": event.name, "subject": subject, "reason": event.reason + "."}
            )
        case BreakerReset():
            subject = f" of {event.subject}" if event.subject else ""
            return Message(
                Topic.BREAKER, event.ts, {"name": event.name, "subject": subject, "reason": f"reset ({event.by})."}
            )
        case KillRequested():
            what = "pulls every order and closes every position" if event.flatten else "pulls every order"
            return Message(Topic.KILL, event.ts, {"text": f"KILL SWITCH {what}: {event.reason}."})
        case KillCompleted():
            return Message(Topic.KILL, event.ts, {"text": event.receipt})
        case StrategyRunChanged(run=run) if run.state is RunState.FAILED:
            return Message(Topic.STRATEGY, event.ts, {"run": run.run_id, "reason": f"{run.reason}."})
        case PositionLiquidated():
            text = f"{event.venue} liquidates a position in {event.order.instrument}: {event.reason}"
            return Message(Topic.TROUBLE, event.ts, {"text": text})
    return None


def _refusal(
    event: OrderDenied | OrderRejected | OrderUnknown | OrderReopened,
    what: str,
    reason: str,
    order_of: Callable[[ClientOrderId], Order | None],
) -> Message:
    order = order_of(event.client_id)
    fields = {
        "side": "" if order is None else str(order.side),
        "quantity": "" if order is None else plain(order.quantity),
        "instrument": "an order" if order is None else str(order.instrument),
        "what": what,
        "reason": reason,
        "origin": "" if order is None else order.origin,
    }
    return Message(Topic.REJECT, event.ts, fields)


def _of_entry(entry: LogEntry) -> Message | None:
    if entry.count > 1:
        return None
    topic: Topic | None = None
    if entry.source == "link" and entry.level in (Level.WARNING, Level.ERROR):
        topic = Topic.DISCONNECT
    elif entry.source == "alerts" and entry.level is Level.WARNING:
        topic = Topic.ALERT
    elif entry.source in ("store", "market", "watchdog", "waiting", "position") and entry.level is Level.ERROR:
        topic = Topic.TROUBLE
    return None if topic is None else Message(topic, entry.ts, {"text": entry.text})


_FIELD = re.compile(r"\{(\w*)\}")


def in_words(message: Message, template: str | None = None) -> str:
    """The note's text by a template of the user's, or by the topic's own."""
    text = template or TEMPLATES[message.topic][1]
    return _FIELD.sub(lambda found: message.fields.get(found[1], ""), text).strip()


def template_problem(topic: str, template: str) -> str | None:
    """What is wrong with a template, as the rest of a sentence that begins with its name."""
    if topic not in TEMPLATES:
        return f"is no topic of notes; there are {', '.join(TEMPLATES)}"
    known = TEMPLATES[Topic(topic)][0]
    for found in _FIELD.finditer(template):
        if found[1] not in known:
            return f"has no field {{{found[1]}}}; it has {', '.join(f'{{{name}}}' for name in known)}"
    return None
