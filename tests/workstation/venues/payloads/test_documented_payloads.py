"""What each offered exchange gives to the desk's questions, and what the desk sends, in the shape of its documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from answering import Desk, desk_on
from documented import ANSWERS, CLIENT_ID, HEX, UUID, T
from payload_markets import MARKETS

from workstation.clock import MILLISECOND
from workstation.domain import events as e
from workstation.domain.fill import Liquidity
from workstation.domain.order import OrderState, Side
from workstation.venues.ccxt.ids import to_wire
from workstation.venues.contract import NoAnswer

NAMES = sorted(ANSWERS)
#: How the id of the desk's order is written there.
WIRE = {"gate": f"t-{CLIENT_ID}", "kraken": UUID, "coinbase": UUID, "hyperliquid": HEX}
#: The exchange's own id of the order.
NUMBER = {"kraken": "OUF4EM-FRGI2-MQMWZD"}
DOLLAR = {"kraken": "USD", "coinbase": "USD", "hyperliquid": "USDC"}
#: Contracts of the short position, which is 0.3 BTC everywhere.
SHORT = {"okx": "-30", "kucoin": "-300", "gate": "-3000"}


@asynccontextmanager
async def desk(name: str, **answers: Any) -> AsyncIterator[Desk]:
    """A desk on the exchange that has never heard of the order."""
    found = await desk_on(name, ANSWERS[name] | answers, MARKETS[name])
    try:
        yield found
    finally:
        for task in found.venue._later:
            task.cancel()
        await found.venue.exchange.close()


def main_market(at: Desk) -> str:
    return next(iter(at.venue.markets.values())).symbol


def perp_market(at: Desk) -> str | None:
    return next((each.symbol for each in at.venue.markets.values() if not each.is_spot), None)


@pytest.mark.parametrize("name", NAMES)
async def test_the_open_order_is_the_desk_s_with_what_is_filled_of_it(name: str) -> None:
    async with desk(name) as at:
        (order,) = await at.venue.open_orders()
        assert (order.client_id, order.venue_order_id) == (CLIENT_ID, NUMBER.get(name, "28"))
        assert order.instrument == f"X:{main_market(at)}"
        assert (order.state, order.quantity, order.filled) == (
            OrderState.PARTIALLY_FILLED,
            Decimal("0.5"),
            Decimal("0.2"),
        )
        assert (order.price, order.stop_price, order.reason) == (Decimal(60000), None, "")


@pytest.mark.parametrize("name", NAMES)
async def test_its_fill_finds_the_order_and_names_its_fee(name: str) -> None:
    async with desk(name) as at:
        await at.venue.open_orders()  # some trades name the exchange's own id only
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.5", "60000")
        at.venue.own.bind(order.client_id, NUMBER.get(name, "28"))
        (fill,) = await at.venue.fills_since(0)
        assert (fill.client_id, fill.side, fill.ts) == (CLIENT_ID, Side.BUY, T * MILLISECOND)
        assert (fill.quantity, fill.price) == (Decimal("0.2"), Decimal(59990))
        assert fill.liquidity is (Liquidity.MAKER if name == "binanceusdm" else Liquidity.TAKER)
        fees = {
            "binanceusdm": ("-1.1998", "USDT"),  # a rebate of a maker
            "kraken": ("12", "USD"),
            "coinbase": ("12", "USD"),
            "kucoin": ("11.998", "USDT"),
            "hyperliquid": ("5.4", "USDC"),
        }
        fee, currency = fees.get(name, ("0.0002", "BTC"))
        assert (fill.fee, fill.fee_currency) == (Decimal(fee), currency)


@pytest.mark.parametrize("name", NAMES)
async def test_balances_are_cash_with_what_orders_bind_and_without_the_profit_of_positions(name: str) -> None:
    async with desk(name) as at:
        held = await at.venue.balances()
        dollars = Decimal(100_002 if name == "binance" else 100_000)
        assert held == ({} if name == "hyperliquid" else {"BTC": Decimal("0.5")}) | {DOLLAR.get(name, "USDT"): dollars}


@pytest.mark.parametrize("text", [b"Bad gateway", b'{"balances": [', b""])
@pytest.mark.parametrize(("name", "place"), [("hyperliquid", '"clearinghouseState"'), ("kraken", "/private/Balance")])
async def test_text_in_answer_to_a_question_by_post_is_no_empty_account(name: str, place: str, text: bytes) -> None:
    async with desk(name, **{place: text}) as at:
        with pytest.raises(NoAnswer, match="cannot be read"):
            await at.venue.balances()


async def test_hyperliquid_is_asked_again_where_it_does_not_say_which_wallets_are_one() -> None:
    """ccxt takes no answer for "they are two", and would show the money of one of them as all."""
    async with desk("hyperliquid", **{'"userAbstraction"': b"Bad gateway"}) as at:
        with pytest.raises(NoAnswer, match="one account"):
            await at.venue.balances()
        at.answers.by_part['"userAbstraction"'] = "disabled"
        assert await at.venue.balances() == {"USDC": 100_000}


@pytest.mark.parametrize("name", NAMES)
async def test_a_short_position_is_negative_in_contracts(name: str) -> None:
    async with desk(name) as at:
        symbol = perp_market(at)
        expected = {} if symbol is None else {f"X:{symbol}": Decimal(SHORT.get(name, "-0.3"))}
        assert await at.venue.positions() == expected
        assert await at.venue.entry_prices() == {instrument: Decimal(61000) for instrument in expected}


@pytest.mark.parametrize("name", NAMES)
async def test_an_order_without_an_answer_is_found_by_its_client_id(name: str) -> None:
    async with desk(name) as at:
        at.order(CLIENT_ID, main_market(at), Side.BUY, "0.5", "60000")
        found = await at.venue.order_status(CLIENT_ID)
        assert found is not None
        assert (found.venue_order_id, found.state) == (NUMBER.get(name, "28"), OrderState.PARTIALLY_FILLED)


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_cancelled_though_only_its_client_id_is_known(name: str) -> None:
    async with desk(name) as at:
        await at.venue.cancel(at.order(CLIENT_ID, main_market(at), Side.BUY, "0.5", "60000"))
        last = at.answers.sent[-1]
        words = {
            "binance": f"origClientOrderId={CLIENT_ID}",
            "binanceusdm": f"origClientOrderId={CLIENT_ID}",
            "bybit": f'"orderLinkId":"{CLIENT_ID}"',
            "okx": f'"clOrdId":"{CLIENT_ID}"',
            "kraken": f"cl_ord_id={UUID}",
            "coinbase": '"order_ids":["28"]',
            "kucoin": f"client-order/{CLIENT_ID}",
            "bitget": f'"clientOid":"{CLIENT_ID}"',
            "gate": f"orders/t-{CLIENT_ID}?",
            "hyperliquid": f'"cloid":"{HEX}"',
        }
        assert words[name] in last.text
        assert not any(isinstance(report, e.OrderCancelRejected) for report in at.reports)
        assert not at.venue.strangers  # the cancel's own client id is nobody's order


@pytest.mark.parametrize("name", [name for name in NAMES if name != "coinbase"])
async def test_everything_is_cancelled_and_no_stranger_appears(name: str) -> None:
    async with desk(name) as at:
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.5", "60000")
        at.venue.own.track(order.client_id)
        epoch = at.venue.epoch
        await at.venue.cancel_all()
        assert not at.venue.strangers
        assert at.venue.epoch == epoch


async def test_bybit_s_inverse_contracts_are_cancelled_by_the_coin_that_they_settle_in() -> None:
    async with desk("bybit") as at:
        await at.venue.cancel_all()
        bodies = [json.loads(sent.body) for sent in at.answers.sent if "cancel-all" in sent.url]
        assert {(body["category"], body.get("settleCoin")) for body in bodies} == {
            ("spot", None),
            ("linear", "USDT"),
            ("inverse", "BTC"),
        }


@pytest.mark.parametrize("name", ["binanceusdm", "bybit", "okx", "kraken"])
async def test_a_change_leaves_the_order_its_id_and_is_made_when_its_terms_are_shown(name: str) -> None:
    async with desk(name) as at:
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.5", "60000")
        order = at.orders[CLIENT_ID] = msgspec.structs.replace(
            order,
            venue_order_id=NUMBER.get(name, "28"),
            state=OrderState.PENDING_AMEND,
            pending_price=Decimal(59000),
        )
        await at.venue.amend(order, None, Decimal(59000), None)
        if name != "binanceusdm":  # whose answer shows the order as it is now; the others' only says that it was heard
            assert not any(isinstance(report, e.OrderAmended) for report in at.reports)
            wire = to_wire(CLIENT_ID, at.venue.facts.ids)
            named = {"symbol": at.venue.symbols[order.instrument], "id": NUMBER.get(name, "28"), "clientOrderId": wire}
            at.venue.own.on_order({**named, "status": "open", "amount": 0.5, "filled": 0.0, "price": 59000.0})
        assert any(isinstance(report, e.OrderAmended) for report in at.reports)
        track = at.venue.own.track(CLIENT_ID)
        assert track is not None
        assert track.venue_id == NUMBER.get(name, "28")
        assert "59000" in at.answers.sent[-1].text


# What is sent.

TAKEN: dict[str, Any] = {
    "binance": {"POST": {"symbol": "BTCUSDT", "orderId": 28, "status": "NEW", "origQty": "0.01", "executedQty": "0"}},
    "binanceusdm": {
        "POST": {"symbol": "BTCUSDT", "orderId": 28, "status": "NEW", "origQty": "0.01", "executedQty": "0"}
    },
    "bybit": {"order/create": {"retCode": 0, "result": {"orderId": "28"}}},
    "okx": {"trade/batch-orders": {"code": "0", "data": [{"ordId": "28", "sCode": "0", "sMsg": ""}]}},
    "kraken": {
        "AddOrder": {"error": [], "result": {"descr": {"order": "buy 0.01 XBTUSD @ limit 60000.0"}, "txid": ["28"]}}
    },
    "coinbase": {"POST & brokerage/orders": {"success": True, "success_response": {"order_id": "28"}}},
    "kucoin": {"POST & api/v1/orders": {"code": "200000", "data": {"orderId": "28"}}},
    "bitget": {"place-order": {"code": "00000", "data": {"orderId": "28"}}},
    "gate": {
        "POST & spot/orders": {
            "id": "28",
            "status": "open",
            "currency_pair": "BTC_USDT",
            "amount": "0.01",
            "left": "0.01",
        },
        "POST & futures/usdt/orders": {"id": 28, "status": "open", "contract": "BTC_USDT", "size": 3, "left": 3},
    },
    "hyperliquid": {
        '"type":"order"': {"status": "ok", "response": {"data": {"statuses": [{"resting": {"oid": 28}}]}}},
    },
}
#: Exchange → where its requests name quantity, price and client id.
WORDS = {
    "binance": ("quantity", "price", "newClientOrderId"),
    "binanceusdm": ("quantity", "price", "newClientOrderId"),
    "bybit": ("qty", "price", "orderLinkId"),
    "okx": ("sz", "px", "clOrdId"),
    "kraken": ("volume", "price", "cl_ord_id"),
    "coinbase": ("base_size", "limit_price", "client_order_id"),
    "kucoin": ("size", "price", "clientOid"),
    "bitget": ("size", "price", "clientOid"),
    "gate": ("amount", "price", "text"),
    "hyperliquid": ("s", "p", "c"),
}


def sent_words(at: Desk) -> dict[str, Any]:
    """Every word of the last request and its value, whatever it is nested in."""
    body = at.answers.sent[-1].body
    found: dict[str, Any] = {}

    def walk(value: Any) -> None:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(each)
        if isinstance(value, dict):
            found.update({name: each for name, each in value.items() if not isinstance(each, dict | list)})

    request = json.loads(body) if body[:1] in "[{" else dict(parse_qsl(body))
    walk(request.get("action", request) if isinstance(request, dict) else request)
    return found


async def send(at: Desk, side: Side, quantity: str, price: str | None, symbol: str, **terms: Any) -> dict[str, Any]:
    for each in at.venue.symbols.values():
        at.venue.exchange.orderbooks[each] = {"asks": [[60000.0, 1.0]], "bids": [[59999.0, 1.0]]}
    at.reports.clear()
    await at.venue.submit(at.order(CLIENT_ID, symbol, side, quantity, price, **terms))
    refused = [report for report in at.reports if isinstance(report, e.OrderRejected)]
    assert not refused, refused[0].reason
    return sent_words(at)


@pytest.mark.parametrize("name", NAMES)
async def test_a_limit_order_leaves_with_its_quantity_its_price_and_its_client_id(name: str) -> None:
    async with desk(name, **TAKEN[name]) as at:
        words = await send(at, Side.BUY, "0.01", "60000", main_market(at))
        quantity, price, client_id = WORDS[name]
        assert Decimal(str(words[quantity])) == Decimal("0.01")
        assert Decimal(str(words[price])) == Decimal(60000)
        assert words[client_id] == WIRE.get(name, CLIENT_ID)


@pytest.mark.parametrize("name", NAMES)
async def test_a_market_order_to_buy_is_one_of_a_quantity_of_coins(name: str) -> None:
    """Some exchanges take money for it, and would read 0.01 as a hundredth of a dollar."""
    async with desk(name, **TAKEN[name]) as at:
        words = await send(at, Side.BUY, "0.01", None, main_market(at))
        quantity, price, client_id = WORDS[name]
        assert Decimal(str(words[quantity])) == Decimal("0.01")
        assert words[client_id] == WIRE.get(name, CLIENT_ID)
        by_limit = {"coinbase": "61200.01", "bitget": "61200.01", "gate": "61200.1", "hyperliquid": "61200.1"}
        if name in by_limit:  # it takes up to 2 % through the book, and does not rest
            assert abs(Decimal(str(words[price])) - Decimal(by_limit[name])) < 1
        assert words.get("tgtCcy", "base_ccy") == "base_ccy"  # OKX
        assert words.get("marketUnit", "baseCoin") == "baseCoin"  # Bybit


#: What bears the moment at which it was written, or signs it.
MOMENTS = {"deadline", "timestamp", "signature", "nonce", "r", "s", "v"}


@pytest.mark.parametrize("price", ["60000", None], ids=["limit", "market"])
@pytest.mark.parametrize("name", NAMES)
async def test_an_order_that_was_expected_leaves_as_it_does_without(name: str, price: str | None) -> None:
    async with desk(name, **TAKEN[name]) as at:
        plain = await send(at, Side.BUY, "0.01", price, main_market(at))
        address = at.answers.sent[-1].url.partition("?")[0]
        at.venue.own.forget(CLIENT_ID)
        at.answers.sent.clear()
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.01", price)
        at.venue.expect(order)
        assert not at.answers.sent, "nothing leaves before it is submitted"
        assert len(at.venue.prepared) == (name != "hyperliquid"), "its words bear a number of their own"
        assert all(one.begun is not None for one in at.venue.prepared.orders())
        await at.venue.submit(order)
        assert not len(at.venue.prepared)
        assert sent_words(at).keys() == plain.keys()
        moments = MOMENTS if name != "hyperliquid" else MOMENTS - {"s"}
        differ = {word for word, value in sent_words(at).items() if value != plain[word]}
        assert differ <= moments
        assert at.answers.sent[-1].url.partition("?")[0] == address
        assert sum(WIRE.get(name, CLIENT_ID) in sent.text for sent in at.answers.sent) == 1


async def test_what_has_to_be_asked_before_an_order_is_asked_when_it_is_submitted() -> None:
    """Bybit's class wants to know the kind of the account before the first order."""
    async with desk("bybit", **TAKEN["bybit"]) as at:
        order = at.order(CLIENT_ID, main_market(at), Side.BUY, "0.01", "60000")
        at.venue.expect(order)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not at.answers.sent
        await at.venue.submit(order)
        assert [sent.url.rpartition("/v5/")[2] for sent in at.answers.sent][-1] == "order/create"
        assert len(at.answers.sent) > 1


