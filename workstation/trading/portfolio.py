"""Accounts and positions of the whole desk: an exact fold over fills, balance adjustments and entries of venues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from workstation.domain import account as accounts
from workstation.domain import position as positions
from workstation.domain.account import Account
from workstation.domain.events import (
    BalanceAdjusted,
    FundingPaid,
    InsuranceCovered,
    InterestCharged,
    LeverageChanged,
    MarginModeChanged,
    VenueEntry,
)
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.interest import apply_interest, interest_of
from workstation.domain.margin import MarginSetting
from workstation.domain.margin_book import MarginBook, MarginStanding, short_spot, standing
from workstation.domain.numbers import ZERO, add, multiply, subtract
from workstation.domain.position import Position

#: Price of an instrument by which it is valued now; None where none is known.
type Marks = Callable[[InstrumentId], Decimal | None]


class Equity(msgspec.Struct, frozen=True, kw_only=True):
    """Worth of the desk in the account currency. `unpriced` names what has no price now: the worth is not known then.
    `left_out` are coins of the account that no market of this desk has ever had to do with: they do not count.
    `valued` are the currencies that do."""

    total: Decimal
    unrealized: Decimal
    realized: Decimal
    fees: Decimal
    by_venue: dict[str, Decimal]
    unpriced: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    funding: Decimal = ZERO  # received less paid
    interest: Decimal = ZERO  # paid
    insurance: Decimal = ZERO  # losses that venues' insurance funds bore


class PortfolioMark(msgspec.Struct, frozen=True):
    """One instrument's position, what stands behind it isolated, and how it is margined; None for what is not there."""

    position: Position | None
    isolated: Decimal | None
    setting: MarginSetting | None


def _put[T](table: dict[InstrumentId, T], name: InstrumentId, value: T | None) -> None:
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value


