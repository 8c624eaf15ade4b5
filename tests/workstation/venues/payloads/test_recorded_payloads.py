"""Answers of real exchanges, recorded by others, through ccxt's parsers and ours, against what is read in them by eye.

Market data in them are recordings; answers about accounts follow the exchanges' examples (see the notes beside them).
"""

from __future__ import annotations

import gzip
import json
import tarfile
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from answering import Desk, desk_on

from workstation.clock import MILLISECOND
from workstation.domain import events as e
from workstation.domain.fill import Liquidity
from workstation.domain.instrument import ContractType
from workstation.domain.order import OrderState, Side

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "rest"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded answers are not beside this project")


@cache
def _binance() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((DATA / "gocryptotrader" / "binance_http.json.gz").read_bytes()))
    return found["routes"]  # type: ignore[no-any-return]


def binance(path: str, method: str = "GET", **words: Any) -> Any:
    """The first recorded answer to a question with these words in it."""
    wanted = [f"{name}={value}" for name, value in words.items()]
    return next(
        each["data"] for each in _binance()[path][method] if all(word in each["queryString"] for word in wanted)
    )


@cache
def _others() -> dict[str, Any]:
    with tarfile.open(DATA / "nautilus_adapters.tar.gz") as archive:
        found = {}
        for member in archive.getmembers():
            if (file := archive.extractfile(member)) is not None:
                found[member.name.removeprefix("./")] = json.loads(file.read())
        return found


async def binance_spot() -> Desk:
    return await desk_on(
        "binance",
        {
            "exchangeInfo": binance("/api/v3/exchangeInfo"),
            "v3/account": binance("/api/v3/account"),
            "GET & openOrders": [*binance("/api/v3/openOrders"), binance("/api/v3/order")],
            "DELETE & v3/order": binance("/api/v3/order", "DELETE"),
            "depth": binance("/api/v3/depth"),
            "klines": binance("/api/v3/klines", interval="5m"),
        },
    )


async def test_binance_s_list_of_markets_gives_exact_steps() -> None:
    desk = await binance_spot()
    pair = desk.venue.markets["LTC/BTC"]
    (raw,) = (row for row in binance("/api/v3/exchangeInfo")["symbols"] if row["symbol"] == "LTCBTC")
    filters = {row["filterType"]: row for row in raw["filters"]}
    assert pair.tick == Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal("0.000001")
    assert pair.lot == Decimal(filters["LOT_SIZE"]["stepSize"]) == Decimal("0.001")
    assert pair.min_quantity == Decimal(filters["LOT_SIZE"]["minQty"])
    assert pair.min_notional == Decimal(filters["NOTIONAL"]["minNotional"]) == Decimal("0.0001")
    await desk.venue.exchange.close()


async def test_binance_s_orders_are_read_and_an_empty_account_is_empty() -> None:
    desk = await binance_spot()
    first, second = await desk.venue.open_orders()
    assert (first.client_id, first.venue_order_id, first.instrument) == ("myOrder1", "1", "X:LTC-BTC")
    assert (second.client_id, second.venue_order_id, second.instrument) == ("eliteOrder", "1337", "X:BTC-USDT")
    for order in (first, second):
        assert (order.state, order.quantity, order.filled, order.price) == (
            OrderState.ACCEPTED,
            Decimal(1),
            0,
            Decimal("0.1"),
        )
    assert await desk.venue.balances() == {}
    await desk.venue.exchange.close()


async def test_binance_s_answer_to_a_cancel_ends_the_order_and_not_the_cancel() -> None:
    """It names the cancel "cancelMyOrder1", and beside it the order, "myOrder1", of which 8 of 10 were filled."""
    desk = await binance_spot()
    order = desk.order("myOrder1", "LTC-BTC", Side.SELL, "10", "1", filled=Decimal(8))
    await desk.venue.cancel(order)
    kinds = [(type(report), report.client_id) for report in desk.reports]
    assert kinds == [(e.OrderAccepted, "myOrder1"), (e.OrderCanceled, "myOrder1")]
    assert not desk.venue.strangers
    structure = desk.venue.exchange.parse_order(binance("/api/v3/order", "DELETE"))
    shown = desk.venue.own.on_order(structure)  # as an answer to a cancel of everything gives it
    assert shown is not None
    assert (shown.client_id, shown.state, shown.filled) == ("myOrder1", OrderState.CANCELED, Decimal(8))
    for task in desk.venue._later:
        task.cancel()
    await desk.venue.exchange.close()


