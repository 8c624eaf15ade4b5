"""What a cross margin account owes: loans that orders take and fills pay back, and interest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO
from workstation.domain.order import ClientOrderId, Order, Side

#: Assets may be this many times what is the account's own.
LEVERAGE = Decimal(3)


@dataclass(frozen=True)
class Charge:
    """Interest on so much of a `loan`, taken in a coin, at a time (UTC ns)."""

    number: int
    loan: str
    coin: str
    amount: Decimal
    principal: Decimal
    ts: int


class Loans:
    """`owed` of each coin and the interest on it. Net balances are kept elsewhere: a loan does not move them."""

    def __init__(self, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._instruments = instruments
        self.owed: dict[str, Decimal] = defaultdict(Decimal)
        self.interest: dict[str, Decimal] = defaultdict(Decimal)
        self.charges: list[Charge] = []
        #: Orders that may borrow, and orders whose fills pay back.
        self.borrowers: set[ClientOrderId] = set()
        self.payers: set[ClientOrderId] = set()
        #: Orders that pay back what was borrowed for them when they are cancelled, and what each has borrowed.
        self.returners: set[ClientOrderId] = set()
        self._borrowed: dict[tuple[ClientOrderId, str], Decimal] = defaultdict(Decimal)

    def debt(self, coin: str) -> Decimal:
        return self.owed[coin] + self.interest[coin]

    def locked(self, coin: str, working: Iterable[Order], but: ClientOrderId = "") -> Decimal:
        """What working orders hold of a coin."""
        found = ZERO
        for order in working:
            instrument = self._instruments[order.instrument]
            if order.client_id == but:
                continue
            if order.side is Side.SELL and coin == instrument.base:
                found += order.leaves
            elif order.side is Side.BUY and coin == instrument.quote and order.price is not None:
                found += instrument.notional(order.leaves, order.price)
        return found

    def settle(self, order: Order, net: Callable[[str], Decimal], working: list[Order], *, filled: bool) -> None:
        """After something happened to an order: borrow what is short. A fill pays back whatever is owed, as far as
        there is anything; an order that is gone pays back what was borrowed for it alone, so far as it has not spent
        that."""
        instrument = self._instruments[order.instrument]
        for coin in (instrument.base, instrument.quote):
            short = self.locked(coin, working) - (net(coin) + self.debt(coin))
            if short > 0:
                self.owed[coin] += short
                self._borrowed[order.client_id, coin] += short
            elif filled and order.client_id in self.payers:
                self._pay(coin, -short)
            elif not filled and not order.is_open and order.client_id in self.returners:
                self._pay(coin, min(-short, self._borrowed.pop((order.client_id, coin), ZERO)))

    def _pay(self, coin: str, there: Decimal) -> None:
        left = min(there, self.debt(coin))
        first = min(left, self.interest[coin])
        self.interest[coin] -= first
        self.owed[coin] -= left - first

    def charge(self, loan: str, coin: str, amount: Decimal, ts: int) -> None:
        """Owed with the loan, or paid at once where it is taken in another coin."""
        if coin == loan:
            self.interest[coin] += amount
        self.charges.append(Charge(9_000 + len(self.charges), loan, coin, amount, self.owed[loan], ts))

    def shortage(
        self,
        order: Order,
        price: Decimal | None,
        net: Callable[[str], Decimal],
        rate: Callable[[str], Decimal],
        coins: Iterable[str],
        working: Iterable[Order],
    ) -> str | None:
        """Why an order cannot be taken, in the matching engine's words."""
        instrument = self._instruments[order.instrument]
        if price is None:
            return None
        sells = order.side is Side.SELL
        coin = instrument.base if sells else instrument.quote
        needs = order.leaves if sells else instrument.notional(order.leaves, price)
        free = net(coin) + self.debt(coin) - self.locked(coin, working, order.client_id)
        if needs <= free:
            return None
        said = f"The order needs {needs} {coin}, but only {max(ZERO, free)} {coin} is free."
        if order.client_id not in self.borrowers:
            return said
        own = sum((net(each) * rate(each) for each in coins), ZERO)
        owed = sum((self.debt(each) * rate(each) for each in coins), ZERO)
        owed += (needs - max(ZERO, free)) * rate(coin)
        return said if owed > (LEVERAGE - 1) * own else None
