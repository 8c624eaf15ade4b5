"""Streams of an account's money and positions in the shape of the exchanges' documents: asked for by ccxt's class, read
by it, and told to the desk as what the account holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from answering import Desk, desk_on
from payload_markets import MARKETS

from workstation.domain.numbers import ZERO
from workstation.venues.ccxt import link
from workstation.venues.ccxt.streams import Streams
from workstation.venues.ccxt.told import BALANCES, POSITIONS, own_of_contracts, streamed, watch

D = Decimal
OKX_ACCOUNT = {"channel": "account", "uid": "1"}
OKX_POSITIONS = {"channel": "positions", "instType": "ANY", "uid": "1"}


def okx_position(contracts: str) -> dict[str, Any]:
    row = {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "pos": contracts, "posSide": "net", "avgPx": "60000",
        "mgnMode": "cross", "uTime": "1773837554158", "cTime": "1773837554158", "lever": "10", "markPx": "60000",
        "posId": "7", "upl": "1", "ccy": "USDT",
    }  # fmt: skip
    return {"arg": OKX_POSITIONS, "data": [row]}


def kucoin_balance(event: str, total: str) -> dict[str, Any]:
    return {
        "type": "message", "topic": "/account/balance", "channelType": "private", "subject": "account.balance",
        "data": {
            "accountId": "62177fe67810720001db2f18", "available": "89", "availableChange": "-30", "currency": "USDT",
            "hold": "5", "holdChange": "0", "relationContext": {}, "relationEvent": event, "relationEventId": "62",
            "time": "1645716561816", "total": total,
        },
    }  # fmt: skip


#: Exchange → its messages, and what the account holds after each of them.
MONEY: dict[str, list[tuple[dict[str, Any], dict[str, Decimal]]]] = {
    "okx": [
        (
            {
                "arg": OKX_ACCOUNT,
                "eventType": "snapshot",
                "data": [
                    {
                        "uTime": "1773837554158",
                        "totalEq": "711018.8",
                        "details": [
                            {"ccy": "USDT", "cashBal": "2900.5", "eq": "3000", "upl": "99.5", "availBal": "2900"},
                            {"ccy": "BTC", "cashBal": "1.2", "eq": "1.2", "upl": "0", "availBal": "1"},
                        ],
                    }
                ],
            },
            {"USDT": D("2900.5"), "BTC": D("1.2")},
        ),
        (
            {"arg": OKX_ACCOUNT, "data": [{"details": [{"ccy": "USDT", "cashBal": "2950", "eq": "3049.5"}]}]},
            {"USDT": D(2950), "BTC": D("1.2")},
        ),
    ],
    "kraken": [
        (
            {
                "channel": "balances",
                "type": "snapshot",
                "sequence": 1,
                "data": [
                    {
                        "asset": "BTC",
                        "asset_class": "currency",
                        "balance": 1.5,
                        "wallets": [
                            {"type": "spot", "id": "main", "balance": 1.2},
                            {"type": "earn", "id": "flex", "balance": 0.3},
                        ],
                    }
                ],
            },
            {"BTC": D("1.2")},
        ),
        (
            {
                "channel": "balances",
                "type": "update",
                "sequence": 2,
                "data": [
                    {"asset": "USD", "type": "trade", "wallet_type": "spot", "amount": -10.0, "balance": 990.5},
                    {"asset": "BTC", "type": "staking", "wallet_type": "earn", "amount": 0.1, "balance": 0.4},
                ],
            },
            {"BTC": D("1.2"), "USD": D("990.5")},
        ),
    ],
    "kucoin": [
        (kucoin_balance("trade.setted", "94"), {"USDT": D(94)}),
        (kucoin_balance("main.transfer", "1000"), {"USDT": D(94)}),
    ],
    "bitget": [
        (
            {
                "action": "snapshot",
                "arg": {"instType": "SPOT", "channel": "account", "coin": "default"},
                "data": [{"coin": "USDT", "available": "19.14", "frozen": "7", "locked": "0.5", "limitAvailable": "0"}],
            },
            {"USDT": D("26.64")},
        ),
    ],
    "gate": [
        (
            {
                "time": 1653664351,
                "channel": "spot.balances",
                "event": "update",
                "result": [
                    {
                        "timestamp_ms": "1667556323730",
                        "currency": "USDT",
                        "change": "0",
                        "total": "222249.38",
                        "available": "222244.38",
                        "freeze": "5",
                        "change_type": "order-create",
                    }
                ],
            },
            {"USDT": D("222249.38")},
        ),
    ],
}
#: What is asked for, in words of the request.
ASKED = {
    "okx": {"'channel': 'account'", "'channel': 'positions'"},
    "kraken": {"'channel': 'balances'"},
    "kucoin": {"/account/balance"},
    "bitget": {"'channel': 'account'"},
    "gate": {"spot.balances"},
}


class Line:
    """A connection of ccxt's, as far as its readers use it."""

    url = "wss://there/spot"
    error, lastPong, verbose = None, 0, False

    def __init__(self) -> None:
        self.subscriptions: dict[str, Any] = {}
        self.futures: dict[str, asyncio.Future[Any]] = {}

    def future(self, name: str) -> asyncio.Future[Any]:
        return self.futures.setdefault(name, asyncio.get_running_loop().create_future())

    def resolve(self, found: Any, name: str) -> Any:
        if name in self.futures:
            self.futures.pop(name).set_result(found)
        return found

    def reject(self, error: Exception, name: str | None = None) -> None:
        raise error


