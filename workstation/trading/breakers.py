"""Circuit breakers: losses, venues that fail and prices that jump stop new positions, each for its time. Pure.

| breaker | trips at | does | ends |
|---|---|---|---|
| `daily_loss` | loss since the UTC day began > 5 % | no new position | after 1 hour |
| `drawdown` | equity > 10 % below its peak | no new position; sizes shrink in line to none at 15 % | after 24 hours |
| `drawdown_kill` | equity > 20 % below its peak | kill switch: flatten and halt | by its reset only |
| `venue_errors` | more than 10 errors of a venue in a minute | no new position at that venue | after 5 minutes |
| `price_move` | a price moves > 10 % within a minute | its orders pulled (not exits); no new position | 5 minutes |

(The figures are the defaults of `BreakerLimits`.) Each ends early only by a reset that names it.

**No flapping.** A breaker never trips while it is tripped. A breaker of losses that has tripped trips again only when
its loss has grown by another half of its threshold since then, or has first fallen below four fifths of the threshold
(for the daily loss a new day does the same). The windows of errors and prices start empty after each trip.

**What survives.** Trips, resets, peak and start of the day are a fold over events of the journal; only the minute-long
windows are lost with the process. The peak moves up in steps of a basis point so that the journal stays small.

**Deposits and withdrawals** move peak and start of the day by the same factor as the equity, so they are neither profit
nor loss. Funding, interest, fees and the like are.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from enum import StrEnum

from workstation.domain.events import (
    BalanceAdjusted,
    BreakerEvent,
    BreakerRearmed,
    BreakerReset,
    BreakerTripped,
    EquityMarked,
)
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ONE, ZERO, add, divide, multiply, plain, subtract
from workstation.domain.spans import DAY, MINUTE
from workstation.trading.errors import Refused
from workstation.trading.limits import BreakerLimits

#: A tripped breaker of losses may trip afresh once its loss is below this share of its threshold …
CLEARED = Decimal("0.8")
#: … or has grown by this share of its threshold since it tripped or was reset.
WORSE = Decimal("0.5")
#: The peak moves up when equity is above it by this share.
PEAK_STEP = Decimal("0.0001")
#: Reasons of `BalanceAdjusted` that begin so are results of trading; all others are money that came or went.
_RESULTS = ("funding", "interest", "borrow", "fee", "liquidation", "settlement")


class Breaker(StrEnum):
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    DRAWDOWN_KILL = "drawdown_kill"
    VENUE_ERRORS = "venue_errors"
    PRICE_MOVE = "price_move"


class _Window:
    """Lowest and highest price of the last minute, in constant time."""

    def __init__(self) -> None:
        self._lows: deque[tuple[int, Decimal]] = deque()
        self._highs: deque[tuple[int, Decimal]] = deque()
        self.move = ZERO
        self.seen = 0

    def add(self, now: int, price: Decimal) -> Decimal:
        """Take a price in; the fraction by which it stands off the minute's far extreme (above 0 for a rise)."""
        for side in (self._lows, self._highs):
            while side and side[0][0] <= now - MINUTE:
                side.popleft()
        while self._lows and self._lows[-1][1] >= price:
            self._lows.pop()
        while self._highs and self._highs[-1][1] <= price:
            self._highs.pop()
        self._lows.append((now, price))
        self._highs.append((now, price))
        low, high = self._lows[0][1], self._highs[0][1]
        rise, fall = divide(subtract(price, low), low), divide(subtract(price, high), high)
        self.seen = now
        self.move = rise if rise >= -fall else fall
        return self.move


