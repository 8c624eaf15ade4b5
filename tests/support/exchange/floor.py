"""The trading floor behind the wire: one public market, several accounts on the matching engine, and who listens.

Nothing here knows a wire protocol. A dialect turns requests into calls of this module and its events into messages.
Everything happens on the exchange's own event loop; time is the floor's clock.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from tests.support.exchange.lending import Loans
from workstation.clock import Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, MarkPrice, Trade
from workstation.domain.numbers import ZERO, divide
from workstation.domain.order import Order, Side
from workstation.domain.session import expiry
from workstation.market.book import OrderBook
from workstation.venues.simulated_exchange import Reports, SimulatedExchange
from workstation.venues.simulated_record import after

#: Money on the wire has eight decimals; what an exchange charges it charges in those.
CENT = Decimal("1e-8")
VENUE = "LOOP"


@dataclass(frozen=True)
class Login:
    """Who may trade: a key, its secret, and what the key is allowed to do."""

    name: str = "main"
    key: str = "loopback-key-main"
    secret: str = "loopback-secret-main"
    balances: Mapping[str, Decimal] = field(default_factory=dict)
    #: Maker and taker fee of this customer in place of the list's.
    fees: tuple[Decimal, Decimal] | None = None
    may_trade: bool = True
    may_withdraw: bool = False
    #: A cross margin account: coins are borrowed for its orders of spot.
    lends: bool = False


@dataclass
class Record:
    """One order as the wire knows it: its own numbers, the sender's words for it, and its fills."""

    order_id: int
    link: str  # the client order id on the wire
    words: dict[str, Any]  # the order as the sender wrote it: wire type, time in force…
    order: Order
    made: int  # UTC ns
    fills: list[tuple[int, Fill]] = field(default_factory=list)  # with the trade's number
    cancel_link: str = ""  # the client id of the request that cancelled it
    asked_to_cancel: bool = False

    @property
    def instrument(self) -> InstrumentId:
        return self.order.instrument


@dataclass(frozen=True)
class Update:
    """One report of an account: the event, the record with the order as it was just after it, the order then."""

    event: e.OrderEvent | e.VenueEntry | e.BalanceAdjusted
    record: Record | None
    order: Order | None
    trade: int = 0  # number of the trade, of a fill


class Books(SimulatedExchange):
    """The matching engine's account, charging as real exchanges do: bought coins pay their fee in coins."""

    fee_in_quote = False
    #: A coin in which all fees of spot are taken, and the price at which the exchange reckons it.
    fee_coin: tuple[str, Decimal] | None = None
    #: What a margin account owes; None for one that borrows nothing.
    loans: Loans | None = None

    def net(self, coin: str) -> Decimal:
        return self.account.state.balance(coin)

    def rate(self, coin: str) -> Decimal:
        """Worth of a coin in dollars."""
        prices = (self.mid(name) for name, each in self.instruments.items() if each.base == coin and each.is_spot)
        return next((price for price in prices if price is not None), Decimal(1 if coin == "USDT" else 0))

    def _shortage(self, engine: Any, order: Order) -> str | None:
        if self.loans is None:
            return super()._shortage(engine, order)
        price = self._reckoned(engine, order)
        coins = [*self.account.state.balances]
        return self.loans.shortage(order, price, self.net, self.rate, coins, self.open.values())

    def _affordable(self, working: Any, ticks: int, lots: int) -> int:
        return lots if self.loans is not None else super()._affordable(working, ticks, lots)

    def _on_event(self, event: e.OrderEvent) -> None:
        if isinstance(event, e.OrderFilled):
            instrument = self.instruments[event.fill.instrument]
            fee, currency = event.fill.fee, event.fill.fee_currency
            if instrument.is_spot and self.fee_coin is not None:
                fee, currency = divide(fee, self.fee_coin[1], CENT), self.fee_coin[0]
            elif instrument.is_spot and event.fill.side is Side.BUY and not self.fee_in_quote:
                fee, currency = divide(fee, event.fill.price, CENT), instrument.base
            fill = msgspec.structs.replace(event.fill, fee=divide(fee, Decimal(1), CENT), fee_currency=currency)
            event = msgspec.structs.replace(event, fill=fill)
        super()._on_event(event)