async def test_binance_s_candles_and_book() -> None:
    desk = await binance_spot()
    rows = await desk.venue.exchange.fetch_ohlcv("BTC/USDT", "5m")
    assert len(rows) == 24
    assert rows[0] == [1586987400000, 6733.55, 6737.79, 6726.61, 6727.14, 121.201391]
    book = await desk.venue.exchange.fetch_order_book("BTC/USDT")
    raw = binance("/api/v3/depth")
    assert book["nonce"] == raw["lastUpdateId"]
    assert book["bids"][0] == [float(word) for word in raw["bids"][0]]
    assert book["asks"][0] == [32085.66, 2.048437]
    await desk.venue.exchange.close()


async def test_binance_s_perpetuals_their_mark_and_their_funding() -> None:
    desk = await desk_on(
        "binanceusdm",
        {
            "exchangeInfo": binance("/fapi/v1/exchangeInfo"),
            "premiumIndex": binance("/fapi/v1/premiumIndex", symbol="BTCUSDT"),
        },
    )
    perp = desk.venue.markets["BTC/USDT:USDT"]
    assert (perp.symbol, perp.contract, perp.multiplier) == ("BTC-USDT-PERP", ContractType.LINEAR, 1)
    assert (perp.tick, perp.lot, perp.min_notional) == (Decimal("0.1"), Decimal("0.001"), Decimal(100))
    funding = await desk.venue.exchange.fetch_funding_rate("BTC/USDT:USDT")
    assert (funding["markPrice"], funding["fundingRate"]) == (26780.82240476, 0.00001226)
    assert funding["fundingTimestamp"] == 1687248000000
    await desk.venue.exchange.close()


async def kraken() -> Desk:
    others = _others()
    bitcoin = others["kraken/http_asset_pairs.json"]["result"]["XBTUSDT"]
    ether = bitcoin | {"altname": "ETHUSDT", "wsname": "ETH/USDT", "base": "XETH"}
    return await desk_on(
        "kraken",
        {
            "AssetPairs": {"error": [], "result": {"XBTUSDT": bitcoin, "ETHUSDT": ether}},
            "OpenOrders": others["kraken/http_open_orders.json"],
            "ClosedOrders": others["kraken/http_closed_orders.json"],
            "TradesHistory": others["kraken/http_trades_history.json"],
            "OHLC": others["kraken/http_ohlc.json"],
            "public/Trades": others["kraken/http_trades.json"],
            "CancelOrder": others["kraken/http_cancel_order_spot.json"],
        },
    )


async def test_kraken_s_market_and_its_fees_of_the_smallest_customer() -> None:
    desk = await kraken()
    pair = desk.venue.markets["BTC/USDT"]
    assert (pair.tick, pair.lot) == (Decimal("0.1"), Decimal("1e-8"))
    assert (pair.min_quantity, pair.min_notional) == (Decimal("0.00005"), Decimal("0.5"))
    assert (pair.maker_fee, pair.taker_fee) == (Decimal("0.0025"), Decimal("0.004"))
    await desk.venue.exchange.close()


async def test_kraken_s_open_orders_of_others_are_called_by_its_own_ids() -> None:
    desk = await kraken()
    limit, stop = await desk.venue.open_orders()
    assert (limit.client_id, limit.state, limit.quantity, limit.price) == (
        "ext:O26VBY-ISGAE-JP5TLU",
        OrderState.ACCEPTED,
        Decimal("0.5"),
        Decimal(29500),
    )
    assert (stop.client_id, stop.quantity, stop.price) == ("ext:OYEQF4-FDE4C-NMUYUI", Decimal(1), None)
    closed = await desk.venue.exchange.fetch_closed_orders()
    shown = [desk.venue.shown(each) for each in closed]
    assert [(each.state, each.filled) for each in shown if each] == [
        (OrderState.FILLED, Decimal("0.5")),
        (OrderState.FILLED, Decimal(1)),
    ]
    await desk.venue.exchange.close()


