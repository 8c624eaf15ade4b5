"""Two years of recorded funding: what a held position pays is what was recorded, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from venue_desk import VenueDesk
from venue_market import HandMarket

from workstation.clock import SimClock
from workstation.domain import events as e
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import MarkPrice
from workstation.domain.order import Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.venues.simulated import SimulatedVenue

D = Decimal
DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "derivs"
MILLISECOND = 1_000_000


def recorded(coin: str) -> list[tuple[int, Decimal, Decimal]]:
    """(funding time in UTC ns, rate, mark price at that time: the open of that hour's mark candle)."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rates = parquet.read_table(DATA / f"binanceusdm_{coin}-USDT-PERP_funding.parquet").to_pylist()
    candles = parquet.read_table(DATA / f"binanceusdm_{coin}-USDT-PERP_1h_mark.parquet").to_pylist()
    opens = {row["timestamp"]: D(str(row["open"])) for row in candles}
    return [(row["timestamp"] * MILLISECOND, D(str(row["funding_rate"])), opens[row["timestamp"]]) for row in rates]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded derivatives are not at {DATA}")
@pytest.mark.parametrize(("coin", "side"), [("BTC", Side.BUY), ("ETH", Side.SELL)])
async def test_one_coin_held_over_two_years_pays_the_recorded_funding(tmp_path: Path, coin: str, side: Side) -> None:
    rows = recorded(coin)
    assert len(rows) == 2_193
    perp = Instrument(
        venue="NOVA",
        symbol=f"{coin}-USDT-PERP",
        base=coin,
        quote="USDT",
        tick=D("0.01"),
        lot=D("0.001"),
        contract=ContractType.LINEAR,
        leverage=D(1),
    )
    first, _, price = rows[0]
    clock = SimClock(first - 60_000 * MILLISECOND)
    venue = SimulatedVenue("NOVA", [perp], clock, {"USDT": D(1_000_000)}, ledger=tmp_path / "nova.sqlite")
    desk, market = VenueDesk(venue, clock), HandMarket(clock, venue.feed)
    core = TradingCore([perp], MarketData([perp]), RiskLimits())
    venue.on_entry = core.apply_entry
    await desk.connect()
    level = str(price.quantize(perp.tick))
    market.book(perp, {level: "5"}, {str(D(level) + perp.tick): "5"})
    await desk.send(perp, side, "1")
    opened = (await venue.balances())["USDT"]

    for due, rate, mark in rows:  # the rate stands before its time; the mark of that time comes with it
        venue.feed(MarkPrice(perp.id, clock.now(), mark, rate, due))
        clock.advance_to(due)
        venue.feed(MarkPrice(perp.id, due, mark))

    expected = sum((rate * mark for _, rate, mark in rows), D(0)) * -side.sign
    entries = await venue.entries_since(0)
    assert all(isinstance(entry, e.FundingPaid) for entry in entries)
    assert [entry.ts for entry in entries] == [due for due, rate, _ in rows if rate]
    assert (await venue.balances())["USDT"] - opened == expected
    assert core.portfolio.funding == {perp.id: expected}
    assert abs(expected) > 1_000 if coin == "BTC" else abs(expected) > 100
    await venue.close()
