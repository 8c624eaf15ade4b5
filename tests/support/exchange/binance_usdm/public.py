"""fapi's public REST: as spot's, with the marks and funding of perpetuals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.exchange.binance.listing import RATE_LIMITS, eight, wire_symbol
from tests.support.exchange.binance.public import Public
from tests.support.exchange.floor import PublicBook
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import plain

_EIGHT_HOURS_MS = 8 * 3_600_000


class UsdmPublic(Public):
    prefix = "/fapi/v1"
    spot = False

    def routes(self) -> dict[str, tuple[Callable[[dict[str, str]], Any], int]]:
        return super().routes() | {
            "/fapi/v1/premiumIndex": (self.premium, 1),
            "/fapi/v1/fundingInfo": (lambda params: [], 1),
            "/fapi/v1/fundingRate": (self.funding, 1),
        }

    def exchange_info(self, params: dict[str, str]) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": self.floor.now_ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": RATE_LIMITS,
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [_symbol(instrument) for instrument in self.by_symbol.values()],
        }

    def depth(self, params: dict[str, str]) -> dict[str, Any]:
        now = self.floor.now_ms()
        return super().depth(params) | {"E": now, "T": now}

    def premium(self, params: dict[str, str]) -> Any:
        if params.get("symbol"):
            return self.premium_of(self.public(params))
        return [self.premium_of(self.floor.public[each.id]) for each in self.by_symbol.values()]

    def premium_of(self, public: PublicBook) -> dict[str, Any]:
        mark = public.mark
        price = eight(mark.price) if mark is not None else eight(self._mid(public))
        rate = None if mark is None else mark.funding_rate
        due = None if mark is None else mark.next_funding
        return {
            "symbol": wire_symbol(public.instrument),
            "markPrice": price,
            "indexPrice": price,
            "estimatedSettlePrice": price,
            "lastFundingRate": eight(rate) if rate is not None else "",
            "interestRate": "0.00010000",
            "nextFundingTime": 0 if due is None else self.floor.ms(due),
            "time": self.floor.now_ms(),
        }

    def funding(self, params: dict[str, str]) -> list[dict[str, Any]]:
        mark = self.public(params).mark
        if mark is None or mark.funding_rate is None or mark.next_funding is None:
            return []
        at = self.floor.ms(mark.next_funding) - _EIGHT_HOURS_MS
        row = {"fundingTime": at, "fundingRate": eight(mark.funding_rate), "markPrice": eight(mark.price)}
        return [{"symbol": params["symbol"]} | row]


def _symbol(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": wire_symbol(instrument),
        "pair": wire_symbol(instrument),
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": plain(instrument.tick),
                "maxPrice": "4529764",
                "tickSize": plain(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": plain(instrument.min_quantity or instrument.lot),
                "maxQty": "1000",
                "stepSize": plain(instrument.lot),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": plain(instrument.lot),
                "maxQty": "120",
                "stepSize": plain(instrument.lot),
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "multiplierDecimal": "4"},
        ],
    }