@pytest.mark.parametrize("name", ["binanceusdm", "bybit", "okx", "kucoin", "bitget", "gate", "hyperliquid"])
async def test_an_order_of_a_perpetual_counts_contracts_and_may_only_reduce(name: str) -> None:
    async with desk(name, **TAKEN[name]) as at:
        symbol = perp_market(at)
        assert symbol is not None
        quantity = "3" if name in SHORT else "0.03"
        words = await send(at, Side.SELL, quantity, "61000", symbol, reduce_only=True)
        told = words["size"] if name == "gate" else words[WORDS[name][0]]
        assert Decimal(str(told)) == (Decimal(-3) if name == "gate" else Decimal(quantity))
        reduces = {"hyperliquid": "r", "gate": "reduce_only"}.get(name, "reduceOnly")
        assert str(words[reduces]).lower() in ("true", "yes")


async def test_hyperliquid_s_account_signs_nothing_that_the_trader_did_not_ask_for() -> None:
    """ccxt would have it approve a fee for ccxt's authors on each trade, and name them as who referred it."""
    async with desk("hyperliquid", **TAKEN["hyperliquid"]) as at:
        await send(at, Side.BUY, "0.01", "60000", main_market(at))
        signed = [json.loads(sent.body)["action"] for sent in at.answers.sent if "/exchange" in sent.url]
        assert [action["type"] for action in signed] == ["order"]
        assert "builder" not in signed[0]


