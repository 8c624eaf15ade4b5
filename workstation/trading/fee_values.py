"""What a fee in a third coin was worth when the desk heard of it: put into the fill before it is journaled, so that
every fold of the journal reckons with the same amount whatever the coin does later."""

from __future__ import annotations

import msgspec

from workstation.domain.events import OrderEvent, OrderFilled
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import divide, multiply
from workstation.domain.position import is_third_coin
from workstation.log import DeskLog
from workstation.trading.core import TradingCore


class FeeValues:
    """Values fees at the marks of now, and says once of each coin of a venue that nothing prices it."""

    def __init__(self, core: TradingCore, log: DeskLog) -> None:
        self._core = core
        self._log = log
        self._told: set[tuple[str, str]] = set()

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
        return msgspec.structs.replace(event, fill=self._with_value(fill, instrument))

    def _with_value(self, fill: Fill, instrument: Instrument) -> Fill:
        venue, coin, mark = instrument.venue, fill.fee_currency, self._core.market.mark
        rate = self._core.portfolio.rate(venue, coin, mark)
        settlement = self._core.portfolio.rate(venue, instrument.settlement, mark)
        if rate is None or not settlement:
            if (venue, coin) not in self._told:
                self._told.add((venue, coin))
                self._log.warning(
                    "orders",
                    f"Fees at {venue} are taken in {coin}, which nothing here prices: they stand in the balances, "
                    "not in the fees.",
                )
            return msgspec.structs.replace(fill, fee_value=None)
        value = multiply(fill.fee, rate)
        return msgspec.structs.replace(fill, fee_value=value if settlement == 1 else divide(value, settlement))
