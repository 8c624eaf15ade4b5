"""What can be traded: an instrument of a venue with its steps, minimums, fees and contract terms."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from functools import cached_property

import msgspec

from workstation.domain.numbers import ONE, ZERO, add, divide, is_multiple, multiply, places

#: "VENUE:SYMBOL", for example "NOVA:BTC-USDT". Unique over the whole desk.
type InstrumentId = str


class ContractType(StrEnum):
    """How a position in the instrument is valued and settled."""

    SPOT = "spot"
    LINEAR = "linear"  # settled in the quote currency (USDT-margined)
    INVERSE = "inverse"  # sized in the quote currency, settled in the base currency (coin-margined)


class MarginTier(msgspec.Struct, frozen=True, kw_only=True):
    """Margin terms of positions worth up to `limit` (in the settlement currency; None: without a bound).

    The least margin that keeps such a position open is `rate` × value − `amount`; see `domain.margin.tiers`.
    """

    limit: Decimal | None
    rate: Decimal
    leverage: Decimal  # the highest that may be set for such a position
    amount: Decimal = ZERO


class Instrument(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One instrument of one venue. What follows from its terms is worked out once (`dict`: where that is kept).

    `tick` and `lot` are the smallest steps of price and quantity; `multiplier` the contract size (1 for spot);
    fees are fractions of the traded value (0.001 is 0.1 %), negative for a rebate.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    contract: ContractType = ContractType.SPOT
    multiplier: Decimal = ONE
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = ZERO
    leverage: Decimal = ONE  # until the trader sets another: initial margin is 1 / leverage of the value; 1 for spot
    tiers: tuple[MarginTier, ...] = ()  # smallest first; spot with tiers can be sold short once leverage is above 1
    borrow_rate: Decimal = ZERO  # interest an hour on what a short sale of spot has borrowed, paid in quote
    pooled: bool = (
        False  # spot of a cross margin account (`domain.loans`): quote is borrowed too, coins stand behind it
    )

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.lot <= 0 or self.multiplier <= 0 or self.leverage < 1:
            raise ValueError(f"{self.id}: tick, lot and multiplier must be positive and leverage at least 1")

    @cached_property
    def id(self) -> InstrumentId:
        return f"{self.venue}:{self.symbol}"

    @cached_property
    def is_spot(self) -> bool:
        return self.contract is ContractType.SPOT

    @cached_property
    def is_inverse(self) -> bool:
        return self.contract is ContractType.INVERSE

    @cached_property
    def settlement(self) -> str:
        """The currency in which profit, loss and fees are booked."""
        return self.base if self.contract is ContractType.INVERSE else self.quote

    @cached_property
    def price_places(self) -> int:
        return places(self.tick)

    @cached_property
    def quantity_places(self) -> int:
        return places(self.lot)

    # The border between exact decimals and the integers of books and matching.

    def to_ticks(self, price: Decimal) -> int:
        """Price → whole ticks. Raises ValueError if the price is not on a tick."""
        if not is_multiple(price, self.tick):
            raise ValueError(f"{price} is not a multiple of the tick {self.tick} of {self.id}")
        return int(price / self.tick)

    def to_lots(self, quantity: Decimal) -> int:
        """Quantity → whole lots. Raises ValueError if the quantity is not a multiple of the lot."""
        if not is_multiple(quantity, self.lot):
            raise ValueError(f"{quantity} is not a multiple of the lot {self.lot} of {self.id}")
        return int(quantity / self.lot)

    def price(self, ticks: int) -> Decimal:
        return multiply(Decimal(ticks), self.tick)

    def quantity(self, lots: int) -> Decimal:
        return multiply(Decimal(lots), self.lot)

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Signed value of a signed quantity at a price, in the settlement currency.

        Spot and linear: quantity × multiplier × price. Inverse: −quantity × multiplier / price, so that in every
        case profit = value(now) − value(entry). Only the inverse form rounds (to `numbers.QUANTUM`).
        """
        if self.contract is ContractType.INVERSE:
            return divide(multiply(quantity, self.multiplier), price).copy_negate()
        if self.multiplier == 1:
            return multiply(quantity, price)
        return multiply(multiply(quantity, self.multiplier), price)

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Unsigned traded value in the settlement currency; the base of fees and margin."""
        return self.value(quantity, price).copy_abs()

    def fee_in_coins_at_most(self, quantity: Decimal) -> Decimal:
        """What of so many coins a fee has taken at most, and the rest of a lot with it."""
        return add(multiply(quantity, max(self.taker_fee, self.maker_fee)), self.lot)
