"""Two years of recorded funding and marks: what a held position pays is what was recorded, to the last digit, linear
and inverse, cross and isolated; and it is liquidated at the very hour that Binance's formula names."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from venue_desk import VenueDesk
from venue_market import HandMarket

from workstation.clock import SimClock
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.margin import MarginMode, tiers
from workstation.domain.market import MarkPrice
from workstation.domain.numbers import divide
from workstation.domain.order import Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.venues.simulated import SimulatedVenue

D = Decimal
DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "derivs"
MILLISECOND = 1_000_000
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded derivatives are not at {DATA}")

#: Binance's first tiers of BTCUSDT: value up to, maintenance rate, highest leverage.
TIERS = tiers(
    [(D(50_000), D("0.004"), D(125)), (D(500_000), D("0.005"), D(100)), (D(1_000_000), D("0.01"), D(50)),
     (None, D("0.025"), D(20))]
)  # fmt: skip


@cache
def recorded_marks(coin: str) -> list[tuple[int, Decimal]]:
    """(UTC ns, mark price then: the open of that hour's mark candle)."""
    parquet = pytest.importorskip("pyarrow.parquet")
    candles = parquet.read_table(DATA / f"binanceusdm_{coin}-USDT-PERP_1h_mark.parquet").to_pylist()
    return [(row["timestamp"] * MILLISECOND, D(str(row["open"]))) for row in candles]


@cache
def recorded(coin: str) -> list[tuple[int, Decimal, Decimal]]:
    """(funding time in UTC ns, rate, mark price at that time)."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rates = parquet.read_table(DATA / f"binanceusdm_{coin}-USDT-PERP_funding.parquet").to_pylist()
    marks = dict(recorded_marks(coin))
    times = [row["timestamp"] * MILLISECOND for row in rates]
    return [(ts, D(str(row["funding_rate"])), marks[ts]) for ts, row in zip(times, rates, strict=True)]


def perpetual(coin: str, contract: ContractType, leverage: int) -> Instrument:
    inverse = contract is ContractType.INVERSE
    return Instrument(
        venue="NOVA",
        symbol=f"{coin}-USD-PERP" if inverse else f"{coin}-USDT-PERP",
        base=coin,
        quote="USD" if inverse else "USDT",
        tick=D("0.01"),
        lot=D(1) if inverse else D("0.001"),
        multiplier=D(100) if inverse else D(1),
        contract=contract,
        leverage=D(leverage),
        tiers=() if inverse else TIERS,
    )


class Bench:
    """A venue with one perpetual and a desk that books what it hears."""

    def __init__(self, folder: Path, perp: Instrument, money: dict[str, Decimal], start: int) -> None:
        self.perp = perp
        self.clock = SimClock(start)
        self.venue = SimulatedVenue("NOVA", [perp], self.clock, money, ledger=folder / "nova.sqlite")
        self.desk, self.market = VenueDesk(self.venue, self.clock), HandMarket(self.clock, self.venue.feed)
        self.core = TradingCore([perp], MarketData([perp]), RiskLimits())
        self.entries: list[e.VenueEntry] = []
        self.venue.on_entry = self._on_entry

    def _on_entry(self, entry: e.VenueEntry) -> None:
        self.entries.append(entry)
        self.core.apply_entry(entry)
        if isinstance(entry, e.PositionLiquidated):
            self.desk.orders[entry.order.client_id] = entry.order

    async def open(self, side: Side, quantity: str, price: Decimal, mode: MarginMode) -> None:
        await self.desk.connect()
        await self.venue.set_margin_mode(self.perp.id, mode)
        self.entries.clear()
        level = price.quantize(self.perp.tick)
        bid = level if side is Side.SELL else level - self.perp.tick
        self.market.book(self.perp, {str(bid): "5000"}, {str(bid + self.perp.tick): "5000"})
        await self.desk.send(self.perp, side, quantity)

    async def balance(self) -> Decimal:
        return (await self.venue.balances())[self.perp.settlement]


@pytest.mark.parametrize(
    ("coin", "side", "contract", "mode"),
    [
        ("BTC", Side.BUY, ContractType.LINEAR, MarginMode.CROSS),
        pytest.param("ETH", Side.SELL, ContractType.LINEAR, MarginMode.CROSS, marks=pytest.mark.slow),
        pytest.param("ETH", Side.BUY, ContractType.LINEAR, MarginMode.ISOLATED, marks=pytest.mark.slow),
        ("BTC", Side.SELL, ContractType.INVERSE, MarginMode.ISOLATED),
        pytest.param("ETH", Side.BUY, ContractType.INVERSE, MarginMode.CROSS, marks=pytest.mark.slow),
    ],
    ids=str,
)
async def test_what_is_held_over_two_years_pays_the_recorded_funding(
    tmp_path: Path, coin: str, side: Side, contract: ContractType, mode: MarginMode
) -> None:
    rows = recorded(coin)
    assert len(rows) == 2_193
    perp = perpetual(coin, contract, 1)
    first, _, price = rows[0]
    inverse = contract is ContractType.INVERSE
    bench = Bench(
        tmp_path, perp, {perp.settlement: D(1_000) if inverse else D(1_000_000)}, first - 60_000 * MILLISECOND
    )
    quantity = D(300) if inverse else D(1)  # contracts of 100 USD, or coins
    await bench.open(side, str(quantity), price, mode)
    opened = await bench.balance()

    for due, rate, mark in rows:  # the rate stands before its time; the mark of that time comes with it
        bench.venue.feed(MarkPrice(perp.id, bench.clock.now(), mark, rate, due))
        bench.clock.advance_to(due)
        bench.venue.feed(MarkPrice(perp.id, due, mark))

    def value(mark: Decimal) -> Decimal:
        return divide(quantity * 100, mark) if inverse else quantity * mark

    expected = sum((rate * value(mark) for _, rate, mark in rows), D(0)) * -side.sign
    assert all(isinstance(entry, e.FundingPaid) for entry in bench.entries)
    assert [entry.ts for entry in bench.entries] == [due for due, rate, _ in rows if rate]
    assert await bench.balance() - opened == expected
    assert bench.core.portfolio.funding == {perp.id: expected}
    assert abs(expected) > value(rows[-1][2]) / 50  # over two years it was anything but small
    await bench.venue.close()


@pytest.mark.parametrize(
    ("coin", "side", "quantity", "leverage", "hour"),  # opened at this hour of 2023
    [
        ("BTC", Side.SELL, "1", 3, 0),
        ("BTC", Side.SELL, "20", 5, 0),
        ("ETH", Side.SELL, "40", 2, 0),
        ("ETH", Side.BUY, "300", 10, 2_520),
    ],
)
async def test_recorded_marks_liquidate_an_isolated_position_at_the_hour_that_the_formula_names(
    tmp_path: Path, coin: str, side: Side, quantity: str, leverage: int, hour: int
) -> None:
    """LP = (WB + cum − side·q·EP) / (q·(MMR − side)), Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures
    Contracts"; the wallet WB moves with every funding payment."""
    marks, rates = recorded_marks(coin)[hour:], {due: rate for due, rate, _ in recorded(coin)}
    perp, size, sign = perpetual(coin, ContractType.LINEAR, leverage), D(quantity), side.sign
    start, price = marks[0]
    bench = Bench(tmp_path, perp, {"USDT": D(10_000_000)}, start - 60_000 * MILLISECOND)
    await bench.open(side, quantity, price, MarginMode.ISOLATED)
    entry = price.quantize(perp.tick)
    wallet, expected = size * entry / leverage, None
    for ts, mark in marks:
        if (rate := rates.get(ts)) is not None:
            wallet -= sign * size * mark * rate
        rows = (
            (D(50_000), "0.004", 0),
            (D(500_000), "0.005", 50),
            (D(1_000_000), "0.01", 2_550),
            (None, "0.025", 17_550),
        )
        rate_of_tier, cum = next((D(r), c) for limit, r, c in rows if limit is None or size * mark <= limit)
        liquidation = (wallet + cum - sign * size * entry) / (size * (rate_of_tier - sign))
        if (mark - liquidation) * sign <= 0:
            expected = ts, mark
            break
    assert expected is not None
    assert expected[0] > start + 24 * 3_600_000 * MILLISECOND  # it had to be held first

    before = price
    for ts, mark in marks:
        if (rate := rates.get(ts)) is not None:
            bench.venue.feed(MarkPrice(perp.id, bench.clock.now(), before, rate, ts))
        before = mark
        bench.clock.advance_to(ts)
        bench.venue.feed(MarkPrice(perp.id, ts, mark))
        if any(isinstance(one, e.PositionLiquidated) for one in bench.entries):
            break
    (liquidated,) = [one for one in bench.entries if isinstance(one, e.PositionLiquidated)]
    assert (liquidated.ts, liquidated.mark) == expected
    assert await bench.venue.positions() == {}
    assert await bench.balance() >= 10_000_000 - size * entry / leverage - abs(bench.core.portfolio.funding[perp.id])
    await bench.venue.close()
