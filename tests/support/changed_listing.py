"""A loopback exchange that lists its markets otherwise from some moment on, or takes some orders no more."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.dialect import Answer, Wire, nothing

type Markets = list[dict[str, Any]]


def listing_changed(exchange: LoopbackExchange, change: Callable[[Markets], Markets]) -> None:
    """From now on the exchange lists its markets otherwise."""
    real = exchange.dialect.answer

    def answer(wire: Wire, *, pretend: bool) -> Any:
        found, after = real(wire, pretend=pretend)
        if wire.path.endswith(("exchangeInfo", "instruments-info")):
            listed = json.loads(found.text)
            holder, name = (listed["result"], "list") if "result" in listed else (listed, "symbols")
            holder[name] = change(holder[name])
            found = dataclasses.replace(found, text=json.dumps(listed))
        return found, after

    exchange.dialect.answer = answer  # type: ignore[method-assign]


def coarser_lot(symbol: str, lot: str) -> Callable[[Markets], Markets]:
    def change(markets: Markets) -> Markets:
        for market in markets:
            if market["symbol"] == symbol:
                for terms in market.get("filters", ()):
                    if terms["filterType"].endswith("LOT_SIZE"):
                        terms["stepSize"] = terms["minQty"] = lot
                if "lotSizeFilter" in market:
                    step = "basePrecision" if "basePrecision" in market["lotSizeFilter"] else "qtyStep"
                    market["lotSizeFilter"] |= {step: lot, "minOrderQty": lot}
        return markets

    return change


def without(symbol: str) -> Callable[[Markets], Markets]:
    return lambda markets: [market for market in markets if market["symbol"] != symbol]


class Refusing:
    """Refuses new orders (or with `whatever` every request that names a market) as the exchange would, for as long as
    `why` gives a code and words."""

    def __init__(
        self,
        exchange: LoopbackExchange,
        why: Callable[[dict[str, str]], tuple[int, str] | None],
        whatever: bool = False,
    ) -> None:
        self.why = why
        self._whatever = whatever
        self.refused: list[dict[str, str]] = []
        self._exchange = exchange
        self._real = exchange.dialect.answer
        exchange.dialect.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, wire: Wire, *, pretend: bool) -> Any:
        made = wire.method == "POST" and wire.path.endswith(("/v3/order", "/v1/order", "/v5/order/create"))
        named = self._whatever and wire.params.get("symbol")
        said = self.why(wire.params) if made or named else None
        if said is None:
            return self._real(wire, pretend=pretend)
        self.refused.append(wire.params)
        code, words = said
        if "/v5/" in wire.path:
            body = {"retCode": code, "retMsg": words, "result": {}, "retExtInfo": {}, "time": 1}
            return Answer(json.dumps(body)), nothing
        return Answer(json.dumps({"code": code, "msg": words}), 400), nothing


def off_lot(symbol: str, lot: str) -> Callable[[dict[str, str]], tuple[int, str] | None]:
    """What an exchange says to a quantity that is no multiple of its lot."""

    def why(params: dict[str, str]) -> tuple[int, str] | None:
        quantity = Decimal(params.get("quantity") or params.get("qty") or "0")
        if params["symbol"] == symbol and quantity % Decimal(lot):
            return -1111, "Precision is over the maximum defined for this asset."
        return None

    return why


def unlisted(symbol: str) -> Callable[[dict[str, str]], tuple[int, str] | None]:
    return lambda params: (-1121, "Invalid symbol.") if params["symbol"] == symbol else None
