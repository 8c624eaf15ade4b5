"""The account at a simulated venue: balances, positions, and what working orders have locked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from workstation.domain import account as accounts
from workstation.domain import position as positions
from workstation.domain.account import Account
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply, plain, subtract
from workstation.domain.order import Order, Side
from workstation.domain.position import Position
from workstation.domain.trailing import expected_stop
from workstation.venues.matching.models import FeeModel

#: Present price of an instrument, None where there is none yet.
type Mark = Callable[[InstrumentId], Decimal | None]


class SimulatedAccount:
    """Spot spends and delivers balances; derivatives book profit in the settlement currency and need initial margin.

    Margin is the plain rule: value / leverage, of the position at its entry and of what orders would add to it at their
    prices; unrealised losses count against what is free, unrealised profits do not count for it.
    """

    def __init__(self, venue: str, instruments: Iterable[Instrument], fees: FeeModel, mark: Mark) -> None:
        self.state = Account(venue=venue)
        self.positions: dict[InstrumentId, Position] = {}
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._fees = fees
        self._mark = mark

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
        return {instrument.base, instrument.quote} if instrument.is_spot else {instrument.settlement}

    def derivatives(self) -> dict[InstrumentId, Decimal]:
        """Signed quantities of the open derivative positions."""
        return {
            instrument.id: position.quantity
            for instrument in self._instruments.values()
            if not instrument.is_spot and (position := self.positions.get(instrument.id)) and position.quantity
        }

    def reducible(self, instrument: Instrument, working: Iterable[Order]) -> int:
        """Signed lots that reduce-only orders may reduce: a derivative's position, or spot that nothing has locked."""
        if not instrument.is_spot:
            position = self.positions.get(instrument.id)
            return 0 if position is None else instrument.to_lots(position.quantity)
        free = max(ZERO, self.free(instrument.base, working))
        return int(floor_to(free, instrument.lot) / instrument.lot)

    def affordable(self, instrument: Instrument, price: Decimal, quantity: Decimal, free: Decimal) -> Decimal:
        """How much of a spot purchase of `quantity` at `price` the `free` quote balance pays, fee included."""
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
        others = [other for other in working if other.client_id != order.client_id]
        currency = instrument.base if instrument.is_spot and order.side is Side.SELL else instrument.quote
        if not instrument.is_spot:
            currency = instrument.settlement
        free = self.free(currency, others)
        needs = subtract(free, self.free(currency, others, (order, price)))
        if not instrument.is_spot and needs > 0:
            needs = add(needs, max(ZERO, self._fee(instrument, order.leaves, price)))
        if needs <= 0 or needs <= free:
            return None
        what = "The order needs" if instrument.is_spot else "The order needs a margin of"
        return f"{what} {_money(needs)} {currency}, but only {_money(max(ZERO, free))} {currency} is free."

    def free(self, currency: str, working: Iterable[Order], extra: tuple[Order, Decimal] | None = None) -> Decimal:
        """Balance less locks and margins of the working orders (and of an extra one at its price) and open losses."""
        free = self.state.balance(currency)
        orders: dict[InstrumentId, list[tuple[Order, Decimal]]] = {}
        for order in working:
            price = order.price if order.price is not None else expected_stop(order, self._mark(order.instrument))
            if price is not None:
                orders.setdefault(order.instrument, []).append((order, price))
        if extra is not None:
            orders.setdefault(extra[0].instrument, []).append(extra)
        for instrument in self._instruments.values():
            here = orders.get(instrument.id, [])
            if instrument.is_spot and currency in (instrument.base, instrument.quote):
                for order, price in here:
                    free = subtract(free, self._lock(instrument, order, price, currency))
            elif not instrument.is_spot and instrument.settlement == currency:
                position = self.positions.get(instrument.id)
                if here or (position is not None and position.quantity):
                    free = subtract(free, self._margin(instrument, position, here))
        return free

    def _lock(self, instrument: Instrument, order: Order, price: Decimal, currency: str) -> Decimal:
        if order.reduce_only:  # bounded by what is free, and shrinks with it
            return ZERO
        if order.side is Side.SELL:
            return order.leaves if currency == instrument.base else ZERO
        return self._cost(instrument, order.leaves, price) if currency == instrument.quote else ZERO

    def _margin(
        self, instrument: Instrument, position: Position | None, orders: list[tuple[Order, Decimal]]
    ) -> Decimal:
        held = ZERO if position is None else position.quantity
        value = ZERO if position is None else position.cost.copy_abs()
        reducing = {Side.BUY: max(ZERO, held.copy_negate()), Side.SELL: max(ZERO, held)}
        for order, price in orders:
            if order.reduce_only:
                continue
            closes = min(reducing[order.side], order.leaves)
            reducing[order.side] = subtract(reducing[order.side], closes)
            opens = subtract(order.leaves, closes)
            if opens:
                value = add(value, instrument.notional(opens, price))
        margin = value if instrument.leverage == ONE else divide(value, instrument.leverage)
        mark = None if position is None or not held else self._mark(instrument.id)
        if position is not None and mark is not None:
            margin = add(margin, max(ZERO, position.unrealized(instrument, mark).copy_negate()))
        return margin

    def _cost(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        return add(instrument.notional(quantity, price), max(ZERO, self._fee(instrument, quantity, price)))

    def _fee(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        return max(self._fees.fee(instrument, quantity, price, liquidity) for liquidity in Liquidity)


def _money(amount: Decimal) -> str:
    return plain(divide(amount, ONE, Decimal("1e-8")))
