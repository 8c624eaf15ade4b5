"""What a simulated venue does with positions by itself: funding at its times, hourly interest, liquidation.

Funding is paid for the position held at the funding time, at the rate published last before it and the mark price of
that time (the last one before it, if none came at that very moment). A time that passed while the venue was closed is
paid once when it opens; later ones, for which no rate was ever published, are not. Interest is charged at each full
hour on what is owed then.

An isolated position is liquidated when what is set aside for it and its unrealised profit fall to its maintenance
margin; cross positions when the whole currency's equity falls to their maintenance margins together, the one that needs
the most first, until the rest is covered. A liquidation trades at the mark price, rounded to the tick against the
position; what it loses beyond its margin, which takes a gap of the mark price, the insurance fund bears.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from workstation.clock import HOUR
from workstation.domain import events as e
from workstation.domain import margin
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin_book import MarginStanding, money_behind, standing
from workstation.domain.market import MarkPrice
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, negate, plain, subtract
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.position import Position
from workstation.domain.prices import price_words
from workstation.venues.simulated_account import SimulatedAccount
from workstation.venues.simulated_ledger import Ledger

_NEVER = sys.maxsize

#: Closes a position: (entry with the venue's order, price) → the trade is done and reported.
type Liquidate = Callable[[e.PositionLiquidated, Decimal], None]
#: Cancels an instrument's working orders, with a reason.
type Pull = Callable[[InstrumentId, str, int], None]


class Clearing:
    """Marks, and what follows from them. `book` takes each entry after its money has moved."""

    def __init__(
        self,
        name: str,
        instruments: Iterable[Instrument],
        account: SimulatedAccount,
        ledger: Ledger,
        ids: Iterator[str],
        *,
        book: Callable[[e.VenueEntry], None],
        liquidate: Liquidate,
        pull: Pull,
    ) -> None:
        self._name = name
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._account = account
        self._ledger = ledger
        self._ids = ids
        self._book = book
        self._liquidate = liquidate
        self._pull = pull
        self._funded: dict[InstrumentId, int] = {}
        self.marks: dict[InstrumentId, MarkPrice] = {}
        for instrument in self._instruments:
            self._restore(instrument)
        hour = ledger.get("interest-hour")
        self._hour = None if hour is None else int(hour)
        #: Nothing happens by itself before this time has passed (UTC ns).
        self.next_due = self._next_due()

    def _restore(self, name: InstrumentId) -> None:
        mark, funded = self._ledger.get(f"mark:{name}"), self._ledger.get(f"funded:{name}")
        if mark is not None:
            self.marks[name] = msgspec.json.decode(mark, type=MarkPrice)
        if funded is not None:
            self._funded[name] = int(funded)

    # Time and marks

    def on_mark(self, mark: MarkPrice) -> None:
        """A new mark price; funding that is due at this very moment is paid by it."""
        due = self._due(mark.instrument)
        if due is not None and due <= mark.ts:
            last = self.marks[mark.instrument]
            self._pay_funding(mark.instrument, due, mark.price if mark.ts == due else last.price)
        self.marks[mark.instrument] = mark
        self.next_due = self._next_due()
        self.check(mark.ts)

    def advance(self, now: int) -> None:
        """Everything whose time has passed before `now`."""
        for name in list(self.marks):
            due = self._due(name)
            if due is not None and due < now:
                self._pay_funding(name, due, self.marks[name].price)
        self._charge_interest(now)
        self.next_due = self._next_due()
        self.check(now)

    def keep(self) -> None:
        """Put the marks into the ledger."""
        for name, mark in self.marks.items():
            self._ledger.put(f"mark:{name}", msgspec.json.encode(mark).decode())

    def jump_to(self, ts: int) -> None:
        """The market goes on at another time: nothing is due for the time that was jumped over."""
        self.marks.clear()
        self._hour = ts // HOUR
        self.next_due = self._next_due()

    def _due(self, name: InstrumentId) -> int | None:
        mark = self.marks.get(name)
        if mark is None or mark.funding_rate is None or mark.next_funding is None or self._instruments[name].is_spot:
            return None
        return mark.next_funding if mark.next_funding > self._funded.get(name, 0) else None

    def _next_due(self) -> int:
        dues = [due for name in self.marks if (due := self._due(name)) is not None]
        hour = 0 if self._hour is None else (self._hour + 1) * HOUR
        return min([*dues, hour], default=_NEVER)

    # Funding and interest

    def _pay_funding(self, name: InstrumentId, due: int, price: Decimal) -> None:
        self._funded[name] = due
        self._ledger.put(f"funded:{name}", str(due))
        instrument, rate = self._instruments[name], self.marks[name].funding_rate or ZERO
        quantity = self._account.position(name).quantity
        amount = margin.funding(instrument, quantity, price, rate)
        if quantity and amount:
            self._book(
                e.FundingPaid(
                    ts=due,
                    venue=self._name,
                    entry_id=next(self._ids),
                    instrument=name,
                    currency=instrument.settlement,
                    amount=amount,
                    quantity=quantity,
                    mark=price,
                    rate=rate,
                )
            )

    def _charge_interest(self, now: int) -> None:
        hour = now // HOUR
        hours = 0 if self._hour is None else hour - self._hour
        if self._hour is None or hours > 0:
            self._hour = hour
            self._ledger.put("interest-hour", str(hour))
        for instrument in self._instruments.values() if hours > 0 else ():
            owed, mark = self._account.owed(instrument), self._account.mark(instrument.id)
            if not owed or mark is None:
                continue
            rate = multiply(instrument.borrow_rate, Decimal(hours))
            amount = divide(multiply(instrument.notional(owed, mark), rate), ONE)
            if amount:
                self._book(
                    e.InterestCharged(
                        ts=hour * HOUR,
                        venue=self._name,
                        entry_id=next(self._ids),
                        instrument=instrument.id,
                        mark=mark,
                        currency=instrument.settlement,
                        amount=negate(amount),
                        borrowed=owed,
                        rate=instrument.borrow_rate,
                        hours=hours,
                    )
                )

    # Liquidation

    def standing(self, currency: str) -> MarginStanding:
        account = self._account
        return standing(account.margin, account.state.balance(currency), account.held(currency), account.mark)

    def check(self, now: int) -> None:
        """Liquidate what has to be, at the marks as they are."""
        account = self._account
        for currency in {i.settlement for i in self._instruments.values() if account.held_of(i).quantity}:
            for instrument, position in account.held(currency):
                if account.margin.is_isolated(instrument) and position.quantity:
                    self._check_isolated(instrument, position, now)
            self._check_cross(currency, now)

    def _check_isolated(self, instrument: Instrument, position: Position, now: int) -> None:
        mark = self._account.mark(instrument.id)
        if mark is None:
            return
        wallet = self._account.margin.isolated.get(instrument.id, ZERO)
        equity = add(wallet, position.unrealized(instrument, mark))
        needed = margin.maintenance(instrument, instrument.notional(position.quantity, mark))
        if equity <= needed:
            self._close(instrument, position, mark, equity, needed, wallet, now)
            self._cover(instrument, subtract(self._lost, wallet), now)

    def _check_cross(self, currency: str, now: int) -> None:
        account = self._account
        liquidated: Instrument | None = None
        while True:
            whole = self.standing(currency)
            cross = [
                (margin.maintenance(i, i.notional(p.quantity, mark)), i, p, mark)
                for i, p in account.held(currency)
                if p.quantity and not account.margin.is_isolated(i) and (mark := account.mark(i.id)) is not None
            ]
            if not cross or whole.equity > whole.maintenance:
                break
            _, liquidated, position, mark = max(cross, key=lambda one: (one[0], one[1].id))
            money = money_behind(account.margin, whole, liquidated, position, account.mark)
            self._close(liquidated, position, mark, whole.equity, whole.maintenance, money, now)
        if liquidated is not None and not cross:
            self._cover(liquidated, negate(self.standing(currency).equity), now)

    def _close(
        self,
        instrument: Instrument,
        position: Position,
        mark: Decimal,
        equity: Decimal,
        needed: Decimal,
        money: Decimal,
        now: int,
    ) -> None:
        """Pull the instrument's orders and trade the position away at the mark. `money` is what stood behind it."""
        self._pull(instrument.id, f"Cancelled: {self._name} liquidates the position.", now)
        side = Side.SELL if position.quantity > 0 else Side.BUY
        price = floor_to(mark, instrument.tick)
        if side is Side.BUY and price < mark:
            price = add(price, instrument.tick)
        draft = OrderDraft(
            instrument=instrument.id,
            side=side,
            quantity=position.quantity.copy_abs(),
            type=OrderType.MARKET,
            reduce_only=True,
            origin=e.LIQUIDATION,
            note="liquidation",
        )
        number = next(self._ids)
        order = msgspec.structs.replace(
            Order.from_draft(draft, f"{self._name}-liquidation-{number}", now),
            state=OrderState.ACCEPTED,
            venue_order_id=number,
        )
        currency = instrument.settlement
        reason = (
            f"{self._name} liquidated {plain(position.quantity)} {instrument.symbol} at "
            f"{price_words(price, instrument)}: the equity of "
            f"{_money(equity)} {currency} had fallen to the maintenance margin of {_money(needed)} {currency}."
        )
        entry = e.PositionLiquidated(
            ts=now,
            venue=self._name,
            entry_id=next(self._ids),
            order=order,
            mark=mark,
            bankruptcy=margin.bankruptcy_price(instrument, position.quantity, position.cost, money),
            reason=reason,
        )
        before = self._account.state.balance(currency)
        self._liquidate(entry, max(price, instrument.tick))
        self._lost = subtract(before, self._account.state.balance(currency))

    _lost = ZERO  # by the last liquidation, fee included

    def _cover(self, instrument: Instrument, amount: Decimal, now: int) -> None:
        """The insurance fund bears what was lost beyond the margin."""
        if amount > 0:
            self._book(
                e.InsuranceCovered(
                    ts=now,
                    venue=self._name,
                    entry_id=next(self._ids),
                    currency=instrument.settlement,
                    amount=amount,
                    instrument=instrument.id,
                )
            )


def _money(amount: Decimal) -> str:
    return plain(divide(amount, ONE, Decimal("1e-8")))