class Wire:
    """A desk that listens to its account over connections that are written down."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.line, self.asked = desk, Line(), list[str]()
        self.watches: dict[str, tuple[Callable[[], Awaitable[Any]], Callable[[Any], object]]] = {}
        exchange = desk.venue.exchange
        exchange.client = lambda _url: self.line
        exchange.watch = self._watch

        async def known(*_: Any) -> Any:
            return "wss://there"

        async def no(*_: Any) -> bool:
            return False

        exchange.authenticate = exchange.negotiate = known
        exchange.is_uta_enabled = no

    async def _watch(self, _url: str, name: str, message: Any = None, *_: Any) -> Any:
        self.asked.append(str(message))
        return await self.line.future(name)

    def keep_topic(self, name: str, watched: Callable[[], Awaitable[Any]], take: Callable[[Any], object]) -> None:
        self.watches[name] = watched, take

    def listen(self) -> None:
        watch(self.desk.venue, self.desk.venue.exchange, cast(Streams, self))

    async def comes(self, message: dict[str, Any]) -> None:
        """A message, while all of them listen."""
        waiting = {name: asyncio.ensure_future(watched()) for name, (watched, _) in self.watches.items()}
        for _ in range(10):
            await asyncio.sleep(0)
        self.desk.venue.exchange.handle_message(self.line, message)
        for _ in range(3):
            await asyncio.sleep(0)
        for name, task in waiting.items():
            if task.done():
                self.watches[name][1](task.result())
            task.cancel()
        self.line.futures.clear()


async def wire_on(name: str, spot: bool) -> Wire:
    desk = await desk_on(name, {}, MARKETS[name])
    if spot:
        venue = desk.venue
        venue.markets = {symbol: each for symbol, each in venue.markets.items() if each.is_spot}
    return Wire(desk)


@pytest.mark.parametrize("name", MONEY)
async def test_money_is_what_the_account_holds_orders_included_and_profit_not(name: str) -> None:
    wire = await wire_on(name, spot=name != "okx")
    wire.listen()
    told = wire.desk.venue.told
    assert told.whole
    for message, holds in MONEY[name]:
        await wire.comes(message)
        assert told.balances == holds
    for words in ASKED[name]:
        assert any(words in asked for asked in wire.asked)
    assert streamed(name)
    await wire.desk.venue.exchange.close()


async def test_positions_of_okx_are_told_until_they_are_closed() -> None:
    wire = await wire_on("okx", spot=False)
    wire.listen()
    perp = next(each for each in wire.desk.venue.markets.values() if not each.is_spot)
    for contracts in ("-30", "12", "0"):
        await wire.comes(okx_position(contracts))
        assert wire.desk.venue.told.positions == {perp.id: D(contracts)}
    before = wire.desk.venue.told.version
    await wire.comes({"arg": OKX_POSITIONS, "data": []})
    assert wire.desk.venue.told.positions == {perp.id: ZERO}
    assert wire.desk.venue.told.version == before + 1
    await wire.desk.venue.exchange.close()


def bitget_positions(*sizes: str) -> dict[str, Any]:
    rows = [
        {
            "posId": "1", "instId": "BTCUSDT", "marginCoin": "USDT", "marginSize": "1", "marginMode": "crossed",
            "holdSide": side, "posMode": "hedge_mode", "total": size, "available": size, "frozen": "0", "leverage": 20,
            "openPriceAvg": "60000", "cTime": "1691387559784", "uTime": "1691387559784", "autoMargin": "off",
        }
        for side, size in zip(("long", "short"), sizes, strict=False)
    ]  # fmt: skip
    arg = {"instType": "USDT-FUTURES", "channel": "positions", "instId": "default"}
    return {"action": "snapshot", "arg": arg, "data": rows, "ts": 1695717430441}


def gate_positions(size: int) -> dict[str, Any]:
    row = {
        "contract": "BTC_USDT", "cross_leverage_limit": 0, "entry_price": 60000, "history_pnl": 0, "leverage": 0,
        "liq_price": 0, "margin": 1, "mode": "single", "size": size, "time": 1628736848, "time_ms": 1628736848321,
        "user": "110", "update_id": 170919, "last_close_pnl": 0, "realised_pnl": 0,
    }  # fmt: skip
    return {"time": 1588212926, "channel": "futures.positions", "event": "update", "result": [row]}


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        (
            "bitget",
            [(bitget_positions("0.3"), "0.3"), (bitget_positions("0.3", "0.4"), "-0.1"), (bitget_positions(), "0")],
        ),
        ("gate", [(gate_positions(-3), "-3"), (gate_positions(5), "5"), (gate_positions(0), "0")]),
    ],
)
async def test_positions_in_usdt_are_told_though_money_is_asked_for(
    name: str, messages: list[tuple[dict[str, Any], str]]
) -> None:
    wire = await wire_on(name, spot=False)
    venue = wire.desk.venue
    venue.markets = {symbol: each for symbol, each in venue.markets.items() if symbol == "BTC/USDT:USDT"}
    venue.exchange.uid = "110"
    wire.line.url = "wss://fx-ws.gateio.ws/v4/ws/usdt"
    wire.listen()
    assert set(wire.watches) == {POSITIONS}
    assert not venue.told.whole
    (perp,) = venue.markets.values()
    for message, holds in messages:
        await wire.comes(message)
        assert venue.told.positions == {perp.id: D(holds)}
    await venue.exchange.close()


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("kucoin", ["/contractMarket/tradeOrders"]),
        (
            "bitget",
            ["'instType': 'USDT-FUTURES', 'channel': 'orders'", "'instType': 'USDT-FUTURES', 'channel': 'fill'"],
        ),
        ("gate", ["'futures.orders'", "'futures.usertrades'", "['110', '!all']"]),
    ],
)
async def test_own_orders_and_fills_of_contracts_are_listened_to_beside_those_of_spot(
    name: str, asked: list[str]
) -> None:
    wire = await wire_on(name, spot=False)
    venue = wire.desk.venue
    venue.markets = {symbol: each for symbol, each in venue.markets.items() if symbol == "BTC/USDT:USDT"}
    methods = ["watch_orders", "watch_my_trades"]
    if name == "gate":
        assert not own_of_contracts(venue, venue.exchange, methods), "ccxt does not ask without the account's number"
        venue.exchange.uid = "110"
    watched = own_of_contracts(venue, venue.exchange, methods)
    assert [one.partition(" ")[0] for one in watched] == methods
    tasks = [asyncio.ensure_future(watch()) for watch in watched.values()]
    for _ in range(10):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for words in asked:
        assert any(words in one for one in wire.asked), wire.asked
    await venue.exchange.close()


#: An order of a contract that was filled, as the exchange's documents show it.
FILLED: dict[str, dict[str, Any]] = {
    "bitget": {
        "action": "snapshot", "arg": {"instType": "USDT-FUTURES", "channel": "orders", "instId": "default"},
        "data": [
            {
                "accBaseVolume": "0.01", "cTime": "1695718781129", "clientOid": "mine", "feeDetail": [], "force": "gtc",
                "baseVolume": "0.01", "fillPrice": "27000.5", "fillTime": "1695718781146", "instId": "BTCUSDT",
                "leverage": "20", "marginCoin": "USDT", "marginMode": "crossed", "orderId": "7", "orderType": "limit",
                "posMode": "one_way_mode", "posSide": "net", "price": "27000.5", "priceAvg": "27000.5", "side": "buy",
                "reduceOnly": "no", "size": "0.01", "status": "filled", "tradeId": "9", "uTime": "1695718781146",
            }
        ],
        "ts": 1695718781206,
    },
    "gate": {
        "time": 1628736847, "time_ms": 1628736847325, "channel": "futures.orders", "event": "update",
        "result": [
            {
                "contract": "BTC_USDT", "create_time": 1628736847, "create_time_ms": 1628736847325, "fill_price":
                27000.5, "finish_as": "filled", "finish_time": 1628736848, "iceberg": 0, "finish_time_ms":
                1628736848321, "id": 7, "is_close": False, "is_liq": False, "is_reduce_only": False, "left": 0,
                "mkfr": -0.00025, "price": 27000.5, "refr": 0, "refu": 0, "size": 1, "status": "finished", "text":
                "t-mine", "tif": "gtc", "tkfr": 0.0005, "user": "110",
            }
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FILLED)
async def test_an_order_of_a_contract_is_heard_of(name: str) -> None:
    wire = await wire_on(name, spot=False)
    venue, found = wire.desk.venue, list[dict[str, Any]]()
    venue.markets = {symbol: each for symbol, each in venue.markets.items() if symbol == "BTC/USDT:USDT"}
    venue.exchange.uid, wire.line.url = "110", "wss://fx-ws.gateio.ws/v4/ws/usdt"
    for what, watched in own_of_contracts(venue, venue.exchange, ["watch_orders"]).items():
        wire.keep_topic(what, watched, found.extend)
    await wire.comes(FILLED[name])
    ((shown),) = found
    assert (shown["symbol"], str(shown["id"]), shown["status"]) == ("BTC/USDT:USDT", "7", "closed")
    assert shown["filled"] == shown["amount"]
    await venue.exchange.close()


async def test_the_account_s_number_is_asked_for_where_streams_of_contracts_need_it() -> None:
    desk = await desk_on("gate", {"account/detail": {"user_id": 1667201533, "tier": 2}}, MARKETS["gate"])
    await link._learn_number(desk.venue, desk.venue.exchange)
    assert desk.venue.exchange.uid == "1667201533"
    await desk.venue.exchange.close()


@pytest.mark.parametrize("name", ["kucoin"])
async def test_where_spot_and_contracts_have_wallets_of_their_own_a_desk_of_both_asks(name: str) -> None:
    wire = await wire_on(name, spot=False)
    wire.listen()
    assert not wire.watches
    assert not wire.desk.venue.told.whole
    await wire.desk.venue.exchange.close()


@pytest.mark.parametrize("name", ["coinbase", "hyperliquid"])
async def test_what_no_stream_tells_is_asked_for(name: str) -> None:
    wire = await wire_on(name, spot=False)
    wire.listen()
    assert not wire.watches
    assert not streamed(name)
    await wire.desk.venue.exchange.close()


async def test_an_account_that_the_set_up_names_is_asked_for() -> None:
    wire = await wire_on("okx", spot=True)
    wire.desk.venue.settings = msgspec.structs.replace(wire.desk.venue.settings, account="unified")
    wire.listen()
    assert BALANCES not in wire.watches
    assert POSITIONS not in wire.watches
    await wire.desk.venue.exchange.close()
