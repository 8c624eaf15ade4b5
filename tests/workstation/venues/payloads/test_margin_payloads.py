"""Leverage, margin mode and liquidation price of what each offered exchange answers, in the shape of its documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from answering import Desk, desk_on
from documented import ANSWERS
from payload_markets import MARKETS

from workstation.domain import events as e
from workstation.domain.margin import MarginMode, MarginTold
from workstation.venues.ccxt import margin_terms
from workstation.venues.contract import VenueError

#: Answers to what is asked beside the positions.
BESIDE: dict[str, dict[str, Any]] = {
    "binanceusdm": {
        "symbolConfig": [
            {
                "symbol": "BTCUSDT",
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": 10,
                "maxNotionalValue": "1000000",
            }
        ]
    },
    "bybit": {
        "v5/account/info": {
            "retCode": 0,
            "result": {"marginMode": "REGULAR_MARGIN", "updatedTime": "1723481446000", "unifiedMarginStatus": 5},
        }
    },
}
#: Of an instrument without a position.
FLAT: dict[str, dict[str, Any]] = {
    "okx": {
        "account/positions": {"code": "0", "data": []},
        "account/leverage-info": {
            "code": "0",
            "data": [{"instId": "BTC-USDT-SWAP", "lever": "5.00000000", "mgnMode": "cross", "posSide": "net"}],
        },
    },
    "bitget": {
        "mix/position/all-position": {"code": "00000", "data": []},
        "mix/account/account": {
            "code": "00000",
            "data": {
                "marginCoin": "USDT",
                "crossedMarginLeverage": 5,
                "isolatedLongLever": 20,
                "isolatedShortLever": 20,
                "marginMode": "crossed",
                "posMode": "one_way_mode",
            },
        },
    },
    "bybit": {
        "v5/account/info": {"retCode": 0, "result": {"marginMode": "ISOLATED_MARGIN"}},
        "position/list & =linear": {"retCode": 0, "result": {"category": "linear", "list": []}},
        "position/list & =linear & symbol=BTCUSDT": {
            "retCode": 0,
            "result": {
                "category": "linear",
                "list": [{"symbol": "BTCUSDT", "side": "", "size": "0", "leverage": "5", "positionIdx": 0}],
            },
        },
    },
    "gate": {
        "futures/usdt/positions": [],
        "futures/usdt/positions/BTC_USDT": {
            "contract": "BTC_USDT",
            "size": 0,
            "leverage": "0",
            "cross_leverage_limit": "5",
            "liq_price": "0",
            "mode": "single",
        },
    },
    "hyperliquid": {
        '"clearinghouseState"': ANSWERS["hyperliquid"]['"clearinghouseState"'] | {"assetPositions": []},
    },
}
#: Contracts of the short position, which is 0.3 BTC everywhere, and the liquidation price that is told of it.
SHORT = {"okx": "-30", "kucoin": "-300", "gate": "-3000"}
LIQUIDATION = {"binanceusdm": Decimal(300_000)}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin_terms, "_PAUSE", 0.0)


async def told_by(name: str, answers: dict[str, Any]) -> tuple[Desk, dict[str, MarginTold]]:
    at = await desk_on(name, ANSWERS[name] | answers, MARKETS[name])
    try:
        return at, await at.venue.margin_told([each.id for each in at.venue.markets.values() if not each.is_spot])
    finally:
        await at.venue.exchange.close()


@pytest.mark.parametrize("name", sorted(ANSWERS))
async def test_of_a_position(name: str) -> None:
    at, found = await told_by(name, BESIDE.get(name, {}))
    ours = [each.id for each in at.venue.markets.values() if not each.is_spot]
    assert sorted(found) == sorted(ours)
    held = [word for word in found.values() if word.quantity]
    if not ours:
        return
    quantity, at_price = Decimal(SHORT.get(name, "-0.3")), LIQUIDATION.get(name)
    assert held == [MarginTold(leverage=Decimal(10), mode=MarginMode.CROSS, quantity=quantity, liquidation=at_price)]


async def test_what_is_learnt_first_does_not_wait_for_the_rest() -> None:
    at = await desk_on("bybit", ANSWERS["bybit"] | BESIDE["bybit"], MARKETS["bybit"])
    heard: list[str] = []
    at.venue.on_margin = lambda instrument, _word: heard.append(f"{instrument} after {len(at.answers.sent)}")
    ours = [each for each in at.venue.markets.values() if not each.is_spot]
    try:
        await at.venue.margin_told([each.id for each in ours])
        assert len(ours) > 1
        assert heard[0] == f"{next(each.id for each in ours if not each.is_inverse)} after {len(at.answers.sent) - 1}"
    finally:
        await at.venue.exchange.close()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("okx", MarginTold(leverage=Decimal(5), mode=MarginMode.CROSS)),
        ("bitget", MarginTold(leverage=Decimal(5), mode=MarginMode.CROSS)),
        ("bybit", MarginTold(leverage=Decimal(5), mode=MarginMode.ISOLATED)),
        ("gate", MarginTold(leverage=Decimal(5), mode=MarginMode.CROSS)),
        ("hyperliquid", MarginTold()),
    ],
)
async def test_of_an_instrument_without_one(name: str, wanted: MarginTold) -> None:
    _, found = await told_by(name, FLAT[name])
    assert wanted in found.values()


@pytest.mark.parametrize(
    ("name", "mode", "asked", "words"),
    [
        ("gate", MarginMode.CROSS, "POST & /leverage", ("cross_leverage_limit=7", "leverage=0")),
        ("gate", MarginMode.ISOLATED, "POST & /leverage", ("leverage=7",)),
        ("hyperliquid", MarginMode.ISOLATED, '"type":"updateLeverage"', ('"isCross":false', '"leverage":7')),
        ("okx", MarginMode.CROSS, "account/set-leverage", ('"mgnMode":"cross"', '"lever":7')),
    ],
)
async def test_a_leverage_is_set_for_the_mode_that_the_exchange_has(
    name: str, mode: MarginMode, asked: str, words: tuple[str, ...]
) -> None:
    """ccxt takes Gate's contracts out of cross margin by it, and Hyperliquid's into it, where it is told no mode."""
    at = await desk_on(name, ANSWERS[name] | {asked: {"code": "0", "data": []}}, MARKETS[name])
    perp = next(each.id for each in at.venue.markets.values() if not each.is_spot)
    at.venue.modes[perp] = mode
    booked: list[e.VenueEntry] = []
    at.venue.on_entry = booked.append
    try:
        await at.venue.set_leverage(perp, Decimal(7))
        assert all(word in at.answers.sent[-1].text.replace(" ", "") for word in words), at.answers.sent[-1].text
        (entry,) = booked
        assert isinstance(entry, e.LeverageChanged)
        assert entry.leverage == 7
    finally:
        await at.venue.exchange.close()


async def test_where_orders_name_their_margin_mode_it_is_the_config_s() -> None:
    at = await desk_on("okx", ANSWERS["okx"], MARKETS["okx"])
    perp = next(each.id for each in at.venue.markets.values() if not each.is_spot)
    try:
        with pytest.raises(VenueError, match='margin_mode = "isolated" in the venue\'s table'):
            await at.venue.set_margin_mode(perp, MarginMode.ISOLATED)
        assert not at.answers.sent
    finally:
        await at.venue.exchange.close()
