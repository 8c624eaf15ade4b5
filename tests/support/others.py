"""Somebody else who trades on the account of a loopback exchange: another program, or the trader's telephone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.bybit.shapes import order_id
from tests.support.going_on import going_on
from workstation.domain.order import OrderType, Side, TimeInForce

_WORDS = {"binance": "type", "binanceusdm": "type", "bybit": "orderType"}


class Other:
    """`name` begins the client ids of its orders."""

    def __init__(self, exchange: LoopbackExchange, name: str = "elsewhere.") -> None:
        self._exchange = exchange
        self._account = exchange.floor.account()
        self._names = (f"{name}{number}" for number in itertools.count(1))

    def enters(self, instrument: str, side: Side, quantity: str, price: int | None = None) -> str:
        """An order, at the market without a price; its client id at the exchange."""
        return self._exchange.do(lambda: self._enter(instrument, side, Decimal(quantity), price))

    def _enter(self, instrument: str, side: Side, quantity: Decimal, price: int | None) -> str:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        word = kind.value.upper() if self._exchange.name != "bybit" else kind.value.capitalize()
        link = next(self._names)
        terms = {"instrument": instrument, "side": side, "quantity": quantity, "type": kind}
        tif = TimeInForce.IOC if price is None else TimeInForce.GTC
        words = {_WORDS[self._exchange.name]: word}
        limit = None if price is None else Decimal(price)
        record, updates = self._account.submit(link, words, **terms, price=limit, tif=tif)
        if self._exchange.name == "bybit":  # it finds them by a number of its own
            dialect: Any = self._exchange.dialect
            known = order_id(self._exchange.floor.instruments[instrument], record.order_id)
            dialect.private._by_id[known] = record
        self._account.tell(updates)
        return link

    @asynccontextmanager
    async def quoting(self, instrument: str, every: float = 0.1, price: int = 61_000) -> AsyncIterator[None]:
        """It enters one small bid after another."""

        async def quote() -> None:
            for number in itertools.count():
                self.enters(instrument, Side.BUY, "0.001", price + number)
                await asyncio.sleep(every)

        async with going_on(quote()):
            yield
