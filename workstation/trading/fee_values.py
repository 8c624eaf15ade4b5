"""What a fee in a third coin was worth when the desk heard of it: put into the fill before it is journaled, so that
every fold of the journal reckons with the same amount whatever the coin does later. Where the coin has no price yet,
its first one values the fee by an event of its own, in this run of the desk or in the next."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from workstation.domain.events import FeesValued, LateFee, OrderEvent, OrderFilled
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import divide, multiply
from workstation.domain.position import is_third_coin
from workstation.domain.spans import DAY
from workstation.log import DeskLog
from workstation.trading.core import TradingCore

#: Fills that are older are not valued any more: the price of a coin now says little of what it was then.
_OLD = 7 * DAY


class FeeValues:
    """Values fees at the marks of now, and says once of each coin of a venue that nothing prices it."""

    def __init__(self, core: TradingCore, log: DeskLog) -> None:
        self._core = core
        self._log = log
        self._told: set[tuple[str, str]] = set()
        # fills whose fee has no value yet, by trade id: of each venue, fee's coin and settlement currency
        self._owed: dict[tuple[str, str, str], dict[str, Fill]] = {}

    def valued(self, event: OrderEvent) -> OrderEvent:
        """The report with `Fill.fee_value` in it; the same one where it needs none or will not be booked."""
        if not isinstance(event, OrderFilled):
            return event
        fill, core = event.fill, self._core
        instrument = core.instruments.get(fill.instrument)
        if instrument is None or not is_third_coin(fill, instrument):
            return event
        if event.client_id not in core.orders.orders or core.orders.knows_trade(instrument.venue, fill.trade_id):
            return event
        value = self._value(fill, instrument)
        if value is None:
            self._owe(fill, instrument)
        return msgspec.structs.replace(event, fill=msgspec.structs.replace(fill, fee_value=value))

    def _value(self, fill: Fill, instrument: Instrument) -> Decimal | None:
        worth = self._rate(instrument.venue, fill.fee_currency, instrument.settlement)
        return None if worth is None else worth(fill.fee)

    def _rate(self, venue: str, coin: str, currency: str) -> Callable[[Decimal], Decimal] | None:
        """What an amount of the coin is worth in the currency now; None where one of them has no price."""
        mark = self._core.market.mark
        rate = self._core.portfolio.rate(venue, coin, mark)
        settlement = self._core.portfolio.rate(venue, currency, mark)
        if rate is None or not settlement:
            return None
        if settlement == 1:
            return lambda amount: multiply(amount, rate)
        return lambda amount: divide(multiply(amount, rate), settlement)

    def _owe(self, fill: Fill, instrument: Instrument) -> None:
        venue, coin, portfolio = instrument.venue, fill.fee_currency, self._core.portfolio
        self._keep(fill, instrument)
        if (venue, coin) in self._told:
            return
        self._told.add((venue, coin))
        if portfolio.can_price(coin) and portfolio.can_price(instrument.settlement):
            text = f"Fees at {venue} are taken in {coin}, which has no price yet: its first one values them."
            self._log.info("orders", text)
            return
        self._log.warning(
            "orders",
            f"Fees at {venue} are taken in {coin}, which nothing here prices: they stand in the balances, "
            "not in the fees.",
        )

    def _keep(self, fill: Fill, instrument: Instrument) -> None:
        group = (instrument.venue, fill.fee_currency, instrument.settlement)
        self._owed.setdefault(group, {})[fill.trade_id] = fill

    def recall(self, now: int) -> None:
        """After the journal was folded: what an earlier run of the desk could not value any more."""
        found: list[tuple[Fill, Instrument]] = []
        for fill in reversed(self._core.fills):
            if fill.ts < now - _OLD:
                break
            instrument = self._core.instruments.get(fill.instrument)
            if instrument is not None and fill.fee_value is None and is_third_coin(fill, instrument):
                found.append((fill, instrument))
        for fill, instrument in reversed(found):
            self._keep(fill, instrument)

    def due(self, now: int) -> list[FeesValued]:
        """Fees that can be valued now, by instruments; each is given once."""
        found: dict[InstrumentId, list[LateFee]] = {}
        for group in list(self._owed):
            venue, coin, currency = group
            waiting = self._owed[group]
            while waiting and (oldest := next(iter(waiting.values()))).ts < now - _OLD:
                del waiting[oldest.trade_id]
            if not waiting:
                del self._owed[group]
                continue
            if (rate := self._rate(venue, coin, currency)) is None:
                continue
            for trade_id, fill in self._owed.pop(group).items():
                if self._core.orders.knows_trade(venue, trade_id):  # else it was not booked
                    fee = LateFee(order=fill.client_id, trade_id=trade_id, value=rate(fill.fee))
                    found.setdefault(fill.instrument, []).append(fee)
        return [FeesValued(ts=now, instrument=name, fees=tuple(fees)) for name, fees in found.items()]