async def test_kraken_s_own_trades_carry_the_fee_in_the_quote_currency() -> None:
    desk = await kraken()
    desk.order("tws1", "BTC-USDT", Side.BUY, "0.5", "29500")
    desk.venue.own.bind("tws1", "O26VBY-ISGAE-JP5TLU")
    first, second = await desk.venue.fills_since(0)
    assert (first.client_id, first.trade_id, first.side) == ("tws1", "TCCCTY-WJ6EO-4FP4VZ", Side.BUY)
    assert (first.quantity, first.price, first.fee) == (Decimal("0.5"), Decimal("29500.5"), Decimal("23.6"))
    assert (first.fee_currency, first.liquidity) == ("USDT", Liquidity.MAKER)
    assert first.ts == 1688585840892 * MILLISECOND
    assert (second.side, second.quantity, second.liquidity) == (Side.SELL, Decimal(1), Liquidity.TAKER)
    await desk.venue.exchange.close()


async def test_kraken_s_candles_and_trades() -> None:
    desk = await kraken()
    rows = await desk.venue.exchange.fetch_ohlcv("BTC/USDT", "1m")
    raw = _others()["kraken/http_ohlc.json"]["result"]["XBTUSDT"]
    assert len(rows) == len(raw)
    assert rows[-1][:2] == [raw[-1][0] * 1000, float(raw[-1][1])]
    trades = await desk.venue.exchange.fetch_trades("BTC/USDT")
    told = _others()["kraken/http_trades.json"]["result"]["XBTUSDT"]
    assert len(trades) == len(told)
    assert (trades[0]["price"], trades[0]["amount"]) == (float(told[0][0]), float(told[0][1]))
    assert trades[0]["side"] == {"b": "buy", "s": "sell"}[told[0][3]]
    await desk.venue.exchange.close()


async def coinbase() -> Desk:
    others = {name.removeprefix("coinbase/http_"): answer for name, answer in _others().items()}
    return await desk_on(
        "coinbase",
        {
            "products": others["products.json"],
            "products & FUTURE": others["products_future.json"],
            "transaction_summary": {"fee_tier": {}},
            "orders/historical/batch": others["orders_list.json"],
            "orders/historical/fills": others["fills.json"],
            "orders/historical/0000": others["order.json"],
            "brokerage/accounts": others["accounts.json"],
            "cfm/positions": others["cfm_positions.json"],
        },
    )


async def test_coinbase_s_products_spot_and_contracts() -> None:
    desk = await coinbase()
    spot, nano = desk.venue.markets["BTC/USD"], desk.venue.markets["BTC/USD:USD"]
    assert (spot.tick, spot.lot, spot.min_notional) == (Decimal("0.01"), Decimal("1e-8"), Decimal(1))
    assert (spot.maker_fee, spot.taker_fee) == (Decimal("0.006"), Decimal("0.012"))
    assert (nano.tick, nano.lot, nano.multiplier) == (Decimal(5), Decimal(1), Decimal("0.01"))
    assert (nano.maker_fee, nano.taker_fee) == (Decimal("0.0004"), Decimal("0.0006"))  # ccxt gives per cent
    assert await desk.venue.positions() == {nano.id: Decimal(2)}
    assert await desk.venue.entry_prices() == {nano.id: Decimal(49000)}
    told = (await desk.venue.margin_told([nano.id]))[nano.id]
    assert (told.leverage, told.mode, told.quantity, told.liquidation) == (5, None, 2, 40_000)
    await desk.venue.exchange.close()


async def test_coinbase_s_orders_fills_and_accounts() -> None:
    desk = await coinbase()
    (open_order,) = await desk.venue.open_orders()  # the filled one of the list is none
    assert (open_order.client_id, open_order.price) == ("ext:0000-000000-000001", Decimal(45000))
    half = desk.venue.shown(await desk.venue.exchange.fetch_order("0000-000000-000000", "BTC/USD"))
    assert half is not None
    assert (half.state, half.filled) == (OrderState.PARTIALLY_FILLED, Decimal("0.001"))
    fill = (await desk.venue.fills_since(0))[0]
    assert (fill.trade_id, fill.side, fill.quantity) == ("1111-11111-111111", Side.BUY, Decimal("0.005"))
    assert (fill.price, fill.fee, fill.fee_currency) == (Decimal("45123.45"), Decimal("1.14"), "USD")
    assert fill.liquidity is Liquidity.MAKER
    # 1.23456789 BTC and 10,000.50 USD are free, orders hold 0.005 BTC and 450 USD
    assert await desk.venue.balances() == {"BTC": Decimal("1.23956789"), "USD": Decimal("10450.5")}
    await desk.venue.exchange.close()
