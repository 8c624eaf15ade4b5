"""What Bybit lists here, by category, under its own names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import plain
from workstation.market.demo.listings import PERP_TIERS


def _spot(base: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        venue="LOOP",
        symbol=f"{base}-USDT",
        base=base,
        quote="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_quantity=Decimal(lot),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


LISTED = (
    _spot("BTC", "0.01", "0.00001"),
    _spot("ETH", "0.01", "0.0001"),
    Instrument(
        venue="LOOP",
        symbol="BTC-USDT-PERP",
        base="BTC",
        quote="USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        contract=ContractType.LINEAR,
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.00055"),
        leverage=Decimal(10),
        tiers=PERP_TIERS,
    ),
)


def category(instrument: Instrument) -> str:
    return "spot" if instrument.is_spot else "linear"


def wire_symbol(instrument: Instrument) -> str:
    return instrument.base + instrument.quote


def instrument_info(instrument: Instrument) -> dict[str, Any]:
    common = {
        "symbol": wire_symbol(instrument),
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "status": "Trading",
    }
    tick, lot = plain(instrument.tick), plain(instrument.lot)
    least = plain(instrument.min_quantity or instrument.lot)
    if instrument.is_spot:
        return common | {
            "innovation": "0",
            "marginTrading": "both",
            "stTag": "0",
            "lotSizeFilter": {
                "basePrecision": lot,
                "quotePrecision": "0.0000001",
                "minOrderQty": least,
                "maxOrderQty": "9000",
                "minOrderAmt": plain(instrument.min_notional),
                "maxOrderAmt": "8000000",
                "maxLimitOrderQty": "9000",
                "maxMarketOrderQty": "120",
            },
            "priceFilter": {"tickSize": tick},
            "riskParameters": {"priceLimitRatioX": "0.5", "priceLimitRatioY": "0.5"},
        }
    highest = max((tier.leverage for tier in instrument.tiers), default=instrument.leverage)
    return common | {
        "contractType": "LinearPerpetual",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": plain(highest), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.8", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1190",
            "minOrderQty": least,
            "qtyStep": lot,
            "postOnlyMaxOrderQty": "1190",
            "maxMktOrderQty": "500",
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": instrument.quote,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
    }
