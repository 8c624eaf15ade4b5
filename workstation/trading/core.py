"""The pure heart of the desk: (state, event) → state, for orders, money and trading state. No I/O, no clock.

Live, a journal read back at start, a property test and an event backtest all drive this one class.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from workstation.domain.events import (
    AccountEvent,
    BalanceAdjusted,
    BreakerRearmed,
    BreakerReset,
    BreakerTripped,
    EquityMarked,
    FeesValued,
    KillCompleted,
    KillRequested,
    LimitsChanged,
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    PlanChanged,
    PlanEnded,
    PlanStarted,
    PositionLiquidated,
    RebalanceChanged,
    RebalanceEnded,
    RebalanceStarted,
    RouteEnded,
    RouteStarted,
    StrategyRunChanged,
    TradeNoted,
    TradingState,
    TradingStateChanged,
    VenueBooked,
    VenueEntry,
)
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, multiply, subtract
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.spans import DAY, MILLISECOND, SECOND
from workstation.domain.strategy_run import RunId, RunState, StrategyRun
from workstation.domain.trailing import expected_stop
from workstation.market.data import MarketData
from workstation.trading import pools
from workstation.trading.bookings import Bookings, FillStep, value_fees
from workstation.trading.breakers import Breakers
from workstation.trading.limits import RiskGroup, RiskLimits, sign_in
from workstation.trading.limits_book import LimitsBook
from workstation.trading.missed import Behind
from workstation.trading.orders import Applied, OrderManager, Outcome
from workstation.trading.plans.book import PlanBook
from workstation.trading.portfolio import Portfolio
from workstation.trading.rebalancing.book import RebalanceBook
from workstation.trading.results import CLOSE_NOTE, Results, is_hand
from workstation.trading.risk import KILL, GroupRisk, OwnerRisk, PositionRisk, Question, Verdict, judge
from workstation.trading.routing.book import RouteBook
from workstation.trading.shares import Shares
from workstation.trading.trades import TradeBook
from workstation.venues.contract import Capabilities

#: What the trading state may be before a journal says otherwise.
_FIRST = TradingStateChanged(ts=0, state=TradingState.ACTIVE, reason="first start", by="start")


class TradingCore:
    """Orders, accounts, positions and the trading state, and what risk says of a draft."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        market: MarketData,
        limits: RiskLimits,
        currency: str = "USDT",
        at_par: Iterable[str] = (),
        capabilities: Mapping[str, Capabilities] | None = None,
        histories: bool = True,
    ) -> None:
        """`capabilities`: what each venue can do, by its name; a venue that is not named can do everything.
        `histories`: whether the order manager keeps the events of single orders."""
        self.instruments = {instrument.id: instrument for instrument in instruments}
        self.market = market
        self._capabilities = capabilities or {}
        self.limits_book = LimitsBook(limits)
        self.breakers = Breakers(self.limits.breakers)
        venues = None if capabilities is None else frozenset(capabilities)
        self.orders = OrderManager(histories, self.instruments, venues)
        self.portfolio = Portfolio(self.instruments.values(), currency, at_par)
        self.results = Results(self.instruments)
        self.plans = PlanBook(self.orders.orders, venues)
        self.rebalances = RebalanceBook(self.orders.orders)
        self.routes = RouteBook(self.orders.orders)
        self.strategy_runs: dict[RunId, StrategyRun] = {}
        self.state_change = _FIRST
        #: Why the books of a venue may be wrong now, by its name; see `Question.unproven`.
        self.unproven: dict[str, str] = {}
        #: Venues of which fills may have been missed since they were last away, that are not booked yet.
        self.behind = Behind()
        self.unfinished_kill: KillRequested | None = None
        self.last_receipt: KillCompleted | None = None
        self.fills: list[Fill] = []
        self.transfers: list[BalanceAdjusted] = []
        self._recent: deque[tuple[int, ClientOrderId]] = deque(maxlen=512)  # when entered, oldest first
        self._entries: dict[str, dict[str, int]] = {}  # of each venue: entry id → its time
        self._sent: Counter[str] = Counter()  # orders of the UTC day `_sent_day` by origin, denied ones left out
        self._sent_day = 0
        self.trades = TradeBook()
        self.bookings = Bookings(self.instruments, self.portfolio, self.results, self.trades)
        self.shares = Shares()

    @property
    def limits(self) -> RiskLimits:
        """The limits in force."""
        return self.limits_book.limits

    @property
    def state(self) -> TradingState:
        return self.state_change.state

    def apply_order(self, event: OrderEvent) -> Applied:
        """Fold an order event in; a fill moves position and account in the same step."""
        if isinstance(event, OrderFilled) and event.fill.instrument not in self.instruments:
            self.portfolio.has_counted(event.fill.instrument.partition(":")[2].split("-")[:2])  # it was traded once
            if not self.orders.is_here(event.fill.instrument):
                self.orders.apply(event)  # what became of the order is all that this desk keeps of it
            return Applied(Outcome.STRANGER, None, f"fill {event.fill.trade_id} is of an unknown instrument")
        applied = self.orders.apply(event)
        if applied.outcome is Outcome.APPLIED:
            if isinstance(event, OrderFilled) and applied.order is not None:
                self.fills.append(event.fill)
                self._fill(event.fill, applied.order)
                held = self.portfolio.position(event.fill.instrument).quantity
                self.shares.fill(applied.order.origin, event.fill, self.instruments[event.fill.instrument], held)
            elif isinstance(event, OrderInitialized):
                if event.order.reduce_only and event.order.instrument in self.instruments:
                    opened = Side.SELL if event.order.side is Side.BUY else Side.BUY
                    self.bookings.protect(self.instruments[event.order.instrument], opened, event.order.stop_price)
                self._recent.append((max(event.ts, event.order.created_at), event.client_id))
                self._count(event.order, 1)
                self.plans.took(event.order)
                self.rebalances.took(event.order)
                self.routes.took(event.order)
            elif isinstance(event, OrderDenied) and applied.order is not None:
                self._count(applied.order, -1)
            if applied.order is not None:
                self.plans.touched(applied.order)
                self.rebalances.touched(applied.order)
                self.routes.touched(applied.order)
        return applied

    def _fill(self, fill: Fill, order: Order) -> None:
        plan = self.plans.of(order)
        side, stop = (None, None) if plan is None else (plan.side, plan.stop)
        whole = order.note == CLOSE_NOTE and order.reduce_only and is_hand(order.origin)
        self.bookings.fill(FillStep(fill, order.origin, side, stop, whole))

    def _count(self, order: Order, by: int) -> None:
        day = order.created_at // DAY
        if day > self._sent_day:
            self._sent_day = day
            self._sent.clear()
        if day == self._sent_day and order.origin != KILL:
            self._sent[order.origin] += by

    def sent_on(self, now: int, origin: str | None = None) -> int:
        """Orders of the UTC day of `now` that were not denied: of one origin or of all."""
        if now // DAY != self._sent_day:
            return 0
        return self._sent.total() if origin is None else self._sent[origin]

    def entered_since(self, ts: int) -> int:
        """Orders entered after `ts` (UTC ns, at most a moment ago)."""
        return len(self._entered(ts))

    def _entered(self, since: int) -> list[Order]:
        """The orders made after `since`, oldest first; only they are looked at, not all that is remembered."""
        found = []
        for ts, client_id in reversed(self._recent):
            if ts <= since:
                break
            order = self.orders.orders[client_id]
            if order.created_at > since:
                found.append(order)
        found.reverse()
        return found

    def apply_account(self, event: AccountEvent) -> None:
        match event:
            case BalanceAdjusted():
                self.portfolio.adjust(event)
                self.transfers.append(event)
                self.results.on_flow(event)
                self.breakers.apply(event)
            case EquityMarked(valued=valued):
                self.portfolio.has_counted(valued)
                self.breakers.apply(event)
            case BreakerTripped() | BreakerReset() | BreakerRearmed():
                self.breakers.apply(event)
            case StrategyRunChanged(run=run):
                self.strategy_runs[run.run_id] = run
            case LimitsChanged():
                self.limits_book.apply(event)
                self.breakers.limits = self.limits.breakers
            case TradingStateChanged():
                self.state_change = event
                if event.state is TradingState.HALTED:
                    self.plans.halt(event.ts, event.reason)
                    self.rebalances.halt(event.ts, event.reason)
                    self.routes.halt(event.ts, event.reason)
                    self._halt_strategies(event)
                if event.state is TradingState.ACTIVE:
                    self.unfinished_kill = None  # re-armed on purpose: no older kill may touch what is traded from here
            case PlanStarted() | PlanChanged() | PlanEnded():
                self.plans.apply(event)
                if not isinstance(event, PlanEnded) and event.plan.instrument in self.instruments:
                    self.bookings.protect(self.instruments[event.plan.instrument], event.plan.side, event.plan.stop)
            case RebalanceStarted() | RebalanceChanged() | RebalanceEnded():
                self.rebalances.apply(event)
            case RouteStarted() | RouteEnded():
                self.routes.apply(event)
            case TradeNoted():
                self.trades.note(event)
            case FeesValued():
                value_fees(event, self.fills, self.orders, self.bookings)
            case KillRequested():
                before = self.unfinished_kill
                flatten = event.flatten or (before is not None and before.flatten)
                self.unfinished_kill = msgspec.structs.replace(event, flatten=flatten)
            case KillCompleted():
                self.last_receipt = event
                if self.unfinished_kill is not None and self.unfinished_kill.kill_id == event.kill_id:
                    self.unfinished_kill = None
            case _:
                self.apply_entry(event)

    def _halt_strategies(self, event: TradingStateChanged) -> None:
        for run in self.strategy_runs.values():
            if run.active:
                self.strategy_runs[run.run_id] = msgspec.structs.replace(
                    run, state=RunState.STOPPED, since=event.ts, reason=f"the desk was halted: {event.reason}"
                )

    def apply_entry(self, entry: VenueEntry) -> bool:
        """Fold in what a venue booked by itself; False for an entry that is booked already."""
        known = self._entries.setdefault(entry.venue, {})
        if entry.entry_id in known:
            return False
        known[entry.entry_id] = entry.ts
        if isinstance(entry, PositionLiquidated):
            self._adopt(entry)
        self.bookings.entry(entry)
        return True

    def _adopt(self, entry: PositionLiquidated) -> None:
        """The venue's own order becomes one of the desk's, so that its fills find it."""
        order, client_id, ts = entry.order, entry.order.client_id, entry.ts
        fresh = msgspec.structs.replace(order, state=OrderState.INITIALIZED, venue_order_id=None)
        self.orders.apply(OrderInitialized(client_id=client_id, ts=ts, order=fresh))
        self.orders.apply(OrderSubmitted(client_id=client_id, ts=ts))
        self.orders.apply(OrderAccepted(client_id=client_id, ts=ts, venue_order_id=order.venue_order_id or ""))

    def newest_entry(self, venue: str) -> int:
        """Time of the venue's newest entry that the desk has booked (UTC ns); 0 before the first."""
        return max(self._entries.get(venue, {}).values(), default=0)

    def fold(self, journal: Iterable[OrderEvent | AccountEvent]) -> None:
        """Rebuild everything from a journal."""
        for event in journal:
            match event:
                case (
                    BalanceAdjusted()
                    | TradingStateChanged()
                    | KillRequested()
                    | KillCompleted()
                    | PlanStarted()
                    | PlanChanged()
                    | PlanEnded()
                    | RebalanceStarted()
                    | RebalanceChanged()
                    | RebalanceEnded()
                    | RouteStarted()
                    | RouteEnded()
                ):
                    self.apply_account(event)
                case (
                    EquityMarked()
                    | BreakerTripped()
                    | BreakerReset()
                    | BreakerRearmed()
                    | LimitsChanged()
                    | TradeNoted()
                    | FeesValued()
                ):
                    self.apply_account(event)
                case StrategyRunChanged():
                    self.apply_account(event)
                case VenueBooked():
                    self.apply_entry(event)
                case _:
                    self.apply_order(event)

    def orders_within(self, nanoseconds: int, now: int) -> int:
        """How many orders were made in the last `nanoseconds`."""
        return self.entered_since(now - nanoseconds)

    # What risk needs to know.

    def worst_price(self, order: Order) -> Decimal | None:
        """The price at which an open order binds money: its limit or trigger, else the market's."""
        if order.type.has_limit:
            if order.pending_price is not None and order.price is not None:
                return max(order.price, order.pending_price)
            return order.price
        mark = self.market.mark(order.instrument)
        if order.type.has_trigger:
            return expected_stop(order, mark) or mark
        return mark

    def held(self, instrument: Instrument) -> Decimal:
        """Spot: the base currency that is there. Derivatives: the signed position."""
        if instrument.is_spot:
            return self.portfolio.balance(instrument.venue, instrument.base)
        return self.portfolio.position(instrument.id).quantity

    def position_risk(self, instrument: Instrument, but: ClientOrderId | None = None) -> PositionRisk:
        """The instrument's risk; order `but` (being amended) is left out, here and below."""
        buys = sells = ZERO
        for order in self.orders.open_orders(instrument.id):
            if order.client_id == but:
                continue
            if order.side is Side.BUY:
                buys = add(buys, order.worst_quantity)
            else:
                sells = add(sells, order.worst_quantity)
        mark = self.market.mark(instrument.id)
        rate = self.portfolio.rate(instrument.venue, instrument.settlement, self.market.mark)
        unit = ZERO if mark is None or rate is None else multiply(instrument.notional(ONE, mark), rate)
        return PositionRisk(self.portfolio.position(instrument.id).quantity, buys, sells, unit)

    def group_risks(self, instrument: InstrumentId, but: ClientOrderId | None = None) -> list[GroupRisk]:
        """The groups that count as one bet and hold the instrument."""
        return [
            self._group_risk(name, group, sign, but)
            for name, group in self.limits.groups.items()
            if (sign := sign_in(group, instrument))
        ]

    def group_worst(self, name: str) -> Decimal:
        """The largest unsigned bet that working orders can lead to in a group, in the account currency."""
        return self._group_risk(name, self.limits.groups[name], 1, None).worst()

    def _group_risk(self, name: str, group: RiskGroup, sign: int, but: ClientOrderId | None) -> GroupRisk:
        net = up = down = ZERO
        for member in self.instruments.values():
            if not (way := sign_in(group, member.id)):
                continue
            risk = self.position_risk(member, but)
            net = add(net, multiply(multiply(risk.quantity, risk.unit_value), Decimal(way)))
            rises, falls = (risk.buys, risk.sells) if way > 0 else (risk.sells, risk.buys)
            up = add(up, multiply(rises, risk.unit_value))
            down = add(down, multiply(falls, risk.unit_value))
        return GroupRisk(name, group.max_exposure, net, up, down, sign)

    def _owner_risk(
        self, origin: str, instrument: Instrument, unit: Decimal, now: int, but: ClientOrderId | None
    ) -> OwnerRisk:
        buys = sells = ZERO
        working = 0
        for order in self.orders.open_orders():
            if order.origin != origin or order.client_id == but:
                continue
            working += 1
            if order.instrument == instrument.id:
                if order.side is Side.BUY:
                    buys = add(buys, order.worst_quantity)
                else:
                    sells = add(sells, order.worst_quantity)
        owned = self.results.owners.get((origin, instrument.id))
        held = ZERO if owned is None else owned.position.quantity
        return OwnerRisk(origin, PositionRisk(held, buys, sells, unit), working, self.sent_on(now, origin))

    def exposure(self, without: InstrumentId | None = None) -> Decimal:
        """Worst-case value of all positions and working orders, in the account currency."""
        busy = {order.instrument for order in self.orders.open_orders()}
        busy |= {position.instrument for position in self.portfolio.open_positions()}
        total = ZERO
        for instrument in busy - {without}:
            total = add(total, self.position_risk(self.instruments[instrument]).exposure)
        return total

    def free_funds(self, venue: str, currency: str, but: ClientOrderId | None = None) -> Decimal:
        """Money at the venue that nothing binds: neither working orders nor the margin of positions. Of a cross margin
        account of spot also what may be borrowed."""
        if venue in self.portfolio.pooled:
            return pools.free_funds(self, venue, currency, but)
        whole, book = self.portfolio.standing(venue, currency, self.market.mark), self.portfolio.margin
        free = subtract(whole.equity, whole.initial)
        for order in self.orders.open_at(venue):
            instrument = self.instruments[order.instrument]
            shorts = instrument.is_spot and order.side is Side.SELL
            if instrument.settlement != currency or (shorts and not book.can_short(instrument)):
                continue
            price = self.worst_price(order)
            if price is None or order.reduce_only or order.client_id == but:
                continue
            quantity = order.worst_quantity
            if shorts or not instrument.is_spot:
                quantity = self._beyond_position(order, instrument)
            notional = instrument.notional(quantity, price)
            fee = multiply(notional, max(instrument.taker_fee, instrument.maker_fee, ZERO))
            leverage = ONE if instrument.is_spot and not shorts else book.counted(instrument)
            free = subtract(free, add(initial(notional, leverage), fee))
        return free

    def _beyond_position(self, order: Order, instrument: Instrument) -> Decimal:
        """The part of an order that would grow a position (of spot: a debt) rather than close one."""
        held = self.held(instrument)
        closes = max(ZERO, multiply(held, Decimal(-order.side.sign)))
        return max(ZERO, subtract(order.worst_quantity, closes))

    def free_base(self, instrument: Instrument, but: ClientOrderId | None = None) -> Decimal:
        """Spot holding that no working sell binds."""
        free = self.held(instrument)
        for order in self.orders.open_orders(instrument.id):
            if order.side is Side.SELL and order.client_id != but:
                free = subtract(free, order.worst_quantity)
        return free

    def question(self, draft: OrderDraft, now: int, link_up: bool = True, but: ClientOrderId | None = None) -> Question:
        """All that the checks look at. Raises KeyError for an unknown instrument."""
        instrument = self.instruments[draft.instrument]
        market = self.market.markets[draft.instrument]
        book = market.book
        opposite = book.best_ask if draft.side is Side.BUY else book.best_bid
        window = max(SECOND, self.limits.duplicate_window_ms * MILLISECOND)
        working = [order for order in self.orders.open_orders() if order.client_id != but]
        here = [order for order in working if order.instrument == draft.instrument]
        others = self.position_risk(instrument, but)
        owner = draft.origin if but is None else self.orders.orders[but].origin
        return Question(
            draft=draft,
            instrument=instrument,
            limits=self.limits,
            now=now,
            state=self.state,
            mid=market.mid(),
            best_opposite=None if opposite is None else instrument.price(opposite),
            sweep=self._sweep(draft, instrument) if draft.type is OrderType.MARKET else None,
            stale=book.stale,
            price_age=now - market.mid_at if market.mid_at else None,
            position=self.portfolio.position(draft.instrument),
            held=self.held(instrument),
            rate=self.portfolio.rate(instrument.venue, instrument.settlement, self.market.mark),
            others=others,
            exposure_elsewhere=self.exposure(without=draft.instrument),
            free_quote=self.free_funds(instrument.venue, instrument.settlement, but),
            free_base=self.free_base(instrument, but) if instrument.is_spot else ZERO,
            leverage=self.portfolio.margin.counted(instrument),
            leverage_known=self.portfolio.margin.knows(instrument),
            can_short=self.portfolio.margin.can_short(instrument),
            lends=pools.room(self, instrument, but) if instrument.pooled else None,
            owed=pools.owed(self, instrument) if instrument.pooled else ZERO,
            closing=pools.closing(here, draft.side) if instrument.pooled else ZERO,
            left=self._left(instrument, here) if instrument.is_spot else None,
            recent=self._entered(now - window),
            link_up=link_up,
            amends=but is not None,
            opposite=[order for order in here if order.side is not draft.side],
            equity=self.portfolio.equity(self.market.mark).total,
            working=len(working),
            working_here=len(here),
            sent_today=self.sent_on(now),
            owner=self._owner_risk(owner, instrument, others.unit_value, now, but),
            groups=self.group_risks(draft.instrument, but),
            venue=self._capabilities.get(instrument.venue),
            stopping=self.breakers.stopping(draft.instrument, now),
            size_scale=self.breakers.size_scale,
            unproven=self.unproven.get(instrument.venue, ""),
        )

    def closable(self, name: InstrumentId, side: Side) -> Decimal:
        """The signed position that exits of that side of it may close: of spot never less than what this desk's own
        orders have bought, though others have sold coins that the trader had before."""
        quantity = self.portfolio.position(name).quantity
        terms = self.instruments[name]
        if side is Side.SELL or not terms.is_spot or terms.pooled:
            return quantity
        return max(quantity, self.shares.own(name, quantity))

    def _left(self, instrument: Instrument, here: list[Order]) -> Decimal | None:
        """What market orders that are closing a position of spot leave of it; None while there are none."""
        selling = pools.closing((order for order in here if order.type is OrderType.MARKET), Side.SELL)
        return subtract(self.closable(instrument.id, Side.BUY), selling) if selling else None

    def judge(
        self, draft: OrderDraft, now: int, link_up: bool = True, but: ClientOrderId | None = None
    ) -> list[Verdict]:
        """What every risk check says of the draft now (`but`: the order whose terms the draft would replace)."""
        return judge(self.question(draft, now, link_up, but))

    def _sweep(self, draft: OrderDraft, instrument: Instrument) -> Decimal | None:
        """Price of the last level that a market order of this size would take; None if nothing is there."""
        book = self.market.markets[draft.instrument].book
        levels = book.ask_levels(500) if draft.side is Side.BUY else book.bid_levels(500)
        left = draft.quantity
        price: int | None = None
        for ticks, lots in levels:
            price = ticks
            left = subtract(left, instrument.quantity(lots))
            if left <= 0:
                break
        return None if price is None else instrument.price(price)