@pytest.mark.parametrize("name", ["okx", "bitget", "kucoin"])
async def test_an_order_names_the_margin_mode_of_the_set_up(name: str) -> None:
    async with desk(name, **TAKEN[name]) as at:
        at.venue.settings = msgspec.structs.replace(at.venue.settings, margin_mode="isolated")
        symbol = perp_market(at)
        assert symbol is not None
        words = await send(at, Side.SELL, "3" if name in SHORT else "0.03", "61000", symbol)
        assert str(words.get("marginMode", words.get("tdMode"))).lower() == "isolated"


async def test_an_order_of_kucoin_s_contracts_names_the_leverage_that_the_desk_has_set() -> None:
    """ccxt makes it 1 where it is not told."""
    async with desk("kucoin", **TAKEN["kucoin"]) as at:
        symbol = perp_market(at)
        assert symbol is not None
        at.venue.leverage_of = lambda _instrument: Decimal(7)
        assert (await send(at, Side.SELL, "3", "61000", symbol))["leverage"] == 7


async def test_what_is_long_and_short_at_once_is_told_and_not_called_flat() -> None:
    """An account in hedge mode: the desk knows the difference of the two, which is nothing here."""
    part = "position/list & =linear"
    answer = json.loads(json.dumps(ANSWERS["bybit"][part]))
    (short,) = answer["result"]["list"]
    answer["result"]["list"] = [short | {"positionIdx": 2}, short | {"side": "Buy", "positionIdx": 1}]
    async with desk("bybit", **{part: answer}) as at:
        told: list[str] = []
        at.venue.on_notice = lambda _level, sentence: told.append(sentence)
        assert await at.venue.positions() == {}
        assert await at.venue.positions() == {}
        (sentence,) = told
        assert "holds BTC/USDT:USDT long and short at once (hedge mode)" in sentence
        assert at.venue.unopened(True) == "BTC/USDT:USDT long and short at once, not touched"
        assert at.venue.unopened(False) == ""
