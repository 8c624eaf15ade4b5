"""What can be read of a desk: markets, orders, positions and money, all at once and without waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workstation.clock import SECOND, Clock
from workstation.domain.bar import Bar
from workstation.domain.events import OrderEvent, TradingState
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import Trade
from workstation.domain.numbers import ZERO
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderType
from workstation.domain.plan import Plan, PlanId
from workstation.domain.position import Position
from workstation.domain.rebalance import Rebalance, RebalanceId
from workstation.domain.route import Route, RouteId
from workstation.market.bars import BarSeries
from workstation.market.book import OrderBook
from workstation.market.data import InstrumentMarket, MarketData
from workstation.trading import pools
from workstation.trading.core import TradingCore
from workstation.trading.margin import AccountMargin, InstrumentMargin, account_margin, instrument_margin
from workstation.trading.orders import venue_of
from workstation.trading.plans import held_entries, rows
from workstation.trading.plans.tally import Tally
from workstation.trading.portfolio import Equity
from workstation.trading.preview import Preview, preview
from workstation.trading.rebalancing.head import rebalance_head
from workstation.trading.results import DayResult, OwnerResult, day_results, owner_results
from workstation.trading.routing.looking import RouteLook, route_look, same_asset
from workstation.trading.routing.words import route_head
from workstation.venues.contract import KnowsFees, LinkState, RealLink, ShowsQueue, Venue
from workstation.venues.standing import Lateness, StreamRow, all_rows
from workstation.watch.stalls import Stall

#: Of an engine without settings: seconds between comparisons of books, milliseconds after which a price is old.
_COMPARE_SECONDS = 120.0
_STALE_AFTER_MS = 5_000


class Link(msgspec.Struct, frozen=True):
    """A venue's connection; `last_data` is UTC ns of its newest market data, 0 before the first.

    `said`: why a real venue's link is as it is; `drift`: its clock less ours in ns; `unproven`: why its orders and
    money may differ from the desk's books; `dead_man`: whether the venue would cancel by itself should this desk die,
    None where that is not asked of it; `dead_man_count`: for how many instruments of those with working orders, where
    it is held for each; `hears_orders`: whether the streams of own orders stand, None without any; `late`:
    which of its streams are late or broken, in a few words.
    """

    venue: str
    state: LinkState
    last_data: int
    said: str = ""
    drift: int = 0
    unproven: str = ""
    dead_man: bool | None = None
    dead_man_count: tuple[int, int] | None = None
    hears_orders: bool | None = None
    late: str = ""


class DeskView:
    """The reading half of the engine."""

    settings: Any  # the desk's, None without

    def __init__(self, core: TradingCore, market: MarketData, venues: Mapping[str, Venue], clock: Clock) -> None:
        self.core = core
        self.clock = clock
        self.venues = venues
        self._market = market
        #: Before this (UTC ns) the candles are not of the market in which the desk traded, but where `kept_at` says so:
        #: a demo makes up what went before, and what happened while it was closed.
        self.candles_since = 0
        self.kept_at: Callable[[int, int], bool] = lambda since, until: False
        #: Times at which the event loop stood still for more than a second, oldest first.
        self.stalls: deque[Stall] = deque(maxlen=1_000)
        #: When (UTC ns) each venue's orders, positions and money were last compared with the desk's books.
        self.compared_at: dict[str, int] = {}
        self._lateness = Lateness()

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self.core.instruments.values())

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """Raises KeyError for an instrument that no venue of the desk has."""
        return self.core.instruments[instrument]

    def market(self, instrument: InstrumentId) -> InstrumentMarket:
        return self._market.markets[instrument]

    def book(self, instrument: InstrumentId) -> OrderBook:
        return self._market.markets[instrument].book

    def tape(self, instrument: InstrumentId) -> deque[Trade]:
        return self._market.markets[instrument].tape

    def bar_series(self, instrument: InstrumentId, interval: int) -> BarSeries:
        """Live bars of `interval` ns."""
        return self._market.markets[instrument].candles.series(interval)

    def traded_at(self, since: int, until: int | None = None) -> bool:
        """Whether the candles of that time (UTC ns), or all of them from it to `until`, are of the market in which the
        desk traded."""
        return since >= self.candles_since or self.kept_at(since, since if until is None else until)

    def recent_bars(self, instrument: InstrumentId, interval: int, count: int) -> list[Bar]:
        """The last `count` bars of `interval` ns, oldest first. Cheaper than `bar_series` for whom a few are enough."""
        return self._market.markets[instrument].candles.recent(interval, count)

    def orders(self) -> list[Order]:
        """Every order of the desk, oldest first."""
        return list(self.core.orders.orders.values())

    def open_orders(self, instrument: InstrumentId | None = None) -> list[Order]:
        return self.core.orders.open_orders(instrument)

    def order(self, client_id: ClientOrderId) -> Order | None:
        """An order, or the row of a plan by that id (see `plan_rows`)."""
        return self.core.orders.orders.get(client_id) or self._plan_row(client_id)

    def _plan_row(self, client_id: ClientOrderId) -> Order | None:
        if (route := self.core.routes.sets.get(client_id)) is not None:
            return route_head(self.core, route)
        if (rebalance := self.rebalance(client_id)) is not None:
            return rebalance_head(self.core, rebalance)
        plan = self.plan(client_id.partition("/")[0])
        rows_ = [] if plan is None else self.plan_rows(plan)
        return next((row for row in rows_ if row.client_id == client_id), None)

    def order_events(self, client_id: ClientOrderId) -> list[OrderEvent]:
        return self.core.orders.history(client_id)

    def plans(self, instrument: InstrumentId | None = None) -> list[Plan]:
        """Plans of contingent orders that want something or whose orders still work, oldest first."""
        return self.core.plans.unsettled(instrument)

    def plan(self, plan_id: PlanId) -> Plan | None:
        return self.core.plans.sets.get(plan_id)

    def plan_of(self, order: Order) -> Plan | None:
        """The plan that keeps the order."""
        return self.core.plans.of(order)

    def plan_orders(self, plan: Plan) -> list[Order]:
        """The plan's orders, closed ones too, oldest first."""
        return self.core.plans.children(plan)

    def rebalances(self) -> list[Rebalance]:
        """Rebalances that want something or whose orders still work, oldest first."""
        return self.core.rebalances.unsettled()

    def all_rebalances(self) -> list[Rebalance]:
        """Every rebalance that there was, oldest first."""
        return list(self.core.rebalances.rebalances.values())

    def last_rebalance(self, instruments: Collection[InstrumentId]) -> int | None:
        """UTC ns at which the trader last began to bring exactly these to their weights; see `RebalanceBook`."""
        return self.core.rebalances.last_begun(instruments)

    def rebalance(self, rebalance_id: RebalanceId) -> Rebalance | None:
        return self.core.rebalances.rebalances.get(rebalance_id)

    def rebalance_orders(self, rebalance_id: RebalanceId) -> list[Order]:
        """Its orders, closed ones too."""
        return self.core.rebalances.orders(rebalance_id)

    @property
    def rebalances_version(self) -> int:
        """Grows with everything that happens to a rebalance or to an order of one."""
        return self.core.rebalances.version

    def route(self, route_id: RouteId) -> Route | None:
        return self.core.routes.sets.get(route_id)

    def same_asset(self, instrument: InstrumentId) -> list[Instrument]:
        """What the venues list of the instrument's asset, itself first: between them an order can be routed."""
        return same_asset(self.core, self.core.instruments[instrument])

    def set_rows(self) -> list[Order]:
        """Each route and each rebalance that wants something or still works among the orders: its head and its working
        orders, the newest first."""
        core = self.core
        found = [(route_head(core, one), core.routes.orders(one.set_id)) for one in core.routes.unsettled()]
        found += [
            (rebalance_head(core, one), core.rebalances.orders(one.set_id)) for one in core.rebalances.unsettled()
        ]
        found.sort(key=lambda one: (one[0].created_at, one[0].client_id), reverse=True)
        return [row for head, orders in found for row in (head, *(order for order in orders if order.is_open))]

    @property
    def sets_version(self) -> tuple[int, int]:
        """Differs after everything that happens to a rebalance or a route, or to an order of one."""
        return self.core.rebalances.version, self.core.routes.version

    def working(self, instrument: InstrumentId) -> list[Order]:
        """What works in an instrument: open orders, and the exits that the desk keeps for its plans."""
        return [*self.core.orders.open_orders(instrument), *self.kept_exits(instrument)]

    def kept_exits(self, instrument: InstrumentId | None = None) -> list[Order]:
        """Exits that the desk keeps and no venue has now, as orders that were never sent (see `plans.rows`)."""
        plans = self.core.plans
        return [row for plan in plans.active(instrument) for row in self._kept(plan)]

    def _kept(self, plan: Plan) -> Sequence[rows.Kept]:
        return rows.kept(plan, *self._standing(plan))

    def _standing(self, plan: Plan) -> tuple[Tally, bool, str]:
        """What its orders have done, whether its venue takes stops, and why the desk sees no price there."""
        rests = OrderType.STOP in self.venues[venue_of(plan.instrument)].capabilities.order_types
        return self.core.plans.tally(plan), rests, self.core.plans.unseen.get(plan.instrument, "")

    def plan_rows(self, plan: Plan) -> list[Order]:
        """The plan among the orders: its head, its working orders, and the exits that the desk keeps."""
        standing = self._standing(plan)
        working = [order for order in standing[0].orders if order.is_open]
        return [rows.head(plan, *standing), *working, *self._kept(plan)]

    @property
    def plans_version(self) -> int:
        """Grows with everything that happens to a plan or to an order of one."""
        return self.core.plans.version

    @property
    def orders_version(self) -> int:
        """Grows with every order event."""
        return self.core.orders.version

    def fills(self, instrument: InstrumentId | None = None) -> list[Fill]:
        if instrument is None:
            return list(self.core.fills)
        return [fill for fill in self.core.fills if fill.instrument == instrument]

    def positions(self) -> list[Position]:
        """Open positions."""
        return self.core.portfolio.open_positions()

    def position(self, instrument: InstrumentId) -> Position:
        return self.core.portfolio.position(instrument)

    @property
    def portfolio_version(self) -> int:
        """Grows with every fill and every balance adjustment."""
        return self.core.portfolio.version

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        return self._market.mark(instrument)

    # -- how old it is: ns where it is more than `market.stale_after_ms`, None while it is fresh

    @property
    def _compare_every(self) -> int:
        """ns between two comparisons of a real venue's books with the desk's."""
        settings = self.settings
        return round((_COMPARE_SECONDS if settings is None else settings.live.compare_seconds) * SECOND)

    @property
    def _stale_after(self) -> int:
        settings = self.settings
        milliseconds = _STALE_AFTER_MS if settings is None else settings.market.stale_after_ms
        return int(milliseconds) * 1_000_000

    def stale_for(self, instrument: InstrumentId) -> int | None:
        """Age of the instrument's newest market data, where it is stale."""
        return self._market.markets[instrument].stale_for(self.clock.now(), self._stale_after)

    def mark_stale_for(self, instrument: InstrumentId) -> int | None:
        """Age of the price that positions in the instrument are valued at, where it is stale."""
        return self._market.markets[instrument].price_stale_for(self.clock.now(), self._stale_after)

    def equity_stale_for(self) -> int | None:
        """Age of the oldest stale price that the equity rests on."""
        oldest: int | None = None

        def mark(instrument: InstrumentId) -> Decimal | None:
            nonlocal oldest
            price = self._market.mark(instrument)
            age = None if price is None else self.mark_stale_for(instrument)
            if age is not None and (oldest is None or age > oldest):
                oldest = age
            return price

        self.core.portfolio.equity(mark)
        return oldest

    def equity_detail(self) -> Equity:
        return self.core.portfolio.equity(self._market.mark)

    def unread(self) -> list[str]:
        """Real venues of which this desk has never read what the account holds: it counts as nothing so far."""
        accounts = self.core.portfolio.accounts
        return [name for name in self.core.unproven if name not in accounts and name not in self.compared_at]

    def equity(self) -> Decimal:
        """Worth of everything in the account currency."""
        return self.equity_detail().total

    def balances(self) -> list[tuple[str, str, Decimal]]:
        """(venue, currency, amount) of all that is not zero."""
        return [
            (account.venue, currency, amount)
            for account in self.core.portfolio.accounts.values()
            for currency, amount in account.balances.items()
            if amount
        ]

    def rate(self, venue: str, currency: str) -> Decimal | None:
        """Value of one unit of a venue's currency in the account currency now; None where no market can tell."""
        return self.core.portfolio.rate(venue, currency, self._market.mark)

    def day_results(self) -> list[DayResult]:
        """What every UTC day brought, the newest first, in the account currency."""
        return day_results(self.core.results, self.rate)

    def owner_results(self) -> list[OwnerResult]:
        """What every origin of orders brought, in the account currency."""
        return owner_results(self.core.results, self.core.instruments, self.rate, self._market.mark)

    def balance(self, venue: str, currency: str) -> Decimal:
        return self.core.portfolio.balance(venue, currency)

    def free_funds(self, venue: str, currency: str) -> Decimal:
        """Money that nothing binds; what a margin account may borrow beyond it is not in it."""
        return pools.own_money(self.core, venue, currency)

    def free_base(self, instrument: InstrumentId) -> Decimal:
        """Spot holding that no working sell binds; nothing of a coin that a margin account owes."""
        terms = self.core.instruments[instrument]
        free = self.core.free_base(terms)
        return max(ZERO, free) if terms.pooled else free

    def margin(self, instrument: InstrumentId) -> InstrumentMargin:
        """Leverage, mode, liquidation price and its distance, funding, and the account behind it. Raises KeyError."""
        return instrument_margin(self.core, self.core.instruments[instrument])

    def account_margin(self, venue: str, currency: str) -> AccountMargin:
        """Equity, used, maintenance and free margin of a settlement currency at a venue."""
        return account_margin(self.core, venue, currency)

    @property
    def trading_state(self) -> TradingState:
        return self.core.state

    @property
    def state_reason(self) -> str:
        return self.core.state_change.reason

    def links(self) -> list[Link]:
        newest = self._newest()
        return [self._link(name, venue, newest[name]) for name, venue in self.venues.items()]

    def _newest(self) -> dict[str, int]:
        newest = dict.fromkeys(self.venues, 0)
        for market in self._market.markets.values():
            venue = market.instrument.venue
            newest[venue] = max(newest[venue], market.updated_at)
        return newest

    def streams(self) -> list[StreamRow]:
        """Each venue's link and each of its streams, with how old what they told is."""
        now, compared = self.clock.now(), self.compared_at
        return all_rows(
            self.venues, now, self._stale_after, self._newest(), self.core.unproven, compared, self._compare_every
        )

    def _link(self, name: str, venue: Venue, newest: int) -> Link:
        unproven = self.core.unproven.get(name, "")
        if isinstance(venue, RealLink):
            held, hears = venue.dead_man_holds(), venue.hears_orders()
            late = self._lateness.of(venue, self.clock.now(), self._stale_after)
            count = venue.dead_man_count()
            return Link(name, venue.link, newest, venue.said, venue.drift or 0, unproven, held, count, hears, late)
        return Link(name, venue.link, newest, unproven=unproven)

    def take_terms(self, instrument: Instrument) -> None:
        """Fees that a venue has told of: previews, limits and sizes reckon with them from now on."""
        self.core.instruments[instrument.id] = instrument
        self._market.markets[instrument.id].instrument = instrument

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None:
        """Quantity in front of a resting order of ours, where the venue can tell."""
        order = self.core.orders.orders.get(client_id)
        if order is None:
            return None
        venue = self.venues[venue_of(order.instrument)]
        return venue.queue_ahead(client_id) if isinstance(venue, ShowsQueue) else None

    def holds(self, draft: OrderDraft) -> bool:
        """Whether this desk would hold the order until the market reaches its trigger: its venue takes none such."""
        return held_entries.holds(draft, self.venues[venue_of(draft.instrument)].capabilities.order_types)

    def preview(self, draft: OrderDraft) -> Preview:
        """What the draft would do and what risk says of it."""
        venue = self.venues[venue_of(draft.instrument)]
        found = preview(self.core, draft, self.clock.now(), venue.link is LinkState.CONNECTED, self.holds(draft))
        listed = isinstance(venue, KnowsFees) and draft.instrument not in venue.own_fees
        return msgspec.structs.replace(found, listed_fee=True) if listed else found

    def preview_route(self, draft: OrderDraft) -> RouteLook:
        """How the draft, whose instrument names the asset, would be split over the venues, and what each risk check
        says of each leg. Raises `Refused` where it cannot be."""

        def link_up(instrument: InstrumentId) -> bool:
            return self.venues[venue_of(instrument)].link is LinkState.CONNECTED

        return route_look(self.core, draft, self.clock.now(), link_up, self.stale_for)
