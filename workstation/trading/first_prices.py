"""Missed fills wait for the first price of the coin in which their fees were taken.

A desk that has just come back finds by asking what it missed, often before any price has come. A fill is booked once,
with what its fee is worth then, in positions, results and journal alike: so that first price is waited for, not long,
and once for each coin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from workstation.domain.events import TradingState
from workstation.domain.fill import Fill
from workstation.domain.position import is_third_coin
from workstation.trading.core import TradingCore

#: Seconds that are waited for the first price of a coin.
_PATIENCE = 10.0
#: Fills that are looked through before others have their turn of the loop.
_AT_ONCE = 500


class FirstPrices:
    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._in_vain: set[str] = set()  # coins whose price did not come

    async def wait(self, venue: str, fills: Iterable[Fill]) -> None:
        """Until the fees of those fills that are not booked yet can be valued, or none will be soon."""
        loop, known = asyncio.get_running_loop(), self._core.orders.knows_trade
        until = loop.time() + _PATIENCE
        missed: set[tuple[str, str]] = set()  # a fee's coin, and the currency that it is to be valued in
        for number, fill in enumerate(fills):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            instrument = self._core.instruments.get(fill.instrument)
            ours = instrument is not None and fill.client_id in self._core.orders.orders
            if instrument is not None and ours and is_third_coin(fill, instrument) and not known(venue, fill.trade_id):
                missed.add((fill.fee_currency, instrument.settlement))
        while coins := {coin for coin, settlement in missed if self._comes(venue, coin, settlement)} - self._in_vain:
            if self._core.state is TradingState.HALTED:
                return  # a kill waits for nothing
            if loop.time() > until:
                self._in_vain |= coins
            await asyncio.sleep(0.05)

    def _comes(self, venue: str, *currencies: str) -> bool:
        """Whether a market of the desk will price one of the currencies that none has priced yet."""
        portfolio, mark = self._core.portfolio, self._core.market.mark
        return any(portfolio.rate(venue, one, mark) is None and portfolio.can_price(one) for one in currencies)
