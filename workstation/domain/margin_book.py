"""How positions are margined over time, and what stands behind each: a fold that venue and desk keep alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from workstation.domain import margin
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.margin import MarginMode, MarginSetting, MarginTold
from workstation.domain.numbers import ONE, ZERO, add, subtract
from workstation.domain.position import Position

#: Mark price of an instrument; None where none is known.
type Mark = Callable[[InstrumentId], Decimal | None]


class MarginBook:
    """Leverage and margin mode of each instrument, and the money set aside for each isolated position.

    What is set aside stays a part of the balance. It grows by the initial margin of what a fill opens and by funding
    received, and shrinks by its share of what a fill closes and by funding paid.
    """

    def __init__(self) -> None:
        self.settings: dict[InstrumentId, MarginSetting] = {}
        self.isolated: dict[InstrumentId, Decimal] = {}
        #: Venues that keep leverage and margin mode themselves, and what they told of them last in this run: no part of
        #: the fold.
        self.keepers: set[str] = set()
        self.told: dict[InstrumentId, MarginTold] = {}

    def knows(self, instrument: Instrument) -> bool:
        """Whether leverage and margin mode are known: a venue that keeps them itself has to have told them."""
        if instrument.is_spot or instrument.venue not in self.keepers:
            return True
        told = self.told.get(instrument.id)
        return told is not None and told.known

    def counted(self, instrument: Instrument) -> Decimal:
        """The leverage by which the margin of positions and orders is reckoned: what is not known counts as 1, so that
        all of a position's value is needed. It may be more than the venue asks for, and is never less."""
        return self.leverage(instrument) if self.knows(instrument) else ONE

    def hear(self, instrument: Instrument, leverage: Decimal | None = None, mode: MarginMode | None = None) -> None:
        """A venue has said that it changed one of them."""
        if not instrument.is_spot and instrument.venue in self.keepers:
            told = self.told.get(instrument.id) or MarginTold()
            self.told[instrument.id] = msgspec.structs.replace(
                told, leverage=leverage or told.leverage, mode=mode or told.mode
            )

    def setting(self, instrument: Instrument) -> MarginSetting:
        """As set, else cross at the instrument's own leverage."""
        return self.settings.get(instrument.id) or MarginSetting(instrument.leverage)

    def leverage(self, instrument: Instrument) -> Decimal:
        return self.setting(instrument).leverage

    def can_short(self, instrument: Instrument) -> bool:
        """Whether more can be sold than is held: always for derivatives, for spot on a margin account."""
        return not instrument.is_spot or (bool(instrument.tiers) and self.leverage(instrument) > 1)

    def is_isolated(self, instrument: Instrument) -> bool:
        return not instrument.is_spot and self.setting(instrument).mode is MarginMode.ISOLATED

    def after_fill(self, instrument: Instrument, before: Position, after: Position) -> None:
        if self.is_isolated(instrument):
            wallet = self.isolated.get(instrument.id, ZERO)
            self._keep(
                instrument.id,
                margin.isolated_after_fill(wallet, before, after, instrument, self.leverage(instrument)),
            )

    def after_funding(self, instrument: InstrumentId, amount: Decimal) -> None:
        """Funding of an isolated position comes out of, or goes into, what is set aside for it."""
        if instrument in self.isolated:
            self._keep(instrument, add(self.isolated[instrument], amount))

    def set_leverage(self, instrument: Instrument, leverage: Decimal, position: Position) -> None:
        """An open isolated position is margined anew: its value at entry / leverage is set aside."""
        self.settings[instrument.id] = MarginSetting(leverage, self.setting(instrument).mode)
        if self.is_isolated(instrument) and position.quantity:
            self._keep(instrument.id, margin.initial(position.cost.copy_abs(), leverage))

    def set_mode(self, instrument: Instrument, mode: MarginMode) -> None:
        """Nothing is set aside under cross margin. A position that is open when its venue makes it isolated is margined
        by the leverage that is set next."""
        if mode is MarginMode.CROSS:
            self.isolated.pop(instrument.id, None)
        self.settings[instrument.id] = MarginSetting(self.leverage(instrument), mode)

    def _keep(self, instrument: InstrumentId, wallet: Decimal) -> None:
        if wallet:
            self.isolated[instrument] = wallet
        else:
            self.isolated.pop(instrument, None)


class MarginStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement currency of a venue: what its cross positions have behind them, and what they bind of it.

    `equity` = balance − what is set aside for isolated positions + unrealised profit of the cross positions. Cross
    positions are liquidated when it falls to `maintenance`. `unpriced` positions have no mark and are counted at entry.
    """

    balance: Decimal
    isolated: Decimal
    unrealized: Decimal
    initial: Decimal
    maintenance: Decimal
    unpriced: tuple[InstrumentId, ...] = ()

    @property
    def equity(self) -> Decimal:
        return add(subtract(self.balance, self.isolated), self.unrealized)


def short_spot(instrument: Instrument, balance: Decimal) -> Position:
    """Borrowed base as a position: what is owed is worth what buying it back costs. Flat without a debt."""
    return Position(instrument=instrument.id, quantity=min(balance, ZERO))


def standing(
    book: MarginBook, balance: Decimal, held: Iterable[tuple[Instrument, Position]], mark: Mark
) -> MarginStanding:
    """Of one currency's balance and what is `held` that settles in it: derivatives, and spot that is owed."""
    isolated = unrealized = initial = maintenance = ZERO
    unpriced: list[InstrumentId] = []
    for instrument, position in held:
        if book.is_isolated(instrument):
            isolated = add(isolated, book.isolated.get(instrument.id, ZERO))
            continue
        if not position.quantity:
            continue
        price = mark(instrument.id)
        if price is None:
            unpriced.append(instrument.id)
            value = position.cost.copy_abs()
        else:
            value = instrument.notional(position.quantity, price)
            unrealized = add(unrealized, position.unrealized(instrument, price))
        initial = add(initial, margin.initial(value, book.counted(instrument)))
        maintenance = add(maintenance, margin.maintenance(instrument, value))
    return MarginStanding(
        balance=balance,
        isolated=isolated,
        unrealized=unrealized,
        initial=initial,
        maintenance=maintenance,
        unpriced=tuple(unpriced),
    )


def money_behind(
    book: MarginBook, whole: MarginStanding, instrument: Instrument, position: Position, mark: Mark
) -> Decimal:
    """What stands behind a position, as `margin.liquidation_price` takes it.

    Isolated: what is set aside. Cross: equity without the position's own profit, less what the others must keep.
    """
    if book.is_isolated(instrument):
        return book.isolated.get(instrument.id, ZERO)
    money, kept = whole.equity, whole.maintenance
    price = mark(instrument.id)
    if position.quantity:
        value = position.cost.copy_abs() if price is None else instrument.notional(position.quantity, price)
        profit = ZERO if price is None else position.unrealized(instrument, price)
        money = subtract(money, profit)
        kept = subtract(kept, margin.maintenance(instrument, value))
    return subtract(money, kept)
