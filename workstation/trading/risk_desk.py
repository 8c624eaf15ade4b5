"""Limits and circuit breakers at work: feeds the breakers, does what they ask, and takes the trader's changes.

The pure parts are `breakers` and `limits_book`. Here are the journal, the clock, the cancels and the kill switch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal

from workstation.clock import SECOND, Clock, Timer
from workstation.domain.events import AccountEvent, BreakerEvent, BreakerReset, BreakerTripped, LimitsChanged
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, add, multiply
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.domain.plan import EXIT_LEGS
from workstation.log import DeskLog
from workstation.trading.breakers import Breaker
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.journal import Journal
from workstation.trading.last_middles import LastMiddles
from workstation.trading.limits import RiskLimits

#: The market's own time between two looks at prices, and between two valuations.
LOOK_EVERY = SECOND // 4
VALUE_EVERY = SECOND
#: Valuations of which the middle one counts, and how many there must be: what does not last for three seconds (one bad
#: mark, a book whose offers are gone for a moment) is neither a loss nor a peak.
_WORTHS, _FEWEST = 5, 3
#: ns for which the middle of a book that tells nothing more counts as its market's price.
_PRICE_LIVES = 4 * SECOND


class RiskDesk:
    """All on the event loop. `look` is called with the market's events and is cheap when it is not time yet."""

    def __init__(
        self,
        *,
        core: TradingCore,
        gateway: OrderGateway,
        journal: Journal,
        clock: Clock,
        log: DeskLog,
        flatten: Callable[[str], object],
    ) -> None:
        """`flatten` is the kill switch's second press."""
        self._core = core
        self._gateway = gateway
        self._journal = journal
        self._clock = clock
        self._log = log
        self._flatten = flatten
        self._running = False
        self._next_look = 0
        self._next_value = 0
        self._worths: deque[Decimal] = deque(maxlen=_WORTHS)
        self._middles = LastMiddles()
        self._timer: Timer | None = None
        self._pulling: set[ClientOrderId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()  # coins without a market that the log has
        self.version = 0  # grows with every trip, reset and change of a limit
        gateway.on_venue_error = self._venue_failed

    # Reading.

    @property
    def limits(self) -> RiskLimits:
        return self._core.limits

    @property
    def changes(self) -> Sequence[LimitsChanged]:
        """Every change of a limit, oldest first."""
        return self._core.limits_book.changes

    def tripped(self) -> list[BreakerTripped]:
        """The breakers that are tripped now."""
        return self._core.breakers.active(self._clock.now())

    # Life.

    def start(self) -> None:
        """The journal is folded and the venues were asked: go on with what the last run of the desk left."""
        self._running = True
        self.version += 1
        for lowered in self._core.limits_book.lowered():
            self._log.warning("risk", f"Limit {lowered}")
        trip = self._core.breakers.trips.get((Breaker.DRAWDOWN_KILL, ""))
        if trip is not None and self._core.state_change.ts < trip.ts:
            self._flatten(trip.reason)  # the desk died between the breaker and the kill switch
        self._go_on()

    async def close(self) -> None:
        self._running = False
        self._stop_timer()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _go_on(self) -> None:
        """Look, and again a second later though nothing moves: what was heard last before a feed broke, or of a thin
        market, lasts too."""
        self._stop_timer()
        now = self._clock.now()
        self._timer = self._clock.call_at(now + VALUE_EVERY, self._go_on)
        if now >= self._next_look + VALUE_EVERY // 2:
            self.look(now)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The inputs.

    def look(self, ts: int) -> None:
        """The market moved at `ts`: look at prices a few times a second, value the desk once a second."""
        if not self._running or ts < self._next_look:
            return
        now = self._clock.now()
        self._next_look = ts + LOOK_EVERY
        core = self._core
        for instrument, market in core.market.markets.items():
            price = market.mid()
            if price is not None and market.book.stale is None and now - market.mid_at < _PRICE_LIVES:
                middle = self._middles.add(instrument, now, price)
                if middle is not None:
                    self._keep(core.breakers.on_price(now, instrument, middle))
        if ts >= self._next_value:
            self._next_value = ts + VALUE_EVERY
            self._value(now)
            for trip in core.breakers.active(now):
                if trip.name == Breaker.PRICE_MOVE:
                    self._pull(trip.subject)

    def _value(self, now: int) -> None:
        portfolio = self._core.portfolio
        equity = portfolio.equity(self._core.market.mark)
        if equity.unpriced:
            self._tell_gone(equity.unpriced)
            return  # half a valuation would be a false loss
        gone = any(not portfolio.has_market(one) and not portfolio.is_foreign(one) for one in self._flowing())
        flow = None if gone else self._flow()
        if not gone and flow is None:
            return
        worth = self._worth(equity.total, flow)
        if len(self._worths) >= _FEWEST or self._core.breakers.flows:
            self._keep(self._core.breakers.on_equity(now, worth, flow, equity.valued))

    def _worth(self, worth: Decimal, flow: Decimal | None) -> Decimal:
        """The middle of the last valuations. Money that has come or gone since the last mark moves earlier ones too."""
        before = () if flow is None else tuple(add(each, flow) for each in self._worths)
        self._worths = deque((*before, worth), _WORTHS)
        return sorted(self._worths)[len(self._worths) // 2]

    def _tell_gone(self, unpriced: Sequence[str]) -> None:
        """Of coins that counted before, and whose market is not on the list any more: said once."""
        for currency in unpriced:
            if ":" in currency or currency in self._told or self._core.portfolio.has_market(currency):
                continue
            self._told.add(currency)
            self._log.warning(
                "risk",
                f"{currency} counted in this desk's worth before, and no market on its list prices it now: the worth "
                f"is not known, and no breaker of losses judges. Put a market of {currency} back on the venue's list "
                f"of symbols, or move the {currency} off the account.",
            )

    def _equity(self) -> Decimal | None:
        """The desk's worth; None while something of it has no price (half a valuation would be a false loss)."""
        equity = self._core.portfolio.equity(self._core.market.mark)
        return None if equity.unpriced else equity.total

    def _flowing(self) -> set[str]:
        return {currency for _, currency, _ in self._core.breakers.flows}

    def _flow(self) -> Decimal | None:
        """What came and went since the last mark, at today's prices; None while something of it has none."""
        total = ZERO
        for venue, currency, amount in self._core.breakers.flows:
            if self._core.portfolio.is_foreign(currency):
                continue
            rate = self._core.portfolio.rate(venue, currency, self._core.market.mark)
            if rate is None:
                return None
            total = add(total, multiply(amount, rate))
        return total

    def _venue_failed(self, venue: str) -> None:
        if self._running:
            self._keep(self._core.breakers.on_error(self._clock.now(), venue))

    def market_jumped(self) -> None:
        """The market went to another time (a seek)."""
        self._next_look = self._next_value = 0
        self._worths.clear()
        self._middles.clear()
        if self._running:
            self._go_on()
            self._keep(self._core.breakers.jump(self._clock.now(), self._equity()))

    # What the breakers ask.

    def _keep(self, events: Sequence[BreakerEvent]) -> None:
        """Make events durable and do what they ask for. They are folded already: orders are stopped from here on."""
        if not events:
            return
        self._journal.append(*events)
        self.version += 1
        for event in events:
            if isinstance(event, BreakerTripped):
                self._log.warning("risk", f"BREAKER {event.name}: {event.reason}.")
                if event.name == Breaker.PRICE_MOVE:
                    self._pull(event.subject)
                elif event.name == Breaker.DRAWDOWN_KILL:
                    self._flatten(event.reason)
            elif isinstance(event, BreakerReset):
                of = f" of {event.subject}" if event.subject else ""
                self._log.warning("risk", f"The breaker {event.name}{of} was reset ({event.by}).")

    def _pull(self, instrument: InstrumentId) -> None:
        """Cancel what could open a position; what protects one stays. Asked again as long as the breaker is tripped."""
        for order in self._core.orders.open_orders(instrument):
            protects = order.reduce_only or order.leg in EXIT_LEGS
            under_way = order.state is OrderState.PENDING_CANCEL or order.client_id in self._pulling
            if protects or under_way or not self._gateway.reaches(order):
                continue
            self._pulling.add(order.client_id)
            task = asyncio.get_running_loop().create_task(self._cancel(order), name="breaker cancel")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _cancel(self, order: Order) -> None:
        try:
            await self._gateway.cancel(order.client_id)
        except Refused as refusal:  # it was done meanwhile
            self._log.info("risk", f"Order {order.client_id} needs no cancel: {refusal}")
        finally:
            self._pulling.discard(order.client_id)

    # The trader's commands.

    async def reset_breaker(self, name: str, subject: str = "", by: str = "trader") -> None:
        """End a tripped breaker before its time. Raises `Refused`."""
        self._open()
        self._keep(self._core.breakers.reset(self._clock.now(), name, subject, self._equity(), by))

    async def change_limit(self, field: str, text: str, who: str = "trader") -> tuple[LimitsChanged, ...]:
        """Change a limit for good ("max_order_value", "50000"); an empty text takes the config file's value.
        A tighter one lowers those that must not stand above it: their events come before its own.

        Durable before it counts. Raises `Refused`.
        """
        self._open()
        events = self._core.limits_book.change(self._clock.now(), field, text, who)
        await self._durable(*events)
        self._fold(events)
        return events

    def _fold(self, events: Sequence[LimitsChanged]) -> None:
        for event in events:
            self._core.apply_account(event)
            self._log.warning("risk", f"Limit {event.field}: {event.new}, was {event.old} ({event.who}).")
        self.version += 1

    async def take_limit(self, configured: RiskLimits, field: str, who: str) -> None:
        """What the config file says of a limit has been changed while the desk runs: it counts from now on.

        Durable before it counts. Raises `Refused`.
        """
        self._open()
        book = self._core.limits_book
        events = book.taken(self._clock.now(), configured, field, who)
        if events:
            await self._durable(*events)
        book.reconfigure(configured, field)
        self._fold(events)

    def _open(self) -> None:
        if not self._running:
            raise Refused("The desk is still opening its store: try again in a moment.")

    async def _durable(self, *events: AccountEvent) -> None:
        try:
            await asyncio.wrap_future(self._journal.append(*events))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error
