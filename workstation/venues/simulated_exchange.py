"""The inside of the simulated venue: matching engines, one account, one ledger. Synchronous; time is an input.

`(state, command or market event) → reports`: each call returns the order events and the venue's own entries that follow
from it, in order, after the ledger holds them. Event backtests drive this directly; `SimulatedVenue` puts the venue
contract around it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode, MarginSetting
from workstation.domain.market import BookStale, MarketEvent, MarkPrice
from workstation.domain.numbers import QUANTUM, ZERO, add, divide, multiply
from workstation.domain.order import ClientOrderId, Order, OrderType
from workstation.domain.trailing import expected_stop
from workstation.venues.contract import VenueError
from workstation.venues.matching import models
from workstation.venues.matching.engine import MatchingEngine
from workstation.venues.matching.working import WorkingOrder
from workstation.venues.simulated_account import SimulatedAccount
from workstation.venues.simulated_clearing import Clearing
from workstation.venues.simulated_ledger import Ledger, MemoryLedger
from workstation.venues.simulated_margin import leverage_refusal, mode_refusal
from workstation.venues.simulated_record import after, taken

#: Bits of a fill's number that count within a session; those above are the session's own number.
SESSION_BITS = 40
#: How often the last mid prices go to the ledger, in ns of market time.
_MIDS_EVERY = SECOND

type Report = e.OrderEvent | e.VenueEntry
type Reports = Sequence[Report]


class SimulatedExchange:
    """Takes orders of one account in several instruments.

    `balances` open the account; a ledger that has one already keeps its own, with the positions and the working
    orders, which stand at the back of their queues. `session` makes order and trade ids unique over restarts: a ledger
    on disk counts sessions itself, otherwise it is random; give one where equal runs must have equal ids.

    Any call may raise `LedgerError`. What the ledger does not hold did not happen, so the object is not to be used
    after that.
    """

    def __init__(
        self,
        name: str,
        instruments: Iterable[Instrument],
        balances: Mapping[str, Decimal],
        *,
        fees: models.FeeModel | None = None,
        queue: models.QueueModel | None = None,
        slippage: models.SlippageModel | None = None,
        ledger: Ledger | None = None,
        session: str | None = None,
    ) -> None:
        self.name = name
        self.instruments = {instrument.id: instrument for instrument in instruments}
        self.ledger = ledger or MemoryLedger()
        self.open: dict[ClientOrderId, Order] = {}
        self._fees = fees = fees or models.InstrumentFees()
        number = self.ledger.session()
        session = session or (str(number) if number else secrets.token_hex(4))
        self._ids: Iterator[str] = (f"{session}-{n}" for n in itertools.count(1))
        self._numbers = itertools.count((number << SESSION_BITS) + 1)
        self.account = SimulatedAccount(name, self.instruments.values(), fees, self.mark)
        # What the ledger has yet to be told, and the desk after it.
        self._changed: dict[ClientOrderId, Order] = {}
        self._new_fills: list[Fill] = []
        self._moved: set[str] = set()
        self._margined: set[InstrumentId] = set()
        self._reports: list[Report] = []
        self._next_mids = 0
        self.engines = {
            instrument.id: MatchingEngine(
                instrument,
                self._on_event,
                fees=fees,
                queue=queue,
                slippage=slippage,
                position=self._reducible(instrument),
                affordable=self._affordable if instrument.is_spot else None,
                trade_ids=self._ids,
                numbers=self._numbers,
            )
            for instrument in self.instruments.values()
        }
        self._open_account(balances)
        self._restore_orders()
        self.clearing = Clearing(
            name,
            self.instruments.values(),
            self.account,
            self.ledger,
            self._ids,
            book=self._book,
            liquidate=self._liquidate,
            pull=self._pull,
        )

    def _open_account(self, balances: Mapping[str, Decimal]) -> None:
        kept = self.ledger.balances()
        self.account.deposit(kept or balances)
        self.account.positions = {position.instrument: position for position in self.ledger.positions()}
        if not kept:
            for currency, amount in balances.items():
                self.ledger.set_balance(currency, amount)
            self.ledger.commit()
        for name in self.instruments:
            if (margin := self.ledger.get(f"margin:{name}")) is not None:
                leverage, mode, isolated = margin.split()
                self.account.margin.settings[name] = MarginSetting(Decimal(leverage), MarginMode(mode))
                if Decimal(isolated):
                    self.account.margin.isolated[name] = Decimal(isolated)

    def _restore_orders(self) -> None:
        for order in self.ledger.open_orders():
            engine = self.engines.get(order.instrument)
            if engine is not None:  # an instrument that is not listed any more keeps its orders asleep
                self.open[order.client_id] = order
                engine.restore(order, order.venue_order_id or "")

    # The market

    def on_market(self, event: MarketEvent) -> Reports:
        if event.ts > self.clearing.next_due:
            self.clearing.advance(event.ts)
        engine = self.engines.get(event.instrument)
        if engine is not None:
            engine.on_market(event)
            if type(event) is MarkPrice:
                self.clearing.on_mark(event)
        if event.ts >= self._next_mids:
            self._keep_mids(event.ts)
        elif not self._reports:
            return ()
        return self._settle(event.ts)

    def jump_to(self, ts: int) -> None:
        """The market goes on at another time: every resting order to the back of its queue, every book untrusted."""
        self._next_mids = 0
        self.clearing.jump_to(ts)
        for instrument, engine in self.engines.items():
            engine.on_market(BookStale(instrument, ts, "the market has been moved to another time"))
            engine.rejoin()

    def queue_ahead(self, client_id: ClientOrderId) -> Decimal | None:
        order = self.open.get(client_id)
        if order is None:
            return None
        lots = self.engines[order.instrument].queue_ahead(client_id)
        return None if lots is None else self.instruments[order.instrument].quantity(lots)

    def mid(self, instrument: InstrumentId) -> Decimal | None:
        """Half the sum of the best prices, exactly; None without a two-sided book."""
        book = self.engines[instrument].book
        bid, ask = book.best_bid, book.best_ask
        if bid is None or ask is None:
            return None
        return multiply(self.instruments[instrument].price(bid + ask), Decimal("0.5"))

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        """What positions are valued at: the mark price, the middle of the book where none is published."""
        mark = self.clearing.marks.get(instrument)
        return self.mid(instrument) if mark is None else mark.price

    def _keep_mids(self, ts: int) -> None:
        self._next_mids = ts + _MIDS_EVERY
        self.clearing.keep()
        self.clearing.check(ts)
        for instrument in self.engines:
            mid = self.mid(instrument)
            if mid is not None:
                self.ledger.put(f"mid:{instrument}", str(mid))

    # Commands, as they arrive

    def knows(self, client_id: ClientOrderId) -> bool:
        return self.order(client_id) is not None

    def order(self, client_id: ClientOrderId) -> Order | None:
        """The venue's record of an order, closed ones included."""
        return self.open.get(client_id) or self.ledger.order(client_id)

    def submit(self, order: Order, now: int) -> Reports:
        """Raises ValueError for a client id that was taken before."""
        if self.knows(order.client_id):
            raise ValueError(f"{self.name} has had order {order.client_id} before")
        return self.take(order, now)

    def take(self, order: Order, now: int) -> Reports:
        """`submit` for who has asked whether the client id is known."""
        self._begin(now)
        order = taken(order)
        self.open[order.client_id] = order
        engine = self.engines.get(order.instrument)
        if engine is None:
            reason: str | None = f"{self.name} does not trade {order.instrument}."
        else:
            reason = engine.refusal(order, now) or self._shortage(engine, order)
        if engine is None or reason is not None:
            self._on_event(e.OrderRejected(client_id=order.client_id, ts=now, reason=reason or ""))
        else:
            engine.accept(order, next(self._ids), now)
        return self._settle(now)

    def amend(
        self,
        client_id: ClientOrderId,
        quantity: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
        now: int,
    ) -> Reports:
        self._begin(now)
        known = self.open.get(client_id)
        if known is None:
            self._on_event(e.OrderAmendRejected(client_id=client_id, ts=now, reason=self._not_working(client_id)))
            return self._settle(now)
        wished = {"quantity": quantity, "price": price, "stop_price": stop_price}
        terms = {name: term for name, term in wished.items() if term is not None}
        engine = self.engines[known.instrument]
        reason = None
        if all(term.is_finite() and term > 0 for term in terms.values()):  # the engine refuses what is malformed
            wanted = msgspec.structs.replace(known, **terms)
            # Who asks for no more than he has is not refused, however his losses have eaten into what is free.
            dearer = any(term > (getattr(known, name) or ZERO) for name, term in terms.items())
            if dearer and wanted.leaves > 0:
                reason = self._shortage(engine, wanted)
        if reason is not None:
            self._on_event(e.OrderAmendRejected(client_id=client_id, ts=now, reason=reason))
        else:
            engine.amend(client_id, quantity, price, stop_price, now)
        return self._settle(now)

    def cancel(self, client_id: ClientOrderId, now: int) -> Reports:
        known = self.open.get(client_id)
        if known is None:
            self._on_event(e.OrderCancelRejected(client_id=client_id, ts=now, reason=self._not_working(client_id)))
        else:
            self.engines[known.instrument].cancel(client_id, now)
        return self._settle(now)

    def cancel_all(self, instrument: InstrumentId | None, now: int) -> Reports:
        for order in list(self.open.values()):
            if instrument is None or order.instrument == instrument:
                self.engines[order.instrument].cancel(order.client_id, now)
        return self._settle(now)

    def expire(self, client_id: ClientOrderId, now: int) -> Reports:
        known = self.open.get(client_id)
        if known is not None:
            self.engines[known.instrument].expire(client_id, now)
        return self._settle(now)

    def _begin(self, now: int) -> None:
        """What is due before a command comes before it."""
        if now > self.clearing.next_due:
            self.clearing.advance(now)

    def set_leverage(self, instrument: InstrumentId, leverage: Decimal, now: int) -> Reports:
        """Raises `VenueError` where the venue refuses."""
        terms, working = self._margined_at(instrument, now)
        if (refusal := leverage_refusal(self.account, terms, leverage, working)) is not None:
            raise VenueError(refusal)
        self.account.margin.set_leverage(terms, leverage, self.account.held_of(terms))
        entry = next(self._ids)
        self._book(e.LeverageChanged(ts=now, venue=self.name, entry_id=entry, instrument=instrument, leverage=leverage))
        return self._settle(now)

    def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode, now: int) -> Reports:
        """Raises `VenueError` where the venue refuses."""
        terms, working = self._margined_at(instrument, now)
        if (refusal := mode_refusal(self.account, terms, mode, working)) is not None:
            raise VenueError(refusal)
        self.account.margin.set_mode(terms, mode)
        entry = next(self._ids)
        self._book(e.MarginModeChanged(ts=now, venue=self.name, entry_id=entry, instrument=instrument, mode=mode))
        return self._settle(now)

    def _margined_at(self, instrument: InstrumentId, now: int) -> tuple[Instrument, list[Order]]:
        self._begin(now)
        terms = self.instruments.get(instrument)
        if terms is None:
            raise VenueError(f"{self.name} does not trade {instrument}.")
        return terms, list(self.open.values())

    def _not_working(self, client_id: ClientOrderId) -> str:
        return f"{self.name} has no working order {client_id}."

    # Money

    def _shortage(self, engine: MatchingEngine, order: Order) -> str | None:
        if order.reduce_only:
            return None
        return self.account.shortage(order, self._reckoned(engine, order), self.open.values())

    def _reckoned(self, engine: MatchingEngine, order: Order) -> Decimal | None:
        """The price at which an order's cost is reckoned before it is taken; None if there is nothing to take."""
        if order.type is not OrderType.MARKET:
            return order.price if order.type.has_limit else expected_stop(order, self.mid(order.instrument))
        takes = engine.preview(order)
        if not takes:
            return None
        if engine.instrument.is_inverse:  # a contract's value falls with the price: the worst is the lowest
            return engine.instrument.price(min(ticks for ticks, _ in takes))
        total = multiply(Decimal(sum(ticks * lots for ticks, lots in takes)), engine.instrument.tick)
        lots = Decimal(sum(lots for _, lots in takes))
        mean = divide(total, lots)
        return mean if multiply(mean, lots) >= total else add(mean, QUANTUM)  # rounding makes nothing cheaper

    def _reducible(self, instrument: Instrument) -> Callable[[], int]:
        return lambda: self.account.reducible(instrument, self.open.values())

    def _affordable(self, working: WorkingOrder, ticks: int, lots: int) -> int:
        """The balance pays for what a triggered stop or a slipped market order takes, or it does not get it."""
        if not working.is_buy:
            return lots
        instrument = self.instruments[working.instrument]
        others = [order for order in self.open.values() if order.client_id != working.client_id]
        free = self.account.free(instrument.quote, others)
        quantity = instrument.quantity(lots)
        return instrument.to_lots(self.account.affordable(instrument, instrument.price(ticks), quantity, free))

    # What the matching engines say

    def _on_event(self, event: e.OrderEvent) -> None:
        known = self.open.get(event.client_id)
        if known is not None:
            order = after(known, event)
            self._changed[order.client_id] = order
            if order.is_open:
                self.open[order.client_id] = order
            else:
                del self.open[order.client_id]
        if isinstance(event, e.OrderFilled):
            self._moved |= self.account.apply(event.fill)
            self._margined.add(event.fill.instrument)
            self._new_fills.append(event.fill)
        self._reports.append(event)

    # What the venue does by itself

    def _book(self, entry: e.VenueEntry) -> None:
        """Move the money of an entry, keep it, report it."""
        if isinstance(entry, e.FundingPaid | e.InterestCharged | e.InsuranceCovered):
            self.account.book(entry)
            self._moved.add(entry.currency)
        if isinstance(entry, e.FundingPaid | e.InterestCharged | e.LeverageChanged | e.MarginModeChanged):
            self._margined.add(entry.instrument)
        self.ledger.add_entry(entry)
        self._reports.append(entry)

    def _liquidate(self, entry: e.PositionLiquidated, price: Decimal) -> None:
        order, instrument = entry.order, self.instruments[entry.order.instrument]
        self.open[order.client_id] = order
        self._book(entry)
        fill = Fill(
            trade_id=next(self._ids),
            client_id=order.client_id,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            price=price,
            fee=self._fees.fee(instrument, order.quantity, price, Liquidity.TAKER),
            fee_currency=instrument.settlement,
            liquidity=Liquidity.TAKER,
            ts=entry.ts,
            number=next(self._numbers),
        )
        self._on_event(e.OrderFilled(client_id=order.client_id, ts=entry.ts, fill=fill))

    def _pull(self, instrument: InstrumentId, reason: str, now: int) -> None:
        for order in list(self.open.values()):
            if order.instrument == instrument:
                self.engines[instrument].cancel(order.client_id, now, reason)

    def _settle(self, now: int) -> Reports:
        """The end of each step: reduce-only orders follow the account, the ledger is written, the reports may go."""
        for engine in self.engines.values():
            engine.enforce_reduce_only(now)
        ledger, account = self.ledger, self.account
        for order in self._changed.values():
            ledger.save_order(order)
        for fill in self._new_fills:
            ledger.add_fill(fill)
        for currency in self._moved:
            ledger.set_balance(currency, account.state.balance(currency))
        for name in self._margined:
            ledger.set_position(account.position(name))
            setting = account.margin.setting(self.instruments[name])
            isolated = account.margin.isolated.get(name, ZERO)
            if name in account.margin.settings or isolated:
                ledger.put(f"margin:{name}", f"{setting.leverage} {setting.mode} {isolated}")
        ledger.commit()
        self._margined.clear()
        self._changed.clear()
        self._new_fills.clear()
        self._moved.clear()
        reports, self._reports = self._reports, []
        return reports