class Portfolio:
    """Invariant, to the last digit in each quote currency:

    equity = opening money + realised + unrealised − fees + funding − interest + insurance.

    A fee in a third coin leaves that coin's balance and counts at its worth of then (`position.fee_of`); what the coin
    has gained or lost since is in the equity alone.
    """

    def __init__(self, instruments: Iterable[Instrument], currency: str, at_par: Iterable[str] = ()) -> None:
        """`at_par`: currencies that are reckoned one to one with the account currency (dollar stablecoins, say)."""
        self.instruments = {instrument.id: instrument for instrument in instruments}
        #: Spot that can be owed, by venue and settlement currency.
        self._borrowable: dict[tuple[str, str], list[Instrument]] = {}
        for one in self.instruments.values():
            if one.is_spot and one.tiers:
                self._borrowable.setdefault((one.venue, one.settlement), []).append(one)
        #: Spot of cross margin accounts, by venue.
        self.pooled: dict[str, list[Instrument]] = {}
        for one in self.instruments.values():
            if one.pooled:
                self.pooled.setdefault(one.venue, []).append(one)
        self.currency = currency
        self.at_par = frozenset({currency, *at_par})
        self._currencies = self.at_par.union(
            *((one.base, one.quote, one.settlement) for one in self.instruments.values())
        )
        #: What counted in the desk's worth, or had a market here, at any time: it is never left out of the worth.
        self.counted: set[str] = set()
        self.accounts: dict[str, Account] = {}
        self.positions: dict[InstrumentId, Position] = {}
        self.margin = MarginBook()
        self.funding: dict[InstrumentId, Decimal] = {}  # received less paid, in the settlement currency
        self.interest: dict[tuple[str, str], Decimal] = {}  # paid, by venue and currency
        self.insurance: dict[tuple[str, str], Decimal] = {}  # borne by the venue, by venue and currency
        self.version = 0

    def adjust(self, event: BalanceAdjusted) -> None:
        self._move(event.venue, event.currency, event.amount)
        self.version += 1

    def _move(self, venue: str, currency: str, amount: Decimal) -> None:
        account = self.accounts.get(venue) or Account(venue=venue)
        self.accounts[venue] = account.with_change(currency, amount)

    def apply_entry(self, entry: VenueEntry) -> None:
        """Book what a venue booked by itself. An instrument that the desk does not know moves money only."""
        match entry:
            case FundingPaid(instrument=name, amount=amount):
                self._move(entry.venue, entry.currency, amount)
                self.funding[name] = add(self.funding.get(name, ZERO), amount)
            case InterestCharged(amount=amount):
                self._move(entry.venue, entry.currency, amount)
                currency, cost = interest_of(entry, self.instruments.get(entry.instrument))
                key = (entry.venue, currency)
                self.interest[key] = add(self.interest.get(key, ZERO), cost)
            case InsuranceCovered(amount=amount):
                self._move(entry.venue, entry.currency, amount)
                key = (entry.venue, entry.currency)
                self.insurance[key] = add(self.insurance.get(key, ZERO), amount)
            case _:
                pass  # a liquidation: its fills are booked as fills
        self.remargin(entry)
        self.version += 1

    def remargin(self, entry: VenueEntry) -> None:
        """What an entry does to what stands behind a position."""
        match entry:
            case FundingPaid(instrument=name, amount=amount):
                self.margin.after_funding(name, amount)
            case LeverageChanged(instrument=name) if name in self.instruments:
                self.margin.set_leverage(self.instruments[name], entry.leverage, self.position(name))
            case MarginModeChanged(instrument=name) if name in self.instruments:
                self.margin.set_mode(self.instruments[name], entry.mode)
            case _:
                pass

    def move(self, fill: Fill) -> Position:
        """What a fill does to the position and to what stands behind it; the account's money is left to `pay`. Raises
        KeyError for an instrument that the desk does not know."""
        instrument = self.instruments[fill.instrument]
        before = self.position(fill.instrument)
        after = positions.apply_fill(before, fill, instrument)
        self.positions[fill.instrument] = after
        self.margin.after_fill(instrument, before, after)
        self.version += 1
        return after

    def charge(self, entry: VenueEntry) -> Decimal:
        """What an entry does to the position; the profit that came out of it."""
        if not isinstance(entry, InterestCharged) or entry.instrument not in self.instruments:
            return ZERO
        before = self.position(entry.instrument)
        after = apply_interest(before, entry, self.instruments[entry.instrument])
        if after is not before:
            self.positions[entry.instrument] = after
            self.version += 1
        return subtract(after.realized, before.realized)

    def pay(self, fill: Fill, realized: Decimal) -> None:
        """What a fill does to the account's money: its price, its fee, and the profit that came out of it."""
        instrument = self.instruments[fill.instrument]
        account = self.accounts.get(instrument.venue) or Account(venue=instrument.venue)
        self.accounts[instrument.venue] = accounts.apply_fill(account, fill, instrument, realized)
        self.version += 1

    def mark(self, name: InstrumentId) -> PortfolioMark:
        """An instrument as it stands, to go back to by `rewind`."""
        margin = self.margin
        return PortfolioMark(self.positions.get(name), margin.isolated.get(name), margin.settings.get(name))

    def rewind(self, name: InstrumentId, mark: PortfolioMark) -> None:
        """Position and margin as they stood; the account's money stays as it is."""
        _put(self.positions, name, mark.position)
        _put(self.margin.isolated, name, mark.isolated)
        _put(self.margin.settings, name, mark.setting)

    def position(self, instrument: InstrumentId) -> Position:
        return self.positions.get(instrument) or Position(instrument=instrument)

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if not position.is_flat]

    def needs_margin(self, instrument: Instrument) -> Position:
        """What of the instrument needs margin: a derivative's position, or spot that is owed."""
        if not instrument.is_spot:
            return self.position(instrument.id)
        owed = self.balance(instrument.venue, instrument.base) if instrument.tiers else ZERO
        return short_spot(instrument, owed)

    def standing(self, venue: str, currency: str, marks: Marks) -> MarginStanding:
        """A settlement currency of a venue at the marks of now. Only what was ever held is looked at: an order's way
        comes through here, and a venue has thousands of instruments."""
        held = []
        for name in (*self.positions, *(self.margin.isolated.keys() - self.positions.keys())):
            one = self.instruments.get(name)
            if one is not None and not one.is_spot and one.venue == venue and one.settlement == currency:
                held.append((one, self.position(name)))
        for one in self._borrowable.get((venue, currency), ()):
            if self.balance(venue, one.base) < 0:
                held.append((one, self.needs_margin(one)))
        return standing(self.margin, self.balance(venue, currency), held, marks)

    def balance(self, venue: str, currency: str) -> Decimal:
        account = self.accounts.get(venue)
        return account.balance(currency) if account else ZERO

    def rate(self, venue: str, currency: str, marks: Marks) -> Decimal | None:
        """Value of one unit of `currency` in the account currency, by a spot market (of the same venue first)."""
        if currency in self.at_par:
            return Decimal(1)
        candidates = sorted(self._pricing(currency), key=lambda i: (not i.is_spot, i.venue != venue))
        for instrument in candidates:
            price = marks(instrument.id)
            if price is not None:
                return price
        return None

    def can_price(self, currency: str) -> bool:
        """Whether a market of the desk tells, or will tell, what a currency is worth in the account currency."""
        return currency in self.at_par or any(True for _ in self._pricing(currency))

    def _pricing(self, currency: str) -> Iterator[Instrument]:
        """Instruments whose price is a currency's worth in the account currency."""
        return (i for i in self.instruments.values() if i.base == currency and i.quote in self.at_par)

    def has_market(self, currency: str) -> bool:
        """Whether a market of the desk has to do with a currency, now."""
        return currency in self._currencies

    def is_foreign(self, currency: str) -> bool:
        """Whether no market of the desk has, or ever had, to do with a currency: what an account holds of it was never
        traded here."""
        return not self.has_market(currency) and currency not in self.counted

    def has_counted(self, currencies: Iterable[str] | None) -> None:
        """Some currencies count in the desk's worth, or are traded here; None: all that are held now."""
        if currencies is None:
            held = (account.balances.items() for account in self.accounts.values())
            currencies = (currency for balances in held for currency, amount in balances if amount)
        self.counted.update(currencies)

    def equity(self, marks: Marks) -> Equity:
        """Everything at its mark, in the account currency."""
        unpriced: set[str] = set()
        left_out: set[str] = set()
        valued: set[str] = set()
        by_venue: dict[str, Decimal] = {}
        for account in self.accounts.values():
            worth = ZERO
            for currency, amount in account.balances.items():
                rate = self.rate(account.venue, currency, marks) if amount else ZERO
                if rate is None:
                    (left_out if self.is_foreign(currency) else unpriced).add(currency)
                elif amount:
                    valued.add(currency)
                    worth = add(worth, multiply(amount, rate))
            by_venue[account.venue] = worth
        unrealized = realized = fees = ZERO
        for position in self.positions.values():
            instrument = self.instruments[position.instrument]
            rate = self.rate(instrument.venue, instrument.settlement, marks)
            if rate is None:
                unpriced.add(instrument.settlement)
                continue
            realized = add(realized, multiply(position.realized, rate))
            fees = add(fees, multiply(position.fees, rate))
            if position.is_flat:
                continue
            mark = marks(position.instrument)
            if mark is None:
                unpriced.add(instrument.id)
                continue
            profit = multiply(position.unrealized(instrument, mark), rate)
            unrealized = add(unrealized, profit)
            if not instrument.is_spot:  # a spot holding is already counted as a balance
                by_venue[instrument.venue] = add(by_venue.get(instrument.venue, ZERO), profit)
        funding = ZERO
        for name, amount in self.funding.items():
            known = self.instruments.get(name)
            rate = None if known is None else self.rate(known.venue, known.settlement, marks)
            funding = funding if rate is None else add(funding, multiply(amount, rate))
        total = ZERO
        for worth in by_venue.values():
            total = add(total, worth)
        return Equity(
            funding=funding,
            interest=self._worth(self.interest, marks),
            insurance=self._worth(self.insurance, marks),
            total=total,
            unrealized=unrealized,
            realized=realized,
            fees=fees,
            by_venue=by_venue,
            unpriced=tuple(sorted(unpriced)),
            left_out=tuple(sorted(left_out)),
            valued=tuple(sorted(valued)),
        )

    def _worth(self, amounts: dict[tuple[str, str], Decimal], marks: Marks) -> Decimal:
        """Sum in the account currency; what has no price is in `Equity.unpriced` by its balance already."""
        total = ZERO
        for (venue, currency), amount in amounts.items():
            rate = self.rate(venue, currency, marks)
            total = total if rate is None else add(total, multiply(amount, rate))
        return total