class Account:
    """One customer: the matching engine's account and the wire's records of its orders."""

    def __init__(self, floor: Floor, login: Login, session: str) -> None:
        self.login = login
        self.floor = floor
        self.books = Books(VENUE, floor.instruments.values(), login.balances, session=session)
        self.books.fee_in_quote = floor.fee_in_quote
        if login.lends:
            self.books.loans = Loans(self.books.instruments)
        self.records: dict[str, Record] = {}  # by the floor's own id of the order
        self.by_link: dict[str, list[Record]] = defaultdict(list)
        self.by_number: dict[tuple[InstrumentId, int], Record] = {}
        self.liquidation_prices: dict[InstrumentId, Decimal] = {}  # what it shows of positions, where a test sets it
        self.listeners: list[Callable[[Account, list[Update]], None]] = []
        self._names = itertools.count(1)

    def submit(self, link: str, words: dict[str, Any], **terms: Any) -> tuple[Record, list[Update]]:
        """Take a checked order. What the matching engine says of it is in the updates, rejection included."""
        now = self.floor.clock.now()
        name = f"{self.login.name}-{next(self._names)}"
        borrows, repays = terms.pop("borrows", False), terms.pop("repays", False)
        returns = terms.pop("returns", borrows)
        if self.loans is not None:
            self.loans.borrowers |= {name} if borrows else set()
            self.loans.payers |= {name} if repays else set()
            self.loans.returners |= {name} if returns else set()
        blank = dict.fromkeys(("price", "stop_price", "expire_at"))
        terms = blank | {"post_only": False, "reduce_only": False, "origin": "wire", "note": ""} | terms
        order = Order(client_id=name, created_at=now, updated_at=now, **terms)
        record = Record(self.floor.next_order(order.instrument), link, words, order, now)
        self.records[name] = record
        updates = self.took(self.books.submit(order, now))
        if self.accepted(record):
            self.by_link[link].append(record)
            self.by_number[order.instrument, record.order_id] = record
            ends = expiry(record.order)
            if ends is not None and record.order.is_open:
                self.floor.clock.call_at(ends, lambda: self.tell(self.took(self.books.expire(name, ends))))
        return record, updates

    @property
    def loans(self) -> Loans | None:
        return self.books.loans

    def charge_interest(self, loan: str, amount: Decimal, coin: str = "") -> None:
        """An hour of a loan is over: what it costs is taken in the same coin, or in another that is named."""
        assert self.loans is not None
        self.books.account.deposit({coin or loan: -amount})
        self.loans.charge(loan, coin or loan, amount, self.floor.clock.now())

    @staticmethod
    def accepted(record: Record) -> bool:
        return record.order.venue_order_id is not None

    def amend(
        self, record: Record, quantity: Decimal | None, price: Decimal | None, stop: Decimal | None = None
    ) -> list[Update]:
        now = self.floor.clock.now()
        return self.took(self.books.amend(record.order.client_id, quantity, price, stop, now))

    def cancel(self, record: Record, link: str = "") -> list[Update]:
        record.cancel_link, record.asked_to_cancel = link, True
        return self.took(self.books.cancel(record.order.client_id, self.floor.clock.now()))

    def working(self, instrument: InstrumentId | None = None) -> list[Record]:
        """Open orders, oldest first."""
        return [self.records[n] for n, o in self.books.open.items() if instrument in (None, o.instrument)]

    def find(self, instrument: InstrumentId, number: int | None, link: str | None) -> Record | None:
        """By the order's number, else the newest with that client id."""
        if number is not None:
            return self.by_number.get((instrument, number))
        found = [record for record in self.by_link.get(link or "", []) if record.instrument == instrument]
        return found[-1] if found else None

    def total(self, currency: str) -> Decimal:
        return self.books.account.state.balance(currency)

    def free(self, currency: str) -> Decimal:
        if self.loans is not None:
            there = self.total(currency) + self.loans.debt(currency)
            return max(ZERO, there - self.loans.locked(currency, self.books.open.values()))
        return max(ZERO, self.books.account.free(currency, self.books.open.values()))

    @property
    def currencies(self) -> list[str]:
        named = {c for i in self.floor.instruments.values() for c in (i.base, i.quote)}
        return sorted(named | set(self.books.account.state.balances))

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Money from outside comes, or (below zero) goes."""
        self.books.account.deposit({currency: amount})
        now = self.floor.clock.now()
        event = e.BalanceAdjusted(ts=now, venue=VENUE, currency=currency, amount=amount, reason="deposit")
        self.tell([Update(event, None, None)])

    def on_market(self, event: MarketEvent) -> None:
        self.tell(self.took(self.books.on_market(event)))

    def tell(self, updates: list[Update]) -> None:
        """Give the updates to whoever listens on the wire. Answers to requests are built before this."""
        if updates:
            for listener in list(self.listeners):
                listener(self, updates)

    def took(self, reports: Reports) -> list[Update]:
        updates = []
        for event in reports:
            record = None if isinstance(event, e.VenueBooked) else self.records.get(event.client_id)
            if isinstance(event, e.PositionLiquidated):
                record = self._liquidation(event)
            trade = 0
            if record is not None and not isinstance(event, e.VenueBooked):
                record.order = after(record.order, event)
                if isinstance(event, e.OrderFilled):
                    trade = self.floor.next_trade(record.instrument)
                    record.fills.append((trade, event.fill))
                if self.loans is not None and not isinstance(event, e.OrderRejected):
                    filled = isinstance(event, e.OrderFilled)
                    self.loans.settle(record.order, self.books.net, [*self.books.open.values()], filled=filled)
            updates.append(Update(event, record, None if record is None else record.order, trade))
        return updates

    def _liquidation(self, event: e.PositionLiquidated) -> Record:
        order = event.order
        number = self.floor.next_order(order.instrument)
        record = Record(number, f"autoclose-{number}", {}, order, event.ts)
        self.records[order.client_id] = record
        self.by_link[record.link].append(record)
        self.by_number[order.instrument, number] = record
        return record


class PublicBook:
    """What everybody sees of one instrument: the book, its update number, the last trades, the last mark."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = OrderBook(instrument.id)
        self.update = 1_000_000  # counts changes of levels; snapshots and deltas carry it
        self.trades: deque[tuple[int, Trade]] = deque(maxlen=1000)
        self.mark: MarkPrice | None = None

    def take(self, event: MarketEvent) -> tuple[dict[int, int], dict[int, int]]:
        """Apply a book event; the levels that changed (bids, asks), ticks → lots."""
        book = self.book
        if isinstance(event, BookSnapshot):
            before = dict(book.bids), dict(book.asks)
            book.apply(event)
            changed = tuple(
                {t: now.get(t, 0) for t in was.keys() | now.keys() if was.get(t) != now.get(t)}
                for was, now in zip(before, (book.bids, book.asks), strict=True)
            )
        elif isinstance(event, BookDelta):
            book.apply(msgspec.structs.replace(event, previous=0))
            changed = dict(event.bids), dict(event.asks)
        else:
            return {}, {}
        self.update += len(changed[0]) + len(changed[1])
        return changed[0], changed[1]


