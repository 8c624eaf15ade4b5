"""Coins of an account that no market of the desk trades do not count, and take no breaker with them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from tests.support.desk import demo_desk
from workstation.domain.events import (
    AccountEvent,
    BalanceAdjusted,
    EquityMarked,
    OrderEvent,
    OrderFilled,
    TradingState,
)
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.order import Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.portfolio import Portfolio

DAY = 86_400_000_000_000

SPOT = Instrument(venue="LOOP", symbol="BTC-USDT", base="BTC", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))
ETH = Instrument(venue="LOOP", symbol="ETH-USDT", base="ETH", quote="USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))
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


# What counted once is never left out silently.


def restarted(*journal: AccountEvent | OrderEvent) -> TradingCore:
    """A desk that lists other markets than the one that wrote the journal."""
    core = TradingCore([ETH], MarketData([ETH]), RiskLimits())
    core.fold(journal)
    return core


OPENING = (
    BalanceAdjusted(ts=1, venue="LOOP", currency="USDT", amount=Decimal(1_000), reason="opening balance"),
    BalanceAdjusted(ts=1, venue="LOOP", currency="BTC", amount=Decimal(2), reason="opening balance"),
    BalanceAdjusted(ts=1, venue="LOOP", currency="BNB", amount=Decimal(3), reason="opening balance"),
)


def marked(**terms: tuple[str, ...]) -> EquityMarked:
    peak = Decimal(101_000)
    return EquityMarked(ts=2, peak=peak, day=0, day_start=peak, reason="first valuation", **terms)


def test_a_coin_that_the_last_mark_valued_is_missing_when_its_market_leaves_the_list() -> None:
    equity = restarted(*OPENING, marked(valued=("BTC", "USDT"))).portfolio.equity(price)
    assert (equity.unpriced, equity.left_out) == (("BTC",), ("BNB",))


def test_a_mark_of_an_older_desk_valued_everything_that_was_held() -> None:
    old = msgspec.json.decode(
        '{"type":"equity_marked","ts":2,"peak":"101000","day":0,"day_start":"101000","reason":"first valuation"}',
        type=EquityMarked,
    )
    assert restarted(*OPENING[:2], old).portfolio.equity(price).unpriced == ("BTC",)


def test_a_coin_of_a_market_that_was_traded_is_missing_too() -> None:
    fill = Fill(
        trade_id="1", client_id="a", instrument=SPOT.id, side=Side.BUY, quantity=Decimal(1), price=Decimal(50_000),
        fee=Decimal(0), fee_currency="USDT", liquidity=Liquidity.TAKER, ts=3,
    )  # fmt: skip
    core = restarted(OPENING[0], marked(valued=("USDT",)), OrderFilled(client_id="a", ts=3, fill=fill))
    core.apply_account(msgspec.structs.replace(OPENING[1], ts=4, reason="correction to what the venue shows"))
    assert core.portfolio.equity(price).unpriced == ("BTC",)


async def test_a_restart_with_fewer_symbols_neither_halts_nor_flattens(tmp_path: Path) -> None:
    """A start after which the venue's other half has no market: the worth is not known, no breaker judges by half."""
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await desk.run(1.0)
        core, venue = engine.core, next(iter(engine.venues))
        worth = engine.equity()
        gone = BalanceAdjusted(ts=desk.clock.now(), venue=venue, currency="GONE", amount=Decimal(7), reason="fee")
        core.apply_account(gone)
        now = desk.clock.now()
        core.apply_account(
            EquityMarked(
                ts=now, peak=worth * 2, day=now // DAY, day_start=worth * 2, reason="new day", valued=("GONE",)
            )
        )
        await desk.run(5.0)
        assert (engine.trading_state, core.breakers.active(desk.clock.now())) == (TradingState.ACTIVE, [])
        said = [entry.text for entry in engine.log.entries if "GONE" in entry.text]
        assert len(said) == 1
        assert "no breaker of losses judges" in said[0]
        # it is moved away: what it was worth cannot be told, so losses are measured from what is there now
        core.apply_account(msgspec.structs.replace(gone, amount=Decimal(-7), reason="withdrawal"))
        await desk.run(5.0)
        assert (engine.trading_state, core.breakers.active(desk.clock.now())) == (TradingState.ACTIVE, [])
        marks = core.breakers.marks
        assert marks is not None
        assert marks.peak == engine.equity()
