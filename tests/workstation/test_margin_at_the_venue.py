"""Leverage and margin mode are the exchange's: read with the comparison, and not known until it tells them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.venues.ccxt.margin_terms import told_of
from workstation.venues.ccxt.venue import CcxtVenue

PERP: InstrumentId = "LOOP:BTC-USDT-PERP"


@pytest.fixture(params=["binanceusdm", "bybit"])
def exchange(request: pytest.FixtureRequest) -> Iterator[LoopbackExchange]:
    with LoopbackExchange(request.param, logins=[Login(balances=RICH)], seed=None) as each:
        Hand(each)  # a book to trade with
        yield each


def set_there(exchange: LoopbackExchange, leverage: int, mode: MarginMode) -> None:
    """At the exchange's own page."""

    def change() -> None:
        books, now = exchange.floor.account().books, exchange.clock.now()
        books.set_margin_mode(PERP, mode, now)
        books.set_leverage(PERP, Decimal(leverage), now)

    exchange.do(change)


def liquidated_at(exchange: LoopbackExchange, price: str) -> None:
    exchange.do(lambda: exchange.floor.account().liquidation_prices.update({PERP: Decimal(price)}))


async def buy(engine: Engine) -> None:
    await engine.submit(OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET))
    await until(lambda: engine.position(PERP).quantity == Decimal("0.1"), say=lambda: told(engine))


async def test_what_was_set_at_the_exchange_is_read_at_the_start(exchange: LoopbackExchange, tmp_path: Path) -> None:
    set_there(exchange, 8, MarginMode.ISOLATED)
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
        found = engine.margin(PERP)
        assert (found.leverage, found.mode, found.known) == (8, MarginMode.ISOLATED, True), told(engine)
        await buy(engine)
        found = engine.margin(PERP)
        assert found.liquidation is not None
        assert found.distance is not None
        assert found.distance < Decimal("0.15")
        kinds = {each.kind for each in engine.comparisons.differences}
        assert {"leverage", "margin mode"} <= kinds


async def test_a_change_at_the_exchange_is_told_and_its_liquidation_price_goes_first(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with live_desk_on(exchange, tmp_path, compare_seconds=0.5) as engine:
        set_there(exchange, 7, MarginMode.CROSS)
        await until(lambda: engine.margin(PERP).leverage == 7, say=lambda: told(engine))
        assert any("leverage 7" in each.text and "changed at the exchange" in each.text for each in engine.log.entries)
        liquidated_at(exchange, "61234.5")
        await buy(engine)
        await until(lambda: engine.margin(PERP).liquidation == Decimal("61234.5"), say=lambda: told(engine))
        assert engine.margin(PERP).distance is not None


async def test_what_the_exchange_does_not_tell_is_not_known(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: CcxtVenue) -> dict[InstrumentId, object]:
        return {PERP: told_of([], {})}

    monkeypatch.setattr(CcxtVenue, "margin_told", silent)
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
        await buy(engine)
        found = engine.margin(PERP)
        assert (found.known, found.liquidation, found.distance) == (False, None, None)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (  # OKX
            {"contracts": 2.0, "side": "long", "leverage": 5.0, "marginMode": "isolated", "liquidationPrice": 50000.5},
            (5, "isolated", 2, "50000.5"),
        ),
        (  # Gate: cross margin, whose leverage it shows as 0
            {"contracts": 2.0, "side": "short", "leverage": 0.0, "marginMode": "cross", "liquidationPrice": None},
            (None, "cross", -2, None),
        ),
        (  # Deribit: no word of either
            {"contracts": 3.0, "side": "long", "leverage": None, "marginMode": None, "liquidationPrice": 0.0},
            (None, None, 3, None),
        ),
    ],
)
def test_unified_positions_of_others(shown: dict[str, object], wanted: tuple[object, ...]) -> None:
    found = told_of([shown], {})
    at = None if found.liquidation is None else str(found.liquidation)
    assert (found.leverage, found.mode, found.quantity, at) == wanted


def test_both_sides_of_a_hedge_have_no_one_leverage() -> None:
    long = {"contracts": 1.0, "side": "long", "leverage": 5.0, "marginMode": "cross", "liquidationPrice": 1.0}
    short = {"contracts": 1.0, "side": "short", "leverage": 9.0, "marginMode": "cross", "liquidationPrice": 9.0}
    found = told_of([long, short], {})
    assert (found.leverage, found.liquidation, found.known) == (None, None, False)
