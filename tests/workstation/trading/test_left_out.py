"""Coins of an account that no market of the desk trades do not count, and take no breaker with them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.support.desk import demo_desk
from workstation.domain.events import BalanceAdjusted
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.trading.portfolio import Portfolio

SPOT = Instrument(venue="LOOP", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))
INVERSE = Instrument(
    venue="LOOP", symbol="XRP-USD-PERP", base="XRP", quote="USD", tick=Decimal("0.1"), lot=Decimal(1),
    contract=ContractType.INVERSE,
)  # fmt: skip


def portfolio(*instruments: Instrument, **balances: int) -> Portfolio:
    found = Portfolio(instruments, "USDT")
    for currency, amount in balances.items():
        found.adjust(
            BalanceAdjusted(ts=1, venue="LOOP", currency=currency, amount=Decimal(amount), reason="opening balance")
        )
    return found


def price(_instrument: InstrumentId) -> Decimal:
    return Decimal(50_000)


def test_the_worth_is_known_without_them_and_they_are_named() -> None:
    equity = portfolio(SPOT, USDT=1_000, BTC=1, BNB=3).equity(price)
    assert (equity.total, equity.unpriced, equity.left_out) == (51_000, (), ("BNB",))


def test_a_coin_whose_market_has_no_price_yet_is_no_such_coin() -> None:
    equity = portfolio(SPOT, USDT=1_000, BTC=1).equity(lambda _: None)
    assert (equity.unpriced, equity.left_out) == (("BTC",), ())


def test_money_in_which_a_contract_settles_is_none_either() -> None:
    equity = portfolio(INVERSE, XRP=100).equity(lambda _: None)
    assert (equity.unpriced, equity.left_out) == (("XRP",), ())


async def test_breakers_judge_and_the_equity_is_kept_though_the_account_holds_one(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await desk.run(1.0)
        venue = next(iter(engine.venues))
        engine.core.apply_account(
            BalanceAdjusted(ts=desk.clock.now(), venue=venue, currency="DUST", amount=Decimal(7), reason="deposit")
        )
        assert engine.risk._flow() == 0
        assert engine.risk._equity() == engine.equity()
        assert engine.equity_detail().left_out == ("DUST",)
