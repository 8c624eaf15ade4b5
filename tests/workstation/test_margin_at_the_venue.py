"""Leverage and margin mode are the exchange's: read with the comparison, and not known until it tells them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, proven, told, until
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
        account, now = exchange.floor.account(), exchange.clock.now()
        if account.books.account.margin.setting(account.floor.instruments[PERP]).mode is not mode:
            account.tell(account.took(account.books.set_margin_mode(PERP, mode, now)))
        account.tell(account.took(account.books.set_leverage(PERP, Decimal(leverage), now)))

    exchange.do(change)


def liquidated_at(exchange: LoopbackExchange, price: str) -> None:
    exchange.do(lambda: exchange.floor.account().liquidation_prices.update({PERP: Decimal(price)}))


BUY = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)


async def buy(engine: Engine) -> None:
    await engine.submit(BUY)
    await until(lambda: engine.position(PERP).quantity == Decimal("0.1"), say=lambda: told(engine))


def warned(engine: Engine) -> list[str]:
    return [each.text for each in engine.log.entries if each.level in ("warning", "error") and "margin" in each.text]


@pytest.mark.slow
async def test_what_was_set_at_the_exchange_is_read_at_the_start(exchange: LoopbackExchange, tmp_path: Path) -> None:
    set_there(exchange, 8, MarginMode.ISOLATED)
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
        found = engine.margin(PERP)
        assert (found.leverage, found.mode, found.known) == (8, MarginMode.ISOLATED, True), told(engine)
        assert not engine.comparisons.differences, "what the desk has never known is none"
        assert not warned(engine)
        await buy(engine)
        found = engine.margin(PERP)
        assert found.liquidation is not None
        assert found.distance is not None
        assert found.distance < Decimal("0.15")
        assert found.initial == found.value / 8
        assert found.reckoned, "the exchange has told no price of its own"
        assert engine.preview(BUY).leverage == 8
    set_there(exchange, 3, MarginMode.ISOLATED)
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
        assert engine.margin(PERP).leverage == 3
        assert [each.kind for each in engine.comparisons.differences] == ["leverage"], "it was changed meanwhile"


@pytest.mark.slow
async def test_a_change_at_the_exchange_is_told_once_and_its_liquidation_price_goes_first(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with live_desk_on(exchange, tmp_path, compare_seconds=0.5) as engine:
        set_there(exchange, 7, MarginMode.CROSS)
        await until(lambda: engine.margin(PERP).leverage == 7, say=lambda: told(engine))
        liquidated_at(exchange, "61234.5")
        await buy(engine)
        await until(lambda: engine.margin(PERP).liquidation == Decimal("61234.5"), say=lambda: told(engine))
        found = engine.margin(PERP)
        assert found.distance is not None
        assert not found.reckoned
        assert [each.kind for each in engine.comparisons.differences] == ["leverage"]
        assert [each for each in told(engine, 99).splitlines() if "changed at the exchange" in each] == [
            f"warning account: {PERP}: leverage 7 at LOOP, the desk had 10: changed at the exchange."
        ]


async def test_streams_tell_of_it_at_once_and_what_the_desk_set_is_no_difference(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """No comparison comes in this test."""
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
        await engine.set_leverage(PERP, Decimal(4))
        assert engine.margin(PERP).leverage == 4
        liquidated_at(exchange, "61234.5")
        await buy(engine)
        assert not engine.comparisons.differences
        set_there(exchange, 9, MarginMode.CROSS)
        await until(lambda: engine.margin(PERP).leverage == 9, say=lambda: told(engine))
        assert [each.kind for each in engine.comparisons.differences] == ["leverage"]
        if exchange.name == "bybit":  # its positions are streamed whole
            await until(lambda: engine.margin(PERP).liquidation == Decimal("61234.5"), say=lambda: told(engine))


@pytest.mark.slow
async def test_no_order_waits_for_it_and_what_is_not_known_yet_counts_as_one(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    set_there(exchange, 20, MarginMode.CROSS)
    place = "rest GET /fapi/v1/symbolConfig" if exchange.name == "binanceusdm" else "rest GET /v5/account/info"
    hold = exchange.faults.hold(place, "arrived")
    async with live_desk_on(exchange, tmp_path, compare_seconds=600.0, wait=False) as engine:
        await until(lambda: proven(engine), 60)
        assert not engine.margin(PERP).known
        assert engine.preview(BUY).margin_known is False
        too_much = msgspec.structs.replace(BUY, quantity=Decimal(2))  # 128,000 of 100,000
        assert any("counted as 1" in each.sentence for each in engine.preview(too_much).verdicts if not each.ok)
        await buy(engine)
        found = engine.margin(PERP)
        assert (found.known, found.liquidation, found.distance) == (False, None, None)
        assert found.initial == found.value
        hold.release()
        await until(lambda: engine.margin(PERP).known, say=lambda: told(engine))
        assert all(each.ok for each in engine.preview(too_much).verdicts if each.check == "buying power")


@pytest.mark.slow
async def test_what_the_exchange_does_not_tell_is_not_known_and_said_once(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = []

    async def silent(self: CcxtVenue, wanted: object) -> dict[InstrumentId, object]:
        readings.append(wanted)
        return {PERP: told_of([], {})}

    monkeypatch.setattr(CcxtVenue, "margin_told", silent)
    async with live_desk_on(exchange, tmp_path, compare_seconds=0.3) as engine:
        await buy(engine)
        count = len(readings)
        await until(lambda: len(readings) > count + 3)
        found = engine.margin(PERP)
        assert (found.known, found.liquidation, found.distance) == (False, None, None)
        assert len(warned(engine)) == 1
        await engine.set_leverage(PERP, Decimal(4))
        assert engine.core.portfolio.margin.told[PERP].leverage == 4, "the exchange has taken it: it is known"


@pytest.mark.slow
async def test_one_answer_that_is_lost_is_nothing_two_are(exchange: LoopbackExchange, tmp_path: Path) -> None:
    place = "rest GET /fapi/v1/symbolConfig" if exchange.name == "binanceusdm" else "rest GET /v5/account/info"
    set_there(exchange, 6, MarginMode.CROSS)
    async with live_desk_on(exchange, tmp_path, compare_seconds=1.5) as engine:
        compared = engine.comparisons.margin
        exchange.faults.script(place, Fault(Kind.STATUS, status=503), times=1)
        await until(lambda: compared._failed)
        assert engine.margin(PERP).known
        await until(lambda: not compared._failed)
        exchange.faults.script(place, Fault(Kind.STATUS, status=503), times=4)
        await until(lambda: not engine.margin(PERP).known)
        await until(lambda: engine.margin(PERP).known)
        assert len(warned(engine)) == 1, told(engine)


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
        (  # Gate, as its own words have it
            {
                "contracts": 2.0,
                "side": "short",
                "leverage": 0.0,
                "marginMode": "cross",
                "liquidationPrice": 99.0,
                "info": {"leverage": "0", "cross_leverage_limit": "12"},
            },
            (12, "cross", -2, "99.0"),
        ),
        (  # KuCoin: its real leverage moves with the price and is no setting
            {
                "contracts": 1.0,
                "side": "long",
                "leverage": 25.92,
                "marginMode": "isolated",
                "liquidationPrice": 7.0,
                "info": {"realLeverage": 25.92},
            },
            (None, "isolated", 1, "7.0"),
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
