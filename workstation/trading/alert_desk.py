"""Alerts at work: watches the market for those that are set, keeps them in the store, and tells when one fires.

A market event costs one look-up where its instrument has no alert; where it has, the range since the last look is
widened, and alerts are judged a few times a second, by what `alert_sight` lets them see.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from workstation.clock import MILLISECOND, SECOND, Clock, Timer
from workstation.domain.events import OrderEvent, OrderFilled
from workstation.domain.fill import Fill
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.numbers import multiply, plain
from workstation.domain.order import state_word
from workstation.domain.prices import price_words
from workstation.log import DeskLog
from workstation.trading.alert_sight import AlertSight, BlindAlerts
from workstation.trading.alerts import (
    Alert,
    AlertKind,
    Seen,
    Way,
    band,
    fire,
    matches,
    reminded,
    sentence,
    snoozed,
    step,
)
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused

_LOOK_EVERY = 100 * MILLISECOND
_TICK_EVERY = SECOND
_OLD = 5 * SECOND
_MOST = 500
_DONE_KEPT = 50
_MARKET_KINDS = (AlertKind.PRICE, AlertKind.SPREAD, AlertKind.FUNDING)


class AlertDesk:
    """All on the event loop. `market_moved` is called with every market event, `order_event` with every order's."""

    def __init__(
        self,
        core: TradingCore,
        clock: Clock,
        log: DeskLog,
        keep: Callable[[Any], None],
        day_pnl: Callable[[], Decimal],
    ) -> None:
        """`keep` makes the list of alerts durable."""
        self._core = core
        self._clock = clock
        self._log = log
        self._keep = keep
        self._sight = AlertSight(core, day_pnl)
        #: Which of them see nothing: a screen shows it.
        self.blind = BlindAlerts(self._sight, core, log)
        self._alerts: dict[str, Alert] = {}
        self._watched: dict[InstrumentId, tuple[int, int] | None] = {}  # lowest and highest trade since the last look
        self._moved: set[InstrumentId] = set()
        self._look_timer: Timer | None = None
        self._tick_timer: Timer | None = None
        self._running = False
        #: Called with the alert and a sentence when one fires.
        self.on_fired: Callable[[Alert, str], None] = lambda alert, text: None
        self.version = 0

    # Life.

    def start(self, saved: object) -> None:
        """Go on with the alerts that the store kept. What cannot be read is left out and said."""
        for one in saved if isinstance(saved, list) else []:
            try:
                alert = msgspec.convert(one, Alert)
            except msgspec.ValidationError as error:
                self._log.warning("alerts", f"An alert in the store cannot be read and was left out: {error}.")
                continue
            self._alerts[alert.alert_id] = alert
        self._running = True
        self._changed(save=False)

    def close(self) -> None:
        self._running = False
        for timer in (self._look_timer, self._tick_timer):
            if timer is not None:
                timer.cancel()
        self._look_timer = self._tick_timer = None

    def market_jumped(self) -> None:
        """The market went to another time (a seek): what was seen before says nothing about now."""
        if not self._running:
            return
        self.close()
        self._running = True
        self._alerts = {name: replace(one, side=0) for name, one in self._alerts.items()}
        self._changed()

    # Reading and changing.

    def alerts(self) -> list[Alert]:
        """Those that wait, then those that have fired, the newest first."""
        return sorted(self._alerts.values(), key=lambda one: (one.done, -one.fired_at, one.alert_id))

    def add(self, alert: Alert) -> Alert:
        """Set an alert; it gets an id of its own. Raises `Refused`."""
        if not self._running:
            raise Refused("The desk is still opening its store: try again in a moment.")
        if sum(not one.done for one in self._alerts.values()) >= _MOST:
            raise Refused(f"There are {_MOST} alerts already: delete some first.")
        alert = replace(alert, alert_id=uuid.uuid4().hex[:12])
        self._alerts[alert.alert_id] = alert
        self._watched.pop(alert.instrument, None)  # what traded before it was set is not its business
        self._changed()
        return alert

    def delete(self, alert_id: str) -> None:
        if self._alerts.pop(alert_id, None) is not None:
            self._changed()

    def snooze(self, length: int, alert_id: str | None = None, every: bool = False) -> list[Alert]:
        """Quiet for `length` ns: the named one, every one, or that which fired last. Raises `Refused`."""
        some = [one for one in self._alerts.values() if one.alert_id == alert_id or (every and not one.done)]
        if not some and alert_id is None and not every:
            fired = [one for one in self._alerts.values() if one.fired]
            some = [max(fired, key=lambda one: one.fired_at)] if fired else []
        if not some:
            raise Refused("No alert has fired: there is nothing to snooze.")
        until = self._clock.now() + length
        done = [snoozed(one, until) for one in some]
        self._alerts.update({one.alert_id: one for one in done})
        self._changed()
        return done

    def turn_repeat(self, alert_id: str) -> Alert:
        """Once becomes repeated and the other way round."""
        alert = self._alerts[alert_id]
        alert = replace(alert, repeat=not alert.repeat, done=False if not alert.repeat else alert.done)
        self._alerts[alert_id] = alert
        self._changed()
        return alert

    def _changed(self, save: bool = True) -> None:
        done = sorted((one for one in self._alerts.values() if one.done), key=lambda one: -one.fired_at)
        for one in done[_DONE_KEPT:]:
            del self._alerts[one.alert_id]
        waiting = [one for one in self._alerts.values() if not one.done]
        wanted = {one.instrument for one in waiting if one.kind in _MARKET_KINDS}
        self._watched = {name: self._watched.get(name) for name in wanted}
        if waiting and self._tick_timer is None:
            self._tick_timer = self._clock.call_at(self._clock.now() + _TICK_EVERY, self._tick)
        if save:
            self._keep(msgspec.to_builtins(list(self._alerts.values())))
        self.version += 1

    # What the market and the orders say.

    def market_moved(self, event: MarketEvent) -> None:
        name = event.instrument
        if name not in self._watched:
            return
        now = self._clock.now()
        if isinstance(event, Trade) and now - event.ts < _OLD:  # a trade that was missed is no news
            known = self._watched[name]
            price = event.price
            self._watched[name] = (price, price) if known is None else (min(known[0], price), max(known[1], price))
        self._moved.add(name)
        if self._look_timer is None and self._running:
            self._look_timer = self._clock.call_at(now + _LOOK_EVERY, self._look)

    def hears(self, event: OrderEvent) -> bool:
        """Whether an order event may be one that is waited for."""
        return any(not one.has_level for one in self._alerts.values())

    def order_event(self, event: OrderEvent) -> None:
        """Tell of fills and orders' states that are waited for."""
        order = self._core.orders.orders.get(event.client_id)
        if order is None or not self._running:
            return
        now = self._clock.now()
        for alert in [one for one in self._alerts.values() if not one.has_level]:
            if matches(alert, event, order.instrument, now):
                fill: Fill | None = event.fill if isinstance(event, OrderFilled) else None
                what = (
                    f"{order.side.capitalize()} {plain(fill.quantity if fill else order.quantity)} {order.instrument}"
                )
                if fill is not None:
                    told = f"Filled: {what} @ {price_words(fill.price, self._core.instruments.get(order.instrument))}."
                else:
                    reason = getattr(event, "reason", "")
                    told = f"{what} is {state_word(alert.state)}{f': {reason}' if reason else ''}."
                self._fired(fire(alert, now), told)

    def _look(self) -> None:
        self._look_timer = None
        moved, self._moved = self._moved, set()
        for name in moved:
            traded = self._watched.get(name)
            if name in self._watched:
                self._watched[name] = None
            for alert in [one for one in self._alerts.values() if one.instrument == name and not one.done]:
                for seen in self._sight.seen(alert, traded, self._clock.now()):
                    self._judge(self._alerts[alert.alert_id], seen)

    def _tick(self) -> None:
        """Once a second: profit, and what has expired."""
        self._tick_timer = None
        if not self._running:
            return
        now = self._clock.now()
        for alert in list(self._alerts.values()):
            if alert.expires is not None and now >= alert.expires and not alert.done:
                del self._alerts[alert.alert_id]
                self._log.info("alerts", f"The alert has expired: {sentence(alert)}.")
                self._changed()
            elif alert.kind is AlertKind.PNL and not alert.done:
                self._look_at_profit(alert)
            elif alert.kind is AlertKind.REBALANCE and not alert.done:
                self._look_at_calendar(alert)
            elif 0 < alert.snoozed_until <= now and not alert.done:
                self._alerts[alert.alert_id] = replace(alert, snoozed_until=0)
                self._changed()
                self._moved |= {alert.instrument} & self._watched.keys()  # what holds still is told at once
        if self.blind.look([one for one in self._alerts.values() if not one.done], now):
            self.version += 1
        if self._moved and self._look_timer is None:
            self._look_timer = self._clock.call_at(now + _LOOK_EVERY, self._look)
        if self._tick_timer is None and any(not one.done for one in self._alerts.values()):
            self._tick_timer = self._clock.call_at(now + _TICK_EVERY, self._tick)

    def _look_at_profit(self, alert: Alert) -> None:
        if alert.instrument and alert.side and self._core.portfolio.position(alert.instrument).is_flat:
            self._alerts[alert.alert_id] = replace(alert, side=0)  # the next position is another story
            self._changed()
        elif (profit := self._sight.profit(alert.instrument, self._clock.now())) is not None:
            self._judge(alert, Seen(profit, profit, profit))

    def due(self, alert: Alert) -> int | None:
        """UTC ns at which the rebalance that the alert watches over is due; None before the first one."""
        last = self._core.rebalances.last_begun(alert.portfolio)
        return None if last is None else last + alert.every

    def _look_at_calendar(self, alert: Alert) -> None:
        after, fires = reminded(alert, self.due(alert), self._clock.now())
        if fires:
            text = sentence(alert)
            self._fired(after, f"{text[0].upper()}{text[1:]}.")
        elif after is not alert:
            self._alerts[alert.alert_id] = after
            self._changed()

    def _judge(self, alert: Alert, seen: Seen) -> None:
        instrument = self._core.instruments.get(alert.instrument)
        after, fires = step(alert, seen, band(alert, instrument), self._clock.now())
        if fires:
            text = sentence(alert)
            self._fired(after, f"{text[0].upper()}{text[1:]}: {_reached(alert, seen)}.")
        elif after is not alert:
            self._alerts[alert.alert_id] = after
            self._changed()

    def _fired(self, alert: Alert, text: str) -> None:
        """Durable first: a desk that dies here tells it at most once."""
        self._alerts[alert.alert_id] = alert
        self._changed()
        self._log.warning("alerts", text)
        self.on_fired(alert, text)


def _reached(alert: Alert, seen: Seen) -> str:
    """The value that did it, and where it is by now if it has gone back."""
    if alert.kind is AlertKind.FUNDING:
        return plain(multiply(seen.last, Decimal(100))) + "%"
    level = alert.level or Decimal(0)
    if seen.last < level < seen.high and alert.way is not Way.BELOW:
        return f"{plain(seen.high)}, {plain(seen.last)} by now"
    if seen.low < level < seen.last and alert.way is not Way.ABOVE:
        return f"{plain(seen.low)}, {plain(seen.last)} by now"
    return plain(seen.last)
