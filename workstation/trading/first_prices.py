"""Missed fills wait for the first price of the coin in which their fees were taken.

A desk that has just come back finds by asking what it missed, often before any price has come. A fill is booked once,
with what its fee is worth then, in positions, results and journal alike: so that first price is waited for, not long,
and once for each coin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from workstation.domain.fill import Fill
from workstation.domain.position import is_third_coin
from workstation.trading.core import TradingCore

#: Seconds that are waited for the first price of a coin.
_PATIENCE = 10.0


class FirstPrices:
    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._in_vain: set[str] = set()  # coins whose price did not come

    async def wait(self, venue: str, fills: Iterable[Fill]) -> None:
        """Until the fees of those fills that are not booked yet can be valued, or none will be soon."""
        loop, known = asyncio.get_running_loop(), self._core.orders.knows_trade
        until = loop.time() + _PATIENCE
        missed = [fill for fill in fills if not known(venue, fill.trade_id)]
        while coins := {fill.fee_currency for fill in missed if self._comes(fill)} - self._in_vain:
            if loop.time() > until:
                self._in_vain |= coins
            await asyncio.sleep(0.05)

    def _comes(self, fill: Fill) -> bool:
        """Whether the fee is in a coin that a market of the desk will price, and none has yet."""
        instrument, portfolio = self._core.instruments.get(fill.instrument), self._core.portfolio
        if instrument is None or not is_third_coin(fill, instrument):
            return False
        return any(
            portfolio.rate(instrument.venue, currency, self._core.market.mark) is None and portfolio.prices(currency)
            for currency in (fill.fee_currency, instrument.settlement)
        )