class Breakers:
    """Feed it valuations, errors and prices; every method gives the events that came of it, which are folded already
    and must become durable. Times are UTC ns."""

    def __init__(self, limits: BreakerLimits) -> None:
        self.limits = limits
        self.trips: dict[tuple[str, str], BreakerTripped] = {}  # by (name, subject); what has run out stays until reset
        self.again_at: dict[str, Decimal] = {}  # the loss at which a breaker that has tripped would trip again
        self.marks: EquityMarked | None = None
        self.flows: list[tuple[str, str, Decimal]] = []  # (venue, currency, amount) since the last mark
        self.loss: Decimal | None = None  # of the day, as a fraction; None before the first valuation
        self.drawdown: Decimal | None = None
        self._errors: dict[str, deque[int]] = {}
        self._prices: dict[InstrumentId, _Window] = {}

    # The fold.

    def apply(self, event: BreakerEvent | BalanceAdjusted) -> None:
        match event:
            case EquityMarked():
                if self.marks is not None and event.day != self.marks.day:
                    self.again_at.pop(Breaker.DAILY_LOSS, None)
                self.marks = event
                self.flows.clear()
            case BreakerTripped():
                self.trips[event.name, event.subject] = event
                self._remember(event.name, event.again_at)
            case BreakerReset():
                self.trips.pop((event.name, event.subject), None)
                self._remember(event.name, event.again_at)
            case BreakerRearmed():
                self.again_at.pop(event.name, None)
            case BalanceAdjusted():
                if not event.reason.lower().startswith(_RESULTS):
                    self.flows.append((event.venue, event.currency, event.amount))

    def _remember(self, name: str, level: Decimal | None) -> None:
        if level is None:
            self.again_at.pop(name, None)
        else:
            self.again_at[name] = level

    def _take(self, *events: BreakerEvent) -> list[BreakerEvent]:
        for event in events:
            self.apply(event)
        return list(events)

    # What is in force.

    def active(self, now: int) -> list[BreakerTripped]:
        """The breakers that are tripped now, oldest first."""
        return [trip for trip in self.trips.values() if trip.until is None or now < trip.until]

    def is_active(self, name: str, subject: str, now: int) -> bool:
        trip = self.trips.get((name, subject))
        return trip is not None and (trip.until is None or now < trip.until)

    def stopping(self, instrument: InstrumentId, now: int) -> list[BreakerTripped]:
        """Those that let no new position of an instrument be opened now."""
        venue = instrument.partition(":")[0]
        return [trip for trip in self.active(now) if trip.subject in ("", venue, instrument)]

    @property
    def size_scale(self) -> Decimal:
        """Share of the size limits that the drawdown leaves: 1 up to the breaker's threshold, 0 where sizes end."""
        limits, fall = self.limits, self.drawdown
        if fall is None or fall <= limits.drawdown:
            return ONE
        if fall >= limits.drawdown_zero_size:
            return ZERO
        room = subtract(limits.drawdown_zero_size, limits.drawdown)
        return divide(subtract(limits.drawdown_zero_size, fall), room)

    def errors_of(self, venue: str, now: int) -> int:
        """Errors of a venue within the last minute."""
        return sum(ts > now - MINUTE for ts in self._errors.get(venue, ()))

    def moves(self, now: int) -> dict[InstrumentId, Decimal]:
        """How far each price stands off the far extreme of its last minute, as a fraction."""
        return {name: window.move for name, window in self._prices.items() if window.seen > now - MINUTE}

    # The inputs.

    def on_equity(
        self, now: int, equity: Decimal, flow: Decimal | None = ZERO, valued: tuple[str, ...] = ()
    ) -> list[BreakerEvent]:
        """The desk was valued; `flow` is what `flows` is worth at the same prices (deposits less withdrawals), None
        where that will never be known: losses are measured from here on then. `valued`: the currencies that count."""
        events = self._mark(now, equity, flow, valued)
        marks = self.marks
        if marks is None:
            return events
        self.loss = _fall(marks.day_start, equity)
        self.drawdown = _fall(marks.peak, equity)
        limits = self.limits
        events += self._judge(now, Breaker.DAILY_LOSS, self.loss, limits.daily_loss, limits.daily_loss_minutes)
        events += self._judge(now, Breaker.DRAWDOWN, self.drawdown, limits.drawdown, limits.drawdown_minutes)
        events += self._judge(now, Breaker.DRAWDOWN_KILL, self.drawdown, limits.drawdown_kill, None)
        return events

    def _mark(self, now: int, equity: Decimal, flow: Decimal | None, valued: tuple[str, ...]) -> list[BreakerEvent]:
        marks, day = self.marks, now // DAY

        def mark(peak: Decimal, day_start: Decimal, reason: str) -> list[BreakerEvent]:
            return self._take(
                EquityMarked(ts=now, peak=peak, day=day, day_start=day_start, reason=reason, valued=valued)
            )

        if marks is None or marks.peak <= 0:
            return mark(equity, equity, "first valuation") if equity > 0 else []
        peak, day_start, reasons = marks.peak, marks.day_start, []
        if self.flows:
            before = ZERO if flow is None else subtract(equity, flow)
            if before > 0 and equity >= 0:
                factor = divide(equity, before)
                peak, day_start = multiply(peak, factor), multiply(day_start, factor)
                peak, day_start = divide(peak, ONE), divide(day_start, ONE)  # to 1e-12: factors would pile up digits
            else:
                peak = day_start = max(equity, ZERO)
            reasons.append("money came or went")
        if day != marks.day:
            day_start = equity
            reasons.append("new day")
        if equity > multiply(peak, add(ONE, PEAK_STEP)):
            peak = equity
            reasons.append("new peak")
        return mark(peak, day_start, ", ".join(reasons)) if reasons else []

    def _judge(
        self, now: int, name: Breaker, value: Decimal, threshold: Decimal, minutes: int | None
    ) -> list[BreakerEvent]:
        events: list[BreakerEvent] = []
        if name in self.again_at and value < multiply(threshold, CLEARED):
            events += self._take(BreakerRearmed(ts=now, name=name))
        if value > max(threshold, self.again_at.get(name, ZERO)) and not self.is_active(name, "", now):
            what = "The day's loss" if name is Breaker.DAILY_LOSS else "The drawdown from the peak"
            events += self._take(
                BreakerTripped(
                    ts=now,
                    name=name,
                    value=value,
                    until=None if minutes is None else now + minutes * MINUTE,
                    again_at=add(value, multiply(threshold, WORSE)),
                    reason=f"{what} is {percent(value)}, above {percent(threshold)}",
                )
            )
        return events

    def on_error(self, now: int, venue: str) -> list[BreakerEvent]:
        """A venue refused, failed to answer or could not be reached."""
        window = self._errors.setdefault(venue, deque())
        while window and window[0] <= now - MINUTE:
            window.popleft()
        if self.is_active(Breaker.VENUE_ERRORS, venue, now):
            return []
        window.append(now)
        if len(window) <= self.limits.venue_errors_per_minute:
            return []
        count = len(window)
        window.clear()
        return self._take(
            BreakerTripped(
                ts=now,
                name=Breaker.VENUE_ERRORS,
                subject=venue,
                value=Decimal(count),
                until=now + self.limits.venue_pause_minutes * MINUTE,
                reason=f"{venue} failed {count} times within a minute",
            )
        )

    def on_price(self, now: int, instrument: InstrumentId, price: Decimal) -> list[BreakerEvent]:
        """An instrument's price, a few times a second."""
        if price <= 0 or self.is_active(Breaker.PRICE_MOVE, instrument, now):
            self._prices.pop(instrument, None)
            return []
        move = self._prices.setdefault(instrument, _Window()).add(now, price)
        if abs(move) <= self.limits.price_move:
            return []
        del self._prices[instrument]
        return self._take(
            BreakerTripped(
                ts=now,
                name=Breaker.PRICE_MOVE,
                subject=instrument,
                value=move,
                until=now + self.limits.price_move_minutes * MINUTE,
                reason=f"{instrument} moved {'+' if move > 0 else '-'}{percent(abs(move))} within a minute",
            )
        )

    def reset(self, now: int, name: str, subject: str, equity: Decimal | None, by: str) -> list[BreakerEvent]:
        """End a tripped breaker on purpose. Resetting one of drawdown takes the present `equity` as the new peak.

        Raises `Refused` if it is not tripped.
        """
        if name not in set(Breaker):
            raise Refused(f"There is no breaker {name}: {', '.join(Breaker)}.")
        if not self.is_active(name, subject, now):
            found = [trip for trip in self.active(now) if trip.name == name]
            if subject or len(found) != 1:
                which = f" Which one? {', '.join(trip.subject for trip in found)}." if found else ""
                raise Refused(f"The breaker {name}{' of ' + subject if subject else ''} is not tripped.{which}")
            subject = found[0].subject
        value, again_at = self.trips[name, subject].value, None
        if name == Breaker.DAILY_LOSS:
            value = self.loss if self.loss is not None else value
            again_at = add(value, multiply(self.limits.daily_loss, WORSE))
        elif name in (Breaker.DRAWDOWN, Breaker.DRAWDOWN_KILL):
            if equity is None or equity <= 0 or self.marks is None:
                raise Refused("The desk cannot be valued now: a drawdown is reset against the present equity.")
            value = self.drawdown if self.drawdown is not None else value
        events = self._take(BreakerReset(ts=now, name=name, subject=subject, value=value, again_at=again_at, by=by))
        if name in (Breaker.DRAWDOWN, Breaker.DRAWDOWN_KILL) and equity is not None and self.marks is not None:
            day_start, day = self.marks.day_start, self.marks.day
            reason = f"{name} was reset"
            events += self._take(
                EquityMarked(ts=now, peak=equity, day=day, day_start=day_start, reason=reason, valued=())
            )
            self.drawdown = ZERO
        return events

    def jump(self, now: int, equity: Decimal | None) -> list[BreakerEvent]:
        """The market went to another time (a seek): what was measured before is void, and no trip outlives it."""
        self._prices.clear()
        self._errors.clear()
        events: list[BreakerEvent] = []
        for name, subject in list(self.trips):
            value = self.trips[name, subject].value
            events += self._take(BreakerReset(ts=now, name=name, subject=subject, value=value, by="seek"))
        self.again_at.clear()
        if self.marks is not None:  # without a valuation the next one is the first
            value = max(equity or ZERO, ZERO)
            events += self._take(
                EquityMarked(ts=now, peak=value, day=now // DAY, day_start=value, reason="seek", valued=())
            )
        return events


def _fall(reference: Decimal, equity: Decimal) -> Decimal:
    """How far equity is below a reference, as a fraction of it; 0 above it, 1 where the reference is nothing."""
    if reference <= 0:
        return ZERO if equity >= reference else ONE
    return max(ZERO, divide(subtract(reference, equity), reference))


def percent(fraction: Decimal) -> str:
    """5.2 % of 0.05213; 0.021 % of 0.0002134: two figures of what is below a tenth of a percent."""
    share = multiply(fraction, Decimal(100))
    places = Decimal("0.1") if not share or abs(share) >= Decimal("0.1") else Decimal(1).scaleb(share.adjusted() - 1)
    return f"{plain(share.quantize(places))} %"
