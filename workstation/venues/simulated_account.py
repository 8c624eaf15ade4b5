"""The account at a simulated venue: balances, positions, and what working orders have locked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from workstation.domain import account as accounts
from workstation.domain import margin
from workstation.domain import position as positions
from workstation.domain.account import Account
from workstation.domain.events import FundingPaid, InsuranceCovered, InterestCharged
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin_book import MarginBook, short_spot
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, negate, plain, subtract
from workstation.domain.order import Order, Side
from workstation.domain.position import Position
from workstation.domain.trailing import expected_stop
from workstation.venues.matching.models import FeeModel

#: Present price of an instrument, None where there is none yet.
type Mark = Callable[[InstrumentId], Decimal | None]


class SimulatedAccount:
    """Spot spends and delivers balances; derivatives book profit in the settlement currency and need initial margin.

    Initial margin is value / leverage, of a cross position at its entry and of what orders would add to it at their
    prices; unrealised losses count against what is free, unrealised profits do not count for it. An isolated position
    binds what is set aside for it. Spot with leverage can be sold short: what is owed binds what buying it back costs,
    and its initial margin; working sells beyond what is held bind theirs.
    """

    def __init__(self, venue: str, instruments: Iterable[Instrument], fees: FeeModel, mark: Mark) -> None:
        self.state = Account(venue=venue)
        self.positions: dict[InstrumentId, Position] = {}
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._spot = [instrument for instrument in self._instruments.values() if instrument.is_spot]
        self.margin = MarginBook()
        self.mark = mark
        self._fees = fees

    def deposit(self, balances: Mapping[str, Decimal]) -> None:
        for currency, amount in balances.items():
            self.state = self.state.with_change(currency, amount)

    def apply(self, fill: Fill) -> set[str]:
        """Book one fill; the currencies whose balances moved."""
        instrument = self._instruments[fill.instrument]
        before = self.positions.get(fill.instrument) or Position(instrument=fill.instrument)
        after = positions.apply_fill(before, fill, instrument)
        self.positions[fill.instrument] = after
        self.state = accounts.apply_fill(self.state, fill, instrument, subtract(after.realized, before.realized))
        self.margin.after_fill(instrument, before, after)
        return {instrument.base, instrument.quote} if instrument.is_spot else {instrument.settlement}

    def book(self, entry: FundingPaid | InterestCharged | InsuranceCovered) -> None:
        """Money that comes or goes other than by a fill."""
        self.state = self.state.with_change(entry.currency, entry.amount)
        if isinstance(entry, FundingPaid):
            self.margin.after_funding(entry.instrument, entry.amount)

    def position(self, instrument: InstrumentId) -> Position:
        return self.positions.get(instrument) or Position(instrument=instrument)

    def owed(self, instrument: Instrument) -> Decimal:
        """Base that a short sale of spot has borrowed; nothing for derivatives."""
        if not instrument.is_spot or not instrument.tiers:
            return ZERO
        return max(ZERO, negate(self.state.balance(instrument.base)))

    def held_of(self, instrument: Instrument) -> Position:
        """What needs margin: a derivative's position, or spot that is owed."""
        if not instrument.is_spot:
            return self.position(instrument.id)
        return short_spot(instrument, negate(self.owed(instrument)))

    def held(self, currency: str) -> list[tuple[Instrument, Position]]:
        """Everything that needs margin in this currency."""
        return [(i, self.held_of(i)) for i in self._instruments.values() if i.settlement == currency]

    def derivatives(self) -> dict[InstrumentId, Decimal]:
        """Signed quantities of the open derivative positions."""
        return {
            instrument.id: position.quantity
            for instrument in self._instruments.values()
            if not instrument.is_spot and (position := self.positions.get(instrument.id)) and position.quantity
        }

    def reducible(self, instrument: Instrument, working: Iterable[Order]) -> int:
        """Signed lots that reduce-only orders may reduce: a derivative's position, or spot that nothing has locked or
        that is owed."""
        if not instrument.is_spot:
            position = self.positions.get(instrument.id)
            return 0 if position is None else instrument.to_lots(position.quantity)
        if owed := self.owed(instrument):
            return int(floor_to(negate(owed), instrument.lot) / instrument.lot)
        free = max(ZERO, self.free(instrument.base, working))
        return int(floor_to(free, instrument.lot) / instrument.lot)

    def covers(self, instrument: Instrument, quantity: Decimal) -> bool:
        """Whether a purchase only buys back spot that is owed: its money is set aside."""
        return quantity <= self.owed(instrument)

    def affordable(self, instrument: Instrument, price: Decimal, quantity: Decimal, free: Decimal) -> Decimal:
        """How much of a spot purchase of `quantity` at `price` the `free` quote balance pays, fee included."""
        if self.covers(instrument, quantity):
            return quantity
        cost = self._cost(instrument, quantity, price)
        if cost <= free:
            return quantity
        affordable = floor_to(divide(multiply(max(ZERO, free), quantity), cost), instrument.lot)
        # A fee model need not be linear.
        while affordable > 0 and self._cost(instrument, affordable, price) > free:
            affordable = subtract(affordable, instrument.lot)
        return affordable

    def shortage(self, order: Order, price: Decimal | None, working: Iterable[Order]) -> str | None:
        """Why the balance does not carry the order besides the `working` ones, as a sentence; None if it does.

        `price` is what the order is reckoned at: its limit, its stop, or the mean price of the depth it would take.
        """
        instrument = self._instruments[order.instrument]
        if price is None:
            return None
        sells_spot = instrument.is_spot and order.side is Side.SELL and not self.margin.can_short(instrument)
        currency = instrument.base if sells_spot else instrument.settlement
        if (problem := self._too_large(instrument, order, price)) is not None:
            return problem
        if order.side is Side.BUY and self.covers(instrument, order.leaves):
            return None
        others = self._priced(other for other in working if other.client_id != order.client_id)
        here = others.get(instrument.id, [])
        bound = self._bound(instrument, currency, here)
        free = subtract(self._free(currency, others, but=instrument.id), bound)
        needs = subtract(self._bound(instrument, currency, [*here, (order, price)]), bound)
        takes_margin = not instrument.is_spot or (order.side is Side.SELL and not sells_spot)
        if takes_margin and needs > 0:
            needs = add(needs, max(ZERO, self._fee(instrument, order.leaves, price)))
        if needs <= 0 or needs <= free:
            return None
        what = "The order needs a margin of" if takes_margin else "The order needs"
        return f"{what} {_money(needs)} {currency}, but only {_money(max(ZERO, free))} {currency} is free."

    def _too_large(self, instrument: Instrument, order: Order, price: Decimal) -> str | None:
        """The sentence for a position that the leverage is too high for."""
        leverage = self.margin.leverage(instrument)
        limit = margin.value_limit(instrument, leverage) if instrument.tiers else None
        if limit is None:
            return None
        held = self.held_of(instrument).quantity
        after = add(held, multiply(order.leaves, Decimal(order.side.sign)))
        value = instrument.notional(after, price)
        if value <= limit or after.copy_abs() <= held.copy_abs() or (instrument.is_spot and after > 0):
            return None
        return (
            f"The position would be worth {_money(value)} {instrument.settlement}: at a leverage of {plain(leverage)} "
            f"it may be worth {_money(limit)}."
        )

    def free(self, currency: str, working: Iterable[Order]) -> Decimal:
        """Balance less locks and margins of the working orders and open losses."""
        return self._free(currency, self._priced(working))

    def _priced(self, working: Iterable[Order]) -> dict[InstrumentId, list[tuple[Order, Decimal]]]:
        """Orders with the prices at which they are reckoned, by instrument; those without one are left out."""
        orders: dict[InstrumentId, list[tuple[Order, Decimal]]] = {}
        for order in working:
            price = order.price if order.price is not None else expected_stop(order, self.mark(order.instrument))
            if price is not None:
                orders.setdefault(order.instrument, []).append((order, price))
        return orders

    def _free(
        self, currency: str, orders: Mapping[InstrumentId, list[tuple[Order, Decimal]]], but: InstrumentId | None = None
    ) -> Decimal:
        """What of a balance the instruments (`but` one) leave."""
        free = self.state.balance(currency)
        owing = (one.id for one in self._spot if self.state.balance(one.base) < 0)
        for name in {*orders, *self.positions, *owing}:  # nothing else binds anything
            instrument = self._instruments.get(name)  # the ledger may know of one that is not listed any more
            if instrument is not None and name != but and currency in (instrument.settlement, instrument.base):
                free = subtract(free, self._bound(instrument, currency, orders.get(name, [])))
        return free

    def _bound(self, instrument: Instrument, currency: str, orders: list[tuple[Order, Decimal]]) -> Decimal:
        """What an instrument's position and orders bind of a currency."""
        if instrument.is_spot:
            bound = ZERO
            if currency in (instrument.base, instrument.quote):
                for order, price in orders:
                    bound = add(bound, self._lock(instrument, order, price, currency))
            if currency == instrument.quote and (orders or self.state.balance(instrument.base) < 0):
                bound = add(bound, self._short_margin(instrument, orders))
            return bound
        position = self.positions.get(instrument.id)
        if instrument.settlement == currency and (orders or (position is not None and position.quantity)):
            return self._margin(instrument, position, orders)
        return ZERO

    def _lock(self, instrument: Instrument, order: Order, price: Decimal, currency: str) -> Decimal:
        if order.reduce_only:  # bounded by what is free, and shrinks with it
            return ZERO
        if order.side is Side.SELL:
            locks = currency == instrument.base and not self.margin.can_short(instrument)
            return order.leaves if locks else ZERO
        return self._cost(instrument, order.leaves, price) if currency == instrument.quote else ZERO

    def _short_margin(self, instrument: Instrument, orders: list[tuple[Order, Decimal]]) -> Decimal:
        """Quote that spot owed binds, with its initial margin and that of sells beyond what is held."""
        leverage = self.margin.leverage(instrument)
        owed, mark = self.owed(instrument), self.mark(instrument.id)
        bound = ZERO
        if owed and mark is not None:
            value = instrument.notional(owed, mark)
            bound = add(value, margin.initial(value, leverage))
        if self.margin.can_short(instrument):
            there = max(ZERO, self.state.balance(instrument.base))
            for order, price in orders:
                if order.side is Side.SELL and not order.reduce_only:
                    covered = min(there, order.leaves)
                    there = subtract(there, covered)
                    value = instrument.notional(subtract(order.leaves, covered), price)
                    bound = add(bound, margin.initial(value, leverage))
        return bound

    def _margin(
        self, instrument: Instrument, position: Position | None, orders: list[tuple[Order, Decimal]]
    ) -> Decimal:
        held = ZERO if position is None else position.quantity
        isolated = self.margin.is_isolated(instrument)
        value = ZERO if position is None or isolated else position.cost.copy_abs()
        reducing = {Side.BUY: max(ZERO, held.copy_negate()), Side.SELL: max(ZERO, held)}
        for order, price in orders:
            if order.reduce_only:
                continue
            closes = min(reducing[order.side], order.leaves)
            reducing[order.side] = subtract(reducing[order.side], closes)
            opens = subtract(order.leaves, closes)
            if opens:
                value = add(value, instrument.notional(opens, price))
        bound = margin.initial(value, self.margin.leverage(instrument))
        if isolated:
            return add(bound, self.margin.isolated.get(instrument.id, ZERO))
        mark = None if position is None or not held else self.mark(instrument.id)
        if position is not None and mark is not None:
            bound = add(bound, max(ZERO, position.unrealized(instrument, mark).copy_negate()))
        return bound

    def _cost(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        return add(instrument.notional(quantity, price), max(ZERO, self._fee(instrument, quantity, price)))

    def _fee(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        return max(self._fees.fee(instrument, quantity, price, liquidity) for liquidity in Liquidity)


def _money(amount: Decimal) -> str:
    return plain(divide(amount, ONE, Decimal("1e-8")))
