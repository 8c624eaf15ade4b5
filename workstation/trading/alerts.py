"""Alerts as values, and when they fire: pure functions of what is watched.

A level alert (price, spread, profit, funding) remembers the side of its level on which it was last clearly seen. It
fires when the other side is reached and then rests until the value has come back beyond the level by a band
(hysteresis): a tenth of a percent of a price, at least two ticks; for all else a tenth of the level, at least a tick of
a spread, 0.001 % of funding, 1 of the account currency. So one crossing fires once, however much the value trembles
around the level, over restarts too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from workstation.clock import span
from workstation.domain.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
)
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import add, multiply, plain, subtract
from workstation.domain.order import state_word


class AlertKind(StrEnum):
    PRICE = "price"
    SPREAD = "spread"  # best ask less best bid, in price
    PNL = "pnl"  # unrealised of an instrument's position, or the day's, in the account currency
    FUNDING = "funding"  # the rate, a fraction per funding time
    FILL = "fill"
    ORDER = "order"  # an order came into a state
    REBALANCE = "rebalance"  # the calendar of a portfolio: so long after its last rebalance the next one is due


class Way(StrEnum):
    ABOVE = ">"
    BELOW = "<"
    CROSS = "x"


#: States of an order that an alert can wait for, with the event that brings each.
ORDER_STATES: dict[str, type[OrderEvent]] = {
    "accepted": OrderAccepted,
    "canceled": OrderCanceled,
    "denied": OrderDenied,
    "expired": OrderExpired,
    "filled": OrderFilled,
    "rejected": OrderRejected,
    "triggered": OrderTriggered,
    "unknown": OrderUnknown,
}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What is waited for and how it stands. Times in UTC ns; `instrument` "" is any, for profit the whole desk.

    `side` is where the value was last clearly seen: 1 above the level, -1 below, 0 not yet. An alert that is `done` has
    fired and waits for nothing; `repeat` ones never are. `portfolio` and `every` (ns) are of a rebalance alone: the
    instruments that it brings to their weights, and how long after its start the next one is due; `side` is 1 from the
    time it was told to the next rebalance.
    """

    alert_id: str
    kind: AlertKind
    instrument: InstrumentId = ""
    way: Way | None = None
    level: Decimal | None = None
    state: str = ""  # of ORDER_STATES
    repeat: bool = False
    expires: int | None = None
    snoozed_until: int = 0
    side: int = 0
    fired: int = 0
    fired_at: int = 0
    done: bool = False
    portfolio: tuple[InstrumentId, ...] = ()
    every: int = 0

    @property
    def has_level(self) -> bool:
        return self.kind not in (AlertKind.FILL, AlertKind.ORDER, AlertKind.REBALANCE)


class Seen(msgspec.Struct, frozen=True):
    """A value since it was last looked at: how far down and up it reached, and where it is."""

    low: Decimal
    high: Decimal
    last: Decimal


def band(alert: Alert, instrument: Instrument | None) -> Decimal:
    """How far a value must come back beyond the level before the alert can fire again."""
    level = abs(alert.level or Decimal(0))
    tick = Decimal(0) if instrument is None else instrument.tick
    match alert.kind:
        case AlertKind.PRICE:
            return max(multiply(level, Decimal("0.001")), multiply(tick, Decimal(2)))
        case AlertKind.SPREAD:
            return max(multiply(level, Decimal("0.1")), tick)
        case AlertKind.FUNDING:
            return max(multiply(level, Decimal("0.1")), Decimal("0.00001"))
        case _:
            return max(multiply(level, Decimal("0.1")), Decimal(1))


def step(alert: Alert, seen: Seen, margin: Decimal, now: int) -> tuple[Alert, bool]:
    """The alert after its value was seen, and whether it fires. `margin` is its `band`.

    While it is snoozed nothing is noted: what holds when the snooze ends fires then.
    """
    if alert.done or now < alert.snoozed_until or alert.level is None or alert.way is None:
        return alert, False
    level = alert.level
    above = seen.high > level if alert.way is not Way.CROSS else seen.high >= level
    below = seen.low < level if alert.way is not Way.CROSS else seen.low <= level
    side, fires = alert.side, False
    if alert.way is Way.ABOVE and above and side <= 0:
        side, fires = 1, True
    elif alert.way is Way.BELOW and below and side >= 0:
        side, fires = -1, True
    elif alert.way is Way.CROSS and ((side < 0 and above) or (side > 0 and below)):
        side, fires = -side, True
    if seen.last >= add(level, margin):
        side = 1
    elif seen.last <= subtract(level, margin):
        side = -1
    elif side == 0 and alert.way is Way.CROSS and seen.last != level:
        side = 1 if seen.last > level else -1
    if fires:
        return fire(replace(alert, side=side), now), True
    return (alert if side == alert.side else replace(alert, side=side)), False


