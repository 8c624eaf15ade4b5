"""The event engine on a recorded market: the strategy as on the desk, through the desk's own parts, without the desk.

The recording's events go to the simulated exchange (the one matching engine, its account and its queues) and to the
strategy; what the strategy asks for goes through the desk's core (order manager, positions, money) and takes the
latency's way to the exchange, and so do its reports back. A plain loop over time: nothing waits, nothing is random but
by a seed. `DeskTrader` and `SignalLive` are the very classes of the desk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

import numpy as np

from workstation.clock import SimClock
from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, Trade
from workstation.domain.numbers import add, floor_to, multiply, negate
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderType, Side
from workstation.market.bars import BarSeries
from workstation.market.candles import Candles, Floats
from workstation.market.data import MarketData
from workstation.research.costs import BacktestError, Costs
from workstation.research.result import Result
from workstation.research.round_trips import RoundTrips
from workstation.research.tape import Tape
from workstation.strategies.contract import SignalStrategy, Strategy, further_of, strategy_name
from workstation.strategies.desk_trader import DeskTrader, Enter, Flatten, Pull, SetTimer, Wish
from workstation.strategies.exits import Reason
from workstation.strategies.signal_live import SignalLive
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.order_ids import counting_order_ids
from workstation.venues.contract import VenueError
from workstation.venues.matching import models
from workstation.venues.simulated_agenda import Agenda
from workstation.venues.simulated_exchange import Reports, SimulatedExchange

_ORIGIN = "backtest"
_FOREVER = 2**62
#: The account has a little more than the capital: an order that is sized at the last price must not be refused for the
#: spread that it pays.
_RESERVE = Decimal("1.02")
_REASONS = {reason.name.lower(): reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Road:
    """How orders get there and where they stand: latency each way in ns, its jitter, the queue's model, the maker's fee
    (the taker's is that of the costs)."""

    order: int = 0
    report: int = 0
    jitter: int = 0
    queue: str = "risk_averse"
    maker_fee: float | None = None
    seed: int = 0

    def latency(self) -> models.LatencyModel:
        if self.jitter:
            return models.JitterLatency(self.order, self.report, self.jitter, self.seed)
        return models.ConstantLatency(self.order, self.report)

    def queues(self) -> models.QueueModel:
        """Raises `BacktestError` for an unknown model."""
        known: dict[str, Callable[[], models.QueueModel]] = {
            "risk_averse": models.RiskAverseQueue,
            "probabilistic": models.ProbabilisticQueue,
        }
        if self.queue not in known:
            raise BacktestError(f"There is no queue model {self.queue!r}: {', '.join(known)}.")
        return known[self.queue]()


@dataclass(eq=False)
class RecordedEngine:
    """Runs strategies on `instrument` of a tape, with bars of `interval` ns made of its trades."""

    tape: Tape
    instrument: Instrument
    interval: int
    road: Road = field(default_factory=Road)
    until: int = _FOREVER
    cancelled: Callable[[], bool] = lambda: False
    name: str = "event"

    def run(self, strategy: Strategy, costs: Costs) -> Result:
        """One backtest. A tape is read once: a new run needs it opened again. Raises `BacktestError`, and what the
        strategy itself raises."""
        if costs.slippage:
            raise BacktestError("On recorded trades the book and the latency decide the slippage: give none.")
        if costs.funded:
            raise BacktestError("On a recording funding is what the venue published: give none.")
        run = _Run(self, strategy, costs)
        for number, event in enumerate(self.tape.until(self.until)):
            if event.instrument == self.instrument.id:
                run.take(event)
            if number % 4096 == 0 and self.cancelled():
                break
        return run.finish()


class _Run:
    """One pass over a tape."""

    def __init__(self, engine: RecordedEngine, strategy: Strategy, costs: Costs) -> None:
        instrument, road = engine.instrument, engine.road
        self.instrument, self.costs, self.engine = instrument, costs, engine
        self.inner = strategy
        self.strategy: Strategy = strategy
        if further_of(type(strategy)):
            raise BacktestError(f"{strategy_name(type(strategy))} needs two instruments: a tape has one here.")
        if isinstance(strategy, SignalStrategy):
            self.strategy = SignalLive(strategy, fee=costs.fee)
        self.market = MarketData([instrument], tape_size=1)
        self.core = TradingCore([instrument], self.market, RiskLimits(), instrument.settlement, histories=False)
        taker = Decimal(repr(costs.fee))
        maker = taker if road.maker_fee is None else Decimal(repr(road.maker_fee))
        self.capital = Decimal(repr(costs.cash))
        funds = multiply(self.capital, _RESERVE)
        self.exchange = SimulatedExchange(
            instrument.venue,
            [instrument],
            {instrument.settlement: funds},
            fees=models.FixedFees(maker, taker),
            queue=road.queues(),
            session="b",
        )
        self.core.apply_account(
            e.BalanceAdjusted(
                ts=0, venue=instrument.venue, currency=instrument.settlement, amount=funds, reason="start"
            )
        )
        self.latency = road.latency()
        self.agenda = Agenda(SimClock())
        self.trader = DeskTrader(instrument, _ORIGIN, counting_order_ids("b"))
        self.strategy.trader = self.trader
        self.series = BarSeries(engine.interval, limit=1 << 40)
        self.trips = RoundTrips()
        self.equity: list[float] = []
        self.now = self._arrived = self._reported = 0
        self._bar_end = -1
        self._pulled: set[ClientOrderId] = set()
        kind = type(self.strategy)
        self._hears_trades = kind.on_trade is not Strategy.on_trade
        self._hears_book = kind.on_book is not Strategy.on_book and getattr(self.strategy, "wants_book", True)

    # The market.

    def take(self, event: MarketEvent) -> None:
        """One event of the recording, in order of time."""
        if self.agenda.next_time is not None:
            self._run_until(event.ts)
        if not self.now:
            self._begin(event.ts)
        self.now = event.ts
        closes = type(event) is Trade and event.ts >= self._bar_end
        if closes and self._bar_end >= 0:
            self.equity.append(float(self._equity()))
        self._report(self.exchange.on_market(event), event.ts)
        self.market.apply(event)
        if type(event) is Trade:
            tick, lot = float(self.instrument.tick), float(self.instrument.lot)
            self.series.add(event.ts, event.price * tick, event.quantity * lot)
            if closes:
                self._bar_end = event.ts - event.ts % self.engine.interval + self.engine.interval
                if self.series.closed:
                    self._call(partial(self.strategy.on_bar, self.series.closed[-1]))
            if self._hears_trades:
                self._call(partial(self.strategy.on_trade, event))
        elif self._hears_book and isinstance(event, BookDelta | BookSnapshot):
            book = self.market.markets[self.instrument.id].book
            if book.stale is None:
                self._call(partial(self.strategy.on_book, book.snapshot(25)))

    def _begin(self, ts: int) -> None:
        self.now = ts
        leverage = Decimal(repr(self.costs.leverage))
        if leverage != self.instrument.leverage and (not self.instrument.is_spot or leverage > 1):
            try:
                self._report(self.exchange.set_leverage(self.instrument.id, leverage, ts), ts)
            except VenueError as error:
                raise BacktestError(str(error)) from None
        self._call(self.strategy.on_start)

    def finish(self) -> Result:
        """What is on its way arrives; what is open is closed at the market, or valued."""
        if self._bar_end < 0:
            raise BacktestError(f"The recording has no trades of {self.instrument.id}.")
        self._call(self.strategy.on_stop)
        self.agenda.land()
        for order in self.core.orders.open_orders():
            self._pulled.add(order.client_id)
        self._deliver_now(self.exchange.cancel_all(None, self.now))
        held = self._position()
        if held and self.costs.close_at_end:
            order = self._order(self._closing(held, "end"), self.trader.next_id())
            self._deliver_now(self.exchange.submit(order, self.now))
        forming = self.series.forming
        bars = [*self.series.closed, *([forming] if forming is not None else [])]
        if len(bars) < 2:
            raise BacktestError("A backtest needs two bars at least; give a smaller --timeframe.")
        self.equity.append(float(self._equity()))
        if self._position():
            mark = self.exchange.mark(self.instrument.id)
            self.trips.value_open(float(mark) if mark is not None else bars[-1].close, self.now)
        times = np.array([bar.ts for bar in bars], dtype=np.int64)
        table = np.array([(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars], dtype=np.float64)
        opened, high, low, close, volume = table.T
        candles = Candles(times, opened, high, low, close, volume, f"{self.instrument.id} (recorded)")
        equity: Floats = np.array(self.equity, dtype=np.float64)
        name = strategy_name(type(self.inner))
        trades = self.trips.trades(times)
        return Result(name, self.inner.params, self.engine.name, candles, self.costs, trades, equity)

    # The strategy.

    def _call(self, work: Callable[[], None]) -> None:
        trader = self.trader
        held = self.core.portfolio.position(self.instrument.id)
        trader.position, trader.entry = held.quantity, held.average_price(self.instrument)
        trader.begin(self.now, self._equity(), "")
        work()
        for wish in trader.take():
            self._carry_out(wish)

    def _carry_out(self, wish: Wish) -> None:
        match wish:
            case Enter(client_id=client_id, draft=draft):
                self._submit(draft, client_id)
            case Pull(client_id=None):
                self._pull([order.client_id for order in self.core.orders.open_orders()])
            case Pull(client_id=str() as client_id):
                self._pull([client_id])
            case Flatten(tag=tag):
                self._pull([order.client_id for order in self.core.orders.open_orders()])
                if held := floor_to(abs(self._position()), self.instrument.lot):
                    signed = held if self._position() > 0 else negate(held)
                    self._submit(self._closing(signed, tag or "close"), self.trader.next_id())
            case SetTimer(at=at, name=name):
                self.agenda.at(at, partial(self._timer, name), travels=False)

    def _timer(self, name: str, now: int) -> None:
        self.now = max(self.now, now)
        self._call(partial(self.strategy.on_timer, name))

    def _closing(self, held: Decimal, tag: str) -> OrderDraft:
        return OrderDraft(
            instrument=self.instrument.id,
            side=Side.SELL if held > 0 else Side.BUY,
            quantity=abs(held),
            type=OrderType.MARKET,
            reduce_only=True,
            origin=_ORIGIN,
            note=tag,
        )

    def _order(self, draft: OrderDraft, client_id: ClientOrderId) -> Order:
        order = Order.from_draft(draft, client_id, self.now)
        self.core.apply_order(e.OrderInitialized(client_id=client_id, ts=self.now, order=order))
        self.core.apply_order(e.OrderSubmitted(client_id=client_id, ts=self.now))
        return order

    def _submit(self, draft: OrderDraft, client_id: ClientOrderId) -> None:
        order = self._order(draft, client_id)
        self._send(lambda now: self.exchange.submit(order, now))

    def _pull(self, ids: list[ClientOrderId]) -> None:
        for client_id in ids:
            order = self.core.orders.orders.get(client_id)
            if order is not None and order.is_open and client_id not in self._pulled:
                self._pulled.add(client_id)
                self.core.apply_order(e.OrderPendingCancel(client_id=client_id, ts=self.now))
                self._send(partial(self.exchange.cancel, client_id))

    # The way there and back: commands arrive in the order in which they were sent, and so do reports.

    def _send(self, command: Callable[[int], Reports]) -> None:
        arrival = self._arrived = max(self.now + self.latency.order(), self._arrived)
        if arrival <= self.now:
            self._report(command(self.now), self.now)
        else:
            self.agenda.at(arrival, lambda now: self._report(command(now), now))

    def _report(self, reports: Reports, now: int) -> None:
        for report in reports:
            arrival = self._reported = max(now + self.latency.report(), self._reported)
            if arrival <= self.now:
                self.agenda.at(self.now, partial(self._deliver, report))
            else:
                self.agenda.at(arrival, partial(self._deliver, report))
        if reports and self.agenda.next_time is not None and not self._delivering:
            self._run_until(self.now)

    _delivering = False

    def _run_until(self, ts: int) -> None:
        self._delivering = True
        try:
            self.agenda.run_until(ts)
        finally:
            self._delivering = False

    def _deliver_now(self, reports: Reports) -> None:
        for report in reports:
            self._deliver(report, self.now)

    def _deliver(self, report: e.OrderEvent | e.VenueEntry, now: int) -> None:
        self.now = max(self.now, now)
        if isinstance(report, e.VenueBooked):
            self._entry(report)
            return
        applied = self.core.apply_order(report)
        order = applied.order
        if isinstance(report, e.OrderCancelRejected) and order is not None and order.is_closed:
            return  # it was filled while the cancel was on its way
        if order is None or applied.error:
            raise BacktestError(f"The simulated venue and the order manager disagree: {applied.error}.")
        if isinstance(report, e.OrderFilled):
            fill = report.fill
            tag, liquidated = order.note, order.origin != _ORIGIN
            reason = Reason.LIQUIDATION if liquidated else _REASONS.get(tag, Reason.SIGNAL)
            told = (fill.side.sign, float(fill.quantity), float(fill.price), float(fill.fee), fill.ts)
            self.trips.fill(*told, "liquidation" if liquidated else tag, reason, order.client_id)
            self._call(partial(self.strategy.on_fill, fill))
        elif (
            isinstance(report, e.OrderRejected | e.OrderDenied | e.OrderCanceled | e.OrderExpired)
            and report.client_id not in self._pulled
        ):
            self._call(partial(self.strategy.on_reject, report.client_id, report.reason))

    def _entry(self, entry: e.VenueBooked) -> None:
        self.core.apply_account(entry)  # type: ignore[arg-type]
        if isinstance(entry, e.FundingPaid | e.InterestCharged):
            self.trips.carry(-float(entry.amount))

    # Money.

    def _position(self) -> Decimal:
        return self.core.portfolio.position(self.instrument.id).quantity

    def _equity(self) -> Decimal:
        """The capital with all that was won, lost and paid."""
        mark = self.exchange.mark(self.instrument.id)
        book = self.core.portfolio
        position = book.position(self.instrument.id)
        worth = add(self.capital, add(position.realized, negate(position.fees)))
        if mark is not None and not position.is_flat:
            worth = add(worth, position.unrealized(self.instrument, mark))
        for amount in book.funding.values():
            worth = add(worth, amount)
        for amount in book.insurance.values():
            worth = add(worth, amount)
        for amount in book.interest.values():
            worth = add(worth, negate(amount))
        return worth