class Floor:
    """The exchange without its wire. `fee_in_quote` charges spot purchases in quote too, as few real venues do."""

    def __init__(
        self, instruments: Iterable[Instrument], logins: Iterable[Login], clock: Clock, *, fee_in_quote: bool = False
    ) -> None:
        self.instruments = {
            i.id: i for i in (msgspec.structs.replace(instrument, venue=VENUE) for instrument in instruments)
        }
        self.clock = clock
        self.fee_in_quote = fee_in_quote
        self.drift = 0  # ns by which the exchange's own clock is ahead of the truth
        self.public = {name: PublicBook(instrument) for name, instrument in self.instruments.items()}
        self.listeners: list[Callable[[MarketEvent, tuple[dict[int, int], dict[int, int]]], None]] = []
        # Numbers count per instrument and begin alike, as on real venues: an id alone names nothing.
        self._orders: dict[InstrumentId, int] = defaultdict(lambda: 4_000_000)
        self._trades: dict[InstrumentId, int] = defaultdict(lambda: 700_000)
        self.accounts = {login.key: Account(self, login, str(n)) for n, login in enumerate(logins, 1)}

    def now_ms(self) -> int:
        """What the exchange's clock shows, UTC ms."""
        return self.ms(self.clock.now())

    def ms(self, ts: int) -> int:
        return (ts + self.drift) // 1_000_000

    def account(self, name: str = "main") -> Account:
        return next(account for account in self.accounts.values() if account.login.name == name)

    def next_order(self, instrument: InstrumentId) -> int:
        self._orders[instrument] += 1
        return self._orders[instrument]

    def next_trade(self, instrument: InstrumentId) -> int:
        self._trades[instrument] += 1
        return self._trades[instrument]

    def feed(self, event: MarketEvent) -> None:
        """One event of the public market: everybody sees it, and every account's orders meet it."""
        public = self.public.get(event.instrument)
        if public is None:
            return
        changed = public.take(event)
        if isinstance(event, Trade):
            event = msgspec.structs.replace(event, trade_id=str(self.next_trade(event.instrument)))
            public.trades.append((int(event.trade_id), event))
        elif isinstance(event, MarkPrice):
            public.mark = event
        for listener in list(self.listeners):
            listener(event, changed)
        for account in self.accounts.values():
            account.on_market(event)
