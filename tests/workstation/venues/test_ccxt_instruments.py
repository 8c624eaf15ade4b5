"""ccxt's markets as instruments: steps in every precision mode, contracts, names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from workstation.domain.instrument import ContractType
from workstation.venues.ccxt.instruments import (
    NoInstrument,
    changed_terms,
    desk_symbol,
    exact,
    instrument_of,
    market_named,
    step,
)

TICK_SIZE, DECIMAL_PLACES, SIGNIFICANT_DIGITS = 4, 2, 3


def market(**terms: Any) -> dict[str, Any]:
    spot = {
        "id": "BTCUSDT",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "spot": True,
        "precision": {"price": 0.01, "amount": 1e-05},
        "limits": {"amount": {"min": 1e-05}, "cost": {"min": 5.0}},
        "maker": 0.001,
        "taker": 0.001,
    }
    return spot | terms


def perpetual(**terms: Any) -> dict[str, Any]:
    return market(
        **{
            "symbol": "BTC/USDT:USDT",
            "spot": False,
            "swap": True,
            "contract": True,
            "linear": True,
            "settle": "USDT",
            "contractSize": 0.001,
        }
        | terms
    )


def test_spot() -> None:
    found = instrument_of("BINANCE", market(), TICK_SIZE)
    assert found.id == "BINANCE:BTC-USDT"
    assert (found.tick, found.lot) == (Decimal("0.01"), Decimal("0.00001"))
    assert (found.min_quantity, found.min_notional) == (Decimal("0.00001"), 5)
    assert found.is_spot
    assert found.multiplier == 1


def test_a_linear_perpetual_has_its_contract_size() -> None:
    found = instrument_of("OKX", perpetual(), TICK_SIZE)
    assert found.id == "OKX:BTC-USDT-PERP"
    assert found.contract is ContractType.LINEAR
    assert found.multiplier == Decimal("0.001")
    assert found.settlement == "USDT"


def test_an_inverse_perpetual_settles_in_its_base() -> None:
    terms = {"symbol": "BTC/USD:BTC", "quote": "USD", "linear": False, "inverse": True, "settle": "BTC"}
    found = instrument_of("BYBIT", perpetual(contractSize=1, **terms), TICK_SIZE)
    assert found.id == "BYBIT:BTC-USD-PERP"
    assert found.contract is ContractType.INVERSE
    assert found.settlement == "BTC"


def test_dated_futures_and_other_settlements_have_names_of_their_own() -> None:
    dated = perpetual(symbol="BTC/USDT:USDT-261225", swap=False, future=True)
    assert desk_symbol(dated) == "BTC-USDT-261225"
    assert desk_symbol(perpetual(symbol="BTC/USD:USDC", quote="USD", settle="USDC")) == "BTC-USD-USDC-PERP"


@pytest.mark.parametrize(
    ("value", "mode", "expected"),
    [
        (0.01, TICK_SIZE, "0.01"),
        ("0.00000100", TICK_SIZE, "0.00000100"),
        (1e-08, TICK_SIZE, "1E-8"),
        (5, TICK_SIZE, "5"),
        (2, DECIMAL_PLACES, "0.01"),
        (0, DECIMAL_PLACES, "1"),
        (-1, DECIMAL_PLACES, "1E+1"),
    ],
)
def test_steps(value: Any, mode: int, expected: str) -> None:
    assert step(value, mode) == Decimal(expected)


def test_significant_digits_depend_on_the_price() -> None:
    assert step(5, SIGNIFICANT_DIGITS, Decimal("64123")) == Decimal("1")
    assert step(5, SIGNIFICANT_DIGITS, Decimal("0.64123")) == Decimal("0.00001")
    assert step(5, SIGNIFICANT_DIGITS) is None


def test_what_cannot_be_traded_is_said() -> None:
    with pytest.raises(NoInstrument, match="option"):
        instrument_of("OKX", market(option=True), TICK_SIZE)
    with pytest.raises(NoInstrument, match="no tick"):
        instrument_of("OKX", market(precision={"amount": 1}), TICK_SIZE)


def test_floats_become_the_decimals_that_were_meant() -> None:
    assert exact(0.1) == Decimal("0.1")
    assert exact(1e-07) == Decimal("1E-7")
    assert exact("12.50") == Decimal("12.50")
    assert exact(float("nan")) is None
    assert exact(None) is None
    assert exact("abc") is None


def test_markets_are_found_by_any_of_their_names() -> None:
    markets = {"BTC/USDT": market(), "BTC/USDT:USDT": perpetual()}
    for name in ("BTC/USDT", "BTC-USDT", "btc-usdt", "BTCUSDT"):
        assert market_named(markets, name) is markets["BTC/USDT"]
    for name in ("BTC/USDT:USDT", "BTC-USDT-PERP"):
        assert market_named(markets, name) is markets["BTC/USDT:USDT"]
    assert market_named(markets, "ETH-USDT") is None


def test_changed_terms_are_named_but_fees_are_none() -> None:
    old = instrument_of("BINANCE", market(), TICK_SIZE)
    new = instrument_of("BINANCE", market(precision={"price": 0.1, "amount": 1e-05}, maker=0.0), TICK_SIZE)
    assert changed_terms(old, new) == ["tick"]
