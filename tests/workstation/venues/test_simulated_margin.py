"""Margin at the simulated venue: leverage, modes, funding, liquidation, borrowed coins, each surviving a restart."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venue_desk import VenueDesk
from venue_market import PERP as PLAIN_PERP
from venue_market import SPOT as PLAIN_SPOT
from venue_market import START, HandMarket

from workstation.clock import SECOND, SimClock
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.margin import MarginMode, tiers
from workstation.domain.market import MarkPrice
from workstation.domain.numbers import add
from workstation.domain.position import Position, apply_fill
from workstation.venues.contract import VenueError
from workstation.venues.simulated import SimulatedVenue
from workstation.venues.simulated_ledger import Ledger, SqliteLedger

D = Decimal
HOUR = 3_600 * SECOND
PERP = msgspec.structs.replace(
    PLAIN_PERP,
    maker_fee=D(0),
    taker_fee=D(0),
    tiers=tiers([(D(50_000), D("0.004"), D(100)), (None, D("0.02"), D(20))]),
)
SPOT = msgspec.structs.replace(
    PLAIN_SPOT,
    maker_fee=D(0),
    taker_fee=D(0),
    tiers=tiers([(None, D("0.1"), D(5))]),
    borrow_rate=D("0.001"),
)
INVERSE = Instrument(
    venue="NOVA",
    symbol="BTCUSD-PERP",
    base="BTC",
    quote="USD",
    tick=D("0.1"),
    lot=D(1),
    contract=ContractType.INVERSE,
    multiplier=D(100),
    leverage=D(10),
    tiers=tiers([(None, D("0.005"), D(50))]),
)
BOOK = {"999.9": "1000"}, {"1000": "1000"}


class Bench:
    """A venue with money, a desk that listens, and a hand that moves mark prices."""

    def __init__(self, money: dict[str, str], ledger: Ledger | Path | None = None, at: int = START) -> None:
        self.clock = SimClock(at)
        opening = {currency: D(amount) for currency, amount in money.items()}
        self.venue = SimulatedVenue("NOVA", [SPOT, PERP, INVERSE], self.clock, opening, ledger=ledger, session="s")
        self.desk = VenueDesk(self.venue, self.clock)
        self.market = HandMarket(self.clock, self.venue.feed)
        self.entries: list[e.VenueEntry] = []
        self.venue.on_entry = self._on_entry

    def _on_entry(self, entry: e.VenueEntry) -> None:
        self.entries.append(entry)
        if isinstance(entry, e.PositionLiquidated):
            self.desk.orders[entry.order.client_id] = entry.order

    async def begin(self) -> Bench:
        await self.desk.connect()
        for instrument in (SPOT, PERP, INVERSE):
            self.market.book(instrument, *BOOK)
        self.mark(PERP, "1000")
        return self

    def mark(
        self, instrument: Instrument, price: str, rate: str | None = None, due: int | None = None, at: int | None = None
    ) -> None:
        if at is not None:
            self.clock.advance_to(at)
        funding = None if rate is None else D(rate)
        self.venue.feed(MarkPrice(instrument.id, self.clock.now(), D(price), funding, due))

    async def balance(self, currency: str = "USDT") -> Decimal:
        return (await self.venue.balances()).get(currency, D(0))

    def of[T: e.VenueEntry](self, kind: type[T]) -> list[T]:
        return [entry for entry in self.entries if isinstance(entry, kind)]


async def bench(money: str = "1000", **parts: object) -> Bench:
    return await Bench({"USDT": money}, **parts).begin()  # type: ignore[arg-type]


# Leverage and mode


async def test_leverage_decides_what_an_order_needs() -> None:
    one = await bench("100")
    assert one.desk.said(await one.desk.buy(PERP, "1", "990")) == ["accepted"]  # 99 at 10×
    await one.desk.venue.cancel_all()
    await one.venue.set_leverage(PERP.id, D(5))
    rejected = await one.desk.buy(PERP, "1", "990")
    assert one.desk.said(rejected) == ["rejected"]
    assert "needs a margin of 198" in one.desk.reason(rejected)
    await one.venue.set_leverage(PERP.id, D(20))
    assert one.desk.said(await one.desk.buy(PERP, "2", "990")) == ["accepted"]
    assert [entry.leverage for entry in one.of(e.LeverageChanged)] == [5, 20]


async def test_leverage_beyond_what_the_venue_allows_is_refused() -> None:
    one = await bench("100000")
    for wrong in ("0", "101", "2.5"):
        with pytest.raises(VenueError, match="whole number from 1 to 100"):
            await one.venue.set_leverage(PERP.id, D(wrong))
    await one.venue.set_leverage(PERP.id, D(50))
    assert "may be worth 50000" in one.desk.reason(await one.desk.buy(PERP, "51", "1000"))
    await one.desk.buy(PERP, "50", "1000")
    poor = await bench("1100")
    await poor.desk.buy(PERP, "10")
    with pytest.raises(VenueError, match="more of margin"):
        await poor.venue.set_leverage(PERP.id, D(5))


async def test_the_margin_mode_changes_only_without_position_and_orders() -> None:
    one = await bench()
    await one.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    await one.desk.buy(PERP, "1")
    with pytest.raises(VenueError, match="close it first"):
        await one.venue.set_margin_mode(PERP.id, MarginMode.CROSS)
    await one.desk.sell(PERP, "1")
    await one.desk.buy(PERP, "1", "900")
    with pytest.raises(VenueError, match="cancel them first"):
        await one.venue.set_margin_mode(PERP.id, MarginMode.CROSS)
    with pytest.raises(VenueError, match="spot"):
        await one.venue.set_margin_mode(SPOT.id, MarginMode.ISOLATED)


# Liquidation


async def test_an_isolated_long_is_liquidated_at_its_price_and_not_before() -> None:
    """1 at 1,000 with 100: 100 + p − 1,000 = 0.004·p → 903.61; the money left over stays with the trader."""
    one = await bench()
    await one.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    await one.desk.buy(PERP, "1")
    resting = await one.desk.sell(PERP, "1", "1100", reduce_only=True)
    one.mark(PERP, "903.7")
    assert not one.of(e.PositionLiquidated)
    one.mark(PERP, "903.6")
    (liquidated,) = one.of(e.PositionLiquidated)
    assert (liquidated.mark, liquidated.bankruptcy) == (D("903.6"), 900)
    assert liquidated.order.origin == e.LIQUIDATION
    assert one.desk.said(resting) == ["accepted", "canceled"]
    assert one.desk.fills(liquidated.order.client_id) == [(D(1), D("903.6"))]
    assert await one.venue.positions() == {}
    assert await one.balance() == D(1000) - D("96.4")
    assert not one.of(e.InsuranceCovered)


async def test_an_isolated_position_never_loses_more_than_its_margin_however_the_price_gaps() -> None:
    one = await bench()
    await one.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    await one.desk.sell(PERP, "1")
    one.mark(PERP, "1500")
    (covered,) = one.of(e.InsuranceCovered)
    assert covered.amount == D("500.1") - D("99.99")
    assert await one.balance() == D(1000) - D("99.99")


async def test_cross_positions_stand_and_fall_with_the_whole_balance() -> None:
    """2 at 1,000 with 500: 500 + 2·(p − 1,000) = 0.004·2·p → p = 1,500 / 1.992 = 753.01."""
    one = await bench("500")
    await one.desk.buy(PERP, "2")
    one.mark(PERP, "753.1")
    assert not one.of(e.PositionLiquidated)
    one.mark(PERP, "753")
    (liquidated,) = one.of(e.PositionLiquidated)
    assert liquidated.bankruptcy == 750
    assert await one.balance() == 6


async def test_a_gap_beyond_bankruptcy_empties_a_cross_account_and_no_more() -> None:
    one = await bench("500")
    await one.desk.buy(PERP, "2")
    one.mark(PERP, "700")
    assert await one.balance() == 0
    assert [entry.amount for entry in one.of(e.InsuranceCovered)] == [100]


async def test_an_inverse_long_is_liquidated_in_its_coin() -> None:
    """100 contracts of 100 USD at 1,000 = 10 BTC with 1 BTC isolated: p = 10,000·1.005 / 11 = 913.64."""
    one = await Bench({"BTC": "2"}).begin()
    one.mark(INVERSE, "1000")
    await one.venue.set_margin_mode(INVERSE.id, MarginMode.ISOLATED)
    await one.desk.buy(INVERSE, "100")
    one.mark(INVERSE, "913.7")
    assert not one.of(e.PositionLiquidated)
    one.mark(INVERSE, "913.6")
    (liquidated,) = one.of(e.PositionLiquidated)
    assert liquidated.bankruptcy is not None
    assert liquidated.bankruptcy.quantize(D("0.01")) == D("909.09")
    assert D(1) < await one.balance("BTC") < D("1.1")


# Funding


async def test_funding_is_paid_once_at_its_time_by_the_rate_published_before_it() -> None:
    one = await bench()
    await one.desk.buy(PERP, "2")
    due = START + 8 * HOUR
    one.mark(PERP, "1000", "0.0001", due)
    one.mark(PERP, "1010", "0.0003", due, at=due - SECOND)
    one.mark(PERP, "1020", "0.0009", due + 8 * HOUR, at=due)
    (paid,) = one.of(e.FundingPaid)
    assert (paid.ts, paid.amount, paid.mark, paid.rate) == (due, D("-0.612"), 1020, D("0.0003"))
    one.mark(PERP, "1030", "0.0009", due + 8 * HOUR, at=due + SECOND)
    assert len(one.of(e.FundingPaid)) == 1
    assert await one.balance() == D("999.388")


async def test_a_position_opened_after_the_funding_time_owes_nothing() -> None:
    one = await bench()
    due = START + HOUR
    one.mark(PERP, "1000", "0.01", due)
    one.clock.advance_to(due + SECOND)  # no mark has come yet
    await one.desk.buy(PERP, "1")
    one.mark(PERP, "1000", "0.01", due + HOUR, at=due + 2 * SECOND)
    assert one.of(e.FundingPaid) == []


async def test_shorts_receive_and_isolated_funding_moves_the_liquidation() -> None:
    one = await bench()
    await one.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    await one.desk.sell(PERP, "1")
    one.mark(PERP, "1000", "0.01", START + HOUR)
    one.mark(PERP, "1000", "0.01", START + 2 * HOUR, at=START + HOUR)
    assert [entry.amount for entry in one.of(e.FundingPaid)] == [10]
    assert one.venue._exchange.account.margin.isolated == {PERP.id: D("109.99")}


async def test_funding_is_paid_exactly_once_over_a_restart(tmp_path: Path) -> None:
    path, due = tmp_path / "nova.sqlite", START + HOUR
    first = await bench(ledger=path)
    await first.venue.set_leverage(PERP.id, D(20))
    await first.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    await first.desk.buy(PERP, "1")
    first.mark(PERP, "1000", "0.001", due)
    first.mark(PERP, "1000", "0.001", due, at=due - 2 * SECOND)
    await first.venue.close()

    second = await bench(ledger=path, at=due + HOUR)  # closed over the funding time
    assert [(entry.ts, entry.amount) for entry in second.of(e.FundingPaid)] == [(due, -1)]
    assert second.venue._exchange.account.margin.isolated == {PERP.id: 49}
    await second.venue.close()

    third = await bench(ledger=path, at=due + 2 * HOUR)
    assert third.of(e.FundingPaid) == []
    assert await third.balance() == 999
    entries = await third.venue.entries_since(0)
    assert [type(entry) for entry in entries] == [e.LeverageChanged, e.MarginModeChanged, e.FundingPaid]
    assert third.venue._exchange.account.margin.leverage(PERP) == 20
    await third.venue.close()


def test_a_ledger_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "nova.sqlite"
    old = SqliteLedger(path)
    old._db.execute("DROP TABLE entries")
    old._db.execute("PRAGMA user_version=1")
    old.set_balance("USDT", D(7))
    old.close()
    new = SqliteLedger(path)
    assert new.balances() == {"USDT": 7}
    assert new.entries_since(0) == []
    new.close()


# Spot sold short


async def test_spot_is_sold_short_only_on_a_margin_account() -> None:
    one = await bench()
    refused = await one.desk.sell(SPOT, "1")
    assert "needs 1 BTC" in one.desk.reason(refused)
    await one.venue.set_leverage(SPOT.id, D(2))
    assert one.desk.said(await one.desk.sell(SPOT, "1.9")) == ["accepted", "filled"]
    assert await one.balance("BTC") == D("-1.9")
    assert "margin" in one.desk.reason(await one.desk.sell(SPOT, "0.2"))  # 2.1 × 1,000 at 2× is more than 1,000


async def test_borrowed_coins_cost_interest_by_the_hour() -> None:
    one = await bench()
    await one.venue.set_leverage(SPOT.id, D(2))
    await one.desk.sell(SPOT, "1")
    one.clock.advance_to(START + 3 * HOUR)
    one.market.bought(SPOT, "0.001", "1000")
    charged = one.of(e.InterestCharged)
    assert sum(entry.hours for entry in charged) == 3
    assert await one.balance() == 1000 + D("999.9") - 3 * D("999.95") * D("0.001")
    cover = await one.desk.buy(SPOT, "2", reduce_only=True)  # shrinks to what is owed
    assert one.desk.said(cover) == ["accepted", "amended", "filled"]
    assert await one.balance("BTC") == 0


async def test_a_short_of_spot_is_liquidated_at_its_margin_level() -> None:
    """1 BTC sold at 999.9 with 1,000: 1,999.9 − p = 0.1·p → p = 1,818.09."""
    one = await bench()
    await one.venue.set_leverage(SPOT.id, D(2))
    await one.desk.sell(SPOT, "1")
    one.mark(SPOT, "1818")
    assert not one.of(e.PositionLiquidated)
    one.mark(SPOT, "1818.1")
    assert len(one.of(e.PositionLiquidated)) == 1
    assert await one.balance("BTC") == 0
    assert await one.balance() == D("181.8")


# What always holds


def money_of(one: Bench, opening: Decimal) -> tuple[Decimal, Decimal]:
    """(Σ balances + unrealised, opening + realised − fees + funding − interest + insurance), in USDT at the marks."""
    account = one.venue._exchange.account
    folded = {SPOT.id: Position(instrument=SPOT.id), PERP.id: Position(instrument=PERP.id)}
    expected = opening
    terms = {SPOT.id: SPOT, PERP.id: PERP}
    steps: list[e.Fill | e.VenueEntry] = [r.fill for r in one.desk.reports if isinstance(r, e.OrderFilled)]
    steps += one.entries
    for step in sorted(steps, key=lambda step: step.ts):
        match step:
            case e.Fill():
                folded[step.instrument] = apply_fill(folded[step.instrument], step, terms[step.instrument])
            case e.FundingPaid() | e.InterestCharged() | e.InsuranceCovered():
                expected = add(expected, step.amount)
    held = account.state.balance("USDT")
    for name, instrument in terms.items():
        mark = account.mark(name)
        assert mark is not None
        expected += folded[name].realized - folded[name].fees + folded[name].unrealized(instrument, mark)
        if instrument.is_spot:
            held += account.state.balance("BTC") * mark
        else:
            held += folded[name].unrealized(instrument, mark)
    return held, expected


_moves = st.lists(
    st.tuples(
        st.sampled_from(["buy perp", "sell perp", "buy spot", "sell spot", "mark", "gap"]),
        st.integers(1, 30),
        st.integers(-30, 30),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(isolated=st.booleans(), leverage=st.sampled_from([2, 10, 50]), moves=_moves)
async def test_the_books_always_balance_and_nobody_owes_the_venue(
    isolated: bool, leverage: int, moves: list[tuple[str, int, int]]
) -> None:
    one = await bench("2000")
    await one.venue.set_leverage(PERP.id, D(leverage))
    await one.venue.set_leverage(SPOT.id, D(3))
    if isolated:
        await one.venue.set_margin_mode(PERP.id, MarginMode.ISOLATED)
    price, gapped = D(1000), False
    one.mark(SPOT, "1000")
    for number, (what, size, move) in enumerate(moves):
        now = START + (number + 1) * HOUR // 2
        one.clock.advance_to(now)
        if what in ("mark", "gap"):
            step = D(move) * (D("0.00005") if what == "mark" else D("0.02"))  # within half the maintenance, or far
            gapped = gapped or what == "gap"
            price = (price * (1 + step)).quantize(D("0.1"))
            for instrument in (SPOT, PERP):
                one.market.book(instrument, {str(price - instrument.tick): "1000"}, {str(price): "1000"})
                before, liquidations = await one.balance(), len(one.of(e.PositionLiquidated))
                charged = len(one.of(e.InterestCharged))
                wallet = one.venue._exchange.account.margin.isolated.get(PERP.id, D(0))
                one.mark(instrument, str(price), "0.0004", now - now % (8 * HOUR) + 8 * HOUR)
                closed = [entry.order.instrument for entry in one.of(e.PositionLiquidated)[liquidations:]]
                if isolated and closed == [PERP.id]:
                    interest = sum((entry.amount for entry in one.of(e.InterestCharged)[charged:]), D(0))
                    assert await one.balance() >= before - wallet + interest
        else:
            verb, name = what.split()
            instrument = PERP if name == "perp" else SPOT
            await getattr(one.desk, verb)(instrument, str(D(size) / 10))
        held, expected = money_of(one, D(2000))
        assert held == expected
        assert one.venue._exchange.clearing.standing("USDT").equity >= 0
    if not gapped:
        assert one.of(e.InsuranceCovered) == [], "liquidated too late although the price never gapped"
