"""Markets of each offered exchange as ccxt describes them: BTC against a dollar, spot and perpetual. Steps, sizes of
contracts and names are the exchanges'."""

from __future__ import annotations

from typing import Any


def spot(market_id: str, base: str, quote: str, tick: str, lot: str, **terms: Any) -> dict[str, Any]:
    return _market(market_id, base, quote, tick, lot, f"{base}/{quote}", type="spot", spot=True, **terms)


def perp(
    market_id: str, base: str, quote: str, settle: str, tick: str, lot: str, size: str, **terms: Any
) -> dict[str, Any]:
    kind = {"type": "swap", "swap": True, "contract": True, "linear": settle == quote, "inverse": settle == base}
    symbol = f"{base}/{quote}:{settle}"
    return _market(
        market_id,
        base,
        quote,
        tick,
        lot,
        symbol,
        settle=settle,
        settleId=settle.lower(),
        contractSize=float(size),
        **kind,
        **terms,
    )


def _market(market_id: str, base: str, quote: str, tick: str, lot: str, symbol: str, **terms: Any) -> dict[str, Any]:
    blank = {"spot": False, "swap": False, "future": False, "option": False, "margin": False, "contract": False}
    market = {
        "id": market_id,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "active": True,
        "precision": {"price": float(tick), "amount": float(lot)},
        "limits": {"amount": {"min": float(lot)}, "price": {}, "cost": {}, "leverage": {}},
        "info": {},
    }
    return blank | market | terms


MARKETS: dict[str, list[dict[str, Any]]] = {
    "binance": [
        spot("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", info={"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"]})
    ],
    "binanceusdm": [
        perp("BTCUSDT", "BTC", "USDT", "USDT", "0.1", "0.001", "1", info={"orderTypes": ["LIMIT", "MARKET"]})
    ],
    "bybit": [
        spot("BTCUSDT", "BTC", "USDT", "0.1", "0.000001"),
        perp("BTCUSDT", "BTC", "USDT", "USDT", "0.1", "0.001", "1"),
        perp("BTCUSD", "BTC", "USD", "BTC", "0.5", "1", "1"),
    ],
    "okx": [
        spot("BTC-USDT", "BTC", "USDT", "0.1", "0.00000001", info={"instType": "SPOT"}),
        perp("BTC-USDT-SWAP", "BTC", "USDT", "USDT", "0.1", "0.01", "0.01", info={"instType": "SWAP"}),
    ],
    "kraken": [
        spot("XXBTZUSD", "BTC", "USD", "0.1", "0.00000001", altname="XBTUSD", info={"pair_decimals": "1"}),
    ],
    "coinbase": [spot("BTC-USD", "BTC", "USD", "0.01", "0.00000001")],
    "kucoin": [
        spot("BTC-USDT", "BTC", "USDT", "0.1", "0.00000001"),
        perp("XBTUSDTM", "BTC", "USDT", "USDT", "0.1", "1", "0.001"),
    ],
    "bitget": [
        spot("BTCUSDT", "BTC", "USDT", "0.01", "0.000001"),
        perp("BTCUSDT", "BTC", "USDT", "USDT", "0.1", "0.0001", "1"),
    ],
    "gate": [
        spot("BTC_USDT", "BTC", "USDT", "0.1", "0.000001"),
        perp("BTC_USDT", "BTC", "USDT", "USDT", "0.1", "1", "0.0001"),
    ],
    "hyperliquid": [perp("0", "BTC", "USDC", "USDC", "0.1", "0.00001", "1", baseName="BTC", baseId="0")],
}