def fire(alert: Alert, now: int) -> Alert:
    """The alert after it has fired."""
    return replace(alert, fired=alert.fired + 1, fired_at=now, done=not alert.repeat)


def reminded(alert: Alert, due: int | None, now: int) -> tuple[Alert, bool]:
    """The alert of a rebalance that is due at `due` (None: there was none yet to reckon from), and whether it fires:
    once, and again only after the next rebalance or after it was snoozed."""
    if alert.done or now < alert.snoozed_until:
        return alert, False
    if due is None or now < due:
        return (alert if alert.side == 0 else replace(alert, side=0)), False
    if alert.side > 0:
        return alert, False
    return fire(replace(alert, side=1), now), True


def matches(alert: Alert, event: OrderEvent, instrument: InstrumentId, now: int) -> bool:
    """Whether an order event is what the alert waits for."""
    if alert.done or now < alert.snoozed_until or alert.instrument not in ("", instrument):
        return False
    if alert.kind is AlertKind.FILL:
        return isinstance(event, OrderFilled)
    return alert.kind is AlertKind.ORDER and isinstance(event, ORDER_STATES[alert.state])


def snoozed(alert: Alert, until: int) -> Alert:
    """Quiet until then; one that has fired waits again, and fires if what it waited for holds still."""
    side = alert.side if alert.way is Way.CROSS else 0
    return replace(alert, snoozed_until=until, done=False, side=side)


def spell(alert: Alert, now: int, write: Callable[[Decimal], str] = plain) -> str:
    """The line that a trader would type for the alert; `write` gives numbers as he writes them."""
    words = ["alert"]
    if alert.kind is not AlertKind.PRICE:
        words.append(alert.kind)
    if alert.state:
        words.append(alert.state)
    if alert.instrument:
        words.append(alert.instrument)
    if alert.way is not None and alert.level is not None:
        words += [alert.way, level_text(alert, write)]
    if alert.repeat:
        words.append("repeat")
    if alert.expires is not None:
        words += ["for", span(max(0, alert.expires - now))]
    return " ".join(words)


def level_text(alert: Alert, write: Callable[[Decimal], str] = plain) -> str:
    """The level as it is typed: funding in percent."""
    if alert.level is None:
        return ""
    if alert.kind is AlertKind.FUNDING:
        return write(multiply(alert.level, Decimal(100))) + "%"
    return write(alert.level)


def _names(instruments: Sequence[InstrumentId]) -> str:
    """BTC-USDT, ETH-USDT and 8 more."""
    names = [name.partition(":")[2] or name for name in instruments]
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nothing"


_WAYS = {Way.ABOVE: "is above", Way.BELOW: "is below", Way.CROSS: "crosses"}


def sentence(alert: Alert) -> str:
    """What it waits for, in words, without a full stop."""
    of = f" of {alert.instrument}" if alert.instrument else ""
    match alert.kind:
        case AlertKind.FILL:
            what = f"an order{of} fills"
        case AlertKind.ORDER:
            state = "filled, in part or whole" if alert.state == "filled" else state_word(alert.state)
            what = f"an order{of} is {state}"
        case AlertKind.REBALANCE:
            what = f"the rebalance of {_names(alert.portfolio)} is due, {span(alert.every)} after the last one"
        case AlertKind.PRICE:
            what = f"{alert.instrument} {_WAYS[alert.way or Way.CROSS]} {level_text(alert)}"
        case AlertKind.PNL:
            whose = f"the open profit{of}" if alert.instrument else "the day's profit"
            what = f"{whose} {_WAYS[alert.way or Way.CROSS]} {level_text(alert)}"
        case _:
            what = f"the {alert.kind}{of} {_WAYS[alert.way or Way.CROSS]} {level_text(alert)}"
    return what
